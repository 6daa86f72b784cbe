/* Two nodes of one process, on one loop that the test turns: members of a room that are connected to its
 * owner and to the other node are told the same, in the same order. They share the store, as loops of a
 * process do. */
#include "two_nodes.h"

static char owned[2][8]; /* a room of each node */

static const char hub_yaml[] =
    "roomSettings:\n"
    "  roomDataObject: room\n"
    "  authScripts:\n"
    "    - {name: mods, script: \"user.roleId == 'mod'\", hubRole: moderator}\n"
    "    - {name: nobody, script: \"user.userId != 'zoe'\", hubRole: member}\n"
    "hubRoles: [{name: moderator, canModerate: true, canDeleteAny: true, canManageRoom: true}, {name: member}]\n"
    "messageSettings: {messageTypes: [text]}\n"
    "historySettings: {historyEnabled: true}\n"
    "eventSettings: {enablePresence: true, enableTypingIndicator: true, customEvents: [{name: wave}]}\n"
    "hubExtensions:\n"
    "  state: {canWrite: \"true\"}\n"
    "  limits: {events: 1000000}\n"
    "  metadata: {room: {maxBytes: 1000}, connection: {clientWritable: [k]}}\n"
    "  lifecycle: {onJoin: {lua: 'return nil'}, onLeave: {lua: 'return nil'}, onDisconnect: {lua: 'return nil'}}\n"
    "  commands:\n"
    "    - name: nap\n"
    "      room: optional\n"
    "      timeoutMs: 120000\n"
    "      script: {lua: 'sleep(60000) return {x = 1}'}\n"
    "    - name: probe\n"
    "      room: optional\n"
    "      rateLimit: 100000\n"
    "      script:\n"
    "        lua: |\n"
    "          local r, what = payload.room, payload.what\n"
    "          local function ids(all)\n"
    "            local t = {}\n"
    "            for i, m in ipairs(all) do t[i] = m.userId end\n"
    "            table.sort(t)\n"
    "            return t\n"
    "          end\n"
    "          local does = {\n"
    "            send = function() return hub.send(r, 'text', {body = 'by a script'}) end,\n"
    "            members = function() return ids(hub.members(r)) end,\n"
    "            memberCount = function() return hub.memberCount(r) end,\n"
    "            set = function() return state.set(r, 'a', {1}) end,\n"
    "            get = function() return state.get(r, 'a') end,\n"
    "            all = function() return state.all(r) end,\n"
    "            incr = function() return state.incr(r, 'n', 2) end,\n"
    "            metadata = function() return rooms.setMetadata(r, {k = 1}, 'merge') end,\n"
    "            broadcast = function() return rooms.broadcast(r, 'news', {x = 1}) end,\n"
    "            kick = function() return hub.kick(r, 'wim', 'by a script') end,\n"
    "            nobody = function() return hub.kick(r, 'nobody') end,\n"
    "            misuse = function() return hub.send(r, 'nothing', {}) end,\n"
    "            where = function() return {connection.address, connection.metadata, connection.handshake.secure} "
    "end,\n"
    "            close = function() return rooms.close(r, 'over') end,\n"
    "          }\n"
    "          local ok, value = pcall(does[what])\n"
    "          return {ok = ok, value = ok and value or tostring(value)}\n"
    "guardrails: {messageRateLimit: 100000, maxMessageSize: 2000}\n";

/* Rooms q1, q2, … until each node owns one. */
static void find_rooms(void) {
    const struct hub_hub *hub = hub_engine_hub(nodes[0].engine, HUB_STR("chat"));
    for (int i = 1; !owned[0][0] || !owned[1][0]; i++) {
        char id[8];
        assert_true(i <= 30);
        snprintf(id, sizeof id, "q%d", i);
        size_t node = hub_str_is(hub_guest_owner(hub, hub_cstr(id)), id_of(1));
        if (!owned[node][0]) memcpy(owned[node], id, sizeof id);
    }
}

