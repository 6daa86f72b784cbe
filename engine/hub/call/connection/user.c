/* Users: of each hub and plain namespace by themselves, found by one index of the service, in which those of
 * the same id hang together. A user is remembered while he is connected, counts rooms, or has sent something
 * in the last minute. Names by expression may be very many, and one client in all of them: each of these
 * has an index of its own, and in that of the service one user of no hub stands for them. */
#include <stdlib.h>

#include "hub/call/call.h"

static struct hub_str user_key(const void *user) { return hub_cstr(((const struct hub_user *)user)->id); }

void hub_users_init(struct hub_keyed *users) { hub_keyed_init(users, user_key); }

static struct hub_keyed *index_of(struct hub_hub *hub) {
    return hub->one_of_many ? &hub->own_users : &hub->engine->directory.users;
}

/* HUB NULL: of no hub. */
static HUB_MUST struct hub_user *user_in(struct hub_keyed *users, struct hub_hub *hub, struct hub_str id) {
    struct hub_user *first = hub_keyed_get(users, id), *u = first;
    while (u && u->hub != hub) u = u->next;
    if (u) return u;
    u = hub_xmalloc(sizeof *u + id.n + 1);
    *u = (struct hub_user){.hub = hub, .next = first};
    memcpy(u->id, id.p, id.n);
    u->id[id.n] = 0;
    hub_list_init(&u->link);
    hub_keyed_put(users, u);
    return u;
}

struct hub_user *hub_user_get(struct hub_hub *hub, struct hub_str id) {
    struct hub_user *u = user_in(index_of(hub), hub, id);
    if (!hub_list_linked(&u->link)) hub_list_push(&hub->users, &u->link);
    return u;
}

static void free_user(struct hub_keyed *users, struct hub_user *u) {
    struct hub_user *before = hub_keyed_get(users, hub_cstr(u->id));
    if (before != u) {
        while (before->next != u) before = before->next;
        before->next = u->next;
    } else if (u->next) {
        hub_keyed_put(users, u->next);
    } else {
        hub_keyed_del(users, hub_cstr(u->id));
    }
    hub_list_remove(&u->link);
    hub_rates_free(u);
    free(u);
}

void hub_users_free(struct hub_hub *hub) {
    while (!hub_list_empty(&hub->users))
        free_user(index_of(hub), HUB_CONTAINER(hub->users.next, struct hub_user, link));
}

static bool user_is_idle(struct hub_user *u, int64_t now) { return hub_rates_forget(u, now) && !u->conns && !u->rooms; }

void hub_user_release(struct hub_user *u) {
    if (user_is_idle(u, hub_loop_now(u->hub->engine->config.loop))) free_user(index_of(u->hub), u);
}

void hub_users_sweep(struct hub_hub *hub, int64_t now) {
    HUB_LIST_EACH_SAFE(&hub->users, it) {
        struct hub_user *u = HUB_CONTAINER(it, struct hub_user, link);
        if (user_is_idle(u, now)) free_user(index_of(hub), u);
    }
}

/* ---- who is connected anywhere ---- */

bool hub_user_online(const struct hub_directory *d, struct hub_str id) {
    for (const struct hub_user *u = hub_keyed_get(&d->users, id); u; u = u->next)
        if (u->known_conns) return true;
    return false;
}

void hub_user_count(struct hub_conn *c, int by) {
    struct hub_directory *d = &c->hub->engine->directory;
    struct hub_str id = hub_cstr(c->user->id);
    if (hub_identity_is_stranger(c->identity)) return;
    struct hub_user *u = c->hub->one_of_many ? user_in(&d->users, NULL, id) : c->user;
    bool before = hub_user_online(d, id);
    u->known_conns += (uint32_t)by;
    d->online_n += (size_t)hub_user_online(d, id) - (size_t)before;
    if (!u->hub && !u->known_conns) free_user(&d->users, u);
}
