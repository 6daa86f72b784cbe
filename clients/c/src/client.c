/* The functions of hubd-client.h, and where events go. */
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "follow.h"
#include "room.h"

enum { QUEUE = 100 };

struct hubc_invoked {
    struct hubc_invoked *next;
    char *type;
    hubd_invoke_fn *fn;
    void *user;
};

/* ---- answers ---- */

void hubc_answer_give(const struct hubc_answer *a, const struct hubc_failure *failure, const json_t *answer) {
    if (a->fn) a->fn(a->user, failure ? &failure->error : NULL, answer);
}

static void give_answer(void *arg, const struct hubc_failure *failure, const json_t *answer) {
    struct hubc_answer a = *(struct hubc_answer *)arg;
    free(arg);
    hubc_answer_give(&a, failure, answer);
}

static struct hubc_answer *answer_new(hubd_answer_fn *fn, void *user) {
    struct hubc_answer *a = hubc_alloc(sizeof *a);
    *a = (struct hubc_answer){fn, user};
    return a;
}

static void fail_soon(struct hubd_client *c, const char *code, hubd_answer_fn *fn, void *user) {
    hubc_connection_fail_soon(&c->connection, code, give_answer, answer_new(fn, user));
}

/* ---- what the user is told ---- */

void hubc_tell_message(struct hubd_client *c, const char *room_id, const json_t *message) {
    if (c->options.on_message) c->options.on_message(c->options.user, room_id, message);
}

static void tell_binary(struct hubd_client *c, const char *event, const json_t *payload, const char *binary, size_t n) {
    if (c->options.on_event) c->options.on_event(c->options.user, event, payload, binary, n);
}

void hubc_tell_event(struct hubd_client *c, const char *event, const json_t *payload) {
    tell_binary(c, event, payload, NULL, 0);
}

static void on_trouble(void *owner, const char *why) {
    json_t *payload = json_pack("{ss ss ss}", "code", "disconnected", "error", why, "event", "connect");
    hubc_tell_event(owner, "hub:error", payload);
    json_decref(payload);
}

static void on_became(void *owner, enum hubd_state state) {
    struct hubd_client *c = owner;
    if (c->options.on_state) c->options.on_state(c->options.user, state);
}

static void on_want_token(void *owner) {
    struct hubd_client *c = owner;
    c->options.want_token(c->options.user, c);
}

/* ---- what the connection tells. Rooms and subscriptions stay in their lists until the next sweep ---- */

static void on_up(void *owner) {
    struct hubd_client *c = owner;
    for (struct hubc_room *r = c->rooms; r; r = r->next) hubc_room_up(r);
    for (struct hubc_follow *f = c->follows; f; f = f->next) hubc_follow_up(f);
}

static void on_down(void *owner) {
    struct hubd_client *c = owner;
    for (struct hubc_room *r = c->rooms; r; r = r->next) hubc_room_down(r);
    for (struct hubc_follow *f = c->follows; f; f = f->next) hubc_follow_down(f);
}

/* Closed and superseded end everything; another refusal is of interest to those who wait for their first
 * answer. */
static void on_refused(void *owner, const struct hubc_failure *why) {
    struct hubd_client *c = owner;
    bool over = !strcmp(why->error.code, "closed");
    for (struct hubc_room *r = c->rooms; r; r = r->next) {
        if (over || !r->joined) hubc_room_end(r, why);
    }
    for (struct hubc_follow *f = c->follows; f; f = f->next) {
        if (over)
            hubc_follow_end(f, false);
        else
            hubc_follow_refuse(f, why);
    }
    if (!over) on_trouble(c, why->error.message);
}

static struct hubc_invoked **find_invoked(struct hubd_client *c, const char *type) {
    struct hubc_invoked **at = &c->invoked;
    while (*at && (!type || strcmp((*at)->type, type) != 0)) at = &(*at)->next;
    return at;
}

static json_t *invocation_error(const char *code, const char *message) {
    return json_pack("{sb s{ssss}}", "ok", 0, "error", "code", code, "message", message);
}

static void answer_invocation(struct hubd_client *c, const json_t *question, int64_t id) {
    const struct hubc_invoked *invoked = *find_invoked(c, hubc_text_of(question, "type"));
    json_t *answer, *result = NULL;
    if (invoked) result = invoked->fn(invoked->user, json_object_get(question, "data"));
    if (!invoked)
        answer = invocation_error("not_found", "this client does not know that type");
    else if (!result)
        answer = invocation_error("failed", "the client could not do it");
    else
        answer = json_pack("{sb so}", "ok", 1, "result", result);
    if (id >= 0) hubc_session_answer(&c->connection.session, id, answer);
    json_decref(answer);
}

