#!/usr/bin/env bash
# How many instructions an event and a command take: instructions.mjs, where there is node. Usage: instructions.sh [BUILD-FOLDER]
command -v node >/dev/null || { echo "skipped: node is not there"; exit 77; }
exec node "$(dirname "$0")/instructions.mjs" "$@"
