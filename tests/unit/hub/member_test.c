/* Who is in a room: presence over several connections, being put out, indicators and silences that end by
 * themselves. */
#include "fake_hub.h"

#define HUB                                                                                                \
    "roomSettings:\n"                                                                                      \
    "  roomDataObject: room\n"                                                                             \
    "  authScripts:\n"                                                                                     \
    "    - {name: mute, script: is mute, hubRole: deaf}\n"                                                 \
    "    - {name: all, script: 'true', hubRole: guest}\n"                                                  \
    "hubRoles: [{name: guest}, {name: deaf, canRead: false}]\n"                                            \
    "messageSettings: {messageTypes: [text]}\n"                                                            \
    "eventSettings: {enablePresence: true, enableTypingIndicator: true, enableRecordingIndicator: true}\n" \
    "historySettings: {historyEnabled: false}\n"
/* What the script that is asked says of one who may not read, and of others. */
#define MUTE "true"
#define HEARS "false"
#define R1 "{\"roomId\":\"r1\"}"
#define EVENT(NAME) "{\"roomId\":\"r1\",\"event\":\"" NAME "\"}"

static void hang_up(struct fake_client *a, struct fake_client *b, struct fake_client *c) {
    client_hang_up(a);
    client_hang_up(b);
    if (c) client_hang_up(c);
}

static void a_user_of_several_connections_comes_and_goes_once(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, desk, phone;
    (void)state;
    client_join_asked(f, &ann, "ann", HEARS);
    client_join_asked(f, &desk, "bob", HEARS);
    client_join_asked(f, &phone, "bob", HEARS);
    client_hears(&ann, "hub:online");
    client_hears(&ann, "hub:presence"); /* the same once more, for other clients */
    client_hears_nothing_of(&ann, "hub:online");
    client_hears_nothing_of(&desk, "\"id\":\"bob\""); /* his own is not told to him */
    client_does(&desk, "hub:event", EVENT("away"), "\"ok\":true");
    client_hears_nothing_of(&ann, "hub:away"); /* the other one has not said so */
    client_does(&phone, "hub:leave", R1, "\"ok\":true");
    client_hears(&ann, "[\"hub:away\""); /* all that are left have */
    client_does(&desk, "hub:event", EVENT("online"), "\"ok\":true");
    client_hears(&ann, "[\"hub:online\"");
    hang_up(&desk, &phone, NULL);
    fake_pass(f, 4999);
    client_hears_nothing_of(&ann, "hub:offline");
    fake_pass(f, 1);
    client_hears(&ann, "[\"hub:offline\"");
    client_hang_up(&ann);
    fake_pass(f, 5000); /* the grace of the last one held the room */
    assert_int_equal(hub_map_len(&f->hub->rooms), 0);
    fake_hub_free(f);
}

/* Who joined meanwhile does not know of him. */
static void who_is_back_within_the_grace_is_told_again(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, bob;
    (void)state;
    client_join_asked(f, &ann, "ann", HEARS);
    client_join_asked(f, &bob, "bob", HEARS);
    client_forgets(&ann);
    client_hang_up(&bob);
    fake_pass(f, 4000);
    client_join_asked(f, &bob, "bob", HEARS);
    client_hears(&ann, "[\"hub:online\"");
    fake_pass(f, 60000);
    client_hears_nothing_of(&ann, "hub:offline");
    hang_up(&ann, &bob, NULL);
    fake_pass(f, 5000);
    assert_int_equal(hub_map_len(&f->hub->rooms), 0); /* no reference is left over */
    fake_hub_free(f);
}

static void who_leaves_is_told_so_and_loses_his_connection_s_place_only(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client desk, phone;
    (void)state;
    client_join_asked(f, &desk, "bob", HEARS);
    client_join_asked(f, &phone, "bob", HEARS);
    client_does(&phone, "hub:leave", R1, "\"ok\":true");
    client_hears(&phone, "[\"hub:left\"," R1 "]");
    client_hears_nothing_of(&desk, "hub:left");
    client_does(&phone, "hub:leave", R1, "not_in_room");
    assert_int_equal(fake_conn(f, "bob")->user->rooms, 1);
    hub_member_exit(hub_conn_member(fake_conn(f, "bob"), fake_room(f, "r1")),
                    &(struct hub_leave){.reason = "left"}); /* the socket itself is told nothing */
    assert_int_equal(fake_conn(f, "bob")->user->rooms, 0);
    client_hears_nothing_of(&desk, "hub:left");
    client_hears_nothing_of(&desk, "hub:kicked");
    fake_hub_free(f);
}

