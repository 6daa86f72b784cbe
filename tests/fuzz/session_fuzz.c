/* What a client can say to the Socket.IO session: messages separated by 0x1e, those that start with 'b'
 * are binary. The namespace echoes events, disconnects on some, and checks what it is given. */
#include <assert.h>
#include <stdint.h>

#include "base/telemetry/log.h"
#include "base/text/utf8.h"
#include "fake_eio.h"

static struct hub_loop *loop;
static struct hub_sessions *sessions;
static uint64_t seen;

static void on_connect(struct hub_socket *s, json_t *auth) {
    assert(!auth || json_is_object(auth));
    if (hub_json_get(auth, "refuse"))
        hub_socket_refuse(s, "No", HUB_STR(""));
    else if (!hub_json_get(auth, "later"))
        hub_socket_accept(s);
}

static struct hub_pending_ack pending[4];

static void on_ack(struct hub_pending_ack *p, enum hub_ack_result result, json_t *args,
                   const struct hub_binaries *bins) {
    assert(!p->of && (result == HUB_ACK_RECEIVED ? json_is_array(args) : !args && !bins));
}

static void on_event(struct hub_socket *s, struct hub_str event, json_t *args, const struct hub_binaries *bins,
                     int64_t ack) {
    struct hub_buf b = {0};
    assert(json_is_array(args) && event.p && !hub_event_reserved(event) && s->state == HUB_SOCKET_OPEN);
    assert(!bins || (bins->n > 0 && bins->n <= HUB_SIO_MAX_ATTACHMENTS));
    for (size_t i = 0; bins && i < bins->n; i++) seen ^= hub_hash(bins->items[i].p, bins->items[i].n);
    hub_json_add(&b, args);
    assert(hub_json_well_formed(hub_buf_str(&b)));
    const struct hub_str inner = hub_str(b.p + 1, b.n - 2);
    hub_socket_ack(s, ack, inner, bins);
    for (size_t i = 0; i < HUB_NELEM(pending); i++)
        if (!pending[i].of && hub_socket_emit_with_ack(s, event, inner, bins, &pending[i], 1000, on_ack)) break;
    if (hub_str_is(event, "leave")) hub_socket_disconnect(s, false);
    if (hub_str_is(event, "end")) hub_socket_disconnect(s, true);
    hub_buf_free(&b);
}

static void on_closed(struct hub_socket *s, const char *reason) { assert(s->state == HUB_SOCKET_CLOSED && *reason); }

static const struct hub_namespace_ops ops = {.connect = on_connect, .event = on_event, .closed = on_closed};

static bool find(void *ctx, struct hub_str name, const struct hub_namespace_ops **out, void **owner) {
    (void)ctx;
    *out = &ops, *owner = NULL;
    return name.n < 4;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    hub_log_setup(HUB_LOG_ERROR, false);
    loop = hub_loop_new(NULL);
    sessions = hub_sessions_new(loop, &(struct hub_sessions_config){.max_payload = 2000, .find = find});
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct hub_str rest = hub_str((const char *)data, size), message;
    struct hub_eio *eio = fake_open(sessions);
    while (rest.p && hub_str_split(&rest, 0x1e, &message)) {
        const bool binary = message.n && message.p[0] == 'b';
        if (binary)
            fake_bytes(eio, message.p + 1, message.n - 1, true);
        else if (hub_utf8_valid(message)) /* the transport sees to it */
            fake_bytes(eio, message.p, message.n, false);
    }
    while (*fake_next(eio)) {}
    assert(eio->read == eio->out.n); /* whole frames only */
    fake_free(eio);
    for (size_t i = 0; i < HUB_NELEM(pending); i++) assert(!pending[i].of);
    return 0;
}
