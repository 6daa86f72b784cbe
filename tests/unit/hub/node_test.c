/* nodes.* on an engine of fakes, beside a second node that the test is: who there is, questions in both
 * directions, broadcasts, bounds, and the end. A script that is no JSON value waits for the test. */
#include "adapters/memory/memory.h"
#include "fake_hub.h"
#include "hub/node/node_int.h"

#define HUB                                  \
    "roomSettings: {roomDataObject: room}\n" \
    "messageSettings: {messageTypes: [text]}\n"
#define NODES                                    \
    "nodeHandlers:\n"                            \
    "  - {name: size, script: data}\n"           \
    "  - {name: fixed, script: '{\"n\":1}'}\n"   \
    "broadcasts: [{type: news, script: data}]\n" \
    "limits: {nodeCalls: 2}\n"

/* ---- the other node ---- */

static struct hub_memory_nodes *process;
static struct hub_nodes other_nodes;
static struct hub_holds other_holds;
static struct hub_mesh *other;
static struct hub_mesh_request *other_asked;
static char other_told[200];

static void other_met(void *ctx, const struct hub_live_node *n) { (void)ctx, (void)n; }
static void on_other_asked(void *ctx, struct hub_mesh_request *r) {
    (void)ctx;
    other_asked = r;
}
static void on_other_told(void *ctx, struct hub_str from, struct hub_str name, json_t *data) {
    char *text = json_dumps(data, JSON_ENCODE_ANY | JSON_COMPACT);
    (void)ctx, (void)from;
    snprintf(other_told, sizeof other_told, "%.*s %s", HUB_FMT(name), text);
    free(text);
}
static const struct hub_mesh_events other_events = {
    .joined = other_met, .left = other_met, .asked = on_other_asked, .told = on_other_told};

static struct hub_mesh_link_config config_named(const char *name) {
    return (struct hub_mesh_link_config){.url = "memory:",
                                         .cluster = "fake",
                                         .process = process,
                                         .queue_bytes = 1000,
                                         .about = {.name = hub_cstr(name),
                                                   .address = HUB_STR("http://here"),
                                                   .version = HUB_STR("1"),
                                                   .started_at = TURNED_WALL_MS}};
}

/* A packet takes a turn of the loop to the other node, and an answer another one. */
static void settle(struct fake_hub *f) {
    for (int i = 0; i < 4; i++) fake_settle(f);
}

static struct fake_hub *nodes_new(void) {
    struct hub_err err;
    process = hub_memory_nodes_new();
    struct hub_mesh_link_config first = config_named("first"), second = config_named("second");
    fake_service_more = NODES;
    struct fake_hub *f = fake_hub_new(HUB);
    fake_service_more = "";
    other_asked = NULL;
    other_told[0] = 0;
    hub_holds_init(&other_holds, f->loop);
    hub_nodes_init(&other_nodes);
    other = hub_mesh_new(f->loop, &other_nodes, &other_holds, &other_events, NULL);
    assert_int_equal(hub_engine_join(f->engine, &hub_memory_link_ops, &first, &err), HUB_OK);
    assert_int_equal(hub_mesh_join(other, &hub_memory_link_ops, &second, &err), HUB_OK);
    assert_string_equal(hub_node_find(&f->engine->nodes, hub_cstr(f->engine->nodes.self))->name, "first"); /* at once */
    settle(f);
    return f;
}

static void nodes_free(struct fake_hub *f) {
    hub_mesh_delete(other);
    settle(f);
    hub_nodes_deinit(&other_nodes);
    hub_holds_deinit(&other_holds);
    fake_hub_free(f);
    hub_memory_nodes_delete(process);
}

/* ---- as scripts call ---- */

/* FORMAT may have the other node's id as its only %s. */
static void begin(struct fake_hub *f, struct fake_host_call *a, const char *function, const char *format) {
    struct hub_buf args = {0};
    const char *at = strstr(format, "%s");
    hub_buf_add(&args, format, at ? (size_t)(at - format) : strlen(format));
    if (at) hub_buf_addf(&args, "%s%s", other_nodes.self, at + 2);
    *a = (struct fake_host_call){.call = {.args = hub_json_parse(hub_buf_str(&args), NULL), .done = fake_on_answer}};
    assert_non_null(a->call.args);
    for (const struct hub_host_fn *fn = hub_node_host; fn->table; fn++)
        if (!strcmp(fn->name, function)) fn->call(f->engine, &a->call);
    json_decref(a->call.args);
    hub_buf_free(&args);
    settle(f);
}
static void is_answered(struct fake_host_call *a, enum hub_code code, const char *what) {
    assert_int_equal(a->answers, 1);
    if (a->code != code || !strstr(a->text, what)) fail_msg("\"%s\" is not in: %s", what, a->text);
}
static void ends(struct fake_hub *f, const char *function, const char *args, enum hub_code code, const char *what) {
    struct fake_host_call a;
    begin(f, &a, function, args);
    is_answered(&a, code, what);
}

