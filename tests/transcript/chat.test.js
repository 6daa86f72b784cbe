// The example in hubs/chat: it starts as it is, its README's table of roles holds, and two browser tabs talk on its page.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { example } from "./example.js";
import { connected, noBrowser, pages } from "./page.js";

describe("hubs/chat", () => {
  const chat = example("chat");

  for (const [user, role, lobby, team] of [
    ["owner", undefined, "owner", "owner"],
    ["moderator", undefined, "moderator", "moderator"],
    ["member", undefined, "member", "member"],
    ["newcomer", undefined, "member", "newcomer"],
    ["viewer", undefined, "member", "viewer"],
    ["ann", undefined, "member", "not_authorized"],
    ["gus", "guest", "viewer", "not_authorized"],
    ["sue", "superAdmin", "system", "system"],
    ["ann", "suspended", "check_failed", "check_failed"],
  ]) {
    test(`user ${user}${role ? ` with role ${role}` : ""} is ${lobby} in the lobby and ${team} in the team`, async () => {
      for (const [roomId, expected] of [
        ["lobby", lobby],
        ["team", team],
      ]) {
        const { welcome } = await chat.member(user, roomId, role);
        assert.equal(welcome.ok ? welcome.hubRole : welcome.error.code, expected);
      }
      const { welcome } = await chat.member(user, "archive", role);
      assert.equal(welcome.error.code, "room_not_eligible");
    });
  }

  test("the server rolls the dice", async () => {
    const ann = await chat.member("ann", "lobby");
    const roll = (content) => ann.call("hub:send", { roomId: "lobby", messageType: "diceRoll", content });
    const { content } = (await roll({ sides: "d20", count: 5, reason: "luck" })).message;
    assert.equal(content.results.length, 5);
    for (const n of content.results) assert.ok(Number.isInteger(n) && n >= 1 && n <= 20, `${n}`);
    assert.deepEqual({ ...content, results: 0 }, { sides: "d20", count: 5, reason: "luck", open: true, results: 0 });
    assert.equal((await roll({})).message.content.sides, "d6");
    assert.equal((await roll({ sides: "d7" })).error.code, "invalid_content");
    const refused = await roll({ count: 11 });
    assert.equal(refused.error.code, "rejected");
    assert.match(refused.error.message, /between 1 and 10/);
  });

  test("a roll that is not open is the sender's alone", async () => {
    const [ann, bob] = [await chat.member("ann", "lobby"), await chat.member("bob", "lobby")];
    await ann.ok("hub:send", { roomId: "lobby", messageType: "diceRoll", content: { open: false } });
    await ann.next("hub:messageArrived");
    await bob.nothing("hub:messageArrived");
  });

  test("whoever joins gets the room's state", async () => {
    const ann = await chat.member("ann", "lobby");
    assert.deepEqual((await ann.next("hub:state")).state, { title: "Lobby", topic: "Anyone may come in and talk" });
  });

  test("the page and its parts are served, with nothing but what is in public/", async () => {
    for (const [path, type] of [
      ["/", /^text\/html/],
      ["/app.js", /javascript/],
      ["/socket.io/socket.io.js", /javascript/],
      ["/socket.io/socket.io.esm.min.js", /javascript/],
      ["/style.css", /^text\/css/],
    ]) {
      const response = await fetch(chat.hubd.url + path);
      assert.equal(response.status, 200, path);
      assert.match(response.headers.get("content-type"), type);
    }
    for (const path of ["/service.yaml", "/../service.yaml", "/%2e%2e/service.yaml", "/public/index.html", "/app.js/", "/data/chat.db"]) {
      assert.equal((await fetch(chat.hubd.url + path)).status, 404, path);
    }
  });
});

