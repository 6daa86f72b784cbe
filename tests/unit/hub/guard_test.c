/* Guards of channels and records on an engine of fakes: what they have granted is asked for again. A guard
 * that is no JSON value waits for the test. */
#include "fake_hub.h"
#include "hub/guard/guard.h"
#include "hub/record/record_int.h"

#define GUARDS                                                              \
    "  channels:\n"                                                         \
    "  - {pattern: 'c:{x}', canSubscribe: 'session.later'}\n"               \
    "  - {pattern: 'log:{x}', canSubscribe: 'session.later', history: 5}\n" \
    "  records:\n"                                                          \
    "  - {pattern: 'r:{x}', canRead: 'session.later'}\n"                    \
    "  - {pattern: 'v:{x}', canRead: 'value.later'}\n"                      \
    "  - {pattern: 's:{id}', dataObject: seat}\n"
#define HUB_WITH(STATE)                         \
    "roomSettings: {roomDataObject: room}\n"    \
    "messageSettings: {messageTypes: [text]}\n" \
    "hubExtensions:\n"                          \
    "  state: " STATE "\n"                      \
    "  metadata: {connection: {clientWritable: [nick]}, room: {}}\n" GUARDS
#define HUB HUB_WITH("{sync: true}")
#define DOCS                                \
    "  - name: Doc\n"                       \
    "    managed: true\n"                   \
    "    properties:\n"                     \
    "      - {name: id, type: Integer}\n"   \
    "      - {name: team, type: Integer}\n" \
    "      - {name: open, type: Boolean}\n" \
    "      - {name: due, type: DateTime}\n"
#define CLIENTS "clients: {id: auth.clientId}\n"
#define PLAIN "namespaces:\n- path: /plain\n  auth: true\n" GUARDS

/* What is granted, how it is asked for, and where. */
static const struct kind {
    const char *nsp, *event, *variable, *prefix;
} kinds[] = {
    {"/hub/chat", "hub:subscribe", "channel", "c:"},        {"/hub/chat", "hub:subscribeRecord", "recordId", "r:"},
    {"/hub/chat", "hub:subscribeRecord", "recordId", "v:"}, {"/plain", "hub:subscribe", "channel", "c:"},
    {"/plain", "hub:subscribeRecord", "recordId", "r:"},    {"/plain", "hub:subscribeRecord", "recordId", "v:"}};

static struct fake_hub *guards_of(const char *hub) {
    fake_service_more = DOCS PLAIN CLIENTS;
    return fake_hub_new(hub);
}
static struct fake_hub *guards_new(void) { return guards_of(HUB); }

static void end_guard(struct fake_hub *f, enum hub_code code, const char *result) {
    fake_script_end(&f->scripts, code, result);
    fake_settle(f);
}

static int ask_for(struct fake_hub *f, struct fake_client *c, const struct kind *k, int i) {
    char args[60];
    snprintf(args, sizeof args, "{\"%s\":\"%s%d\"}", k->variable, k->prefix, i);
    int ack = client_says(c, k->event, args);
    fake_settle(f);
    return ack;
}

static void is_granted(struct fake_hub *f, struct fake_client *c, const struct kind *k, int i) {
    int ack = ask_for(f, c, k, i);
    end_guard(f, HUB_OK, "true");
    client_is_answered(c, ack, "\"ok\":true");
}

static void hears_of_the_end(struct fake_client *c, const struct kind *k, int i, const char *reason) {
    char event[100];
    snprintf(event, sizeof event, "[\"hub:unsubscribed\",{\"%s\":\"%s%d\",\"reason\":\"%s\"}]", k->variable, k->prefix,
             i, reason);
    client_hears(c, event);
}

static void by_a_new_token_one_after_the_other(void **state) {
    (void)state;
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) {
        struct fake_hub *f = guards_new();
        struct fake_client ann;
        client_connect_to(f, &ann, kinds[k].nsp, "ann");
        for (int i = 1; i <= 3; i++) is_granted(f, &ann, &kinds[k], i);
        int refresh = client_says(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:guest\"}");
        fake_settle(f);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
        end_guard(f, HUB_OK, "true");
        end_guard(f, HUB_OK, "false");
        hears_of_the_end(&ann, &kinds[k], 2, "not_allowed");
        client_waits_for(&ann, refresh); /* nothing passes by the old token once it is answered */
        end_guard(f, HUB_HANDLER_FAILED, NULL);
        hears_of_the_end(&ann, &kinds[k], 3, "handler_failed");
        client_is_answered(&ann, refresh, "\"ok\":true");
        client_hang_up(&ann);
        fake_hub_free(f);
    }
}

static void on_reloaded(void *arg) { *(bool *)arg = true; }

static void by_new_definitions(void **state) {
    struct fake_hub *f = guards_new();
    struct fake_client ann[HUB_NELEM(kinds)];
    bool reloaded = false;
    (void)state;
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) client_connect_to(f, &ann[k], kinds[k].nsp, "ann");
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) is_granted(f, &ann[k], &kinds[k], 1);
    hub_engine_reload(f->engine, f->service, f->tables, f->engine->config.scripts, on_reloaded, &reloaded);
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), HUB_NELEM(kinds));
    assert_false(reloaded);
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) end_guard(f, HUB_OK, "false");
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) hears_of_the_end(&ann[k], &kinds[k], 1, "not_allowed");
    assert_true(reloaded);
    fake_hub_free(f);
}

/* What is asked for is read from a store that takes its time; who asked has lost the right meanwhile. */
static void before_the_answer(void **state) {
    (void)state;
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) {
        struct fake_hub *f = guards_new();
        struct fake_client ann;
        client_connect_to(f, &ann, kinds[k].nsp, "ann");
        int ack = ask_for(f, &ann, &kinds[k], 1);
        int refresh = client_says(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:guest\"}");
        client_is_answered(&ann, refresh, "\"ok\":true");
        end_guard(f, HUB_OK, "true"); /* by the old token */
        client_waits_for(&ann, ack);
        end_guard(f, HUB_OK, "false");
        client_is_answered(&ann, ack, "\"code\":\"not_allowed\"");
        client_hang_up(&ann);
        fake_hub_free(f);
    }
}

static void server_writes(struct fake_hub *f, const char *id, int value) {
    fake_records_call(f, &f->hub->caller, "write", json_pack("[s, i]", id, value));
}