/* ---- tests ---- */

static void a_node_knows_itself_and_the_others(void **state) {
    struct fake_hub *f = nodes_new();
    (void)state;
    ends(f, "self", "[]", HUB_OK, "\"name\":\"first\",\"address\":\"http://here\",\"version\":\"1\"");
    ends(f, "self", "[]", HUB_OK, "\"startedAt\":\"2026-01-01T00:00:00.000Z\"");
    ends(f, "list", "[]", HUB_OK, "\"name\":\"second\"");
    ends(f, "leader", "[]", HUB_OK, "\"name\":\"first\"");
    nodes_free(f);
}

static void a_call_to_itself_runs_its_handler(void **state) {
    struct fake_hub *f = nodes_new();
    struct hub_buf args = {0};
    struct fake_host_call a;
    (void)state;
    hub_buf_addf(&args, "[\"%s\",\"size\",{\"of\":\"x\"}]", f->engine->nodes.self);
    begin(f, &a, "call", hub_buf_cstr(&args));
    assert_int_equal(a.answers, 0);
    const struct fake_script_call *c = fake_script_first(&f->scripts);
    assert_string_equal(hub_json_get_str(json_object_get(c->args, "data"), "of").p, "x");
    assert_true(hub_str_is(hub_json_get_str(c->args, "nodeId"), f->engine->nodes.self));
    fake_script_end(&f->scripts, HUB_OK, "[7]");
    settle(f);
    is_answered(&a, HUB_OK, "[7]");
    begin(f, &a, "call", hub_buf_cstr(&args));
    fake_script_end(&f->scripts, HUB_HANDLER_FAILED, NULL);
    settle(f);
    is_answered(&a, HUB_HANDLER_FAILED, "");
    hub_buf_free(&args);
    nodes_free(f);
}

static void a_call_reaches_the_other_node(void **state) {
    struct fake_hub *f = nodes_new();
    struct fake_host_call a;
    (void)state;
    begin(f, &a, "call", "[\"%s\",\"stock\",[1],2500]");
    assert_string_equal(other_asked->name, "stock");
    assert_int_equal(other_asked->timeout_ms, 2500);
    hub_mesh_answer(other_asked, HUB_OK, other_asked->data, NULL);
    settle(f);
    is_answered(&a, HUB_OK, "[1]");
    nodes_free(f);
}

static void a_call_waits_as_long_as_it_says(void **state) {
    struct fake_hub *f = nodes_new();
    struct fake_host_call a;
    (void)state;
    begin(f, &a, "call", "[\"%s\",\"stock\"]");
    fake_pass(f, 3999);
    assert_int_equal(a.answers, 0);
    fake_pass(f, 1);
    is_answered(&a, HUB_REQUEST_TIMEOUT, "in time");
    hub_mesh_answer(other_asked, HUB_OK, NULL, NULL);
    settle(f);
    assert_int_equal(a.answers, 1);
    nodes_free(f);
}

static void what_cannot_be_called_is_said(void **state) {
    struct fake_hub *f = nodes_new();
    struct fake_host_call a, b;
    struct hub_buf args = {0};
    (void)state;
    ends(f, "call", "[\"nobodyisthat\",\"size\"]", HUB_NODE_NOT_FOUND, "no such node");
    ends(f, "call", "[\"%s\"]", HUB_BAD_REQUEST, "expected two texts");
    ends(f, "call", "[\"%s\",\"size\",1,0]", HUB_BAD_REQUEST, "1 to 600000");
    ends(f, "call", "[\"%s\",\"size\",1,\"soon\"]", HUB_BAD_REQUEST, "1 to 600000");
    hub_buf_addf(&args, "[\"%s\",\"sice\"]", f->engine->nodes.self);
    ends(f, "call", hub_buf_cstr(&args), HUB_NOT_FOUND, "nodeHandlers has no \"sice\"; did you mean \"size\"?");
    begin(f, &a, "call", "[\"%s\",\"stock\"]");
    struct hub_mesh_request *first = other_asked;
    begin(f, &b, "call", "[\"%s\",\"stock\"]");
    ends(f, "call", "[\"%s\",\"stock\"]", HUB_TOO_MANY, "limits.nodeCalls");
    hub_mesh_answer(first, HUB_OK, NULL, NULL);
    hub_mesh_answer(other_asked, HUB_REJECTED, NULL, "not today");
    settle(f);
    is_answered(&a, HUB_OK, "");
    is_answered(&b, HUB_REJECTED, "not today");
    hub_buf_free(&args);
    nodes_free(f);
}

