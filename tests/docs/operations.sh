#!/usr/bin/env bash
# docs/operations.md against the program: every metric, setting and variable is on the page and none that is not there; the commands for backup and
# restore, word for word, keep what they say they keep. Usage: operations.sh PATH_OF_HUBD
set -euo pipefail
hubd=$(realpath "$1")
cd "$(dirname "$0")/../.."
. tests/support/serve.sh
page=docs/operations.md
failures=0
complain() { echo "$page: $*"; failures=1; }
compare() { # what, file of names in the program, file of names on the page
    local name
    for name in $(comm -23 "$2" "$3"); do complain "the $1 $name is not on the page"; done
    for name in $(comm -13 "$2" "$3"); do complain "there is no $1 $name"; done
}

# Metrics: names are literals; so are those of the engine's tables, which do not end in what a metric ends in and are named here.
tables='hubd_room|hubd_writer|hubd_outbox'
git ls-files 'engine/*.c' 'adapters/*.c' 'scripting/*.c' 'schema/*.c' | xargs grep -hoE '"hubd_[a-z0-9_]+[a-z0-9]"' | tr -d '"' | grep -vxE "$tables" | sort -u >"$work/metrics"
[ "$(wc -l <"$work/metrics")" -gt 40 ] || complain "only $(wc -l <"$work/metrics") metrics found; are they named otherwise now?"
awk '/^\| Metric/ {on = 1} /^$/ {on = 0} on' "$page" | grep -oE '^\| `[^|]*' | grep -oE 'hubd_[a-z0-9_]+' | sort -u >"$work/metrics.page"
compare metric "$work/metrics" "$work/metrics.page"

# Settings: the rows of the generated reference, with the path of their section.
declare -A path=([ServiceDocument]='' [Service]=service. [Listen]=listen. [Compression]=listen.compression. [Tls]=listen.tls. [Auth]=auth. [Jwt]=auth.jwt. [Claims]=auth.jwt.claims.
    [Session]=auth.session. [Store]=store. [Cache]=cache. [Bus]=bus. [Cluster]=cluster. [Scripting]=scripting. [ServiceLimits]=limits. [ServiceClients]=clients. [ClientProof]=clients.proof. [ClientInvocation]=- [NodeHandler]=- [NodeBroadcast]=- [DataObject]=dataObjects. [Api]=dataObjects.api.
    [ServiceLifecycle]=lifecycle. [ServiceBootstrap]=lifecycle.onBootstrap. [NamespaceLifecycle]=-
    [Namespace]=namespaces. [Property]=- [NamespaceEvent]=- [NamespaceConnectionMetadata]=- [NamespaceStreams]=- [NamespaceOutgoing]=- [NamespaceRecovery]=- [Types of fields]=-)
while IFS=: read -r section field; do
    [[ $section == Hub* ]] && continue # what hubs may have, too: the pages of docs/extensions
    [ -v "path[$section]" ] || { complain "docs/reference/service.md has a section $section, which this test does not know"; continue; }
    [ "${path[$section]}" = - ] || echo "${path[$section]}$field"
done < <(awk -F '`' '/^## / {section = substr($0, 4)} /^\| `/ && $0 !~ /\]\(#/ {print section ":" $2}' docs/reference/service.md) >"$work/all"
awk -F '`' '/^## HubGuardrails/ {on = 1; next} /^## / {on = 0} on && /^\| `/ {print "guardrails." $2}' docs/reference/hub.md >>"$work/all"
sort -u "$work/all" >"$work/settings"
[ "$(wc -l <"$work/settings")" -gt 50 ] || complain "only $(wc -l <"$work/settings") settings found; is the reference written otherwise now?"
awk '/^\| Setting/ {on = 1} /^$/ {on = 0} on' "$page" | sed -n 's/^\(| [^|]*|\).*/\1/p' | grep -oE '`[^`]+`' | tr -d '`' | sort -u >"$work/settings.page"
# dataObjects.properties and namespaces.events are lists with a table of their own in the reference.
grep -vxE 'dataObjects.properties|namespaces.events' "$work/settings.page" >"$work/settings.page2"
compare setting "$work/settings" "$work/settings.page2"

git ls-files 'engine/*.c' 'adapters/*.c' 'schema/*.c' 'scripting/*.c' | xargs grep -hoE '"HUBD_[A-Z_]+"' | tr -d '"' | sort -u >"$work/variables"
grep -oE '`HUBD_[A-Z_]+`' "$page" | tr -d '`' | sort -u >"$work/variables.page"
compare variable "$work/variables" "$work/variables.page"
[ $failures = 0 ] || exit 1

