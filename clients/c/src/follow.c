/* Subscriptions of channels and records. */
#include "follow.h"

#include <stdlib.h>
#include <string.h>

#include "patch.h"

enum { AGAIN_MS = 1000, HISTORY_MOST = 1000 };

struct hubc_reader {
    struct hubc_reader *next;
    hubd_value_fn *fn;
    void *user;
    int history;
    bool fresh; /* it has not been given anything yet */
    bool gone;
};

struct question {
    struct hubc_follow *follow;
    unsigned ask;
    bool resumes;
};

static struct hubc_connection *connection_of(const struct hubc_follow *f) { return &f->client->connection; }

static const char *key_of(const struct hubc_follow *f) { return f->is_record ? "recordId" : "channel"; }

static void ask_follow(void *arg);

static void tell_ended(struct hubc_follow *f, const struct hubc_failure *why) {
    json_t *payload = json_pack("{ssss s{ssss}}", key_of(f), f->name, "reason", why->error.code, "error", "code",
                                why->error.code, "message", why->error.message);
    hubc_tell_event(f->client, "hub:unsubscribed", payload);
    json_decref(payload);
}

/* ---- channels ---- */

static int64_t offset_of(const json_t *message) { return hubc_int_of(message, "offset", -1); }

/* To those who follow already, or to the one READER. */
static void show_message(struct hubc_follow *f, struct hubc_reader *reader, const json_t *message) {
    const json_t *data = json_object_get(message, "data");
    for (struct hubc_reader *r = reader ? reader : f->readers; r; r = reader ? NULL : r->next) {
        if (!r->fresh && !r->gone) r->fn(r->user, data, offset_of(message));
    }
}

static void show_missed(struct hubc_follow *f, const json_t *history, bool same_epoch, int64_t from) {
    size_t i;
    const json_t *message;
    json_array_foreach(history, i, message) {
        if (!same_epoch || offset_of(message) > from) show_message(f, NULL, message);
    }
}

static void show_history(struct hubc_follow *f, struct hubc_reader *r, const json_t *history) {
    size_t n = json_array_size(history), most = (size_t)r->history;
    for (size_t i = n > most ? n - most : 0; i < n; i++) show_message(f, r, json_array_get(history, i));
}

static void channel_answered(struct hubc_follow *f, const json_t *answer, bool resumes) {
    const json_t *history = json_object_get(answer, "history");
    const char *epoch = hubc_text_of(answer, "epoch");
    bool same = f->epoch && epoch && !strcmp(f->epoch, epoch);
    int64_t from = f->number;
    f->number = hubc_int_of(answer, "offset", 0);
    free(f->epoch);
    f->epoch = hubc_copy(epoch);
    if (resumes) {
        show_missed(f, history, same, from);
        return;
    }
    for (struct hubc_reader *r = f->readers; r; r = r->next) {
        bool was_fresh = r->fresh;
        r->fresh = false;
        if (was_fresh) show_history(f, r, history);
    }
}

static void channel_took(struct hubc_follow *f, const json_t *message) {
    int64_t offset = offset_of(message);
    if (offset >= 0 && offset <= f->number) return;
    if (offset > f->number + 1) { /* what was missed has to be asked for */
        f->following = false;
        ask_follow(f);
        return;
    }
    if (offset >= 0) f->number = offset;
    show_message(f, NULL, message);
}

static json_t *channel_question(const struct hubc_follow *f, bool resumes) {
    json_t *question = json_pack("{ss}", "channel", f->name);
    int most = 0;
    for (const struct hubc_reader *r = f->readers; r; r = r->next) {
        if (r->fresh && !r->gone && r->history > most) most = r->history;
    }
    if (resumes) {
        most = HISTORY_MOST;
        json_object_set_new(question, "since", json_integer(f->number));
        json_object_set_new(question, "epoch", json_string(f->epoch));
    }
    if (most) json_object_set_new(question, "historyLimit", json_integer(most));
    return question;
}

/* ---- records ---- */

static void show_record(struct hubc_follow *f, bool to_all) {
    json_t *value = json_is_null(f->value) ? NULL : json_incref(f->value);
    int64_t version = f->number;
    for (struct hubc_reader *r = f->readers; r; r = r->next) {
        if (r->gone || (!to_all && !r->fresh)) continue;
        r->fresh = false;
        r->fn(r->user, value, version);
    }
    json_decref(value);
}

static void set_record(struct hubc_follow *f, json_t *value, int64_t version) {
    json_incref(value);
    json_decref(f->value);
    f->value = value;
    f->number = version;
}

static void record_answered(struct hubc_follow *f, const json_t *answer) {
    json_t *record = json_object_get(answer, "record");
    if (record) set_record(f, record, hubc_int_of(answer, "version", 0));
    show_record(f, record != NULL);
}

static void forget_record(struct hubc_follow *f) {
    set_record(f, NULL, -1);
    f->following = false;
    ask_follow(f); /* the whole one, please */
}

static void record_took(struct hubc_follow *f, const char *event, const json_t *payload) {
    int64_t version = hubc_int_of(payload, "version", -1);
    json_t *full = json_object_get(payload, "full"), *value = NULL;
    bool known = true;
    if (version <= f->number) return;
    if (full) {
        value = json_incref(full);
    } else if (strcmp(event, "hub:recordDeleted")) {
        /* A copy: who was given the value may have kept a reference. */
        value = json_deep_copy(f->value);
        known = version == f->number + 1 && hubc_patch(&value, json_object_get(payload, "patch")) && value;
    }
    if (known) {
        set_record(f, value, version);
        show_record(f, true);
    } else {
        forget_record(f);
    }
    json_decref(value);
}

