/* Clients on an engine of fakes: whose an id is as time passes, what the end of an old connection may set
 * off, nonces, and what a reload or a stop leaves. */
#include "fake_hub.h"
#include "hub/client/client_int.h"

#include <openssl/hmac.h>

#define HUB                                      \
    "roomSettings: {roomDataObject: room}\n"     \
    "messageSettings: {messageTypes: [text]}\n"  \
    "historySettings: {historyEnabled: false}\n" \
    "hubExtensions: {metadata: {connection: {}}}\n"
#define CLIENTS(MORE) "clients: {id: auth.clientId, invocations: [{type: ping}]" MORE "}\n"
#define PLAIN "namespaces: [{path: /plain, recovery: {}, events: [{name: nothing, script: {lua: 'return'}}]}]\n"

static struct fake_hub *hub_with(const char *service) {
    fake_service_more = service;
    struct fake_hub *f = fake_hub_new(HUB);
    fake_service_more = "";
    return f;
}

/* CONNECT to SPACE as WHO with further members of auth. */
static void knocks(struct fake_hub *f, struct fake_client *c, const char *space, const char *who, const char *more) {
    struct hub_buf text = {0};
    *c = (struct fake_client){.of = f, .eio = fake_open(f->sessions)};
    hub_list_push(&f->clients, &c->link);
    c->eio->last_in = INT64_MAX / 2;
    hub_buf_addf(&text, "0%s,{\"token\":\"dev:%s\"%s}", space, who, more);
    fake_text(c->eio, hub_buf_cstr(&text));
    hub_buf_free(&text);
}
/* It is answered by what has ANSWER in it. */
static void comes_to(struct fake_hub *f, struct fake_client *c, const char *space, const char *who, const char *more,
                     const char *answer) {
    knocks(f, c, space, who, more);
    client_hears(c, answer);
}
static void comes(struct fake_hub *f, struct fake_client *c, const char *who, const char *more) {
    comes_to(f, c, "/hub/chat", who, more, "40/hub/chat,{\"sid\"");
}
static void is_refused(struct fake_hub *f, const char *who, const char *more, const char *why) {
    struct fake_client c;
    comes_to(f, &c, "/hub/chat", who, more, why);
    client_hang_up(&c);
}
#define DESK ",\"clientId\":\"desk\""

/* ---- what scripts do ---- */

struct answer {
    int done;
    enum hub_code code;
    char text[500];
    struct fake_hub *ends; /* when it is answered, all connections of this one end; NULL: none */
};

static void on_answered(void *arg, enum hub_code code, json_t *result, const struct hub_hook_bins *bins,
                        const char *error) {
    struct answer *a = arg;
    struct hub_buf b = {0};
    (void)bins;
    a->done++;
    a->code = code;
    if (result) hub_json_add(&b, result);
    snprintf(a->text, sizeof a->text, "%s", code ? error : result ? hub_buf_cstr(&b) : "nil");
    hub_buf_free(&b);
    json_decref(result);
    if (!a->ends) return;
    HUB_LIST_EACH_SAFE(&a->ends->engine->directory.conns.items, it)
    hub_conn_disconnect(HUB_CONTAINER(it, struct hub_conn, in_directory.link), HUB_STR("all of them"));
}

static void ping(struct fake_hub *f, struct answer *a, const char *id, int64_t timeout_ms) {
    const struct hub_client_at at = {.id = hub_cstr(id)};
    const struct hub_client_question q = {.type = HUB_STR("ping"), .timeout_ms = timeout_ms};
    a->done = 0;
    hub_clients_here.invoke(f->engine, &at, &q, on_answered, a);
}
/* The code of asking for it; HUB_OK: it is there, and asked. */
static enum hub_code state_of(struct fake_hub *f, const char *id) {
    struct answer a = {0};
    const struct hub_client_at at = {.id = hub_cstr(id)};
    json_t *empty = json_object();
    hub_clients_here.set_metadata(f->engine, &at, empty, HUB_METADATA_MERGE, on_answered, &a);
    json_decref(empty);
    assert_int_equal(a.done, 1);
    return a.code;
}

/* ---- ids ---- */

