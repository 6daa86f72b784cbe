#!/usr/bin/env bash
# Fails when a module has writable static data that tests/state.txt does not list, or the list has a line too many.
# Usage: state.sh BUILD-FOLDER | --selftest
set -euo pipefail
cd "$(dirname "$0")/.."

# Lines "library|object|symbol" of what lies in .data, .bss or their thread-local kin. Constants with addresses in them are writable only
# until the program is linked (.data.rel.ro). A sanitizer's own and copies of a function's static (name.3) are told apart by their names.
writable() { # library…
    nm -A -f sysv --defined-only "$@" 2>/dev/null | awk -F'|' '
        $7 ~ /\.t?(data|bss)/ && $7 !~ /\.rel\.ro/ {
            split($1, where, ":")
            name = where[3]; gsub(/[[:space:]]/, "", name); sub(/\.[0-9]+$/, "", name)
            if (name ~ /^(__|\.|_GLOBAL_)/ || name == "") next
            sub(/.*\//, "", where[1]); sub(/\.(c\.)?o$/, "", where[2])
            print where[1] "|" where[2] "|" name
        }' | sort -u
}

# The file in which a module's object SYMBOL is defined, and whether it is a metric: "path" or "path metric".
place() { # folder object symbol
    local file
    file=$(find "$1" -name "$2.c" -exec grep -lE "(^|[^a-zA-Z_0-9])$3([^a-zA-Z_0-9]|\$)" {} + | head -1) # two folders may have a file of that name
    [ -n "$file" ] || file=$1/$2.c
    awk -v name="$3" 'BEGIN {RS = ";"} /(^|[^a-z_])struct hub_(metric|histogram)[^a-z_]/ && $0 ~ "(^|[^a-zA-Z_0-9])" name "(\\[[A-Z_]*\\])? *=" {found = 1}
        END {print FILENAME (found ? " metric" : "")}' "$file"
}

compare() { # list, modules "library folder" on standard input, libraries in $libs
    local library folder lib object symbol where bad=0 found=""
    while read -r library folder; do
        [ -f "$libs/lib$library.a" ] || continue
        while IFS='|' read -r lib object symbol; do
            where=$(place "$folder" "$object" "$symbol")
            [[ $where != *" metric" ]] || continue
            found+="$where $symbol"$'\n'
            grep -qxF "$where $symbol" "$1" || { echo "$where: $symbol is writable static data. Put it into what uses it, or say in $1 why not."; bad=1; }
        done < <(writable "$libs/lib$library.a")
    done
    while read -r where symbol; do
        grep -qxF "$where $symbol" <<<"$found" || { echo "$1: $where has no writable \"$symbol\" any more; take the line out"; bad=1; }
    done < <(grep -vE '^ *(#|$)' "$1")
    return $bad
}

# A library with one object of each kind is told apart as it should be.
selftest() {
    libs=$(mktemp -d)
    trap 'rm -rf "$libs"' EXIT
    mkdir "$libs/m"
    cat >"$libs/m/a.c" <<-'C'
	struct hub_metric { const char *name; long value; };
	static struct hub_metric counted[] = {{"a", 0}}, total = {"b", 0};
	static const char *const words[] = {"x", "y"};
	static char scratch[10];
	int shared = 3;
	static _Thread_local int mine;
	const char *count(int i) { static int calls; counted[0].value++; total.value++; scratch[i] = words[i][0]; mine++; return calls++ ? words[i] : scratch; }
	C
	cc -fPIE -fno-common -c "$libs/m/a.c" -o "$libs/a.c.o"
    ar rc "$libs/libhub_m.a" "$libs/a.c.o"
    local list=$libs/list failures=0
    expect() { # text that must be told, or nothing
        if (cd "$libs" && echo hub_m m | compare "$list") >"$libs/out"; then [ -z "$1" ]; else [ -n "$1" ] && grep -qF "$1" "$libs/out"; fi && return
        echo "expected \"$1\" in:"; cat "$libs/out"; failures=1
    }
    printf '%s\n' '# why' 'm/a.c scratch' 'm/a.c shared' 'm/a.c mine' 'm/a.c calls' >"$list"
    expect ""
    echo 'm/a.c gone' >>"$list"
    expect 'has no writable "gone" any more'
    for name in scratch shared mine calls; do
        printf 'm/a.c %s\n' scratch shared mine calls | grep -v "$name" >"$list"
        expect "m/a.c: $name is writable static data"
    done
    return $failures
}

if [ "${1-}" = --selftest ]; then selftest; exit; fi
libs=$1
grep -E '^hub_module\(' CMakeLists.txt | sed -E 's/^hub_module\(([a-z]+) +([^ ]+).*/hub_\1 \2/' | compare tests/state.txt
