/* Who may not enter a room or not speak in it: block, silence, and the right to speak where rooms begin
 * silent.
 *
 * A restriction is an active row of the hub's moderation table, and struct hub_moderated while the room is
 * in use; the row comes first. At most one row per user and action stays active: a new one is inserted,
 * then those before it are put out of use. */
#include "hub/moderation/moderation.h"

#include <stdlib.h>

#include "base/telemetry/log.h"
#include "base/time/clock.h"
#include "hub/access/access.h"
#include "hub/member/member.h"
#include "hub/message/message.h"

#define SECONDS_MAX (10LL * 366 * 24 * 3600) /* ten years */
#define LIFTED_MAX 16                        /* rows looked up at once; there should be two at most */

struct moderation {
    struct hub_hold hold; /* of the step under way */
    struct hub_write write;
    struct hub_cell cells[HUB_MOD_COLUMNS];
    struct hub_cond where[4], one;
    struct hub_cell actions[2]; /* the actions whose rows are deactivated */
    char *lifted[LIFTED_MAX];   /* ids of these rows */
    size_t lifted_n;
    bool more; /* there may be further ones */
    const struct kind *kind;
    struct hub_call *call;          /* until it is answered */
    struct hub_identity *moderator; /* reference */
    json_t *args;                   /* the call's, reference */
    struct hub_room *room;          /* reference */
    struct hub_str user;
    int64_t until; /* wall ms; INT64_MAX = without end */
    int64_t made;  /* wall ms, and the id of the row it inserts: rows that came later are not its to lift */
    char id[HUB_UUID_LEN + 1];
};

struct kind {
    const char *adds;     /* action of the row to insert; NULL: rows are only deactivated */
    const char *lifts[2]; /* actions whose earlier rows end; the second may be NULL */
    bool against;         /* it takes something from the user */
    /* After the commit and the acknowledgement: remembers it and tells those concerned. */
    void (*effect)(const struct moderation *m);
};

/* ---- telling ---- */

static void tell_target(struct hub_room *room, const struct hub_target *target, struct hub_str event,
                        struct hub_str user) {
    struct hub_event_json e = hub_event_json(room);
    hub_event_json_text(&e, "userId", user);
    hub_event_json_tell(&e, target, event, 0);
}

static void tell_all(struct hub_room *room, struct hub_str event, struct hub_str user) {
    const struct hub_target all = {.to = HUB_TO_ALL};
    tell_target(room, &all, event, user);
}

static void tell_concerned(struct hub_room *room, struct hub_str event, struct hub_str user) {
    const struct hub_target few = {.to = HUB_TO_MODERATORS, .also = user};
    tell_target(room, &few, event, user);
}

/* ---- what each does ---- */

/* What is remembered of the user; NULL when there is nothing to take back. */
static struct hub_moderated *moderated_user(const struct moderation *m, bool create) {
    return hub_room_moderated(m->room, m->user, create);
}

static void apply_block(const struct moderation *m) {
    moderated_user(m, true)->blocked_until = m->until;
    hub_speak_answered(m->room, m->user);
    hub_room_expel(m->room, m->user, "hub:blocked", hub_json_get_str(m->args, "reason"), HUB_BLOCKED);
}

static void apply_unblock(const struct moderation *m) {
    struct hub_moderated *now = moderated_user(m, false);
    if (now) now->blocked_until = 0;
}

static void apply_silence(const struct moderation *m) {
    hub_silence_set(moderated_user(m, true), m->until);
    tell_all(m->room, HUB_STR("hub:silenced"), m->user);
    hub_permissions_tell_user(m->room, m->user);
}

static void apply_unsilence(const struct moderation *m) {
    struct hub_moderated *now = moderated_user(m, false);
    if (!now || !now->silenced_until) return;
    hub_silence_set(now, 0);
    hub_speak_answered(m->room, m->user);
    tell_all(m->room, HUB_STR("hub:unsilenced"), m->user);
    hub_permissions_tell_user(m->room, m->user);
}

static void apply_grant(const struct moderation *m) {
    struct hub_moderated *now = moderated_user(m, true);
    now->may_speak = true;
    hub_silence_set(now, 0);
    hub_speak_answered(m->room, m->user);
    tell_concerned(m->room, HUB_STR("hub:speakGranted"), m->user);
    hub_permissions_tell_user(m->room, m->user);
}