static void who_is_put_out_hears_it_on_each_connection_and_what_waited_is_refused_so(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, desk, phone;
    (void)state;
    client_join_asked(f, &ann, "ann", HEARS);
    client_join_asked(f, &desk, "bob", HEARS);
    client_join_asked(f, &phone, "bob", HEARS);
    struct hub_room *room = fake_room(f, "r1");
    struct hub_member *m = hub_conn_member(fake_conn(f, "bob"), room);
    uint32_t judged = room->judged;
    m->refs++;
    hub_room_expel(room, HUB_STR("bob"), "hub:blocked", HUB_STR("spam"), HUB_BLOCKED);
    client_hears(&desk, "[\"hub:blocked\",{\"roomId\":\"r1\",\"reason\":\"spam\"}]");
    client_hears(&phone, "[\"hub:blocked\"");
    client_hears_nothing_of(&ann, "hub:blocked");
    assert_true(m->gone);
    assert_int_equal(m->put_out, HUB_BLOCKED);
    assert_int_equal(room->judged, judged + 2); /* calls that wait are judged again */
    hub_member_unref(m);
    hub_room_expel(room, HUB_STR("nobody"), "hub:blocked", HUB_STR(""), HUB_BLOCKED);
    assert_int_equal(room->user_n, 1);
    client_does(&desk, "hub:members", R1, "not_in_room");
    hang_up(&ann, &desk, &phone);
    fake_pass(f, 5000);
    fake_hub_free(f);
}

static void when_a_room_is_emptied_those_who_may_not_read_are_told_why(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, bob, desk;
    (void)state;
    client_join_asked(f, &ann, "ann", HEARS);
    client_join_asked(f, &bob, "bob", MUTE);
    client_join_asked(f, &desk, "bob", MUTE);
    hub_room_empty(fake_room(f, "r1"), HUB_STR("over"));
    client_hears(&bob, "[\"hub:kicked\",{\"roomId\":\"r1\",\"reason\":\"over\"}]");
    client_hears(&desk, "hub:kicked");
    client_hears_nothing_of(&ann, "hub:kicked"); /* the readers have been told otherwise, by who empties it */
    assert_int_equal(fake_conn(f, "ann")->user->rooms, 0);
    assert_int_equal(fake_conn(f, "bob")->user->rooms, 0);
    hang_up(&ann, &bob, &desk);
    fake_pass(f, 5000);
    fake_hub_free(f);
}

static void indicators_are_told_once_and_end_by_themselves_by_a_message_or_with_the_user(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, bob;
    (void)state;
    client_join_asked(f, &ann, "ann", HEARS);
    client_join_asked(f, &bob, "bob", HEARS);
    client_does(&bob, "hub:event", EVENT("typing"), "\"ok\":true");
    client_does(&bob, "hub:event", EVENT("recording"), "\"ok\":true");
    client_does(&ann, "hub:members", R1, "\"typing\":true,\"recording\":true"); /* for who came later */
    client_hears(&ann, "[\"hub:typing\"");
    client_hears(&ann, "[\"hub:recording\"");
    fake_pass(f, 5999);
    client_does(&bob, "hub:event", EVENT("typing"), "\"ok\":true");
    fake_pass(f, 1);
    client_hears(&ann, "[\"hub:stopRecording\"");
    client_hears_nothing_of(&ann, "[\"hub:typing\""); /* it goes on */
    client_hears_nothing_of(&ann, "[\"hub:stopTyping\"");
    client_does(&bob, "hub:send", "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"a\"}}",
                "\"seq\":1");
    client_hears_in_order(&ann, "hub:stopTyping", "hub:messageArrived");
    client_does(&bob, "hub:event", EVENT("stopTyping"), "\"ok\":true"); /* it was over: not told twice */
    client_hears(&ann, "[\"hub:stopTyping\"");
    client_hears_nothing_of(&ann, "hub:stopTyping");
    client_does(&bob, "hub:event", EVENT("typing"), "\"ok\":true");
    client_hang_up(&bob);
    client_hears_in_order(&ann, "[\"hub:typing\"", "[\"hub:stopTyping\"");
    client_hang_up(&ann);
    fake_pass(f, 5000);
    fake_hub_free(f);
}

