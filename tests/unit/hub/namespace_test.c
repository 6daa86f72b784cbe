/* Plain namespaces: order of handlers, acknowledgements from results, rooms, the socket's methods, bounds
 * and reload. The scripts are a fake that does what a handler's text says; what it says is in run(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapters/memory/memory.h"
#include "base/match/pattern.h"
#include "fake_eio.h"
#include "hub/namespace/namespace.h"
#include "hub/script/script.h"

static struct hub_loop *loop;
static struct hub_sessions *sessions;
static struct hub_engine *engine;
static struct hub_bus *bus;
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
static struct hub_buf answer; /* the result as JSON, and its binary values */
static void on_answer(struct hub_host_call *call, enum hub_code code, json_t *result, const char *text) {
    (void)text;
    hub_buf_clear(&answer);
    if (result) hub_json_add(&answer, result);
    for (size_t i = 0; call->answer_bins && i < call->answer_bins->n; i++)
        hub_buf_addf(&answer, " <%.*s>", HUB_FMT(call->answer_bins->items[i]));
    json_decref(result);
    answered = code;
}
/* The last call, kept for those that are answered later. */
static struct hub_host_call asked;
static enum hub_code method_of(const char *sid, const char *name, const char *args_json,
                               const struct hub_hook_bins *bins) {
    struct hub_buf b = {0};
    struct hub_err err;
    hub_buf_addf(&b, "[\"%s\"%s%s]", sid, *args_json ? "," : "", args_json);
    json_decref(asked.args);
    asked = (struct hub_host_call){.args = hub_json_parse(hub_buf_str(&b), &err), .bins = bins, .done = on_answer};
    assert_non_null(asked.args);
    hub_buf_free(&b);
    const struct hub_host_fn *fn = hub_namespaces_part.host;
    if (!strcmp(name, "connections.send"))
        for (fn = hub_scripts_part.host_at[HUB_HOST_OF_ONE];
             strcmp(fn->table, "connections") || strcmp(fn->name, "send");)
            fn++;
    else
        while (fn->table && strcmp(fn->name, name) != 0) fn++;
    assert_non_null(fn->table);
    answered = HUB_CODE_COUNT;
    fn->call(engine, &asked);
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
    assert_string_equal(extra[0].name, "namespace");
    for (size_t i = 1; i < n; i++) hub_buf_addf(&seen, " %s=%s", extra[i].name, json_string_value(extra[i].value));
    for (size_t i = 0; bins && i < bins->n; i++) hub_buf_addf(&seen, " <%.*s>", HUB_FMT(bins->items[i]));
    hub_buf_addc(&seen, ';');
    if (!strcmp(what, "wait")) {
        waiting[waiting_n] = done, waiting_arg[waiting_n++] = arg;
        return;
    }
    json_t *none = json_array();
    if (!strcmp(what, "echo"))
        done(arg, HUB_OK, args, bins, NULL);
    else if (!strcmp(what, "silent"))
        done(arg, HUB_OK, json_null(), bins, NULL);
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
static struct hub_def_namespace_event events[] = {{"echo", SCRIPT("echo")},
                                                  {"wait", SCRIPT("wait")},
                                                  {"fail", SCRIPT("fail")},
                                                  {"note", SCRIPT("note")},
                                                  {"silent", SCRIPT("silent")}};
static struct hub_def_namespace_event any[] = {{"*", SCRIPT("any")}, {"echo", SCRIPT("echo")}};
static struct hub_def_namespace_event outgoing[] = {{"seen", SCRIPT("watch")}};
static struct hub_def_namespace defs[] = {
    {.path = "/",
     .def = {.name = "/"},
     .events = events,
     .event_n = HUB_NELEM(events),
     .on_connect = SCRIPT("hello"),
     .on_disconnect = SCRIPT("bye")},
    {.path = "/any", .def = {.name = "/any"}, .events = any, .event_n = 2},
    {.path = "/private", .def = {.name = "/private"}, .auth = true, .events = events, .event_n = HUB_NELEM(events)},
    {.path = "/slow",
     .def = {.name = "/slow"},
     .events = events,
     .event_n = HUB_NELEM(events),
     .on_connect = SCRIPT("wait"),
     .on_disconnect = SCRIPT("bye")},
    {.path = "/kept",
     .def = {.name = "/kept"},
     .events = events,
     .event_n = HUB_NELEM(events),
     .recovers = true,
     .recovery_ms = 60000,
     .outgoing = outgoing,
     .outgoing_n = 1},
};
static struct hub_service service;

static bool find(void *ctx, struct hub_str name, const struct hub_namespace_ops **ops, void **owner) {
    (void)ctx;
    return hub_engine_find(engine, name, ops, owner);
}

static struct hub_tables tables;

static void on_bus_closed(void *arg) {
    (void)arg;
    hub_loop_stop(loop);
}

static int setup(void **state) {
    struct hub_err err;
    (void)state;
    service = (struct hub_service){.base_path = "/api",
                                   .namespaces = defs,
                                   .namespace_n = HUB_NELEM(defs),
                                   .dev = true,
                                   .max_pending = 100,
                                   .max_pending_per_address = 100,
                                   .max_waiting_bytes = 64 << 20};
    loop = hub_loop_new(NULL);
    identity = hub_identity_ctx_new(&(struct hub_identity_config){
        .loop = loop, .service = &service, .hooks = &hooks, .scripts = (struct hub_scripts *)&seen});
    assert_int_equal(hub_memory_bus_ops.open(loop, &(struct hub_bus_config){.url = "memory:"}, &bus, &err), HUB_OK);
    engine = hub_engine_new(&(struct hub_engine_config){.loop = loop,
                                                        .bus = bus,
                                                        .service = &service,
                                                        .tables = &tables,
                                                        .hooks = &hooks,
                                                        .scripts = (struct hub_scripts *)&seen,
                                                        .identity = identity});
    sessions = hub_sessions_new(loop, &(struct hub_sessions_config){.find = find});
    waiting_n = forgotten = 0;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    assert_int_equal(hub_engine_pending(engine), 0);
    hub_engine_stop(engine);
    hub_sessions_delete(sessions);
    hub_engine_delete(engine);
    bus->ops->close(bus, on_bus_closed, NULL);
    hub_loop_run(loop);
    hub_identity_ctx_delete(identity);
    hub_loop_delete(loop);
    hub_buf_free(&seen);
    hub_buf_free(&last_about);
    hub_buf_free(&answer);
    json_decref(asked.args);
    asked.args = NULL;
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
    fake_text(eio, "23[\"silent\"]");
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
    while (hub_engine_pending(engine)) turn();
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
    hub_engine_set_scripts(engine, NULL); /* what waits is dropped */
    finish(1, HUB_OK);
    turn();
    assert_int_equal(hub_engine_pending(engine), 0);
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
    hub_engine_set_scripts(engine, NULL); /* what waits is dropped */
    for (int i = 0; i < SOCKETS; i++) finish(i, HUB_OK);
    while (hub_engine_pending(engine)) turn();
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
    assert_int_equal(method_of(first, "castEmit", "{},\"x\"", NULL), HUB_OK);
    assert_next(a, "");
    assert_next(b, "42/api,[\"x\"]");
    assert_next(c, "42[\"x\"]");
    assert_int_equal(method_of(first, "join", "\"red\"", NULL), HUB_OK);
    assert_int_equal(method_of(first, "join", "\"red\"", NULL), HUB_OK);
    assert_int_equal(method_of(second, "join", "\"red\"", NULL), HUB_OK);
    assert_int_equal(method_of(first, "castEmit", "{\"rooms\":[\"red\"]},\"x\",5", NULL), HUB_OK);
    assert_int_equal(method_of(last_socket, "castEmit", "{\"rooms\":[\"red\"]},\"y\"", NULL),
                     HUB_OK); /* from outside the room */
    assert_int_equal(method_of(first, "castEmit", "{\"rooms\":[\"blue\"]},\"x\"", NULL), HUB_OK);
    assert_next(a, "42[\"y\"]");
    assert_next(b, "42/api,[\"x\",5]");
    assert_next(b, "42/api,[\"y\"]");
    assert_next(c, "");
    assert_int_equal(method_of(second, "leave", "\"red\"", NULL), HUB_OK);
    assert_int_equal(method_of(second, "leave", "\"red\"", NULL), HUB_OK);
    assert_int_equal(method_of(first, "castEmit", "{\"rooms\":[\"red\"]},\"x\"", NULL), HUB_OK);
    assert_next(b, "");
    ends(a);
    assert_int_equal(method_of(second, "join", "\"red\"", NULL), HUB_OK); /* the room began anew */
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
    assert_int_equal(method("castEmit", "{},-1.5"), HUB_OK);
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
    assert_int_equal(method("castEmit", "{\"rooms\":[\"red\"]}"), HUB_BAD_REQUEST);
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

static void an_audience_is_the_union_of_rooms_without_some(void **state) {
    (void)state;
    struct hub_eio *a = joined("0"), *b = joined("0"), *c = joined("0"), *other = joined("0/any,");
    char ids[3][sizeof last_socket];
    const char *const rooms[] = {"\"r\"", "\"r\",[\"s\",\"r\"]", "\"s\",\"quiet\""};
    struct hub_eio *all[] = {a, b, c};
    for (int i = 0; i < 3; i++) {
        fake_text(all[i], "2[\"note\"]");
        strcpy(ids[i], last_socket);
        assert_int_equal(method("join", rooms[i]), HUB_OK);
    }
    assert_int_equal(method_of(ids[1], "rooms", "", NULL), HUB_OK);
    assert_string_equal(hub_buf_cstr(&answer), "[\"r\",\"s\"]");
    assert_int_equal(method_of("/", "castEmit", "{\"rooms\":[\"r\",\"s\",\"r\"]},\"x\"", NULL), HUB_OK);
    for (int i = 0; i < 3; i++) assert_next(all[i], "42[\"x\"]");
    assert_int_equal(method_of(ids[0], "castEmit", "{\"rooms\":[\"r\",\"s\"],\"without\":[\"quiet\"]},\"y\"", NULL),
                     HUB_OK);
    assert_next(b, "42[\"y\"]");
    assert_int_equal(method_of("/", "castEmit", "{\"rooms\":[]},\"nobody\"", NULL), HUB_OK);
    for (int i = 0; i < 3; i++) assert_next(all[i], "");
    assert_next(other, "");
    assert_int_equal(method_of("/none", "castEmit", "{},\"x\"", NULL), HUB_NOT_FOUND);
    assert_int_equal(method_of("/", "castEmit", "{\"rooms\":[5]},\"x\"", NULL), HUB_BAD_REQUEST);
    assert_int_equal(method_of("/", "sockets", "\"s\",{\"limit\":1}", NULL), HUB_OK);
    assert_non_null(strstr(hub_buf_cstr(&answer), ids[1]));
    assert_null(strstr(hub_buf_cstr(&answer), ids[2]));
    assert_non_null(strstr(hub_buf_cstr(&answer), "\"next\":"));
    assert_int_equal(method_of("/", "sockets", "null,{\"limit\":1001}", NULL), HUB_BAD_REQUEST);
    for (int i = 0; i < 3; i++) ends(all[i]);
    ends(other);
    hub_buf_clear(&seen);
}

static void a_client_is_asked_and_answers_once(void **state) {
    (void)state;
    struct hub_eio *eio = joined("0");
    assert_int_equal(method("emitWithAck", "\"q\",1,{\"timeoutMs\":1000}"), HUB_CODE_COUNT);
    assert_next(eio, "420[\"q\",1]");
    assert_int_equal(hub_engine_pending(engine), 1);
    fake_text(eio, "61-0[{\"_placeholder\":true,\"num\":0},2]");
    fake_bytes(eio, "xy", 2, true);
    assert_int_equal(answered, HUB_OK);
    assert_string_equal(hub_buf_cstr(&answer), "{\"_placeholder\":true,\"num\":0} <xy>");
    assert_int_equal(method("emitWithAck", "\"q\",{\"timeoutMs\":1}"), HUB_CODE_COUNT);
    while (answered == HUB_CODE_COUNT) turn();
    assert_int_equal(answered, HUB_REQUEST_TIMEOUT);
    assert_int_equal(method("emitWithAck", "\"q\""), HUB_CODE_COUNT);
    fake_text(eio, "1");
    assert_int_equal(answered, HUB_CLIENT_DISCONNECTED);
    assert_int_equal(method("emitWithAck", "\"q\""), HUB_CLIENT_DISCONNECTED);
    assert_int_equal(method("emitWithAck", "\"q\",{\"timeoutMs\":0}"), HUB_BAD_REQUEST);
    assert_int_equal(method("emitWithAck", "5"), HUB_BAD_REQUEST);
    ends(eio);
    hub_buf_clear(&seen);
}

/* The value of MEMBER in CONNECT's answer. */
static void connected_as(struct hub_eio *eio, const char *member, char out[HUB_SID_LEN + 1]) {
    const char *at = strstr(fake_next(eio), member);
    assert_non_null(at);
    snprintf(out, HUB_SID_LEN + 1, "%s", at + strlen(member));
}

static struct hub_eio *comes_back(const char *pid, const char *offset) {
    char text[120];
    struct hub_eio *eio = fake_open(sessions);
    snprintf(text, sizeof text, "0/kept,{\"pid\":\"%s\"%s}", pid, offset);
    fake_text(eio, text);
    return eio;
}

static void a_client_that_comes_back_gets_what_it_missed_once(void **state) {
    (void)state;
    char pid[HUB_SID_LEN + 1], again[HUB_SID_LEN + 1], sid[sizeof last_socket];
    struct hub_eio *eio = fake_open(sessions);
    fake_text(eio, "0/kept,");
    connected_as(eio, "\"pid\":\"", pid);
    fake_text(eio, "2/kept,[\"note\"]");
    strcpy(sid, last_socket);
    assert_int_equal(method("join", "\"r\""), HUB_OK);
    assert_int_equal(method("emit", "\"x\",1"), HUB_OK);
    assert_next(eio, "42/kept,[\"x\",1,\"1\"]");
    ends(eio);
    assert_int_equal(forgotten, 0);
    assert_int_equal(method_of("/kept", "castEmit", "{\"rooms\":[\"r\"]},\"y\"", NULL), HUB_OK);
    assert_int_equal(method_of("/kept", "castEmit", "{\"rooms\":[\"other\"]},\"z\"", NULL), HUB_OK);
    eio = comes_back(pid, ",\"offset\":\"1\"");
    connected_as(eio, "\"pid\":\"", again);
    assert_string_equal(again, pid);
    assert_next(eio, "42/kept,[\"y\",\"2\"]");
    assert_next(eio, "");
    fake_text(eio, "2/kept,[\"note\"]");
    assert_string_equal(last_socket, sid);
    assert_non_null(strstr(hub_buf_cstr(&last_about), "\"recovered\":true"));
    struct hub_eio *later = comes_back(pid, ",\"offset\":\"2\""); /* before the server has noticed */
    assert_next(eio, "41/kept,");
    connected_as(later, "\"pid\":\"", again);
    assert_string_equal(again, pid);
    ends(eio);
    ends(later);
    later = comes_back(pid, ",\"offset\":\"7\"");
    connected_as(later, "\"pid\":\"", again);
    assert_string_not_equal(again, pid);
    assert_int_equal(forgotten, 1);
    ends(later); /* still waits when the engine stops */
    hub_buf_clear(&seen);
}

/* A client with an event of nearly 1 MiB, or in a thousand rooms of its own, that goes away. */
static void leaves_much(char pid[HUB_SID_LEN + 1], int rooms) {
    char room[300];
    struct hub_buf event = {0};
    struct hub_eio *eio = fake_open(sessions);
    fake_text(eio, "0/kept,");
    connected_as(eio, "\"pid\":\"", pid);
    fake_text(eio, "2/kept,[\"note\"]");
    if (!rooms) hub_buf_addf(&event, "\"e\",\"%01000000d\"", 0);
    if (!rooms) assert_int_equal(method("emit", hub_buf_cstr(&event)), HUB_OK);
    for (int i = 0; i < 1000 && rooms; i++) {
        snprintf(room, sizeof room, "\"%0250d\"", rooms * 1000 + i);
        assert_int_equal(method("join", room), HUB_OK);
    }
    hub_buf_free(&event);
    ends(eio);
}

static bool is_kept(const char *pid) {
    char again[HUB_SID_LEN + 1];
    struct hub_eio *eio = comes_back(pid, "");
    connected_as(eio, "\"pid\":\"", again);
    ends(eio);
    return !strcmp(again, pid);
}

/* Rooms of clients that are away stay as long as they may come back: no socket stands behind them. */
static void what_clients_leave_behind_is_bounded(void **state) {
    (void)state;
    char pid[20][HUB_SID_LEN + 1], first[HUB_SID_LEN + 1];
    int kept = 0;
    leaves_much(first, 0);
    for (int i = 1; i < 64; i++) leaves_much(pid[0], 0);
    for (int i = 0; i < 20; i++) leaves_much(pid[i], i + 1);
    for (int i = 0; i < 20; i++) kept += is_kept(pid[i]);
    assert_true(is_kept(pid[0]));
    assert_in_range(kept, 5, 12); /* 64 MiB in all, of which events have 61 */
    assert_true(is_kept(first));
    hub_buf_clear(&seen);
}

/* Its client was back and has left for good while a handler of the connection before was still at work:
 * what that one kept in socket.data stayed for ever. */
static void the_last_handler_of_a_socket_that_came_back_is_followed_by_its_end(void **state) {
    (void)state;
    char pid[HUB_SID_LEN + 1];
    struct hub_eio *eio = fake_open(sessions);
    fake_text(eio, "0/kept,");
    connected_as(eio, "\"pid\":\"", pid);
    fake_text(eio, "2/kept,[\"wait\"]");
    ends(eio);
    eio = comes_back(pid, "");
    assert_next_starts(eio, "40/kept,");
    fake_text(eio, "1/kept,");
    turn();
    size_t before = forgotten;
    finish(0, HUB_OK);
    turn();
    assert_int_equal(forgotten, before + 1);
    ends(eio);
    hub_buf_clear(&seen);
}

static void outgoing_sees_what_is_sent_but_not_what_it_sends(void **state) {
    (void)state;
    struct hub_eio *eio = joined("0/kept,");
    fake_text(eio, "2/kept,[\"note\"]");
    hub_buf_clear(&seen);
    assert_int_equal(method("emit", "\"seen\",1,{}"), HUB_OK);
    assert_int_equal(method("emit", "\"unseen\""), HUB_OK);
    assert_seen("");
    turn();
    assert_seen("watch [1,{}] event=seen;");
    assert_int_equal(method("connections.send", "\"seen\",2"), HUB_OK); /* so it is with any other function */
    turn();
    assert_seen("watch [2] event=seen;");
    for (int i = 1; i < 4; i++) fake_next(eio);
    assert_next(eio, "");
    ends(eio);
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

static void on_reloaded(void *arg) { (void)arg; }

static void new_definitions_take_over_running_sockets(void **state) {
    (void)state;
    struct hub_eio *stays = joined("0"), *goes = joined("0/any,");
    static struct hub_def_namespace_event fewer[] = {{"note", SCRIPT("new note")}};
    static struct hub_def_namespace next[] = {{.path = "/new", .def = {.name = "/new"}},
                                              {.path = "/", .def = {.name = "/"}, .events = fewer, .event_n = 1}};
    hub_buf_clear(&seen);
    service.namespaces = next, service.namespace_n = 2;
    hub_engine_reload(engine, &service, &tables, (struct hub_scripts *)&seen, on_reloaded, NULL);
    assert_next(goes, "41/any,");
    fake_text(goes, "0/any,");
    assert_next(goes, "44/any,{\"message\":\"Invalid namespace\"}");
    fake_text(goes, "0/new,");
    assert_next_starts(goes, "40/new,");
    fake_text(stays, "2[\"note\"]");
    fake_text(stays, "2[\"echo\"]");
    assert_seen("new note [] event=note;");
    struct hub_buf names = {0};
    hub_engine_list(engine, &names);
    assert_string_equal(hub_buf_cstr(&names), "/new, /");
    hub_buf_free(&names);
    hub_engine_drain(engine, 1000);
    fake_text(goes, "0");
    assert_next(goes, "44{\"message\":\"The server is shutting down\",\"data\":{\"code\":\"shutting_down\"}}");
    ends(stays);
    ends(goes);
    assert_seen("");
}

/* A guard that was asked under a definition is asked again after a reload: it goes by the address. The
 * names of an expression had one place for all of theirs, so the old guard decided. */
static void a_name_by_expression_has_a_new_definition_after_a_reload(void **state) {
    (void)state;
    static struct hub_def_namespace named[] = {{.max_names = 10, .path = "^/d/", .events = events, .event_n = 4},
                                               {.max_names = 10, .path = "^/d/", .events = any, .event_n = 2}};
    struct hub_err err;
    for (size_t i = 0; i < 2; i++) {
        named[i].pattern.is_regex = true;
        assert_int_equal(hub_pattern_new(HUB_STR("^/d/"), true, &named[i].pattern.compiled, NULL, &err), HUB_OK);
    }
    service.namespaces = &named[0], service.namespace_n = 1;
    struct hub_eio *eio = joined("0/d/x,");
    struct hub_hub *hub = hub_namespaces_hub(engine, HUB_STR("/d/x"));
    const struct hub_def *before = hub->def;
    struct hub_hold work = {0};
    hub_hold(hub_engine_holds(engine), &work, "record change");
    service.namespaces = &named[1];
    hub_engine_reload(engine, &service, &tables, (struct hub_scripts *)&seen, on_reloaded, NULL);
    assert_ptr_not_equal(hub->def, before);
    hub_namespaces_sweep(engine, 0);
    assert_string_equal(before->name, "/d/x"); /* what began under it may look at it */
    hub_unhold(&work);
    hub_namespaces_sweep(engine, 0);
    assert_string_equal(hub->def->name, "/d/x");
    hub->kept++; /* a script's write is under way */
    ends(eio);
    turn();
    assert_ptr_equal(hub_namespaces_hub(engine, HUB_STR("/d/x")), hub);
    hub->kept--;
    hub_namespaces_sweep(engine, 0);
    turn();
    assert_null(hub_namespaces_hub(engine, HUB_STR("/d/x")));
    service.namespaces = defs, service.namespace_n = HUB_NELEM(defs);
    for (size_t i = 0; i < 2; i++) hub_pattern_free(named[i].pattern.compiled);
    hub_buf_clear(&seen);
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
        cmocka_unit_test_setup_teardown(an_audience_is_the_union_of_rooms_without_some, setup, teardown),
        cmocka_unit_test_setup_teardown(a_client_is_asked_and_answers_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_client_that_comes_back_gets_what_it_missed_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_clients_leave_behind_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_handler_of_a_socket_that_came_back_is_followed_by_its_end, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(outgoing_sees_what_is_sent_but_not_what_it_sends, setup, teardown),
        cmocka_unit_test_setup_teardown(a_handler_may_end_its_socket_with_a_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(auth_admits_users_and_lets_them_renew, setup, teardown),
        cmocka_unit_test_setup_teardown(new_definitions_take_over_running_sockets, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_by_expression_has_a_new_definition_after_a_reload, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
