/* Start and stop of the transport, the flush at the end of each turn, and the work put off to that point. */
#include "transport/transport.h"

#include <stdlib.h>

#include "base/time/clock.h"
#include "packet/ws.h"
#include "transport/transport_int.h"

struct hub_metric hub_metric_connections = HUB_METRIC(HUB_GAUGE, "hubd_connections", NULL, "Open TCP connections");
struct hub_metric hub_metric_polling =
    HUB_METRIC(HUB_GAUGE, "hubd_sessions", "transport=\"polling\"", "Engine.IO sessions");
struct hub_metric hub_metric_websocket =
    HUB_METRIC(HUB_GAUGE, "hubd_sessions", "transport=\"websocket\"", "Engine.IO sessions");
struct hub_metric hub_metric_bytes_in =
    HUB_METRIC(HUB_COUNTER, "hubd_bytes_in_total", NULL, "Bytes received from clients");
struct hub_metric hub_metric_bytes_out = HUB_METRIC(HUB_COUNTER, "hubd_bytes_out_total", NULL, "Bytes sent to clients");
struct hub_metric hub_metric_writes =
    HUB_METRIC(HUB_COUNTER, "hubd_writes_total", NULL, "Write system calls on client sockets");
struct hub_metric hub_metric_slow =
    HUB_METRIC(HUB_COUNTER, "hubd_slow_reader_disconnects_total", NULL,
               "Sessions closed because their outbound queue exceeded listen.maxQueueBytes");
struct hub_metric hub_metric_dropped =
    HUB_METRIC(HUB_COUNTER, "hubd_ephemeral_dropped_total", NULL, "Ephemeral events dropped for slow readers");
struct hub_metric hub_metric_saved =
    HUB_METRIC(HUB_COUNTER, "hubd_deflate_saved_bytes_total", NULL,
               "Bytes that compression saved on the wire, for each connection that was sent a message");

static void register_metrics(void) {
    hub_metric_register(&hub_metric_connections);
    hub_metric_register(&hub_metric_polling);
    hub_metric_register(&hub_metric_websocket);
    hub_metric_register(&hub_metric_bytes_in);
    hub_metric_register(&hub_metric_bytes_out);
    hub_metric_register(&hub_metric_writes);
    hub_metric_register(&hub_metric_slow);
    hub_metric_register(&hub_metric_dropped);
    hub_pending_register_metrics();
    hub_held_register_metrics();
    hub_metric_register(&hub_metric_saved);
    hub_deflate_register_metrics();
}

/* ---- the end of a turn ---- */

bool hub_transport_may_go_on(struct hub_transport *t) {
    int64_t now = hub_real_ms(); /* it is work that this limits */
    if (!t->busy_until) t->busy_until = now + HUB_PIPELINED_MS;
    return now < t->busy_until;
}

static void on_go_on(struct hub_timer *timer) { hub_transport_work(HUB_CONTAINER(timer, struct hub_transport, go_on)); }

/* One after the other as long as the turn has time for it; those who are left are the first of the next
 * one. */
static void go_on(struct hub_transport *t) {
    struct hub_list batch;
    hub_list_init(&batch);
    hub_list_splice(&batch, &t->busy);
    while (!hub_list_empty(&batch) && hub_transport_may_go_on(t))
        hub_link_go_on(HUB_CONTAINER(hub_list_pop(&batch), struct hub_link, busy_link));
    hub_list_splice(&batch, &t->busy);
    hub_list_splice(&t->busy, &batch);
}

static void end_doomed(struct hub_transport *t) {
    for (struct hub_list *n; (n = hub_list_pop(&t->doomed));) {
        struct hub_link *c = HUB_CONTAINER(n, struct hub_link, due);
        hub_link_kill(c, (enum hub_close_reason)c->doom);
    }
}

/* Input that had to wait, then the connections that end, the sessions that ended, and the connections nobody
 * refers to any more. */
