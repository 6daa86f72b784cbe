#!/bin/sh
# hubctl why on hubs/chat: the layers in order, the record that decided, the exit codes. Usage: why.sh HUBCTL
set -eu
hubctl=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/chat"
for part in "$root"/hubs/chat/*; do [ "$(basename "$part")" = data ] || cp -r "$part" "$work/chat"; done

# ask CODE USER ROOM [ROLE] — runs it, leaves the answer in $work/out
ask() {
    wanted=$1 user=$2 room=$3 role=${4:-}
    code=0
    "$hubctl" why "$work/chat" --hub chat --room "$room" --user "$user" ${role:+--role "$role"} >"$work/out" 2>&1 || code=$?
    [ "$code" = "$wanted" ] || { echo "$user, $room: exit code $code, expected $wanted"; cat "$work/out"; exit 1; }
}
says() { grep -q -- "$1" "$work/out" || { echo "expected: $1"; cat "$work/out"; exit 1; }; }

ask 4 viewer team
says 'hubctl migrate --apply'
[ ! -e "$work/chat/data" ] || { echo 'asking made files'; exit 1; }
"$hubctl" migrate "$work/chat" --apply >/dev/null
ask 0 viewer team
says '^admitted as viewer$'
says 'authSources.viewerMembership .*decides .*"id":"team-viewer"'
layers=$(sed -n 's/^  \([a-zA-Z]*\).*/\1/p' "$work/out" | uniq | tr '\n' ' ')
[ "$layers" = "session room roomEligibility blocked absoluteRoles checkRoles checkScript cache authSources " ] || { echo "layers: $layers"; exit 1; }
# Those that let pass show what they went by, too.
says 'roomEligibility .*true: passes .*conversation.status == .active'
says 'absoluteRoles .*has none of them: goes on .*"roleId":null,"absoluteRoles":\["superAdmin"\]'
says 'checkRoles .*none are set: passes'
says 'checkScript .*true: passes .*user.roleId != .suspended'
says 'authSources.ownerMembership .*does not hold .*"record":{.*"condition":"membership.role == .owner'
ask 0 anybody team superAdmin
says '^admitted as system$'
ask 1 stranger team
says '^refused: not_authorized'
says 'authSources.ownerMembership .*no record .*"userId":"stranger","conversationId":"team"'
says 'authScripts.publicRoom .*false: not this one .*"room.isPublic"'
# What else a token says, for hooks and scripts that ask for it.
sed -i "s/user.roleId != 'suspended'/user.plan == 'gold'/" "$work/chat/chat.hub.yaml"
ask 1 viewer team
says '^refused: check_failed'
"$hubctl" why "$work/chat" --hub chat --room team --user viewer --claims '{"plan":"gold","userId":"else"}' >"$work/out" || { cat "$work/out"; exit 1; }
says 'session .*"plan":"gold","userId":"viewer"'
says '^admitted as viewer$'
"$hubctl" why "$work/chat" --hub chat --room team --user viewer --claims '[]' >"$work/out" 2>&1 && exit 1
says 'claims: "\[\]" is not a JSON object'
sed -i "s/user.plan == 'gold'/user.roleId != 'suspended'/" "$work/chat/chat.hub.yaml"
ask 1 owner archive
says '^refused: room_not_eligible'
ask 1 owner nowhere
says '^refused: room_not_found'
ask 1 owner team suspended
says '^refused: check_failed'
"$hubctl" why "$work/chat" --hub nope --room team --user x >/dev/null 2>&1 && exit 1
[ $? = 2 ] || { echo "an unknown hub is a usage error"; exit 1; }
made=$(sqlite3 "$work/chat/data/chat.db" 'SELECT count(*) FROM hubd_room')
[ "$made" = 0 ] || { echo "asking made $made counters"; exit 1; }
echo "7 decisions explained"
