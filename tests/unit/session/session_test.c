/* Socket.IO sessions over a fake transport: joins, events, acknowledgements, attachments, and what ends
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_eio.h"
#include "turned_clock.h"

/* A namespace that writes down what happens, as lines "what …;". */
static struct hub_buf seen;
static struct hub_loop *loop;
static struct hub_sessions *sessions;
static struct hub_socket *last; /* the socket that connected last, not referred to */
static bool hold;               /* neither accept nor refuse */
static int owner_of_main;

static void add_json(const json_t *v) { hub_json_add(&seen, v); }

static void on_connect(struct hub_socket *s, json_t *auth) {
    hub_buf_addz(&seen, "connect ");
    if (auth) add_json(auth);
    hub_buf_addc(&seen, ';');
    last = s;
    if (hold) return;
    if (hub_json_get(auth, "refuse"))
        hub_socket_refuse(s, "No", HUB_STR("{\"code\":\"why\"}"));
    else
        hub_socket_accept(s);
}

static void send_back(struct hub_socket *s, struct hub_str args, const struct hub_binaries *bins) {
    struct hub_chunk *chunk = hub_nsp_event_chunk(s->nsp, HUB_STR("\"back\""), args, bins);
    hub_socket_send_chunk(s, chunk, 0, chunk->n, 0);
    hub_chunk_unref(chunk);
}

/* Events named after what they do to their socket. */
static void on_event(struct hub_socket *s, struct hub_str event, json_t *args, const struct hub_binaries *bins,
                     int64_t ack) {
    hub_buf_addf(&seen, "event %.*s%s ", HUB_FMT(event), s->event_is_number ? " (number)" : "");
    add_json(args);
    for (size_t i = 0; bins && i < bins->n; i++) hub_buf_addf(&seen, " <%.*s>", HUB_FMT(bins->items[i]));
    if (ack >= 0) hub_buf_addf(&seen, " #%lld", (long long)ack);
    hub_buf_addc(&seen, ';');
    if (hub_str_is(event, "leave")) hub_socket_disconnect(s, false);
    if (hub_str_is(event, "end")) hub_socket_disconnect(s, true);
    if (hub_str_is(event, "echo")) {
        struct hub_buf b = {0};
        hub_json_add(&b, args);
        struct hub_str inner = hub_str(b.p + 1, b.n - 2);
        if (ack >= 0)
            hub_socket_ack(s, ack, inner, bins);
        else
            send_back(s, inner, bins);
        hub_buf_free(&b);
    }
}

static void on_closed(struct hub_socket *s, const char *reason) {
    assert_int_equal(s->state, HUB_SOCKET_CLOSED);
    assert_null(s->client);
    hub_buf_addf(&seen, "closed %s;", reason);
    hub_socket_emit(s, HUB_STR("late"), HUB_STR(""), 0); /* harmless */
    hub_socket_disconnect(s, true);
}

static const struct hub_namespace_ops ops = {.connect = on_connect, .event = on_event, .closed = on_closed};

static bool find(void *ctx, struct hub_str name, const struct hub_namespace_ops **out, void **owner) {
    (void)ctx;
    *out = &ops;
    *owner = &owner_of_main;
    return hub_str_is(name, "/") || hub_str_starts(name, HUB_STR("/custom"));
}

static void list(void *ctx, struct hub_buf *out) {
    (void)ctx;
    hub_buf_addz(out, "/ /custom");
}

#define CONNECT_TIMEOUT 45000

static int setup(void **state) {
    (void)state;
    const struct hub_sessions_config config = {
        .connect_timeout = CONNECT_TIMEOUT, .max_payload = 1000, .find = find, .list = list};
    loop = turned_loop_new();
    sessions = hub_sessions_new(loop, &config);
    hold = false;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    hub_sessions_delete(sessions);
    turned_loop_delete(loop);
    hub_buf_free(&seen);
    return 0;
}

