/* What guards read of rooms and records of other nodes: it is noted here with their grants, and of rooms at
 * the owner, too, who tells of the next change. */
#include <string.h>

#include "hub/guard/guard.h"
#include "hub/guest/guest_int.h"

#define READINGS_MAX 10000 /* that one node may have at another */

/* ---- where the guard is ---- */

static enum hub_readable reads_of(const struct hub_host_fn *fn) {
    if (!strcmp(fn->table, "state")) return HUB_READABLE_STATE;
    return strcmp(fn->name, "metadata") ? HUB_READABLE_MEMBERS : HUB_READABLE_ROOM_METADATA;
}

static void note_records(struct hub_grant *g, const struct hub_host_fn *fn) {
    if (!strcmp(fn->table, "records"))
        hub_grant_reads_all(g, strcmp(fn->name, "list") ? HUB_READABLE_RECORD : HUB_READABLE_RECORDS);
}

uint8_t hub_guest_note_reading(const struct hub_hub *hub, const struct hub_host_fn *fn,
                               const struct hub_host_call *call) {
    const struct hub_caller *caller = call->caller;
    struct hub_grant *g = caller ? caller->grant : NULL;
    if (!g) return 0;
    if (!hub) {
        note_records(g, fn);
        return 0;
    }
    hub_grant_reads(g, reads_of(fn), hub, hub_host_text(call, 0));
    return (uint8_t)(1 + reads_of(fn));
}

void hub_guest_on_readable(struct hub_guest_node *n, const struct hub_guest_packet *p) {
    struct hub_guests *all = n->all;
    const struct hub_hub *hub = hub_engine_hub(all->engine, p->hub);
    if (!hub) return;
    all->hearing = true;
    HUB_PARTS_CALL(all->engine, readable_changed, all->engine, (enum hub_readable)p->flags, hub, p->name, NULL);
    all->hearing = false;
}

/* ---- at the owner ---- */

static void reading_key(struct hub_buf *key, enum hub_readable what, struct hub_str hub, struct hub_str room) {
    hub_buf_addc(key, (char)what);
    hub_buf_adds(key, hub);
    hub_buf_addc(key, 0);
    hub_buf_adds(key, room);
}

bool hub_guest_keep_reading(struct hub_guest_node *n, const struct hub_guest_packet *p, struct hub_str room) {
    struct hub_buf key = {0};
    if (!p->flags) return true;
    if (hub_map_len(&n->readings) >= READINGS_MAX) return false;
    reading_key(&key, (enum hub_readable)(p->flags - 1), p->hub, room);
    hub_map_put(&n->readings, hub_buf_str(&key), n);
    hub_buf_free(&key);
    return true;
}

void hub_guest_readable_changed(struct hub_engine *e, enum hub_readable what, const struct hub_hub *hub,
                                struct hub_str name, const void *by) {
    struct hub_guests *all = hub_guests_of(e);
    struct hub_buf key = {0};
    void *value;
    (void)by;
    if (!hub || all->hearing || !hub_map_len(&all->nodes)) return;
    reading_key(&key, what, hub_cstr(hub->def->name), name);
    for (void *it = NULL; (it = hub_map_next(&all->nodes, it, NULL, &value));) {
        struct hub_guest_node *n = value;
        if (hub_map_del(&n->readings, hub_buf_str(&key)))
            hub_guest_post(n, &(struct hub_guest_packet){.kind = HUB_GUEST_READABLE,
                                                         .flags = (uint8_t)what,
                                                         .hub = hub_cstr(hub->def->name),
                                                         .name = name});
    }
    hub_buf_free(&key);
}
