/* scheduledActions: each runs on its interval while the room is used (or always with keepAlive), one tick
 * at a time, without drift; ticks that come due while one still runs are skipped and counted. */
#include "hub/script/script.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "hub/access/access.h"
#include "hub/lifecycle/lifecycle.h"
#include "hub/message/message.h"

/* One action of one room while its interval runs. */
struct action {
    struct hub_hold hold; /* during a tick: on to the definition it runs by; a stop waits for its messages */
    struct hub_timer timer;
    struct hub_room_op op;
    struct hub_room *room; /* with keepAlive a reference: the room stays without members */
    const struct hub_def_scheduled_action *def;
    int64_t due;
    bool running; /* a tick is queued or under way */
    bool stopped; /* meanwhile; its end frees it */
};
struct actions {
    size_t n;
    struct action *items[]; /* NULL = not running */
};

static struct hub_metric skipped =
    HUB_METRIC(HUB_COUNTER, "hubd_scheduled_skipped_total", NULL,
               "Runs of scheduled actions skipped because the previous run had not finished");

static void tick_action(struct hub_timer *t);

static void arm_action(struct action *a) {
    struct hub_loop *loop = a->room->loop;
    int64_t now = hub_loop_now(loop), step = a->def->interval_ms;
    if (a->due <= now) { /* no drift: the next multiple of the interval that lies ahead */
        int64_t missed = (now - a->due) / step;
        if (missed) hub_metric_add(&skipped, missed);
        a->due += (missed + 1) * step;
    }
    hub_timer_start(loop, &a->timer, a->due - now, tick_action);
}

static void end_tick(struct action *a) {
    struct hub_room *room = hub_room_ref(a->room);
    a->running = false;
    hub_room_op_done(room, &a->op);
    if (a->stopped) free(a);
    hub_room_unref(room);
}

/* Nothing, or an object; of its messages those that can be sent are. */
static void act_on(struct action *a, const json_t *result) {
    const json_t *messages = hub_json_get(result, "serverMessages");
    struct hub_err err;
    char text[640];
    const char *wrong = !hub_json_nil(result) && !json_is_object(result)
                            ? "expected an object {serverMessages} or nothing"
                        : !hub_json_nil(messages) && !json_is_array(messages) ? "serverMessages: expected an array"
                        : hub_script_keys(result, "serverMessages", &err)     ? err.text
                                                                              : NULL;
    if (wrong) {
        snprintf(text, sizeof text, "the result of %.64s is not usable: %s", a->def->name, wrong);
        hub_hook_failed(hub_of(a->room), &a->def->script, HUB_HANDLER_FAILED, text);
    } else {
        hub_server_messages(a->room, messages, hub_str(NULL, 0), a->def->name);
    }
}

static void on_ticked(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct action *a = arg;
    hub_unhold(&a->hold);
    if (code)
        hub_hook_failed(hub_of(a->room), &a->def->script, code, error);
    else
        act_on(a, result);
    end_tick(a);
}

static void run_tick(struct hub_room_op *op) {
    struct action *a = HUB_CONTAINER(op, struct action, op);
    if (a->stopped) { /* while it waited for its turn */
        end_tick(a);
        return;
    }
    json_t *id = json_string(a->room->id);
    struct hub_hook_arg args[4] = {{"roomId", id}};
    size_t n = hub_hook_room_args(hub_of(a->room), a->room->record, args, 1);
    hub_hold(&hub_of(a->room)->engine->holds, &a->hold, "scheduled action");
    hub_hook_call(hub_of(a->room), &a->def->script, args, n, on_ticked, a);
    json_decref(id);
}

static void tick_action(struct hub_timer *t) {
    struct action *a = HUB_CONTAINER(t, struct action, timer);
    struct hub_room *room = hub_room_ref(a->room);
    if (a->running) {
        hub_metric_add(&skipped, 1);
    } else {
        a->running = true;
        hub_room_enqueue(room, &a->op);
    }
    arm_action(a);
    hub_room_unref(room);
}

static struct actions *running_actions(struct hub_room *room) {
    return *hub_room_data(room, &hub_scheduled_actions_part);
}

