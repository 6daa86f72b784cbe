// Plugins: parts of several hubs and plain namespaces, with parameters of each use, modules of their own, and their order; reload.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { serve, serving, writeService } from "./harness.js";

const lua = (text) => ({ lua: text });

const antispam = {
  name: "antispam",
  parameters: [
    { name: "maxLinks", fieldType: "Integer", defaultValue: 2 },
    { name: "words", fieldType: "String", list: true, defaultValue: [] },
  ],
  middleware: [
    {
      name: "links",
      on: ["messages", "commands"],
      before: lua('ctx.trail = {"plugin"} local text = type(payload) == "table" and (payload.text or payload.content and payload.content.body) or ""\nif require("links").count(text) > plugin.maxLinks then error{code = "too_many_links", message = lib.words.shout("too many"), data = {max = plugin.maxLinks}} end'),
      after: lua('if type(ctx.result) == "table" and ctx.result.trail then table.insert(ctx.result.trail, "plugin after") end'),
    },
  ],
  commands: [
    { name: "limit", result: [{ name: "links", fieldType: "Integer" }], script: "({links: plugin.maxLinks})" },
    { name: "free", script: "true" },
    { name: "counted", script: lua("return {lib.links.seen(), lib.links.max, #plugin.words}") },
  ],
  lifecycle: {
    onConnect: lua('if session.roleId == "robot" then return {deny = "no robots"} end return {metadata = {links = plugin.maxLinks, by = "plugin"}}'),
    onDisconnect: lua('log.info("plugin saw the end", {user = session.userId, links = plugin.maxLinks})'),
  },
  channels: [{ pattern: "spam:{of}", canPublish: "plugin.maxLinks > 2" }],
};
const linksLua = 'local links, n = {max = plugin.maxLinks}, 0 function links.count(text) local _, k = text:gsub("http://", "") return k end function links.seen() n = n + 1 return n end return links';

function declare(def) {
  def.service.plugins = ["plugins/antispam"];
  def.files = {
    "plugins/antispam/plugin.yaml": JSON.stringify(antispam),
    "plugins/antispam/lib/links.lua": linksLua,
    "lib/words.lua": "return {shout = function(text) return text:upper() end, of = 'service'}",
    "lib/links.lua": "return {of = 'service'}",
  };
  def.hub.hubExtensions.plugins = [{ plugin: "antispam", with: { maxLinks: 1, words: ["a", "b"] } }];
  def.hub.hubExtensions.lifecycle = {
    onConnect: lua('log.info("hub is asked", {user = session.userId}) if session.userId == "zoe" then return {deny = "not zoe"} end return {metadata = {by = "hub"}}'),
    onDisconnect: lua('log.info("hub saw the end", {user = session.userId})'),
  };
  def.hub.hubExtensions.commands = [
    { name: "metadata", script: "connection.metadata" },
    { name: "trail", script: lua("return {trail = ctx.trail}") },
    { name: "whose", script: lua("return lib.links.of") },
  ];
  def.hub.hubExtensions.middleware = [{ name: "own", before: lua('table.insert(ctx.trail, "own")'), after: lua('if type(ctx.result) == "table" and ctx.result.trail then table.insert(ctx.result.trail, "own after") end') }];
  def.hubs = [structuredClone({ ...def.hub, hubBasics: { name: "loud" } })];
  def.hubs[0].hubExtensions.plugins[0] = { plugin: "antispam", with: { maxLinks: 3 } };
  def.service.namespaces = [{ path: "/plain", plugins: [{ plugin: "antispam" }], events: [{ name: "*", script: lua("return 'handler', event") }] }];
}

const body = (n) => "http://x ".repeat(n);

