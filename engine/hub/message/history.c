/* Reading a room's past: on join, by replay from a known number, and page by page. */
#include "hub/message/message.h"

#include <stdlib.h>

#include "hub/access/access.h"
#include "hub/event/event.h"

#define REPLAY_MAX 1000 /* entries of a replay; beyond, the client gets ordinary history */

static int64_t bounded_limit(int64_t limit) { return limit > HUB_PAGE_MAX ? HUB_PAGE_MAX : limit; }

/* ---- on join ---- */

struct reading {
    struct hub_room *room; /* reference */
    struct hub_result result;
    int64_t upto, limit, wanted, since;
    char *reader;
    struct hub_buf fields;
    struct hub_replies replies;
    size_t messages;
    bool replay;
    hub_history_done *done;
    void *arg;
};

static void finish_reading(struct reading *r, enum hub_code code) {
    r->done(r->arg, code, hub_buf_str(&r->fields));
    hub_result_over(&hub_of(r->room)->engine->reads, &r->result);
    hub_room_unref(r->room);
    hub_buf_free(&r->fields);
    hub_replies_free(&r->replies);
    free(r->reader);
    free(r);
}

static void on_replies(void *arg) { finish_reading(arg, HUB_OK); }
static void fill_replies(struct reading *r) {
    hub_previews_fill(r->room, (struct hub_viewer){.user = hub_cstr(r->reader)}, &r->fields, &r->replies, on_replies,
                      r);
}

static void on_latest(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct reading *r = arg;
    (void)error;
    hub_rows_are(r->room, &r->result, rows);
    if (code) {
        finish_reading(r, code);
        return;
    }
    size_t take = rows->n > (size_t)r->limit ? (size_t)r->limit : rows->n;
    hub_messages_json(&r->fields, rows, take, true, &r->replies);
    bool more = rows->n > take || rows->cut || (int64_t)rows->n == r->wanted;
    hub_buf_addf(&r->fields, ",\"hasMore\":%s,\"recovered\":%s", more ? "true" : "false",
                 r->since >= 0 ? "false" : "null");
    fill_replies(r);
}

/* The newest LIMIT messages up to UPTO; one row more tells whether there are older ones. */
static void read_latest(struct reading *r) {
    struct hub_store *store = hub_of(r->room)->engine->config.store;
    const struct hub_cond where[] = {
        {.column = HUB_MSG_ROOM_ID, .value = hub_cell_text(hub_cstr(r->room->id))},
        {.column = HUB_MSG_SEQ, .cmp = HUB_LE, .value = hub_cell_int(r->upto)},
        hub_audience_cond(hub_cstr(r->reader)),
    };
    const struct hub_select q = {.table = hub_of(r->room)->tables->message,
                                 .where = where,
                                 .where_n = 3,
                                 .order_by = HUB_MSG_SEQ,
                                 .descending = true,
                                 .limit = r->wanted,
                                 .max_bytes = HUB_RESULT_MAX};
    store->ops->select(store, &q, on_latest, r);
}

static void not_recovered(struct reading *r) {
    hub_buf_clear(&r->fields);
    hub_replies_free(&r->replies);
    read_latest(r);
}

static bool is_active(const struct hub_cell *row) {
    return row[HUB_MSG_IS_ACTIVE].kind != HUB_CELL_BOOL || row[HUB_MSG_IS_ACTIVE].i;
}

static void add_change(struct hub_buf *b, const struct hub_table *table, const struct hub_cell *row,
                       struct hub_replies *replies) {
    hub_buf_addz(b, "{\"messageId\":");
    hub_json_add_string(b, row[HUB_MSG_ID].s);
    hub_buf_addf(b, ",\"seq\":%lld,", (long long)row[HUB_MSG_CHANGE_SEQ].i);
    if (is_active(row)) {
        hub_buf_addz(b, "\"message\":");
        hub_message_json(b, table, row, replies);
        hub_buf_addc(b, '}');
    } else {
        hub_buf_addz(b, "\"deleted\":true}");
    }
}

