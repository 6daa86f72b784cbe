/* Gates: what a call has to pass before its command runs, one after another in the order of the command's
 * row (contract: semantics.md "Gates of a send, in order"). */
#include "hub/call/call.h"

#include <stdio.h>
#include <stdlib.h>

/* What follows a call that was judged goes on once this one has its place. */
static void run_call(struct hub_call *call) {
    struct hub_conn *c = call->judging ? hub_conn_ref(call->conn) : NULL;
    call->judging = false;
    call->command->run(call);
    if (!c) return;
    hub_order_judged(c);
    hub_conn_unref(c);
}

/* A read while it was counted: nobody is there to read it any more. What changes something is valid all the
 * same. */
static bool has_no_reader(const struct hub_call *call) {
    return call->conn && call->conn->closed && call->command->flags & HUB_READS;
}

void hub_call_go(struct hub_call *call) {
    struct hub_err err;
    enum hub_code code = HUB_OK;
    if (has_no_reader(call)) {
        hub_call_drop(call);
        return;
    }
    if (call->hub->gone) { /* while it waited */
        hub_call_fail(call, HUB_NOT_FOUND, "there is no such hub any more");
        return;
    }
    if (!call->room) hub_call_renew(call); /* it may have waited */
    const struct hub_gate *gate = NULL;
    while (!code && call->command->gates && (gate = call->command->gates[call->gate]) && !gate->ask) {
        call->gate++;
        code = gate->check(call, &err);
    }
    if (code) {
        hub_call_fail_with(call, &err, hub_str(NULL, 0));
    } else if (gate) {
        call->gate++;
        gate->ask(gate, call);
    } else if (!call->wrapping) {
        call->command->run(call);
    } else if (!hub_middleware_ask(call)) {
        run_call(call);
    }
}

static void forget_room(struct hub_call *call) {
    hub_member_unref(call->member);
    if (call->room) hub_room_unref(call->room);
    call->member = NULL;
    call->room = NULL;
    call->rights = (struct hub_rights){0};
    call->subject = NULL;
}

void hub_call_again(struct hub_call *call) {
    const struct hub_identity_ctx *identity = call->hub->engine->config.identity;
    enum hub_code code = call->conn ? HUB_OK : hub_identity_fault(identity, call->who);
    call->counted = true;
    call->gate = 0;
    forget_room(call);
    if (!call->late) hub_scratch_give(call->hub->engine, &call->text);
    if (call->conn && call->conn->closed)
        hub_call_drop(call);
    else if (call->hub->gone)
        hub_call_fail(call, HUB_NOT_FOUND, "there is no such hub any more");
    else if (code)
        hub_call_fail(call, code, NULL);
    else
        hub_call_go(call);
}

bool hub_call_permitted(struct hub_call *call) {
    struct hub_err err;
    for (const struct hub_gate *const *gate = call->command->gates; *gate; gate++) {
        if (!(*gate)->lasting || !(*gate)->check(call, &err)) continue;
        hub_call_fail_with(call, &err, hub_str(NULL, 0));
        return false;
    }
    return true;
}

/* ---- the process and the room ---- */

static enum hub_code check_running(struct hub_call *call, struct hub_err *err) {
    return call->hub->engine->draining ? hub_fail(err, HUB_SHUTTING_DOWN, NULL) : HUB_OK;
}

const struct hub_gate hub_gate_running = {.name = "running",
                                          .help = "The process is not about to stop.",
                                          .check = check_running,
                                          .codes = {HUB_SHUTTING_DOWN}};

enum hub_code hub_call_find_room(struct hub_call *call, struct hub_err *err) {
    struct hub_str id = hub_call_str(call, "roomId");
    if (!hub_id_ok(id)) return hub_fail(err, HUB_BAD_REQUEST, "roomId: expected " HUB_ID_EXPECTED);
    struct hub_room *room = hub_room_find(&call->hub->rooms, id);
    struct hub_member *m = room ? hub_conn_member(call->conn, room) : NULL;
    if (!m) return hub_fail(err, HUB_NOT_IN_ROOM, NULL);
    if (room->ended) return hub_fail(err, room->ended, NULL);
    m->refs++;
    call->member = m;
    call->room = hub_room_ref(room);
    call->rights = m->rights;
    call->judged = room->judged;
    return HUB_OK;
}

static void ask_room(const struct hub_gate *gate, struct hub_call *call) {
    struct hub_err err;
    (void)gate;
    if (!call->conn && !hub_id_ok(hub_call_str(call, "roomId")))
        hub_call_fail(call, HUB_BAD_REQUEST, "roomId: expected " HUB_ID_EXPECTED);
    else if (!call->conn)
        call->enter(call);
    else if (hub_call_find_room(call, &err))
        hub_call_fail_with(call, &err, hub_str(NULL, 0));
    else
        hub_call_go(call);
}

