/* The state of a room in use. Whoever owns the room works out all changes, one after the other; those that
 * wait are committed together, then put into memory, told and answered in their order. */
#include <stdlib.h>

#include "hub/shared_state/shared_state_int.h"

#define WAITING_MAX 1024
#define WAITING_BYTES ((size_t)16 << 20) /* of what they bring */
#define BATCH_MAX 256

static struct hub_metric changes_total =
    HUB_METRIC(HUB_COUNTER, "hubd_room_state_changes_total", NULL, "Changes of the state of rooms");
static struct hub_metric bytes_gauge =
    HUB_METRIC(HUB_GAUGE, "hubd_room_state_bytes", NULL, "Bytes of JSON in the state of rooms in memory");

/* One that asked. */
struct asking {
    struct hub_list link;
    struct hub_hold hold;  /* so that the definition stays */
    struct hub_room *room; /* reference */
    size_t bytes;
    struct hub_state_step step;
    hub_shared_state_done *done;
    void *arg;
};

static void on_retry(struct hub_retry *r, bool give_up);

struct hub_shared *hub_shared_of(struct hub_room *room) {
    void **at = hub_room_data(room, &hub_shared_state_part);
    if (*at) return *at;
    struct hub_shared *s = *at = hub_xcalloc(1, sizeof *s);
    s->room = room;
    s->retry.again = on_retry;
    hub_list_init(&s->waiting);
    hub_list_init(&s->batch);
    return s;
}

static const struct hub_state_keeper *keeper_of(const struct hub_room *room) {
    return hub_of(room)->tables->room_state ? &hub_state_in_store : &hub_state_in_memory;
}

bool hub_shared_is_known(const struct hub_shared *s) { return s->keeper == keeper_of(s->room) && !s->doubtful; }

/* ---- what is in memory ---- */

static void count_bytes(struct hub_shared *s, size_t now) {
    hub_metric_add(&bytes_gauge, (int64_t)now - (int64_t)s->bytes);
    s->bytes = now;
}

static void drop_entries(struct hub_shared *s) {
    for (void *e; (e = hub_map_drain(&s->entries));) free(e);
    count_bytes(s, 0);
    hub_shared_forget_shown(s);
}

static void put_in_memory(struct hub_shared *s, struct hub_str key, struct hub_state_entry *e) {
    struct hub_state_entry *old = e ? hub_map_put(&s->entries, key, e) : hub_map_del(&s->entries, key);
    count_bytes(s, s->bytes + (e ? e->cost : 0) - (old ? old->cost : 0));
    free(old);
}

struct hub_str hub_shared_state_value(struct hub_room *room, struct hub_str key) {
    return hub_state_text(hub_map_get(&hub_shared_of(room)->entries, key));
}

json_t *hub_shared_state_keys(struct hub_room *room) {
    json_t *keys = json_array();
    struct hub_str key;
    for (void *it = NULL; (it = hub_map_next(&hub_shared_of(room)->entries, it, &key, NULL));)
        json_array_append_new(keys, hub_json_string(key));
    return keys;
}

void hub_shared_state_entries(struct hub_room *room, struct hub_buf *out) {
    struct hub_str key;
    void *value;
    char before = '{';
    const struct hub_map *entries = &hub_shared_of(room)->entries;
    for (void *it = NULL; (it = hub_map_next(entries, it, &key, &value)); before = ',') {
        hub_buf_addc(out, before);
        hub_json_add_string(out, key);
        hub_buf_addc(out, ':');
        hub_buf_adds(out, hub_state_text(value));
    }
    hub_buf_addz(out, before == '{' ? "{}" : "}");
}

/* ---- answers ---- */

static void asking_free(struct hub_shared *s, struct asking *a) {
    s->waiting_bytes -= a->bytes;
    hub_unhold(&a->hold);
    hub_state_step_free(&a->step);
    hub_room_unref(a->room); /* S may be gone */
    free(a);
}

static void refuse_list(struct hub_shared *s, struct hub_list *asked, enum hub_code code) {
    struct hub_list all;
    hub_list_init(&all);
    hub_list_splice(&all, asked);
    for (struct hub_list *l; (l = hub_list_pop(&all));) {
        struct asking *a = HUB_CONTAINER(l, struct asking, link);
        a->done(a->arg, code, NULL, NULL);
        asking_free(s, a);
    }
}