/* What the namespace saw since the last look. */
#define assert_seen(WHAT) (assert_string_equal(hub_buf_cstr(&seen), WHAT), hub_buf_clear(&seen))
#define assert_next(EIO, WHAT) assert_string_equal(fake_next(EIO), WHAT)

static void assert_next_starts(struct hub_eio *eio, const char *start) {
    const char *got = fake_next(eio);
    if (strncmp(got, start, strlen(start)) != 0) fail_msg("\"%s\" does not start with \"%s\"", got, start);
}

/* A client that has joined "/". */
static struct hub_eio *joined(void) {
    struct hub_eio *eio = fake_open(sessions);
    fake_text(eio, "0");
    assert_next_starts(eio, "40{\"sid\":\"");
    assert_seen("connect ;");
    return eio;
}

static void connect_is_answered_with_a_sid(void **state) {
    (void)state;
    struct hub_eio *eio = fake_open(sessions);
    char want[64];
    fake_text(eio, "0{\"token\":\"123\"}");
    assert_seen("connect {\"token\":\"123\"};");
    snprintf(want, sizeof want, "40{\"sid\":\"%s\"}", last->sid);
    assert_next(eio, want);
    fake_text(eio, "0/custom,");
    assert_seen("connect ;");
    snprintf(want, sizeof want, "40/custom,{\"sid\":\"%s\"}", last->sid);
    assert_next(eio, want);
    fake_free(eio);
    assert_seen("closed transport close;closed transport close;");
}

static void an_unknown_namespace_is_refused_and_the_client_stays(void **state) {
    (void)state;
    struct hub_eio *eio = fake_open(sessions);
    fake_text(eio, "0/random");
    assert_next(eio, "44/random,{\"message\":\"Invalid namespace\"}");
    fake_text(eio, "0/custom\x01,");
    assert_next(eio, "44/custom\x01,{\"message\":\"Invalid namespace\"}");
    char longest[300] = "0/custom";
    memset(longest + 8, 'x', 1 + 256 - 8);
    fake_text(eio, longest);
    assert_next_starts(eio, "40/custom");
    longest[1 + 256] = 'x';
    fake_text(eio, longest);
    assert_next_starts(eio, "44/custom");
    fake_free(eio);
    assert_seen("connect ;closed transport close;");
}

static void a_namespace_may_refuse_at_once_or_later(void **state) {
    (void)state;
    struct hub_eio *eio = fake_open(sessions);
    fake_text(eio, "0{\"refuse\":1}");
    assert_next(eio, "44{\"message\":\"No\",\"data\":{\"code\":\"why\"}}");
    hold = true;
    fake_text(eio, "0");
    fake_text(eio, "2[\"too early\"]");
    assert_next(eio, "");
    hub_socket_refuse(last, "Later", HUB_STR(""));
    assert_next(eio, "44{\"message\":\"Later\"}");
    fake_text(eio, "0");
    assert_seen("connect {\"refuse\":1};connect ;connect ;");
    hub_socket_accept(last);
    hub_socket_accept(last);
    hub_socket_refuse(last, "Too late", HUB_STR(""));
    assert_next_starts(eio, "40{\"sid\"");
    assert_next(eio, "");
    fake_free(eio);
    assert_seen("closed transport close;");
}

static void a_socket_that_still_connects_is_closed_with_its_client(void **state) {
    (void)state;
    struct hub_eio *eio = fake_open(sessions);
    hold = true;
    fake_text(eio, "0");
    struct hub_socket *s = hub_socket_ref(last);
    fake_free(eio);
    assert_seen("connect ;closed transport close;");
    hub_socket_accept(s);
    hub_socket_refuse(s, "No", HUB_STR(""));
    assert_int_equal(s->state, HUB_SOCKET_CLOSED);
    assert_int_equal(hub_socket_handshake(s).peer.n, 0);
    hub_socket_unref(s);
}

