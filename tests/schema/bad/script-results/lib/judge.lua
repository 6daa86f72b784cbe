local M = {}
function M.move(message)
  if message.content.x then
    return {accept = false, rejectReasn = "no"}
  end
  return {accept = true, broadcastTo = "everyone", serverMessages = {{type = "scor", content = {}}}}
end
return M
