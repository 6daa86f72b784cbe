/* Joins, numbers and replays of one room. */
#include "room.h"

#include <stdlib.h>
#include <string.h>

#include "outbox.h"

enum { AGAIN_MS = 1000, PROVISIONAL_MAX = 1000 };

struct hubc_waiter {
    struct hubc_waiter *next;
    struct hubc_answer answer;
};

/* An attempt to join, or the question behind it. */
struct attempt {
    struct hubc_room *room;
    unsigned join;
    bool again; /* with the number that was reached */
};

static struct hubc_connection *connection_of(const struct hubc_room *r) { return &r->client->connection; }

static void ask_room(struct hubc_room *r, const char *event, json_t *payload, bool again, hubc_done_fn *done) {
    struct attempt *a = hubc_alloc(sizeof *a);
    *a = (struct attempt){r, r->joins, again};
    r->busy++;
    hubc_connection_ask(connection_of(r), event, payload, done, a);
}

/* Whose attempt it was; NULL: it is of no interest any more. */
static struct hubc_room *end_attempt_of(void *arg, bool *again) {
    struct attempt a = *(struct attempt *)arg;
    free(arg);
    a.room->busy--;
    *again = a.again;
    if (a.room->over) hubc_sweep_soon(a.room->client);
    return a.room->over || a.join != a.room->joins ? NULL : a.room;
}

static void tell_left(struct hubc_room *r, const struct hubc_failure *why) {
    json_t *payload = json_pack("{ssss s{ssss}}", "roomId", r->id, "reason", why->error.code, "error", "code",
                                why->error.code, "message", why->error.message);
    hubc_tell_event(r->client, "hub:left", payload);
    json_decref(payload);
}

static struct hubc_waiter *take_waiters(struct hubc_room *r) {
    struct hubc_waiter *first = r->waiters;
    r->waiters = r->last_waiter = NULL;
    return first;
}

static void settle_waiters(struct hubc_room *r, const struct hubc_failure *why) {
    struct hubc_waiter *next, *w = take_waiters(r);
    json_t *answer = json_incref(r->answer);
    for (; w; w = next) {
        next = w->next;
        struct hubc_answer a = w->answer;
        free(w);
        hubc_answer_give(&a, why, why ? NULL : answer);
    }
    json_decref(answer);
}

static void on_settle(void *arg) {
    struct hubc_room *r = arg;
    if (r->live) settle_waiters(r, NULL);
}

/* ---- the history ---- */

static bool take_next(struct hubc_room *r, int64_t seq) {
    if (seq <= r->last) return false;
    r->last = seq;
    return true;
}

static void tell_messages(struct hubc_room *r, const json_t *messages) {
    size_t i;
    const json_t *message;
    json_array_foreach(messages, i, message) {
        if (r->over) return;
        if (take_next(r, hubc_int_of(message, "seq", -1))) hubc_tell_message(r->client, r->id, message);
    }
}

static void tell_change(struct hubc_room *r, const json_t *change, int64_t seq) {
    const char *id = hubc_text_of(change, "messageId");
    json_t *message = json_object_get(change, "message");
    json_t *payload = json_pack("{sssI}", "roomId", r->id, "seq", (json_int_t)seq);
    bool deleted = json_is_true(json_object_get(change, "deleted"));
    if (deleted && id)
        json_object_set_new(payload, "messageId", json_string(id));
    else if (message)
        json_object_set(payload, "message", message);
    hubc_tell_event(r->client, deleted ? "hub:messageDeleted" : "hub:messageEdited", payload);
    json_decref(payload);
}

/* One that happened after the join was answered comes live, too. */
static void tell_changes(struct hubc_room *r, const json_t *changes, int64_t most) {
    size_t i;
    const json_t *change;
    json_array_foreach(changes, i, change) {
        int64_t seq = hubc_int_of(change, "seq", 0);
        if (!r->over && seq <= most) tell_change(r, change, seq);
    }
}

