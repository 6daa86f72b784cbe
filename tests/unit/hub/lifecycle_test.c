/* lifecycle on an engine of fakes: what is left when a connection goes, a room ends or somebody is put out
 * while a hook runs, and that hooks come in pairs. A script that is no JSON value waits for the test. */
#include "base/match/cidr.h"
#include "fake_hub.h"
#include "hub/access/access.h"
#include "hub/lifecycle/lifecycle_int.h"
#include "hub/namespace/namespace.h"
#include "hub/script/script_int.h"

#define HUB(HOOKS)                              \
    "roomSettings: {roomDataObject: room}\n"    \
    "messageSettings: {messageTypes: [text]}\n" \
    "eventSettings: {enablePresence: true}\n"   \
    "guardrails: {messageRateLimit: 1000}\n"    \
    "hubExtensions: {limits: {joins: 4}, lifecycle: {" HOOKS "}}\n"

/* SCRIPT waits; its variable NAME is VALUE, as JSON. */
static void is_called_with(struct fake_hub *f, const char *script, const char *name, const char *value) {
    fake_settle(f);
    struct fake_script_call *c = fake_script_called(&f->scripts, script);
    struct hub_buf got = {0};
    hub_json_add(&got, json_object_get(c->args, name));
    assert_string_equal(hub_buf_cstr(&got), value);
    hub_buf_free(&got);
}
/* It ends, and what follows has happened. */
static void end_script(struct fake_hub *f, const char *script, enum hub_code code, const char *result) {
    fake_settle(f);
    fake_script_called(&f->scripts, script);
    fake_script_end(&f->scripts, code, result);
    fake_settle(f);
}
static void nothing_waits(struct fake_hub *f) {
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
}

/* CONNECT is sent, and nothing awaited. WHO NULL: of a stranger. */
static void client_knocks_at(struct fake_hub *f, struct fake_client *c, const char *nsp, const char *who) {
    char text[100];
    *c = (struct fake_client){.of = f, .nsp = nsp, .eio = fake_open(f->sessions)};
    hub_list_push(&f->clients, &c->link);
    c->eio->last_in = INT64_MAX / 2;
    snprintf(text, sizeof text, who ? "0%s,{\"token\":\"dev:%s\"}" : "0%s,", nsp, who);
    fake_text(c->eio, text);
    fake_settle(f);
}
static void client_knocks(struct fake_hub *f, struct fake_client *c, const char *who) {
    client_knocks_at(f, c, "/hub/chat", who);
}

/* By the same definitions, or what the test has made of them. */
static void on_reloaded(void *arg) { (void)arg; }
static void reload(struct fake_hub *f) {
    hub_engine_reload(f->engine, f->service, f->tables, f->engine->config.scripts, on_reloaded, NULL);
}

/* ---- connections ---- */

static void onconnect_is_asked_before_connect_is_answered(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onConnect: session.a, onDisconnect: session.z"));
    struct fake_client ann, bob, cid, dan;
    (void)state;
    client_knocks(f, &ann, "ann");
    client_hears_nothing_of(&ann, "40/hub/chat");
    assert_true(hub_list_empty(&f->hub->conns));
    end_script(f, "session.a", HUB_OK, "{\"metadata\":{\"a\":[]}}");
    client_hears(&ann, "40/hub/chat,{\"sid\"");
    json_t *about = hub_conn_json(fake_conn(f, "ann"));
    assert_int_equal(json_array_size(hub_json_get(json_object_get(about, "metadata"), "a")), 0);
    assert_true(json_is_array(hub_json_get(json_object_get(about, "metadata"), "a")));
    json_decref(about);
    client_knocks(f, &bob, "bob");
    end_script(f, "session.a", HUB_OK, "{\"deny\":\"banned\"}");
    client_hears(&bob, "44/hub/chat,{\"message\":\"banned\",\"data\":{\"code\":\"rejected\",\"reason\":\"banned\"}}");
    client_knocks(f, &cid, "cid");
    end_script(f, "session.a", HUB_HANDLER_FAILED, "{\"message\":\"come back\",\"data\":{\"at\":3}}");
    client_hears(&cid, "44/hub/chat,{\"message\":\"come back\",\"data\":{\"at\":3}}");
    client_knocks(f, &dan, "dan");
    end_script(f, "session.a", HUB_SCRIPT_TIMEOUT, NULL);
    client_hears(&dan, "\"data\":{\"code\":\"handler_failed\"}");
    nothing_waits(f);
    client_hang_up(&ann);
    fake_settle(f);
    is_called_with(f, "session.z", "rooms", "[]");
    end_script(f, "session.z", HUB_OK, NULL);
    client_hang_up(&bob);
    client_hang_up(&cid);
    client_hang_up(&dan);
    nothing_waits(f);
    fake_hub_free(f);
}

/* Whoever onConnect has let in is told of as gone, and of nobody else. */
static void a_connection_that_ends_meanwhile_leaves_nothing_behind(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onConnect: session.a, admission: session.b, onDisconnect: session.z"));
    struct fake_client ann, bob, cid;
    (void)state;
    client_knocks(f, &ann, "ann");
    client_hang_up(&ann);
    end_script(f, "session.a", HUB_OK, NULL);
    end_script(f, "session.z", HUB_OK, NULL);
    nothing_waits(f);
    client_knocks(f, &bob, "bob");
    client_hang_up(&bob);
    end_script(f, "session.a", HUB_OK, "false");
    nothing_waits(f);
    client_knocks(f, &cid, "cid");
    end_script(f, "session.a", HUB_OK, NULL);
    client_hang_up(&cid);
    end_script(f, "session.b", HUB_OK, "[\"r1\"]");
    end_script(f, "session.z", HUB_OK, NULL);
    nothing_waits(f);
    assert_int_equal(hub_map_len(&f->hub->rooms), 0);
    assert_true(hub_list_empty(&f->hub->conns));
    fake_hub_free(f);
}

