#!/usr/bin/env bash
# Does what README.md tells a new user to do: makes a service, puts the hub into it, lints, serves, and runs the client, word for word but for the
# port. Usage: readme.sh PATH_OF_HUBD PATH_OF_HUBCTL
set -euo pipefail
hubd=$(realpath "$1") hubctl=$(realpath "$2")
cd "$(dirname "$0")/../.."
bad() { echo "README.md: $*"; exit 1; }
fence() { awk -v open="\`\`\`$1" '$0 == open && !done {on = 1; next} on && /^```/ {on = 0; done = 1} on' README.md; }

. tests/support/serve.sh
use_node_modules

fence yaml >"$work/hub.yaml"
fence js >"$work/client.mjs"
[ "$(wc -l <"$work/hub.yaml")" -le 15 ] || bad "the hub has more than 15 lines"
[ "$(wc -l <"$work/client.mjs")" -le 10 ] || bad "the client has more than 10 lines"

# Commands that are named in passing.
for target in $(grep -oE '\bmake [a-z]+' README.md | cut -d' ' -f2 | sort -u); do
    grep -q "^$target:" Makefile || bad "there is no \"make $target\""
done
for hub in $(grep -oE 'HUB=[a-z/]+' README.md | cut -d= -f2); do "$hubd" "$hub" --check || bad "$hub is not a service"; done
for code in $(grep -oE 'hubctl explain [A-Z0-9]+' README.md | cut -d' ' -f3); do "$hubctl" explain "$code" | grep "^$code " >/dev/null || bad "$code is not explained"; done

"$hubctl" new "$work/my" --template blank >/dev/null
cp "$work/hub.yaml" "$work/my/main.hub.yaml"
sed 's/hubRole: member}/hubRole: memebr}/' "$work/hub.yaml" >"$work/my/main.hub.yaml"
"$hubctl" lint "$work/my" >"$work/found" && bad "a role that is not there passes"
grep -q 'error\[H012\].*memebr' "$work/found" || bad "lint says $(cat "$work/found")"
cp "$work/hub.yaml" "$work/my/main.hub.yaml"
"$hubctl" lint --strict "$work/my"
start_hubd "$hubd" "$work/my" /hub/main
grep -q 'http://127.0.0.1:8080/hub/main' "$work/client.mjs" || bad "the client does not connect where hubd listens"
sed -i "s|http://127.0.0.1:8080|$url|" "$work/client.mjs"
# The client stays connected, so it is ended when it has said everything, or after 30 s.
exec 4< <(exec timeout 30 node "$work/client.mjs" 2>&1)
client=$!
declare -A wanted=(['joined as member']=1 ["1 ann { choice: 'yes' }"]=1 ['my vote has number 1']=1)
said=
while [ ${#wanted[@]} -gt 0 ] && read -r line <&4; do
    said+="$line"$'\n'
    unset 'wanted[$line]'
done
kill "$client" 2>/dev/null || true
[ ${#wanted[@]} -eq 0 ] || bad "the client did not print: ${!wanted[*]}; it printed: $said; hubd: $(cat "$work/log")"

# A choice that the hub does not have.
sed -i 's/dev:ann/dev:bob/; s/choice: "yes"/choice: "maybe"/' "$work/client.mjs"
exec 4< <(exec timeout 30 node "$work/client.mjs" 2>&1)
client=$!
read -r line <&4 && read -r line <&4 && [ "$line" = "content.choice: expected one of yes, no" ] || bad "the wrong choice was answered with \"$line\""
kill "$client" 2>/dev/null || true
