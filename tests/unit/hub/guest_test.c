/* What nodes say to each other about guests: packets, and what a connection says of itself. */
#include "fake_hub.h"
#include "hub/guest/guest_int.h"

static void a_packet_comes_as_it_was_sent(void **state) {
    struct hub_buf bytes = {0};
    struct hub_guest_packet got;
    const struct hub_guest_packet sent = {.kind = HUB_GUEST_CALL,
                                          .flags = HUB_GUEST_ACK | HUB_GUEST_BYTES,
                                          .id = 0xfedcba9876543210u,
                                          .sid = HUB_STR_INIT("sid"),
                                          .hub = HUB_STR_INIT(""),
                                          .name = HUB_STR_INIT("hub:send"),
                                          .text = HUB_STR_INIT("\0\1"),
                                          .body = HUB_STR_INIT("{}")};
    (void)state;
    hub_guest_packet_add(&bytes, &sent);
    assert_true(hub_guest_packet_read(hub_buf_str(&bytes), &got));
    assert_int_equal(got.kind, sent.kind);
    assert_int_equal(got.flags, sent.flags);
    assert_true(got.id == sent.id);
    assert_true(hub_str_eq(got.sid, sent.sid) && hub_str_eq(got.hub, sent.hub) && hub_str_eq(got.name, sent.name));
    assert_true(hub_str_eq(got.text, sent.text) && hub_str_eq(got.body, sent.body));
    hub_buf_free(&bytes);
}

/* Every beginning of one is refused but for those that end within the body; so is a kind that there is not.
 */
static void a_packet_that_is_cut_is_none(void **state) {
    struct hub_buf bytes = {0};
    struct hub_guest_packet got;
    (void)state;
    hub_guest_packet_add(&bytes, &(struct hub_guest_packet){.kind = HUB_GUEST_HELLO, .text = HUB_STR_INIT("text")});
    for (size_t n = 0; n < bytes.n; n++) {
        char *copy = hub_xmalloc(n ? n : 1); /* so that reading behind it is seen */
        if (n) memcpy(copy, bytes.p, n);
        assert_false(hub_guest_packet_read(hub_str(copy, n), &got));
        free(copy);
    }
    assert_true(hub_guest_packet_read(hub_buf_str(&bytes), &got));
    bytes.p[0] = 0;
    assert_false(hub_guest_packet_read(hub_buf_str(&bytes), &got));
    bytes.p[0] = HUB_GUEST_KINDS;
    assert_false(hub_guest_packet_read(hub_buf_str(&bytes), &got));
    bytes.p[0] = HUB_GUEST_HELLO;
    memset(bytes.p + 10, 0xff, 4); /* a text that is longer than all there is */
    assert_false(hub_guest_packet_read(hub_buf_str(&bytes), &got));
    hub_buf_free(&bytes);
}

static void what_is_no_greeting_is_refused(void **state) {
    static const char *const wrong[] = {"", "[]", "{}", "{\"identity\":{}}", "{\"identity\":1,\"handshake\":{}}"};
    struct hub_guest_greeting g;
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(wrong); i++) assert_false(hub_guest_greeting_read(hub_cstr(wrong[i]), &g));
    assert_true(
        hub_guest_greeting_read(HUB_STR("{\"identity\":{},\"handshake\":{\"peer\":\"::1\",\"secure\":true}}"), &g));
    assert_true(hub_str_is(g.handshake.peer, "::1"));
    assert_true(g.handshake.secure);
    json_decref(g.hello);
}

/* A node that is alone owns every room. */
static void one_node_owns_everything(void **state) {
    struct fake_hub *f = fake_hub_new("roomSettings: {roomDataObject: seat}\n");
    (void)state;
    for (int i = 0; i < 10; i++) {
        char id[16];
        snprintf(id, sizeof id, "r%d", i);
        assert_true(hub_node_is_self(&f->engine->nodes, hub_guest_owner(f->hub, hub_cstr(id))));
    }
    assert_ptr_equal(f->engine->run_call, hub_dispatch_run); /* and nobody asks who does */
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_comes_as_it_was_sent),
        cmocka_unit_test(a_packet_that_is_cut_is_none),
        cmocka_unit_test(what_is_no_greeting_is_refused),
        cmocka_unit_test(one_node_owns_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
