/* Rights worked out again while somebody is in: after a bridged event changed what they rest on (contract:
 * semantics.md "Join"). */
#include "hub/join/join.h"

#include <stdlib.h>

#include "hub/access/access.h"
#include "hub/member/member.h"
#include "hub/shared_state/shared_state.h"

/* Callers that wait for a decision. */
struct works {
    struct hub_work **items;
    size_t n;
};

/* One user's rights in one room. Never two at a time: the older answer could come last. Who asks meanwhile
 * is answered by another round. A round decides for each session that the user's connections have: a token
 * of another role must not lend its rights to the others. */
struct again {
    struct hub_retry retry;
    struct hub_room *room; /* reference */
    char *user_id;
    bool deciding, once_more;
    struct works now, next;       /* waiting for this round, for the next */
    struct hub_identity **judged; /* in this round, the one under way last; references */
    size_t judged_n;
};

static void hold_work(struct works *w, struct hub_work *work) {
    if (!work) return;
    w->items = hub_xrealloc(w->items, (w->n + 1) * sizeof(struct hub_work *));
    w->items[w->n++] = hub_work_hold(work);
}

static void release_works(struct works *w) {
    struct works list = *w;
    *w = (struct works){0};
    for (size_t i = 0; i < list.n; i++) hub_work_release(list.items[i]);
    free(list.items);
}

static bool has_session(const struct hub_member *m, const struct hub_identity *who) {
    return hub_identity_same_session(m->conn->identity, who);
}

static void apply_rights(struct hub_room_user *u, const struct hub_identity *who, const struct hub_rights *rights) {
    HUB_LIST_EACH(&u->members, it) {
        struct hub_member *m = HUB_CONTAINER(it, struct hub_member, in_user);
        if (!has_session(m, who) || hub_rights_equal(&m->rights, rights)) continue;
        bool could_read = m->rights.can_read;
        hub_member_set_rights(m, rights);
        hub_permissions_tell(m);
        if (!could_read && rights->can_read) hub_shared_state_seated(m);
    }
}

/* A connection of the user's with such a session, NULL WHO: with one that was not judged yet. NULL when
 * there is none. */
static struct hub_member *member_of(const struct again *a, const struct hub_identity *who) {
    struct hub_room_user *u = hub_room_user(a->room, hub_cstr(a->user_id));
    if (!u) return NULL;
    HUB_LIST_EACH(&u->members, it) {
        struct hub_member *m = HUB_CONTAINER(it, struct hub_member, in_user);
        bool judged = false;
        for (size_t i = 0; !who && i < a->judged_n && !judged; i++) judged = has_session(m, a->judged[i]);
        if (who ? has_session(m, who) : !judged) return m;
    }
    return NULL;
}

static void expel_user(struct again *a, const struct hub_identity *who) {
    for (struct hub_member *m; (m = member_of(a, who));)
        hub_member_expel(m, "hub:kicked", hub_cstr(hub_code_name(HUB_NOT_AUTHORIZED)));
}

static void forget_judged(struct again *a, size_t from) {
    while (a->judged_n > from) hub_identity_unref(a->judged[--a->judged_n]);
}

static void begin_session(struct again *a);

static struct hub_str key_of(struct hub_buf *b, const struct hub_room *room, struct hub_str user_id) {
    hub_buf_add(b, room->id, strlen(room->id) + 1);
    hub_buf_adds(b, user_id);
    return hub_buf_str(b);
}

static void end_reauthorization(struct again *a) {
    struct hub_buf key = {0};
    hub_map_del(&hub_of(a->room)->reauthorizations, key_of(&key, a->room, hub_cstr(a->user_id)));
    hub_buf_free(&key);
    release_works(&a->now);
    release_works(&a->next);
    forget_judged(a, 0);
    free(a->judged);
    hub_room_unref(a->room);
    free(a->user_id);
    free(a);
}

static void end_round(struct again *a) {
    a->deciding = false;
    forget_judged(a, 0);
    if (!a->once_more) {
        end_reauthorization(a);
        return;
    }
    release_works(&a->now);
    a->now = a->next;
    a->next = (struct works){0};
    a->once_more = false;
    begin_session(a);
}

