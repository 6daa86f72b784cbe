/* Memory of one load or one list of diagnostics: everything in it dies together. */
#ifndef HUB_SCHEMA_ARENA_H
#define HUB_SCHEMA_ARENA_H
#include "base/json/json.h"
#include "base/text/str.h"

struct hub_arena;
HUB_MUST struct hub_arena *hub_arena_new(void);
void hub_arena_free(struct hub_arena *a);
HUB_MUST void *hub_arena_zalloc(struct hub_arena *a, size_t n);      /* zeroed, aligned for every type */
HUB_MUST char *hub_arena_dup(struct hub_arena *a, struct hub_str s); /* NUL-terminated copy */
HUB_MUST char *hub_arena_fmt(struct hub_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* FREE_IT(VALUE) is called when the arena goes. */
void hub_arena_own(struct hub_arena *a, void *value, void (*free_it)(void *value));
/* Takes over one reference and drops it with the arena; returns VALUE (NULL is fine). */
HUB_MUST json_t *hub_arena_json(struct hub_arena *a, json_t *value);
#endif
