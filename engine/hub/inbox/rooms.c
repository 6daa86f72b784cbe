/* hub:rooms: a page of the caller's rooms, the one with the newest message for him first.
 *
 * Which rooms could be his the records of authSources say; when there was something for him in each, an
 * index of the messages, many rooms with one statement. Then, in this order, it is decided of each whether
 * he may enter it, until the page is full, and last of all whether that still holds. Nothing is remembered
 * between two pages: the next one goes on below the time and the id where this one ended. */
#include <stdio.h>
#include <stdlib.h>

#include "hub/inbox/inbox_int.h"

#define ROOMS_MAX 100     /* of a page */
#define ROOMS_USUAL 20    /* without a limit */
#define REFUSED_MAX 200   /* rooms that he may not enter, of one page: what is left is another one */
#define TIMES_AT_ONCE 256 /* rooms of one statement */
#define SETTLE_MAX 1000   /* decisions that were made again, until the page is given up */
#define CANDIDATE_BYTES 128
#define CURSOR_EXPECTED "what an answer has as before"

/* A room that may be his. */
struct candidate {
    int64_t time;
    size_t id_n;
    char id[];
};

/* A room of the page. */
struct shown {
    struct hub_room *room; /* reference */
    uint32_t judged;
    struct hub_rights rights;
    struct hub_inbox_look look;
};

struct page {
    struct hub_hold hold;
    struct hub_call *call;
    struct hub_engine *engine;
    struct hub_result result;
    struct hub_memberships memberships;
    struct hub_map by_id; /* → candidate */
    struct candidate **all;
    size_t n, cap, at;
    struct candidate **deep; /* those whose newest message is not for him */
    size_t deep_n, deep_at;
    struct hub_inbox_look look; /* of one of them */
    int64_t limit, before_time;
    struct hub_str before_id; /* borrowed from the call's arguments; NULL: from the beginning */
    struct shown *shown[ROOMS_MAX];
    size_t shown_n, refused, bytes, settled;
    size_t again;             /* which of them is decided about once more */
    struct hub_identity *who; /* by whom the page was judged; a reference */
    bool too_many;
};

/* ---- the end ---- */

static void free_shown(struct shown *s) {
    hub_inbox_look_free(&s->look);
    hub_room_unref(s->room);
    free(s);
}

static void free_page(struct page *p) {
    hub_result_over(&p->engine->reads, &p->result);
    for (size_t i = 0; i < p->shown_n; i++) free_shown(p->shown[i]);
    for (size_t i = 0; i < p->n; i++) free(p->all[i]);
    hub_map_clear(&p->by_id);
    free(p->all);
    free(p->deep);
    hub_identity_unref(p->who);
    hub_unhold(&p->hold);
    free(p);
}

static void fail_page(struct page *p, enum hub_code code, const char *error) {
    hub_call_fail_store(p->call, code, error);
    free_page(p);
}

/* Whether somebody still waits, and the hub is as it was; else the page is gone. */
static bool still_wanted(struct page *p) {
    struct hub_call *call = p->call;
    if (call->conn && call->conn->closed)
        hub_call_drop(call);
    else if (call->hub->gone)
        hub_call_fail(call, HUB_NOT_FOUND, "there is no such hub any more");
    else if (!hub_def_has_inbox(call->hub->def))
        hub_call_fail(call, HUB_FEATURE_DISABLED, "inbox is not declared here any more");
    else
        return true;
    free_page(p);
    return false;
}

/* Who asks, by his present token. */
static struct hub_identity *page_asker(const struct page *p) {
    return p->call->conn ? p->call->conn->identity : p->call->who;
}

/* ---- the cursor: the time of the last room, and its id ---- */

static void add_cursor(struct hub_buf *b, const struct candidate *c) {
    struct hub_buf text = {0};
    hub_buf_addf(&text, "%lld:%.*s", (long long)c->time, (int)c->id_n, c->id);
    hub_json_add_string(b, hub_buf_str(&text));
    hub_buf_free(&text);
}

static bool parse_cursor(struct hub_str text, struct page *p) {
    struct hub_str time;
    if (!hub_str_split(&text, ':', &time) || !hub_str_i64(time, &p->before_time) || p->before_time < 0) return false;
    p->before_id = text;
    return hub_id_ok(text);
}

static int compare_ids(struct hub_str a, struct hub_str b) {
    int d = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return d ? d : (a.n > b.n) - (a.n < b.n);
}

