// Running hubd: health, readiness, metrics, start-up lines and failures with their exit codes, draining, reloading.
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { temporaryFolder } from "./backends/server.js";
import { definition } from "./definition.js";
import { embeddedOnly, eventually, Hubd, removeService, runToEnd, serve, serving, SLACK_MS, waitingRoom, writeService } from "./harness.js";
import { Peer } from "./peer.js";
import { Polling, Tcp } from "./raw.js";

describe("a running hubd", () => {
  const server = serve((def) => {
    def.hubs = [structuredClone(def.hub)];
    def.hubs[0].hubBasics.name = "lobby";
  });

  test("says at start where each hub is, and which store, cache and bus it uses", () => {
    const { stdout, url } = server.hubd;
    for (const hub of ["chat", "lobby"]) {
      const line = stdout.split("\n").find((text) => text.includes(`${url}/hub/${hub}`));
      assert.ok(line, stdout);
      assert.match(line, / store (sqlite|postgresql):\S+ +cache (memory:|redis:\S+) +bus (memory:|kafka:\S+)$/);
    }
  });

  test("warns of dev authentication", async () => {
    await server.hubd.printed(/warn[^\n]*dev/i);
  });

  test("/healthz and /readyz answer 200", async () => {
    assert.equal((await server.rest("GET", "/healthz")).status, 200);
    assert.equal((await server.rest("GET", "/readyz")).status, 200);
  });

  test("/metrics counts what happens, in Prometheus' text form", async () => {
    const roomId = server.room();
    const ann = await server.member("ann", roomId);
    await server.member("bob", roomId);
    await ann.say(roomId, "counted");
    await ann.refused("unknown_type", "hub:send", { roomId, messageType: "video", content: {} });
    const { status, text, headers } = await server.rest("GET", "/metrics");
    assert.equal(status, 200);
    assert.match(headers.get("content-type"), /^text\/plain/);
    for (const line of text.trim().split("\n")) {
      assert.match(
        line,
        /^# (HELP|TYPE) \S+ .*$|^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^{}]*\})? [0-9.eE+-]+$|^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^{}]*\})? (NaN|[+-]Inf)$/,
      );
    }
    for (const subject of [
      /connections/,
      /rooms/,
      /members/,
      /messages/,
      /deliver/,
      /bytes/,
      /unknown_type/,
      /store/,
      /script/,
      /queue/,
      /slow/,
      /build/,
    ]) {
      assert.match(text, subject);
    }
  });
});

describe("the address at start", () => {
  const said = (host) => async (check) =>
    serving(
      (def) => {
        def.service.listen.host = host;
        def.service.auth = { anonymous: true };
      },
      async (server) => check(server),
    );

  // 127.0.0.1 was printed for 0.0.0.0, as if nobody else could come in.
  for (const [host, url] of [
    ["0.0.0.0", /^http:\/\/0\.0\.0\.0:\d+$/],
    ["localhost", /^http:\/\/localhost:\d+$/],
    ["[::1]", /^http:\/\/\[::1\]:\d+$/],
    ["::", /^http:\/\/\[::\]:\d+$/],
  ]) {
    test(`${host} is what is listened on`, () =>
      said(host)(async (server) => {
        assert.match(server.url, url);
        assert.equal((await server.rest("GET", "/healthz")).status, 200);
      }));
  }

  test("localhost answers in both families", () =>
    said("localhost")(async ({ port }) => {
      for (const address of ["127.0.0.1", "[::1]"]) assert.equal((await fetch(`http://${address}:${port}/healthz`)).status, 200);
    }));

  test("a socket file, and a path of Engine.IO of one's own", async () => {
    const dir = writeService(definition((def) => (def.service.listen = { host: `unix:${join(temporaryFolder("socket"), "hub.sock")}`, path: "/live" })));
    const hubd = new Hubd(dir);
    try {
      const [, path] = await hubd.printed(/listening on unix:(\S+)\n/);
      const ask = (target) =>
        new Promise((done, failed) => request({ socketPath: path, path: target }, (res) => res.resume().on("end", () => done(res.statusCode))).on("error", failed).end());
      assert.equal(await ask("/healthz"), 200);
      assert.equal(await ask("/live/?EIO=4&transport=polling"), 200);
      assert.equal(await ask("/socket.io/?EIO=4&transport=polling"), 404);
      await hubd.stop();
      assert.equal(existsSync(path), false);
    } finally {
      hubd.signal("SIGKILL");
      removeService(dir);
    }
  });
});

