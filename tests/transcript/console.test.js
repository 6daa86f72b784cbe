// The page at /console: who gets it and under which policy, and in a browser, at a desk and on a phone, what can be done with it.
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { existsSync } from "node:fs";
import { after, afterEach, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { temporaryFolder } from "./backends/server.js";
import { definition } from "./definition.js";
import { example } from "./example.js";
import { Hubd, removeService, writeService } from "./harness.js";
import { now, token } from "./tokens.js";

/** Why these tests cannot be: undefined when hubd has its page. Asked of hubd itself: a bundle that it was not built with is of no use. */
async function withoutPage() {
  const dir = writeService(definition());
  const hubd = await Hubd.start(dir);
  try {
    const answer = await fetch(`${hubd.url}/console/`);
    return answer.ok ? undefined : (await answer.text()).trim();
  } finally {
    await hubd.stop();
    removeService(dir);
  }
}

const BROWSER = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const noPage = await withoutPage();
const noBrowser = noPage ?? (BROWSER ? undefined : "There is no Chromium (Debian: apt-get install chromium)");
const OFFLINE = /ERR_CONNECTION_REFUSED|WebSocket connection/; // what the browser itself says while hubd is down
const DESK = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 800 };

/** Runs USE(hubd) on a service with the given top-level keys in service.yaml instead of dev authentication. */
async function serving(changes, use) {
  const def = definition();
  const dir = writeService({ ...def, service: { ...def.service, ...changes } });
  const hubd = await Hubd.start(dir);
  try {
    await use(hubd);
  } finally {
    await hubd.stop();
    removeService(dir);
  }
}

// Elsewhere these tests are skipped; there it would go unnoticed.
if (process.env.CI === "true") {
  test("hubd has its console, and there is a browser to try it in", () => assert.equal(noBrowser, undefined));
}