static void a_silence_ends_by_itself_and_the_room_and_the_user_are_told(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, bob;
    (void)state;
    client_join_asked(f, &ann, "ann", HEARS);
    client_join_asked(f, &bob, "bob", HEARS);
    struct hub_room *room = fake_room(f, "r1");
    struct hub_moderated *m = hub_room_moderated(room, HUB_STR("bob"), true);
    int64_t now = hub_loop_wall(f->loop);
    hub_room_user(room, HUB_STR("bob"))->asked_to_speak = now;
    hub_silence_set(m, INT64_MAX);
    fake_pass(f, 24LL * 3600 * 1000);
    client_hears_nothing_of(&ann, "hub:unsilenced"); /* without end */
    now = hub_loop_wall(f->loop);
    hub_silence_set(m, now + 60000);
    hub_silence_set(m, now + 30000); /* the latest counts */
    hub_permissions_tell_user(room, HUB_STR("bob"));
    assert_non_null(strstr(client_hears(&bob, "hub:permissions"), "\"silenced\":true"));
    fake_pass(f, 29999);
    client_hears_nothing_of(&ann, "hub:unsilenced");
    fake_pass(f, 1);
    client_hears(&ann, "[\"hub:unsilenced\",{\"roomId\":\"r1\",\"userId\":\"bob\"}]");
    assert_non_null(strstr(client_hears(&bob, "hub:permissions"), "\"silenced\":false"));
    assert_int_equal(m->silenced_until, 0);
    assert_int_equal(hub_room_user(room, HUB_STR("bob"))->asked_to_speak, 0); /* that is dealt with */
    hub_silence_set(m, hub_loop_wall(f->loop) + 30000);
    hub_silence_set(m, 0);
    fake_pass(f, 60000);
    client_hears_nothing_of(&ann, "hub:unsilenced"); /* who took it back has told it */
    hang_up(&ann, &bob, NULL);
    fake_pass(f, 5000);
    fake_hub_free(f);
}

#define STATES                                   \
    "roomSettings: {roomDataObject: room}\n"     \
    "messageSettings: {messageTypes: [text]}\n"  \
    "eventSettings: {enablePresence: true}\n"    \
    "historySettings: {historyEnabled: false}\n" \
    "hubExtensions:\n"                           \
    "  presence: {state: {maxBytes: 40, fields: [{name: x, fieldType: Integer, required: true}]}}\n"
#define SAYS "hub:presenceState"
#define X(VALUE, MORE) "{\"roomId\":\"r1\",\"state\":{\"x\":" VALUE "}" MORE "}"
#define SEEN(STATE) "\"event\":\"state\",\"user\":{\"id\":\"bob\",\"name\":null},\"state\":" STATE "}"

static void a_state_is_told_once_and_ends_once_at_its_time(void **state) {
    struct fake_client ann, bob;
    struct fake_hub *f = fake_hub_of_two(STATES, &ann, &bob);
    (void)state;
    client_forgets(&ann);
    client_does(&bob, SAYS, X("1", ",\"expireAfterMs\":1000"), "\"ok\":true");
    client_hears(&ann, SEEN("{\"x\":1}"));
    client_hears_nothing_of(&bob, "hub:presence"); /* his own is not told to him */
    fake_pass(f, 900);
    client_does(&bob, SAYS, X("1", ",\"expireAfterMs\":1000"), "\"ok\":true"); /* the same, for longer */
    fake_pass(f, 999);
    client_hears_nothing_of(&ann, "hub:presence");
    client_does(&ann, "hub:members", R1, "\"state\":{\"x\":1}");
    fake_pass(f, 1);
    client_hears(&ann, SEEN("null"));
    fake_pass(f, 5000);
    client_hears_nothing_of(&ann, "hub:presence");
    client_does(&bob, SAYS, "{\"roomId\":\"r1\",\"state\":null}", "\"ok\":true");
    client_hears_nothing_of(&ann, "hub:presence");
    fake_hub_free(f);
}

