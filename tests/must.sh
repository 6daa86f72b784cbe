#!/usr/bin/env bash
# Fails when a result that must be looked at can be dropped without a warning. Usage: must.sh [ROOT | --selftest]
#   - enum hub_code itself carries the attribute (HUB_MUST_TYPE), so that every function that returns it is covered, a static one or
#     one called through a pointer too: a file that drops such results is compiled, and each line must be complained about.
#   - HUB_MUST stands at the declarations and static functions that give something away. By their type: a JSON value, a text, a chunk
#     or an object of a library that is not const. By their name (new, copy, dup, take, alloc): any pointer. Not by their name: a
#     reference may be counted in place (hub_room_ref(room); ... hub_room_unref(room)), a buffer may be made larger beforehand.
#   - "(void)f(...)" drops a result without saying why: HUB_UNUSED(f(...), "why").
# Relies on the layout that clang-format gives: declarations begin a line, or are indented by blanks within a struct.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

check() { # root
    cd "$1"
    local folders bad=0
    mapfile -t folders < <(ls -d engine schema scripting adapters 2>/dev/null)
    find "${folders[@]}" -name node_modules -prune -o -name '*.[ch]' -print | sort | xargs awk "$rules" || bad=1
    check_code engine || bad=1
    return $bad
}

rules='
function complain(text) { print FILENAME ":" FNR ": " text; bad++ }
/^[^\/*]*\(void\) ?[a-z_0-9]+(->[a-z_0-9]+)*\(/ { complain("(void) in front of a call does not say why: HUB_UNUSED") }
/^(static )?(inline )?[A-Za-z_]/ && /\(/ && !/ = / {
    head = $0
    sub(/\(.*/, "", head)
    if (FILENAME ~ /c$/ && head !~ /^static /) next # its header says so
    sub(/^static /, "", head)
    sub(/^inline /, "", head)
    if (head !~ /\*/ || head ~ /^(const|extern|typedef|return|HUB_MUST|else|#)/) next
    name = head
    sub(/.*[ *]/, "", name)
    if (name ~ /_(ref|reserve)$/) next
    if (head ~ /^(json_t|char|[A-Za-z]*[A-Z][A-Za-z0-9_]*|redisReply|rd_kafka_[a-z_]*|sqlite3_stmt|struct hub_chunk) \*/ ||
        name ~ /(^|_)(new|copy|dup|take|x?[mcz]?(re)?alloc)($|_)/)
        complain(name "() gives something away, and has no HUB_MUST")
}
END {
    if (bad) print bad " results may get lost. See engine/base/memory/bug.h."
    exit bad > 0
}'

# Each line of the body drops a code.
check_code() { # folder with base/error/code.h
    local found
    found=$("${CC:-cc}" -std=gnu17 -Wall -I "$1" -x c -c -o /dev/null - 2>&1 <<'C'
#include "base/error/code.h"
struct ops {
    enum hub_code (*open)(void);
};
enum hub_code declared(void);
static enum hub_code made(void) { return HUB_INTERNAL; }
void drop(const struct ops *ops);
void drop(const struct ops *ops) {
    declared();
    made();
    ops->open();
}
C
    ) || true
    [ "$(grep -c 'Wunused-result' <<<"$found")" = 3 ] || { echo "$1/base/error/code.h: a dropped enum hub_code is no warning any more"; return 1; }
}

# The check itself is checked: a small tree where nothing gets lost passes, and each breach alone is found.
selftest() {
    local tree failures=0
    tree=$(mktemp -d)
    trap "rm -rf '$tree'" EXIT
    mkdir -p "$tree"/{engine/base,adapters/x}
    mkdir -p "$tree"/engine/base/{memory,error}
    cp "$here/../engine/base/memory/bug.h" "$tree/engine/base/memory/"
    cp "$here/../engine/base/error/code.h" "$tree/engine/base/error/"
    printf 'HUB_MUST json_t *hub_parse(struct hub_str text);\nconst char *hub_name(void);\nstruct list *hub_list_of(int n);\nchar *hub_buf_reserve(int n);\n' >"$tree/engine/base/a.h"
    printf 'char *hub_text(void) {\n}\nstatic HUB_MUST char *text_of(int n) {\n    (void)n;\n    return NULL;\n}\nstatic json_t *const *all[] = {NULL};\n' >"$tree/adapters/x/x.c"
    (check "$tree") || { echo "the clean tree was refused"; failures=1; }
    . "$here/selftest.sh"
    breach engine/base/a.h 'json_t *hub_read(void);' 'engine/base/a.h:5: hub_read() gives something away'
    breach engine/base/a.h 'struct list *hub_list_new(void);' 'hub_list_new() gives'
    breach engine/base/a.h 'static inline struct list *hub_list_copy(struct list *l) { return list_of(l); }' 'hub_list_copy() gives'
    breach engine/base/a.h 'rd_kafka_conf_t *hub_conf(void);' 'hub_conf() gives'
    breach engine/base/a.h 'PGresult *hub_run(void);' 'hub_run() gives'
    breach engine/base/a.h 'void *hub_zalloc(size_t n);' 'hub_zalloc() gives'
    breach adapters/x/x.c 'static struct hub_chunk *frame(' 'frame() gives'
    breach adapters/x/x.c 'static char *name_of(int n) {' 'adapters/x/x.c:8: name_of() gives'
    breach adapters/x/x.c '    (void)hub_open(x);' 'adapters/x/x.c:8: (void) in front of a call'
    breach adapters/x/x.c '    (void)x->ops->open(x);' '(void) in front of a call'
    sed -i 's/ HUB_MUST_TYPE / /' "$tree/engine/base/error/code.h"
    breach engine/base/a.h '' 'engine/base/error/code.h: a dropped enum hub_code is no warning any more'
    return $failures
}

if [ "${1-}" = --selftest ]; then selftest; else check "${1:-$here/..}"; fi
