/* Fan-out on a link-time fake of the session layer: what each socket is handed, in which pieces and in
 * which order. */
#include "fanout/fanout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"
#include "packet/ws.h"
#include "session/guest.h"

/* ---- the fake: a socket is a log of what it was given ---- */

struct peer {
    struct hub_socket socket;
    struct hub_outlet outlet;
    struct hub_seat seat;
    char log[1024]; /* payloads, each followed by a blank */
    int pieces;     /* calls of hub_socket_send_chunk */
    int last_flags;
};

static struct hub_loop *loop;
static struct hub_group *group;
static struct hub_nsp plain = {.name = HUB_STR_INIT("/hub/chat")}, prefixed = {.name = HUB_STR_INIT("/api/hub/chat")};

static void note(struct peer *p, const char *text, size_t n) {
    size_t at = strlen(p->log);
    assert_true(at + n + 2 < sizeof p->log);
    memcpy(p->log + at, text, n);
    memcpy(p->log + at + n, " ", 2);
}

void hub_socket_send_chunk(struct hub_socket *s, struct hub_chunk *chunk, uint32_t off, uint32_t len, int flags) {
    struct peer *p = HUB_CONTAINER(s, struct peer, socket);
    size_t at = 0;
    int opcode;
    struct hub_str payload;
    p->pieces++;
    p->last_flags = flags;
    while (hub_chunk_next(chunk->p + off, len, &at, &opcode, &payload)) note(p, payload.p, payload.n);
}

void hub_socket_emit(struct hub_socket *s, struct hub_str event, struct hub_str args, int flags) {
    (void)args, (void)flags;
    note(HUB_CONTAINER(s, struct peer, socket), event.p, event.n);
}

void hub_socket_unref(struct hub_socket *s) { s->refs--; }

void hub_socket_ack(struct hub_socket *s, int64_t ack, struct hub_str args, const struct hub_binaries *bins) {
    (void)ack, (void)args, (void)bins;
    note(HUB_CONTAINER(s, struct peer, socket), "ack", 3);
}

static void stop(struct hub_timer *t) {
    (void)t;
    hub_loop_stop(loop);
}

/* Lets the turn end: deferred work runs. */
static void end_turn(void) {
    struct hub_timer t = {0};
    hub_timer_start(loop, &t, 0, stop);
    hub_loop_run(loop);
}

static void sit(struct peer *p, struct hub_nsp *nsp, bool held) {
    *p = (struct peer){.socket.nsp = nsp};
    hub_outlet_init(&p->outlet, &p->socket);
    hub_seat_take(&p->seat, group, &p->outlet, held);
}

static void leave(struct peer *p) { hub_outlet_deinit(&p->outlet); }

static void say(const char *event) { hub_group_send(group, hub_cstr(event), HUB_STR("1"), 0); }

static int setup(void **state) {
    (void)state;
    loop = hub_loop_new(NULL);
    group = hub_group_new(loop, (struct hub_group_place){"room", HUB_STR("r")});
    return 0;
}

static int teardown(void **state) {
    (void)state;
    hub_group_delete(group);
    hub_loop_delete(loop);
    return 0;
}

/* ---- tests ---- */

static void a_turn_of_broadcasts_reaches_each_seat_as_one_piece(void **state) {
    struct peer a, b;
    (void)state;
    sit(&a, &plain, false);
    sit(&b, &plain, false);
    say("x");
    say("y");
    assert_int_equal(a.pieces, 0); /* nothing costs a recipient anything before the turn ends */
    end_turn();
    assert_string_equal(a.log, "42/hub/chat,[\"x\",1] 42/hub/chat,[\"y\",1] ");
    assert_string_equal(b.log, a.log);
    assert_int_equal(a.pieces, 1);
    say("z");
    end_turn();
    assert_int_equal(a.pieces, 2);
    leave(&a);
    leave(&b);
}

static void each_namespace_name_has_its_own_encoding(void **state) {
    struct peer a, b;
    (void)state;
    sit(&a, &plain, false);
    sit(&b, &prefixed, false);
    say("x");
    end_turn();
    assert_string_equal(a.log, "42/hub/chat,[\"x\",1] ");
    assert_string_equal(b.log, "42/api/hub/chat,[\"x\",1] ");
    leave(&a);
    leave(&b);
}