static void apply_denial(const struct moderation *m) {
    struct hub_moderated *now = moderated_user(m, false);
    bool could = now && now->may_speak;
    if (could) now->may_speak = false;
    hub_speak_answered(m->room, m->user);
    tell_concerned(m->room, HUB_STR("hub:speakDenied"), m->user);
    if (could) hub_permissions_tell_user(m->room, m->user);
}

/* ---- the way of all of them ---- */

static void end_moderation(struct moderation *m) {
    while (m->lifted_n) free(m->lifted[--m->lifted_n]);
    hub_room_unref(m->room);
    hub_identity_unref(m->moderator);
    json_decref(m->args);
    free(m);
}

static void refuse_moderation(struct moderation *m, enum hub_code code, const char *why) {
    if (m->call) hub_call_fail_store(m->call, code, why);
    m->call = NULL;
}

/* The block itself is in force whatever happened here. */
static void on_messages_deleted(void *arg, enum hub_code code, int64_t n) {
    struct hub_call *call = arg;
    struct hub_buf fields = {0};
    if (!call) return;
    hub_buf_addf(&fields, "\"deleted\":%lld", (long long)n);
    if (code)
        hub_call_fail_store(call, HUB_STORE_UNDECIDED, NULL);
    else
        hub_call_ok(call, "deleted", hub_buf_str(&fields));
    hub_buf_free(&fields);
}

static bool deletes_messages(const json_t *args) { return hub_json_get_bool(args, "deleteMessages", false); }

static void accept_moderation(struct moderation *m) {
    bool deletes = m->kind->adds && deletes_messages(m->args);
    struct hub_call *call = m->call;
    if (call && !deletes) hub_call_ok(call, NULL, hub_str(NULL, 0));
    m->call = NULL;
    m->room->judged++;
    m->kind->effect(m);
    if (deletes) hub_messages_delete_of(m->room, m->user, hub_cstr(m->moderator->user_id), on_messages_deleted, call);
}

/* Should it turn out to have been written, it takes effect all the same. */
static void on_undecided(struct hub_write *w) { refuse_moderation(w->arg, HUB_STORE_UNDECIDED, NULL); }

static void submit_write(struct moderation *m, enum hub_write_kind kind, void (*done)(struct hub_write *)) {
    struct hub_hub *hub = hub_of(m->room);
    struct hub_store *store = hub->engine->config.store;
    m->write = (struct hub_write){.table = hub->tables->moderation,
                                  .kind = kind,
                                  .cells = m->cells,
                                  .done = done,
                                  .undecided = on_undecided,
                                  .arg = m};
    if (kind == HUB_DELETE) m->write.cells = NULL, m->write.where = &m->one, m->write.where_n = 1;
    hub_hold(&hub->engine->holds, &m->hold, "moderation");
    hub_feed_announce(hub->engine->data.feed, &m->write, true);
    store->ops->write(store, &m->write);
}

/* Revoking has ended: for a command that only revokes, this is the answer; the others were answered when
 * their own row was stored. */
static void end_lift(struct moderation *m, enum hub_code code, const char *error) {
    if (code && m->kind->adds)
        hub_log_kv(HUB_LOG_WARN, "hub", "an earlier moderation could not be revoked", "room", m->room->id, "error",
                   error, NULL);
    else if (code)
        refuse_moderation(m, code, error);
    else if (!m->kind->adds)
        accept_moderation(m);
    end_moderation(m);
}

static void lift_row(struct moderation *m);
static void lift_next(struct moderation *m);

static void on_one_lifted(struct hub_write *w) {
    struct moderation *m = w->arg;
    hub_unhold(&m->hold);
    hub_feed_done(hub_of(m->room)->engine->data.feed, w, true, NULL);
    free(m->lifted[--m->lifted_n]);
    if (w->code && w->code != HUB_NOT_FOUND) /* somebody else lifted it */
        end_lift(m, w->code, w->error);
    else
        lift_next(m);
}

/* One by one: each is an event of its own. */
static void lift_next(struct moderation *m) {
    if (!m->lifted_n && m->more) {
        lift_row(m);
        return;
    }
    if (!m->lifted_n) {
        end_lift(m, HUB_OK, NULL);
        return;
    }
    m->one = (struct hub_cond){.column = HUB_MOD_ID, .value = hub_cell_text(hub_cstr(m->lifted[m->lifted_n - 1]))};
    submit_write(m, HUB_DELETE, on_one_lifted);
}

