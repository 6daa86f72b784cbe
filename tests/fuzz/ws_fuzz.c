/* WebSocket bytes from strangers. The first byte says how they are cut into reads: the same messages and
 * the same end must come out. Then the bytes are walked as a chunk of our own frames would be. */
#include <stdlib.h>

#include "packet/chunk.h"
#include "packet/ws.h"
#include "transport/ws_in.h"

#define MAX_PAYLOAD 3000

static bool note(void *arg, int opcode, struct hub_str payload) {
    if (payload.n > MAX_PAYLOAD) abort();
    if (opcode == HUB_WS_TEXT && !hub_utf8_valid(payload)) abort();
    hub_buf_addf(arg, "%d:%zu:", opcode, payload.n);
    hub_buf_adds(arg, payload);
    return opcode != HUB_WS_CLOSE;
}

static enum hub_ws_in_end read_stream(const uint8_t *data, size_t n, size_t step, struct hub_buf *log) {
    struct hub_ws_in in = {0};
    enum hub_ws_in_end end = HUB_WS_IN_MORE;
    for (size_t at = 0; at < n && !end; at += step) {
        size_t size = step < n - at ? step : n - at;
        char *exact = malloc(size);
        memcpy(exact, data + at, size);
        end = hub_ws_in_feed(&in, exact, size, MAX_PAYLOAD, note, log);
        free(exact);
        if (in.part.n > MAX_PAYLOAD + 14 || in.message.n > MAX_PAYLOAD) abort();
    }
    hub_ws_in_free(&in);
    return end;
}

static void walk(const char *p, size_t n) {
    size_t at = 0, last = 0;
    int opcode;
    struct hub_str payload;
    while (hub_chunk_next(p, n, &at, &opcode, &payload)) {
        if (at <= last || at > n || payload.p + payload.n != p + at) abort();
        last = at;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (!n) return 0;
    struct hub_buf whole = {0}, pieces = {0};
    enum hub_ws_in_end a = read_stream(data + 1, n - 1, n, &whole),
                       b = read_stream(data + 1, n - 1, data[0] % 31 + 1, &pieces);
    if (a != b || !hub_str_eq(hub_buf_str(&whole), hub_buf_str(&pieces))) abort();
    walk((const char *)data, n);
    hub_buf_free(&whole);
    hub_buf_free(&pieces);
    return 0;
}
