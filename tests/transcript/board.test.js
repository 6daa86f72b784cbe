// The example in hubs/board: who may see and change the notes of a board, what a note is, and two tabs that work on one.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { example } from "./example.js";
import { connected, noBrowser, pages } from "./page.js";

const recordId = "notes:plan";
const note = (by, more = {}) => ({ text: "Paint it", x: 40, y: 40, colour: "yellow", by, ...more });
const put = (id, value) => ({ recordId, value: { notes: { [id]: value } }, strategy: "deepMerge" });
const patch = (...operations) => ({ recordId, patch: operations });

describe("hubs/board", () => {
  const board = example("board");
  const at = async (user, roomId = "plan") => {
    const peer = await board.member(user, roomId);
    peer.first = await peer.call("hub:subscribeRecord", { recordId: `notes:${roomId}`, mode: "patch" });
    return peer;
  };

  for (const [user, plan, wall] of [
    ["ann", "editor", "editor"],
    ["bob", "editor", "viewer"],
    ["viewer", "viewer", "viewer"],
    ["eve", "not_authorized", "viewer"],
  ]) {
    test(`user ${user} is ${plan} at the plan and ${wall} at the wall, in the room and for the record`, async () => {
      for (const [roomId, expected] of [
        ["plan", plan],
        ["wall", wall],
      ]) {
        const { welcome, first, call, ...peer } = await at(user, roomId);
        assert.equal(welcome.ok ? welcome.hubRole : welcome.error.code, expected);
        assert.equal(first.ok, welcome.ok, JSON.stringify(first));
        const written = await board.rest(user, undefined, "PUT", `/records/notes:${roomId}`, { notes: {} });
        assert.equal(written.status, expected === "editor" ? 200 : 403, JSON.stringify(written.body));
      }
    });
  }

  test("a board that is not there is nobody's", async () => {
    const { welcome, first } = await at("ann", "none");
    assert.deepEqual([welcome.error.code, first.error.code], ["room_not_found", "not_allowed"]);
  });

  test("who follows is told what changed, and nothing else", async () => {
    const [ann, bob] = [await at("ann"), await at("bob")];
    await ann.ok("hub:writeRecord", put("n1", note("ann")));
    await bob.ok("hub:writeRecord", put("n2", note("bob")));
    const added = await ann.next("hub:recordUpdated", ({ patch }) => patch?.[0].path === "/notes/n2");
    assert.deepEqual(added.patch, [{ op: "add", path: "/notes/n2", value: note("bob") }]);
    await bob.ok("hub:patchRecord", patch({ op: "replace", path: "/notes/n1/x", value: 90 }));
    const moved = await ann.next("hub:recordUpdated", ({ version }) => version === added.version + 1);
    assert.deepEqual(moved.patch, [{ op: "replace", path: "/notes/n1/x", value: 90 }]);
    await bob.refused("bad_request", "hub:patchRecord", patch({ op: "replace", path: "/notes/gone/x", value: 1 }));
  });

  test("what is no note is refused, and so is another's name", async () => {
    const [ann, bob] = [await at("ann"), await at("bob")];
    await ann.ok("hub:writeRecord", put("mine", note("ann")));
    for (const [id, value] of [
      ["forged", note("bob")],
      ["mine", { by: "bob" }],
      ["unsigned", { ...note("ann"), by: undefined }],
      ["long", note("ann", { text: "x".repeat(501) })],
      ["far", note("ann", { x: 1601 })],
      ["between", note("ann", { y: 1.5 })],
      ["red", note("ann", { colour: "red" })],
      ["more", note("ann", { script: "x" })],
      ["no/id", note("ann")],
      ["text", "a text"],
    ]) {
      await ann.refused("not_allowed", "hub:writeRecord", put(id, value));
    }
    await bob.refused("not_allowed", "hub:patchRecord", patch({ op: "replace", path: "/notes/mine/by", value: "bob" }));
    await ann.refused("not_allowed", "hub:deleteRecord", { recordId });
    await ann.refused("invalid_content", "hub:writeRecord", { recordId, value: { notes: {}, more: 1 } });
    const many = Object.fromEntries(Array.from({ length: 201 }, (_, i) => [`many-${i}`, note("ann")]));
    await ann.refused("not_allowed", "hub:writeRecord", { recordId, value: { notes: many } });
  });

  test("who loses his seat sees no more of the board", async () => {
    const admin = (method, path, body) => board.rest("root", "admin", method, path, body);
    const { body } = await admin("POST", "/objects/seat", { boardId: "plan", userId: "cy", role: "editor" });
    const cy = await at("cy");
    assert.equal(cy.first.ok, true);
    await admin("PATCH", `/objects/seat/${body.row.id}`, { role: "viewer" });
    assert.equal((await cy.next("hub:permissions")).hubRole, "viewer");
    await cy.refused("not_allowed", "hub:writeRecord", put("late", note("cy")));
    await admin("DELETE", `/objects/seat/${body.row.id}`);
    assert.deepEqual(await cy.next("hub:unsubscribed"), { recordId, reason: "not_allowed" });
    assert.equal((await board.rest("ann", "user", "POST", "/objects/seat", { boardId: "plan", userId: "eve" })).status, 403);
  });

  test("cursors are told to the others, found by who comes later, and no place for anything else", async () => {
    const [ann, bob] = [await at("ann"), await at("bob")];
    await ann.ok("hub:presenceState", { roomId: "plan", state: { x: 3, y: 4 } });
    const told = await bob.next("hub:presence", ({ event }) => event === "state");
    assert.deepEqual([told.user.id, told.state], ["ann", { x: 3, y: 4 }]);
    const viewer = await board.member("viewer", "plan");
    const { members } = await viewer.ok("hub:members", { roomId: "plan" });
    assert.deepEqual(members.find(({ userId }) => userId === "ann").state, { x: 3, y: 4 });
    await ann.refused("invalid_content", "hub:presenceState", { roomId: "plan", state: { x: 3, y: 4, script: "x" } });
  });
});

