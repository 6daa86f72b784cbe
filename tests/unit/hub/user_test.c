/* Users of several hubs and plain namespaces: each by itself, all of one id together, nobody for ever. */
#include "fake_hub.h"

#define HUB                                  \
    "roomSettings: {roomDataObject: room}\n" \
    "messageSettings: {messageTypes: [text]}\n"
#define PLAIN                                      \
    "namespaces:\n"                                \
    "  - {path: /plain, auth: true}\n"             \
    "  - {path: /other, auth: true}\n"             \
    "  - {path: {regex: '^/many/'}, auth: true}\n" \
    "  - {path: {regex: '^/any/'}, auth: false}\n" \
    "  - {path: /open, auth: false, events: [{name: e, script: {lua: 'return 1'}}]}\n"

static bool online(const struct fake_hub *f, const char *id) {
    return hub_user_online(&f->engine->directory, hub_cstr(id));
}

static void are_online_while_one_of_their_connections_is(void **state) {
    static const char *const places[] = {"/hub/chat", "/plain", "/other"};
    (void)state;
    for (int first = 0; first < 3; first++) { /* who goes first is at another place among those of the id */
        fake_service_more = PLAIN;
        struct fake_hub *f = fake_hub_new(HUB);
        struct fake_client ann[3], twice, bob;
        for (int i = 0; i < 3; i++) client_connect_to(f, &ann[i], places[i], "ann");
        client_connect_to(f, &twice, "/plain", "ann");
        client_connect(f, &bob, "bob");
        assert_int_equal(f->engine->directory.online_n, 2);
        assert_int_equal(hub_keyed_len(&f->engine->directory.users), 2);
        for (int i = 0; i < 3; i++) client_hang_up(&ann[(first + i) % 3]);
        assert_true(online(f, "ann"));
        client_hang_up(&twice);
        assert_false(online(f, "ann"));
        assert_true(online(f, "bob"));
        assert_int_equal(f->engine->directory.online_n, 1);
        assert_int_equal(hub_keyed_len(&f->engine->directory.users), 1);
        fake_hub_free(f);
    }
}

static void strangers_are_no_users(void **state) {
    (void)state;
    fake_service_more = PLAIN;
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client stranger;
    client_connect_to(f, &stranger, "/open", NULL);
    assert_int_equal(f->engine->directory.online_n, 0);
    assert_int_equal(hub_keyed_len(&f->engine->directory.users), 1); /* by his address, for what he may use up */
    fake_hub_free(f);
}

/* Whoever is in very many names costs there what he costs in one. */
static void are_not_looked_for_among_all_names_of_an_expression(void **state) {
    (void)state;
    fake_service_more = PLAIN;
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client many[20], any[20], plain;
    char nsp[20][2][24];
    for (int i = 0; i < 20; i++) {
        snprintf(nsp[i][0], sizeof nsp[i][0], "/many/%d", i);
        snprintf(nsp[i][1], sizeof nsp[i][1], "/any/%d", i);
        client_connect_to(f, &many[i], nsp[i][0], "ann");
        client_connect_to(f, &any[i], nsp[i][1], NULL);
    }
    client_connect_to(f, &plain, "/plain", "ann");
    const struct hub_user *u = hub_keyed_get(&f->engine->directory.users, HUB_STR("ann"));
    assert_true(u->next && !u->next->next); /* of /plain, and of all names together */
    assert_int_equal(hub_keyed_len(&f->engine->directory.users), 1);
    client_hang_up(&plain);
    for (int i = 0; i < 20; i++) {
        assert_true(online(f, "ann"));
        client_hang_up(&many[i]);
    }
    assert_false(online(f, "ann"));
    assert_int_equal(f->engine->directory.online_n, 0);
    assert_int_equal(hub_keyed_len(&f->engine->directory.users), 0);
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_online_while_one_of_their_connections_is),
        cmocka_unit_test(strangers_are_no_users),
        cmocka_unit_test(are_not_looked_for_among_all_names_of_an_expression),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
