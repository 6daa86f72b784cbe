#!/usr/bin/env bash
# Every file and folder that docs/tour.md names exists, and every `function()` is defined in the file that its sentence names next to it.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0
complain() { echo "docs/tour.md: $*"; bad=1; }

# One quoted word per line, in order.
mapfile -t words < <(grep -o '`[^`]*`' docs/tour.md | tr -d '`')
[ ${#words[@]} -gt 60 ] || complain "only ${#words[@]} names found; is the page written otherwise now?"

path_pattern='^[a-z]+/[a-z0-9_./-]*$'
for word in "${words[@]}"; do
    if [[ $word =~ $path_pattern && ! -e $word ]]; then complain "there is no $word"; fi
done

# A definition starts in the first column and does not end in a semicolon.
defines() { grep -qE "^[a-z].*[ *]$2\(.*[^;]$" "$1"; }

count=0
for i in "${!words[@]}"; do
    [[ ${words[i]} =~ ^([a-z0-9_]+)\(\)$ ]] || continue
    name=${BASH_REMATCH[1]}
    file=
    for next in "${words[@]:i+1}"; do
        if [[ $next == *.c ]]; then file=$next && break; fi
    done
    count=$((count + 1))
    if [ -z "$file" ]; then complain "$name() has no file behind it"; continue; fi
    if [ -f "$file" ] && ! defines "$file" "$name"; then complain "$name() is not defined in $file"; fi
done
[ "$count" -gt 20 ] || complain "only $count functions found; is the page written otherwise now?"
exit $bad
