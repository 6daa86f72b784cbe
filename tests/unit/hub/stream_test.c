/* Streams on an engine of fakes: what is left when one side goes while the other one waits, and that no side
 * sends more than it may. A script that is no JSON value waits for the test. */
#include "fake_hub.h"
#include "hub/stream/stream_int.h"

#define HUB                                                                   \
    "roomSettings: {roomDataObject: room}\n"                                  \
    "messageSettings: {messageTypes: [text]}\n"                               \
    "hubExtensions:\n"                                                        \
    "  commands:\n"                                                           \
    "  - {name: take, stream: true, rateLimit: 1000, script: session.take}\n" \
    "  - {name: wrapped, stream: true, script: session.take, middleware: [{name: m, before: session.before}]}\n"
#define ASKED HUB "  streams: {canOpen: session.may, maxOpen: 3}\n"

/* ---- a client ---- */

static int opens(struct fake_client *c, const char *id, const char *target) {
    char args[200];
    snprintf(args, sizeof args, "{\"streamId\":\"%s\",\"target\":%s}", id, target);
    int ack = client_says(c, "hub:streamOpen", args);
    fake_settle(c->of);
    return ack;
}
static void has_opened(struct fake_client *c, const char *id) {
    client_is_answered(c, opens(c, id, "{\"command\":\"take\"}"), "\"ok\":true");
}
/* N bytes from OFFSET on; their answer is WANT. */
static void sends(struct fake_client *c, const char *id, int offset, size_t n, const char *want) {
    char text[200];
    char *bytes = hub_xcalloc(n, 1);
    snprintf(text, sizeof text,
             "51-/hub/chat,%d[\"hub:streamData\",{\"streamId\":\"%s\",\"offset\":%d,\"data\":{\"_placeholder\":true,"
             "\"num\":0}}]",
             ++c->ack, id, offset);
    fake_text(c->eio, text);
    fake_bytes(c->eio, bytes, n, true);
    free(bytes);
    fake_settle(c->of);
    client_is_answered(c, c->ack, want);
}
static void ends_stream(struct fake_client *c, const char *event, const char *id) {
    char args[60];
    snprintf(args, sizeof args, "{\"streamId\":\"%s\"}", id);
    client_does(c, event, args, "\"ok\":true");
}

/* ---- a script ---- */

/* A call of a method of the stream that scripts know as NUMBER. */
struct method {
    struct hub_host_call call;
    struct hub_str bytes;
    struct hub_hook_bins bins;
    int done;
    enum hub_code code;
    size_t n; /* bytes that were read */
    bool nothing;
};
static void on_method(struct hub_host_call *call, enum hub_code code, json_t *result, const char *text) {
    struct method *m = HUB_CONTAINER(call, struct method, call);
    (void)text;
    m->done++;
    m->code = code;
    m->nothing = !result;
    m->n = call->answer_bins ? call->answer_bins->items[0].n : 0;
    json_decref(result);
}
static void call_method(struct fake_hub *f, struct method *m, size_t which, int number, struct hub_str bytes) {
    char args[20];
    snprintf(args, sizeof args, "[\"%d\"]", number);
    *m = (struct method){.call = {.args = hub_json_parse(hub_cstr(args), NULL), .done = on_method}, .bytes = bytes};
    m->bins = (struct hub_hook_bins){&m->bytes, 1};
    if (bytes.n) m->call.bins = &m->bins;
    hub_stream_host[which].call(f->engine, &m->call);
}
enum { READ, WRITE, FINISH, DESTROY };
static void ask(struct fake_hub *f, struct method *m, size_t which, int number) {
    call_method(f, m, which, number, hub_str(NULL, 0));
}
static void was_answered(struct method *m, enum hub_code code) {
    assert_int_equal(m->done, 1);
    assert_int_equal(m->code, code);
    json_decref(m->call.args);
}
static void script_ends(struct fake_hub *f, enum hub_code code, const char *result) {
    fake_script_end(&f->scripts, code, result);
    fake_settle(f);
}
static void nothing_is_left(struct fake_hub *f) {
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    assert_int_equal(hub_map_len(hub_streams_of_scripts(f->engine)), 0);
    assert_int_equal(hub_engine_pending(f->engine), 0);
}

/* ---- tests ---- */