static void tell_readers(struct hub_shared *s, const void *by) {
    struct hub_engine *e = hub_of(s->room)->engine;
    HUB_PARTS_CALL(e, readable_changed, e, HUB_READABLE_STATE, hub_of(s->room), hub_cstr(s->room->id), by);
}

/* It is committed: from here on everybody knows. */
static void apply_step(struct hub_shared *s, struct hub_state_step *step, const void *by) {
    if (step->op == HUB_STATE_CLEAR)
        drop_entries(s);
    else
        put_in_memory(s, hub_cstr(step->key), step->entry);
    step->entry = NULL;
    s->version = step->out.version;
    hub_shared_forget_shown(s);
    hub_metric_add(&changes_total, 1);
    hub_shared_tell(s, step);
    tell_readers(s, by);
}

static void answer_asking(struct hub_shared *s, struct asking *a) {
    if (a->step.out.changed) apply_step(s, &a->step, a->arg);
    if (a->step.err.code)
        a->done(a->arg, a->step.err.code, a->step.err.text, NULL);
    else
        a->done(a->arg, HUB_OK, NULL, &a->step.out);
    asking_free(s, a);
}

/* ---- one batch ---- */

static void go_on(struct hub_shared *s);
static void look_again(struct hub_shared *s);

static void end_batch(struct hub_shared *s, enum hub_code code) {
    struct hub_list done;
    hub_list_init(&done);
    hub_list_splice(&done, &s->batch);
    hub_map_clear(&s->next.edits);
    if (code) {
        s->doubtful = true;
        refuse_list(s, &done, code);
        look_again(s);
    } else {
        if (s->next.takes_out && s->next.cleared) s->cleared = s->next.cleared;
        for (struct hub_list *l; (l = hub_list_pop(&done));) answer_asking(s, HUB_CONTAINER(l, struct asking, link));
    }
    hub_room_use(s->room);
    s->busy = false;
}

static void on_saved(void *arg, enum hub_code code) {
    struct hub_shared *s = arg;
    struct hub_room *room = hub_room_ref(s->room);
    end_batch(s, code);
    go_on(s);
    hub_room_unref(room);
}

static void work_batch(struct hub_shared *s) {
    const size_t most = (size_t)hub_of(s->room)->def->limits.state_bytes;
    s->next = (struct hub_state_next){
        .base = &s->entries, .version = s->version, .keys = hub_map_len(&s->entries), .bytes = s->bytes};
    for (int i = 0; i < BATCH_MAX && !hub_list_empty(&s->waiting); i++) {
        struct asking *a = HUB_CONTAINER(hub_list_pop(&s->waiting), struct asking, link);
        s->waiting_n--;
        hub_list_push(&s->batch, &a->link);
        hub_state_work_out(&s->next, &a->step, most);
    }
    s->busy = true;
    if (s->next.version == s->version)
        end_batch(s, HUB_OK);
    else
        s->keeper->save(s->room, &s->next, s->next.cleared ? s->next.cleared : s->cleared, on_saved, s);
}

/* ---- reading ---- */

/* The room's own row says up to where keys were cleared: rows that should have gone then are passed over. */
static void read_room_row(struct hub_shared *s, const struct hub_rows *rows) {
    s->version = s->cleared = 0;
    for (size_t i = 0; i < rows->n; i++) {
        const struct hub_cell *row = hub_row(rows, i);
        if (row[HUB_RST_VERSION].i > s->version) s->version = row[HUB_RST_VERSION].i;
        if (!row[HUB_RST_KEY].s.n && !hub_str_i64(row[HUB_RST_VALUE].s, &s->cleared)) s->cleared = 0;
    }
}

static void read_rows(struct hub_shared *s, const struct hub_rows *rows) {
    drop_entries(s);
    read_room_row(s, rows);
    for (size_t i = 0; i < rows->n; i++) {
        const struct hub_cell *row = hub_row(rows, i);
        struct hub_str key = row[HUB_RST_KEY].s;
        if (key.n && row[HUB_RST_VERSION].i > s->cleared)
            put_in_memory(s, key, hub_state_entry_new(key, row[HUB_RST_VALUE].s));
    }
}