/* Of a name that somebody came to and left again: it is there until its scripts have ended. */
static void a_namespace_by_expression_stays_for_its_hooks(void **state) {
    fake_service_more = "namespaces:\n  - path: {regex: \"^/d/\"}\n"
                        "    lifecycle: {onConnect: session.p, onDisconnect: session.q}\n";
    struct fake_hub *f = fake_hub_new(HUB("roomLingerMs: 1"));
    struct fake_client ann, bob;
    (void)state;
    client_knocks_at(f, &ann, "/d/x", "ann");
    client_knocks_at(f, &bob, "/d/y", "bob");
    client_hang_up(&ann);
    end_script(f, "session.p", HUB_OK, NULL);
    assert_non_null(hub_namespaces_hub(f->engine, HUB_STR("/d/x")));
    is_called_with(f, "session.q", "reason", "\"transport close\"");
    end_script(f, "session.q", HUB_OK, NULL);
    assert_null(hub_namespaces_hub(f->engine, HUB_STR("/d/x")));
    f->service->namespace_n = 0;
    reload(f);
    end_script(f, "session.p", HUB_OK, NULL);
    client_hears(&bob, "44/d/y,{\"message\":\"Invalid namespace\"}");
    end_script(f, "session.q", HUB_OK, NULL);
    client_hang_up(&bob);
    nothing_waits(f);
    f->service->namespace_n = 1;
    fake_hub_free(f);
    fake_service_more = "";
}

/* It is the connection's from the beginning, so the bounds of others hold for it. */
static void metadata_of_onconnect_is_an_object_within_its_bounds(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onConnect: session.a}, metadata: {connection: {maxBytes: 20}"));
    static const char *const wrong[] = {"{\"metadata\":7}", "{\"metadata\":{\"a\":\"123456789012345\"}}"};
    struct fake_client ann;
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(wrong); i++) {
        client_knocks(f, &ann, "ann");
        end_script(f, "session.a", HUB_OK, wrong[i]);
        client_hears(&ann, "\"data\":{\"code\":\"handler_failed\"}");
        client_hang_up(&ann);
    }
    client_knocks(f, &ann, "ann");
    end_script(f, "session.a", HUB_OK, "{\"metadata\":{\"a\":\"1\"}}");
    client_hears(&ann, "40/hub/chat,{\"sid\"");
    client_hang_up(&ann);
    fake_hub_free(f);
}

/* Whoever was not told to anybody yet is not among those whom a reload looks at. */
static void what_has_waited_for_longer_than_a_reload_is_judged_by_it(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onConnect: session.a, onDisconnect: session.z"));
    struct fake_client ann, bob, cid;
    size_t hubs = f->service->hub_n;
    (void)state;
    client_knocks(f, &ann, "ann");
    reload(f);
    end_script(f, "session.a", HUB_OK, NULL);
    client_hears(&ann, "40/hub/chat,{\"sid\"");
    client_hang_up(&ann);
    end_script(f, "session.z", HUB_OK, NULL);
    client_knocks(f, &bob, "bob");
    f->service->dev = false;
    reload(f);
    end_script(f, "session.a", HUB_OK, NULL);
    client_hears(&bob, "\"data\":{\"code\":\"invalid_token\"}");
    end_script(f, "session.z", HUB_OK, NULL); /* onConnect has let him in */
    client_hang_up(&bob);
    f->service->dev = true;
    client_knocks(f, &cid, "cid");
    f->service->hub_n = 0;
    reload(f);
    end_script(f, "session.a", HUB_OK, NULL);
    client_hears(&cid, "44/hub/chat,{\"message\":\"Invalid namespace\"}");
    end_script(f, "session.z", HUB_OK, NULL);
    client_hang_up(&cid);
    nothing_waits(f);
    f->service->hub_n = hubs;
    fake_hub_free(f);
}

/* A definition that wants to hear of it may come after the connection. */
static void the_end_of_who_was_there_before_a_reload_is_told(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onDisconnect: connection.z"));
    struct hub_script *hook = &f->service->hubs[0].parts.lifecycle.on_disconnect;
    struct fake_client ann;
    (void)state;
    hook->kind = HUB_SCRIPT_NONE;
    client_connect(f, &ann, "ann");
    hook->kind = HUB_SCRIPT_EXPR;
    reload(f);
    client_hang_up(&ann);
    fake_settle(f);
    json_t *about = json_object_get(fake_script_called(&f->scripts, "connection.z")->args, "connection");
    assert_non_null(hub_json_get(about, "handshake"));
    end_script(f, "connection.z", HUB_OK, NULL);
    nothing_waits(f);
    fake_hub_free(f);
}

/* As a plugin's, FIRST, and that of who uses it. */
static void chain_after(struct hub_script *first, const char *text, struct hub_script *second) {
    *second =
        (struct hub_script){.kind = HUB_SCRIPT_EXPR, .text = hub_cstr(text), .file = "chat.hub.yaml", .path = "p"};
    first->next = second;
}

