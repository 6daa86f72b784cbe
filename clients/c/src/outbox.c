/* Sends that are repeated until they are answered; the clientMessageId of each keeps the message single. */
#include "outbox.h"

#include <stdlib.h>
#include <string.h>

enum { AGAIN_MS = 1000 }; /* after an answer that leaves open what became of it */

struct hubc_item {
    struct hubc_item *next, *prev;
    struct hubc_room *room;
    json_t *payload;
    struct hubc_answer answer;
    bool on_its_way, over;
};

static void unlink_item(struct hubc_item *i) {
    struct hubc_room *r = i->room;
    if (i->prev)
        i->prev->next = i->next;
    else
        r->first = i->next;
    if (i->next)
        i->next->prev = i->prev;
    else
        r->last_item = i->prev;
    i->over = true;
    r->client->waiting--;
}

static void free_item(struct hubc_item *i) {
    json_decref(i->payload);
    free(i);
}

/* The answer of what is on its way still comes, and frees it. */
static void settle_item(struct hubc_item *i, const struct hubc_failure *failure, const json_t *answer) {
    struct hubc_answer a = i->answer;
    unlink_item(i);
    if (!i->on_its_way) free_item(i);
    hubc_answer_give(&a, failure, answer);
}

static void transmit(struct hubc_item *i);

/* Refusals that tell of the connection, not of what was sent. */
static bool is_not_now(const char *code) {
    return !strcmp(code, "shutting_down") || !strcmp(code, "not_in_room") || !strcmp(code, "closed");
}

/* A join that comes sends all that waits; what else was not answered is asked once more. */
static void repeat_item(struct hubc_item *i, const struct hubc_failure *failure) {
    struct hubc_room *r = i->room;
    if (failure->unknown && !r->repeat.is_set) hubc_timer_set(&r->client->connection.timers, &r->repeat, AGAIN_MS);
    if (!strcmp(failure->error.code, "not_in_room"))
        hubc_room_rejoin(r);
    else if (!strcmp(failure->error.code, "timeout") && r->live)
        transmit(i);
}

static void on_sent(void *arg, const struct hubc_failure *failure, const json_t *answer) {
    struct hubc_item *i = arg;
    i->on_its_way = false;
    i->room->busy--;
    if (i->over) {
        hubc_sweep_soon(i->room->client);
        free_item(i);
    } else if (failure && (hubc_is_lost(failure) || is_not_now(failure->error.code))) {
        repeat_item(i, failure);
    } else {
        settle_item(i, failure, answer);
    }
}

static void transmit(struct hubc_item *i) {
    i->on_its_way = true;
    i->room->busy++;
    hubc_connection_ask(&i->room->client->connection, "hub:send", json_incref(i->payload), on_sent, i);
}

static void fail_answer(void *arg, const struct hubc_failure *failure, const json_t *answer) {
    struct hubc_answer a = *(struct hubc_answer *)arg;
    free(arg);
    hubc_answer_give(&a, failure, answer);
}

void hubc_outbox_add(struct hubc_room *r, json_t *payload, struct hubc_answer answer) {
    struct hubd_client *c = r->client;
    if (!r->live && c->waiting >= c->options.queue_limit) {
        struct hubc_answer *a = hubc_alloc(sizeof *a);
        *a = answer;
        hubc_connection_fail_soon(&c->connection, "queue_full", fail_answer, a);
        json_decref(payload);
        return;
    }
    struct hubc_item *i = hubc_alloc(sizeof *i);
    *i = (struct hubc_item){.room = r, .payload = payload, .answer = answer, .prev = r->last_item};
    if (r->last_item)
        r->last_item->next = i;
    else
        r->first = i;
    r->last_item = i;
    c->waiting++;
    if (r->live) transmit(i);
}

void hubc_outbox_flush(struct hubc_room *r) {
    hubc_timer_clear(&r->client->connection.timers, &r->repeat);
    if (!r->live) return;
    for (struct hubc_item *i = r->first; i; i = i->next) { /* transmit() calls nobody */
        if (!i->on_its_way) transmit(i);
    }
}

void hubc_outbox_end(struct hubc_room *r, const struct hubc_failure *why) {
    hubc_timer_clear(&r->client->connection.timers, &r->repeat);
    while (r->first) settle_item(r->first, why, NULL);
}
