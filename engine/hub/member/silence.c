/* A silence that ends by itself, and who asked to speak: remembered while he is in the room. */
#include "hub/member/member.h"

void hub_speak_answered(struct hub_room *room, struct hub_str user_id) {
    struct hub_room_user *u = hub_room_user(room, user_id);
    if (u) u->asked_to_speak = 0;
}

static void on_silence_over(struct hub_timer *t) {
    struct hub_moderated *m = HUB_CONTAINER(t, struct hub_moderated, silence_over);
    struct hub_room *room = hub_room_ref(m->room);
    const struct hub_target all = {.to = HUB_TO_ALL};
    if (m->silenced_until > hub_loop_wall(room->loop)) { /* the wall clock was set back */
        hub_silence_set(m, m->silenced_until);
    } else {
        struct hub_event_json e = hub_event_json(room);
        hub_silence_set(m, 0);
        hub_speak_answered(room, hub_cstr(m->user_id));
        hub_event_json_text(&e, "userId", hub_cstr(m->user_id));
        hub_event_json_tell(&e, &all, HUB_STR("hub:unsilenced"), 0);
        hub_permissions_tell_user(room, hub_cstr(m->user_id));
    }
    hub_room_unref(room);
}

void hub_silence_set(struct hub_moderated *m, int64_t until) {
    struct hub_loop *loop = m->room->loop;
    int64_t left = until - hub_loop_wall(loop);
    m->silenced_until = until;
    hub_timer_stop(loop, &m->silence_over);
    if (until && until != INT64_MAX) hub_timer_start(loop, &m->silence_over, left > 1 ? left : 1, on_silence_over);
}
