#!/usr/bin/env bash
# Runs every test of build/dev, then says what was skipped and why. The last line is ctest's count: machines read it.
# Usage: tests/run.sh [OPTION OF CTEST]…
set -uo pipefail
cd "$(dirname "$0")/.."

shown=$(mktemp)
trap 'rm -f "$shown"' EXIT
ctest --preset dev "$@" | tee "$shown"
code=$?
grep -a '^skipped: ' build/dev/Testing/Temporary/LastTest.log | sort | uniq -c
grep -a '% tests passed, ' "$shown" | tail -1
exit "$code"