static int set_up_with(size_t bytes) {
    memset(owned, 0, sizeof owned);
    nodes_begin(hub_yaml, "", bytes);
    find_rooms();
    for (int i = 1; i <= 30; i++) {
        char sql[80];
        snprintf(sql, sizeof sql, "INSERT INTO room (id) VALUES ('q%d')", i);
        turned_have_done(sql);
    }
    return 0;
}

static int setup(void **state) {
    (void)state;
    return set_up_with(HUB_MESH_QUEUE_BYTES);
}

static int setup_narrow(void **state) {
    (void)state;
    return set_up_with(NARROW);
}

#define SAY(WHO, BODY) \
    { WHO, "hub:send", "{\"roomId\":R,\"messageType\":\"text\",\"content\":{\"body\":\"" BODY "\"}}", false }
static const struct step steps[] = {
    {WIM, "hub:join", "{\"roomId\":R}", false},
    SAY(BOB, "too early"),
    {BOB, "hub:join", "{\"roomId\":R,\"historyLimit\":10}", false},
    {MOD, "hub:join", "{\"roomId\":R}", false},
    {MOD, "hub:join", "{\"roomId\":R}", false},
    SAY(BOB, "one"),
    SAY(MOD, "two"),
    SAY(WIM, "three"),
    {BOB, "hub:send", "{\"roomId\":R,\"messageType\":\"text\",\"content\":{\"body\":\"quiet\"}}", true},
    {BOB, "hub:send", "{\"roomId\":R,\"messageType\":\"nothing\",\"content\":{}}", true},
    {BOB, "hub:send", "{\"roomId\":R,\"mesageType\":\"text\"}", false},
    {BOB, "hub:nothing", "{\"roomId\":R}", false},
    SAY(BOB, "four"),
    SAY(BOB, "much too long: @"),
    {BOB, "hub:setMetadata", "{\"metadata\":{\"k\":1}}", false},
    {BOB, "hub:command", "{\"command\":\"probe\",\"roomId\":R,\"payload\":{\"room\":R,\"what\":\"where\"}}", false},
    {BOB, "hub:setMetadata", "{\"metadata\":{\"k\":2}}", false},
    {BOB, "hub:command", "{\"command\":\"probe\",\"roomId\":R,\"payload\":{\"room\":R,\"what\":\"where\"}}", false},
    {BOB, "hub:edit", "{\"roomId\":R,\"messageId\":M,\"content\":{\"body\":\"4\"}}", false},
    {WIM, "hub:react", "{\"roomId\":R,\"messageId\":M,\"emoji\":\"+1\"}", false},
    {WIM, "hub:edit", "{\"roomId\":R,\"messageId\":M,\"content\":{\"body\":\"mine\"}}", false},
    {MOD, "hub:delete", "{\"roomId\":R,\"messageId\":M}", false},
    {BOB, "hub:history", "{\"roomId\":R,\"limit\":3}", false},
    {BOB, "hub:event", "{\"roomId\":R,\"event\":\"typing\"}", false},
    {BOB, "hub:event", "{\"roomId\":R,\"event\":\"wave\",\"data\":{\"at\":1}}", false},
    {BOB, "wave", "{\"roomId\":R,\"data\":{\"at\":2}}", false},
    {WIM, "hub:members", "{\"roomId\":R}", false},
    {BOB, "hub:silence", "{\"roomId\":R,\"userId\":\"wim\",\"seconds\":60}", false},
    {MOD, "hub:silence", "{\"roomId\":R,\"userId\":\"bob\",\"seconds\":60}", false},
    SAY(BOB, "silenced"),
    {MOD, "hub:unsilence", "{\"roomId\":R,\"userId\":\"bob\"}", false},
    SAY(BOB, "five"),
    {WIM, "hub:leave", "{\"roomId\":R}", false},
    {WIM, "hub:leave", "{\"roomId\":R}", false},
    SAY(BOB, "six"),
    {WIM, "hub:join", "{\"roomId\":R,\"since\":2}", false},
    {MOD, "hub:kick", "{\"roomId\":R,\"userId\":\"wim\",\"reason\":\"loud\"}", false},
    SAY(WIM, "kicked"),
    {MOD, "hub:block", "{\"roomId\":R,\"userId\":\"bob\",\"seconds\":60}", false},
    {BOB, "hub:join", "{\"roomId\":R}", false},
    {MOD, "hub:members", "{\"roomId\":R}", false},
};