static void a_script_reads_what_was_sent_and_gives_credit_with_it(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    struct method m;
    (void)state;
    client_connect(f, &ann, "ann");
    has_opened(&ann, "s");
    ask(f, &m, READ, 1);
    assert_int_equal(m.done, 0);
    sends(&ann, "s", 0, 100, "\"ok\":true");
    assert_int_equal(m.n, 100);
    was_answered(&m, HUB_OK);
    client_hears(&ann, "[\"hub:streamAck\",{\"streamId\":\"s\",\"offset\":100}]");
    sends(&ann, "s", 100, 200000, "\"ok\":true");
    sends(&ann, "s", 200100, 62144, "\"ok\":true");
    ask(f, &m, READ, 1);
    assert_int_equal(m.n, 65536);
    was_answered(&m, HUB_OK);
    assert_int_not_equal(f->engine->backlog.bytes[1], 0); /* counted as long as it waits */
    ends_stream(&ann, "hub:streamFinish", "s");
    for (int i = 0; i < 4; i++) {
        ask(f, &m, READ, 1);
        was_answered(&m, HUB_OK);
    }
    assert_int_equal(f->engine->backlog.bytes[1], 0);
    ask(f, &m, READ, 1);
    assert_true(m.nothing && m.n == 0);
    was_answered(&m, HUB_OK);
    script_ends(f, HUB_OK, "1");
    client_hears(&ann, "[\"hub:streamFinish\",{\"streamId\":\"s\"}]");
    client_hears_nothing_of(&ann, "hub:streamDestroy");
    nothing_is_left(f);
    fake_hub_free(f);
}

static void more_than_the_credit_breaks_the_stream(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    struct method m;
    (void)state;
    client_connect(f, &ann, "ann");
    has_opened(&ann, "s");
    sends(&ann, "s", 0, HUB_STREAM_CREDIT, "\"ok\":true");
    sends(&ann, "s", HUB_STREAM_CREDIT, 1, "\"code\":\"too_large\"");
    client_hears(&ann, "[\"hub:streamDestroy\",{\"streamId\":\"s\",\"error\":\"too_large\"}]");
    ask(f, &m, READ, 1);
    was_answered(&m, HUB_CLIENT_DISCONNECTED);
    has_opened(&ann, "s"); /* the id is free, the place is not */
    script_ends(f, HUB_OK, NULL);
    script_ends(f, HUB_OK, NULL);
    nothing_is_left(f);
    fake_hub_free(f);
}

static void a_script_writes_as_much_as_there_is_credit_for(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    struct method m;
    char *bytes = hub_xcalloc(300000, 1);
    (void)state;
    client_connect(f, &ann, "ann");
    has_opened(&ann, "s");
    call_method(f, &m, WRITE, 1, hub_str(bytes, 300000));
    free(bytes); /* a script that is ended takes them along */
    assert_int_equal(m.done, 0);
    client_does(&ann, "hub:streamAck", "{\"streamId\":\"s\",\"offset\":262145}",
                "\"ok\":true"); /* so much was not sent */
    assert_int_equal(m.done, 0);
    client_hears(&ann, "\"offset\":196608");
    client_does(&ann, "hub:streamAck", "{\"streamId\":\"s\",\"offset\":100000}", "\"ok\":true");
    was_answered(&m, HUB_OK);
    client_hears(&ann, "\"offset\":262144");
    call_method(f, &m, WRITE, 1, HUB_STR("x"));
    was_answered(&m, HUB_OK);
    ask(f, &m, FINISH, 1);
    was_answered(&m, HUB_OK);
    call_method(f, &m, WRITE, 1, HUB_STR("x"));
    was_answered(&m, HUB_BAD_REQUEST);
    script_ends(f, HUB_OK, NULL);
    client_hears(&ann, "[\"hub:streamDestroy\",{\"streamId\":\"s\"}]"); /* its own side was not finished */
    nothing_is_left(f);
    fake_hub_free(f);
}

/* Each is a packet for the client, of which a hundred times its byte waited: it was lost as a slow reader. */
static void many_small_pieces_wait_for_credit_as_much_as_bytes_do(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    struct method m;
    char at[80];
    (void)state;
    client_connect(f, &ann, "ann");
    has_opened(&ann, "s");
    for (int i = 0; i < HUB_STREAM_PIECES; i++) {
        call_method(f, &m, WRITE, 1, HUB_STR("x"));
        was_answered(&m, HUB_OK);
        if (i % 100 == 0) client_forgets(&ann);
    }
    call_method(f, &m, WRITE, 1, HUB_STR("x"));
    assert_int_equal(m.done, 0);
    snprintf(at, sizeof at, "{\"streamId\":\"s\",\"offset\":%d}", HUB_STREAM_PIECES / 2);
    client_does(&ann, "hub:streamAck", at, "\"ok\":true");
    snprintf(at, sizeof at, "{\"streamId\":\"s\",\"offset\":%d}", HUB_STREAM_PIECES);
    client_does(&ann, "hub:streamAck", at, "\"ok\":true");
    was_answered(&m, HUB_OK);
    for (int i = 1; i < HUB_STREAM_PIECES; i++) {
        call_method(f, &m, WRITE, 1, HUB_STR("x"));
        was_answered(&m, HUB_OK);
        if (i % 100 == 0) client_forgets(&ann);
    }
    call_method(f, &m, WRITE, 1, HUB_STR("x"));
    assert_int_equal(m.done, 0);
    ends_stream(&ann, "hub:streamDestroy", "s");
    was_answered(&m, HUB_CLIENT_DISCONNECTED);
    script_ends(f, HUB_OK, NULL);
    nothing_is_left(f);
    fake_hub_free(f);
}