/* Of any record: who may may follow from another one. */
static void when_a_record_that_they_have_read_changes(void **state) {
    (void)state;
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) {
        struct fake_hub *f = guards_new();
        struct fake_client ann;
        client_connect_to(f, &ann, kinds[k].nsp, "ann");
        int ack = ask_for(f, &ann, &kinds[k], 1);
        fake_guard_reads(f, "r:acl");
        fake_guard_reads(f, "r:acl");
        end_guard(f, HUB_OK, "true");
        client_is_answered(&ann, ack, "\"ok\":true");
        is_granted(f, &ann, &kinds[k], 2);
        server_writes(f, "r:acl", 1);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
        server_writes(f, "r:acl", 2); /* while it waits, having read it or not */
        end_guard(f, HUB_OK, "true");
        assert_int_equal(fake_scripts_waiting(&f->scripts), 0); /* it reads nothing by now */
        server_writes(f, "r:acl", 3);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
        ack = ask_for(f, &ann, &kinds[k], 3);
        fake_guard_reads(f, "r:acl");
        server_writes(f, "r:acl", 4);
        end_guard(f, HUB_OK, "true");
        client_waits_for(&ann, ack);
        fake_guard_reads(f, "r:acl");
        end_guard(f, HUB_OK, "true");
        client_is_answered(&ann, ack, "\"ok\":true");
        server_writes(f, "r:acl", 5);
        fake_guard_reads(f, "r:acl");
        server_writes(f, "r:acl", 6);
        end_guard(f, HUB_OK, "true");
        end_guard(f, HUB_OK, "false");
        hears_of_the_end(&ann, &kinds[k], 3, "not_allowed");
        server_writes(f, "r:acl", 7);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
        fake_hub_free(f);
    }
}

static void guard_writes(struct fake_hub *f, const char *id, int value) {
    fake_settle(f);
    fake_records_call(f, (void *)(uintptr_t)fake_script_first(&f->scripts)->caller, "write",
                      json_pack("[s, i]", id, value));
}

/* It knows what it has written; what others write it does not. */
static void but_not_by_what_they_have_changed_themselves(void **state) {
    (void)state;
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) {
        struct fake_hub *f = guards_new();
        struct fake_client ann, bob;
        client_connect_to(f, &ann, kinds[k].nsp, "ann");
        client_connect_to(f, &bob, kinds[k].nsp, "bob");
        int ack = ask_for(f, &bob, &kinds[k], 1);
        fake_guard_reads(f, "r:acl");
        end_guard(f, HUB_OK, "true");
        client_is_answered(&bob, ack, "\"ok\":true");
        ack = ask_for(f, &ann, &kinds[k], 1);
        fake_guard_reads(f, "r:acl");
        guard_writes(f, "r:acl", 1);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 2); /* bob's */
        end_guard(f, HUB_OK, "true");
        client_is_answered(&ann, ack, "\"ok\":true");
        end_guard(f, HUB_OK, "true"); /* which reads nothing by now */
        assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
        server_writes(f, "r:acl", 2);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
        fake_guard_reads(f, "r:acl");
        guard_writes(f, "r:acl", 3);
        end_guard(f, HUB_OK, "true");
        assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
        server_writes(f, "r:acl", 4);
        end_guard(f, HUB_OK, "false");
        hears_of_the_end(&ann, &kinds[k], 1, "not_allowed");
        fake_hub_free(f);
    }
}

/* A function that scripts may call, by the hook of CALLER; with TX within a transaction. ARGS: a list as
 * JSON. */
static void begins_by(struct fake_hub *f, struct hub_host_call *call, const char *function) {
    struct hub_host_tx **tx = call->tx;
    char name[40];
    for (const struct hub_part *const *part = hub_parts; *part; part++) {
        for (size_t i = 0; i <= HUB_HOST_ATS; i++) {
            const struct hub_host_fn *fn = tx ? (*part)->host_within : (*part)->host;
            if (i) fn = tx ? NULL : (*part)->host_at[i - 1];
            for (; fn && fn->name; fn++) {
                snprintf(name, sizeof name, "%s.%s", fn->table, fn->name);
                if (!strcmp(name, function)) fn->call(f->engine, call);
            }
        }
    }
    fake_settle(f);
}
static void does_by(struct fake_hub *f, void *caller, struct hub_host_tx **tx, const char *function, const char *args) {
    struct hub_host_call call = {
        .args = hub_json_parse(hub_cstr(args), NULL), .tx = tx, .caller = caller, .done = fake_on_host_done};
    json_t *given = call.args;
    assert_non_null(given);
    begins_by(f, &call, function);
    assert_null(call.args); /* it was found, and is answered */
    json_decref(given);
}
static void server_does(struct fake_hub *f, const char *function, const char *args) {
    does_by(f, &f->hub->caller, NULL, function, args);
}
static void guard_does(struct fake_hub *f, const char *function, const char *args) {
    fake_settle(f);
    does_by(f, (void *)(uintptr_t)fake_script_first(&f->scripts)->caller, NULL, function, args);
}
static void guard_does_within(struct fake_hub *f, struct hub_host_tx **tx, const char *function, const char *args) {
    fake_settle(f);
    does_by(f, (void *)(uintptr_t)fake_script_first(&f->scripts)->caller, tx, function, args);
}

