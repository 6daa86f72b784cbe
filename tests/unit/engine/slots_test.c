/* Two nodes of one process: what the service has of its own beside rooms lies in slots, of which each node
 * owns some. Clients of the owner and of the other node are told the same, in the same order. */
#include "hub/channel/channel.h"
#include "hub/collection/collection.h"
#include "hub/namespace/namespace.h"
#include "hub/record/record.h"
#include "two_nodes.h"

static char owned[2][8]; /* what lies in a slot of each node */

static const char hub_yaml[] =
    "roomSettings:\n"
    "  roomDataObject: room\n"
    "  authScripts:\n"
    "    - {name: mods, script: \"user.roleId == 'mod'\", hubRole: moderator}\n"
    "hubRoles: [{name: moderator, canModerate: true}]\n"
    "messageSettings: {messageTypes: [text]}\n"
    "hubExtensions:\n"
    "  limits: {publishes: 100000, subscriptions: 3}\n"
    "  channels:\n"
    "    - pattern: {regex: '^n[0-9]+$'}\n"
    "      canSubscribe: \"session.roleId != 'banned'\"\n"
    "      canPublish: \"session.roleId == 'mod' && data != 3\"\n"
    "      history: 10\n"
    "    - pattern: {regex: '^g[0-9]+-(?<room>q[0-9]+)$'}\n"
    "      canSubscribe: {lua: 'return hub.memberCount(params.room) > 0'}\n"
    "    - pattern: {regex: '^d[0-9]+$'}\n"
    "      canSubscribe: {lua: 'local r = records.get(\"doc:open\") return r.value == null or r.value ~= \"closed\"'}\n"
    "    - pattern: {regex: '^p[0-9]+$'}\n"
    "      canPublish: 'true'\n"
    "      fields: [{name: x, fieldType: Integer, required: true}]\n"
    "      history: 10\n"
    "      persist: true\n"
    "  records:\n"
    "    - {pattern: 'doc:{n}', canRead: \"session.roleId != 'banned'\", canWrite: \"session.userId != 'wim' || op != "
    "'delete'\"}\n"
    "    - {pattern: {regex: '^k[0-9]+s$'}, canRead: 'true'}\n"
    "    - {pattern: 'own:{n}', canRead: 'value == nil || value.to == session.userId', canWrite: 'true'}\n"
    "  collections:\n"
    "    - pattern: {regex: '^c(?<n>[0-9]+)$'}\n"
    "      dataObject: seat\n"
    "      where: {roomId: 'c{n}'}\n"
    "      orderBy: userId\n"
    "      canRead: \"session.roleId != 'banned'\"\n"
    "    - pattern: {regex: '^k(?<n>[0-9]+)$'}\n"
    "      resolver:\n"
    "        lua: |\n"
    "          local all = json.array()\n"
    "          for _, r in ipairs(records.list('k' .. params.n .. '*').items) do\n"
    "            all[#all + 1] = {id = r.recordId, title = r.value.title}\n"
    "          end\n"
    "          return all\n"
    "      watch: ['k{n}*']\n"
    "      debounceMs: 0\n"
    "  commands:\n"
    "    - name: probe\n"
    "      rateLimit: 100000\n"
    "      script:\n"
    "        lua: |\n"
    "          local n = payload.name\n";
static const char connections_yaml[] =
    "          local function ids(page, key)\n"
    "            local t = {}\n"
    "            for i, c in ipairs(page.items) do t[i] = c[key] end\n"
    "            table.sort(t)\n"
    "            return t\n"
    "          end\n"
    "          local function of(user)\n"
    "            local found = connections.list({userId = user}).items[1]\n"
    "            return found and found.id or 'nobody'\n"
    "          end\n"
    "          local does = {\n"
    "            count = function() return {connections.count(), users.count(), clients.count()} end,\n"
    "            all = function() return {ids(connections.list(), 'userId'), ids(clients.list(), 'clientId')} end,\n"
    "            pages = function()\n"
    "              local t, page = {}, connections.list({limit = 1})\n"
    "              while true do\n"
    "                for _, c in ipairs(page.items) do t[#t + 1] = c.userId end\n"
    "                if type(page.next) ~= 'string' then break end\n"
    "                page = connections.list({limit = 1, after = page.next})\n"
    "              end\n"
    "              table.sort(t)\n"
    "              return t\n"
    "            end,\n"
    "            bad = function() return connections.list({after = 'x/1:y'}) end,\n"
    "            much = function() return connections.list({limit = 5000}) end,\n"
    "            online = function() return {users.online('wim'), users.online('bob'), users.online('nobody')} end,\n"
    "            emit = function() return hub.emit('wim', 'told', {x = 1}) end,\n"
    "            everybody = function() return service.broadcast('news', {x = 2}) end,\n"
    "            hubwide = function() return hub.broadcastAll('news', {x = 3}, {except = {of('bob')}}) end,\n"
    "            where = function() return connections.sendWhere({k = 7}, 'chosen', 1) end,\n"
    "            set = function() return connections.setMetadata(of('wim'), {k = 7}, 'merge') end,\n"
    "            seen = function() return connections.get(of('wim')).metadata end,\n"
    "            unseen = function() return connections.get('nobody') end,\n"
    "            one = function() return connections.send(of('wim'), 'mine', 4) end,\n"
    "            none = function() return connections.send('nobody', 'mine', 4) end,\n"
    "            client = function() return clients.get('wim-1').userId end,\n"
    "            client_send = function() return clients.send('wim-1', 'mine', 5) end,\n"
    "            client_none = function() return clients.send('nobody', 'mine', 5) end,\n"
    "            within = function() return db.transaction(function()\n"
    "              records.write('doc:within', {x = 1})\n"
    "              return 'committed' end) end,\n"
    "            nameless = function() return hub.emit('wim') end,\n"
    "            away = function() return connections.disconnect(of('wim'), 'out') end,\n"
    "            gone = function() return connections.disconnectWhere({k = 7}) end,\n";
