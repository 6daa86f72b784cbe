/* Claims of places. Each is a transaction over one row, which waits for whoever holds it. Of many at once, as
 * when a node takes over another one's rooms, one transaction takes the rows that are there and that nobody
 * holds, and a commit serves them all; the rest is claimed one by one. So nobody waits while holding rows. */
#include <stdio.h>

#include "adapters/postgres/postgres_int.h"

#define CLAIM_BATCH 250

static void take_claim(struct pg_job *j, const PGresult *r, int row) {
    struct count_job *c = j->count; /* gone when it was answered */
    if (j->answered) return;
    c->seq = hub_pg_int(r, row, 2);
    snprintf(c->epoch, sizeof c->epoch, "%.*s", HUB_FMT(hub_pg_text(r, row, 3)));
    c->fence = hub_pg_int(r, row, 4);
}

/* ---- one ---- */

static void on_claimed(void *arg, const PGresult *r) {
    if (PQntuples(r)) take_claim(arg, r, 0);
}

void hub_pg_send_claim(struct link *l, struct pg_job *j, synced_fn *synced) {
    char epoch[HUB_UUID_LEN + 1];
    hub_uuid4(epoch);
    hub_pg_params_clear(&l->params);
    hub_pg_param_str(&l->params, j->count->scope);
    hub_pg_param_str(&l->params, j->count->room);
    hub_pg_param_str(&l->params, hub_cstr(epoch));
    hub_pg_param_str(&l->params, j->count->node);
    hub_pg_link_send_text(l,
                          "INSERT INTO hubd_room (scope, \"roomId\", seq, epoch, fence, owner) VALUES ($1, $2, 0, $3, "
                          "1, $4) ON CONFLICT (scope, \"roomId\") DO UPDATE SET fence = hubd_room.fence + 1, owner = "
                          "excluded.owner RETURNING scope, \"roomId\", seq, epoch, fence",
                          on_claimed, j);
    hub_pg_link_sync(l, synced, j);
}

/* ---- many ---- */

static struct hub_str claim_key(struct reader *r, struct hub_str scope, struct hub_str room) {
    hub_buf_clear(&r->key);
    hub_buf_adds(&r->key, scope);
    hub_buf_addc(&r->key, 0);
    hub_buf_adds(&r->key, room);
    return hub_buf_str(&r->key);
}

bool hub_pg_join_claims(struct reader *r, struct pg_job *j) {
    if (r->under_way_n == CLAIM_BATCH) return false;
    struct hub_str key = claim_key(r, j->count->scope, j->count->room);
    if (!hub_map_get(&r->claims, key)) hub_map_put(&r->claims, key, j); /* the later one of two has the higher fence */
    return true;
}

static void on_claims(void *arg, const PGresult *r) {
    struct reader *reader = arg;
    for (int i = 0; i < PQntuples(r); i++) {
        struct hub_str key = claim_key(reader, hub_pg_text(r, i, 0), hub_pg_text(r, i, 1));
        struct pg_job *j = hub_map_get(&reader->claims, key);
        if (j) take_claim(j, r, i);
    }
}

void hub_pg_send_claims(struct reader *r, synced_fn *synced) {
    struct params *p = &r->link.params;
    struct hub_buf columns[3] = {{0}};
    HUB_LIST_EACH(&r->under_way, it) {
        const struct count_job *c = hub_pg_job_of(it)->count;
        hub_pg_array_add(&columns[0], c->scope);
        hub_pg_array_add(&columns[1], c->room);
        hub_pg_array_add(&columns[2], c->node);
    }
    hub_pg_params_clear(p);
    for (size_t i = 0; i < HUB_NELEM(columns); i++) {
        hub_buf_addc(&columns[i], '}');
        hub_pg_param_str(p, hub_buf_str(&columns[i]));
        hub_buf_free(&columns[i]);
    }
    hub_pg_link_send_text(
        &r->link,
        "WITH free AS (SELECT r.scope, r.\"roomId\", v.node FROM hubd_room AS r JOIN "
        "unnest($1::text[], $2::text[], $3::text[]) AS v (scope, room, node) ON r.scope = v.scope AND "
        "r.\"roomId\" = v.room FOR NO KEY UPDATE OF r SKIP LOCKED) UPDATE hubd_room AS r SET fence "
        "= r.fence + 1, owner = free.node FROM free WHERE r.scope = free.scope AND r.\"roomId\" = "
        "free.\"roomId\" RETURNING r.scope, r.\"roomId\", r.seq, r.epoch, r.fence",
        on_claims, r);
    hub_pg_link_sync(&r->link, synced, r);
}
