#!/usr/bin/env bash
# Load figures of hubd beside Socket.IO on Node and the limit programs: server on one core, generator on the other, the servers of
# a row taking turns, medians over the rounds. The unit is work per CPU-second of the server, which holds on a shared machine; only
# ratios mean something, and they are taken within each round. Usage: tests/bench/run.sh [--only ROW[,ROW…]] [--rounds N] [--duration SECONDS] [--warmup SECONDS] [--build DIR]
# Rows: fanout deflate persisted single rooms ack idle connects start command channels subscriptions handler ticks attended; sqlite
# postgres records jobs joins bridged. Targets are reported, never enforced; the exit code says
# whether everything could be measured.
set -euo pipefail
cd "$(dirname "$0")/../.."

only="" rounds=3 duration=3 warmup=1 build=build/release
while [ $# -gt 0 ]; do
    case $1 in
    --only) only=$2 ;;
    --rounds) rounds=$2 ;;
    --duration) duration=$2 ;;
    --warmup) warmup=$2 ;;
    --build) build=$2 ;;
    *) echo "run.sh: unknown option $1 (see the head of this file)" >&2; exit 2 ;;
    esac
    shift 2
done
peers=$build/tests/bench
for program in "$build/hubd" "$build/hubctl" "$peers/limit_send"; do
    [ -x "$program" ] || { echo "run.sh: $program is missing: make build" >&2; exit 1; }
done

work=$(mktemp -d)
server_pid=""
failures=0
stop_server() {
    [ -n "$server_pid" ] || return 0
    kill "$server_pid" 2>/dev/null || true
    for _ in $(seq 100); do
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.05
    done
    kill -9 "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
    server_pid=""
}
stop_backends() { # they end when nobody holds their standard input open
    [ -z "${backends[0]-}" ] || { exec {backends[1]}>&-; wait "$backends_PID" 2>/dev/null; } || true
}
trap 'stop_server; stop_backends; rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM

server_core=() generator_core=()
if command -v taskset >/dev/null && [ "$(nproc)" -ge 2 ]; then
    server_core=(taskset -c 0) generator_core=(taskset -c 1)
else
    echo "Only one core, or no taskset: server and generator share it, the figures mean little." >&2
fi
ulimit -n "$(ulimit -Hn)"

wants() { [ -z "$only" ] || [[ ",$only," == *",$1,"* ]]; }
wants_any() { local row; for row; do wants "$row" && return 0; done; return 1; }

install_packages() {
    [ tests/bench/node/node_modules/.package-lock.json -nt tests/bench/node/package-lock.json ] && return
    echo "Installing the packages of the Node server; one of them may have to be compiled" >&2
    (cd tests/bench/node && npm ci --no-audit --no-fund --silent >"$work/npm.log" 2>&1 && touch node_modules/.package-lock.json)
}
node=""
if ! wants_any fanout deflate single rooms ack idle connects command records jobs sqlite postgres; then
    : # none of them is compared with Node
elif ! command -v node >/dev/null; then
    echo "node is not installed: no comparison with Socket.IO" >&2
elif ! install_packages; then
    echo "npm could not install socket.io ($(tail -1 "$work/npm.log")): no comparison with Socket.IO" >&2
else
    node=node
fi

# ---- servers ----

for service in bench cost backends parts; do
    cp -r "tests/bench/hubs/$service" "$work/$service"
    { echo "benchRoom:" && for i in $(seq 0 999); do echo "  - {id: r$i, title: Room $i}"; done; } >"$work/$service/seed.yaml"
done
{ echo "benchMember:" && for i in $(seq 0 3999); do echo "  - {id: m$i, userId: u$i, roomId: r$((i / 40))}"; done; } >>"$work/backends/seed.yaml"
service=bench # the folder that hubd serves

# Ports below the range that the generator's connections take theirs from.
port=21000
free_port() {
    while port=$((port + 1)) && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
}

store="" # where messages go when that is not a fresh SQLite file
more=() # further arguments of hubd
command_of() { # server; sets cmd. Every start gets data of its own
    case $1 in
    hubd*)
        rm -rf "$work/data" && mkdir "$work/data"
        cmd=("$build/hubd" "$work/$service" --set "listen.port=$port" --set "store.url=${store:-sqlite:$work/data/bench.db}" --log-level error
            "${more[@]}")
        [ "$1" != hubd-deflate ] || cmd+=(--set listen.compression.websocket=true --set listen.compression.threshold=256)
        ;;
    node-deflate) cmd=(node --max-old-space-size=4096 tests/bench/node/server.js "$port" deflate) ;;
    node-realtime) cmd=(node tests/bench/node/realtime.mjs "$port" "${backend_url[redis]}") ;;
    node-bullmq) cmd=(node tests/bench/node/jobs.js "$port" "${backend_url[redis]}" "$in_flight") ;;
    node-*) cmd=(node --max-old-space-size=4096 tests/bench/node/server.js "$port" "$store") ;;
    node) cmd=(node --max-old-space-size=4096 tests/bench/node/server.js "$port") ;;
    *) cmd=("$peers/$1" "$port") ;;
    esac
}

