local M = {}
local function fill(t)
    t.on = print
end
fill(M)
return M
