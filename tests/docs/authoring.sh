#!/usr/bin/env bash
# Does what docs/authoring.md tells, block after block: writes its files, runs its commands, and compares what they print.
# Usage: authoring.sh HUBCTL
set -euo pipefail
hubctl=$(realpath "$1")
page=$(realpath "$(dirname "$0")/../../docs/authoring.md")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/there"
ln -s "$hubctl" "$work/bin/hubctl"
PATH=$work/bin:$PATH
cd "$work/there"

# The blocks as files: 001.yaml, 002.console, …
awk -v out="$work/" '
    /^```(yaml|console)$/ {n++; name = sprintf("%s%03d.%s", out, n, substr($0, 4)); printf "" >name; on = 1; next}
    /^```$/ {on = 0; next}
    on {print >>name}' "$page"

run_commands() { # FILE: each "$ command" with what it prints below it
    local line command=
    : >"$work/printed"
    while IFS= read -r line; do
        if [[ $line == '$ '* ]]; then
            printf '%s\n' "$line" >>"$work/printed"
            bash -c "${line#\$ }" >>"$work/printed" 2>&1 || true # its exit code is told by what it prints
        fi
    done <"$1"
    diff -u "$1" "$work/printed" || { echo "docs/authoring.md: a command prints something else"; exit 1; }
}

n=0
for block in "$work"/[0-9]*.*; do
    case $block in
    *.yaml)
        path=$(sed -n '1s/^# //p' "$block")
        [ -n "$path" ] || { echo "docs/authoring.md: a block of YAML does not say which file it is"; exit 1; }
        mkdir -p "$(dirname "$path")"
        cp "$block" "$path"
        ;;
    *.console) run_commands "$block" ;;
    esac
    n=$((n + 1))
done
[ "$n" -gt 5 ] || { echo "docs/authoring.md has only $n blocks"; exit 1; }
echo "$n blocks done"