describe("SIGTERM", () => {
  test("tells clients, closes, and exits 0; what was acknowledged is there at the next start", async () => {
    const dir = writeService(definition());
    try {
      const first = await Hubd.start(dir);
      const open = async (hubd) => {
        const peer = new Peer(`${hubd.url}/hub/chat`, { auth: { token: "dev:ann" } });
        await peer.connected();
        peer.welcome = await peer.ok("hub:join", { roomId: "r1" });
        return peer;
      };
      const ann = await open(first);
      const polling = new Peer(`${first.url}/hub/chat`, { auth: { token: "dev:bob" }, transports: ["polling"] });
      await polling.connected();
      const message = await ann.say("r1", "before the stop");
      const stopped = first.stop();
      for (const peer of [ann, polling]) {
        const draining = await peer.next("hub:draining");
        assert.ok(draining.retryAfterMs >= 0, JSON.stringify(draining));
        await peer.disconnected();
      }
      await stopped;
      const second = await Hubd.start(dir);
      const again = await open(second);
      assert.deepEqual((await again.next("hub:history")).messages, [message]);
      assert.equal(again.welcome.epoch, ann.welcome.epoch);
      assert.equal((await again.say("r1", "after")).seq, message.seq + 1);
      again.close();
      await second.stop();
    } finally {
      removeService(dir);
    }
  });

  test("what was sent before it is answered before the end", async () => {
    await serving(undefined, async (server) => {
      const ann = await server.member("ann", "r1");
      const answers = Array.from({ length: 200 }, (_, i) => ann.call("hub:send", { roomId: "r1", messageType: "text", content: { body: `${i}` } }));
      await answers[0];
      server.hubd.signal("SIGTERM");
      let acknowledged = 0;
      for (const answer of answers) {
        const outcome = await Promise.race([answer, ann.disconnected()]);
        if (outcome.ok) acknowledged++;
        else if (outcome.error) assert.equal(outcome.error.code, "shutting_down");
      }
      const { code } = await server.hubd.ended(12000 + SLACK_MS, "hubd ends");
      assert.equal(code, 0);
      await server.start();
      const { messages } = await (await server.member("bob", "r1")).ok("hub:history", { roomId: "r1", limit: 500 });
      assert.ok(messages.length >= acknowledged, `${messages.length} of ${acknowledged}`);
      assert.deepEqual(
        messages.map(({ seq }) => seq),
        messages.map((_, i) => i + 1),
      );
    });
  });

  // Reads were not among the work that it waits for.
  test("nor do reads that wait for their turn go unanswered", async () => {
    await serving(undefined, async (server) => {
      const ann = await server.member("ann", "r1");
      await Promise.all(Array.from({ length: 300 }, () => ann.say("r1", "x".repeat(500))));
      const answers = Array.from({ length: 60 }, () => ann.call("hub:history", { roomId: "r1", limit: 1000 }));
      await answers[0];
      server.hubd.signal("SIGTERM");
      for (const answer of answers) assert.equal((await Promise.race([answer, ann.disconnected()])).ok, true);
      assert.equal((await server.hubd.ended(12000 + SLACK_MS, "hubd ends")).code, 0);
      await server.start();
    });
  });

  test("takes no more than ten seconds, even with readers that never read and half-sent requests", async () => {
    await serving(undefined, async (server) => {
      await Promise.all(Array.from({ length: 20 }, async () => (await Tcp.open(server.port)).write("GET /healthz HTTP/1.1\r\n")));
      const held = await Polling.open(server.url);
      held.poll().catch(() => {});
      server.hubd.signal("SIGTERM");
      const { code } = await server.hubd.ended(12000 + SLACK_MS, "hubd ends");
      assert.equal(code, 0);
      server.hubd.assertClean();
      await server.start();
    });
  });
});

