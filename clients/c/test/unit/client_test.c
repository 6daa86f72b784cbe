/* The life of a client on a transport that a test plays: what it says, what it is told, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "client.h"
#include "clients/c/test/fake_transport.h"

#define OPEN "0{\"sid\":\"s\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000}"
#define TO_HUB "40/hub/chat,{\"sid\":\"x\"}"
#define JOINED "\"ok\":true,\"epoch\":\"e\",\"permissions\":{\"canRead\":true}"

struct world {
    struct fake_transport *line;
    struct hubd_client *client;
    char log[8192]; /* what was told, a word each */
};

static void note(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct world *w, const char *format, ...) {
    size_t n = strlen(w->log);
    va_list args;
    va_start(args, format);
    vsnprintf(w->log + n, sizeof w->log - n, format, args);
    va_end(args);
    strncat(w->log, " ", sizeof w->log - strlen(w->log) - 1);
}

static void on_state(void *user, enum hubd_state state) {
    static const char *const names[] = {"connecting",   "connected",  "recovering", "draining",
                                        "unauthorized", "superseded", "closed"};
    note(user, "%s", names[state]);
}

static void on_message(void *user, const char *room, const json_t *message) {
    note(user, "%s:%lld", room, (long long)hubc_int_of(message, "seq", -1));
}

static void on_event(void *user, const char *event, const json_t *data, const void *binary, size_t n) {
    (void)data;
    if (!strcmp(event, "hub:history")) return;
    note(user, "%s", event);
    if (binary) note(user, "%.*s", (int)n, (const char *)binary);
}

static void on_want_token(void *user, struct hubd_client *c) {
    (void)c;
    note(user, "wanted");
}

static void on_answer(void *user, const struct hubd_error *error, const json_t *answer) {
    note(user, "%s", error ? error->code : json_is_true(json_object_get(answer, "ok")) ? "ok" : "nothing");
}

/* A turn within a turn would take away what the outer one still has in hand. */
static void on_answer_turn(void *user, const struct hubd_error *error, const json_t *answer) {
    struct world *w = user;
    (void)answer;
    note(w, "%s,", error ? error->code : "ok");
    hubd_client_service(w->client, 0);
    note(w, "back");
}

static void on_value(void *user, const json_t *value, int64_t number) {
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    note(user, "%s@%lld", text ? text : "none", (long long)number);
    free(text);
}

static void begin_with(struct world *w, bool wants_token) {
    struct hubd_client_options o;
    *w = (struct world){.line = fake_new()};
    hubd_client_options_init(&o);
    o.hub = "chat";
    o.user = w;
    o.queue_limit = 2;
    o.on_state = on_state;
    o.on_message = on_message;
    o.on_event = on_event;
    if (wants_token) o.want_token = on_want_token;
    w->client = hubc_client_new(&o, &w->line->base);
    assert_non_null(w->client);
}

static void let_in(struct world *w) {
    fake_turn(w->line, 0);
    fake_text(w->line, OPEN);
    fake_text(w->line, TO_HUB);
}

static void begin(struct world *w) {
    begin_with(w, false);
    let_in(w);
    *w->log = 0;
}

/* What was told since is TEXT. */
static void expect_told(struct world *w, const char *text) {
    size_t n = strlen(w->log);
    if (n) w->log[n - 1] = 0;
    assert_string_equal(w->log, text);
    *w->log = 0;
}

/* The last thing that was sent. */
static const char *last_sent(const struct world *w) {
    assert_true(w->line->sent_count > 0);
    return w->line->sent[w->line->sent_count - 1].text;
}

static void expect_sent(const struct world *w, const char *part) {
    if (!strstr(last_sent(w), part)) fail_msg("\"%s\" is not in %s", part, last_sent(w));
}