static void work_off(struct hub_task *task) {
    struct hub_transport *t = HUB_CONTAINER(task, struct hub_transport, work);
    struct hub_list batch;
    hub_list_init(&batch);
    go_on(t);
    end_doomed(t);
    hub_move_all(t);
    hub_list_splice(&batch, &t->ended);
    for (struct hub_list *n; (n = hub_list_pop(&batch));) hub_eio_reap(HUB_CONTAINER(n, struct hub_eio, ended));
    for (struct hub_list *n; (n = hub_list_pop(&t->dead));) hub_link_free(HUB_CONTAINER(n, struct hub_link, node));
    if (!hub_list_empty(&t->busy) && !hub_timer_running(&t->go_on)) hub_timer_start(t->loop, &t->go_on, 0, on_go_on);
}

void hub_transport_work(struct hub_transport *t) { hub_defer(t->loop, &t->work); }

/* Polling sessions first: what they answer is written with the connections. */
void hub_transport_flush(struct hub_transport *t) {
    t->turn++;
    t->busy_until = 0;
    for (struct hub_list *n; (n = hub_list_pop(&t->due_eios));)
        hub_polling_flush(HUB_CONTAINER(n, struct hub_eio, due));
    for (struct hub_list *n; (n = hub_list_pop(&t->due_links));) hub_link_flush(HUB_CONTAINER(n, struct hub_link, due));
}

/* Answers of one turn are written before more of them pile up; then whoever has not read for longest gives
 * way. Any of them may be the one whose request is being worked on further up, so none is ended here: those
 * who have written everything stay due, and their end comes with the flush. */
void hub_transport_make_room(struct hub_transport *t, size_t n) {
    struct hub_list batch;
    if (t->unsent + n <= HUB_MAX_UNSENT) return;
    hub_list_init(&batch);
    hub_list_splice(&batch, &t->due_links);
    for (struct hub_list *it; (it = hub_list_pop(&batch));) {
        struct hub_link *c = HUB_CONTAINER(it, struct hub_link, due);
        if (hub_link_write(c)) hub_link_due(c);
    }
    while (t->unsent + n > HUB_MAX_UNSENT && !hub_list_empty(&t->stalled))
        hub_link_doom(HUB_CONTAINER(t->stalled.next, struct hub_link_edge, stalled)->link, HUB_CLOSE_SLOW);
}

static void on_flush(void *arg) { hub_transport_flush(arg); }

/* ---- start ---- */

static HUB_MUST struct hub_chunk *text_frame(const char *packet) {
    return hub_chunk_frame(HUB_WS_TEXT, hub_cstr(packet));
}

static void free_all(struct hub_transport *t) {
    hub_held_deinit(t);
    hub_tls_close(t);
    hub_chunk_unref(t->ping);
    hub_chunk_unref(t->close_packet);
    hub_deflater_free(t->deflater);
    hub_inflater_free(t->inflater);
    hub_keyed_clear(&t->eios);
    hub_map_clear(&t->addresses);
    free(t->origins);
    free(t->proxies);
    free(t->in);
    free(t);
}

static struct hub_str without_slash(const char *path) {
    struct hub_str s = hub_cstr(path);
    while (s.n && s.p[s.n - 1] == '/') s.n--;
    return s;
}

static struct hub_transport *make_transport(struct hub_loop *loop, const struct hub_transport_config *config,
                                            const struct hub_transport_ops *ops, void *ctx) {
    struct hub_transport *t = hub_xcalloc(1, sizeof *t);
    t->loop = loop;
    t->cfg = *config;
    t->ops = ops;
    t->ctx = ctx;
    t->io = &hub_io_plain;
    if (!t->cfg.head_timeout) t->cfg.head_timeout = 10000;
    if (!t->cfg.idle_timeout) t->cfg.idle_timeout = 75000;
    if (!t->cfg.deflate_threshold) t->cfg.deflate_threshold = 1024;
    if (!t->cfg.max_pending) t->cfg.max_pending = 2048;
    if (!t->cfg.max_pending_per_address) t->cfg.max_pending_per_address = 256;
    t->nowhere.refs = 1;
    hub_site_read_config(t);
    hub_forwarded_read_config(t);
    t->base = without_slash(config->base_path);
    t->path = without_slash(config->path ? config->path : "/socket.io");
    t->in = hub_xmalloc(HUB_IN_SIZE);
    t->work.run = work_off;
    struct hub_list *lists[] = {&t->links, &t->due_eios, &t->due_links, &t->busy,    &t->doomed,         &t->moving,
                                &t->dead,  &t->ended,    &t->reading,   &t->stalled, &t->nowhere.reading};
    for (size_t i = 0; i < HUB_NELEM(lists); i++) hub_list_init(lists[i]);
    hub_keyed_init(&t->eios, hub_eio_key);
    hub_held_init(t);
    t->deflater = hub_deflater_new();
    t->inflater = hub_inflater_new();
    t->ping = text_frame("2");
    t->close_packet = text_frame("1");
    return t;
}

