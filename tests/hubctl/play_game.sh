#!/usr/bin/env bash
# The template "game" is not only clean but plays: a match between two clients, move by move, and what the second one sees of it.
# Usage: play_game.sh PATH_OF_HUBD PATH_OF_HUBCTL
set -euo pipefail
hubd=$(realpath "$1") hubctl=$(realpath "$2")
cd "$(dirname "$0")/../.."
. tests/support/serve.sh
use_node_modules
"$hubctl" new "$work/game" --template game >/dev/null
start_hubd "$hubd" "$work/game" /hub/tictactoe
cat >"$work/play.mjs" <<'JS'
import { io } from "socket.io-client";
const seen = [];
async function enter(user) {
  const socket = io(`${process.argv[2]}/hub/tictactoe`, { auth: { token: `dev:${user}` }, forceNew: true });
  await new Promise((done, failed) => socket.on("connect", done).on("connect_error", failed));
  await socket.emitWithAck("hub:join", { roomId: "table1" });
  return socket;
}
async function send(socket, messageType, content = {}) {
  const answer = await socket.emitWithAck("hub:send", { roomId: "table1", messageType, content });
  console.log(`${messageType} ${content.cell ?? ""}: ${answer.ok ? answer.message.seq : answer.error.message}`);
}
const ann = await enter("ann"), bob = await enter("bob");
bob.on("hub:messageArrived", ({ message }) => message.messageType === "position" && seen.push(message.content.board));
await send(ann, "move", { cell: 1 });
await send(ann, "sit");
await send(ann, "sit");
await send(bob, "sit");
await send(bob, "move", { cell: 1 });
const game = [[ann, 1], [bob, 1], [bob, 2], [ann, 4], [bob, 3], [ann, 7], [bob, 9]];
for (const [socket, cell] of game) await send(socket, "move", { cell });
await send(ann, "position", { board: "XXXXXXXXX" });
const { state } = await bob.emitWithAck("hub:requestState", { roomId: "table1" });
console.log(`result ${state.result}, seen ${seen.join(" ")}`);
ann.close(), bob.close();
JS
timeout 60 node "$work/play.mjs" "$url" >"$work/said"
diff - "$work/said" <<'TEXT'
move 1: a player is missing
sit : 1
sit : you have a seat already
sit : 2
move 1: it is not your turn
move 1: 3
move 1: the cell must be free, 1 to 9
move 2: 4
move 4: 5
move 3: 6
move 7: 7
move 9: the game is over
position : you may not send messages of type "position"
result X, seen --------- --------- X-------- XO------- XO-X----- XOOX----- XOOX--X--
TEXT
