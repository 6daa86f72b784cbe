/* What parts keep: each one that wants a place of a kind has the one that its position in the list gives. */
#include "base/bug.h"
#include "hub/core/core.h"

static bool has_flag(const struct hub_part *part, size_t flag) { return *(const bool *)((const char *)part + flag); }

size_t hub_parts_with(const struct hub_engine *e, size_t flag, const struct hub_part *part) {
    size_t n = 0;
    const struct hub_part *const *p = e->parts;
    for (; *p && *p != part; p++) n += has_flag(*p, flag);
    HUB_BUG_IF(part && (!*p || !has_flag(part, flag)));
    return n;
}

void **hub_engine_part(struct hub_engine *e, const struct hub_part *part) {
    return &e->part_data[hub_parts_with(e, offsetof(struct hub_part, engine_data), part)];
}

void hub_hub_init(struct hub_hub *h, struct hub_engine *e, const struct hub_def *def) {
    *h = (struct hub_hub){.engine = e, .def = def};
    h->caller = (struct hub_caller){.hub = h};
    h->decider = (struct hub_caller){.hub = h, .decides = true};
    hub_walked_init(&h->room_list);
    hub_list_init(&h->users);
    hub_users_init(&h->own_users);
    hub_list_init(&h->conns);
    hub_list_init(&h->decisions);
}
