local M = {}
function M.go(id)
  local chess = require("chess")
  return chess.move(id, nil, {})
end
return M
