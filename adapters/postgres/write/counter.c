/* The rooms' counters as the writer knows them: what is committed, and what the segment under way makes of
 * it. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/postgres/postgres_int.h"

static struct hub_str key_of(struct pg_counters *k, struct hub_str scope, struct hub_str room) {
    hub_buf_clear(&k->key);
    hub_buf_adds(&k->key, scope);
    hub_buf_addc(&k->key, 0);
    hub_buf_adds(&k->key, room);
    return hub_buf_str(&k->key);
}

struct pg_counter *hub_pg_counter_find(struct pg_counters *k, struct hub_str scope, struct hub_str room) {
    return hub_map_get(&k->map, key_of(k, scope, room));
}

struct pg_counter *hub_pg_counter_put(struct pg_counters *k, struct hub_str scope, struct hub_str room, int64_t seq,
                                      struct hub_str epoch) {
    struct pg_counter *c = hub_pg_counter_find(k, scope, room);
    if (!c) {
        c = hub_xcalloc(1, sizeof *c + k->key.n);
        memcpy(c->key, k->key.p, k->key.n);
        c->key_n = k->key.n;
        c->scope_n = scope.n;
        hub_list_init(&c->in_segment);
        hub_map_put(&k->map, hub_buf_str(&k->key), c);
        k->n++;
    }
    c->seq = c->next = seq;
    snprintf(c->epoch, sizeof c->epoch, "%.*s", HUB_FMT(epoch));
    return c;
}

int64_t hub_pg_counter_take(struct pg_counters *k, struct pg_counter *c) {
    if (!hub_list_linked(&c->in_segment)) {
        hub_list_push(&k->touched, &c->in_segment);
        k->touched_n++;
    }
    return ++c->next;
}

static void settle_counters(struct pg_counters *k, bool keep) {
    for (struct hub_list *l; (l = hub_list_pop(&k->touched));) {
        struct pg_counter *c = HUB_CONTAINER(l, struct pg_counter, in_segment);
        if (keep)
            c->seq = c->next;
        else
            c->next = c->seq;
        c->fence = 0;
    }
    k->touched_n = k->fenced_n = 0;
}

void hub_pg_counters_keep(struct pg_counters *k) { settle_counters(k, true); }
void hub_pg_counters_undo(struct pg_counters *k) { settle_counters(k, false); }

void hub_pg_counters_clear(struct pg_counters *k) {
    settle_counters(k, false);
    for (struct pg_counter *c; (c = hub_map_drain(&k->map));) free(c);
    hub_map_clear(&k->map);
    hub_buf_free(&k->key);
    k->n = 0;
}