static void hooks_of_plugins_come_first_and_all_decide(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onConnect: session.a, admission: session.b, onDisconnect: session.z"));
    struct hub_def_lifecycle *d = &f->service->hubs[0].parts.lifecycle;
    struct hub_script own[3];
    struct fake_client ann, bob, cid;
    (void)state;
    chain_after(&d->on_connect, "session.a2", &own[0]);
    chain_after(&d->admission, "session.b2", &own[1]);
    chain_after(&d->on_disconnect, "session.z2", &own[2]);
    client_knocks(f, &ann, "ann");
    end_script(f, "session.a", HUB_OK, "{\"metadata\":{\"a\":1,\"b\":1}}");
    client_hears_nothing_of(&ann, "40/hub/chat");
    end_script(f, "session.a2", HUB_OK, "{\"metadata\":{\"b\":2}}");
    end_script(f, "session.b", HUB_OK, "[\"r1\"]");
    end_script(f, "session.b2", HUB_OK, "[\"r2\"]");
    client_hears(&ann, "\"hub:joined\",{\"roomId\":\"r1\"");
    client_hears(&ann, "\"hub:joined\",{\"roomId\":\"r2\"");
    json_t *about = hub_conn_json(fake_conn(f, "ann"));
    char *metadata = json_dumps(json_object_get(about, "metadata"), JSON_COMPACT);
    assert_string_equal(metadata, "{\"a\":1,\"b\":2}");
    free(metadata);
    json_decref(about);
    client_hang_up(&ann);
    end_script(f, "session.z", HUB_HANDLER_FAILED, NULL); /* which stops nothing else */
    is_called_with(f, "session.z2", "rooms", "[\"r1\",\"r2\"]");
    end_script(f, "session.z2", HUB_OK, NULL);
    client_knocks(f, &bob, "bob");
    end_script(f, "session.a", HUB_OK, "{\"deny\":\"by the plugin\"}");
    client_hears(&bob, "44/hub/chat,{\"message\":\"by the plugin\"");
    client_knocks(f, &cid, "cid");
    end_script(f, "session.a", HUB_OK, NULL);
    end_script(f, "session.a2", HUB_OK, "{\"deny\":\"by the hub\"}");
    client_hears(&cid, "44/hub/chat,{\"message\":\"by the hub\"");
    client_hang_up(&bob);
    client_hang_up(&cid);
    nothing_waits(f);
    fake_hub_free(f);
}

static void what_has_waited_is_judged_again(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onConnect: session.a"));
    struct fake_client ann;
    (void)state;
    client_knocks(f, &ann, "ann");
    hub_engine_drain(f->engine, 1000);
    end_script(f, "session.a", HUB_OK, NULL);
    client_hears(&ann, "\"data\":{\"code\":\"shutting_down\"}");
    client_hang_up(&ann);
    fake_hub_free(f);
}

static void admission_joins_before_the_first_event_and_counts_nothing(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("admission: session.b, onJoin: session.c"));
    struct fake_client ann;
    (void)state;
    client_knocks(f, &ann, "ann");
    end_script(f, "session.b", HUB_OK, "[\"r1\",\"nowhere\",{\"roomId\":\"r2\"},{\"roomid\":\"r3\"},\"r3\"]");
    client_hears(&ann, "40/hub/chat,{\"sid\"");
    int ack = client_says(&ann, "hub:members", "{\"roomId\":\"r3\"}");
    client_waits_for(&ann, ack);
    end_script(f, "session.c", HUB_OK, NULL);
    client_hears(&ann, "[\"hub:joined\",{\"roomId\":\"r1\"");
    client_hears(&ann, "\"code\":\"room_not_found\",\"event\":\"admission\",\"roomId\":\"nowhere\"");
    client_waits_for(&ann, ack);
    end_script(f, "session.c", HUB_OK, "{\"deny\":\"full\"}");
    client_hears(&ann, "{\"error\":\"full\",\"code\":\"rejected\",\"event\":\"admission\",\"roomId\":\"r2\"");
    client_hears(&ann, "\"code\":\"bad_request\",\"event\":\"admission\"");
    end_script(f, "session.c", HUB_OK, NULL);
    client_hears_in_order(&ann, "[\"hub:joined\",{\"roomId\":\"r3\"", "43/hub/chat,1[");
    client_is_answered(&ann, ack, "\"members\"");
    for (int i = 0; i < 4; i++) client_does(&ann, "hub:join", "{\"roomId\":\"r1\"}", "\"ok\":true");
    client_does(&ann, "hub:join", "{\"roomId\":\"r1\"}", "\"code\":\"rate_limited\"");
    client_hang_up(&ann);
    fake_hub_free(f);
}

static void admission_that_fails_refuses_the_connection(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("admission: session.b"));
    static const char *const wrong[] = {"7", "[7]", "{\"rooms\":[\"r1\"]}", "{\"denny\":\"x\"}", "\"r1\""};
    struct fake_client ann;
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(wrong); i++) {
        client_knocks(f, &ann, "ann");
        end_script(f, "session.b", HUB_OK, wrong[i]);
        client_hears(&ann,
                     "44/hub/chat,{\"message\":\"The hub's script failed\",\"data\":{\"code\":\"handler_failed\"}}");
        client_hang_up(&ann);
    }
    client_knocks(f, &ann, "ann");
    end_script(f, "session.b", HUB_OK, "{\"deny\":\"not today\"}");
    client_hears(&ann, "44/hub/chat,{\"message\":\"not today\"");
    client_hang_up(&ann);
    client_knocks(f, &ann, "ann");
    end_script(f, "session.b", HUB_OK, "{}"); /* Lua's empty table */
    client_hears(&ann, "40/hub/chat,{\"sid\"");
    client_hang_up(&ann);
    client_knocks(f, &ann, "ann");
    end_script(f, "session.b", HUB_OK, "{\"deny\":false}"); /* as onConnect and onJoin may say */
    client_hears(&ann, "40/hub/chat,{\"sid\"");
    client_hang_up(&ann);
    fake_hub_free(f);
}

