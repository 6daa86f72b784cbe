#!/usr/bin/env bash
# Every relative link in a Markdown file leads somewhere, and every decision is in the index.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0
while IFS= read -r page; do
    while IFS= read -r target; do
        [ -e "$(dirname "$page")/${target%%#*}" ] || { echo "$page: there is no $target"; bad=1; }
    done < <(sed '/^```/,/^```/d' "$page" | grep -oP '\]\(\K(?![a-z]+:|#)[^) ]+' || true)
done < <(find . -name '*.md' -not -path '*/node_modules/*' -not -path './build/*')
for decision in docs/decisions/[0-9]*.md; do
    grep -qF "($(basename "$decision"))" docs/decisions/README.md || { echo "docs/decisions/README.md does not list $decision"; bad=1; }
done
exit $bad
