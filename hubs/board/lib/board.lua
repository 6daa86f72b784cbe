-- Who may read and change the notes of a board, and what a note is. The guards of the record call this; it only looks.
local board = {}

local MAX_NOTES, MAX_TEXT, WIDTH, HEIGHT = 200, 500, 1600, 900
local COLOURS = {yellow = true, green = true, blue = true, pink = true}
local MEMBERS = {text = true, x = true, y = true, colour = true, by = true}

local function seat(boardId, userId, role)
  return #objects.list("seat", {boardId = boardId, userId = userId, role = role}, {limit = 1}) > 0
end

function board.may_read(boardId, userId)
  local row = objects.find("board", boardId)
  return row ~= nil and (row.isPublic == true or seat(boardId, userId))
end

local function is_within(n, max)
  return math.type(n) == "integer" and n >= 0 and n <= max
end

local function is_note(id, note)
  if #id > 64 or not id:find("^[%w%-]+$") or type(note) ~= "table" then return false end
  for member in pairs(note) do
    if not MEMBERS[member] then return false end
  end
  return type(note.text) == "string" and utf8.len(note.text) <= MAX_TEXT and is_within(note.x, WIDTH) and is_within(note.y, HEIGHT)
    and COLOURS[note.colour] == true
end

-- A note says who made it: a new one names its writer, and nobody changes that of another.
local function is_signed(note, before, userId)
  return note.by == (before and before.by or userId)
end

-- VALUE is what the record becomes (null: it would be deleted), WAS what it is (null: there is none).
function board.may_write(boardId, userId, value, was)
  if value == null or not seat(boardId, userId, "editor") then return false end
  local before, count = was ~= null and was.notes or {}, 0
  for id, note in pairs(value.notes) do
    count = count + 1
    if type(id) ~= "string" or not is_note(id, note) or not is_signed(note, before[id], userId) then return false end
  end
  return count <= MAX_NOTES
end

return board
