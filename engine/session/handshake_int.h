/* The copy of a handshake that a client keeps. Private to engine/session. */
#ifndef HUB_SESSION_HANDSHAKE_INT_H
#define HUB_SESSION_HANDSHAKE_INT_H
#include "transport/transport.h"

#define HUB_HANDSHAKE_TEXTS 6

struct hub_kept_handshake {
    uint16_t n[HUB_HANDSHAKE_TEXTS]; /* lengths of the texts in the order of struct hub_handshake */
    bool secure;
    char text[]; /* one behind the other */
};

/* HEAD zeroed bytes and, behind them in the same allocation, the copy; free(). A cookie or query over 1 KiB
 * shrinks to its access_token, cookies also to the one called KEEP_COOKIE (NULL: none); an authorization over
 * 8 KiB, or a token or cookie over 8 KiB, is left out; peer, origin and user agent are cut at 256 bytes. */
HUB_MUST void *hub_handshake_keep(size_t head, const struct hub_handshake *hs, const char *keep_cookie);
/* Views into it. */
struct hub_handshake hub_handshake_kept(const struct hub_kept_handshake *kept);
#endif
