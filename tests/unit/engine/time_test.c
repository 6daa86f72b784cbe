/* What hubs do after a time, with its real length and to the millisecond: a whole service whose clock is
 * turned. */
#include "turned_hub.h"

#define EVERYBODY              \
    "roomSettings:\n"          \
    "  roomDataObject: room\n" \
    "  authScripts: [{name: everybody, script: \"true\", hubRole: member}]\n"

/* ---- presence ---- */

#define PRESENCE                   \
    EVERYBODY                      \
    "hubRoles: [{name: member}]\n" \
    "eventSettings: {enablePresence: true, enableTypingIndicator: true, enableRecordingIndicator: true}\n"

static void offline_is_told_five_seconds_after_the_last_connection(void **state) {
    struct turned_client ann, desk, phone;
    (void)state;
    turned_begin(PRESENCE);
    turned_join(&ann, "ann", "r1");
    turned_join(&desk, "bob", "r1");
    turned_join(&phone, "bob", "r1");
    turned_hears(&ann, "hub:online");
    turned_hang_up(&desk);
    turned_pass(60000);
    turned_hears_nothing_of(&ann, "hub:offline");
    turned_hang_up(&phone);
    turned_pass(4999);
    turned_hears_nothing_of(&ann, "hub:offline");
    turned_pass(1);
    assert_non_null(strstr(turned_hears(&ann, "[\"hub:offline\""), "\"id\":\"bob\""));
    turned_hang_up(&ann);
    turned_end();
}

static void who_is_back_within_five_seconds_was_never_away(void **state) {
    struct turned_client ann, bob;
    (void)state;
    turned_begin(PRESENCE);
    turned_join(&ann, "ann", "r1");
    turned_join(&bob, "bob", "r1");
    turned_hang_up(&bob);
    turned_pass(4999);
    turned_join(&bob, "bob", "r1");
    turned_pass(60000);
    turned_hears_nothing_of(&ann, "hub:offline");
    turned_hang_up(&ann);
    turned_hang_up(&bob);
    turned_end();
}

static void typing_and_recording_end_by_themselves_after_six_seconds(void **state) {
    static const struct {
        const char *event, *begins, *ends;
    } rows[] = {{"{\"roomId\":\"r1\",\"event\":\"typing\"}", "[\"hub:typing\"", "[\"hub:stopTyping\""},
                {"{\"roomId\":\"r1\",\"event\":\"recording\"}", "[\"hub:recording\"", "[\"hub:stopRecording\""}};
    struct turned_client ann, bob;
    (void)state;
    turned_begin(PRESENCE);
    turned_join(&ann, "ann", "r1");
    turned_join(&bob, "bob", "r1");
    for (size_t i = 0; i < HUB_NELEM(rows); i++) {
        turned_does(&bob, "hub:event", rows[i].event, "[");
        turned_hears(&ann, rows[i].begins);
        turned_pass(5999);
        turned_does(&bob, "hub:event", rows[i].event, "["); /* he goes on */
        turned_pass(5999);
        turned_hears_nothing_of(&ann, rows[i].begins); /* and is not told again */
        turned_hears_nothing_of(&ann, rows[i].ends);
        turned_pass(1);
        turned_hears(&ann, rows[i].ends);
        turned_pass(60000);
        turned_hears_nothing_of(&ann, rows[i].ends);
    }
    turned_hang_up(&ann);
    turned_hang_up(&bob);
    turned_end();
}

/* ---- scheduled actions ---- */

#define EACH_MINUTE                                                                                             \
    EVERYBODY                                                                                                   \
    "hubRoles: [{name: member}]\n"                                                                              \
    "messageSettings: {messageTypes: [text], customMessageTypes: [{name: tick}]}\n"                             \
    "hubLogic:\n"                                                                                               \
    "  scheduledActions:\n"                                                                                     \
    "    - name: beat\n"                                                                                        \
    "      intervalMs: 60000\n"                                                                                 \
    "      script: {lua: \"return {serverMessages = {{type = 'tick', content = {at = time.iso()}, to = 'all', " \
    "persist = false}}}\"}\n"