/* What a guard reads; what is nothing of that; what changes it. */
static const struct reading {
    const char *reads, *args, *other, *other_args, *changes, *change_args;
} readings[] = {
    {"records.list", "[\"r:team*\"]", "records.write", "[\"r:else\", 1]", "records.write", "[\"r:team1\", 1]"},
    {"records.list", "[{\"regex\": \"^r:t.$\"}, {}]", "records.write", "[\"r:tea\", 1]", "records.delete",
     "[\"r:t1\"]"},
    {"objects.find", "[\"seat\", \"s1\"]", "objects.update", "[\"seat\", \"s2\", {\"roomId\": \"r3\"}]",
     "objects.update", "[\"seat\", \"s1\", {\"roomId\": \"r3\"}]"},
    {"objects.find", "[\"seat\", \"s3\"]", "objects.delete", "[\"seat\", \"s2\"]", "objects.create",
     "[\"seat\", {\"id\": \"s3\", \"userId\": \"ann\", \"roomId\": \"r1\"}]"},
    {"objects.list", "[\"seat\", {\"userId\": \"ann\"}]", "objects.create",
     "[\"seat\", {\"userId\": \"bob\", \"roomId\": \"r1\"}]", "objects.create",
     "[\"seat\", {\"userId\": \"ann\", \"roomId\": \"r1\"}]"},
    {"objects.list", "[\"seat\", {\"userId\": \"ann\"}]", "objects.update", "[\"room\", \"r1\", {\"title\": \"a\"}]",
     "objects.update", "[\"seat\", \"s1\", {\"userId\": \"bob\"}]"},
    {"objects.list", "[\"seat\", null, {\"limit\": 1}]", "objects.update", "[\"room\", \"r1\", {\"title\": \"a\"}]",
     "objects.delete", "[\"seat\", \"s2\"]"},
    {"objects.find", "[\"Doc\", \"042\"]", "objects.delete", "[\"Doc\", 43]", "objects.delete", "[\"Doc\", 42]"},
    {"objects.list", "[\"Doc\", {\"team\": \"7\"}]", "objects.delete", "[\"Doc\", 43]", "objects.delete",
     "[\"Doc\", 42]"},
    {"objects.list", "[\"Doc\", {\"team\": [\"6\", \"7\"]}]", "objects.delete", "[\"Doc\", 43]", "objects.update",
     "[\"Doc\", 42, {\"team\": 8}]"},
    {"objects.list", "[\"Doc\", {\"team\": {\"$in\": [\"7\"], \"$lte\": \"7\"}}]", "objects.delete", "[\"Doc\", 43]",
     "objects.update", "[\"Doc\", 42, {\"team\": 8}]"},
    {"objects.list", "[\"Doc\", {\"due\": {\"$gt\": 1000}, \"open\": 1}]", "objects.delete", "[\"Doc\", 43]",
     "objects.delete", "[\"Doc\", 42]"},
    {"objects.list", "[\"Doc\", {\"open\": {\"$gt\": false}}]", "objects.delete", "[\"seat\", \"s1\"]",
     "objects.delete", "[\"Doc\", 42]"},
    {"state.get", "[\"r1\", \"k\"]", "state.set", "[\"r2\", \"k\", 1]", "state.set", "[\"r1\", \"k\", 1]"},
    {"state.keys", "[\"r1\"]", "state.get", "[\"r1\", \"k\"]", "state.incr", "[\"r1\", \"n\", 1]"},
    {"state.all", "[\"r1\"]", "state.clear", "[\"r1\"]", "state.set", "[\"r1\", \"k\", 1]"},
    {"channels.history", "[\"log:1\"]", "channels.publish", "[\"log:2\", 1]", "channels.publish", "[\"log:1\", 1]"},
    {"rooms.metadata", "[\"r1\"]", "rooms.setMetadata", "[\"r2\", {\"a\": 1}]", "rooms.setMetadata",
     "[\"r1\", {\"a\": 1}]"},
};

static void seats_are_taken(struct fake_hub *f) {
    const struct hub_table *seat = fake_table(f, "seat");
    fake_store_add(&f->store, seat, "{\"id\":\"s1\",\"userId\":\"ann\",\"roomId\":\"r1\"}");
    fake_store_add(&f->store, seat, "{\"id\":\"s2\",\"userId\":\"bob\",\"roomId\":\"r1\"}");
    fake_store_add(&f->store, fake_table(f, "Doc"), "{\"id\":42,\"team\":7,\"open\":true,\"due\":5000}");
    fake_store_add(&f->store, fake_table(f, "Doc"), "{\"id\":43,\"team\":9,\"open\":false,\"due\":500}");
}

/* A guard that has read the same twice is asked once. */
static void when_anything_else_that_they_have_read_changes(void **state) {
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(readings); i++) {
        const struct reading *r = &readings[i];
        struct fake_hub *f = guards_new();
        struct fake_client ann;
        seats_are_taken(f);
        server_does(f, "records.write", "[\"r:t1\", 7]");
        client_connect(f, &ann, "ann");
        int ack = ask_for(f, &ann, &kinds[0], 1);
        guard_does(f, r->reads, r->args);
        guard_does(f, r->reads, r->args);
        end_guard(f, HUB_OK, "true");
        client_is_answered(&ann, ack, "\"ok\":true");
        server_does(f, r->other, r->other_args);
        if (fake_scripts_waiting(&f->scripts)) fail_msg("%s asks for what %s(%s) read", r->other, r->reads, r->args);
        server_does(f, r->changes, r->change_args);
        if (!fake_scripts_waiting(&f->scripts)) fail_msg("%s does not ask for %s(%s)", r->changes, r->reads, r->args);
        end_guard(f, HUB_OK, "false");
        hears_of_the_end(&ann, &kinds[0], 1, "not_allowed");
        assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
        fake_hub_free(f);
    }
}

static void when_somebody_comes_to_a_room_whose_members_they_have_read(void **state) {
    static const char *const reads[] = {"hub.members", "hub.memberCount", "rooms.members"};
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(reads); i++) {
        struct fake_hub *f = guards_new();
        struct fake_client ann, bob;
        client_connect(f, &ann, "ann");
        int ack = ask_for(f, &ann, &kinds[0], 1);
        guard_does(f, reads[i], "[\"r1\"]");
        end_guard(f, HUB_OK, "true");
        client_is_answered(&ann, ack, "\"ok\":true");
        client_join(f, &bob, "bob", "r2");
        assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
        client_does(&bob, "hub:join", "{\"roomId\":\"r1\"}", "\"ok\":true");
        assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
        guard_does(f, reads[i], "[\"r1\"]");
        end_guard(f, HUB_OK, "true");
        client_does(&bob, "hub:leave", "{\"roomId\":\"r1\"}", "\"ok\":true");
        assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
        end_guard(f, HUB_OK, "true");
        fake_hub_free(f);
    }
}

/* They show it: role, silence and all. */
static void when_the_rights_of_a_member_change(void **state) {
    struct fake_hub *f = guards_new();
    struct fake_client ann, bob;
    (void)state;
    client_connect(f, &ann, "ann");
    client_join(f, &bob, "bob", "r1");
    int ack = ask_for(f, &ann, &kinds[0], 1);
    guard_does(f, "rooms.members", "[\"r1\"]");
    end_guard(f, HUB_OK, "true");
    client_is_answered(&ann, ack, "\"ok\":true");
    hub_permissions_tell_user(fake_room(f, "r1"), HUB_STR("cat"));
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0); /* who is not there */
    hub_permissions_tell_user(fake_room(f, "r1"), HUB_STR("bob"));
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_guard(f, HUB_OK, "false");
    hears_of_the_end(&ann, &kinds[0], 1, "not_allowed");
    fake_hub_free(f);
}