static const char calls_yaml[] =
    "            publish = function() return channels.publish(n, {x = 7}) end,\n"
    "            misuse = function() return channels.publish(n, 'text') end,\n"
    "            history = function() return #channels.history(n, {limit = 5}).items end,\n"
    "            subscribers = function() return channels.subscribers(n) end,\n"
    "            out = function() return channels.disconnect(n, 'wim', 'go') end,\n"
    "            nobody = function() return channels.publish('nothing', {x = 7}) end,\n"
    "            write = function() return records.write(n, {s = 1}, {strategy = 'merge'}) end,\n"
    "            get = function() return records.get(n) end,\n"
    "            list = function() return #records.list(n .. '*').items end,\n"
    "            patch = function() return records.patch(n, {{op = 'add', path = '/p', value = 2}}) end,\n"
    "            conflict = function() return records.write(n, 1, {ifVersion = 99}) end,\n"
    "            delete = function() return records.delete(n) end,\n"
    "            move = function() return records.transaction(function(tx)\n"
    "              local r = tx:get(n)\n"
    "              tx:write(n, {was = r.version})\n"
    "              tx:write(n .. 's', {v = 1})\n"
    "              return r.version end) end,\n"
    "            sit = function() return objects.create('seat', {id = n .. 's', userId = 'pia', roomId = n}).userId "
    "end,\n"
    "            change = function() return objects.update('seat', n .. 's', {userId = 'ann'}).userId end,\n"
    "            rise = function() objects.delete('seat', n .. 's') end,\n"
    "            title = function() records.write(n .. 's', {title = 'one'}) end,\n"
    "            retitle = function() records.write(n .. 's', {title = 'two'}) end,\n"
    "            untitle = function() records.delete(n .. 's') end,\n"
    "            refresh = function() return collections.refresh(n) end,\n"
    "            early = function() return channels.publish('', {x = 7}) end,\n"
    "          }\n"
    "          local ok, value = pcall(does[payload.what])\n"
    "          return {ok = ok, value = ok and value or tostring(value)}\n"
    "guardrails: {maxMessageSize: 2000}\n";
static const char more_yaml[] =
    "clients: {id: auth.clientId, graceMs: 1000}\n"
    "namespaces:\n"
    "  - path: /lobby\n"
    "    channels: [{pattern: {regex: '^n[0-9]+$'}, canPublish: \"session.roleId == 'mod'\", history: 10}]\n"
    "    onConnect: {lua: 'socket:join(\"all\", socket.userId)'}\n"
    "    events:\n"
    "      - {name: say, script: {lua: 'namespace:emit(\"said\", socket.userId, ...)'}}\n"
    "      - {name: tell, script: {lua: 'local w, v = ... socket:to(w):emit(\"told\", v)'}}\n"
    "      - {name: most, script: {lua: 'socket:to(\"all\"):except(\"wim\"):emit(\"most\", {a = 1}, 2)'}}\n"
    "      - {name: bytes, script: {lua: 'namespace:emit(\"raw\", binary(\"ab\"), {1, binary(\"c\")})'}}\n"
    "      - {name: others, script: {lua: 'socket.broadcast:emit(\"others\")'}}\n"
    "  - path: {regex: '^/t/[a-z]+$'}\n"
    "    channels: [{pattern: {regex: '^n[0-9]+$'}, canPublish: \"session.roleId == 'mod'\", history: 10}]\n";

/* Names n1, n2, … from FIRST on, until each node owns one. */
static void find_names_from(const struct hub_part *part, const char *letter, int first) {
    memset(owned, 0, sizeof owned);
    for (int i = first; !owned[0][0] || !owned[1][0]; i++) {
        char name[8];
        assert_true(i <= first + 30);
        snprintf(name, sizeof name, "%s%d", letter, i);
        size_t node = hub_str_is(hub_guest_slot_owner(nodes[0].engine, part, hub_cstr(name)), id_of(1));
        if (!owned[node][0]) memcpy(owned[node], name, sizeof name);
    }
}

