/* Attempts, requests and tokens of a connection. Whatever calls somebody's function does so last, when all
 * is in order: that one may ask, close, or bring a token. */
#include "connection.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIMEOUT_MS = 10000, FIRST_MS = 1000, MOST_MS = 5000, REFUSALS_MOST = 2, OPEN_MOST = 65536 };

struct hubc_request {
    struct hubc_connection *c;
    struct hubc_request *next, *prev;
    struct hubc_timer timer;
    int64_t id; /* -1: it was not sent, and fails with CODE */
    const char *code;
    hubc_done_fn *done;
    void *arg;
    unsigned heard; /* what had come when it was sent */
    bool probe;
};

/* ---- failures ---- */

static const char *const texts[][2] = {
    {"timeout", "no answer has come in time"},
    {"queue_full", "too much is waiting already"},
    {"closed", "the client is closed"},
    {"disconnected", "there is no connection"},
    {"too_large", "it is larger than the server takes"},
    {"invalid_content", "it cannot be written as JSON"},
};

struct hubc_failure hubc_failure_of(const char *code, const char *message) {
    struct hubc_failure f = {.error = {.code = code, .message = message ? message : code, .retry_after_ms = -1}};
    for (size_t i = 0; !message && i < sizeof texts / sizeof *texts; i++) {
        if (!strcmp(texts[i][0], code)) f.error.message = texts[i][1];
    }
    return f;
}

static struct hubc_failure failure_in(const json_t *refusal) {
    const char *code = hubc_text_of(refusal, "code"), *message = hubc_text_of(refusal, "message");
    struct hubc_failure f = hubc_failure_of(code ? code : "internal", message);
    f.error.retry_after_ms = hubc_int_of(refusal, "retryAfterMs", -1);
    f.error.data = json_object_get(refusal, "data");
    const char *outcome = hubc_text_of(refusal, "outcome");
    f.unknown = outcome && !strcmp(outcome, "unknown");
    return f;
}

static bool begins_with_any(const char *code, const char *const *starts) {
    for (; *starts; starts++) {
        if (!strncmp(code, *starts, strlen(*starts))) return true;
    }
    return false;
}

bool hubc_is_temporary(const struct hubc_failure *f) {
    static const char *const starts[] = {"timeout",  "rate_",   "overloaded", "store_", "shutting_",
                                         "internal", "script_", "handler_",   NULL};
    return begins_with_any(f->error.code, starts);
}

bool hubc_is_lost(const struct hubc_failure *f) {
    return f->unknown || !strcmp(f->error.code, "disconnected") || !strcmp(f->error.code, "timeout");
}

static bool refused_for_good(const char *code) {
    static const char *const starts[] = {"auth_", "invalid_token", "token_", "rejected", NULL};
    return begins_with_any(code, starts);
}

/* ---- requests ---- */

static void link_request(struct hubc_connection *c, struct hubc_request *r) {
    r->prev = c->last;
    if (c->last)
        c->last->next = r;
    else
        c->first = r;
    c->last = r;
    c->open_count++;
}

static void unlink_request(struct hubc_request *r) {
    struct hubc_connection *c = r->c;
    if (r->prev)
        r->prev->next = r->next;
    else
        c->first = r->next;
    if (r->next)
        r->next->prev = r->prev;
    else
        c->last = r->prev;
    c->open_count--;
    hubc_timer_clear(&c->timers, &r->timer);
}

static void settle_request(struct hubc_request *r, const struct hubc_failure *failure, const json_t *answer) {
    unlink_request(r);
    hubc_done_fn *done = r->done;
    void *arg = r->arg;
    free(r);
    done(arg, failure, answer);
}

static void fail_request(struct hubc_request *r, const char *code) {
    struct hubc_failure f = hubc_failure_of(code, NULL);
    settle_request(r, &f, NULL);
}

/* The first open request before END; one without done is an END itself, of a call that this one is inside
 * of. */
static struct hubc_request *open_before(struct hubc_connection *c, const struct hubc_request *end) {
    struct hubc_request *r = c->first;
    while (r != end && !r->done) r = r->next;
    return r == end ? NULL : r;
}

/* Fails those that are open now; what their owners ask meanwhile is not among them. */
static void fail_open(struct hubc_connection *c, const char *code) {
    struct hubc_request end = {.c = c, .id = -1}, *r;
    link_request(c, &end);
    while ((r = open_before(c, &end))) fail_request(r, code);
    unlink_request(&end);
}

static void lose_connection(struct hubc_connection *c, const char *why);