/* ---- tests ---- */

static void everybody_hears_the_same_whoever_owns_the_room(void **state) {
    struct actor of[2][ACTORS];
    (void)state;
    for (size_t owner = 0; owner < 2; owner++) {
        begin(of[owner]);
        for (size_t i = 0; i < HUB_NELEM(steps); i++) {
            act(&of[owner][steps[i].actor], &steps[i], owned[owner]);
            settle();
            for (int k = 0; k < ACTORS; k++) listen(&of[owner][k], owned[owner]);
        }
    }
    for (int k = 0; k < ACTORS; k++) assert_true(of[0][k].story.n > 500);
    compare_stories(of[0], of[1]);
}

/* What is not is answered where the client is. */
static bool is_of_the_room(const struct step *step) {
    return strcmp(step->event, "hub:nothing") != 0 && strcmp(step->event, "hub:setMetadata") != 0;
}

/* What a connection sends at once for a room takes effect in its order, and its answers keep it. */
static void what_is_sent_at_once_keeps_its_order(void **state) {
    struct actor of[2][ACTORS];
    (void)state;
    for (size_t owner = 0; owner < 2; owner++) {
        begin(of[owner]);
        struct actor *bob = &of[owner][BOB];
        for (size_t i = 0; i < HUB_NELEM(steps); i++)
            if (steps[i].actor == BOB && is_of_the_room(&steps[i])) act(bob, &steps[i], owned[owner]);
        settle();
        listen(bob, owned[owner]);
    }
    compare_stories(of[0], of[1]);
}

/* What is told while somebody joins comes behind the history that he is given. */
static void a_guest_that_joins_misses_nothing_and_hears_it_in_order(void **state) {
    struct actor all[ACTORS];
    const struct step join = {WIM, "hub:join", "{\"roomId\":R,\"historyLimit\":5}", false}, say = SAY(BOB, "before"),
                      wave = {BOB, "wave", "{\"roomId\":R,\"data\":{}}", true};
    (void)state;
    begin(all);
    act(&all[BOB], &join, owned[0]);
    act(&all[BOB], &say, owned[0]);
    settle();
    act(&all[WIM], &join, owned[0]);
    do {
        turned_run_due(turned.loop);
        act(&all[BOB], &wave, owned[0]);
        listen(&all[WIM], owned[0]);
    } while (!strstr(hub_buf_cstr(&all[WIM].story), "[\"wave\""));
    const char *story = hub_buf_cstr(&all[WIM].story), *history = strstr(story, "hub:history"),
               *first = strstr(story, "[\"wave\"");
    assert_non_null(history);
    assert_true(first > history);
    end(all);
}

/* ---- by REST ---- */

struct answer {
    struct hub_buf text, seen;
    const char *room;
    bool there;
};

static void on_reply(void *arg, enum hub_code code, const struct hub_err *err, const char *data_name,
                     struct hub_str fields) {
    struct answer *a = arg;
    struct hub_buf line = {0};
    hub_buf_addf(&line, "%s %s %s %.*s", hub_code_name(code), err ? err->text : "-", data_name ? data_name : "-",
                 HUB_FMT(fields));
    add_plain(&a->text, &a->seen, hub_buf_cstr(&line), a->room);
    hub_buf_free(&line);
    a->there = true;
}

static bool somebody_waits(void *arg) {
    (void)arg;
    return false;
}