static void tell_history(struct hubc_room *r, const json_t *history) {
    json_t *payload = json_copy((json_t *)history);
    json_object_del(payload, "messages");
    json_object_del(payload, "changes");
    hubc_tell_event(r->client, "hub:history", payload);
    json_decref(payload);
}

/* All that there was has come: HISTORY, NULL where there is none. */
static void begin_live(struct hubc_room *r, const json_t *history) {
    int64_t seq = r->seq;
    bool same = r->epoch && r->next_epoch && !strcmp(r->epoch, r->next_epoch);
    r->seq = -1;
    if (!same) r->last = 0;
    free(r->epoch);
    r->epoch = hubc_copy(r->next_epoch);
    json_object_clear(r->provisional);
    unsigned join = r->joins;
    if (history) tell_history(r, history);
    tell_messages(r, json_object_get(history, "messages"));
    tell_changes(r, json_object_get(history, "changes"), seq);
    if (r->over || join != r->joins) return; /* somebody has left meanwhile */
    if (r->last < seq) r->last = seq;
    r->live = r->joined = true;
    settle_waiters(r, NULL);
    if (!r->over) hubc_outbox_flush(r);
}

/* ---- joining ---- */

static void on_refusal_of(struct hubc_room *r, const struct hubc_failure *f) {
    const char *code = f->error.code;
    if (!strcmp(code, "disconnected") || !strcmp(code, "shutting_down")) return; /* the next connection joins */
    if (!strcmp(code, "timeout"))
        hubc_connection_ask(connection_of(r), "hub:leave", json_pack("{ss}", "roomId", r->id), NULL, NULL);
    if (r->joined && hubc_is_temporary(f)) {
        int64_t wait = f->error.retry_after_ms;
        hubc_timer_set(&connection_of(r)->timers, &r->again, wait >= 0 && wait < INT32_MAX ? wait : AGAIN_MS);
        return;
    }
    if (r->joined) tell_left(r, f);
    hubc_room_end(r, f);
}

static void on_joined(void *arg, const struct hubc_failure *failure, const json_t *answer) {
    bool again;
    struct hubc_room *r = end_attempt_of(arg, &again);
    if (!r) return;
    if (failure) {
        on_refusal_of(r, failure);
        return;
    }
    r->seq = hubc_int_of(answer, "seq", 0);
    free(r->next_epoch);
    r->next_epoch = hubc_copy(hubc_text_of(answer, "epoch"));
    json_decref(r->answer);
    r->answer = json_incref((json_t *)answer);
    r->may_read = json_is_true(json_object_get(json_object_get(answer, "permissions"), "canRead"));
    if (again && !r->may_read) begin_live(r, NULL); /* no history comes */
}

/* Whether a first join brings a history depends on the hub. What is asked behind it is answered behind it,
 * too. */
static void on_behind(void *arg, const struct hubc_failure *failure, const json_t *answer) {
    (void)answer;
    bool again;
    struct hubc_room *r = end_attempt_of(arg, &again);
    if (!r || r->seq < 0 || (failure && !strcmp(failure->error.code, "disconnected"))) return;
    if (failure && !strcmp(failure->error.code, "timeout"))
        hubc_room_rejoin(r);
    else
        begin_live(r, NULL);
}

static void join_now(void *arg) {
    struct hubc_room *r = arg;
    hubc_timer_clear(&connection_of(r)->timers, &r->again);
    if (!connection_of(r)->live || r->over) return;
    bool again = r->epoch != NULL;
    r->live = false;
    r->seq = -1;
    r->joins++;
    json_t *payload = json_pack("{ss}", "roomId", r->id);
    if (again) {
        json_object_set_new(payload, "since", json_integer(r->last));
        json_object_set_new(payload, "epoch", json_string(r->epoch));
    }
    ask_room(r, "hub:join", payload, again, on_joined);
    if (!again) ask_room(r, "hub:leave", json_object(), false, on_behind);
}

void hubc_room_rejoin(struct hubc_room *r) { join_now(r); }