enum hub_code hub_transport_new(struct hub_transport **out, struct hub_loop *loop,
                                const struct hub_transport_config *config, const struct hub_transport_ops *ops,
                                void *ctx, struct hub_err *err) {
    struct hub_transport *t = make_transport(loop, config, ops, ctx);
    enum hub_code code = hub_tls_open(t, err);
    if (!code) code = hub_listen_open(t, err);
    if (code) {
        free_all(t);
        return code;
    }
    register_metrics();
    hub_move_open(t);
    hub_loop_on_flush(loop, on_flush, t);
    *out = t;
    return HUB_OK;
}

int hub_transport_port(const struct hub_transport *t) { return t->port; }
size_t hub_transport_connections(const struct hub_transport *t) { return t->link_n; }
size_t hub_transport_sessions(const struct hub_transport *t) { return hub_keyed_len(&t->eios); }

void hub_transport_local_names(struct hub_transport *t, bool on) { t->cfg.local_names = on; }

void hub_transport_hold(struct hub_transport *t, bool held) { t->held = held; }

/* ---- stop ---- */

void hub_transport_drain(struct hub_transport *t) { t->draining = true; }

void hub_transport_stop_listening(struct hub_transport *t) {
    hub_listen_close(t);
    hub_transport_drain(t);
}

size_t hub_transport_polling(const struct hub_transport *t, bool undelivered) {
    size_t n = 0;
    const struct hub_eio *e;
    for (size_t at = 0; (e = hub_keyed_next(&t->eios, &at));)
        n += !hub_eio_is_websocket(e) && (!undelivered || hub_eio_queued(e));
    return n;
}

/* Neither answering nor receiving the body of a request. */
static bool is_idle(const struct hub_link *c) {
    bool reading = c->req && !c->answering && c->req->head_done;
    return c->mode == HUB_LINK_HTTP && !c->answering && !reading && !hub_link_unsent(c);
}

void hub_transport_close_all(struct hub_transport *t) {
    const char *text = hub_close_reason_name(HUB_CLOSE_SHUTDOWN);
    struct hub_eio *e;
    for (size_t at = 0; (e = hub_keyed_next(&t->eios, &at));) /* they wait, and stay until then */
        hub_eio_close(e, HUB_CLOSE_SHUTDOWN, 1001, text);
    HUB_LIST_EACH_SAFE(&t->links, n) {
        struct hub_link *c = HUB_CONTAINER(n, struct hub_link, node);
        if (is_idle(c)) hub_link_kill(c, HUB_CLOSE_SHUTDOWN);
    }
    hub_transport_flush(t);
}

/* Whoever is left gets no last words. */
void hub_transport_delete(struct hub_transport *t) {
    hub_move_close(t);
    hub_listen_close(t);
    hub_loop_on_flush(t->loop, NULL, NULL);
    HUB_LIST_EACH_SAFE(&t->links, n) hub_link_kill(HUB_CONTAINER(n, struct hub_link, node), HUB_CLOSE_SHUTDOWN);
    struct hub_keyed left = t->eios;
    struct hub_eio *e;
    hub_keyed_init(&t->eios, hub_eio_key);
    for (size_t at = 0; (e = hub_keyed_next(&left, &at));) hub_eio_gone(e, HUB_CLOSE_SHUTDOWN);
    hub_keyed_clear(&left);
    hub_defer_cancel(&t->work);
    work_off(&t->work);
    hub_defer_cancel(&t->work);
    hub_timer_stop(t->loop, &t->go_on);
    free_all(t);
}