static struct hubc_request *open_request(struct hubc_connection *c, hubc_done_fn *done, void *arg) {
    struct hubc_request *r = hubc_alloc(sizeof *r);
    r->c = c;
    r->done = done;
    r->arg = arg;
    r->id = -1;
    r->heard = c->heard;
    link_request(c, r);
    return r;
}

static bool is_probing(const struct hubc_connection *c) {
    for (const struct hubc_request *r = c->last; r; r = r->prev) {
        if (r->probe) return true;
    }
    return false;
}

static void on_probed(void *arg, const struct hubc_failure *failure, const json_t *answer) {
    (void)arg;
    (void)failure;
    (void)answer; /* whatever it is, something has come */
}

static void on_probe_late(void *arg) {
    struct hubc_request *r = arg;
    struct hubc_connection *c = r->c;
    bool silent = r->heard == c->heard;
    unlink_request(r);
    free(r);
    if (!silent || !c->live) return;
    hubc_session_close(&c->session);
    lose_connection(c, "the server has fallen silent");
}

/* Nothing has come for long: asks for what is answered at once, and cuts the line when it is not. */
static void probe_line(struct hubc_connection *c) {
    hubc_connection_ask(c, "hub:leave", json_object(), on_probed, NULL);
    struct hubc_request *r = c->last;
    r->probe = true;
    if (r->id < 0) return; /* it was not sent, and fails by itself */
    r->timer.fn = on_probe_late;
    hubc_timer_set(&c->timers, &r->timer, c->timeout_ms / 2);
}

static void on_late(void *arg) {
    struct hubc_request *r = arg;
    struct hubc_connection *c = r->c;
    if (r->heard == c->heard && c->live && !is_probing(c)) probe_line(c);
    fail_request(r, "timeout");
}

static void on_unsent(void *arg) {
    struct hubc_request *r = arg;
    fail_request(r, r->code);
}

static void fail_later(struct hubc_request *r, const char *code) {
    r->code = code;
    r->timer = (struct hubc_timer){.fn = on_unsent, .arg = r};
    hubc_timer_set(&r->c->timers, &r->timer, 0);
}

void hubc_connection_fail_soon(struct hubc_connection *c, const char *code, hubc_done_fn *done, void *arg) {
    if (done) fail_later(open_request(c, done, arg), code);
}

bool hubc_connection_ended(const struct hubc_connection *c) {
    return c->state == HUBD_UNAUTHORIZED || c->state == HUBD_SUPERSEDED || c->state == HUBD_CLOSED;
}

static const char *try_to_send(struct hubc_connection *c, const json_t *args, int64_t id, const void *binary,
                               size_t len) {
    if (hubc_connection_ended(c)) return "closed";
    if (!c->live) return "disconnected";
    if (!args) return "invalid_content";
    if (c->open_count > OPEN_MOST) return "queue_full";
    return hubc_session_emit(&c->session, args, id, binary, len);
}

void hubc_connection_emit(struct hubc_connection *c, const char *event, json_t *payload, const void *binary, size_t len,
                          hubc_done_fn *done, void *arg) {
    json_t *args = json_pack("[so]", event, payload);
    struct hubc_request *r = done ? open_request(c, done, arg) : NULL;
    int64_t id = r ? c->next_id++ : -1;
    const char *code = try_to_send(c, args, id, binary, len);
    json_decref(args);
    if (!r) return;
    if (code) {
        fail_later(r, code);
        return;
    }
    r->id = id;
    r->timer = (struct hubc_timer){.fn = on_late, .arg = r};
    hubc_timer_set(&c->timers, &r->timer, c->timeout_ms);
}

void hubc_connection_ask(struct hubc_connection *c, const char *event, json_t *payload, hubc_done_fn *done, void *arg) {
    hubc_connection_emit(c, event, payload, NULL, 0, done, arg);
}

static void on_answered(void *owner, const struct hubc_incoming *in) {
    struct hubc_connection *c = owner;
    struct hubc_request *r = c->first;
    while (r && r->id != in->id) r = r->next;
    if (!r) return; /* it came too late */
    const json_t *answer = json_array_get(in->args, 0);
    if (json_is_true(json_object_get(answer, "ok"))) {
        settle_request(r, NULL, answer);
        return;
    }
    struct hubc_failure f = failure_in(json_object_get(answer, "error"));
    settle_request(r, &f, NULL);
}

/* ---- coming and going ---- */

static void become(struct hubc_connection *c, enum hubd_state state) {
    if (c->state == state || c->state == HUBD_CLOSED) return;
    c->state = state;
    c->owner_fns->became(c->owner, state);
}