static void find_names(const struct hub_part *part, const char *letter) { find_names_from(part, letter, 1); }

static int set_up_with(size_t bytes) {
    struct hub_buf hub = {0};
    hub_buf_addf(&hub, "%s%s%s", hub_yaml, connections_yaml, calls_yaml);
    nodes_begin(hub_buf_cstr(&hub), more_yaml, bytes);
    hub_buf_free(&hub);
    find_names(&hub_channels_part, "n");
    return 0;
}
static int setup(void **state) { return *state = NULL, set_up_with(HUB_MESH_QUEUE_BYTES); }
static int setup_narrow(void **state) { return *state = NULL, set_up_with(NARROW); }

#define PUBLISH(WHO, DATA) \
    { WHO, "hub:publish", "{\"channel\":R,\"data\":" DATA "}", false }
#define PROBE(WHO, WHAT) \
    { WHO, "hub:command", "{\"command\":\"probe\",\"payload\":{\"name\":R,\"what\":\"" WHAT "\"}}", false }
#define SUBSCRIBE(WHO) \
    { WHO, "hub:subscribe", "{\"channel\":R}", false }

static const struct step channel_steps[] = {
    SUBSCRIBE(WIM),
    PUBLISH(MOD, "1"),
    PUBLISH(BOB, "2"),
    PUBLISH(MOD, "3"),
    SUBSCRIBE(BOB),
    SUBSCRIBE(BOB),
    PUBLISH(MOD, "{\"x\":[1,null,\"\\u0041\"]}"),
    PUBLISH(MOD, "\"@\""),
    {MOD, "hub:publish", "{\"channel\":R,\"data\":4}", true},
    {BOB, "hub:publish", "{\"channel\":R,\"data\":4}", true},
    {MOD, "hub:publish", "{\"channel\":R}", false},
    {MOD, "hub:publish", "{\"chanel\":R,\"data\":1}", false},
    {WIM, "hub:subscribe", "{\"channel\":\"nothing\"}", false},
    {WIM, "hub:subscribe", "{\"channel\":\"\"}", false},
    {WIM, "hub:unsubscribe", "{\"channel\":R}", false},
    {WIM, "hub:unsubscribe", "{\"channel\":R}", false},
    PUBLISH(MOD, "5"),
    {WIM, "hub:subscribe", "{\"channel\":R,\"since\":2}", false},
    {MOD, "hub:subscribe", "{\"channel\":R,\"historyLimit\":2}", false},
    {BOB, "hub:channelHistory", "{\"channel\":R,\"limit\":2}", false},
    {BOB, "hub:channelHistory", "{\"channel\":R,\"limit\":2,\"before\":3}", false},
    PROBE(BOB, "publish"),
    PROBE(WIM, "publish"),
    PROBE(BOB, "history"),
    PROBE(WIM, "history"),
    PROBE(BOB, "subscribers"),
    PROBE(WIM, "subscribers"),
    PROBE(BOB, "nobody"),
    PROBE(WIM, "early"),
    PROBE(BOB, "out"),
    PROBE(WIM, "out"),
    PUBLISH(MOD, "6"),
};

static void play_in(struct actor all[ACTORS], const char *path, const struct step *steps, size_t n, const char *name) {
    begin_in(all, path);
    for (size_t i = 0; i < n; i++) {
        act(&all[steps[i].actor], &steps[i], name);
        settle();
        for (int k = 0; k < ACTORS; k++) listen(&all[k], name);
    }
}

static void play(struct actor all[ACTORS], const struct step *steps, size_t n, const char *name) {
    play_in(all, "/hub/chat", steps, n, name);
}

static void subscribers_hear_the_same_whoever_owns_the_channel(void **state) {
    struct actor of[2][ACTORS];
    (void)state;
    for (size_t owner = 0; owner < 2; owner++) play(of[owner], channel_steps, HUB_NELEM(channel_steps), owned[owner]);
    for (int k = 0; k < ACTORS; k++) assert_true(of[0][k].story.n > 500);
    assert_non_null(strstr(hub_buf_cstr(&of[1][BOB].story), "hub:channelMessage"));
    compare_stories(of[0], of[1]);
}

static const struct step kept_steps[] = {
    SUBSCRIBE(WIM),
    PUBLISH(BOB, "{\"x\":1}"),
    PUBLISH(BOB, "{\"x\":\"one\"}"),
    PUBLISH(WIM, "{\"x\":2}"),
    PROBE(MOD, "publish"),
    PROBE(MOD, "misuse"),
    {BOB, "hub:subscribe", "{\"channel\":R,\"since\":1}", false},
    PUBLISH(WIM, "{\"x\":3}"),
};

