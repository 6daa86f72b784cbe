#!/usr/bin/env bash
# docs/extensions/from-other-systems.md: each row names a test that there is, and what it says of hubd is what the program knows by that name:
# functions of scripts, events and metrics. Usage: from_other_systems.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
page=docs/extensions/from-other-systems.md
failures=0
complain() { echo "$page: $*"; failures=1; }

rows=0
while IFS='|' read -r _ there here test _; do
    test=$(echo "$test" | tr -d ' ')
    rows=$((rows + 1))
    case $test in
    transcript.*) [ -f "tests/transcript/${test#transcript.}.test.js" ] || complain "$there: there is no test $test" ;;
    unit.*) path=${test#unit.} && [ -f "tests/unit/${path//.//}.c" ] || complain "$there: there is no test $test" ;;
    *) complain "$there: no test is named" ;;
    esac
done < <(grep -E '^\| ' "$page" | grep -vE '^\| (There|---) ')
[ "$rows" -ge 140 ] || complain "only $rows rows"

# The third column apart, since the first speaks of others.
here=$(grep -E '^\| ' "$page" | cut -d'|' -f3)
for name in $(grep -oE '`(connections|users|rooms|state|records|channels|clients|objects)\.[a-zA-Z]+' <<<"$here" | tr -d '`' | sort -u); do
    git ls-files 'engine/hub/*.c' | xargs grep -qE "\{\"${name%.*}\", \"${name#*.}\"," || case $name in
    clients.id | clients.proof) ;; # keys of service.yaml
    *) complain "scripts know no $name" ;;
    esac
done
for name in $(grep -oE '`hub:[a-zA-Z]+' <<<"$here" | tr -d '`' | sort -u); do
    grep -q "\`$name\`" docs/protocol.md || complain "there is no event $name"
done
for name in $(grep -oE '`hubd_[a-z_]+' <<<"$here" | tr -d '`' | sort -u); do
    grep -q "\`$name\`" docs/operations.md || complain "there is no metric $name"
done
exit $failures
