/* DEFLATE (RFC 1951) by zlib: payloads of WebSocket messages (RFC 7692), and bodies of HTTP answers (gzip,
 * RFC 1952). Each call stands for itself and nothing of one message is used for the next, so that one
 * deflater and one inflater serve all connections of a loop. Each belongs to one thread. */
#ifndef HUB_BASE_DEFLATE_H
#define HUB_BASE_DEFLATE_H
#include "base/memory/bug.h"
#include "base/text/str.h"

struct hub_buf;
struct hub_deflater;
struct hub_inflater;

/* Small until the first call; then 270 KB, and 40 KB of an inflater. */
HUB_MUST struct hub_deflater *hub_deflater_new(void);
void hub_deflater_free(struct hub_deflater *z); /* NULL is fine */
HUB_MUST struct hub_inflater *hub_inflater_new(void);
void hub_inflater_free(struct hub_inflater *z); /* NULL is fine */

/* More than this is not compressed: the loop would stand still meanwhile (5 ms for each MiB). */
#define HUB_DEFLATE_MAX (4u << 20)

/* *OUT becomes TEXT as the payload of a compressed message, without the 00 00 ff ff at its end; it is valid
 * until the next call. False when that is not shorter than TEXT. */
HUB_MUST bool hub_deflate_message(struct hub_deflater *z, struct hub_str text, struct hub_str *out);
/* The same as a gzip file. */
HUB_MUST bool hub_deflate_gzip(struct hub_deflater *z, struct hub_str text, struct hub_str *out);

enum hub_inflate { HUB_INFLATE_OK, HUB_INFLATE_TOO_LARGE, HUB_INFLATE_BAD };
/* Appends what the payload of a compressed message says. HUB_INFLATE_TOO_LARGE as soon as that is more than
 * MAX bytes, of which no more than MAX + 1 were made. After a failure OUT has the beginning of it. */
HUB_MUST enum hub_inflate hub_inflate_message(struct hub_inflater *z, struct hub_str bytes, size_t max,
                                              struct hub_buf *out);

void hub_deflate_register_metrics(void);
#endif