# hubd listens before its backends are there: ask whether it is ready. Of the others an open port tells.
answers() { # server
    local status=""
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
    [[ $1 != hubd* ]] || { printf 'GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n' >&3 && read -r _ status _ <&3; }
    exec 3>&-
    [[ $1 != hubd* ]] || [ "$status" = 200 ]
} 2>/dev/null

start_server() { # server
    free_port
    command_of "$1"
    "${server_core[@]}" "${cmd[@]}" >"$work/server.log" 2>&1 &
    server_pid=$!
    for _ in $(seq 2000); do
        answers "$1" && return 0
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.02
    done
    echo "$1 did not start: $(tail -3 "$work/server.log")" >&2
    return 1
}

# ---- measuring ----

# One run: starts the server, loads it, leaves the generator's JSON in $work/out.json.
measure() { # server generator-arguments…
    local server=$1 mode=(--mode plain)
    shift
    [[ $server == hubd* ]] && mode=()
    [ "$server" = hubd-lua ] && mode=(--mode plain --namespace /echo)
    rm -f "$work/out.json"
    if start_server "$server"; then
        "${generator_core[@]}" "$build/hubctl" bench "http://127.0.0.1:$port" --pid "$server_pid" --format json --duration "$duration" \
            --warmup "$warmup" "${mode[@]}" "$@" >"$work/out.json" 2>"$work/err" || { echo "  $server: $(head -3 "$work/err")" >&2; true; }
    fi
    stop_server
    [ -s "$work/out.json" ] && grep -q '"connections"' "$work/out.json"
}

field() { sed -n "s/.*\"$1\":\(-\?[0-9.]*\).*/\1/p" "$work/out.json"; }

declare -A seen # "row server" -> values, one per round, x for a round that failed
note() { # row server value
    seen["$1 $2"]+="${3:-x} "
}
median() { tr ' ' '\n' <<<"${seen["$1"]-}" | sort -g | awk 'NF && $1 != "x" {v[++n] = $1} END {if (n) print n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2}'; }
ratio() { # two keys: the median of what the rounds say
    paste <(tr ' ' '\n' <<<"${seen["$1"]-}") <(tr ' ' '\n' <<<"${seen["$2"]-}") | awk 'NF == 2 && $1 > 0 && $2 > 0 {print $1 / $2}' |
        sort -g | awk '{v[++n] = $1} END {if (n) printf "%.2f\n", n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2}'
}
spread() { # two keys: the least and the most of what the rounds say, where there are several
    paste <(tr ' ' '\n' <<<"${seen["$1"]-}") <(tr ' ' '\n' <<<"${seen["$2"]-}") | awk 'NF == 2 && $1 > 0 && $2 > 0 {print $1 / $2}' |
        sort -g | awk '{v[++n] = $1} END {if (n > 1) printf " (%.3g to %.3g)", v[1], v[n]}'
}
microseconds_between() { # two keys whose values are rates: what one unit of the first costs more than one of the second, median of the rounds
    paste <(tr ' ' '\n' <<<"${seen["$1"]-}") <(tr ' ' '\n' <<<"${seen["$2"]-}") | awk 'NF == 2 && $1 > 0 && $2 > 0 {print 1e6 / $1 - 1e6 / $2}' |
        sort -g | awk '{v[++n] = $1} END {if (n) printf "%.1f\n", n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2}'
}

complain_about_losses() { # server
    local what
    grep -q '"lost"' "$work/out.json" || return 0 # it published nothing
    for what in lost duplicate outOfOrder seqBreaks timeouts errors; do
        [ "$(field $what)" = 0 ] || echo "  $1: $what $(field $what) $([ $what != errors ] || sed -n 's/.*"firstError":\(.*\)}/\1/p' "$work/out.json")" >&2
    done
}