/* The newest first; those of one time in some order that stays. */
static int compare_places(int64_t time_a, struct hub_str a, int64_t time_b, struct hub_str b) {
    if (time_a != time_b) return time_a > time_b ? -1 : 1;
    return compare_ids(b, a);
}
static struct hub_str id_of(const struct candidate *c) { return hub_str(c->id, c->id_n); }
static int compare_candidates(const void *x, const void *y) {
    const struct candidate *a = *(struct candidate *const *)x, *b = *(struct candidate *const *)y;
    return compare_places(a->time, id_of(a), b->time, id_of(b));
}

/* ---- the answer ---- */

static void add_room(struct hub_buf *b, const struct shown *s) {
    const char *role = hub_rights_name(&s->rights);
    hub_buf_addz(b, "{\"roomId\":");
    hub_json_add_string(b, hub_cstr(s->room->id));
    hub_buf_addz(b, ",\"room\":");
    hub_json_add(b, s->room->record);
    hub_buf_addz(b, ",\"hubRole\":");
    if (role)
        hub_json_add_string(b, hub_cstr(role));
    else
        hub_buf_addz(b, "null");
    hub_buf_addc(b, ',');
    hub_inbox_look_json(&s->look, s->rights.can_read, b);
    hub_buf_addf(b, ",\"seq\":%lld,\"lastReadSeq\":%lld}", (long long)s->room->sequence.number,
                 s->rights.can_read ? (long long)s->look.read_seq : 0LL);
}

static void answer_page(struct page *p) {
    struct hub_buf b = {0};
    hub_buf_addz(&b, "\"rooms\":[");
    for (size_t i = 0; i < p->shown_n; i++) {
        if (i) hub_buf_addc(&b, ',');
        add_room(&b, p->shown[i]);
    }
    hub_buf_addz(&b, "],\"before\":");
    if (p->at)
        add_cursor(&b, p->all[p->at - 1]);
    else
        hub_buf_addz(&b, "null");
    hub_buf_addf(&b, ",\"hasMore\":%s", p->at < p->n ? "true" : "false");
    hub_call_ok(p->call, "rooms", hub_buf_str(&b));
    hub_buf_free(&b);
    free_page(p);
}

/* ---- whether it all still holds ---- */

static void settle_page(struct page *p);

static bool is_stale(const struct page *p, const struct shown *s) {
    struct hub_room *room = s->room;
    return s->judged != room->judged || room->ended ||
           hub_room_is_blocked(room, hub_cstr(p->who->user_id), hub_loop_wall(room->loop));
}

static void remove_shown(struct page *p, size_t at) {
    free_shown(p->shown[at]);
    memmove(p->shown + at, p->shown + at + 1, (--p->shown_n - at) * sizeof *p->shown);
}

static bool is_trouble(enum hub_code code) { return code == HUB_STORE_UNAVAILABLE || code == HUB_OVERLOADED; }

static void on_judged_again(void *arg, enum hub_code code, const struct hub_rights *rights, const char *layer,
                            struct hub_room *room) {
    struct page *p = arg;
    struct shown *s = p->shown[p->again];
    (void)layer, (void)room;
    if (!still_wanted(p)) return;
    if (is_trouble(code)) {
        fail_page(p, code, NULL);
        return;
    }
    if (code)
        remove_shown(p, p->again);
    else
        s->rights = *rights, s->judged = s->room->judged;
    settle_page(p);
}

/* By a new token everything is judged once more. */
static void take_asker(struct page *p) {
    if (p->who == page_asker(p)) return;
    hub_identity_unref(p->who);
    p->who = hub_identity_ref(page_asker(p));
    for (size_t i = 0; i < p->shown_n; i++) p->shown[i]->judged--;
}

static void settle_page(struct page *p) {
    enum hub_code code = p->call->conn ? HUB_OK : hub_identity_fault(p->engine->config.identity, p->who);
    take_asker(p);
    for (p->again = 0; p->again < p->shown_n && !is_stale(p, p->shown[p->again]);) p->again++;
    if (code)
        fail_page(p, code, NULL);
    else if (p->again == p->shown_n)
        answer_page(p);
    else if (++p->settled > SETTLE_MAX)
        fail_page(p, HUB_OVERLOADED, NULL);
    else
        hub_authorize(p->call->hub, p->who, hub_cstr(p->shown[p->again]->room->id), false, on_judged_again, p);
}

