#!/usr/bin/env bash
# hubctl lint: --fix, comments that ignore, .hubctl.yaml, baselines, text on stdin. Usage: lint_more.sh PATH_OF_HUBCTL
set -euo pipefail
hubctl=$(realpath "$1")
. tests/support/expect.sh
base=$PWD/tests/schema/mistakes/base
cp -r "$base" "$work/chat service"
cd "$work/chat service"
same() { diff "$1" "$2" || bad "$3"; }
again() { cp "$base/chat.hub.yaml" .; rm -f .hubctl.yaml; }

# --fix: what has one meaning only; line breaks, the byte order mark and everything else stay.
sed -i 's/    canSend: true/    canSend: yes/; s/offer.amount <= 0 then/offer.amount<=0 \&\& true then/; s/historyLimit: 50/hisotryLimit: "50"/; s/$/\r/; 1s/^/\xef\xbb\xbf/' chat.hub.yaml
cp chat.hub.yaml before
expect 1 '+    canSend: true' "$hubctl" lint --fix --dry-run .
same before chat.hub.yaml "--dry-run writes"
expect 1 "error[H001]" "$hubctl" lint --fix .
sed 's/canSend: yes/canSend: true/; s/&& true/and true/' before >wanted
same wanted chat.hub.yaml "--fix did something else"
expect 0 "" "$hubctl" lint --fix=all .
sed 's/hisotryLimit: "50"/historyLimit: 50/' wanted >all
same all chat.hub.yaml "--fix=all did something else"
expect 0 "" "$hubctl" lint --fix=all .
same all chat.hub.yaml "--fix changes what is right"
expect 2 "is none of safe|all" "$hubctl" lint --fix=some .
expect 2 "--dry-run is for --fix" "$hubctl" lint --dry-run .
[ -z "$(find . -name '*hubctl-*')" ] || bad "--fix leaves files"
rm before wanted all

# Scenarios are mended as all files are, in one place each; what a link leads to is, and the link stays.
again
mkdir -p scenarios ../elsewhere
printf 'name: Somebody joins\nhub: chat\nusers:\n  ann: {}\n  bob: {}\nsteps:\n  - join: {as: anne, room: lobby}\n  - join: {as: bobb, room: lobby}\n' >../elsewhere/joins.yaml
ln -s ../../elsewhere/joins.yaml scenarios/joins.yaml
sed 's/anne/ann/; s/bobb/bob/' ../elsewhere/joins.yaml >wanted
expect 0 "" "$hubctl" lint --fix=all .
same wanted ../elsewhere/joins.yaml "--fix=all did something else in a scenario"
[ -L scenarios/joins.yaml ] || bad "--fix makes a file of a link"
rm -r scenarios ../elsewhere wanted

# Comments: with a reason, about a warning that is there.
idle='s/canSend: false/canSend: false\n    moderated: true/'
again; sed -i "$idle" chat.hub.yaml
expect 1 "warning[H030]" "$hubctl" lint --strict .
again; sed -i "$idle # hubctl:ignore H030 -- until viewers may send" chat.hub.yaml; sed -i 's/moderated: true$/& # hubctl:ignore H030 -- until viewers may send/' chat.hub.yaml
expect 0 "" "$hubctl" lint --strict .
again; sed -i 's/canSend: false/&\n    # hubctl:ignore H030,H026 -- until viewers may send\n    moderated: true/' chat.hub.yaml
expect 1 "warning[Y017]: there is no H026 on line 36" "$hubctl" lint --strict .
again; sed -i 's/canSend: false/&\n    moderated: true # hubctl:ignore H030/' chat.hub.yaml
expect 1 "warning[Y017]: an ignore needs its reason" "$hubctl" lint --strict .
again; sed -i 's/canSend: false/canSend: nein # hubctl:ignore H002 -- for now/' chat.hub.yaml
expect 1 "warning[Y017]: H002 is an error" "$hubctl" lint .
again; sed -i 's/log.info(row.title)/log.info(row.titel) -- hubctl:ignore L004 -- an older row/' chat.hub.yaml
expect 0 "" "$hubctl" lint --strict .
again; sed -i "s/canSend: false/&\n    description: '# hubctl:ignore H030 -- a text'/" chat.hub.yaml
[ -z "$("$hubctl" lint . | grep Y017)" ] || bad "a text counts as an ignore"

# .hubctl.yaml and baselines.
again; sed -i "$idle" chat.hub.yaml
echo 'lint: {severity: {H030: info}}' >.hubctl.yaml
expect 0 "info[H030]" "$hubctl" lint --strict .
echo 'lint: {severity: {H030: off}}' >.hubctl.yaml
[ -z "$("$hubctl" lint .)" ] || bad "what is off is told"
echo 'lint: {severity: {H001: off}}' >.hubctl.yaml
expect 2 ".hubctl.yaml:1: this code is an error" "$hubctl" lint .
echo 'lint: {baseline: known.json}' >.hubctl.yaml
sed -i 's/hubRole: viewer/hubRole: veiwer/' chat.hub.yaml
expect 0 "" "$hubctl" lint --write-baseline known.json .
if grep -q line known.json; then bad "a baseline has lines"; fi
sed -i '1i # one line more' chat.hub.yaml
expect 0 "" "$hubctl" lint --strict .
sed -i 's/historyLimit: 50/historyLimit: 5000/' chat.hub.yaml
expect 1 "error[H005]" "$hubctl" lint --strict .
rm .hubctl.yaml
expect 1 "error[H005]" "$hubctl" lint --baseline known.json .
expect 2 "none.json" "$hubctl" lint --baseline none.json .

# stdin: with the rest of the service, as a file that is there, or is not yet.
again
expect 0 "" "$hubctl" lint - --stdin-path chat.hub.yaml <chat.hub.yaml
expect 1 "chat.hub.yaml:31:14: error[H002]" "$hubctl" lint - --stdin-path chat.hub.yaml < <(sed 's/canSend: true/canSend: yes/' chat.hub.yaml)
expect 1 'new/x.hub.yaml:1:55: error[H010]' "$hubctl" lint - --stdin-path new/x.hub.yaml <<<'{hubBasics: {name: x}, roomSettings: {roomDataObject: nothing}}'
expect 1 "stdin.hub.yaml:1:1: error[H003]" "$hubctl" lint - <<<'hubBasics: {name: x}'
"$hubctl" lint - --stdin-path chat.hub.yaml --fix=all < <(sed 's/hubRole: viewer/hubRole: veiwer/' chat.hub.yaml) >out 2>err || bad "--fix of stdin"
same chat.hub.yaml out "--fix of stdin gives something else"
expect 2 "stands alone" "$hubctl" lint - .

# SARIF: paths with blanks are URIs; JSON: valid follows --strict.
sed -i "$idle" chat.hub.yaml
expect 0 '"uri": "../chat%20service/chat.hub.yaml"' "$hubctl" lint --format sarif "../chat service"
expect 0 '"valid": true' "$hubctl" lint --format json .
expect 1 '"valid": false' "$hubctl" lint --format json --strict .
