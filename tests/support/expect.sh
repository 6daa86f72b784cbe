# For test scripts of the command-line tools, to be sourced: a temporary folder $work that goes when the script ends, and two words.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

bad() { echo "FAILED: $*"; exit 1; }

expect() { # exit code, text that must appear, command…
    local code=0 out
    out=$("${@:3}" 2>&1) || code=$?
    [ "$code" = "$1" ] || bad "exit code $code instead of $1: ${*:3}: $out"
    [[ $out == *"$2"* ]] || bad "\"$2\" is not in the output of ${*:3}: $out"
}