/* What is for the reader, with a number in COLUMN after SINCE and a seq of at most TO. */
static void select_replay(struct reading *r, int column, int64_t to, bool with_inactive, hub_rows_cb *done) {
    struct hub_store *store = hub_of(r->room)->engine->config.store;
    const struct hub_cond where[] = {
        {.column = HUB_MSG_ROOM_ID, .value = hub_cell_text(hub_cstr(r->room->id))},
        {.column = column, .cmp = HUB_GT, .value = hub_cell_int(r->since)},
        {.column = HUB_MSG_SEQ, .cmp = HUB_LE, .value = hub_cell_int(to)},
        hub_audience_cond(hub_cstr(r->reader)),
    };
    const struct hub_select q = {.table = hub_of(r->room)->tables->message,
                                 .where = where,
                                 .where_n = HUB_NELEM(where),
                                 .order_by = column,
                                 .limit = REPLAY_MAX + 1,
                                 .max_bytes = HUB_RESULT_MAX,
                                 .with_inactive = with_inactive};
    store->ops->select(store, &q, done, r);
}

static void conclude_replay(struct reading *r) {
    hub_buf_addz(&r->fields, ",\"hasMore\":false,\"recovered\":true");
    fill_replies(r);
}

static void on_removed(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct reading *r = arg;
    (void)error;
    if (code)
        finish_reading(r, code);
    else if (rows->n && hub_row(rows, 0)[HUB_RMV_UP_TO].i > r->since)
        not_recovered(r);
    else
        conclude_replay(r);
}

/* Whether something above SINCE is gone for good (retention). It is asked last: what goes later than that
 * was read before. */
static void ask_removed(struct reading *r) {
    const struct hub_hub *hub = hub_of(r->room);
    struct hub_store *store = hub->engine->config.store;
    const struct hub_cond where = {.column = HUB_RMV_ROOM_ID, .value = hub_cell_text(hub_cstr(r->room->id))};
    const struct hub_select q = {
        .table = hub->tables->removed, .where = &where, .where_n = 1, .order_by = HUB_RMV_ROOM_ID, .limit = 1};
    if (hub->tables->removed)
        store->ops->select(store, &q, on_removed, r);
    else
        conclude_replay(r);
}

static void on_changes(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct reading *r = arg;
    (void)error;
    if (code) {
        finish_reading(r, code);
        return;
    }
    hub_rows_are(r->room, &r->result, rows);
    if (rows->n + r->messages > REPLAY_MAX || rows->cut) {
        not_recovered(r);
        return;
    }
    hub_buf_addz(&r->fields, ",\"changes\":[");
    for (size_t i = 0; i < rows->n; i++) {
        if (i) hub_buf_addc(&r->fields, ',');
        add_change(&r->fields, rows->table, hub_row(rows, i), &r->replies);
    }
    hub_buf_addc(&r->fields, ']');
    ask_removed(r);
}

/* The present state of older messages that changed after SINCE: also of those that changed again after
 * UPTO. A message has one changeSeq, and what happened to it before UPTO would be lost with a message that
 * is left out for what happened since; the later change comes live once more. */
static void read_changes(struct reading *r) { select_replay(r, HUB_MSG_CHANGE_SEQ, r->since, true, on_changes); }

static void on_missed(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct reading *r = arg;
    (void)error;
    if (code) {
        finish_reading(r, code);
        return;
    }
    hub_rows_are(r->room, &r->result, rows);
    if (rows->n > REPLAY_MAX || rows->cut) {
        not_recovered(r);
        return;
    }
    r->messages = rows->n;
    hub_messages_json(&r->fields, rows, rows->n, false, &r->replies);
    read_changes(r);
}

static void read_missed(struct reading *r) { select_replay(r, HUB_MSG_SEQ, r->upto, false, on_missed); }

static void start_reading(struct hub_result *result) {
    struct reading *r = HUB_CONTAINER(result, struct reading, result);
    if (r->replay)
        read_missed(r);
    else
        read_latest(r);
}