static void on_repeat(void *arg) { hubc_outbox_flush(arg); }

struct hubc_room *hubc_room_find(struct hubd_client *c, const char *id) {
    struct hubc_room *r = id ? c->rooms : NULL;
    while (r && (r->over || strcmp(r->id, id))) r = r->next;
    return r;
}

struct hubc_room *hubc_room_new(struct hubd_client *c, const char *id) {
    struct hubc_room *r = hubc_alloc(sizeof *r);
    *r = (struct hubc_room){.next = c->rooms, .client = c, .id = hubc_copy(id), .seq = -1};
    r->provisional = json_object();
    r->again = (struct hubc_timer){.fn = join_now, .arg = r};
    r->settle = (struct hubc_timer){.fn = on_settle, .arg = r};
    r->repeat = (struct hubc_timer){.fn = on_repeat, .arg = r};
    c->rooms = r;
    return r;
}

void hubc_room_join(struct hubc_room *r, struct hubc_answer answer) {
    struct hubc_waiter *w = hubc_alloc(sizeof *w);
    w->answer = answer;
    if (r->last_waiter)
        r->last_waiter->next = w;
    else
        r->waiters = w;
    r->last_waiter = w;
    if (r->users++ == 0)
        join_now(r);
    else if (r->live)
        hubc_timer_set(&connection_of(r)->timers, &r->settle, 0);
}

void hubc_room_up(struct hubc_room *r) { join_now(r); }

void hubc_room_down(struct hubc_room *r) {
    r->live = false;
    r->joins++; /* what was asked is lost */
    hubc_timer_clear(&connection_of(r)->timers, &r->again);
}

void hubc_room_end(struct hubc_room *r, const struct hubc_failure *why) {
    if (r->over) return;
    hubc_room_down(r);
    r->over = true;
    hubc_timer_clear(&connection_of(r)->timers, &r->settle);
    hubc_sweep_soon(r->client);
    settle_waiters(r, why);
    hubc_outbox_end(r, why);
}

void hubc_room_free(struct hubc_room *r) {
    free(r->id);
    free(r->epoch);
    free(r->next_epoch);
    json_decref(r->answer);
    json_decref(r->provisional);
    free(r);
}

struct leaving {
    struct hubc_answer answer;
};

static void on_left(void *arg, const struct hubc_failure *failure, const json_t *answer) {
    struct hubc_answer a = ((struct leaving *)arg)->answer;
    free(arg);
    /* There is nothing to leave where there is no connection. */
    bool gone = failure && !strcmp(failure->error.code, "disconnected");
    hubc_answer_give(&a, gone ? NULL : failure, answer);
}

void hubc_room_leave(struct hubc_room *r, struct hubc_answer answer) {
    struct leaving *l = hubc_alloc(sizeof *l);
    l->answer = answer;
    if (--r->users > 0) {
        hubc_connection_fail_soon(connection_of(r), "disconnected", on_left, l);
        return;
    }
    hubc_connection_ask(connection_of(r), "hub:leave", json_pack("{ss}", "roomId", r->id), on_left, l);
    struct hubc_failure f = hubc_failure_of("closed", "the room was left");
    hubc_room_end(r, &f);
}

void hubc_room_send(struct hubc_room *r, const char *type, const json_t *content, struct hubc_answer answer) {
    char id[HUBC_ID];
    hubc_new_id(id);
    json_t *payload = json_pack("{ssssss}", "roomId", r->id, "messageType", type, "clientMessageId", id);
    json_object_set_new(payload, "content", content ? json_deep_copy(content) : json_object());
    hubc_outbox_add(r, payload, answer);
}

/* ---- what is told ---- */

static bool is_about_messages(const char *event) {
    static const char *const events[] = {
        "hub:messageArrived", "hub:messageEdited", "hub:messageDeleted", "hub:messageStored",
        "hub:messageFailed",  "hub:reaction",      "hub:skipped",        NULL};
    for (const char *const *e = events; *e; e++) {
        if (!strcmp(event, *e)) return true;
    }
    return false;
}