static void events_arrive_with_arguments_and_acknowledgement_id(void **state) {
    (void)state;
    struct hub_eio *eio = joined();
    fake_text(eio, "2[\"hello\",1,\"2\",{\"3\":[true]}]");
    fake_text(eio, "2456[\"hello\"]");
    fake_text(eio, "2[7,8]");
    fake_text(eio, "2[-1.5]");
    fake_text(eio, "2[\"7\"]");
    assert_seen("event hello [1,\"2\",{\"3\":[true]}];event hello [] #456;event 7 (number) [8];event -1.5 (number) "
                "[];event 7 [];");
    fake_text(eio, "2456[\"echo\",1,\"2\",{\"3\":[false]}]");
    assert_next(eio, "43456[1,\"2\",{\"3\":[false]}]");
    fake_text(eio, "2[\"echo\"]");
    assert_next(eio, "42[\"back\"]");
    fake_text(eio, "2[\"echo\",{\"_placeholder\":true,\"num\":5}]"); /* only binary packets have placeholders */
    assert_next(eio, "42[\"back\",{\"_placeholder\":true,\"num\":5}]");
    hub_socket_emit(last, HUB_STR("news"), HUB_STR("1,2"), HUB_SEND_EPHEMERAL);
    assert_next(eio, "42[\"news\",1,2]");
    assert_int_equal(eio->flags, HUB_SEND_EPHEMERAL);
    hub_socket_ack(last, -1, HUB_STR("1"), NULL);
    assert_next(eio, "");
    fake_free(eio);
}

static void attachments_arrive_and_leave_with_their_packet(void **state) {
    (void)state;
    struct hub_eio *eio = joined();
    fake_text(eio, "52-[\"echo\",{\"_placeholder\":true,\"num\":0},[{\"x\":{\"_placeholder\":true,\"num\":1}}]]");
    assert_in_range(eio->held, 64, 1000); /* counted with what others have sent in part */
    fake_bytes(eio, "abc", 3, true);
    assert_in_range(eio->held, 64 + 3, 1000);
    assert_seen("");
    fake_bytes(eio, "", 0, true);
    assert_int_equal(eio->held, 0);
    assert_seen("event echo [{\"_placeholder\":true,\"num\":0},[{\"x\":{\"_placeholder\":true,\"num\":1}}]] <abc> <>;");
    assert_next(eio, "452-[\"back\",{\"_placeholder\":true,\"num\":0},[{\"x\":{\"_placeholder\":true,\"num\":1}}]]");
    assert_next(eio, "<616263>");
    assert_next(eio, "<>");
    assert_int_equal(eio->sent, 2); /* one piece for the three frames */
    fake_text(eio, "51-789[\"echo\",{\"_placeholder\":true,\"num\":0}]");
    fake_bytes(eio, "\x01", 1, true);
    assert_next(eio, "461-789[{\"_placeholder\":true,\"num\":0}]");
    assert_next(eio, "<01>");
    fake_text(eio, "50-[\"hello\"]");
    fake_free(eio);
}

static void attachments_for_a_namespace_left_meanwhile_are_ignored(void **state) {
    (void)state;
    struct hub_eio *eio = joined();
    fake_text(eio, "51-[\"echo\",{\"_placeholder\":true,\"num\":0}]");
    hub_socket_disconnect(last, false);
    fake_bytes(eio, "abc", 3, true);
    assert_false(eio->close_asked);
    assert_seen("closed server namespace disconnect;");
    fake_text(eio, "0");
    fake_text(eio, "51-[\"echo\",{\"_placeholder\":true,\"num\":0}]");
    fake_free(eio); /* the unfinished packet goes with it */
}