/* Joins "r" at number SEQ, with messages up to it; the two questions have the ids ID and ID + 1. */
static void join_first(struct world *w, int id, int seq) {
    char text[256];
    hubd_client_join(w->client, "r", on_answer, w);
    snprintf(text, sizeof text, "43/hub/chat,%d[{" JOINED ",\"seq\":%d}]", id, seq);
    fake_text(w->line, text);
    snprintf(text, sizeof text,
             "42/hub/chat,[\"hub:history\",{\"roomId\":\"r\",\"messages\":[{\"seq\":%d}],\"recovered\":null}]", seq);
    fake_text(w->line, text);
    snprintf(text, sizeof text, "43/hub/chat,%d[{\"ok\":false,\"error\":{\"code\":\"bad_request\"}}]", id + 1);
    fake_text(w->line, text);
}

static void message_comes(struct world *w, int seq) {
    char text[128];
    snprintf(text, sizeof text, "42/hub/chat,[\"hub:messageArrived\",{\"roomId\":\"r\",\"message\":{\"seq\":%d}}]",
             seq);
    fake_text(w->line, text);
}

static void finish(struct world *w) { hubd_client_free(w->client); }

static void it_connects_and_answers_heartbeats(void **state) {
    (void)state;
    struct world w;
    begin_with(&w, false);
    assert_int_equal(w.line->opens, 0);
    let_in(&w);
    expect_told(&w, "connected");
    assert_string_equal(w.line->sent[0].text, "40/hub/chat,{}");
    fake_text(w.line, "2");
    assert_string_equal(last_sent(&w), "3");
    fake_turn(w.line, 44999);
    expect_told(&w, "");
    fake_turn(w.line, 1); /* silence for longer than two heartbeats may take */
    expect_told(&w, "recovering");
    fake_turn(w.line, 1000);
    assert_int_equal(w.line->opens, 2);
    finish(&w);
}

static void messages_come_once_and_in_order(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    join_first(&w, 0, 5);
    expect_told(&w, "r:5 ok");
    message_comes(&w, 6);
    message_comes(&w, 6);
    message_comes(&w, 3);
    fake_text(w.line, "42/hub/chat,[\"hub:skipped\",{\"roomId\":\"r\",\"seqs\":[7,8]}]");
    message_comes(&w, 9);
    expect_told(&w, "r:6 hub:skipped r:9");
    message_comes(&w, 11); /* 10 is missing, and is asked for */
    expect_sent(&w, "[\"hub:join\",{\"roomId\":\"r\",\"since\":9,\"epoch\":\"e\"}]");
    fake_text(w.line, "43/hub/chat,2[{" JOINED ",\"seq\":11}]");
    fake_text(
        w.line,
        "42/hub/chat,[\"hub:history\",{\"roomId\":\"r\",\"messages\":[{\"seq\":10},{\"seq\":11}],\"recovered\":true}]");
    message_comes(&w, 12);
    expect_told(&w, "r:10 r:11 r:12");
    finish(&w);
}

static void a_lost_connection_is_made_good(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    join_first(&w, 0, 1);
    fake_break(w.line);
    expect_told(&w, "r:1 ok recovering");
    fake_turn(w.line, 1000);
    let_in(&w);
    expect_sent(&w, "\"since\":1,\"epoch\":\"e\"");
    fake_text(w.line, "43/hub/chat,2[{" JOINED ",\"seq\":5}]");
    fake_text(
        w.line,
        "42/hub/chat,[\"hub:history\",{\"roomId\":\"r\",\"messages\":[{\"seq\":2}],\"recovered\":true,\"changes\":["
        "{\"messageId\":\"a\",\"seq\":3,\"message\":{\"id\":\"a\"}},{\"messageId\":\"b\",\"seq\":4,\"deleted\":true},"
        "{\"messageId\":\"c\",\"seq\":7,\"message\":{\"id\":\"c\"}}]}]"); /* 7 comes live, too */
    expect_told(&w, "connected r:2 hub:messageEdited hub:messageDeleted");
    finish(&w);
}

