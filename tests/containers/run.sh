#!/usr/bin/env bash
# Builds the image of Containerfile and runs it as a service would: another user, no rights, a read-only root. Needs Podman or Docker and the base
# image; skipped otherwise. Usage: run.sh
#   HUBD_CONTAINER_ENGINE      the command; "podman --runtime runc", say
#   HUBD_CONTAINER_BASE        the base image, instead of docker.io/library/debian:12-slim
#   HUBD_CONTAINER_BUILD_ARGS  more for "build", such as "--isolation chroot"; CONSOLE=no is the default here, it saves installing Node.js
#   HUBD_CONTAINER_RUN_ARGS    more for "run", such as "--ulimit nofile=1024:1024"
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/support/serve.sh
skip() { echo "skipped: $*"; exit 77; }

engine=(${HUBD_CONTAINER_ENGINE:-$(command -v podman || command -v docker || true)})
base=${HUBD_CONTAINER_BASE:-docker.io/library/debian:12-slim}
[ ${#engine[@]} -gt 0 ] || skip "neither podman nor docker is installed"
"${engine[@]}" image inspect "$base" >/dev/null 2>&1 || skip "${engine[*]} has no image $base here (or does not run here); HUBD_CONTAINER_BASE names another"
use_node_modules

name=hubd-test-$$
gone() {
    "${engine[@]}" rm -f -v "$name" >/dev/null 2>&1 || true
    "${engine[@]}" rmi "$name" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap gone EXIT
bad() { echo "$*"; "${engine[@]}" logs "$name" 2>&1 | tail -n 20; exit 1; }

"${engine[@]}" build --network host --build-arg BASE="$base" --build-arg CONSOLE=no ${HUBD_CONTAINER_BUILD_ARGS:-} -f Containerfile -t "$name" . \
    >"$work/build.log" 2>&1 || { tail -n 30 "$work/build.log"; exit 1; }

port=$(node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
"${engine[@]}" run -d --name "$name" --network host --read-only --cap-drop all --security-opt no-new-privileges ${HUBD_CONTAINER_RUN_ARGS:-} \
    -v "$PWD/hubs/chat:/service:ro" -e HUBD_LISTEN_HOST=127.0.0.1 -e HUBD_LISTEN_PORT="$port" -e HUBD_STORE_URL=sqlite:/data/chat.db \
    -e HUBD_ALLOW_DEV_AUTH=1 "$name" >"$work/run.log" 2>&1 || { cat "$work/run.log"; exit 1; }
for _ in $(seq 100); do # an engine tells no one when a port opens
    "${engine[@]}" logs "$name" 2>&1 | grep -q "hubd .*: service chat listening" && break
    sleep 0.2
done

cat >"$work/client.mjs" <<'JS'
import assert from "node:assert/strict";
import { io } from "socket.io-client";
const url = process.argv[2];
assert.equal((await fetch(`${url}/healthz`)).status, 200);
assert.deepEqual(await (await fetch(`${url}/readyz`)).json(), { ready: true, notReady: [] });
const socket = io(`${url}/hub/chat`, { auth: { token: "dev:owner" } });
const timer = setTimeout(() => { console.error("no answer within 20 s"); process.exit(1); }, 20000);
const joined = await socket.emitWithAck("hub:join", { roomId: "team" });
assert.equal(joined.ok, true, JSON.stringify(joined));
const sent = await socket.emitWithAck("hub:send", { roomId: "team", messageType: "text", content: { body: "from a container" } });
assert.equal(sent.ok, true, JSON.stringify(sent));
socket.close();
clearTimeout(timer);
JS
node "$work/client.mjs" "http://127.0.0.1:$port" || bad "the client got no service"

inside() { "${engine[@]}" exec "$name" "$@"; }
[ "$(inside id -u)" = 10001 ] || bad "it does not run as the user it should"
[ "$(inside sed -n 's/^CapEff:\t0*//p' /proc/1/status)" = "" ] || bad "hubd has capabilities"
inside touch /usr/local/bin/x 2>/dev/null && bad "the root file system can be written"
inside test -s /data/chat.db || bad "the database is not in /data"
inside hubctl lint /service >/dev/null || bad "hubctl does not run inside"
"${engine[@]}" image inspect "$name" | grep -q /healthz && { inside bash -c 'exec 3<>/dev/tcp/127.0.0.1/$HUBD_LISTEN_PORT' || bad "the health check cannot work"; }
"${engine[@]}" stop -t 20 "$name" >/dev/null 2>&1
[ "$("${engine[@]}" inspect --format '{{.State.ExitCode}}' "$name")" = 0 ] || bad "it did not stop by itself, with 0"
echo "built, served and stopped with ${engine[*]}"