static void broken_packets_end_the_session(void **state) {
    static const char *const packets[] = {
        "abc",
        "",
        "9",
        "2{}",
        "2abc[\"x\"]",
        "2",
        "2[]",
        "2[",
        "2[\"x\"",
        "2[\"x\",]",
        "2[null]",
        "2[{}]",
        "2[\"connect\"]",
        "2[\"disconnecting\",1]",
        "2[\"newListener\"]",
        "2[\"removeListener\"]",
        "2[\"connect_error\"]",
        "2[\"disconnect\"]",
        "2[\"x\",tru]",
        "4{\"message\":\"x\"}",
        "0",
        "0[]",
        "0/custom,{",
        "5[\"x\"]",
        "599999999999-[\"x\"]",
        "51-",
    };
    (void)state;
    for (size_t i = 0; i < sizeof packets / sizeof *packets; i++) {
        struct hub_eio *eio = joined();
        fake_text(eio, packets[i]);
        if (!eio->close_asked) fail_msg("survived: %s", packets[i]);
        assert_int_equal(eio->reason, HUB_CLOSE_PARSE);
        fake_text(eio, "2[\"after the end\"]");
        hub_socket_emit(last, HUB_STR("nothing"), HUB_STR(""), 0);
        assert_next(eio, "");
        fake_free(eio);
        assert_seen("closed parse error;");
    }
}

static void attachments_that_do_not_fit_end_the_session(void **state) {
    static const char *const packets[] = {
        "51-[\"x\"]",                                   /* no place for it */
        "51-[\"x\",{\"_placeholder\":true,\"num\":1}]", /* a place without one */
        "51-[\"x\",{\"_placeholder\":true,\"num\":-1}]",
        "51-[\"x\",{\"_placeholder\":true,\"num\":\"0\"}]",
        "51-[\"x\",{\"_placeholder\":true}]",
        "51-[\"x\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":0}]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof packets / sizeof *packets; i++) {
        struct hub_eio *eio = joined();
        fake_text(eio, packets[i]);
        fake_bytes(eio, "a", 1, true);
        if (!eio->close_asked) fail_msg("survived: %s", packets[i]);
        assert_int_equal(eio->reason, HUB_CLOSE_PARSE);
        fake_free(eio);
        assert_seen("closed parse error;");
    }
    struct hub_eio *eio = joined();
    fake_bytes(eio, "a", 1, true);
    assert_int_equal(eio->reason, HUB_CLOSE_PARSE);
    fake_free(eio);
    hub_buf_clear(&seen);

    eio = joined();
    fake_text(eio, "52-[\"x\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
    fake_text(eio, "2[\"between\"]");
    assert_int_equal(eio->reason, HUB_CLOSE_PARSE);
    fake_free(eio);
    assert_seen("closed parse error;");
}

