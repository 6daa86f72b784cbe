/* What scripts may ask of the engine: each function answers once, says what was wrong with its arguments, and
 * reaches rooms that nobody is in. And what scripts do by themselves, at their time. */
#include "fake_hub.h"
#include "hub/script/script_int.h"

#define HUB                                                          \
    "roomSettings: {roomDataObject: room}\n"                         \
    "messageSettings: {messageTypes: [text]}\n"                      \
    "historySettings: {historyEnabled: false}\n"                     \
    "eventSettings:\n"                                               \
    "  customEvents:\n"                                              \
    "    - {name: wave, direction: serverToRoom, ephemeral: true}\n" \
    "    - {name: pin, direction: serverToRoom, ephemeral: false}\n"
#define R1 "{\"roomId\":\"r1\"}"

/* A call of a function by a script of the hub. */
struct asked {
    struct hub_host_call call;
    int done;
    enum hub_code code;
    char text[1000]; /* the result as JSON, "nil", or why it failed */
    size_t items;    /* of a list */
    char next[100];
};

static void on_asked(struct hub_host_call *call, enum hub_code code, json_t *result, const char *text) {
    struct asked *a = HUB_CONTAINER(call, struct asked, call);
    struct hub_buf b = {0};
    a->done++;
    a->code = code;
    if (result) hub_json_add(&b, result);
    a->items = json_array_size(hub_json_get(result, "items"));
    snprintf(a->next, sizeof a->next, "%.*s", HUB_FMT(hub_json_get_str(result, "next")));
    snprintf(a->text, sizeof a->text, "%s", code ? text : result ? hub_buf_cstr(&b) : "nil");
    hub_buf_free(&b);
    json_decref(result);
}

static const struct hub_host_fn *fn_named(const struct hub_host_fn *fn, const char *name) {
    size_t dot = strcspn(name, ".");
    while (fn->table && (strncmp(fn->table, name, dot) != 0 || strcmp(fn->name, name + dot + 1) != 0)) fn++;
    return fn->table ? fn : NULL;
}

/* NAME: "hub.send"; CALLER NULL: a script of the service. It need not be answered yet. */
static void ask(struct fake_hub *f, struct asked *a, const char *name, const char *args, void *caller) {
    const struct hub_host_fn *fn = fn_named(hub_scripts_part.host, name);
    for (size_t i = 0; i < HUB_HOST_ATS && !fn; i++)
        if (hub_scripts_part.host_at[i]) fn = fn_named(hub_scripts_part.host_at[i], name);
    assert_non_null(fn);
    json_decref(a->call.args);
    *a = (struct asked){.call = {.args = hub_json_parse(hub_cstr(args), NULL), .caller = caller, .done = on_asked}};
    assert_non_null(a->call.args);
    fn->call(f->engine, &a->call);
}
static const char *answer(struct fake_hub *f, struct asked *a, const char *name, const char *args) {
    ask(f, a, name, args, &f->hub->caller);
    fake_settle(f);
    assert_int_equal(a->done, 1);
    return a->text;
}
static void forget(struct asked *a) { json_decref(a->call.args); }

static void a_message_reaches_a_room_that_nobody_is_in_if_there_is_such_a_room(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct asked a = {0};
    (void)state;
    assert_non_null(strstr(answer(f, &a, "hub.send", "[\"r1\",\"text\",{\"body\":\"a\"}]"), "\"seq\":1"));
    assert_int_equal(fake_store_count(&f->store, f->hub->tables->message, true), 1);
    answer(f, &a, "hub.send", "[\"r9\",\"text\",{\"body\":\"a\"}]");
    assert_int_equal(a.code, HUB_ROOM_NOT_FOUND);
    answer(f, &a, "hub.send", "[\"r1\",\"nothing\",{\"body\":\"a\"}]");
    assert_int_equal(a.code, HUB_UNKNOWN_TYPE);
    f->store.away = HUB_STORE_UNAVAILABLE;
    answer(f, &a, "hub.send", "[\"r2\",\"text\",{\"body\":\"a\"}]");
    assert_int_equal(a.code, HUB_STORE_UNAVAILABLE);
    f->store.away = HUB_OK;
    assert_int_equal(hub_map_len(&f->hub->rooms), 0); /* none is kept for it */
    forget(&a);
    fake_hub_free(f);
}