static void a_client_may_come_back_for_as_long_as_its_grace(void **state) {
    struct fake_hub *f = hub_with(CLIENTS(", graceMs: 5000"));
    struct fake_client ann;
    (void)state;
    comes(f, &ann, "ann", DESK);
    client_hang_up(&ann);
    fake_pass(f, 4999);
    assert_int_equal(state_of(f, "desk"), HUB_CLIENT_DISCONNECTED);
    is_refused(f, "bob", DESK, "\"code\":\"client_conflict\"");
    comes(f, &ann, "ann", DESK);
    fake_pass(f, 60000);
    assert_int_equal(state_of(f, "desk"), HUB_OK);
    client_hang_up(&ann);
    fake_pass(f, 5001);
    fake_pass(f, 1);
    assert_int_equal(state_of(f, "desk"), HUB_CLIENT_NOT_FOUND);
    comes(f, &ann, "bob", DESK);
    fake_hub_free(f);
}

/* Its socket goes, its session stays. */
static void a_session_without_sockets_is_away(void **state) {
    struct fake_hub *f = hub_with(CLIENTS(""));
    struct fake_client ann;
    (void)state;
    comes(f, &ann, "ann", DESK);
    fake_text(ann.eio, "1/hub/chat,");
    fake_settle(f);
    assert_int_equal(state_of(f, "desk"), HUB_CLIENT_DISCONNECTED);
    fake_text(ann.eio, "0/hub/chat,{\"token\":\"dev:ann\",\"clientId\":\"desk\"}");
    client_hears(&ann, "40/hub/chat,{\"sid\"");
    assert_int_equal(state_of(f, "desk"), HUB_OK);
    fake_hub_free(f);
}

static void of_too_many_that_are_away_the_first_is_forgotten(void **state) {
    struct fake_hub *f = hub_with(CLIENTS(""));
    struct fake_client ann;
    char more[60];
    (void)state;
    comes(f, &ann, "bob", DESK);
    client_hang_up(&ann);
    for (int i = 0; i <= HUB_CLIENTS_AWAY_MAX; i++) {
        char who[20];
        snprintf(who, sizeof who, "u%d", i / HUB_CLIENTS_AWAY_USER);
        snprintf(more, sizeof more, ",\"clientId\":\"c%d\"", i);
        comes(f, &ann, i <= HUB_CLIENTS_AWAY_USER ? "ann" : who, more);
        client_hang_up(&ann);
        if (i != HUB_CLIENTS_AWAY_USER) continue;
        assert_int_equal(state_of(f, "c0"), HUB_CLIENT_NOT_FOUND); /* one user has so many places */
        assert_int_equal(state_of(f, "c1"), HUB_CLIENT_DISCONNECTED);
        assert_int_equal(state_of(f, "desk"), HUB_CLIENT_DISCONNECTED);
    }
    assert_int_equal(state_of(f, "desk"), HUB_CLIENT_NOT_FOUND);
    assert_int_equal(state_of(f, "c1"), HUB_CLIENT_DISCONNECTED);
    hub_engine_drain(f->engine, 0);
    assert_int_equal(state_of(f, "c1"), HUB_CLIENT_NOT_FOUND);
    fake_hub_free(f);
}

/* A script that has asked the old one hears of its end, and ends everybody. */
static void the_end_of_the_old_one_may_be_that_of_the_new_one(void **state) {
    struct fake_hub *f = hub_with(CLIENTS(""));
    struct fake_client old, new;
    struct answer a = {.ends = f};
    (void)state;
    comes(f, &old, "ann", DESK);
    ping(f, &a, "desk", 1000);
    client_hears(&old, "[\"hub:invoke\",{\"type\":\"ping\",\"data\":null}]");
    comes_to(f, &new, "/hub/chat", "ann", DESK, "40/hub/chat,{\"sid\"");
    client_hears(&new, "41/hub/chat,");
    client_hears(&old, "hub:superseded");
    assert_int_equal(a.done, 1);
    assert_int_equal(a.code, HUB_CLIENT_DISCONNECTED);
    assert_int_equal(state_of(f, "desk"), HUB_CLIENT_DISCONNECTED);
    assert_true(old.eio->close_asked);
    fake_hub_free(f);
}

static void on_ended(void *arg, enum hub_code code, json_t *result, const struct hub_hook_bins *bins,
                     const char *error) {
    struct fake_client *new = arg;
    (void)result, (void)bins, (void)error;
    assert_int_equal(code, HUB_CLIENT_DISCONNECTED);
    fake_text(new->eio, "0/hub/chat,{\"token\":\"dev:ann\",\"clientId\":\"desk\"}");
}