/* It went without a word. */
static void when_the_state_that_they_have_read_ends_with_its_room(void **state) {
    (void)state;
    for (int closed = 0; closed <= 1; closed++) {
        struct fake_hub *f = guards_of(HUB_WITH("{persist: false}"));
        struct fake_client ann, bob;
        client_connect(f, &ann, "ann");
        if (closed) client_join(f, &bob, "bob", "r1");
        server_does(f, "state.set", "[\"r1\", \"k\", 1]");
        int ack = ask_for(f, &ann, &kinds[0], 1);
        guard_does(f, "state.get", "[\"r1\", \"k\"]");
        end_guard(f, HUB_OK, "true");
        client_is_answered(&ann, ack, "\"ok\":true");
        assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
        if (closed)
            server_does(f, "objects.delete", "[\"room\", \"r1\"]");
        else
            fake_pass(f, 130000);
        if (!closed) assert_null(hub_room_find(&f->hub->rooms, HUB_STR("r1")));
        assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
        end_guard(f, HUB_OK, "false");
        hears_of_the_end(&ann, &kinds[0], 1, "not_allowed");
        fake_hub_free(f);
    }
}

/* The write was answered as undecided, and turns out to have been carried out. The room may be empty, and the
 * store away for a while. */
static void when_it_turns_out_to_have_changed(void **state) {
    static const struct {
        const char *reads, *read_args, *changes, *first, *second;
    } doubts[] = {
        {"state.get", "[\"r1\", \"k\"]", "state.set", "[\"r1\", \"k\", 1]", "[\"r1\", \"k\", 2]"},
        {"rooms.metadata", "[\"r1\"]", "rooms.setMetadata", "[\"r1\", {\"a\": 1}]", "[\"r1\", {\"a\": 2}]"},
    };
    (void)state;
    for (size_t i = 0; i < 2 * HUB_NELEM(doubts); i++) {
        bool written = i % 2;
        struct fake_hub *f = guards_new();
        struct fake_client ann;
        client_connect(f, &ann, "ann");
        server_does(f, doubts[i / 2].changes, doubts[i / 2].first);
        int ack = ask_for(f, &ann, &kinds[0], 1);
        guard_does(f, doubts[i / 2].reads, doubts[i / 2].read_args);
        end_guard(f, HUB_OK, "true");
        client_is_answered(&ann, ack, "\"ok\":true");
        json_t *args = hub_json_parse(hub_cstr(doubts[i / 2].second), NULL);
        struct fake_host_call write = {.call = {.args = args, .caller = &f->hub->caller, .done = fake_on_answer}};
        fake_store_hold(&f->store, true);
        begins_by(f, &write.call, doubts[i / 2].changes);
        while (fake_store_first(&f->store)->what != FAKE_WRITE) {
            fake_store_answer(&f->store);
            fake_settle(f);
        }
        if (written) fake_carry_out(&f->store, fake_store_first(&f->store)->write);
        fake_store_fail(&f->store, HUB_STORE_UNDECIDED, "");
        fake_settle(f);
        fake_store_fail(&f->store, HUB_STORE_UNAVAILABLE, ""); /* it is looked at again */
        fake_store_hold(&f->store, false);
        fake_settle(f);
        assert_int_equal(write.code, HUB_STORE_UNDECIDED);
        json_decref(args);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
        fake_pass(f, 1000);
        assert_int_equal(fake_scripts_waiting(&f->scripts), written);
        if (written) end_guard(f, HUB_OK, "true");
        fake_hub_free(f);
    }
}

/* Of a guard that names "connection" it is that of who asks. */
static void when_metadata_or_rooms_of_a_connection_change(void **state) {
    struct fake_hub *f = guards_new();
    struct fake_client ann, bob;
    char args[60];
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect(f, &bob, "bob");
    snprintf(args, sizeof args, "[\"%s\"]", fake_conn(f, "bob")->socket->sid);
    int ack = ask_for(f, &ann, &kinds[0], 1);
    guard_does(f, "connections.get", args);
    end_guard(f, HUB_OK, "true");
    client_is_answered(&ann, ack, "\"ok\":true");
    client_does(&bob, "hub:setMetadata", "{\"metadata\":{\"nick\":\"b\"}}", "\"ok\":true");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    guard_does(f, "connections.get", args);
    end_guard(f, HUB_OK, "true");
    client_hang_up(&bob);
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_guard(f, HUB_OK, "true");
    fake_hub_free(f);
}

/* Asked for again by EVENT, with the guard reading the same as before; AGAIN: it is to be. */
static void guard_reads_again(struct fake_hub *f, const char *reads, const char *args, const char *event, bool again) {
    fake_settle(f);
    if (fake_scripts_waiting(&f->scripts) != again)
        fail_msg("%s(%s): %s when %s", reads, args, again ? "not asked" : "asked", event);
    if (!again) return;
    guard_does(f, reads, args);
    end_guard(f, HUB_OK, "true");
}

/* Lists hear of what they show, counts only of who comes and goes; those of one user of him alone. */
static void when_connections_that_they_have_counted_or_listed_change(void **state) {
    static const struct {
        const char *reads, *args;
        bool of_cat, comes, changes;
    } counts[] = {
        {"connections.count", "[]", true, true, false},
        {"users.count", "[]", true, true, false},
        {"clients.count", "[]", true, true, false},
        {"users.online", "[\"bob\"]", false, true, false},
        {"connections.list", "[]", true, true, true},
        {"connections.list", "[{\"userId\": \"bob\"}]", false, true, true},
        {"clients.list", "[{\"userId\": \"bob\"}]", true, true, true},
    };
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(counts); i++) {
        struct fake_hub *f = guards_new();
        const char *reads = counts[i].reads, *args = counts[i].args;
        struct fake_client ann, bob, cat;
        client_connect(f, &ann, "ann");
        int ack = ask_for(f, &ann, &kinds[0], 1);
        guard_does(f, reads, args);
        end_guard(f, HUB_OK, "true");
        client_is_answered(&ann, ack, "\"ok\":true");
        client_connect(f, &cat, "cat");
        guard_reads_again(f, reads, args, "cat comes", counts[i].of_cat);
        client_connect(f, &bob, "bob");
        guard_reads_again(f, reads, args, "bob comes", counts[i].comes);
        client_does(&cat, "hub:setMetadata", "{\"metadata\":{\"nick\":\"c\"}}", "\"ok\":true");
        guard_reads_again(f, reads, args, "cat has metadata", counts[i].of_cat && counts[i].changes);
        client_does(&bob, "hub:join", "{\"roomId\":\"r1\"}", "\"ok\":true");
        guard_reads_again(f, reads, args, "bob joins", counts[i].changes);
        client_hang_up(&cat);
        guard_reads_again(f, reads, args, "cat goes", counts[i].of_cat);
        client_hang_up(&bob);
        guard_reads_again(f, reads, args, "bob goes", counts[i].comes);
        fake_hub_free(f);
    }
}

