/* Guards with real scripts that do more than answer: whoever they put out or disconnect goes in the midst of
 * what has asked them. */
#include "turned_hub.h"

#define HUB                                                                                                     \
    "roomSettings:\n"                                                                                           \
    "  roomDataObject: room\n"                                                                                  \
    "  absoluteRoles: [root]\n"                                                                                 \
    "  authScripts: [{name: everybody, script: \"true\"}]\n"                                                    \
    "eventSettings: {enablePresence: false}\n"                                                                  \
    "hubExtensions:\n"                                                                                          \
    "  records: [{pattern: \"note:{id}\", canRead: {lua: \"if #connection.rooms > 0 then return true end " DOES \
    "\"}}]\n"                                                                                                   \
    "  channels: [{pattern: \"news:{id}\", canSubscribe: {lua: \"return #connection.rooms > 0\"}}]\n"

static void subscribe(struct turned_client *c) {
    turned_does(c, "hub:subscribeRecord", "{\"recordId\":\"note:1\"}", "\"ok\":true");
    turned_does(c, "hub:subscribe", "{\"channel\":\"news:1\"}", "\"ok\":true");
}
static void kick(struct turned_client *root) {
    turned_does(root, "hub:kick", "{\"roomId\":\"r1\",\"userId\":\"ann\"}", "\"ok\":true");
    turned_settle();
}

#define DOES "connections.disconnect(connection.id, 'out') return false"
/* The next part was asked about a connection that was freed. */
static void a_guard_may_disconnect_whom_it_refuses(void **state) {
    struct turned_client root, ann;
    (void)state;
    turned_begin(HUB);
    turned_join(&root, "eve:root", "r1");
    turned_join(&ann, "ann", "r1");
    subscribe(&ann);
    kick(&root);
    turned_hears(&ann, "[\"hub:kicked\"");
    turned_hears(&ann, "41/hub/chat");
    turned_does(&root, "hub:members", "{\"roomId\":\"r1\"}", "\"ok\":true");
    turned_hang_up(&ann);
    turned_hang_up(&root);
    turned_end();
}
#undef DOES

#define DOES "hub.kick('r1', session.userId, 'out') return false"
/* The rest of the user's connections were looked for in a user that was freed. */
static void a_guard_may_kick_the_user_who_is_being_kicked(void **state) {
    struct turned_client root, desk, phone;
    (void)state;
    turned_begin(HUB);
    turned_join(&root, "eve:root", "r1");
    turned_join(&desk, "ann", "r1");
    turned_join(&phone, "ann", "r1");
    subscribe(&desk);
    kick(&root);
    turned_hears(&desk, "[\"hub:kicked\"");
    turned_hears(&phone, "[\"hub:kicked\"");
    turned_hang_up(&phone);
    turned_hang_up(&desk);
    turned_hang_up(&root);
    turned_end();
}

#define COUNTING                                                                                                  \
    "roomSettings:\n"                                                                                             \
    "  roomDataObject: room\n"                                                                                    \
    "  absoluteRoles: [root]\n"                                                                                   \
    "  authScripts: [{name: everybody, script: \"true\"}]\n"                                                      \
    "hubExtensions:\n"                                                                                            \
    "  channels: [{pattern: \"news:{id}\", canSubscribe: {lua: \"if redis.incr('asked') > 1 then hub.kick('r1', " \
    "session.userId, 'out') return false end return true\"}}]\n"

/* Whoever went through a user's connections to tell them went on with one that was freed. */
static void a_guard_may_kick_whose_permissions_are_being_told(void **state) {
    struct turned_client root, desk, phone;
    (void)state;
    turned_begin(COUNTING);
    turned_join(&root, "eve:root", "r1");
    turned_join(&desk, "ann", "r1");
    turned_join(&phone, "ann", "r1");
    turned_does(&desk, "hub:subscribe", "{\"channel\":\"news:1\"}", "\"ok\":true");
    turned_does(&root, "hub:silence", "{\"roomId\":\"r1\",\"userId\":\"ann\"}", "\"ok\":true");
    turned_settle();
    turned_hears(&desk, "[\"hub:kicked\"");
    turned_hears(&phone, "[\"hub:kicked\"");
    turned_hang_up(&phone);
    turned_hang_up(&desk);
    turned_hang_up(&root);
    turned_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guard_may_disconnect_whom_it_refuses),
        cmocka_unit_test(a_guard_may_kick_the_user_who_is_being_kicked),
        cmocka_unit_test(a_guard_may_kick_whose_permissions_are_being_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