static void the_same_of_channels_in_the_store(void **state) {
    struct actor of[2][ACTORS];
    (void)state;
    find_names(&hub_channels_part, "p");
    for (size_t owner = 0; owner < 2; owner++) play(of[owner], kept_steps, HUB_NELEM(kept_steps), owned[owner]);
    compare_stories(of[0], of[1]);
}

static const struct step lobby_steps[] = {
    SUBSCRIBE(WIM),
    PUBLISH(MOD, "1"),
    PUBLISH(BOB, "2"),
    SUBSCRIBE(BOB),
    {WIM, "nothing", "{}", false},
    {WIM, "hub:unsubscribe", "{\"channel\":R}", false},
    PUBLISH(MOD, "3"),
    {WIM, "hub:subscribe", "{\"channel\":R,\"since\":1}", false},
    {WIM, "hub:channelHistory", "{\"channel\":R}", false},
    PUBLISH(MOD, "4"),
};

static void the_same_in_plain_namespaces(void **state) {
    static const char *const paths[] = {"/lobby", "/t/one"};
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(paths); i++) {
        struct actor of[2][ACTORS];
        for (size_t owner = 0; owner < 2; owner++)
            play_in(of[owner], paths[i], lobby_steps, HUB_NELEM(lobby_steps), owned[owner]);
        bool heard = strstr(hub_buf_cstr(&of[1][BOB].story), "hub:channelMessage");
        compare_stories(of[0], of[1]);
        assert_true(heard);
    }
}

static const struct step cast_steps[] = {
    {WIM, "say", "\"hello\"", false},
    {BOB, "say", "{\"x\":[1.5]}", false},
    {WIM, "tell", "\"bob\",1", false},
    {BOB, "tell", "\"wim\",2", false},
    {BOB, "tell", "[\"wim\",\"all\"],3", false},
    {BOB, "tell", "\"nobody\",4", false},
    {MOD, "most", "1", false},
    {WIM, "bytes", "1", false},
    {BOB, "others", "1", false},
    {WIM, "tell", "[],5", false},
};

static void handlers_reach_everybody_in_their_namespace(void **state) {
    static const size_t at[3][ACTORS] = {{0, 0, 0}, {0, 0, 1}, {0, 1, 0}};
    struct actor of[3][ACTORS];
    (void)state;
    for (int run = 0; run < 3; run++) {
        memcpy(node_of, at[run], sizeof node_of);
        play_in(of[run], "/lobby", cast_steps, HUB_NELEM(cast_steps), "x");
        for (int k = 0; k < ACTORS; k++) turned_hang_up(&of[run][k].client);
        settle();
    }
    bool heard = strstr(hub_buf_cstr(&of[1][WIM].story), "[\"told\",3]");
    const char *parted = parting_of(of[0], of[2]);
    end(of[2]);
    compare_stories(of[0], of[1]);
    if (*parted) fail_msg("%s", parted);
    assert_true(heard);
}

/* A name by an expression is in use at the owner as long as the other node has somebody in it. */
static void a_name_by_expression_goes_with_its_guests(void **state) {
    static const struct step subscribe = SUBSCRIBE(WIM);
    struct actor all[ACTORS];
    (void)state;
    for (int i = 0; i < ACTORS; i++) {
        all[i] = (struct actor){.user = "wim", .path = i == WIM ? "/t/two" : "/hub/chat"};
        connect_to(i == WIM, &all[i].client, all[i].user, all[i].path);
    }
    act(&all[WIM], &subscribe, owned[0]);
    settle();
    struct hub_hub *open = hub_namespaces_hub(nodes[0].engine, HUB_STR("/t/two"));
    turned_hang_up(&all[WIM].client);
    settle();
    hub_namespaces_sweep(nodes[0].engine, 0);
    settle();
    const struct hub_hub *left = hub_namespaces_hub(nodes[0].engine, HUB_STR("/t/two"));
    end(all);
    assert_non_null(open);
    assert_null(left);
}

static const struct step refresh_steps[] = {
    SUBSCRIBE(WIM),
    SUBSCRIBE(BOB),
    {WIM, "hub:refreshToken", "{\"token\":\"dev:wim:mod\"}", false},
    PUBLISH(WIM, "1"),
    {WIM, "hub:refreshToken", "{\"token\":\"dev:wim:banned\"}", false},
    PUBLISH(WIM, "2"),
    PUBLISH(MOD, "3"),
    SUBSCRIBE(WIM),
};

static void a_new_token_counts_at_the_owner(void **state) {
    struct actor of[2][ACTORS];
    (void)state;
    for (size_t owner = 0; owner < 2; owner++) play(of[owner], refresh_steps, HUB_NELEM(refresh_steps), owned[owner]);
    bool ended = strstr(hub_buf_cstr(&of[0][WIM].story), "\"reason\":\"not_allowed\"");
    compare_stories(of[0], of[1]);
    assert_true(ended);
}