static void arguments_that_are_none_are_refused_by_name(void **state) {
    static const struct {
        const char *name, *args, *says;
    } cases[] = {
        {"hub.send", "[\"r1\",\"text\"]", "expected two texts and an object"},
        {"hub.send", "[\"r1\",\"text\",{\"body\":\"a\"},{\"senderId\":7}]", "senderId: expected a text"},
        {"hub.send", "[\"r1\",\"text\",{\"body\":\"a\"},{\"persist\":1}]", "persist: expected true or false"},
        {"hub.send", "[\"r1\",\"text\",{\"body\":\"a\"},{\"to\":\"some\"}]", "to: expected"},
        {"hub.send", "[\"r1\",\"text\",{\"body\":\"a\"},{\"senderID\":\"ann\"}]", "senderId"},
        {"hub.broadcast", "[\"r1\",\"wave\",1,\"others\"]", "to is \"all\" or an array"},
        {"hub.broadcast", "[\"r1\",\"disconnect\",1]", "reserved by Socket.IO"},
        {"hub.emit", "[\"ann\"]", "expected two texts"},
        {"hub.emit", "[\"ann\",\"connect\"]", "reserved by Socket.IO"},
        {"objects.find", "[\"cat\",\"1\"]", "there is no DataObject \"cat\""},
        {"db.query", "[]", "expected SQL text"},
        {"redis.call", "[]", "expected a command"},
        {"kafka.publish", "[\"a topic\",1]", "expected as topic"},
        {"connections.list", "[{\"limit\":1001}]", "limit: expected a whole number from 1 to 1000"},
        {"connections.list", "[{\"after\":\"x\"}]", "after: expected"},
        {"connections.list", "[{\"wheer\":{}}]", "where"},
        {"connections.sendWhere", "[{\"a\":{\"$like\":1}},\"e\"]", "unknown operator"},
        {"connections.sendWhere", "[[],\"e\"]", "where: expected an object"},
        {"connections.send", "[\"nobody\",\"e\"]", "there is no connection of that id"},
        {"connections.send", "[\"nobody\",\"connect\"]", "reserved by Socket.IO"},
        {"connections.setMetadata", "[\"nobody\",7]", "expected an object"},
        {"rooms.setMetadata", "[\"r1\",{},\"union\"]", "expected replace, merge or deepMerge"},
        {"rooms.metadata", "[\"r1\"]", "metadata.room is not declared"},
        {"rooms.broadcast", "[\"r1\",\"e\",1,{\"except\":7}]", "except: expected a list"},
        {"hub.broadcastAll", "[7]", "event is a text"},
        {"hubs.get", "[\"cat\"]", "there is no hub \"cat\""},
        {"namespaces.get", "[\"/cat\"]", "there is no plain namespace"},
    };
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    struct asked a = {0};
    (void)state;
    client_join(f, &ann, "ann", "r1");
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        answer(f, &a, cases[i].name, cases[i].args);
        if (!a.code || !strstr(a.text, cases[i].says)) fail_msg("%s %s: %s", cases[i].name, cases[i].args, a.text);
    }
    forget(&a);
    fake_hub_free(f);
}

static void an_event_that_is_kept_is_stored_before_it_is_shown(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, bob;
    struct asked a = {0};
    (void)state;
    client_join(f, &ann, "ann", "r1");
    client_join(f, &bob, "bob", "r1");
    assert_string_equal(answer(f, &a, "hub.broadcast", "[\"r1\",\"wave\",1]"), "true");
    client_hears(&ann, "[\"wave\",{\"roomId\":\"r1\",\"data\":1}]");
    assert_string_equal(answer(f, &a, "hub.broadcast", "[\"r1\",\"pin\",2,[\"bob\"]]"),
                        "true"); /* for some: not kept */
    client_hears(&bob, "\"data\":2");
    client_hears_nothing_of(&ann, "\"data\":2");
    assert_string_equal(answer(f, &a, "hub.broadcast", "[\"r2\",\"wave\",1]"), "false"); /* nobody is in */
    fake_store_hold(&f->store, true);
    ask(f, &a, "hub.broadcast", "[\"r1\",\"pin\",3]", &f->hub->caller);
    client_hears_nothing_of(&ann, "\"data\":3");
    assert_int_equal(a.done, 0);
    fake_store_answer(&f->store);
    assert_string_equal(a.text, "true");
    client_hears(&ann, "\"data\":3");
    ask(f, &a, "hub.broadcast", "[\"r1\",\"pin\",4]", &f->hub->caller);
    fake_store_fail(&f->store, HUB_STORE_UNAVAILABLE, "away");
    assert_int_equal(a.code, HUB_STORE_UNAVAILABLE);
    client_hears_nothing_of(&ann, "\"data\":4");
    fake_store_hold(&f->store, false);
    assert_int_equal(fake_store_count(&f->store, f->hub->tables->event, false), 1);
    forget(&a);
    fake_hub_free(f);
}

