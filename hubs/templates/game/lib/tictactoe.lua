-- The rules. State lives in the match's row, so it survives a restart; each function reads it, judges, and writes it back.
local game = {}

local lines = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {1, 4, 7}, {2, 5, 8}, {3, 6, 9}, {1, 5, 9}, {3, 5, 7}}

local function view(match)
  return {board = match.board, turn = match.turn, result = match.result, playerX = match.playerX, playerO = match.playerO}
end

local function refuse(reason)
  return {accept = false, rejectReason = reason}
end

-- What a handler answers: the message counts, and everybody sees the new position, which is not kept as a message.
local function accept(match)
  return {accept = true, serverMessages = {{type = "position", content = view(match), to = "all", persist = false}}}
end

local function outcome(board)
  for _, line in ipairs(lines) do
    local mark = board:sub(line[1], line[1])
    if mark ~= "-" and mark == board:sub(line[2], line[2]) and mark == board:sub(line[3], line[3]) then
      return mark
    end
  end
  return board:find("-", 1, true) and "open" or "draw"
end

function game.state(roomId)
  return view(objects.find("match", roomId))
end

function game.sit(roomId, userId)
  local match = objects.find("match", roomId)
  if match.playerX == userId or match.playerO == userId then
    return refuse("you have a seat already")
  end
  local seat = match.playerX == null and "playerX" or match.playerO == null and "playerO"
  if not seat then
    return refuse("both seats are taken")
  end
  return accept(objects.update("match", roomId, {[seat] = userId}))
end

function game.move(roomId, userId, cell)
  local match = objects.find("match", roomId)
  local board, mark = match.board, match.turn
  if match.result ~= "open" then
    return refuse("the game is over")
  elseif match.playerX == null or match.playerO == null then
    return refuse("a player is missing")
  elseif match["player" .. mark] ~= userId then
    return refuse("it is not your turn")
  elseif cell < 1 or cell > 9 or board:sub(cell, cell) ~= "-" then
    return refuse("the cell must be free, 1 to 9")
  end
  board = board:sub(1, cell - 1) .. mark .. board:sub(cell + 1)
  return accept(objects.update("match", roomId, {board = board, turn = mark == "X" and "O" or "X", result = outcome(board)}))
end

return game
