/* What the script of a command does with its stream: the methods of ctx.stream. */
#include "hub/stream/stream_int.h"

#define READ_MAX (64 << 10) /* bytes of one read, and of one hub:streamData to a client */

static struct hub_stream *stream_of(void *engine, struct hub_host_call *c) {
    struct hub_stream *s = hub_map_get(hub_streams_of_scripts(engine), hub_json_str(json_array_get(c->args, 0)));
    if (!s) c->done(c, HUB_NOT_FOUND, NULL, "the stream is over");
    return s;
}

static void fail_broken(const struct hub_stream *s, struct hub_host_call *c) {
    c->done(c, HUB_CLIENT_DISCONNECTED, NULL, s->error ? s->error : "the stream was destroyed");
}

/* ---- waiting ---- */

static bool may_read(const struct hub_stream *s) {
    return s->broken || s->script.unread.n || s->ends[HUB_STREAM_OPENER].finished;
}

/* The script goes on inside, and may end the stream. */
static void end_read(struct hub_stream *s) {
    struct hub_stream_script *x = &s->script;
    struct hub_host_call *c = x->read;
    struct hub_buf bytes = {0};
    size_t n = x->unread.n < READ_MAX ? x->unread.n : READ_MAX;
    x->read = NULL;
    if (s->broken || !n) {
        s->broken ? fail_broken(s, c) : c->done(c, HUB_OK, NULL, NULL);
        return;
    }
    hub_buf_add(&bytes, x->unread.p, n);
    hub_buf_drop(&x->unread, n);
    hub_stream_ack(s, HUB_STREAM_TARGET, s->ends[HUB_STREAM_OPENER].acked + (int64_t)n);
    if (!x->unread.n) {
        hub_buf_free(&x->unread);
        hub_backlog_drop(&x->held);
    }
    struct hub_str item = hub_buf_str(&bytes);
    const struct hub_hook_bins bins = {&item, 1};
    c->answer_bins = &bins;
    c->done(c, HUB_OK, json_pack("{s:b, s:i}", "_placeholder", 1, "num", 0), NULL);
    hub_buf_free(&bytes);
}

/* As much as there is credit for. */
static void send_unsent(struct hub_stream *s) {
    struct hub_stream_script *x = &s->script;
    struct hub_err err;
    size_t n;
    while (!s->broken && (n = hub_stream_credit(s, HUB_STREAM_TARGET)) && x->unsent.n) {
        if (n > x->unsent.n) n = x->unsent.n;
        if (n > READ_MAX) n = READ_MAX;
        HUB_UNUSED(
            hub_stream_send(s, HUB_STREAM_TARGET, s->ends[HUB_STREAM_TARGET].sent, hub_str(x->unsent.p, n), &err),
            "an error has broken it");
        hub_buf_drop(&x->unsent, n);
    }
}

static void end_write(struct hub_stream *s) {
    struct hub_host_call *c = s->script.write;
    s->script.write = NULL;
    hub_buf_free(&s->script.unsent);
    if (s->broken)
        fail_broken(s, c);
    else
        c->done(c, HUB_OK, NULL, NULL);
}

void hub_stream_wake(struct hub_stream *s) {
    if (s->script.read && may_read(s)) {
        end_read(s);
        return;
    }
    if (!s->script.write) return;
    send_unsent(s);
    if (s->broken || !s->script.unsent.n) end_write(s);
}

/* ---- the methods ---- */

static void stream_read(void *engine, struct hub_host_call *c) {
    struct hub_stream *s = stream_of(engine, c);
    if (!s) return;
    if (s->script.read) {
        c->done(c, HUB_BAD_REQUEST, NULL, "stream:read waits already");
        return;
    }
    s->script.read = c;
    hub_stream_wake(s);
}

static void stream_write(void *engine, struct hub_host_call *c) {
    struct hub_stream *s = stream_of(engine, c);
    if (!s) return;
    if (!c->bins || c->bins->n != 1 || s->script.write || s->ends[HUB_STREAM_TARGET].finished) {
        c->done(c, HUB_BAD_REQUEST, NULL,
                s->script.write                       ? "stream:write waits already"
                : s->ends[HUB_STREAM_TARGET].finished ? "stream:write after stream:finish"
                                                      : "stream:write(bytes): expected a string or a binary value");
        return;
    }
    hub_buf_adds(&s->script.unsent, c->bins->items[0]); /* a script that is ended takes its bytes along */
    s->script.write = c;
    hub_stream_wake(s);
}

static void stream_finish(void *engine, struct hub_host_call *c) {
    struct hub_stream *s = stream_of(engine, c);
    if (!s) return;
    if (!s->broken) hub_stream_finish(s, HUB_STREAM_TARGET);
    c->done(c, HUB_OK, NULL, NULL);
}

static void stream_destroy(void *engine, struct hub_host_call *c) {
    struct hub_stream *s = stream_of(engine, c);
    struct hub_str reason = hub_json_str(json_array_get(c->args, 1));
    if (!s) return;
    if (reason.n > 1000) reason.n = 0; /* as a client's own */
    hub_stream_break(s, -1, reason);
    c->done(c, HUB_OK, NULL, NULL);
}

const struct hub_host_fn hub_stream_host[] = {{"stream", "read", stream_read},
                                              {"stream", "write", stream_write},
                                              {"stream", "finish", stream_finish},
                                              {"stream", "destroy", stream_destroy},
                                              {0}};
