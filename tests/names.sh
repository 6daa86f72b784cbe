#!/usr/bin/env bash
# Fails when one name stands for two things, so that a debugger, a profile or a search shows the wrong one. Usage: names.sh [ROOT | --selftest]
#   - the tag of a struct, union or enum is defined once in the tree. Not checked yet: engine/hub.
#   - a static function has its name to itself in its module (engine/hub: in its room; schema: in its folder).
#   - its name has two words at least: end_request, not end.
# Relies on the layout that clang-format gives: definitions begin a line. Macros, in capitals, are left out.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

check() { # root
    cd "$1"
    local folders
    mapfile -t folders < <(ls -d engine schema scripting adapters 2>/dev/null)
    find "${folders[@]}" -name node_modules -prune -o -name '*.[ch]' -print | sort | xargs awk "$rules"
}

rules='
# The folder of a module, or of a room of engine/hub: rooms below share the names of their functions.
function folder(path) {
    sub(/\/[^\/]*$/, "", path)
    return match(path, /^(engine\/hub\/[^\/]+|engine\/[^\/]+|adapters\/[^\/]+|scripting)/) ? substr(path, 1, RLENGTH) : path
}
function define(kind, name,   key) { # once per file is enough: a declaration may come first
    key = kind " " name
    if (index(places[key], FILENAME ":")) return
    places[key] = places[key] " " FILENAME ":" FNR
    count[key]++
}
/^(static |const |typedef )*(struct|union|enum) [a-z_0-9]+ \{/ && FILENAME !~ /^engine\/hub\// {
    match($0, /(struct|union|enum) [a-z_0-9]+/)
    define("tag", substr($0, RSTART, RLENGTH))
}
/^static / {
    head = $0
    sub(/=.*/, "", head)
    if (!match(head, /[a-z_0-9]+\(/)) next
    name = substr(head, RSTART, RLENGTH - 1)
    where = folder(FILENAME)
    if (name !~ /_/ && !((where, name) in told)) {
        told[where, name]
        print FILENAME ":" FNR ": " name "() does not say of what"
        bad++
    }
    define("static function of " where, name "()")
}
END {
    for (key in count) if (count[key] > 1) { print key ":" places[key]; bad++ }
    if (bad) print bad " names stand for several things or say too little. Put in of what they are."
    exit bad > 0
}'

# The check itself is checked: a small tree without such names passes, and each breach alone is found.
selftest() {
    local tree failures=0
    tree=$(mktemp -d)
    trap "rm -rf '$tree'" EXIT
    mkdir -p "$tree"/{engine/base,engine/loop,adapters/x}
    printf 'struct list {\n    struct item *first;\n};\nstruct item;\n' >"$tree/engine/base/a.c"
    printf 'struct item {\n    int n;\n};\n' >"$tree/engine/loop/l.c"
    printf 'static void end_tick(int n);\nstatic void end_tick(int n) {\n}\nstatic int numbers[] = {LEN("x")};\n' >>"$tree/engine/loop/l.c"
    printf 'int main(void);\nstatic int end_all(void) {\n}\n' >"$tree/adapters/x/x.c"
    printf 'static int end_tick(void) {\n}\n' >"$tree/adapters/x/y.c"
    (check "$tree") || { echo "the clean tree was refused"; failures=1; }
    . "$here/selftest.sh"
    breach engine/base/a.c 'struct item {' 'tag struct item: engine/base/a.c:5 engine/loop/l.c:1'
    breach adapters/x/x.c 'static const struct list {' 'tag struct list: adapters/x/x.c:4 engine/base/a.c:1'
    breach adapters/x/y.c 'static void end_all(void) {' 'static function of adapters/x end_all(): adapters/x/x.c:2 adapters/x/y.c:3'
    printf '#include "a.h"\n' >"$tree/engine/loop/m.c"
    breach engine/loop/m.c 'static struct item *end_tick(' 'static function of engine/loop end_tick(): engine/loop/l.c:4 engine/loop/m.c:2'
    breach engine/base/a.c 'static bool end(' 'engine/base/a.c:5: end() does not say of what'
    return $failures
}

if [ "${1-}" = --selftest ]; then selftest; else check "${1:-$here/..}"; fi
