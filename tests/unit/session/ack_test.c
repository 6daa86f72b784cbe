/* Acknowledgements by clients: who is told, when, how often, and how many may be pending. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_eio.h"
#include "turned_clock.h"

#define TIMEOUT 5000

static struct hub_buf seen; /* what happened, as "what …;" */
static struct hub_loop *loop;
static struct hub_sessions *sessions;
static struct hub_socket *last;

static void on_connect(struct hub_socket *s, json_t *auth) {
    (void)auth;
    last = s;
    hub_socket_accept(s);
}

static void on_event(struct hub_socket *s, struct hub_str event, json_t *args, const struct hub_binaries *bins,
                     int64_t ack) {
    (void)s, (void)event, (void)args, (void)bins, (void)ack;
}

static void on_closed(struct hub_socket *s, const char *reason) {
    (void)s, (void)reason;
    hub_buf_addz(&seen, "closed;");
}

static const struct hub_namespace_ops ops = {.connect = on_connect, .event = on_event, .closed = on_closed};

static bool find(void *ctx, struct hub_str name, const struct hub_namespace_ops **out, void **owner) {
    (void)ctx, (void)name, (void)owner;
    *out = &ops;
    return true;
}

static int setup(void **state) {
    (void)state;
    loop = turned_loop_new();
    sessions = hub_sessions_new(loop, &(struct hub_sessions_config){.max_payload = 1000, .find = find});
    return 0;
}

static int teardown(void **state) {
    (void)state;
    assert_int_equal(hub_loop_next_due(loop), INT64_MAX); /* no timer is left */
    hub_sessions_delete(sessions);
    turned_loop_delete(loop);
    hub_buf_free(&seen);
    return 0;
}

#define assert_seen(WHAT) (assert_string_equal(hub_buf_cstr(&seen), WHAT), hub_buf_clear(&seen))
#define assert_next(EIO, WHAT) assert_string_equal(fake_next(EIO), WHAT)

static struct hub_eio *joined(void) {
    struct hub_eio *eio = fake_open(sessions);
    fake_text(eio, "0");
    assert_memory_equal(fake_next(eio), "40{", 3);
    return eio;
}

/* ---- an owner: it has a name, and writes down its results ---- */

struct asker {
    char name;
    struct hub_pending_ack pending;
    struct hub_pending_ack *cancels; /* in its callback */
    bool asks_again, leaves;
};

static void on_answer(struct hub_pending_ack *p, enum hub_ack_result result, json_t *args,
                      const struct hub_binaries *bins) {
    static const char *const words[] = {"received", "invalid", "timed out", "disconnected"};
    struct asker *a = HUB_CONTAINER(p, struct asker, pending);
    assert_true((args != NULL) == (result == HUB_ACK_RECEIVED));
    hub_buf_addf(&seen, "%c %s", a->name, words[result]);
    if (args) hub_buf_addc(&seen, ' '), hub_json_add(&seen, args);
    for (size_t i = 0; bins && i < bins->n; i++) hub_buf_addf(&seen, " <%.*s>", HUB_FMT(bins->items[i]));
    hub_buf_addc(&seen, ';');
    if (a->cancels) hub_pending_ack_cancel(a->cancels);
    if (a->leaves) hub_socket_disconnect(last, false);
    if (a->asks_again) {
        a->asks_again = false;
        bool asked = hub_socket_emit_with_ack(last, HUB_STR("again"), HUB_STR(""), NULL, p, TIMEOUT, on_answer);
        if (!asked) hub_buf_addz(&seen, "not asked;");
    }
}

static bool ask(struct asker *a, int64_t timeout) {
    return hub_socket_emit_with_ack(last, HUB_STR("ask"), HUB_STR("1"), NULL, &a->pending, timeout, on_answer);
}