# From auth.dev to tokens: the commands and the YAML of that section, carried out in a new service.
section() { awk -v lang="\`\`\`$1" '/^#### From/ {on = 1} /^Beside/ {on = 0} on && $0 == lang {fence = 1; next} /^```/ {fence = 0} on && fence' "$page"; }
tokens() {
    local hubctl commands
    hubctl=$(dirname "$hubd")/hubctl
    commands=$(section sh)
    "$hubctl" new "$work/tokens" --template blank >/dev/null
    sed -i '/^auth:/,/^$/d' "$work/tokens/service.yaml"
    section yaml >>"$work/tokens/service.yaml"
    (cd "$work/tokens" && hubctl() { "$hubctl" "$@"; } && eval "$commands" 2>"$work/tokens.log") >"$work/tokens.out" || true
    grep -q '^accepted as ann$' "$work/tokens.out" || { cat "$work/tokens.out" "$work/tokens.log"; complain "the token of the section on auth.jwt is not accepted"; }
    "$hubctl" lint --strict "$work/tokens" || complain "the service with auth.jwt does not lint clean"
}
tokens
[ $failures = 0 ] || exit 1

# Backup while hubd runs, messages and receipts more, restore, and a client that was there before.
use_node_modules
cat >"$work/client.mjs" <<'JS'
import { io } from "socket.io-client";
const [url, join, ...texts] = process.argv.slice(2);
const socket = io(`${url}/hub/chat`, { auth: { token: "dev:owner" } });
const ask = async (event, data) => {
  const answer = await socket.emitWithAck(event, { roomId: "team", ...data });
  if (!answer.ok) throw new Error(`${event}: ${JSON.stringify(answer)}`);
  return answer;
};
const { epoch, recovered, seq: first } = await ask("hub:join", JSON.parse(join));
let seq = first;
for (const body of texts) {
  ({ seq } = (await ask("hub:send", { messageType: "text", content: { body } })).message);
  await ask("messageRead", { lastReadSeq: seq });
}
const [{ lastReadSeq }] = (await ask("hub:members", {})).members;
const bodies = (await ask("hub:history", { limit: 100 })).messages.map(({ content }) => content.body);
console.log(JSON.stringify({ first, seq, epoch, recovered, lastReadSeq, bodies }));
socket.close();
JS
client() { timeout 30 node "$work/client.mjs" "$url" "$@"; }
stop() { kill "$server" && wait "$server" && server= && rm "$work/out"; }
run_line() { # the one line of the page that begins with $1 and has $2
    local line
    line=$(grep "^$1 " "$page" | grep -F -- "$2") || { echo "$page: no line with $1 and $2"; exit 1; }
    (cd "$work/chat" && eval "$line") >"$work/line.log" 2>&1 || { echo "$line"; cat "$work/line.log"; exit 1; }
}
expect() { # after restoring: what the client said before, what it says now
    node -e 'const assert = require("node:assert/strict"), [before, after] = process.argv.slice(1).map(JSON.parse);
        assert.deepEqual([before.seq, before.lastReadSeq, before.bodies], [3, 3, ["kept", "lost", "lost"]]);
        assert.deepEqual([after.first, after.seq, after.lastReadSeq, after.bodies, after.recovered], [1, 1, 1, ["kept"], false]);
        assert.notEqual(after.epoch, before.epoch);' "$@"
}
restore() { # a command that backs up, and two that restore; $between comes first
    cp -r hubs/chat "$work/chat"
    rm -rf "$work/chat/data"
    start_hubd "$hubd" "$work/chat" /hub/chat
    client '{}' kept >/dev/null
    run_line ${1/:/ }
    local before since after
    before=$(client '{}' lost lost)
    since=$(node -p 'const {seq, epoch} = JSON.parse(process.argv[1]); JSON.stringify({since: seq - 1, epoch})' "$before")
    for between in "${@:4}"; do
        stop
        $between
        run_line ${2/:/ }
        run_line "${3%%:*}" "${3#*:}"
        start_hubd "$hubd" "$work/chat" /hub/chat
        after=$(client "$since")
        expect "$before" "$after"
        client '{}' 'and on' | grep -qF '"first":1,"seq":2,' || { echo "$page: numbers do not go on after a restore"; exit 1; }
    done
    stop
    rm -r "$work/chat"
}
empty() { psql -q "$HUBD_STORE_URL" -c 'SET client_min_messages = error' -c 'DROP SCHEMA public CASCADE' -c 'CREATE SCHEMA public'; }

done=
if command -v sqlite3 >/dev/null; then
    restore sqlite3:.backup sqlite3:.restore 'sqlite3:UPDATE hubd_room' true
    done+=' SQLite'
fi
if [ -n "${HUBD_TEST_SET:-}" ] && command -v pg_dump psql >/dev/null; then
    HUBD_STORE_URL=$(node -p '(async () => console.log((await (await fetch(`${process.argv[1]}/place`, { method: "POST" })).json()).store))(); ""' "$HUBD_TEST_SET" | grep .)
    export HUBD_STORE_URL
    restore pg_dump:--file pg_restore:--clean 'psql:UPDATE hubd_room' true empty
    done+=' PostgreSQL'
fi
[ -n "$done" ] || { echo "skipped: neither sqlite3 nor PostgreSQL is there to restore a backup"; exit 77; }
echo "$(wc -l <"$work/metrics") metrics, $(wc -l <"$work/settings") settings; restored on$done"
