/* Rooms from their first use to their last: onRoomOpened, and onRoomClosed when nobody has used one for
 * roomLingerMs, or when it ends. As long lingers what parts keep of a room in memory only. */
#include "hub/lifecycle/lifecycle_int.h"

#include <stdlib.h>

#define LINGERING_MAX 100000 /* rooms that nobody uses; the one that lingers longest closes earlier */

static struct hub_metric lingering_gauge =
    HUB_METRIC(HUB_GAUGE, "hubd_rooms_lingering", NULL, "Rooms that are kept although nobody uses them");

struct life_room {
    struct hub_life *life;
    struct hub_room *room;
    bool opened;         /* onRoomOpened has been called, or there is none */
    bool over;           /* it has lingered, or was closed: what ends with it is not waited for again */
    bool busy;           /* a hook is under way, which holds the room */
    const char *closing; /* the reason, once onRoomClosed is due; holds the room */
    uint32_t leaving;    /* onLeave under way of those who were in it, and onJoin of those who may have been */
    struct hub_life_hook hook;
    struct hub_list waiting; /* struct user */
    struct hub_list link;    /* in the lingering ones; holds the room */
    struct hub_timer linger;
};

/* Somebody who waits until he may use the room. */
struct user {
    struct hub_list link;
    hub_lifecycle_usable *done;
    void *arg;
};

static struct life_room *room_life(struct hub_room *room) { return *hub_room_data(room, &hub_lifecycle_part); }

static const struct hub_def_lifecycle *room_hooks(const struct hub_room *room) {
    return &hub_of(room)->def->parts.lifecycle;
}

/* ---- opening ---- */

static void take_users(struct life_room *l, struct hub_list *users) {
    hub_list_init(users);
    hub_list_splice(users, &l->waiting);
}

static void admit_users(struct hub_list *users, enum hub_code code) {
    for (struct hub_list *n; (n = hub_list_pop(users));) {
        const struct user u = *HUB_CONTAINER(n, struct user, link);
        free(HUB_CONTAINER(n, struct user, link));
        u.done(u.arg, code);
    }
}

static void close_when_left(struct life_room *l);

static enum hub_code users_code(const struct life_room *l) { return l->life->stopped ? HUB_SHUTTING_DOWN : HUB_OK; }

static void on_opened(struct hub_life_hook *h, const struct hub_verdict *v) {
    struct life_room *l = HUB_CONTAINER(h, struct life_room, hook);
    struct hub_room *room = l->room;
    struct hub_list users;
    (void)v;
    l->busy = false;
    close_when_left(l);
    if (!l->busy) {
        take_users(l, &users);
        admit_users(&users, users_code(l));
    }
    hub_room_unref(room); /* L may be gone */
}

static void open_room(struct life_room *l) {
    const struct hub_script *script = &room_hooks(l->room)->on_room_opened;
    l->opened = true;
    if (script->kind == HUB_SCRIPT_NONE) return;
    l->busy = true;
    hub_room_ref(l->room);
    hub_life_hook_init(&l->hook, hub_of(l->room), script, on_opened);
    hub_life_room_vars(&l->hook, l->room);
    hub_life_run(&l->hook);
}

static HUB_MUST struct life_room *room_life_new(struct hub_room *room) {
    struct life_room *l = hub_xcalloc(1, sizeof *l);
    *l = (struct life_room){.life = hub_life_of(hub_of(room)->engine), .room = room};
    hub_list_init(&l->waiting);
    hub_list_init(&l->link);
    *hub_room_data(room, &hub_lifecycle_part) = l;
    return l;
}

bool hub_lifecycle_use(struct hub_room *room, hub_lifecycle_usable *done, void *arg) {
    const struct hub_def_lifecycle *d = room_hooks(room);
    struct life_room *l = room_life(room);
    if (hub_of(room)->engine->trace || room->ended) return true; /* a question; nobody will use it */
    hub_room_use(room);
    if (l) l->over = false;
    if (d->on_room_opened.kind == HUB_SCRIPT_NONE && d->on_room_closed.kind == HUB_SCRIPT_NONE) return true;
    if (!l) l = room_life_new(room);
    if (!l->opened && !l->closing) open_room(l);
    if (!l->busy && !l->closing) return true;
    struct user *u = hub_xmalloc(sizeof *u);
    *u = (struct user){.done = done, .arg = arg};
    hub_list_push(&l->waiting, &u->link);
    return false;
}

bool hub_lifecycle_in_use(struct hub_room *room) {
    const struct hub_def_lifecycle *d = room_hooks(room);
    if (d->on_room_opened.kind == HUB_SCRIPT_NONE && d->on_room_closed.kind == HUB_SCRIPT_NONE) return true;
    const struct life_room *l = room_life(room);
    return l && (l->opened || l->busy || l->closing);
}

/* ---- closing ---- */