/* Whoever brought it in the query had it in the variable connection, to be logged or kept with it. */
static void scripts_do_not_find_the_token_in_the_handshake(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onConnect: session.a"));
    const struct hub_handshake hs = {.peer = HUB_STR("10.0.0.1"), .query = HUB_STR("EIO=4&access_token=dev:ann&x=1")};
    struct fake_client ann = {.of = f, .nsp = "/hub/chat", .eio = fake_open_with(f->sessions, hs)};
    (void)state;
    hub_list_push(&f->clients, &ann.link);
    ann.eio->last_in = INT64_MAX / 2;
    fake_text(ann.eio, "0/hub/chat,");
    fake_settle(f);
    json_t *connection = json_object_get(fake_script_first(&f->scripts)->args, "connection");
    json_t *query = json_object_get(json_object_get(connection, "handshake"), "query");
    assert_string_equal(json_string_value(json_object_get(connection, "userId")), "ann");
    assert_string_equal(json_string_value(json_object_get(query, "x")), "1");
    assert_null(json_object_get(query, "access_token"));
    end_script(f, "session.a", HUB_OK, NULL);
    client_hears(&ann, "40/hub/chat,{\"sid\"");
    client_hang_up(&ann);
    fake_hub_free(f);
}

/* It would not have heard that the service stops. */
static void whose_token_is_looked_at_when_the_service_stops_is_refused(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onLeave: session.y"));
    struct fake_client ann;
    (void)state;
    f->service->authenticate = (struct hub_script){.kind = HUB_SCRIPT_EXPR, .text = HUB_STR("session.look")};
    client_knocks(f, &ann, "ann");
    hub_engine_drain(f->engine, 1000);
    end_script(f, "session.look", HUB_OK, "true");
    client_hears(&ann, "\"data\":{\"code\":\"shutting_down\"}");
    client_hang_up(&ann);
    f->service->authenticate.kind = HUB_SCRIPT_NONE;
    nothing_waits(f);
    fake_hub_free(f);
}

static void client_comes_from(struct fake_hub *f, struct fake_client *c, const char *address) {
    const struct hub_handshake hs = {.peer = hub_cstr(address), .query = HUB_STR("EIO=4&transport=websocket")};
    *c = (struct fake_client){.of = f, .nsp = "/hub/chat", .eio = fake_open_with(f->sessions, hs)};
    hub_list_push(&f->clients, &c->link);
    c->eio->last_in = INT64_MAX / 2;
    fake_text(c->eio, "0/hub/chat,{\"token\":\"dev:ann\"}");
    fake_settle(f);
}

/* One address that came, hung up and came again took the place of all others. */
static void so_many_of_one_address_keep_out_only_itself(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onConnect: session.a"));
    struct fake_client ann, bob;
    (void)state;
    for (int i = 0; i < HUB_LIFE_ARRIVING_ONE; i++) {
        client_comes_from(f, &ann, i % 2 ? "2001:db8::1" : "2001:db8::2");
        client_hang_up(&ann);
    }
    client_comes_from(f, &ann, "2001:db8::3");
    client_hears(&ann, "\"data\":{\"code\":\"overloaded\"}");
    client_hang_up(&ann);
    client_comes_from(f, &bob, "2001:db8:1::1");
    for (int i = 0; i <= HUB_LIFE_ARRIVING_ONE; i++) fake_script_end(&f->scripts, HUB_OK, NULL);
    client_hears(&bob, "40/hub/chat,{\"sid\"");
    client_hang_up(&bob);
    assert_int_equal(hub_map_len(&hub_life_of(f->engine)->arriving_at), 0);
    nothing_waits(f);
    fake_hub_free(f);
}

/* Who is not judged is not counted, but finds no more room than the others. */
static void who_is_not_judged_is_not_counted_and_kept_out_with_the_others(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("roomLingerMs: 1"));
    struct fake_client ann;
    struct hub_life *life = hub_life_of(f->engine);
    const struct hub_ip one = {.bytes = {0x20, 0x01, 0x0d, 0xb8}};
    (void)state;
    client_comes_from(f, &ann, "2001:db8::1");
    client_hears(&ann, "40/hub/chat,{\"sid\"");
    client_hang_up(&ann);
    assert_int_equal(life->arriving_n, 0);
    life->arriving_n = HUB_LIFE_ARRIVING_MAX;
    client_comes_from(f, &ann, "2001:db8::1");
    client_hears(&ann, "\"data\":{\"code\":\"overloaded\"}");
    client_hang_up(&ann);
    life->arriving_n = HUB_LIFE_ARRIVING_ONE;
    hub_map_count(&life->arriving_at, hub_ip_key(&one), HUB_LIFE_ARRIVING_ONE);
    client_comes_from(f, &ann, "2001:db8::1");
    client_hears(&ann, "\"data\":{\"code\":\"overloaded\"}");
    client_hang_up(&ann);
    client_comes_from(f, &ann, "2001:db8:1::1");
    client_hears(&ann, "40/hub/chat,{\"sid\"");
    client_hang_up(&ann);
    assert_int_equal(life->arriving_n, HUB_LIFE_ARRIVING_ONE);
    hub_map_clear(&life->arriving_at);
    life->arriving_n = 0;
    fake_hub_free(f);
}

/* Also of clients that have gone: the scripts that judge them are there. */
static void beyond_so_many_that_arrive_nobody_is_judged(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onConnect: session.a"));
    struct fake_client ann, bob;
    size_t *n = &hub_life_of(f->engine)->arriving_n;
    (void)state;
    *n = HUB_LIFE_ARRIVING_MAX - 1;
    client_knocks(f, &ann, "ann");
    client_hang_up(&ann);
    client_knocks(f, &bob, "bob");
    client_hears(&bob, "\"data\":{\"code\":\"overloaded\"}");
    client_hang_up(&bob);
    end_script(f, "session.a", HUB_OK, NULL);
    assert_int_equal(*n, HUB_LIFE_ARRIVING_MAX - 1);
    client_knocks(f, &bob, "bob");
    end_script(f, "session.a", HUB_OK, NULL);
    client_hears(&bob, "40/hub/chat,{\"sid\"");
    client_hang_up(&bob);
    *n = 0;
    nothing_waits(f);
    fake_hub_free(f);
}

