/* Plain namespaces: order of handlers, acknowledgements from results, rooms, the socket's methods, bounds
 * and reload. The scripts are a fake that does what a handler's text says; what it says is in run(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_eio.h"
#include "namespace/namespace.h"

static struct hub_loop *loop;
static struct hub_sessions *sessions;
static struct hub_namespaces *namespaces;
static struct hub_identity_ctx *identity;

/* ---- fake scripts ---- */

static struct hub_buf seen; /* "<handler> <args>[ extra=value][ <bytes>];" */
static char last_socket[HUB_SID_LEN + 1];
static struct hub_buf last_about;
static hub_hook_event_done *waiting[32]; /* of handlers that said "wait" */
static void *waiting_arg[32];
static size_t waiting_n, forgotten;

/* Calls a method of the socket object as a script would; ARGS_JSON without brackets and without the id.
 * Returns the answer's code. */
static enum hub_code answered;
static void on_answer(struct hub_host_call *call, enum hub_code code, json_t *result, const char *text) {
    (void)call;
    assert_null(result);
    assert_true(code == HUB_OK || text);
    answered = code;
}
static enum hub_code method_of(const char *sid, const char *name, const char *args_json,
                               const struct hub_hook_bins *bins) {
    struct hub_buf b = {0};
    struct hub_err err;
    hub_buf_addf(&b, "[\"%s\"%s%s]", sid, *args_json ? "," : "", args_json);
    struct hub_host_call call = {.args = hub_json_parse(hub_buf_str(&b), &err), .bins = bins, .done = on_answer};
    assert_non_null(call.args);
    hub_buf_free(&b);
    const struct hub_host_fn *fn = hub_namespaces_host_fns;
    while (fn->table && strcmp(fn->name, name) != 0) fn++;
    assert_string_equal(fn->table, "socket");
    answered = HUB_CODE_COUNT;
    fn->call(namespaces, &call);
    json_decref(call.args);
    return answered;
}
static enum hub_code method(const char *name, const char *args_json) {
    return method_of(last_socket, name, args_json, NULL);
}

static void run(struct hub_scripts *s, const struct hub_script *script, json_t *socket, json_t *args,
                const struct hub_hook_bins *bins, const struct hub_hook_arg *extra, size_t n, hub_hook_event_done *done,
                void *arg) {
    const char *what = script->text.p;
    assert_ptr_equal(s, &seen);
    snprintf(last_socket, sizeof last_socket, "%s", json_string_value(json_object_get(socket, "id")));
    hub_buf_clear(&last_about);
    hub_json_add(&last_about, socket);
    hub_buf_addf(&seen, "%s ", what);
    hub_json_add(&seen, args);
    for (size_t i = 0; i < n; i++) hub_buf_addf(&seen, " %s=%s", extra[i].name, json_string_value(extra[i].value));
    for (size_t i = 0; bins && i < bins->n; i++) hub_buf_addf(&seen, " <%.*s>", HUB_FMT(bins->items[i]));
    hub_buf_addc(&seen, ';');
    if (!strcmp(what, "wait")) {
        waiting[waiting_n] = done, waiting_arg[waiting_n++] = arg;
        return;
    }
    json_t *none = json_array();
    if (!strcmp(what, "echo"))
        done(arg, HUB_OK, args, bins, NULL);
    else if (!strcmp(what, "fail"))
        done(arg, HUB_HANDLER_FAILED, NULL, NULL, "service.yaml:7: boom");
    else
        done(arg, HUB_OK, none, NULL, NULL);
    json_decref(none);
}
static void forget(struct hub_scripts *s, const char *sid) {
    (void)s;
    assert_string_not_equal(sid, "");
    forgotten++;
}
static hub_hook_done *authenticating;
static void *authenticating_arg;
static void run_hook(struct hub_scripts *s, const struct hub_script *script, void *caller,
                     const struct hub_hook_arg *args, size_t n, hub_hook_done *done, void *arg) {
    (void)s, (void)script, (void)caller, (void)args, (void)n;
    authenticating = done, authenticating_arg = arg;
}
static const struct hub_hook_ops hooks = {.call = run_hook, .event = run, .forget_socket = forget};

static void finish(size_t i, enum hub_code code) {
    json_t *results = json_pack("[i]", 1);
    waiting[i](waiting_arg[i], code, results, NULL, code ? "why" : NULL);
    json_decref(results);
}