/* A guard at one node reads a room of another, or a record: it is asked again when that changes. */
static void guards_hear_of_what_other_nodes_change(void **state) {
    static const struct step join = {MOD, "hub:join", "{\"roomId\":R}", false},
                             leave = {MOD, "hub:leave", "{\"roomId\":R}", false}, subscribe = SUBSCRIBE(WIM);
    const struct hub_hub *hub = hub_engine_hub(nodes[0].engine, HUB_STR("chat"));
    (void)state;
    for (int run = 0; run < 4; run++) {
        struct actor all[ACTORS];
        char room[8], name[20], sql[80];
        for (int i = 1 + 50 * run;; i++) {
            snprintf(room, sizeof room, "q%d", i);
            if (hub_str_is(hub_guest_owner(hub, hub_cstr(room)), id_of(run & 1))) break;
        }
        for (int i = 1;; i++) {
            snprintf(name, sizeof name, "g%d-%s", i, room);
            if (hub_str_is(hub_guest_slot_owner(nodes[0].engine, &hub_channels_part, hub_cstr(name)), id_of(run >> 1)))
                break;
        }
        snprintf(sql, sizeof sql, "INSERT INTO room (id) VALUES ('%s')", room);
        turned_have_done(sql);
        begin(all);
        act(&all[MOD], &join, room);
        settle();
        act(&all[WIM], &subscribe, name);
        settle();
        listen(&all[WIM], name);
        bool subscribed = strstr(hub_buf_cstr(&all[WIM].story), "\"ok\":true,\"channel\":R");
        act(&all[MOD], &leave, room);
        settle();
        turn_clock(turned.loop, 60000); /* the grace of its presence */
        settle();
        listen(&all[WIM], name);
        bool ended = strstr(hub_buf_cstr(&all[WIM].story), "{\"channel\":R,\"reason\":\"not_allowed\"}");
        end(all);
        if (!subscribed || !ended) fail_msg("run %d: %d, %d", run, subscribed, ended);
    }
}

static void guards_hear_of_records_of_others(void **state) {
    static const struct step subscribe = SUBSCRIBE(WIM),
                             close = {MOD, "hub:writeRecord", "{\"recordId\":\"doc:open\",\"value\":\"closed\"}",
                                      false},
                             open = {MOD, "hub:writeRecord", "{\"recordId\":\"doc:open\",\"value\":\"open\"}", false};
    (void)state;
    find_names(&hub_channels_part, "d");
    for (int owner = 0; owner < 2; owner++) {
        struct actor all[ACTORS];
        begin(all);
        act(&all[MOD], &open, owned[owner]);
        settle();
        act(&all[WIM], &subscribe, owned[owner]);
        settle();
        act(&all[MOD], &close, owned[owner]);
        settle();
        listen(&all[WIM], owned[owner]);
        bool ended = strstr(hub_buf_cstr(&all[WIM].story), "{\"channel\":R,\"reason\":\"not_allowed\"}");
        end(all);
        assert_true(ended);
    }
}

/* ---- records ---- */

#define FOLLOW(WHO, MODE) \
    { WHO, "hub:subscribeRecord", "{\"recordId\":R,\"mode\":\"" MODE "\"}", false }
#define WRITE(WHO, VALUE) \
    { WHO, "hub:writeRecord", "{\"recordId\":R,\"value\":" VALUE "}", false }

static const struct step record_steps[] = {
    FOLLOW(WIM, "full"),
    WRITE(BOB, "{\"a\":1,\"long\":\"%\"}"),
    FOLLOW(BOB, "patch"),
    FOLLOW(MOD, "patch"),
    WRITE(WIM, "{\"a\":2,\"long\":\"%\"}"),
    {WIM, "hub:patchRecord", "{\"recordId\":R,\"patch\":[{\"op\":\"add\",\"path\":\"/b\",\"value\":[]}]}", false},
    {WIM, "hub:patchRecord", "{\"recordId\":R,\"patch\":[{\"op\":\"test\",\"path\":\"/b\",\"value\":1}]}", false},
    {WIM, "hub:writeRecord", "{\"recordId\":R,\"value\":{},\"ifVersion\":7}", false},
    {WIM, "hub:writeRecord", "{\"recordId\":R,\"value\":{\"c\":1},\"strategy\":\"merge\"}", false},
    {WIM, "hub:readRecord", "{\"recordId\":R}", false},
    {WIM, "hub:deleteRecord", "{\"recordId\":R}", false},
    {BOB, "hub:deleteRecord", "{\"recordId\":R}", false},
    {WIM, "hub:readRecord", "{\"recordId\":\"nothing\"}", false},
    FOLLOW(WIM, "patch"),
    WRITE(MOD, "{\"a\":3}"),
    PROBE(BOB, "write"),
    PROBE(WIM, "write"),
    PROBE(BOB, "get"),
    PROBE(WIM, "get"),
    PROBE(WIM, "list"),
    PROBE(WIM, "patch"),
    PROBE(BOB, "conflict"),
    PROBE(WIM, "conflict"),
    PROBE(WIM, "move"),
    PROBE(MOD, "move"),
    {WIM, "hub:transaction",
     "{\"operations\":[{\"op\":\"write\",\"recordId\":R,\"value\":1},{\"op\":\"write\",\"recordId\":S,"
     "\"value\":2}]}",
     false},
    {WIM, "hub:unsubscribeRecord", "{\"recordId\":R}", false},
    PROBE(WIM, "delete"),
    {WIM, "hub:refreshToken", "{\"token\":\"dev:wim:banned\"}", false},
    {BOB, "hub:refreshToken", "{\"token\":\"dev:bob:banned\"}", false},
};

