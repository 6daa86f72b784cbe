#!/usr/bin/env bash
# Fails when a room of engine/hub, engine/rest or engine/ops has no unit test of its name. Usage: units.sh [ROOT | --selftest]
#   - the row "engine/hub/call" of tests/layers.txt asks for tests/unit/hub/call_test.c; others of that room may stand beside it.
#   - the rows "engine/rest" and "engine/ops" ask for a test in tests/unit/rest and tests/unit/ops.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

check() { # root
    cd "$1"
    local room wanted complaints=0
    for room in $(sed -n 's|^engine/hub/\([a-z_]*\):.*|\1|p' tests/layers.txt); do
        wanted=tests/unit/hub/${room}_test.c
        grep -qs cmocka_unit_test "$wanted" || { echo "engine/hub/$room has no unit test: there is none in $wanted"; complaints=1; }
    done
    for room in $(sed -n 's/^engine\/\(rest\|ops\):.*/\1/p' tests/layers.txt); do
        grep -qs cmocka_unit_test "tests/unit/$room"/*_test.c || { echo "engine/$room has no unit test: there is none in tests/unit/$room"; complaints=1; }
    done
    return $complaints
}

# The check itself is checked: a small tree that keeps the rule passes, and each test that is missing is named.
selftest() {
    local tree
    tree=$(mktemp -d)
    trap "rm -rf '$tree'" EXIT
    mkdir -p "$tree"/tests/unit/{hub,rest,ops}
    printf '%s\n' 'engine/base: x' 'engine/hub/call: engine/base' 'engine/hub/two_words: x' 'engine/rest: x' 'engine/ops: x' >"$tree/tests/layers.txt"
    for test in hub/call hub/two_words rest/any ops/other; do echo 'cmocka_unit_test(a)' >"$tree/tests/unit/${test}_test.c"; done
    (check "$tree") || { echo "the clean tree was refused"; exit 1; }
    for test in hub/call hub/two_words rest/any ops/other; do
        mv "$tree/tests/unit/${test}_test.c" "$tree/away"
        ! out=$(check "$tree") && [[ $out == "engine/${test%/*}"*"has no unit test"* ]] || { echo "nobody missed $test: $out"; exit 1; }
        : >"$tree/tests/unit/${test}_test.c"
        ! out=$(check "$tree") || { echo "an empty $test passed"; exit 1; }
        mv "$tree/away" "$tree/tests/unit/${test}_test.c"
    done
}

if [ "${1-}" = --selftest ]; then selftest; else check "${1:-$here/..}"; fi