/* ---- set-up ---- */

#define SCRIPT(TEXT) \
    { .kind = HUB_SCRIPT_LUA, .text = HUB_STR_INIT(TEXT) }
static struct hub_def_namespace_event events[] = {
    {"echo", SCRIPT("echo")}, {"wait", SCRIPT("wait")}, {"fail", SCRIPT("fail")}, {"note", SCRIPT("note")}};
static struct hub_def_namespace_event any[] = {{"*", SCRIPT("any")}, {"echo", SCRIPT("echo")}};
static struct hub_def_namespace defs[] = {
    {.path = "/", .events = events, .event_n = 4, .on_connect = SCRIPT("hello"), .on_disconnect = SCRIPT("bye")},
    {.path = "/any", .events = any, .event_n = 2},
    {.path = "/private", .auth = true, .events = events, .event_n = 4},
    {.path = "/slow", .events = events, .event_n = 4, .on_connect = SCRIPT("wait"), .on_disconnect = SCRIPT("bye")},
};
static struct hub_service service;

static bool find(void *ctx, struct hub_str name, const struct hub_namespace_ops **ops, void **owner) {
    (void)ctx;
    return hub_namespaces_find(namespaces, name, ops, owner);
}

static struct hub_holds holds;

static struct hub_namespaces_config config(void) {
    return (struct hub_namespaces_config){.loop = loop,
                                          .holds = &holds,
                                          .service = &service,
                                          .hooks = &hooks,
                                          .scripts = (struct hub_scripts *)&seen,
                                          .identity = identity};
}

static int setup(void **state) {
    (void)state;
    service = (struct hub_service){.base_path = "/api", .namespaces = defs, .namespace_n = 4, .dev = true};
    loop = hub_loop_new(NULL);
    holds = (struct hub_holds){0};
    hub_holds_init(&holds, loop);
    identity = hub_identity_ctx_new(&(struct hub_identity_config){
        .loop = loop, .service = &service, .hooks = &hooks, .scripts = (struct hub_scripts *)&seen});
    const struct hub_namespaces_config c = config();
    namespaces = hub_namespaces_new(&c);
    sessions = hub_sessions_new(loop, &(struct hub_sessions_config){.find = find});
    waiting_n = forgotten = 0;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    assert_int_equal(holds.n, 0);
    hub_sessions_delete(sessions);
    hub_namespaces_delete(namespaces);
    hub_identity_ctx_delete(identity);
    hub_loop_delete(loop);
    hub_buf_free(&seen);
    hub_buf_free(&last_about);
    return 0;
}

static void stop(struct hub_timer *t) {
    (void)t;
    hub_loop_stop(loop);
}
/* One turn of the loop: what was deferred runs. */
static void turn(void) {
    struct hub_timer t = {0};
    hub_timer_start(loop, &t, 0, stop);
    hub_loop_run(loop);
}

#define assert_seen(WHAT) (assert_string_equal(hub_buf_cstr(&seen), WHAT), hub_buf_clear(&seen))
#define assert_next(EIO, WHAT) assert_string_equal(fake_next(EIO), WHAT)

static void assert_next_starts(struct hub_eio *eio, const char *start) {
    const char *got = fake_next(eio);
    if (strncmp(got, start, strlen(start)) != 0) fail_msg("\"%s\" does not start with \"%s\"", got, start);
}

static struct hub_eio *joined(const char *connect) {
    struct hub_eio *eio = fake_open(sessions);
    fake_text(eio, connect);
    assert_next_starts(eio, "40");
    return eio;
}

static void ends(struct hub_eio *eio) {
    fake_free(eio);
    turn();
}

/* ---- tests ---- */

static void handlers_see_the_socket_its_events_and_its_end(void **state) {
    (void)state;
    char want[200];
    struct hub_eio *eio = joined("0{\"token\":\"123\"}");
    assert_seen("hello [];");
    snprintf(want, sizeof want, "{\"id\":\"%s\",\"userId\":null,\"session\":{},\"auth\":{\"token\":\"123\"}}",
             last_socket);
    assert_string_equal(hub_buf_cstr(&last_about), want);
    fake_text(eio, "2[\"note\",1,{\"a\":[]}]");
    assert_seen("note [1,{\"a\":[]}] event=note;");
    fake_text(eio, "2[\"nobody listens\"]");
    fake_text(eio, "1");
    assert_seen("");
    turn();
    assert_seen("bye [] reason=client namespace disconnect;");
    assert_int_equal(forgotten, 1);
    fake_text(eio, "0");
    snprintf(want, sizeof want, "{\"id\":\"%s\",\"userId\":null,\"session\":{},\"auth\":{}}", last_socket);
    assert_string_equal(hub_buf_cstr(&last_about), want);
    ends(eio);
    assert_seen("hello [];bye [] reason=transport close;");
    assert_int_equal(forgotten, 2);
}