static void what_goes_to_one_outlet_comes_behind_what_its_groups_gathered(void **state) {
    struct peer a, b;
    (void)state;
    sit(&a, &plain, false);
    sit(&b, &plain, false);
    say("x");
    hub_outlet_emit(&a.outlet, HUB_STR("own"), HUB_STR(""), 0);
    say("y");
    hub_outlet_ack(&a.outlet, 7, HUB_STR(""));
    end_turn();
    assert_string_equal(a.log, "42/hub/chat,[\"x\",1] own 42/hub/chat,[\"y\",1] ack ");
    assert_string_equal(b.log, "42/hub/chat,[\"x\",1] 42/hub/chat,[\"y\",1] ");
    leave(&a);
    leave(&b);
}

static void a_held_seat_keeps_everything_in_order_until_it_is_released(void **state) {
    struct peer a, joiner;
    (void)state;
    sit(&a, &plain, false);
    say("before");
    sit(&joiner, &plain, true);
    say("one");
    end_turn();
    struct hub_cast cast;
    hub_cast_begin(&cast, group, HUB_STR("two"), HUB_STR("1"), 0);
    hub_cast_to(&cast, &joiner.seat);
    hub_cast_end(&cast);
    say("three");
    assert_string_equal(joiner.log, "");
    hub_outlet_emit(&joiner.outlet, HUB_STR("joined"), HUB_STR(""), 0);
    assert_true(hub_seat_release(&joiner.seat));
    say("four");
    end_turn();
    assert_string_equal(
        joiner.log,
        "joined 42/hub/chat,[\"one\",1] 42/hub/chat,[\"two\",1] 42/hub/chat,[\"three\",1] 42/hub/chat,[\"four\",1] ");
    leave(&a);
    leave(&joiner);
}

static void a_held_seat_gives_up_beyond_its_bound(void **state) {
    struct peer joiner;
    (void)state;
    sit(&joiner, &plain, true);
    char *big = hub_xmalloc(100002);
    memset(big, '"', 100002);
    memset(big + 1, 'x', 100000);
    for (int i = 0; i < 50; i++) {
        hub_group_send(group, HUB_STR("e"), hub_str(big, 100002), 0);
        end_turn();
    }
    assert_false(hub_seat_release(&joiner.seat));
    assert_int_equal(joiner.pieces, 0); /* half of it would be a gap */
    free(big);
    leave(&joiner);
}

static void a_cast_reaches_the_chosen_only_and_in_order(void **state) {
    struct peer a, b;
    struct hub_cast cast;
    (void)state;
    sit(&a, &plain, false);
    sit(&b, &plain, false);
    say("x");
    hub_cast_begin(&cast, group, HUB_STR("secret"), HUB_STR("1"), HUB_SEND_EPHEMERAL);
    hub_cast_to(&cast, &a.seat);
    hub_cast_end(&cast);
    end_turn();
    assert_string_equal(a.log, "42/hub/chat,[\"x\",1] 42/hub/chat,[\"secret\",1] ");
    assert_int_equal(a.last_flags, HUB_SEND_EPHEMERAL);
    assert_string_equal(b.log, "42/hub/chat,[\"x\",1] ");
    leave(&a);
    leave(&b);
}

static void a_spread_is_encoded_once_per_name_and_comes_behind_what_groups_gathered(void **state) {
    struct peer peers[12];
    struct hub_nsp names[10];
    struct hub_spread spread;
    (void)state;
    for (int i = 0; i < 10; i++) names[i] = plain;
    for (int i = 0; i < 12; i++) sit(&peers[i], &names[i % 10], false);
    say("x");
    hub_spread_begin(&spread, HUB_STR("s"), HUB_STR("2"));
    for (int i = 0; i < 12; i++) hub_spread_to(&spread, &peers[i].outlet); /* more names than it remembers */
    assert_int_equal(spread.made, 12);
    hub_spread_to(&spread, &peers[1].outlet);
    assert_int_equal(spread.made, 12);
    hub_spread_end(&spread);
    end_turn();
    assert_string_equal(peers[0].log, "42/hub/chat,[\"x\",1] 42/hub/chat,[\"s\",2] ");
    assert_string_equal(peers[11].log, peers[0].log);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(peers[i].socket.refs, 0); /* as before */
        leave(&peers[i]);
    }
}

static void ephemeral_and_lasting_events_keep_their_order_and_flags(void **state) {
    struct peer a;
    (void)state;
    sit(&a, &plain, false);
    hub_group_send(group, HUB_STR("move"), HUB_STR("1"), HUB_SEND_EPHEMERAL);
    assert_int_equal(a.pieces, 0);
    say("message"); /* other flags: what was gathered goes first */
    assert_int_equal(a.pieces, 1);
    assert_int_equal(a.last_flags, HUB_SEND_EPHEMERAL);
    end_turn();
    assert_int_equal(a.last_flags, 0);
    assert_string_equal(a.log, "42/hub/chat,[\"move\",1] 42/hub/chat,[\"message\",1] ");
    leave(&a);
}

