/* The copy of a handshake that a client keeps. Private to engine/session. */
#ifndef HUB_SESSION_HANDSHAKE_INT_H
#define HUB_SESSION_HANDSHAKE_INT_H
#include "transport/transport.h"

/* One allocation for the struct and all texts; free(). A cookie or query over 1 KiB shrinks to its
 * access_token; an
 * authorization over 8 KiB, or a token over 8 KiB, is left out; a user agent is cut at 256 bytes. */
struct hub_handshake *hub_handshake_copy(const struct hub_handshake *hs);
#endif