# Every server once per round, taking turns, so that what else the machine does falls on all of them alike.
rounds_of() { # row metric server[=generator-arguments]… -- generator-arguments…
    local row=$1 metric=$2 servers=() round entry server extra what=delivery
    [ "$metric" = acksPerCpuSecond ] && what=ack
    shift 2
    while [ "$1" != -- ]; do servers+=("$1") && shift; done
    shift
    for round in $(seq "$rounds"); do
        for entry in "${servers[@]}"; do
            server=${entry%%=*} extra=()
            [[ $server != node* ]] || [ -n "$node" ] || continue
            [[ $entry == *=* ]] && read -ra extra <<<"${entry#*=}"
            if ! measure "$server" "$@" "${extra[@]}"; then
                failures=$((failures + 1))
                note "$row" "$server" ""
                continue
            fi
            note "$row" "$server" "$(field "$metric")"
            note "$row" "$server-bytes" "$(field bytesPerDelivery)"
            note "$row" "$server-p50" "$(field ${what}P50Ms)"
            note "$row" "$server-p99" "$(field ${what}P99Ms)"
            complain_about_losses "$row $server"
        done
    done
}

# ---- the table ----

line() { printf '| %-46s | %-16s | %12s | %-24s | %-20s | %s |\n' "$@"; }
human() { awk -v v="$1" 'BEGIN {if (v == "") print "-"; else if (v >= 1e6) printf "%.2f M\n", v / 1e6; else if (v >= 1e4) printf "%.0f k\n", v / 1e3; else printf "%.4g\n", v}'; }
latency() { # key
    awk -v a="$(median "$1-p50")" -v b="$(median "$1-p99")" '
        function ms(v) {return v >= 100 ? sprintf("%.0f", v) : sprintf("%.3g", v)}
        BEGIN {if (a != "" && b > 0) print ms(a) " / " ms(b)}'
}
at_most() { awk -v v="$1" -v t="$2" 'BEGIN {print (v == "") ? "not measured" : (v + 0 <= t + 0) ? "met" : "missed"}'; }
verdict() { awk -v v="$1" -v t="$2" 'BEGIN {print (v == "") ? "not measured" : (v + 0 >= t + 0) ? "met" : "missed"}'; }

