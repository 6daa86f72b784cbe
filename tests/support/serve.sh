# For test scripts, to be sourced: a temporary folder $work, and hubd serving out of it. Everything is gone when the script ends.
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$work"' EXIT

# start_hubd PROGRAM SERVICE_DIR NAMESPACE: on a free port; sets $url to what it prints for the namespace, without the path.
start_hubd() {
    local line
    mkfifo "$work/out"
    "$1" "$2" --set listen.port=0 >"$work/out" 2>"$work/log" &
    server=$!
    exec 3<"$work/out"
    url=
    while [ -z "$url" ] && read -r -t 30 line <&3; do
        if [[ $line =~ (http://[^/ ]+)$3 ]]; then url=${BASH_REMATCH[1]}; fi
    done
    [ -n "$url" ] || { cat "$work/log"; echo "hubd did not say where $3 is"; exit 1; }
}

# Makes the packages that the transcript tests have installed available to scripts in $work.
use_node_modules() {
    local modules=tests/transcript/node_modules
    [ -d "$modules/socket.io-client" ] || { echo "skipped: $modules has no socket.io-client (make test installs it)"; exit 77; }
    ln -s "$PWD/$modules" "$work/node_modules"
}
