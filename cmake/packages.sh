#!/usr/bin/env bash
# Installs the Debian packages that the named groups of work need and this machine lacks. Says what it installs; does
# nothing, quickly, when all are there. Usage: cmake/packages.sh build|test|containers|fuzz|format|bench …
set -euo pipefail

# Libraries count as present when the package is; programs count when the command is, whoever packaged it.
declare -A packages=(
    [build]="gcc libc6-dev cmake ninja-build pkg-config libjansson-dev libpcre2-dev libhttp-parser-dev libuv1-dev liblua5.4-dev libyaml-dev libsqlite3-dev libpq-dev libssl-dev libcurl4-openssl-dev libhiredis-dev librdkafka-dev uthash-dev zlib1g-dev libwebsockets-dev"
    [test]="libcmocka-dev ca-certificates postgresql libwebsockets-evlib-uv"
    [containers]="ca-certificates netavark"
    [fuzz]="libclang-rt-14-dev"
    [format]=""
    [bench]="postgresql"
)
declare -A commands=( # command=package
    [build]=""
    [test]="node=nodejs npm=npm sqlite3=sqlite3 openssl=openssl clang-format-14=clang-format-14 psql=postgresql-client redis-server=redis-server"
    [containers]="podman=podman runc=runc mmdebstrap=mmdebstrap newuidmap=uidmap"
    [fuzz]="clang-14=clang-14"
    [format]="clang-format-14=clang-format-14"
    [bench]="node=nodejs npm=npm psql=postgresql-client redis-server=redis-server redis-cli=redis-tools"
)
# Without these some tests are skipped; a machine that cannot have them still works.
declare -A optional=([test]="mypy=mypy valgrind=valgrind chromium=chromium java=default-jre-headless mvn=maven" [bench]="java=default-jre-headless mvn=maven")

if ! command -v dpkg-query >/dev/null; then
    echo "This is not a Debian system; the packages are expected to be there already (README.md, CONTRIBUTING.md)." >&2
    exit 0
fi

missing_commands() { # pairs…
    local pair
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null || echo "${pair#*=}"
    done
}

wanted=() missing=() nice=()
for group in "$@"; do
    [ -v "packages[$group]" ] || { echo "packages.sh: no group \"$group\"; there are: ${!packages[*]}" >&2; exit 2; }
    read -ra more <<<"${packages[$group]}" && wanted+=("${more[@]}")
    mapfile -t -O "${#missing[@]}" missing < <(missing_commands ${commands[$group]})
    mapfile -t -O "${#nice[@]}" nice < <(missing_commands ${optional[$group]-})
done
if [ ${#wanted[@]} -gt 0 ]; then
    declare -A installed=()
    while read -r state name; do
        [ "$state" = installed ] && installed[$name]=1
    done < <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true)
    for name in "${wanted[@]}"; do
        [ -v "installed[$name]" ] || missing+=("$name")
    done
fi
[ $((${#missing[@]} + ${#nice[@]})) -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "Please install as root: apt-get install ${missing[*]} ${nice[*]}" >&2; exit 1; }
    as_root=(sudo)
fi
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o=Dpkg::Use-Pty=0 -o=DPkg::Lock::Timeout=600 "$@" </dev/null >/dev/null; }

echo "Installing Debian packages: ${missing[*]} ${nice[*]}"
apt update
[ ${#missing[@]} -eq 0 ] || apt install -y --no-install-recommends "${missing[@]}"
if [ ${#nice[@]} -gt 0 ] && ! apt install -y --no-install-recommends "${nice[@]}"; then
    echo "Could not install ${nice[*]}; the tests that need it will be skipped." >&2
fi
