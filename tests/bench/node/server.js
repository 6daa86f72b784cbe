// The work of the bench on stock Socket.IO: rooms, an ephemeral broadcast, an echo with acknowledgement. Usage: node server.js PORT
"use strict";
const { Server } = require("socket.io");

const port = Number(process.argv[2]);
const io = new Server(port, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });

io.on("connection", (socket) => {
  socket.on("join", ({ roomId }, ack) => {
    socket.join(roomId);
    ack({ ok: true });
  });
  socket.on("message", (message) => io.to(message.roomId).emit("message", message));
  socket.on("echo", (data, ack) => ack(data));
});
