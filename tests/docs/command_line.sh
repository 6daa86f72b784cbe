#!/usr/bin/env bash
# docs/reference/command-line.md is what --help prints. Usage: command_line.sh PATH_OF_HUBD PATH_OF_HUBCTL [--write]
set -euo pipefail
hubd=$(realpath "$1") hubctl=$(realpath "$2")
cd "$(dirname "$0")/../.."
page=docs/reference/command-line.md

chapter() { # name, program and arguments
    printf '\n## %s\n\n```\n%s\n```\n' "$1" "$("${@:2}" --help)"
}
print_page() {
    printf '# Command lines\n\n'
    printf '%s\n' 'Printed by `--help` of each program, from the same table that parses the arguments; `tests/docs/command_line.sh` compares, and writes this page with `--write`.' \
        'A value follows its option as `--name value` or `--name=value`; options and other arguments come in any order, `--` ends the options, and no option is abbreviated.'
    chapter hubd "$hubd"
    chapter hubctl "$hubctl"
    for command in $("$hubctl" --help | sed -n '/^Commands:/,$s/^  \([a-z]*\) .*/\1/p'); do chapter "hubctl $command" "$hubctl" "$command"; done
}
if [ "${3-}" = --write ]; then print_page >"$page"; fi
diff "$page" <(print_page) || { echo "$page is not what --help prints: tests/docs/command_line.sh build/dev/hubd build/dev/hubctl --write"; exit 1; }
[ "$(grep -c '^## ' "$page")" -gt 9 ] || { echo "$page: commands are missing"; exit 1; }
