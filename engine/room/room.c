/* Rooms: life, members, moderation state, order, and emitting to an audience. */
#include "room/room.h"

#include <stdlib.h>

#include "base/memory/bug.h"
#include "base/memory/mem.h"
#include "base/telemetry/metric.h"

static struct hub_metric rooms = HUB_METRIC(HUB_GAUGE, "hubd_rooms", NULL, "Rooms in use");
static struct hub_metric members = HUB_METRIC(HUB_GAUGE, "hubd_members", NULL, "Connections joined to rooms");

struct hub_room *hub_room_find(struct hub_map *registry, struct hub_str id) {
    return hub_map_get(registry, id);
}

static struct hub_room *room_of_sequence(struct hub_sequence *s) { return HUB_CONTAINER(s, struct hub_room, sequence); }
static void ref_sequence(struct hub_sequence *s) { hub_room_ref(room_of_sequence(s)); }
static void unref_sequence(struct hub_sequence *s) { hub_room_unref(room_of_sequence(s)); }
static const struct hub_sequence_owner sequence_owner = {.ref = ref_sequence, .unref = unref_sequence};

static struct hub_str user_key(const void *user) { return hub_cstr(((const struct hub_room_user *)user)->id); }

struct hub_room *hub_room_get(struct hub_map *registry, struct hub_loop *loop, const struct hub_room_ops *ops,
                              struct hub_hub *owner, struct hub_str id) {
    struct hub_room *r = hub_map_get(registry, id);
    if (r) return hub_room_ref(r);
    r = hub_xcalloc(1, sizeof *r);
    *r = (struct hub_room){
        .refs = 1, .registry = registry, .loop = loop, .life = ops, .owner = owner, .id = hub_str_dup(id)};
    r->readers = hub_group_new(loop, (struct hub_group_place){"room", hub_cstr(r->id)});
    hub_keyed_init(&r->users, user_key);
    hub_list_init(&r->user_list);
    hub_list_init(&r->waiting);
    hub_list_init(&r->ops);
    hub_sequence_init(&r->sequence, &sequence_owner);
    hub_list_init(&r->skipping);
    hub_list_init(&r->repeatable);
    hub_list_init(&r->receiving);
    hub_map_put(registry, id, r);
    hub_metric_add(&rooms, 1);
    return r;
}

struct hub_room *hub_room_ref(struct hub_room *r) {
    r->refs++;
    return r;
}

static void free_user(struct hub_room_user *u) {
    struct hub_loop *loop = u->room->loop;
    for (int i = 0; u->timers && i < HUB_USER_TIMERS; i++) hub_timer_stop(loop, &u->timers->of[i]);
    if (u->state) hub_timer_stop(loop, &u->state->over);
    hub_list_remove(&u->in_room);
    free(u->timers);
    free(u->state);
    free(u->name);
    free(u->avatar);
    free(u);
}

void hub_room_unref(struct hub_room *r) {
    if (--r->refs) return;
    if (r->life->unused && r->life->unused(r)) return;
    hub_map_del(r->registry, hub_cstr(r->id));
    hub_room_set_state(r, HUB_ROOM_GONE);
    HUB_ROOM_EACH_USER(r, u) free_user(u);
    hub_keyed_clear(&r->users);
    for (struct hub_moderated *m; (m = hub_map_drain(&r->moderated));)
        hub_timer_stop(r->loop, &m->silence_over), free(m);
    for (void *m; (m = hub_map_drain(&r->receipts));) free(m);
    hub_timer_stop(r->loop, &r->skips_due);
    hub_group_delete(r->readers);
    json_decref(r->record);
    free(r->id);
    free(r);
    hub_metric_add(&rooms, -1);
}

/* ---- life ---- */

#define TO(STATE) (1u << HUB_ROOM_##STATE)
static const unsigned steps[HUB_ROOM_STATES] = {
    [HUB_ROOM_NEW] = TO(LOADING) | TO(GONE),
    [HUB_ROOM_LOADING] = TO(NEW) | TO(OPEN) | TO(ENDED),
    [HUB_ROOM_OPEN] = TO(ENDED) | TO(CLOSED) | TO(GONE),
    [HUB_ROOM_ENDED] = TO(OPEN) | TO(CLOSED) | TO(GONE),
    [HUB_ROOM_CLOSED] = TO(OPEN) | TO(ENDED) | TO(GONE),
};