// Lists of many rows, more at once than have their turn: some wait for long enough that something else comes in between.
describe("lists of /objects that wait for their turn", () => {
  const LISTS = 60;
  const rows = (def) => {
    const membership = def.service.dataObjects.find(({ name }) => name === "membership");
    membership.api = { read: ["reader"] };
    def.seed.membership = Array.from({ length: 1000 }, (_, i) => ({ id: `m${i}`, userId: `u${i}`, conversationId: "r1", role: "x".repeat(200) }));
  };
  async function ask(server) {
    const answers = Array.from({ length: LISTS }, () => server.rest("GET", "/objects/membership?limit=1000", { user: "ann", role: "reader" }));
    await eventually("many wait", async () => Number(/^hubd_reads_waiting (\d+)/m.exec((await server.rest("GET", "/metrics")).text)[1]) > LISTS / 3);
    return answers;
  }

  // They kept the table and the rights of the definition that they were asked under, which was freed after a while.
  test("are judged by the definition that is in force when their turn comes", () =>
    serving(rows, async (server) => {
      const answers = await ask(server);
      server.def.service.dataObjects.find(({ name }) => name === "membership").api.read = ["auditor"];
      writeService(server.def, server.dir);
      server.hubd.signal("SIGHUP");
      const statuses = (await Promise.all(answers)).map(({ status }) => status);
      assert.deepEqual([...new Set(statuses)].sort(), [200, 403]);
    }));

});

describe("a request that is being authenticated", () => {
  test("is judged by the definition that is in force afterwards, also when its hub is gone", async () => {
    const room = await waitingRoom();
    await serving(
      (def) => {
        def.service.auth.authenticate = { lua: `${room.wait} return true` };
        def.service.scripting = { wallMs: 60000 };
        def.service.dataObjects.find(({ name }) => name === "membership").api = { read: ["reader"], create: ["reader"] };
        def.hubs = [{ ...structuredClone(def.hub), hubBasics: { name: "other", description: "To go" } }];
      },
      async (server) => {
        const who = { user: "ann", role: "reader" };
        const requests = [
          ["GET", "/objects/membership"],
          ["GET", "/objects/membership/m1"],
          ["POST", "/objects/membership", { userId: "u", conversationId: "r1" }],
          ["GET", "/other"],
          ["GET", "/other/rooms/r1"],
        ];
        const answers = requests.map(([method, path, body]) => server.rest(method, path, { ...who, body }));
        const peer = server.open("ann", { role: "reader", namespace: "/hub/other", transports: ["websocket"] });
        await room.holds(6);
        server.def.service.dataObjects.find(({ name }) => name === "membership").api = { read: ["auditor"], create: ["auditor"] };
        server.def.hubs = [];
        rmSync(join(server.dir, "other.hub.yaml"));
        writeService(server.def, server.dir);
        server.hubd.signal("SIGHUP");
        await server.hubd.printed(/definitions reloaded/);
        room.open();
        const statuses = (await Promise.all(answers)).map(({ status }) => status);
        assert.deepEqual(statuses, [403, 403, 403, 404, 404]);
        assert.equal((await peer.refusal()).message, "Invalid namespace");
      },
    );
  });
});

describe("work that a stop waits for", () => {
  test("is named in the log and counted in /metrics", async () => {
    const room = await waitingRoom();
    await serving(
      (def) => (def.hub.roomSettings.checkScript = { lua: `${room.wait} return true` }),
      async (server) => {
        const ann = await server.connect("ann");
        const joined = ann.call("hub:join", { roomId: "r1" });
        await room.holds(1);
        assert.match((await server.rest("GET", "/metrics")).text, /^hubd_holds\{what="join decision"\} 1$/m);
        server.hubd.signal("SIGTERM");
        await server.hubd.printed(/still draining.*1 join decision/);
        room.open();
        await joined;
        await server.hubd.ended(5000 + SLACK_MS, "hubd ends");
        server.hubd.assertClean();
        await server.start();
      },
    );
  });
});

describe("a second SIGTERM", () => {
  test("stops at once", async () => {
    await serving(undefined, async (server) => {
      const lazy = await server.member("lazy", "r1");
      lazy.socket.io.engine.transport.ws._socket.pause();
      const ann = await server.member("ann", "r1");
      for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 10 }, () => ann.say("r1", "x".repeat(6000))));
      const draining = ann.next("hub:draining");
      server.hubd.signal("SIGTERM");
      await draining;
      server.hubd.signal("SIGTERM");
      await server.hubd.ended(9000, "hubd ends"); // the lazy one would be waited for longer
      server.hubd.assertClean();
      await server.start();
    });
  });
});