/* Ids of one process sort in the order they were made. */
static bool came_later(const struct moderation *m, const struct hub_cell *row) {
    struct hub_str id = row[HUB_MOD_ID].s;
    return m->kind->adds && row[HUB_MOD_CREATED_AT].i >= m->made && id.n == HUB_UUID_LEN &&
           memcmp(id.p, m->id, HUB_UUID_LEN) > 0;
}

static void on_found(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct moderation *m = arg;
    hub_unhold(&m->hold);
    if (code) {
        end_lift(m, code, error);
        return;
    }
    for (size_t i = 0; i < rows->n; i++)
        if (!came_later(m, hub_row(rows, i))) m->lifted[m->lifted_n++] = hub_str_dup(hub_row(rows, i)[HUB_MOD_ID].s);
    m->more = rows->n == LIFTED_MAX && m->lifted_n;
    lift_next(m);
}

static void lift_row(struct moderation *m) {
    struct hub_hub *hub = hub_of(m->room);
    struct hub_store *store = hub->engine->config.store;
    const struct hub_select q = {.table = hub->tables->moderation,
                                 .where = m->where,
                                 .where_n = m->kind->adds ? 4 : 3,
                                 .order_by = HUB_MOD_ID,
                                 .descending = true, /* they are lifted from the last to the first */
                                 .limit = LIFTED_MAX};
    hub_hold(&hub->engine->holds, &m->hold, "moderation");
    store->ops->select(store, &q, on_found, m);
}

static void on_added(struct hub_write *w) {
    struct moderation *m = w->arg;
    hub_unhold(&m->hold);
    hub_feed_done(hub_of(m->room)->engine->data.feed, w, true, NULL);
    if (w->code) {
        refuse_moderation(m, w->code, w->error);
        end_moderation(m);
        return;
    }
    accept_moderation(m);
    lift_row(m);
}

static void fill_row(struct moderation *m) {
    struct hub_str reason = hub_json_get_str(m->args, "reason");
    m->cells[HUB_MOD_ID] = hub_cell_text(hub_str(m->id, HUB_UUID_LEN));
    m->cells[HUB_MOD_ROOM_ID] = hub_cell_text(hub_cstr(m->room->id));
    m->cells[HUB_MOD_USER_ID] = hub_cell_text(m->user);
    m->cells[HUB_MOD_ACTION] = hub_cell_text(hub_cstr(m->kind->adds));
    m->cells[HUB_MOD_MODERATOR_ID] = hub_cell_text(hub_cstr(m->moderator->user_id));
    if (reason.n) m->cells[HUB_MOD_REASON] = hub_cell_text(reason);
    if (m->until != INT64_MAX) m->cells[HUB_MOD_EXPIRES_AT] = hub_cell_int(m->until);
    m->cells[HUB_MOD_IS_ACTIVE] = hub_cell_bool(1);
}

static void aim_moderation(struct moderation *m) {
    for (size_t i = 0; i < 2; i++) m->actions[i] = hub_cell_text(hub_cstr(m->kind->lifts[i]));
    m->where[0] = (struct hub_cond){.column = HUB_MOD_ROOM_ID, .value = hub_cell_text(hub_cstr(m->room->id))};
    m->where[1] = (struct hub_cond){.column = HUB_MOD_USER_ID, .value = hub_cell_text(m->user)};
    m->where[2] =
        (struct hub_cond){.column = HUB_MOD_ACTION, .cmp = HUB_IN, .in = m->actions, .in_n = m->kind->lifts[1] ? 2 : 1};
    m->where[3] =
        (struct hub_cond){.column = HUB_MOD_ID, .cmp = HUB_NE, .value = hub_cell_text(hub_str(m->id, HUB_UUID_LEN))};
}

/* Moderators and managers cannot be moderated by those who are no more than moderators. It is known only
 * of users who are in the room. */
static bool is_protected(const struct hub_call *call, struct hub_str user) {
    const struct hub_room_user *u = hub_room_user(call->room, user);
    if (!u || call->rights.can_manage_room) return false;
    HUB_LIST_EACH(&u->members, it) {
        const struct hub_rights *r = &HUB_CONTAINER(it, struct hub_member, in_user)->rights;
        if (r->can_moderate || r->can_manage_room) return true;
    }
    return false;
}