void hub_room_set_state(struct hub_room *r, enum hub_room_state state) {
    bool loaded = r->state == HUB_ROOM_LOADING && state >= HUB_ROOM_OPEN;
    HUB_BUG_IF(!(steps[r->state] & 1u << state));
    r->state = state;
    if (loaded)
        r->life->loaded(r);
    else if (state == HUB_ROOM_CLOSED)
        r->life->closed(r);
    else if (state == HUB_ROOM_GONE)
        r->life->emptied(r);
}

void hub_room_end(struct hub_room *r, enum hub_code why) {
    r->ended = why;
    if (r->state == HUB_ROOM_OPEN || r->state == HUB_ROOM_CLOSED) hub_room_set_state(r, HUB_ROOM_ENDED);
}

void hub_room_stop(struct hub_room *r) {
    if (r->state == HUB_ROOM_OPEN || r->state == HUB_ROOM_ENDED) hub_room_set_state(r, HUB_ROOM_CLOSED);
}

void hub_room_reopen(struct hub_room *r) {
    r->ended = HUB_OK;
    if (r->state == HUB_ROOM_ENDED || r->state == HUB_ROOM_CLOSED) hub_room_set_state(r, HUB_ROOM_OPEN);
}

/* ---- members ---- */

struct hub_room_user *hub_room_user(const struct hub_room *r, struct hub_str id) {
    return hub_keyed_get(&r->users, id);
}

static struct hub_room_user *user_for(struct hub_room *r, struct hub_str id) {
    struct hub_room_user *u = hub_keyed_get(&r->users, id);
    if (u) return u;
    u = hub_xcalloc(1, sizeof *u + id.n + 1);
    memcpy(u->id, id.p, id.n);
    u->room = r;
    hub_list_push(&r->user_list, &u->in_room);
    hub_list_init(&u->members);
    hub_keyed_put(&r->users, u);
    return u;
}

struct hub_timer *hub_user_timer(struct hub_room_user *u, enum hub_user_timer which) {
    if (!u->timers) {
        u->timers = hub_xcalloc(1, sizeof *u->timers);
        u->timers->user = u;
    }
    return &u->timers->of[which];
}

void hub_user_timer_stop(struct hub_room_user *u, enum hub_user_timer which) {
    if (u->timers) hub_timer_stop(u->room->loop, &u->timers->of[which]);
}

void hub_member_take_seat(struct hub_member *m, bool held) {
    m->place = ++m->room->places;
    hub_seat_take(&m->seat, m->room->readers, m->outlet, held);
}

void hub_room_join(struct hub_room *r, struct hub_member *m, struct hub_str user_id, struct hub_outlet *o,
                   const struct hub_rights *rights) {
    *m = (struct hub_member){.room = hub_room_ref(r), .user = user_for(r, user_id), .outlet = o, .rights = *rights};
    hub_list_init(&m->in_conn);
    hub_list_push(&m->user->members, &m->in_user);
    if (m->user->member_n++ == 0) r->user_n++;
    if (rights->can_read) hub_member_take_seat(m, true);
    hub_metric_add(&members, 1);
}

bool hub_room_leave(struct hub_member *m) {
    struct hub_room *r = m->room;
    hub_seat_leave(&m->seat);
    hub_member_forget_skips(m);
    hub_list_remove(&m->in_user);
    hub_list_remove(&m->in_conn);
    bool last = --m->user->member_n == 0;
    if (last) r->user_n--;
    m->room = NULL;
    hub_metric_add(&members, -1);
    hub_room_unref(r);
    return last;
}

void hub_room_forget_user(struct hub_room_user *u) {
    if (u->member_n) return;
    hub_keyed_del(&u->room->users, hub_cstr(u->id));
    free_user(u);
}

void hub_member_set_rights(struct hub_member *m, const struct hub_rights *rights) {
    m->rights = *rights;
    m->room->judged++;
    if (rights->can_read && !m->seat.group)
        hub_member_take_seat(m, false);
    else if (!rights->can_read)
        hub_seat_leave(&m->seat), hub_member_forget_skips(m);
}

/* ---- moderation ---- */

struct hub_moderated *hub_room_moderated(struct hub_room *r, struct hub_str id, bool create) {
    struct hub_moderated *m = hub_map_get(&r->moderated, id);
    if (m || !create) return m;
    m = hub_xcalloc(1, sizeof *m + id.n + 1);
    m->room = r;
    memcpy(m->user_id, id.p, id.n);
    hub_map_put(&r->moderated, id, m);
    return m;
}

