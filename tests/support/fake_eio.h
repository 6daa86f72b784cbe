/* Engine.IO sessions without a socket behind them: definitions of the transport's downward functions that
 * record what was sent, and helpers that play the transport's upward calls. A test that includes this is
 * linked against these instead of the transport. */
#ifndef TEST_SUPPORT_FAKE_EIO_H
#define TEST_SUPPORT_FAKE_EIO_H
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory/mem.h"
#include "packet/chunk.h"
#include "packet/ws.h"
#include "session/session.h"

struct hub_eio {
    void *client;       /* NULL once closed */
    struct hub_buf out; /* whole frames */
    size_t read;        /* of out */
    size_t sent;        /* calls of hub_eio_send */
    int flags;          /* of the last one */
    bool close_asked;
    enum hub_close_reason reason;
    int ws_code;
    int64_t last_in, latency;
    int pings; /* calls of hub_eio_ping */
    bool signed_in;
    size_t held; /* by hub_eio_hold */
    char sid[24];
    struct hub_buf text; /* what fake_next returned */
};

const char *hub_close_reason_name(enum hub_close_reason r) {
    static const char *const names[] = {
        "transport close",     "transport error",     "parse error", "ping timeout",
        "too large",           "slow_reader",         "overloaded",  "client namespace disconnect",
        "forced server close", "server shutting down"};
    return names[r];
}

void hub_eio_send(struct hub_eio *eio, struct hub_chunk *chunk, uint32_t off, uint32_t len, int flags) {
    eio->sent++;
    eio->flags = flags;
    hub_buf_add(&eio->out, chunk->p + off, len);
}

void hub_eio_close(struct hub_eio *eio, enum hub_close_reason reason, int ws_code, const char *ws_reason) {
    (void)ws_reason;
    if (eio->close_asked) return;
    eio->close_asked = true;
    eio->reason = reason;
    eio->ws_code = ws_code;
}

size_t hub_eio_queued(const struct hub_eio *eio) { return eio->out.n - eio->read; }
const char *hub_eio_sid(const struct hub_eio *eio) { return eio->sid; }
void hub_eio_ping(struct hub_eio *eio) { eio->pings++; }
int64_t hub_eio_last_in(const struct hub_eio *eio) { return eio->last_in; }
int64_t hub_eio_latency(const struct hub_eio *eio) { return eio->latency; }
void hub_eio_signed_in(struct hub_eio *eio) { eio->signed_in = true; }
void hub_eio_hold(struct hub_eio *eio, size_t bytes) { eio->held = bytes; }

static unsigned fake_opened; /* sessions so far: their ids are fake1, fake2, … */

static inline struct hub_eio *fake_open_with(struct hub_sessions *s, struct hub_handshake hs) {
    struct hub_eio *eio = hub_xcalloc(1, sizeof *eio);
    eio->latency = -1;
    snprintf(eio->sid, sizeof eio->sid, "fake%u", ++fake_opened);
    eio->client = hub_sessions_transport_ops.open(s, eio, &hs);
    return eio;
}
static inline struct hub_eio *fake_open(struct hub_sessions *s) {
    return fake_open_with(s, (struct hub_handshake){.peer = HUB_STR_INIT("127.0.0.1"),
                                                    .query = HUB_STR_INIT("EIO=4&transport=websocket")});
}
/* One message from the client, without the Engine.IO type. Copied to an exact allocation, so that reading
 * past its end is seen. */
static inline void fake_bytes(struct hub_eio *eio, const void *p, size_t n, bool binary) {
    char *copy = hub_xmalloc(n ? n : 1);
    if (n) memcpy(copy, p, n);
    hub_sessions_transport_ops.message(eio->client, hub_str(copy, n), binary);
    free(copy);
}
static inline void fake_text(struct hub_eio *eio, const char *text) { fake_bytes(eio, text, strlen(text), false); }

/* A ping was answered after MS. */
static inline void fake_heartbeat(struct hub_eio *eio, int64_t ms) {
    eio->latency = ms;
    hub_sessions_transport_ops.heartbeat(eio->client, ms);
}

/* The next message to the client: text as it is, binary as "<0a0b>", "" when there is none. */
static inline const char *fake_next(struct hub_eio *eio) {
    int opcode;
    struct hub_str payload;
    hub_buf_clear(&eio->text);
    if (!hub_chunk_next(eio->out.p, eio->out.n, &eio->read, &opcode, &payload)) return "";
    if (opcode == HUB_WS_TEXT) {
        hub_buf_adds(&eio->text, payload);
    } else {
        hub_buf_addc(&eio->text, '<');
        for (size_t i = 0; i < payload.n; i++) hub_buf_addf(&eio->text, "%02x", (unsigned char)payload.p[i]);
        hub_buf_addc(&eio->text, '>');
    }
    return hub_buf_cstr(&eio->text);
}
static inline void fake_closed(struct hub_eio *eio, enum hub_close_reason reason) {
    void *client = eio->client;
    eio->client = NULL;
    if (client) hub_sessions_transport_ops.closed(client, reason);
}
/* Ends the session, if it is open, and frees it. */
static inline void fake_free(struct hub_eio *eio) {
    fake_closed(eio, eio->close_asked ? eio->reason : HUB_CLOSE_TRANSPORT);
    hub_buf_free(&eio->out);
    hub_buf_free(&eio->text);
    free(eio);
}
#endif