describe("SIGHUP", () => {
  test("takes over a good definition and keeps serving the connected", async () => {
    await serving(
      (def) => (def.hub.historySettings = { historyEnabled: true, historyLimit: 2 }),
      async (server) => {
        const ann = await server.member("ann", "r1");
        for (let i = 0; i < 5; i++) await ann.say("r1", `${i}`);
        server.def.hub.historySettings.historyLimit = 4;
        server.def.hub.messageSettings.messageTypes.push("image");
        writeService(server.def, server.dir);
        const from = server.hubd.output.length;
        server.hubd.signal("SIGHUP");
        await server.hubd.printed(/reload/i, from);
        // The log line may precede the switch; a join tells.
        const joinedWith = async () => (await (await server.member("bob", "r1")).next("hub:history")).messages.length;
        await eventually("the new historyLimit", async () => (await joinedWith()) === 4);
        await ann.say("r1", "still connected");
        const bob = await server.member("bob", "r1");
        await bob.ok("hub:send", { roomId: "r1", messageType: "image", content: { mediaUrl: "https://x.example/i" } });
        assert.equal((await ann.next("hub:messageArrived", ({ message }) => message.messageType === "image")).sender.id, "bob");
      },
    );
  });

  test("a join that was being decided is decided by the new definition", async () => {
    const room = await waitingRoom();
    const decidedBy = (role) => [{ name: "slow", script: { lua: `${room.wait} return true` }, hubRole: role }];
    await serving(
      (def) => {
        def.service.scripting = { wallMs: 60000 };
        def.hub.hubRoles = [{ name: "member" }];
        def.hub.roomSettings.authScripts = decidedBy("member");
      },
      async (server) => {
        const ann = await server.connect("ann");
        const joined = ann.ok("hub:join", { roomId: "r1" });
        await room.holds(1);
        server.def.hub.hubRoles = [{ name: "reader", canSend: false }];
        server.def.hub.roomSettings.authScripts = decidedBy("reader");
        writeService(server.def, server.dir);
        server.hubd.signal("SIGHUP");
        await server.hubd.printed(/definitions reloaded/);
        room.open();
        assert.equal((await joined).hubRole, "reader");
        const sent = await ann.socket.emitWithAck("hub:send", { roomId: "r1", messageType: "text", content: { body: "x" } });
        assert.equal(sent.error.code, "cannot_send");
      },
    );
  });

  test("a send that waited for its turn is handled by the script it was sent to", async () => {
    const handler = (mark) => `sleep(300) return { accept = true, modifiedContent = { body = message.content.body .. "${mark}" } }`;
    await serving(
      (def) => {
        def.hub.messageSettings.customMessageTypes = [{ name: "note", fields: [{ name: "body", fieldType: "String" }] }];
        def.hub.hubLogic = { messageHandlers: [{ messageType: "note", script: { lua: handler(" old") } }] };
      },
      async (server) => {
        const ann = await server.member("ann", "r1");
        const sends = ["1", "2"].map((body) => ann.ok("hub:send", { roomId: "r1", messageType: "note", content: { body } }));
        await ann.ok("hub:members", { roomId: "r1" }); // both sends were read
        server.def.hub.hubLogic.messageHandlers[0].script.lua = handler(" new");
        server.def.hub.roomSettings.roomEligibility = "true"; // one more script, compiled before the handler
        writeService(server.def, server.dir);
        server.hubd.signal("SIGHUP");
        await server.hubd.printed(/definitions reloaded/);
        const bodies = (await Promise.all(sends)).map(({ message }) => message.content.body);
        assert.deepEqual(bodies, ["1 old", "2 old"]);
        const { message } = await ann.ok("hub:send", { roomId: "r1", messageType: "note", content: { body: "3" } });
        assert.equal(message.content.body, "3 new");
      },
    );
  });

  // readConnections, statementTimeout and project were applied by halves, or passed over, in silence.
  test("says what only a restart changes, each option by its name, and keeps it as it was", async () => {
    await serving(undefined, async (server) => {
      const { service } = server.def;
      service.listen.maxPayload = 2000000;
      Object.assign(service.service, { name: "other", basePath: "/other" });
      Object.assign(service.store, { readConnections: 4, statementTimeout: 1000 });
      writeService(server.def, server.dir);
      for (let time = 0; time < 2; time++) {
        const from = server.hubd.output.length;
        server.hubd.signal("SIGHUP");
        await server.hubd.printed(/definitions reloaded/, from);
        const said = server.hubd.output.slice(from);
        assert.match(said, /listen\.maxPayload: 1000000 -> 2000000 needs a restart/);
        assert.match(said, /service\.name: \S+ -> other needs a restart/);
        assert.match(said, /service\.basePath: "" -> \/other needs a restart/);
        assert.match(said, /store\.readConnections: 2 -> 4 needs a restart/);
        assert.match(said, /store\.statementTimeout: 5000 -> 1000 needs a restart/);
        assert.doesNotMatch(said, /auth.* needs a restart/);
      }
    });
  });

  test("refuses a bad definition with the lint text and keeps the old one", async () => {
    await serving(undefined, async (server) => {
      const ann = await server.member("ann", "r1");
      const file = join(server.dir, "chat.hub.yaml");
      const good = readFileSync(file, "utf8");
      writeFileSync(file, good.replace('"hubRole":"member"', '"hubRole":"membre"'));
      const from = server.hubd.output.length;
      server.hubd.signal("SIGHUP");
      await server.hubd.printed(/chat\.hub\.yaml:\d+:\d+: error\[H\d+\][^\n]*membre/, from);
      await ann.say("r1", "still here");
      await server.member("bob", "r1");
    });
  });
});

