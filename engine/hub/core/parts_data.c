/* What parts keep: each one that wants a place of a kind has the one that its position in the list gives. */
#include <stdlib.h>

#include "base/memory/bug.h"
#include "hub/core/core.h"

_Static_assert(offsetof(struct hub_part, engine_data) == offsetof(struct hub_part, room_data) + HUB_PART_PLACES - 1,
               "the flags of places stand side by side");

/* Whether any of the N bytes at offset AT is set: a flag, or a step that is not NULL. */
static bool has_any(const struct hub_part *part, size_t at, size_t n) {
    const char *bytes = (const char *)part + at;
    for (size_t i = 0; i < n; i++)
        if (bytes[i]) return true;
    return false;
}

static HUB_MUST const struct hub_part **parts_that_have(const struct hub_part *const *all, size_t at, size_t bytes) {
    size_t n = 0;
    for (const struct hub_part *const *p = all; *p; p++) n += has_any(*p, at, bytes);
    const struct hub_part **list = hub_xcalloc(n + 1, sizeof *list);
    n = 0;
    for (const struct hub_part *const *p = all; *p; p++)
        if (has_any(*p, at, bytes)) list[n++] = *p;
    return list;
}

void hub_parts_deinit(struct hub_engine *e) {
    for (size_t i = 0; i < HUB_PART_STEPS; i++) free(e->having.step[i]);
    for (size_t i = 0; i < HUB_PART_PLACES; i++) free(e->having.place[i]);
}

void hub_parts_use(struct hub_engine *e, const struct hub_part *const *parts) {
    const size_t first = offsetof(struct hub_part, declared), size = sizeof(void (*)(void));
    hub_parts_deinit(e);
    e->parts = parts;
    for (size_t i = 0; i < HUB_PART_STEPS; i++) e->having.step[i] = parts_that_have(parts, first + i * size, size);
    for (size_t i = 0; i < HUB_PART_PLACES; i++)
        e->having.place[i] = parts_that_have(parts, offsetof(struct hub_part, room_data) + i, 1);
}

size_t hub_parts_with(const struct hub_engine *e, size_t flag, const struct hub_part *part) {
    size_t n = 0;
    const struct hub_part *const *p = e->having.place[flag - offsetof(struct hub_part, room_data)];
    while (p[n] && p[n] != part) n++;
    HUB_BUG_IF(part && !p[n]);
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