static enum hub_code check_target(const struct hub_call *call, const struct kind *kind, struct hub_str user,
                                  struct hub_err *err) {
    if (hub_str_is(user, call->who->user_id)) return hub_fail(err, HUB_NOT_ALLOWED, "you cannot moderate yourself");
    if (kind->against && is_protected(call, user))
        return hub_fail(err, HUB_NOT_ALLOWED, "the user moderates this room; that takes %s",
                        hub_right_rows[HUB_RIGHT_MANAGE_ROOM].name);
    return HUB_OK;
}

/* For a command with "seconds": a user who was let speak may do so until that is revoked. */
static int64_t end_of(const struct hub_call *call) {
    bool ends = hub_arg_named(call->command->args, HUB_STR("seconds")) != NULL;
    int64_t seconds = ends ? hub_json_get_int(call->args, "seconds", 0) : 0;
    return seconds ? hub_loop_wall(call->room->loop) + seconds * 1000 : INT64_MAX;
}

static void moderate_user(struct hub_call *call, const struct kind *kind) {
    struct hub_str user = hub_call_str(call, "userId");
    struct hub_err err;
    if (check_target(call, kind, user, &err)) {
        hub_call_fail_with(call, &err, hub_str(NULL, 0));
        return;
    }
    struct moderation *m = hub_xcalloc(1, sizeof *m);
    *m = (struct moderation){.kind = kind,
                             .call = call,
                             .moderator = hub_identity_ref(call->who),
                             .args = json_incref(call->args),
                             .room = hub_room_ref(call->room),
                             .user = user,
                             .until = end_of(call),
                             .made = hub_loop_wall(call->room->loop)};
    hub_uuid7(m->id);
    aim_moderation(m);
    if (kind->adds) {
        fill_row(m);
        submit_write(m, HUB_INSERT, on_added);
    } else {
        lift_row(m);
    }
}

static void block_user(struct hub_call *call) {
    static const struct kind kind = {"block", {"block"}, true, apply_block};
    if (deletes_messages(call->args) && !call->rights.can_delete_any)
        hub_call_fail(call, HUB_NOT_ALLOWED, "deleteMessages: deleting messages of others takes %s",
                      hub_right_rows[HUB_RIGHT_DELETE_ANY].name);
    else
        moderate_user(call, &kind);
}

static void unblock_user(struct hub_call *call) {
    static const struct kind kind = {NULL, {"block"}, false, apply_unblock};
    moderate_user(call, &kind);
}

static void silence_user(struct hub_call *call) {
    static const struct kind kind = {"silence", {"silence"}, true, apply_silence};
    moderate_user(call, &kind);
}

static void unsilence_user(struct hub_call *call) {
    static const struct kind kind = {NULL, {"silence"}, false, apply_unsilence};
    moderate_user(call, &kind);
}

static void grant_speak(struct hub_call *call) {
    static const struct kind kind = {"speak", {"speak", "silence"}, false, apply_grant};
    moderate_user(call, &kind);
}

static void deny_speak(struct hub_call *call) {
    static const struct kind kind = {NULL, {"speak"}, true, apply_denial};
    moderate_user(call, &kind);
}

/* Now, but later than any before: those who ask within a millisecond keep their order. */
static int64_t time_of_asking(struct hub_engine *e) {
    int64_t now = hub_loop_wall(e->config.loop);
    e->last_asked = now > e->last_asked ? now : e->last_asked + 1;
    return e->last_asked;
}

/* A repeated request is announced again and keeps its place in the queue, since other moderators may be
 * present by now. The rate limit bounds repeats. */
static void request_speak(struct hub_call *call) {
    const struct hub_target moderators = {.to = HUB_TO_MODERATORS};
    struct hub_room_user *u = hub_room_user(call->room, hub_cstr(call->who->user_id));
    if (u && !u->asked_to_speak) u->asked_to_speak = time_of_asking(call->hub->engine);
    tell_target(call->room, &moderators, HUB_STR("hub:speakRequested"), hub_cstr(call->who->user_id));
    hub_call_ok(call, NULL, hub_str(NULL, 0));
}

static enum hub_code check_silenced(struct hub_call *call, struct hub_err *err) {
    struct hub_str user = hub_cstr(call->who->user_id);
    if (hub_room_is_silenced(call->room, user, &call->rights, call->hub->def->default_silenced,
                             hub_loop_wall(call->room->loop)))
        return HUB_OK;
    return hub_fail(err, HUB_NOT_ALLOWED, "you are not silenced in this room");
}

