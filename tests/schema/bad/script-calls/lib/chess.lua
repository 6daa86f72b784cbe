local M = {}
local function legal(game, move)
  return game.title ~= move.to
end
function M.move(roomId, session, message)
  return {accept = legal(message, session), rejectReason = roomId .. ""}
end
function M.state(roomId, full)
  full = full or false
  return {id = roomId, full = full}
end
M.log = function(...) log.info(...) end
M.check = legal
return M