/* Those who were shown what was in memory before are shown what there is now, if that is something else; and
 * guards that have read it are asked again. */
static void take_rows(struct hub_shared *s, const struct hub_rows *rows) {
    static const struct hub_rows none = {0};
    int64_t version = s->version;
    bool was_known = s->keeper, elsewhere = s->keeper != keeper_of(s->room);
    read_rows(s, rows ? rows : &none);
    s->keeper = keeper_of(s->room);
    s->doubtful = false;
    if (!elsewhere && s->version == version) return;
    if (s->told) hub_shared_tell_all(s);
    if (was_known) tell_readers(s, NULL);
}

static void on_loaded(void *arg, enum hub_code code, const struct hub_rows *rows) {
    struct hub_shared *s = arg;
    struct hub_room *room = hub_room_ref(s->room);
    if (code) {
        s->waiting_n = 0;
        refuse_list(s, &s->waiting, code);
    } else if (s->asked == keeper_of(room)) { /* else a reload came between, and it is kept elsewhere */
        take_rows(s, rows);
    }
    s->busy = false;
    go_on(s);
    hub_room_unref(room);
}

static void refuse_waiting(struct hub_shared *s, enum hub_code code) {
    s->waiting_n = 0;
    refuse_list(s, &s->waiting, code);
}

static void take_step(struct hub_shared *s) {
    if (hub_of(s->room)->engine->retries.stopped) {
        refuse_waiting(s, HUB_SHUTTING_DOWN); /* the store takes nothing any more */
    } else if (hub_hub_gone(hub_of(s->room))) {
        refuse_waiting(s, HUB_NOT_FOUND);
    } else if (!hub_of(s->room)->def->shared_state.on) {
        refuse_waiting(s, HUB_FEATURE_DISABLED);
    } else if (hub_shared_is_known(s)) {
        work_batch(s);
    } else {
        s->busy = true;
        s->asked = keeper_of(s->room);
        s->asked->load(s->room, on_loaded, s);
    }
}

/* A loop, not a recursion: what is kept in memory answers at once. */
static void go_on(struct hub_shared *s) {
    if (s->going) return;
    s->going = true;
    while (!s->busy && s->waiting_n) take_step(s);
    s->going = false;
}

/* ---- asking ---- */

static size_t bytes_of(const struct hub_state_change *c) {
    return c->key.n + (c->value ? hub_json_cost(c->value) : 0) + (c->was ? hub_json_cost(c->was) : 0);
}

void hub_shared_state_ask(struct hub_room *room, const struct hub_state_change *c, hub_shared_state_done *done,
                          void *arg) {
    struct hub_shared *s = hub_shared_of(room);
    size_t bytes = bytes_of(c);
    if (s->waiting_n >= WAITING_MAX || (s->waiting_n && s->waiting_bytes + bytes > WAITING_BYTES)) {
        done(arg, HUB_OVERLOADED, "too many requests for the room's state wait", NULL);
        return;
    }
    struct asking *a = hub_xcalloc(1, sizeof *a);
    *a = (struct asking){.room = hub_room_ref(room), .bytes = bytes, .done = done, .arg = arg};
    hub_state_step_init(&a->step, c);
    hub_hold(&hub_of(room)->engine->holds, &a->hold, "state request");
    hub_list_push(&s->waiting, &a->link);
    s->waiting_n++;
    s->waiting_bytes += bytes;
    hub_room_ref(room);
    go_on(s);
    hub_room_unref(room);
}

/* ---- members who may have missed something ---- */

static void on_read_again(void *arg, enum hub_code code, const char *error, const struct hub_state_outcome *o) {
    struct hub_shared *s = arg;
    (void)error, (void)o;
    if (!code) {
        if (s->owed) hub_shared_tell_all(s);
        s->owed = false;
        return;
    }
    if (s->retrying || !hub_retry_anyway(&hub_of(s->room)->engine->retries, &s->retry, code)) return;
    s->retrying = true;
    hub_room_ref(s->room);
}

