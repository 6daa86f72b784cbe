import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HubError } from "../../src/errors.js";
import { renewalIn } from "../../src/tokens.js";
import { admit, connected, fake, joined, turn, turned } from "./fake.js";

const jwt = (claims: object): string =>
  ["e30", Buffer.from(JSON.stringify(claims)).toString("base64url"), "sig"].join(".");
const seconds = (): number => Math.floor(Date.now() / 1000);

describe("a connection", () => {
  test("says how it is", async () => {
    const { hub, socket } = fake({ clientId: "laptop", token: async () => "secret" });
    const states: string[] = [];
    hub.on("state", (state) => states.push(state));
    assert.equal(hub.state, "connecting");
    assert.deepEqual(await socket.greeting(), { token: "secret", clientId: "laptop" });
    socket.accept();
    socket.tell("hub:draining", { retryAfterMs: 1000 });
    socket.drop();
    socket.accept();
    hub.close();
    hub.close();
    assert.deepEqual(states, ["connected", "draining", "recovering", "connected", "closed"]);
    assert.ok(socket.released);
  });

  test("comes back with a pause that grows and is not the same for everybody", (t) => {
    const clock = turned(t);
    const random = t.mock.method(Math, "random", () => 0.5);
    const { socket } = fake();
    for (const pause of [1000, 2000, 4000, 5000, 5000]) {
      socket.unreachable();
      const { attempts } = socket;
      clock.tick(pause - 1);
      assert.equal(socket.attempts, attempts, `${pause}`);
      clock.tick(1);
      assert.equal(socket.attempts, attempts + 1, `${pause}`);
    }
    random.mock.mockImplementation(() => 0);
    socket.accept();
    socket.drop();
    clock.tick(500);
    assert.equal(socket.attempts, 7);
  });

  test("waits as hub:draining says", (t) => {
    const clock = turned(t);
    t.mock.method(Math, "random", () => 0);
    const { socket } = connected();
    socket.tell("hub:draining", { retryAfterMs: 30000 });
    socket.drop();
    clock.tick(29999);
    assert.equal(socket.attempts, 1);
    clock.tick(1);
    assert.equal(socket.attempts, 2);
  });

  test("that is not answered at all is given up, and tried again", (t) => {
    const clock = turned(t);
    const { socket } = fake({ timeoutMs: 1000 });
    clock.tick(2000);
    assert.equal(socket.active, false);
    clock.tick(1500);
    assert.equal(socket.attempts, 2);
  });

  test("on which nothing has come since a question is cut; one that is slow is not", async (t) => {
    const clock = turned(t);
    const { hub, socket } = connected({ timeoutMs: 1000 });
    const slow = hub.call("hub:members", { roomId: "r1" });
    socket.tell("hub:latency", { ms: 3 });
    clock.tick(1000);
    await assert.rejects(slow, { code: "timeout", event: "hub:members" });
    assert.equal(socket.cuts, 0);
    const late = hub.call("hub:members", { roomId: "r1" });
    clock.tick(1000);
    await assert.rejects(late, { code: "timeout" });
    socket.next("hub:leave").answer({ ok: false, error: { code: "bad_request" } });
    const hasty = hub.command("slow", {}, { timeoutMs: 10 });
    clock.tick(10);
    await assert.rejects(hasty, { code: "timeout" });
    clock.tick(5000);
    assert.equal(socket.cuts, 0, "what is asked behind it is answered");
    const dead = hub.call("hub:members", { roomId: "r1" });
    clock.tick(1000);
    await assert.rejects(dead, { code: "timeout" });
    clock.tick(500);
    assert.equal(socket.cuts, 1);
  });

  test("that is lost or closed rejects what was asked, once", async () => {
    const { hub, socket } = connected();
    const lost = hub.command("roll");
    const { answer } = socket.next("hub:command");
    socket.drop();
    await assert.rejects(
      lost,
      (error: HubError) => error instanceof HubError && error.code === "disconnected" && error.event === "hub:command",
    );
    answer({ ok: true, result: 1 });
    await assert.rejects(hub.command("roll"), { code: "disconnected" });
    socket.accept();
    assert.deepEqual(socket.asked, [], "commands are never repeated");
    const open = [
      hub.command("roll"),
      hub.join("r1"),
      hub.record("x").subscribe(() => {}),
      hub.channel("c").subscribe(() => {}),
    ];
    hub.close();
    for (const one of open) await assert.rejects(one, { code: "closed" });
    for (const one of [hub.command("roll"), hub.join("r1"), hub.record("x").subscribe(() => {})])
      await assert.rejects(one, { code: "closed" });
  });

  test("leaves no timer when it is closed", async (t) => {
    const timers = new Set<unknown>();
    const { setTimeout: set, clearTimeout: clear } = globalThis;
    t.after(() => Object.assign(globalThis, { setTimeout: set, clearTimeout: clear }));
    const during = (fn: any, ms: number) => {
      const timer = set(() => (timers.delete(timer), fn()), ms);
      timers.add(timer);
      return timer;
    };
    Object.assign(globalThis, {
      setTimeout: during,
      clearTimeout: (timer: any) => (timers.delete(timer), clear(timer)),
    });
    for (const how of ["connected", "lost", "never", "refused"]) {
      const { hub, socket } =
        how === "never" ? fake() : await joined({ token: async () => jwt({ exp: seconds() + 3600 }) });
      if (how !== "never") {
        await socket.greeting();
        hub
          .join("r1")
          .then((room) => room.send("text", {}))
          .catch(() => {});
        hub.command("roll").catch(() => {});
        await turn();
      }
      if (how === "lost") socket.drop();
      if (how === "refused") {
        socket.drop();
        socket.accept();
        socket.next("hub:join").answer({ ok: false, error: { code: "overloaded", message: "later" } });
      }
      assert.ok(timers.size > 0, how);
      hub.close();
      await turn();
      assert.equal(timers.size, 0, how);
    }
  });

  test("that is superseded does not come back", async (t) => {
    const clock = turned(t);
    const { hub, socket, room } = await joined();
    socket.tell("hub:superseded", { clientId: "laptop" });
    assert.equal(hub.state, "superseded");
    assert.equal(room.status.value, "left");
    clock.tick(100000);
    assert.equal(socket.attempts, 1);
    await assert.rejects(hub.join("r1"), { code: "closed" });
  });

  test("says why there is none yet", async (t) => {
    const clock = turned(t);
    const cause = new Error("no network");
    let fails = true;
    const { hub, socket } = fake({
      token: () => {
        if (fails) throw cause;
        return "good";
      },
    });
    const seen: any[] = [];
    hub.on("error", (error) => seen.push(error));
    void socket.greeting();
    await turn();
    assert.ok(seen[0] instanceof HubError);
    assert.equal(seen[0].cause, cause);
    fails = false;
    clock.tick(1500);
    socket.unreachable();
    clock.tick(3000);
    socket.refuse("overloaded");
    assert.deepEqual(
      seen.map(({ code, message }) => `${code} ${message}`),
      [
        "disconnected Error: no network",
        "disconnected Error: websocket error",
        "disconnected HubError: overloaded",
      ],
    );
    assert.equal(seen[2].cause.code, "overloaded");
    assert.equal(hub.state, "connecting");
  });

  test("to a hub that is not there says so, and goes on trying", async (t) => {
    const clock = turned(t);
    const { hub, socket } = fake();
    const joining = hub.join("r1");
    socket.refuse("", "Invalid namespace");
    await assert.rejects(joining, { code: "not_found", message: "Invalid namespace" });
    clock.tick(2000);
    assert.equal(socket.attempts, 2);
  });
});