static void each_answer_reaches_who_asked_once(void **state) {
    (void)state;
    struct hub_eio *eio = joined();
    struct asker a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    struct hub_str item = HUB_STR("xy");
    assert_true(ask(&a, TIMEOUT));
    assert_true(ask(&b, TIMEOUT));
    assert_true(hub_socket_emit_with_ack(last, HUB_STR("look"), HUB_STR("{\"_placeholder\":true,\"num\":0}"),
                                         &(struct hub_binaries){&item, 1}, &c.pending, TIMEOUT, on_answer));
    assert_next(eio, "420[\"ask\",1]");
    assert_next(eio, "421[\"ask\",1]");
    assert_next(eio, "451-2[\"look\",{\"_placeholder\":true,\"num\":0}]");
    assert_next(eio, "<7879>");
    fake_text(eio, "31[\"yes\"]");
    assert_seen("b received [\"yes\"];");
    fake_text(eio, "31[\"again\"]");
    fake_text(eio, "37[]");
    fake_text(eio, "3[\"without id\"]");
    fake_text(eio, "3");
    fake_text(eio, "65-[]"); /* attachments for nobody */
    for (int i = 0; i < 5; i++) fake_bytes(eio, "z", 1, true);
    assert_seen("");
    fake_text(eio, "61-2[{\"_placeholder\":true,\"num\":0}]");
    fake_bytes(eio, "bin", 3, true);
    fake_text(eio, "30[]");
    assert_seen("c received [{\"_placeholder\":true,\"num\":0}] <bin>;a received [];");
    assert_true(ask(&a, TIMEOUT)); /* anew, with an id of its own */
    assert_next(eio, "423[\"ask\",1]");
    fake_text(eio, "30[]");
    assert_seen("");
    fake_text(eio, "33[]");
    assert_seen("a received [];");
    fake_free(eio);
    assert_seen("closed;");
}

static void one_that_does_not_come_times_out(void **state) {
    (void)state;
    struct hub_eio *eio = joined();
    struct asker a = {.name = 'a'}, b = {.name = 'b'};
    assert_true(ask(&a, 2 * TIMEOUT));
    assert_true(ask(&b, TIMEOUT));
    turn_clock(loop, TIMEOUT - 1);
    assert_seen("");
    turn_clock(loop, 1);
    assert_seen("b timed out;");
    fake_text(eio, "31[\"late\"]"); /* harms nobody */
    turn_clock(loop, TIMEOUT);
    assert_seen("a timed out;");
    fake_text(eio, "30[]");
    assert_seen("");
    assert_false(eio->close_asked);
    fake_free(eio);
}

static void the_end_of_a_socket_is_told_in_order_and_once(void **state) {
    (void)state;
    for (int way = 0; way < 5; way++) {
        struct hub_eio *eio = joined();
        struct asker a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
        assert_true(ask(&a, 3 * TIMEOUT));
        assert_true(ask(&b, TIMEOUT));
        assert_true(ask(&c, 2 * TIMEOUT));
        fake_text(eio, "32[]");
        assert_seen("c received [];");
        hub_buf_clear(&seen);
        struct hub_socket *s = hub_socket_ref(last);
        if (way == 0) fake_text(eio, "1");
        if (way == 1) hub_socket_disconnect(s, false);
        if (way == 2) hub_socket_disconnect(s, true);
        if (way == 3) hub_socket_drop(s, HUB_CLOSE_SLOW, "test");
        if (way == 4) fake_closed(eio, HUB_CLOSE_TRANSPORT);
        assert_seen("a disconnected;b disconnected;closed;");
        assert_false(ask(&a, TIMEOUT)); /* closed */
        turn_clock(loop, 3 * TIMEOUT);
        assert_seen("");
        hub_socket_unref(s);
        fake_free(eio);
        hub_buf_clear(&seen);
    }
}

static void an_end_that_is_on_its_way_is_waited_for(void **state) {
    (void)state;
    struct hub_eio *eio = joined();
    struct asker a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    assert_true(ask(&a, TIMEOUT));
    assert_true(ask(&b, 2 * TIMEOUT));
    fake_text(eio, "31{no json"); /* the protocol is broken; nothing comes in any more */
    assert_true(eio->close_asked);
    fake_text(eio, "31[]");
    assert_false(ask(&c, TIMEOUT));
    assert_seen("");
    turn_clock(loop, TIMEOUT);
    assert_seen("a timed out;");
    fake_free(eio);
    assert_seen("b disconnected;closed;");
}

static void what_the_parser_refuses_is_an_answer(void **state) {
    (void)state;
    struct hub_eio *eio = joined();
    struct asker a = {.name = 'a'}, b = {.name = 'b'};
    assert_true(ask(&a, TIMEOUT));
    assert_true(ask(&b, TIMEOUT));
    fake_text(eio, "30[{\"x\":1,\"x\":2}]"); /* keys that stand twice */
    assert_seen("a invalid;");
    assert_false(eio->close_asked);
    fake_text(eio, "61-1[\"no place\"]");
    fake_bytes(eio, "z", 1, true);
    assert_true(eio->close_asked);
    fake_free(eio);
    assert_seen("b disconnected;closed;");
}

