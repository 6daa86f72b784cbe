// The example in hubs/ticker: numbers without any other server, from the bus, and from Redis; who may see which; two tabs of its page.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { createClient } from "redis";
import { Redis } from "./backends/redis.js";
import { Missing } from "./backends/server.js";
import { example } from "./example.js";
import { embeddedOnly, eventually } from "./harness.js";
import { connected, noBrowser, pages } from "./page.js";

describe("hubs/ticker", () => {
  const ticker = example("ticker");
  const publish = (record) => ticker.rest("shop", undefined, "POST", "/bus/orders", record);
  const on = (channel) => (message) => message.channel === channel;

  test("the demo makes up prices, while somebody watches its wall, and each viewer sees all of them once", async () => {
    const ann = await ticker.member("ann", "market");
    assert.deepEqual((await ann.next("hub:state")).state, { title: "Market", symbols: ["OIL", "TIN", "TEA"], region: null });
    const { offset } = await ann.ok("hub:subscribe", { channel: "price:OIL" });
    const first = await ann.next("hub:channelMessage");
    const second = await ann.next("hub:channelMessage");
    assert.deepEqual([first.offset, second.offset], [offset + 1, offset + 2]);
    for (const { data } of [first, second]) assert.ok(data.price > 0 && Math.abs(data.price - 100) < 10, JSON.stringify(data));
    const bob = await ticker.member("bob", "market");
    const { history } = await bob.ok("hub:subscribe", { channel: "price:OIL", historyLimit: 30 });
    assert.deepEqual(history.find((message) => message.offset === first.offset).data, first.data);
  });

  test("who was away gets what was missed", async () => {
    const ann = await ticker.member("ann", "market");
    const { epoch } = await ann.ok("hub:subscribe", { channel: "price:TIN" });
    const { offset } = await ann.next("hub:channelMessage", on("price:TIN"));
    ann.close();
    const bob = await ticker.member("bob", "market");
    await bob.ok("hub:subscribe", { channel: "price:TIN" });
    const missed = await bob.next("hub:channelMessage", on("price:TIN"));
    const back = await ticker.member("ann", "market");
    const { recovered, history } = await back.ok("hub:subscribe", { channel: "price:TIN", since: offset, epoch });
    assert.equal(recovered, true);
    assert.ok(history.some((message) => message.offset === missed.offset));
    assert.equal(history[0].offset, offset + 1);
  });

  test("an order on the bus goes to the channel of its region; what is no order, to none", async () => {
    const olga = await ticker.member("olga", "desk", "staff");
    for (const region of ["south", "west"]) await olga.ok("hub:subscribe", { channel: `orders:${region}` });
    for (const record of [
      { item: "Lamp", count: 1 },
      { region: "south:west", item: "Lamp", count: 1 },
      { region: { no: 1 }, item: "Lamp", count: 1 },
      { region: "south", item: "Lamp" },
      { region: "south", item: "Lamp", count: "many" },
      { region: "south", item: "Lamp", count: 2, secret: "x" },
    ])
      assert.equal((await publish(record)).status, 202);
    const told = await olga.next("hub:channelMessage");
    assert.deepEqual([told.channel, told.data], ["orders:south", { item: "Lamp", count: 2 }]);
    await olga.nothing("hub:channelMessage", "order");
  });

  test("orders are for staff, prices for all, and nobody but the server publishes", async () => {
    const [ann, olga] = [await ticker.member("ann", "desk"), await ticker.member("olga", "desk", "staff")];
    assert.equal(ann.welcome.error.code, "check_failed");
    assert.equal(olga.welcome.hubRole, "viewer");
    await ann.refused("not_allowed", "hub:subscribe", { channel: "orders:north" });
    await ann.refused("not_allowed", "hub:channelHistory", { channel: "orders:north" });
    await ann.refused("not_found", "hub:subscribe", { channel: "secrets" });
    await olga.refused("not_allowed", "hub:publish", { channel: "price:OIL", data: { price: 1 } });
    await olga.refused("not_allowed", "hub:publish", { channel: "orders:north", data: { item: "x", count: 1 } });
    await ann.ok("hub:subscribe", { channel: "price:OIL" });
    await olga.ok("hub:subscribe", { channel: "orders:north" });
  });

  test("orders survive a restart", async () => {
    const olga = await ticker.member("olga", "desk", "staff");
    await olga.ok("hub:subscribe", { channel: "orders:east" });
    await publish({ region: "east", item: "Chair", count: 4 });
    const { offset } = await olga.next("hub:channelMessage");
    await ticker.hubd.kill();
    await ticker.start();
    const back = await ticker.member("olga", "desk", "staff");
    const { history } = await back.ok("hub:subscribe", { channel: "orders:east", historyLimit: 10 });
    assert.equal(history[0].offset, offset);
    for (const { data } of history) assert.deepEqual(data, { item: "Chair", count: 4 }); // Kafka may bring it once more after a kill
  });
});

