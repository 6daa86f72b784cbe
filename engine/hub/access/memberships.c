/* The rooms that records of authSources link with a user, page by page. Whether he may enter them is for a
 * decision to say: the record may not meet its source's condition, or the room may be closed. */
#include <stdlib.h>

#include "hub/access/access.h"

#define PAGE_ROWS 1000

static void ask_page(struct hub_memberships *m);

static void end_memberships(struct hub_memberships *m, enum hub_code code, const char *error) {
    hub_buf_free(&m->text);
    hub_buf_free(&m->hold_text);
    free(m->user_id);
    free(m->room_id);
    hub_unhold(&m->hold);
    m->done(m, code, error); /* which may free M */
}

static void next_source(struct hub_memberships *m) {
    m->source++;
    m->further = false;
    ask_page(m);
}

/* Columns of fixed length pad their texts. */
static void id_text(struct hub_buf *b, const struct hub_cell *c) {
    hub_buf_clear(b);
    if (c->kind == HUB_CELL_INT) hub_buf_addi(b, c->i);
    if (c->kind == HUB_CELL_TEXT) hub_buf_adds(b, c->s);
    while (b->n && b->p[b->n - 1] == ' ') b->n--;
}

/* Several texts may be equal to one stored value; only the one that is stored is somebody's name. */
static bool tell_row(struct hub_memberships *m, const struct hub_def_auth_source *s, const struct hub_cell *row) {
    struct hub_buf id = {0};
    id_text(&id, &row[s->user_field]);
    bool his = hub_str_is(hub_buf_str(&id), m->user_id), more = true;
    id_text(&id, &row[s->room_field]);
    if (his && hub_id_ok(hub_buf_str(&id))) more = m->seen(m, hub_buf_str(&id));
    hub_buf_free(&id);
    return more;
}

static void keep_last(struct hub_memberships *m, const struct hub_cell *cell) {
    m->further = true;
    m->last = *cell;
    hub_buf_clear(&m->text);
    hub_buf_adds(&m->text, cell->s);
    m->last.s = hub_buf_str(&m->text);
}

static void restart_memberships(struct hub_memberships *m) {
    m->def = m->hub->def;
    m->source = 0;
    m->further = false;
    ask_page(m);
}

static void on_memberships(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct hub_memberships *m = arg;
    const struct hub_def_auth_source *s = &m->def->auth_sources[m->source];
    bool more = true;
    if (code) {
        end_memberships(m, code, error);
        return;
    }
    for (size_t i = 0; i < rows->n && more; i++) more = tell_row(m, s, hub_row(rows, i));
    if (!more) {
        end_memberships(m, HUB_OK, NULL);
    } else if (m->def != m->hub->def) {
        restart_memberships(m);
    } else if (rows->n == PAGE_ROWS) {
        keep_last(m, &hub_row(rows, rows->n - 1)[s->room_field]);
        ask_page(m);
    } else {
        next_source(m);
    }
}

static uint64_t needed_columns(const struct hub_def_auth_source *s) {
    const int most = 63;
    return s->user_field > most || s->room_field > most ? 0 : HUB_ONLY(s->user_field) | HUB_ONLY(s->room_field);
}

/* By user and room: what the table's index has in this order. */
static bool page_conds(struct hub_memberships *m, const struct hub_table *t, struct hub_cond where[2]) {
    const struct hub_def_auth_source *s = &m->def->auth_sources[m->source];
    hub_buf_clear(&m->hold_text);
    hub_buf_reserve(&m->hold_text, strlen(m->user_id) + (m->room_id ? strlen(m->room_id) : 0) +
                                       64); /* so that the first cell's text does not move */
    if (!hub_cond_of_text(&where[0], t, s->user_field, m->user_id, &m->hold_text)) return false;
    if (m->room_id) return hub_cond_of_text(&where[1], t, s->room_field, m->room_id, &m->hold_text);
    where[1] = (struct hub_cond){.column = s->room_field, .cmp = HUB_NE, .value = {.kind = HUB_CELL_NULL}};
    if (m->further) where[1].cmp = HUB_GT, where[1].value = m->last;
    return true;
}

static void ask_page(struct hub_memberships *m) {
    const struct hub_engine_config *config = &m->hub->engine->config;
    const struct hub_def *def = m->def;
    while (m->source < def->auth_source_n && !hub_def_inbox_reads(def, m->source)) m->source++;
    if (m->hub->gone || m->source == def->auth_source_n) {
        end_memberships(m, m->hub->gone ? HUB_NOT_FOUND : HUB_OK, NULL);
        return;
    }
    const struct hub_def_auth_source *s = &def->auth_sources[m->source];
    const struct hub_table *t = hub_tables_find(config->tables, hub_cstr(s->source_object->name));
    struct hub_cond where[2];
    if (!page_conds(m, t, where)) {
        next_source(m);
        return;
    }
    const struct hub_select q = {.table = t,
                                 .where = where,
                                 .where_n = 2,
                                 .order_by = s->room_field,
                                 .limit = PAGE_ROWS,
                                 .only = needed_columns(s)};
    config->store->ops->select(config->store, &q, on_memberships, m);
}

void hub_memberships_read(struct hub_memberships *m, struct hub_hub *hub, struct hub_str user_id,
                          struct hub_str room_id) {
    m->hub = hub;
    m->def = hub->def;
    m->user_id = hub_str_dup(user_id);
    m->room_id = room_id.n ? hub_str_dup(room_id) : NULL;
    m->source = 0;
    m->further = false;
    m->text = m->hold_text = (struct hub_buf){0};
    hub_hold(&hub->engine->holds, &m->hold, "membership read");
    ask_page(m);
}
