/* WebSocket bytes from strangers. The first byte says how they are cut into reads: the same messages and
 * the same end must come out, compressed ones too, of which a first byte from 128 on says that they were not
 * agreed on. Then the bytes are walked as a chunk of our own frames would be. */
#include <stdlib.h>

#include "base/io/deflate.h"
#include "base/text/utf8.h"
#include "packet/chunk.h"
#include "packet/ws.h"
#include "transport/websocket/ws_in.h"

#define MAX_PAYLOAD 3000

static bool note(void *arg, int opcode, struct hub_str payload) {
    if (payload.n > MAX_PAYLOAD) abort();
    if (opcode == HUB_WS_TEXT && !hub_utf8_valid(payload)) abort();
    hub_buf_addf(arg, "%d:%zu:", opcode, payload.n);
    hub_buf_adds(arg, payload);
    return opcode != HUB_WS_CLOSE;
}

static enum hub_ws_in_end go_on(struct hub_ws_in *in, const struct hub_ws_in_rules *rules) {
    enum hub_ws_in_end end = HUB_WS_IN_MORE;
    while (!end && in->paused) end = hub_ws_in_feed(in, NULL, 0, rules);
    return end;
}

static enum hub_ws_in_end read_stream(const uint8_t *data, size_t n, size_t step, const struct hub_ws_in_rules *rules) {
    struct hub_ws_in in = {0};
    enum hub_ws_in_end end = HUB_WS_IN_MORE;
    for (size_t at = 0; at < n && !end; at += step) {
        size_t size = step < n - at ? step : n - at;
        char *exact = malloc(size);
        memcpy(exact, data + at, size);
        end = hub_ws_in_feed(&in, exact, size, rules);
        free(exact);
        if (!end) end = go_on(&in, rules);
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
    static struct hub_inflater *inflater;
    if (!inflater) inflater = hub_inflater_new();
    struct hub_buf whole = {0}, pieces = {0};
    struct hub_ws_in_rules rules = {
        .max_payload = MAX_PAYLOAD, .inflater = data[0] < 128 ? inflater : NULL, .fn = note, .arg = &whole};
    enum hub_ws_in_end a = read_stream(data + 1, n - 1, n, &rules);
    rules.arg = &pieces;
    enum hub_ws_in_end b = read_stream(data + 1, n - 1, data[0] % 31 + 1, &rules);
    if (a != b || !hub_str_eq(hub_buf_str(&whole), hub_buf_str(&pieces))) abort();
    walk((const char *)data, n);
    hub_buf_free(&whole);
    hub_buf_free(&pieces);
    return 0;
}