const struct hub_gate hub_gate_room = {.name = "in the room",
                                       .help = "The connection has joined the room; over REST: the caller may join it.",
                                       .ask = ask_room,
                                       .codes = {HUB_BAD_REQUEST, HUB_NOT_IN_ROOM, HUB_ROOM_NOT_FOUND,
                                                 HUB_ROOM_NOT_ELIGIBLE, HUB_BLOCKED, HUB_ROLE_REQUIRED,
                                                 HUB_CHECK_FAILED, HUB_NOT_AUTHORIZED}};

/* ---- rights ---- */

static enum hub_code check_read(struct hub_call *call, struct hub_err *err) {
    return hub_rights_need(&call->rights, HUB_RIGHT_READ, err);
}

const struct hub_gate hub_gate_read = {.name = "canRead",
                                       .help = "The caller's role may read.",
                                       .check = check_read,
                                       .lasting = true,
                                       .codes = {HUB_CANNOT_READ}};

static enum hub_code check_moderate(struct hub_call *call, struct hub_err *err) {
    return hub_rights_need(&call->rights, HUB_RIGHT_MODERATE, err);
}

const struct hub_gate hub_gate_moderate = {.name = "canModerate",
                                           .help = "The caller's role may moderate.",
                                           .check = check_moderate,
                                           .lasting = true,
                                           .codes = {HUB_NOT_ALLOWED}};

static enum hub_code check_manage(struct hub_call *call, struct hub_err *err) {
    return hub_rights_need(&call->rights, HUB_RIGHT_MANAGE_ROOM, err);
}

const struct hub_gate hub_gate_manage = {.name = "canManageRoom",
                                         .help = "The caller's role may manage the room.",
                                         .check = check_manage,
                                         .lasting = true,
                                         .codes = {HUB_NOT_ALLOWED}};

static enum hub_code check_unblocked(struct hub_call *call, struct hub_err *err) {
    bool blocked = hub_room_is_blocked(call->room, hub_cstr(call->who->user_id), hub_loop_wall(call->room->loop));
    return blocked ? hub_fail(err, HUB_BLOCKED, NULL) : HUB_OK;
}

const struct hub_gate hub_gate_unblocked = {.name = "not blocked",
                                            .help = "The caller is not blocked in the room.",
                                            .check = check_unblocked,
                                            .codes = {HUB_BLOCKED}};

static enum hub_code check_speaker(struct hub_call *c, struct hub_err *err) {
    if (!c->rights.can_send) return hub_fail(err, HUB_CANNOT_SEND, NULL);
    if (hub_room_is_silenced(c->room, hub_cstr(c->who->user_id), &c->rights, c->hub->def->default_silenced,
                             hub_loop_wall(c->room->loop)))
        return hub_fail(err, HUB_SILENCED, NULL);
    return HUB_OK;
}

const struct hub_gate hub_gate_speaker = {.name = "canSend",
                                          .help = "The caller's role may send, and the caller is not silenced.",
                                          .check = check_speaker,
                                          .codes = {HUB_CANNOT_SEND, HUB_SILENCED}};

enum hub_code hub_gate_again(struct hub_call *c, struct hub_err *err) {
    enum hub_code code = check_unblocked(c, err);
    return code ? code : check_speaker(c, err);
}

/* ---- arguments ---- */

static enum hub_code check_args(struct hub_call *call, struct hub_err *err) {
    const struct hub_arg *rows = call->command->args;
    unsigned foreign = call->conn ? HUB_ARG_PAGE : HUB_ARG_SOCKET;
    for (const struct hub_arg *row = rows; row->name; row++)
        if ((row->flags & foreign) && !hub_json_nil(hub_json_get(call->args, row->name)))
            return hub_fail(err, HUB_BAD_REQUEST, "%s: %s", row->name,
                            call->conn ? "pages by number come by REST only" : "over REST the method says it");
    return hub_args_check(rows, call->args, err);
}

const struct hub_gate hub_gate_args = {.name = "arguments",
                                       .help = "The arguments are what the command takes.",
                                       .check = check_args,
                                       .codes = {HUB_BAD_REQUEST}};