describe("hubs/ticker on Redis", { skip: embeddedOnly("it brings its own Redis") }, () => {
  const env = {};
  let redis;
  const prepare = async () => {
    redis = await Redis.start().catch((error) => {
      if (!(error instanceof Missing) || process.env.CI === "true") throw error;
    });
    if (redis) Object.assign(env, { HUBD_CACHE_URL: redis.url(), TICKER_REDIS: "true" });
  };
  const ticker = example("ticker", { prepare, env });
  after(() => redis?.remove());

  test("what others PUBLISH reaches viewers, and what the demo says is PUBLISHed", async (t) => {
    if (!redis) return t.skip("there is no Redis");
    const ann = await ticker.member("ann", "market");
    await ann.ok("hub:subscribe", { channel: "price:GAS" }); // on no wall: the demo is silent about it
    await eventually("subscribed on Redis", async () => (await redis.call("PUBSUB", "NUMSUB", "price:GAS"))[1] === 1);
    await redis.call("PUBLISH", "price:GAS", '{"price": 12.5}');
    const { offset, data } = await ann.next("hub:channelMessage");
    assert.deepEqual([offset, data], [null, { price: 12.5 }]);
    const outside = createClient({ url: redis.url() });
    await outside.connect();
    t.after(() => outside.disconnect());
    const heard = [];
    await outside.subscribe("price:OIL", (text) => heard.push(JSON.parse(text)));
    await ann.ok("hub:subscribe", { channel: "price:OIL" });
    const told = await ann.next("hub:channelMessage");
    assert.ok(told.offset > 0, "what hubd publishes has its number");
    await eventually("heard outside", () => heard.some(({ price }) => price === told.data.price));
    const offsets = [told, ...(await ann.unread("hub:channelMessage"))].map(({ offset }) => offset);
    assert.deepEqual(offsets, [...new Set(offsets)], "it does not come back from Redis a second time");
    assert.ok(!offsets.includes(null), "nor as what somebody else has published");
  });
});

describe("the page of hubs/ticker", { skip: noBrowser }, () => {
  const ticker = example("ticker");
  const { open } = pages(ticker);

  async function tab(user, { role = "user", room = "market" } = {}) {
    const page = await open();
    await page.getByLabel("Your user id").fill(user);
    await page.getByLabel("Role in the service").selectOption(role);
    await page.locator("#room").selectOption(room);
    await page.keyboard.press("Enter");
    return page;
  }
  const price = (page, symbol) => page.getByLabel(symbol, { exact: true });
  const points = (page) => page.locator("polyline").first().getAttribute("points");

  test("prices come by themselves, and go on after a restart of hubd", async () => {
    const ann = await tab("ann");
    await connected(ann);
    await price(ann, "OIL").filter({ hasText: /^\d+\.\d\d$/ }).waitFor();
    assert.ok(await ann.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
    await ticker.hubd.kill();
    await ann.getByRole("status").filter({ hasText: "connection lost" }).waitFor();
    await ticker.start();
    await connected(ann);
    const before = await points(ann);
    await eventually("another price", async () => (await points(ann)) !== before);
    assert.equal(await ann.locator(".tile").count(), 3);
  });

  test("staff sees orders as they come in; others are refused", async () => {
    const olga = await tab("olga", { role: "staff", room: "desk" });
    await connected(olga);
    await ticker.rest("shop", undefined, "POST", "/bus/orders", { region: "north", item: "<b>Lamp</b>", count: 2 });
    await olga.getByRole("log").getByText("2 × <b>Lamp</b>").waitFor();
    const ann = await tab("ann", { room: "desk" });
    await ann.getByRole("status").filter({ hasText: "check_failed" }).waitFor();
  });
});