describe("a token", () => {
  test("is renewed before it ends: by 10 s, or by a tenth of its life", (t) => {
    turned(t);
    const now = 1e9;
    assert.equal(renewalIn(jwt({ exp: now + 60, iat: now })), 50000);
    assert.equal(renewalIn(jwt({ exp: now + 3600, iat: now })), 3240000);
    assert.equal(renewalIn(jwt({ exp: now + 5 })), 1000);
    assert.equal(renewalIn(jwt({ exp: now + 1e9 })), 2 ** 31 - 1);
    assert.equal(renewalIn(jwt({ sub: "ann" })), undefined);
    assert.equal(renewalIn("dev:ann"), undefined);
  });

  test("is shown on the open connection, and kept for the next one", async (t) => {
    const clock = turned(t);
    let asked = 0;
    const token = async () => jwt({ exp: seconds() + 60, n: ++asked });
    const { socket } = fake({ token });
    assert.equal((await socket.greeting()).token, jwt({ exp: 1e9 + 60, n: 1 }));
    socket.accept();
    clock.tick(50000);
    await turn();
    const { payload, answer } = socket.next("hub:refreshToken");
    assert.equal(payload.token, jwt({ exp: 1e9 + 110, n: 2 }));
    answer({ ok: true });
    socket.drop();
    assert.equal((await socket.greeting()).token, payload.token);
    assert.equal(asked, 2);
  });

  test("that cannot be had is asked for again at the pace of reconnection", async (t) => {
    const clock = turned(t);
    t.mock.method(Math, "random", () => 0.5);
    let asked = 0;
    const { socket } = fake({
      token: () => {
        if (++asked < 3) throw new Error("no network");
        return "good";
      },
    });
    for (const pause of [1000, 2000]) {
      void socket.greeting();
      await turn();
      assert.equal(socket.active, false);
      clock.tick(pause);
      assert.equal(socket.active, true);
    }
    assert.equal((await socket.greeting()).token, "good");
  });

  test("that hangs is asked for again", async (t) => {
    const clock = turned(t);
    let asked = 0;
    const { socket } = fake({ token: () => (++asked < 2 ? new Promise<string>(() => {}) : "good"), timeoutMs: 1000 });
    void socket.greeting();
    await turn();
    clock.tick(3500);
    assert.equal((await socket.greeting()).token, "good");
  });

  test("that has expired is not used again", async () => {
    let asked = 0;
    const { socket } = fake({ token: () => `token ${++asked}` });
    assert.equal((await socket.greeting()).token, "token 1");
    socket.accept();
    socket.tell("hub:error", { code: "token_expired", error: "expired", event: "connect" });
    socket.drop();
    assert.equal((await socket.greeting()).token, "token 2");
  });

  test("that is refused twice in a row ends it until there is another", async (t) => {
    const clock = turned(t);
    const { hub, socket } = fake({ token: "bad" });
    const joining = hub.join("r1");
    const errors: string[] = [];
    hub.on("error", ({ code }) => errors.push(code));
    socket.refuse("invalid_token");
    assert.equal(hub.state, "connecting");
    clock.tick(1500);
    assert.equal(socket.attempts, 2);
    socket.refuse("invalid_token");
    assert.equal(hub.state, "unauthorized");
    await assert.rejects(joining, { code: "invalid_token" });
    assert.deepEqual(errors, ["invalid_token"]);
    clock.tick(100000);
    assert.equal(socket.attempts, 2);
    hub.setToken("good");
    assert.equal(socket.attempts, 3);
    assert.equal((await socket.greeting()).token, "good");
    socket.accept();
    assert.equal(hub.state, "connected");
  });

  test("of setToken is shown at once, and one of somebody else takes a new connection", async (t) => {
    const clock = turned(t);
    const { hub, socket } = connected({ token: "first" });
    hub.setToken("second");
    await turn();
    const { payload, answer } = socket.next("hub:refreshToken");
    assert.equal(payload.token, "second");
    answer({ ok: false, error: { code: "not_allowed", message: "another user" } });
    assert.equal(hub.state, "recovering");
    clock.tick(1500);
    assert.equal((await socket.greeting()).token, "second");
  });

  test("that the hub takes for one of somebody else's, or for none, is tried on a new connection", async (t) => {
    const clock = turned(t);
    const { hub, socket } = connected({ token: "ann" });
    hub.setToken("bob");
    await turn();
    socket.next("hub:refreshToken").answer({
      ok: false,
      error: { code: "invalid_token", message: "the token names another user" },
    });
    assert.equal(hub.state, "recovering");
    clock.tick(1500);
    assert.equal((await socket.greeting()).token, "bob");
    socket.accept();
    assert.equal(hub.state, "connected");
  });

  test("does not greet a connection that is gone by the time it is there", async () => {
    let give!: (token: string) => void;
    const { socket } = fake({ token: () => new Promise<string>((done) => (give = done)) });
    let greeted = 0;
    socket.auth(() => greeted++);
    await turn();
    socket.drop();
    give("late");
    await turn();
    assert.equal(greeted, 0);
  });

  test("keeps rooms over a time without one", async () => {
    const { hub, socket, room } = await joined({ token: "t" });
    socket.drop();
    socket.refuse("token_expired");
    socket.refuse("token_expired");
    assert.equal(hub.state, "unauthorized");
    assert.equal(room.status.value, "recovering");
    hub.setToken("new");
    socket.accept();
    admit(socket, { history: { recovered: true } });
    assert.equal(room.status.value, "joined");
  });
});
