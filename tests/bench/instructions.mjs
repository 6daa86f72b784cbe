// How many instructions of hubd it takes to connect and sign in, to join a room that was joined before, and for an ephemeral event with
// acknowledgement and a command: counted by valgrind's callgrind, so that what else the machine does makes no difference. Fails when one of
// them takes more than MORE times what is recorded here; after a change that makes them cheaper, record the new figures.
// Usage: node instructions.mjs [BUILD-FOLDER]
// Exits with 77 when there is no valgrind, or no build without sanitizers that is up to date (make build).
import { spawn, spawnSync } from "node:child_process";
import { appendFileSync, cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const RECORDED = { connect: 46500, join: 43700, event: 10800, command: 12900 };
const MORE = 1.05;
const CONNECTIONS = 50;
const ROUNDS = 10;
const ARRIVALS = 3; // rounds of connecting and joining

const here = dirname(fileURLToPath(import.meta.url));
const build = process.argv[2] ?? join(here, "../../build/release");
const skip = (why) => {
    console.log(`skipped: ${why}`);
    process.exit(77);
};
const run = (program, ...args) => spawnSync(program, args, { encoding: "utf8" });
if (run("valgrind", "--version").status !== 0) skip("valgrind is not there");
if (!existsSync(join(build, "hubd"))) skip(`there is no ${join(build, "hubd")}: make build`);
const sources = ["engine", "scripting", "adapters", "schema"].map((folder) => join(here, "../..", folder));
const newer = run("find", ...sources, "-name", "*.[ch]", "-newer", join(build, "hubd")).stdout;
if (newer) skip(`${join(build, "hubd")} is older than its sources: make build`);

// ---- a client, which says exactly what it is told to ----

const NSP = "/hub/parts";
function frame(text) {
    const body = Buffer.from(text), mask = Buffer.from([1, 2, 3, 4]);
    const head = body.length < 126 ? [0x81, 0x80 | body.length] : [0x81, 0xfe, body.length >> 8, body.length & 255];
    for (let i = 0; i < body.length; i++) body[i] ^= mask[i & 3];
    return Buffer.concat([Buffer.from(head), mask, body]);
}

class Client {
    constructor(port, i) {
        Object.assign(this, { i, input: Buffer.alloc(0), upgraded: false, waiting: [] });
        this.socket = connect({ port, host: "127.0.0.1", noDelay: true });
        this.socket.on("data", (data) => this.read(data));
        this.connected = new Promise((resolve) => this.socket.on("connect", resolve));
        this.closed = new Promise((resolve) => this.socket.on("close", resolve));
        this.socket.on("close", () => this.waiting.splice(0).forEach((w) => w.reject(new Error("the connection has ended"))));
        this.socket.write("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    }
    read(data) {
        this.input = Buffer.concat([this.input, data]);
        const end = this.upgraded ? 0 : this.input.indexOf("\r\n\r\n");
        if (end < 0) return;
        if (!this.upgraded) this.input = this.input.subarray(end + 4);
        this.upgraded = true;
        for (;;) {
            const wide = this.input[1] === 126, at = wide ? 4 : 2;
            if (this.input.length < at) return;
            const n = wide ? this.input.readUInt16BE(2) : this.input[1];
            if (this.input.length < at + n) return;
            this.packet(this.input.subarray(at, at + n).toString());
            this.input = this.input.subarray(at + n);
        }
    }
    packet(text) {
        if (text === "2") this.socket.write(frame("3"));
        const k = this.waiting.findIndex((w) => text.startsWith(w.start) || text.startsWith("44"));
        if (k < 0) return;
        const [w] = this.waiting.splice(k, 1);
        if (text.startsWith(w.full)) w.resolve();
        else w.reject(new Error(text));
    }
    expect(start, more = "") {
        return new Promise((resolve, reject) => this.waiting.push({ start, full: start + more, resolve, reject }));
    }
    ask(id, event, args) {
        const answer = this.expect(`43${NSP},${id}[`, '{"ok":true');
        this.socket.write(frame(`42${NSP},${id}${JSON.stringify([event, args])}`));
        return answer;
    }
}

const text = "x".repeat(64);
const loads = {
    event: (i) => ["hub:event", { roomId: `r${i}`, event: "tick", data: text }],
    command: (i) => ["hub:command", { command: "echo", payload: { roomId: `r${i}`, data: text } }],
};

// ---- hubd under callgrind ----

const work = mkdtempSync(join(tmpdir(), "instructions-"));
let server;
const stop = () => {
    server?.kill("SIGKILL");
    rmSync(work, { recursive: true, force: true });
};
async function start() {
    cpSync(join(here, "hubs/parts"), join(work, "parts"), { recursive: true });
    appendFileSync(join(work, "parts/seed.yaml"), `benchRoom:\n${[...Array(CONNECTIONS).keys()].map((i) => `  - {id: r${i}, title: Room ${i}}\n`).join("")}`);
    server = spawn("valgrind", ["--tool=callgrind", `--callgrind-out-file=${work}/out`, join(build, "hubd"), join(work, "parts"), "--set", "listen.port=0",
        "--set", `store.url=sqlite:${work}/bench.db`, "--log-level", "error"]);
    let said = "";
    const port = await new Promise((resolve, reject) => {
        const look = (data) => {
            said += data;
            const m = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(said);
            if (m) resolve(Number(m[1]));
        };
        server.stdout.on("data", look);
        server.stderr.on("data", look);
        server.on("exit", () => reject(new Error(`hubd has ended: ${said}`)));
    });
    return port;
}

const control = (what) => {
    const done = run("callgrind_control", what, String(server.pid));
    if (done.status !== 0) throw new Error(`callgrind_control ${what}: ${done.stderr}${done.stdout}`);
};
const dumps = () => readdirSync(work).filter((name) => name.startsWith("out."));

async function counted(load) {
    const before = new Set(dumps());
    control("-z");
    await load();
    control("-d");
    const dump = dumps().find((name) => !before.has(name));
    return Number(/^(?:totals|summary): (\d+)/m.exec(readFileSync(join(work, dump), "utf8"))[1]);
}

// All begin, then all wait: so a turn of the loop has many requests, as under load. BEGIN gives a list of answers to come; SENT is when what
// has begun lies in the sockets.
async function together(begin, sent = () => {}) {
    process.kill(server.pid, "SIGSTOP");
    const answers = begin();
    await sent();
    process.kill(server.pid, "SIGCONT");
    return Promise.all(answers);
}

async function ask(clients, load, rounds, id) {
    for (let r = 0; r < rounds; r++) await together(() => clients.map((c) => c.ask(id + r, ...load(c.i))));
}

async function connectAll(port) {
    let clients;
    const open = () => (clients = [...Array(CONNECTIONS).keys()].map((i) => new Client(port, i))).map((c) => c.expect("0{"));
    await together(open, () => Promise.all(clients.map((c) => c.connected)));
    await together(() => clients.map((c) => {
        c.socket.write(frame(`40${NSP},{"token":"dev:u${c.i}"}`));
        return c.expect(`40${NSP},`);
    }));
    return clients;
}

const joinAll = (clients, rooms) => ask(clients, (i) => ["hub:join", { roomId: `r${i % rooms}` }], 1, 0);

// Rooms of ten. From the second round on everybody has been there before; hubd closes its end last, so nothing of a round is left.
async function measureArrivals(port) {
    const total = { connect: 0, join: 0 };
    for (let r = 0; r <= ARRIVALS; r++) {
        let clients;
        const connect = await counted(async () => (clients = await connectAll(port)));
        const join = await counted(() => joinAll(clients, CONNECTIONS / 10));
        if (r > 0) total.connect += connect, total.join += join;
        clients.forEach((c) => c.socket.end());
        await Promise.all(clients.map((c) => c.closed));
    }
    return Object.entries(total).map(([name, n]) => [name, Math.round(n / (CONNECTIONS * ARRIVALS))]);
}

async function measure(clients, load, id) {
    await ask(clients, load, 3, id);
    return Math.round(await counted(() => ask(clients, load, ROUNDS, id + 3)) / (CONNECTIONS * ROUNDS));
}

async function main() {
    const port = await start();
    const counts = await measureArrivals(port);
    const clients = await connectAll(port);
    await joinAll(clients, CONNECTIONS);
    for (const [name, load] of Object.entries(loads)) counts.push([name, await measure(clients, load, name === "event" ? 1 : 100)]);
    let bad = 0;
    for (const [name, n] of counts) {
        const much = n > RECORDED[name] * MORE;
        bad += much;
        console.log(`${name}: ${n} instructions, recorded ${RECORDED[name]}${much ? ": too many" : ""}`);
    }
    return bad;
}

const bad = await main().finally(stop);
process.exit(bad ? 1 : 0);
