-- Commands that put a notification into the queue, and the job that delivers it. A notification has the id of its job.
local notify = {}

local MAX_BODY, MAX_REMINDERS, YEAR = 2000, 50, 31536000
local ASKED, ASK_MS = 3, 15000 -- how many clients of a user are asked, one after the other, and for how long each; within the job's timeoutMs

function notify.require_staff(session)
  local roles = session.roleId
  for _, role in ipairs(type(roles) == "table" and roles or {roles}) do
    if role == "staff" then return end
  end
  error{code = "staff_only", message = "Only staff may send to others"}
end

-- The key is the sender's own: nobody can take the id of what another one is about to send.
function notify.send(userId, payload)
  if payload.body and utf8.len(payload.body) > MAX_BODY then
    error{code = "too_long", message = "A body has at most " .. MAX_BODY .. " characters"}
  end
  local id = payload.key and userId .. ":" .. payload.key or uuid()
  queues.add("deliver", {
    userId = payload.to, title = payload.title, body = payload.body, question = payload.question, sentBy = userId, at = time.iso(),
  }, {id = id})
  return {id = id}
end

-- The job comes first: if there was no row for it, it would make one.
function notify.remind(userId, payload)
  if payload.inSeconds < 1 or payload.inSeconds > YEAR then
    error{code = "bad_time", message = "A reminder is for a time within a year"}
  end
  if #objects.list("notification", {userId = userId, state = "scheduled"}, {limit = MAX_REMINDERS}) == MAX_REMINDERS then
    error{code = "too_many_reminders", message = "There are " .. MAX_REMINDERS .. " reminders already"}
  end
  local id, delayMs = uuid(), payload.inSeconds * 1000
  local data = {userId = userId, title = payload.title, sentBy = userId, at = time.iso(time.now() + delayMs)}
  queues.add("deliver", data, {id = id, delayMs = delayMs})
  objects.create("notification", {id = id, userId = userId, title = data.title, sentBy = userId, at = data.at, state = "scheduled"})
  return {id = id}
end

-- What is another's is as if it was not there.
local function own(userId, id)
  local row = objects.find("notification", id)
  if not row or row.userId ~= userId then
    error{code = "no_notification", message = "You have no such notification"}
  end
  return row
end

function notify.read(userId, id)
  if own(userId, id).state == "unread" then objects.update("notification", id, {state = "read"}) end
end

function notify.dismiss(userId, id)
  own(userId, id)
  queues.cancel(id)
  objects.delete("notification", id)
end

-- The row of a job, also when the job is carried out again.
local function put(job)
  local row = objects.find("notification", job.id)
  if not row then
    row = {id = job.id, state = "unread"}
    for name, value in pairs(job.data) do row[name] = value end
    return objects.create("notification", row)
  elseif row.state == "scheduled" then
    return objects.update("notification", job.id, {state = "unread"})
  end
  return row
end

-- "accepted" or "declined", by the first client that answers, the newest first; nil when none does.
local function ask(row)
  local items = clients.list({userId = row.userId}).items
  local question = {id = row.id, title = row.title, body = row.body ~= null and row.body or nil}
  for i = #items, math.max(1, #items - ASKED + 1), -1 do
    local ok, answer = pcall(clients.invoke, items[i].clientId, "confirm", question, ASK_MS, {namespace = "/notify"})
    if ok then return answer.yes and "accepted" or "declined" end
  end
end

function notify.deliver(job)
  local row = put(job)
  if not row.question or row.state ~= "unread" then return {state = row.state} end
  local answer = ask(row)
  if not answer then error("no client of " .. row.userId .. " has answered") end
  objects.update("notification", row.id, {state = answer})
  return {state = answer}
end

return notify