/* Their hooks were for all ten thousand places there are. */
static void who_comes_and_goes_without_end_keeps_out_only_himself(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onDisconnect: session.z"));
    struct fake_client ann, bob;
    (void)state;
    for (int i = 0; i < HUB_LIFE_WAITING_ONE + 64; i++) { /* so many run */
        client_connect(f, &ann, "ann");
        client_hang_up(&ann);
        fake_settle(f);
    }
    client_knocks(f, &ann, "ann");
    client_hears(&ann, "\"data\":{\"code\":\"overloaded\"}");
    client_hang_up(&ann);
    client_connect(f, &bob, "bob");
    client_hang_up(&bob);
    end_script(f, "session.z", HUB_OK, NULL); /* one more has its turn */
    client_connect(f, &ann, "ann");
    client_hang_up(&ann);
    while (fake_scripts_waiting(&f->scripts)) end_script(f, "session.z", HUB_OK, NULL);
    assert_int_equal(hub_map_len(&hub_life_of(f->engine)->waiting_of), 0);
    assert_int_equal(hub_life_of(f->engine)->waiting_n, 0);
    fake_hub_free(f);
}

/* Before he was open, he had no name any more to be counted under. */
static void a_stranger_who_hangs_up_early_keeps_out_only_his_network(void **state) {
    fake_service_more = "namespaces:\n  - path: /open\n    auth: false\n"
                        "    lifecycle: {onConnect: session.a, onDisconnect: session.z}\n";
    struct fake_hub *f = fake_hub_new(HUB("onDisconnect: session.z"));
    struct fake_client stranger, ann;
    (void)state;
    fake_service_more = "";
    for (int i = 0; i < HUB_LIFE_WAITING_ONE + 64; i++) { /* so many run */
        client_knocks_at(f, &stranger, "/open", NULL);
        client_hang_up(&stranger);
        end_script(f, "session.a", HUB_OK, NULL);
    }
    client_knocks_at(f, &stranger, "/open", NULL);
    client_hears(&stranger, "\"data\":{\"code\":\"overloaded\"}");
    client_hang_up(&stranger);
    client_connect(f, &ann, "ann");
    client_hang_up(&ann);
    fake_settle(f);
    while (fake_scripts_waiting(&f->scripts)) end_script(f, "session.z", HUB_OK, NULL);
    assert_int_equal(hub_map_len(&hub_life_of(f->engine)->waiting_of), 0);
    assert_int_equal(hub_life_of(f->engine)->waiting_n, 0);
    fake_hub_free(f);
}

/* ---- rooms of a connection ---- */

static void nobody_has_seen_whom_onjoin_refuses(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onJoin: session.c, onLeave: session.y"));
    struct fake_client ann, bob;
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect(f, &bob, "bob");
    int first = client_says(&ann, "hub:join", "{\"roomId\":\"r1\"}");
    end_script(f, "session.c", HUB_OK, NULL);
    client_is_answered(&ann, first, "\"ok\":true");
    client_forgets(&ann);
    int ack = client_says(&bob, "hub:join", "{\"roomId\":\"r1\"}");
    is_called_with(f, "session.c", "roomId", "\"r1\"");
    end_script(f, "session.c", HUB_OK, "{\"deny\":\"adults only\"}");
    client_is_answered(&bob, ack, "\"code\":\"rejected\",\"message\":\"adults only\"");
    ack = client_says(&bob, "hub:join", "{\"roomId\":\"r1\"}");
    end_script(f, "session.c", HUB_HANDLER_FAILED, "{\"code\":\"too_young\",\"message\":\"no\",\"data\":{\"age\":3}}");
    client_is_answered(&bob, ack, "\"code\":\"too_young\",\"message\":\"no\",\"data\":{\"age\":3}");
    ack = client_says(&bob, "hub:join", "{\"roomId\":\"r1\"}");
    end_script(f, "session.c", HUB_SCRIPT_TIMEOUT, NULL);
    client_is_answered(&bob, ack, "\"code\":\"handler_failed\"");
    client_listen(&ann);
    assert_int_equal(ann.heard.n, 0);
    nothing_waits(f); /* no onLeave for somebody who was not let in */
    assert_int_equal(fake_room(f, "r1")->user_n, 1);
    client_hang_up(&ann);
    client_hang_up(&bob);
    fake_hub_free(f);
}

/* A second hub:join of a connection that is in the room enters nothing. */
static void onjoin_and_onleave_come_in_pairs(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onJoin: session.c, onLeave: session.y, onDisconnect: session.z"));
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    int ack = client_says(&ann, "hub:join", "{\"roomId\":\"r1\"}");
    end_script(f, "session.c", HUB_OK, NULL);
    client_is_answered(&ann, ack, "\"ok\":true");
    client_does(&ann, "hub:join", "{\"roomId\":\"r1\"}", "\"ok\":true");
    client_does(&ann, "hub:leave", "{\"roomId\":\"r1\"}", "\"ok\":true");
    ack = client_says(&ann, "hub:join", "{\"roomId\":\"r1\"}");
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1); /* onJoin waits for onLeave */
    is_called_with(f, "session.y", "reason", "\"left\"");
    end_script(f, "session.y", HUB_HANDLER_FAILED, NULL);
    end_script(f, "session.c", HUB_OK, NULL);
    client_is_answered(&ann, ack, "\"ok\":true");
    ack = client_says(&ann, "hub:join", "{\"roomId\":\"r2\"}");
    end_script(f, "session.c", HUB_OK, NULL);
    client_is_answered(&ann, ack, "\"ok\":true");
    client_hang_up(&ann);
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 2); /* onDisconnect waits for both */
    is_called_with(f, "session.y", "reason", "\"disconnected\"");
    end_script(f, "session.y", HUB_SCRIPT_TIMEOUT, NULL);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_script(f, "session.y", HUB_OK, NULL);
    is_called_with(f, "session.z", "rooms", "[\"r1\",\"r2\"]");
    end_script(f, "session.z", HUB_HANDLER_FAILED, NULL);
    nothing_waits(f);
    fake_hub_free(f);
}