static void who_is_in_a_room_can_be_told_counted_and_put_out(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann, other;
    struct asked a = {0};
    (void)state;
    client_join(f, &ann, "ann", "r1");
    client_join(f, &other, "ann", "r1");
    assert_string_equal(answer(f, &a, "hub.memberCount", "[\"r1\"]"), "1");
    assert_string_equal(answer(f, &a, "hub.memberCount", "[\"r9\"]"), "0");
    assert_string_equal(answer(f, &a, "hub.members", "[\"r9\"]"), "[]");
    assert_non_null(strstr(answer(f, &a, "hub.members", "[\"r1\"]"), "\"userId\":\"ann\""));
    assert_string_equal(answer(f, &a, "hub.emit", "[\"ann\",\"ping\",5]"), "2"); /* connections */
    client_hears(&ann, "[\"ping\",{\"roomId\":null,\"data\":5}]");
    client_hears(&other, "[\"ping\"");
    assert_string_equal(answer(f, &a, "hub.kick", "[\"r1\",\"bob\"]"), "false");
    assert_string_equal(answer(f, &a, "hub.kick", "[\"r1\",\"ann\",\"bye\"]"), "true");
    client_hears(&ann, "[\"hub:kicked\",{\"roomId\":\"r1\",\"reason\":\"bye\"}]");
    client_hears(&other, "hub:kicked");
    assert_string_equal(answer(f, &a, "hub.memberCount", "[\"r1\"]"), "0");
    forget(&a);
    fake_hub_free(f);
}

static void what_is_not_there_is_nil_and_no_error(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct asked a = {0};
    (void)state;
    assert_string_equal(answer(f, &a, "objects.find", "[\"room\",\"r9\"]"), "nil");
    assert_string_equal(answer(f, &a, "objects.delete", "[\"room\",\"r9\"]"), "nil");
    assert_non_null(strstr(answer(f, &a, "objects.find", "[\"room\",\"r1\"]"), "\"id\":\"r1\""));
    answer(f, &a, "objects.create", "[\"room\",{\"nothing\":1}]");
    assert_int_equal(a.code, HUB_INVALID_CONTENT);
    f->cache.reply = json_null();
    assert_string_equal(answer(f, &a, "redis.set", "[\"k\",7]"), "nil");
    json_t *want = json_pack("[s,s,s]", "SET", "k", "7"); /* numbers go as texts */
    assert_true(json_equal(f->cache.called, want));
    json_decref(want);
    f->store.sql_result = json_pack("[{s:i}]", "n", 1);
    assert_string_equal(answer(f, &a, "db.query", "[\"SELECT 1\"]"), "[{\"n\":1}]");
    f->store.away = HUB_STORE_UNAVAILABLE;
    answer(f, &a, "db.query", "[\"SELECT 1\"]");
    assert_int_equal(a.code, HUB_STORE_UNAVAILABLE);
    f->store.away = HUB_OK;
    assert_string_equal(answer(f, &a, "kafka.publish", "[\"news\",{\"a\":1},\"k\"]"), "true");
    assert_string_equal(hub_buf_cstr(&f->bus.published), "news k {\"a\":1}\n");
    f->bus.refuses = HUB_OVERLOADED;
    answer(f, &a, "kafka.publish", "[\"news\",1]");
    assert_int_equal(a.code, HUB_OVERLOADED);
    forget(&a);
    fake_hub_free(f);
}