/* Of the rooms in use: which there are, how many are in them, their rows. */
static void when_the_list_of_rooms_changes(void **state) {
    struct fake_hub *f = guards_of(HUB_WITH("{persist: false}"));
    struct fake_client ann, bob;
    const struct hub_table *room = fake_table(f, "room");
    (void)state;
    fake_store_remove(&f->store, room, "r1");
    fake_store_add(&f->store, room, "{\"id\":\"r1\",\"title\":\"One\"}");
    client_connect(f, &ann, "ann");
    client_connect(f, &bob, "bob");
    int ack = ask_for(f, &ann, &kinds[0], 1);
    guard_does(f, "rooms.list", "[]");
    end_guard(f, HUB_OK, "true");
    client_is_answered(&ann, ack, "\"ok\":true");
    client_does(&bob, "hub:join", "{\"roomId\":\"r1\"}", "\"ok\":true");
    guard_reads_again(f, "rooms.list", "[]", "somebody enters", true);
    server_does(f, "objects.update", "[\"room\", \"r1\", {\"title\": \"Two\"}]");
    guard_reads_again(f, "rooms.list", "[]", "a row changes", true);
    client_does(&bob, "hub:setMetadata", "{\"metadata\":{\"nick\":\"b\"}}", "\"ok\":true");
    guard_reads_again(f, "rooms.list", "[]", "metadata change", false);
    server_does(f, "state.set", "[\"r1\", \"k\", 1]"); /* which is kept with it for a while */
    client_hang_up(&bob);
    guard_reads_again(f, "rooms.list", "[]", "he leaves", true);
    fake_pass(f, 130000);
    assert_null(hub_room_find(&f->hub->rooms, HUB_STR("r1")));
    guard_reads_again(f, "rooms.list", "[]", "it is not used any more", true);
    server_does(f, "rooms.metadata", "[\"r1\"]");
    fake_pass(f, 130000);
    guard_reads_again(f, "rooms.list", "[]", "somebody looks at one that is not in use", false);
    fake_hub_free(f);
}

/* A guard that lets some in and no more must not put out those who are in. */
static void when_others_subscribe_to_a_channel_whose_subscribers_they_have_counted(void **state) {
    static const struct kind log = {"/hub/chat", "hub:subscribe", "channel", "log:"};
    struct fake_hub *f = guards_new();
    struct fake_client ann, bob;
    struct fake_host_call count = {.call = {.done = fake_on_answer}};
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect(f, &bob, "bob");
    count.call.args = json_pack("[s]", "log:1");
    server_does(f, "channels.publish", "[\"log:1\", 1]");
    int ack = client_says(&ann, "hub:subscribe", "{\"channel\":\"log:1\",\"historyLimit\":5}");
    fake_settle(f);
    guard_does(f, "channels.subscribers", "[\"log:1\"]");
    end_guard(f, HUB_OK, "true");
    client_is_answered(&ann, ack, "\"offset\":1"); /* by itself, which has its place already, it is not asked again */
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    is_granted(f, &bob, &log, 2);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0); /* to another one */
    is_granted(f, &bob, &log, 1);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    count.call.caller = (void *)(uintptr_t)fake_script_first(&f->scripts)->caller;
    begins_by(f, &count.call, "channels.subscribers");
    assert_string_equal(count.text, "1"); /* the other one */
    end_guard(f, HUB_OK, "true");
    count.call.caller = &f->hub->caller;
    begins_by(f, &count.call, "channels.subscribers");
    assert_string_equal(count.text, "2");
    client_hang_up(&bob);
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_guard(f, HUB_OK, "true");
    json_decref(count.call.args);
    fake_hub_free(f);
}

/* The change that has to wait is told in the log, with the name of what was subscribed to. */
static void when_others_leave_more_often_than_it_is_asked_at_once(void **state) {
    static const struct kind log = {"/hub/chat", "hub:subscribe", "channel", "log:"};
    struct fake_hub *f = guards_new();
    struct fake_client ann, bob, cid;
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect(f, &bob, "bob");
    client_connect(f, &cid, "cid");
    int ack = client_says(&ann, "hub:subscribe", "{\"channel\":\"log:1\"}");
    fake_settle(f);
    guard_does(f, "channels.subscribers", "[\"log:1\"]");
    end_guard(f, HUB_OK, "true");
    client_is_answered(&ann, ack, "\"ok\":true");
    is_granted(f, &cid, &log, 1); /* so that the last change that counts at once is somebody who comes */
    for (int i = 0; i < HUB_GRANT_ROUNDS_AT_ONCE; i++) {
        bool comes = i % 2 == 0;
        guard_does(f, "channels.subscribers", "[\"log:1\"]");
        end_guard(f, HUB_OK, "true");
        if (comes)
            is_granted(f, &bob, &log, 1);
        else
            client_does(&bob, "hub:unsubscribe", "{\"channel\":\"log:1\"}", "\"ok\":true");
        fake_settle(f);
    }
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0); /* it waits */
    fake_pass(f, 300);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_guard(f, HUB_OK, "true");
    fake_hub_free(f);
}

/* By its id, whichever of its sockets that is. */
static void when_metadata_of_a_client_change_or_it_goes(void **state) {
    struct fake_hub *f = guards_new();
    struct fake_client ann, bob;
    (void)state;
    client_connect(f, &ann, "ann");
    int ack = ask_for(f, &ann, &kinds[0], 1);
    guard_does(f, "clients.get", "[\"desk\"]");
    end_guard(f, HUB_OK, "true");
    client_is_answered(&ann, ack, "\"ok\":true");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    client_connect_as(f, &bob, "/hub/chat", "bob", ",\"clientId\":\"desk\"");
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1); /* it has come */
    guard_does(f, "clients.get", "[\"desk\"]");
    end_guard(f, HUB_OK, "true");
    client_does(&bob, "hub:setMetadata", "{\"metadata\":{\"nick\":\"b\"}}", "\"ok\":true");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    guard_does(f, "clients.get", "[\"desk\"]");
    end_guard(f, HUB_OK, "true");
    client_hang_up(&bob);
    fake_pass(f, 60000); /* it may come back for a while */
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_guard(f, HUB_OK, "false");
    hears_of_the_end(&ann, &kinds[0], 1, "not_allowed");
    fake_hub_free(f);
}