/* ---- the rooms of the page ---- */

static void next_room(struct page *p);

static void on_page_looked(struct hub_inbox_look *l, enum hub_code code, const char *error) {
    struct shown *s = HUB_CONTAINER(l, struct shown, look);
    struct page *p = s->look.owner;
    if (code) {
        fail_page(p, code, error);
        return;
    }
    p->bytes += l->message.n + hub_json_cost(s->room->record);
    hub_result_is(&p->engine->reads, &p->result, p->result.bytes + l->message.n);
    next_room(p);
}

static void on_page_decided(void *arg, enum hub_code code, const struct hub_rights *rights, const char *layer,
                            struct hub_room *room) {
    struct page *p = arg;
    (void)layer;
    if (is_trouble(code)) {
        fail_page(p, code, NULL);
        return;
    }
    p->at++;
    if (code) {
        p->refused++;
        next_room(p);
        return;
    }
    struct shown *s = p->shown[p->shown_n++] = hub_xcalloc(1, sizeof *s);
    *s = (struct shown){.room = hub_room_ref(room), .judged = room->judged, .rights = *rights};
    s->look = (struct hub_inbox_look){
        .hub = p->call->hub, .room = s->room, .user = hub_cstr(p->who->user_id), .done = on_page_looked, .owner = p};
    hub_inbox_look(&s->look);
}

static void next_room(struct page *p) {
    if (!still_wanted(p)) return;
    bool full = (int64_t)p->shown_n == p->limit || p->refused >= REFUSED_MAX || p->bytes > HUB_RESULT_MAX;
    if (full || p->at == p->n)
        settle_page(p);
    else
        hub_authorize(p->call->hub, p->who, id_of(p->all[p->at]), false, on_page_decided, p);
}

/* In their order, from behind the cursor on. */
static void sort_rooms(struct page *p) {
    if (p->n) qsort(p->all, p->n, sizeof *p->all, compare_candidates); /* of no rooms there is no list */
    size_t from = 0;
    while (p->before_id.n && from < p->n &&
           compare_places(p->all[from]->time, id_of(p->all[from]), p->before_time, p->before_id) <= 0)
        free(p->all[from++]);
    if (from) memmove(p->all, p->all + from, (p->n - from) * sizeof *p->all);
    p->n -= from;
    hub_map_clear(&p->by_id);
    p->at = 0;
    next_room(p);
}

/* ---- when there was something for him ---- */

static void look_deeper(struct page *p);

static void on_deep(struct hub_inbox_look *l, enum hub_code code, const char *error) {
    struct page *p = HUB_CONTAINER(l, struct page, look);
    p->deep[p->deep_at++]->time = l->time;
    hub_room_unref(l->room);
    if (code)
        fail_page(p, code, error);
    else
        look_deeper(p);
}

static void look_deeper(struct page *p) {
    if (!still_wanted(p)) return;
    if (p->deep_at == p->deep_n) {
        sort_rooms(p);
        return;
    }
    p->look = (struct hub_inbox_look){.hub = p->call->hub,
                                      .room = hub_room_of(p->call->hub, id_of(p->deep[p->deep_at])),
                                      .user = hub_cstr(p->who->user_id),
                                      .time_only = true,
                                      .done = on_deep};
    hub_inbox_look(&p->look);
}

static void ask_times(struct page *p);

static void take_time(struct page *p, const struct hub_cell *row) {
    struct candidate *c = hub_map_get(&p->by_id, row[HUB_MSG_ROOM_ID].s);
    bool deleted = row[HUB_MSG_IS_ACTIVE].kind == HUB_CELL_BOOL && !row[HUB_MSG_IS_ACTIVE].i;
    if (!c || c->time) return; /* asked for twice */
    c->time = row[HUB_MSG_TIMESTAMP].i;
    if (!deleted && hub_audience_has(row, hub_cstr(p->who->user_id))) return;
    p->deep[p->deep_n++] = c;
}

static void on_times(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct page *p = arg;
    if (code) {
        fail_page(p, code, error);
        return;
    }
    for (size_t i = 0; i < rows->n; i++) take_time(p, hub_row(rows, i));
    p->at += TIMES_AT_ONCE;
    if (still_wanted(p)) ask_times(p);
}

/* The list is filled up with its last room to a power of two: stores prepare few different statements
 * then. */
