/* Reading the row of a room for decisions. Many ask for the same one at once, as when all of a room come back
 * after a restart: who asks in a turn in which somebody else has asked already waits for its end, when one
 * read is made for all of them. It begins after the last of them has asked, so nobody is judged by a row that
 * is older than his question. */
#include <stdlib.h>

#include "hub/access/access_int.h"

struct room_read {
    struct hub_task task; /* the end of the turn */
    struct hub_hub *hub;
    struct hub_list waiting; /* hub_decision.in_read: they share the second read */
    struct hub_buf hold;     /* of its condition */
    char room_id[];
};

static void answer_all(struct room_read *r, enum hub_code code, json_t *record, const char *error) {
    for (struct hub_list *it; (it = hub_list_pop(&r->waiting));)
        hub_decision_read(HUB_CONTAINER(it, struct hub_decision, in_read), code, record, error);
    hub_buf_free(&r->hold);
    free(r);
}

static HUB_MUST json_t *json_of(enum hub_code code, const struct hub_rows *rows) {
    return !code && rows->n ? hub_row_json(rows->table, hub_row(rows, 0)) : NULL;
}

static void on_shared(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    json_t *record = json_of(code, rows);
    answer_all(arg, code, record, error);
    json_decref(record);
}

static void on_own(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    json_t *record = json_of(code, rows);
    hub_decision_read(arg, code, record, error);
    json_decref(record);
}

static void read_for_all(struct hub_task *task) {
    struct room_read *r = HUB_CONTAINER(task, struct room_read, task);
    hub_map_del(&r->hub->reading, hub_cstr(r->room_id));
    if (hub_list_empty(&r->waiting) || !hub_record_read(r->hub, r->room_id, &r->hold, on_shared, r))
        answer_all(r, HUB_OK, NULL, NULL);
}

/* Until the end of the turn whoever else asks for this room waits. */
static void begin_sharing(struct hub_hub *hub, const char *room_id) {
    size_t n = strlen(room_id) + 1;
    struct room_read *r = hub_xmalloc(sizeof *r + n);
    *r = (struct room_read){.task = {.run = read_for_all}, .hub = hub};
    hub_list_init(&r->waiting);
    memcpy(r->room_id, room_id, n);
    hub_map_put(&hub->reading, hub_cstr(room_id), r);
    hub_defer(hub->engine->config.loop, &r->task);
}

void hub_decision_read_room(struct hub_decision *d) {
    struct room_read *r = hub_map_get(&d->hub->reading, hub_cstr(d->room_id));
    if (r) {
        hub_list_push(&r->waiting, &d->in_read);
        return;
    }
    begin_sharing(d->hub, d->room_id);
    if (!hub_record_read(d->hub, d->room_id, &d->text, on_own, d)) hub_decision_read(d, HUB_OK, NULL, NULL);
}

void hub_room_reads_clear(struct hub_hub *hub) {
    for (struct room_read *r; (r = hub_map_drain(&hub->reading));) {
        hub_defer_cancel(&r->task);
        free(r);
    }
}