/* Records that are rows change with these, and nobody hears of one that is not in memory. */
static void when_many_records_are_read_one_that_is_a_row_is_heard_of(void **state) {
    struct fake_hub *f = guards_new();
    struct fake_client ann;
    char id[20];
    (void)state;
    seats_are_taken(f);
    client_connect(f, &ann, "ann");
    int ack = ask_for(f, &ann, &kinds[0], 1);
    for (int i = 0; i < HUB_GRANT_READS_MAX; i++) {
        snprintf(id, sizeof id, "r:x%d", i);
        fake_guard_reads(f, id);
    }
    fake_guard_reads(f, "s:s1");
    end_guard(f, HUB_OK, "true");
    client_is_answered(&ann, ack, "\"ok\":true");
    struct hub_records *all = hub_records_of(f->engine);
    hub_record_unref(hub_record_get(all, HUB_STR("r:new"), (int64_t)hub_map_len(&all->by_id))); /* in its place */
    server_does(f, "objects.update", "[\"seat\", \"s1\", {\"roomId\": \"r3\"}]");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_guard(f, HUB_OK, "true");
    fake_hub_free(f);
}

/* What is more than is noted is everything of its kind. */
static void when_much_is_read_any_change_of_the_kind_asks_again(void **state) {
    struct fake_hub *f = guards_new();
    struct fake_client ann;
    char args[40];
    (void)state;
    client_connect(f, &ann, "ann");
    int ack = ask_for(f, &ann, &kinds[0], 1);
    for (int i = 0; i < HUB_GRANT_READS_MAX - 1; i++) { /* and its own connection */
        snprintf(args, sizeof args, "[\"seat\", \"x%d\"]", i);
        guard_does(f, "objects.find", args);
    }
    end_guard(f, HUB_OK, "true");
    client_is_answered(&ann, ack, "\"ok\":true");
    seats_are_taken(f);
    server_does(f, "objects.update", "[\"seat\", \"s1\", {\"roomId\": \"r2\"}]");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    ack = ask_for(f, &ann, &kinds[0], 2);
    for (int i = 0; i <= HUB_GRANT_READS_MAX; i++) {
        snprintf(args, sizeof args, "[\"seat\", \"x%d\"]", i);
        guard_does(f, "objects.find", args);
        snprintf(args, sizeof args, "r:x%d", i);
        fake_guard_reads(f, args);
    }
    end_guard(f, HUB_OK, "true");
    client_is_answered(&ann, ack, "\"ok\":true");
    server_does(f, "state.set", "[\"r1\", \"k\", 1]"); /* of which it has read nothing */
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    server_does(f, "objects.update", "[\"seat\", \"s1\", {\"roomId\": \"r3\"}]");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    fake_guard_reads(f, "r:x1");
    for (int i = 0; i < HUB_GRANT_READS_MAX; i++) {
        snprintf(args, sizeof args, "r:y%d", i);
        fake_guard_reads(f, args);
    }
    end_guard(f, HUB_OK, "true");
    server_writes(f, "r:else", 1);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_guard(f, HUB_OK, "true");
    fake_hub_free(f);
}

/* Scripts get such names out of metadata and claims. What is noted is found again, and then nowhere. */
static void what_is_read_may_have_nul_characters_in_its_name(void **state) {
    static const char *const reads[] = {"connections.get", "hub.members", "rooms.members"};
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(reads); i++) {
        struct fake_hub *f = guards_new();
        struct fake_client ann;
        client_connect(f, &ann, "ann");
        for (int round = 1; round <= 2; round++) {
            int ack = ask_for(f, &ann, &kinds[0], 1);
            guard_does(f, reads[i], "[\"r1\\u0000x\"]");
            end_guard(f, HUB_OK, "true");
            client_is_answered(&ann, ack, "\"ok\":true");
            client_does(&ann, "hub:unsubscribe", "{\"channel\":\"c:1\"}", "\"ok\":true");
        }
        fake_hub_free(f);
    }
}

/* What a guard changes of what it has read does not have it asked again, also before it is answered. */
static const struct {
    const char *reads, *read_args, *changes, *change_args, *others_args;
} own_changes[] = {
    {"state.get", "[\"r1\", \"k\"]", "state.incr", "[\"r1\", \"k\"]", "[\"r1\", \"k\"]"},
    {"rooms.metadata", "[\"r1\"]", "rooms.setMetadata", "[\"r1\", {\"a\": 1}]", "[\"r1\", {\"a\": 2}]"},
    {"connections.get", "[\"%s\"]", "connections.setMetadata", "[\"%s\", {\"a\": 1}]", "[\"%s\", {\"a\": 2}]"},
    {"connections.list", "[]", "connections.setMetadata", "[\"%s\", {\"a\": 1}]", "[\"%s\", {\"a\": 2}]"},
    {"channels.history", "[\"log:1\"]", "channels.publish", "[\"log:1\", 1]", "[\"log:1\", 2]"},
};

static void of_conn(char out[100], const char *args, const struct hub_conn *c) {
    const char *at = strstr(args, "%s");
    snprintf(out, 100, "%.*s%s%s", (int)(at ? at - args : 0), args, at ? c->socket->sid : args, at ? at + 2 : "");
}

static void but_not_by_anything_else_that_they_have_changed_themselves(void **state) {
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(own_changes); i++) {
        struct fake_hub *f = guards_new();
        struct fake_client ann;
        char args[100];
        client_connect(f, &ann, "ann");
        const struct hub_conn *c = fake_conn(f, "ann");
        int ack = ask_for(f, &ann, &kinds[0], 1);
        of_conn(args, own_changes[i].read_args, c);
        guard_does(f, own_changes[i].reads, args);
        of_conn(args, own_changes[i].change_args, c);
        guard_does(f, own_changes[i].changes, args);
        end_guard(f, HUB_OK, "true");
        client_is_answered(&ann, ack, "\"ok\":true");
        assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
        of_conn(args, own_changes[i].others_args, c);
        server_does(f, own_changes[i].changes, args);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
        end_guard(f, HUB_OK, "false");
        hears_of_the_end(&ann, &kinds[0], 1, "not_allowed");
        fake_hub_free(f);
    }
}