/* All records are in one slot, so it is the clients who are elsewhere. */
static void everybody_follows_records_wherever_he_is(void **state) {
    enum { RUNS = 3 };
    struct actor of[RUNS][ACTORS];
    size_t owner = hub_str_is(hub_guest_slot_owner(nodes[0].engine, &hub_records_part, HUB_STR("")), id_of(1));
    const size_t at[RUNS][ACTORS] = {{owner, owner, owner}, {owner, owner, !owner}, {!owner, !owner, !owner}};
    (void)state;
    for (int run = 0; run < RUNS; run++) {
        char name[20];
        snprintf(name, sizeof name, "doc:%d", run);
        memcpy(node_of, at[run], sizeof node_of);
        play(of[run], record_steps, HUB_NELEM(record_steps), name);
    }
    bool patched = strstr(hub_buf_cstr(&of[2][BOB].story), "\"patch\":[");
    for (int k = 0; k < ACTORS; k++) assert_true(of[0][k].story.n > 500);
    const char *parted = parting_of(of[0], of[2]);
    end(of[2]);
    compare_stories(of[0], of[1]);
    if (*parted) fail_msg("%s", parted);
    assert_true(patched);
}

/* One of the nodes has them, and only its scripts may change them together with rows. */
static void records_of_others_are_in_no_transaction(void **state) {
    static const struct step within[] = {PROBE(BOB, "within"), PROBE(WIM, "within")};
    struct actor all[ACTORS];
    int committed = 0, refused = 0;
    (void)state;
    play(all, within, HUB_NELEM(within), "x");
    for (int k = BOB; k <= WIM; k++) {
        committed += strstr(hub_buf_cstr(&all[k].story), "\"committed\"") != NULL;
        refused += strstr(hub_buf_cstr(&all[k].story), "records of another node") != NULL;
    }
    end(all);
    assert_int_equal(committed, 1);
    assert_int_equal(refused, 1);
}

/* ---- collections ---- */

#define WATCH(WHO) \
    { WHO, "hub:subscribeCollection", "{\"collectionId\":R}", false }
static const struct step query_steps[] = {
    WATCH(WIM),
    PROBE(MOD, "sit"),
    WATCH(BOB),
    WATCH(BOB),
    PROBE(MOD, "change"),
    PROBE(MOD, "rise"),
    PROBE(MOD, "refresh"),
    {WIM, "hub:unsubscribeCollection", "{\"collectionId\":R}", false},
    PROBE(MOD, "sit"),
    WATCH(WIM),
    {WIM, "hub:refreshToken", "{\"token\":\"dev:wim:banned\"}", false},
    PROBE(MOD, "rise"),
};
static const struct step resolver_steps[] = {
    WATCH(WIM), PROBE(MOD, "title"), WATCH(BOB), PROBE(MOD, "retitle"), PROBE(MOD, "refresh"), PROBE(MOD, "untitle"),
};

/* Whoever owns the collection, and wherever MOD writes, who does not watch: his answer may come before or
 * after what others are told. */
static void watch_everywhere(const char *letter, const struct step *steps, size_t n) {
    struct actor first[ACTORS];
    for (int run = 0; run < 4; run++) {
        struct actor again[ACTORS];
        node_of[MOD] = run / 2;
        if (run % 2 == 0) find_names_from(&hub_collections_part, letter, 1 + 100 * run); /* nobody has used them */
        play(run ? again : first, steps, n, owned[run % 2]);
        const char *parted = run ? parting_of(first, again) : "";
        if (run) end(again);
        if (*parted) end(first);
        if (*parted) fail_msg("run %d: %s", run, parted);
    }
    bool told = strstr(hub_buf_cstr(&first[WIM].story), "hub:collectionChanged");
    end(first);
    assert_true(told);
}

static void everybody_watches_queries_of_others(void **state) {
    (void)state;
    watch_everywhere("c", query_steps, HUB_NELEM(query_steps));
}

static void everybody_watches_what_scripts_of_others_make(void **state) {
    (void)state;
    watch_everywhere("k", resolver_steps, HUB_NELEM(resolver_steps));
}

/* ---- connections, wherever they are ---- */

