local M = {}
function M.move(room)
    return room.whatever
end
return M
