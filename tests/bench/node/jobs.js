// Jobs on BullMQ: every request of a client adds one that does nothing, and a worker of this process carries them out.
// GET /metrics tells how many are done, as hubd does. Usage: node jobs.js PORT REDIS_URL CONCURRENCY
"use strict";
const { createServer } = require("node:http");
const { Server } = require("socket.io");
const { Queue, Worker } = require("bullmq");

const [port, url, concurrency] = process.argv.slice(2);
const { hostname: host, port: redisPort } = new URL(url);
const connection = { host, port: Number(redisPort), maxRetriesPerRequest: null };
const queue = new Queue("work", { connection, defaultJobOptions: { removeOnComplete: true } });
const worker = new Worker("work", async () => true, { connection, concurrency: Number(concurrency) });
let done = 0;
worker.on("completed", () => done++);

const http = createServer((request, response) => response.end(`hubd_jobs_done_total{queue="work"} ${done}\n`));
const io = new Server(http, { transports: ["websocket"], serveClient: false });
io.on("connection", (socket) => {
  socket.on("join", (room, ack) => ack({ ok: true }));
  socket.on("echo", async (data, ack) => {
    await queue.add("work", data);
    ack({ ok: true });
  });
});
worker.waitUntilReady().then(() => http.listen(Number(port), "127.0.0.1"));
