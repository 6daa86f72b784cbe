// The example in hubs/chess: the move generator against known numbers, the rules and the clocks as two players meet them.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { example } from "./example.js";

const START = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1";

describe("the move generator of hubs/chess", () => {
  const counter = {
    hubBasics: { name: "perft" },
    roomSettings: { roomDataObject: "chessGame", authScripts: [{ name: "everybody", script: "true" }] },
    messageSettings: {
      messageTypes: ["text"],
      customMessageTypes: [{ name: "count" }],
    },
    hubLogic: {
      messageHandlers: [
        {
          messageType: "count",
          script: {
            lua: `local rules, content = require("rules"), message.content
              local p = rules.parse(content.fen)
              content.nodes = rules.perft(p, content.depth)
              content.again = rules.fen(p)
              return {accept = true, modifiedContent = content}`,
          },
        },
      ],
    },
  };
  const perft = example("chess", {
    prepare: (dir) => writeFileSync(join(dir, "perft.hub.yaml"), JSON.stringify(counter)),
    args: ["--set", "scripting.cpuMs=10000", "--set", "scripting.wallMs=60000"],
  });

  // The numbers are those every move generator is compared with (chessprogramming.org, "Perft Results").
  for (const [name, fen, numbers] of [
    ["the initial position", START, [20, 400, 8902]],
    ["Kiwipete: castling, pins, en passant", "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1", [48, 2039]],
    ["a pin on both sides of an en passant capture", "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1", [14, 191, 2812]],
    ["promotions with check", "r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1", [6, 264, 9467]],
    ["discovered checks", "rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ - 1 8", [44, 1486]],
  ]) {
    test(`counts ${numbers.join(", ")} positions from ${name}`, async () => {
      const ann = await perft.member("ann", "game1", undefined, "perft");
      for (const [i, nodes] of numbers.entries()) {
        const { content } = (await ann.ok("hub:send", { roomId: "game1", messageType: "count", content: { fen, depth: i + 1 } })).message;
        assert.equal(content.nodes, nodes, `depth ${i + 1}`);
        assert.equal(content.again, fen, "every move was taken back");
      }
    });
  }
});

