// The example in hubs/notify: what users are told is there when they come back, questions are asked until somebody answers, and everybody has his own.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { example } from "./example.js";
import { embeddedOnly, eventually, PROGRAM } from "./harness.js";
import { connected, noBrowser, pages } from "./page.js";
import { Peer } from "./peer.js";

describe("hubs/notify", () => {
  const notify = example("notify");

  /** A client of USER who watches his inbox; peer.inboxNow is what was in it. */
  async function user(userId, { role = "user", clientId } = {}) {
    const peer = new Peer(`${notify.hubd.url}/notify`, { auth: { token: `dev:${userId}:${role}`, clientId } });
    notify.peers.push(peer);
    await peer.connected();
    peer.first = await peer.ok("hub:subscribeCollection", { collectionId: `inbox:${userId}` });
    return peer;
  }
  const jobs = async (...args) => (await promisify(execFile)(join(dirname(PROGRAM), "hubctl"), ["jobs", notify.dir, ...args])).stdout;
  const staff = () => user("sue", { role: "staff" });
  const told = (peer, look) =>
    peer.next("hub:collectionChanged", ({ added = [], changed = [] }) => [...added, ...changed].some((record) => look(record)));
  const answering = (peer, answer) => peer.socket.on("hub:invoke", (_, reply) => reply(answer));
  const fresh = (() => {
    let n = 0;
    return (name) => `${name}${++n}`;
  })();

  test("what staff sends is told to all connections of the user, and to nobody else", async () => {
    const id = fresh("ann");
    const [sue, ann, phone, bob] = [await staff(), await user(id), await user(id), await user(fresh("bob"))];
    const { result } = await sue.ok("send", { to: id, title: "Your order is on its way", body: "Two parcels" });
    for (const peer of [ann, phone]) {
      const { added } = await told(peer, ({ state }) => state === "unread");
      const { at, ...rest } = added[0];
      assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60000);
      assert.deepEqual(rest, {
        id: result.id,
        userId: id,
        title: "Your order is on its way",
        body: "Two parcels",
        sentBy: "sue",
        question: false,
        state: "unread",
      });
    }
    await bob.nothing("hub:collectionChanged");
  });

  test("others do not send, and nobody sees or touches what is another's", async () => {
    const [annId, bobId] = [fresh("ann"), fresh("bob")];
    const [sue, ann, bob] = [await staff(), await user(annId), await user(bobId)];
    await bob.refused("staff_only", "send", { to: annId, title: "Hello" });
    await bob.refused("not_allowed", "hub:subscribeCollection", { collectionId: `inbox:${annId}` });
    const { id } = (await sue.ok("send", { to: annId, title: "Hello", body: null })).result;
    await told(ann, (record) => record.id === id);
    for (const command of ["read", "dismiss"]) {
      await bob.refused("no_notification", command, { id });
      await bob.refused("no_notification", command, { id: "nothing" });
    }
    await ann.ok("read", { id });
    await told(ann, ({ state }) => state === "read");
    await ann.ok("dismiss", { id });
    assert.deepEqual((await ann.next("hub:collectionChanged")).removed, [id]);
    await sue.refused("too_long", "send", { to: annId, title: "Hello", body: "x".repeat(2001) });
    await sue.refused("invalid_content", "send", { to: annId, title: "x".repeat(256) });
    const almost = await user(fresh("cy"), { role: "staffless" });
    await almost.refused("staff_only", "send", { to: annId, title: "Hello" });
  });

  test("what is sent once more under the same key is told once, also after it was dismissed", async () => {
    const annId = fresh("ann");
    const [sue, ann] = [await staff(), await user(annId)];
    const send = async () => (await sue.ok("send", { to: annId, title: "Bill", key: `bill-${annId}` })).result.id;
    const id = await send();
    await told(ann, (record) => record.id === id);
    await ann.ok("dismiss", { id });
    assert.equal(await send(), id);
    await sue.ok("send", { to: annId, title: "Next" });
    const next = await told(ann, ({ title }) => title === "Next");
    assert.deepEqual(
      next.added.map(({ title }) => title),
      ["Next"],
    );
    assert.deepEqual((await user(annId)).first.records.map(({ title }) => title), ["Next"]);
  });

  test("what came while the user was away is there when he is back, and nothing twice when nothing came", async () => {
    const annId = fresh("ann");
    const sue = await staff();
    (await user(annId)).close();
    await sue.ok("send", { to: annId, title: "While you were away" });
    // What was sent is a job: he may be back before it was carried out, and jobs of one queue overtake each other.
    let ann;
    await eventually("it is there when he comes", async () => {
      ann?.close();
      ann = await user(annId);
      return ann.first.records.length;
    });
    assert.deepEqual(ann.first.records.map(({ title }) => title), ["While you were away"]);
    const again = await ann.ok("hub:subscribeCollection", { collectionId: `inbox:${annId}`, version: ann.first.version });
    assert.equal("records" in again, false);
  });

  test("a reminder comes when it is due, also when hubd was killed meanwhile", async () => {
    const annId = fresh("ann");
    const ann = await user(annId);
    const { id } = (await ann.ok("remind", { title: "Tea", inSeconds: 3 })).result;
    assert.equal((await told(ann, (record) => record.id === id)).added[0].state, "scheduled");
    await ann.refused("bad_time", "remind", { title: "Tea", inSeconds: 0 });
    await notify.hubd.kill();
    await notify.start();
    const back = await user(annId);
    if (back.first.records[0].state === "scheduled") await told(back, ({ state }) => state === "unread");
    assert.equal((await user(annId)).first.records[0].state, "unread");
  });

  const skip = embeddedOnly("hubctl reads the URL of the definition");
  test("a reminder that was dismissed does not come, and there is a bound to how many wait", { skip }, async () => {
    const annId = fresh("ann");
    const ann = await user(annId);
    const { id } = (await ann.ok("remind", { title: "Gone", inSeconds: 2 })).result;
    await ann.ok("dismiss", { id });
    assert.match(await jobs("show", id), /^state: cancelled$/m);
    await ann.ok("remind", { title: "Kept", inSeconds: 2 });
    await told(ann, ({ title, state }) => title === "Kept" && state === "unread");
    assert.deepEqual((await user(annId)).first.records.map(({ title }) => title), ["Kept"]);
    for (let i = 0; i < 50; i++) await ann.ok("remind", { title: "Later", inSeconds: 1000 });
    await ann.refused("too_many_reminders", "remind", { title: "Later", inSeconds: 1000 });
  });

  test("a question is asked until a client answers: one that cannot, one that is not there yet, one that can", async () => {
    const annId = fresh("ann");
    const [sue, ann] = [await staff(), await user(annId)];
    answering(ann, { ok: false, error: { code: "unknown", message: "I do not know how" } });
    const { id } = (await sue.ok("send", { to: annId, title: "Open the door?", question: true })).result;
    await told(ann, ({ state }) => state === "unread");
    assert.deepEqual(await ann.next("hub:invoke"), { type: "confirm", data: { id, title: "Open the door?" } });
    ann.close();
    const phone = await user(annId);
    answering(phone, { ok: true, result: { yes: true } });
    await told(phone, ({ state }) => state === "accepted");
  });

  test("what the user has read is not asked any more: its job is done", { skip }, async () => {
    const annId = fresh("ann");
    const [sue, ann] = [await staff(), await user(annId)];
    answering(ann, { ok: false, error: { code: "busy", message: "not now" } });
    const { id } = (await sue.ok("send", { to: annId, title: "Really?", question: true })).result;
    await ann.next("hub:invoke");
    await ann.ok("read", { id });
    await eventually("the job is done", async () => (await jobs("show", id)).includes("done"));
    await ann.nothing("hub:invoke");
    assert.equal((await user(annId)).first.records[0].state, "read");
  });

  test("a tab that comes a second time takes the place of the first", async () => {
    const annId = fresh("ann");
    const ann = await user(annId, { clientId: `tab-${annId}` });
    const again = await user(annId, { clientId: `tab-${annId}` });
    assert.deepEqual(await ann.next("hub:superseded"), { clientId: `tab-${annId}` });
    assert.equal(await ann.disconnected(), "io server disconnect");
    await again.ok("hub:subscribeCollection", { collectionId: `inbox:${annId}` });
    const stranger = new Peer(`${notify.hubd.url}/notify`, { auth: { token: "dev:eve", clientId: `tab-${annId}` } });
    notify.peers.push(stranger);
    assert.equal((await stranger.refusal()).data.code, "client_conflict");
  });
});