static void attachments_share_the_limit_of_one_packet(void **state) {
    (void)state;
    struct hub_eio *eio = joined();
    char bytes[600] = {0};
    fake_text(eio, "52-[\"x\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
    fake_bytes(eio, bytes, sizeof bytes, true);
    assert_false(eio->close_asked);
    fake_bytes(eio, bytes, sizeof bytes, true);
    assert_int_equal(eio->reason, HUB_CLOSE_TOO_LARGE);
    assert_int_equal(eio->ws_code, 1009);
    fake_free(eio);
    assert_seen("closed too large;");
}

static void announce_many(struct hub_eio *eio, const char *packet, int n) {
    fake_text(eio, packet);
    for (int i = 0; i < n; i++) fake_bytes(eio, "abc", 3, true);
}

/* What a client sends too much of must not cost it the connection. */
static void too_many_attachments_are_answered_and_thrown_away(void **state) {
    (void)state;
    struct hub_eio *eio = joined();
    announce_many(eio, "565-12[\"x\",{\"_placeholder\":true,\"num\":0}]", 65);
    assert_next(eio, "4312[{\"ok\":false,\"error\":{\"code\":\"bad_request\",\"message\":\"an event carries at most 64 "
                     "binary attachments\"}}]");
    announce_many(eio, "5500-[7]", 500); /* 1,500 bytes: more than a packet may have, and none is kept */
    assert_next(eio, "42[\"hub:error\",{\"error\":\"an event carries at most 64 binary "
                     "attachments\",\"code\":\"bad_request\",\"event\":\"7\"}]");
    announce_many(eio, "565-/custom,1[\"x\"]", 65); /* not in that namespace */
    announce_many(eio, "665-1[]", 65);
    fake_text(eio, "2[\"hello\"]");
    assert_seen("event hello [];");
    assert_next(eio, "");
    assert_false(eio->close_asked);
    fake_text(eio, "565-[\"x\"]");
    fake_text(eio, "2[\"between\"]");
    assert_int_equal(eio->reason, HUB_CLOSE_PARSE);
    fake_free(eio);
    assert_seen("closed parse error;");
    eio = joined();
    fake_text(eio, "565-[\"x\"");
    assert_int_equal(eio->reason, HUB_CLOSE_PARSE);
    fake_free(eio);
    hub_buf_clear(&seen);
    eio = fake_open(sessions);
    fake_text(eio, "565-[\"x\"]"); /* before any CONNECT */
    assert_int_equal(eio->reason, HUB_CLOSE_PARSE);
    fake_free(eio);
}

static void a_query_behind_the_namespace_is_left_out_of_the_search_only(void **state) {
    (void)state;
    struct hub_eio *eio = fake_open(sessions);
    fake_text(eio, "0/custom?a=b,");
    assert_next_starts(eio, "40/custom?a=b,{\"sid\":\"");
    fake_text(eio, "2/custom?a=b,1[\"echo\",1]");
    assert_next(eio, "43/custom?a=b,1[1]");
    fake_text(eio, "0/?a=b,");
    assert_next_starts(eio, "40/?a=b,{\"sid\":\"");
    fake_text(eio, "0/elsewhere?a=b,");
    assert_next(eio, "44/elsewhere?a=b,{\"message\":\"Invalid namespace\"}");
    assert_false(eio->close_asked);
    fake_free(eio);
}

static void a_bad_request_is_answered_and_the_session_goes_on(void **state) {
    (void)state;
    struct hub_eio *eio = joined();
    struct hub_buf deep = {0};
    hub_buf_addz(&deep, "2[ \"a \\\"name\\\"\",");
    for (int i = 0; i < 70; i++) hub_buf_addc(&deep, '[');
    for (int i = 0; i < 71; i++) hub_buf_addc(&deep, ']');
    fake_text(eio, hub_buf_cstr(&deep));
    hub_buf_free(&deep);
    assert_next_starts(eio, "42[\"hub:error\",{\"error\":\"JSON nested deeper than 64 "
                            "levels\",\"code\":\"bad_request\",\"event\":\"a \\\"name\\\"\"}]");
    fake_text(eio, "25[\"x\",{\"a\":1,\"a\":2}]");
    assert_next_starts(eio, "435[{\"ok\":false,\"error\":{\"code\":\"bad_request\",\"message\":\"");
    fake_text(eio, "26[\"x\",\"\\ud800\"]");
    assert_next_starts(eio, "436[{\"ok\":false,");
    fake_text(eio, "27[ 7,\"\\ud800\"]");
    assert_next_starts(eio, "437[{\"ok\":false,");
    /* Names that have no value here; a stock server knows the first two as Infinity. */
    fake_text(eio, "28[1e400]");
    assert_next_starts(eio, "438[{\"ok\":false,");
    fake_text(eio, "2[ -1e400,1]");
    assert_next(eio, "42[\"hub:error\",{\"error\":\"invalid JSON at byte 8: a number too "
                     "large\",\"code\":\"bad_request\",\"event\":\"-1e400\"}]");
    fake_text(eio, "2[\"\\ud800\",1]");
    assert_next_starts(eio, "42[\"hub:error\",");
    assert_true(strstr(eio->text.p, "\"event\":\"\\\\ud800\"") != NULL);
    fake_text(eio, "0/custom,{\"a\":1,\"a\":2}");
    assert_next_starts(eio, "44/custom,{\"message\":");
    assert_false(eio->close_asked);
    assert_seen("");
    fake_free(eio);
}

static void packets_for_a_namespace_left_are_ignored(void **state) {
    (void)state;
    struct hub_eio *eio = joined();
    fake_text(eio, "2/custom,[\"x\"]");
    fake_text(eio, "1/custom,");
    fake_text(eio, "3/custom,1[]");
    fake_text(eio, "1");
    fake_text(eio, "2[\"x\"]");
    assert_seen("closed client namespace disconnect;");
    assert_false(eio->close_asked);
    assert_next(eio, "");
    fake_text(eio, "0");
    assert_next_starts(eio, "40{");
    fake_free(eio);
    assert_seen("connect ;closed transport close;");
}

static void the_first_packet_must_be_connect(void **state) {
    (void)state;
    struct hub_eio *eio = fake_open(sessions);
    fake_text(eio, "2[\"x\"]");
    assert_int_equal(eio->reason, HUB_CLOSE_PARSE);
    fake_free(eio);
}

static void the_server_disconnects_one_namespace_or_the_client(void **state) {
    (void)state;
    struct hub_eio *eio = joined();
    fake_text(eio, "0/custom,");
    fake_next(eio);
    hub_buf_clear(&seen);
    fake_text(eio, "2/custom,[\"leave\"]");
    assert_next(eio, "41/custom,");
    assert_seen("event leave [];closed server namespace disconnect;");
    assert_false(eio->close_asked);
    fake_text(eio, "0/custom,");
    fake_next(eio);
    hub_buf_clear(&seen);
    fake_text(eio, "2[\"end\"]");
    assert_next(eio, "41");
    assert_next(eio, "41/custom,");
    assert_int_equal(eio->reason, HUB_CLOSE_SERVER);
    assert_seen("event end [];closed server namespace disconnect;closed server namespace disconnect;");
    fake_free(eio);
    assert_seen("");
}

/* DISCONNECT tells a stock client to stay away; who is only silent, or too slow, shall come back. */
static void a_dropped_client_is_not_told_to_stay_away(void **state) {
    (void)state;
    struct hub_eio *eio = joined();
    fake_text(eio, "0/custom,");
    fake_next(eio);
    hub_buf_clear(&seen);
    hub_socket_ping(last);
    assert_int_equal(eio->pings, 1);
    hub_socket_ref(last);
    hub_socket_drop(last, HUB_CLOSE_PING, "silent");
    assert_seen("closed ping timeout;closed ping timeout;");
    assert_int_equal(eio->reason, HUB_CLOSE_PING);
    assert_int_equal(eio->ws_code, 1000);
    assert_next(eio, "");
    hub_socket_ping(last);
    hub_socket_drop(last, HUB_CLOSE_SERVER, "again");
    hub_socket_unref(last);
    fake_free(eio);
    assert_seen("");
}

static void a_client_that_joins_nothing_is_closed(void **state) {
    (void)state;
    struct hub_eio *busy = joined(), *idle = fake_open(sessions), *refused = fake_open(sessions);
    fake_text(refused, "0{\"refuse\":1}");
    turn_clock(loop, CONNECT_TIMEOUT - 1);
    assert_false(idle->close_asked || refused->close_asked);
    turn_clock(loop, 1);
    assert_true(idle->close_asked && refused->close_asked);
    assert_int_equal(idle->reason, HUB_CLOSE_SERVER);
    assert_false(busy->close_asked);
    fake_free(idle);
    fake_free(refused);
    fake_free(busy);
}

static void namespaces_per_client_are_bounded(void **state) {
    (void)state;
    struct hub_eio *eio = fake_open(sessions);
    char packet[32];
    for (int i = 0; i < 50; i++) {
        snprintf(packet, sizeof packet, "0/custom%d,", i);
        fake_text(eio, packet);
        assert_next_starts(eio, "40/custom");
    }
    fake_text(eio, "0/custom50,");
    assert_next(eio, "44/custom50,{\"message\":\"Too many namespaces\",\"data\":{\"code\":\"overloaded\"}}");
    fake_free(eio);
}

static void sockets_of_one_name_share_it(void **state) {
    (void)state;
    struct hub_eio *a = joined();
    struct hub_socket *first = hub_socket_ref(last);
    struct hub_eio *b = joined();
    assert_ptr_equal(first->nsp, last->nsp);
    assert_int_equal(first->nsp->refs, 2);
    fake_free(b);
    assert_int_equal(first->nsp->refs, 1);
    fake_free(a);
    assert_string_equal(first->nsp->name.p[0] == '/' ? "/" : "", "/"); /* alive with the reference */
    hub_socket_unref(first);
}

static void the_handshake_is_kept_in_short(void **state) {
    (void)state;
    struct hub_buf cookie = {0};
    hub_buf_addz(&cookie, "junk=");
    for (int i = 0; i < 3000; i++) hub_buf_addc(&cookie, 'x');
    hub_buf_addz(&cookie, "; connect.sidx=2; connect.sid=s%3Aa; access_token=abc; more=1");
    hub_sessions_keep_cookie(sessions, "connect.sid");
    struct hub_eio *eio = fake_open_with(sessions, (struct hub_handshake){.peer = HUB_STR("10.0.0.1"),
                                                                          .cookie = hub_buf_str(&cookie),
                                                                          .authorization = HUB_STR("Bearer t"),
                                                                          .query = HUB_STR("EIO=4&access_token=q"),
                                                                          .secure = true});
    hub_buf_free(&cookie);
    eio->last_in = 77;
    fake_text(eio, "0");
    const struct hub_handshake kept = hub_socket_handshake(last), *hs = &kept;
    assert_true(hub_str_is(hs->cookie, "access_token=abc;connect.sid=s%3Aa"));
    assert_true(hub_str_is(hs->authorization, "Bearer t"));
    assert_true(hub_str_is(hs->query, "EIO=4&access_token=q"));
    assert_true(hub_str_is(hs->peer, "10.0.0.1"));
    assert_true(hs->secure && !hs->origin.n);
    assert_int_equal(hub_socket_last_in(last), 77);
    fake_free(eio);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(connect_is_answered_with_a_sid, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_namespace_is_refused_and_the_client_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_namespace_may_refuse_at_once_or_later, setup, teardown),
        cmocka_unit_test_setup_teardown(a_socket_that_still_connects_is_closed_with_its_client, setup, teardown),
        cmocka_unit_test_setup_teardown(events_arrive_with_arguments_and_acknowledgement_id, setup, teardown),
        cmocka_unit_test_setup_teardown(attachments_arrive_and_leave_with_their_packet, setup, teardown),
        cmocka_unit_test_setup_teardown(attachments_for_a_namespace_left_meanwhile_are_ignored, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_packets_end_the_session, setup, teardown),
        cmocka_unit_test_setup_teardown(attachments_that_do_not_fit_end_the_session, setup, teardown),
        cmocka_unit_test_setup_teardown(attachments_share_the_limit_of_one_packet, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_request_is_answered_and_the_session_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_attachments_are_answered_and_thrown_away, setup, teardown),
        cmocka_unit_test_setup_teardown(a_query_behind_the_namespace_is_left_out_of_the_search_only, setup, teardown),
        cmocka_unit_test_setup_teardown(packets_for_a_namespace_left_are_ignored, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_packet_must_be_connect, setup, teardown),
        cmocka_unit_test_setup_teardown(the_server_disconnects_one_namespace_or_the_client, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dropped_client_is_not_told_to_stay_away, setup, teardown),
        cmocka_unit_test_setup_teardown(a_client_that_joins_nothing_is_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(namespaces_per_client_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(sockets_of_one_name_share_it, setup, teardown),
        cmocka_unit_test_setup_teardown(the_handshake_is_kept_in_short, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
