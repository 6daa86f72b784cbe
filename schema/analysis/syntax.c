/* Making nodes of a script's tree. */
#include "schema/analysis/syntax.h"

#include "schema/arena.h"

struct hub_syntax *hub_syntax_new(struct hub_arena *arena, enum hub_syntax_kind kind, size_t at, size_t n) {
    struct hub_syntax *x = hub_arena_zalloc(arena, sizeof *x);
    x->kind = kind;
    x->at = at;
    x->n = n;
    return x;
}

void hub_syntax_add(struct hub_syntax ***end, struct hub_syntax *x) {
    if (!x) return;
    **end = x;
    *end = &x->next;
}

struct hub_str hub_syntax_text(struct hub_arena *arena, struct hub_str s) {
    return hub_str(hub_arena_dup(arena, s), s.n);
}
