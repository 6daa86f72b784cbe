#!/usr/bin/env bash
# What can be known of Containerfile without an engine: its sources are there, its packages exist and hold every library that the programs need, it
# does not run as root, and its health check tells a hubd that lives from one that does not. Usage: containerfile.sh PATH_OF_HUBD PATH_OF_HUBCTL
set -euo pipefail
hubd=$(realpath "$1") hubctl=$(realpath "$2")
cd "$(dirname "$0")/../.."
. tests/support/serve.sh
failures=0
complain() { echo "Containerfile: $*"; failures=1; }

# One instruction per line.
lines=$(grep -v '^ *#' Containerfile | sed -e ':a' -e '/\\$/N' -e 's/\\\n */ /' -e 'ta')
last_stage=$(tac <<<"$lines" | sed '/^FROM /q' | tac)

# Sources. What .dockerignore leaves out is not there either.
while read -r _ first rest; do
    case $first in
        --from=*) grep -q "^FROM .* AS ${first#--from=}$" <<<"$lines" || complain "COPY $first: there is no such stage" ;;
        *) for source in $(sed 's/ [^ ]*$//' <<<"$first $rest"); do
            [ -e "$source" ] || complain "COPY $source: there is no such file"
            grep -qx "$source" .dockerignore && complain "COPY $source: .dockerignore leaves it out"
        done ;;
    esac
done < <(grep '^COPY' <<<"$lines")
for needed in CMakeLists.txt CMakePresets.json Makefile LICENSE README.md adapters cmake engine hubs schema scripting; do
    grep -qx "$needed" .dockerignore && complain ".dockerignore leaves out $needed, which the build needs"
done

# Packages.
packages=$(grep -o 'apt-get install -y --no-install-recommends [^&]*' <<<"$last_stage" | sed 's/.*--no-install-recommends //')
[ "$(wc -w <<<"$packages")" -ge 8 ] || complain "no packages found in the last stage: \"$packages\""
if [ "$(. /etc/os-release && echo "$ID$VERSION_ID")" = debian12 ]; then
    if compgen -G '/var/lib/apt/lists/*Packages*' >/dev/null; then # otherwise nobody here knows what there is
        known=$(apt-cache policy $packages | grep -o '^[a-z0-9][^:]*')
        for package in $packages; do grep -qx -- "$package" <<<"$known" || complain "Debian 12 has no package $package"; done
    fi
    for library in $(readelf -d "$hubd" "$hubctl" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u); do
        path=$(ldd "$hubd" | awk -v name="$library" '$1 == name {print $3}')
        [ -n "$path" ] || path=$(ldd "$hubctl" | awk -v name="$library" '$1 == name {print $3}')
        owner=$({ dpkg -S "$path" || dpkg -S "$(realpath "$path")" || dpkg -S "/usr$path"; } 2>/dev/null | head -n 1 | cut -d: -f1)
        case $owner in
            libc6 | libgcc-s1 | libasan* | libubsan*) ;; # always there; sanitizers are for tests
            '') complain "$library: no package has it" ;;
            *) grep -qw -- "$owner" <<<"$packages" || complain "$library is in $owner, which the last stage does not install" ;;
        esac
    done
else
    echo "The packages are not looked at: this is not Debian 12."
fi

# Rights.
user=$(sed -n 's/^USER //p' <<<"$last_stage")
[[ $user =~ ^[1-9][0-9]*(:[1-9][0-9]*)?$ ]] || complain "USER \"$user\" is not a number other than 0, so nobody can tell that it is not root"
grep -q '^ENTRYPOINT \["hubd"\]$' <<<"$last_stage" || complain "hubd is not the process that gets the signals"

# The health check, word for word, as an engine runs it.
check=$(sed -n 's/^HEALTHCHECK .*CMD //p' <<<"$last_stage")
mapfile -t -d '' command < <(node -e 'for (const word of JSON.parse(process.argv[1])) process.stdout.write(`${word}\0`)' "$check")
[ ${#command[@]} -ge 2 ] || complain "no health check in the form of a list"
"$hubctl" new "$work/my" --template blank >/dev/null
start_hubd "$hubd" "$work/my" /hub/
HUBD_LISTEN_PORT=${url##*:} timeout 10 "${command[@]}" || complain "the health check calls a hubd that lives dead"
kill "$server"
wait "$server" || true
server=
HUBD_LISTEN_PORT=${url##*:} timeout 10 "${command[@]}" 2>/dev/null && complain "the health check calls a hubd that is gone alive"
exit $failures
