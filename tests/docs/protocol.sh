#!/usr/bin/env bash
# The tables of docs/protocol.md are what the rows of the parts say, and every "hub:…" that engine/ names is a command or a told event.
# Usage: protocol.sh PROGRAM [--write]; with --write the page is made anew instead (PROGRAM is built from tests/docs/protocol.c).
set -euo pipefail
program=$(realpath "$1")
cd "$(dirname "$0")/../.."
page=docs/protocol.md
made=$(mktemp)
trap 'rm -f "$made"' EXIT
bad=0
"$program" "$page" >"$made"
if [ "${2-}" = --write ]; then
    cat "$made" >"$page"
elif ! diff -u "$page" "$made"; then
    echo "$page is not what the rows say: build, then tests/docs/protocol.sh build/dev/tests/docs_protocol --write"
    bad=1
fi
[ "$(grep -c '^<!-- rows: ' "$page")" = 7 ] || { echo "$page has not its seven tables"; bad=1; }

names=$("$program" --names)
while IFS= read -r name; do
    grep -qxF "$name" <<<"$names" || { echo "engine/ names $name, which is no command and no told event of a part"; bad=1; }
done < <(grep -rhoE '"hub:[A-Za-z]+"' engine --include='*.c' | tr -d '"' | sort -u)
exit $bad