static void a_silent_state_is_found_and_its_end_is_told_to_those_who_saw_another(void **state) {
    struct fake_client ann, bob;
    struct fake_hub *f = fake_hub_of_two(STATES, &ann, &bob);
    (void)state;
    client_forgets(&ann);
    client_does(&bob, SAYS, X("1", ",\"silent\":true,\"expireAfterMs\":10"), "\"ok\":true");
    client_does(&ann, "hub:join", "{\"roomId\":\"r1\",\"members\":true}", "\"state\":{\"x\":1}");
    fake_pass(f, 10);
    client_hears_nothing_of(&ann, "hub:presence"); /* of what was never told */
    client_does(&bob, SAYS, X("2", ""), "\"ok\":true");
    client_hears(&ann, SEEN("{\"x\":2}"));
    client_does(&bob, SAYS, X("3", ",\"silent\":true,\"expireAfterMs\":10"), "\"ok\":true");
    client_hears_nothing_of(&ann, "hub:presence");
    fake_pass(f, 10);
    client_hears(&ann, SEEN("null"));
    fake_hub_free(f);
}

/* Who joined meanwhile does not know of it. */
static void a_state_outlives_a_reload_of_the_page_and_not_its_user(void **state) {
    struct fake_client ann, bob, eve;
    struct fake_hub *f = fake_hub_of_two(STATES, &ann, &bob);
    (void)state;
    client_does(&bob, SAYS, X("1", ""), "\"ok\":true");
    client_hang_up(&bob);
    client_join(f, &eve, "eve", "r1");
    fake_pass(f, 1000);
    client_join(f, &bob, "bob", "r1");
    client_hears(&eve, SEEN("{\"x\":1}"));
    client_hang_up(&bob);
    fake_pass(f, 5000);
    client_join(f, &bob, "bob", "r1");
    client_does(&ann, "hub:members", R1, "\"userId\":\"bob\"");
    client_forgets(&ann);
    assert_null(strstr(client_does(&ann, "hub:members", R1, "bob"), "\"state\""));
    fake_hub_free(f);
}

static void a_state_is_checked_and_bounded(void **state) {
    struct fake_client ann, bob;
    struct fake_hub *f = fake_hub_of_two(STATES, &ann, &bob);
    (void)state;
    client_forgets(&ann);
    client_does(&bob, SAYS, R1, "state: required");
    client_does(&bob, SAYS, "{\"roomId\":\"r1\",\"state\":[1]}", "\"code\":\"bad_request\"");
    client_does(&bob, SAYS, "{\"roomId\":\"r1\",\"state\":{\"y\":1}}", "\"code\":\"invalid_content\"");
    client_does(&bob, SAYS, X("1", ",\"expireAfterMs\":0"), "\"code\":\"bad_request\"");
    client_does(&bob, SAYS, "{\"roomId\":\"r2\",\"state\":{\"x\":1}}", "\"code\":\"not_in_room\"");
    client_hears_nothing_of(&ann, "hub:presence");
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_of_several_connections_comes_and_goes_once),
        cmocka_unit_test(who_is_back_within_the_grace_is_told_again),
        cmocka_unit_test(who_leaves_is_told_so_and_loses_his_connection_s_place_only),
        cmocka_unit_test(who_is_put_out_hears_it_on_each_connection_and_what_waited_is_refused_so),
        cmocka_unit_test(when_a_room_is_emptied_those_who_may_not_read_are_told_why),
        cmocka_unit_test(indicators_are_told_once_and_end_by_themselves_by_a_message_or_with_the_user),
        cmocka_unit_test(a_silence_ends_by_itself_and_the_room_and_the_user_are_told),
        cmocka_unit_test(a_state_is_told_once_and_ends_once_at_its_time),
        cmocka_unit_test(a_silent_state_is_found_and_its_end_is_told_to_those_who_saw_another),
        cmocka_unit_test(a_state_outlives_a_reload_of_the_page_and_not_its_user),
        cmocka_unit_test(a_state_is_checked_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