static void results_become_the_acknowledgement(void **state) {
    (void)state;
    struct hub_eio *eio = joined("0");
    fake_text(eio, "2456[\"echo\",1,\"2\",{\"3\":[false]}]");
    assert_next(eio, "43456[1,\"2\",{\"3\":[false]}]");
    fake_text(eio, "52-789[\"echo\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
    fake_bytes(eio, "\1\2\3", 3, true);
    fake_bytes(eio, "\4\5\6", 3, true);
    assert_next(eio, "462-789[{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
    assert_next(eio, "<010203>");
    assert_next(eio, "<040506>");
    fake_text(eio, "21[\"note\"]");
    assert_next(eio, "431[]");
    fake_text(eio, "2[\"echo\",1]");
    assert_next(eio, "");
    fake_text(eio, "22[\"nobody listens\"]");
    assert_next(eio,
                "432[{\"ok\":false,\"error\":{\"code\":\"unknown_event\",\"message\":\"There is no such event\"}}]");
    ends(eio);
}

static void a_failed_handler_is_told_to_who_asked(void **state) {
    (void)state;
    struct hub_eio *eio = joined("0");
    fake_text(eio, "21[\"fail\"]");
    assert_next(eio,
                "431[{\"ok\":false,\"error\":{\"code\":\"handler_failed\",\"message\":\"The hub's script failed\"}}]");
    fake_text(eio, "2[\"fail\"]");
    assert_next(eio, "");
    fake_text(eio, "22[\"echo\"]");
    assert_next(eio, "432[]");
    ends(eio);
}

static void a_star_takes_what_no_other_handler_does(void **state) {
    (void)state;
    struct hub_eio *eio = joined("0/any,");
    fake_text(eio, "2/any,[\"whatever\",1]");
    fake_text(eio, "2/any,[\"echo\",2]");
    assert_seen("any [1] event=whatever;echo [2] event=echo;");
    ends(eio);
    assert_seen(""); /* no onDisconnect */
    assert_int_equal(forgotten, 1);
}

static void events_of_one_socket_wait_for_each_other_only(void **state) {
    (void)state;
    struct hub_eio *a = joined("0/slow,"), *b = joined("0");
    assert_seen("wait [];hello [];");
    fake_text(a, "51-/slow,1[\"echo\",{\"_placeholder\":true,\"num\":0}]");
    fake_bytes(a, "xyz", 3, true);
    fake_text(a, "2/slow,2[\"wait\"]");
    fake_text(a, "2/slow,[\"note\"]");
    fake_text(b, "2[\"note\"]");
    assert_seen("note [] event=note;"); /* B's */
    finish(0, HUB_OK);
    turn();
    assert_seen("echo [{\"_placeholder\":true,\"num\":0}] event=echo <xyz>;wait [] event=wait;");
    assert_next(a, "461-/slow,1[{\"_placeholder\":true,\"num\":0}]");
    assert_next(a, "<78797a>");
    assert_next(a, "");
    finish(1, HUB_SCRIPT_TIMEOUT);
    turn();
    assert_next(a, "43/slow,2[{\"ok\":false,\"error\":{\"code\":\"script_timeout\",\"message\":\"The hub's script took "
                   "too long\"}}]");
    assert_seen("note [] event=note;");
    ends(a);
    ends(b);
}

static size_t times_seen(const char *what) {
    size_t n = 0;
    for (const char *at = hub_buf_cstr(&seen); (at = strstr(at, what)); at++) n++;
    return n;
}

static void what_arrived_before_the_end_is_still_handled(void **state) {
    (void)state;
    struct hub_eio *eio = joined("0/slow,");
    for (int i = 0; i < 20; i++) fake_text(eio, "2/slow,[\"note\"]");
    fake_free(eio);
    turn();
    assert_seen("wait [];");
    assert_int_equal(forgotten, 0);
    finish(0, HUB_OK);
    turn();
    assert_in_range(times_seen("note []"), 1, 19); /* in batches, so that others have their turn */
    while (!forgotten) turn();
    assert_int_equal(times_seen("note []"), 20);
    assert_int_equal(times_seen("bye [] reason=transport close;"), 1);
}

static void the_queue_of_a_socket_is_bounded(void **state) {
    (void)state;
    struct hub_eio *eio = joined("0/slow,");
    for (int i = 0; i < 1000; i++) fake_text(eio, "2/slow,[\"note\"]");
    assert_next(eio, "");
    fake_text(eio, "2/slow,[\"note\"]");
    assert_next_starts(eio, "42/slow,[\"hub:error\",{\"error\":\"too many events wait");
    fake_text(eio, "2/slow,5[\"note\"]");
    assert_next_starts(eio, "43/slow,5[{\"ok\":false,\"error\":{\"code\":\"overloaded\"");
    finish(0, HUB_OK);
    while (holds.n) turn();
    struct hub_buf big = {0};
    hub_buf_addz(&big, "2/slow,[\"note\",\"");
    for (int i = 0; i < 900000; i++) hub_buf_addc(&big, 'x');
    hub_buf_addz(&big, "\"]");
    fake_text(eio, "2/slow,[\"wait\"]");
    for (int i = 0; i < 4; i++) fake_bytes(eio, big.p, big.n, false);
    assert_next(eio, "");
    fake_bytes(eio, big.p, big.n, false);
    assert_next_starts(eio, "42/slow,[\"hub:error\",");
    hub_buf_free(&big);
    hub_namespaces_set_scripts(namespaces, NULL); /* what waits is dropped */
    finish(1, HUB_OK);
    turn();
    assert_int_equal(holds.n, 0);
    ends(eio);
}

/* Each within its bound, they filled the memory together. */
static void the_queues_of_all_sockets_are_bounded_together(void **state) {
    (void)state;
    enum { SOCKETS = 20, LARGE = 900000 };
    struct hub_eio *eio[SOCKETS];
    struct hub_buf big = {0};
    int refused = 0;
    hub_buf_addz(&big, "2/slow,[\"note\",\"");
    memset(hub_buf_reserve(&big, LARGE), 'x', LARGE);
    big.n += LARGE;
    hub_buf_addz(&big, "\"]");
    for (int i = 0; i < SOCKETS; i++) {
        eio[i] = joined("0/slow,");
        for (int n = 0; n < 4; n++) {
            fake_bytes(eio[i], big.p, big.n, false);
            refused += fake_next(eio[i])[0] != 0;
        }
        fake_text(eio[i], "2/slow,[\"note\"]"); /* what is small waits all the same */
        assert_next(eio[i], "");
    }
    hub_buf_free(&big);
    assert_in_range(refused, 1, 20);
    hub_namespaces_set_scripts(namespaces, NULL); /* what waits is dropped */
    for (int i = 0; i < SOCKETS; i++) finish(i, HUB_OK);
    while (holds.n) turn();
    for (int i = 0; i < SOCKETS; i++) ends(eio[i]);
    hub_buf_clear(&seen);
}

static void methods_emit_to_self_rooms_and_others(void **state) {
    (void)state;
    struct hub_eio *a = joined("0");
    char first[sizeof last_socket];
    strcpy(first, last_socket);
    struct hub_eio *b = joined("0/api,"); /* the same namespace behind a proxy */
    char second[sizeof last_socket];
    strcpy(second, last_socket);
    struct hub_eio *c = joined("0");
    const struct hub_hook_bins bins = {&HUB_STR("ab"), 1};
    assert_int_equal(method_of(first, "emit", "\"x\",1,[2]", NULL), HUB_OK);
    assert_next(a, "42[\"x\",1,[2]]");
    assert_int_equal(method_of(first, "emit", "\"x\",{\"_placeholder\":true,\"num\":0}", &bins), HUB_OK);
    assert_next(a, "451-[\"x\",{\"_placeholder\":true,\"num\":0}]");
    assert_next(a, "<6162>");
    assert_next(b, "");
    assert_int_equal(method_of(first, "broadcastEmit", "\"x\"", NULL), HUB_OK);
    assert_next(a, "");
    assert_next(b, "42/api,[\"x\"]");
    assert_next(c, "42[\"x\"]");
    method_of(first, "join", "\"red\"", NULL);
    method_of(first, "join", "\"red\"", NULL);
    method_of(second, "join", "\"red\"", NULL);
    assert_int_equal(method_of(first, "toEmit", "\"red\",\"x\",5", NULL), HUB_OK);
    assert_int_equal(method_of(last_socket, "toEmit", "\"red\",\"y\"", NULL), HUB_OK); /* from outside the room */
    assert_int_equal(method_of(first, "toEmit", "\"blue\",\"x\"", NULL), HUB_OK);
    assert_next(a, "42[\"y\"]");
    assert_next(b, "42/api,[\"x\",5]");
    assert_next(b, "42/api,[\"y\"]");
    assert_next(c, "");
    method_of(second, "leave", "\"red\"", NULL);
    method_of(second, "leave", "\"red\"", NULL);
    method_of(first, "toEmit", "\"red\",\"x\"", NULL);
    assert_next(b, "");
    ends(a);
    method_of(second, "join", "\"red\"", NULL); /* the room began anew */
    ends(b);
    ends(c);
}

/* Socket.IO allows numbers as names of events. */
static void an_event_may_be_called_by_a_number(void **state) {
    (void)state;
    struct hub_eio *a = joined("0"), *b = joined("0");
    assert_int_equal(method("emit", "5,1"), HUB_OK);
    assert_next(b, "42[5,1]");
    assert_int_equal(method("emit", "\"5\",1"), HUB_OK);
    assert_next(b, "42[\"5\",1]");
    assert_int_equal(method("broadcastEmit", "-1.5"), HUB_OK);
    assert_next(a, "42[-1.5]");
    ends(a);
    ends(b);
}

static void methods_refuse_what_makes_no_sense(void **state) {
    (void)state;
    struct hub_eio *eio = joined("0");
    char room[20];
    assert_int_equal(method("emit", ""), HUB_BAD_REQUEST);
    assert_int_equal(method("emit", "true"), HUB_BAD_REQUEST);
    assert_int_equal(method("emit", "\"disconnect\""), HUB_BAD_REQUEST);
    assert_int_equal(method("toEmit", "\"red\""), HUB_BAD_REQUEST);
    assert_int_equal(method("join", "\"\""), HUB_BAD_REQUEST);
    assert_int_equal(method("join", "\"a\\u0000b\""), HUB_BAD_REQUEST);
    assert_int_equal(method_of("nobody", "emit", "\"x\"", NULL), HUB_NOT_FOUND);
    for (int i = 0; i < 1000; i++) {
        snprintf(room, sizeof room, "\"r%d\"", i);
        assert_int_equal(method("join", room), HUB_OK);
    }
    assert_int_equal(method("join", "\"one more\""), HUB_TOO_MANY_ROOMS);
    ends(eio);
    assert_int_equal(method("emit", "\"x\""), HUB_NOT_FOUND);
}

static void a_handler_may_end_its_socket_with_a_reason(void **state) {
    (void)state;
    struct hub_eio *eio = joined("0");
    fake_text(eio, "2[\"wait\"]");
    hub_buf_clear(&seen);
    assert_int_equal(method("disconnect", "\"flood\""), HUB_OK);
    assert_next(eio, "41");
    assert_int_equal(method("emit", "\"x\""), HUB_OK); /* says nothing any more */
    assert_int_equal(method("join", "\"x\""), HUB_OK);
    assert_int_equal(method("disconnect", ""), HUB_OK);
    turn();
    assert_seen("");
    finish(0, HUB_OK);
    turn();
    assert_seen("bye [] reason=flood;");
    assert_next(eio, "");
    ends(eio);
}

static void auth_admits_users_and_lets_them_renew(void **state) {
    (void)state;
    char want[200];
    struct hub_eio *eio = fake_open(sessions);
    fake_text(eio, "0/private,");
    assert_next_starts(eio, "44/private,{\"message\":\"Authentication required\"");
    fake_text(eio, "0/private,{\"token\":\"dev:ann\",\"x\":1}");
    assert_next_starts(eio, "40/private,");
    fake_text(eio, "2/private,[\"note\"]");
    snprintf(want, sizeof want,
             "{\"id\":\"%s\",\"userId\":\"ann\",\"session\":{\"userId\":\"ann\",\"roleId\":null},\"auth\":{\"token\":"
             "\"dev:ann\",\"x\":1}}",
             last_socket);
    assert_string_equal(hub_buf_cstr(&last_about), want);
    fake_text(eio, "2/private,1[\"hub:refreshToken\",{\"token\":\"dev:ann:admin\"}]");
    assert_next(eio, "43/private,1[{\"ok\":true}]");
    fake_text(eio, "2/private,[\"note\"]");
    assert_non_null(strstr(hub_buf_cstr(&last_about), "\"roleId\":\"admin\""));
    fake_text(eio, "2/private,[\"hub:refreshToken\",{\"token\":\"dev:bob\"}]");
    assert_next(eio, "42/private,[\"hub:error\",{\"error\":\"the token names another "
                     "user\",\"code\":\"invalid_token\",\"event\":\"hub:refreshToken\"}]");
    fake_text(eio, "2/private,2[\"hub:refreshToken\"]");
    assert_next_starts(eio, "43/private,2[{\"ok\":false,\"error\":{\"code\":\"bad_request\"");
    service.authenticate.kind = HUB_SCRIPT_EXPR;
    fake_text(eio, "2/private,3[\"hub:refreshToken\",{\"token\":\"dev:ann\"}]");
    fake_text(eio, "2/private,4[\"hub:refreshToken\",{\"token\":\"dev:ann\"}]"); /* one at a time */
    assert_next_starts(eio, "43/private,4[{\"ok\":false,\"error\":{\"code\":\"overloaded\"");
    authenticating(authenticating_arg, HUB_OK, NULL, NULL);
    assert_next(eio, "43/private,3[{\"ok\":true}]");
    fake_text(eio, "2/private,[\"hub:refreshToken\",{\"token\":\"dev:ann\"}]");
    ends(eio);
    authenticating(authenticating_arg, HUB_OK, NULL, NULL); /* comes too late for anybody */
    hub_buf_clear(&seen);
}

static void new_definitions_take_over_running_sockets(void **state) {
    (void)state;
    struct hub_eio *stays = joined("0"), *goes = joined("0/any,");
    static struct hub_def_namespace_event fewer[] = {{"note", SCRIPT("new note")}};
    static struct hub_def_namespace next[] = {{.path = "/new"}, {.path = "/", .events = fewer, .event_n = 1}};
    hub_buf_clear(&seen);
    service.namespaces = next, service.namespace_n = 2;
    const struct hub_namespaces_config c = config();
    hub_namespaces_configure(namespaces, &c);
    assert_next(goes, "41/any,");
    fake_text(goes, "0/any,");
    assert_next(goes, "44/any,{\"message\":\"Invalid namespace\"}");
    fake_text(goes, "0/new,");
    assert_next_starts(goes, "40/new,");
    fake_text(stays, "2[\"note\"]");
    fake_text(stays, "2[\"echo\"]");
    assert_seen("new note [] event=note;");
    struct hub_buf names = {0};
    hub_namespaces_list(namespaces, &names);
    assert_string_equal(hub_buf_cstr(&names), "/new, /");
    hub_buf_free(&names);
    hub_namespaces_drain(namespaces);
    fake_text(goes, "0");
    assert_next(goes, "44{\"message\":\"The server is shutting down\",\"data\":{\"code\":\"shutting_down\"}}");
    ends(stays);
    ends(goes);
    assert_seen("");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(handlers_see_the_socket_its_events_and_its_end, setup, teardown),
        cmocka_unit_test_setup_teardown(results_become_the_acknowledgement, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_handler_is_told_to_who_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_star_takes_what_no_other_handler_does, setup, teardown),
        cmocka_unit_test_setup_teardown(events_of_one_socket_wait_for_each_other_only, setup, teardown),
        cmocka_unit_test_setup_teardown(what_arrived_before_the_end_is_still_handled, setup, teardown),
        cmocka_unit_test_setup_teardown(the_queue_of_a_socket_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(the_queues_of_all_sockets_are_bounded_together, setup, teardown),
        cmocka_unit_test_setup_teardown(methods_emit_to_self_rooms_and_others, setup, teardown),
        cmocka_unit_test_setup_teardown(an_event_may_be_called_by_a_number, setup, teardown),
        cmocka_unit_test_setup_teardown(methods_refuse_what_makes_no_sense, setup, teardown),
        cmocka_unit_test_setup_teardown(a_handler_may_end_its_socket_with_a_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(auth_admits_users_and_lets_them_renew, setup, teardown),
        cmocka_unit_test_setup_teardown(new_definitions_take_over_running_sockets, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