static void end_attempt(struct hubc_connection *c) {
    hubc_timer_clear(&c->timers, &c->attempt);
    hubc_timer_clear(&c->timers, &c->retry);
    c->opens_with_it = false;
}

static int64_t next_pace(struct hubc_connection *c) {
    struct hubc_transport *t = c->session.transport;
    return t->ops->pace_ms(t, c->attempts++, c->first_ms, c->most_ms);
}

/* The line is closed already. */
static void lose_connection(struct hubc_connection *c, const char *why) {
    bool was_live = c->live;
    end_attempt(c);
    c->live = false;
    if (hubc_connection_ended(c)) return;
    int64_t pace = next_pace(c), draining = c->wait_ms + hubc_random(c->wait_ms / 2);
    hubc_timer_set(&c->timers, &c->retry, pace > draining ? pace : draining);
    if (was_live) c->owner_fns->down(c->owner);
    fail_open(c, "disconnected");
    if (why && !was_live && !hubc_connection_ended(c)) c->owner_fns->trouble(c->owner, why);
    if (!c->live && !hubc_connection_ended(c) && c->state != HUBD_CONNECTING) become(c, HUBD_RECOVERING);
}

/* No attempt is made any more. */
static void end_connection(struct hubc_connection *c, enum hubd_state state, const struct hubc_failure *why) {
    bool was_live = c->live;
    end_attempt(c);
    hubc_timer_clear(&c->timers, &c->renewal);
    c->live = c->token_wanted = false;
    hubc_session_close(&c->session);
    become(c, state);
    if (was_live) c->owner_fns->down(c->owner);
    fail_open(c, why->error.code);
    c->owner_fns->refused(c->owner, why);
}

static void forget_token(struct hubc_connection *c) {
    hubc_timer_clear(&c->timers, &c->renewal);
    c->token_wanted = false;
    if (!c->asks_for_tokens) return; /* there is no other */
    free(c->token);
    c->token = NULL;
}

static void on_attempt_late(void *arg) {
    struct hubc_connection *c = arg;
    forget_token(c); /* who gives it may hang */
    hubc_session_close(&c->session);
    lose_connection(c, "no connection in time");
}

static void open_line(struct hubc_connection *c) {
    json_t *auth = json_object();
    if (c->token) json_object_set_new(auth, "token", json_string(c->token));
    if (c->client_id) json_object_set_new(auth, "clientId", json_string(c->client_id));
    hubc_session_open(&c->session, auth);
}

static void want_token(struct hubc_connection *c) {
    if (c->token_wanted) return;
    c->token_wanted = true;
    c->owner_fns->want_token(c->owner);
}

static void begin_attempt(void *arg) {
    struct hubc_connection *c = arg;
    hubc_timer_set(&c->timers, &c->attempt, (int64_t)c->timeout_ms * 2);
    if (c->token || !c->asks_for_tokens) {
        open_line(c);
        return;
    }
    c->opens_with_it = true;
    want_token(c);
}

static void on_connected(void *owner) {
    struct hubc_connection *c = owner;
    end_attempt(c);
    c->refusals = c->attempts = 0;
    c->wait_ms = 0;
    c->live = true;
    become(c, HUBD_CONNECTED);
    if (c->live) c->owner_fns->up(c->owner);
}

static void on_refused(void *owner, const char *message, const json_t *data) {
    struct hubc_connection *c = owner;
    const char *code = hubc_text_of(data, "code");
    if (!code) code = strcmp(message, "Invalid namespace") ? "rejected" : "not_found";
    struct hubc_failure f = hubc_failure_of(code, message);
    f.error.retry_after_ms = hubc_int_of(data, "retryAfterMs", -1);
    f.error.data = data;
    bool for_good = refused_for_good(code);
    if (for_good) forget_token(c);
    if (for_good && ++c->refusals >= REFUSALS_MOST) {
        end_connection(c, HUBD_UNAUTHORIZED, &f);
        return;
    }
    if (!for_good && !hubc_is_temporary(&f)) c->owner_fns->refused(c->owner, &f);
    lose_connection(c, message);
}

static void on_lost(void *owner, const char *why) { lose_connection(owner, why); }

static void on_heard(void *owner) {
    struct hubc_connection *c = owner;
    c->heard++;
}