static void another_epoch_begins_anew(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    join_first(&w, 0, 9);
    fake_break(w.line);
    fake_turn(w.line, 1000);
    let_in(&w);
    *w.log = 0;
    fake_text(w.line, "43/hub/chat,2[{\"ok\":true,\"epoch\":\"f\",\"seq\":1,\"permissions\":{\"canRead\":true}}]");
    fake_text(w.line,
              "42/hub/chat,[\"hub:history\",{\"roomId\":\"r\",\"messages\":[{\"seq\":1}],\"recovered\":false}]");
    expect_told(&w, "r:1");
    finish(&w);
}

static void what_is_sent_is_sent_until_it_is_answered(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    join_first(&w, 0, 0);
    *w.log = 0;
    hubd_client_send(w.client, "r", "text", NULL, on_answer, &w);
    char *first = hubc_copy(strstr(last_sent(&w), "[\"hub:send\""));
    fake_break(w.line);
    expect_told(&w, "recovering");
    hubd_client_send(w.client, "r", "text", NULL, on_answer, &w);
    hubd_client_send(w.client, "r", "text", NULL, on_answer, &w);
    expect_told(&w, ""); /* not from inside */
    fake_turn(w.line, 0);
    expect_told(&w, "queue_full");
    fake_turn(w.line, 1000);
    let_in(&w);
    int before = w.line->sent_count;
    fake_text(w.line, "43/hub/chat,3[{" JOINED ",\"seq\":0}]");
    assert_int_equal(w.line->sent_count, before);
    fake_text(w.line, "42/hub/chat,[\"hub:history\",{\"roomId\":\"r\",\"messages\":[],\"recovered\":true}]");
    assert_int_equal(w.line->sent_count, before + 2);
    assert_string_equal(strstr(w.line->sent[before].text, "[\"hub:send\""), first); /* with the same clientMessageId */
    fake_text(w.line, "43/hub/chat,4[{\"ok\":true,\"message\":{}}]");
    fake_text(w.line, "43/hub/chat,4[{\"ok\":true,\"message\":{}}]");
    fake_text(w.line, "43/hub/chat,5[{\"ok\":false,\"error\":{\"code\":\"cannot_send\"}}]");
    expect_told(&w, "connected ok cannot_send");
    free(first);
    finish(&w);
}

/* A gap makes the room join again on the same connection, where the answer is still to come. */
static void what_is_on_its_way_is_not_sent_twice(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    join_first(&w, 0, 0);
    hubd_client_send(w.client, "r", "text", NULL, on_answer, &w);
    message_comes(&w, 2);
    *w.log = 0;
    fake_text(w.line, "43/hub/chat,3[{" JOINED ",\"seq\":2}]");
    fake_text(w.line, "42/hub/chat,[\"hub:history\",{\"roomId\":\"r\",\"messages\":[],\"recovered\":true}]");
    expect_sent(&w, "hub:join");
    fake_text(w.line, "43/hub/chat,2[{\"ok\":true,\"message\":{}}]");
    expect_told(&w, "ok");
    finish(&w);
}

static void commands_are_never_repeated(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    hubd_client_command(w.client, "roll", NULL, on_answer, &w);
    expect_sent(&w, "0[\"hub:command\",{\"command\":\"roll\"}]");
    fake_break(w.line);
    expect_told(&w, "disconnected recovering");
    hubd_client_command(w.client, "roll", NULL, on_answer, &w);
    fake_turn(w.line, 1000);
    expect_told(&w, "disconnected");
    let_in(&w);
    assert_null(strstr(last_sent(&w), "roll"));
    finish(&w);
}

static void silence_is_probed_and_ends_the_line(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    hubd_client_command(w.client, "roll", NULL, on_answer, &w);
    fake_turn(w.line, 10000);
    expect_told(&w, "timeout");
    expect_sent(&w, "1[\"hub:leave\",{}]");
    fake_turn(w.line, 5000);
    expect_told(&w, "recovering");
    finish(&w);
}