describe("the page of hubs/notify", { skip: noBrowser }, () => {
  const notify = example("notify");
  const { open } = pages(notify);

  async function tab(user, role = "user") {
    const page = await open();
    await page.getByLabel("Your user id").fill(user);
    await page.getByLabel("Role in the service").selectOption(role);
    await page.keyboard.press("Enter");
    await connected(page);
    return page;
  }
  const line = (page, text) => page.getByRole("listitem").filter({ hasText: text });
  async function send(page, to, title, question = false) {
    await page.getByLabel("To user").fill(to);
    await page.getByLabel("Title").fill(title);
    await page.getByLabel("wants a yes or a no").setChecked(question);
    await page.getByRole("button", { name: "Send" }).click();
  }

  test("staff sends, the user reads, dismisses, and answers a question", async () => {
    const [sue, ann] = [await tab("sue", "staff"), await tab("ann")];
    await send(sue, "ann", "<b>Hello</b> ann");
    await line(ann, "<b>Hello</b> ann").waitFor();
    await ann.getByLabel("Unread").filter({ hasText: "(1)" }).waitFor();
    await ann.getByRole("button", { name: "Read" }).click();
    await line(ann, "<b>Hello</b> ann").filter({ hasText: "read" }).waitFor();
    await ann.getByRole("button", { name: "Dismiss" }).click();
    await line(ann, "<b>Hello</b> ann").waitFor({ state: "detached" });
    await send(sue, "ann", "Open the door?", true);
    await ann.getByRole("dialog").getByRole("button", { name: "Yes" }).click();
    await line(ann, "Open the door?").filter({ hasText: "accepted" }).waitFor();
    assert.equal(await ann.getByRole("button", { name: "Send" }).isVisible(), false);
    assert.ok(await ann.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
  });

  test("a reminder comes, also when hubd was away meanwhile", async () => {
    const ann = await tab("bea");
    await ann.getByLabel("Remind me of").fill("Tea");
    await ann.getByLabel("in seconds").fill("2");
    await ann.getByRole("button", { name: "Remind me" }).click();
    await line(ann, "Tea").filter({ hasText: "scheduled" }).waitFor();
    await notify.hubd.kill();
    await ann.getByRole("status").filter({ hasText: "connection lost" }).waitFor();
    await notify.start();
    await line(ann, "Tea").filter({ hasText: "unread" }).waitFor();
  });
});