show() { # row title server[:ratio-target]… ; the first server is what the others are compared with
    local row=$1 title=$2 base=${3%%:*} entry server target ratio
    shift 3
    line "$title" "$base" "$(human "$(median "$row $base")")" "$(latency "$row $base")" "" ""
    for entry in "$@"; do
        server=${entry%%:*} target=""
        [[ $entry == *:* ]] && target=${entry#*:}
        ratio=$(ratio "$row $base" "$row $server")
        line "" "$server" "$(human "$(median "$row $server")")" "$(latency "$row $server")" "$ratio$(spread "$row $base" "$row $server")" \
            "$([ -z "$target" ] || echo "at least $target: $(verdict "$ratio" "$target")")"
    done
}

echo "$rounds rounds of $duration s after $warmup s; $(nproc) cores, $(uname -m), kernel $(uname -r | cut -d- -f1)$([ -z "$node" ] || echo ", node $(node --version)")"
echo
line "load" "server" "per CPU-s" "latency p50 / p99, ms" "hubd is" "target"
line "---" "---" "---:" "---" "---" "---"

if wants fanout; then
    rounds_of fanout deliveriesPerCpuSecond hubd limit_send limit_merged node -- --members 1000 --window 16
    show fanout "1 room of 1,000, 64 B, window 16: deliveries" hubd limit_send:10 limit_merged node:15
fi
if wants deflate; then
    for window in 1 16; do # limit_send does not compress: it shows what one send() per delivery costs, whoever makes it
        rounds_of deflate$window deliveriesPerCpuSecond hubd-deflate hubd-plain limit_send node-deflate -- --members 1000 --window $window --payload 400 --deflate
        show deflate$window "1 room of 1,000, 400 B of words, window $window" hubd-deflate hubd-plain limit_send node-deflate:20
        line "" "limit_send is" "" "" "$(ratio "deflate$window limit_send" "deflate$window node-deflate")$(spread "deflate$window limit_send" "deflate$window node-deflate")" "of node-deflate"
        line "" "bytes each" "" "$(for s in hubd-deflate hubd-plain node-deflate; do printf '%.0f ' "$(median "deflate$window $s-bytes")"; done)" "" ""
    done
fi
if wants persisted; then
    rounds_of persisted deliveriesPerCpuSecond "hubd-sqlite=--event message" hubd-ephemeral -- --members 1000 --window 16
    show persisted "the same, persisted to SQLite: deliveries" hubd-sqlite hubd-ephemeral:0.6
fi
if wants single; then
    rounds_of single deliveriesPerCpuSecond hubd limit_send node -- --members 1000 --window 1
    show single "the same, one message at a time: deliveries" hubd limit_send:0.85 node
fi
if wants rooms; then
    rounds_of rooms deliveriesPerCpuSecond hubd limit_send limit_merged node -- --members 10 --rooms 1000 --publishers all --window 2
    show rooms "1,000 rooms of 10, all publish: deliveries" hubd limit_send:3 limit_merged node
fi
if wants ack; then
    rounds_of ack acksPerCpuSecond hubd hubd-lua limit_echo node -- --members 1 --rooms 100 --publishers all --event echo
    show ack "event with acknowledgement: requests" hubd limit_echo:0.7 hubd-lua node
fi
if wants idle; then
    all_rounds=$rounds rounds=1
    rounds_of idle rssPerJoined hubd limit_send node -- --idle 10000 --rooms 1000
    rounds=$all_rounds
    value=$(median "idle hubd")
    line "10,000 idle connections, joined: memory each" hubd "$(human "$value") B" "" "" \
        "at most 2.5 KB: $(at_most "$value" 2560)"
    for server in limit_send node; do line "" $server "$(human "$(median "idle $server")") B" "" "" ""; done
fi
if wants connects; then
    for round in $(seq "$rounds"); do
        for server in hubd limit_send node; do
            [ "$server" != node ] || [ -n "$node" ] || continue
            [ "$server" = hubd ] || [ "$round" = 1 ] || continue # the peers have no target here
            measure $server --connect-only 10000 || failures=$((failures + 1))
            for part in Quarter Half All; do note connects "$server-$part" "$(field connectsPerCpuSecond$part 2>/dev/null || true)"; done
        done
    done
    first=$(median "connects hubd-Quarter")
    line "connects: the first 2,500" hubd "$(human "$first")" "" "" "at least 10 k: $(verdict "$first" 10000)"
    line "connects: 2,501 to 5,000" hubd "$(human "$(median "connects hubd-Half")")" "" "" ""
    line "connects: 5,001 to 10,000" hubd "$(human "$(median "connects hubd-All")")" "" "" \
        "not falling: $(verdict "$(ratio "connects hubd-All" "connects hubd-Quarter")" 0.9)"
    for server in limit_send node; do line "" $server "$(human "$(median "connects $server-All")")" "" "" ""; done
fi
if wants start; then
    for round in $(seq "$rounds"); do
        free_port
        command_of hubd
        note start hubd "$("${server_core[@]}" "$peers/first_request" "$port" /healthz "${cmd[@]}" 2>"$work/server.log" | tail -1)" || true
    done
    value=$(median "start hubd")
    [ -n "$value" ] || failures=$((failures + 1))
    line "start to first answered request" hubd "$(human "$value") ms" "" "" \
        "at most 100 ms: $(at_most "$value" 100)"
fi

service=parts
if wants command; then
    rounds_of command acksPerCpuSecond "hubd-command=--hub parts --event command --custom-event echo" \
        "hubd-command-lua=--hub parts --event command --custom-event echoLua" limit_echo node -- --members 1 --rooms 100 --publishers all --event echo
    show command "command and its answer: requests" hubd-command hubd-command-lua limit_echo:0.75 node:2.5
fi
if wants channels; then
    rounds_of channels deliveriesPerCpuSecond "hubd-channel=--event channel" hubd-room -- --hub parts --members 1000 --window 16
    show channels "1 channel, 1,000 subscribers, window 16" hubd-channel hubd-room:0.9
fi
if wants subscriptions; then
    rounds_of subscriptions rssPerSubscription hubd-channel -- --hub parts --event channel --idle 1000 --subscriptions 100
    value=$(median "subscriptions hubd-channel")
    line "1,000 connections, 100 channels each: memory" hubd-channel "$(human "$value") B" "" "" "at most 200 B each: $(at_most "$value" 200)"
fi

service=cost
if wants handler; then
    rounds_of handler acksPerCpuSecond "hubd-handler=--message-type handledNote" "hubd-without=--message-type note" -- \
        --hub plain --event message --rooms 100 --members 1 --publishers all
    value=$(microseconds_between "handler hubd-handler" "handler hubd-without")
    line "stored messages: through a handler in Lua" hubd-handler "$(human "$(median "handler hubd-handler")")" "$(latency "handler hubd-handler")" "" ""
    line "" hubd-without "$(human "$(median "handler hubd-without")")" "$(latency "handler hubd-without")" "" \
        "handler at most 10 µs: $value µs, $(at_most "$value" 10)"
fi
if wants ticks; then
    rounds_of ticks serverCpuSeconds "hubd-ticks=--hub ticking" -- \
        --event message --no-ack --rooms 1000 --members 1 --rate 0.001 --warmup 2 --duration 4
    value=$(median "ticks hubd-ticks" | awk '{printf "%.2f\n", $1 / 4 * 100}')
    line "1,000 rooms, an action every second" hubd-ticks "$value %" "" "" "at most 5 % of a core: $(at_most "$value" 5)"
fi
if wants attended; then
    rounds_of attended deliveriesPerCpuSecond "hubd-attended=--hub attended --readers 20" "hubd-plain=--hub plain" -- --event message --members 1000 --window 16
    show attended "room of 1,000 with receipts and presence" hubd-attended hubd-plain:0.9
fi

# ---- the second table: durable sends, with the store's work counted in ----

service=cost server_core=() generator_core=() # whoever has work gets a core
senders=200
durable_load=(--event message --rooms $((senders / 10)) --members 10 --publishers all)

# CPU time of processes and of their children, in ticks.
ticks() { # pid…
    local pid family=""
    for pid; do family+=" $pid $(cat "/proc/$pid/task/$pid/children" 2>/dev/null)"; done
    # shellcheck disable=SC2086,SC2046
    awk '{sub(/.*\) /, ""); sum += $12 + $13} END {print sum + 0}' $(printf '/proc/%s/stat ' $family) 2>/dev/null || true
}
# Runs a command; what PIDs (and, given as "self", the command itself) use of the CPU while it measures goes into busy, in cores.
sampled() { # pids command…
    local pids=$1 pid before seconds
    shift
    "$@" &
    pid=$!
    pids=${pids/self/$pid}
    sleep "$(awk -v w="$warmup" 'BEGIN {print w + 0.8}')"
    seconds=$(awk -v d="$duration" 'BEGIN {print (d > 1.5 ? d - 1 : 0.5)}')
    # shellcheck disable=SC2086
    before=$(ticks $pids)
    sleep "$seconds"
    # shellcheck disable=SC2086
    busy=$(awk -v a="$before" -v b="$(ticks $pids)" -v s="$seconds" -v hz="$(getconf CLK_TCK)" 'BEGIN {print (b - a) / hz / s}')
    wait "$pid"
}
generate() { # generator-arguments…
    "$build/hubctl" bench "http://127.0.0.1:$port" --pid "$server_pid" --format json --duration "$duration" --warmup "$warmup" "$@"
}

# A database with hubd's tables and the rooms in it, for every run a copy.
make_template() { # kind
    store=$2
    start_server hubd && stop_server
}
fresh_store() { # kind; sets store
    case $1 in
    sqlite)
        rm -f "$work"/durable.db* && cp "$work/template.db" "$work/durable.db"
        store=sqlite:$work/durable.db
        ;;
    postgres)
        databases=$((databases + 1))
        psql -q "${backend_url[postgres]}" -c "CREATE DATABASE bench$databases TEMPLATE template_bench"
        store=$(database_url bench$databases)
        ;;
    esac
}
drop_store() {
    [ "$1" != postgres ] || psql -q "${backend_url[postgres]}" -c "DROP DATABASE bench$databases WITH (FORCE)"
}

