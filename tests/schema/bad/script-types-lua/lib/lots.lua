local M = {}
function M.tick(room)
  local lot = objects.find("lot", room.id)
  if lot.status == "opened" then
    objects.update("lot", room.id, {status = "solid", bids = "none"})
  end
  objects.create("lot", {titel = "x"})
  return objects.list("lot", {status = {"open", "waitin"}}, {orderBy = "-edsAt", limit = 3})
end
return M