static void what_put_somebody_out_is_told(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onLeave: session.y"));
    struct fake_client ann, bob, cid;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    client_join(f, &bob, "bob", "r1");
    client_join(f, &cid, "cid", "r1");
    hub_room_expel(fake_room(f, "r1"), HUB_STR("ann"), "hub:kicked", HUB_STR("spam"), HUB_NOT_IN_ROOM);
    fake_settle(f);
    is_called_with(f, "session.y", "reason", "\"kicked\"");
    is_called_with(f, "session.y", "detail", "\"spam\"");
    end_script(f, "session.y", HUB_OK, NULL);
    hub_room_expel(fake_room(f, "r1"), HUB_STR("bob"), "hub:blocked", HUB_STR(""), HUB_BLOCKED);
    fake_settle(f);
    is_called_with(f, "session.y", "reason", "\"blocked\"");
    is_called_with(f, "session.y", "detail", "null");
    end_script(f, "session.y", HUB_OK, NULL);
    hub_room_end(fake_room(f, "r1"), HUB_ROOM_NOT_FOUND);
    hub_room_empty(fake_room(f, "r1"), HUB_STR("x"));
    fake_settle(f);
    is_called_with(f, "session.y", "reason", "\"closed\"");
    is_called_with(f, "session.y", "detail", "\"room_not_found\"");
    end_script(f, "session.y", HUB_OK, NULL);
    client_hang_up(&ann);
    client_hang_up(&bob);
    client_hang_up(&cid);
    nothing_waits(f);
    fake_hub_free(f);
}

/* onJoin let him in; what came of it is told, and only then the end of the connection. */
static void who_was_let_in_and_is_not_there_has_left(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onJoin: session.c, onLeave: session.y, onDisconnect: session.z"));
    struct fake_client ann, bob;
    (void)state;
    client_connect(f, &ann, "ann");
    client_says(&ann, "hub:join", "{\"roomId\":\"r1\"}");
    fake_settle(f);
    client_hang_up(&ann);
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_script(f, "session.c", HUB_OK, NULL);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    is_called_with(f, "session.y", "reason", "\"disconnected\"");
    end_script(f, "session.y", HUB_OK, NULL);
    end_script(f, "session.z", HUB_OK, NULL);
    nothing_waits(f);
    client_connect(f, &bob, "bob");
    int ack = client_says(&bob, "hub:join", "{\"roomId\":\"r1\"}");
    fake_settle(f);
    hub_room_moderated(fake_room(f, "r1"), HUB_STR("bob"), true)->blocked_until = INT64_MAX;
    end_script(f, "session.c", HUB_OK, NULL);
    client_is_answered(&bob, ack, "\"code\":\"blocked\"");
    fake_settle(f);
    is_called_with(f, "session.y", "reason", "\"blocked\"");
    end_script(f, "session.y", HUB_OK, NULL);
    client_hang_up(&bob);
    fake_settle(f);
    end_script(f, "session.z", HUB_OK, NULL);
    nothing_waits(f);
    fake_hub_free(f);
}

/* More than can run at a time, of which none is left out; and behind so many nobody new is let in. */
static void those_that_are_told_take_turns(void **state) {
    enum { CLIENTS = 70 };
    struct fake_hub *f = fake_hub_new(HUB("onDisconnect: session.z"));
    struct fake_client all[CLIENTS];
    char name[16];
    (void)state;
    for (int i = 0; i < CLIENTS; i++) {
        snprintf(name, sizeof name, "u%d", i);
        client_connect(f, &all[i], name);
    }
    for (int i = 0; i < CLIENTS; i++) client_hang_up(&all[i]);
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 64);
    for (int i = 0; i < CLIENTS; i++) end_script(f, "session.z", i % 2 ? HUB_OK : HUB_SCRIPT_TIMEOUT, NULL);
    nothing_waits(f);
    fake_hub_free(f);
}

/* ---- rooms ---- */

static void a_room_is_opened_before_its_first_use(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onRoomOpened: room.o, onRoomClosed: room.x, roomLingerMs: 5000"));
    struct fake_client ann, bob;
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect(f, &bob, "bob");
    int first = client_says(&ann, "hub:join", "{\"roomId\":\"r1\"}");
    int second = client_says(&bob, "hub:join", "{\"roomId\":\"r1\"}");
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    client_waits_for(&ann, first);
    client_waits_for(&bob, second);
    is_called_with(f, "room.o", "roomId", "\"r1\"");
    end_script(f, "room.o", HUB_HANDLER_FAILED, NULL); /* which stops nothing */
    client_is_answered(&ann, first, "\"ok\":true");
    client_is_answered(&bob, second, "\"ok\":true");
    client_does(&ann, "hub:leave", "{\"roomId\":\"r1\"}", "\"ok\":true");
    client_does(&bob, "hub:leave", "{\"roomId\":\"r1\"}", "\"ok\":true");
    fake_pass(f, 8000);
    client_does(&ann, "hub:join", "{\"roomId\":\"r1\"}", "\"ok\":true"); /* it lingers still */
    client_does(&ann, "hub:leave", "{\"roomId\":\"r1\"}", "\"ok\":true");
    nothing_waits(f);
    fake_pass(f, 15000); /* the grace of presence, and then the room's */
    is_called_with(f, "room.x", "reason", "\"unused\"");
    int again = client_says(&bob, "hub:join", "{\"roomId\":\"r1\"}");
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1); /* it waits until the room has been closed */
    end_script(f, "room.x", HUB_OK, NULL);
    end_script(f, "room.o", HUB_OK, NULL);
    client_is_answered(&bob, again, "\"ok\":true");
    client_hang_up(&ann);
    client_hang_up(&bob);
    fake_pass(f, 15000);
    end_script(f, "room.x", HUB_OK, NULL);
    fake_settle(f);
    assert_int_equal(hub_map_len(&f->hub->rooms), 0);
    fake_hub_free(f);
}

