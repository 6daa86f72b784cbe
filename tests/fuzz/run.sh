#!/usr/bin/env bash
# Runs fuzz targets (all, or those named: "jwt" is tests/fuzz/jwt_fuzz.c) for FUZZ_SECONDS each, starting from the seeds in
# tests/fuzz/corpus/<name>. What a run discovers goes to build/fuzz/corpus/<name> and serves the next run; a crash leaves its input
# in build/fuzz/crashes and fails. Exit 77 (skipped) when a target has not been built.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${FUZZ_SECONDS:-5}

run_one() { # name
    local name=$1 program=build/fuzz/tests/$1_fuzz found=build/fuzz/corpus/$1 seeds=tests/fuzz/corpus/$1 dictionary=tests/fuzz/$1.dict
    if [ ! -x "$program" ]; then
        echo "$name: skipped, $program is not built (make fuzz builds it)"
        return 77
    fi
    mkdir -p "$found" build/fuzz/crashes
    local options=(-max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0
        -artifact_prefix="build/fuzz/crashes/$name-")
    [ ! -f "$dictionary" ] || options+=(-dict="$dictionary")
    local corpus=("$found")
    [ ! -d "$seeds" ] || corpus+=("$seeds")
    if ! "$program" "${options[@]}" "${corpus[@]}" >build/fuzz/"$name".log 2>&1; then
        tail -n 60 build/fuzz/"$name".log
        echo "$name: FAILED; the input is in build/fuzz/crashes, to repeat: $program build/fuzz/crashes/$name-…"
        return 1
    fi
    echo "$name: $seconds s, nothing found"
}

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for source in tests/fuzz/*_fuzz.c; do
        names+=("$(basename "$source" _fuzz.c)")
    done
fi
worst=0
for name in "${names[@]}"; do
    run_one "$name" || { code=$?; [ $worst -eq 1 ] || worst=$code; }
done
exit $worst
