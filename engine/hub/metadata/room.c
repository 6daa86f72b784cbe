/* Metadata of rooms. Whoever owns the room works out all changes of it, one after the other: in memory while
 * something is asked of it, and committed before it is answered. Those that wait are committed together. */
#include <stdlib.h>

#include "hub/metadata/metadata_int.h"

#define BOUND "metadata.room.maxBytes"
#define WAITING_MAX 1024
#define BATCH_MAX 16 /* worked out in one go: each may cost as much as maxBytes takes to be written */

/* One that asked. */
struct asking {
    struct hub_list link;
    struct hub_hold hold;  /* so that the definition stays */
    struct hub_room *room; /* reference */
    json_t *change, *only;
    enum hub_metadata_strategy strategy;
    hub_room_metadata_done *done;
    void *arg;
    struct hub_err err; /* what its change was refused with */
    json_t *value;      /* as it is after it */
    int64_t version;
    bool changed; /* by it */
};

/* Of a room in use. Lives as long as it. */
struct kept {
    struct hub_room *room;
    json_t *value; /* NULL: not known */
    int64_t version;
    bool busy;     /* the keeper has not answered yet, or answers are being given */
    bool stale;    /* it was committed by another definition: to be read again */
    bool doubtful; /* nobody knows what was written last; */
    int64_t last;  /* the version before it */
    struct hub_list waiting, batch;
    size_t waiting_n;
    json_t *next; /* what is being written */
    int64_t next_version;
    struct hub_retry retry; /* of reading what is doubtful */
    bool retrying;
};

static void on_retry(struct hub_retry *r, bool give_up);

static struct kept *kept_of(struct hub_room *room) {
    void **at = hub_room_data(room, &hub_room_metadata_part);
    if (*at) return *at;
    struct kept *k = *at = hub_xcalloc(1, sizeof *k);
    k->room = room;
    k->retry.again = on_retry;
    hub_list_init(&k->waiting);
    hub_list_init(&k->batch);
    return k;
}

static const struct hub_metadata_keeper *keeper_of(const struct hub_room *room) {
    return hub_of(room)->tables->room_metadata ? &hub_metadata_in_store : &hub_metadata_in_cache;
}

/* ---- answers ---- */

static void asking_free(struct asking *a) {
    hub_unhold(&a->hold);
    hub_room_unref(a->room);
    json_decref(a->change);
    json_decref(a->only);
    json_decref(a->value);
    free(a);
}

static void answer_asking(struct asking *a, enum hub_code code, const char *error) {
    if (!code && a->err.code)
        a->done(a->arg, a->err.code, a->err.text, NULL, 0);
    else
        a->done(a->arg, code, error, code ? NULL : a->value, a->version);
    asking_free(a);
}

static void answer_list(struct hub_list *asked, enum hub_code code, const char *error) {
    for (struct hub_list *l; (l = hub_list_pop(asked));)
        answer_asking(HUB_CONTAINER(l, struct asking, link), code, error);
}

/* ---- working them out ---- */

static void forget_value(struct kept *k) {
    json_decref(k->value);
    k->value = NULL;
    k->version = 0;
}

/* Works A out on what those before it have left. */
static void apply_change(struct kept *k, struct asking *a) {
    const struct hub_def_room_metadata *def = &hub_of(k->room)->def->room_metadata;
    json_t *value = a->change ? hub_metadata_changed(k->next, a->change, a->strategy, a->only) : NULL;
    if (value && !hub_metadata_check(value, BOUND, def->max_bytes, &a->err) && !json_equal(value, k->next)) {
        json_decref(k->next);
        k->next = json_incref(value);
        k->next_version++;
        a->changed = true;
    }
    json_decref(value);
    a->value = json_incref(k->next);
    a->version = k->next_version;
}

static void go_on(struct kept *k);

/* Those that were asked before are answered, and others may go on. K may be gone afterwards. */
static void end_step(struct kept *k, struct hub_list *answered, enum hub_code code, const char *error) {
    struct hub_room *room = hub_room_ref(k->room);
    if (k->stale) forget_value(k);
    k->stale = false;
    answer_list(answered, code, error);
    k->busy = false;
    go_on(k);
    hub_room_unref(room);
}

static void tell_readers(struct hub_room *room, const void *by) {
    struct hub_engine *e = hub_of(room)->engine;
    HUB_PARTS_CALL(e, readable_changed, e, HUB_READABLE_ROOM_METADATA, hub_of(room), hub_cstr(room->id), by);
}

/* Of each change: whoever has made one of several has not made the others. */
static void tell_changes(struct hub_room *room, struct hub_list *done) {
    HUB_LIST_EACH(done, it) {
        const struct asking *a = HUB_CONTAINER(it, struct asking, link);
        if (a->changed) tell_readers(room, a->arg);
    }
}

/* ---- what became of a write that failed ---- */

static void on_looked(void *arg, enum hub_code code, const char *error, json_t *value, int64_t version) {
    struct kept *k = arg;
    (void)error, (void)value, (void)version;
    if (!code || k->retrying || !hub_retry_anyway(&hub_of(k->room)->engine->retries, &k->retry, code)) return;
    k->retrying = true;
    hub_room_ref(k->room);
}

/* Guards may have read what was there before. */
static void look_again(struct kept *k) { hub_room_metadata_read(k->room, on_looked, k); }

