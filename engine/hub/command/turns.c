/* The order of commands: one after the other for each connection, or in the queue of their room, or none. */
#include "hub/command/command_int.h"

#include <stdlib.h>

#define WAITING_MAX 256 /* commands of one connection */

/* The commands of a connection that go one after the other. */
struct hub_command_turns {
    struct hub_list waiting;
    size_t n;
    struct hub_command_run *running;
    bool going_on;
};

static struct hub_command_run *run_of(struct hub_list *l) { return HUB_CONTAINER(l, struct hub_command_run, link); }

static struct hub_command_turns *turns_of(struct hub_conn *c) {
    void **at = hub_conn_data(c, &hub_commands_part);
    if (*at) return *at;
    struct hub_command_turns *t = *at = hub_xcalloc(1, sizeof *t);
    hub_list_init(&t->waiting);
    return t;
}

static void run_op(struct hub_room_op *op) { hub_command_start(HUB_CONTAINER(op, struct hub_command_run, op)); }

static enum hub_code ask_connection(struct hub_command_run *run, struct hub_err *err) {
    struct hub_command_turns *t = turns_of(run->conn);
    if (t->n >= WAITING_MAX)
        return hub_fail(err, HUB_OVERLOADED, "%d of this connection's commands wait already; send more slowly",
                        WAITING_MAX);
    if (t->running) {
        hub_list_push(&t->waiting, &run->link);
        t->n++;
        return HUB_OK;
    }
    t->running = run;
    run->turns = t;
    hub_command_start(run);
    return HUB_OK;
}

static enum hub_code ask_room(struct hub_command_run *run, struct hub_err *err) {
    if (hub_room_full_of_ops(run->room))
        return hub_fail(err, HUB_OVERLOADED, "too many handlers of the room wait already");
    run->op.run = run_op;
    hub_room_enqueue(run->room, &run->op);
    return HUB_OK;
}

enum hub_code hub_command_turn_ask(struct hub_command_run *run, struct hub_err *err) {
    if (run->def->order == HUB_COMMAND_BY_CONNECTION && !run->stream) return ask_connection(run, err);
    if (run->def->order == HUB_COMMAND_BY_ROOM) return ask_room(run, err);
    hub_command_start(run);
    return HUB_OK;
}

/* A loop, not a recursion: a command that is over at once returns here for the next one. */
static void go_on(struct hub_conn *c, struct hub_command_turns *t) {
    if (t->going_on) return;
    t->going_on = true;
    hub_conn_ref(c);
    while (!t->running && !hub_list_empty(&t->waiting)) {
        struct hub_command_run *next = run_of(hub_list_pop(&t->waiting));
        t->n--;
        t->running = next;
        next->turns = t;
        hub_command_start(next);
    }
    t->going_on = false;
    if (c->closed && !t->running) {
        *hub_conn_data(c, &hub_commands_part) = NULL;
        free(t);
    }
    hub_conn_unref(c);
}

void hub_command_turn_over(struct hub_command_run *run) {
    if (run->def->order == HUB_COMMAND_BY_ROOM) {
        hub_room_op_done(run->room, &run->op);
    } else if (run->def->order == HUB_COMMAND_BY_CONNECTION && !run->stream) {
        run->turns->running = NULL;
        go_on(run->conn, run->turns);
    }
}

void hub_command_turns_drop(struct hub_conn *c) {
    struct hub_command_turns *t = hub_conn_kept(c, &hub_commands_part);
    if (!t) return;
    for (struct hub_list *l; (l = hub_list_pop(&t->waiting));) hub_command_drop(run_of(l));
    t->n = 0;
    go_on(c, t);
}
