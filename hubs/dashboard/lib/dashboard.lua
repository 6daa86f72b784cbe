-- What the dashboard says on its own: a sample every second, and an alert when too much goes wrong.
local dashboard = {}

local RAISE, CLEAR = 0.05, 0.02 -- error rates; apart, so that a rate between them does not raise an alert at every tick

local function alert(room, raised)
  redis.set("alert:" .. room.id, raised and "1" or "0")
  return {type = "alert", content = {raised = raised, errorRate = room.errorRate}, to = "all"}
end

-- ROOM is the record as the engine knows it, which bridged changes keep up to date: nothing is read from the database here.
function dashboard.sample(room)
  hub.broadcast(room.id, "sample", {
    requestsPerSecond = room.requestsPerSecond, errorRate = room.errorRate, p95Ms = room.p95Ms, viewers = hub.memberCount(room.id),
    at = time.iso(),
  })
  local raised = redis.get("alert:" .. room.id) == "1"
  if not raised and room.errorRate >= RAISE or raised and room.errorRate < CLEAR then
    return {serverMessages = {alert(room, not raised)}}
  end
  return {}
end

return dashboard