/* Else it might wait for itself. */
static void a_hook_that_decides_does_not_wait_for_decisions(void **state) {
    struct fake_hub *f = fake_hub_new("roomSettings: {roomDataObject: room, roomEligibility: is eligible}\n"
                                      "messageSettings: {messageTypes: [text]}\n");
    struct fake_client ann;
    struct asked a = {0}, b = {0};
    (void)state;
    client_connect(f, &ann, "ann");
    client_says(&ann, "hub:join", R1);
    fake_settle(f);
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_hears(&ann, "hub:joined");
    ask(f, &a, "objects.update", "[\"room\",\"r1\",{\"title\":\"a\"}]", &f->hub->caller);
    ask(f, &b, "objects.update", "[\"room\",\"r1\",{\"title\":\"b\"}]", &f->hub->decider);
    fake_settle(f);
    assert_int_equal(a.done, 0); /* until it is known who may still be in */
    assert_int_equal(b.done, 1);
    while (fake_scripts_waiting(&f->scripts)) {
        fake_script_end(&f->scripts, HUB_OK, "true");
        fake_settle(f);
    }
    assert_int_equal(a.done, 1);
    forget(&a);
    forget(&b);
    fake_hub_free(f);
}

/* ---- scheduled actions ---- */

#define TICKS(KEEP)             \
    HUB "hubLogic:\n"           \
        "  scheduledActions:\n" \
        "    - {name: tick, intervalMs: 1000, script: the tick, keepAlive: " KEEP "}\n"

static void a_tick_that_still_runs_is_not_overtaken_and_does_not_drift(void **state) {
    struct fake_hub *f = fake_hub_new(TICKS("false"));
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    fake_pass(f, 999);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    fake_pass(f, 1);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    fake_pass(f, 2500); /* two come due meanwhile */
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    fake_script_end(&f->scripts, HUB_OK, "{\"serverMessages\":[{\"type\":\"text\",\"content\":{\"body\":\"tick\"}}]}");
    client_hears(&ann, "\"body\":\"tick\"");
    fake_pass(f, 499);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    fake_pass(f, 1);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    client_hang_up(&ann); /* while it runs */
    fake_script_end(&f->scripts, HUB_OK, NULL);
    fake_pass(f, 60000);
    assert_int_equal(f->scripts.called, 2);
    assert_int_equal(hub_map_len(&f->hub->rooms), 0);
    fake_hub_free(f);
}

static void what_is_kept_alive_goes_on_without_anybody_and_after_a_restart(void **state) {
    struct fake_hub *f = fake_hub_new(TICKS("true"));
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    client_hang_up(&ann);
    fake_pass(f, 1000);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    fake_script_end(&f->scripts, HUB_OK, NULL);
    fake_pass(f, 1000);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    fake_script_end(&f->scripts, HUB_OK, NULL);
    fake_hub_free(f);
    f = fake_hub_new_on(TICKS("true"), false);
    f->store.sql_result = json_pack("[{s:s},{s:s}]", "roomId", "r2", "roomId", "r9"); /* the latter is gone */
    hub_engine_start(f->engine);
    fake_pass(f, 1000);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    assert_string_equal(hub_json_get_str(fake_script_first(&f->scripts)->args, "roomId").p, "r2");
    fake_script_end(&f->scripts, HUB_OK, NULL);
    fake_hub_free(f);
}

/* ---- all connections, all rooms ---- */

#define CROWD 700

static struct fake_client *crowd_new(struct fake_hub *f) {
    struct fake_client *crowd = hub_xcalloc(CROWD, sizeof *crowd);
    for (int i = 0; i < CROWD; i++) client_connect(f, &crowd[i], i % 2 ? "odd" : "even");
    return crowd;
}
static void crowd_free(struct fake_client *crowd) {
    for (int i = 0; i < CROWD; i++) client_hang_up(&crowd[i]);
    free(crowd);
}

/* It takes three turns. Between them one who has not been reached goes, and another one comes. */
static void a_broadcast_to_all_takes_turns_and_survives_who_comes_and_goes(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client *crowd = crowd_new(f), late;
    struct asked a = {0};
    (void)state;
    ask(f, &a, "hub.broadcastAll", "[\"news\",{\"a\":[]}]", &f->hub->caller);
    assert_int_equal(a.done, 0);
    client_hang_up(&crowd[256]); /* the next one */
    client_hang_up(&crowd[CROWD - 1]);
    client_hang_up(&crowd[0]);        /* who had it */
    client_connect(f, &late, "late"); /* settles */
    assert_int_equal(a.done, 1);
    assert_string_equal(a.text, "698");
    for (int i = 1; i < CROWD - 1; i++)
        if (i != 256) client_hears(&crowd[i], "[\"news\",{\"roomId\":null,\"data\":{\"a\":[]}}]");
    client_hears_nothing_of(&late, "news");
    client_hears_nothing_of(&crowd[1], "news"); /* once */
    forget(&a);
    client_hang_up(&late);
    crowd_free(crowd);
    fake_hub_free(f);
}