static void writes_pieces(struct fake_client *c, int n) {
    struct method m;
    for (int i = 0; i < n; i++) {
        call_method(c->of, &m, WRITE, 1, HUB_STR("xy"));
        was_answered(&m, HUB_OK);
        if (i % 100 == 0) client_forgets(c);
    }
}
static void acknowledges(struct fake_client *c, int bytes) {
    char at[80];
    snprintf(at, sizeof at, "{\"streamId\":\"s\",\"offset\":%d}", bytes);
    client_does(c, "hub:streamAck", at, "\"ok\":true");
    client_forgets(c);
}

/* While some are always under way: those that were acknowledged one by one were counted until all that had
 * been sent before the first of them was. */
static void pieces_are_counted_until_they_are_acknowledged_and_no_longer(void **state) {
    enum { OPEN = HUB_STREAM_PIECES - 96 };
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    struct method m;
    (void)state;
    client_connect(f, &ann, "ann");
    has_opened(&ann, "s");
    writes_pieces(&ann, OPEN);
    for (int i = 1; i <= 200; i++) {
        acknowledges(&ann, 2 * i);
        writes_pieces(&ann, 1);
    }
    writes_pieces(&ann, HUB_STREAM_PIECES - OPEN);
    call_method(f, &m, WRITE, 1, HUB_STR("xy"));
    acknowledges(&ann, 401); /* half a piece */
    assert_int_equal(m.done, 0);
    acknowledges(&ann, 402);
    was_answered(&m, HUB_OK);
    script_ends(f, HUB_OK, NULL);
    nothing_is_left(f);
    fake_hub_free(f);
}

/* Whatever waits is answered once, by whichever end comes first. */
static void what_waits_is_answered_when_either_side_ends(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    struct method m;
    (void)state;
    client_connect(f, &ann, "ann");
    has_opened(&ann, "s");
    ask(f, &m, READ, 1);
    ends_stream(&ann, "hub:streamDestroy", "s");
    was_answered(&m, HUB_CLIENT_DISCONNECTED);
    script_ends(f, HUB_HANDLER_FAILED, NULL);
    client_hears_nothing_of(&ann, "hub:streamDestroy");
    has_opened(&ann, "s");
    ask(f, &m, READ, 2);
    script_ends(f, HUB_SCRIPT_TIMEOUT, NULL);
    was_answered(&m, HUB_CLIENT_DISCONNECTED);
    client_hears(&ann, "\"error\":\"script_timeout\"");
    has_opened(&ann, "s");
    ask(f, &m, READ, 3);
    client_hang_up(&ann);
    fake_settle(f);
    was_answered(&m, HUB_CLIENT_DISCONNECTED);
    ask(f, &m, DESTROY, 3);
    was_answered(&m, HUB_OK);
    script_ends(f, HUB_OK, NULL);
    ask(f, &m, READ, 3);
    was_answered(&m, HUB_NOT_FOUND);
    nothing_is_left(f);
    fake_hub_free(f);
}

static void what_has_waited_for_canopen_is_judged_again(void **state) {
    struct fake_hub *f = fake_hub_new(ASKED);
    struct fake_client ann, bob;
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect(f, &bob, "bob");
    int first = opens(&ann, "s", "{\"command\":\"take\"}"), second = opens(&ann, "s", "{\"command\":\"take\"}");
    script_ends(f, HUB_OK, "true");
    client_is_answered(&ann, first, "\"ok\":true");
    script_ends(f, HUB_OK, "true");
    client_is_answered(&ann, second, "\"code\":\"bad_request\"");
    script_ends(f, HUB_OK, NULL); /* the command */
    int refused = opens(&ann, "t", "{\"clientId\":\"x\"}");
    script_ends(f, HUB_OK, "false");
    client_is_answered(&ann, refused, "\"code\":\"not_allowed\"");
    refused = opens(&ann, "t", "{\"clientId\":\"x\"}");
    script_ends(f, HUB_SCRIPT_TIMEOUT, NULL);
    client_is_answered(&ann, refused, "\"code\":\"handler_failed\"");
    opens(&bob, "s", "{\"command\":\"take\"}");
    client_hang_up(&bob);
    script_ends(f, HUB_OK, "true");
    nothing_is_left(f);
    refused = opens(&ann, "t", "{\"command\":\"take\"}");
    client_does(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:guest\"}", "\"ok\":true");
    script_ends(f, HUB_OK, "true"); /* of who she was */
    client_waits_for(&ann, refused);
    script_ends(f, HUB_OK, "false");
    client_is_answered(&ann, refused, "\"code\":\"not_allowed\"");
    refused = opens(&ann, "t", "{\"command\":\"take\"}");
    hub_engine_drain(f->engine, 1000);
    script_ends(f, HUB_OK, "true");
    client_is_answered(&ann, refused, "\"code\":\"shutting_down\"");
    nothing_is_left(f);
    fake_hub_free(f);
}