static json_t *record_question(const struct hubc_follow *f) {
    json_t *question = json_pack("{ssss}", "recordId", f->name, "mode", "patch");
    if (f->number >= 0) json_object_set_new(question, "version", json_integer(f->number));
    return question;
}

/* ---- both ---- */

static bool has_fresh(const struct hubc_follow *f) {
    const struct hubc_reader *r = f->readers;
    while (r && (r->gone || !r->fresh)) r = r->next;
    return r != NULL;
}

static void on_refused(struct hubc_follow *f, const struct hubc_failure *failure) {
    if (!strcmp(failure->error.code, "disconnected") || !strcmp(failure->error.code, "closed")) return;
    if (hubc_is_temporary(failure)) {
        int64_t wait = failure->error.retry_after_ms;
        hubc_timer_set(&connection_of(f)->timers, &f->again, wait >= 0 && wait < INT32_MAX ? wait : AGAIN_MS);
        return;
    }
    hubc_follow_end(f, false);
    tell_ended(f, failure);
}

static void on_answer(void *arg, const struct hubc_failure *failure, const json_t *answer) {
    struct question q = *(struct question *)arg;
    struct hubc_follow *f = q.follow;
    free(arg);
    f->busy--;
    if (f->over) hubc_sweep_soon(f->client);
    if (f->over || q.ask != f->asks) return;
    f->asking = false;
    if (failure) {
        on_refused(f, failure);
        return;
    }
    f->following = true;
    if (f->is_record)
        record_answered(f, answer);
    else
        channel_answered(f, answer, q.resumes);
    if (!f->over && has_fresh(f)) ask_follow(f);
}

static void ask_follow(void *arg) {
    struct hubc_follow *f = arg;
    hubc_timer_clear(&connection_of(f)->timers, &f->again);
    if (f->asking || f->over || !connection_of(f)->live) return;
    f->asking = true;
    struct question *q = hubc_alloc(sizeof *q);
    *q = (struct question){f, ++f->asks, !f->is_record && !f->following && f->epoch};
    f->busy++;
    json_t *payload = f->is_record ? record_question(f) : channel_question(f, q->resumes);
    hubc_connection_ask(connection_of(f), f->is_record ? "hub:subscribeRecord" : "hub:subscribe", payload, on_answer,
                        q);
}

struct hubc_follow *hubc_follow_find(struct hubd_client *c, bool is_record, const char *name) {
    struct hubc_follow *f = name ? c->follows : NULL;
    while (f && (f->over || f->is_record != is_record || strcmp(f->name, name))) f = f->next;
    return f;
}

struct hubc_follow *hubc_follow_new(struct hubd_client *c, bool is_record, const char *name) {
    struct hubc_follow *f = hubc_alloc(sizeof *f);
    *f = (struct hubc_follow){.next = c->follows, .client = c, .is_record = is_record, .name = hubc_copy(name)};
    f->number = -1;
    f->again = (struct hubc_timer){.fn = ask_follow, .arg = f};
    c->follows = f;
    return f;
}

void hubc_follow_add(struct hubc_follow *f, int history, hubd_value_fn *fn, void *user) {
    struct hubc_reader *r = hubc_alloc(sizeof *r), **end = &f->readers;
    int most = history < HISTORY_MOST ? history : HISTORY_MOST;
    *r = (struct hubc_reader){.fn = fn, .user = user, .history = most > 0 ? most : 0, .fresh = true};
    while (*end) end = &(*end)->next;
    *end = r;
    ask_follow(f);
}

void hubc_follow_take(struct hubc_follow *f, const char *event, const json_t *payload) {
    if (!strcmp(event, "hub:unsubscribed"))
        hubc_follow_end(f, false);
    else if (!f->following)
        return;
    else if (f->is_record)
        record_took(f, event, payload);
    else if (!strcmp(event, "hub:channelMessage"))
        channel_took(f, payload);
}

void hubc_follow_up(struct hubc_follow *f) { ask_follow(f); }

void hubc_follow_down(struct hubc_follow *f) {
    f->asks++;
    f->asking = f->following = false;
    hubc_timer_clear(&connection_of(f)->timers, &f->again);
}

void hubc_follow_refuse(struct hubc_follow *f, const struct hubc_failure *why) {
    bool others = false, some = false;
    for (struct hubc_reader *r = f->readers; r; r = r->next) {
        if (r->gone) continue;
        if (r->fresh)
            r->gone = some = true;
        else
            others = true;
    }
    if (!others) hubc_follow_end(f, false);
    if (some && strcmp(why->error.code, "closed")) tell_ended(f, why);
}

void hubc_follow_end(struct hubc_follow *f, bool tell) {
    if (f->over) return;
    hubc_follow_down(f);
    f->over = true;
    for (struct hubc_reader *r = f->readers; r; r = r->next) r->gone = true;
    const char *event = f->is_record ? "hub:unsubscribeRecord" : "hub:unsubscribe";
    if (tell) hubc_connection_ask(connection_of(f), event, json_pack("{ss}", key_of(f), f->name), NULL, NULL);
    hubc_sweep_soon(f->client);
}

void hubc_follow_tidy(struct hubc_follow *f) {
    for (struct hubc_reader **at = &f->readers; *at;) {
        struct hubc_reader *r = *at;
        if (r->gone)
            *at = r->next, free(r);
        else
            at = &r->next;
    }
}

void hubc_follow_free(struct hubc_follow *f) {
    hubc_follow_end(f, false);
    hubc_follow_tidy(f);
    free(f->name);
    free(f->epoch);
    json_decref(f->value);
    free(f);
}
