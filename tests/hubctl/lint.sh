#!/usr/bin/env bash
# hubctl lint, explain, dump and schema: exit codes, formats, and what they read. Usage: lint.sh PATH_OF_HUBCTL
set -euo pipefail
hubctl=$1
. tests/support/expect.sh
good=tests/schema/good broken=tests/schema/bad

# Exit codes: clean, warnings only, warnings that count, errors, usage, unreadable.
expect 0 "" "$hubctl" lint $good/chat
expect 0 "" "$hubctl" lint $good/chat/ $good/minimal/service.yaml $good/minimal/minimal.hub.yaml
expect 0 "warning[S009]" "$hubctl" lint $broken/service-nothing
expect 1 "warning[S009]" "$hubctl" lint --strict $broken/service-nothing
expect 1 "error[H012]" "$hubctl" lint $good/chat $broken/undefined-role
expect 2 "which service directory" "$hubctl" lint
expect 2 "unknown format" "$hubctl" lint $good/chat --format xml
expect 2 "unknown option" "$hubctl" lint $good/chat --stric
expect 2 "error[S026]" "$hubctl" lint $good/chat "$work"
expect 2 "error[S026]" "$hubctl" lint "$work/nothing"
expect 2 "error[Y011]" "$hubctl" lint /dev/null

# Nothing is printed about what is clean; the environment of a running service does not disturb.
[ -z "$("$hubctl" lint $good/specification)" ] || bad "lint talks about clean definitions"
HUBD_LISTEN_PORT=none expect 0 "" "$hubctl" lint $good/chat
HUBD_LISTEN_PORT=none expect 1 "HUBD_LISTEN_PORT: error[S002]" "$hubctl" dump $good/chat
expect 1 "error[S013]" "$hubctl" lint $broken/service-public-dev
if HUBD_ALLOW_DEV_AUTH=1 "$hubctl" lint $broken/service-public-dev | grep S013; then bad "HUBD_ALLOW_DEV_AUTH=1 is not heeded"; fi

# Every format, and all of them agree on the number of findings.
for format in text json sarif junit github; do
    code=0
    "$hubctl" lint --format=$format $broken/hub-references >"$work/$format" || code=$?
    [ $code = 1 ] || bad "--format $format exits with $code"
done
n=$(grep -c '\(error\|warning\)\[' "$work/text")
[ "$n" -gt 10 ] || bad "only $n findings"
[ "$(grep -c '"severity"' "$work/json")" = "$n" ] || bad "JSON has another number of findings"
[ "$(grep -c '"ruleId"' "$work/sarif")" = "$n" ] || bad "SARIF has another number of findings"
[ "$(grep -c '<testcase' "$work/junit")" = "$n" ] || bad "JUnit has another number of findings"
[ "$(grep -c '^::\(error\|warning\) file=' "$work/github")" = "$n" ] || bad "GitHub's form has another number of findings"

# The other commands.
expect 0 "Exit code" "$hubctl" lint --help
expect 0 "At run time" "$hubctl" explain H012
expect 2 "there is no code" "$hubctl" explain H999
expect 2 "which code" "$hubctl" explain
expect 0 "--- # chat.hub.yaml" "$hubctl" dump $good/chat
expect 1 "error[H012]" "$hubctl" dump $broken/undefined-role
expect 2 "error[S026]" "$hubctl" dump "$work"
expect 0 "draft/2020-12" "$hubctl" schema
expect 0 '"title": "ServiceDocument"' "$hubctl" schema --kind service
expect 2 "not understood" "$hubctl" schema --kind room
expect 2 "there is no command" "$hubctl" lnt
expect 0 "explain" "$hubctl" --help