static struct actions *actions_of(struct hub_room *room) {
    const struct hub_def *def = hub_of(room)->def;
    struct actions **place = (struct actions **)hub_room_data(room, &hub_scheduled_actions_part);
    if (*place || !def->scheduled_action_n) return *place;
    struct actions *all = hub_xcalloc(1, sizeof *all + def->scheduled_action_n * sizeof all->items[0]);
    all->n = def->scheduled_action_n;
    return *place = all;
}

static struct action *start_action(struct hub_room *room, const struct hub_def_scheduled_action *def) {
    struct action *a = hub_xcalloc(1, sizeof *a);
    *a = (struct action){.room = def->keep_alive ? hub_room_ref(room) : room, .def = def, .op.run = run_tick};
    a->due = hub_loop_now(room->loop) + def->interval_ms;
    hub_timer_start(room->loop, &a->timer, def->interval_ms, tick_action);
    return a;
}

/* Gives up the reference to the room that the action may hold: the caller must hold one too. */
static void stop_action(struct action *a) {
    struct hub_room *room = a->room;
    bool held = a->def->keep_alive;
    hub_timer_stop(room->loop, &a->timer);
    a->stopped = true;
    if (!a->running) free(a);
    if (held) hub_room_unref(room);
}

/* Rooms whose keepAlive actions go on after a restart have a counter of this scope: those that somebody
 * has joined. That a room was read or written by REST does not start them. */
static struct hub_str kept_scope(struct hub_buf *b, const struct hub_def *def) {
    hub_buf_addf(b, "%s:keepAlive", def->name); /* no hub has such a name */
    return hub_buf_str(b);
}

static void on_remembered(void *arg, enum hub_code code, int64_t seq, const char *epoch) {
    (void)arg, (void)seq, (void)epoch;
    if (code)
        hub_log_kv(HUB_LOG_WARN, "hub", "the keepAlive actions of a room may not go on after a restart", "error",
                   hub_code_text(code), NULL);
}

static void remember_actions(const struct hub_room *room) {
    struct hub_store *store = hub_of(room)->engine->config.store;
    struct hub_buf scope = {0};
    kept_scope(&scope, hub_of(room)->def);
    store->ops->counter(store, hub_buf_cstr(&scope), hub_cstr(room->id), on_remembered, NULL);
    hub_buf_free(&scope);
}

static void start_actions(struct hub_room *room) {
    struct actions *all = actions_of(room);
    bool kept = false;
    for (size_t i = 0; all && i < all->n; i++) {
        if (all->items[i]) continue;
        all->items[i] = start_action(room, &hub_of(room)->def->scheduled_actions[i]);
        kept = kept || all->items[i]->def->keep_alive;
    }
    if (kept && room->user_n) remember_actions(room);
}

static void pause_actions(struct hub_room *room) {
    struct actions *all = running_actions(room);
    for (size_t i = 0; all && !room->user_n && i < all->n; i++) {
        if (!all->items[i] || all->items[i]->def->keep_alive) continue;
        stop_action(all->items[i]);
        all->items[i] = NULL;
    }
}

static void stop_actions(struct hub_room *room) {
    struct actions *all = running_actions(room);
    for (size_t i = 0; all && i < all->n; i++)
        if (all->items[i]) stop_action(all->items[i]);
    free(all);
    *hub_room_data(room, &hub_scheduled_actions_part) = NULL;
}

static void restart_actions(struct hub_room *room) {
    bool was_running = running_actions(room) != NULL;
    stop_actions(room);
    if (room->user_n || was_running) start_actions(room);
    pause_actions(room); /* actions that need members, in a room that is kept alive without members */
}

/* ---- keepAlive after a restart ---- */

/* The keepAlive actions of a room that was joined before go on although nobody has come yet. */
struct resuming {
    struct hub_hold hold;
    struct hub_hub *hub;
    char *room_id;
    struct hub_room *room;
};

static void free_resuming(struct resuming *r) {
    hub_unhold(&r->hold);
    if (r->room) hub_room_unref(r->room);
    free(r->room_id);
    free(r);
}

static void on_resumable(void *arg, enum hub_code code);

