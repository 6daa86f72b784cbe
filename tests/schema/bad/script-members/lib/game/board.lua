local M = {}
M.move = function(room)
    return room.whatever
end
return M
