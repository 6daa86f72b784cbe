#!/usr/bin/env bash
# Runs every test of build/dev, then says what was skipped and why. The last line is ctest's count: machines read it.
# With CI=true a test that failed is run once more at once: a host that does much else can stop any process for longer than a
# test of two waits for. It is named at the end, and is to be mended like one that failed twice.
# Usage: tests/run.sh [OPTION OF CTEST]…
set -uo pipefail
cd "$(dirname "$0")/.."

shown=$(mktemp)
trap 'rm -f "$shown"' EXIT
[ "${CI:-}" = true ] && set -- --repeat until-pass:2 "$@"
ctest --preset dev "$@" | tee "$shown"
code=$?
grep -a '^skipped: ' build/dev/Testing/Temporary/LastTest.log | sort | uniq -c
[ "${CI:-}" = true ] && grep -a '\*\*\*' "$shown" | grep -v Skipped | sed -n -E 's|^ *[0-9]+/[0-9]+ Test +#[0-9]+: ([^ ]+) .*|failed at least once: \1|p' | sort -u
grep -a '% tests passed, ' "$shown" | tail -1
exit "$code"