describe("hubs/chess", () => {
  const chess = example("chess");

  /** A game of its own with both players in it. */
  async function game(more = {}) {
    const row = { whitePlayerId: "ann", blackPlayerId: "bob", ...more };
    const { status, body } = await chess.rest("olga", "organizer", "POST", "/objects/chessGame", row);
    assert.equal(status, 201, JSON.stringify(body));
    const roomId = body.row.id;
    const board = { roomId, turn: 0, ann: await chess.member("ann", roomId), bob: await chess.member("bob", roomId) };
    board.black = / b /.test(more.fen ?? START);
    board.send = (peer, messageType, content = {}) => peer.call("hub:send", { roomId, messageType, content });
    board.try = (peer, move) => {
      const [from, to, promotion] = [move.slice(0, 2), move.slice(2, 4), move[4]];
      return board.send(peer, "chessMove", { from, to, ...(promotion && { promotion }) });
    };
    /** Plays MOVES in turn; returns how the last is written. */
    board.play = async (...moves) => {
      let said;
      for (const move of moves) {
        const answer = await board.try(board.black ? board.bob : board.ann, move);
        assert.equal(answer.ok, true, `${move}: ${JSON.stringify(answer)}`);
        board.black = !board.black;
        said = answer.message.content.san;
      }
      return said;
    };
    board.illegal = async (...moves) => {
      for (const move of moves) {
        const { ok, error } = await board.try(board.black ? board.bob : board.ann, move);
        assert.deepEqual([ok, error?.code, error?.message], [false, "rejected", "that is no legal move"], move);
      }
    };
    board.over = async (peer = board.bob) => {
      const { message } = await peer.next("hub:messageArrived", (payload) => payload.message.messageType === "gameOver");
      assert.equal(message.senderId, null);
      return message.content;
    };
    board.state = async () => (await board.ann.ok("hub:requestState", { roomId })).state;
    return board;
  }

  test("the fool is mated, and the game is over", async () => {
    const board = await game();
    assert.equal(board.ann.welcome.hubRole, "player");
    assert.equal(await board.play("f2f3", "e7e5", "g2g4", "d8h4"), "Qh4#");
    assert.deepEqual(await board.over(), { result: "black", reason: "checkmate" });
    assert.equal((await board.try(board.ann, "e1f2")).error.message, "the game is over");
    const { status, result, running, check } = await board.state();
    assert.deepEqual([status, result, running, check], ["finished", "black", false, true]);
    const { messages } = await board.bob.ok("hub:history", { roomId: board.roomId });
    assert.deepEqual(
      messages.map(({ content }) => content.san ?? content.reason),
      ["f3", "e5", "g4", "Qh4#", "checkmate"],
    );
  });

  test("both see the position after a move; it is not kept", async () => {
    const board = await game();
    await board.play("e2e4");
    for (const peer of [board.ann, board.bob]) {
      const { message } = await peer.next("hub:messageArrived", (payload) => payload.message.messageType === "position");
      assert.equal(message.content.fen, "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1");
      assert.deepEqual(message.content.clocks, { white: 300000, black: 300000 });
    }
    const { messages } = await board.bob.ok("hub:history", { roomId: board.roomId });
    assert.equal(messages.length, 1);
  });

  test("what is no move: another's turn, another's piece, off the board, through pieces, into check", async () => {
    const board = await game();
    assert.equal((await board.try(board.bob, "e7e5")).error.message, "it is not your turn");
    await board.illegal("e7e5", "e2e5", "a1a3", "b1d2", "e2d3", "z9e4", "e4e5", "e1e2");
    assert.equal((await board.send(board.ann, "chessMove", { from: "e2" })).error.code, "invalid_content");
    assert.equal((await board.send(board.ann, "position", {})).error.code, "type_not_allowed");
    const pinned = await game({ fen: "4r1k1/8/8/8/8/8/4N3/4K3 w - - 0 1" });
    await pinned.illegal("e2c3", "e2g3");
    await pinned.play("e1d2");
  });

  test("castling moves the rook too, and only when it may", async () => {
    const open = await game({ fen: "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1" });
    assert.equal(await open.play("e1g1"), "O-O");
    assert.equal(await open.play("e8c8"), "O-O-O");
    assert.match((await open.state()).fen, /^2kr3r\/8\/8\/8\/8\/8\/8\/R4RK1 w - - /);
    for (const [why, fen, ...not] of [
      ["in check", "4k3/8/8/8/4r3/8/8/R3K2R w KQ - 0 1", "e1g1", "e1c1"],
      ["through check", "4k3/8/8/8/5r2/8/8/R3K2R w KQ - 0 1", "e1g1"],
      ["into check", "4k3/8/8/8/6r1/8/8/R3K2R w KQ - 0 1", "e1g1"],
      ["over a piece", "4k3/8/8/8/8/8/8/RN2K1NR w KQ - 0 1", "e1g1", "e1c1"],
      ["without the right", "4k3/8/8/8/8/8/8/R3K2R w K - 0 1", "e1c1"],
    ]) {
      const board = await game({ fen });
      await board.illegal(...not).catch((error) => assert.fail(`${why}: ${error.message}`));
    }
    const beside = await game({ fen: "1r2k3/8/8/8/8/8/8/R3K3 w Q - 0 1" });
    assert.equal(await beside.play("e1c1"), "O-O-O"); // only the rook passes an attacked square
    const moved = await game({ fen: "4k3/p7/8/8/8/8/8/R3K2R w KQ - 0 1" });
    await moved.play("h1h2", "a7a6", "h2h1", "a6a5");
    await moved.illegal("e1g1");
    await moved.play("e1c1");
    assert.match((await moved.state()).fen, / b - /);
    const captured = await game({ fen: "4k3/8/8/8/8/6n1/8/R3K2R b KQ - 0 1" });
    await captured.play("g3h1");
    assert.match((await captured.state()).fen, / w Q /);
  });

  test("en passant is possible at once and never after, and not when it uncovers the king", async () => {
    const board = await game({ fen: "4k3/3p4/8/4P3/8/8/8/4K3 b - - 0 1" });
    await board.play("d7d5");
    assert.match((await board.state()).fen, / d6 /);
    assert.equal(await board.play("e5d6"), "exd6");
    assert.match((await board.state()).fen, /^4k3\/8\/3P4\/8\/8\/8\/8\/4K3 b /);
    const late = await game({ fen: "4k3/3p4/8/4P3/8/8/8/4K3 b - - 0 1" });
    await late.play("d7d5", "e1e2", "e8e7");
    await late.illegal("e5d6");
    const bare = await game({ fen: "8/3p4/8/K3P2r/8/8/8/4k3 b - - 0 1" });
    await bare.play("d7d5");
    await bare.illegal("e5d6");
  });

  test("a pawn becomes what its player says, or a queen", async () => {
    const fen = "8/4P1k1/8/8/8/8/8/4K3 w - - 0 1";
    assert.equal(await (await game({ fen })).play("e7e8n"), "e8=N+");
    const board = await game({ fen });
    assert.equal((await board.try(board.ann, "e7e8k")).error.code, "invalid_content");
    assert.equal(await board.play("e7e8"), "e8=Q");
  });

  test("two knights that reach one square are told apart", async () => {
    assert.equal(await (await game({ fen: "4k3/8/8/8/8/8/8/1N2KN2 w - - 0 1" })).play("b1d2"), "Nbd2");
  });

  for (const [reason, fen, ...moves] of [
    ["stalemate", "7k/5Q2/8/8/8/8/8/K7 w - - 0 1", "f7g6"],
    ["insufficientMaterial", "4k3/8/8/8/8/8/3p4/4K1N1 w - - 0 1", "e1d2"],
    ["insufficientMaterial", "4kb2/8/8/8/8/8/3p4/2B1K3 w - - 0 1", "c1d2"],
    ["fiftyMoves", "4k3/8/8/8/8/8/8/R3K3 w Q - 98 80", "a1a2", "e8e7"],
    ["threefoldRepetition", START, "g1f3", "g8f6", "f3g1", "f6g8", "g1f3", "g8f6", "f3g1", "f6g8"],
  ]) {
    test(`a draw by ${reason} after ${moves.at(-1)}, and not a move earlier`, async () => {
      const board = await game({ fen });
      await board.play(...moves.slice(0, -1));
      await board.bob.settled();
      assert.notEqual((await board.state()).status, "finished");
      await board.play(moves.at(-1));
      assert.deepEqual(await board.over(), { result: "draw", reason });
    });
  }

  test("bishops on squares of both colours can mate; a position with other rights is another position", async () => {
    const bishops = await game({ fen: "4k1b1/8/8/8/8/8/3p4/2B1K3 w - - 0 1" });
    await bishops.play("c1d2");
    assert.equal((await bishops.state()).status, "playing");
    const rights = await game({ fen: "r3k2r/p7/8/8/8/8/P7/R3K2R w KQkq - 0 1" });
    await rights.play("h1h2", "h8h7", "h2h1", "h7h8", "h1h2", "h8h7", "h2h1", "h7h8");
    assert.equal((await rights.state()).status, "playing");
    await rights.play("h1h2", "h8h7");
    assert.deepEqual(await rights.over(), { result: "draw", reason: "threefoldRepetition" });
  });

  test("a draw is offered, declined, taken away by a move, offered again and accepted", async () => {
    const board = await game();
    const { ann, bob } = board;
    const refused = async (peer, type, text) => assert.match((await board.send(peer, type)).error.message, text);
    await refused(ann, "drawOffer", /no game under way/);
    await board.play("e2e4");
    await refused(bob, "drawAccepted", /no draw is offered/);
    await board.send(ann, "drawOffer", { pressure: "x".repeat(100) });
    const { message } = await bob.next("hub:messageArrived", (payload) => payload.message.messageType === "drawOffer");
    assert.deepEqual(message.content, {});
    await refused(ann, "drawOffer", /stands already/);
    await refused(ann, "drawAccepted", /no draw is offered/);
    await refused(bob, "drawOffer", /accept or decline/);
    assert.equal((await board.send(bob, "drawDeclined")).ok, true);
    await refused(bob, "drawAccepted", /no draw is offered/);
    await board.send(ann, "drawOffer");
    await board.play("e7e5");
    await refused(bob, "drawAccepted", /no draw is offered/);
    await board.send(bob, "drawOffer");
    assert.equal((await board.state()).drawOfferedBy, "black");
    assert.equal((await board.send(ann, "drawAccepted")).ok, true);
    assert.deepEqual(await board.over(), { result: "draw", reason: "agreement" });
  });

  test("who resigns loses", async () => {
    const board = await game();
    await board.send(board.ann, "resignation");
    assert.deepEqual(await board.over(), { result: "black", reason: "resignation" });
    assert.equal((await board.send(board.bob, "resignation")).error.message, "the game is over");
  });

  test("the clocks run from the first move on, and gain with each", async () => {
    const board = await game({ whiteMs: 60000, blackMs: 60000, incrementMs: 5000 });
    const before = await board.state();
    assert.deepEqual([before.clocks, before.running, before.status], [{ white: 60000, black: 60000 }, false, "waiting"]);
    await board.play("e2e4", "e7e5");
    const { clocks, running, turn } = await board.state();
    assert.deepEqual([running, turn], [true, "white"]);
    assert.ok(clocks.white <= 60000 && clocks.white > 55000, clocks.white);
    assert.ok(clocks.black <= 65000 && clocks.black > 60000, clocks.black);
  });

  test("the flag falls by itself", async () => {
    const board = await game({ whiteMs: 60000, blackMs: 300, incrementMs: 0 });
    await board.play("e2e4");
    assert.deepEqual(await board.over(board.ann), { result: "white", reason: "timeout" });
    assert.equal((await board.state()).clocks.black, 0);
  });

  test("nobody wins on time with nothing but a king", async () => {
    const board = await game({ fen: "4k3/8/8/8/8/8/8/Q3K3 b - - 0 1", whiteMs: 200, incrementMs: 0 });
    await board.play("e8e7");
    assert.deepEqual(await board.over(), { result: "draw", reason: "timeout" });
  });

  test("spectators talk but do not move; a game that is called off admits nobody and puts everybody out", async () => {
    const board = await game();
    const eve = await chess.member("eve", board.roomId);
    assert.equal(eve.welcome.hubRole, "spectator");
    await eve.say(board.roomId, "good luck");
    assert.equal((await board.try(eve, "e2e4")).error.code, "type_not_allowed");
    assert.equal((await chess.member("ann", "calledOff")).welcome.error.code, "room_not_eligible");
    await chess.rest("olga", "organizer", "PATCH", `/objects/chessGame/${board.roomId}`, { status: "cancelled" });
    await eve.next("hub:roomClosed");
    assert.equal((await board.try(board.ann, "e2e4")).error.code, "not_in_room");
  });

  test("a crash costs neither the position nor the repetitions nor the clock's time", async () => {
    const board = await game();
    await board.play("g1f3", "g8f6", "f3g1", "f6g8", "g1f3", "g8f6", "f3g1");
    const before = await board.state();
    const since = Date.now();
    await chess.hubd.kill();
    await chess.start();
    for (const user of ["ann", "bob"]) board[user] = await chess.member(user, board.roomId);
    const away = Date.now() - since;
    const state = await board.state();
    assert.equal(state.fen, before.fen);
    assert.equal(state.clocks.white, before.clocks.white);
    assert.ok(state.clocks.black <= before.clocks.black - away, `black's clock stood still for ${away} ms`);
    await board.play("f6g8");
    assert.deepEqual(await board.over(), { result: "draw", reason: "threefoldRepetition" });
  });
});
