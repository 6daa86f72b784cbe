/* Compression by zlib, one message at a time. */
#include "base/io/deflate.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/memory/mem.h"
#include "base/telemetry/metric.h"
#include "base/text/buf.h"

#define WINDOW_BITS 15 /* 32 KiB; negative for zlib: neither head nor checksum */
#define MEMORY_LEVEL 8
#define LEVEL 4        /* of JSON it leaves 24 % where level 6 leaves 22 %, in half the time */
#define LEVEL_LARGE 1  /* 26 %, in 5 ms for each MiB instead of 20 */
#define LARGE 65536    /* bytes from which on that counts more */
#define KEEP (1 << 17) /* bytes that the result's buffer may keep */
#define STEP 16384     /* bytes by which a message may grow before it is looked at again */
#define TAIL_N 4

#define COUNTED(KIND, STATE)                                                                     \
    HUB_METRIC(HUB_COUNTER, "hubd_deflate_bytes_total", "kind=\"" KIND "\",state=\"" STATE "\"", \
               "Bytes before and after compression, once for all who receive them")
enum { BEFORE, AFTER };
static struct hub_metric websocket_bytes[] = {COUNTED("websocket", "before"), COUNTED("websocket", "after")};
static struct hub_metric http_bytes[] = {COUNTED("http", "before"), COUNTED("http", "after")};
static struct hub_metric inflated_bytes[] = {
    HUB_METRIC(HUB_COUNTER, "hubd_inflate_bytes_total", "state=\"before\"",
               "Bytes of compressed messages of clients, before and after they were inflated"),
    HUB_METRIC(HUB_COUNTER, "hubd_inflate_bytes_total", "state=\"after\"",
               "Bytes of compressed messages of clients, before and after they were inflated"),
};

void hub_deflate_register_metrics(void) {
    for (int i = BEFORE; i <= AFTER; i++) {
        hub_metric_register(&websocket_bytes[i]);
        hub_metric_register(&http_bytes[i]);
        hub_metric_register(&inflated_bytes[i]);
    }
}

static void count_bytes(struct hub_metric counts[2], size_t before, size_t after) {
    hub_metric_add(&counts[BEFORE], (int64_t)before);
    hub_metric_add(&counts[AFTER], (int64_t)after);
}

static HUB_MUST void *zlib_alloc(void *arg, unsigned count, unsigned size) {
    (void)arg;
    return hub_xmalloc((size_t)count * size);
}

static void zlib_free(void *arg, void *p) {
    (void)arg;
    free(p);
}

/* zlib wants bytes that it may write to, and does not write to them. */
static HUB_MUST Bytef *input_of(struct hub_str s) { return (Bytef *)(uintptr_t)s.p; }

/* ---- deflate ---- */

struct hub_deflater {
    z_stream stream;
    bool ready;
    int level;
    struct hub_buf out;
};

struct hub_deflater *hub_deflater_new(void) {
    return hub_xcalloc(1, sizeof(struct hub_deflater));
}

void hub_deflater_free(struct hub_deflater *z) {
    if (!z) return;
    if (z->ready) deflateEnd(&z->stream);
    hub_buf_free(&z->out);
    free(z);
}