static void so_many_may_be_pending_and_no_more(void **state) {
    (void)state;
    struct hub_eio *eio = joined();
    struct asker all[HUB_PENDING_ACKS_MAX], more = {.name = 'm'};
    for (size_t i = 0; i < HUB_PENDING_ACKS_MAX; i++) {
        all[i] = (struct asker){.name = 'x'};
        assert_true(ask(&all[i], TIMEOUT));
    }
    size_t sent = eio->sent;
    assert_false(ask(&more, TIMEOUT));
    assert_int_equal(eio->sent, sent); /* it was not sent either */
    fake_text(eio, "317[]");
    assert_seen("x received [];");
    assert_true(ask(&more, TIMEOUT));
    assert_false(ask(&all[17], TIMEOUT));
    hub_pending_ack_cancel(&all[3].pending);
    assert_true(ask(&all[17], TIMEOUT));
    fake_free(eio);
    hub_buf_clear(&seen);
    assert_null(more.pending.of);
}

static void what_is_cancelled_is_not_told(void **state) {
    (void)state;
    struct hub_eio *eio = joined();
    struct asker a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c', .cancels = &b.pending};
    hub_pending_ack_cancel(&a.pending); /* nothing is pending yet */
    assert_true(ask(&a, TIMEOUT));
    hub_pending_ack_cancel(&a.pending);
    fake_text(eio, "30[]");
    turn_clock(loop, TIMEOUT);
    assert_true(ask(&c, TIMEOUT));
    assert_true(ask(&b, TIMEOUT));
    fake_free(eio); /* c's callback cancels b, which would be next */
    assert_seen("c disconnected;closed;");
    hub_pending_ack_cancel(&c.pending); /* the socket has gone */
}

static void a_callback_may_ask_again_or_leave(void **state) {
    (void)state;
    struct hub_eio *eio = joined();
    struct asker a = {.name = 'a', .asks_again = true}, b = {.name = 'b', .leaves = true};
    assert_true(ask(&a, TIMEOUT));
    fake_text(eio, "30[]");
    assert_seen("a received [];");
    assert_next(eio, "420[\"ask\",1]");
    assert_next(eio, "421[\"again\"]");
    turn_clock(loop, TIMEOUT);
    assert_seen("a timed out;");
    a.asks_again = true;
    assert_true(ask(&b, TIMEOUT));
    assert_true(ask(&a, TIMEOUT));
    fake_text(eio, "32[]"); /* b leaves in its callback; a is told, asks again, and is refused */
    assert_seen("b received [];a disconnected;not asked;closed;");
    fake_free(eio);
}

static struct asker *on_heap;

static void free_owner(struct hub_pending_ack *p, enum hub_ack_result result, json_t *args,
                       const struct hub_binaries *bins) {
    (void)result, (void)args, (void)bins;
    assert_ptr_equal(p, &on_heap->pending);
    free(on_heap);
    on_heap = NULL;
}

static void an_owner_may_end_in_its_callback(void **state) {
    (void)state;
    for (int way = 0; way < 3; way++) {
        struct hub_eio *eio = joined();
        on_heap = hub_xcalloc(1, sizeof *on_heap);
        assert_true(
            hub_socket_emit_with_ack(last, HUB_STR("ask"), HUB_STR(""), NULL, &on_heap->pending, TIMEOUT, free_owner));
        if (way == 0) fake_text(eio, "30[]");
        if (way == 1) turn_clock(loop, TIMEOUT);
        fake_free(eio);
        assert_null(on_heap);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_answer_reaches_who_asked_once, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_does_not_come_times_out, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_of_a_socket_is_told_in_order_and_once, setup, teardown),
        cmocka_unit_test_setup_teardown(an_end_that_is_on_its_way_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_parser_refuses_is_an_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(so_many_may_be_pending_and_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_cancelled_is_not_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_callback_may_ask_again_or_leave, setup, teardown),
        cmocka_unit_test_setup_teardown(an_owner_may_end_in_its_callback, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
