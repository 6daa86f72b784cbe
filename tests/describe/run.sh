#!/bin/sh
# Runs one file of this folder on Node.js, with the packages of its package-lock.json: run.sh FILE.test.js
here=$(cd "$(dirname "$0")" && pwd)
HUB_NODE_PACKAGES=$here exec "$here/../transcript/run.sh" "$@"
