// Tabs of a real browser on the page of an example.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, afterEach, before } from "node:test";
import { chromium } from "playwright-core";
import { temporaryFolder } from "./backends/server.js";
import { removeService } from "./harness.js";

const BROWSER = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
/** Why there is no browser, for `skip`; false where there is one, or has to be. */
export const noBrowser = BROWSER || process.env.CI === "true" ? false : "no Chromium (Debian: apt-get install chromium)";

/** A browser during the enclosing suite, for the page of SERVED, an example. Whatever the page complains of fails the test. */
export function pages(served, viewport = { width: 390, height: 800 }) {
  const at = { complaints: [] };
  let browser;
  let profile;
  // What a page sees of a server that is not there, and of one that refuses sessions until its store is: sessions, and nothing else.
  const expected = (line) =>
    /ERR_CONNECTION_REFUSED|WebSocket connection/.test(line.text()) ||
    (/status of 403/.test(line.text()) && line.location().url.startsWith(`${served.hubd.url}/socket.io/`));

  before(async () => {
    profile = temporaryFolder("browser");
    process.env.TMPDIR = profile; // for what the browser and its driver put elsewhere
    browser = await chromium.launchPersistentContext(profile, {
      executablePath: BROWSER,
      headless: true,
      viewport,
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
    assert.deepEqual(at.complaints.splice(0), []);
  });
  after(async () => {
    await browser?.close();
    removeService(profile);
  });

  /** A new tab with the page. */
  at.open = async () => {
    const page = await browser.newPage();
    page.setDefaultTimeout(20000);
    page.on("pageerror", (error) => at.complaints.push(`${error}`));
    page.on(
      "console",
      (line) => line.type() === "error" && !expected(line) && at.complaints.push(`${line.location().url}: ${line.text()}`),
    );
    await page.goto(served.hubd.url);
    return page;
  };
  return at;
}

/** Waits until the page says that it is connected. */
export const connected = (page) =>
  page
    .getByRole("status")
    .filter({ hasText: /^connected$/ })
    .waitFor();
