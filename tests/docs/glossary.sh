#!/usr/bin/env bash
# Each word of docs/glossary.md is in one of the places it names, which are there; words are sorted, so that a new one has one place.
set -euo pipefail
cd "$(dirname "$0")/../.."
page=docs/glossary.md
bad=0
complain() { echo "$page: $*"; bad=1; }
words=()
while IFS='|' read -r _ word term places _; do
    word=$(tr -d ' `' <<<"$word")
    words+=("$word")
    [ -n "${term// /}" ] || complain "$word has no standard term"
    found=
    for place in $(grep -o '`[^`]*`' <<<"$places" | tr -d '`'); do
        [ -e "$place" ] || { complain "$word: there is no $place"; continue; }
        if grep -rqE --include='*.[ch]' "(\b|_)$word(s|e?d|ing|\b|_)" "$place" || [[ $(basename "$place") == *"$word"* ]]; then found=1; fi
    done
    [ -n "$found" ] || complain "$word is not found in:$places"
done < <(grep '^| `' "$page")
[ "${#words[@]}" -ge 40 ] || complain "only ${#words[@]} rows; is the table written otherwise now?"
diff <(printf '%s\n' "${words[@]}") <(printf '%s\n' "${words[@]}" | LC_ALL=C sort -u) >/dev/null || complain "the words are not sorted, or one is there twice"
exit $bad