/* Pages went by how many came before: when some of those had gone, as many others were in no page. */
static void those_who_stay_are_in_one_page_each(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client goes[4], stays[8], comes;
    struct asked a = {0};
    char who[20], args[200] = "[\"r1\",{\"limit\":2}]", found[200] = "";
    (void)state;
    for (int i = 0; i < 4; i++) {
        snprintf(who, sizeof who, "goes%d", i);
        client_join(f, &goes[i], who, "r1");
    }
    for (int i = 7; i >= 0; i--) {
        snprintf(who, sizeof who, "stays%d", i);
        client_join(f, &stays[i], who, "r1");
    }
    for (int page = 0; page < 10; page++) {
        answer(f, &a, "rooms.members", args);
        for (const char *at = a.text; (at = strstr(at, "\"userId\":\"stays")); at += 15)
            snprintf(found + strlen(found), sizeof found - strlen(found), "%c", at[15]);
        for (int i = 0; i < 4 && page == 2; i++) client_hang_up(&goes[i]);
        if (page == 3) client_join(f, &comes, "comes", "r1");
        if (!*a.next) break;
        snprintf(args, sizeof args, "[\"r1\",{\"limit\":2,\"after\":\"%s\"}]", a.next);
    }
    assert_string_equal(found, "01234567");
    forget(&a);
    for (int i = 0; i < 8; i++) client_hang_up(&stays[i]);
    client_hang_up(&comes);
    fake_hub_free(f);
}

static void many_can_be_ended_and_pages_go_on_where_the_last_one_was(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client *crowd = crowd_new(f);
    struct asked a = {0};
    char args[200];
    int64_t n = 0;
    (void)state;
    snprintf(args, sizeof args, "[{\"userId\":\"odd\",\"limit\":100}]");
    for (int page = 0; page < 4; page++) {
        ask(f, &a, "connections.list", args, NULL);
        fake_settle(f);
        assert_int_equal(a.code, HUB_OK);
        n += a.items;
        snprintf(args, sizeof args, "[{\"userId\":\"odd\",\"limit\":100,\"after\":\"%s\"}]", a.next);
        if (page == 0) client_hang_up(&crowd[199]); /* the last one of the page */
    }
    assert_int_equal(n, 350);
    assert_string_equal(a.next, "");
    assert_string_equal(answer(f, &a, "users.count", "[]"), "2");
    assert_string_equal(answer(f, &a, "connections.disconnectWhere", "[{\"none\":null},\"over\"]"), "699");
    assert_string_equal(answer(f, &a, "connections.count", "[]"), "0");
    assert_string_equal(answer(f, &a, "users.online", "[\"odd\"]"), "false");
    forget(&a);
    crowd_free(crowd);
    fake_hub_free(f);
}

static void what_is_left_at_the_end_is_answered(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client *crowd = crowd_new(f);
    struct asked a = {0};
    (void)state;
    ask(f, &a, "service.broadcast", "[\"news\",1]", NULL);
    hub_scans_stop(f->engine);
    fake_settle(f);
    assert_int_equal(a.done, 0);
    hub_scans_delete(f->engine);
    assert_int_equal(a.code, HUB_SHUTTING_DOWN);
    hub_scans_init(f->engine);
    forget(&a);
    crowd_free(crowd);
    fake_hub_free(f);
}

