/* What the other nodes hear of: changes of what all have, for what they keep in memory or have to ask
 * again; and what is for everybody in a plain namespace, which has members at each. */
#include <stdlib.h>

#include "data/objects.h"
#include "hub/access/access.h"
#include "hub/guest/guest_int.h"

static void post_to_all(struct hub_guests *all, const struct hub_guest_packet *p) {
    void *n;
    for (void *it = NULL; (it = hub_map_next(&all->nodes, it, NULL, &n));) hub_guest_post(n, p);
}

/* ---- rows of DataObjects ---- */

void hub_guest_row_written(struct hub_engine *e, const struct hub_write *w, const void *by) {
    struct hub_guests *all = hub_guests_of(e);
    struct hub_buf b = {0};
    (void)by;
    if (!hub_map_len(&all->nodes) || w->code || w->duplicate || w->table->id == HUB_NO_ID) return;
    json_t *row = hub_row_json(w->table, w->row.n ? hub_row(&w->row, 0) : w->cells);
    hub_json_add_exact(&b, row);
    post_to_all(all, &(struct hub_guest_packet){
                         .kind = HUB_GUEST_ROW, .name = hub_cstr(w->table->name), .body = hub_buf_str(&b)});
    json_decref(row);
    hub_buf_free(&b);
}

/* As if somebody outside had changed it. */
void hub_guest_on_row(struct hub_guest_node *n, const struct hub_guest_packet *p) {
    struct hub_engine *e = n->all->engine;
    const struct hub_table *t = hub_tables_find(e->config.tables, p->name);
    json_t *row = hub_json_parse(p->body, NULL);
    if (t && json_is_object(row)) {
        hub_record_written_elsewhere(e, t, row);
        HUB_PARTS_CALL(e, row_changed, e, t, row);
    }
    json_decref(row);
}

/* ---- records ---- */

void hub_guest_record_changed(struct hub_engine *e, struct hub_str id, const struct hub_grant *by) {
    struct hub_guests *all = hub_guests_of(e);
    (void)by;
    if (!all->hearing) post_to_all(all, &(struct hub_guest_packet){.kind = HUB_GUEST_RECORD, .name = id});
}

void hub_guest_on_record(struct hub_guest_node *n, const struct hub_guest_packet *p) {
    struct hub_engine *e = n->all->engine;
    n->all->hearing = true;
    HUB_PARTS_CALL(e, record_changed, e, p->name, NULL);
    n->all->hearing = false;
}

/* ---- plain namespaces ---- */

void hub_guest_cast_elsewhere(struct hub_engine *e, const struct hub_namespace_cast *cast) {
    struct hub_buf whom = {0}, bins = {0};
    json_t *list = json_pack("[O?, O?, O]", cast->rooms, cast->except, cast->values);
    hub_json_add_exact(&whom, list);
    for (size_t i = 0; i < cast->bins.n; i++) hub_guest_text_add(&bins, cast->bins.items[i]);
    post_to_all(hub_guests_of(e), &(struct hub_guest_packet){.kind = HUB_GUEST_CAST,
                                                             .flags = cast->unseen,
                                                             .hub = cast->path,
                                                             .text = hub_buf_str(&whom),
                                                             .body = hub_buf_str(&bins)});
    json_decref(list);
    hub_buf_free(&whom);
    hub_buf_free(&bins);
}

void hub_guest_on_cast(struct hub_guest_node *n, const struct hub_guest_packet *p) {
    struct hub_str items[HUB_SIO_MAX_SENT], rest = p->body;
    struct hub_namespace_cast cast = {.path = p->hub, .unseen = p->flags, .bins.items = items};
    json_t *list = hub_json_parse(p->text, NULL);
    while (cast.bins.n < HUB_SIO_MAX_SENT && hub_guest_text_read(&rest, &items[cast.bins.n])) cast.bins.n++;
    cast.rooms = hub_json_nil(json_array_get(list, 0)) ? NULL : json_array_get(list, 0);
    cast.except = json_array_get(list, 1);
    cast.values = json_array_get(list, 2);
    if (json_is_array(cast.values)) hub_namespace_cast(n->all->engine, &cast);
    json_decref(list);
}