/* Takes number N as the next one. False: it is known already, or numbers before it are missing and are
 * asked for. */
static bool take_number(struct hubc_room *r, int64_t n) {
    if (n > r->last + 1) {
        hubc_room_rejoin(r);
        return false;
    }
    return take_next(r, n);
}

static void take_skipped(struct hubc_room *r, const json_t *seqs) {
    size_t i;
    const json_t *seq;
    json_array_foreach(seqs, i, seq) {
        if (!take_number(r, json_integer_value(seq)) && !r->live) return;
    }
}

/* What came before it was stored has its number now. One that is unknown here is asked for. */
static void take_stored(struct hubc_room *r, const char *id, int64_t seq) {
    json_t *message = id ? json_incref(json_object_get(r->provisional, id)) : NULL;
    if (!message && seq > r->last) {
        hubc_room_rejoin(r);
    } else if (message && take_number(r, seq)) {
        json_object_del(r->provisional, id);
        json_object_del(message, "provisional");
        json_object_set_new(message, "seq", json_integer(seq));
        json_object_set_new(message, "changeSeq", json_integer(seq));
        hubc_tell_message(r->client, r->id, message);
    }
    json_decref(message);
}

/* A message that is told before it is stored: an event now, a message when it is. */
static bool keep_provisional(struct hubc_room *r, json_t *message) {
    const char *id = hubc_text_of(message, "id");
    if (id && json_object_size(r->provisional) < PROVISIONAL_MAX)
        json_object_set_new(r->provisional, id, json_copy(message));
    return true;
}

static bool take_arrived(struct hubc_room *r, json_t *message) {
    int64_t seq = hubc_int_of(message, "seq", -1);
    if (seq < 0) return keep_provisional(r, message);
    if (take_number(r, seq)) hubc_tell_message(r->client, r->id, message);
    return false;
}

static bool take_numbered(struct hubc_room *r, const char *event, const json_t *payload) {
    int64_t seq = hubc_int_of(payload, "seq", -1);
    const char *id = hubc_text_of(payload, "messageId");
    if (!r->live) return false; /* the history has it */
    if (!strcmp(event, "hub:messageArrived")) return take_arrived(r, json_object_get(payload, "message"));
    if (!strcmp(event, "hub:skipped")) take_skipped(r, json_object_get(payload, "seqs"));
    if (!strcmp(event, "hub:skipped")) return true;
    if (!strcmp(event, "hub:messageStored")) return take_stored(r, id, seq), false;
    if (!strcmp(event, "hub:messageFailed") && id) json_object_del(r->provisional, id);
    return seq < 0 || take_number(r, seq);
}

/* Who may read from now on gets what there is. */
static void take_rights(struct hubc_room *r, const json_t *payload) {
    bool could = r->may_read;
    r->may_read = json_is_true(json_object_get(json_object_get(payload, "permissions"), "canRead"));
    if (!r->live || could || !r->may_read) return;
    free(r->epoch);
    r->epoch = NULL;
    join_now(r);
}

bool hubc_room_take(struct hubc_room *r, const char *event, const json_t *payload) {
    if (is_about_messages(event)) return take_numbered(r, event, payload);
    if (strcmp(event, "hub:history") || r->seq < 0) return true;
    begin_live(r, payload);
    return false;
}

void hubc_room_took(struct hubc_room *r, const char *event, const json_t *payload) {
    if (r->over) return;
    if (!strcmp(event, "hub:permissions")) take_rights(r, payload);
    bool ends = !strcmp(event, "hub:kicked") || !strcmp(event, "hub:blocked") || !strcmp(event, "hub:roomClosed");
    if (!ends) return;
    const char *reason = hubc_text_of(payload, "reason");
    struct hubc_failure f = hubc_failure_of("not_in_room", reason ? reason : event + strlen("hub:"));
    f.error.data = payload;
    hubc_room_end(r, &f);
}
