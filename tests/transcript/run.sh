#!/bin/sh
# Runs one transcript file on Node.js: run.sh FILE.test.js [SET]. With SET, a file that backends/main.js wrote, it runs on those servers.
# run.sh PROGRAM.js ARGUMENTS… runs another program with the same packages, those of package-lock.json; they are installed when missing.
# The packages are those of $HUB_NODE_PACKAGES, a folder, when that is set.
# Exit 77 (a skipped test, with the reason) when Node.js or the packages are not to be had; with CI=true that is a failure.
here=$(cd "$(dirname "$0")" && pwd)
packages=${HUB_NODE_PACKAGES:-$here}

skip() {
    echo "skipped: $1"
    [ "$CI" = true ] && exit 1
    exit 77
}

command -v node >/dev/null || skip "node is not installed (Debian: apt-get install nodejs npm)"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 18 ] || skip "node is too old: $(node --version), 18 is needed"

(
    flock 9
    installed=$packages/node_modules/.package-lock.json
    [ "$installed" -nt "$packages/package-lock.json" ] && exit 0
    command -v npm >/dev/null || exit 1
    cd "$packages" && npm ci --no-audit --no-fund --loglevel=error >&2 && touch "$installed"
) 9>"${TMPDIR:-/tmp}/hubd-transcript-packages.lock" || skip "the packages of $packages/package.json cannot be installed with npm"

# Ends when whoever runs the tests is killed, and takes along what it has started.
node() { exec setpriv --pdeathsig KILL node "$@"; }
case $1 in
    *.test.js) ;;
    *) node "$@" ;;
esac
[ -z "$2" ] || node "$here/backends/main.js" run "$2" -- node --test-reporter=spec "$1"
node --test-reporter=spec "$1"