void hub_history_on_join(struct hub_room *room, struct hub_str reader, int64_t upto, int64_t limit, bool has_since,
                         int64_t since, struct hub_str epoch, hub_history_done *done, void *arg) {
    struct reading *r = hub_xcalloc(1, sizeof *r);
    *r = (struct reading){.room = hub_room_ref(room),
                          .reader = hub_str_dup(reader),
                          .result.start = start_reading,
                          .upto = upto,
                          .limit = bounded_limit(limit),
                          .wanted = hub_rows_wanted(room, bounded_limit(limit)),
                          .since = has_since ? since : -1,
                          .done = done,
                          .arg = arg};
    bool same_life = !epoch.n || hub_str_is(epoch, room->sequence.epoch);
    r->replay = has_since && same_life && since <= upto;
    hub_rows_ask(room, &r->result, reader, r->replay && upto - since > r->wanted ? upto - since : r->wanted);
}

/* ---- hub:history and GET messages ---- */

struct page {
    struct hub_call *call;
    struct hub_result result;
    int64_t limit, wanted, offset;
    bool newest_first, events, has_more;
    struct hub_buf fields;
    struct hub_replies replies;
};

static void free_page(struct page *p, struct hub_engine *e) {
    hub_result_over(&e->reads, &p->result);
    hub_replies_free(&p->replies);
    hub_buf_free(&p->fields);
    free(p);
}

static void fail_page(struct page *p, enum hub_code code, const char *error) {
    struct hub_engine *e = p->call->hub->engine;
    hub_call_fail_store(p->call, code, error);
    free_page(p, e);
}

static void end_page(struct page *p, int64_t total) {
    struct hub_engine *e = p->call->hub->engine;
    if (total >= 0) hub_buf_addf(&p->fields, ",\"totalRowCount\":%lld", (long long)total);
    hub_call_show(p->call, "messages", hub_buf_str(&p->fields));
    free_page(p, e);
}

static void on_total(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    int64_t total;
    (void)error;
    end_page(arg, !code && rows->n && hub_str_i64(hub_row(rows, 0)[0].s, &total) ? total : -1);
}

static void add_filter(struct hub_call *call, const char *key, int column, struct hub_cond *where, size_t *n) {
    struct hub_str v = hub_call_str(call, key);
    if (v.n) where[(*n)++] = (struct hub_cond){.column = column, .value = hub_cell_text(v)};
}

/* What of the room's past the caller asks for; WHERE has room for PAGE_CONDS. */
#define PAGE_CONDS 7
static size_t page_conds(struct hub_call *call, struct hub_cond *where) {
    size_t n = 0;
    where[n++] = (struct hub_cond){.column = HUB_MSG_ROOM_ID, .value = hub_cell_text(hub_cstr(call->room->id))};
    where[n++] =
        (struct hub_cond){.column = HUB_MSG_SEQ, .cmp = HUB_LE, .value = hub_cell_int(call->room->sequence.number)};
    where[n++] = hub_audience_cond(hub_cstr(call->who->user_id));
    add_filter(call, "messageType", HUB_MSG_MESSAGE_TYPE, where, &n);
    add_filter(call, "senderId", HUB_MSG_SENDER_ID, where, &n);
    return n;
}

/* Pages are asked for by number: then their count matters. */
static void count_all(struct page *p) {
    struct hub_store *store = p->call->hub->engine->config.store;
    struct hub_cond where[PAGE_CONDS];
    const struct hub_select q = {.table = p->call->hub->tables->message,
                                 .where = where,
                                 .where_n = page_conds(p->call, where),
                                 .order_by = -1,
                                 .limit = 1,
                                 .count = true};
    store->ops->select(store, &q, on_total, p);
}

/* Asked for by its number: it must have all its rows, or the next one would not begin where it ends. */
static bool is_numbered(const struct page *p) {
    return hub_json_get(p->call->args, "pageNumber") || hub_json_get(p->call->args, "pageRowCount");
}

