// The page of a wall: joins its room, which says what to show, and subscribes to a channel for each tile. After a lost connection it subscribes with the
// last offset of each channel, so that a curve has no gap where the server still knows what was missed.
const $ = (id) => document.getElementById(id);
const POINTS = 30; // of a curve, as many as the channels keep

let socket = null;
let who = null; // {user, role, room}; null when we left
let tiles = new Map(); // channel -> {offset, epoch, show(data), clear()}

function open() {
  $("status").textContent = "connecting…";
  socket = io("/hub/ticker", {
    path: new URL("socket.io/", document.baseURI).pathname,
    auth: { token: `dev:${who.user}:${who.role}` },
    forceNew: true,
  });
  socket.on("connect", () => call("hub:join", { roomId: who.room }, () => {})); // what to show comes as hub:state
  socket.on("connect_error", (error) => (socket.active ? lost() : fail(error.message)));
  socket.on("disconnect", (reason) => {
    if (!who) return;
    lost();
    if (reason === "io server disconnect") setTimeout(() => who && socket.connect(), 1000); // the client leaves this to us
  });
  socket.on("hub:state", ({ state }) => build(state));
  socket.on("hub:channelMessage", (message) => take(message));
  socket.on("hub:unsubscribed", ({ channel, reason }) => fail(`${channel} is closed to you (${reason}).`));
  for (const event of ["hub:kicked", "hub:roomClosed"]) socket.on(event, () => fail("The wall was closed."));
}

// Answers are taken in a callback, not behind an await: it runs before the event that comes next, so that history comes before what is live.
function call(event, payload, done) {
  socket.timeout(10000).emit(event, payload, (late, answer) => {
    if (!who) return;
    if (!late && answer.ok) done(answer);
    else if (late || !socket.connected) lost();
    else fail(`${answer.error.message} (${answer.error.code})`);
  });
}

function build({ title, symbols, region }) {
  $("title").textContent = title;
  const wanted = new Map(symbols.map((symbol) => [`price:${symbol}`, () => priceTile(symbol)]));
  if (region) wanted.set(`orders:${region}`, orderList);
  $("orders").hidden = !region;
  for (const [channel, make] of wanted) {
    if (!tiles.has(channel)) tiles.set(channel, make());
    subscribe(channel, tiles.get(channel));
  }
  $("entry").hidden = true;
  $("wall").hidden = false;
}

function subscribe(channel, tile) {
  call("hub:subscribe", { channel, historyLimit: POINTS, since: tile.offset, epoch: tile.epoch }, ({ history, offset, epoch, recovered }) => {
    if (recovered !== true) tile.clear();
    for (const { data } of history) tile.show(data);
    Object.assign(tile, { offset, epoch });
    $("status").textContent = "connected";
  });
}

// What others publish on a Redis channel has no offset, and may be anything.
function take({ channel, offset, data }) {
  const tile = tiles.get(channel);
  if (!tile) return;
  tile.show(data);
  if (offset !== null) tile.offset = offset;
}

function priceTile(symbol) {
  const tile = document.createElement("section");
  tile.className = "tile";
  tile.innerHTML = `<h2></h2><output>–</output><svg viewBox="0 0 ${POINTS - 1} 1" preserveAspectRatio="none" aria-hidden="true"><polyline/></svg>`;
  tile.querySelector("h2").textContent = symbol;
  tile.querySelector("output").setAttribute("aria-label", symbol);
  $("prices").append(tile);
  let points = [];
  return {
    clear: () => (points = []),
    show(data) {
      const price = Number(data?.price);
      if (!Number.isFinite(price)) return;
      points = [...points, price].slice(-POINTS);
      tile.querySelector("output").textContent = price.toFixed(2);
      const [low, high] = [Math.min(...points), Math.max(...points)];
      const y = (value) => (high > low ? (high - value) / (high - low) : 0.5);
      tile.querySelector("polyline").setAttribute("points", points.map((value, x) => `${x},${y(value)}`).join(" "));
    },
  };
}

function orderList() {
  return {
    clear: () => $("list").replaceChildren(),
    show({ item, count }) {
      const line = document.createElement("li");
      line.textContent = `${count} × ${item}`;
      $("list").prepend(line);
      while ($("list").children.length > POINTS) $("list").lastChild.remove();
    },
  };
}

function fail(text) {
  who = null;
  socket.close();
  tiles = new Map();
  $("prices").replaceChildren();
  $("list").replaceChildren();
  $("wall").hidden = true;
  $("entry").hidden = false;
  $("status").textContent = text;
}

function lost() {
  $("status").textContent = "connection lost, trying again…";
}

$("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  who = { user: $("user").value, role: $("role").value, room: $("room").value };
  if (globalThis.io) open();
  else $("status").textContent = "this hubd was built without the Socket.IO client: make console, then make build";
});
$("leave").addEventListener("click", () => fail("not connected"));
