// The rows that hubd writes, into the table that hubd made, with what Node programs use for it: `pg` with its pool and named (prepared)
// statements, better-sqlite3 with a prepared statement. Each message is a transaction of its own.
"use strict";
const { randomBytes } = require("node:crypto");

const COLUMNS = ["id", "roomId", "senderId", "senderName", "senderAvatar", "messageType", "content", "timestamp", "status", "seq", "changeSeq", "clientMessageId", "editedAt", "isActive"];
const statement = (mark) => `INSERT INTO "plainMessage" (${COLUMNS.map((name) => `"${name}"`)}) VALUES (${COLUMNS.map((_, i) => mark(i + 1))})`;

function uuid7() {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function message(roomId, body, seq) {
  return { id: uuid7(), roomId, senderId: `u${roomId.slice(1)}`, messageType: "note", content: { body }, timestamp: new Date().toISOString(), status: "approved", seq, changeSeq: seq };
}

const values = (m, active) => [m.id, m.roomId, m.senderId, null, null, m.messageType, JSON.stringify(m.content), m.timestamp, m.status, m.seq, m.changeSeq, null, null, active];

function postgres(url) {
  const { Pool } = require("pg");
  const pool = new Pool({ connectionString: url, max: 30 });
  const text = statement((i) => `$${i}`);
  return async (...args) => {
    const m = message(...args);
    await pool.query({ name: "insert", text, values: values(m, true) });
    return m;
  };
}

function sqlite(url) {
  const database = require("better-sqlite3")(url.slice("sqlite:".length));
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = FULL");
  const insert = database.prepare(statement(() => "?"));
  return async (...args) => {
    const m = message(...args);
    insert.run(values(m, 1));
    return m;
  };
}

/** Returns async insert(roomId, body, seq), which resolves to the stored message. */
exports.open = (url) => (url.startsWith("sqlite:") ? sqlite(url) : postgres(url));
