#!/usr/bin/env bash
# Fails when an #include, or a library a module links, goes against tests/layers.txt. Usage: layers.sh [ROOT | --selftest]
# engine/main.c, engine/server and engine/hubctl are exempt: they put the modules together. Quoted includes are looked for beside the file, in engine/ and
# in the root. "<x>" in a row stands for <x.h> and <x/….h>. Headers of libc, POSIX and Linux are free.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

check() { # root
    cd "$1"
    local folders
    mapfile -t folders < <(ls -d engine schema scripting adapters 2>/dev/null)
    {
        grep -v '^ *#' tests/layers.txt | sed 's/^/row /'
        grep -E '^hub_module\(' CMakeLists.txt | sed -E 's/^hub_module\((.*)\).*/link \1/'
        find "${folders[@]}" -name '*.[ch]' -printf 'file %p\n'
        grep -rnE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include' "${folders[@]}" |
            sed -E 's/^([^:]*):([0-9]+):[[:space:]]*#[[:space:]]*include[[:space:]]*([<"][^>"]*[>"]).*/include \1 \2 \3/'
    } | awk "$rules"
}

rules='
function folder(path) { sub(/\/[^\/]*$/, "", path); return path }
function module(path,   best, m) { for (m in row) if (index(path, m "/") == 1 && length(m) > length(best)) best = m; return best }
function complain(where, text) { print where ": " text; bad++ }
function may(m, target,   i) { # may module m include this file?
    if (index(target, m "/") == 1) return 1
    for (i = 1; i <= row[m]; i++) if (allowed[m, i] == target || index(target, allowed[m, i] "/") == 1) return 1
    return 0
}
function may_system(m, name,   i, x) {
    for (i = 1; i <= row[m]; i++) {
        x = allowed[m, i]
        if (x ~ /^</ && (name == substr(x, 2, length(x) - 2) ".h" || index(name, substr(x, 2, length(x) - 2) "/") == 1)) return 1
    }
    return 0
}
function may_link(m, lib,   i, f) {
    if (lib == "m" || lib == "Threads::Threads") return 1
    f = (lib in home) ? home[lib] : (lib in library) ? library[lib] : ""
    for (i = 1; i <= row[m]; i++) if (f != "" && (allowed[m, i] == f || index(allowed[m, i], f "/") == 1)) return 1
    return 0
}
BEGIN {
    free = "assert ctype dirent dlfcn endian errno execinfo fcntl float fnmatch getopt glob inttypes iso646 langinfo libgen limits locale malloc math " \
           "netdb poll pthread pwd grp regex sched search semaphore setjmp signal spawn stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib " \
           "stdnoreturn string strings syslog termios threads time unistd utime wchar wctype"
    n = split(free, list, " ")
    for (i = 1; i <= n; i++) libc[list[i] ".h"] = 1
    library["PkgConfig::JANSSON"] = "<jansson>"; library["PkgConfig::UV"] = "<uv>"; library["PkgConfig::LUA"] = "<lua>"
    library["PkgConfig::PCRE2"] = "<pcre2>"; library["PkgConfig::YAML"] = "<yaml>"; library["PkgConfig::SQLITE"] = "<sqlite3>"; library["http_parser"] = "<http_parser>"
    library["PkgConfig::CURL"] = "<curl>"; library["PkgConfig::RDKAFKA"] = "<librdkafka>"; library["PkgConfig::HIREDIS"] = "<hiredis>"; library["PkgConfig::PQ"] = "<libpq-fe>"; library["PkgConfig::ZLIB"] = "<zlib>"
    library["OpenSSL::Crypto"] = library["OpenSSL::SSL"] = "<openssl>"
}
$1 == "row" && NF > 1 {
    m = $2; sub(/:$/, "", m); row[m] = NF - 2
    for (i = 3; i <= NF; i++) allowed[m, i - 2] = $i
}
$1 == "link" { home["hub_" $2] = $3; link[$3] = $0 }
$1 == "file" { exists[$2] = 1 }
$1 == "include" { includes[++count] = $0 }
END {
    for (f in exists) if (f !~ /^engine\/(main\.c$|server\/|hubctl\/)/ && module(f) == "") complain(f, "its folder has no row in tests/layers.txt")
    for (k = 1; k <= count; k++) {
        split(includes[k], part, " ")
        file = part[2]; where = file ":" part[3]; name = substr(part[4], 2, length(part[4]) - 2); m = module(file)
        if (file ~ /^engine\/(main\.c$|server\/|hubctl\/)/ || m == "") continue
        if (part[4] ~ /^</) {
            if (!(name in libc) && name !~ /^(sys|net|netinet|arpa|linux)\// && !may_system(m, name)) complain(where, m " may not include <" name ">")
            continue
        }
        target = (folder(file) "/" name) in exists ? folder(file) "/" name : ("engine/" name) in exists ? "engine/" name : name
        if (!(target in exists)) complain(where, "\"" name "\" is nowhere in the tree")
        else if (!may(m, target)) complain(where, m " may not include " target)
    }
    for (m in link) {
        if (!(m in row)) { complain("CMakeLists.txt", m " has no row in tests/layers.txt"); continue }
        n = split(link[m], part, " ")
        for (i = 4; i <= n; i++) if (part[i] != "LIBS" && !may_link(m, part[i])) complain("CMakeLists.txt", m " may not link " part[i])
    }
    if (bad) print bad " against the direction of tests/layers.txt. Move the code, or change a row if the design is meant to change."
    exit bad > 0
}'

# The check itself is checked: a small tree that keeps the rules passes, and each breach alone is found at its line.
selftest() {
    local tree failures=0
    tree=$(mktemp -d)
    trap "rm -rf '$tree'" EXIT
    mkdir -p "$tree"/{tests,engine/base,engine/loop,schema,adapters/x}
    printf '%s\n' '# rows' 'engine/base: <jansson>' 'engine/loop: engine/base <uv>' 'schema: engine/base' 'adapters/x: schema/def.h' >"$tree/tests/layers.txt"
    printf '%s\n' 'hub_module(base engine/base LIBS PkgConfig::JANSSON m)' 'hub_module(loop engine/loop LIBS hub_base PkgConfig::UV)' \
        'hub_module(schema schema LIBS hub_base)' 'hub_module(x adapters/x LIBS hub_schema)' >"$tree/CMakeLists.txt"
    printf '#include <jansson.h>\n#include <sys/random.h>\n#include <stdio.h>\n' >"$tree/engine/base/a.h"
    printf '#include "base/a.h"\n#include "own.h"\n#include <uv.h>\n' >"$tree/engine/loop/l.c"
    : >"$tree/engine/loop/own.h"
    printf '#include "base/a.h"\n' | tee "$tree/schema/def.h" >"$tree/schema/load.h"
    printf '#include "schema/def.h"\n' >"$tree/adapters/x/x.c"
    printf '#include "loop/own.h"\n#include <uv.h>\n' >"$tree/engine/main.c"
    (check "$tree") || { echo "the clean tree was refused"; failures=1; }
    . "$here/selftest.sh"
    breach engine/base/a.h '#include "loop/own.h"' 'engine/base/a.h:4: engine/base may not include engine/loop/own.h'
    breach schema/def.h '  #  include <uv.h>' 'schema/def.h:2: schema may not include <uv.h>'
    breach adapters/x/x.c '#include "schema/load.h"' 'adapters/x may not include schema/load.h'
    breach adapters/x/x.c '#include "no/such.h"' '"no/such.h" is nowhere in the tree'
    breach engine/new/n.c '#include <stdio.h>' 'engine/new/n.c: its folder has no row'
    breach CMakeLists.txt 'hub_module(base engine/base LIBS hub_loop)' 'engine/base may not link hub_loop'
    breach CMakeLists.txt 'hub_module(y adapters/y LIBS hub_base)' 'adapters/y has no row'
    return $failures
}

if [ "${1-}" = --selftest ]; then selftest; else check "${1:-$here/..}"; fi