static void who_leaves_has_what_was_said_before_and_nothing_after(void **state) {
    struct peer a, b;
    (void)state;
    sit(&a, &plain, false);
    sit(&b, &plain, false);
    say("x");
    hub_seat_leave(&a.seat);
    say("y");
    end_turn();
    assert_string_equal(a.log, "42/hub/chat,[\"x\",1] ");
    assert_string_equal(b.log, "42/hub/chat,[\"x\",1] 42/hub/chat,[\"y\",1] ");
    assert_int_equal(hub_group_size(group), 1);
    hub_seat_leave(&a.seat); /* twice is harmless */
    leave(&a);
    leave(&b);
}

/* ---- guests: a relay writes down what it is given ---- */

static struct hub_relay relay;
static char given[1024];

static void note_given(const char *what, const struct hub_socket *s) {
    size_t at = strlen(given);
    snprintf(given + at, sizeof given - at, "%s%s%s; ", what, s ? " " : "", s ? s->sid : "");
}

static void note_frames(const char *what, const struct hub_socket *s, struct hub_str frames) {
    size_t at = 0;
    int opcode;
    struct hub_str payload;
    size_t end = strlen(given);
    snprintf(given + end, sizeof given - end, "%s%s%s", what, s ? " " : "", s ? s->sid : "");
    while (hub_chunk_next(frames.p, frames.n, &at, &opcode, &payload)) {
        end = strlen(given);
        snprintf(given + end, sizeof given - end, " %.*s", HUB_FMT(payload));
    }
    note_given("", NULL);
}

static void on_seated(struct hub_socket *s, struct hub_group *g, bool held) {
    assert_true(hub_str_is(hub_group_place(g).name, "r"));
    note_given(held ? "held" : "seated", s);
}
static void on_released(struct hub_socket *s, struct hub_group *g) { (void)g, note_given("released", s); }
static void on_left(struct hub_socket *s, struct hub_group *g) { (void)g, note_given("left", s); }
static void on_kept(struct hub_socket *s, struct hub_group *g, struct hub_str frames, int flags) {
    (void)g, (void)flags, note_frames("kept", s, frames);
}
static void on_gathered(struct hub_relay *r, struct hub_group *g, struct hub_str frames, int flags) {
    (void)r, (void)g, note_frames(flags ? "all, ephemeral" : "all", NULL, frames);
}

static const struct hub_relay_ops relay_ops = {
    .seated = on_seated, .released = on_released, .left = on_left, .kept = on_kept, .gathered = on_gathered};

static void guest_sits(struct peer *p, const char *sid, bool held) {
    *p = (struct peer){.socket.nsp = &relay.nsp};
    snprintf(p->socket.sid, sizeof p->socket.sid, "%s", sid);
    hub_outlet_init(&p->outlet, &p->socket);
    hub_seat_take(&p->seat, group, &p->outlet, held);
}

static int setup_relay(void **state) {
    given[0] = 0;
    relay = (struct hub_relay){.ops = &relay_ops, .nsp = {.relayed = true, .name = HUB_STR_INIT("/n")}};
    hub_list_init(&relay.pending);
    return setup(state);
}

#define assert_given(WHAT) (assert_string_equal(given, WHAT), given[0] = 0)

static void guests_of_a_node_get_one_piece_together(void **state) {
    struct peer here, a, b;
    (void)state;
    sit(&here, &plain, false);
    guest_sits(&a, "a", false);
    guest_sits(&b, "b", false);
    assert_given("seated a; seated b; ");
    say("x");
    say("y");
    assert_given("");
    end_turn();
    assert_given("all 42/n,[\"x\",1] 42/n,[\"y\",1]; ");
    assert_string_equal(here.log, "42/hub/chat,[\"x\",1] 42/hub/chat,[\"y\",1] ");
    assert_int_equal(a.pieces + b.pieces, 0);
    hub_group_send(group, HUB_STR("z"), HUB_STR("1"), HUB_SEND_EPHEMERAL);
    say("w"); /* what is ephemeral does not go with what is not */
    assert_given("all, ephemeral 42/n,[\"z\",1]; ");
    leave(&a);
    assert_given("all 42/n,[\"w\",1]; left a; ");
    leave(&b);
    leave(&here);
    assert_given("left b; ");
    end_turn();
    assert_given("");
}

