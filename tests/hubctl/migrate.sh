#!/usr/bin/env bash
# hubctl migrate on a service that grows: the plan changes nothing, applying it does, what would lose data is refused. Usage: migrate.sh HUBCTL
set -euo pipefail
hubctl=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() {
    echo "$1"
    cat "$dir/out" "$dir/err"
    exit 1
}
run() { # expected exit code, arguments
    local expected=$1 code=0
    shift
    "$hubctl" migrate "$dir" "$@" >"$dir/out" 2>"$dir/err" || code=$?
    [ $code -eq "$expected" ] || fail "migrate $*: exit code $code, expected $expected"
}
service() { # properties of the object
    printf '%s\n' 'service: {name: growing}' 'auth: {dev: true}' 'store: {url: "sqlite:data/growing.db"}' 'dataObjects:' \
        '  - name: room' '    managed: true' '    properties:' "$@" >"$dir/service.yaml"
}

service '      - {name: title, type: String, required: true}'
printf 'room: [{id: r1, title: One}]\n' >"$dir/seed.yaml"

run 0 --plan
grep -q 'CREATE TABLE "room"' "$dir/out" || fail 'the plan does not create the table'
[ ! -e "$dir/data" ] || fail 'a plan made files'
run 0 --apply
[ -s "$dir/data/growing.db" ] || fail 'there is no database'
run 0 --plan
grep -qx -- '-- nothing to do' "$dir/out" || fail 'the second plan is not empty'

service '      - {name: title, type: String, required: true}' '      - {name: level, type: Integer, defaultValue: 1}'
run 0 --plan
[ "$(cat "$dir/out")" = 'ALTER TABLE "room" ADD COLUMN "level" INTEGER DEFAULT 1;' ] || fail 'not the one statement that was expected'
run 0 --apply

rm "$dir/seed.yaml"
service '      - {name: title, type: Integer, required: true}'
run 1 --apply
grep -q 'table "room", column "title"' "$dir/err" || fail 'the refusal does not say where'

run 2
run 2 --plan --apply
run 2 --plan other