static const struct step everywhere_steps[] = {
    PROBE(BOB, "count"),       PROBE(WIM, "count"),       PROBE(BOB, "all"),         PROBE(WIM, "all"),
    PROBE(BOB, "pages"),       PROBE(WIM, "pages"),       PROBE(BOB, "bad"),         PROBE(WIM, "much"),
    PROBE(BOB, "online"),      PROBE(WIM, "online"),      PROBE(BOB, "emit"),        PROBE(WIM, "emit"),
    PROBE(BOB, "everybody"),   PROBE(WIM, "everybody"),   PROBE(BOB, "hubwide"),     PROBE(WIM, "hubwide"),
    PROBE(BOB, "set"),         PROBE(WIM, "set"),         PROBE(BOB, "seen"),        PROBE(WIM, "seen"),
    PROBE(BOB, "where"),       PROBE(WIM, "where"),       PROBE(BOB, "unseen"),      PROBE(WIM, "unseen"),
    PROBE(BOB, "one"),         PROBE(WIM, "one"),         PROBE(BOB, "none"),        PROBE(WIM, "none"),
    PROBE(BOB, "client"),      PROBE(WIM, "client"),      PROBE(BOB, "client_send"), PROBE(WIM, "client_send"),
    PROBE(BOB, "client_none"), PROBE(WIM, "client_none"), PROBE(BOB, "nameless"),    PROBE(WIM, "nameless"),
    PROBE(BOB, "away"),        PROBE(BOB, "gone"),        PROBE(BOB, "count"),
};

static void scripts_reach_connections_wherever_they_are(void **state) {
    static const size_t at[3][ACTORS] = {{0, 0, 0}, {0, 0, 1}, {1, 1, 1}};
    struct actor of[3][ACTORS];
    (void)state;
    for (int run = 0; run < 3; run++) {
        memcpy(node_of, at[run], sizeof node_of);
        play(of[run], everywhere_steps, HUB_NELEM(everywhere_steps), "x");
        for (int k = 0; k < ACTORS; k++) turned_hang_up(&of[run][k].client);
        settle();
        turn_clock(turned.loop, 2000); /* nobody is away any more */
        settle();
    }
    bool told = strstr(hub_buf_cstr(&of[1][WIM].story), "[\"told\",");
    const char *parted = parting_of(of[0], of[2]);
    end(of[2]);
    compare_stories(of[0], of[1]);
    if (*parted) fail_msg("%s", parted);
    assert_true(told);
}

/* ---- faults ---- */

/* How many the first node says to have subscribed. */
static int subscribers(struct actor *bob, const char *name) {
    static const struct step probe = PROBE(BOB, "subscribers");
    hub_buf_clear(&bob->story);
    act(bob, &probe, name);
    settle();
    listen(bob, name);
    const char *at = strstr(hub_buf_cstr(&bob->story), "\"value\":");
    return at ? atoi(at + 8) : -1;
}

static void a_subscriber_goes_with_its_connection_and_its_node(void **state) {
    static const struct step subscribe = SUBSCRIBE(WIM);
    struct actor all[ACTORS];
    struct turned_client second;
    (void)state;
    begin(all);
    connect_to(1, &second, "pia", "/hub/chat");
    act(&all[WIM], &subscribe, owned[0]);
    settle();
    char answer[32], args[40];
    snprintf(args, sizeof args, "{\"channel\":\"%s\"}", owned[0]);
    turned_asks(&second, "hub:subscribe", args, answer);
    settle();
    int both = subscribers(&all[BOB], owned[0]);
    turned_hang_up(&all[WIM].client);
    settle();
    int one = subscribers(&all[BOB], owned[0]);
    stop_second();
    for (int i = 0; i < 8; i++) turned_run_due(turned.loop);
    int none = subscribers(&all[BOB], owned[0]);
    turned_hang_up(&second);
    end(all);
    assert_int_equal(both, 2);
    assert_int_equal(one, 1);
    assert_int_equal(none, 0);
}

/* What the other node owned is this one's then, and has to be subscribed to anew. */
static void subscribers_hear_that_the_owner_is_gone(void **state) {
    static const struct step subscribe = SUBSCRIBE(BOB), publish = PUBLISH(MOD, "1");
    struct actor all[ACTORS];
    (void)state;
    begin(all);
    act(&all[BOB], &subscribe, owned[1]);
    settle();
    turned_hang_up(&all[WIM].client);
    settle();
    stop_second();
    for (int i = 0; i < 8; i++) turned_run_due(turned.loop);
    listen(&all[BOB], owned[1]);
    bool told =
        strstr(hub_buf_cstr(&all[BOB].story), "[\"hub:unsubscribed\",{\"channel\":R,\"reason\":\"shutting_down\"}]");
    act(&all[BOB], &subscribe, owned[1]);
    settle();
    act(&all[MOD], &publish, owned[1]);
    settle();
    listen(&all[BOB], owned[1]);
    bool heard = strstr(hub_buf_cstr(&all[BOB].story), "\"hub:channelMessage\",{\"channel\":R,\"offset\":1,");
    end(all);
    assert_true(told);
    assert_true(heard);
}