/* One of the old one's sockets is closed by then, and the other is not. */
static void the_new_one_may_come_while_the_old_one_ends(void **state) {
    struct fake_hub *f = hub_with(CLIENTS("") PLAIN);
    struct fake_client old, new;
    const struct hub_client_at at = {.id = HUB_STR("desk"), .hub = f->hub};
    const struct hub_client_question q = {.type = HUB_STR("ping"), .timeout_ms = 1000};
    (void)state;
    comes(f, &old, "ann", DESK);
    fake_text(old.eio, "0/plain,{\"token\":\"dev:ann\"}");
    client_hears(&old, "40/plain,{\"sid\"");
    new = (struct fake_client){.of = f, .eio = fake_open(f->sessions)};
    hub_list_push(&f->clients, &new.link);
    hub_clients_here.invoke(f->engine, &at, &q, on_ended, &new);
    client_hang_up(&old);
    client_hears(&new, "40/hub/chat,{\"sid\"");
    assert_int_equal(state_of(f, "desk"), HUB_OK);
    assert_int_equal(hub_map_len(&hub_clients_of(f->engine)->by_session), 1);
    fake_hub_free(f);
}

/* The same in a plain namespace, whose client comes back to what it has missed. */
static void recovery_and_the_same_id_go_together(void **state) {
    struct fake_hub *f = hub_with(CLIENTS("") PLAIN);
    struct fake_client old, new;
    char more[200], pid[60];
    (void)state;
    comes_to(f, &old, "/plain", "ann", DESK, "40/plain,{\"sid\"");
    assert_int_equal(sscanf(strstr(old.found, "\"pid\":\"") + 7, "%59[^\"]", pid), 1);
    const struct hub_client_at at = {.id = HUB_STR("desk")};
    struct answer a = {0};
    json_t *name = json_string("news");
    hub_clients_here.send(f->engine, &at, &(struct hub_namespace_event){.name = name}, on_answered, &a);
    json_decref(name);
    char *offset = strstr(client_hears(&old, "news"), "null,\"") + 6;
    snprintf(more, sizeof more, DESK ",\"pid\":\"%s\",\"offset\":\"%.*s\"", pid, (int)strcspn(offset, "\""), offset);
    comes_to(f, &new, "/plain", "ann", more, pid);
    assert_int_equal(state_of(f, "desk"), HUB_OK);
    assert_int_equal(hub_map_len(&hub_clients_of(f->engine)->by_session), 1);
    fake_hub_free(f);
}

/* ---- proofs ---- */

static const char *proof_at(const struct fake_hub *f, const char *nonce, int64_t off) {
    static char more[500];
    char text[200];
    unsigned char mac[32];
    long long at = (long long)(hub_loop_wall(f->loop) + off);
    int n = snprintf(text, sizeof text, "connect\n/hub/chat\ndesk\n%lld\n%s\n", at, nonce);
    assert_non_null(HMAC(EVP_sha256(), "hush", 4, (const unsigned char *)text, (size_t)n, mac, NULL));
    n = snprintf(more, sizeof more, DESK ",\"proof\":{\"timestamp\":%lld,\"nonce\":\"%s\",\"signature\":\"", at, nonce);
    for (int i = 0; i < 32; i++) n += snprintf(more + n, sizeof more - (size_t)n, "%02x", mac[i]);
    snprintf(more + n, sizeof more - (size_t)n, "\"}");
    return more;
}

static void a_nonce_counts_once_as_long_as_a_proof_could_have_it(void **state) {
    struct fake_client ann;
    (void)state;
    setenv("HUBD_TEST_CLIENT_SECRET", "hush", 1);
    struct fake_hub *f = hub_with(CLIENTS(", proof: {secretEnv: HUBD_TEST_CLIENT_SECRET, maxSkewMs: 1000}"));
    comes(f, &ann, "ann", proof_at(f, "n1", 1000));
    is_refused(f, "ann", proof_at(f, "n2", 1001), "auth.proof.timestamp");
    is_refused(f, "ann", proof_at(f, "n2", -1001), "auth.proof.timestamp");
    is_refused(f, "ann", DESK, "\"code\":\"auth_required\"");
    fake_pass(f, 2000);
    is_refused(f, "ann", proof_at(f, "n1", 0), "auth.proof.nonce");
    assert_int_equal(hub_map_len(&hub_clients_of(f->engine)->nonces.by_text), 1);
    fake_pass(f, 1);
    client_hang_up(&ann);
    comes(f, &ann, "ann", proof_at(f, "n1", 0));
    assert_int_equal(hub_map_len(&hub_clients_of(f->engine)->nonces.by_text), 1);
    fake_hub_free(f);
}

