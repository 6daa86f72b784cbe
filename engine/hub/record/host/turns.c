/* Turns of scripts' transactions that have run into each other: those that try again for the sake of one
 * record do so one after the other, so that each has to try twice at most against the others. Only
 * versions decide what is committed; whoever takes too long loses its turn and no more. */
#include <stdlib.h>

#include "hub/record/host/host.h"
#include "hub/record/record_int.h"

#define TURN_MS 250

/* Of one record; there while somebody has the turn. */
struct record_turn {
    struct hub_records *all;
    char *id;
    int64_t number; /* of who has it */
    struct hub_list waiting;
    struct hub_timer over;
};
struct turn_wait {
    struct hub_list link;
    struct hub_host_call *call;
};

static void on_turn_over(struct hub_timer *t);

static void give_turn(struct record_turn *t, struct hub_host_call *call) {
    t->number = ++t->all->turn_number;
    hub_timer_start(t->all->engine->config.loop, &t->over, TURN_MS, on_turn_over);
    call->done(call, HUB_OK, json_integer(t->number), NULL); /* T may be gone */
}

static void free_turn(struct record_turn *t) {
    hub_timer_stop(t->all->engine->config.loop, &t->over);
    hub_map_del(&t->all->turns, hub_cstr(t->id));
    free(t->id);
    free(t);
}

static void pass_turn(struct record_turn *t) {
    struct hub_list *next = hub_list_pop(&t->waiting);
    if (!next) {
        free_turn(t);
        return;
    }
    struct turn_wait *w = HUB_CONTAINER(next, struct turn_wait, link);
    struct hub_host_call *call = w->call;
    free(w);
    give_turn(t, call);
}

static void on_turn_over(struct hub_timer *t) { pass_turn(HUB_CONTAINER(t, struct record_turn, over)); }

void hub_record_turn_take(struct hub_records *all, struct hub_str id, struct hub_host_call *call) {
    struct record_turn *t = hub_map_get(&all->turns, id);
    if (t) {
        struct turn_wait *w = hub_xcalloc(1, sizeof *w);
        w->call = call;
        hub_list_push(&t->waiting, &w->link);
        return;
    }
    t = hub_xcalloc(1, sizeof *t);
    *t = (struct record_turn){.all = all, .id = hub_str_dup(id)};
    hub_list_init(&t->waiting);
    hub_map_put(&all->turns, id, t);
    give_turn(t, call);
}

void hub_record_turn_end(struct hub_records *all, struct hub_str id, int64_t number) {
    struct record_turn *t = hub_map_get(&all->turns, id);
    if (t && t->number == number) pass_turn(t);
}

void hub_record_turns_stop(struct hub_records *all) {
    void *t;
    for (void *it = NULL; (it = hub_map_next(&all->turns, it, NULL, &t));)
        hub_timer_stop(all->engine->config.loop, &((struct record_turn *)t)->over);
}

void hub_record_turns_delete(struct hub_records *all) {
    for (struct record_turn *t; (t = hub_map_drain(&all->turns));) {
        for (struct hub_list *l; (l = hub_list_pop(&t->waiting));) {
            struct turn_wait *w = HUB_CONTAINER(l, struct turn_wait, link);
            w->call->done(w->call, HUB_SHUTTING_DOWN, NULL, hub_code_text(HUB_SHUTTING_DOWN));
            free(w);
        }
        free(t->id);
        free(t);
    }
}
