/* Functions of scripts that go through all connections or all rooms: a slice in each turn, so that others
 * have theirs however many there are. And the pages that lists are given in. */
#include "hub/script/script_int.h"

#include <stdlib.h>

struct scans {
    struct hub_list all;
};

static struct scans *scans_of(struct hub_engine *e) { return *hub_engine_part(e, &hub_scripts_part); }

void hub_scans_init(struct hub_engine *e) {
    struct scans *s = *hub_engine_part(e, &hub_scripts_part) = hub_xcalloc(1, sizeof *s);
    hub_list_init(&s->all);
}

static void end_scan(struct hub_scan *s, enum hub_code code) {
    hub_timer_stop(s->engine->config.loop, &s->turn);
    hub_walk_end(&s->walk);
    hub_list_remove(&s->link);
    hub_unhold(&s->hold);
    s->end(s, code);
}

static void on_turn(struct hub_timer *t);

static void run_slice(struct hub_scan *s) {
    unsigned cost = 1;
    for (unsigned spent = 0; cost && spent < HUB_SCAN_SLICE; spent += cost) cost = s->step(s);
    if (cost)
        hub_timer_start(s->engine->config.loop, &s->turn, 0, on_turn);
    else
        end_scan(s, HUB_OK);
}

static void on_turn(struct hub_timer *t) { run_slice(HUB_CONTAINER(t, struct hub_scan, turn)); }

void hub_scan_start(struct hub_scan *s, struct hub_engine *e, struct hub_host_call *c, struct hub_walked *list,
                    const struct hub_walked_item *after) {
    s->engine = e;
    s->call = c;
    hub_walk_begin(&s->walk, list, after);
    hub_list_push(&scans_of(e)->all, &s->link);
    hub_hold(&e->holds, &s->hold, "script's scan");
    run_slice(s);
}

void hub_scans_stop(struct hub_engine *e) {
    HUB_LIST_EACH(&scans_of(e)->all, it) {
        struct hub_scan *s = HUB_CONTAINER(it, struct hub_scan, link);
        hub_timer_stop(e->config.loop, &s->turn);
        hub_walk_end(&s->walk); /* hubs are freed before what is left is answered */
    }
}

void hub_scans_delete(struct hub_engine *e) {
    struct scans *s = scans_of(e);
    while (!hub_list_empty(&s->all)) end_scan(HUB_CONTAINER(s->all.next, struct hub_scan, link), HUB_SHUTTING_DOWN);
    free(s);
}

/* ---- pages ---- */

enum hub_code hub_host_page_begin(struct hub_host_page *p, const json_t *options, struct hub_err *err) {
    struct hub_str rest = hub_json_get_str(options, "after"), number;
    int64_t limit = hub_json_get_int(options, "limit", HUB_PAGE_ITEMS);
    bool given = rest.n > 0;
    *p = (struct hub_host_page){.items = NULL};
    if (limit < 1 || limit > HUB_PAGE_ITEMS_MAX)
        return hub_fail(err, HUB_BAD_REQUEST, "limit: expected a whole number from 1 to %d", HUB_PAGE_ITEMS_MAX);
    p->limit = (size_t)limit;
    if (given && (!hub_str_split(&rest, ':', &number) || !hub_str_u64(number, &p->after) || !p->after))
        return hub_fail(err, HUB_BAD_REQUEST, "after: expected next of the page before");
    p->after_id = rest;
    p->items = json_array();
    return HUB_OK;
}

bool hub_host_page_full(struct hub_host_page *p) {
    p->more = json_array_size(p->items) >= p->limit;
    return p->more;
}

void hub_host_page_add(struct hub_host_page *p, json_t *item, uint64_t number, const char *id) {
    json_array_append_new(p->items, item);
    hub_buf_clear(&p->last);
    hub_buf_addf(&p->last, "%llu:%s", (unsigned long long)number, id);
}

json_t *hub_host_page_end(struct hub_host_page *p) {
    json_t *out = json_object();
    json_object_set_new(out, "items", p->items);
    json_object_set_new(out, "next", p->more ? hub_json_string(hub_buf_str(&p->last)) : json_null());
    p->items = NULL;
    hub_buf_free(&p->last);
    return out;
}

void hub_host_answer_scan(struct hub_host_call *c, enum hub_code code, struct hub_host_page *page, int64_t n) {
    json_t *result = page->items ? hub_host_page_end(page) : json_integer(n);
    if (!code) {
        hub_host_done(c, result);
        return;
    }
    json_decref(result);
    hub_host_fail(c, code, NULL);
}
