#!/usr/bin/env bash
# Does the load generator count right? Loads servers that behave and servers that lose, repeat or swap every hundredth delivery.
# Usage: selftest.sh BUILD_DIR
set -euo pipefail
build=${1:?usage: selftest.sh BUILD_DIR}
peers=$build/tests/bench
work=$(mktemp -d)
pid=""
stop() {
    [ -z "$pid" ] || { kill "$pid" && wait "$pid" || true; } 2>/dev/null
    pid=""
}
trap 'stop; rm -rf "$work"' EXIT
fail() { echo "selftest: $*" >&2; cat "$work"/out "$work"/err >&2; exit 1; }

port=$((22000 + $$ % 4000))
load() { # program fault generator-arguments… -> $work/out
    local program=$1 fault=$2
    shift 2
    while port=$((port + 1)) && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    "$peers/$program" "$port" $fault &
    pid=$!
    until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do kill -0 $pid || fail "$program did not start"; done
    "$build/hubctl" bench "127.0.0.1:$port" --mode plain --pid $pid --format json --duration 0.3 --warmup 0.1 "$@" >"$work/out" 2>"$work/err" ||
        fail "$program $fault: the generator failed"
    stop
}
field() { sed -n "s/.*\"$1\":\(-\?[0-9.]*\).*/\1/p" "$work/out"; }
expect() { # condition on fields, in awk
    local text=$1 name
    for name in $(grep -oE '[a-z][A-Za-z0-9]+' <<<"$1"); do text=${text//$name/($(field $name))}; done
    awk "BEGIN {exit !($text)}" || fail "not true: $1 ($text)"
}
clean='lost == 0 && duplicate == 0 && outOfOrder == 0 && timeouts == 0 && errors == 0'

# What is measured differs from what was published meanwhile by the windows at both ends, however fast the machine is.
load limit_send "" --members 50 --window 4
expect "$clean && connections == 50 && published > 0 && deliveries > 0 && serverCpuSeconds >= 0"
expect "deliveries >= 50 * (published - 4) && deliveries <= 50 * (published + 4)"
expect "deliveryP50Ms > 0 && deliveryP50Ms <= deliveryP99Ms && deliveryP99Ms <= 1.02 * deliveryMaxMs && acks == 0"

load limit_merged "" --members 10 --rooms 20 --publishers all --window 3 --payload 1000
expect "$clean && connections == 200 && deliveries > 0"
expect "deliveries >= 10 * (published - 600) && deliveries <= 10 * (published + 600)"

# Open loop: 500 a second for 0.3 s, whatever the server does.
load limit_send "" --members 5 --rate 500
expect "$clean && published >= 149 && published <= 151 && skipped == 0"

load limit_echo "" --members 20 --publishers all --event echo
expect "$clean && acks > 0 && deliveries == 0 && ackP50Ms > 0"

load limit_echo "" --connect-only 400
expect "connections == 400 && connectsPerSecond > 0"
load limit_echo "" --idle 400 --rooms 4
expect "connections == 400 && rssStart > 0"

# One in a hundred, at an open loop's steady rate: 10 members x about 200 messages.
load limit_faulty lose --members 10 --rate 500
expect "lost * 100 <= publishedAll * 10 && lost * 100 > publishedAll * 10 - 100 && duplicate == 0 && outOfOrder == 0"
load limit_faulty repeat --members 10 --rate 500
expect "lost == 0 && duplicate * 100 > publishedAll * 10 - 100 && duplicate * 100 <= publishedAll * 10 && outOfOrder == 0"
load limit_faulty swap --members 10 --rate 500
expect "lost <= 1 && duplicate == 0 && outOfOrder > 0"

# Hubs: another message type with content of its own, read receipts, a handler, a refusal that is told; commands and channels.
for service in cost parts; do
    cp -r "$(dirname "$0")/hubs/$service" "$work/$service"
    printf 'benchRoom:\n  - {id: r0, title: One}\n  - {id: r1, title: Two}\n' >"$work/$service/seed.yaml"
done
ready() { # hubd listens before it can be joined
    exec 3<>"/dev/tcp/127.0.0.1/$port" && printf 'GET /readyz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n' >&3 && grep -q '^HTTP/1.1 200' <&3
}
hub() { # service expected-code generator-arguments… -> $work/out
    local service=$1 want=$2 got=0
    shift 2
    while port=$((port + 1)) && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
    "$build/hubd" "$work/$service" --set "listen.port=$port" --set "store.url=sqlite::memory:" --log-level error >"$work/err" 2>&1 &
    pid=$!
    until ready 2>/dev/null; do kill -0 $pid || fail "hubd did not start"; done
    "$build/hubctl" bench "127.0.0.1:$port" --pid $pid --format json --duration 1.5 --warmup 0.1 --rooms 2 --members 5 "$@" \
        >"$work/out" 2>>"$work/err" || got=$?
    [ $got = "$want" ] || fail "hub $*: ended with $got"
    stop
}
# Each message is delivered and acknowledged in the end, or it is lost or given up; how many are while it is measured, depends on the machine.
hub cost 0 --hub plain --event message --message-type handledNote --content '{"body": "about %s"}' --rate 200
expect "$clean && seqBreaks == 0 && published >= 299 && published <= 301 && acksAll >= published && receiptsAll == 0"
hub cost 0 --hub attended --event message --readers 3 --rate 200
expect "$clean && seqBreaks == 0 && acksAll >= published && receiptsAll > 0 && receipts <= 30 * (seconds + 1)"
hub cost 1 --hub plain --event message --message-type note --content '{"title": "%s"}' --rate 200
expect "errors > 0 && deliveries == 0"
hub parts 0 --hub parts --event command --custom-event echo --publishers all
expect "$clean && acks > 0 && acks >= published - 10 && acks <= published + 10 && deliveries == 0"
hub parts 0 --hub parts --event channel --window 4
expect "$clean && acks == 0 && deliveries > 0 && deliveries >= 5 * (published - 8) && deliveries <= 5 * (published + 8)"
hub parts 0 --hub parts --event channel --idle 10 --subscriptions 200
expect "connections == 10 && rssPerSubscription >= 0"

if "$build/hubctl" bench 192.0.2.1:80 --mode plain 2>"$work/err"; then fail "a target elsewhere was accepted without --remote"; fi
grep -q -- --remote "$work/err" || fail "the refusal does not name --remote"
if "$build/hubctl" bench 127.0.0.1:1 --mode plain >"$work/out" 2>"$work/err"; then fail "nobody listens, and it succeeded"; fi
grep -qi refused "$work/err" || fail "the failure does not say why"
echo "selftest: the generator counts right"