describe("starts that fail", () => {
  async function failing(change, check, options) {
    const dir = writeService(definition(change));
    try {
      await check(dir, () => runToEnd(dir, options));
    } finally {
      chmodSync(dir, 0o755);
      removeService(dir);
    }
  }

  test("without arguments, or with ones there are not, it is usage: 2", async () => {
    const dir = writeService(definition());
    try {
      for (const args of [["--frobnicate"], ["--log-level", "loud"], ["--set", "listen.port"], [dir]]) {
        assert.equal((await runToEnd(dir, { args })).code, 2, args.join(" "));
      }
    } finally {
      removeService(dir);
    }
  });

  test("--version says the version and exits 0", async () => {
    const dir = writeService(definition());
    const { code, stdout } = await runToEnd(dir, { args: ["--version"] });
    removeService(dir);
    assert.equal(code, 0);
    assert.match(stdout, /\d+\.\d+\.\d+/);
  });

  test("--check says nothing is wrong, touches nothing, and exits 0", async () => {
    await failing(undefined, async (dir) => {
      assert.equal((await runToEnd(dir, { args: ["--check"] })).code, 0);
      rmSync(join(dir, "service.yaml"));
      assert.equal((await runToEnd(dir, { args: ["--check"] })).code, 3);
    });
  });

  test("a directory without service.yaml: 3, and the file is named", async () => {
    await failing(undefined, async (dir, run) => {
      rmSync(join(dir, "service.yaml"));
      const { code, output } = await run();
      assert.equal(code, 3, output);
      assert.match(output, /service\.yaml/);
    });
  });

  test("a directory that is not there: 3, and it is named", async () => {
    const { code, output } = await runToEnd("/nowhere/at/all");
    assert.equal(code, 3, output);
    assert.match(output, /\/nowhere\/at\/all/);
  });

  test("an invalid definition: 3, every problem in the text of lint", async () => {
    await failing(
      (def) => {
        def.hub.roomSettings.authScripts[0].hubRole = "membre";
        def.hub.guardrails.maxUsersPerRom = 5;
        def.hub.roomSettings.roomEligibility = "room.status ==";
      },
      async (dir, run) => {
        const { code, output } = await run();
        assert.equal(code, 3, output);
        assert.match(output, /chat\.hub\.yaml:\d+:\d+: error\[H\d+\]: .*membre[^]*did you mean "member"/);
        assert.match(output, /chat\.hub\.yaml:\d+:\d+: error\[[HY]\d+\]: .*maxUsersPerRom[^]*maxUsersPerRoom/);
        assert.match(output, /chat\.hub\.yaml:\d+:\d+: error\[L\d+\]/);
      },
    );
  });

  test("a missing environment variable: 3, and it is named", { skip: embeddedOnly("the URL in the file does not count") }, async () => {
    await failing(
      (def) => (def.service.store.url = "${HUBD_TEST_NOT_SET}"),
      async (dir, run) => {
        const { code, output } = await run();
        assert.equal(code, 3, output);
        assert.match(output, /service\.yaml:\d+:\d+: .*HUBD_TEST_NOT_SET/);
      },
    );
  });

  test("dev authentication on a public address: 3, unless it was asked for", async () => {
    await failing(
      (def) => (def.service.listen.host = "0.0.0.0"),
      async (dir, run) => {
        const { code, output } = await run();
        assert.equal(code, 3, output);
        assert.match(output, /HUBD_ALLOW_DEV_AUTH/);
        const hubd = await Hubd.start(dir, { env: { HUBD_ALLOW_DEV_AUTH: "1" } });
        await hubd.stop();
      },
    );
  });

  test("a port in use: 1, and address and cause are named", async () => {
    const other = createServer();
    await new Promise((done) => other.listen(0, "127.0.0.1", done));
    const { port } = other.address();
    await failing(
      (def) => (def.service.listen.port = port),
      async (dir, run) => {
        const { code, output } = await run();
        assert.equal(code, 1, output);
        assert.match(output, new RegExp(`127\\.0\\.0\\.1:${port}.*in use`));
      },
    );
    other.close();
  });

  test("a store that cannot be written: 4, and the path is named", { skip: embeddedOnly("about a file") }, async () => {
    await failing(undefined, async (dir) => {
      // A file where the folder should be: unwritable for root too.
      writeFileSync(join(dir, "data"), "");
      const { code, output } = await runToEnd(dir, { args: ["--wait", "0"] });
      assert.equal(code, 4, output);
      assert.match(output, /data\/test\.db/);
    });
  });

  test("a store file that is no database: 4, and the path is named", { skip: embeddedOnly("about a file") }, async () => {
    await failing(undefined, async (dir) => {
      mkdirSync(join(dir, "data"));
      writeFileSync(join(dir, "data/test.db"), "this is not a database, but long enough to be looked at ".repeat(100));
      const { code, output } = await runToEnd(dir, { args: ["--wait", "0"] });
      assert.equal(code, 4, output);
      assert.match(output, /data\/test\.db/);
    });
  });

  test("a missing key file: one line that names it, and no start", async () => {
    await failing(
      (def) => (def.service.auth = { jwt: { algorithms: ["RS256"], publicKeyFile: "keys/missing.pem" } }),
      async (dir, run) => {
        const { code, output } = await run();
        assert.ok([1, 3].includes(code), `${code}\n${output}`);
        assert.match(output, /keys\/missing\.pem/);
      },
    );
  });

  test("--set and the environment go before the file, the command line before both", { skip: embeddedOnly("sets the environment itself") }, async () => {
    await failing(
      (def) => (def.service.store.url = "sqlite:data/file.db"),
      async (dir) => {
        const started = async (options) => {
          const hubd = await Hubd.start(dir, options);
          await hubd.stop();
          return hubd.stdout;
        };
        assert.match(await started({}), /data\/file\.db/);
        const env = { HUBD_STORE_URL: "sqlite:data/env.db" };
        assert.match(await started({ env }), /data\/env\.db/);
        assert.match(await started({ env, args: ["--set", "store.url=sqlite:data/set.db"] }), /data\/set\.db/);
      },
    );
  });

  test("--log-format json writes one JSON object per line", async () => {
    await failing(undefined, async (dir) => {
      const hubd = await Hubd.start(dir, { args: ["--log-format", "json", "--log-level", "debug"] });
      await hubd.stop();
      const lines = hubd.output.split("\n").filter((line) => line.startsWith("{"));
      assert.ok(lines.length > 0, hubd.output);
      for (const line of lines) JSON.parse(line);
    });
  });
});