measure_durable() { # kind server generator-arguments…: the report in $work/out.json, the load on the CPUs in busy
    local kind=$1 server=$2 mode=(--mode plain --ack) rc=0
    shift 2
    [[ $server == node ]] || mode=(--hub plain --message-type note)
    [ "$server" != alone ] || mode+=(--rooms "$senders" --members 1) server=hubd
    rm -f "$work/out.json"
    fresh_store "$kind"
    if [ "$server" = limit ]; then
        sampled "self ${database_pid-}" "$peers/limit_$kind" "${store#sqlite:}" "$senders" "$duration" "$warmup" >"$work/out.json" 2>"$work/err" || rc=$?
    else
        start_server "$server-$kind" && sampled "$server_pid ${database_pid-}" generate "${durable_load[@]}" "${mode[@]}" "$@" >"$work/out.json" 2>"$work/err" || rc=$?
        stop_server
    fi
    drop_store "$kind"
    [ $rc = 0 ] || echo "  $kind $server: $(head -3 "$work/err")" >&2
    [ $rc = 0 ] && grep -q '"connections"' "$work/out.json"
}
note_durable() { # row server
    note "$1" "$2" "$(field acksPerSecond)"
    note "$1" "$2-cpu" "$(awk -v n="$(field acksPerSecond)" -v busy="$busy" 'BEGIN {if (busy > 0) print n / busy}')"
    note "$1" "$2-p50" "$(field ackP50Ms)"
    note "$1" "$2-p99" "$(field ackP99Ms)"
}
durable_rounds() { # kind
    local round server
    for round in $(seq "$rounds"); do
        for server in hubd limit node alone; do
            [ "$server" != node ] || [ -n "$node" ] || continue
            if measure_durable "$1" "$server"; then
                note_durable "$1" "$server"
                complain_about_losses "$1 $server"
            else
                failures=$((failures + 1))
                note "$1" "$server" ""
                note "$1" "$server-cpu" ""
            fi
        done
    done
}
half_of_the_maximum() { # kind
    local rate
    rate=$(median "$1 hubd" | awk '{print int($1 / 2)}')
    [ "${rate:-0}" -gt 0 ] || return 0
    for round in $(seq "$rounds"); do
        if measure_durable "$1" hubd --rate "$rate"; then note_durable "$1" half; else failures=$((failures + 1)); fi
    done
}
durable_line() { printf '| %-34s | %-14s | %8s | %9s | %-24s | %-20s | %-20s | %s |\n' "$@"; }
durable_table() { # kind title
    local server target ratio title=$2
    for entry in hubd: limit:0.6 node:4 half: alone:; do
        server=${entry%%:*} target=${entry#*:}
        [ "$server" != half ] || title="the same at half of that rate"
        [ "$server" != alone ] || title="the same, each alone in a room"
        ratio=$([ -z "$target" ] || ratio "$1 hubd" "$1 $server")
        durable_line "$title" "$([[ $server == limit || $server == node ]] && echo "$server" || echo hubd)$([ "$server" != limit ] || echo "_$1")" "$(human "$(median "$1 $server")")" "$(human "$(median "$1 $server-cpu")")" \
            "$(latency "$1 $server")" "$ratio$(spread "$1 hubd" "$1 $server")" \
            "$([ -z "$target" ] || echo "$(ratio "$1 hubd-cpu" "$1 $server-cpu")$(spread "$1 hubd-cpu" "$1 $server-cpu")")" \
            "$([ -z "$target" ] || echo "at least $target: $(verdict "$ratio" "$target")")"
        title=""
    done
}
durable() { # kind title
    durable_rounds "$1"
    half_of_the_maximum "$1"
    durable_table "$@"
}

# The servers that the wanted rows need, each for all of them.
declare -A backend_url=() backend_pid=()
start_backends() { # name…
    local name url pid
    coproc backends { exec tests/transcript/run.sh tests/bench/backends.mjs "$@" 2>"$work/backends.log"; }
    while read -r name url pid <&"${backends[0]}" && [ "$name" != ready ]; do
        if [ "$url" = - ]; then
            echo "No $name: $pid" >&2
        else
            backend_url[$name]=$url backend_pid[$name]=$pid
        fi
    done
    [ "$name" = ready ] || echo "No real servers: $(tail -1 "$work/backends.log")" >&2
}
database_url() { echo "${backend_url[postgres]%/*}/$1?sslmode=disable"; } # Node's pg takes no TLS by itself, libpq would
needed=()
if wants_any postgres joins bridged jobs; then needed+=(postgres); fi
if wants_any joins bridged records jobs; then needed+=(redis); fi
if wants bridged; then needed+=(kafka); fi
[ ${#needed[@]} = 0 ] || start_backends "${needed[@]}"
databases=0

if wants sqlite || [ -n "${backend_url[postgres]-}" ] && wants postgres; then
    echo
    durable_line "durable sends" server "per s" "per CPU-s" "latency p50 / p99, ms" "hubd is" "per CPU" target
    durable_line --- --- ---: ---: --- --- --- ---
fi
if wants sqlite; then
    make_template sqlite "sqlite:$work/template.db"
    durable sqlite "$senders senders in 20 rooms, SQLite"
fi
if [ -n "${backend_url[postgres]-}" ] && wants postgres; then
    database_pid=${backend_pid[postgres]}
    psql -q "${backend_url[postgres]}" -c "CREATE DATABASE template_bench"
    make_template postgres "$(database_url template_bench)"
    durable postgres "$senders senders in 20 rooms, PostgreSQL"
fi

# ---- records and jobs, beside what Node has for them on Redis; the store's work is counted in ----

service=parts store=""
record_writes=10000 # a second, for 100 followers of 10 records each
in_flight=500       # jobs that are carried out at once
redis() { redis-cli -u "${backend_url[redis]}" "$@" >/dev/null; }
with_database() { # server: one of its own when its name says so
    store=""
    [[ $1 == *-postgres ]] || return 0
    databases=$((databases + 1))
    psql -q "${backend_url[postgres]}" -c "CREATE DATABASE bench$databases"
    store=$(database_url bench$databases)
}
measure_records() { # server records
    local pids rc=0
    rm -f "$work/out.json"
    start_server "$1" || return 1
    pids=("$server_pid")
    [[ $1 == hubd* ]] || pids+=("${backend_pid[redis]}")
    node tests/bench/node/record_load.js "${1#node-}" "$port" "$2" "$record_writes" "$duration" "$warmup" "${pids[@]}" >"$work/out.json" 2>"$work/err" || rc=$?
    stop_server
    [ $rc = 0 ] || echo "  $1: $(head -3 "$work/err")" >&2
    [ $rc = 0 ]
}
records_rounds() { # row records
    local round server
    for round in $(seq "$rounds"); do
        for server in hubd node-realtime; do
            [ "$server" = hubd ] || redis FLUSHALL
            if measure_records "$server" "$2"; then
                note "$1" "$server" "$(field acksPerSecond)"
                note "$1" "$server-cpu" "$(field acksPerCpuSecond)"
                note "$1" "$server-p50" "$(field ackP50Ms)"
                note "$1" "$server-p99" "$(field ackP99Ms)"
                [ "$(field gaps)$(field errors)" = 00 ] || echo "  $1 $server: $(field gaps) gaps, $(field errors) refusals: $(head -1 "$work/err")" >&2
            else
                failures=$((failures + 1))
                note "$1" "$server" "" && note "$1" "$server-cpu" ""
            fi
        done
    done
}

jobs_done() {
    local answer
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
    printf 'GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n' >&3
    answer=$(sed -n 's/^hubd_jobs_done_total{queue="work"} \([0-9]*\).*/\1/p' <&3)
    exec 3>&-
    echo "${answer:-0}"
}
# 200 clients add jobs for some time, each the next one when the last is stored. Counted is from the first job to the end of the last, with
# all that this costs the server and its store.
measure_jobs() { # server pids-of-the-store…: jobs per second in rate, per CPU-second in per_cpu
    local server=$1 pids added from cpu mode=(--hub parts --event command --custom-event addJob) rc=0
    shift
    [[ $server == hubd* ]] || mode=(--mode plain --event echo)
    rm -f "$work/out.json"
    start_server "$server" || return 1
    pids="$server_pid $*"
    generate --warmup 0 --rooms "$senders" --members 1 --publishers all "${mode[@]}" >"$work/out.json" 2>"$work/err" &
    until [ "$(jobs_done)" != 0 ] || ! kill -0 $! 2>/dev/null; do sleep 0.02; done
    # shellcheck disable=SC2086
    from=$EPOCHREALTIME cpu=$(ticks $pids)
    wait $! || rc=$?
    added=$(field publishedAll)
    for _ in $(seq 600); do
        [ "$(jobs_done)" -lt "${added:-0}" ] || break
        sleep 0.05
    done
    # shellcheck disable=SC2086
    read -r rate per_cpu < <(awk -v n="$added" -v a="$from" -v b="$EPOCHREALTIME" -v ca="$cpu" -v cb="$(ticks $pids)" -v hz="$(getconf CLK_TCK)" \
        'BEGIN {print n / (b - a), n / ((cb - ca) / hz)}')
    [ "$(jobs_done)" = "$added" ] || rc=1
    stop_server
    [ $rc = 0 ] || echo "  $server: $(head -3 "$work/err")" >&2
    [ $rc = 0 ]
}
jobs_rounds() { # row
    local round server pids
    sed -i "s/concurrency: [0-9]*/concurrency: $in_flight/" "$work/parts/service.yaml"
    redis CONFIG SET appendonly yes && redis CONFIG SET appendfsync always # as durable as a commit
    for round in $(seq "$rounds"); do
        for server in hubd-sqlite hubd-postgres node-bullmq; do
            [ "$server" != hubd-postgres ] || [ -n "${backend_url[postgres]-}" ] || continue
            with_database "$server"
            redis FLUSHALL
            pids=$(case $server in *postgres) echo "${backend_pid[postgres]}" ;; node*) echo "${backend_pid[redis]}" ;; esac)
            if measure_jobs "$server" $pids; then
                note "$1" "$server" "$rate" && note "$1" "$server-cpu" "$per_cpu"
                note "$1" "$server-p50" "$(field ackP50Ms)" && note "$1" "$server-p99" "$(field ackP99Ms)"
                complain_about_losses "$1 $server"
            else
                failures=$((failures + 1))
                note "$1" "$server" "" && note "$1" "$server-cpu" ""
            fi
            [ "$server" != hubd-postgres ] || drop_store postgres
        done
    done
    redis CONFIG SET appendonly no
}
parts_line() { # title row server
    durable_line "$1" "$3" "$(human "$(median "$2 $3")")" "$(human "$(median "$2 $3-cpu")")" "$(latency "$2 $3")" "${@:4}"
}
compared() { # row server peer target rate|cpu: the three last columns
    local rate cpu
    rate=$(ratio "$1 $2" "$1 $3") cpu=$(ratio "$1 $2-cpu" "$1 $3-cpu")
    columns=("$rate$(spread "$1 $2" "$1 $3")" "$cpu$(spread "$1 $2-cpu" "$1 $3-cpu")" "at least $4 $([ "$5" = rate ] && verdict "$rate" "$4" || verdict "$cpu" "$4")")
}
if [ -n "${backend_url[redis]-}" ] && [ -n "$node" ] && wants_any records jobs; then
    echo
    durable_line "records and jobs" server "per s" "per CPU-s" "latency p50 / p99, ms" "hubd is" "per CPU" target
    durable_line --- --- ---: ---: --- --- --- ---
    if wants records; then
        for records in 1000 100; do
            records_rounds records$records $records
            compared records$records hubd node-realtime "5 per CPU:" cpu
            parts_line "writes, $((1000 / records)) follow each" records$records hubd "" "" ""
            parts_line "" records$records node-realtime "${columns[@]}"
        done
    fi
    if wants jobs; then
        for in_flight in 500 64; do
            row=jobs$in_flight
            jobs_rounds "$row"
            compared "$row" hubd-sqlite node-bullmq 5: rate
            parts_line "jobs, $in_flight carried out at once" "$row" hubd-sqlite "${columns[@]}"
            [ -z "${backend_url[postgres]-}" ] || {
                compared "$row" hubd-postgres node-bullmq 3: rate
                parts_line "" "$row" hubd-postgres "${columns[@]}"
            }
            parts_line "" "$row" node-bullmq "" "" ""
        done
    fi
fi

# ---- the third table: joins and events, with everything on servers of its own ----

service=backends
joiners=4000 records=600000
served_by_backends() { # sets server_pid: hubd on fresh data in all of the backends there are
    databases=$((databases + 1))
    psql -q "${backend_url[postgres]}" -c "CREATE DATABASE bench$databases"
    redis-cli -u "${backend_url[redis]}" FLUSHDB >/dev/null
    store=$(database_url bench$databases)
    more=(--set "cache.url=${backend_url[redis]}" --set "service.project=bench$databases" "$@")
    start_server hubd
}
joins_round() {
    local kind
    served_by_backends || return 1
    for kind in cold warm; do # the second time everybody's rights are in Redis
        generate --hub gated --idle "$joiners" --rooms 100 >"$work/out.json" 2>"$work/err" || return 1
        note joins $kind "$(field joinsPerSecond)"
        note joins $kind-cpu "$(field joinsPerCpuSecond)"
    done
}
produce() { "$peers/produce" "${backend_url[kafka]#kafka://}" bench-measured "$1" 100 2>>"$work/err" || true; }
bridged_round() {
    local listener
    produce 1 # so that the topic is there
    served_by_backends --set "bus.url=${backend_url[kafka]}" || return 1
    # Everything is in the topic before measuring begins, or nearly: the producer is several times as fast.
    generate --hub bridged --listen --custom-event measured --rooms 100 --members 1 --warmup 3 >"$work/out.json" 2>"$work/err" &
    listener=$!
    sleep 1
    produce "$records"
    wait "$listener" || return 1
    note bridged hubd "$(field deliveriesPerSecond)"
    note bridged hubd-cpu "$(field deliveriesPerCpuSecond)"
}
several_rounds() { # function
    local round
    for round in $(seq "$rounds"); do
        "$1" || { failures=$((failures + 1)) && echo "  $1: $(head -3 "$work/err")" >&2; }
        stop_server
        more=()
        drop_store postgres
    done
}
third_line() { printf '| %-58s | %8s | %19s |\n' "$@"; }

if [ -n "${backend_url[redis]-}" ] && wants_any joins bridged; then
    echo
    third_line "PostgreSQL, Redis, Kafka" "per s" "per CPU-s of hubd"
    third_line --- ---: ---:
fi
if [ -n "${backend_url[redis]-}" ] && [ -n "${backend_url[postgres]-}" ] && wants joins; then
    several_rounds joins_round
    third_line "joins decided by three sources in PostgreSQL" "$(human "$(median "joins cold")")" "$(human "$(median "joins cold-cpu")")"
    third_line "joins decided before: a hit in Redis" "$(human "$(median "joins warm")")" "$(human "$(median "joins warm-cpu")")"
fi
if [ -n "${backend_url[kafka]-}" ] && [ -n "${backend_url[postgres]-}" ] && wants bridged; then
    several_rounds bridged_round
    third_line "events from a topic to a client, by filter and target" "$(human "$(median "bridged hubd")")" "$(human "$(median "bridged hubd-cpu")")"
fi
stop_backends

echo
[ "$failures" = 0 ] || { echo "$failures runs could not be carried through, see above" >&2; exit 1; }
