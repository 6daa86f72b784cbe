/* Socket.IO packets: the examples of the protocol, what must be refused, and that writing is the inverse
 * of reading. */
#include "packet/sio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"

struct good_case {
    const char *text;
    enum hub_sio_type type;
    uint32_t attachments;
    const char *nsp;
    int64_t id;
    const char *data;
};

static const struct good_case good[] = {
    {"0", HUB_SIO_CONNECT, 0, "/", -1, ""},
    {"0{\"token\":\"x\"}", HUB_SIO_CONNECT, 0, "/", -1, "{\"token\":\"x\"}"},
    {"0/hub/chat,", HUB_SIO_CONNECT, 0, "/hub/chat", -1, ""},
    {"0/hub/chat", HUB_SIO_CONNECT, 0, "/hub/chat", -1, ""},
    {"0/hub/chat?a=b,{}", HUB_SIO_CONNECT, 0, "/hub/chat?a=b", -1, "{}"}, /* clients wait for the name they wrote */
    {"1", HUB_SIO_DISCONNECT, 0, "/", -1, ""},
    {"1/admin,", HUB_SIO_DISCONNECT, 0, "/admin", -1, ""},
    {"2[\"hello\",1]", HUB_SIO_EVENT, 0, "/", -1, "[\"hello\",1]"},
    {"2/admin,456[\"project:delete\",123]", HUB_SIO_EVENT, 0, "/admin", 456, "[\"project:delete\",123]"},
    {"20[\"a\"]", HUB_SIO_EVENT, 0, "/", 0, "[\"a\"]"},
    {"29007199254740992[\"a\"]", HUB_SIO_EVENT, 0, "/", 9007199254740992, "[\"a\"]"},
    {"3/admin,456[]", HUB_SIO_ACK, 0, "/admin", 456, "[]"},
    {"3[]", HUB_SIO_ACK, 0, "/", -1, "[]"}, /* nobody waits for an acknowledgement without id, and nobody minds */
    {"3/admin,[]", HUB_SIO_ACK, 0, "/admin", -1, "[]"},
    {"3", HUB_SIO_ACK, 0, "/", -1, ""},
    {"61-[]", HUB_SIO_BINARY_ACK, 1, "/", -1, "[]"},
    {"4{\"message\":\"no\"}", HUB_SIO_CONNECT_ERROR, 0, "/", -1, "{\"message\":\"no\"}"},
    {"51-[\"hello\",{\"_placeholder\":true,\"num\":0}]", HUB_SIO_BINARY_EVENT, 1, "/", -1,
     "[\"hello\",{\"_placeholder\":true,\"num\":0}]"},
    {"564-/admin,7[\"x\"]", HUB_SIO_BINARY_EVENT, 64, "/admin", 7, "[\"x\"]"},
    {"565-[\"x\"]", HUB_SIO_BINARY_EVENT, 65, "/", -1, "[\"x\"]"}, /* too many is for the session to say */
    {"61-/admin,456[{\"_placeholder\":true,\"num\":0}]", HUB_SIO_BINARY_ACK, 1, "/admin", 456,
     "[{\"_placeholder\":true,\"num\":0}]"},
};

static void packets_are_split_into_their_parts(void **state) {
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(good); i++) {
        struct hub_sio_packet p;
        assert_true(hub_sio_parse(hub_cstr(good[i].text), &p));
        assert_int_equal(p.type, good[i].type);
        assert_int_equal(p.attachments, good[i].attachments);
        assert_true(hub_str_is(p.nsp, good[i].nsp));
        assert_true(p.id == good[i].id);
        assert_true(hub_str_is(p.data, good[i].data));
    }
}

static void what_is_no_packet_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "7",
        "x",
        " 2[]",
        "2",                   /* no data */
        "2{}",                 /* not an array */
        "2\"a\"",              /* */
        "2/admin",             /* no data */
        "2/admin,",            /* */
        "2/admin,12",          /* */
        "29007199254740993[]", /* id over 2^53 */
        "299999999999999999999999[]",
        "2-1[]", /* no negative ids */
        "31",    /* ACK without data */
        "3{}",   /* */
        "31{}",  /* */
        "1{}",   /* DISCONNECT with data */
        "112",   /* and with an id */
        "0[]",   /* CONNECT with an array */
        "05{}",  /* and with an id */
        "4",     /* CONNECT_ERROR without data */
        "4[]",
        "5[\"a\"]", /* no attachment count */
        "5-[\"a\"]",
        "51[\"a\"]",
        "510001-[\"a\"]", /* over any bound */
        "599999999999999999999-[\"a\"]",
        "5a-[\"a\"]",
        "5",
        "51",
        "51-",
        "21-[\"a\"]", /* attachments on a type that has none */
    };
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        struct hub_sio_packet p;
        if (hub_sio_parse(hub_cstr(bad[i]), &p)) fail_msg("accepted: %s", bad[i]);
    }
}

static void every_truncation_is_read_without_harm(void **state) {
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(good); i++)
        for (size_t n = 0; n <= strlen(good[i].text); n++) {
            struct hub_sio_packet p;
            char *copy = malloc(n ? n : 1); /* exactly as long, so that reading beyond shows */
            memcpy(copy, good[i].text, n);
            if (hub_sio_parse(hub_str(copy, n), &p)) assert_true(p.data.n <= n);
            free(copy);
        }
}

static void a_written_head_reads_back(void **state) {
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(good); i++) {
        struct hub_buf b = {0};
        struct hub_sio_packet p;
        hub_sio_head(&b, good[i].type, good[i].attachments, hub_cstr(good[i].nsp), good[i].id);
        hub_buf_addz(&b, good[i].data);
        assert_int_equal(b.p[0], '4');
        assert_true(hub_sio_parse(hub_str(b.p + 1, b.n - 1), &p));
        assert_int_equal(p.type, good[i].type);
        assert_int_equal(p.attachments, good[i].attachments);
        assert_true(hub_str_is(p.nsp, good[i].nsp));
        assert_true(p.id == good[i].id);
        assert_true(hub_str_is(p.data, good[i].data));
        hub_buf_free(&b);
    }
}

static void an_event_is_written_with_its_name_escaped(void **state) {
    (void)state;
    struct hub_buf b = {0};
    hub_sio_event(&b, HUB_STR("/hub/chat"), -1, HUB_STR("hub:left"), HUB_STR("{\"roomId\":\"1\"}"));
    assert_string_equal(hub_buf_cstr(&b), "42/hub/chat,[\"hub:left\",{\"roomId\":\"1\"}]");
    hub_buf_clear(&b);
    hub_sio_event(&b, HUB_STR("/"), 12, HUB_STR("say \"hi\""), HUB_STR(""));
    assert_string_equal(hub_buf_cstr(&b), "4212[\"say \\\"hi\\\"\"]");
    hub_buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_split_into_their_parts),        cmocka_unit_test(what_is_no_packet_is_refused),
        cmocka_unit_test(every_truncation_is_read_without_harm),     cmocka_unit_test(a_written_head_reads_back),
        cmocka_unit_test(an_event_is_written_with_its_name_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
