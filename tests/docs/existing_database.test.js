// docs/existing-database.md, word for word but for addresses: its SQL, service, hub and relay on a real PostgreSQL and Kafka, its commands, and what
// each line of changes.sql is said to do. Runs under transcript/backends/main.js; HUBD and HUBCTL name the programs.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { askSet } from "../transcript/backends/set.js";
import { psql } from "../transcript/backends/postgres.js";
import { temporaryFolder } from "../transcript/backends/server.js";
import { eventually, Hubd, ROOT, within } from "../transcript/harness.js";
import { Peer } from "../transcript/peer.js";

const SET = process.env.HUBD_TEST_SET;
const page = readFileSync(join(ROOT, "docs/existing-database.md"), "utf8");
const blocks = [...page.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language, text]) => ({ language, text }));

/** The block that begins with a comment naming FILE. */
function block(file) {
  const found = blocks.filter(({ text }) => new RegExp(`^(--|#|//) ${file.replaceAll(".", "\\.")}\\b`).test(text));
  assert.equal(found.length, 1, `${file} is in the page once`);
  return found[0].text;
}

const run = promisify(execFile);
const dir = temporaryFolder("docs");
const service = join(dir, "service");
let place, hubd, relay;
const peers = [];

/** The store's URL as USER, which gets in by its own password or without one. */
const as = (user) => place.store.replace(/\/\/[^@]*@/, `//${user}@`);

before(async () => {
  place = await askSet(SET, "POST", "/place");
  mkdirSync(service);
  for (const file of ["service.yaml", "support.hub.yaml"]) writeFileSync(join(service, file), block(file));
  symlinkSync(join(ROOT, "tests/transcript/node_modules"), join(dir, "node_modules"));
  writeFileSync(join(dir, "relay.mjs"), block("relay.mjs"));
});

after(async () => {
  peers.forEach((peer) => peer.close());
  relay?.kill("SIGKILL");
  hubd?.signal("SIGKILL");
  await hubd?.exit;
  await askSet(SET, "DELETE", `/place/${place.id}`).catch((error) => console.error(error.message));
  await psql(process.env.HUBD_TEST_POSTGRES, "DROP ROLE IF EXISTS hubd");
  rmSync(dir, { recursive: true, force: true });
});

/** The page's topics begin with its project; here the project is the place's. */
const here = (text) => text.replaceAll("helpdesk-support-", `${place.project}-support-`);

async function open(user) {
  const peer = new Peer(`${hubd.url}/hub/support`, { auth: { token: `dev:${user}` } });
  peers.push(peer);
  await peer.connected();
  return peer;
}

test("the tables, the role and the commands of the page do what it says", { skip: !SET && "no servers" }, async () => {
  for (const file of ["helpdesk.sql", "hubd.sql"]) await psql(place.store, block(file));
  const environment = { HUBD_STORE_URL: as("hubd"), HUBD_CACHE_URL: place.cache, HUBD_BUS_URL: place.bus };
  const env = { ...process.env, ...environment };
  const commands = blocks.find(({ language, text }) => language === "sh" && text.includes("hubctl migrate")).text;
  const said = {};
  for (const line of commands.split("\n").filter((text) => text.startsWith("hubctl"))) {
    const args = line.replace(/#.*/, "").trim().split(/\s+/).slice(1);
    const { stdout } = await run(process.env.HUBCTL, args, { cwd: service, env }).catch((error) => assert.fail(`${line}\n${error.stdout}${error.stderr}`));
    said[args.slice(0, 1).concat(args.filter((arg) => arg.startsWith("--plan") || arg.startsWith("--apply"))).join(" ")] = stdout;
  }
  assert.match(said["migrate --plan"], /CREATE TABLE "supportMessage"/);
  assert.doesNotMatch(said["migrate --plan"], /tickets|ticket_agents/);
  assert.match(said.why, /^admitted as customer$/m);
  for (const name of ["supportMessage", "supportModeration", "supportReceipt", "supportEvent"]) assert.ok(page.includes(name));
  hubd = new Hubd(service, { args: ["--set", "listen.port=0", "--set", `service.project=${place.project}`], env: environment });
  [, hubd.url] = await within(30000, hubd.printed(/hub support +(http\S+)\/hub\//), "hubd serves", () => hubd.output);
});

test("rooms are rows, roles come from the other table", { skip: !SET && "no servers" }, async () => {
  const ann = await open("ann");
  const { hubRole } = await ann.ok("hub:join", { roomId: "17" });
  assert.equal(hubRole, "customer");
  const bob = await open("bob");
  await bob.refused("not_authorized", "hub:join", { roomId: "17" });
  for (const roomId of ["18", "no number", "99999999999999999999"]) await bob.refused("room_not_found", "hub:join", { roomId });
  assert.equal((await ann.say("17", "help!")).senderId, "ann");
});

test("changes reach open rooms through trigger, relay and Kafka", { skip: !process.env.HUBD_TEST_KAFKA && "without Kafka" }, async () => {
  await psql(place.store, here(block("events.sql")));
  const env = { ...process.env, DATABASE_URL: place.store, KAFKA: place.bus.replace("kafka://", "") };
  relay = spawn(process.execPath, [join(dir, "relay.mjs")], { env, stdio: ["ignore", "inherit", "inherit"] });
  const [retitle, engage, dismiss, close] = block("changes.sql")
    .split("\n")
    .filter((line) => /^[A-Z]/.test(line));
  const ann = await open("ann");
  const welcome = await ann.ok("hub:join", { roomId: "17" });
  const told = async (peer, event) => within(30000, peer.next(event), event, () => hubd.output.slice(-2000));

  await psql(place.store, retitle);
  const updated = await told(ann, "hub:roomUpdated");
  assert.deepEqual(updated.changes, { title: "The printer is burning" });
  assert.equal(updated.record.title, "The printer is burning");

  await psql(place.store, engage);
  assert.equal((await told(ann, "hub:memberJoined")).record.userId, "bob");
  const bob = await open("bob");
  assert.equal((await bob.ok("hub:join", { roomId: "17" })).hubRole, "agent");

  // hubd's own change is told once, though the table has a trigger.
  await bob.ok("hub:updateRoom", { roomId: "17", changes: { status: "waiting" } });
  assert.deepEqual((await told(ann, "hub:roomUpdated")).changes, { status: "waiting" });

  await psql(place.store, dismiss);
  assert.equal((await told(ann, "hub:memberLeft")).record.userId, "bob");
  await told(bob, "hub:kicked");

  await psql(place.store, close);
  await told(ann, "hub:roomClosed");
  // An event does not wait for the message about it to be stored, and the relay deletes a row once Kafka has it, when hubd may have told of it.
  const kept = `SELECT content ->> 'systemAction' FROM "supportMessage" WHERE seq > ${welcome.seq} ORDER BY seq`;
  const actions = ["roomUpdated", "memberJoined", "roomUpdated", "memberLeft", "roomUpdated", "roomClosed"];
  let messages;
  await eventually("the last message is stored", async () => (messages = await psql(place.store, kept)).length >= actions.length);
  assert.deepEqual(
    messages.map(([action]) => action),
    actions,
  );
  await eventually("the relay is done", async () => (await psql(place.store, "SELECT count(*) FROM hub_events"))[0][0] === "0");
  await hubd.stop();
});