static void an_action_runs_on_its_interval_while_somebody_is_there(void **state) {
    struct turned_client ann;
    (void)state;
    turned_begin(EACH_MINUTE);
    turned_pass(600000);
    turned_join(&ann, "ann", "r1");
    turned_pass(59999);
    turned_hears_nothing_of(&ann, "tick");
    turned_pass(1);
    assert_non_null(strstr(turned_hears(&ann, "tick"), "2026-01-01T00:11:00.000Z"));
    turned_pass(3600000);
    assert_int_equal(turned_count(&ann, "\"messageType\":\"tick\""), 60);
    turned_does(&ann, "hub:leave", "{\"roomId\":\"r1\"}", "[");
    turned_pass(3600000);
    turned_does(&ann, "hub:join", "{\"roomId\":\"r1\"}", "\"roomId\"");
    turned_pass(59999);
    assert_int_equal(turned_count(&ann, "\"messageType\":\"tick\""), 0);
    turned_pass(1);
    assert_int_equal(turned_count(&ann, "\"messageType\":\"tick\""), 1);
    turned_hang_up(&ann);
    turned_end();
}

/* The process stood still: what it missed is not made up for, and the next tick comes when it would have
 * come. */
static void what_was_missed_is_skipped(void **state) {
    struct turned_client ann;
    (void)state;
    turned_begin(EACH_MINUTE);
    turned_join(&ann, "ann", "r1");
    turned_settle();
    hub_clock_turn(&turned_clock, 3600000 + 20000);
    turned_settle();
    assert_int_equal(turned_count(&ann, "\"messageType\":\"tick\""), 1);
    turned_pass(39999);
    assert_int_equal(turned_count(&ann, "\"messageType\":\"tick\""), 0);
    turned_pass(1);
    assert_int_equal(turned_count(&ann, "\"messageType\":\"tick\""), 1);
    turned_hang_up(&ann);
    turned_end();
}

/* ---- limits per minute ---- */

#define THREE_A_MINUTE                          \
    EVERYBODY                                   \
    "hubRoles: [{name: member}]\n"              \
    "messageSettings: {messageTypes: [text]}\n" \
    "guardrails: {messageRateLimit: 3}\n"

#define HELLO "{\"roomId\":\"r1\",\"messageType\":\"text\",\"content\":{\"body\":\"hello\"}}"

static void a_window_of_a_minute_slides(void **state) {
    struct turned_client ann;
    (void)state;
    turned_begin(THREE_A_MINUTE);
    turned_join(&ann, "ann", "r1");
    for (int i = 0; i < 3; i++) {
        turned_does(&ann, "hub:send", HELLO, "\"timestamp\"");
        turned_pass(i < 2 ? 20000 : 10000);
    }
    turned_does(&ann, "hub:send", HELLO, "\"retryAfterMs\":10000");
    turned_pass(9999);
    turned_does(&ann, "hub:send", HELLO, "\"retryAfterMs\":1");
    turned_pass(1);
    turned_does(&ann, "hub:send", HELLO, "2026-01-01T00:01:00.000Z");
    turned_does(&ann, "hub:send", HELLO, "\"retryAfterMs\":20000");
    turned_hang_up(&ann);
    turned_pass(120000); /* nobody is remembered: the sweep has something to do */
    turned_end();
}

/* ---- moderation ---- */

#define MODERATED                                                                \
    "roomSettings:\n"                                                            \
    "  roomDataObject: room\n"                                                   \
    "  authScripts:\n"                                                           \
    "    - {name: mods, script: \"user.roleId == 'mod'\", hubRole: moderator}\n" \
    "    - {name: everybody, script: \"true\", hubRole: member}\n"               \
    "hubRoles: [{name: moderator, canModerate: true}, {name: member}]\n"         \
    "messageSettings: {messageTypes: [text]}\n"