static void on_page_previews(void *arg) {
    struct page *p = arg;
    if (is_numbered(p))
        count_all(p);
    else
        end_page(p, -1);
}

static void finish_page(struct page *p) {
    hub_buf_addf(&p->fields, ",\"hasMore\":%s", p->has_more ? "true" : "false");
    hub_previews_fill(p->call->room, hub_viewer_of(p->call), &p->fields, &p->replies, on_page_previews, p);
}

static void on_events(void *arg, enum hub_code code, struct hub_str json) {
    struct page *p = arg;
    if (code) {
        fail_page(p, code, NULL);
        return;
    }
    hub_buf_addz(&p->fields, ",\"events\":");
    hub_buf_adds(&p->fields, json);
    finish_page(p);
}

/* The events of the page's time. Spans of neighbouring pages touch: who reads all pages gets every event
 * once. */
static void add_events(struct page *p, int64_t last_seq) {
    struct hub_span span = {.start = hub_json_get_int(p->call->args, "after", 0),
                            .end = hub_json_get_int(p->call->args, "before", 0)};
    if (p->has_more) *(p->newest_first ? &span.start : &span.end) = last_seq;
    hub_stored_events(p->call->room, &span, on_events, p);
}

static void on_page(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct page *p = arg;
    if (code) {
        fail_page(p, code, error);
        return;
    }
    hub_rows_are(p->call->room, &p->result, rows);
    bool cut = rows->cut || ((int64_t)rows->n == p->wanted && p->wanted <= p->limit);
    if (cut && is_numbered(p)) {
        fail_page(p, HUB_TOO_LARGE,
                  "the page is larger than 4 MiB: ask for fewer messages by pageRowCount, or with before and limit");
        return;
    }
    size_t take = rows->n > (size_t)p->limit ? (size_t)p->limit : rows->n;
    hub_messages_json(&p->fields, rows, take, p->newest_first, &p->replies);
    p->has_more = rows->n > take || cut;
    if (p->events)
        add_events(p, take ? hub_row(rows, take - 1)[HUB_MSG_SEQ].i : 0);
    else
        finish_page(p);
}

/* before/after as given. */
static void add_bound(struct hub_call *call, const char *key, enum hub_cmp cmp, struct hub_cond *where, size_t *n) {
    if (hub_json_nil(hub_json_get(call->args, key))) return;
    where[(*n)++] = (struct hub_cond){
        .column = HUB_MSG_SEQ, .cmp = cmp, .value = hub_cell_int(hub_json_get_int(call->args, key, 0))};
}

static void read_page(struct hub_result *result) {
    struct page *p = HUB_CONTAINER(result, struct page, result);
    struct hub_call *call = p->call;
    struct hub_store *store = call->hub->engine->config.store;
    struct hub_cond where[PAGE_CONDS];
    size_t n = page_conds(call, where);
    add_bound(call, "before", HUB_LT, where, &n);
    add_bound(call, "after", HUB_GT, where, &n);
    const struct hub_select q = {.table = call->hub->tables->message,
                                 .where = where,
                                 .where_n = n,
                                 .order_by = HUB_MSG_SEQ,
                                 .descending = p->newest_first,
                                 .limit = p->wanted,
                                 .max_bytes = HUB_RESULT_MAX,
                                 .offset = p->offset > 0 ? p->offset : 0};
    store->ops->select(store, &q, on_page, p);
}

/* ---- the request ---- */