static enum hub_code check_size(struct hub_call *c, struct hub_err *err) {
    enum hub_code code = hub_arg_check(hub_arg_named(c->command->args, HUB_STR("content")), c->args, err);
    if (code) return code;
    if (!c->late) hub_json_add(&c->text, hub_json_get(c->args, "content"));
    size_t n = c->oversize ? c->oversize : c->text.n;
    if ((int64_t)n > c->hub->def->max_message_size)
        return hub_fail(err, HUB_TOO_LARGE, "content: %zu bytes of JSON, at most %lld are allowed", n,
                        (long long)c->hub->def->max_message_size);
    return HUB_OK;
}

const struct hub_gate hub_gate_size = {.name = "size",
                                       .help = "The content has at most maxMessageSize bytes of JSON.",
                                       .check = check_size,
                                       .codes = {HUB_INVALID_CONTENT, HUB_TOO_LARGE}};

enum hub_code hub_gate_filled(const struct hub_hub *hub, const json_t *content, struct hub_buf *text,
                              struct hub_err *err) {
    hub_buf_clear(text);
    hub_json_add(text, content);
    if ((int64_t)text->n > hub->def->max_message_size)
        return hub_fail(err, HUB_TOO_LARGE,
                        "content: %zu bytes of JSON with the type's defaults, at most %lld are allowed", text->n,
                        (long long)hub->def->max_message_size);
    return HUB_OK;
}

/* ---- limits ---- */

struct counting {
    struct hub_hold hold;
    struct hub_call *call;
    struct hub_counted limit;
    hub_gate_counted *then;
    void *arg;
};

static void count_refusal(const char *limit) {
    hub_metric_add(hub_metric_labelled("hubd_limited_total", "Requests over a limit, by limit", HUB_COUNTER, "limit",
                                       hub_cstr(limit)),
                   1);
}

enum hub_code hub_gate_too_many(const char *limit, int64_t most, const char *what, struct hub_err *err) {
    count_refusal(limit);
    return hub_fail(err, HUB_TOO_MANY, "%s: at most %lld %s", limit, (long long)most, what);
}

static struct hub_counted limit_of(const struct hub_call *c, enum hub_limit limit) {
    return (struct hub_counted){(uint32_t)limit, hub_limit_name(limit), hub_limit_of(c->hub->def, limit)};
}

static void refuse_rate(struct hub_call *c, const struct hub_counted *limit, int64_t retry) {
    struct hub_err err;
    char fields[48];
    count_refusal(limit->id < HUB_LIMIT_COUNT ? limit->name : "commands"); /* not a label for each of them */
    hub_err_set(&err, HUB_RATE_LIMITED, "%s: at most %lld per minute; try again in %lld ms", limit->name,
                (long long)limit->most, (long long)retry);
    int n = snprintf(fields, sizeof fields, "\"retryAfterMs\":%lld", (long long)retry);
    hub_call_fail_with(c, &err, hub_str(fields, (size_t)n));
}

/* Who counts: the user; where every request is another one, the address by which its reads take turns; a
 * stranger's connection by the address that it has come from. */
static struct hub_str counted_as(const struct hub_call *c) {
    const struct hub_reader *r = c->read.reader;
    if (r && r->key) return hub_cstr(r->key + (r->key[0] == '='));
    return hub_cstr(c->conn && c->conn->user ? c->conn->user->id : c->who->user_id);
}

/* The user record of whoever is counted; it lasts at least until the end of this turn. */
static struct hub_user *counted_user(const struct hub_call *c) {
    bool by_user = !c->read.reader || !c->read.reader->key;
    if (by_user && c->conn && c->conn->user) return c->conn->user; /* cached pointer, so that events need no lookup */
    return hub_user_get(c->hub, counted_as(c));
}

static int64_t now_of(const struct hub_call *c) { return hub_loop_now(c->hub->engine->config.loop); }

static void count_here(struct hub_call *c, const struct hub_counted *limit, hub_gate_counted *then, void *arg) {
    int64_t retry;
    bool allowed = hub_rate_take(counted_user(c), limit, now_of(c), &retry);
    if (!allowed) refuse_rate(c, limit, retry);
    then(arg, allowed);
}

/* What the cache admitted is counted here too, so that a fallback to local counting does not start from an
 * empty window. */
static void on_taken(void *arg, enum hub_code code, int64_t wait_ms) {
    struct counting *w = arg;
    struct hub_call *c = w->call;
    hub_unhold(&w->hold);
    if (code) {
        count_here(c, &w->limit, w->then, w->arg);
    } else if (wait_ms) {
        if (w->limit.id != HUB_LIMIT_MESSAGES) hub_rate_close(counted_user(c), &w->limit, now_of(c) + wait_ms);
        refuse_rate(c, &w->limit, wait_ms);
        w->then(w->arg, false);
    } else {
        hub_rate_note(counted_user(c), &w->limit, now_of(c));
        w->then(w->arg, true);
    }
    free(w);
}

