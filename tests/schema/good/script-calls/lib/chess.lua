local M = {}
local function legal(game, move, how)
  if how and how.strict then return false end
  move = move or {}
  return game.title ~= move.to
end
function M.move(roomId, session, message, options)
  options = options or {}
  return {accept = legal(message, session), rejectReason = roomId .. "", strict = options.strict}
end
function M.any(...) return select("#", ...) end
function M:method(a) return self, a end
M.check = legal
M.twice = function(a) return a end
M.twice = function(a, b) return b.x end
return M