/* It knows what it has written: rows as well as records. */
static void but_not_by_rows_that_they_have_changed_themselves(void **state) {
    struct fake_hub *f = guards_new();
    struct fake_client ann;
    (void)state;
    seats_are_taken(f);
    client_connect(f, &ann, "ann");
    int ack = ask_for(f, &ann, &kinds[0], 1);
    guard_does(f, "objects.find", "[\"seat\", \"s1\"]");
    guard_does(f, "objects.update", "[\"seat\", \"s1\", {\"roomId\": \"r2\"}]");
    end_guard(f, HUB_OK, "true");
    client_is_answered(&ann, ack, "\"ok\":true");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    server_does(f, "objects.update", "[\"seat\", \"s1\", {\"roomId\": \"r3\"}]");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_guard(f, HUB_OK, "true");
    fake_hub_free(f);
}

/* For the store "S1" may be "s1": what is found is noted by its own id as well. */
static void a_row_that_was_found_is_noted_by_its_own_id(void **state) {
    struct fake_hub *f = guards_new();
    const struct hub_table *seat = fake_table(f, "seat");
    json_t *id = json_string("S1"), *row = json_pack("{s:s}", "id", "s1");
    struct fake_client ann;
    (void)state;
    seats_are_taken(f);
    client_connect(f, &ann, "ann");
    int ack = ask_for(f, &ann, &kinds[0], 1);
    const struct hub_host_call call = {.caller = (void *)(uintptr_t)fake_script_first(&f->scripts)->caller};
    hub_guard_reads_row(&call, seat, id);
    hub_guard_begins_write(f->engine, &call, row);
    assert_true(hub_guard_finds_row(f->engine, row, seat, id, row));
    assert_false(hub_guard_finds_row(f->engine, row, seat, json_object_get(row, "id"), row));
    assert_false(hub_guard_finds_row(f->engine, row, seat, id, NULL));
    hub_guard_ends_write(f->engine, row);
    assert_false(hub_guard_finds_row(f->engine, row, seat, id, row)); /* that is nobody's */
    end_guard(f, HUB_OK, "true");
    client_is_answered(&ann, ack, "\"ok\":true");
    server_does(f, "objects.update", "[\"seat\", \"s1\", {\"roomId\": \"r3\"}]");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_guard(f, HUB_OK, "true");
    fake_hub_free(f);
    json_decref(row);
    json_decref(id);
}

static void nor_in_a_transaction(void **state) {
    struct fake_hub *f = guards_new();
    struct fake_client ann;
    struct hub_host_tx *tx = NULL;
    (void)state;
    seats_are_taken(f);
    client_connect(f, &ann, "ann");
    int ack = ask_for(f, &ann, &kinds[0], 1);
    guard_does_within(f, &tx, "db.transaction", "[\"begin\"]");
    guard_does_within(f, &tx, "objects.find", "[\"Doc\", \"42\"]");
    guard_does_within(f, &tx, "objects.update", "[\"Doc\", \"042\", {\"team\": 8}]");
    guard_does_within(f, &tx, "db.transaction", "[\"commit\"]");
    end_guard(f, HUB_OK, "true");
    client_is_answered(&ann, ack, "\"ok\":true");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    server_does(f, "objects.update", "[\"Doc\", 42, {\"team\": 9}]");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_guard(f, HUB_OK, "true");
    fake_hub_free(f);
}

/* The only thing that it has done was to find a row by another spelling of its id: between the find and the
 * note it may have changed, so the commit looks at it again. */
static void a_transaction_looks_again_at_a_row_that_was_noted_late(void **state) {
    (void)state;
    for (int other = 0; other <= 1; other++) {
        struct fake_hub *f = guards_new();
        struct fake_client ann;
        struct hub_host_tx *tx = NULL;
        seats_are_taken(f);
        client_connect(f, &ann, "ann");
        int ack = ask_for(f, &ann, &kinds[0], 1);
        guard_does_within(f, &tx, "db.transaction", "[\"begin\"]");
        struct hub_host_call call = {.args = json_pack("[s, s]", "seat", other ? "S1" : "s1"),
                                     .tx = &tx,
                                     .caller = (void *)(uintptr_t)fake_script_first(&f->scripts)->caller,
                                     .done = fake_on_host_done};
        json_t *args = call.args;
        fake_store_hold(&f->store, true);
        begins_by(f, &call, "objects.find");
        struct hub_cond *id = (struct hub_cond *)(uintptr_t)fake_store_first(&f->store)->select.where;
        id->value = hub_cell_text(HUB_STR("s1")); /* for this store it is the same one */
        fake_store_hold(&f->store, false);
        fake_settle(f);
        assert_null(call.args);
        json_decref(args);
        size_t writes = f->store.asked[FAKE_WRITE];
        guard_does_within(f, &tx, "db.transaction", "[\"commit\"]");
        assert_int_equal(f->store.asked[FAKE_WRITE], writes + (size_t)other); /* the check */
        end_guard(f, HUB_OK, "true");
        client_is_answered(&ann, ack, "\"ok\":true");
        fake_hub_free(f);
    }
}

/* Lets every guard that waits read r:acl and write it; how many there were. */
static int guards_go_round(struct fake_hub *f, int *value, int most) {
    int n = 0;
    for (; fake_scripts_waiting(&f->scripts) && n < most; n++) {
        fake_guard_reads(f, "r:acl");
        guard_writes(f, "r:acl", ++*value);
        end_guard(f, HUB_OK, "true");
    }
    return n;
}

/* They had no end of it: each turn had two guards more, as fast as the process could run them. */
static void two_that_change_what_both_read_take_turns_at_a_bounded_rate(void **state) {
    (void)state;
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) {
        struct fake_hub *f = guards_new();
        struct fake_client ann, bob;
        int value = 0;
        client_connect_to(f, &ann, kinds[k].nsp, "ann");
        client_connect_to(f, &bob, kinds[k].nsp, "bob");
        ask_for(f, &ann, &kinds[k], 1);
        ask_for(f, &bob, &kinds[k], 1);
        int n = guards_go_round(f, &value, 1000);
        assert_in_range(n, HUB_GRANT_ROUNDS_AT_ONCE, 2 * HUB_GRANT_ROUNDS_AT_ONCE + 4);
        for (int i = 0; i < 40; i++) {
            fake_pass(f, HUB_GRANT_ROUND_MS);
            assert_in_range(guards_go_round(f, &value, 1000), 1, 4);
        }
        fake_pass(f, 60000); /* none of them changes anything any more */
        while (fake_scripts_waiting(&f->scripts)) end_guard(f, HUB_OK, "true");
        is_granted(f, &ann, &kinds[k], 2);
        fake_hub_free(f);
    }
}