static void a_silence_and_a_block_end_with_their_seconds(void **state) {
    struct turned_client mod, bob;
    (void)state;
    turned_begin(MODERATED);
    turned_join(&mod, "eve:mod", "r1");
    turned_join(&bob, "bob", "r1");
    turned_does(&mod, "hub:silence", "{\"roomId\":\"r1\",\"userId\":\"bob\",\"seconds\":3600}", "[");
    turned_pass(3599999);
    turned_does(&bob, "hub:send", HELLO, "\"silenced\"");
    turned_pass(1);
    turned_does(&bob, "hub:send", HELLO, "\"timestamp\"");
    turned_does(&mod, "hub:block", "{\"roomId\":\"r1\",\"userId\":\"bob\",\"seconds\":60}", "[");
    turned_pass(59999);
    turned_does(&bob, "hub:join", "{\"roomId\":\"r1\"}", "\"blocked\"");
    turned_pass(1);
    turned_does(&bob, "hub:join", "{\"roomId\":\"r1\"}", "\"roomId\"");
    turned_hang_up(&mod);
    turned_hang_up(&bob);
    turned_end();
}

/* Its end is a date: whoever sets the clock back makes it longer, and no end is told before. */
static void a_silence_ends_by_the_wall_clock(void **state) {
    struct turned_client mod, bob;
    (void)state;
    turned_begin(MODERATED);
    turned_join(&mod, "eve:mod", "r1");
    turned_join(&bob, "bob", "r1");
    turned_does(&mod, "hub:silence", "{\"roomId\":\"r1\",\"userId\":\"bob\",\"seconds\":60}", "[");
    turned_settle();
    turned_hears(&bob, "hub:permissions");
    hub_clock_set_wall(&turned_clock, TURNED_WALL_MS - 60000);
    turned_pass(119999);
    turned_does(&bob, "hub:send", HELLO, "\"silenced\"");
    turned_hears_nothing_of(&bob, "hub:unsilenced");
    turned_pass(1);
    turned_hears(&bob, "hub:unsilenced");
    turned_does(&bob, "hub:send", HELLO, "\"timestamp\"");
    turned_hang_up(&mod);
    turned_hang_up(&bob);
    turned_end();
}

/* ---- connections ---- */

static void a_connection_that_says_nothing_is_asked_and_then_closed(void **state) {
    struct turned_client ann;
    (void)state;
    turned_begin(EVERYBODY "hubRoles: [{name: member}]\nguardrails: {connectionTimeout: 60000}\n");
    turned_connect_at(&ann, "ann", HUB_CLOCK_START_MS);
    turned_pass(29999);
    assert_int_equal(ann.eio->pings, 0);
    turned_pass(1);
    assert_int_equal(ann.eio->pings, 1);
    ann.eio->last_in = hub_loop_now(turned.loop); /* it has answered */
    turned_pass(59999);
    assert_false(ann.eio->close_asked);
    assert_int_equal(ann.eio->pings, 2);
    turned_pass(1);
    assert_true(ann.eio->close_asked);
    assert_int_equal(ann.eio->reason, HUB_CLOSE_PING);
    turned_hang_up(&ann);
    turned_end();
}

/* ---- a store that is away ---- */

#define SEATED                                                                                          \
    "roomSettings:\n"                                                                                   \
    "  roomDataObject: room\n"                                                                          \
    "  authSources:\n"                                                                                  \
    "    - {name: seated, sourceObject: seat, userField: userId, roomField: roomId, hubRole: member}\n" \
    "hubRoles: [{name: member}]\n"                                                                      \
    "messageSettings: {messageTypes: [text]}\n"

static const char refresh[] = "{\"token\":\"dev:bob\"}";

