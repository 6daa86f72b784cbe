/* All connections of a service, found by id. */
#include <stdlib.h>

#include "hub/call/call.h"

static struct hub_str conn_key(const void *conn) { return hub_cstr(((const struct hub_conn *)conn)->socket->sid); }

void hub_directory_init(struct hub_directory *d) {
    hub_walked_init(&d->conns);
    hub_keyed_init(&d->by_id, conn_key);
    hub_users_init(&d->users);
}

void hub_directory_deinit(struct hub_directory *d) {
    hub_keyed_clear(&d->by_id);
    hub_keyed_clear(&d->users);
}

void hub_directory_add(struct hub_conn *c) {
    struct hub_directory *d = &c->hub->engine->directory;
    hub_walked_add(&d->conns, &c->in_directory);
    hub_keyed_put(&d->by_id, c);
    hub_user_count(c, 1);
}

void hub_directory_remove(struct hub_conn *c) {
    struct hub_directory *d = &c->hub->engine->directory;
    hub_walked_remove(&d->conns, &c->in_directory);
    hub_keyed_del(&d->by_id, hub_cstr(c->socket->sid));
    hub_user_count(c, -1);
}

struct hub_conn *hub_directory_find(const struct hub_directory *d, struct hub_str id) {
    return hub_keyed_get(&d->by_id, id);
}
