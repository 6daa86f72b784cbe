-- Dice for the chat: the server rolls, so nobody can roll a six at home.
local dice = {}

local sides = {d4 = 4, d6 = 6, d8 = 8, d12 = 12, d20 = 20}

-- Answers a diceRoll message: what a messageHandler may return is in the specification under HubMessageHandler.
function dice.roll(message)
  local content = message.content
  if content.count < 1 or content.count > 10 then
    return {accept = false, rejectReason = "count must be between 1 and 10"}
  end
  local results = {}
  for i = 1, content.count do
    results[i] = math.random(sides[content.sides])
  end
  content.results = results
  return {accept = true, modifiedContent = content, broadcastTo = content.open and "all" or "sender"}
end

return dice
