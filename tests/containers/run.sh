#!/usr/bin/env bash
# Builds the image of Containerfile and runs it as a service would: another user, no rights, a read-only root; with a service directory that is
# mounted and with one that is copied in; stopped under load. Needs Podman or Docker and the base image; skipped otherwise. Usage: run.sh
#   HUBD_CONTAINER_ENGINE      the command; "podman --runtime runc", say
#   HUBD_CONTAINER_BASE        the base image, instead of docker.io/library/debian:12-slim; "made" makes one from a Debian mirror with mmdebstrap
#                              and keeps it as localhost/hubd-base:12
#   HUBD_CONTAINER_BUILD_ARGS  more for "build", such as "--isolation chroot"; CONSOLE=no is the default here, it saves installing Node.js
#   HUBD_CONTAINER_RUN_ARGS    more for "run", such as "--ulimit nofile=1024:1024"
#   HUBD_CONTAINER_STOPS       how often it is stopped under load (3)
#   HUBD_TEST_SET              servers for the part under load (tests/transcript/backends/set.js); without them that is on SQLite
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/support/serve.sh
skip() { echo "skipped: $*"; exit 77; }

# 25 s with a mirror near by; nothing of it is done as root on this system.
make_base() {
    "${engine[@]}" image inspect "$base" >/dev/null 2>&1 && return
    command -v mmdebstrap >/dev/null || skip "mmdebstrap is not installed, which makes the base image"
    local without=(--dpkgopt='path-exclude=/usr/share/'{man,locale,doc}'/*' --dpkgopt='path-include=/usr/share/doc/*/copyright')
    (cd / && timeout 300 mmdebstrap --mode=unshare --variant=apt "${without[@]}" bookworm) >"$work/base.tar" 2>"$work/base.log" ||
        skip "no base image could be made from a Debian mirror: $(tail -n 1 "$work/base.log")"
    "${engine[@]}" import "$work/base.tar" "$base" >"$work/base.log" 2>&1 || { cat "$work/base.log"; exit 1; }
}