/* The room is let go before those who wait for it: what was not persisted of it has ended for them. */
static void on_closed(struct hub_life_hook *h, const struct hub_verdict *v) {
    struct life_room *l = HUB_CONTAINER(h, struct life_room, hook);
    struct hub_room *room = l->room;
    enum hub_code code = users_code(l);
    struct hub_list users;
    (void)v;
    l->closing = NULL;
    l->busy = false;
    l->over = true;
    take_users(l, &users);
    hub_room_unref(room); /* of BUSY */
    hub_room_unref(room); /* of CLOSING; L may be gone */
    admit_users(&users, code);
}

static void close_when_left(struct life_room *l) {
    const struct hub_script *script = &room_hooks(l->room)->on_room_closed;
    if (!l->closing || l->busy || l->leaving) return;
    l->busy = true;
    hub_room_ref(l->room);
    hub_life_hook_init(&l->hook, hub_of(l->room), script, on_closed);
    hub_life_room_vars(&l->hook, l->room);
    hub_life_text(&l->hook, "reason", hub_cstr(l->closing));
    hub_life_tell(&l->hook);
}

static void close_room(struct life_room *l, const char *reason) {
    if (!l->opened) return;
    l->opened = false;
    l->closing = reason;
    hub_room_ref(l->room);
    close_when_left(l);
}

/* Counted also when nobody wants to hear of the room's end: by a reload somebody may until they are over. */
void hub_life_room_leaving(struct hub_room *room, int change) {
    struct life_room *l = room_life(room);
    if (!l) l = room_life_new(room);
    l->leaving += (uint32_t)change;
    close_when_left(l);
}

/* ---- lingering ---- */

static void stop_lingering(struct life_room *l) {
    hub_timer_stop(l->room->loop, &l->linger);
    hub_list_remove(&l->link);
    l->life->lingering_n--;
    hub_metric_add(&lingering_gauge, -1);
}

/* Of those who use it meanwhile the last one finds it unused again. */
static void end_linger(struct life_room *l, const char *reason) {
    struct hub_room *room = l->room;
    stop_lingering(l);
    if (reason && room->refs == 1) {
        l->over = true;
        close_room(l, reason);
    }
    hub_room_unref(room);
}

static void on_linger(struct hub_timer *t);

/* From its last use on; of a hub that has gone not at all. */
static int64_t linger_left(const struct hub_room *room) {
    if (hub_hub_gone(hub_of(room))) return 0;
    int64_t left = room->used + room_hooks(room)->room_linger_ms - hub_loop_now(room->loop);
    return left > 0 ? left : 0;
}

static void linger_on(struct life_room *l) {
    hub_timer_start(l->room->loop, &l->linger, linger_left(l->room), on_linger);
}

static void on_linger(struct hub_timer *t) {
    struct life_room *l = HUB_CONTAINER(t, struct life_room, linger);
    bool unused = l->room->refs == 1;
    if (unused && linger_left(l->room)) /* used meanwhile, and left again */
        linger_on(l);
    else
        end_linger(l, unused ? "unused" : NULL);
}

void hub_life_room_closed(struct hub_room *room) {
    struct life_room *l = room_life(room);
    if (!l) return;
    close_room(l, room->ended == HUB_ROOM_NOT_FOUND ? "deleted" : "closed");
    if (hub_timer_running(&l->linger)) end_linger(l, NULL);
}

static void close_oldest(struct hub_life *life) {
    struct life_room *l = HUB_CONTAINER(life->lingering.next, struct life_room, link);
    end_linger(l, "unused");
}

static void begin_linger(struct life_room *l) {
    hub_room_ref(l->room);
    hub_room_use(l->room);
    hub_list_push(&l->life->lingering, &l->link);
    l->life->lingering_n++;
    hub_metric_add(&lingering_gauge, 1);
    linger_on(l);
    if (l->life->lingering_n > LINGERING_MAX) close_oldest(l->life);
}

/* Whether a part loses something with ROOM, which may be used again. */
static bool is_kept(struct hub_room *room) {
    if (hub_hub_gone(hub_of(room)) || room->state == HUB_ROOM_ENDED || room->state == HUB_ROOM_CLOSED) return false;
    HUB_PARTS_EACH(hub_of(room)->engine, room_keeps, part) {
        if ((*part)->room_keeps(room)) return true;
    }
    return false;
}

bool hub_life_room_unused(struct hub_room *room) {
    struct life_room *l = room_life(room);
    bool opened = l && l->opened;
    if (hub_life_of(hub_of(room)->engine)->stopped) return false;
    if (!opened && ((l && l->over) || !is_kept(room))) return false;
    if (opened && room->state != HUB_ROOM_OPEN) {
        hub_room_ref(room);
        hub_life_room_closed(room);
        hub_room_unref(room);
        return true;
    }
    begin_linger(l ? l : room_life_new(room));
    return true;
}

void hub_life_room_emptied(struct hub_room *room) {
    struct life_room *l = room_life(room);
    if (!l) return;
    if (hub_timer_running(&l->linger)) stop_lingering(l);
    *hub_room_data(room, &hub_lifecycle_part) = NULL;
    free(l);
}
