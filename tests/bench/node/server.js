// The work of the bench on stock Socket.IO: rooms, an ephemeral broadcast, an echo with acknowledgement; with a STORE also messages that are
// stored, acknowledged and then sent on; or with permessage-deflate. Usage: node server.js PORT [postgresql://… | sqlite:FILE | deflate]
"use strict";
const { Server } = require("socket.io");

const [port, extra] = process.argv.slice(2);
const deflate = extra === "deflate";
const store = deflate ? undefined : extra;
const insert = store && require("./stores.js").open(store);
const io = new Server(Number(port), { transports: ["websocket"], perMessageDeflate: deflate && { threshold: 256 }, serveClient: false });
const seqs = new Map();

async function keep(message, ack) {
  const seq = (seqs.get(message.roomId) ?? 0) + 1;
  seqs.set(message.roomId, seq);
  const stored = await insert(message.roomId, message.data, seq);
  ack({ ok: true, message: stored });
  io.to(message.roomId).emit("message", stored);
}

io.on("connection", (socket) => {
  socket.on("join", ({ roomId }, ack) => {
    socket.join(roomId);
    ack({ ok: true });
  });
  socket.on("message", insert ? keep : (message) => io.to(message.roomId).emit("message", message));
  socket.on("echo", (data, ack) => ack(data));
});