describe("plugins", () => {
  const server = serve(declare);

  test("act in each hub and namespace by its own parameters", async () => {
    const [ann, loud, plain] = [await server.connect("ann"), await server.connect("ann", { hub: "loud" }), await server.connect("ann", { namespace: "/plain" })];
    for (const [peer, links] of [[ann, 1], [loud, 3], [plain, 2]]) {
      assert.deepEqual((await peer.ok("limit", null)).result, { links });
      await peer.ok("free", { text: body(links) });
      const { error } = await peer.call("free", { text: body(links + 1) });
      assert.deepEqual(error, { code: "too_many_links", message: "TOO MANY", data: { max: links } });
    }
    const roomId = server.room();
    await ann.ok("hub:join", { roomId });
    await ann.refused("too_many_links", "hub:send", { roomId, messageType: "text", content: { body: body(2) } });
    await ann.ok("hub:send", { roomId, messageType: "text", content: { body: body(1) } });
  });

  test("come before what the hub has of its own", async () => {
    const ann = await server.connect("ann");
    assert.deepEqual((await ann.ok("trail", {})).result, { trail: ["plugin", "own", "own after", "plugin after"] });
  });

  test("have modules of their own, for each use, which others do not see", async () => {
    const [ann, loud] = [await server.connect("ann"), await server.connect("ann", { hub: "loud" })];
    assert.deepEqual((await ann.ok("counted", null)).result, [1, 1, 2]);
    assert.deepEqual((await ann.ok("counted", null)).result, [2, 1, 2]);
    assert.deepEqual((await loud.ok("counted", null)).result, [1, 3, 0]);
    assert.deepEqual((await ann.ok("whose", {})).result, "service");
  });

  test("have hooks of lifecycle that run before the hub's, and all decide", async () => {
    const ann = await server.connect("ann");
    assert.deepEqual((await ann.ok("metadata", {})).result, { links: 1, by: "hub" });
    let from = server.hubd.output.length;
    ann.close();
    await server.hubd.printed(/plugin saw the end[^\n]*\n[^]*hub saw the end[^\n]*\n/, from);
    from = server.hubd.output.length;
    const refused = async (user, options) => (await server.open(user, options).refusal()).message;
    assert.equal(await refused("rob", { role: "robot" }), "no robots");
    assert.equal(await refused("rob", { role: "robot", namespace: "/plain" }), "no robots");
    assert.doesNotMatch(server.hubd.output.slice(from), /hub is asked/);
    assert.equal(await refused("zoe"), "not zoe");
  });

  test("bring windows whose guards know the use", async () => {
    const [ann, loud] = [await server.connect("ann"), await server.connect("ann", { hub: "loud" })];
    await ann.ok("hub:subscribe", { channel: "spam:x" });
    await ann.refused("not_allowed", "hub:publish", { channel: "spam:x", data: 1 });
    await loud.ok("hub:publish", { channel: "spam:x", data: 2 });
    assert.equal((await ann.next("hub:channelMessage")).data, 2);
  });

  test("are in the description of the hub", async () => {
    const { body: described } = await server.rest("GET", "/chat", { user: "ann" });
    assert.match(JSON.stringify(described), /"commands":\[\{"name":"limit".*"name":"free".*"name":"counted".*"name":"trail"/);
  });
});

test("a changed file of a plugin is in force after a reload, and one that is wrong refuses it", async () => {
  await serving(declare, async (server) => {
    const ann = await server.connect("ann");
    const reload = async (change, said) => {
      change(server.def.files);
      writeService(server.def, server.dir);
      const from = server.hubd.output.length;
      server.hubd.signal("SIGHUP");
      await server.hubd.printed(said, from);
    };
    const plugin = (text) => (files) => (files["plugins/antispam/plugin.yaml"] = JSON.stringify(text));
    assert.deepEqual((await ann.ok("counted", null)).result, [1, 1, 2]);

    await reload(plugin({ ...antispam, requires: ["nobody"] }), /plugin\.yaml:1:\d+: error\[E041\][^]*reload refused/);
    assert.deepEqual((await ann.ok("counted", null)).result, [2, 1, 2]);

    await reload((files) => {
      files["plugins/antispam/lib/links.lua"] = "error('broken')";
      plugin(antispam)(files);
    }, /plugins\/antispam\/lib\/links.lua:1:1: error\[L011\]: broken[^]*reload refused/);
    assert.deepEqual((await ann.ok("counted", null)).result, [3, 1, 2]);

    const waits = { name: "wait", script: lua("sleep(plugin.ms) return lib.links.seen()") };
    const slow = { ...antispam, parameters: [...antispam.parameters, { name: "ms", fieldType: "Integer", defaultValue: 300 }], commands: [...antispam.commands, waits] };
    await reload((files) => {
      files["plugins/antispam/lib/links.lua"] = linksLua.replace(", 0 ", ", 10 ");
      plugin(slow)(files);
    }, /definitions reloaded/);
    assert.deepEqual((await ann.ok("counted", null)).result, [11, 1, 2]);

    const old = ann.call("wait", null); // goes on with the modules that it began with
    await reload(plugin({ ...slow, commands: [waits, { name: "fresh", script: "plugin.maxLinks" }] }), /definitions reloaded/);
    assert.equal((await ann.ok("fresh", null)).result, 1);
    assert.equal((await ann.call("hub:command", { command: "counted" })).error.code, "unknown_command");
    assert.deepEqual(await old, { ok: true, result: 12 });
    assert.equal((await ann.ok("wait", null)).result, 11);
  });
});
