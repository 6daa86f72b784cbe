-- Where the numbers come from when nobody sends them, and what becomes of an order.
local ticker = {}

-- A record of the topic "orders" goes to the channel of its region, and to no room. Records of others may be anything: what is no order is logged
-- and passed over.
function ticker.take_order(order)
  if type(order.region) ~= "string" or not order.region:find("^[%w%-]+$") or #order.region > 64 then
    log.warn("an order names no region")
    return null
  end
  local ok, fault = pcall(channels.publish, "orders:" .. order.region, {item = order.item, count = order.count})
  if not ok then log.warn("an order was not published", {region = order.region, fault = tostring(fault)}) end
  return null
end

-- The price that was told last, from the channel itself: the demo goes on where it was, also after a restart with Redis.
local function last_price(channel)
  local last = channels.history(channel, {limit = 1}).items[1]
  return last and type(last.data) == "table" and tonumber(last.data.price) or 100
end

-- Once a second, for a wall that somebody watches.
function ticker.demo(wall)
  if not wall.isDemo then return end
  for _, symbol in ipairs(wall.symbols) do
    local channel = "price:" .. symbol
    local price = math.max(1, last_price(channel) + math.random(-100, 100) / 100)
    channels.publish(channel, {price = math.floor(price * 100 + 0.5) / 100})
  end
  if math.random(3) == 1 then
    kafka.publish("orders", {region = "north", item = "Tea", count = math.random(1, 9)}) -- the same way as those of others
  end
end

return ticker
