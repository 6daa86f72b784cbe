/* scheduledActions: each runs on its interval while the room is used (or always with keepAlive), one tick at a time, without drift;
 * ticks that come due while one still runs are skipped and counted. */
#include <stdlib.h>

#include "base/log.h"
#include "hub/hub_int.h"

struct action {
    struct hub_timer timer;
    struct hub_room_op op;
    struct hub_room *room; /* not a reference: the room frees its actions */
    const struct hub_def_scheduled_action *def;
    int64_t due;
    bool running;
};
struct actions {
    size_t n;
    uint32_t users; /* members in the room */
    struct action items[];
};

static struct hub_metric skipped =
    HUB_METRIC(HUB_COUNTER, "hubd_scheduled_skipped_total", NULL, "Scheduled ticks skipped because the one before still ran");

static void tick(struct hub_timer *t);

static void arm(struct action *a) {
    struct hub_loop *loop = a->room->loop;
    int64_t now = hub_loop_now(loop), step = a->def->interval_ms;
    if (a->due <= now) { /* no drift: the next multiple of the interval that lies ahead */
        int64_t missed = (now - a->due) / step;
        if (missed) hub_metric_add(&skipped, missed);
        a->due += (missed + 1) * step;
    }
    hub_timer_start(loop, &a->timer, a->due - now, tick);
}

static void on_ticked(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct action *a = arg;
    struct hub_room *room = hub_room_ref(a->room);
    if (code)
        hub_hook_failed(hub_of(room), &a->def->script, code, error);
    else
        hub_server_messages(room, hub_json_get(result, "serverMessages"), hub_str(NULL, 0), a->def->name);
    a->running = false;
    hub_room_op_done(room, &a->op);
    hub_room_unref(room);
}

static void run_tick(struct hub_room_op *op) {
    struct action *a = HUB_CONTAINER(op, struct action, op);
    json_t *id = json_string(a->room->id);
    struct hub_hook_arg args[4] = {{"roomId", id}};
    size_t n = hub_hook_room_args(hub_of(a->room), a->room->record, args, 1);
    hub_hook_call(hub_of(a->room), &a->def->script, args, n, on_ticked, a);
    json_decref(id);
}

static void tick(struct hub_timer *t) {
    struct action *a = HUB_CONTAINER(t, struct action, timer);
    struct hub_room *room = hub_room_ref(a->room);
    if (a->running) {
        hub_metric_add(&skipped, 1);
    } else {
        a->running = true;
        a->op.run = run_tick;
        hub_room_enqueue(room, &a->op);
    }
    arm(a);
    hub_room_unref(room);
}

static struct actions *actions_of(struct hub_room *room) {
    const struct hub_def *def = hub_of(room)->def;
    if (room->actions || !def->scheduled_action_n) return room->actions;
    struct actions *all = hub_xcalloc(1, sizeof *all + def->scheduled_action_n * sizeof all->items[0]);
    all->n = def->scheduled_action_n;
    for (size_t i = 0; i < all->n; i++) {
        all->items[i].room = room;
        all->items[i].def = &def->scheduled_actions[i];
    }
    return room->actions = all;
}

static void start(struct action *a) {
    if (hub_timer_running(&a->timer)) return;
    if (a->def->keep_alive) hub_room_ref(a->room); /* runs on without members */
    a->due = hub_loop_now(a->room->loop) + a->def->interval_ms;
    hub_timer_start(a->room->loop, &a->timer, a->def->interval_ms, tick);
}

void hub_room_used(struct hub_room *room) {
    struct actions *all = actions_of(room);
    if (!all || all->users++) return;
    for (size_t i = 0; i < all->n; i++) start(&all->items[i]);
}

void hub_room_unused(struct hub_room *room) {
    struct actions *all = room->actions;
    if (!all || --all->users) return;
    for (size_t i = 0; i < all->n; i++)
        if (!all->items[i].def->keep_alive) hub_timer_stop(room->loop, &all->items[i].timer);
}
