local M = {}
function M:start()
    self.started = true
end
M:start()
return M