static void tell_follow(struct hubd_client *c, const char *event, const json_t *payload) {
    const char *channel = hubc_text_of(payload, "channel"), *record = hubc_text_of(payload, "recordId");
    struct hubc_follow *f = channel ? hubc_follow_find(c, false, channel) : hubc_follow_find(c, true, record);
    if (f) hubc_follow_take(f, event, payload);
}

static void on_told(void *owner, const struct hubc_incoming *in) {
    struct hubd_client *c = owner;
    const json_t *payload = json_array_get(in->args, 0);
    if (!strcmp(in->name, "hub:invoke")) {
        answer_invocation(c, payload, in->id);
        return;
    }
    struct hubc_room *r = hubc_room_find(c, hubc_text_of(payload, "roomId"));
    if (r && !hubc_room_take(r, in->name, payload)) return;
    if (!r) tell_follow(c, in->name, payload);
    tell_binary(c, in->name, payload, in->binary, in->binary_len);
    if (r) hubc_room_took(r, in->name, payload);
}

/* ---- what is over is freed ---- */

static void sweep_rooms(struct hubd_client *c) {
    for (struct hubc_room **at = &c->rooms; *at;) {
        struct hubc_room *r = *at;
        if (r->over && !r->busy)
            *at = r->next, hubc_room_free(r);
        else
            at = &r->next;
    }
}

static void sweep_follows(struct hubd_client *c) {
    for (struct hubc_follow **at = &c->follows; *at;) {
        struct hubc_follow *f = *at;
        hubc_follow_tidy(f);
        if (f->over && !f->busy)
            *at = f->next, hubc_follow_free(f);
        else
            at = &f->next;
    }
}

static void sweep_all(void *arg) {
    sweep_rooms(arg);
    sweep_follows(arg);
}

void hubc_sweep_soon(struct hubd_client *c) { hubc_timer_set(&c->connection.timers, &c->sweep, 0); }

/* ---- life ---- */

void hubd_client_options_init(struct hubd_client_options *options) { memset(options, 0, sizeof *options); }

static const struct hubc_connection_owner owner_fns = {on_up,      on_down, on_refused,   on_became,
                                                       on_trouble, on_told, on_want_token};

struct hubd_client *hubc_client_new(const struct hubd_client_options *options, struct hubc_transport *transport) {
    if (!options->hub || !*options->hub || strpbrk(options->hub, ",?")) return errno = EINVAL, NULL;
    struct hubd_client *c = hubc_alloc(sizeof *c);
    c->options = *options;
    if (!c->options.queue_limit) c->options.queue_limit = QUEUE;
    c->sweep = (struct hubc_timer){.fn = sweep_all, .arg = c};
    struct hubc_buf nsp = {0};
    hubc_buf_text(&nsp, "/hub/");
    hubc_buf_text(&nsp, options->hub);
    hubc_connection_init(&c->connection, transport, nsp.at, &owner_fns, c);
    hubc_buf_free(&nsp);
    c->connection.client_id = hubc_copy(options->client_id);
    c->connection.token = hubc_copy(options->token);
    c->connection.asks_for_tokens = options->want_token != NULL;
    if (options->timeout_ms > 0) c->connection.timeout_ms = options->timeout_ms;
    hubc_connection_start(&c->connection);
    return c;
}

int hubd_client_service(struct hubd_client *c, int timeout_ms) {
    struct hubc_transport *t = c->connection.session.transport;
    bool closed = c->connection.state == HUBD_CLOSED;
    if (!c->serving) { /* in a callback it is one already, which goes on when that is over */
        c->serving = true;
        t->ops->service(t, closed ? 0 : timeout_ms);
        c->serving = false;
    }
    return c->connection.state == HUBD_CLOSED ? -1 : 0;
}

void hubd_client_close(struct hubd_client *c) { hubc_connection_close(&c->connection); }

void hubd_client_free(struct hubd_client *c) {
    if (!c) return;
    hubc_connection_close(&c->connection);
    c->freeing = true; /* else who asks again whenever he is refused would never be done with */
    hubc_connection_end_requests(&c->connection);
    sweep_all(c);
    while (c->invoked) hubd_client_on_invoke(c, c->invoked->type, NULL, NULL);
    hubc_connection_free(&c->connection);
    free(c);
}

void hubd_client_token(struct hubd_client *c, const char *token) { hubc_connection_token(&c->connection, token); }

enum hubd_state hubd_client_state(const struct hubd_client *c) { return c->connection.state; }

