/* A connection as its calls and memberships hold it. */
#include "hub/call/call.h"

#include <stdlib.h>

void hub_conn_unref(struct hub_conn *c) {
    if (--c->refs) return;
    hub_identity_unref(c->identity);
    hub_socket_unref(c->socket);
    free(c);
}

struct hub_member *hub_conn_member(struct hub_conn *c, const struct hub_room *room) {
    HUB_LIST_EACH(&c->members, it) {
        struct hub_member *m = HUB_CONTAINER(it, struct hub_member, in_conn);
        if (m->room == room) return m;
    }
    return NULL;
}