static void a_late_answer_where_others_come_ends_nothing(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    hubd_client_command(w.client, "roll", NULL, on_answer, &w);
    fake_turn(w.line, 5000);
    fake_text(w.line, "2");
    fake_turn(w.line, 20000);
    expect_told(&w, "timeout");
    finish(&w);
}

static void a_draining_server_says_when(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    fake_text(w.line, "42/hub/chat,[\"hub:draining\",{\"retryAfterMs\":8000}]");
    fake_break(w.line);
    expect_told(&w, "draining hub:draining recovering");
    fake_turn(w.line, 7999);
    assert_int_equal(w.line->opens, 1);
    fake_turn(w.line, 4001);
    assert_int_equal(w.line->opens, 2);
    finish(&w);
}

static void tokens_are_asked_for_and_given_up(void **state) {
    (void)state;
    struct world w;
    begin_with(&w, true);
    fake_turn(w.line, 0);
    expect_told(&w, "wanted");
    assert_int_equal(w.line->opens, 0);
    hubd_client_token(w.client, NULL);
    fake_turn(w.line, 1000);
    expect_told(&w, "hub:error wanted");
    for (int i = 0; i < 2; i++) {
        hubd_client_token(w.client, "bad");
        fake_text(w.line, OPEN);
        expect_sent(&w, "{\"token\":\"bad\"}");
        fake_text(w.line, "44/hub/chat,{\"message\":\"Invalid token\",\"data\":{\"code\":\"invalid_token\"}}");
        fake_turn(w.line, 2500);
    }
    expect_told(&w, "hub:error wanted unauthorized hub:error");
    hubd_client_token(w.client, "good");
    let_in(&w);
    expect_told(&w, "recovering connected");
    finish(&w);
}

static void a_token_that_ends_is_renewed(void **state) {
    (void)state;
    struct world w;
    begin_with(&w, true);
    fake_turn(w.line, 0);
    hubd_client_token(
        w.client, "e30.eyJleHAiOiAxMDAwMCwgImlhdCI6IDkwMDB9.x"); /* it has ended long ago: at once, but not sooner */
    fake_text(w.line, OPEN);
    fake_text(w.line, TO_HUB);
    fake_turn(w.line, 999);
    expect_told(&w, "wanted connected");
    fake_turn(w.line, 1);
    expect_told(&w, "wanted");
    hubd_client_token(w.client, "another");
    expect_sent(&w, "[\"hub:refreshToken\",{\"token\":\"another\"}]");
    finish(&w);
}

static void a_channel_goes_on_where_it_stood(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    hubd_client_channel(w.client, "news", 2, on_value, &w);
    expect_sent(&w, "[\"hub:subscribe\",{\"channel\":\"news\",\"historyLimit\":2}]");
    fake_text(w.line, "43/hub/"
                      "chat,0[{\"ok\":true,\"offset\":2,\"epoch\":\"e\",\"recovered\":null,\"history\":[{\"offset\":1,"
                      "\"data\":1},{\"offset\":2,\"data\":2}]}]");
    fake_text(w.line, "42/hub/chat,[\"hub:channelMessage\",{\"channel\":\"news\",\"offset\":3,\"data\":3}]");
    fake_text(w.line,
              "42/hub/chat,[\"hub:channelMessage\",{\"channel\":\"news\",\"offset\":null,\"data\":\"outside\"}]");
    expect_told(&w, "1@1 2@2 3@3 hub:channelMessage \"outside\"@-1 hub:channelMessage");
    fake_text(w.line, "42/hub/chat,[\"hub:channelMessage\",{\"channel\":\"news\",\"offset\":5,\"data\":5}]");
    expect_sent(&w, "\"since\":3,\"epoch\":\"e\"");
    *w.log = 0;
    fake_text(w.line, "43/hub/"
                      "chat,1[{\"ok\":true,\"offset\":5,\"epoch\":\"e\",\"recovered\":true,\"history\":[{\"offset\":4,"
                      "\"data\":4},{\"offset\":5,\"data\":5}]}]");
    expect_told(&w, "4@4 5@5");
    hubd_client_channel(w.client, "news", 0, NULL, NULL);
    expect_sent(&w, "[\"hub:unsubscribe\",{\"channel\":\"news\"}]");
    finish(&w);
}

