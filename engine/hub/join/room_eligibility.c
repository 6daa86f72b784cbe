/* A room whose record changed: its members hear of it, it is closed when it is no longer eligible, and the
 * rights of its members are worked out again. */
#include "hub/join/join.h"

#include <stdio.h>
#include <stdlib.h>

#include "hub/access/access.h"
#include "hub/member/member.h"
#include "hub/message/message.h"

void hub_room_tell(struct hub_room *room, const char *event, const json_t *record, const json_t *changes,
                   struct hub_work *work) {
    char name[40];
    const struct hub_target all = {.to = HUB_TO_ALL};
    struct hub_event_json e = hub_event_json(room);
    hub_event_json_value(&e, "record", record);
    if (changes) hub_event_json_value(&e, "changes", changes);
    snprintf(name, sizeof name, "hub:%s", event);
    hub_event_json_tell(&e, &all, hub_cstr(name), 0);
    hub_system_message(room, &all, event, changes ? changes : record, work);
}

/* Decisions about the room that are under way start over, also where no record announced the change. */
void hub_room_close(struct hub_room *room, enum hub_code why, struct hub_work *work) {
    hub_room_ref(room);
    hub_authorize_forget(hub_of(room), hub_cstr(room->id), hub_str(NULL, 0), work);
    if (!room->user_n && room->ended == why && why == HUB_ROOM_NOT_ELIGIBLE) { /* a closed room that was changed */
        hub_room_unref(room);
        return;
    }
    hub_room_tell(room, "roomClosed", room->record, NULL, work);
    hub_room_end(room, why);
    room->judged++;
    hub_room_empty(room, HUB_STR("room_not_eligible"));
    hub_room_stop(room);
    hub_room_unref(room);
}

/* ---- the room object ---- */

struct recheck {
    struct hub_room *room; /* reference */
    struct hub_work *work;
};

static void on_eligible(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct recheck *r = arg;
    struct hub_hub *hub = hub_of(r->room);
    if (code) hub_hook_failed(hub, &hub->def->room_eligibility, code, error);
    if (code || !hub_truthy(result))
        hub_room_close(r->room, HUB_ROOM_NOT_ELIGIBLE, r->work);
    else
        hub_reauthorize_room(r->room, r->work);
    hub_room_unref(r->room);
    hub_work_release(r->work);
    free(r);
}

/* After the record changed: still eligible? Then everybody's rights once more. */
void hub_room_recheck(struct hub_room *room, struct hub_work *work) {
    struct hub_hub *hub = hub_of(room);
    struct hub_hook_arg args[3];
    if (hub->def->room_eligibility.kind == HUB_SCRIPT_NONE || !room->record) {
        hub_reauthorize_room(room, work); /* each decision asks for eligibility, too */
        return;
    }
    size_t n = hub_hook_room_args(hub, room->record, args, 0);
    struct recheck *r = hub_xmalloc(sizeof *r);
    *r = (struct recheck){hub_room_ref(room), hub_work_hold(work)};
    hub_hook_decide(hub, &hub->def->room_eligibility, args, n, on_eligible, r);
}
