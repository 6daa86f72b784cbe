#!/usr/bin/env bash
# The client's units under valgrind, built without sanitizers: no error, and nothing that leaks. Exit 77 (skipped) without valgrind.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
command -v valgrind >/dev/null || { echo "skipped: valgrind is not installed"; exit 77; }
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

read -ra flags <<<"$(pkg-config --cflags --libs libwebsockets jansson cmocka) -ldl"
cc -std=gnu11 -g -O1 -D_GNU_SOURCE "-I$here/../include" "-I$here/../src" "-I$here/../../.." "$here"/../src/*.c "$here/unit/client_test.c" -o "$place/units" "${flags[@]}"
valgrind -q --leak-check=full --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=9 "$place/units" >"$place/log" 2>&1 || { cat "$place/log"; exit 1; }
