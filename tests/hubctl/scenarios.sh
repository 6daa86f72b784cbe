#!/usr/bin/env bash
# hubctl test: scenarios that pass, scenarios that must fail with reports to the byte, the examples' own, exit codes, and that
# chance follows from the seed. Usage: scenarios.sh HUBCTL. HUB_GOLDEN=write writes the reports anew; look at the difference.
set -euo pipefail
hubctl=$(realpath "$1")
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# expect CODE ARGUMENT…: runs it, leaves what it prints in $work/out
expect() {
    local wanted=$1 code=0
    shift
    "$hubctl" "$@" >"$work/out" 2>"$work/err" || code=$?
    [ "$code" = "$wanted" ] || { echo "hubctl $*: exit code $code, expected $wanted"; cat "$work/out" "$work/err"; exit 1; }
}
# golden FILE: what was printed last is what stands there
golden() {
    if [ "${HUB_GOLDEN-}" = write ]; then cp "$work/out" "$1"; fi
    diff -u "$1" "$work/out" || { echo "$1 is not what hubctl test prints"; exit 1; }
}

expect 0 lint tests/scenarios/good --strict
expect 0 test tests/scenarios/good
expect 0 test tests/scenarios/production
for hub in hubs/*/; do
    [ -e "$hub/service.yaml" ] || continue
    [ -d "$hub/scenarios" ] || { echo "$hub has no scenarios"; exit 1; }
    expect 0 test "$hub"
    cp "$work/out" "$work/first"
    expect 0 test "$hub"
    cmp "$work/first" "$work/out" # byte for byte
done

expect 1 test tests/scenarios/bad
golden tests/scenarios/bad/expected.txt
for format in tap junit json; do
    expect 1 test tests/scenarios/bad --filter "refusal" --format $format
    golden "tests/scenarios/bad/expected.$format"
done
expect 1 test tests/scenarios/bad/ tests/scenarios/bad/scenarios/past.yaml
grep -q '^1 scenario: 0 passed, 1 failed$' "$work/out"

# Mistakes of definitions and scenarios, of the command line, and nothing to do.
expect 3 test tests/schema/bad/scenarios
grep -q 'T009' "$work/err"
expect 2 test tests/scenarios/good --filter 'no scenario is called so'
expect 2 test
expect 2 test hubs/chat --format html
mkdir "$work/empty"
cp hubs/townhall/service.yaml hubs/townhall/townhall.hub.yaml "$work/empty"
expect 2 test "$work/empty"
grep -q 'there is no scenario' "$work/err"
[ ! -e tests/scenarios/good/data ] || { echo 'a scenario has made files'; exit 1; }

# --watch runs them again when something has changed.
cp -r tests/scenarios/good "$work/watched"
mkfifo "$work/reports"
"$hubctl" test "$work/watched" --filter 'Who may' --watch >"$work/reports" 2>&1 &
watching=$!
exec 5<"$work/reports"
read -r line <&5 && [[ $line == passed* ]] || { echo "--watch begins with \"$line\""; exit 1; }
read -r line <&5
sed -i 's/gives: host/gives: visitor/' "$work/watched/scenarios/decisions.yaml"
read -r line <&5 && [[ $line == FAILED* ]] || { echo "--watch goes on with \"$line\""; exit 1; }
kill "$watching"
exec 5<&-

# What is drawn is the same again, and another with another seed or name.
dice() { # SEED NAME
    printf 'name: %s\nhub: hall\nseed: %s\nusers: {ann: {roleId: staff}}\nsteps:\n  - command: {as: ann, name: dice}\n    expect: {answer: {result: {n: 0, id: x}}}\n' "$2" "$1" >"$work/dice.yaml"
    expect 1 test tests/scenarios/good "$work/dice.yaml"
    grep 'seen:' "$work/out"
}
one=$(dice 0 one)
[ "$one" = "$(dice 0 one)" ] || { echo "chance does not repeat itself: $one"; exit 1; }
[ "$one" != "$(dice 1 one)" ] || { echo "chance does not follow from the seed: $one"; exit 1; }
[ "$one" != "$(dice 0 two)" ] || { echo "chance does not follow from the name: $one"; exit 1; }
echo "$(ls tests/scenarios/bad/scenarios | wc -l) failures told, $(ls -d hubs/*/scenarios | wc -l) examples pass"