/* Reloads come while onConnect runs: the first one wants no proof any more, the second one does again. */
static void a_proof_that_a_reload_asks_for_is_wanted_of_who_waits(void **state) {
    struct fake_client ann, bob;
    (void)state;
    setenv("HUBD_TEST_CLIENT_SECRET", "hush", 1);
    struct fake_hub *f = hub_with(CLIENTS(", proof: {secretEnv: HUBD_TEST_CLIENT_SECRET, maxSkewMs: 1000}"));
    f->service->hubs[0].parts.lifecycle.on_connect = (struct hub_script){
        .kind = HUB_SCRIPT_EXPR, .text = HUB_STR("session.a"), .file = "chat.hub.yaml", .path = "p"};
    knocks(f, &bob, "/hub/chat", "ann", proof_at(f, "n1", 0));
    f->service->clients.proof = false;
    knocks(f, &ann, "/hub/chat", "ann", DESK);
    f->service->clients.proof = true;
    fake_settle(f);
    fake_script_called(&f->scripts, "session.a");
    fake_script_end(&f->scripts, HUB_OK, NULL);
    client_hears(&bob, "40/hub/chat,{\"sid\""); /* whose nonce counts once */
    fake_script_called(&f->scripts, "session.a");
    fake_script_end(&f->scripts, HUB_OK, NULL);
    client_hears(&ann, "\"code\":\"auth_required\"");
    fake_hub_free(f);
}

/* ---- what is asked ---- */

static void a_question_ends_on_its_time_and_late_answers_are_nobodys(void **state) {
    struct fake_hub *f = hub_with(CLIENTS(""));
    struct fake_client ann;
    struct answer a = {0}, b = {0};
    (void)state;
    comes(f, &ann, "ann", DESK);
    ping(f, &a, "desk", 100);
    fake_pass(f, 99);
    assert_int_equal(a.done, 0);
    for (int i = 0; i < 3; i++) fake_pass(f, 1); /* what has arrived is read before */
    assert_int_equal(a.done, 1);
    assert_int_equal(a.code, HUB_REQUEST_TIMEOUT);
    ping(f, &b, "desk", 100);
    fake_text(ann.eio, "3/hub/chat,0[{\"ok\":true,\"result\":1}]");
    fake_settle(f);
    assert_int_equal(a.done, 1);
    assert_int_equal(b.done, 0);
    fake_text(ann.eio, "3/hub/chat,1[{\"ok\":true,\"result\":2}]");
    fake_text(ann.eio, "3/hub/chat,1[{\"ok\":true,\"result\":3}]");
    fake_settle(f);
    assert_int_equal(b.done, 1);
    assert_string_equal(b.text, "2");
    fake_hub_free(f);
}

static void one_client_is_asked_so_much_at_a_time(void **state) {
    struct fake_hub *f = hub_with(CLIENTS(""));
    struct fake_client ann;
    struct answer all[HUB_PENDING_ACKS_MAX] = {{0}}, more = {0};
    (void)state;
    comes(f, &ann, "ann", DESK);
    for (size_t i = 0; i < HUB_PENDING_ACKS_MAX; i++) ping(f, &all[i], "desk", 100);
    ping(f, &more, "desk", 100);
    assert_int_equal(more.code, HUB_TOO_MANY);
    assert_non_null(strstr(more.text, "256"));
    client_hang_up(&ann);
    for (size_t i = 0; i < HUB_PENDING_ACKS_MAX; i++) assert_int_equal(all[i].code, HUB_CLIENT_DISCONNECTED);
    assert_int_equal(hub_clients_of(f->engine)->invocations, 0);
    fake_hub_free(f);
}

/* ---- hooks ---- */

#define HOOKS "lifecycle: {onClientConnected: it came, onClientDisconnected: it went}\n"

/* The hook that waits longest is TEXT, about the client ID; it ends with CODE. */
static void hears(struct fake_hub *f, const char *text, const char *id, enum hub_code code) {
    fake_settle(f);
    const struct fake_script_call *c = fake_script_first(&f->scripts);
    assert_true(hub_str_is(c->script->text, text));
    assert_true(hub_str_is(hub_json_get_str(json_object_get(c->args, "client"), "clientId"), id));
    fake_script_end(&f->scripts, code, NULL);
    fake_settle(f);
}

static void of_one_client_hooks_run_one_after_the_other(void **state) {
    struct fake_hub *f = hub_with(CLIENTS(", graceMs: 0") HOOKS);
    struct fake_client ann, bob;
    (void)state;
    comes(f, &ann, "ann", DESK);
    client_hang_up(&ann);
    comes(f, &ann, "ann", DESK);
    comes(f, &bob, "bob", ",\"clientId\":\"b1\"");
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 2); /* of each client one */
    hears(f, "it came", "desk", HUB_HANDLER_FAILED);
    hears(f, "it came", "b1", HUB_OK);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    hears(f, "it went", "desk", HUB_OK);
    hears(f, "it came", "desk", HUB_OK);
    assert_int_equal(hub_map_len(&hub_clients_of(f->engine)->news.lines), 0);
    fake_hub_free(f);
}

