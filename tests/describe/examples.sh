#!/usr/bin/env bash
# What hubctl makes of each example below hubs/ stands beside it, in its folder types/, for TypeScript and for people; in the other languages that of services/features is in golden/.
# Both are what is made of them now. Usage: examples.sh HUBCTL [--write]
set -euo pipefail
hubctl=$(realpath "$1")
cd "$(dirname "$0")/../.."
bad=0
check() { # DIR LANGUAGE FILE
    mkdir -p "$(dirname "$3")"
    if [ "$mode" = --write ]; then
        "$hubctl" types "$1" --lang "$2" --out "$3"
    else
        "$hubctl" types "$1" --lang "$2" --out "$3" --check || bad=1
    fi
}
page() { # DIR FOLDER
    if [ "$mode" = --write ]; then
        "$hubctl" docs "$1" --format markdown --out "$2"
    else
        "$hubctl" docs "$1" --format markdown | diff -u "$2/index.md" - || bad=1
    fi
}
mode=${2-}
for service in hubs/*/service.yaml; do
    dir=$(dirname "$service")
    check "$dir" ts "$dir/types/$(basename "$dir").ts"
    page "$dir" "$dir/types"
done
here=tests/describe
page $here/services/features $here/golden
check $here/services/features ts $here/golden/features.ts
check $here/services/features python $here/golden/features.py
check $here/services/features c $here/golden/features.h
[ $bad = 0 ] || echo "run tests/describe/examples.sh build/dev/hubctl --write, and look at what has changed"
exit $bad