static void what_is_for_one_guest_keeps_its_place(void **state) {
    struct peer a, b;
    struct hub_cast c;
    (void)state;
    guest_sits(&a, "a", true);
    say("x");
    guest_sits(&b, "b", false); /* not for b */
    say("y");
    hub_cast_begin(&c, group, HUB_STR("only"), HUB_STR("2"), 0);
    hub_cast_to(&c, &a.seat);
    hub_cast_to(&c, &b.seat);
    hub_cast_end(&c);
    assert_given("held a; all 42/n,[\"x\",1]; seated b; all 42/n,[\"y\",1]; kept a 42/n,[\"only\",2]; ");
    assert_string_equal(b.log, "42/n,[\"only\",2] ");
    say("z");
    assert_true(hub_seat_release(&a.seat));
    assert_given("all 42/n,[\"z\",1]; released a; ");
    say("w");
    hub_relay_sync(&relay);
    assert_given("all 42/n,[\"w\",1]; ");
    hub_seat_leave(&a.seat);
    hub_seat_leave(&a.seat);
    hub_seat_leave(&b.seat);
    assert_given("left a; left b; ");
    leave(&a);
    leave(&b);
}

/* The other side: a group that is fed with the frames of another node. */
static void frames_of_another_node_reach_each_name(void **state) {
    struct peer a, b, late;
    struct hub_chunk *frames = hub_chunk_frame(HUB_WS_TEXT, HUB_STR("42/hub/chat,[\"x\",\"/hub/chat,\"]"));
    (void)state;
    sit(&a, &plain, false);
    sit(&b, &prefixed, false);
    sit(&late, &prefixed, true);
    hub_group_send_frames(group, HUB_STR("/hub/chat"), hub_str(frames->p, frames->n), 0);
    end_turn();
    assert_string_equal(a.log, "42/hub/chat,[\"x\",\"/hub/chat,\"] ");
    assert_string_equal(b.log, "42/api/hub/chat,[\"x\",\"/hub/chat,\"] ");
    hub_seat_send(&late.seat, frames, 0);
    assert_string_equal(late.log, "");
    assert_true(hub_seat_release(&late.seat));
    assert_string_equal(late.log, "42/api/hub/chat,[\"x\",\"/hub/chat,\"] 42/hub/chat,[\"x\",\"/hub/chat,\"] ");
    hub_chunk_unref(frames);
    leave(&a);
    leave(&b);
    leave(&late);
}

/* Attachments are bytes, whatever they look like. */
static void attachments_of_another_node_come_as_they_are(void **state) {
    struct peer a, b;
    struct hub_chunk *frames =
        hub_chunk_frame(HUB_WS_TEXT, HUB_STR("451-/hub/chat,[\"y\",{\"_placeholder\":true,\"num\":0}]"));
    (void)state;
    hub_chunk_add_frame(frames, HUB_WS_BINARY, HUB_STR("42/hub/chat,"));
    sit(&a, &plain, false);
    sit(&b, &prefixed, false);
    hub_group_send_frames(group, HUB_STR("/hub/chat"), hub_str(frames->p, frames->n), 0);
    end_turn();
    assert_string_equal(a.log, "451-/hub/chat,[\"y\",{\"_placeholder\":true,\"num\":0}] 42/hub/chat, ");
    assert_string_equal(b.log, "451-/api/hub/chat,[\"y\",{\"_placeholder\":true,\"num\":0}] 42/hub/chat, ");
    hub_chunk_unref(frames);
    leave(&a);
    leave(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_turn_of_broadcasts_reaches_each_seat_as_one_piece, setup, teardown),
        cmocka_unit_test_setup_teardown(each_namespace_name_has_its_own_encoding, setup, teardown),
        cmocka_unit_test_setup_teardown(what_goes_to_one_outlet_comes_behind_what_its_groups_gathered, setup, teardown),
        cmocka_unit_test_setup_teardown(a_held_seat_keeps_everything_in_order_until_it_is_released, setup, teardown),
        cmocka_unit_test_setup_teardown(a_held_seat_gives_up_beyond_its_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cast_reaches_the_chosen_only_and_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_spread_is_encoded_once_per_name_and_comes_behind_what_groups_gathered, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(ephemeral_and_lasting_events_keep_their_order_and_flags, setup, teardown),
        cmocka_unit_test_setup_teardown(who_leaves_has_what_was_said_before_and_nothing_after, setup, teardown),
        cmocka_unit_test_setup_teardown(guests_of_a_node_get_one_piece_together, setup_relay, teardown),
        cmocka_unit_test_setup_teardown(what_is_for_one_guest_keeps_its_place, setup_relay, teardown),
        cmocka_unit_test_setup_teardown(frames_of_another_node_reach_each_name, setup, teardown),
        cmocka_unit_test_setup_teardown(attachments_of_another_node_come_as_they_are, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