/* By hand, for every join, message and command makes one: format functions took longer than the rest. */
static void add_key(struct hub_buf *key, const struct hub_call *c, const struct hub_counted *limit) {
    const struct hub_service *s = c->hub->engine->config.service;
    const char *what = limit->id == HUB_LIMIT_MESSAGES ? "rate" : limit->name;
    const char *kind = limit->id < HUB_LIMIT_COUNT ? "" : "own."; /* a command may be called "rate" */
    const char *const parts[] = {"hubd:", s->project, ":", s->name, ":", kind, what, ":", c->hub->def->name, ":"};
    for (size_t i = 0; i < HUB_NELEM(parts); i++) hub_buf_addz(key, parts[i]);
    hub_buf_adds(key, counted_as(c));
}

/* Who was refused is not asked about again before there is room. (Of messages some are given back.) */
static void count_call_by(struct hub_call *c, const struct hub_counted *limit, hub_gate_counted *then, void *arg) {
    struct hub_engine *e = c->hub->engine;
    struct hub_cache *cache = e->config.cache;
    if (!cache->ops->take) {
        count_here(c, limit, then, arg);
        return;
    }
    int64_t closed = hub_rate_closed(counted_user(c), limit->id) - now_of(c);
    if (closed > 0) {
        refuse_rate(c, limit, closed);
        then(arg, false);
        return;
    }
    struct hub_buf key = {0};
    struct counting *w = hub_xmalloc(sizeof *w);
    *w = (struct counting){.call = c, .limit = *limit, .then = then, .arg = arg};
    hub_hold(&e->holds, &w->hold, "rate count");
    add_key(&key, c, limit);
    cache->ops->take(cache, hub_buf_str(&key), limit->most, HUB_RATE_WINDOW_MS, on_taken, w);
    hub_buf_free(&key);
}

void hub_gate_limit(struct hub_call *c, enum hub_limit limit, hub_gate_counted *then, void *arg) {
    const struct hub_counted counted = limit_of(c, limit);
    count_call_by(c, &counted, then, arg);
}

void hub_gate_own_limit(struct hub_call *c, const char *name, int64_t most, hub_gate_counted *then, void *arg) {
    const struct hub_counted counted = {hub_limit_id(c->hub->engine, name), name, most};
    count_call_by(c, &counted, then, arg);
}

void hub_gate_give_back(const struct hub_call *c, enum hub_limit limit) {
    struct hub_cache *cache = c->hub->engine->config.cache;
    struct hub_buf key = {0};
    const struct hub_counted counted = limit_of(c, limit);
    hub_rate_give(counted_user(c), limit);
    if (!cache->ops->give) return;
    add_key(&key, c, &counted);
    cache->ops->give(cache, hub_buf_str(&key), HUB_RATE_WINDOW_MS);
    hub_buf_free(&key);
}

static void on_counted(void *call, bool allowed) {
    if (allowed) hub_call_go(call);
}

static void count_call(const struct hub_gate *gate, struct hub_call *call) {
    if (call->counted || call->uncounted)
        hub_call_go(call);
    else
        hub_gate_limit(call, gate->limit, on_counted, call);
}

#define COUNTED(NAME, LIMIT)                                                                           \
    {                                                                                                  \
        .name = (NAME), .help = "The caller has sent fewer of these in a minute than the hub allows.", \
        .ask = count_call, .limit = (LIMIT), .codes = {                                                \
            HUB_RATE_LIMITED                                                                           \
        }                                                                                              \
    }
const struct hub_gate hub_gate_messages = COUNTED("messageRateLimit", HUB_LIMIT_MESSAGES);
const struct hub_gate hub_gate_reactions = COUNTED("limits.reactions", HUB_LIMIT_REACTIONS);
const struct hub_gate hub_gate_joins = COUNTED("limits.joins", HUB_LIMIT_JOINS);
const struct hub_gate hub_gate_writes = COUNTED("limits.writes", HUB_LIMIT_WRITES);
const struct hub_gate hub_gate_reads = COUNTED("limits.reads", HUB_LIMIT_READS);
const struct hub_gate hub_gate_metadata = COUNTED("limits.metadata", HUB_LIMIT_METADATA);
const struct hub_gate hub_gate_events = COUNTED("limits.events", HUB_LIMIT_EVENTS);
const struct hub_gate hub_gate_publishes = COUNTED("limits.publishes", HUB_LIMIT_PUBLISHES);
