// The example in hubs/auction: what is a bid and what is not, the countdown, an end that late bids put off and that comes by itself.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { example } from "./example.js";
import { SLACK_MS } from "./harness.js";

describe("hubs/auction", () => {
  const auction = example("auction");

  /** A lot of its own for each test. */
  async function lot(more = {}) {
    const row = { title: "Lamp", sellerId: "sam", startPrice: 10, increment: 2, ...more };
    const { status, body } = await auction.rest("ada", "auctioneer", "POST", "/objects/lot", row);
    assert.equal(status, 201, JSON.stringify(body));
    return body.row.id;
  }
  const read = async (id) => (await auction.rest("ada", "auctioneer", "GET", `/objects/lot/${id}`)).body.row;

  async function bidder(user, roomId) {
    const peer = await auction.member(user, roomId);
    assert.equal(peer.welcome.hubRole, "bidder");
    const send = (amount, currency = "EUR") => ({ roomId, messageType: "bid", content: { amount, currency } });
    peer.bid = (...what) => peer.ok("hub:send", send(...what));
    peer.noBid = async (reason, ...what) => assert.match((await peer.refused("rejected", "hub:send", send(...what))).message, reason);
    peer.arrival = async (type) => (await peer.next("hub:messageArrived", ({ message }) => message.messageType === type)).message;
    return peer;
  }

  test("the first to join opens the lot, and the state says what there is to know", async () => {
    const id = await lot({ durationSeconds: 60 });
    const ann = await bidder("ann", id);
    const countdown = await ann.arrival("countdown");
    assert.equal(countdown.senderId, null);
    // The tick that opens the lot has its moment from before: on a busy host more than the lot's time is left.
    assert.ok(countdown.content.remainingMs > 50000 && countdown.content.remainingMs <= 60000 + SLACK_MS, countdown.content.remainingMs);
    const { state } = await ann.ok("hub:requestState", { roomId: id });
    assert.equal(state.endsAt, countdown.content.endsAt);
    assert.deepEqual(
      { ...state, endsAt: 0, now: 0 },
      { title: "Lamp", status: "open", currency: "EUR", price: null, leaderId: null, bidCount: 0, lowestBid: 10, endsAt: 0, now: 0 },
    );
  });

  test("a bid is higher than the last by the increment, in the lot's currency, and not one's own", async () => {
    const id = await lot({ increment: 0.1 });
    const [ann, bob] = [await bidder("ann", id), await bidder("bob", id)];
    await ann.noBid(/lowest bid is 10\.00 EUR/, 9.99);
    await ann.bid(10);
    assert.deepEqual((await bob.arrival("bid")).content, { amount: 10, currency: "EUR" });
    await ann.noBid(/yours already/, 20);
    await bob.noBid(/lowest bid is 10\.10 EUR/, 10.09);
    await bob.noBid(/bids are in EUR/, 20, "USD");
    await bob.noBid(/two decimals/, 20.001);
    await bob.bid(10.1);
    await ann.bid(10.2);
    await bob.refused("invalid_content", "hub:send", { roomId: id, messageType: "bid", content: { amount: "much", currency: "EUR" } });
    await bob.refused("type_not_allowed", "hub:send", { roomId: id, messageType: "sold", content: {} });
    const row = await read(id);
    assert.deepEqual([row.price, row.leaderId, row.bidCount], [10.2, "ann", 3]);
  });

  test("what is said beside the bids has one link at most, and nobody shouts", async () => {
    const id = await lot();
    const [ann, bob] = [await bidder("ann", id), await bidder("bob", id)];
    const { data } = await ann.refused("too_many_links", "hub:send", { roomId: id, messageType: "text", content: { body: "http://a https://b" } });
    assert.deepEqual(data, { links: 2 });
    for (const [body, heard] of [["Look: http://a", "Look: http://a"], ["LOOK AT MY LAMPS", "look at my lamps"], ["OK, EUR 12", "OK, EUR 12"]]) {
      await ann.ok("hub:send", { roomId: id, messageType: "text", content: { body } });
      assert.equal((await bob.arrival("text")).content.body, heard);
    }
    await bob.bid(10); // whatever its shape: bids pass by
  });

  test("of bids that come at once, each is judged by the one before", async () => {
    const id = await lot();
    const peers = await Promise.all(Array.from({ length: 8 }, (_, i) => bidder(`user${i}`, id)));
    const answers = await Promise.all(
      peers.map((peer) => peer.call("hub:send", { roomId: id, messageType: "bid", content: { amount: 10, currency: "EUR" } })),
    );
    assert.equal(answers.filter(({ ok }) => ok).length, 1);
    assert.equal((await read(id)).bidCount, 1);
  });

  test("the seller talks but does not bid, a guest only watches, and a lot taken back admits nobody", async () => {
    const id = await lot();
    const sam = await auction.member("sam", id);
    assert.equal(sam.welcome.hubRole, "seller");
    await sam.say(id, "A fine lamp");
    await sam.refused("type_not_allowed", "hub:send", { roomId: id, messageType: "bid", content: { amount: 10, currency: "EUR" } });
    const gus = await auction.member("gus", id, "guest");
    await gus.refused("cannot_send", "hub:send", { roomId: id, messageType: "text", content: { body: "x" } });
    assert.equal((await auction.member("ann", "vase")).welcome.error.code, "room_not_eligible");
  });

  test("a late bid moves the end, and then the lot is sold", async () => {
    const id = await lot({ durationSeconds: 4, extensionSeconds: 5 });
    const [ann, bob] = [await bidder("ann", id), await bidder("bob", id)];
    const { endsAt } = (await ann.arrival("countdown")).content;
    await ann.bid(10);
    const later = (await bob.arrival("extended")).content.endsAt;
    assert.ok(later > endsAt, `${later} is not after ${endsAt}`);
    const sold = await bob.arrival("sold");
    assert.ok(Date.parse(sold.timestamp) >= later, "sold too early");
    assert.deepEqual(sold.content, { buyerId: "ann", price: 10, currency: "EUR" });
    await bob.noBid(/not open/, 100);
    assert.equal((await read(id)).status, "sold");
    const { messages } = await bob.ok("hub:history", { roomId: id });
    assert.deepEqual(
      messages.map(({ messageType }) => messageType),
      ["bid", "extended", "sold"],
    );
  });

  test("the lot ends with nobody connected, after a crash, once, at the time that was set", async () => {
    const [id, nobodys] = [await lot({ durationSeconds: 4, extensionSeconds: 0 }), await lot({ durationSeconds: 1 })];
    const [ann, eve] = [await bidder("ann", id), await bidder("eve", nobodys)];
    const { endsAt } = (await ann.arrival("countdown")).content;
    await eve.arrival("countdown");
    await ann.bid(12);
    ann.close();
    eve.close();
    await auction.hubd.kill();
    await auction.start();
    const history = () => auction.rest("ada", "auctioneer", "GET", `/auction/rooms/${id}/messages?messageType=sold`);
    for (let tries = 0; (await read(id)).status !== "sold"; tries++) {
      assert.ok(tries < 200, "never sold");
      await new Promise((done) => setTimeout(done, 100));
    }
    const { messages } = (await history()).body;
    assert.deepEqual(
      messages.map(({ content }) => content),
      [{ buyerId: "ann", price: 12, currency: "EUR" }],
    );
    assert.ok(Date.parse(messages[0].timestamp) >= endsAt, "sold too early");
    assert.equal((await read(nobodys)).status, "unsold");
  });
});
