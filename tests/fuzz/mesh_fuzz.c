/* Packets of other nodes: several in one input, each behind a byte of its length, for both ends of a link.
 * What is accepted reads back the same; numbers are given up in order and once, and what waits stays within
 * its bound. */
#include <stdlib.h>

#include "mesh/mesh_int.h"
#include "mesh/window/window.h"

#define HELD_MAX 500

struct end {
    struct hub_send_window out;
    struct hub_receive_window in;
    uint64_t given;
};

static void on_data(void *ctx, struct hub_str body) {
    struct end *e = ctx;
    (void)body;
    if (e->in.given <= e->given) abort();
    e->given = e->in.given;
}
static void on_hole(void *ctx, uint64_t from, uint64_t to) {
    struct end *e = ctx;
    if (from != e->given + 1 || to < from) abort();
    e->given = to;
}
static void on_send(void *ctx, struct hub_str bytes) {
    struct hub_window_packet p;
    (void)ctx;
    if (!hub_window_packet_read(bytes, &p)) abort();
}

static void same_again(const struct hub_window_packet *p, struct hub_str bytes) {
    struct hub_buf b = {0};
    hub_window_packet_add(&b, p);
    if (!hub_str_eq(hub_buf_str(&b), bytes)) abort();
    hub_buf_free(&b);
}

static void take_packet(struct end *e, struct hub_str bytes, int64_t now) {
    struct hub_mesh_packet of_mesh;
    struct hub_window_packet p;
    if (hub_mesh_packet_read(bytes, &of_mesh) && of_mesh.name.n + of_mesh.body.n >= bytes.n) abort();
    if (!hub_window_packet_read(bytes, &p)) return;
    same_again(&p, bytes);
    if (p.kind == HUB_WINDOW_AGAIN)
        hub_send_window_again(&e->out, p.number, p.to);
    else
        hub_receive_window_take(&e->in, &p, now);
    if (p.kind == HUB_WINDOW_MARK) hub_send_window_confirmed(&e->out, p.to);
    if (e->in.held_bytes > HELD_MAX) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const struct hub_receive_window_events events = {on_data, on_hole, on_send};
    static const struct hub_window_config config = {.keep_bytes = 200, .queue_bytes = 300, .behind_max = 2};
    struct end e = {0};
    int64_t now = 0;
    hub_send_window_init(&e.out, &config, on_send, &e);
    hub_receive_window_init(&e.in, HELD_MAX, &events, &e);
    for (size_t at = 0; at < n;) {
        size_t len = data[at] < n - at - 1 ? data[at] : n - at - 1;
        char *exact = malloc(len ? len : 1);
        memcpy(exact, data + at + 1, len);
        take_packet(&e, hub_str(exact, len), now);
        if (hub_send_window_add(&e.out,
                                &(struct hub_window_item){.class = HUB_WINDOW_REQUEST, .body = hub_str(exact, len)}))
            hub_send_window_left(&e.out, e.out.last);
        free(exact);
        hub_receive_window_turn(&e.in, now += 60);
        at += len + 1;
    }
    hub_send_window_deinit(&e.out);
    hub_receive_window_deinit(&e.in);
    return 0;
}
