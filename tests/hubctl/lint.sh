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
expect 2 'hubctl lint: --format: "jsn" is none of text|json|sarif|junit|github; did you mean json?' "$hubctl" lint $good/chat --format jsn
expect 2 "hubctl lint: unknown option --stric; did you mean --strict?" "$hubctl" lint $good/chat --stric
expect 2 "error[S026]" "$hubctl" lint $good/chat "$work"
expect 2 "nothing: error[Y011]: cannot be read: No such file or directory" "$hubctl" lint "$work/nothing"
expect 2 "error[Y011]" "$hubctl" lint /dev/null

# Nothing is printed about what is clean; the environment counts as it does for hubd.
[ -z "$("$hubctl" lint $good/specification)" ] || bad "lint talks about clean definitions"
HUBD_LISTEN_PORT=none expect 1 "HUBD_LISTEN_PORT: error[S002]" "$hubctl" lint $good/chat
HUBD_LISTEN_PORT=none expect 1 "HUBD_LISTEN_PORT: error[S002]" "$hubctl" dump $good/chat
expect 1 "warning[E022]" "$hubctl" lint $broken/hub-channels
if HUBD_CACHE_URL=redis://127.0.0.1:1 "$hubctl" lint $broken/hub-channels | grep E022; then bad "HUBD_CACHE_URL is not heeded"; fi
HUBD_LISTEN_HOST=0.0.0.0 expect 1 "error[S013]" "$hubctl" lint $good/chat
expect 1 "error[S013]" "$hubctl" lint $broken/service-public-dev
if HUBD_ALLOW_DEV_AUTH=1 "$hubctl" lint $broken/service-public-dev | grep S013; then bad "HUBD_ALLOW_DEV_AUTH=1 is not heeded"; fi

# What lints clean starts, and what does not is refused with the same text: keys, certificates, URLs, modules, files.
hubd=$(dirname "$hubctl")/hubd
for service in service-start service-start-secret service-start-modules service-start-public service-start-places service-not-yet service-texts; do
    "$hubctl" lint $broken/$service >"$work/lint" && bad "$service lints clean"
    for check in --check --wait=0; do
        code=0
        "$hubd" $broken/$service $check 2>"$work/start" >&2 || code=$?
        [ $code = 3 ] || bad "hubd $check $service exits with $code"
        diff "$work/lint" "$work/start" || bad "hubd $check says something else of $service"
    done
done
HUBD_TEST_NOT_SET=secret expect 0 "" "$hubctl" lint $broken/service-start-secret

# What plugins are given may be passwords: a dump is shown around.
cp -r $good/minimal "$work/given"
mkdir -p "$work/given/plugins/mail"
echo 'plugins: [plugins/mail]' >>"$work/given/service.yaml"
echo 'hubExtensions: {plugins: [{plugin: mail, with: {apiKey: new-key, more: {password: pw, port: 5}}}]}' >>"$work/given/minimal.hub.yaml"
cat >"$work/given/plugins/mail/plugin.yaml" <<END
name: mail
parameters: [{name: apiKey, fieldType: String, defaultValue: old-key}, {name: more, fieldType: JSON}, {name: at, fieldType: String, defaultValue: here}]
commands: [{name: hi, script: "1"}]
END
expect 0 'with: {"apiKey": "***", "more": {"password": "***", "port": 5}, "at": "here"}' "$hubctl" dump "$work/given"
if "$hubctl" dump "$work/given" | grep -E 'old-key|new-key|pw'; then bad "dump shows what plugins are given"; fi

# ${NAME:-x} is x when NAME is empty, as in sh.
cp -r $good/minimal "$work/empty"
sed -i 's/^service:.*/service: {name: minimal, project: "${HUBD_TEST_PROJECT:-fallen}"}/' "$work/empty/service.yaml"
HUBD_TEST_PROJECT="" expect 0 'project: "fallen"' "$hubctl" dump "$work/empty"
HUBD_TEST_PROJECT=given expect 0 'project: "given"' "$hubctl" dump "$work/empty"

# What cannot be read may hold a hub: it is not passed over. Whoever may read everything is somebody else for this.
mkdir -p "$work/empty/locked"
chmod 000 "$work/empty/locked"
chmod 755 "$work"
as_other=()
if [ "$(id -u)" = 0 ]; then as_other=(setpriv --reuid=65534 --clear-groups); fi
if "${as_other[@]}" test -x "$hubctl" && ! "${as_other[@]}" test -r "$work/empty/locked"; then
    expect 2 "locked: error[Y011]: cannot be read: Permission denied" "${as_other[@]}" "$hubctl" lint "$work/empty"
    chmod 444 "$work/empty/locked"
    expect 0 "" "$hubctl" lint "$work/empty"
fi
deep="$work/empty/$(printf 'a/%.0s' $(seq 20))"
mkdir -p "$deep"
expect 2 "nested too deeply" "$hubctl" lint "$work/empty"

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
[ "$(grep -c '\(error\|warning\)\[' "$work/junit")" = "$n" ] || bad "JUnit has another number of findings"
[ "$(grep -c '<testcase' "$work/junit")" = 2 ] || bad "JUnit has not a case for each file"
grep -q '"fixes"' "$work/sarif" || bad "SARIF has no fixes"
[ "$(grep -c '^::\(error\|warning\) file=' "$work/github")" = "$n" ] || bad "GitHub's form has another number of findings"

# The other commands.
expect 0 "Exit code" "$hubctl" lint --help
expect 0 "At run time" "$hubctl" explain H012
expect 0 "At run time" "$hubctl" explain h012
expect 0 "hubctl lint --fix" "$hubctl" explain H002
expect 2 "there is no code" "$hubctl" explain H999
expect 2 "which code" "$hubctl" explain
expect 0 "--- # chat.hub.yaml" "$hubctl" dump $good/chat
expect 1 "error[H012]" "$hubctl" dump $broken/undefined-role
expect 2 "error[S026]" "$hubctl" dump "$work"
expect 0 "draft/2020-12" "$hubctl" schema
expect 0 '"title": "ServiceDocument"' "$hubctl" schema --kind service
expect 0 '"title": "PluginDocument"' "$hubctl" schema --kind plugin
expect 2 '--kind: "room" is none of hub|service' "$hubctl" schema --kind room
expect 2 "hubctl: unknown command lnt; did you mean lint?" "$hubctl" lnt
expect 2 "which command?" "$hubctl"
expect 0 "explain" "$hubctl" --help