/* The call waits for middleware; its stream is known by then. */
static void a_stream_that_middleware_refuses_was_none(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    int ack = opens(&ann, "s", "{\"command\":\"wrapped\"}");
    client_waits_for(&ann, ack);
    sends(&ann, "s", 0, 1, "\"code\":\"bad_request\""); /* nobody has accepted it */
    script_ends(f, HUB_HANDLER_FAILED, "{\"code\":\"never\"}");
    client_is_answered(&ann, ack, "\"code\":\"never\"");
    nothing_is_left(f);
    fake_hub_free(f);
}

/* While the middleware waited, whoever opened it has ended it, or has gone: the command began all the same,
 * for nobody. */
static void a_stream_that_nobody_wants_any_more_does_not_begin(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    int ack = opens(&ann, "s", "{\"command\":\"wrapped\"}");
    ends_stream(&ann, "hub:streamDestroy", "s");
    assert_false(fake_chain_goes_on(&f->scripts, NULL));
    client_is_answered(&ann, ack, "\"code\":\"client_disconnected\"");
    nothing_is_left(f);
    opens(&ann, "s", "{\"command\":\"wrapped\"}");
    client_hang_up(&ann);
    assert_false(fake_chain_goes_on(&f->scripts, NULL));
    nothing_is_left(f);
    fake_hub_free(f);
}

static void a_client_that_is_asked_may_go_and_so_may_who_asks(void **state) {
    struct fake_hub *f = fake_hub_new(HUB "  streams: {canOpen: 'true', maxOpen: 2}\n");
    struct fake_client ann, bob;
    char target[80];
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect(f, &bob, "bob");
    snprintf(target, sizeof target, "{\"clientId\":\"%s\"}", fake_conn(f, "bob")->socket->sid);
    for (int i = 0; i < 3; i++) {
        int ack = opens(&ann, "s", target);
        if (fake_scripts_waiting(&f->scripts)) script_ends(f, HUB_OK, "true");
        client_hears(&bob, "[\"hub:streamOpen\",{\"streamId\":\"s\",\"from\":\"");
        if (i == 0) { /* nothing comes */
            fake_pass(f, 10000);
            client_is_answered(&ann, ack, "\"code\":\"request_timeout\"");
            client_hears(&bob, "\"error\":\"request_timeout\"");
        } else if (i == 1) {
            client_does(&ann, "hub:streamDestroy", "{\"streamId\":\"s\"}", "\"ok\":true");
            client_is_answered(&ann, ack, "\"code\":\"client_disconnected\"");
            client_hears(&bob, "[\"hub:streamDestroy\",{\"streamId\":\"s\",\"from\":\"");
        } else {
            client_hang_up(&bob);
            client_is_answered(&ann, ack, "\"code\":\"client_disconnected\"");
        }
        nothing_is_left(f);
    }
    client_connect(f, &bob, "bob");
    snprintf(target, sizeof target, "{\"clientId\":\"%s\"}", fake_conn(f, "bob")->socket->sid);
    opens(&ann, "s", target);
    if (fake_scripts_waiting(&f->scripts)) script_ends(f, HUB_OK, "true");
    client_hang_up(&ann);
    client_hears(&bob, "\"error\":\"client_disconnected\"");
    nothing_is_left(f);
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_script_reads_what_was_sent_and_gives_credit_with_it),
        cmocka_unit_test(more_than_the_credit_breaks_the_stream),
        cmocka_unit_test(a_script_writes_as_much_as_there_is_credit_for),
        cmocka_unit_test(many_small_pieces_wait_for_credit_as_much_as_bytes_do),
        cmocka_unit_test(pieces_are_counted_until_they_are_acknowledged_and_no_longer),
        cmocka_unit_test(what_waits_is_answered_when_either_side_ends),
        cmocka_unit_test(what_has_waited_for_canopen_is_judged_again),
        cmocka_unit_test(a_stream_that_middleware_refuses_was_none),
        cmocka_unit_test(a_stream_that_nobody_wants_any_more_does_not_begin),
        cmocka_unit_test(a_client_that_is_asked_may_go_and_so_may_who_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
