#!/usr/bin/env bash
# Fails when something reads a clock of the system by itself, or lets a thread sleep: time comes from engine/base/time/clock.h, so that a test can turn
# it, and what waits waits for an event.
# Usage: clocks.sh [ROOT | --selftest]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

# Functions that read a clock, or wait by one, wherever they come from.
readers='clock_gettime|clock_getres|clock_getcpuclockid|clock_nanosleep|pthread_cond_(timed|clock)wait|pthread_condattr_setclock|sem_(timed|clock)wait'
readers+='|gettimeofday|timespec_get|getrusage|clock|ftime|times|time|uv_now|uv_hrtime|uv_update_time|__rdtsc|__builtin_ia32_rdtsc'
# Functions that stop a thread for a time.
sleepers='u?sleep|nanosleep|thrd_sleep|uv_sleep'

# Who may measure what really takes time (hub_real_ms, hub_real_ns, CPU time): "file: what".
real='
adapters/kafka/producer.c: latency
adapters/postgres/migration/blocking.c: waits that block the thread
adapters/postgres/read.c: latency
adapters/postgres/write/writer.c: latency
adapters/redis/redis.c: latency
adapters/sqlite/only_writer.c: a lock held by another process
adapters/sqlite/conn.c: a lock held by another process, the interruption of a statement
adapters/sqlite/schema.c: a lock held by another process
adapters/sqlite/writer.c: latency, the interruption of a statement
engine/hubctl/bench/bench_load.c: the load generator
engine/hubctl/bench/bench_net.c: the load generator
engine/hubctl/bench/bench_proc.c: the load generator
engine/hubctl/test/world/world.c: how long threads may take to bring what the world of a scenario waits for
engine/loop/loop.c: the time of a turn, of which hub_loop_now makes that of its clock
engine/transport/transport.c: work of one turn
scripting/lua/limit.c: CPU time of scripts
'
# Whose threads may sleep, having nothing to wait for.
sleeping='
adapters/kafka/start.c: a thread of its own, between two tries to ask brokers
adapters/sqlite/conn.c: a lock held by another process, which tells nobody when it is free
engine/base/telemetry/log_writer.c: the thread of the log, after a write that failed
'
# Who may ask the clock of the system (NULL), having no loop: one row for each folder or file.
systems='
engine/base/: the log and ids, of which a process has one
engine/hubctl/: programs that run once
'

# Lines of C files without comments and texts, as "file:line:code".
code_only() {
    find "$@" -name '*.[ch]' -print0 | sort -z | xargs -0 awk '
        FNR == 1 { inside = 0 }
        {
            line = $0; out = ""
            gsub(/\\"/, "", line); gsub(/"[^"]*"/, "\"\"", line)
            while (line != "") {
                at = index(line, inside ? "*/" : "/*")
                if (!inside) out = out (at ? substr(line, 1, at - 1) : line)
                line = at ? substr(line, at + 2) : ""
                if (at) inside = !inside
            }
            sub(/\/\/.*/, "", out)
            print FILENAME ":" FNR ":" out
        }'
}

check() { # root
    cd "$1"
    local folders complaints
    mapfile -t folders < <(ls -d engine schema scripting adapters 2>/dev/null)
    complaints=$(code_only "${folders[@]}" | grep -v '^engine/base/time/clock\.[ch]:' | {
        awk -F: -v readers="$readers" -v real="$real" -v systems="$systems" -v sleepers="$sleepers" -v sleeping="$sleeping" '
            function listed(rows, file,   row, n, i, name) {
                n = split(rows, row, "\n")
                for (i = 1; i <= n; i++) {
                    name = row[i]; sub(/: .*/, "", name)
                    if (name != "" && index(file, name) == 1) return 1
                }
                return 0
            }
            { code = substr($0, length($1) + length($2) + 3) }
            code ~ ("(^|[^A-Za-z0-9_])(" readers ")[ \t]*\\(") {
                print $1 ":" $2 ": reads a clock of the system: " code " (ask the loop, hub_loop_now and its like, or engine/base/time/clock.h)"
            }
            code ~ ("(^|[^A-Za-z0-9_])(" sleepers ")[ \t]*\\(") && !listed(sleeping, $1) {
                print $1 ":" $2 ": lets its thread sleep, and is not listed in tests/clocks.sh: " code
            }
            code ~ /hub_(real_(ms|ns)|(thread|process)_cpu_ns)[ \t]*\(/ && !listed(real, $1) {
                print $1 ":" $2 ": measures real time, and is not listed in tests/clocks.sh: " code
            }
            code ~ /hub_clock_(wall_ms|mono_ms|mono_at|to_real|wait)[ \t]*\([ \t]*NULL/ && !listed(systems, $1) {
                print $1 ":" $2 ": asks the clock of the system where there is a loop: " code
            }'
    })
    [ -z "$complaints" ] || { printf '%s\n' "$complaints"; return 1; }
}

# The check itself is checked: a small tree that keeps the rules passes, and each breach alone is found at its line.
selftest() {
    local tree failures=0
    tree=$(mktemp -d)
    trap "rm -rf '$tree'" EXIT
    mkdir -p "$tree"/{engine/base/time,engine/base/telemetry,engine/loop,engine/hub,schema,scripting/lua,adapters/x}
    printf 'clock_gettime(id, &ts);\n' >"$tree/engine/base/time/clock.c"
    printf 'hub_clock_wall_ms(NULL);\n' >"$tree/engine/base/telemetry/log.c"
    printf 'hub_real_ms();\n' >"$tree/engine/loop/loop.c"
    printf '%s\n' '/* time(NULL) would be' ' * clock_gettime( */ set_time(x); "time(now)" // clock()' 'hub_clock_wall_ms(c);' 'hub_real_time(1); do_sleep(L); // usleep(1)' >"$tree/engine/hub/a.c"
    printf 'hub_real_ns();\n' >"$tree/scripting/lua/limit.c"
    printf '%s\n' 'nanosleep(&t, NULL);' >"$tree/engine/base/telemetry/log_writer.c"
    (check "$tree") || { echo "the clean tree was refused"; failures=1; }
    . "$here/selftest.sh"
    local call
    for call in 'clock_gettime(CLOCK_MONOTONIC, &t);' 'gettimeofday(&t, NULL);' 'x = time(NULL);' 'uv_hrtime();' 'uv_now(l);' \
        'clock();' 'pthread_cond_timedwait(&c, &m, &t);' 'return (a)time (0);'; do
        breach engine/hub/a.c "$call" "engine/hub/a.c:5: reads a clock of the system"
    done
    for call in 'sleep(1);' 'usleep (1000);' 'nanosleep(&t, NULL);'; do
        breach engine/hub/a.c "$call" "engine/hub/a.c:5: lets its thread sleep"
    done
    breach engine/loop/loop.c 'uv_hrtime();' 'engine/loop/loop.c:2: reads a clock of the system'
    breach adapters/x/x.h '/* why */ hub_real_ms();' 'adapters/x/x.h:2: measures real time'
    breach engine/hub/a.c 'hub_clock_mono_ms( NULL);' 'engine/hub/a.c:5: asks the clock of the system'
    return $failures
}

if [ "${1-}" = --selftest ]; then selftest; else check "${1:-$here/..}"; fi
