#!/bin/sh
# Installs what clients/js needs (package-lock.json), builds it when a source has changed, and runs a part of its tests:
#   run.sh units             the unit tests, on a hub that answers when the test says so
#   run.sh package           types, what is published, and how large it is
#   run.sh FILE.test.js      a file of test/transcript, against the hubd that $HUBD names
# Exit 77 (a skipped test, with the reason) when Node.js or the packages are not to be had; with CI=true that is a failure.
set -e
here=$(cd "$(dirname "$0")" && pwd)

skip() {
    echo "skipped: $1"
    [ "$CI" = true ] && exit 1
    exit 77
}

command -v node >/dev/null || skip "node is not installed (Debian: apt-get install nodejs npm)"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 18 ] || skip "node is too old: $(node --version), 18 is needed"

cd "$here"
(
    flock 9
    installed=node_modules/.package-lock.json
    if [ ! "$installed" -nt package-lock.json ]; then
        command -v npm >/dev/null || exit 1
        npm ci --no-audit --no-fund --loglevel=error >&2 || exit 1
        touch "$installed"
    fi
    [ -e build/test.built ] && [ -z "$(find src test/unit build.mjs package.json tsconfig*.json -newer build/test.built)" ] && exit 0
    mkdir -p build
    touch build/starting
    node build.mjs --tests >&2 && mv build/starting build/test.built || exit 2
) 9>"${TMPDIR:-/tmp}/hubd-clients-js.lock" || {
    [ $? = 1 ] && skip "the packages of clients/js cannot be installed with npm"
    echo "clients/js cannot be built" >&2
    exit 1
}

case $1 in
    units) exec setpriv --pdeathsig KILL node --test --test-reporter=spec build/test/*.test.js ;;
    package) exec setpriv --pdeathsig KILL node test/package.mjs ;;
    *) exec "$here/../../tests/transcript/run.sh" "$1" ;;
esac
