/* The receiver's end of a link: once, in order, and what to do about a hole. */
#include <stdlib.h>
#include <string.h>

#include "base/memory/mem.h"
#include "mesh/window/window.h"

#define ASK_AGAIN_MS (HUB_WINDOW_HOLE_MS / 2)

struct hub_held_packet {
    struct hub_list link; /* hub_receive_window.held */
    uint64_t number;
    size_t n;
    char bytes[];
};

void hub_receive_window_init(struct hub_receive_window *w, size_t held_max,
                             const struct hub_receive_window_events *events, void *ctx) {
    *w = (struct hub_receive_window){.events = events, .ctx = ctx, .held_max = held_max};
    hub_list_init(&w->held);
}

static struct hub_held_packet *first_held(const struct hub_receive_window *w) {
    return hub_list_empty(&w->held) ? NULL : HUB_CONTAINER(w->held.next, struct hub_held_packet, link);
}

static size_t held_size(const struct hub_held_packet *p) { return sizeof *p + p->n; }

static HUB_MUST struct hub_held_packet *take_held(struct hub_receive_window *w) {
    struct hub_held_packet *p = first_held(w);
    hub_list_remove(&p->link);
    w->held_bytes -= held_size(p);
    return p;
}

void hub_receive_window_deinit(struct hub_receive_window *w) {
    while (first_held(w)) free(take_held(w));
}

/* ---- up ---- */

static void give_data(struct hub_receive_window *w, struct hub_str body) {
    w->given++;
    w->events->data(w->ctx, body);
}

static void give_held(struct hub_receive_window *w) {
    while (first_held(w) && first_held(w)->number == w->given + 1) {
        struct hub_held_packet *p = take_held(w);
        give_data(w, hub_str(p->bytes, p->n));
        free(p);
    }
}

static void give_hole(struct hub_receive_window *w, uint64_t to) {
    uint64_t from = w->given + 1;
    w->given = to;
    w->events->hole(w->ctx, from, to);
    give_held(w);
}

/* ---- the hole behind what was given up ---- */

/* Its last number; GIVEN: there is none. */
static uint64_t hole_end(const struct hub_receive_window *w) {
    return first_held(w) ? first_held(w)->number - 1 : w->known;
}

static void ask_again(struct hub_receive_window *w, int64_t now) {
    struct hub_buf bytes = {0};
    w->asked_to = hole_end(w);
    w->ask_at = now + ASK_AGAIN_MS;
    hub_window_packet_add(
        &bytes, &(struct hub_window_packet){.kind = HUB_WINDOW_AGAIN, .number = w->given + 1, .to = w->asked_to});
    w->events->send(w->ctx, hub_buf_str(&bytes));
    hub_buf_free(&bytes);
}

/* After anything came: a hole that is new is asked for, and has its time from now on. */
static void look_for_hole(struct hub_receive_window *w, int64_t now) {
    bool hole = hole_end(w) > w->given, is_new = hole && (!w->waits || w->given >= w->asked_to);
    w->waits = hole;
    if (!is_new) return;
    w->give_up_at = now + HUB_WINDOW_HOLE_MS;
    ask_again(w, now);
}

/* ---- in ---- */

static void hold_packet(struct hub_receive_window *w, const struct hub_window_packet *p) {
    struct hub_list *before = &w->held;
    while (before->prev != &w->held && HUB_CONTAINER(before->prev, struct hub_held_packet, link)->number >= p->number)
        before = before->prev;
    if (before != &w->held && HUB_CONTAINER(before, struct hub_held_packet, link)->number == p->number) return;
    struct hub_held_packet *h = hub_xmalloc(sizeof *h + p->body.n);
    h->number = p->number;
    h->n = p->body.n;
    if (h->n) memcpy(h->bytes, p->body.p, h->n);
    hub_list_push(before, &h->link); /* in front of it */
    w->held_bytes += held_size(h);
}

static void take_data(struct hub_receive_window *w, const struct hub_window_packet *p) {
    if (p->number <= w->given) return; /* it was given up, or told as a hole */
    if (p->number == w->given + 1) {
        give_data(w, p->body);
        give_held(w);
        return;
    }
    hold_packet(w, p);
    while (w->held_bytes > w->held_max) give_hole(w, hole_end(w));
}

/* Only of the hole that is waited for: one further behind is asked for when its turn comes. */
static void take_hole(struct hub_receive_window *w, const struct hub_window_packet *p) {
    uint64_t end = hole_end(w);
    if (p->number > w->given + 1 || p->to <= w->given || end <= w->given) return;
    give_hole(w, p->to < end ? p->to : end);
}

void hub_receive_window_take(struct hub_receive_window *w, const struct hub_window_packet *p, int64_t now) {
    HUB_BUG_IF(p->kind == HUB_WINDOW_AGAIN);
    if (p->kind != HUB_WINDOW_HOLE && p->number > w->known) w->known = p->number;
    if (p->kind == HUB_WINDOW_DATA) take_data(w, p);
    if (p->kind == HUB_WINDOW_HOLE) take_hole(w, p);
    look_for_hole(w, now);
}

int64_t hub_receive_window_due(const struct hub_receive_window *w) {
    if (!w->waits) return INT64_MAX;
    return w->ask_at < w->give_up_at ? w->ask_at : w->give_up_at;
}

/* What was not known when it was asked for has its own time. */
void hub_receive_window_turn(struct hub_receive_window *w, int64_t now) {
    if (hub_receive_window_due(w) > now) return;
    if (now < w->give_up_at) {
        ask_again(w, now);
        return;
    }
    uint64_t end = hole_end(w);
    give_hole(w, w->asked_to < end ? w->asked_to : end);
    look_for_hole(w, now);
}
