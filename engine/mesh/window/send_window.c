/* The sender's end of a link: numbers, what is kept to be sent once more, and what is dropped when it is
 * full. */
#include <stdlib.h>
#include <string.h>

#include "base/memory/mem.h"
#include "mesh/window/window.h"

struct hub_sent_packet {
    struct hub_list link; /* hub_send_window.kept */
    uint64_t number;
    size_t n;
    char bytes[];
};

/* Of what waits, only how much it is. */
struct hub_queued_length {
    struct hub_list link; /* hub_send_window.queued */
    uint64_t number;
    size_t n;
};

void hub_send_window_init(struct hub_send_window *w, const struct hub_window_config *config,
                          void (*send)(void *ctx, struct hub_str bytes), void *ctx) {
    *w = (struct hub_send_window){.config = *config, .send = send, .ctx = ctx};
    hub_list_init(&w->kept);
    hub_list_init(&w->queued);
}

static struct hub_sent_packet *oldest_kept(const struct hub_send_window *w) {
    return hub_list_empty(&w->kept) ? NULL : HUB_CONTAINER(w->kept.next, struct hub_sent_packet, link);
}

static void drop_oldest(struct hub_send_window *w) {
    struct hub_sent_packet *p = oldest_kept(w);
    hub_list_remove(&p->link);
    w->kept_bytes -= p->n;
    free(p);
}

static void forget_behind(struct hub_send_window *w) {
    for (void *from; (from = hub_map_drain(&w->behind));) free(from);
    hub_map_clear(&w->behind);
}

void hub_send_window_deinit(struct hub_send_window *w) {
    hub_send_window_left(w, w->last);
    hub_send_window_confirmed(w, w->last);
    forget_behind(w);
}

/* ---- sending ---- */

static void keep_packet(struct hub_send_window *w, struct hub_str bytes) {
    struct hub_sent_packet *p = hub_xmalloc(sizeof *p + bytes.n);
    p->number = w->last;
    p->n = bytes.n;
    memcpy(p->bytes, bytes.p, bytes.n);
    hub_list_push(&w->kept, &p->link);
    w->kept_bytes += p->n;
    while (w->kept_bytes > w->config.keep_bytes) drop_oldest(w);
}

/* One packet always goes on an empty link, however large it is. */
static bool has_room(const struct hub_send_window *w, size_t n) {
    return !w->queued_bytes || w->queued_bytes + n <= w->config.queue_bytes;
}

/* N bytes that leave when, or behind when, the last number does. */
static void queue_length(struct hub_send_window *w, size_t n) {
    struct hub_queued_length *q = hub_xmalloc(sizeof *q);
    *q = (struct hub_queued_length){.number = w->last, .n = n};
    hub_list_push(&w->queued, &q->link);
    w->queued_bytes += n;
}

static void send_control(const struct hub_send_window *w, enum hub_window_kind kind, uint64_t number, uint64_t to) {
    struct hub_buf bytes = {0};
    hub_window_packet_add(&bytes, &(struct hub_window_packet){.kind = kind, .number = number, .to = to});
    w->send(w->ctx, hub_buf_str(&bytes));
    hub_buf_free(&bytes);
}

static void send_data(struct hub_send_window *w, struct hub_str body) {
    struct hub_buf bytes = {0};
    hub_window_packet_add(&bytes,
                          &(struct hub_window_packet){.kind = HUB_WINDOW_DATA, .number = ++w->last, .body = body});
    queue_length(w, bytes.n);
    keep_packet(w, hub_buf_str(&bytes));
    w->send(w->ctx, hub_buf_str(&bytes));
    hub_buf_free(&bytes);
}

/* ---- flow ---- */

static void fall_behind(struct hub_send_window *w, const struct hub_window_item *item) {
    if (w->all_behind || hub_map_get(&w->behind, item->place)) return; /* from a lower number on */
    if (hub_map_len(&w->behind) >= w->config.behind_max) {
        w->all_behind = true;
        forget_behind(w);
        return;
    }
    int64_t *from = hub_xmalloc(sizeof *from);
    *from = item->at;
    hub_map_put(&w->behind, item->place, from);
}

/* What comes behind a number that was dropped has a hole before it: it is brought with the rest. */
static bool is_behind(const struct hub_send_window *w, const struct hub_window_item *item) {
    return item->class == HUB_WINDOW_NUMBERED && (w->all_behind || hub_map_get(&w->behind, item->place));
}

enum hub_code hub_send_window_add(struct hub_send_window *w, const struct hub_window_item *item) {
    if (!is_behind(w, item) && has_room(w, item->body.n)) {
        send_data(w, item->body);
        return HUB_OK;
    }
    if (item->class == HUB_WINDOW_NUMBERED) fall_behind(w, item);
    return HUB_OVERLOADED;
}

void hub_send_window_left(struct hub_send_window *w, uint64_t number) {
    while (!hub_list_empty(&w->queued)) {
        struct hub_queued_length *q = HUB_CONTAINER(w->queued.next, struct hub_queued_length, link);
        if (q->number > number) break;
        w->queued_bytes -= q->n;
        hub_list_remove(&q->link);
        free(q);
    }
}

bool hub_send_window_behind(const struct hub_send_window *w, struct hub_str *place, int64_t *from) {
    void *value = NULL;
    if (w->queued_bytes > w->config.queue_bytes / 2) return false; /* or it fills again at once */
    *place = (struct hub_str){0};
    *from = 0;
    if (w->all_behind) return true;
    if (!hub_map_next(&w->behind, NULL, place, &value)) return false;
    *from = *(int64_t *)value;
    return true;
}

void hub_send_window_caught_up(struct hub_send_window *w, struct hub_str place) {
    if (!place.n) w->all_behind = false;
    if (place.n) free(hub_map_del(&w->behind, place));
}

/* ---- once more ---- */

void hub_send_window_confirmed(struct hub_send_window *w, uint64_t number) {
    while (oldest_kept(w) && oldest_kept(w)->number <= number) drop_oldest(w);
}

void hub_send_window_mark(struct hub_send_window *w, uint64_t received) {
    send_control(w, HUB_WINDOW_MARK, w->last, received);
}

static void send_again(struct hub_send_window *w, const struct hub_sent_packet *p) {
    queue_length(w, p->n);
    w->send(w->ctx, hub_str(p->bytes, p->n));
}

void hub_send_window_again(struct hub_send_window *w, uint64_t from, uint64_t to) {
    if (to > w->last) to = w->last; /* it cannot know of more */
    if (from > to) return;
    uint64_t first = oldest_kept(w) ? oldest_kept(w)->number : w->last + 1;
    if (from < first) send_control(w, HUB_WINDOW_HOLE, from, to < first ? to : first - 1);
    HUB_LIST_EACH(&w->kept, it) {
        const struct hub_sent_packet *p = HUB_CONTAINER(it, struct hub_sent_packet, link);
        if (p->number < from) continue;
        if (p->number > to || !has_room(w, p->n)) break;
        send_again(w, p);
    }
}