/* Who came while it lingered, and left, was counted from his coming. */
static void a_room_lingers_from_its_last_use(void **state) {
    struct fake_hub *f = fake_hub_new("roomSettings: {roomDataObject: room}\n"
                                      "messageSettings: {messageTypes: [text]}\n"
                                      "hubExtensions: {lifecycle: {onRoomClosed: room.x, roomLingerMs: 5000}}\n");
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    client_does(&ann, "hub:leave", "{\"roomId\":\"r1\"}", "\"ok\":true");
    fake_pass(f, 100);
    client_does(&ann, "hub:join", "{\"roomId\":\"r1\"}", "\"ok\":true");
    fake_pass(f, 4800);
    client_does(&ann, "hub:leave", "{\"roomId\":\"r1\"}", "\"ok\":true");
    fake_pass(f, 4000);
    hub_room_unref(hub_room_ref(fake_room(f, "r1"))); /* somebody looks at it, as an event about its record does */
    fake_pass(f, 999);
    nothing_waits(f);
    fake_pass(f, 1);
    end_script(f, "room.x", HUB_OK, NULL);
    client_hang_up(&ann);
    fake_hub_free(f);
}

static void a_room_that_ends_is_closed_after_those_in_it_have_left(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onLeave: session.y, onRoomClosed: room.x"));
    struct fake_client ann;
    (void)state;
    client_join(f, &ann, "ann", "r1");
    struct hub_room *room = hub_room_ref(fake_room(f, "r1"));
    hub_room_end(room, HUB_ROOM_NOT_FOUND);
    hub_room_empty(room, HUB_STR("x"));
    hub_room_stop(room);
    hub_room_unref(room);
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_script(f, "session.y", HUB_OK, NULL);
    is_called_with(f, "room.x", "reason", "\"deleted\"");
    end_script(f, "room.x", HUB_SCRIPT_TIMEOUT, NULL);
    nothing_waits(f);
    client_hang_up(&ann);
    fake_hub_free(f);
}

/* Whom onJoin lets in has left before, and is asked about once more when there is such a room again. */
static void a_room_that_ends_is_closed_after_those_who_were_about_to_enter(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onJoin: session.c, onLeave: session.y, onRoomClosed: room.x"));
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    int ack = client_says(&ann, "hub:join", "{\"roomId\":\"r1\"}");
    fake_settle(f);
    struct hub_room *room = hub_room_ref(fake_room(f, "r1"));
    hub_room_end(room, HUB_ROOM_NOT_FOUND);
    hub_room_empty(room, HUB_STR("x"));
    hub_room_stop(room);
    hub_room_unref(room);
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_script(f, "session.c", HUB_OK, NULL);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    is_called_with(f, "session.y", "reason", "\"closed\"");
    end_script(f, "session.y", HUB_OK, NULL);
    end_script(f, "room.x", HUB_OK, NULL);
    client_waits_for(&ann, ack);
    end_script(f, "session.c", HUB_OK, NULL);
    client_is_answered(&ann, ack, "\"ok\":true");
    nothing_waits(f);
    client_hang_up(&ann);
    end_script(f, "session.y", HUB_OK, NULL);
    fake_pass(f, 60000);
    fake_pass(f, 60000);
    end_script(f, "room.x", HUB_OK, NULL);
    fake_hub_free(f);
}

static void the_end_of_a_room_may_be_wanted_since_somebody_is_leaving(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onLeave: session.y, onRoomClosed: room.x, roomLingerMs: 1"));
    struct hub_script *hook = &f->service->hubs[0].parts.lifecycle.on_room_closed;
    struct fake_client ann, bob;
    (void)state;
    hook->kind = HUB_SCRIPT_NONE;
    client_join(f, &ann, "ann", "r1");
    client_does(&ann, "hub:leave", "{\"roomId\":\"r1\"}", "\"ok\":true");
    fake_settle(f);
    hook->kind = HUB_SCRIPT_EXPR;
    reload(f);
    client_join(f, &bob, "bob", "r1");
    end_script(f, "session.y", HUB_OK, NULL);
    client_does(&bob, "hub:leave", "{\"roomId\":\"r1\"}", "\"ok\":true");
    end_script(f, "session.y", HUB_OK, NULL);
    fake_pass(f, 60000); /* the grace of presence */
    end_script(f, "room.x", HUB_OK, NULL);
    client_hang_up(&ann);
    client_hang_up(&bob);
    nothing_waits(f);
    fake_hub_free(f);
}

static void on_loaded(void *arg, enum hub_code code) {
    (void)arg;
    assert_int_equal(code, HUB_OK);
}
static void on_sent(struct hub_host_call *call, enum hub_code code, json_t *result, const char *text) {
    (void)call;
    (void)text;
    assert_int_equal(code, HUB_OK);
    json_decref(result);
}