static void on_resolved(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    (void)code, (void)reason;
    *(struct hub_identity **)arg = hub_identity_ref(who);
}

/* Asks the first node, whoever owns the room. */
static void request(struct answer *a, const char *command, const char *more) {
    struct hub_identity *bob = NULL;
    const struct hub_command *const *c = hub_engine_commands(nodes[0].engine);
    struct hub_buf args = {0};
    hub_identity_resolve(turned.identity, HUB_STR("dev:bob"), on_resolved, &bob);
    while (strcmp((*c)->name, command)) c++;
    hub_buf_addf(&args, "{\"roomId\":\"%s\"%s}", a->room, more);
    a->there = false;
    hub_engine_request(hub_engine_hub(nodes[0].engine, HUB_STR("chat")), *c,
                       &(struct hub_request){.who = bob,
                                             .address = HUB_STR("127.0.0.1"),
                                             .args = hub_json_parse(hub_buf_str(&args), NULL),
                                             .reply = on_reply,
                                             .gone = somebody_waits,
                                             .arg = a});
    settle();
    assert_true(a->there);
    hub_identity_unref(bob);
    hub_buf_free(&args);
}

static void requests_are_answered_the_same_whoever_owns_the_room(void **state) {
    struct answer of[2] = {{.room = owned[0]}, {.room = owned[1]}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        request(&of[i], "hub:send", ",\"messageType\":\"text\",\"content\":{\"body\":\"one\"}");
        request(&of[i], "hub:send", ",\"messageType\":\"nothing\",\"content\":{}");
        request(&of[i], "hub:send", ",\"mesageType\":\"text\"");
        request(&of[i], "hub:history", ",\"limit\":5");
        request(&of[i], "hub:room", "");
        request(&of[i], "hub:block", ",\"userId\":\"wim\",\"seconds\":60");
    }
    const char *parted = parting(hub_buf_cstr(&of[0].text), hub_buf_cstr(&of[1].text));
    bool stored = strstr(hub_buf_cstr(&of[1].text), "ok - message \"message\":{\"id\":");
    for (int i = 0; i < 2; i++) {
        hub_buf_free(&of[i].text);
        hub_buf_free(&of[i].seen);
    }
    if (*parted) fail_msg("%s", parted);
    assert_true(stored);
}

/* What a script does with a room of another node, it does there. */
static void scripts_reach_rooms_of_others(void **state) {
    static const char *const does[] = {
        "send",      "members", "memberCount", "set",  "get",     "all",   "incr", "metadata",
        "broadcast", "nobody",  "misuse",      "kick", "members", "close", "send",
    };
    struct actor of[2][ACTORS];
    (void)state;
    for (size_t owner = 0; owner < 2; owner++) {
        begin(of[owner]);
        const struct step join = {BOB, "hub:join", "{\"roomId\":R}", false};
        for (int k = MOD; k <= WIM; k++) {
            act(&of[owner][k], &join, owned[owner]);
            settle();
        }
        for (size_t i = 0; i < HUB_NELEM(does); i++) {
            char args[80];
            snprintf(args, sizeof args, "{\"room\":R,\"what\":\"%s\"}", does[i]);
            const struct step probe = {MOD, "probe", args, false};
            act(&of[owner][MOD], &probe, owned[owner]); /* whose node owns the room, or does not */
            settle();
            for (int k = 0; k < ACTORS; k++) listen(&of[owner][k], owned[owner]);
        }
    }
    bool kicked = strstr(hub_buf_cstr(&of[1][WIM].story), "hub:kicked"),
         listed = strstr(hub_buf_cstr(&of[1][MOD].story), "\"value\":[\"bob\",\"eve\",\"wim\"]");
    compare_stories(of[0], of[1]);
    assert_true(kicked && listed);
}