/* Everything that is asked ends, also when it does not fit on the link, or its answer does not. */
static void what_does_not_fit_is_refused(void **state) {
    static const struct step publish = PUBLISH(MOD, "\"%\""),
                             history = {WIM, "hub:channelHistory", "{\"channel\":R}", false},
                             much = PUBLISH(WIM, "\"%%%%\"");
    struct actor all[ACTORS];
    (void)state;
    begin(all);
    act(&all[WIM], &much, owned[0]);
    for (int i = 0; i < 6; i++) {
        act(&all[MOD], &publish, owned[0]);
        settle();
    }
    act(&all[WIM], &history, owned[0]);
    settle();
    listen(&all[WIM], owned[0]);
    const char *story = hub_buf_cstr(&all[WIM].story);
    bool call_refused = strstr(story, "43/hub/chat,1[{\"ok\":false,\"error\":{\"code\":\"overloaded\""),
         answer_refused = strstr(story, "43/hub/chat,2[{\"ok\":false,\"error\":{\"code\":\"overloaded\"");
    end(all);
    assert_true(call_refused);
    assert_true(answer_refused);
}

/* ---- by REST ---- */

static void on_reply(void *arg, enum hub_code code, const struct hub_err *err, const char *data_name,
                     struct hub_str fields) {
    hub_buf_addf(arg, "%s %s %s %.*s\n", hub_code_name(code), err ? err->text : "-", data_name ? data_name : "-",
                 HUB_FMT(fields));
}
static bool somebody_waits(void *arg) { return !arg; }
static void on_resolved(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    (void)code, (void)reason;
    *(struct hub_identity **)arg = hub_identity_ref(who);
}

/* Asks the first node, whoever owns the channel. */
static void request(struct hub_buf *answer, const char *command, const char *more, const char *name) {
    struct hub_identity *eve = NULL;
    struct hub_buf args = {0};
    hub_identity_resolve(turned.identity, HUB_STR("dev:eve:mod"), on_resolved, &eve);
    hub_buf_addf(&args, "{\"channel\":\"%s\"%s}", name, more);
    hub_engine_channel_request(nodes[0].engine, command, hub_cstr(name),
                               &(struct hub_request){.who = eve,
                                                     .address = HUB_STR("127.0.0.1"),
                                                     .args = hub_json_parse(hub_buf_str(&args), NULL),
                                                     .reply = on_reply,
                                                     .gone = somebody_waits,
                                                     .arg = answer});
    settle();
    hub_identity_unref(eve);
    hub_buf_free(&args);
}

static void requests_are_answered_the_same_whoever_owns_the_channel(void **state) {
    struct hub_buf of[2] = {{0}, {0}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        request(&of[i], "hub:publish", ",\"data\":1", owned[i]);
        request(&of[i], "hub:publish", ",\"data\":3", owned[i]);
        request(&of[i], "hub:publish", ",\"dota\":3", owned[i]);
        request(&of[i], "hub:channelHistory", ",\"limit\":3", owned[i]);
    }
    const char *parted = parting(hub_buf_cstr(&of[0]), hub_buf_cstr(&of[1]));
    bool published = strstr(hub_buf_cstr(&of[1]), "ok - offset \"offset\":1\n");
    hub_buf_free(&of[0]);
    hub_buf_free(&of[1]);
    if (*parted) fail_msg("%s", parted);
    assert_true(published);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(subscribers_hear_the_same_whoever_owns_the_channel, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_of_channels_in_the_store, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_in_plain_namespaces, setup, teardown),
        cmocka_unit_test_setup_teardown(handlers_reach_everybody_in_their_namespace, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_by_expression_goes_with_its_guests, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_token_counts_at_the_owner, setup, teardown),
        cmocka_unit_test_setup_teardown(guards_hear_of_what_other_nodes_change, setup, teardown),
        cmocka_unit_test_setup_teardown(guards_hear_of_records_of_others, setup, teardown),
        cmocka_unit_test_setup_teardown(everybody_follows_records_wherever_he_is, setup, teardown),
        cmocka_unit_test_setup_teardown(records_of_others_are_in_no_transaction, setup, teardown),
        cmocka_unit_test_setup_teardown(everybody_watches_queries_of_others, setup, teardown),
        cmocka_unit_test_setup_teardown(everybody_watches_what_scripts_of_others_make, setup, teardown),
        cmocka_unit_test_setup_teardown(scripts_reach_connections_wherever_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(a_subscriber_goes_with_its_connection_and_its_node, setup, teardown),
        cmocka_unit_test_setup_teardown(subscribers_hear_that_the_owner_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_refused, setup_narrow, teardown),
        cmocka_unit_test_setup_teardown(requests_are_answered_the_same_whoever_owns_the_channel, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
