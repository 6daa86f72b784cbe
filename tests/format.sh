#!/usr/bin/env bash
# Fails when a C file is not formatted as .clang-format says. `make format` repairs it.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v clang-format-14 >/dev/null || { echo "skipped: clang-format-14 is not installed (make format installs it)"; exit 77; }
git rev-parse --git-dir >/dev/null 2>&1 || { echo "skipped: not a git checkout"; exit 77; }
sources() { # also those that git does not know yet
    git ls-files -z -co --exclude-standard '*.[ch]' ':!tests/describe/golden' | while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done
}
complaints=$(sources | xargs -0 clang-format-14 --dry-run -Werror 2>&1 | grep ': error:' | cut -d: -f1 | sort | uniq -c) || true
[ -z "$complaints" ] || { printf '%s\n' "Places per file that are not formatted:" "$complaints" "Run: make format"; exit 1; }

export LC_ALL=C.UTF-8
long=$(sources | xargs -0 grep -nP '^.{121,}$|^(?=.{111}) *(/\*|\* )' | cut -c1-160) || true
[ -z "$long" ] || { printf '%s\n' "Lines over 120 columns (comments: 110):" "$long"; exit 1; }
