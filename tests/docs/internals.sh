#!/usr/bin/env bash
# Every module of tests/layers.txt has a page in docs/internals (a room of engine/hub: a section of hub.md), every page is in the index, and the files,
# functions, structs, macros and tests that the pages name exist. Usage: internals.sh [ROOT | --selftest]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bad=0
complain() { echo "docs/internals/$*"; bad=1; }

check_pages() {
    local module page
    for module in $(grep -v '^ *#' tests/layers.txt | sed 's/:.*//') engine/server; do
        if [[ $module == */* && ${module%/*} != engine/hub ]] && grep -q "^${module%/*}:" tests/layers.txt; then # a room: a row of its module's page
            page=${module%/*}
            [[ $page == engine/hub/* ]] && page=hub || page=${page##*/}
            grep -qF "| \`$module/\` |" "docs/internals/$page.md" || complain "$page.md: there is no row of $module"
        elif [[ $module == engine/hub/* ]]; then
            grep -qx "## ${module##*/}" docs/internals/hub.md || complain "hub.md: there is no section of $module"
        else
            grep -qx "# ${module##*/}" "docs/internals/${module##*/}.md" 2>/dev/null || complain "${module##*/}.md: there is no such page of $module"
        fi
    done
    local page
    for page in docs/internals/*.md; do
        page=${page##*/}
        [ "$page" = README.md ] || grep -qF "]($page)" docs/internals/README.md || complain "README.md: does not list $page"
    done
}

# What the tree has, one name a line. A function's definition or declaration has its name in the first line and starts in the first column.
all_words() { find engine schema scripting adapters tests -name '*.[ch]' -exec grep -ohE '\b[A-Za-z_][A-Za-z0-9_]*\b' {} + | sort -u; }
functions() {
    find engine schema scripting adapters -name '*.[ch]' -exec sed -nE 's/^([a-z][^(]*[ *])?([a-z][a-z0-9_]*)\(.*/\2/p' {} + | sort -u
}
structs() { find engine schema scripting adapters -name '*.[ch]' -exec grep -ohE '\b(struct|enum) [a-z][a-z0-9_]* *[{;]' {} + | sed 's/ *[{;]$//' | sort -u; }

test_exists() { # unit.base.buf_test, transcript.join, …
    local a b
    IFS=. read -r _ a b <<<"$1"
    case $1 in
    unit.*) [ -e "tests/unit/$a/$b.c" ] ;;
    store.*.\*) [[ $a == sqlite || $a == postgresql ]] ;;
    store.*) [ -e "tests/store/$b.c" ] ;;
    transcript.* | conformance.*) [ -e "tests/${1%%.*}/$a.test.js" ] ;;
    fuzz.*) [ -e "tests/fuzz/${a}_fuzz.c" ] ;;
    tsan.*) grep -qE "foreach\(test .*\b$a/$b\b" tests/CMakeLists.txt ;;
    *) grep -qF "hub_script_test($1 " tests/CMakeLists.txt ;;
    esac
}

named() { # FILE WORD: whether WORD is a line of FILE
    grep -qxF -e "$2" "$1"
}

path_pattern='^(engine|schema|scripting|adapters|tests|docs|hubs|cmake)/[A-Za-z0-9_./-]*$'
test_pattern='^(unit|store|transcript|conformance|fuzz|tsan|docs|hubctl)\.[a-z0-9_.*]+$'
check_names() { # FOLDER with the lists
    local page word count=0
    while IFS=: read -r page word; do
        page=${page##*/} word=${word//\`/}
        count=$((count + 1))
        if [[ $word =~ $path_pattern ]]; then
            [ -e "$word" ] || complain "$page: there is no $word"
        elif [[ $word =~ $test_pattern ]]; then
            test_exists "$word" || complain "$page: there is no test $word"
        elif [[ $word =~ ^([a-z0-9_]+)\(\)$ ]]; then
            named "$1/functions" "${BASH_REMATCH[1]}" || complain "$page: there is no function $word"
        elif [[ $word =~ ^(struct|enum)\ [a-z0-9_]+$ ]]; then
            named "$1/structs" "$word" || complain "$page: there is no $word"
        elif [[ $word =~ ^[A-Za-z]+(_[A-Za-z0-9]+)+$ ]]; then
            named "$1/words" "$word" || complain "$page: nothing is called $word"
        fi
    done < <(cd docs/internals && grep -oE '`[^`]+`' ./*.md)
    [ "$count" -gt 400 ] || complain "README.md: only $count names found; are the pages written otherwise now?"
}

check() { # root
    cd "$1"
    local lists
    lists=$(mktemp -d)
    all_words >"$lists/words"
    functions >"$lists/functions"
    structs >"$lists/structs"
    check_pages
    check_names "$lists"
    rm -r "$lists"
    return $bad
}

selftest() {
    local copy out
    copy=$(mktemp -d)
    (cd "$here/../.." && tar cf - --exclude=node_modules --exclude=corpus engine schema scripting adapters tests docs hubs cmake) | tar xf - -C "$copy"
    rm "$copy/docs/internals/redis.md"
    sed -i '/^## read_turns$/d' "$copy/docs/internals/hub.md"
    sed -i '/^| `engine\/base\/json\/` |/d' "$copy/docs/internals/base.md"
    printf '%s\n' '`engine/nowhere.c` `hub_nothing_does()` `struct hub_nobody` `HUB_NO_SUCH_THING` `unit.base.none_test`' >>"$copy/docs/internals/base.md"
    out=$(check "$copy" || true)
    rm -r "$copy"
    local text
    for text in 'redis.md: there is no such page' 'no section of engine/hub/read_turns' 'no row of engine/base/json' 'no engine/nowhere.c' 'no function hub_nothing_does()' 'no struct hub_nobody' \
        'called HUB_NO_SUCH_THING' 'no test unit.base.none_test'; do
        grep -qF "$text" <<<"$out" || { echo "not found: $text"; bad=1; }
    done
    return $bad
}

if [ "${1:-}" = --selftest ]; then selftest; else check "${1:-$here/../..}"; fi