void hubd_client_reconnection(struct hubd_client *c, int first_ms, int most_ms) {
    c->connection.first_ms = first_ms > 0 ? first_ms : 1;
    c->connection.most_ms = most_ms > first_ms ? most_ms : c->connection.first_ms;
}

/* ---- rooms ---- */

void hubd_client_join(struct hubd_client *c, const char *room_id, hubd_answer_fn *fn, void *user) {
    if (c->freeing) return;
    if (!room_id || hubc_connection_ended(&c->connection)) {
        fail_soon(c, room_id ? "closed" : "invalid_content", fn, user);
        return;
    }
    struct hubc_room *r = hubc_room_find(c, room_id);
    if (!r) r = hubc_room_new(c, room_id);
    hubc_room_join(r, (struct hubc_answer){fn, user});
}

void hubd_client_leave(struct hubd_client *c, const char *room_id, hubd_answer_fn *fn, void *user) {
    struct hubc_room *r = hubc_room_find(c, room_id);
    if (r)
        hubc_room_leave(r, (struct hubc_answer){fn, user});
    else
        hubd_client_emit(c, "hub:leave", NULL, NULL, 0, fn, user);
}

void hubd_client_send(struct hubd_client *c, const char *room_id, const char *type, const json_t *content,
                      hubd_answer_fn *fn, void *user) {
    if (c->freeing) return;
    struct hubc_room *r = hubc_room_find(c, room_id);
    if (r) {
        hubc_room_send(r, type, content, (struct hubc_answer){fn, user});
        return;
    }
    json_t *payload = json_pack("{ss ss sO*}", "roomId", room_id, "messageType", type, "content", (json_t *)content);
    hubc_connection_ask(&c->connection, "hub:send", payload, fn ? give_answer : NULL, fn ? answer_new(fn, user) : NULL);
}

/* ---- anything of the wire ---- */

void hubd_client_command(struct hubd_client *c, const char *name, const json_t *payload, hubd_answer_fn *fn,
                         void *user) {
    if (c->freeing) return;
    json_t *question = json_pack("{ss sO*}", "command", name, "payload", (json_t *)payload);
    hubc_connection_ask(&c->connection, "hub:command", question, fn ? give_answer : NULL,
                        fn ? answer_new(fn, user) : NULL);
}

static bool stop_at_first(void *arg, json_t *placeholder, int64_t num) {
    (void)placeholder;
    (void)num;
    *(bool *)arg = true;
    return false;
}

/* An own reference to the payload, with a place for the bytes. */
static json_t *payload_with(const json_t *data, bool binary) {
    if (!binary) return data ? json_incref((json_t *)data) : json_object();
    bool placed = false;
    json_t *payload = data ? json_copy((json_t *)data) : json_object();
    hubc_each_placeholder(payload, stop_at_first, &placed);
    if (!placed) json_object_set_new(payload, "data", json_pack("{sb si}", "_placeholder", 1, "num", 0));
    return payload;
}

void hubd_client_emit(struct hubd_client *c, const char *event, const json_t *data, const void *binary,
                      size_t binary_len, hubd_answer_fn *fn, void *user) {
    if (c->freeing) return;
    json_t *payload = payload_with(data, binary != NULL);
    hubc_connection_emit(&c->connection, event, payload, binary, binary_len, fn ? give_answer : NULL,
                         fn ? answer_new(fn, user) : NULL);
}

/* ---- extensions ---- */

static void follow_value(struct hubd_client *c, bool is_record, const char *name, int history, hubd_value_fn *fn,
                         void *user) {
    struct hubc_follow *f = hubc_follow_find(c, is_record, name);
    if (!fn) {
        if (f) hubc_follow_end(f, true);
        return;
    }
    if (hubc_connection_ended(&c->connection)) return;
    if (!f) f = hubc_follow_new(c, is_record, name);
    hubc_follow_add(f, history, fn, user);
}

void hubd_client_channel(struct hubd_client *c, const char *channel, int history, hubd_value_fn *fn, void *user) {
    follow_value(c, false, channel, history, fn, user);
}

void hubd_client_record(struct hubd_client *c, const char *record_id, hubd_value_fn *fn, void *user) {
    follow_value(c, true, record_id, 0, fn, user);
}

void hubd_client_on_invoke(struct hubd_client *c, const char *type, hubd_invoke_fn *fn, void *user) {
    struct hubc_invoked **at = find_invoked(c, type), *one = *at;
    if (!fn) {
        if (!one) return;
        *at = one->next;
        free(one->type);
        free(one);
        return;
    }
    if (!one) {
        one = *at = hubc_alloc(sizeof *one);
        one->type = hubc_copy(type);
    }
    one->fn = fn;
    one->user = user;
}