static void resume_room(struct resuming *r) {
    if (!r->hub->gone && r->room->state == HUB_ROOM_OPEN && !hub_lifecycle_use(r->room, on_resumable, r)) return;
    if (!r->hub->gone && r->room->state == HUB_ROOM_OPEN) { /* both may have ended while this waited */
        start_actions(r->room);
        pause_actions(r->room); /* only what needs no members */
    }
    free_resuming(r);
}

static void on_resumable(void *arg, enum hub_code code) {
    if (code)
        free_resuming(arg);
    else
        resume_room(arg);
}

static void on_eligible(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct resuming *r = arg;
    if (code) hub_hook_failed(r->hub, &r->hub->def->room_eligibility, code, error);
    if (code || !hub_truthy(result))
        free_resuming(r);
    else
        resume_room(r);
}

static void on_resumed(void *arg, enum hub_code code) {
    struct resuming *r = arg;
    struct hub_hook_arg args[3];
    if (code || r->hub->gone) {
        free_resuming(r);
    } else if (r->hub->def->room_eligibility.kind == HUB_SCRIPT_NONE) {
        resume_room(r);
    } else {
        size_t n = hub_hook_room_args(r->hub, r->room->record, args, 0);
        hub_hook_call(r->hub, &r->hub->def->room_eligibility, args, n, on_eligible, r);
    }
}

static void on_record(void *arg, enum hub_code code, json_t *row, const char *error) {
    struct resuming *r = arg;
    (void)error;
    if (code || r->hub->gone) { /* the room is gone, or the store is away: the next join starts the action */
        free_resuming(r);
        return;
    }
    r->room = hub_room_of(r->hub, hub_cstr(r->room_id));
    if (!r->room->record) r->room->record = json_incref(row);
    hub_room_load(r->room, on_resumed, r);
}

/* The rooms of a hub that had such actions. */
struct room_list {
    struct hub_hold hold;
    struct hub_hub *hub;
};

static void on_rooms(void *arg, enum hub_code code, json_t *rows, const char *error) {
    struct room_list *l = arg;
    struct hub_hub *hub = l->hub;
    hub_unhold(&l->hold);
    free(l);
    if (hub->gone) return;
    if (code)
        hub_log_kv(HUB_LOG_WARN, "hub", "keepAlive actions were not resumed; they start with the next join", "hub",
                   hub->def->name, "error", error, NULL);
    for (size_t i = 0; !code && i < json_array_size(rows); i++) {
        json_t *id = hub_json_get(json_array_get(rows, i), "roomId");
        struct resuming *r = hub_xmalloc(sizeof *r);
        *r = (struct resuming){.hub = hub, .room_id = hub_str_dup(hub_json_str(id))};
        hub_hold(&hub->engine->holds, &r->hold, "resumed room");
        hub_object_find(&hub->engine->data, hub_record_table(hub), id, on_record, r);
    }
}

static bool has_keep_alive(const struct hub_def *def) {
    for (size_t i = 0; i < def->scheduled_action_n; i++)
        if (def->scheduled_actions[i].keep_alive) return true;
    return false;
}

static void resume_actions(struct hub_engine *e) {
    struct hub_store *store = e->config.store;
    for (size_t i = 0; i < e->hub_n; i++) {
        if (!has_keep_alive(e->hubs[i]->def)) continue;
        struct hub_buf scope = {0};
        json_t *params = json_array();
        json_array_append_new(params, hub_json_string(kept_scope(&scope, e->hubs[i]->def)));
        struct room_list *l = hub_xmalloc(sizeof *l);
        *l = (struct room_list){.hub = e->hubs[i]};
        hub_hold(&e->holds, &l->hold, "rooms to be resumed");
        store->ops->sql(store, HUB_STR("SELECT \"roomId\" FROM \"hubd_room\" WHERE \"scope\" = $1"), params, NULL,
                        on_rooms, l);
        hub_buf_free(&scope);
        json_decref(params);
    }
}

const struct hub_part hub_scheduled_actions_part = {
    .name = "scheduledActions",
    .room_data = true,
    .help = "Scripts that run by themselves, at their time, for a room.",
    .keywords = "scheduledActions",
    .started = resume_actions,
    .room_entered = start_actions,
    .room_left = pause_actions,
    .room_reloaded = restart_actions,
    .room_closed = stop_actions,
    .room_emptied = stop_actions,
};
