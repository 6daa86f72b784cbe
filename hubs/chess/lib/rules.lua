-- The rules of chess for one position: reading and writing it, the legal moves, and what ends a game. No state, no engine: only tables.
--
-- A position is {board, turn, castling, ep, half, full, king}. Squares are numbers in a board of 16 columns whose right half does not exist:
-- a1 is 0, h1 is 7, a2 is 16, h8 is 119. A step over the edge lands on a square that the board does not have (nil); "." is an empty one.
-- Pieces are letters as in FEN: white "PNBRQK", black "pnbrqk".
local rules = {}

rules.START = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"

local NORTH, SOUTH = 16, -16
local STRAIGHT = {16, 1, -16, -1}
local DIAGONAL = {17, 15, -17, -15}
local STEPS = {
  n = {33, 31, 18, 14, -33, -31, -18, -14}, b = DIAGONAL, r = STRAIGHT,
  q = {16, 1, -16, -1, 17, 15, -17, -15}, k = {16, 1, -16, -1, 17, 15, -17, -15},
}
local SLIDES = {b = true, r = true, q = true}
local PROMOTIONS = {"q", "r", "b", "n"}
local OTHER = {w = "b", b = "w"}

-- The letters of each side, by kind; and back.
local LETTER = {w = {p = "P", n = "N", b = "B", r = "R", q = "Q", k = "K"}, b = {p = "p", n = "n", b = "b", r = "r", q = "q", k = "k"}}
local KIND, SIDE = {}, {}
for side, letters in pairs(LETTER) do
  for kind, letter in pairs(letters) do
    KIND[letter], SIDE[letter] = kind, side
  end
end

-- Where pawns of a side go, start, and promote.
local PAWN = {
  w = {ahead = NORTH, captures = {NORTH - 1, NORTH + 1}, first = 1, last = 7},
  b = {ahead = SOUTH, captures = {SOUTH - 1, SOUTH + 1}, first = 6, last = 0},
}

-- The four castlings: the right, the king's way, the squares that must be empty, where the rook is and goes.
local CASTLINGS = {
  w = {{right = "K", from = 4, over = 5, to = 6, empty = {5, 6}, rook = 7}, {right = "Q", from = 4, over = 3, to = 2, empty = {1, 2, 3}, rook = 0}},
  b = {{right = "k", from = 116, over = 117, to = 118, empty = {117, 118}, rook = 119},
    {right = "q", from = 116, over = 115, to = 114, empty = {113, 114, 115}, rook = 112}},
}
-- A move from or to these squares ends the rights.
local ENDS = {[0] = "Q", [7] = "K", [4] = "KQ", [112] = "q", [119] = "k", [116] = "kq"}

local function row(square) return square >> 4 end

function rules.square(name)
  local file, rank = name:byte(1, 2)
  if #name ~= 2 or file < 97 or file > 104 or rank < 49 or rank > 56 then
    return nil
  end
  return (rank - 49) * 16 + file - 97
end

function rules.name(square)
  return string.char(97 + (square & 7), 49 + row(square))
end

-- ---- positions as text (FEN) ----

local function parse_board(text, p)
  local at = 112
  for i = 1, #text do
    local letter = text:sub(i, i)
    if letter == "/" then
      at = at - 24
    elseif letter >= "1" and letter <= "8" then
      at = at + tonumber(letter)
    elseif KIND[letter] and p.board[at] then
      p.board[at] = letter
      if KIND[letter] == "k" then p.king[SIDE[letter]] = at end
      at = at + 1
    else
      return false
    end
  end
  return at == 8 and p.king.w and p.king.b
end