static const struct hub_arg history_args[] = {
    HUB_ARG_ROOM,
    {"before", HUB_ARG_INT, .most = INT64_MAX, .expected = "a seq (a whole number)", .help = "Those below that `seq`."},
    {"after", HUB_ARG_INT, .most = INT64_MAX, .expected = "a seq (a whole number)",
     .help = "Those above that `seq`, the oldest first."},
    {"messageType", HUB_ARG_TEXT, .most = 255, .help = "Of that type only."},
    {"senderId", HUB_ARG_TEXT, .most = 255, .help = "Of that sender only."},
    {"include", HUB_ARG_TEXT, .expected = "\"events\"", .help = "`events`: also the stored custom events of that time.",
     .shape = "`events`"},
    {"limit", HUB_ARG_INT, HUB_ARG_CAPPED, 1, HUB_PAGE_MAX, .help = "How many; historyLimit unless given."},
    {"offset", HUB_ARG_INT, HUB_ARG_PAGE | HUB_ARG_HIDDEN, 0, INT64_MAX, .help = "Of a page by number."},
    {"pageNumber", HUB_ARG_INT, HUB_ARG_PAGE, 1, HUB_PAGES_MAX, .help = "A page by number, with totals."},
    {"pageRowCount", HUB_ARG_INT, HUB_ARG_PAGE, 1, HUB_PAGE_MAX, .help = "How many such a page has; 25 unless given."},
    {0},
};

static enum hub_code check_include(const struct hub_call *call, bool *events, struct hub_err *err) {
    const json_t *include = hub_json_get(call->args, "include");
    *events = hub_str_is(hub_json_str(include), "events");
    if (!hub_json_nil(include) && !*events) return hub_fail(err, HUB_BAD_REQUEST, "include: expected \"events\"");
    if (*events && hub_json_get_int(call->args, "offset", 0))
        return hub_fail(err, HUB_BAD_REQUEST, "include: events come with before and after, not with pageNumber");
    return HUB_OK;
}

static void read_history(struct hub_call *call) {
    struct hub_err err;
    bool events;
    if (check_include(call, &events, &err)) {
        hub_call_fail_with(call, &err, hub_str(NULL, 0));
        return;
    }
    int64_t limit = hub_arg_int(history_args, call->args, "limit", call->hub->def->history_limit);
    struct page *p = hub_xcalloc(1, sizeof *p);
    *p = (struct page){.call = call,
                       .limit = bounded_limit(limit),
                       .wanted = bounded_limit(limit) + 1,
                       .offset = hub_json_get_int(call->args, "offset", 0),
                       .newest_first = hub_json_nil(hub_json_get(call->args, "after")),
                       .result.start = read_page,
                       .events = events};
    if (!is_numbered(p)) p->wanted = hub_rows_wanted(call->room, p->limit);
    hub_rows_ask(call->room, &p->result, hub_cstr(call->who->user_id), p->wanted);
}

/* ---- the part ---- */

static const struct hub_field history_answer[] = {
    {"messages", "list of message", .help = "In ascending `seq`."},
    {"hasMore", "boolean", .help = "Whether there are more beyond them."},
    {"events", "list of object", .help = "With `include`.", .optional = true},
    {"totalRowCount", "integer", .help = "Number of messages in all; only for pages by number.", .optional = true},
    {0},
};

static const struct hub_command history_commands[] = {
    {.name = "hub:history",
     .help = "Messages of the room's past.",
     .flags = HUB_READS | HUB_PAST,
     .gates = HUB_GATES(&hub_gate_reads, &hub_gate_room, &hub_gate_read, &hub_gate_args),
     .args = history_args,
     .rest = {"GET", "rooms/:roomId/messages", 200},
     .answer = history_answer,
     .codes = {HUB_OVERLOADED, HUB_TOO_LARGE, HUB_STORE_UNAVAILABLE},
     .run = read_history},
    {0},
};

static void describe_history(const struct hub_hub *hub, json_t *out) {
    json_t *history = json_object_get(out, "history");
    json_object_set_new(history, "enabled", json_boolean(hub->def->history_enabled));
    json_object_set_new(history, "limit", json_integer(hub->def->history_limit));
}

const struct hub_part hub_history_part = {
    .name = "history",
    .help = "A room's past: on joining, by pages, and what was missed.",
    .commands = history_commands,
    .keywords = "historyEnabled historyLimit",
    .describe = describe_history,
};
