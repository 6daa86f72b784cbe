#!/usr/bin/env bash
# docs/specification.md has a line for every field of the specification that the table of fields has, and every test it names is there; a field of what
# goes beyond it is named on a page of docs/extensions. Usage: specification.sh HUBCTL
set -euo pipefail
hubctl=$(realpath "$1")
cd "$(dirname "$0")/../.."
page=docs/specification.md
bad=0
complain() { echo "$page: $*"; bad=1; }

# "Section.word" for each row of the tables of a page that reads like the reference.
rows() { awk '/^## /{section = substr($0, 4)} /^\| `/{split($0, cell, "`"); print section "." cell[2]}'; }
# The values of direction have no table of their own in the reference.
directions() { grep '^| `direction`' | cut -d'|' -f3 | grep -o '`[^`]*`' | tr -d '`' | sed 's/^/HubEventDirection./'; }

# "HubCommand.rateLimit": of a table that the page does not know, or of hubExtensions itself; a page of docs/extensions has the word.
of_extension() {
    local table=${1%%.*} word=${1#*.}
    [[ $table =~ ^Hub(Extensions|Limits)$ ]] || ! grep -qx "## $table" "$page" || return 1
    grep -qrE "(^|[^[:alnum:]])$word([^[:alnum:]]|\$)" docs/extensions
}

reference=$("$hubctl" schema --kind hub --format markdown)
there=$(rows <"$page" | sort)
wanted=$( (rows <<<"$reference"; directions <<<"$reference") | sort)
while read -r side field; do
    case $side in
        -) of_extension "$field" || complain "no line for $field" ;;
        +) complain "the line for $field: there is no such field (or two lines)" ;;
    esac
done < <(diff --unchanged-line-format= --old-line-format='- %L' --new-line-format='+ %L' <(echo "$wanted") <(echo "$there") || true)
[ "$(wc -l <<<"$wanted")" -gt 90 ] || complain "only $(wc -l <<<"$wanted") fields; is the reference written otherwise now?"

# Tests: `height/file` "name", at least one in every line.
count=0
while IFS= read -r line; do
    field=$(cut -d'`' -f2 <<<"$line")
    named=$(grep -o '`[a-z]*/[a-z_]*` "[^"]*"' <<<"$line" || true)
    [ -n "$named" ] || complain "$field names no test"
    while IFS= read -r one; do
        [ -n "$one" ] || continue
        file=tests/$(cut -d'`' -f2 <<<"$one").test.js name=$(cut -d'"' -f2 <<<"$one")
        count=$((count + 1))
        if [ ! -f "$file" ]; then
            complain "$field: there is no $file"
        elif ! grep -qF -e "test(\"$name\"" -e "test(\`$name\`" "$file"; then
            complain "$field: $file has no test \"$name\""
        fi
    done <<<"$named"
done < <(grep '^| `' "$page")
[ "$bad" = 0 ] && echo "$(wc -l <<<"$there") fields, $count tests named"
exit $bad
