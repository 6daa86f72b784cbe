/* What a reply shows of the message it replies to. It is looked up whenever a reply is shown, so that it
 * changes and ends with its original, and nobody reads in it what the original would not show him
 * (contract: semantics.md "Order and durability"). */
#include "hub/message/message.h"

#include <stdlib.h>

#define PREVIEW_MAX 120 /* characters */

static struct hub_str first_characters(struct hub_str s, size_t max) {
    size_t i = 0;
    for (; i < s.n && max; max--)
        for (i++; i < s.n && ((unsigned char)s.p[i] & 0xC0) == 0x80;) i++;
    return hub_str(s.p, i);
}

json_t *hub_message_preview(const struct hub_cell *row) {
    static const char *const telling[] = {"body", "caption", "fileName", "label"};
    json_t *content = row[HUB_MSG_CONTENT].kind == HUB_CELL_TEXT ? hub_json_parse(row[HUB_MSG_CONTENT].s, NULL) : NULL;
    struct hub_str text = hub_str(NULL, 0);
    for (size_t i = 0; i < HUB_NELEM(telling) && !text.n; i++) text = hub_json_get_str(content, telling[i]);
    json_t *preview = hub_json_string(first_characters(text.n ? text : row[HUB_MSG_MESSAGE_TYPE].s, PREVIEW_MAX));
    json_decref(content);
    return preview;
}

/* ---- places ---- */

void hub_replies_add(struct hub_replies *r, size_t at, struct hub_str id) {
    if (id.n >= sizeof r->items->id) return; /* no message has such an id */
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 4;
        r->items = hub_xrealloc(r->items, r->cap * sizeof *r->items);
    }
    struct hub_reply *item = &r->items[r->n++];
    item->at = at;
    memcpy(item->id, id.p, id.n);
    item->id[id.n] = 0;
}

void hub_replies_free(struct hub_replies *r) {
    free(r->items);
    *r = (struct hub_replies){0};
}

void hub_previews_put(struct hub_buf *text, struct hub_replies *r, const json_t *previews) {
    struct hub_buf whole = {0};
    size_t from = 0;
    for (size_t i = 0; i < r->n; i++) {
        const json_t *preview = hub_json_get(previews, r->items[i].id);
        if (!preview) continue;
        hub_buf_add(&whole, text->p + from, r->items[i].at - from);
        hub_json_add(&whole, preview);
        from = r->items[i].at + 4; /* null */
    }
    if (from) {
        hub_buf_add(&whole, text->p + from, text->n - from);
        hub_buf_free(text);
        *text = whole;
    }
    hub_replies_free(r);
}

/* ---- from the store ---- */

struct filling {
    struct hub_hold hold;
    struct hub_room *room; /* reference */
    struct hub_viewer viewer;
    struct hub_buf *text;
    struct hub_replies *replies;
    hub_previews_done *done;
    void *arg;
};

static bool shows_row(const struct hub_viewer *v, const struct hub_cell *row) {
    const struct hub_cell *sender = &row[HUB_MSG_SENDER_ID];
    bool own = v->user.n && sender->kind == HUB_CELL_TEXT && hub_str_eq(sender->s, v->user);
    return (own || !v->own_only) && hub_audience_has(row, v->user);
}

static void on_originals(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct filling *f = arg;
    json_t *previews = json_object();
    (void)error;
    for (size_t i = 0; !code && i < rows->n; i++) {
        const struct hub_cell *row = hub_row(rows, i);
        char *id = hub_str_dup(row[HUB_MSG_ID].s);
        if (shows_row(&f->viewer, row)) json_object_set_new(previews, id, hub_message_preview(row));
        free(id);
    }
    hub_previews_put(f->text, f->replies, previews);
    json_decref(previews);
    f->done(f->arg);
    hub_unhold(&f->hold);
    hub_room_unref(f->room);
    free(f);
}

/* The list is filled up with its last id to a power of two: stores prepare few different statements then. */
static struct hub_cell *ids_of(const struct hub_replies *r, size_t *n) {
    size_t cap = 1;
    while (cap < r->n) cap *= 2;
    struct hub_cell *ids = hub_xmalloc(cap * sizeof *ids);
    for (size_t i = 0; i < cap; i++) ids[i] = hub_cell_text(hub_cstr(r->items[i < r->n ? i : r->n - 1].id));
    *n = cap;
    return ids;
}

void hub_previews_fill(struct hub_room *room, struct hub_viewer viewer, struct hub_buf *text,
                       struct hub_replies *replies, hub_previews_done *done, void *arg) {
    if (!replies->n) {
        done(arg);
        return;
    }
    struct hub_store *store = hub_of(room)->engine->config.store;
    struct filling *f = hub_xmalloc(sizeof *f);
    *f = (struct filling){
        .room = hub_room_ref(room), .viewer = viewer, .text = text, .replies = replies, .done = done, .arg = arg};
    hub_hold(&hub_of(room)->engine->holds, &f->hold, "preview");
    struct hub_cond where[] = {{.column = HUB_MSG_ID, .cmp = HUB_IN},
                               {.column = HUB_MSG_ROOM_ID, .value = {.kind = HUB_CELL_TEXT, .s = hub_cstr(room->id)}},
                               {.column = HUB_MSG_STATUS, .value = {.kind = HUB_CELL_TEXT, .s = HUB_STR("approved")}}};
    struct hub_cell *ids = ids_of(replies, &where[0].in_n);
    where[0].in = ids;
    const struct hub_select q = {.table = hub_of(room)->tables->message,
                                 .where = where,
                                 .where_n = HUB_NELEM(where),
                                 .order_by = -1,
                                 .limit = (int64_t)where[0].in_n};
    store->ops->select(store, &q, on_originals, f);
    free(ids);
}
