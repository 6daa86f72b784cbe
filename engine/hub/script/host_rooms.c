/* What scripts can do with the rooms of a hub: the table rooms. */
#include "hub/script/script_int.h"

#include <stdlib.h>

#include "hub/access/access.h"
#include "hub/guard/guard.h"
#include "hub/member/member.h"
#include "hub/metadata/metadata.h"

/* The room in use of that id in the hub that the call is about; NULL: nobody is in it. */
static struct hub_room *room_in_use(struct hub_hub *hub, struct hub_str id) {
    struct hub_room *r = hub_room_find(&hub->rooms, id);
    return r && hub_room_loaded(r) ? r : NULL;
}

/* ---- members ---- */

static int compare_ids(struct hub_str a, struct hub_str b) {
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int compare_users(const void *a, const void *b) {
    const struct hub_room_user *x = *(const struct hub_room_user *const *)a,
                               *y = *(const struct hub_room_user *const *)b;
    return compare_ids(hub_cstr(x->id), hub_cstr(y->id));
}

/* By their ids, so that those who stay are in one page each, whoever comes and goes between two pages. */
static void add_users(struct hub_host_page *page, const struct hub_room *room) {
    const struct hub_room_user **all = hub_xmalloc((hub_keyed_len(&room->users) + 1) * sizeof *all);
    size_t n = 0;
    HUB_ROOM_EACH_USER(room, u) {
        bool before = page->after && compare_ids(hub_cstr(u->id), page->after_id) <= 0;
        if (u->member_n && !before) all[n++] = u;
    }
    qsort(all, n, sizeof(const struct hub_room_user *), compare_users);
    for (size_t i = 0; i < n && !hub_host_page_full(page); i++)
        hub_host_page_add(page, hub_member_json(all[i]), 1, all[i]->id);
    free(all);
}

void hub_host_rooms_members(void *ctx, struct hub_host_call *c) {
    struct hub_host_page page;
    struct hub_err err;
    const json_t *options = hub_host_arg(c, 1);
    struct hub_hub *hub = hub_host_hub(ctx, c);
    if (!hub) return;
    enum hub_code code = hub_script_keys(options, "limit after", &err);
    if (!code) code = hub_host_page_begin(&page, options, &err);
    if (code) {
        hub_host_fail(c, code, err.text);
        return;
    }
    hub_guard_reads(c, HUB_READABLE_MEMBERS, hub, hub_host_text(c, 0));
    const struct hub_room *room = room_in_use(hub, hub_host_text(c, 0));
    if (room) add_users(&page, room);
    hub_host_done(c, hub_host_page_end(&page));
}

/* ---- a room that need not be in use ---- */

struct finding {
    struct hub_room *room; /* reference */
    hub_host_room *done;
    void *arg;
};

static void end_finding(struct finding *f, enum hub_code code, const char *error) {
    const struct finding was = *f;
    free(f);
    if (!code) code = was.room->ended;
    if (code) hub_room_unref(was.room);
    was.done(was.arg, code, code ? NULL : was.room, error);
}

static void on_room_there(void *arg, enum hub_code code, json_t *record, const char *error) {
    (void)record;
    if (code == HUB_NOT_FOUND)
        end_finding(arg, HUB_ROOM_NOT_FOUND, NULL);
    else
        end_finding(arg, code, error);
}

void hub_host_find_room(struct hub_hub *hub, struct hub_host_call *c, hub_host_room *done, void *arg) {
    struct hub_str id = hub_host_text(c, 0);
    if (!hub_str_is_id(id)) {
        done(arg, HUB_BAD_REQUEST, NULL, "roomId: expected " HUB_ID_EXPECTED);
        return;
    }
    bool in_use = room_in_use(hub, id) != NULL;
    struct finding *f = hub_xmalloc(sizeof *f);
    *f = (struct finding){hub_room_of(hub, id), done, arg};
    if (in_use)
        end_finding(f, HUB_OK, NULL);
    else
        hub_object_find(&hub->engine->data, hub_record_table(hub), hub_host_arg(c, 0), on_room_there, f);
}

/* ---- metadata ---- */

struct metadata_call {
    struct hub_engine *engine;
    struct hub_host_call *call;
    struct hub_room *room; /* reference, once it is found */
    const json_t *change;  /* NULL: it is only read */
    enum hub_metadata_strategy strategy;
};

static void end_metadata_call(struct metadata_call *m, enum hub_code code, json_t *value, const char *error) {
    struct hub_host_call *call = m->call;
    hub_guard_ends_write(m->engine, m);
    if (m->room) hub_room_unref(m->room);
    free(m);
    if (code)
        hub_host_fail(call, code, error);
    else
        hub_host_done(call, value);
}

static void on_metadata(void *arg, enum hub_code code, const char *error, json_t *value, int64_t version) {
    (void)version;
    end_metadata_call(arg, code, code ? NULL : json_incref(value), error);
}

static void on_metadata_room(void *arg, enum hub_code code, struct hub_room *room, const char *error) {
    struct metadata_call *m = arg;
    m->room = room;
    if (code)
        end_metadata_call(m, code, NULL, error);
    else
        hub_room_metadata_change(room, m->change, m->strategy, NULL, on_metadata, m);
}

static void start_metadata_call(struct hub_engine *e, struct hub_host_call *c, const json_t *change,
                                enum hub_metadata_strategy strategy) {
    struct hub_hub *hub = hub_host_hub(e, c);
    if (!hub) return;
    if (!hub->def->room_metadata.on) {
        hub_host_fail(c, HUB_FEATURE_DISABLED, "metadata.room is not declared in the hub");
        return;
    }
    if (!change) hub_guard_reads(c, HUB_READABLE_ROOM_METADATA, hub, hub_host_text(c, 0));
    struct metadata_call *m = hub_xmalloc(sizeof *m);
    *m = (struct metadata_call){e, c, NULL, change, strategy};
    hub_guard_begins_write(e, c, m);
    hub_host_find_room(hub, c, on_metadata_room, m);
}

void hub_host_rooms_metadata(void *ctx, struct hub_host_call *c) {
    start_metadata_call(ctx, c, NULL, HUB_METADATA_REPLACE);
}

void hub_host_rooms_set_metadata(void *ctx, struct hub_host_call *c) {
    enum hub_metadata_strategy strategy;
    struct hub_err err;
    if (!json_is_object(hub_host_arg(c, 1)))
        hub_host_fail(c, HUB_BAD_REQUEST, "rooms.setMetadata(roomId, metadata, strategy): expected an object");
    else if (hub_metadata_strategy(hub_host_text(c, 2), &strategy, &err))
        hub_host_fail(c, err.code, err.text);
    else
        start_metadata_call(ctx, c, hub_host_arg(c, 1), strategy);
}

/* ---- all rooms in use ---- */

struct room_scan {
    struct hub_scan scan;
    const json_t *where;
    unsigned (*each)(struct room_scan *s, struct hub_room *room);
    int64_t n; /* so many were told */
    struct hub_str event;
    const json_t *data;
    struct hub_host_page page;
};

static unsigned step_room(struct hub_scan *scan) {
    struct room_scan *s = HUB_CONTAINER(scan, struct room_scan, scan);
    struct hub_walked_item *i = hub_walk_next(&scan->walk);
    if (!i) return 0;
    struct hub_room *room = HUB_CONTAINER(i, struct hub_room, in_hub);
    if (i->number <= s->page.after || !hub_room_loaded(room) || room->ended) return 1;
    return hub_where_meets(s->where, room->record) ? s->each(s, room) : 1;
}

static void end_rooms(struct hub_scan *scan, enum hub_code code) {
    struct room_scan *s = HUB_CONTAINER(scan, struct room_scan, scan);
    struct hub_host_page page = s->page;
    struct hub_host_call *call = scan->call;
    int64_t n = s->n;
    free(s);
    hub_host_answer_scan(call, code, &page, n);
}

static void start_rooms(struct hub_engine *e, struct hub_host_call *c, const struct room_scan *what) {
    struct hub_hub *hub = hub_host_hub(e, c);
    struct hub_err err;
    if (!hub || hub_where_check(what->where, &err)) {
        if (hub) hub_host_fail(c, err.code, err.text);
        json_decref(what->page.items);
        return;
    }
    struct room_scan *s = hub_xmalloc(sizeof *s);
    *s = *what;
    s->scan.step = step_room;
    s->scan.end = end_rooms;
    const struct hub_room *at = s->page.after ? hub_room_find(&hub->rooms, s->page.after_id) : NULL;
    bool found = at && at->in_hub.number == s->page.after;
    hub_scan_start(&s->scan, e, c, &hub->room_list, found ? &at->in_hub : NULL);
}

static unsigned list_room(struct room_scan *s, struct hub_room *room) {
    if (hub_host_page_full(&s->page)) return 0;
    json_t *o = json_pack("{s:s, s:O?, s:I}", "roomId", room->id, "room", room->record, "memberCount",
                          (json_int_t)room->user_n);
    hub_host_page_add(&s->page, o, room->in_hub.number, room->id);
    return HUB_SCAN_SHOWN;
}

void hub_host_rooms_list(void *ctx, struct hub_host_call *c) {
    const json_t *options = hub_host_arg(c, 0);
    struct room_scan what = {.where = hub_json_get(options, "where"), .each = list_room};
    struct hub_err err;
    enum hub_code code = hub_script_keys(options, "where limit after", &err);
    if (!code) code = hub_host_page_begin(&what.page, options, &err);
    if (code) {
        hub_host_fail(c, code, err.text);
        return;
    }
    const struct hub_hub *own = hub_host_own(ctx, c);
    if (own) hub_guard_reads(c, HUB_READABLE_ROOMS, own, HUB_STR(""));
    start_rooms(ctx, c, &what);
}

static void emit_data(struct hub_room *room, struct hub_str event, const json_t *data) {
    struct hub_buf args = {0};
    const struct hub_target all = {.to = HUB_TO_ALL};
    hub_host_add_data(&args, hub_cstr(room->id), data);
    hub_room_emit(room, &all, event, hub_buf_str(&args), hub_host_event_flags(room, event));
    hub_buf_free(&args);
}

/* What it costs at the end of the turn grows with the room. */
static unsigned tell_room(struct room_scan *s, struct hub_room *room) {
    emit_data(room, s->event, s->data);
    s->n++;
    return 1 + HUB_SCAN_SENT * (unsigned)hub_group_size(room->readers);
}

void hub_host_rooms_broadcast_where(void *ctx, struct hub_host_call *c) {
    const struct room_scan what = {
        .where = hub_host_arg(c, 0), .each = tell_room, .event = hub_host_text(c, 1), .data = hub_host_arg(c, 2)};
    if (!what.event.n)
        hub_host_fail(c, HUB_BAD_REQUEST, "rooms.broadcastWhere(where, event, data): event is a text");
    else if (hub_host_event_free(c, 1))
        start_rooms(ctx, c, &what);
}

/* ---- one room ---- */

static bool is_excepted(const json_t *except, const struct hub_member *m) {
    for (size_t i = 0; i < json_array_size(except); i++)
        if (hub_str_is(hub_json_str(json_array_get(except, i)), m->conn->socket->sid)) return true;
    return false;
}

static void emit_except(struct hub_room *room, struct hub_str event, const json_t *data, const json_t *except) {
    struct hub_buf args = {0};
    struct hub_cast cast;
    hub_host_add_data(&args, hub_cstr(room->id), data);
    hub_cast_begin(&cast, room->readers, event, hub_buf_str(&args), hub_host_event_flags(room, event));
    HUB_ROOM_EACH_USER(room, u) {
        HUB_LIST_EACH(&u->members, l) {
            struct hub_member *m = HUB_CONTAINER(l, struct hub_member, in_user);
            if (!is_excepted(except, m)) hub_cast_to(&cast, &m->seat);
        }
    }
    hub_cast_end(&cast);
    hub_buf_free(&args);
}

/* For everybody it is hub.broadcast, which keeps events that are to be kept; what is for some is not kept. */
void hub_host_rooms_broadcast(void *ctx, struct hub_host_call *c) {
    const json_t *options = hub_host_arg(c, 3), *except = hub_json_get(options, "except");
    struct hub_err err;
    if (hub_host_except_check(options, &err)) {
        hub_host_fail(c, err.code, err.text);
        return;
    }
    if (!hub_host_text(c, 1).n) {
        hub_host_fail(c, HUB_BAD_REQUEST, "rooms.broadcast(roomId, event, data, {except}): expected two texts");
        return;
    }
    struct hub_hub *hub = hub_host_event_free(c, 1) ? hub_host_hub(ctx, c) : NULL;
    if (!hub) return;
    struct hub_room *room = room_in_use(hub, hub_host_text(c, 0));
    if (room && !json_array_size(except)) {
        hub_host_emit_kept(room, c);
        return;
    }
    if (room) emit_except(room, hub_host_text(c, 1), hub_host_arg(c, 2), except);
    hub_host_done(c, json_boolean(room != NULL));
}

static void put_out_all(struct hub_room *room, struct hub_str reason) {
    const struct hub_target all = {.to = HUB_TO_ALL};
    hub_room_ref(room);
    struct hub_event_json e = hub_event_json(room);
    if (reason.n) hub_event_json_text(&e, "reason", reason);
    hub_event_json_tell(&e, &all, HUB_STR("hub:kicked"), 0);
    hub_room_empty(room, reason);
    hub_room_unref(room);
}

/* Everybody is put out, and may come again. */
void hub_host_rooms_close(void *ctx, struct hub_host_call *c) {
    struct hub_hub *hub = hub_host_hub(ctx, c);
    struct hub_str reason = hub_host_text(c, 1);
    if (!hub) return;
    struct hub_room *room = room_in_use(hub, hub_host_text(c, 0));
    int64_t n = room ? room->user_n : 0;
    if (reason.n > HUB_REASON_MAX) {
        hub_host_fail(c, HUB_BAD_REQUEST, "rooms.close(roomId, reason): reason is a text of at most 1000 bytes");
        return;
    }
    if (room) put_out_all(room, reason);
    hub_host_done(c, json_integer(n));
}
