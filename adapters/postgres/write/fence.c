/* The fences that the writes of a segment name. A place's row says which one it has, and another node that
 * claims the place raises it there: the segment asks for the rows with the fences named, and keeps them from
 * changing until its end. With one node no write names any, and nothing of this is sent.
 *
 * Only rows with a fence that is named are locked, and a claim that waits locks one row: nodes that both take
 * a place for their own do not wait for each other in a circle. */
#include <stdio.h>
#include <stdlib.h>

#include "adapters/postgres/postgres_int.h"

/* A place and a fence of it: both may be named by several writes, and two fences of one place as well. */
struct pg_fence {
    bool held; /* PHASE_SINGLE: the row has it */
};

static struct hub_str fence_key(struct pg_fences *k, struct hub_str scope, struct hub_str room, int64_t fence) {
    hub_buf_clear(&k->key);
    hub_buf_add(&k->key, &fence, sizeof fence);
    hub_buf_adds(&k->key, scope);
    hub_buf_addc(&k->key, 0);
    hub_buf_adds(&k->key, room);
    return hub_buf_str(&k->key);
}

static struct hub_str fence_key_of(struct pg_fences *k, const struct hub_write *w) {
    return fence_key(k, hub_cstr(w->counter_scope), w->counter_room, w->fence);
}

void hub_pg_fences_clear(struct pg_fences *k) {
    for (struct pg_fence *f; (f = hub_map_drain(&k->map));) free(f);
    hub_map_clear(&k->map);
    hub_buf_free(&k->key);
}

/* False: it is there already. */
static bool add_fence(struct pg_fences *k, const struct hub_write *w) {
    struct hub_str key = fence_key_of(k, w);
    if (hub_map_get(&k->map, key)) return false;
    hub_map_put(&k->map, key, hub_xcalloc(1, sizeof(struct pg_fence)));
    return true;
}

/* ---- a segment ---- */

/* Numbers are given in the row itself: its UPDATE asks for the fence as well. False: not for this one. */
static bool is_asked_with_number(struct writer *x, const struct hub_write *w) {
    const struct pg_counter *c = hub_pg_counter_find(&x->counters, hub_cstr(w->counter_scope), w->counter_room);
    return c && hub_list_linked(&c->in_segment) && c->fence == w->fence;
}

static void ask_with_numbers(struct writer *x) {
    HUB_LIST_EACH(&x->segment, it) {
        const struct hub_write *w = hub_pg_write_of(it);
        if (!w->fence || w->numbering == HUB_NUMBER_NONE) continue;
        struct pg_counter *c = hub_pg_counter_find(&x->counters, hub_cstr(w->counter_scope), w->counter_room);
        if (!c->fence) c->fence = w->fence, x->counters.fenced_n++;
    }
}

/* The other ones, as columns for unnest; how many. */
static size_t gather_fences(struct writer *x, struct hub_buf columns[3]) {
    size_t n = 0;
    char number[24];
    HUB_LIST_EACH(&x->segment, it) {
        const struct hub_write *w = hub_pg_write_of(it);
        if (!w->fence || is_asked_with_number(x, w) || !add_fence(&x->fences, w)) continue;
        hub_pg_array_add(&columns[0], hub_cstr(w->counter_scope));
        hub_pg_array_add(&columns[1], w->counter_room);
        snprintf(number, sizeof number, "%lld", (long long)w->fence);
        hub_pg_array_add(&columns[2], hub_cstr(number));
        n++;
    }
    return n;
}

void hub_pg_fences_send(struct writer *x) {
    struct params *p = &x->link.params;
    struct hub_buf columns[3] = {{0}};
    hub_pg_fences_clear(&x->fences);
    ask_with_numbers(x);
    size_t n = gather_fences(x, columns);
    if (!n) return;
    hub_pg_params_clear(p);
    hub_pg_param_int(p, (int64_t)n);
    for (size_t i = 0; i < HUB_NELEM(columns); i++) {
        hub_buf_addc(&columns[i], '}');
        hub_pg_param_str(p, hub_buf_str(&columns[i]));
        hub_buf_free(&columns[i]);
    }
    hub_pg_link_send_text(&x->link,
                          "SELECT 1 / CASE WHEN count(*) = $1 THEN 1 ELSE 0 END FROM (SELECT FROM hubd_room AS r "
                          "JOIN unnest($2::text[], $3::text[], $4::bigint[]) AS v (scope, room, fence) ON r.scope = "
                          "v.scope AND r.\"roomId\" = v.room AND r.fence = v.fence FOR SHARE OF r) AS held",
                          NULL, NULL);
}

static void on_script_held(void *arg, const PGresult *r) {
    struct pg_job *j = arg;
    (void)r;
    j->held = true;
}

void hub_pg_fence_send(struct link *l, struct pg_job *j) {
    hub_pg_params_clear(&l->params);
    hub_pg_param_str(&l->params, j->count->scope);
    hub_pg_param_str(&l->params, j->count->room);
    hub_pg_param_int(&l->params, j->count->fence);
    hub_pg_link_send_text(l,
                          "SELECT 1 / count(*) FROM (SELECT FROM hubd_room WHERE scope = $1 AND \"roomId\" = $2 AND "
                          "fence = $3 FOR SHARE) AS held",
                          on_script_held, j);
}

/* ---- write by write ---- */

static void on_held(void *arg, const PGresult *r) {
    struct writer *x = arg;
    if (!PQntuples(r)) return;
    struct hub_str scope = hub_pg_text(r, 0, 0), room = hub_pg_text(r, 0, 1);
    struct pg_fence *f = hub_map_get(&x->fences.map, fence_key(&x->fences, scope, room, hub_pg_int(r, 0, 4)));
    if (f) f->held = true;
    /* Others may have numbered here since this node did. */
    if (hub_pg_counter_find(&x->counters, scope, room))
        hub_pg_counter_put(&x->counters, scope, room, hub_pg_int(r, 0, 2), hub_pg_text(r, 0, 3));
}

/* As strong as the UPDATE of the number, which may follow: another's could come between the two. */
static void hold_fence(struct writer *x, const struct hub_write *w) {
    struct params *p = &x->link.params;
    if (!w->fence || !add_fence(&x->fences, w)) return;
    hub_pg_params_clear(p);
    hub_pg_param_str(p, hub_cstr(w->counter_scope));
    hub_pg_param_str(p, w->counter_room);
    hub_pg_param_int(p, w->fence);
    hub_pg_link_send_text(&x->link,
                          "SELECT scope, \"roomId\", seq, epoch, fence FROM hubd_room WHERE scope = $1 AND \"roomId\" "
                          "= $2 AND fence = $3 FOR NO KEY UPDATE",
                          on_held, x);
}

void hub_pg_fences_hold(struct writer *x) {
    hub_pg_fences_clear(&x->fences);
    HUB_LIST_EACH(&x->segment, it)
    for (const struct hub_write *part = hub_pg_write_of(it); part; part = part->next) hold_fence(x, part);
}

bool hub_pg_fences_pass(struct writer *x, struct hub_write *w) {
    for (struct hub_write *part = w; part; part = part->next) {
        if (!part->fence) continue;
        const struct pg_fence *f = hub_map_get(&x->fences.map, fence_key_of(&x->fences, part));
        if (f && f->held) continue;
        hub_write_fail_fenced(part);
        if (w->next) hub_write_fail_group(w, part);
        return false;
    }
    return true;
}