engine=(${HUBD_CONTAINER_ENGINE:-$(command -v podman || command -v docker || true)})
base=${HUBD_CONTAINER_BASE:-docker.io/library/debian:12-slim}
[ ${#engine[@]} -gt 0 ] || skip "neither podman nor docker is installed (\"make containers\" installs podman)"
if [ "$base" = made ]; then
    base=localhost/hubd-base:12
    make_base
else
    "${engine[@]}" image inspect "$base" >/dev/null 2>&1 ||
        skip "${engine[*]} has no image $base here (or does not run here); \"make containers\" makes one from a Debian mirror"
fi
use_node_modules

name=hubd-test-$$
client=
gone() {
    [ -z "$client" ] || kill "$client" 2>/dev/null || true
    "${engine[@]}" rm -f -v "$name" >/dev/null 2>&1 || true
    "${engine[@]}" rmi -f "$name-chat" "$name" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap gone EXIT
bad() { echo "$*"; "${engine[@]}" logs "$name" 2>&1 | tail -n 20; exit 1; }

# ---- build
build() { # what "build" is told
    "${engine[@]}" build ${HUBD_CONTAINER_BUILD_ARGS:-} "$@" >"$work/build.log" 2>&1 || { tail -n 30 "$work/build.log"; exit 1; }
}
build --network host --build-arg BASE="$base" --build-arg CONSOLE=no -f Containerfile -t "$name" .
cp -r hubs/chat "$work/chat"
rm -rf "$work/chat/data"
sed -i 's/^  messageRateLimit: .*/  messageRateLimit: 1000000/' "$work/chat/chat.hub.yaml"
printf 'FROM %s\nCOPY chat /service\n' "$name" >"$work/Containerfile"
build -f "$work/Containerfile" -t "$name-chat" "$work"

# ---- run
start() { # image and command, after what "run" is told; leaves its log in $work/run.log
    "${engine[@]}" run -d --name "$name" --network host --read-only --cap-drop all --security-opt no-new-privileges ${HUBD_CONTAINER_RUN_ARGS:-} \
        -e HUBD_LISTEN_HOST=127.0.0.1 -e HUBD_LISTEN_PORT="$port" -e HUBD_ALLOW_DEV_AUTH=1 "$@" >"$work/run.log" 2>&1 || { cat "$work/run.log"; exit 1; }
}
inside() { "${engine[@]}" exec "$name" "$@"; }
stop() {
    "${engine[@]}" stop -t 20 "$name" >/dev/null 2>&1
    local code
    code=$("${engine[@]}" inspect --format '{{.State.ExitCode}}' "$name")
    [ "$code" = 0 ] || bad "it did not stop by itself with 0, but with $code"
}
port=$(node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')

# The client, over as many starts as there are: its lines come from &4.
cp tests/containers/client.js "$work/client.mjs"
start_client() {
    mkfifo "$work/said"
    node "$work/client.mjs" "http://127.0.0.1:$port" >"$work/said" 2>"$work/client.log" &
    client=$!
    exec 4<"$work/said"
}
client_is_busy() {
    local line
    read -r -t 120 line <&4 && [ "$line" = busy ] || bad "the client got no service: $(cat "$work/client.log")"
}
end_client() {
    local line
    kill -USR2 "$client"
    read -r -t 120 line <&4 || bad "the client is not content: $(cat "$work/client.log")"
    echo "$1: $line"
    wait "$client" || bad "the client failed: $(cat "$work/client.log")"
    client=
    rm "$work/said"
}

# ---- what is in it
start -v "$work/chat:/service:ro" -e HUBD_STORE_URL=sqlite:/data/chat.db "$name"
start_client
client_is_busy
[ "$(inside id -u)" = 10001 ] || bad "it does not run as the user it should"
[ "$(inside sed -n 's/^CapEff:\t0*//p' /proc/1/status)" = "" ] || bad "hubd has capabilities"
inside touch /usr/local/bin/x 2>/dev/null && bad "the root file system can be written"
inside test -s /data/chat.db || bad "the database is not in /data"
inside hubctl lint /service >/dev/null || bad "hubctl does not run inside"
tools=$(inside bash -c 'compgen -c | grep -xE "(g?cc|c\+\+|g\+\+|clang|ld|make|cmake|ninja|node|npm|git)(-[0-9.]+)?" | sort -u' || true)
[ -z "$tools" ] || bad "there are tools in it that only its build needs: $tools"
sources=$(inside bash -c 'shopt -s globstar nullglob; ls -d /src /opt/hubd /usr/include/*/ /usr/local/**/*.[cho] /var/lib/apt/lists/* 2>/dev/null' || true)
[ -z "$sources" ] || bad "there are remains of its build in it: $sources"
check=$("${engine[@]}" image inspect "$name" | grep -c /healthz || true)
if [ "$check" = 0 ]; then
    echo "no health check: podman keeps it with --format docker only"
elif "${engine[@]}" healthcheck --help >/dev/null 2>&1; then
    "${engine[@]}" healthcheck run "$name" >"$work/run.log" 2>&1 || bad "the health check fails: $(cat "$work/run.log")"
fi
[ -z "$("${engine[@]}" logs "$name" 2>/dev/null | grep -v '^hubd \|^  ')" ] || bad "stdout has more than what is served where"
stop
"${engine[@]}" start "$name" >/dev/null
client_is_busy
end_client "service directory mounted, SQLite"
stop
"${engine[@]}" rm -v "$name" >/dev/null 2>&1

# ---- a mistake in the definition
sed 's/^hubBasics:/hubBasic:/' "$work/chat/chat.hub.yaml" >"$work/wrong.hub.yaml"
start -v "$work/chat:/service:ro" -v "$work/wrong.hub.yaml:/service/chat.hub.yaml:ro" "$name"
code=$("${engine[@]}" wait "$name" 2>/dev/null)
[ "$code" = 3 ] || bad "a wrong definition ends it with $code, not with 3"
"${engine[@]}" logs "$name" >/dev/null 2>"$work/wrong.log"
grep -q '^/service/chat.hub.yaml:2:1: error\[H001\]: unknown key "hubBasic"' "$work/wrong.log" || bad "its log does not say what is wrong where"
"${engine[@]}" rm -v "$name" >/dev/null 2>&1

# ---- stopped under load, with the directory copied in
urls=(-e HUBD_STORE_URL=sqlite:/data/chat.db) more=() kind=SQLite
if [ -n "${HUBD_TEST_SET:-}" ]; then
    read -r project store cache bus < <(node -e 'fetch(`${process.argv[1]}/place`, { method: "POST" }).then((answer) => answer.json())
        .then(({ project, store, cache, bus }) => console.log(project, store, cache, bus ?? "memory:"))' "$HUBD_TEST_SET")
    urls=(-e HUBD_STORE_URL="$store" -e HUBD_CACHE_URL="$cache" -e HUBD_BUS_URL="$bus") more=(/service --wait 60 --set service.project="$project")
    kind="${store%%:*}, ${cache%%:*}, ${bus%%:*}"
fi
start "${urls[@]}" "$name-chat" "${more[@]}"
start_client
stops=${HUBD_CONTAINER_STOPS:-3}
for _ in $(seq "$stops"); do
    client_is_busy
    stop
    "${engine[@]}" start "$name" >/dev/null
done
client_is_busy
end_client "service directory copied in, $kind, stopped $stops times"
stop
echo "built from $base and run with ${engine[*]}: $("${engine[@]}" image inspect --format '{{.Size}}' "$name") bytes"