describe("the page of hubs/board", { skip: noBrowser }, () => {
  const board = example("board");
  const { open } = pages(board, { width: 1000, height: 800 });

  async function tab(user, room = "plan") {
    const page = await open();
    await page.getByLabel("Your user id").fill(user);
    await page.locator("#room").selectOption(room);
    await page.keyboard.press("Enter");
    return page;
  }
  const note = (page) => page.getByRole("article");
  const text = (page) => page.getByLabel("Note", { exact: true });
  const left = (page, x) => page.waitForFunction((x) => document.querySelector(".note")?.style.left === `${x}px`, x);

  test("two tabs write, move and remove a note, and see each other's cursor", async () => {
    const [ann, bob] = [await tab("ann"), await tab("bob")];
    await ann.getByText("Here: bob").waitFor();
    await ann.getByRole("button", { name: "Add a note" }).click();
    await text(ann).fill("<b>Paint</b> it");
    await ann.keyboard.press("Tab");
    await bob.waitForFunction(() => document.querySelector(".note textarea")?.value === "<b>Paint</b> it");
    const bar = await bob.locator(".note .bar").boundingBox();
    await bob.mouse.move(bar.x + 20, bar.y + 5);
    await bob.mouse.down();
    await bob.mouse.move(bar.x + 120, bar.y + 105, { steps: 3 });
    await bob.mouse.up();
    await left(ann, 140);
    await ann.locator(".cursor", { hasText: "bob" }).waitFor();
    await ann.locator(".note .bar").press("ArrowRight");
    await left(bob, 150);
    await bob.getByLabel("Remove the note").click();
    await note(ann).waitFor({ state: "detached" });
  });

  test("who only looks cannot change anything, and who may not look is told so", async () => {
    const viewer = await tab("viewer");
    await connected(viewer);
    assert.equal(await viewer.getByRole("button", { name: "Add a note" }).isDisabled(), true);
    const eve = await tab("eve");
    await eve.getByRole("status").filter({ hasText: "not_authorized" }).waitFor();
  });

  test("after a restart of hubd the tabs come back by themselves, with what was changed meanwhile", async () => {
    const ann = await tab("ann", "wall");
    await connected(ann);
    await ann.getByRole("button", { name: "Add a note" }).click();
    await note(ann).waitFor();
    await board.hubd.kill();
    await ann.getByRole("status").filter({ hasText: "connection lost" }).waitFor();
    await board.start();
    await board.rest("ann", undefined, "PUT", "/records/notes:wall", { notes: {} });
    await connected(ann);
    await note(ann).waitFor({ state: "detached" });
  });
});
