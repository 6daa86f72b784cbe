// The client and its hooks for React in Chromium.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, serve } from "../../../../tests/transcript/harness.js";
import { connected, noBrowser, pages } from "../../../../tests/transcript/page.js";
import { build } from "esbuild";

const HTML =
  '<!doctype html><html lang="en"><meta charset="utf-8"><title>Chat</title><link rel="icon" href="data:,"><div id="app"></div><script src="app.js"></script></html>';

async function bundle() {
  const entryPoints = [fileURLToPath(new URL("app.jsx", import.meta.url))];
  const define = { "process.env.NODE_ENV": '"development"' };
  const { outputFiles } = await build({
    entryPoints,
    bundle: true,
    write: false,
    format: "iife",
    jsx: "automatic",
    define,
    logLevel: "warning",
  });
  return outputFiles[0].text;
}

const app = noBrowser ? "" : await bundle();

describe("in a browser", { skip: noBrowser }, () => {
  const server = serve((def) => {
    def.files = { "public/index.html": HTML, "public/app.js": app };
    def.hub.eventSettings = { enablePresence: true };
    def.hub.hubExtensions.records = [{ pattern: "count:{room}", canWrite: "true" }];
  });
  const browser = pages(server);

  async function tab(user, room) {
    const page = await browser.open();
    await page.goto(`${server.hubd.url}/?user=${user}&room=${room}`);
    await connected(page);
    return page;
  }
  const items = (page, list) => page.getByRole("list", { name: list }).getByRole("listitem").allTextContents();
  const has = (page, list, expected) =>
    eventually(
      `${list} ${expected}`,
      async () => JSON.stringify(await items(page, list)) === JSON.stringify(expected),
    ).catch(async () => assert.deepEqual(await items(page, list), expected));

  test("two tabs show the same room, presence and record", async () => {
    const id = server.room();
    const [ann, bob] = [await tab("ann", id), await tab("bob", id)];
    await ann.getByRole("button", { name: "Send" }).click();
    await has(bob, "messages", ["hello from ann approved"]);
    await bob.getByRole("button", { name: "Send" }).click();
    for (const page of [ann, bob]) await has(page, "messages", ["hello from ann approved", "hello from bob approved"]);
    await has(ann, "members", ["ann", "bob"]);
    await ann.getByRole("button", { name: "Count" }).click();
    await bob.locator("output", { hasText: /^1$/ }).waitFor();
    await bob.getByRole("button", { name: "Count" }).click();
    await ann.locator("output", { hasText: /^2$/ }).waitFor();
  });

  test("a room is left with the component that shows it, and joined again", async () => {
    const id = server.room();
    const page = await tab("ann", id);
    const peer = await server.member("bob", id);
    const members = async () => (await peer.ok("hub:members", { roomId: id })).members.map(({ userId }) => userId);
    await eventually("ann is there", async () => (await members()).includes("ann"));
    await page.getByRole("button", { name: "Toggle" }).click();
    await eventually("ann is gone", async () => !(await members()).includes("ann"));
    await page.getByRole("button", { name: "Toggle" }).click();
    await eventually("ann is back", async () => (await members()).includes("ann"));
    await page.getByRole("region", { name: id }).waitFor();
  });

  test("a room that is not there says so", async () => {
    const page = await tab("ann", "nowhere");
    await page.getByRole("alert").filter({ hasText: "room_not_found" }).waitFor();
  });

  test("what is written while the server is away is shown as being sent, and is sent", async () => {
    const id = server.room();
    const page = await tab("ann", id);
    await page.getByRole("button", { name: "Send" }).waitFor();
    await eventually(
      "joined",
      async () => (await page.getByRole("region", { name: id }).getAttribute("title")) === "joined",
    );
    const { port } = server;
    await server.hubd.stop();
    await page.getByRole("status").filter({ hasText: "recovering" }).waitFor();
    await page.getByRole("button", { name: "Send" }).click();
    await has(page, "messages", ["hello from ann sending"]);
    await server.start({ args: ["--set", `listen.port=${port}`] });
    await has(page, "messages", ["hello from ann approved"]);
  });
});