static void a_record_follows_its_patches(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    hubd_client_record(w.client, "p", on_value, &w);
    expect_sent(&w, "{\"recordId\":\"p\",\"mode\":\"patch\"}");
    fake_text(w.line, "43/hub/chat,0[{\"ok\":true,\"version\":1,\"record\":{\"a\":1}}]");
    fake_text(
        w.line,
        "42/hub/chat,[\"hub:recordUpdated\",{\"recordId\":\"p\",\"version\":2,\"patch\":[{\"op\":\"add\",\"path\":\"/"
        "b\",\"value\":2}]}]");
    fake_text(w.line, "42/hub/chat,[\"hub:recordDeleted\",{\"recordId\":\"p\",\"version\":3}]");
    fake_text(w.line, "42/hub/chat,[\"hub:recordUpdated\",{\"recordId\":\"p\",\"version\":4,\"full\":{\"c\":1}}]");
    expect_told(
        &w, "{\"a\":1}@1 {\"a\":1,\"b\":2}@2 hub:recordUpdated none@3 hub:recordDeleted {\"c\":1}@4 hub:recordUpdated");
    fake_text(w.line, "42/hub/chat,[\"hub:recordUpdated\",{\"recordId\":\"p\",\"version\":6,\"patch\":[]}]");
    expect_sent(&w,
                "[\"hub:subscribeRecord\",{\"recordId\":\"p\",\"mode\":\"patch\"}]"); /* 5 is missing: the whole one */
    finish(&w);
}

static void bytes_are_put_together_and_sent(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    fake_text(
        w.line,
        "452-/hub/chat,[\"e\",{\"x\":{\"_placeholder\":true,\"num\":1},\"y\":{\"_placeholder\":true,\"num\":0}}]");
    fake_bytes(w.line, "ab", 2);
    fake_bytes(w.line, "cde", 3);
    expect_told(&w, "e abcde");
    hubd_client_emit(w.client, "s", NULL, "xy", 2, NULL, NULL);
    assert_string_equal(w.line->sent[w.line->sent_count - 2].text,
                        "451-/hub/chat,[\"s\",{\"data\":{\"_placeholder\":true,\"num\":0}}]");
    assert_true(w.line->sent[w.line->sent_count - 1].binary);
    fake_text(w.line, "451-/hub/chat,[\"e\",{\"_placeholder\":true,\"num\":7}]");
    fake_bytes(w.line, "ab", 2); /* there is no seventh */
    expect_told(&w, "recovering");
    finish(&w);
}

/* hub:messageArrived before the commit, hub:messageStored behind it (broadcastThenPersist). */
static void a_provisional_message_is_one_when_it_is_stored(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    join_first(&w, 0, 0);
    *w.log = 0;
    fake_text(w.line, "42/hub/"
                      "chat,[\"hub:messageArrived\",{\"roomId\":\"r\",\"message\":{\"id\":\"a\",\"seq\":null,"
                      "\"provisional\":true}}]");
    fake_text(w.line, "42/hub/chat,[\"hub:messageStored\",{\"roomId\":\"r\",\"messageId\":\"a\",\"seq\":1}]");
    expect_told(&w, "hub:messageArrived r:1");
    fake_text(w.line, "42/hub/chat,[\"hub:messageStored\",{\"roomId\":\"r\",\"messageId\":\"b\",\"seq\":2}]");
    expect_sent(&w, "\"since\":1"); /* it came before we did */
    finish(&w);
}