-- A position from FEN, or nil when the text is none.
function rules.parse(fen)
  local fields = {}
  for field in fen:gmatch("%S+") do fields[#fields + 1] = field end
  local p = {board = {}, king = {}, turn = fields[2], castling = fields[3], half = tonumber(fields[5] or 0), full = tonumber(fields[6] or 1)}
  for square = 0, 119 do
    if square & 0x88 == 0 then p.board[square] = "." end
  end
  if #fields < 4 or not OTHER[p.turn] or not parse_board(fields[1], p) then
    return nil
  end
  p.castling = p.castling:gsub("-", "")
  p.ep = rules.square(fields[4])
  return p
end

local function board_text(p)
  local ranks = {}
  for rank = 7, 0, -1 do
    local text, gap = "", 0
    for square = rank * 16, rank * 16 + 7 do
      local piece = p.board[square]
      if piece == "." then
        gap = gap + 1
      else
        text, gap = text .. (gap > 0 and gap or "") .. piece, 0
      end
    end
    ranks[#ranks + 1] = text .. (gap > 0 and gap or "")
  end
  return table.concat(ranks, "/")
end

-- What makes two positions the same for the rule of repetition: pieces, turn, castling rights, and an en passant square only if somebody
-- may capture there.
function rules.key(p, moves)
  local ep = "-"
  for _, move in ipairs(p.ep and (moves or rules.moves(p)) or {}) do
    if move.passed then ep = rules.name(p.ep) end
  end
  return string.format("%s %s %s %s", board_text(p), p.turn, p.castling == "" and "-" or p.castling, ep)
end

function rules.fen(p, moves)
  return string.format("%s %d %d", rules.key(p, moves), p.half, p.full)
end

-- ---- attacks ----

-- Whether a piece of BY could capture on SQUARE.
local function attacked(p, square, by)
  local board, own = p.board, LETTER[by]
  for _, step in ipairs(PAWN[by].captures) do
    if board[square - step] == own.p then return true end
  end
  for _, step in ipairs(STEPS.n) do
    if board[square + step] == own.n then return true end
  end
  for i, step in ipairs(STEPS.q) do
    local slider, at = i <= 4 and own.r or own.b, square + step
    if board[at] == own.k then return true end
    while board[at] == "." do at = at + step end
    local piece = board[at]
    if piece == slider or piece == own.q then return true end
  end
  return false
end

function rules.check(p)
  return attacked(p, p.king[p.turn], OTHER[p.turn])
end

-- ---- making a move, and taking it back ----

-- A move is {from, to} and, where it applies: promotion (a kind), passed (the square of a pawn captured en passant), double (the square it
-- jumped over), castling (one of CASTLINGS). Returns what takes it back.
function rules.make(p, move)
  local board, side = p.board, p.turn
  local from, to, piece = move.from, move.to, p.board[move.from]
  local undo = {piece = piece, captured = board[move.passed or to], castling = p.castling, ep = p.ep, half = p.half}
  if move.passed then board[move.passed] = "." end
  board[from] = "."
  board[to] = move.promotion and LETTER[side][move.promotion] or piece
  if KIND[piece] == "k" then p.king[side] = to end
  if move.castling then
    board[move.castling.rook], board[move.castling.over] = ".", LETTER[side].r
  end
  if p.castling ~= "" and (ENDS[from] or ENDS[to]) then
    p.castling = p.castling:gsub("[" .. (ENDS[from] or "") .. (ENDS[to] or "") .. "]", "")
  end
  p.ep = move.double
  p.half = (KIND[piece] == "p" or undo.captured ~= ".") and 0 or p.half + 1
  if side == "b" then p.full = p.full + 1 end
  p.turn = OTHER[side]
  return undo
end

function rules.unmake(p, move, undo)
  local board, side = p.board, OTHER[p.turn]
  p.turn, p.castling, p.ep, p.half = side, undo.castling, undo.ep, undo.half
  if side == "b" then p.full = p.full - 1 end
  board[move.to] = "."
  board[move.passed or move.to] = undo.captured
  board[move.from] = undo.piece
  if KIND[undo.piece] == "k" then p.king[side] = move.from end
  if move.castling then
    board[move.castling.rook], board[move.castling.over] = LETTER[side].r, "."
  end
end

-- ---- moves ----

local function add_pawn_move(list, pawn, move)
  if row(move.to) ~= pawn.last then
    list[#list + 1] = move
    return
  end
  for _, kind in ipairs(PROMOTIONS) do
    list[#list + 1] = {from = move.from, to = move.to, promotion = kind}
  end
end

local function add_pawn_moves(list, p, from)
  local board, pawn, enemy = p.board, PAWN[p.turn], OTHER[p.turn]
  local to = from + pawn.ahead
  if board[to] == "." then
    add_pawn_move(list, pawn, {from = from, to = to})
    if row(from) == pawn.first and board[to + pawn.ahead] == "." then
      list[#list + 1] = {from = from, to = to + pawn.ahead, double = to}
    end
  end
  for _, step in ipairs(pawn.captures) do
    to = from + step
    if SIDE[board[to]] == enemy then
      add_pawn_move(list, pawn, {from = from, to = to})
    elseif to == p.ep and board[to] == "." and board[to - pawn.ahead] == LETTER[enemy].p then
      list[#list + 1] = {from = from, to = to, passed = to - pawn.ahead}
    end
  end
end

local function add_piece_moves(list, p, from, kind)
  local board, side = p.board, p.turn
  for _, step in ipairs(STEPS[kind]) do
    local to = from + step
    while board[to] == "." and SLIDES[kind] do
      list[#list + 1] = {from = from, to = to}
      to = to + step
    end
    if board[to] and SIDE[board[to]] ~= side then
      list[#list + 1] = {from = from, to = to}
    end
  end
end

-- King and rook have not moved (the right), nothing stands between, and the king neither stands in nor passes through check. That it does not
-- end in check is looked at for every move.
local function add_castlings(list, p)
  local enemy = OTHER[p.turn]
  for _, c in ipairs(CASTLINGS[p.turn]) do
    local possible = p.castling:find(c.right, 1, true) and p.king[p.turn] == c.from and p.board[c.rook] == LETTER[p.turn].r
    for _, square in ipairs(c.empty) do
      possible = possible and p.board[square] == "."
    end
    if possible and not attacked(p, c.from, enemy) and not attacked(p, c.over, enemy) then
      list[#list + 1] = {from = c.from, to = c.to, castling = c}
    end
  end
end

-- Moves as the pieces go, without looking whether the own king is left in check.
local function candidates(p)
  local list = {}
  for square = 0, 119 do
    local piece = p.board[square]
    if piece and SIDE[piece] == p.turn then
      local kind = KIND[piece]
      if kind == "p" then
        add_pawn_moves(list, p, square)
      else
        add_piece_moves(list, p, square, kind)
      end
    end
  end
  add_castlings(list, p)
  return list
end

-- All legal moves.
function rules.moves(p)
  local list, side = {}, p.turn
  for _, move in ipairs(candidates(p)) do
    local undo = rules.make(p, move)
    if not attacked(p, p.king[side], p.turn) then list[#list + 1] = move end
    rules.unmake(p, move, undo)
  end
  return list
end

-- The legal move between two squares, or nil. PROMOTION only says which piece: without one a pawn becomes a queen.
function rules.find(moves, from, to, promotion)
  for _, move in ipairs(moves) do
    if move.from == from and move.to == to and (not move.promotion or move.promotion == (promotion or "q")) then
      return move
    end
  end
end

-- The move as it is written on a score sheet (Nbd2, exd6, O-O, e8=Q), without the sign for check. MOVES are the legal ones.
function rules.san(p, moves, move)
  if move.castling then
    return move.to > move.from and "O-O" or "O-O-O"
  end
  local piece, target = p.board[move.from], rules.name(move.to)
  local takes = (move.passed or p.board[move.to] ~= ".") and "x" or ""
  local name = rules.name(move.from)
  if KIND[piece] == "p" then
    return (takes ~= "" and name:sub(1, 1) .. takes or "") .. target .. (move.promotion and "=" .. move.promotion:upper() or "")
  end
  local others, same_file, same_rank = false, false, false
  for _, m in ipairs(moves) do
    if m.to == move.to and m.from ~= move.from and p.board[m.from] == piece then
      others = true
      same_file = same_file or m.from & 7 == move.from & 7
      same_rank = same_rank or row(m.from) == row(move.from)
    end
  end
  local which = not others and "" or not same_file and name:sub(1, 1) or not same_rank and name:sub(2, 2) or name
  return piece:upper() .. which .. takes .. target
end

-- The number of positions after DEPTH moves: the usual way to compare two move generators.
function rules.perft(p, depth)
  local moves = rules.moves(p)
  if depth <= 1 then
    return depth == 1 and #moves or 1
  end
  local n = 0
  for _, move in ipairs(moves) do
    local undo = rules.make(p, move)
    n = n + rules.perft(p, depth - 1)
    rules.unmake(p, move, undo)
  end
  return n
end

-- ---- the end of a game ----

-- Neither side could ever mate: kings alone, with one knight, or with bishops that all go on squares of one colour.
function rules.insufficient(p)
  local knights, colours, bishops = 0, {}, 0
  for square, piece in pairs(p.board) do
    local kind = KIND[piece]
    if kind == "p" or kind == "r" or kind == "q" then
      return false
    elseif kind == "n" then
      knights = knights + 1
    elseif kind == "b" then
      bishops = bishops + 1
      colours[(square + row(square)) & 1] = true
    end
  end
  return knights == 0 and not (colours[0] and colours[1]) or knights == 1 and bishops == 0
end

-- Whether SIDE has nothing but its king.
function rules.bare(p, side)
  for _, piece in pairs(p.board) do
    if SIDE[piece] == side and KIND[piece] ~= "k" then return false end
  end
  return true
end

-- Why the game is over, or nil. KEYS are the positions since the last capture or pawn move, this one included.
function rules.outcome(p, moves, keys)
  if #moves == 0 then
    return rules.check(p) and "checkmate" or "stalemate"
  elseif rules.insufficient(p) then
    return "insufficientMaterial"
  elseif p.half >= 100 then
    return "fiftyMoves"
  end
  local times = 0
  for _, key in ipairs(keys) do
    if key == keys[#keys] then times = times + 1 end
  end
  return times >= 3 and "threefoldRepetition" or nil
end

return rules