static void on_told(void *owner, const struct hubc_incoming *event) {
    struct hubc_connection *c = owner;
    const json_t *payload = json_array_get(event->args, 0);
    const char *code = hubc_text_of(payload, "code");
    if (!strcmp(event->name, "hub:draining")) {
        int64_t ms = hubc_int_of(payload, "retryAfterMs", 0);
        c->wait_ms = ms > 0 && ms < INT32_MAX ? ms : 0;
        become(c, HUBD_DRAINING);
    }
    if (!strcmp(event->name, "hub:error") && code && !strcmp(code, "token_expired")) forget_token(c);
    c->owner_fns->told(c->owner, event);
    if (!strcmp(event->name, "hub:superseded") && !hubc_connection_ended(c)) {
        struct hubc_failure f = hubc_failure_of("closed", "another connection has the id of this client");
        end_connection(c, HUBD_SUPERSEDED, &f);
    }
}

/* ---- tokens ---- */

static void on_renewal_due(void *arg) {
    struct hubc_connection *c = arg;
    if (!c->asks_for_tokens) return;
    forget_token(c);
    if (c->live) want_token(c);
}

static void on_renewed(void *arg, const struct hubc_failure *failure, const json_t *answer) {
    (void)answer;
    struct hubc_connection *c = arg;
    if (!failure || !c->live) return;
    /* A token of somebody else is no renewal: it takes a connection of its own. */
    if (!strcmp(failure->error.code, "not_allowed") || refused_for_good(failure->error.code)) {
        hubc_session_close(&c->session);
        lose_connection(c, failure->error.message);
    } else {
        hubc_timer_set(&c->timers, &c->renewal, next_pace(c));
    }
}

static double wall_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Has the token renewed before it ends, where there is somebody to ask for another. */
static void watch_token(struct hubc_connection *c) {
    hubc_timer_clear(&c->timers, &c->renewal);
    int64_t ms = c->token && c->asks_for_tokens ? hubc_renewal_in(c->token, wall_clock()) : -1;
    if (ms >= 0) hubc_timer_set(&c->timers, &c->renewal, ms);
}

static void take_token(struct hubc_connection *c, const char *token) {
    char *taken = hubc_copy(token); /* it may be the old one */
    free(c->token);
    c->token = taken;
    watch_token(c);
}

static void use_token(struct hubc_connection *c) {
    if (c->state == HUBD_UNAUTHORIZED) {
        c->refusals = 0;
        hubc_timer_set(&c->timers, &c->retry, 0);
        become(c, HUBD_RECOVERING);
    } else if (c->live && c->token) {
        hubc_connection_ask(c, "hub:refreshToken", json_pack("{ss}", "token", c->token), on_renewed, c);
    }
}

void hubc_connection_token(struct hubc_connection *c, const char *token) {
    if (c->state == HUBD_CLOSED || c->state == HUBD_SUPERSEDED) return;
    bool opens = c->opens_with_it, wanted = c->token_wanted;
    c->opens_with_it = c->token_wanted = false;
    take_token(c, token);
    if (opens && token)
        open_line(c);
    else if (opens)
        lose_connection(c, "there is no token");
    else if (wanted && !token)
        hubc_timer_set(&c->timers, &c->renewal, next_pace(c));
    else
        use_token(c);
}

/* ---- life ---- */

void hubc_connection_init(struct hubc_connection *c, struct hubc_transport *transport, const char *nsp,
                          const struct hubc_connection_owner *fns, void *owner) {
    static const struct hubc_session_events events = {on_heard, on_connected, on_refused,
                                                      on_told,  on_answered,  on_lost};
    *c = (struct hubc_connection){.owner_fns = fns, .owner = owner, .timeout_ms = TIMEOUT_MS};
    c->first_ms = FIRST_MS;
    c->most_ms = MOST_MS;
    c->timers.transport = transport;
    c->session = (struct hubc_session){.events = &events, .owner = c, .transport = transport, .timers = &c->timers};
    c->session.nsp = hubc_copy(nsp);
    c->retry = (struct hubc_timer){.fn = begin_attempt, .arg = c};
    c->attempt = (struct hubc_timer){.fn = on_attempt_late, .arg = c};
    c->renewal = (struct hubc_timer){.fn = on_renewal_due, .arg = c};
}

void hubc_connection_start(struct hubc_connection *c) {
    hubc_session_prepare(&c->session);
    watch_token(c);
    hubc_timer_set(&c->timers, &c->retry, 0);
}

void hubc_connection_close(struct hubc_connection *c) {
    if (c->state == HUBD_CLOSED) return;
    struct hubc_failure f = hubc_failure_of("closed", NULL);
    end_connection(c, HUBD_CLOSED, &f);
}

void hubc_connection_end_requests(struct hubc_connection *c) {
    while (c->first) fail_request(c->first, "closed");
}

void hubc_connection_free(struct hubc_connection *c) {
    hubc_session_free(&c->session);
    c->session.transport->ops->free(c->session.transport);
    free(c->token);
    free(c->client_id);
}