static const struct hub_gate gate_silenced = {
    .name = "silenced", .help = "The caller is silenced.", .check = check_silenced, .codes = {HUB_NOT_ALLOWED}};

/* ---- hub:restrictions: the rows in force, and who waits for an answer ---- */

#define RESTRICTIONS_MAX 1000 /* rows of one answer, the newest */

struct listing {
    struct hub_call *call;
    struct hub_result result;
};

static void add_text(struct hub_buf *b, const char *key, const struct hub_cell *c) {
    hub_buf_addc(b, ',');
    hub_json_add_key(b, key);
    c->kind == HUB_CELL_TEXT ? hub_json_add_string(b, c->s) : hub_buf_addz(b, "null");
}

static void add_time(struct hub_buf *b, const char *key, int64_t at) {
    char iso[HUB_ISO_LEN + 1];
    hub_buf_addc(b, ',');
    hub_json_add_key(b, key);
    if (at) hub_iso_format(at, iso), hub_buf_addf(b, "\"%s\"", iso);
    if (!at) hub_buf_addz(b, "null");
}

static int64_t time_of(const struct hub_cell *c) { return c->kind == HUB_CELL_INT ? c->i : 0; }

/* One for each user: the newest row counts. */
static void add_rows(struct hub_buf *b, const struct hub_rows *rows, const char *action, int64_t now) {
    struct hub_map seen = {0};
    for (size_t i = 0; i < rows->n; i++) {
        const struct hub_cell *row = hub_row(rows, i);
        int64_t until = time_of(&row[HUB_MOD_EXPIRES_AT]);
        if (!hub_str_is(row[HUB_MOD_ACTION].s, action) || (until && until <= now)) continue;
        if (hub_map_put(&seen, row[HUB_MOD_USER_ID].s, &seen)) continue;
        hub_buf_addz(b, b->p[b->n - 1] == '[' ? "{\"userId\":" : ",{\"userId\":");
        hub_json_add_string(b, row[HUB_MOD_USER_ID].s);
        add_text(b, "moderatorId", &row[HUB_MOD_MODERATOR_ID]);
        add_text(b, "reason", &row[HUB_MOD_REASON]);
        add_time(b, "expiresAt", until);
        add_time(b, "createdAt", time_of(&row[HUB_MOD_CREATED_AT]));
        hub_buf_addc(b, '}');
    }
    hub_map_clear(&seen);
}

/* In the room, asked, and silent still: who has become a moderator, say, needs no answer. */
static bool waits_to_speak(const struct hub_hub *hub, struct hub_room *room, const struct hub_room_user *u,
                           int64_t now) {
    if (!u->member_n || !u->asked_to_speak) return false;
    const struct hub_member *m = HUB_CONTAINER(u->members.next, struct hub_member, in_user);
    return hub_room_is_silenced(room, hub_cstr(u->id), &m->rights, hub->def->default_silenced, now);
}

static int who_asked_first(const void *a, const void *b) {
    const struct hub_room_user *x = *(const struct hub_room_user *const *)a,
                               *y = *(const struct hub_room_user *const *)b;
    return x->asked_to_speak < y->asked_to_speak ? -1 : 1;
}

static void add_waiting(struct hub_buf *b, const struct hub_hub *hub, struct hub_room *room) {
    const struct hub_room_user **all = hub_xmalloc((hub_keyed_len(&room->users) + 1) * sizeof *all);
    size_t n = 0;
    int64_t now = hub_loop_wall(room->loop);
    HUB_ROOM_EACH_USER(room, u)
    if (waits_to_speak(hub, room, u, now)) all[n++] = u;
    qsort(all, n, sizeof *all, who_asked_first);
    for (size_t i = 0; i < n; i++) {
        hub_buf_addz(b, i ? ",{\"userId\":" : "{\"userId\":");
        hub_json_add_string(b, hub_cstr(all[i]->id));
        hub_buf_addz(b, ",\"name\":");
        all[i]->name ? hub_json_add_string(b, hub_cstr(all[i]->name)) : hub_buf_addz(b, "null");
        add_time(b, "askedAt", all[i]->asked_to_speak);
        hub_buf_addc(b, '}');
    }
    free((void *)all);
}

