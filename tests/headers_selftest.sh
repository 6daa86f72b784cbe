#!/usr/bin/env bash
# Checks headers.pl: a small tree of headers that keeps the rules passes, and each breach alone is found at its line.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap "rm -rf '$tree'" EXIT
failures=0

check() { perl "$here/headers.pl" "$1"; } # root

mkdir -p "$tree"/{engine/base,adapters/x}
cat >"$tree/engine/base/a.h" <<'C'
/* What is here. */
#define HUB_A_MAX 3
#define HUB_PICK(WHICH) ((WHICH) + 1)
/* KEY is borrowed; VALUE NULL: it is gone. A JSON text of MAX bytes, if WHICH says so. */
typedef void hub_a_cb(void *arg, const char *key, const char *value);
/* Asks for KEY; CB comes once, with VALUE. */
void hub_a_ask(const char *key, hub_a_cb *cb, void *arg);
struct hub_a {
    /* TEXT is borrowed. */
    bool (*tell)(struct hub_a *a, const char *text);
    int left; /* none is LEFT */
};
/* TELL does not come any more, nor does CB. */
void hub_a_stop(struct hub_a *a);
C
printf '%s\n' 'void hub_a_ask(const char *key, hub_a_cb *cb, void *arg) {}' 'void hub_a_stop(struct hub_a *a) {}' >"$tree/engine/base/a.c"
printf '%s\n' '#include "base/a.h"' 'hub_a_ask("k", on_answer, NULL); hub_a_stop(a);' >"$tree/adapters/x/x.c"
(check "$tree") || { echo "the clean tree was refused"; failures=1; }
. "$here/selftest.sh"
stop=$'\nvoid hub_a_stop(struct hub_a *a);'
breach engine/base/a.h "/* Of KEY. */$stop" "engine/base/a.h:15: the comment names KEY"         # a parameter of a function elsewhere
breach engine/base/a.h "/* LEFT grows. */$stop" "engine/base/a.h:15: the comment names LEFT"     # a field elsewhere
breach engine/base/a.h "/* Ends it,"$'\n'" * with VALUE. */$stop" "engine/base/a.h:16: the comment names VALUE" # of a callback that is not used
breach adapters/x/x.h "/* Ends it, and TELL too. */$stop" "adapters/x/x.h:2: the comment names TELL" # a callback of another header
breach adapters/x/x.h "void hub_x_go(void);" "adapters/x/x.h: hub_x_go() has no caller"
exit $failures