/* Also when nobody is in the room: guards may have read it, wherever their connections are. */
static void look_again(struct hub_shared *s) {
    const struct hub_state_change read = {.op = HUB_STATE_READ};
    hub_shared_state_ask(s->room, &read, on_read_again, s);
}

void hub_shared_show_all(struct hub_shared *s) {
    if (hub_group_size(s->room->readers)) look_again(s);
}

static void on_retry(struct hub_retry *r, bool give_up) {
    struct hub_shared *s = HUB_CONTAINER(r, struct hub_shared, retry);
    struct hub_room *room = s->room;
    s->retrying = false;
    if (!give_up && (s->doubtful || hub_group_size(s->room->readers))) look_again(s);
    hub_room_unref(room);
}

/* ---- the part ---- */

/* It may be kept elsewhere from now on, and members may hear of it who did not before. */
static void room_reloaded(struct hub_room *room) {
    struct hub_shared *s = *hub_room_data(room, &hub_shared_state_part);
    if (!hub_shared_syncs(room)) {
        if (s) s->told = false;
        return;
    }
    if (!s) s = hub_shared_of(room);
    s->owed = !s->told;
    if (s->owed || !hub_shared_is_known(s)) hub_shared_show_all(s);
}

static bool room_keeps(struct hub_room *room) {
    const struct hub_shared *s = *hub_room_data(room, &hub_shared_state_part);
    return s && s->keeper == &hub_state_in_memory && hub_map_len(&s->entries);
}

/* What is nowhere else ends with the room, which is a change for whoever has read it. */
static void lose_entries(struct hub_shared *s) {
    bool any = hub_map_len(&s->entries);
    drop_entries(s);
    s->version = 0;
    s->keeper = NULL;
    s->told = false;
    if (any) tell_readers(s, NULL);
}

static void room_closed(struct hub_room *room) {
    struct hub_shared *s = *hub_room_data(room, &hub_shared_state_part);
    if (s && s->keeper == &hub_state_in_memory) lose_entries(s);
}

static void room_emptied(struct hub_room *room) {
    void **at = hub_room_data(room, &hub_shared_state_part);
    struct hub_shared *s = *at;
    if (!s) return;
    room_closed(room);
    drop_entries(s);
    hub_map_clear(&s->entries);
    free(s);
    *at = NULL;
}

static bool has_state(const struct hub_def *def) { return def->shared_state.on; }

static void describe_state(const struct hub_hub *hub, json_t *out) {
    const struct hub_def_shared_state *d = &hub->def->shared_state;
    if (!d->on) return;
    json_object_set_new(out, "roomState",
                        json_pack("{s:b, s:b, s:b, s:I}", "sync", d->sync, "writable",
                                  d->can_write.kind != HUB_SCRIPT_NONE, "persist", d->persist, "maxBytes",
                                  (json_int_t)hub->def->limits.state_bytes));
}

static const struct hub_field state_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"entries", "object", .help = "All keys and their values."},
    {"version", "integer", .help = "It grows by one with each change; 0: there has been none."},
    {0},
};
static const struct hub_field change_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"key", "text", .help = "The key.", .optional = true},
    {"value", "JSON", .help = "What it is now.", .optional = true},
    {"deleted", "boolean", .help = "True: it is gone.", .optional = true},
    {"cleared", "boolean", .help = "True: all keys are gone.", .optional = true},
    {"version", "integer", .help = "The version that this change has led to."},
    {0},
};
static const struct hub_told_event told[] = {
    {"hub:roomState", "the connection", "it has joined, after `hub:history`; those with canRead: it was read anew",
     state_fields},
    {"hub:roomStateChanged", "those with canRead", "the state of the room has changed", change_fields},
    {0},
};

const struct hub_part hub_shared_state_part = {
    .name = "state.shared",
    .help = "Keys and values that the members of a room and scripts share.",
    .commands = hub_shared_state_commands,
    .told = told,
    .tables = "State",
    .keywords = "state",
    .room_data = true,
    .declared = has_state,
    .room_reloaded = room_reloaded,
    .room_keeps = room_keeps,
    .room_closed = room_closed,
    .room_emptied = room_emptied,
    .describe = describe_state,
};
