/* What session.c does with a socket that is a guest. Private to engine/session. */
#ifndef HUB_SESSION_GUEST_INT_H
#define HUB_SESSION_GUEST_INT_H
#include "session/guest.h"

struct hub_handshake hub_guest_handshake(const struct hub_socket *s);
/* Of one that is open. */
void hub_guest_send(struct hub_socket *s, const struct hub_chunk *chunk, uint32_t off, uint32_t len, int flags);
/* Closes it and tells its node; no effect on one that is closed. */
void hub_guest_end(struct hub_socket *s, enum hub_guest_end how, enum hub_close_reason reason, const char *text);
void hub_guest_free(struct hub_socket *s); /* the last reference was given up */
#endif
