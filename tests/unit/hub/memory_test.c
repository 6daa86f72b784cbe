/* What a connection takes in memory while it does nothing, from its session of Socket.IO up, and that it is
 * given back. The rest of it is below: unit.transport.memory_test. */
#include "fake_hub.h"
#include "heap.h"

#define HUB                                     \
    "roomSettings: {roomDataObject: room}\n"    \
    "messageSettings: {messageTypes: [text]}\n" \
    "guardrails: {authCacheTTL: 0}\n" /* the cache has a bound of its own */
enum { MANY = 1000 };

/* Of the fakes behind it, which a service does not have. */
static int64_t fakes_bytes(const struct fake_client *c) {
    return (int64_t)(sizeof *c->eio + c->eio->out.cap + c->eio->text.cap + c->heard.cap);
}

static int64_t join_all(struct fake_hub *f, struct fake_client *all) {
    int64_t before = heap_bytes(), fakes = 0;
    for (int i = 0; i < MANY; i++) {
        char name[24];
        snprintf(name, sizeof name, "u%d", i);
        client_join(f, &all[i], name, i % 2 ? "r1" : "r2");
    }
    for (int i = 0; i < MANY; i++) fakes += fakes_bytes(&all[i]);
    fake_pass(f, 120000); /* what the joins count in their users' limits is forgotten */
    return (heap_bytes() - before - fakes) / MANY;
}

/* As much again was a session as a tree, keys and nodes of maps, and what only somebody who comes needs. */
static void a_member_that_does_nothing_takes_1300_bytes_which_come_back(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client *all = hub_xcalloc(MANY, sizeof *all);
    (void)state;
    if (!HEAP_COUNTS) skip();
    client_join(f, &all[0], "first", "r1"); /* what is made once */
    client_hang_up(&all[0]);
    fake_pass(f, 120000);
    int64_t before = heap_bytes();
    for (int round = 0; round < 2; round++) {
        int64_t each = join_all(f, all);
        if (each > 1300) fail_msg("%lld bytes for each", (long long)each);
        for (int i = 0; i < MANY; i++) client_hang_up(&all[i]);
        fake_pass(f, 120000);
        int64_t left = heap_bytes() - before;
        if (left > 16 * MANY) fail_msg("%lld bytes are left of %d connections", (long long)left, MANY);
    }
    free(all);
    fake_hub_free(f);
}

/* A session is a tree only for those who were asked for it lately. */
static void what_a_token_says_is_kept_as_text(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_identity **all = hub_xcalloc(MANY, sizeof *all);
    (void)state;
    if (!HEAP_COUNTS) skip();
    int64_t before = heap_bytes();
    for (int i = 0; i < MANY; i++) {
        char name[24];
        snprintf(name, sizeof name, "u%d:guest", i);
        all[i] = fake_who(f, name);
        fake_settle(f);
    }
    int64_t each = (heap_bytes() - before) / MANY;
    if (each > 600) fail_msg("%lld bytes for each", (long long)each); /* half of them have a tree */
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            const json_t *session = hub_identity_session(all[i]);
            assert_true(hub_str_is(hub_json_get_str(session, "userId"), all[i]->user_id));
            assert_true(hub_str_is(hub_json_get_str(session, "roleId"), "guest"));
            assert_string_equal(all[i]->role_id, "guest");
        }
        fake_settle(f);
    }
    assert_true((heap_bytes() - before) / MANY <= each + 16);
    for (int i = 0; i < MANY; i++) hub_identity_unref(all[i]);
    free(all);
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_that_does_nothing_takes_1300_bytes_which_come_back),
        cmocka_unit_test(what_a_token_says_is_kept_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