static void on_retry(struct hub_retry *r, bool give_up) {
    struct kept *k = HUB_CONTAINER(r, struct kept, retry);
    struct hub_room *room = k->room;
    k->retrying = false;
    if (!give_up && k->doubtful) look_again(k);
    hub_room_unref(room);
}

/* ---- one batch ---- */

static void end_batch(struct kept *k, enum hub_code code, const char *error) {
    struct hub_list done;
    hub_list_init(&done);
    hub_list_splice(&done, &k->batch);
    int64_t version = k->version;
    forget_value(k);
    if (!code) {
        hub_metadata_count(k->next_version - version);
        k->value = k->next;
        k->version = k->next_version;
        tell_changes(k->room, &done);
    } else {
        json_decref(k->next); /* it may have been written all the same: the next one reads what there is */
        k->doubtful = true;
        k->last = version;
        look_again(k);
    }
    k->next = NULL;
    end_step(k, &done, code, error);
}

static void on_saved(void *arg, enum hub_code code, const char *error) { end_batch(arg, code, error); }

static void work_batch(struct kept *k) {
    k->next = json_incref(k->value);
    k->next_version = k->version;
    for (int i = 0; i < BATCH_MAX && !hub_list_empty(&k->waiting); i++) {
        struct asking *a = HUB_CONTAINER(hub_list_pop(&k->waiting), struct asking, link);
        k->waiting_n--;
        hub_list_push(&k->batch, &a->link);
        apply_change(k, a);
    }
    k->busy = true;
    if (k->next_version == k->version)
        end_batch(k, HUB_OK, NULL);
    else
        keeper_of(k->room)->save(k->room, k->next, k->next_version, on_saved, k);
}

static void on_loaded(void *arg, enum hub_code code, struct hub_str text, int64_t version) {
    struct kept *k = arg;
    struct hub_list failed;
    hub_list_init(&failed);
    if (code) {
        hub_list_splice(&failed, &k->waiting);
        k->waiting_n = 0;
    } else {
        k->value = text.n ? hub_json_parse(text, NULL) : NULL;
        if (!k->value) k->value = json_object();
        k->version = version;
        if (k->doubtful && version != k->last) tell_readers(k->room, NULL);
        k->doubtful = false;
    }
    end_step(k, &failed, code, NULL);
}

static void refuse_waiting(struct kept *k, enum hub_code code) {
    struct hub_list left;
    hub_list_init(&left);
    hub_list_splice(&left, &k->waiting);
    k->waiting_n = 0;
    answer_list(&left, code, NULL);
}

static void go_on(struct kept *k) {
    if (k->busy || !k->waiting_n) return;
    if (hub_of(k->room)->engine->retries.stopped) {
        refuse_waiting(k, HUB_SHUTTING_DOWN); /* the store takes nothing any more */
    } else if (hub_hub_gone(hub_of(k->room))) {
        refuse_waiting(k, HUB_NOT_FOUND);
    } else if (k->value) {
        work_batch(k);
    } else {
        k->busy = true;
        keeper_of(k->room)->load(k->room, on_loaded, k);
    }
}

void hub_room_metadata_change(struct hub_room *room, const json_t *change, enum hub_metadata_strategy strategy,
                              const json_t *only, hub_room_metadata_done *done, void *arg) {
    struct kept *k = kept_of(room);
    if (k->waiting_n >= WAITING_MAX) {
        done(arg, HUB_OVERLOADED, "too many requests for the room's metadata wait", NULL, 0);
        return;
    }
    struct asking *a = hub_xcalloc(1, sizeof *a);
    *a = (struct asking){.room = hub_room_ref(room),
                         .change = json_incref((json_t *)(uintptr_t)change),
                         .only = json_incref((json_t *)(uintptr_t)only),
                         .strategy = strategy,
                         .done = done,
                         .arg = arg};
    hub_hold(&hub_of(room)->engine->holds, &a->hold, "metadata request");
    hub_list_push(&k->waiting, &a->link);
    k->waiting_n++;
    hub_room_ref(room);
    go_on(k);
    hub_room_unref(room);
}

/* ---- the part ---- */

/* It may be kept elsewhere from now on. */
static void room_reloaded(struct hub_room *room) {
    struct kept *k = *hub_room_data(room, &hub_room_metadata_part);
    if (!k) return;
    k->stale = k->busy;
    if (!k->busy) forget_value(k);
}

static void room_emptied(struct hub_room *room) {
    void **at = hub_room_data(room, &hub_room_metadata_part);
    struct kept *k = *at;
    if (!k) return;
    forget_value(k);
    free(k);
    *at = NULL;
}

static bool has_room_metadata(const struct hub_def *def) { return def->room_metadata.on; }

static void describe_room_metadata(const struct hub_hub *hub, json_t *out) {
    const struct hub_def_room_metadata *m = &hub->def->room_metadata;
    if (!m->on) return;
    json_object_set_new(out, "roomMetadata",
                        json_pack("{s:b, s:b, s:I}", "writable", m->can_write.kind != HUB_SCRIPT_NONE, "persist",
                                  m->persist, "maxBytes", (json_int_t)m->max_bytes));
}

const struct hub_part hub_room_metadata_part = {
    .name = "metadata.room",
    .help = "An object of each room.",
    .commands = hub_room_metadata_commands,
    .tables = "RoomMetadata",
    .room_data = true,
    .declared = has_room_metadata,
    .room_reloaded = room_reloaded,
    .room_emptied = room_emptied,
    .describe = describe_room_metadata,
};
