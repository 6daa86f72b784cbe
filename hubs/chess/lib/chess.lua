-- A game of chess between two players: whose turn it is, the clocks, offers of a draw, and the end. The rules are in rules.lua; everything that
-- has to outlive a restart is in the game's row. Handlers and ticks of one room never run at the same time.
local rules = require("rules")

local chess = {}

local PLAYER = {w = "whitePlayerId", b = "blackPlayerId"}
local CLOCK = {w = "whiteMs", b = "blackMs"}
local RESULT = {w = "white", b = "black"}
local OTHER = {w = "b", b = "w"}

local function refuse(reason)
  return {accept = false, rejectReason = reason}
end

local function load(roomId)
  local game = objects.find("chessGame", roomId)
  local position = rules.parse(game.fen)
  if not position then
    error("the fen of game " .. roomId .. " is no position")
  end
  return game, position
end

local function side_of(game, userId)
  return game.whitePlayerId == userId and "w" or "b"
end

-- Milliseconds left to the side to move. Its clock runs since turnStartedAt; before White's first move none does.
local function remaining(game, turn, now)
  local left = game[CLOCK[turn]]
  return game.turnStartedAt == null and left or left - (now - game.turnStartedAt)
end

-- Names of positions, short enough to keep a hundred in the row.
local function fingerprint(key)
  return crypto.sha256(key):sub(1, 16)
end

-- Writes the end into CHANGES and returns the message that says so. WINNER is a side, or nil for a draw.
local function finish(changes, winner, reason)
  changes.status, changes.result, changes.reason = "finished", winner and RESULT[winner] or "draw", reason
  changes.turnStartedAt, changes.drawOfferedBy = null, null
  return {type = "gameOver", content = {result = changes.result, reason = reason}, to = "all"}
end

-- The flag of the side to move has fallen. Who has nothing but a king cannot win by it.
local function fall(game, position)
  local winner = OTHER[position.turn]
  local changes = {[CLOCK[position.turn]] = 0}
  local message = finish(changes, not rules.bare(position, winner) and winner or nil, "timeout")
  objects.update("chessGame", game.id, changes)
  return message
end

-- What somebody who joins, or asks, needs to know.
function chess.state(roomId)
  local game, position = load(roomId)
  local clocks = {w = game.whiteMs, b = game.blackMs}
  clocks[position.turn] = math.max(0, remaining(game, position.turn, time.now()))
  return {
    fen = game.fen, turn = RESULT[position.turn], check = rules.check(position), clocks = {white = clocks.w, black = clocks.b},
    running = game.turnStartedAt ~= null, white = game.whitePlayerId, black = game.blackPlayerId, drawOfferedBy = game.drawOfferedBy,
    status = game.status, result = game.result, reason = game.reason,
  }
end

-- Plays MOVE: changes POSITION and CHANGES; returns what it is called, and why the game is over, if it is.
local function play(game, position, moves, move, changes)
  local san = rules.san(position, moves, move)
  local keys = game.positions ~= null and game.positions or {fingerprint(rules.key(position, moves))}
  rules.make(position, move)
  local replies = rules.moves(position)
  keys = position.half == 0 and json.array() or keys -- nothing before a capture or a pawn's move can come again
  keys[#keys + 1] = fingerprint(rules.key(position, replies))
  local reason = rules.outcome(position, replies, keys)
  local sign = reason == "checkmate" and "#" or rules.check(position) and "+" or ""
  changes.fen, changes.positions, changes.status = rules.fen(position, replies), keys, "playing"
  return san .. sign, reason
end

function chess.move(roomId, userId, content)
  local now = time.now()
  local game, position = load(roomId)
  local side = position.turn
  if game.status == "finished" then
    return refuse("the game is over")
  elseif game[PLAYER[side]] ~= userId then
    return refuse("it is not your turn")
  end
  local left = remaining(game, side, now)
  if left <= 0 then
    return {accept = false, rejectReason = "your time is over", serverMessages = {fall(game, position)}}
  end
  local moves = rules.moves(position)
  local move = rules.find(moves, rules.square(content.from), rules.square(content.to), content.promotion)
  if not move then
    return refuse("that is no legal move")
  end

  local changes = {turnStartedAt = now, [CLOCK[side]] = left + (game.turnStartedAt ~= null and game.incrementMs or 0)}
  if game.drawOfferedBy ~= RESULT[side] then
    changes.drawOfferedBy = null -- moving declines the other side's offer
  end
  local san, reason = play(game, position, moves, move, changes)
  local messages = json.array()
  if reason then
    messages[1] = finish(changes, reason == "checkmate" and side or nil, reason)
  end
  game = objects.update("chessGame", roomId, changes)
  local board = {fen = game.fen, clocks = {white = game.whiteMs, black = game.blackMs}, check = rules.check(position)}
  table.insert(messages, 1, {type = "position", content = board, to = "all", persist = false})
  local said = {from = content.from, to = content.to, promotion = move.promotion, san = san}
  return {accept = true, modifiedContent = said, serverMessages = messages}
end

function chess.offer_draw(roomId, userId)
  local game = objects.find("chessGame", roomId)
  local me = RESULT[side_of(game, userId)]
  if game.status ~= "playing" then
    return refuse("there is no game under way")
  elseif game.drawOfferedBy == me then
    return refuse("your offer stands already")
  elseif game.drawOfferedBy ~= null then
    return refuse("the other side offers a draw: accept or decline")
  end
  objects.update("chessGame", roomId, {drawOfferedBy = me})
  return {accept = true, modifiedContent = {}}
end

function chess.answer_draw(roomId, userId, accepted)
  local game = objects.find("chessGame", roomId)
  if game.drawOfferedBy ~= RESULT[OTHER[side_of(game, userId)]] then
    return refuse("no draw is offered to you")
  end
  local changes, messages = {drawOfferedBy = null}, json.array()
  if accepted then
    messages[1] = finish(changes, nil, "agreement")
  end
  objects.update("chessGame", roomId, changes)
  return {accept = true, modifiedContent = {}, serverMessages = messages}
end

function chess.resign(roomId, userId)
  local game = objects.find("chessGame", roomId)
  if game.status == "finished" then
    return refuse("the game is over")
  end
  local changes = {}
  local message = finish(changes, OTHER[side_of(game, userId)], "resignation")
  objects.update("chessGame", roomId, changes)
  return {accept = true, modifiedContent = {}, serverMessages = {message}}
end

-- The flag. ROOM is the record as the engine knows it, enough to see that there is time left; only then the row itself is asked.
function chess.tick(room)
  if room.status ~= "playing" or remaining(room, room.fen:match(" (%a) "), time.now()) > 0 then
    return {}
  end
  local game, position = load(room.id)
  if game.status ~= "playing" or remaining(game, position.turn, time.now()) > 0 then
    return {}
  end
  return {serverMessages = {fall(game, position)}}
end

return chess
