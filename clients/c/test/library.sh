#!/usr/bin/env bash
# The library as its users get it: nothing but hubd_* is exported, and a program in C and one in C++ are built with what pkg-config says.
# Usage: library.sh BUILD_DIR
set -euo pipefail
build=$1
here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

stray=$(nm -D --defined-only "$build/clients/c/libhubd-client.so" | awk '$2 ~ /[TDBR]/ && $3 !~ /^(hubd_|_init$|_fini$)/ {print $3}')
[ -z "$stray" ] || { echo "exported, but not hubd_*: $stray"; exit 1; }
declared=$(grep -oE '\bhubd_client_[a-z_]+\(' "$here/../include/hubd-client.h" | tr -d '(' | sort -u)
exported=$(nm -D --defined-only "$build/clients/c/libhubd-client.so" | awk '$3 ~ /^hubd_/ {print $3}' | sort -u)
for name in $exported; do grep -qx "$name" <<<"$declared" || { echo "$name is exported, and not in hubd-client.h"; exit 1; }; done
for name in $declared; do
    grep -qx "$name" <<<"$exported" || { echo "$name is in hubd-client.h, and not exported"; exit 1; }
    grep -qw "$name" "$here/../man/hubd-client.3" || { echo "$name is not in man/hubd-client.3"; exit 1; }
done

cmake --install "$build/clients/c" --prefix "$place" >/dev/null
sed -i "s|^prefix=.*|prefix=$place|; s|^libdir=.*|libdir=$(dirname "$(find "$place" -name libhubd-client.so)")|; s|^includedir=.*|includedir=$place/include|" "$(find "$place" -name hubd-client.pc)"
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$place" -name hubd-client.pc)")
printf '#include <hubd-client.h>\nint main(void) {\n    struct hubd_client_options o;\n    hubd_client_options_init(&o);\n    return hubd_client_new(&o) ? 1 : 0;\n}\n' >"$place/user.c"
sanitizers=$(nm -D "$build/clients/c/libhubd-client.so" | awk '/__asan_init/ {print "-fsanitize=address,undefined"}')
read -ra flags <<<"$(pkg-config --cflags --libs hubd-client) $sanitizers"
for compiler in "cc -std=c11" "c++ -x c++"; do
    command -v "${compiler%% *}" >/dev/null || continue
    $compiler -Wall -Wextra -Wpedantic -Werror "$place/user.c" -o "$place/user" "${flags[@]}"
    LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH") "$place/user" || { echo "a client without a url was made"; exit 1; }
done
