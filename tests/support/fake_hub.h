/* An engine with one hub, "chat", on fakes: no files, threads, scripts or network, and a clock that the test
 * turns. Whatever is to come has come when fake_settle returns. */
#ifndef TEST_SUPPORT_FAKE_HUB_H
#define TEST_SUPPORT_FAKE_HUB_H
#include "fake_backends.h"
#include "fake_eio.h"
#include "fake_store.h"
#include "hub/access/access.h"
#include "hub/engine_int.h"
#include "hub/member/member.h"
#include "hub/record/record.h"
#include "identity/identity.h"
#include "schema/load.h"
#include "turned_clock.h"

#include <unistd.h>

struct fake_hub {
    struct hub_loop *loop;
    struct hub_service *service;
    struct hub_tables *tables;
    struct fake_store store;
    struct fake_cache cache;
    struct fake_bus bus;
    struct hub_scripts scripts;
    struct hub_identity_ctx *identity;
    struct hub_engine *engine;
    struct hub_hub *hub; /* of the engine */
    struct hub_sessions *sessions;
    struct hub_list clients; /* fake_client.link, those that are connected */
};

/* ---- beginning ---- */

static inline void fake_write_file(const char *folder, const char *name, const char *text) {
    char path[100];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}
static inline void fake_remove_file(const char *folder, const char *name) {
    char path[100];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

/* More of service.yaml, before fake_hub_new. */
static const char *fake_service_more = "";

/* Everybody may be anybody: the token "dev:ann", or "dev:ann:admin" with a role. HUB is the rest of the
 * definition of the hub. */
static inline struct hub_service *fake_load(const char *hub) {
    char folder[] = "/tmp/hubd-fake-XXXXXX";
    struct hub_service *service = NULL;
    struct hub_buf text = {0};
    struct hub_diags *diags = hub_diags_new();
    const struct hub_load_options options = {.ignore_environment = true};
    assert_non_null(mkdtemp(folder));
    hub_buf_addf(&text,
                 "service: {name: fake}\n"
                 "auth: {dev: true}\n"
                 "store: {url: \"sqlite::memory:\"}\n"
                 "dataObjects:\n"
                 "  - name: room\n"
                 "    managed: true\n"
                 "    properties:\n"
                 "      - {name: title, type: String}\n"
                 "    api: {read: ['*'], create: [admin], update: [admin], delete: [admin]}\n"
                 "  - name: seat\n"
                 "    managed: true\n"
                 "    properties:\n"
                 "      - {name: userId, type: ID, required: true}\n"
                 "      - {name: roomId, type: ID, required: true}\n"
                 "%s",
                 fake_service_more);
    fake_write_file(folder, "service.yaml", hub_buf_cstr(&text));
    hub_buf_clear(&text);
    hub_buf_addf(&text, "hubBasics: {name: chat}\n%s", hub);
    fake_write_file(folder, "chat.hub.yaml", hub_buf_cstr(&text));
    hub_buf_clear(&text);
    enum hub_code code = hub_service_load(folder, &options, diags, &service);
    hub_diags_print(diags, HUB_DIAG_TEXT, &text);
    if (code) fail_msg("%s", hub_buf_cstr(&text));
    hub_buf_free(&text);
    hub_diags_free(diags);
    fake_remove_file(folder, "service.yaml");
    fake_remove_file(folder, "chat.hub.yaml");
    rmdir(folder);
    return service;
}

static inline bool fake_find_hub(void *arg, struct hub_str name, const struct hub_namespace_ops **ops, void **owner) {
    return hub_engine_find(((struct fake_hub *)arg)->engine, name, ops, owner);
}
static inline void fake_list_hubs(void *arg, struct hub_buf *out) {
    (void)arg;
    hub_buf_addz(out, "/hub/chat");
}

static inline void fake_open_engine(struct fake_hub *f) {
    const struct hub_identity_config identity = {.loop = f->loop,
                                                 .service = f->service,
                                                 .cache = &f->cache.base,
                                                 .hooks = &fake_hook_ops,
                                                 .scripts = &f->scripts};
    f->identity = hub_identity_ctx_new(&identity);
    const struct hub_engine_config engine = {.loop = f->loop,
                                             .service = f->service,
                                             .tables = f->tables,
                                             .store = &f->store.base,
                                             .cache = &f->cache.base,
                                             .bus = &f->bus.base,
                                             .hooks = &fake_hook_ops,
                                             .scripts = &f->scripts,
                                             .identity = f->identity};
    f->engine = hub_engine_new(&engine);
    f->hub = hub_engine_hub(f->engine, HUB_STR("chat"));
    const struct hub_sessions_config sessions = {
        .connect_timeout = 45000, .max_payload = 1 << 20, .ctx = f, .find = fake_find_hub, .list = fake_list_hubs};
    f->sessions = hub_sessions_new(f->loop, &sessions);
}

static inline const struct hub_table *fake_table(const struct fake_hub *f, const char *name) {
    const struct hub_table *t = hub_tables_find(f->tables, hub_cstr(name));
    assert_non_null(t);
    return t;
}

/* With rooms r1 to r3. SHARED: the cache counts for all processes. */
static inline struct fake_hub *fake_hub_new_on(const char *hub, bool shared) {
    struct hub_err err = {0};
    struct fake_hub *f = hub_xcalloc(1, sizeof *f);
    f->loop = turned_loop_new();
    f->service = fake_load(hub);
    if (hub_tables_new(f->service, false, &f->tables, &err)) fail_msg("%s", err.text);
    fake_store_init(&f->store, f->loop);
    fake_cache_init(&f->cache, shared);
    fake_bus_init(&f->bus, f->loop);
    hub_list_init(&f->scripts.calls);
    hub_list_init(&f->clients);
    fake_open_engine(f);
    fake_store_add(&f->store, fake_table(f, "room"), "{\"id\":\"r1\"}");
    fake_store_add(&f->store, fake_table(f, "room"), "{\"id\":\"r2\"}");
    fake_store_add(&f->store, fake_table(f, "room"), "{\"id\":\"r3\"}");
    return f;
}
/* The same; and it has started. */
static inline struct fake_hub *fake_hub_new(const char *hub) {
    struct fake_hub *f = fake_hub_new_on(hub, false);
    hub_engine_start(f->engine);
    return f;
}

/* ---- time ---- */

/* Everything that is due has been done. */
static inline void fake_settle(struct fake_hub *f) {
    int turns = 0;
    do {
        turned_run_due(f->loop);
        assert_true(++turns < 1000);
    } while (hub_loop_next_due(f->loop) <= hub_loop_now(f->loop));
}
static inline void fake_pass(struct fake_hub *f, int64_t ms) {
    fake_settle(f);
    turn_clock(f->loop, ms);
    fake_settle(f);
}

/* ---- rooms and clients ---- */

/* The room in use of that id; none: the test fails. */
static inline struct hub_room *fake_room(const struct fake_hub *f, const char *id) {
    struct hub_room *r = hub_room_find(&f->hub->rooms, hub_cstr(id));
    if (!r) fail_msg("nobody uses the room %s", id);
    return r;
}

struct fake_client {
    struct fake_hub *of;
    struct hub_list link;
    const char *nsp; /* its namespace */
    struct hub_eio *eio;
    struct hub_buf heard; /* messages that nobody has asked for yet, a line each */
    char found[4096];     /* what client_hears returned */
    int ack;
};

static inline void client_listen(struct fake_client *c) {
    fake_settle(c->of);
    for (const char *m; *(m = fake_next(c->eio));) hub_buf_addf(&c->heard, "%s\n", m);
}

/* Takes the first message with TEXT in it, and leaves the others. */
static inline const char *client_hears(struct fake_client *c, const char *text) {
    client_listen(c);
    char *at = strstr(hub_buf_cstr(&c->heard), text);
    if (!at) fail_msg("\"%s\" has not come, but:\n%s", text, c->heard.p);
    while (at > c->heard.p && at[-1] != '\n') at--;
    char *next = strchr(at, '\n') + 1;
    snprintf(c->found, sizeof c->found, "%.*s", (int)(next - 1 - at), at);
    memmove(at, next, (size_t)(c->heard.p + c->heard.n - next));
    c->heard.n -= (size_t)(next - at);
    return c->found;
}
static inline void client_hears_nothing_of(struct fake_client *c, const char *text) {
    client_listen(c);
    if (strstr(hub_buf_cstr(&c->heard), text)) fail_msg("\"%s\" in:\n%s", text, c->heard.p);
}
static inline void client_forgets(struct fake_client *c) {
    client_listen(c);
    hub_buf_clear(&c->heard);
}
/* FIRST has come, and THEN behind it; both are left. */
static inline void client_hears_in_order(struct fake_client *c, const char *first, const char *then) {
    client_listen(c);
    const char *a = strstr(hub_buf_cstr(&c->heard), first), *b = strstr(hub_buf_cstr(&c->heard), then);
    if (!a || !b || a > b) fail_msg("\"%s\" before \"%s\" is not in:\n%s", first, then, c->heard.p);
}

/* EVENT with ARGS, a JSON value; with an acknowledgement, whose number this is. */
static inline int client_says(struct fake_client *c, const char *event, const char *args) {
    struct hub_buf text = {0};
    hub_buf_addf(&text, "2%s,%d[\"%s\",%s]", c->nsp, ++c->ack, event, args);
    fake_text(c->eio, hub_buf_cstr(&text));
    hub_buf_free(&text);
    return c->ack;
}
/* The answer to number ACK. */
static inline const char *client_answer(struct fake_client *c, int ack) {
    char answer[80];
    snprintf(answer, sizeof answer, "43%s,%d[", c->nsp, ack);
    return client_hears(c, answer);
}
static inline void client_waits_for(struct fake_client *c, int ack) {
    char answer[80];
    snprintf(answer, sizeof answer, "43%s,%d[", c->nsp, ack);
    client_hears_nothing_of(c, answer);
}
static inline const char *client_is_answered(struct fake_client *c, int ack, const char *want) {
    const char *got = client_answer(c, ack);
    if (!strstr(got, want)) fail_msg("\"%s\" is not in %s", want, got);
    return got;
}
/* Says it, and has the answer, with WANT in it. */
static inline const char *client_does(struct fake_client *c, const char *event, const char *args, const char *want) {
    return client_is_answered(c, client_says(c, event, args), want);
}
/* Without an acknowledgement. */
static inline void client_emits(struct fake_client *c, const char *event, const char *args) {
    struct hub_buf text = {0};
    hub_buf_addf(&text, "2%s,[\"%s\",%s]", c->nsp, event, args);
    fake_text(c->eio, hub_buf_cstr(&text));
    hub_buf_free(&text);
}

/* WHO: "ann", or "ann:admin", or NULL, a stranger. Never idle. NSP: "/hub/chat", or a plain namespace of
 * the service. MORE: further members of auth, with a comma before each. */
static inline void client_connect_as(struct fake_hub *f, struct fake_client *c, const char *nsp, const char *who,
                                     const char *more) {
    char text[100];
    *c = (struct fake_client){.of = f, .nsp = nsp, .eio = fake_open(f->sessions)};
    hub_list_push(&f->clients, &c->link);
    c->eio->last_in = INT64_MAX / 2;
    snprintf(text, sizeof text, who ? "0%s,{\"token\":\"dev:%s\"%s}" : "0%s,", nsp, who, more);
    fake_text(c->eio, text);
    snprintf(text, sizeof text, "40%s,{\"sid\"", nsp);
    client_hears(c, text);
}
static inline void client_connect_to(struct fake_hub *f, struct fake_client *c, const char *nsp, const char *who) {
    client_connect_as(f, c, nsp, who, "");
}
static inline void client_connect(struct fake_hub *f, struct fake_client *c, const char *who) {
    client_connect_to(f, c, "/hub/chat", who);
}
static inline void client_join(struct fake_hub *f, struct fake_client *c, const char *who, const char *room) {
    char args[80];
    client_connect(f, c, who);
    snprintf(args, sizeof args, "{\"roomId\":\"%s\"}", room);
    client_does(c, "hub:join", args, "\"ok\":true");
    client_forgets(c);
}
/* Into r1 of a hub that may ask a script before, which says RESULT. What has come is kept. */
static inline void client_join_asked(struct fake_hub *f, struct fake_client *c, const char *who, const char *result) {
    client_connect(f, c, who);
    int ack = client_says(c, "hub:join", "{\"roomId\":\"r1\"}");
    fake_settle(f);
    if (fake_scripts_waiting(&f->scripts)) fake_script_end(&f->scripts, HUB_OK, result);
    client_is_answered(c, ack, "\"ok\":true");
}
/* A hub, started, with ANN and BOB in r1. */
static inline struct fake_hub *fake_hub_of_two(const char *hub, struct fake_client *ann, struct fake_client *bob) {
    struct fake_hub *f = fake_hub_new(hub);
    client_join(f, ann, "ann", "r1");
    client_join(f, bob, "bob", "r1");
    return f;
}
/* The connection is lost, and what it was told forgotten. */
static inline void client_hang_up(struct fake_client *c) {
    if (c->eio) hub_list_remove(&c->link), fake_free(c->eio);
    hub_buf_free(&c->heard);
    *c = (struct fake_client){0};
}

/* The connection of USER that came first; none: the test fails. */
static inline struct hub_conn *fake_conn(const struct fake_hub *f, const char *user) {
    HUB_LIST_EACH(&f->hub->conns, it) {
        struct hub_conn *c = HUB_CONTAINER(it, struct hub_conn, link);
        if (!strcmp(c->identity->user_id, user)) return c;
    }
    fail_msg("%s is not connected", user);
    return NULL;
}

/* ---- somebody without a connection ---- */

static inline void fake_on_identity(void *arg, enum hub_code code, struct hub_identity *who, const char *reason) {
    if (code) fail_msg("%s", reason ? reason : hub_code_text(code));
    *(struct hub_identity **)arg = hub_identity_ref(who);
}
/* A reference. */
static inline struct hub_identity *fake_who(const struct fake_hub *f, const char *name) {
    struct hub_identity *who = NULL;
    char token[80];
    snprintf(token, sizeof token, "dev:%s", name);
    hub_identity_resolve(f->identity, hub_cstr(token), fake_on_identity, &who);
    assert_non_null(who);
    return who;
}

/* ---- what scripts do ---- */

static inline void fake_on_host_done(struct hub_host_call *c, enum hub_code code, json_t *result, const char *text) {
    if (code) fail_msg("%s", text ? text : hub_code_text(code));
    json_decref(result);
    c->args = NULL;
}
/* It need not be answered when this returns; once it is, its args are NULL. */
static inline void fake_records_begin(struct fake_hub *f, struct hub_host_call *call, const char *name) {
    for (const struct hub_host_fn *fn = hub_records_part.host_at[HUB_HOST_OF_SLOT]; fn->name; fn++)
        if (!strcmp(fn->name, name)) fn->call(f->engine, call);
}
/* The function NAME of the table records with ARGS, a list, by the hook of CALLER. */
static inline void fake_records_call(struct fake_hub *f, void *caller, const char *name, json_t *args) {
    struct hub_host_call call = {.args = args, .caller = caller, .done = fake_on_host_done};
    fake_records_begin(f, &call, name);
    fake_settle(f);
    assert_null(call.args);
    json_decref(args);
}
/* The script that has waited longest reads the record ID. */
static inline void fake_guard_reads(struct fake_hub *f, const char *id) {
    fake_settle(f);
    void *caller = (void *)(uintptr_t)fake_script_first(&f->scripts)->caller;
    fake_records_call(f, caller, "get", json_pack("[s]", id));
}

/* ---- the end ---- */

/* Whoever is connected hangs up, in the order of coming. Nothing may be under way then: what was asked was
 * answered, and is forgotten. */
static inline void fake_hub_free(struct fake_hub *f) {
    struct hub_buf left = {0};
    HUB_LIST_EACH_SAFE(&f->clients, it) client_hang_up(HUB_CONTAINER(it, struct fake_client, link));
    f->cache.held = false;
    while (!hub_list_empty(&f->cache.kept)) fake_cache_answer(&f->cache);
    fake_store_hold(&f->store, false);
    fake_settle(f);
    while (fake_scripts_waiting(&f->scripts)) {
        fake_script_end(&f->scripts, HUB_HANDLER_FAILED, NULL);
        fake_settle(f);
    }
    hub_holds_describe(hub_engine_holds(f->engine), INT64_MAX, &left);
    if (left.n) fail_msg("still under way: %s", hub_buf_cstr(&left));
    hub_buf_free(&left);
    hub_engine_stop(f->engine);
    fake_settle(f);
    hub_sessions_delete(f->sessions);
    hub_engine_delete(f->engine);
    hub_identity_ctx_delete(f->identity);
    fake_bus_deinit(&f->bus);
    fake_cache_deinit(&f->cache);
    fake_store_deinit(&f->store);
    hub_tables_free(f->tables);
    hub_service_free(f->service);
    turned_loop_delete(f->loop);
    free(f);
}
#endif
