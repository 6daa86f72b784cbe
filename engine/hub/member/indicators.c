/* Typing and recording: shown until they are ended, end by themselves, or their user sends a message. */
#include "hub/member/member.h"

#define INDICATOR_MS 6000 /* typing and recording stop by themselves (contract: wire.md) */

static void tell_indicator(struct hub_room_user *u, const char *event) {
    const struct hub_target others = {.to = HUB_TO_OTHERS, .sender = hub_cstr(u->id)};
    struct hub_event_json e = hub_event_json(u->room);
    hub_event_json_text(&e, "userId", hub_cstr(u->id));
    hub_event_json_user(&e, u);
    hub_event_json_tell(&e, &others, hub_cstr(event), HUB_SEND_EPHEMERAL);
}

static void typing_over(struct hub_timer *t) {
    tell_indicator(HUB_CONTAINER(t, struct hub_user_timers, of[HUB_USER_TYPING])->user, "hub:stopTyping");
}
static void recording_over(struct hub_timer *t) {
    tell_indicator(HUB_CONTAINER(t, struct hub_user_timers, of[HUB_USER_RECORDING])->user, "hub:stopRecording");
}

static void indicator_on(struct hub_room_user *u, enum hub_user_timer which, const char *event,
                         void (*over)(struct hub_timer *)) {
    bool goes_on = hub_user_timer_runs(u, which);
    hub_timer_await(u->room->loop, hub_user_timer(u, which), INDICATOR_MS, over);
    if (!goes_on) tell_indicator(u, event); /* late joiners find it in hub:members */
}

static void indicator_off(struct hub_room_user *u, enum hub_user_timer which, const char *event) {
    if (!hub_user_timer_runs(u, which)) return;
    hub_user_timer_stop(u, which);
    tell_indicator(u, event);
}

void hub_indicators_stop(struct hub_room_user *u) {
    indicator_off(u, HUB_USER_TYPING, "hub:stopTyping");
    indicator_off(u, HUB_USER_RECORDING, "hub:stopRecording");
}

void hub_indicators_message(struct hub_room *room, struct hub_str user_id) {
    const struct hub_def *def = hub_of(room)->def;
    struct hub_room_user *u = def->enable_typing || def->enable_recording ? hub_room_user(room, user_id) : NULL;
    if (u) hub_indicators_stop(u);
}

static void tell_typing(struct hub_room_user *u, struct hub_member *m) {
    (void)m, indicator_on(u, HUB_USER_TYPING, "hub:typing", typing_over);
}
static void tell_stop_typing(struct hub_room_user *u, struct hub_member *m) {
    (void)m, indicator_off(u, HUB_USER_TYPING, "hub:stopTyping");
}
static void tell_recording(struct hub_room_user *u, struct hub_member *m) {
    (void)m, indicator_on(u, HUB_USER_RECORDING, "hub:recording", recording_over);
}
static void tell_stop_recording(struct hub_room_user *u, struct hub_member *m) {
    (void)m, indicator_off(u, HUB_USER_RECORDING, "hub:stopRecording");
}

/* ---- the part ---- */

static const struct hub_event_row indicator_events[] = {
    {"typing", HUB_LIMIT_EVENTS, .tell = tell_typing, .goes_on = HUB_USER_TYPING},
    {"stopTyping", HUB_LIMIT_EVENTS, .tell = tell_stop_typing},
    {"recording", HUB_LIMIT_EVENTS, .tell = tell_recording, .goes_on = HUB_USER_RECORDING},
    {"stopRecording", HUB_LIMIT_EVENTS, .tell = tell_stop_recording},
    {0},
};

static const struct hub_field indicator_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"userId", "id", .help = "Who it is."},
    {"user", "user", .help = "The same, with the name."},
    {0},
};
#define OTHERS "those with canRead, but for the user's own connections"
static const struct hub_told_event told_events[] = {
    {"hub:typing", OTHERS, "somebody began to type", indicator_fields},
    {"hub:stopTyping", OTHERS, "he stopped, sent a message, left, or said nothing for 6 s", indicator_fields},
    {"hub:recording", OTHERS, "somebody began to record", indicator_fields},
    {"hub:stopRecording", OTHERS, "he stopped, sent a message, left, or said nothing for 6 s", indicator_fields},
    {0},
};

const struct hub_part hub_indicators_part = {
    .name = "indicators",
    .help = "Typing and recording, shown until they end.",
    .events = indicator_events,
    .told = told_events,
    .keywords = "enableTypingIndicator enableRecordingIndicator",
};