describe("the page of hubs/chat", { skip: noBrowser }, () => {
  const chat = example("chat");
  const { open, complaints } = pages(chat);

  async function tab(user, { role = "user", room = "lobby" } = {}) {
    const page = await open();
    await page.getByLabel("Your user id").fill(user);
    await page.getByLabel("Role in the service").selectOption(role);
    await page.getByLabel("Room").selectOption(room);
    await page.keyboard.press("Enter");
    return page;
  }
  const log = (page) => page.getByRole("log");
  const shows = (page, text) => log(page).getByText(text).first().waitFor();

  async function write(page, text) {
    await page.getByLabel("Message", { exact: true }).fill(text);
    await page.keyboard.press("Enter");
  }

  // One that is passed over whatever was asked for would hide a page that may not load its own parts.
  test("a refusal of anything but a session is a complaint", async () => {
    const page = await tab("ann");
    await page.route("**/refused", (route) => route.fulfill({ status: 403 }));
    const said = page.waitForEvent("console", (line) => line.location().url.endsWith("/last/refused"));
    for (const path of ["/socket.io/refused", "/refused", "/last/refused"]) await page.evaluate((url) => fetch(url), path);
    await said;
    const places = complaints.splice(0).map((text) => text.split(": ")[0]);
    assert.deepEqual(places, [`${chat.hubd.url}/refused`, `${chat.hubd.url}/last/refused`]);
  });

  test("two tabs talk: text both ways, typing, members, dice, a greeting", async () => {
    const ann = await tab("ann");
    const bob = await tab("bob");
    await ann.getByRole("heading", { name: "Lobby" }).waitFor();
    await bob.getByRole("heading", { name: "Lobby" }).waitFor();
    await ann.getByRole("complementary").getByText("bob").waitFor();
    await bob.getByRole("complementary").getByRole("listitem").filter({ hasText: "ann" }).waitFor();
    await ann.getByLabel("Message", { exact: true }).pressSequentially("hel");
    await bob.getByText("ann is typing…").waitFor();
    await write(ann, "hello bob");
    await shows(bob, "hello bob");
    await shows(ann, "hello bob");
    await bob.getByText("ann is typing…").waitFor({ state: "detached" });
    await write(bob, "hello <b>ann</b> & all");
    await shows(ann, "hello <b>ann</b> & all");
    await ann.getByRole("button", { name: "Roll dice" }).click();
    await shows(bob, /rolls 2d6: [1-6], [1-6]/);
    await bob.getByRole("button", { name: "Wave" }).click();
    await shows(ann, "bob waves");
    await bob.getByRole("button", { name: "Leave" }).click();
    await ann.getByRole("complementary").getByRole("listitem").filter({ hasText: "bob" }).waitFor({ state: "detached" });
  });

  test("whoever comes later sees the history, on a phone without sideways scrolling", async () => {
    const ann = await tab("ann");
    await write(ann, "said before");
    await shows(ann, "said before");
    const eve = await tab("eve");
    await shows(eve, "said before");
    assert.ok(await eve.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
  });

  test("refusals are said, and the form is there again", async () => {
    const page = await tab("ann", { room: "team" });
    await page.getByRole("status").filter({ hasText: "not_authorized" }).waitFor();
    await page.getByLabel("Room").selectOption("lobby");
    await page.getByRole("button", { name: "Join" }).click();
    await page.getByRole("heading", { name: "Lobby" }).waitFor();
  });

  test("a guest may read, but not write", async () => {
    const guest = await tab("gus", { role: "guest" });
    await guest.getByText("(viewer)").waitFor();
    assert.equal(await guest.getByLabel("Message", { exact: true }).isDisabled(), true);
    const ann = await tab("ann");
    await write(ann, "for everybody to read");
    await shows(guest, "for everybody to read");
  });

  test("after a restart of hubd the tabs come back by themselves and miss nothing", async () => {
    const ann = await tab("ann");
    const bob = await tab("bob");
    await write(ann, "before the restart");
    await shows(bob, "before the restart");
    await chat.hubd.kill();
    await bob.getByRole("status").filter({ hasText: "connection lost" }).waitFor();
    await chat.start();
    const other = await chat.member("other", "lobby");
    await other.say("lobby", "while you were away");
    await shows(bob, "while you were away");
    await connected(bob);
    await connected(ann);
    await write(ann, "after the restart");
    await shows(bob, "after the restart");
    assert.equal(await log(bob).getByText("before the restart").count(), 1);
    assert.equal(await log(bob).getByText("while you were away").count(), 1);
  });
});