static void begin_deflate(struct hub_deflater *z, struct hub_str text) {
    z_stream *s = &z->stream;
    int level = text.n > LARGE ? LEVEL_LARGE : LEVEL;
    if (!z->ready) {
        *s = (z_stream){.zalloc = zlib_alloc, .zfree = zlib_free};
        HUB_BUG_IF(deflateInit2(s, level, Z_DEFLATED, -WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK);
        z->ready = true;
        z->level = level;
    }
    deflateReset(s);
    if (level != z->level) deflateParams(s, z->level = level, Z_DEFAULT_STRATEGY);
    s->next_in = input_of(text);
    s->avail_in = (uInt)text.n;
}

/* Appends TEXT, of at least one byte, to what the result has; false when that takes more than ROOM bytes. */
static bool deflate_text(struct hub_deflater *z, struct hub_str text, int flush, size_t room) {
    z_stream *s = &z->stream;
    begin_deflate(z, text);
    s->next_out = (Bytef *)hub_buf_reserve(&z->out, room);
    s->avail_out = (uInt)room;
    int rc = deflate(s, flush);
    z->out.n += room - s->avail_out;
    return flush == Z_FINISH ? rc == Z_STREAM_END : rc == Z_OK && s->avail_out;
}

static bool is_worth_trying(struct hub_deflater *z, struct hub_str text) {
    if (z->out.cap > KEEP) hub_buf_free(&z->out);
    hub_buf_clear(&z->out);
    return text.n && text.n <= HUB_DEFLATE_MAX;
}

/* With the tail, and a byte that stays free, since zlib says only by that it had room for everything. */
bool hub_deflate_message(struct hub_deflater *z, struct hub_str text, struct hub_str *out) {
    bool ok =
        is_worth_trying(z, text) && deflate_text(z, text, Z_SYNC_FLUSH, text.n + TAIL_N) && z->out.n - TAIL_N < text.n;
    if (ok) *out = hub_str(z->out.p, z->out.n - TAIL_N);
    if (text.n) count_bytes(websocket_bytes, text.n, ok ? out->n : text.n);
    return ok;
}

static void add_little_endian(struct hub_buf *b, uint32_t v) {
    for (int i = 0; i < 4; i++) hub_buf_addc(b, (char)(v >> 8 * i));
}

bool hub_deflate_gzip(struct hub_deflater *z, struct hub_str text, struct hub_str *out) {
    static const char head[] = "\x1f\x8b\x08\0\0\0\0\0\0\xff"; /* no name, no time, no system */
    bool ok = is_worth_trying(z, text);
    if (ok) hub_buf_add(&z->out, head, sizeof head - 1);
    ok = ok && deflate_text(z, text, Z_FINISH, text.n);
    if (ok) {
        add_little_endian(&z->out, (uint32_t)crc32(0, input_of(text), (uInt)text.n));
        add_little_endian(&z->out, (uint32_t)text.n);
        *out = hub_buf_str(&z->out);
    }
    ok = ok && out->n < text.n;
    if (text.n) count_bytes(http_bytes, text.n, ok ? out->n : text.n);
    return ok;
}

/* ---- inflate ---- */

struct hub_inflater {
    z_stream stream;
    bool ready;
};

struct hub_inflater *hub_inflater_new(void) {
    return hub_xcalloc(1, sizeof(struct hub_inflater));
}

void hub_inflater_free(struct hub_inflater *z) {
    if (!z) return;
    if (z->ready) inflateEnd(&z->stream);
    free(z);
}

static void begin_inflate(struct hub_inflater *z) {
    if (!z->ready) {
        z->stream = (z_stream){.zalloc = zlib_alloc, .zfree = zlib_free};
        HUB_BUG_IF(inflateInit2(&z->stream, -WINDOW_BITS) != Z_OK);
        z->ready = true;
    }
    inflateReset(&z->stream);
}

/* Takes BYTES. *ENDED becomes whether they end with the last block of a stream; more of them may follow one
 * (RFC 7692, 7.2.3.5). */
static enum hub_inflate inflate_bytes(z_stream *s, struct hub_str bytes, size_t max, struct hub_buf *out, bool *ended) {
    s->next_in = input_of(bytes);
    s->avail_in = (uInt)bytes.n;
    s->avail_out = 0;
    while (s->avail_in || !s->avail_out) {
        if (out->n > max) return HUB_INFLATE_TOO_LARGE;
        size_t room = max + 1 - out->n < STEP ? max + 1 - out->n : STEP;
        s->next_out = (Bytef *)hub_buf_reserve(out, room);
        s->avail_out = (uInt)room;
        int rc = inflate(s, Z_SYNC_FLUSH);
        out->n += room - s->avail_out;
        *ended = rc == Z_STREAM_END;
        if (*ended && !s->avail_in) break;
        if (*ended) inflateReset(s);
        if (rc == Z_BUF_ERROR) break;
        if (rc != Z_OK && rc != Z_STREAM_END) return HUB_INFLATE_BAD;
    }
    return out->n > max ? HUB_INFLATE_TOO_LARGE : HUB_INFLATE_OK;
}

#define BETWEEN_BLOCKS 128 /* a bit of data_type that inflate sets */

/* The tail that was cut off belongs to the last block: what does not end with it was cut off itself. */
enum hub_inflate hub_inflate_message(struct hub_inflater *z, struct hub_str bytes, size_t max, struct hub_buf *out) {
    bool ended = false;
    size_t before = out->n;
    if (!bytes.n) return HUB_INFLATE_OK;
    begin_inflate(z);
    enum hub_inflate end = inflate_bytes(&z->stream, bytes, before + max, out, &ended);
    if (!end && !ended) {
        end = inflate_bytes(&z->stream, hub_str("\0\0\xff\xff", TAIL_N), before + max, out, &ended);
        if (!end && !(z->stream.data_type & BETWEEN_BLOCKS)) end = HUB_INFLATE_BAD;
    }
    count_bytes(inflated_bytes, bytes.n, out->n - before);
    return end;
}
