-- What happens to a lot. Everything is in its row; handlers and ticks of one room never run at the same time, so reading, judging and
-- writing back needs no lock.
local auction = {}

-- Money is compared in whole cents: 0.1 + 0.2 is not 0.3.
local function cents(amount)
  return math.floor(amount * 100 + 0.5)
end

local function lowest_bid(lot)
  if lot.price == null then
    return cents(lot.startPrice)
  end
  return cents(lot.price) + cents(lot.increment)
end

local function open(lot)
  return objects.update("lot", lot.id, {status = "open", endsAt = time.now() + lot.durationSeconds * 1000})
end

-- What somebody who joins needs to know.
function auction.state(roomId)
  local lot = objects.find("lot", roomId)
  return {
    title = lot.title, status = lot.status, currency = lot.currency, price = lot.price, leaderId = lot.leaderId, bidCount = lot.bidCount,
    lowestBid = lowest_bid(lot) / 100, endsAt = lot.endsAt, now = time.now(),
  }
end

local function fault(lot, userId, content, now)
  local amount = cents(content.amount)
  if lot.status ~= "open" or now >= lot.endsAt then
    return "the lot is not open for bids"
  elseif userId == lot.sellerId then
    return "the seller does not bid"
  elseif userId == lot.leaderId then
    return "the highest bid is yours already"
  elseif content.currency ~= lot.currency then
    return "bids are in " .. lot.currency
  elseif math.abs(amount / 100 - content.amount) > 1e-6 then
    return "an amount has at most two decimals"
  elseif amount < lowest_bid(lot) then
    return string.format("the lowest bid is %.2f %s", lowest_bid(lot) / 100, lot.currency)
  end
end

function auction.bid(roomId, userId, content)
  local lot, now = objects.find("lot", roomId), time.now()
  if lot.status == "waiting" then
    lot = open(lot)
  end
  local reason = fault(lot, userId, content, now)
  if reason then
    return {accept = false, rejectReason = reason}
  end
  local changes = {price = cents(content.amount) / 100, leaderId = userId, bidCount = lot.bidCount + 1}
  local messages = json.array()
  local window = lot.extensionSeconds * 1000
  if lot.endsAt - now < window then -- too late for others to answer: give them the time
    changes.endsAt = now + window
    messages[1] = {type = "extended", content = {endsAt = changes.endsAt}, to = "all"}
  end
  objects.update("lot", roomId, changes)
  return {accept = true, serverMessages = messages}
end

-- The result is announced before the row says so, and only if it was not: a crash in between neither loses nor repeats it.
local function close(lot)
  local status, result = "unsold", {}
  if lot.leaderId ~= null then
    status, result = "sold", {buyerId = lot.leaderId, price = lot.price, currency = lot.currency}
  end
  if #objects.list("auctionMessage", {roomId = lot.id, messageType = status}, {limit = 1}) == 0 then
    hub.send(lot.id, status, result)
  end
  objects.update("lot", lot.id, {status = status})
end

-- Once a second. ROOM is the record as the engine knows it: enough to see that a lot is over without asking the database.
function auction.tick(room)
  if room.status ~= "waiting" and room.status ~= "open" then
    return {}
  end
  local lot, now = objects.find("lot", room.id), time.now()
  if lot.status == "waiting" then
    lot = open(lot)
  elseif lot.status ~= "open" then
    return {}
  end
  if now >= lot.endsAt then
    close(lot)
    return {}
  end
  local content = {remainingMs = lot.endsAt - now, endsAt = lot.endsAt}
  if lot.leaderId ~= null then
    content.price, content.leaderId = lot.price, lot.leaderId
  end
  return {serverMessages = {{type = "countdown", content = content, to = "all", persist = false}}}
end

return auction