static void on_restrictions(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct listing *l = arg;
    struct hub_call *call = l->call;
    struct hub_reads *reads = &call->hub->engine->reads;
    struct hub_buf b = {0};
    int64_t now = hub_loop_wall(call->room->loop);
    (void)error;
    if (code) {
        hub_call_fail(call, code, NULL);
    } else {
        hub_buf_addz(&b, "\"restrictions\":{\"blocked\":[");
        add_rows(&b, rows, "block", now);
        hub_buf_addz(&b, "],\"silenced\":[");
        add_rows(&b, rows, "silence", now);
        hub_buf_addz(&b, "],\"waiting\":[");
        add_waiting(&b, call->hub, call->room);
        bool more = rows->n == RESTRICTIONS_MAX || rows->cut;
        hub_buf_addf(&b, "],\"hasMore\":%s}", more ? "true" : "false");
        hub_call_show(call, "restrictions", hub_buf_str(&b));
    }
    hub_result_over(reads, &l->result);
    hub_buf_free(&b);
    free(l);
}

static void read_restrictions(struct hub_result *result) {
    struct listing *l = HUB_CONTAINER(result, struct listing, result);
    struct hub_hub *hub = l->call->hub;
    struct hub_store *store = hub->engine->config.store;
    /* Grants of speech are rows, too: a room that begins silent has as many as it has had speakers. */
    const struct hub_cell shown[] = {hub_cell_text(HUB_STR("block")), hub_cell_text(HUB_STR("silence"))};
    const struct hub_cond where[] = {{.column = HUB_MOD_ROOM_ID, .value = hub_cell_text(hub_cstr(l->call->room->id))},
                                     {.column = HUB_MOD_ACTION, .cmp = HUB_IN, .in = shown, .in_n = HUB_NELEM(shown)}};
    const struct hub_select q = {.table = hub->tables->moderation,
                                 .where = where,
                                 .where_n = HUB_NELEM(where),
                                 .order_by = HUB_MOD_CREATED_AT,
                                 .descending = true,
                                 .limit = RESTRICTIONS_MAX,
                                 .max_bytes = HUB_RESULT_MAX};
    store->ops->select(store, &q, on_restrictions, l);
}

static void list_restrictions(struct hub_call *call) {
    struct listing *l = hub_xmalloc(sizeof *l);
    *l = (struct listing){.call = call, .result.start = read_restrictions};
    hub_result_ask(&call->hub->engine->reads, &l->result, hub_cstr(call->who->user_id),
                   (size_t)RESTRICTIONS_MAX * HUB_ROW_BYTES);
}

/* ---- the part ---- */

#define ARG_WHOM \
    { "userId", HUB_ARG_ID, HUB_ARG_REQUIRED, .help = "Whom it is about." }
#define ARG_SECONDS(HELP) \
    { "seconds", HUB_ARG_INT, .least = 1, .most = SECONDS_MAX, .help = (HELP) }
#define ARG_REASON(HELP) \
    { "reason", HUB_ARG_TEXT, .most = HUB_REASON_MAX, .help = (HELP) }
#define ARG_DELETES(HELP) \
    { "deleteMessages", HUB_ARG_BOOL, .help = (HELP) }
static const struct hub_arg block_args[] = {HUB_ARG_ROOM,
                                            ARG_WHOM,
                                            ARG_SECONDS("How long it holds; for good unless given."),
                                            ARG_REASON("Stored, and told the user."),
                                            ARG_DELETES("Deletes his messages of the room, too; takes canDeleteAny."),
                                            {0}};
static const struct hub_arg silence_args[] = {HUB_ARG_ROOM,
                                              ARG_WHOM,
                                              ARG_SECONDS("How long it holds; for good unless given."),
                                              ARG_REASON("Stored, for moderators."),
                                              {0}};
/* Takes the same payload as the command that it revokes, so that clients need not build another. */
static const struct hub_arg lift_args[] = {HUB_ARG_ROOM,
                                           ARG_WHOM,
                                           ARG_SECONDS("Without effect: it ends at once."),
                                           ARG_REASON("Without effect."),
                                           ARG_DELETES("Without effect: what was deleted stays so."),
                                           {0}};
