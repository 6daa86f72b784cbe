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
declare -A path=([ServiceDocument]='' [Service]=service. [Listen]=listen. [Tls]=listen.tls. [Auth]=auth. [Jwt]=auth.jwt. [Claims]=auth.jwt.claims.
    [Session]=auth.session. [Store]=store. [Cache]=cache. [Bus]=bus. [Cluster]=cluster. [Scripting]=scripting. [DataObject]=dataObjects. [Api]=dataObjects.api.
    [Namespace]=namespaces. [Property]=- [NamespaceEvent]=- [Types of fields]=-)
while IFS=: read -r section field; do
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

# Backup while hubd runs, a message more, restore, and a client that was there before.
command -v sqlite3 >/dev/null || { echo "skipped: sqlite3 is not installed"; exit 77; }
use_node_modules
cp -r hubs/chat "$work/chat"
rm -rf "$work/chat/data"
cat >"$work/client.mjs" <<'JS'
import { io } from "socket.io-client";
const [url, join, ...texts] = process.argv.slice(2);
const socket = io(`${url}/hub/chat`, { auth: { token: "dev:owner" } });
const answer = await socket.emitWithAck("hub:join", { roomId: "team", ...JSON.parse(join) });
for (const body of texts) await socket.emitWithAck("hub:send", { roomId: "team", messageType: "text", content: { body } });
console.log(JSON.stringify({ seq: answer.seq + texts.length, epoch: answer.epoch, recovered: answer.recovered }));
socket.close();
JS
client() { timeout 30 node "$work/client.mjs" "$url" "$@"; }
stop() { kill "$server" && wait "$server" && server= && rm "$work/out"; }
run_line() { # the one line of the page that has $1
    local line
    line=$(grep -F -- "$1" "$page" | grep '^sqlite3 ') || { echo "$page: no line with $1"; exit 1; }
    (cd "$work/chat" && eval "$line")
}

start_hubd "$hubd" "$work/chat" /hub/chat
client '{}' kept >/dev/null
run_line .backup
before=$(client '{}' lost lost)
stop
run_line .restore
run_line 'UPDATE hubd_room'
start_hubd "$hubd" "$work/chat" /hub/chat
since=$(node -p 'const {seq, epoch} = JSON.parse(process.argv[1]); JSON.stringify({since: seq - 1, epoch})' "$before")
after=$(client "$since")
stop
node -e 'const [before, after] = process.argv.slice(1).map(JSON.parse);
if (after.recovered !== false || after.epoch === before.epoch || after.seq !== before.seq - 2) throw new Error(JSON.stringify({before, after}));' "$before" "$after"
echo "$(wc -l <"$work/metrics") metrics, $(wc -l <"$work/settings") settings, one restore"