static void who_comes_back_was_never_gone(void **state) {
    struct fake_hub *f = hub_with(CLIENTS(", graceMs: 1000") HOOKS);
    struct fake_client ann, again;
    (void)state;
    comes(f, &ann, "ann", DESK);
    hears(f, "it came", "desk", HUB_OK);
    comes(f, &again, "ann", DESK); /* and supersedes the other one */
    client_hang_up(&ann);
    client_hang_up(&again);
    fake_pass(f, 900);
    comes(f, &ann, "ann", DESK);
    fake_pass(f, 5000);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    client_hang_up(&ann);
    for (int i = 0; i < 3; i++) fake_pass(f, 500);
    hears(f, "it went", "desk", HUB_OK);
    comes(f, &ann, "ann", ""); /* without an id of its own there is nothing to wait for */
    hears(f, "it came", ann.eio->sid, HUB_OK);
    fake_text(ann.eio, "1/hub/chat,");
    hears(f, "it went", ann.eio->sid, HUB_OK);
    fake_hub_free(f);
}

static void when_too_many_hooks_wait_nobody_is_let_in(void **state) {
    struct fake_hub *f = hub_with(CLIENTS(", graceMs: 0") HOOKS);
    struct fake_client ann;
    char more[60];
    (void)state;
    for (int i = 0; hub_clients_of(f->engine)->news.waiting_n < HUB_CLIENT_NEWS_MAX; i++) {
        snprintf(more, sizeof more, ",\"clientId\":\"c%d\"", i);
        comes(f, &ann, "ann", more);
        client_hang_up(&ann);
    }
    is_refused(f, "ann", DESK, "\"code\":\"overloaded\"");
    fake_hub_free(f);
}

/* ---- reload ---- */

static void on_reloaded(void *arg) { (void)arg; }
static void reload(struct fake_hub *f, bool on) {
    f->service->clients.on = on;
    hub_engine_reload(f->engine, f->service, f->tables, f->engine->config.scripts, on_reloaded, NULL);
    fake_settle(f);
}

static void a_reload_turns_clients_off_and_on(void **state) {
    struct fake_hub *f = hub_with(CLIENTS(""));
    struct fake_client ann, bob, gone;
    char id[40];
    (void)state;
    comes(f, &ann, "ann", DESK);
    comes(f, &gone, "ann", ",\"clientId\":\"gone\"");
    client_hang_up(&gone);
    reload(f, false);
    assert_int_equal(state_of(f, "desk"), HUB_CLIENT_NOT_FOUND);
    assert_int_equal(state_of(f, "gone"), HUB_CLIENT_NOT_FOUND);
    assert_null(fake_conn(f, "ann")->client_id);
    comes(f, &bob, "bob", DESK);
    assert_null(fake_conn(f, "bob")->client_id);
    reload(f, true);
    snprintf(id, sizeof id, "%s", ann.eio->sid);
    assert_int_equal(state_of(f, id), HUB_OK);
    assert_string_equal(fake_conn(f, "ann")->client_id, id);
    assert_string_equal(fake_conn(f, "bob")->client_id, bob.eio->sid);
    client_hang_up(&ann);
    assert_int_equal(state_of(f, id), HUB_CLIENT_NOT_FOUND); /* nobody can come back to the id of a session */
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_may_come_back_for_as_long_as_its_grace),
        cmocka_unit_test(a_session_without_sockets_is_away),
        cmocka_unit_test(of_too_many_that_are_away_the_first_is_forgotten),
        cmocka_unit_test(the_end_of_the_old_one_may_be_that_of_the_new_one),
        cmocka_unit_test(the_new_one_may_come_while_the_old_one_ends),
        cmocka_unit_test(recovery_and_the_same_id_go_together),
        cmocka_unit_test(a_nonce_counts_once_as_long_as_a_proof_could_have_it),
        cmocka_unit_test(a_proof_that_a_reload_asks_for_is_wanted_of_who_waits),
        cmocka_unit_test(a_question_ends_on_its_time_and_late_answers_are_nobodys),
        cmocka_unit_test(one_client_is_asked_so_much_at_a_time),
        cmocka_unit_test(of_one_client_hooks_run_one_after_the_other),
        cmocka_unit_test(who_comes_back_was_never_gone),
        cmocka_unit_test(when_too_many_hooks_wait_nobody_is_let_in),
        cmocka_unit_test(a_reload_turns_clients_off_and_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