static void conditions_compare_what_can_be_compared(void **state) {
    static const struct {
        const char *where, *object;
        bool meets;
    } cases[] = {
        {"{}", "{}", true},
        {"{\"a\":1}", "{\"a\":1.0}", true},
        {"{\"a\":1}", "{\"a\":\"1\"}", false},
        {"{\"a\":null}", "{}", true},
        {"{\"a\":[1,null]}", "{}", true},
        {"{\"a\":[1,2]}", "{\"a\":3}", false},
        {"{\"a\":{\"$gt\":1,\"$lte\":3}}", "{\"a\":3}", true},
        {"{\"a\":{\"$gt\":1,\"$lt\":3}}", "{\"a\":3}", false},
        {"{\"a\":{\"$gte\":\"b\"}}", "{\"a\":\"a\"}", false},
        {"{\"a\":{\"$gt\":1}}", "{\"a\":\"x\"}", false},
        {"{\"a\":{\"$ne\":1}}", "{}", true},
        {"{\"a\":{\"$in\":[[],{}]}}", "{\"a\":{}}", true},
        {"{\"a\":{\"$eq\":9007199254740993}}", "{\"a\":9007199254740992}", false},
        {"{\"a\":1,\"b\":2}", "{\"a\":1}", false},
    };
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        json_t *where = hub_json_parse(hub_cstr(cases[i].where), NULL);
        json_t *object = hub_json_parse(hub_cstr(cases[i].object), NULL);
        assert_int_equal(hub_where_check(where, NULL), HUB_OK);
        if (hub_where_meets(where, object) != cases[i].meets) fail_msg("%s of %s", cases[i].where, cases[i].object);
        json_decref(where);
        json_decref(object);
    }
}

static void on_reloaded(void *arg) { (void)arg; }

/* Its script was at work meanwhile. Others were asked for its rooms, as by a script of the service. */
static void a_hub_that_is_not_served_any_more_reaches_nobody(void **state) {
    static const struct {
        const char *name, *args;
    } cases[] = {{"hub.broadcast", "[\"r1\",\"wave\",1]"},
                 {"hub.send", "[\"r1\",\"text\",{\"body\":\"a\"}]"},
                 {"hub.emit", "[\"ann\",\"wave\",1]"},
                 {"hub.members", "[\"r1\"]"},
                 {"hub.kick", "[\"r1\",\"ann\"]"},
                 {"hub.broadcastAll", "[\"wave\",1]"},
                 {"rooms.members", "[\"r1\"]"},
                 {"rooms.close", "[\"r1\"]"},
                 {"rooms.broadcast", "[\"r1\",\"wave\",1]"}};
    struct fake_hub *f = fake_hub_new(HUB);
    struct hub_hub *gone = f->hub;
    struct fake_client ann;
    struct asked a = {0};
    size_t hubs = f->service->hub_n;
    (void)state;
    f->service->hub_n = 0;
    hub_engine_reload(f->engine, f->service, f->tables, f->engine->config.scripts, on_reloaded, NULL);
    f->service->hub_n = hubs; /* of the same name, and yet another one */
    hub_engine_reload(f->engine, f->service, f->tables, f->engine->config.scripts, on_reloaded, NULL);
    fake_settle(f);
    f->hub = hub_engine_hub(f->engine, HUB_STR("chat"));
    assert_ptr_not_equal(f->hub, gone);
    client_join(f, &ann, "ann", "r1");
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        ask(f, &a, cases[i].name, cases[i].args, &gone->caller);
        fake_settle(f);
        if (a.done != 1 || a.code != HUB_NOT_FOUND) fail_msg("%s: %s", cases[i].name, a.text);
    }
    client_hears_nothing_of(&ann, "wave");
    forget(&a);
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hub_that_is_not_served_any_more_reaches_nobody),
        cmocka_unit_test(a_broadcast_to_all_takes_turns_and_survives_who_comes_and_goes),
        cmocka_unit_test(those_who_stay_are_in_one_page_each),
        cmocka_unit_test(many_can_be_ended_and_pages_go_on_where_the_last_one_was),
        cmocka_unit_test(what_is_left_at_the_end_is_answered),
        cmocka_unit_test(conditions_compare_what_can_be_compared),
        cmocka_unit_test(a_message_reaches_a_room_that_nobody_is_in_if_there_is_such_a_room),
        cmocka_unit_test(arguments_that_are_none_are_refused_by_name),
        cmocka_unit_test(an_event_that_is_kept_is_stored_before_it_is_shown),
        cmocka_unit_test(who_is_in_a_room_can_be_told_counted_and_put_out),
        cmocka_unit_test(what_is_not_there_is_nil_and_no_error),
        cmocka_unit_test(a_hook_that_decides_does_not_wait_for_decisions),
        cmocka_unit_test(a_tick_that_still_runs_is_not_overtaken_and_does_not_drift),
        cmocka_unit_test(what_is_kept_alive_goes_on_without_anybody_and_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