static const struct hub_arg speak_args[] = {HUB_ARG_ROOM, ARG_WHOM, {0}};
static const struct hub_arg room_args[] = {HUB_ARG_ROOM, {0}};
static const struct hub_field restrictions_answer[] = {
    {"restrictions", "{blocked: list of object, silenced: list of object, waiting: list of object, hasMore: boolean}",
     .help = "Lists of users, with who did it, why and until when; hasMore: only the newest 1,000 were looked at."},
    {0}};

static const struct hub_field block_answer[] = {
    {"deleted", "integer", .help = "With `deleteMessages`: how many there were.", .optional = true}, {0}};

#define MODERATORS HUB_GATES(&hub_gate_room, &hub_gate_moderate, &hub_gate_running, &hub_gate_args)
#define MODERATION_CODES \
    { HUB_NOT_ALLOWED, HUB_STORE_UNAVAILABLE }
static const struct hub_command moderation_commands[] = {
    {.name = "hub:restrictions",
     .help = "Who is blocked, silenced, or waits to speak.",
     .flags = HUB_READS,
     .gates = HUB_GATES(&hub_gate_reads, &hub_gate_room, &hub_gate_moderate),
     .args = room_args,
     .rest = {"GET", "rooms/:roomId/moderation", 200},
     .answer = restrictions_answer,
     .codes = {HUB_OVERLOADED, HUB_STORE_UNAVAILABLE},
     .run = list_restrictions},
    {.name = "hub:block",
     .help = "Puts a user out of the room, and keeps him out.",
     .gates = MODERATORS,
     .args = block_args,
     .rest = {"PUT", "rooms/:roomId/moderation/:userId/block", 200},
     .answer = block_answer,
     .codes = MODERATION_CODES,
     .run = block_user},
    {.name = "hub:unblock",
     .help = "Ends that.",
     .gates = MODERATORS,
     .args = lift_args,
     .rest = {"DELETE", "rooms/:roomId/moderation/:userId/block", 200},
     .codes = MODERATION_CODES,
     .run = unblock_user},
    {.name = "hub:silence",
     .help = "Keeps a user from sending.",
     .gates = MODERATORS,
     .args = silence_args,
     .rest = {"PUT", "rooms/:roomId/moderation/:userId/silence", 200},
     .codes = MODERATION_CODES,
     .run = silence_user},
    {.name = "hub:unsilence",
     .help = "Ends that.",
     .gates = MODERATORS,
     .args = lift_args,
     .rest = {"DELETE", "rooms/:roomId/moderation/:userId/silence", 200},
     .codes = MODERATION_CODES,
     .run = unsilence_user},
    {.name = "hub:requestSpeak",
     .help = "Asks the moderators to be allowed to speak.",
     .gates = HUB_GATES(&hub_gate_room, &gate_silenced, &hub_gate_messages),
     .args = room_args,
     .run = request_speak},
    {.name = "hub:grantSpeak",
     .help = "Lets a user speak.",
     .gates = MODERATORS,
     .args = speak_args,
     .codes = MODERATION_CODES,
     .run = grant_speak},
    {.name = "hub:denySpeak",
     .help = "Refuses a request to speak, or revokes the permission.",
     .gates = MODERATORS,
     .args = speak_args,
     .codes = MODERATION_CODES,
     .run = deny_speak},
    {0},
};

static const struct hub_field user_fields[] = {
    {"roomId", "id", .help = "The room."}, {"userId", "id", .help = "Whom it is about."}, {0}};
static const struct hub_field blocked_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"reason", "text", .help = "What the moderator said.", .optional = true},
    {0}};
static const struct hub_told_event moderation_told[] = {
    {"hub:blocked", "the user's connections", "a moderator blocked him: he is out", blocked_fields},
    {"hub:silenced", "those with canRead", "a moderator silenced somebody", user_fields},
    {"hub:unsilenced", "those with canRead", "that has ended", user_fields},
    {"hub:speakRequested", "moderators", "somebody asks to speak", user_fields},
    {"hub:speakGranted", "moderators and the user", "a moderator let somebody speak", user_fields},
    {"hub:speakDenied", "moderators and the user", "a moderator refused it, or took it back", user_fields},
    {0},
};

const struct hub_part hub_moderation_part = {
    .name = "moderation",
    .help = "Blocks, silences and requests to speak.",
    .commands = moderation_commands,
    .told = moderation_told,
    .keywords = "defaultSilenced",
    .tables = "Moderation",
};