/* Whether he may stay is asked each second until the store is there; he has his answer after three. */
static void rights_are_worked_out_again_however_long_the_store_is_away(void **state) {
    struct turned_client bob;
    char answer[32];
    (void)state;
    turned_begin(SEATED);
    turned_join(&bob, "bob", "r1");
    turned_have_done("DELETE FROM seat WHERE id = 's2'"); /* by somebody else, behind hubd's back */
    turned_store(STORE_IS_AWAY);
    turned_asks(&bob, "hub:refreshToken", refresh, answer);
    turn_clock(turned.loop, 2999);
    turned_listen(&bob);
    assert_null(strstr(hub_buf_cstr(&bob.heard), answer));
    turn_clock(turned.loop, 1);
    turned_hears(&bob, answer);
    turn_clock(turned.loop, 600000);
    turned_store(STORE_IS_THERE);
    turn_clock(turned.loop, 999);
    turned_have_done("SELECT 1");
    turned_listen(&bob);
    assert_null(strstr(hub_buf_cstr(&bob.heard), "hub:kicked"));
    turn_clock(turned.loop, 1);
    turned_hears(&bob, "hub:kicked");
    turned_hang_up(&bob);
    turned_end();
}

/* What asks the store in its turn is refused when that comes too late: each would wait anew for a store
 * that is away. */
static void a_message_that_waited_too_long_for_its_turn_is_refused(void **state) {
    static const char first[] = "{\"roomId\":\"r1\",\"messageType\":\"slow\",\"content\":{}}",
                      second[] = "{\"roomId\":\"r1\",\"messageType\":\"slow\",\"content\":{},"
                                 "\"clientMessageId\":\"c1\"}";
    struct turned_client ann;
    char answer[2][32];
    (void)state;
    for (int late = 0; late < 2; late++) {
        turned_begin(EVERYBODY "hubRoles: [{name: member}]\n"
                               "messageSettings: {messageTypes: [text], customMessageTypes: [{name: slow}]}\n"
                               "hubLogic:\n"
                               "  messageHandlers:\n"
                               "    - {messageType: slow, script: {lua: \"sleep(20000) return {accept = true}\"}}\n");
        turned.service->script_wall_ms = 600000;
        turned_join(&ann, "ann", "r1");
        turned_asks(&ann, "hub:send", first, answer[0]);
        turned_asks(&ann, "hub:send", second, answer[1]);
        turned_run_due(turned.loop);
        hub_clock_turn(&turned_clock, late ? 30001 : 30000); /* the process stood still meanwhile */
        assert_non_null(strstr(turned_hears(&ann, answer[0]), "\"timestamp\""));
        turned_run_due(turned.loop);
        turn_clock(turned.loop, 20000);
        const char *got = turned_hears(&ann, answer[1]);
        assert_int_equal(strstr(got, "\"overloaded\"") != NULL, late);
        assert_int_equal(strstr(got, "\"timestamp\"") != NULL, !late);
        turned_hang_up(&ann);
        turned_end();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offline_is_told_five_seconds_after_the_last_connection),
        cmocka_unit_test(who_is_back_within_five_seconds_was_never_away),
        cmocka_unit_test(typing_and_recording_end_by_themselves_after_six_seconds),
        cmocka_unit_test(an_action_runs_on_its_interval_while_somebody_is_there),
        cmocka_unit_test(what_was_missed_is_skipped),
        cmocka_unit_test(a_window_of_a_minute_slides),
        cmocka_unit_test(a_silence_and_a_block_end_with_their_seconds),
        cmocka_unit_test(a_silence_ends_by_the_wall_clock),
        cmocka_unit_test(a_connection_that_says_nothing_is_asked_and_then_closed),
        cmocka_unit_test(rights_are_worked_out_again_however_long_the_store_is_away),
        cmocka_unit_test(a_message_that_waited_too_long_for_its_turn_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