/* Members of WIM's room, as MOD sees them. */
static int members_of(struct actor *mod, const char *room) {
    const struct step ask = {MOD, "hub:members", "{\"roomId\":R}", false};
    int n = 0;
    hub_buf_clear(&mod->story);
    act(mod, &ask, room);
    settle();
    listen(mod, room);
    const char *at = strstr(hub_buf_cstr(&mod->story), "\"members\":[");
    for (; at && (at = strstr(at, "\"userId\"")); at++) n++;
    return n;
}

static void a_connection_that_ends_is_out_of_the_rooms_of_others(void **state) {
    struct actor all[ACTORS];
    const struct step join = {WIM, "hub:join", "{\"roomId\":R}", false}, send = SAY(WIM, "on its way");
    (void)state;
    begin(all);
    act(&all[MOD], &join, owned[0]);
    act(&all[WIM], &join, owned[0]);
    settle();
    assert_int_equal(members_of(&all[MOD], owned[0]), 2);
    for (int i = 0; i < 5; i++) act(&all[WIM], &send, owned[0]); /* it is gone before any is answered */
    turned_hang_up(&all[WIM].client);
    settle();
    turn_clock(turned.loop, 60000); /* the grace of its presence */
    settle();
    assert_int_equal(members_of(&all[MOD], owned[0]), 1);
    act(&all[MOD], &join, owned[1]); /* and the other way round, while joining */
    turned_hang_up(&all[MOD].client);
    settle();
    end(all);
}

static const struct step nap = {WIM, "hub:command", "{\"command\":\"nap\",\"roomId\":R,\"payload\":{}}", false};

/* Work of a guest goes on where the room is; nobody waits for its answer any more. */
static void a_guest_may_go_while_its_call_is_carried_out(void **state) {
    struct actor all[ACTORS];
    const struct step join = {WIM, "hub:join", "{\"roomId\":R}", false};
    (void)state;
    begin(all);
    act(&all[WIM], &join, owned[0]);
    settle();
    for (int i = 0; i < 3; i++) act(&all[WIM], &nap, owned[0]); /* two wait for their turn */
    for (int i = 0; i < 8; i++) turned_run_due(turned.loop);
    assert_true(hub_engine_pending(nodes[0].engine) > 0);
    turned_hang_up(&all[WIM].client);
    for (int i = 0; i < 8; i++) turned_run_due(turned.loop);
    turn_clock(turned.loop, 60000);
    settle();
    end(all);
}

static void a_node_may_go_while_its_calls_are_carried_out(void **state) {
    struct actor all[ACTORS];
    const struct step join = {WIM, "hub:join", "{\"roomId\":R}", false};
    (void)state;
    begin(all);
    act(&all[WIM], &join, owned[0]);
    settle();
    act(&all[WIM], &nap, owned[0]);
    for (int i = 0; i < 8; i++) turned_run_due(turned.loop);
    stop_second();
    for (int i = 0; i < 8; i++) turned_run_due(turned.loop);
    assert_true(hub_engine_pending(nodes[0].engine) > 0); /* the script sleeps on, for a guest that is closed */
    turn_clock(turned.loop, 60000);
    end(all);
}

/* Every call ends, also one that does not fit on the link, or whose answer does not. */
static void what_does_not_fit_is_refused(void **state) {
    struct actor all[ACTORS];
    const struct step join = {WIM, "hub:join", "{\"roomId\":R}", false},
                      history = {WIM, "hub:history", "{\"roomId\":R}", false}, say = SAY(BOB, "%"),
                      much = {WIM, "wave", "{\"roomId\":R,\"data\":\"%%%%\"}", false};
    (void)state;
    begin(all);
    act(&all[BOB], &join, owned[0]);
    act(&all[WIM], &join, owned[0]);
    settle();
    listen(&all[WIM], owned[0]);
    hub_buf_clear(&all[WIM].story);
    act(&all[WIM], &much, owned[0]);
    settle();
    listen(&all[WIM], owned[0]);
    bool call_refused =
        strstr(hub_buf_cstr(&all[WIM].story), "43/hub/chat,2[{\"ok\":false,\"error\":{\"code\":\"overloaded\"");
    for (int i = 0; i < 6; i++) {
        act(&all[BOB], &say, owned[0]);
        settle();
    }
    act(&all[WIM], &history, owned[0]);
    settle();
    listen(&all[WIM], owned[0]);
    bool answer_refused =
        strstr(hub_buf_cstr(&all[WIM].story), "43/hub/chat,3[{\"ok\":false,\"error\":{\"code\":\"overloaded\"");
    end(all);
    assert_true(call_refused && answer_refused);
}