/* It has no end of it either; who follows is told of what there is. */
static void one_that_changes_what_it_is_asked_about_is_put_off(void **state) {
    struct fake_hub *f = guards_new();
    struct fake_client ann;
    int value = 0, n = 0;
    (void)state;
    client_connect(f, &ann, "ann");
    int ack = ask_for(f, &ann, &kinds[1], 1);
    fake_guard_reads(f, "r:1");
    end_guard(f, HUB_OK, "true");
    client_is_answered(&ann, ack, "\"ok\":true");
    server_writes(f, "r:1", 1000);
    for (; fake_scripts_waiting(&f->scripts) && n < 1000; n++) {
        guard_writes(f, "r:1", ++value);
        end_guard(f, HUB_OK, "true");
    }
    assert_in_range(n, 2, HUB_GRANT_ROUNDS_AT_ONCE + 2);
    fake_pass(f, HUB_GRANT_ROUND_MS);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_guard(f, HUB_OK, "true"); /* it changes nothing this time */
    char full[40];
    snprintf(full, sizeof full, "\"full\":%d", value);
    client_hears(&ann, full);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    fake_hub_free(f);
}

/* The process may end while one of them is put off. */
static void who_is_put_off_may_go(void **state) {
    struct fake_hub *f = guards_new();
    struct fake_client ann, bob;
    int value = 0;
    (void)state;
    client_connect(f, &ann, "ann");
    client_connect(f, &bob, "bob");
    ask_for(f, &ann, &kinds[0], 1);
    ask_for(f, &bob, &kinds[0], 1);
    guards_go_round(f, &value, 1000);
    int refresh = client_says(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:guest\"}");
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1); /* rights do not wait */
    end_guard(f, HUB_OK, "true");
    client_is_answered(&ann, refresh, "\"ok\":true");
    client_hang_up(&ann);
    fake_settle(f);
    fake_hub_free(f);
}

/* In the midst of what a guard does: what it reads then is nobody's. */
static void what_a_guard_reads_may_outlive_what_it_is_for(void **state) {
    (void)state;
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) {
        struct fake_hub *f = guards_new();
        struct fake_client ann;
        client_connect_to(f, &ann, kinds[k].nsp, "ann");
        int ack = ask_for(f, &ann, &kinds[k], 1);
        for (int i = 0; i < 40; i++) {
            char id[20];
            snprintf(id, sizeof id, "r:%d", i); /* more than are noted */
            fake_guard_reads(f, id);
        }
        end_guard(f, HUB_OK, "true");
        client_is_answered(&ann, ack, "\"ok\":true");
        server_writes(f, "r:31", 1);
        server_writes(f, "r:35", 1);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
        ask_for(f, &ann, &kinds[k], 2);
        fake_store_hold(&f->store, true);
        struct hub_host_call call = {.args = json_pack("[s, i]", "r:1", 9),
                                     .caller = (void *)(uintptr_t)fake_script_first(&f->scripts)->caller,
                                     .done = fake_on_host_done};
        json_t *args = call.args;
        fake_records_begin(f, &call, "write");
        client_hang_up(&ann);
        fake_store_hold(&f->store, false);
        fake_settle(f);
        assert_null(call.args);
        json_decref(args);
        fake_guard_reads(f, "r:1");
        end_guard(f, HUB_OK, "true");
        fake_guard_reads(f, "r:1");
        end_guard(f, HUB_OK, "true");
        server_writes(f, "r:1", 1);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
        fake_hub_free(f);
    }
}

static void of_who_has_gone_nothing_is_left(void **state) {
    (void)state;
    for (size_t k = 0; k < HUB_NELEM(kinds); k++) {
        struct fake_hub *f = guards_new();
        struct fake_client ann;
        client_connect_to(f, &ann, kinds[k].nsp, "ann");
        is_granted(f, &ann, &kinds[k], 1);
        client_says(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:guest\"}");
        ask_for(f, &ann, &kinds[k], 2);
        assert_int_equal(fake_scripts_waiting(&f->scripts), 2);
        client_hang_up(&ann);
        while (fake_scripts_waiting(&f->scripts)) end_guard(f, HUB_OK, "true");
        fake_hub_free(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_a_new_token_one_after_the_other),
        cmocka_unit_test(by_new_definitions),
        cmocka_unit_test(before_the_answer),
        cmocka_unit_test(when_a_record_that_they_have_read_changes),
        cmocka_unit_test(but_not_by_what_they_have_changed_themselves),
        cmocka_unit_test(when_anything_else_that_they_have_read_changes),
        cmocka_unit_test(when_somebody_comes_to_a_room_whose_members_they_have_read),
        cmocka_unit_test(when_the_rights_of_a_member_change),
        cmocka_unit_test(when_the_state_that_they_have_read_ends_with_its_room),
        cmocka_unit_test(when_it_turns_out_to_have_changed),
        cmocka_unit_test(when_metadata_or_rooms_of_a_connection_change),
        cmocka_unit_test(when_connections_that_they_have_counted_or_listed_change),
        cmocka_unit_test(when_the_list_of_rooms_changes),
        cmocka_unit_test(when_others_subscribe_to_a_channel_whose_subscribers_they_have_counted),
        cmocka_unit_test(when_others_leave_more_often_than_it_is_asked_at_once),
        cmocka_unit_test(when_metadata_of_a_client_change_or_it_goes),
        cmocka_unit_test(when_many_records_are_read_one_that_is_a_row_is_heard_of),
        cmocka_unit_test(when_much_is_read_any_change_of_the_kind_asks_again),
        cmocka_unit_test(what_is_read_may_have_nul_characters_in_its_name),
        cmocka_unit_test(but_not_by_anything_else_that_they_have_changed_themselves),
        cmocka_unit_test(but_not_by_rows_that_they_have_changed_themselves),
        cmocka_unit_test(a_row_that_was_found_is_noted_by_its_own_id),
        cmocka_unit_test(nor_in_a_transaction),
        cmocka_unit_test(a_transaction_looks_again_at_a_row_that_was_noted_late),
        cmocka_unit_test(two_that_change_what_both_read_take_turns_at_a_bounded_rate),
        cmocka_unit_test(one_that_changes_what_it_is_asked_about_is_put_off),
        cmocka_unit_test(who_is_put_off_may_go),
        cmocka_unit_test(what_a_guard_reads_may_outlive_what_it_is_for),
        cmocka_unit_test(of_who_has_gone_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