static void on_redecided(void *arg, enum hub_code code, const struct hub_rights *rights, const char *layer,
                         struct hub_room *decided) {
    struct again *a = arg;
    const struct hub_identity *who = a->judged[a->judged_n - 1];
    struct hub_room_user *u = hub_room_user(a->room, hub_cstr(a->user_id));
    (void)layer, (void)decided;
    if (u && code == HUB_OK)
        apply_rights(u, who, rights);
    else if (code && code != HUB_STORE_UNAVAILABLE && code != HUB_OVERLOADED) /* neither shows that it was lost */
        expel_user(a, who);
    a->deciding = false;
    if (hub_retry_anyway(&hub_of(a->room)->engine->retries, &a->retry,
                         code)) /* rights end, however long the store is away */
        forget_judged(a, a->judged_n - 1);
    else
        begin_session(a);
}

/* The next session of the round. */
static void begin_session(struct again *a) {
    struct hub_member *m = member_of(a, NULL);
    if (!m) {
        end_round(a);
        return;
    }
    struct hub_identity *who = hub_identity_ref(m->conn->identity);
    a->judged = hub_xrealloc(a->judged, (a->judged_n + 1) * sizeof(struct hub_identity *));
    a->judged[a->judged_n++] = who;
    a->deciding = true;
    hub_authorize(hub_of(a->room), who, hub_cstr(a->room->id), true, on_redecided, a);
}

static void on_again(struct hub_retry *r, bool give_up) {
    struct again *a = HUB_CONTAINER(r, struct again, retry);
    if (give_up)
        end_reauthorization(a);
    else
        begin_session(a);
}

static void redecide_user(struct hub_room *room, struct hub_str user_id, struct hub_work *work) {
    struct hub_buf key = {0};
    struct hub_room_user *u = hub_room_user(room, user_id);
    struct hub_map *all = &hub_of(room)->reauthorizations;
    struct again *a = hub_map_get(all, key_of(&key, room, user_id));
    if (a && a->deciding) {
        a->once_more = true;
        hold_work(&a->next, work);
    } else if (a) {
        hold_work(&a->now, work); /* another attempt is scheduled */
    } else if (u && u->member_n) {
        a = hub_xmalloc(sizeof *a);
        *a = (struct again){.retry.again = on_again, .room = hub_room_ref(room), .user_id = hub_str_dup(user_id)};
        hold_work(&a->now, work);
        hub_map_put(all, hub_buf_str(&key), a);
        begin_session(a);
    }
    hub_buf_free(&key);
}

void hub_reauthorize_user(struct hub_room *room, struct hub_str user_id, struct hub_work *work) {
    hub_authorize_forget(hub_of(room), hub_cstr(room->id), user_id, work);
    redecide_user(room, user_id, work);
}

void hub_reauthorize_room(struct hub_room *room, struct hub_work *work) {
    size_t n = hub_keyed_len(&room->users), i = 0;
    char **ids = hub_xcalloc(n, sizeof(char *));
    hub_room_ref(room);
    hub_authorize_forget(hub_of(room), hub_cstr(room->id), hub_str(NULL, 0), work);
    HUB_ROOM_EACH_USER(room, u) ids[i++] = hub_xstrdup(u->id);
    for (i = 0; i < n; i++) {
        redecide_user(room, hub_cstr(ids[i]), work);
        free(ids[i]);
    }
    free(ids);
    hub_room_unref(room);
}

/* The rooms first: a decision may come at once and put the connection out. */
void hub_reauthorize_conn(struct hub_conn *c, struct hub_work *work) {
    struct hub_room **rooms = NULL;
    size_t n = 0;
    HUB_LIST_EACH(&c->members, it) {
        rooms = hub_xrealloc(rooms, (n + 1) * sizeof(struct hub_room *));
        rooms[n++] = hub_room_ref(HUB_CONTAINER(it, struct hub_member, in_conn)->room);
    }
    for (size_t i = 0; i < n; i++) {
        hub_reauthorize_user(rooms[i], hub_cstr(c->identity->user_id), work);
        hub_room_unref(rooms[i]);
    }
    free(rooms);
}