describe("/console", { skip: noPage }, () => {
  test("is off without dev authentication", () =>
    serving({ auth: { anonymous: true } }, async ({ url }) => {
      for (const path of ["/console", "/console/", "/console/app.js", "/console/hubs.json"]) {
        const response = await fetch(url + path);
        assert.equal(response.status, 404, path);
        assert.match(await response.text(), /console: true/);
      }
    }));

  test("is on with console: true", () =>
    serving({ auth: { anonymous: true }, console: true }, async ({ url }) => {
      const { dev, anonymous, token, hubs } = await (await fetch(`${url}/console/hubs.json`)).json();
      assert.deepEqual({ dev, anonymous, token }, { dev: false, anonymous: true, token: false });
      assert.equal(hubs.length, 1);
    }));

  test("is on with dev authentication, under a policy that allows no inline script", async (t) => {
    const dir = writeService(definition());
    const hubd = await Hubd.start(dir);
    t.after(async () => {
      await hubd.stop();
      removeService(dir);
    });
    const redirect = await fetch(`${hubd.url}/console`, { redirect: "manual" });
    assert.equal(redirect.status, 308);
    assert.equal(redirect.headers.get("location"), "console/");
    for (const [path, type] of [
      ["", /^text\/html/],
      ["app.js", /^text\/javascript/],
      ["style.css", /^text\/css/],
    ]) {
      const response = await fetch(`${hubd.url}/console/${path}`);
      assert.equal(response.status, 200, path);
      assert.match(response.headers.get("content-type"), type);
      const policy = response.headers.get("content-security-policy");
      assert.match(policy, /default-src 'none'; script-src 'self';/);
      assert.doesNotMatch(policy, /unsafe|\*|https?:/);
      const text = await response.text();
      if (!path) assert.doesNotMatch(text, /<script(?![^>]*\ssrc=)|\son\w+=|style="|https?:\/\//);
    }
    assert.equal((await fetch(`${hubd.url}/console/nothing`)).status, 404);
    assert.equal((await fetch(`${hubd.url}/console/`, { method: "POST" })).status, 405);
  });
});

describe("the page of /console", { skip: noBrowser }, () => {
  const chat = example("chat");
  let browser;
  let profile;
  const complaints = [];

  before(async () => {
    profile = temporaryFolder("browser");
    process.env.TMPDIR = profile; // for what the browser and its driver put elsewhere
    browser = await chromium.launchPersistentContext(profile, {
      executablePath: BROWSER,
      headless: true,
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
  });
  afterEach(async () => {
    await Promise.all(browser.pages().map((page) => page.close()));
    assert.deepEqual(complaints.splice(0), []);
  });
  after(async () => {
    await browser?.close();
    removeService(profile);
  });

  async function open(size = DESK, { url = chat.hubd.url, prepare = () => {} } = {}) {
    const page = await browser.newPage();
    await prepare(page);
    await page.setViewportSize(size);
    page.setDefaultTimeout(20000);
    page.on("pageerror", (error) => complaints.push(`${error}`));
    page.on("console", (line) => line.type() === "error" && !OFFLINE.test(line.text()) && complaints.push(line.text()));
    await page.goto(`${url}/console`);
    await page.getByLabel("Hub").locator("option").first().waitFor({ state: "attached" });
    return page;
  }

  async function tab(user, { room = "lobby", role, size } = {}) {
    const page = await open(size);
    await page.getByLabel("User id").fill(user);
    if (role) await page.getByLabel("Role in the service").fill(role);
    await page.getByLabel("Room id").fill(room);
    await page.keyboard.press("Enter");
    return page;
  }
  const joined = (page) =>
    page
      .getByRole("status")
      .filter({ hasText: /^connected$/ })
      .waitFor();
  const line = (page, text) => page.locator("#messages > li").filter({ hasText: text });
  const shows = (page, text) => line(page, text).first().waitFor();
  const gone = (page, text) => line(page, text).waitFor({ state: "detached" });
  const seqOf = async (page, text) => /#(\d+)/.exec(await line(page, text).locator(".head").first().innerText())[1];
  const right = (page, name, value) =>
    page.locator("#permissions").locator(`dt:text-is("${name}") + dd`).filter({ hasText: value }).waitFor({ state: "attached" });

  async function write(page, body) {
    await page.getByLabel("body").fill(body);
    await page.getByRole("button", { name: "Send" }).click();
    await shows(page, body);
  }

  /** Presses Tab (or Shift+Tab) until what has the focus matches; fails when it comes round. */
  async function tabTo(page, selector, key = "Tab") {
    for (let i = 0; i < 150; i++) {
      if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
      await page.keyboard.press(key);
    }
    assert.fail(`the keyboard does not reach ${selector}`);
  }

  /** A page whose sessions' web sockets can be listened to: from hold() on, hubd's answers to calls come only with release(). */
  async function slowPage() {
    let held;
    let socket;
    const upgraded = new EventEmitter();
    const listen = (route) => {
      const server = route.connectToServer();
      socket = route;
      route.onMessage((text) => {
        server.send(text);
        if (text === "5") upgraded.emit("upgraded");
      });
      server.onMessage((text) => (held && /^43/.test(text) ? held.push(text) : route.send(text)));
    };
    const page = await open(DESK, { prepare: (fresh) => fresh.routeWebSocket(/socket\.io/, listen) });
    return {
      page,
      upgraded: () => once(upgraded, "upgraded", { signal: AbortSignal.timeout(20000) }),
      hold: () => (held = []),
      release: () => held.splice(0).forEach((text) => socket.send(text)),
      lose: () => {
        held = undefined;
        return socket.close();
      },
    };
  }

  for (const [name, size] of [
    ["at a desk", DESK],
    ["on a phone", PHONE],
  ]) {
    test(`${name}, text and a typed message go from one tab to another, with typing, receipts and members, without sideways scrolling`, async () => {
      const ann = await tab("ann", { size });
      const bob = await tab("bob", { size });
      await joined(ann);
      await joined(bob);
      for (const page of [ann, bob]) if (size === PHONE) await page.locator("#people summary").click();
      await ann.getByRole("list", { name: "Members" }).getByText("bob").waitFor();
      const body = `hello from ${name} <b>&`;
      await ann.getByLabel("body").pressSequentially("hel");
      await bob.getByText("ann is typing…").waitFor();
      await write(ann, body);
      await shows(bob, body);
      await line(ann, body).getByText("read by bob").waitFor();
      await ann.getByLabel("Message type").selectOption("diceRoll");
      assert.equal(await ann.getByLabel("sides").inputValue(), "d6");
      assert.deepEqual(await ann.getByLabel("sides").locator("option").allTextContents(), ["not given", "d4", "d6", "d8", "d12", "d20"]);
      assert.equal(await ann.getByLabel("count").inputValue(), "1");
      await ann.getByLabel("sides").selectOption("d20");
      await ann.getByLabel("count").fill("3");
      await ann.getByLabel("reason", { exact: true }).fill(`luck ${name}`);
      await ann.getByRole("button", { name: "Send" }).click();
      await line(bob, `luck ${name}`)
        .getByText(/^\[\d+,\d+,\d+\]$/)
        .waitFor();
      for (const page of [ann, bob]) assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
    });
  }

  test("with the keyboard alone one joins, sends, reacts, edits and deletes", async () => {
    const bob = await tab("bob");
    await joined(bob);
    const page = await open();
    const { keyboard } = page;
    await tabTo(page, "#user");
    await keyboard.type("kay");
    await tabTo(page, "#room");
    await keyboard.type("lobby");
    await keyboard.press("Enter");
    await joined(page);
    await page.locator("#fields textarea:focus").waitFor();
    await keyboard.type("typed by hand");
    await keyboard.press("Control+Enter");
    await shows(bob, "typed by hand");
    await tabTo(page, "#type", "Shift+Tab");
    await keyboard.press("d"); // one key: of several a slow machine makes several choices
    await page.getByLabel("sides").waitFor();
    await tabTo(page, "[name=reason]");
    await keyboard.type("by keys");
    await keyboard.press("Enter");
    await shows(bob, "by keys");
    await page.evaluate(() => document.getElementById("messages").focus());
    const last = `li:has(.content):nth-last-child(2)`;
    await tabTo(page, `${last} [aria-label="React 🎉"]`);
    await keyboard.press("Enter");
    await line(bob, "typed by hand").getByRole("button", { name: "🎉 1" }).waitFor();
    await tabTo(page, `${last} .actions button:not([aria-label]):not([aria-pressed]):nth-of-type(6)`);
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Edit");
    await keyboard.press("Enter");
    await page.getByRole("form", { name: "Edit the message" }).waitFor();
    await keyboard.press("Control+A");
    await keyboard.type("changed by hand");
    await keyboard.press("Tab");
    await keyboard.press("Enter");
    await shows(bob, "changed by hand");
    await line(bob, "changed by hand").getByText("edited").waitFor();
    await page.getByRole("form", { name: "Edit the message" }).waitFor({ state: "detached" });
    await keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Delete");
    await keyboard.press("Enter");
    await gone(bob, "changed by hand");
    await gone(page, "changed by hand");
    assert.equal(await page.evaluate(() => document.activeElement.id), "messages");
  });

  test("an answer that comes late does not disturb who went on meanwhile", async () => {
    const bob = await tab("bob");
    await joined(bob);
    const { page, ...answers } = await slowPage();
    await page.getByLabel("User id").fill("late");
    await page.getByLabel("Room id").fill("lobby");
    await Promise.all([answers.upgraded(), page.keyboard.press("Enter")]);
    await joined(page);
    const body = page.getByLabel("body");
    const cleared = () => page.waitForFunction(() => !document.querySelector("#fields textarea").value);

    answers.hold();
    await body.fill("first of the late");
    await body.press("Control+Enter");
    await shows(bob, "first of the late");
    await page.locator("#composer[aria-busy=true]").waitFor();
    await body.press("Control+Enter");
    await page.locator("#type").focus();
    answers.release();
    await cleared();
    assert.equal(await page.evaluate(() => document.activeElement.id), "type");

    await body.fill("second of the late");
    await body.press("Control+Enter");
    await shows(bob, "second of the late");
    assert.equal(await line(bob, "first of the late").count(), 1);
    await body.fill("third of the late");
    answers.release();
    await page.locator("#composer[aria-busy=false]").waitFor();
    assert.equal(await body.inputValue(), "third of the late");
    await body.press("Control+Enter");
    await shows(bob, "third of the late");
    assert.equal(await body.inputValue(), "third of the late");
    answers.release();
    await cleared();

    await body.fill("fourth of the late");
    await body.press("Control+Enter");
    await shows(bob, "fourth of the late");
    await Promise.all([answers.upgraded(), answers.lose()]);
    await joined(page);
    assert.equal(await body.inputValue(), "fourth of the late");
    await body.press("Control+Enter");
    await cleared();
    await write(page, "fifth of the late");
    await shows(bob, "fifth of the late");
    assert.equal(await line(bob, "fourth of the late").count(), 1);
  });

  test("a moderator lets one message of a newcomer through and rejects another", async () => {
    const newcomer = await tab("newcomer", { room: "team" });
    const moderator = await tab("moderator", { room: "team", size: PHONE });
    const member = await tab("member", { room: "team" });
    for (const page of [newcomer, moderator, member]) await joined(page);
    await right(newcomer, "moderated", "yes");
    await right(newcomer, "message types", "text, image");
    await right(moderator, "canModerate", "yes");
    await right(member, "canModerate", "no");
    assert.equal(
      await newcomer
        .getByLabel("Message type")
        .locator("option[value=diceRoll]")
        .evaluate((option) => option.disabled),
      true,
    );
    await write(newcomer, "please let me in");
    await line(newcomer, "please let me in").getByText("waits for a moderator").waitFor();
    await line(moderator, "please let me in").getByRole("button", { name: "Approve" }).click();
    await shows(member, "please let me in");
    await line(newcomer, "please let me in").getByText("waits for a moderator").waitFor({ state: "detached" });
    await write(newcomer, "buy cheap things");
    await line(moderator, "buy cheap things").getByRole("button", { name: "Reject" }).click();
    await gone(newcomer, "buy cheap things");
    await newcomer.getByRole("alert").filter({ hasText: "rejected" }).waitFor();
    assert.equal(await line(member, "buy cheap things").count(), 0);
  });

  // The lists were made anew with every receipt: a press that one came into went nowhere.
  test("a press is not lost when a receipt comes into it", async () => {
    const member = await tab("member", { room: "team" });
    const moderator = await tab("moderator", { room: "team" });
    for (const page of [member, moderator]) await joined(page);
    await write(member, "to be answered");
    const read = async (text) => {
      await write(member, text);
      await line(member, text).getByText("read by moderator").waitFor();
    };
    const press = async (button, meanwhile) => {
      await button.hover();
      await moderator.mouse.down();
      await read(meanwhile);
      await moderator.getByText(`read #${await seqOf(member, meanwhile)}`).first().waitFor();
      await moderator.mouse.up();
    };
    await press(moderator.getByRole("button", { name: "Restrict member" }), "into the first press");
    assert.equal(await moderator.getByRole("textbox", { name: "User", exact: true }).inputValue(), "member");
    await press(line(moderator, "into the first press").getByRole("button", { name: "Reply" }), "into the second");
    await moderator.getByText("Reply to member").waitFor();
  });

  test("a silenced member loses the form and gets it back", async () => {
    const member = await tab("member", { room: "team" });
    const moderator = await tab("moderator", { room: "team" });
    for (const page of [member, moderator]) await joined(page);
    const restrict = moderator.getByRole("button", { name: "Restrict member" });
    await restrict.focus();
    await write(member, "read by the moderator"); // whose list of members is drawn anew
    await moderator.getByText(/read #[1-9]/).first().waitFor();
    assert.equal(await restrict.evaluate((button) => button === document.activeElement), true);
    await restrict.click();
    await moderator.getByRole("button", { name: "Apply" }).click();
    await right(member, "silenced", "yes");
    assert.equal(await member.getByLabel("body").isDisabled(), true);
    await moderator.getByRole("textbox", { name: "User", exact: true }).fill("member");
    await moderator.getByLabel("Action").selectOption("unsilence");
    await moderator.getByRole("button", { name: "Apply" }).click();
    await right(member, "silenced", "no");
    assert.equal(await member.getByLabel("body").isDisabled(), false);
  });

  test("an answer that comes when one has been silenced does not give the form back", async () => {
    const moderator = await tab("moderator", { room: "team" });
    await joined(moderator);
    const { page: member, ...answers } = await slowPage();
    await member.getByLabel("User id").fill("member");
    await member.getByLabel("Room id").fill("team");
    await Promise.all([answers.upgraded(), member.keyboard.press("Enter")]);
    await joined(member);
    answers.hold();
    await member.getByLabel("body").fill("the last word");
    await member.getByLabel("body").press("Control+Enter");
    await shows(moderator, "the last word");
    const act = async (action) => {
      await moderator.locator("#pending-part summary").click();
      await moderator.getByRole("textbox", { name: "User", exact: true }).fill("member");
      await moderator.getByLabel("Action").selectOption(action);
      await moderator.getByRole("button", { name: "Apply" }).click();
      await moderator.locator("#pending-part summary").click();
    };
    await act("silence");
    await right(member, "silenced", "yes");
    answers.release();
    await member.locator("#composer[aria-busy=false]").waitFor();
    assert.equal(await member.getByLabel("body").isDisabled(), true);
    await act("unsilence");
    await right(member, "silenced", "no");
    assert.equal(await member.getByLabel("body").isDisabled(), false);
  });

  test("who manages the room sees its record and changes it; others see the change", async () => {
    const [owner, member] = [await tab("owner", { room: "team" }), await tab("member", { room: "team" })];
    for (const page of [owner, member]) {
      await joined(page);
      await page.locator("#room-part summary").click();
      await page.locator("#record").getByText('"title": "Team"').waitFor();
    }
    assert.equal(await member.getByLabel("Changes (JSON)").isVisible(), false);
    const change = async (text) => {
      await owner.getByLabel("Changes (JSON)").fill(text);
      await owner.getByRole("button", { name: "Change the room" }).click();
    };
    await change("{topic: none}");
    await owner.getByRole("alert").filter({ hasText: "changes: expected JSON" }).waitFor();
    await change('{"nothing": 1}');
    await owner.getByRole("alert").filter({ hasText: "invalid_content" }).waitFor();
    await change('{"topic": "Changed by hand"}');
    for (const page of [owner, member]) await page.locator("#record").getByText('"topic": "Changed by hand"').waitFor();
  });

  test("replies, custom events, the room's state and raw events are shown", async () => {
    const ann = await tab("ann");
    const bob = await tab("bob");
    for (const page of [ann, bob]) await joined(page);
    await write(ann, "a question");
    await line(bob, "a question").last().getByRole("button", { name: "Reply" }).click();
    await write(bob, "an answer");
    await line(ann, "an answer").locator(".quote").filter({ hasText: "a question" }).waitFor();
    await bob.getByText("Raw events").click();
    await ann.getByText("Send an event").click();
    await ann.getByRole("combobox", { name: /^Event/ }).selectOption("wave");
    await ann.getByLabel("Data (JSON)").fill('{"hand":"left"}');
    await ann.getByRole("button", { name: "Emit" }).click();
    await bob.getByRole("list", { name: "Raw events" }).getByText('"hand":"left"').waitFor();
    await bob.getByText("Room state").click();
    await bob.getByText('"title": "Lobby"').waitFor();
  });

  test("refusals are said in words, and the form is there again", async () => {
    const page = await tab("ann", { room: "team" });
    await page.getByRole("alert").filter({ hasText: /./ }).waitFor();
    await page.getByLabel("Room id").fill("lobby");
    await page.getByRole("button", { name: "Join" }).click();
    await joined(page);
    await page.getByLabel("Message type").selectOption("diceRoll");
    await page.getByLabel("count").fill("11");
    await page.getByRole("button", { name: "Send" }).click();
    await page
      .getByRole("alert")
      .filter({ hasText: /between 1 and 10.*rejected/ })
      .waitFor();
  });

  test("after a restart of hubd the page comes back by itself and misses nothing", async () => {
    const page = await tab("ann");
    await joined(page);
    await write(page, "before the restart");
    await chat.hubd.kill();
    await page
      .getByRole("status")
      .filter({ hasText: /lost|cannot connect/ })
      .waitFor();
    await chat.start();
    const bob = await chat.member("bob", "lobby");
    await bob.say("lobby", "while nobody looked");
    await shows(page, "while nobody looked");
    await joined(page);
    assert.equal(await line(page, "before the restart").count(), 1);
    /* While hubd connects to its backends it lets nobody in, and the browser tells of each try. */
    complaints.splice(0, Infinity, ...complaints.filter((text) => !/server responded with a status of 403/.test(text)));
  });

  test("with a token one signs in as the user it names, is told what is wrong with it, and of its end", () => {
    const secret = "a secret of more than thirty-two characters";
    const jwt = { algorithms: ["HS256"], secretEnv: "CONSOLE_SECRET" };
    process.env.CONSOLE_SECRET = secret;
    return serving({ auth: { jwt }, console: true }, async ({ url }) => {
      const page = await open(DESK, { url });
      await page.getByLabel("Sign in").selectOption("token");
      assert.equal(await page.getByLabel("User id").isVisible(), false);
      const signIn = async (text) => {
        await page.getByLabel("Token", { exact: true }).fill(text);
        await page.getByLabel("Room id").fill("r1");
        await page.getByRole("button", { name: "Join" }).click();
      };
      await signIn("nonsense");
      await page.getByRole("alert").filter({ hasText: /token/i }).waitFor();
      assert.equal(complaints.splice(0).length, 1, "the browser's own word on the answer 401");
      await signIn(token("HS256", secret, { userId: "tess", exp: now() + 10 }));
      await joined(page);
      await page.getByRole("list", { name: "Members" }).getByText("tess").waitFor();
      await write(page, "signed by hand");
      await line(page, "signed by hand").getByText("tess").waitFor();
      await line(page, "signed by hand").getByRole("button", { name: "Edit" }).waitFor();
      await page
        .getByRole("alert")
        .filter({ hasText: /expired/ })
        .waitFor();
      await page.getByRole("button", { name: "Join" }).waitFor();
    });
  });

  test("with console: true strangers sign in anonymously, and their own messages are theirs to edit", () =>
    serving({ auth: { anonymous: true }, console: true }, async ({ url }) => {
      const page = await open(PHONE, { url });
      await page.getByLabel("Sign in").selectOption("anonymous");
      assert.equal(await page.getByLabel("User id").isVisible(), false);
      await page.getByLabel("Room id").fill("r1");
      await page.getByRole("button", { name: "Join" }).click();
      await joined(page);
      await write(page, "from nobody in particular");
      await line(page, "from nobody").getByRole("button", { name: "Edit" }).waitFor();
    }));
});
