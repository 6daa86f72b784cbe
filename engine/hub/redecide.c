/* Rights worked out again while somebody is in: after a bridged event changed what they rest on (contract: semantics.md "Join"). */
#include <stdlib.h>

#include "hub/hub_int.h"

struct again {
    struct hub_room *room; /* reference */
    char *user_id;
    struct hub_work *work;
};

static void apply(struct hub_room *room, struct hub_room_user *u, const struct hub_rights *rights) {
    HUB_LIST_EACH(&u->members, it) {
        struct hub_member *m = HUB_CONTAINER(it, struct hub_member, in_user);
        bool same = hub_rights_equal(&m->rights, rights);
        if (same) continue;
        hub_member_set_rights(m, rights);
        hub_permissions_tell(m);
    }
    (void)room;
}

static void on_decided(void *arg, enum hub_code code, const struct hub_rights *rights, const char *layer, struct hub_room *decided) {
    struct again *a = arg;
    struct hub_room_user *u = hub_room_user(a->room, hub_cstr(a->user_id));
    (void)layer, (void)decided;
    if (u && u->member_n && code == HUB_OK)
        apply(a->room, u, rights);
    else if (u && u->member_n && code != HUB_STORE_UNAVAILABLE && code != HUB_OVERLOADED) /* these prove nothing */
        hub_room_expel(a->room, hub_cstr(a->user_id), "hub:kicked", hub_cstr(hub_code_name(HUB_NOT_AUTHORIZED)));
    hub_room_unref(a->room);
    hub_work_release(a->work);
    free(a->user_id);
    free(a);
}

static void redecide(struct hub_room *room, struct hub_str user_id, struct hub_work *work) {
    struct hub_room_user *u = hub_room_user(room, user_id);
    if (!u || !u->member_n) return;
    struct hub_member *m = HUB_CONTAINER(u->members.next, struct hub_member, in_user);
    struct again *a = hub_xmalloc(sizeof *a);
    *a = (struct again){hub_room_ref(room), hub_str_dup(user_id), hub_work_hold(work)};
    hub_decide(hub_of(room), ((struct hub_conn *)m->conn)->identity, hub_cstr(room->id), true, on_decided, a);
}

void hub_redecide_user(struct hub_room *room, struct hub_str user_id, struct hub_work *work) {
    hub_decide_forget(hub_of(room), hub_cstr(room->id), user_id);
    redecide(room, user_id, work);
}

void hub_redecide_room(struct hub_room *room, struct hub_work *work) {
    size_t n = hub_map_len(&room->users), i = 0;
    char **ids = hub_xcalloc(n, sizeof(char *));
    struct hub_str key;
    hub_room_ref(room);
    hub_decide_forget(hub_of(room), hub_cstr(room->id), hub_str(NULL, 0));
    for (void *it = NULL; (it = hub_map_next(&room->users, it, &key, NULL));) ids[i++] = hub_str_dup(key);
    for (i = 0; i < n; i++) {
        redecide(room, hub_cstr(ids[i]), work);
        free(ids[i]);
    }
    free(ids);
    hub_room_unref(room);
}
