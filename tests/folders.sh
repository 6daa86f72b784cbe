#!/usr/bin/env bash
# Fails when a folder has more than 15 sources (.c and .h together), so that a newcomer finds by folder and name alone (decision 0029). Exempt:
# schema, most of whose files are rows. Usage: folders.sh [ROOT | --selftest]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
most=15

check() { # root
    cd "$1"
    local folders large
    mapfile -t folders < <(ls -d engine scripting adapters 2>/dev/null)
    large=$(find "${folders[@]}" -name node_modules -prune -o -name '*.[ch]' -printf '%h\n' | sort | uniq -c |
        awk -v most=$most '$1 > most {print $2 ": " $1 " sources; at most " most ". Give it rooms: folders by subject, lowest first in tests/layers.txt"}')
    [ -z "$large" ] || { echo "$large"; return 1; }
}

# The check itself is checked: the fifteenth passes, the sixteenth does not.
selftest() {
    local tree out i
    tree=$(mktemp -d)
    trap "rm -rf '$tree'" EXIT
    mkdir -p "$tree"/engine/{base/text,loop} "$tree"/adapters/x "$tree"/schema
    for i in $(seq 15); do touch "$tree/engine/base/text/$i.c" "$tree/engine/loop/$i.h"; done
    for i in $(seq 30); do touch "$tree/schema/$i.c" "$tree/engine/loop/$i.js"; done
    (check "$tree") || { echo "the clean tree was refused"; exit 1; }
    touch "$tree/engine/base/text/16.h"
    ! out=$(check "$tree") && [[ $out == "engine/base/text: 16 sources"* ]] || { echo "nobody counted: $out"; exit 1; }
}

if [ "${1-}" = --selftest ]; then selftest; else check "${1:-$here/..}"; fi
