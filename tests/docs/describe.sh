#!/usr/bin/env bash
# Runs the commands of docs/describe.md, each in a copy of the examples that is a repository of its own. Usage: describe.sh HUBCTL
set -euo pipefail
hubctl=$(realpath "$1")
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
awk '$0 == "```sh" {on = 1; next} /^```/ {on = 0} on' docs/describe.md >"$work/commands"
[ "$(wc -l <"$work/commands")" -ge 5 ] || { echo "docs/describe.md has no commands"; exit 1; }
cp -r hubs "$work/hubs"
cd "$work"
git init -q . && git add hubs && git -c user.name=test -c user.email=test@example.com commit -qm "The service as it was"
mkdir bin && ln -s "$hubctl" bin/hubctl
while IFS= read -r line; do
    PATH=$work/bin:$PATH bash -euc "$line" >output 2>&1 || { echo "docs/describe.md: $line"; cat output; exit 1; }
done <commands
