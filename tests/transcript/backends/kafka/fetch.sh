#!/usr/bin/env bash
# Prints the folder with the jars of the Kafka broker, fetching them with Maven when they are not there yet: fetch.sh.
# They are kept outside the repository: in $HUBD_TEST_CACHE, or else hubd/ in the user's cache folder.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n '/kafka_2.13/{n;s/.*<version>\(.*\)<.*/\1/p}' "$here/pom.xml")
cache=${HUBD_TEST_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/hubd}
jars=$cache/kafka-$version

command -v java >/dev/null || { echo "java is not installed (Debian: apt-get install default-jre-headless)" >&2; exit 1; }
mkdir -p "$cache"
exec 9>"$cache/kafka.lock"
flock 9
if [ ! -d "$jars" ]; then
    command -v mvn >/dev/null || { echo "mvn is not installed (Debian: apt-get install maven)" >&2; exit 1; }
    fresh=$(mktemp -d "$cache/fetching.XXXXXX")
    trap 'rm -rf "$fresh"' EXIT
    # Ends with this script, and at the latest after 5 minutes: Maven itself waits much longer for a repository that says nothing.
    setpriv --pdeathsig TERM timeout -k 5 300 mvn -B -q -f "$here/pom.xml" "-Dmaven.repo.local=$fresh/repository" "-DoutputDirectory=$fresh/jars" dependency:copy-dependencies >"$fresh/log" 2>&1 9>&- || {
        tail -n 5 "$fresh/log" >&2
        echo "the jars of kafka_2.13 $version cannot be fetched with Maven" >&2
        exit 1
    }
    mv "$fresh/jars" "$jars" # appears complete or not at all
fi
echo "$jars"