/* What ends a connection where the room is ends it where its client is. */
static void the_owner_may_end_a_guest(void **state) {
    struct actor all[ACTORS];
    const struct step join = {WIM, "hub:join", "{\"roomId\":R}", false};
    (void)state;
    begin(all);
    act(&all[WIM], &join, owned[0]);
    settle();
    struct hub_room *room = hub_room_find(&hub_engine_hub(nodes[0].engine, HUB_STR("chat"))->rooms, hub_cstr(owned[0]));
    struct hub_room_user *wim = hub_room_user(room, HUB_STR("wim"));
    struct hub_member *m = HUB_CONTAINER(wim->members.next, struct hub_member, in_user);
    assert_true(m->conn->socket->guest);
    assert_false(hub_user_online(&nodes[0].engine->directory, HUB_STR("wim"))); /* he is at the other node */
    hub_socket_disconnect(m->conn->socket, false);
    settle();
    listen(&all[WIM], owned[0]);
    assert_non_null(strstr(hub_buf_cstr(&all[WIM].story), "41/hub/chat"));
    end(all);
}

/* A proxy may put something before the name: the owner does not know of it. */
static void names_of_the_namespace_are_each_clients_own(void **state) {
    struct actor all[ACTORS];
    const struct step join = {BOB, "hub:join", "{\"roomId\":R}", false};
    struct hub_eio *eio;
    (void)state;
    begin(all);
    act(&all[BOB], &join, owned[0]);
    eio = fake_open(nodes[1].sessions);
    fake_text(eio, "0/api/hub/chat,{\"token\":\"dev:pia\"}");
    settle();
    assert_memory_equal(fake_next(eio), "40/api/hub/chat,", 16);
    char text[64];
    snprintf(text, sizeof text, "2/api/hub/chat,7[\"hub:join\",{\"roomId\":\"%s\"}]", owned[0]);
    fake_text(eio, text);
    settle();
    assert_memory_equal(fake_next(eio), "43/api/hub/chat,7[{\"ok\":true", 28);
    assert_memory_equal(fake_next(eio), "42/api/hub/chat,[\"hub:joined\"", 29);
    const struct step say = SAY(BOB, "/hub/chat, too");
    act(&all[BOB], &say, owned[0]);
    settle();
    const char *last = "";
    for (const char *m; *(m = fake_next(eio));) {
        assert_memory_equal(m, "42/api/hub/chat,[", 17);
        last = strstr(m, "/hub/chat, too");
    }
    assert_non_null(last);
    fake_free(eio);
    end(all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everybody_hears_the_same_whoever_owns_the_room, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_sent_at_once_keeps_its_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_guest_that_joins_misses_nothing_and_hears_it_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_are_answered_the_same_whoever_owns_the_room, setup, teardown),
        cmocka_unit_test_setup_teardown(scripts_reach_rooms_of_others, setup, teardown),
        cmocka_unit_test_setup_teardown(a_connection_that_ends_is_out_of_the_rooms_of_others, setup, teardown),
        cmocka_unit_test_setup_teardown(a_guest_may_go_while_its_call_is_carried_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_node_may_go_while_its_calls_are_carried_out, setup, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_refused, setup_narrow, teardown),
        cmocka_unit_test_setup_teardown(the_owner_may_end_a_guest, setup, teardown),
        cmocka_unit_test_setup_teardown(names_of_the_namespace_are_each_clients_own, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