static size_t fill_ids(const struct page *p, struct hub_cell *ids) {
    size_t n = p->n - p->at < TIMES_AT_ONCE ? p->n - p->at : TIMES_AT_ONCE, cap = 1;
    while (cap < n) cap *= 2;
    for (size_t i = 0; i < cap; i++) ids[i] = hub_cell_text(id_of(p->all[p->at + (i < n ? i : n - 1)]));
    return cap;
}

static void ask_times(struct page *p) {
    struct hub_store *store = p->engine->config.store;
    struct hub_cell ids[TIMES_AT_ONCE];
    if (p->at >= p->n) {
        look_deeper(p);
        return;
    }
    const struct hub_cond where[] = {{.column = HUB_MSG_ROOM_ID, .cmp = HUB_IN, .in = ids, .in_n = fill_ids(p, ids)},
                                     hub_inbox_numbered};
    const struct hub_select q = {.table = p->call->hub->tables->message,
                                 .where = where,
                                 .where_n = 2,
                                 .order_by = HUB_MSG_SEQ,
                                 .descending = true,
                                 .limit = TIMES_AT_ONCE,
                                 .with_inactive = true,
                                 .first_of_each = true,
                                 .only = HUB_ONLY(HUB_MSG_ROOM_ID) | HUB_ONLY(HUB_MSG_SENDER_ID) |
                                         HUB_ONLY(HUB_MSG_TIMESTAMP) | HUB_ONLY(HUB_MSG_IS_ACTIVE) |
                                         HUB_ONLY(HUB_MSG_AUDIENCE)};
    store->ops->select(store, &q, on_times, p);
}

/* ---- which rooms could be his ---- */

static bool on_candidate(struct hub_memberships *m, struct hub_str id) {
    struct page *p = HUB_CONTAINER(m, struct page, memberships);
    if (hub_map_get(&p->by_id, id)) return true;
    if (p->n == HUB_INBOX_ROOMS_MAX) {
        p->too_many = true;
        return false;
    }
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 64;
        p->all = hub_xrealloc(p->all, p->cap * sizeof *p->all);
    }
    struct candidate *c = p->all[p->n++] = hub_xcalloc(1, sizeof *c + id.n);
    c->id_n = id.n;
    memcpy(c->id, id.p, id.n);
    hub_map_put(&p->by_id, id, c);
    return true;
}

static void refuse_many(struct page *p) {
    struct hub_err err;
    HUB_UNUSED(hub_gate_too_many("inbox.rooms", HUB_INBOX_ROOMS_MAX, "rooms of one user", &err), "it is in ERR");
    hub_call_fail_with(p->call, &err, hub_str(NULL, 0));
    free_page(p);
}

static void on_memberships(struct hub_memberships *m, enum hub_code code, const char *error) {
    struct page *p = HUB_CONTAINER(m, struct page, memberships);
    if (code) {
        fail_page(p, code, error);
    } else if (p->too_many) {
        refuse_many(p);
    } else if (still_wanted(p)) {
        hub_result_is(&p->engine->reads, &p->result, p->result.bytes + p->n * CANDIDATE_BYTES);
        p->deep = hub_xcalloc(p->n + 1, sizeof *p->deep);
        ask_times(p);
    }
}

static void start_page(struct hub_result *r) {
    struct page *p = HUB_CONTAINER(r, struct page, result);
    p->memberships.seen = on_candidate;
    p->memberships.done = on_memberships;
    hub_memberships_read(&p->memberships, p->call->hub, hub_cstr(p->who->user_id), hub_str(NULL, 0));
}

void hub_inbox_rooms(struct hub_call *call) {
    struct page *p = hub_xcalloc(1, sizeof *p);
    *p = (struct page){.call = call, .engine = call->hub->engine, .result.start = start_page};
    struct hub_str before = hub_call_str(call, "before");
    p->limit = hub_json_get_int(call->args, "limit", ROOMS_USUAL);
    if (p->limit > ROOMS_MAX) p->limit = ROOMS_MAX;
    if (before.n && !parse_cursor(before, p)) {
        hub_call_fail(call, HUB_BAD_REQUEST, "before: expected " CURSOR_EXPECTED);
        free(p);
        return;
    }
    p->who = hub_identity_ref(page_asker(p));
    hub_hold(&p->engine->holds, &p->hold, "inbox read");
    hub_result_ask(&p->engine->reads, &p->result, hub_cstr(p->who->user_id), (size_t)p->limit * HUB_ROW_BYTES);
}