static void a_room_that_one_is_thrown_out_of_is_over(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    join_first(&w, 0, 0);
    hubd_client_send(w.client, "r", "text", NULL, on_answer, &w);
    *w.log = 0;
    fake_text(w.line, "42/hub/chat,[\"hub:kicked\",{\"roomId\":\"r\",\"reason\":\"enough\"}]");
    expect_told(&w, "hub:kicked not_in_room");
    fake_break(w.line);
    fake_turn(w.line, 1000);
    let_in(&w);
    assert_null(strstr(last_sent(&w), "hub:join"));
    finish(&w);
}

static void close_answers_all_that_is_open_once(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    join_first(&w, 0, 0);
    hubd_client_join(w.client, "other", on_answer, &w);
    hubd_client_send(w.client, "r", "text", NULL, on_answer, &w);
    hubd_client_command(w.client, "roll", NULL, on_answer, &w);
    *w.log = 0;
    hubd_client_close(w.client);
    expect_sent(&w, "41/hub/chat,");
    expect_told(&w, "closed closed closed closed");
    hubd_client_close(w.client);
    assert_int_equal(hubd_client_service(w.client, 0), -1);
    hubd_client_send(w.client, "r", "text", NULL, on_answer, &w);
    hubd_client_leave(w.client, "r", on_answer, &w);
    hubd_client_join(w.client, "r", on_answer, &w);
    finish(&w);
    expect_told(&w, "closed closed closed");
}

static void ask_again(void *user, const struct hubd_error *error, const json_t *answer) {
    struct world *w = user;
    on_answer(user, error, answer);
    hubd_client_command(w->client, "again", NULL, ask_again, w);
}

/* Who asks again whenever he is refused: free() would never end. */
static void free_ends_though_everybody_asks_again(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    hubd_client_command(w.client, "a", NULL, ask_again, &w);
    finish(&w);
    expect_told(&w, "closed closed closed");
}

/* The first token of one who can be asked for others is renewed, too. */
static void a_first_token_is_watched(void **state) {
    (void)state;
    struct world w = {.line = fake_new()};
    struct hubd_client_options o;
    hubd_client_options_init(&o);
    o.hub = "chat";
    o.user = &w;
    o.token = "e30.eyJleHAiOiAxMDAwMCwgImlhdCI6IDkwMDB9.x";
    o.want_token = on_want_token;
    w.client = hubc_client_new(&o, &w.line->base);
    let_in(&w);
    fake_turn(w.line, 1000);
    expect_told(&w, "wanted");
    finish(&w);
}

/* What a callback does to the client is done when it returns. */
static void close_inside(void *user, const struct hubd_error *error, const json_t *answer) {
    struct world *w = user;
    on_answer(user, error, answer);
    hubd_client_close(w->client);
}

static void a_callback_may_close(void **state) {
    (void)state;
    for (int with_answer = 0; with_answer < 2; with_answer++) {
        struct world w;
        begin(&w);
        join_first(&w, 0, 0);
        *w.log = 0;
        hubd_client_command(w.client, "a", NULL, close_inside, &w);
        hubd_client_command(w.client, "b", NULL, close_inside, &w);
        hubd_client_command(w.client, "c", NULL, on_answer, &w);
        if (with_answer)
            fake_text(w.line, "43/hub/chat,2[{\"ok\":true}]");
        else
            fake_break(w.line);
        expect_told(&w, with_answer ? "ok closed closed closed" : "disconnected closed closed closed");
        finish(&w);
        expect_told(&w, "");
    }
}

static json_t *twice(void *user, const json_t *data) {
    (void)user;
    return json_is_integer(data) ? json_integer(json_integer_value(data) * 2) : NULL;
}