/* A question of the other node. */
struct other_question {
    struct hub_mesh_question question;
    int done;
    enum hub_code code;
    json_t *result;
    char text[300];
};
static void on_other_answered(struct hub_mesh_question *q, enum hub_code code, json_t *result, const char *text) {
    struct other_question *o = HUB_CONTAINER(q, struct other_question, question);
    o->done++;
    o->code = code;
    o->result = json_incref(result);
    snprintf(o->text, sizeof o->text, "%s", text ? text : "");
}
static void other_asks(struct fake_hub *f, struct other_question *q, const char *name) {
    struct hub_err err;
    *q = (struct other_question){0};
    assert_int_equal(hub_mesh_ask(other, &q->question, hub_cstr(f->engine->nodes.self), hub_cstr(name), NULL, 700,
                                  on_other_answered, &err),
                     HUB_OK);
    settle(f);
}

static void it_answers_the_other_node(void **state) {
    struct fake_hub *f = nodes_new();
    struct other_question q;
    (void)state;
    other_asks(f, &q, "fixed");
    assert_int_equal(json_integer_value(json_object_get(q.result, "n")), 1);
    json_decref(q.result);
    other_asks(f, &q, "fixes");
    assert_int_equal(q.code, HUB_NOT_FOUND);
    assert_non_null(strstr(q.text, "did you mean \"fixed\"?"));
    other_asks(f, &q, "size");
    fake_pass(f, 700);
    settle(f);
    assert_int_equal(q.code, HUB_REQUEST_TIMEOUT);
    fake_script_end(&f->scripts, HUB_OK, "1");
    settle(f);
    assert_int_equal(q.done, 1);
    nodes_free(f);
}

static void a_broadcast_is_heard_by_all_or_all_others(void **state) {
    struct fake_hub *f = nodes_new();
    (void)state;
    ends(f, "broadcast", "[\"news\",{\"a\":1}]", HUB_OK, "");
    assert_string_equal(other_told, "news {\"a\":1}");
    const struct fake_script_call *c = fake_script_first(&f->scripts);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(c->args, "data"), "a")), 1);
    fake_script_end(&f->scripts, HUB_HANDLER_FAILED, NULL);
    ends(f, "broadcast", "[\"news\",null,{\"skipSelf\":true}]", HUB_OK, "");
    assert_string_equal(other_told, "news null");
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    ends(f, "broadcast", "[\"newz\"]", HUB_NOT_FOUND, "broadcasts has no \"newz\"; did you mean \"news\"?");
    ends(f, "broadcast", "[\"news\",1,{\"skipself\":true}]", HUB_BAD_REQUEST, "skipSelf");
    ends(f, "broadcast", "[\"news\",1,{\"skipSelf\":1}]", HUB_BAD_REQUEST, "skipSelf");
    ends(f, "broadcast", "[5]", HUB_BAD_REQUEST, "expected a text");
    nodes_free(f);
}

static void broadcasts_wait_for_each_other_and_too_many_are_dropped(void **state) {
    struct fake_hub *f = nodes_new();
    struct hub_err err;
    (void)state;
    for (int i = 0; i < HUB_NODE_WORDS_MAX + 100; i++) {
        assert_int_equal(hub_mesh_tell(other, HUB_STR("news"), NULL, true, &err), HUB_OK);
        turned_run_due(f->loop);
    }
    settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 64);
    assert_int_equal(hub_node_of(f->engine)->words.waiting_n, HUB_NODE_WORDS_MAX);
    fake_script_end(&f->scripts, HUB_OK, NULL);
    settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 64);
    assert_int_equal(hub_node_of(f->engine)->words.waiting_n, HUB_NODE_WORDS_MAX - 1);
    hub_node_drop_words(hub_node_of(f->engine));
    nodes_free(f);
}

static void the_end_of_the_other_node_ends_what_waits_for_it(void **state) {
    struct fake_hub *f = nodes_new();
    struct fake_host_call a;
    (void)state;
    begin(f, &a, "call", "[\"%s\",\"stock\"]");
    hub_mesh_leave(other);
    settle(f);
    is_answered(&a, HUB_NODE_NOT_FOUND, "went away");
    ends(f, "call", "[\"%s\",\"stock\"]", HUB_NODE_NOT_FOUND, "no such node");
    hub_mesh_answer(other_asked, HUB_OK, NULL, NULL);
    nodes_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_knows_itself_and_the_others),
        cmocka_unit_test(a_call_to_itself_runs_its_handler),
        cmocka_unit_test(a_call_reaches_the_other_node),
        cmocka_unit_test(a_call_waits_as_long_as_it_says),
        cmocka_unit_test(what_cannot_be_called_is_said),
        cmocka_unit_test(it_answers_the_other_node),
        cmocka_unit_test(a_broadcast_is_heard_by_all_or_all_others),
        cmocka_unit_test(broadcasts_wait_for_each_other_and_too_many_are_dropped),
        cmocka_unit_test(the_end_of_the_other_node_ends_what_waits_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
