local M = {}
local message = "too late"
local function wrap(f) return function(...) return f(..., 1) end end
function M.fix(x) x.extraX = 5 end
function M.maybe(x)
  if x ~= 2 then return false end
  return {accept = true}
end
function M.late(s) return {accept = false, rejectReason = message} end
function M.free(id) return false end
function M.freed(s) return {freed = true} end
function M.branch(a, b)
  if a > 1 then return b.x end
  return a > 0
end
function M.guarded(a, b) return a > 1 and b.x > 2 end
function M.same(a, b)
  local function inner(b) return b.x end
  return inner({x = a, y = b})
end
function M.caught(a, b) return pcall(function() return b.x end) end
function M.early(a, b)
  if a then return a end
  return b.x
end
function M.own(a, b)
  local b = {x = a}
  return b.x
end
function M.wrapped(a, b) return b.x + a end
M.wrapped = wrap(M.wrapped)
local function kept(a, b) return b.x + a end
kept = wrap(kept)
M.kept = kept
function M.lower(x) return "Lobby" end
return M