static void invocations_are_answered(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    hubd_client_on_invoke(w.client, "twice", twice, NULL);
    fake_text(w.line, "42/hub/chat,7[\"hub:invoke\",{\"type\":\"twice\",\"data\":4}]");
    assert_string_equal(last_sent(&w), "43/hub/chat,7[{\"ok\":true,\"result\":8}]");
    fake_text(w.line, "42/hub/chat,8[\"hub:invoke\",{\"type\":\"twice\"}]");
    expect_sent(&w, "8[{\"ok\":false,\"error\":{\"code\":\"failed\"");
    hubd_client_on_invoke(w.client, "twice", NULL, NULL);
    fake_text(w.line, "42/hub/chat,9[\"hub:invoke\",{\"type\":\"twice\",\"data\":4}]");
    expect_sent(&w, "9[{\"ok\":false,\"error\":{\"code\":\"not_found\"");
    finish(&w);
}

static void what_cannot_be_sent_is_refused_here(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    char long_text[1200];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    json_t *large = json_pack("{ss}", "text", long_text);
    hubd_client_emit(w.client, "e", large, NULL, 0, on_answer, &w); /* maxPayload is 1000 */
    w.line->full = true;
    hubd_client_emit(w.client, "e", NULL, NULL, 0, on_answer, &w);
    hubd_client_emit(w.client, "\xff", NULL, NULL, 0, on_answer, &w);
    fake_turn(w.line, 0);
    expect_told(&w, "too_large queue_full invalid_content");
    json_decref(large);
    w.line->full = false;
    hubd_client_emit(w.client, "e", NULL, long_text, 990, on_answer, &w); /* with its text it is more */
    w.line->room = 600;
    int sent = w.line->sent_count;
    hubd_client_emit(w.client, "e", NULL, long_text, 590, on_answer, &w); /* not its text alone, either */
    hubd_client_join(w.client, NULL, on_answer, &w);
    fake_turn(w.line, 0);
    expect_told(&w, "too_large queue_full invalid_content");
    assert_int_equal(w.line->sent_count, sent);
    finish(&w);
}

static void callbacks_may_ask_for_a_turn(void **state) {
    (void)state;
    struct world w;
    begin(&w);
    hubd_client_emit(w.client, "\xff", NULL, NULL, 0, on_answer_turn, &w);
    hubd_client_emit(w.client, "\xfe", NULL, NULL, 0, on_answer, &w);
    hubd_client_service(w.client, 0);
    expect_told(&w, "invalid_content, back invalid_content");
    finish(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callbacks_may_ask_for_a_turn),
        cmocka_unit_test(it_connects_and_answers_heartbeats),
        cmocka_unit_test(messages_come_once_and_in_order),
        cmocka_unit_test(a_lost_connection_is_made_good),
        cmocka_unit_test(another_epoch_begins_anew),
        cmocka_unit_test(what_is_sent_is_sent_until_it_is_answered),
        cmocka_unit_test(what_is_on_its_way_is_not_sent_twice),
        cmocka_unit_test(commands_are_never_repeated),
        cmocka_unit_test(silence_is_probed_and_ends_the_line),
        cmocka_unit_test(a_late_answer_where_others_come_ends_nothing),
        cmocka_unit_test(a_draining_server_says_when),
        cmocka_unit_test(tokens_are_asked_for_and_given_up),
        cmocka_unit_test(a_token_that_ends_is_renewed),
        cmocka_unit_test(a_channel_goes_on_where_it_stood),
        cmocka_unit_test(a_record_follows_its_patches),
        cmocka_unit_test(bytes_are_put_together_and_sent),
        cmocka_unit_test(a_provisional_message_is_one_when_it_is_stored),
        cmocka_unit_test(a_room_that_one_is_thrown_out_of_is_over),
        cmocka_unit_test(close_answers_all_that_is_open_once),
        cmocka_unit_test(a_callback_may_close),
        cmocka_unit_test(free_ends_though_everybody_asks_again),
        cmocka_unit_test(a_first_token_is_watched),
        cmocka_unit_test(invocations_are_answered),
        cmocka_unit_test(what_cannot_be_sent_is_refused_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
