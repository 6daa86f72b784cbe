/* The acknowledgements that a socket waits for. Private to engine/session. */
#ifndef HUB_SESSION_ACK_INT_H
#define HUB_SESSION_ACK_INT_H
#include "session/session.h"

/* Of one socket, in the order they were asked for; NULL: there has been none. */
struct hub_acks;

/* Gives P its id and starts to wait; makes *ALL. False: HUB_PENDING_ACKS_MAX wait already. */
HUB_MUST bool hub_acks_add(struct hub_acks **all, struct hub_loop *loop, struct hub_pending_ack *p, int64_t timeout_ms,
                           hub_ack_cb *cb);
struct hub_pending_ack *hub_acks_find(struct hub_acks *all, int64_t id); /* NULL: nobody waits for it */
/* P is pending no more, and CB is told. */
void hub_acks_settle(struct hub_pending_ack *p, enum hub_ack_result result, json_t *args,
                     const struct hub_binaries *bins);
void hub_acks_disconnect(struct hub_acks *all); /* settles all of them */
void hub_acks_free(struct hub_acks *all);       /* none may be pending */
#endif