/* hub.send to a room that somebody only looks at is its first use; onRoomOpened itself may send there. */
static void a_script_that_sends_uses_the_room(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onRoomOpened: room.o"));
    struct hub_host_call sends = {.args = hub_json_parse(HUB_STR("[\"r1\",\"text\",{\"body\":\"a\"}]"), NULL),
                                  .caller = &f->hub->caller,
                                  .done = on_sent};
    struct hub_room *room = hub_room_of(f->hub, HUB_STR("r1"));
    const struct hub_table *messages = f->hub->tables->message;
    (void)state;
    hub_room_load(room, on_loaded, NULL);
    fake_settle(f);
    hub_host_hub_send(f->engine, &sends);
    is_called_with(f, "room.o", "roomId", "\"r1\"");
    assert_int_equal(fake_store_count(&f->store, messages, true), 0);
    hub_host_hub_send(f->engine, &sends);
    fake_settle(f);
    assert_int_equal(fake_store_count(&f->store, messages, true), 1);
    end_script(f, "room.o", HUB_OK, NULL);
    assert_int_equal(fake_store_count(&f->store, messages, true), 2);
    json_decref(sends.args);
    hub_room_unref(room);
    fake_pass(f, 60000);
    fake_hub_free(f);
}

static void on_reply(void *arg, enum hub_code code, const struct hub_err *err, const char *data_name,
                     struct hub_str fields) {
    (void)err, (void)data_name, (void)fields;
    *(enum hub_code *)arg = code;
}
static bool on_gone(void *arg) { return !arg; }

/* Over REST nobody closes a connection when the token ends. */
static void a_token_that_ended_while_the_room_was_opened_is_none(void **state) {
    struct fake_hub *f = fake_hub_new(HUB("onRoomOpened: room.o"));
    struct hub_identity *who = fake_who(f, "ann");
    enum hub_code replied = HUB_INTERNAL;
    struct hub_request q = {.who = who, .reply = on_reply, .gone = on_gone, .arg = &replied};
    (void)state;
    for (int i = 0; i < 2; i++) {
        q.args = hub_json_parse(HUB_STR("{\"roomId\":\"r1\"}"), NULL);
        hub_engine_request(f->hub, hub_dispatch_find(f->engine, HUB_STR("hub:room"))->command, &q);
        fake_settle(f);
        if (i == 0) who->ended = true;
        if (i == 0) end_script(f, "room.o", HUB_OK, NULL);
        assert_int_equal(replied, i == 0 ? HUB_INVALID_TOKEN : HUB_OK);
        who->ended = false;
    }
    hub_identity_unref(who);
    fake_pass(f, 60000);
    fake_hub_free(f);
}

/* Whoever is refused uses nothing. */
static void a_stranger_opens_no_room(void **state) {
    struct fake_hub *f = fake_hub_new("roomSettings: {roomDataObject: room, checkRoles: [admin]}\n"
                                      "messageSettings: {messageTypes: [text]}\n"
                                      "hubExtensions: {lifecycle: {onRoomOpened: room.o}}\n");
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:join", "{\"roomId\":\"r1\"}", "\"code\":\"role_required\"");
    nothing_waits(f);
    assert_int_equal(hub_map_len(&f->hub->rooms), 0);
    client_hang_up(&ann);
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(onconnect_is_asked_before_connect_is_answered),
        cmocka_unit_test(a_connection_that_ends_meanwhile_leaves_nothing_behind),
        cmocka_unit_test(a_namespace_by_expression_stays_for_its_hooks),
        cmocka_unit_test(metadata_of_onconnect_is_an_object_within_its_bounds),
        cmocka_unit_test(hooks_of_plugins_come_first_and_all_decide),
        cmocka_unit_test(what_has_waited_is_judged_again),
        cmocka_unit_test(what_has_waited_for_longer_than_a_reload_is_judged_by_it),
        cmocka_unit_test(the_end_of_who_was_there_before_a_reload_is_told),
        cmocka_unit_test(admission_joins_before_the_first_event_and_counts_nothing),
        cmocka_unit_test(admission_that_fails_refuses_the_connection),
        cmocka_unit_test(whose_token_is_looked_at_when_the_service_stops_is_refused),
        cmocka_unit_test(scripts_do_not_find_the_token_in_the_handshake),
        cmocka_unit_test(so_many_of_one_address_keep_out_only_itself),
        cmocka_unit_test(who_is_not_judged_is_not_counted_and_kept_out_with_the_others),
        cmocka_unit_test(beyond_so_many_that_arrive_nobody_is_judged),
        cmocka_unit_test(who_comes_and_goes_without_end_keeps_out_only_himself),
        cmocka_unit_test(a_stranger_who_hangs_up_early_keeps_out_only_his_network),
        cmocka_unit_test(nobody_has_seen_whom_onjoin_refuses),
        cmocka_unit_test(onjoin_and_onleave_come_in_pairs),
        cmocka_unit_test(what_put_somebody_out_is_told),
        cmocka_unit_test(who_was_let_in_and_is_not_there_has_left),
        cmocka_unit_test(those_that_are_told_take_turns),
        cmocka_unit_test(a_room_is_opened_before_its_first_use),
        cmocka_unit_test(a_room_lingers_from_its_last_use),
        cmocka_unit_test(a_token_that_ended_while_the_room_was_opened_is_none),
        cmocka_unit_test(a_room_that_ends_is_closed_after_those_in_it_have_left),
        cmocka_unit_test(a_room_that_ends_is_closed_after_those_who_were_about_to_enter),
        cmocka_unit_test(the_end_of_a_room_may_be_wanted_since_somebody_is_leaving),
        cmocka_unit_test(a_script_that_sends_uses_the_room),
        cmocka_unit_test(a_stranger_opens_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
