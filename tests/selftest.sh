# For the checks of the tree (layers.sh, names.sh, clocks.sh, must.sh, headers.pl), which source it: how a check is checked. Whoever uses it has a function
# check(ROOT), a folder $tree that passes it, and a variable $failures.

# Appends a text to a file of the tree, made when it is not there, and expects a complaint; then the file is as it was.
breach() { # file, text, expected complaint
    local saved
    saved=$(cat "$tree/$1" 2>/dev/null || true)
    mkdir -p "$(dirname "$tree/$1")"
    printf '%s\n%s\n' "$saved" "$2" >"$tree/$1"
    if (check "$tree") >"$tree/out"; then
        echo "not found: $1: $2"
        failures=1
    elif ! grep -qF "$3" "$tree/out"; then
        echo "expected \"$3\" in:"
        cat "$tree/out"
        failures=1
    fi
    if [ -n "$saved" ]; then printf '%s\n' "$saved" >"$tree/$1"; else rm "$tree/$1"; fi
}
