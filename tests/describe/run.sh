#!/bin/sh
# Runs one file of this folder on Node.js, with the packages of its package-lock.json: run.sh FILE.test.js
# Those of tests/transcript, whose harness some use, are installed first. Exit codes as there.
here=$(cd "$(dirname "$0")" && pwd)
"$here/../transcript/run.sh" -e 0 || exit $?
HUB_NODE_PACKAGES=$here exec "$here/../transcript/run.sh" "$@"