bool hub_room_is_blocked(struct hub_room *r, struct hub_str id, int64_t now) {
    const struct hub_moderated *m = hub_map_get(&r->moderated, id);
    return m && m->blocked_until > now;
}

bool hub_room_is_silenced(struct hub_room *r, struct hub_str id, const struct hub_rights *rights, bool default_silenced,
                          int64_t now) {
    const struct hub_moderated *m = hub_map_get(&r->moderated, id);
    if (m && m->silenced_until > now) return true;
    return default_silenced && !rights->can_moderate && !(m && m->may_speak);
}

struct hub_receipt *hub_receipt_of(struct hub_room *r, struct hub_str id, bool create) {
    struct hub_receipt *found = hub_map_get(&r->receipts, id);
    if (found || !create) return found;
    found = hub_xcalloc(1, sizeof *found);
    hub_map_put(&r->receipts, id, found);
    return found;
}

/* ---- order ---- */

/* A loop, not a recursion: an op that is done at once returns here for the next one. */
static void run_ops(struct hub_room *r) {
    if (r->draining) return;
    r->draining = true;
    for (struct hub_list *n; !r->running && (n = hub_list_pop(&r->ops));) {
        r->op_n--;
        r->running = HUB_CONTAINER(n, struct hub_room_op, link);
        r->running->run(r->running);
    }
    r->draining = false;
}

void hub_room_enqueue(struct hub_room *r, struct hub_room_op *op) {
    hub_room_ref(r); /* given up by hub_room_op_done */
    hub_room_ref(r);
    hub_list_push(&r->ops, &op->link);
    r->op_n++;
    run_ops(r);
    hub_room_unref(r);
}

void hub_room_op_done(struct hub_room *r, struct hub_room_op *op) {
    if (r->running == op) r->running = NULL;
    run_ops(r);
    hub_room_unref(r);
}

/* ---- audience ---- */

static void cast_to_user(struct hub_cast *c, struct hub_room_user *u) {
    HUB_LIST_EACH(&u->members, it) hub_cast_to(c, &HUB_CONTAINER(it, struct hub_member, in_user)->seat);
}

static void cast_to_id(struct hub_cast *c, struct hub_room *r, struct hub_str id) {
    struct hub_room_user *u = id.n ? hub_room_user(r, id) : NULL;
    if (!u || u->marked == r->marks) return; /* a user named twice still gets it once */
    u->marked = r->marks;
    cast_to_user(c, u);
}

static void cast_to_ids(struct hub_cast *c, struct hub_room *r, const struct hub_target *t) {
    r->marks++;
    for (size_t i = 0; i < json_array_size(t->ids); i++) cast_to_id(c, r, hub_json_str(json_array_get(t->ids, i)));
    cast_to_id(c, r, t->sender);
}

static bool is_target(const struct hub_target *t, const struct hub_member *m) {
    struct hub_str id = hub_cstr(m->user->id);
    if (t->to == HUB_TO_OTHERS) return !hub_str_eq(id, t->sender);
    return m->rights.can_moderate || (t->also.n && hub_str_eq(id, t->also));
}

static void cast_by_test(struct hub_cast *c, struct hub_room *r, const struct hub_target *t) {
    HUB_ROOM_EACH_USER(r, u) {
        HUB_LIST_EACH(&u->members, mit) {
            struct hub_member *m = HUB_CONTAINER(mit, struct hub_member, in_user);
            if (is_target(t, m)) hub_cast_to(c, &m->seat);
        }
    }
}

void hub_room_emit(struct hub_room *r, const struct hub_target *t, struct hub_str event, struct hub_str args,
                   int flags) {
    if (t->to == HUB_TO_ALL) {
        hub_group_send(r->readers, event, args, flags);
        return;
    }
    struct hub_cast c;
    hub_cast_begin(&c, r->readers, event, args, flags);
    if (t->to == HUB_TO_IDS) {
        cast_to_ids(&c, r, t);
    } else if (t->to == HUB_TO_SENDER) {
        struct hub_room_user *u = hub_room_user(r, t->sender);
        if (u) cast_to_user(&c, u);
    } else {
        cast_by_test(&c, r, t);
    }
    hub_cast_end(&c);
}

void hub_member_unref(struct hub_member *m) {
    if (m && --m->refs == 0) free(m);
}
