local M = {}
local hidden = 1
function M.load(id)
    return objects.fnd("conversation", id)
end
M.count, M.other = hidden, lib.plain.one
return M
