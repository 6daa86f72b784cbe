/* Two nodes on links that the test carries by hand: who lives and leads, questions and their ends, words to
 * all, and what is no packet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"
#include "mesh/mesh_int.h"
#include "turned_clock.h"

#define A_TIME 1767225600000

/* ---- a link by hand ---- */

struct packet {
    struct hub_list link;
    char from[HUB_NODE_ID_LEN + 1], to[HUB_NODE_ID_LEN + 1];
    size_t n;
    char bytes[];
};
struct hand_link {
    struct hub_mesh_link base;
    const struct hub_mesh_link_events *events;
    void *ctx;
    char id[HUB_NODE_ID_LEN + 1];
};
static struct hub_list under_way;
static enum hub_code send_code;
static int closed;

static enum hub_code hand_open(const struct hub_mesh_link_config *config, struct hub_mesh_link **out,
                               struct hub_err *err) {
    struct hand_link *l = hub_xcalloc(1, sizeof *l);
    (void)err;
    extern const struct hub_mesh_link_ops hand_ops;
    l->base.ops = &hand_ops;
    l->events = config->events;
    l->ctx = config->ctx;
    snprintf(l->id, sizeof l->id, "%.*s", HUB_FMT(config->about.id));
    *out = &l->base;
    return HUB_OK;
}
static enum hub_code hand_send(struct hub_mesh_link *base, struct hub_str to, struct hub_str bytes) {
    struct packet *p = hub_xmalloc(sizeof *p + bytes.n);
    if (send_code) {
        free(p);
        return send_code;
    }
    snprintf(p->from, sizeof p->from, "%s", HUB_CONTAINER(base, struct hand_link, base)->id);
    snprintf(p->to, sizeof p->to, "%.*s", HUB_FMT(to));
    p->n = bytes.n;
    memcpy(p->bytes, bytes.p, bytes.n);
    hub_list_push(&under_way, &p->link);
    return HUB_OK;
}
static enum hub_code hand_publish(struct hub_mesh_link *base, struct hub_str bytes) {
    return hand_send(base, HUB_STR("everybody---"), bytes);
}
static void hand_close(struct hub_mesh_link *base) {
    closed++;
    free(HUB_CONTAINER(base, struct hand_link, base));
}
extern const struct hub_mesh_link_ops hand_ops;
const struct hub_mesh_link_ops hand_ops = {"hand", "", hand_open, hand_send, hand_publish, hand_close};

/* ---- nodes ---- */

struct node {
    struct hub_nodes nodes;
    struct hub_holds holds;
    struct hub_mesh *mesh;
    struct hub_mesh_request *asked; /* the last one that is not answered */
    char joined[40], left[40], told[200];
    bool echoes; /* questions are answered at once by what they bring */
};
static struct hub_loop *loop;
static struct node ann, bob;

static void on_joined(void *ctx, const struct hub_live_node *n) {
    snprintf(((struct node *)ctx)->joined, 40, "%s", n->name);
}
static void on_left(void *ctx, const struct hub_live_node *n) {
    snprintf(((struct node *)ctx)->left, 40, "%s", n->name);
}
static void on_asked(void *ctx, struct hub_mesh_request *r) {
    struct node *n = ctx;
    if (n->echoes)
        hub_mesh_answer(r, HUB_OK, r->data, NULL);
    else
        n->asked = r;
}
static void on_told(void *ctx, struct hub_str from, struct hub_str name, json_t *data) {
    struct node *n = ctx;
    char *text = json_dumps(data, JSON_ENCODE_ANY | JSON_COMPACT);
    snprintf(n->told, sizeof n->told, "%s %.*s %s", hub_str_is(from, ann.nodes.self) ? "ann" : "bob", HUB_FMT(name),
             text);
    free(text);
}
static void on_passed(void *ctx, struct hub_str from, struct hub_str bytes) {
    struct node *n = ctx;
    snprintf(n->told, sizeof n->told, "%s %.*s", hub_str_is(from, ann.nodes.self) ? "ann" : "bob", HUB_FMT(bytes));
}
static const struct hub_mesh_events events = {
    .joined = on_joined, .left = on_left, .asked = on_asked, .told = on_told, .passed = on_passed};

static struct hand_link *link_of(struct node *n) { return HUB_CONTAINER(n->mesh->link, struct hand_link, base); }

/* As if the link said so. */
static void appears(struct node *to, const struct node *who, const char *name, uint64_t number) {
    const struct hub_node_about about = {.id = hub_cstr(who->nodes.self),
                                         .name = hub_cstr(name),
                                         .address = HUB_STR("http://here"),
                                         .version = HUB_STR("1"),
                                         .started_at = A_TIME,
                                         .number = number};
    link_of(to)->events->joined(link_of(to)->ctx, &about);
}

static void node_begin(struct node *n) {
    struct hub_err err;
    struct hub_mesh_link_config config = {.url = "hand:", .cluster = "test"};
    *n = (struct node){0};
    hub_holds_init(&n->holds, loop);
    hub_nodes_init(&n->nodes);
    n->mesh = hub_mesh_new(loop, &n->nodes, &n->holds, &events, n);
    assert_int_equal(hub_mesh_join(n->mesh, &hand_ops, &config, &err), HUB_OK);
}

static int set_up(void **state) {
    (void)state;
    loop = turned_loop_new();
    hub_list_init(&under_way);
    send_code = HUB_OK;
    closed = 0;
    node_begin(&ann);
    node_begin(&bob);
    appears(&ann, &ann, "ann", 1);
    appears(&bob, &ann, "ann", 1);
    appears(&bob, &bob, "bob", 2);
    appears(&ann, &bob, "bob", 2);
    return 0;
}

static void node_end(struct node *n) {
    hub_mesh_delete(n->mesh);
    hub_nodes_deinit(&n->nodes);
    hub_holds_deinit(&n->holds);
}

static int tear_down(void **state) {
    (void)state;
    node_end(&ann);
    node_end(&bob);
    for (struct hub_list *l; (l = hub_list_pop(&under_way));) free(HUB_CONTAINER(l, struct packet, link));
    turned_loop_delete(loop);
    return 0;
}

static void deliver(struct node *to, const char *from, struct hub_str bytes) {
    link_of(to)->events->packet(link_of(to)->ctx, hub_cstr(from), bytes);
}

/* What is under way arrives. */
static void carry(void) {
    turned_run_due(loop);
    for (struct hub_list *l; (l = hub_list_pop(&under_way));) {
        struct packet *p = HUB_CONTAINER(l, struct packet, link);
        bool all = !strcmp(p->to, "everybody---"), from_ann = !strcmp(p->from, ann.nodes.self);
        if (all ? !from_ann : !strcmp(p->to, ann.nodes.self)) deliver(&ann, p->from, hub_str(p->bytes, p->n));
        if (all ? from_ann : !strcmp(p->to, bob.nodes.self)) deliver(&bob, p->from, hub_str(p->bytes, p->n));
        free(p);
    }
    turned_run_due(loop);
}

/* ---- questions ---- */

struct asked {
    struct hub_mesh_question question;
    int done;
    enum hub_code code;
    char said[500];
};
static void on_answered(struct hub_mesh_question *q, enum hub_code code, json_t *result, const char *text) {
    struct asked *a = HUB_CONTAINER(q, struct asked, question);
    char *json = result ? json_dumps(result, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    a->done++;
    a->code = code;
    snprintf(a->said, sizeof a->said, "%s", code ? text : json ? json : "nothing");
    free(json);
}
static enum hub_code ask(struct node *from, const struct node *to, struct asked *a, const char *data) {
    struct hub_err err;
    json_t *value = data ? json_loads(data, JSON_DECODE_ANY, NULL) : NULL;
    *a = (struct asked){0};
    enum hub_code code = hub_mesh_ask(from->mesh, &a->question, hub_cstr(to->nodes.self), HUB_STR("size"), value, 1000,
                                      on_answered, &err);
    if (code) snprintf(a->said, sizeof a->said, "%s", err.text);
    json_decref(value);
    return code;
}

static void who_came_first_leads_until_it_leaves(void **state) {
    (void)state;
    assert_string_equal(hub_nodes_leader(&bob.nodes)->name, "ann");
    assert_string_equal(bob.joined, "ann");
    assert_string_equal(ann.joined, "bob");
    link_of(&bob)->events->left(link_of(&bob)->ctx, hub_cstr(ann.nodes.self));
    assert_string_equal(bob.left, "ann");
    assert_string_equal(hub_nodes_leader(&bob.nodes)->name, "bob");
    assert_false(hub_node_lives(&bob.nodes, hub_cstr(ann.nodes.self)));
}

static void a_question_is_answered_by_the_other_node(void **state) {
    struct asked a;
    (void)state;
    assert_int_equal(ask(&ann, &bob, &a, "{\"of\":[1,2]}"), HUB_OK);
    carry();
    assert_int_equal(a.done, 0);
    assert_string_equal(bob.asked->name, "size");
    assert_string_equal(bob.asked->from, ann.nodes.self);
    assert_int_equal(bob.asked->timeout_ms, 1000);
    hub_mesh_answer(bob.asked, HUB_OK, bob.asked->data, NULL);
    carry();
    assert_int_equal(a.done, 1);
    assert_string_equal(a.said, "{\"of\":[1,2]}");
    assert_int_equal(ann.holds.n + bob.holds.n, 0);
}

static void nothing_is_an_answer_and_a_question(void **state) {
    struct asked a;
    (void)state;
    assert_int_equal(ask(&ann, &bob, &a, NULL), HUB_OK);
    carry();
    assert_true(json_is_null(bob.asked->data));
    hub_mesh_answer(bob.asked, HUB_OK, NULL, NULL);
    carry();
    assert_string_equal(a.said, "nothing");
}

static void a_refusal_keeps_its_code_and_words(void **state) {
    struct asked a;
    (void)state;
    assert_int_equal(ask(&ann, &bob, &a, "1"), HUB_OK);
    carry();
    hub_mesh_answer(bob.asked, HUB_HANDLER_FAILED, NULL, "no such shelf");
    carry();
    assert_int_equal(a.code, HUB_HANDLER_FAILED);
    assert_string_equal(a.said, "no such shelf");
}

static void a_node_asks_itself_in_a_later_turn(void **state) {
    struct asked a;
    (void)state;
    ann.echoes = true;
    assert_int_equal(ask(&ann, &ann, &a, "\"me\""), HUB_OK);
    assert_int_equal(a.done, 0);
    carry();
    assert_string_equal(a.said, "\"me\"");
}

static void an_answer_that_comes_too_late_is_dropped(void **state) {
    struct asked a, again;
    (void)state;
    assert_int_equal(ask(&ann, &bob, &a, "1"), HUB_OK);
    carry();
    turn_clock(loop, 999);
    assert_int_equal(a.done, 0);
    turn_clock(loop, 1);
    assert_int_equal(a.code, HUB_REQUEST_TIMEOUT);
    assert_int_equal(ask(&ann, &bob, &again, "2"), HUB_OK);
    hub_mesh_answer(bob.asked, HUB_OK, bob.asked->data, NULL); /* of the first one */
    carry();
    assert_int_equal(a.done, 1);
    assert_int_equal(again.done, 0);
    hub_mesh_answer(bob.asked, HUB_OK, bob.asked->data, NULL);
    carry();
    assert_string_equal(again.said, "2");
}

static void only_whom_it_went_to_can_answer(void **state) {
    struct asked a;
    struct hub_buf bytes = {0};
    (void)state;
    bob.echoes = true;
    assert_int_equal(ask(&ann, &bob, &a, "1"), HUB_OK);
    const struct hub_mesh_packet forged = {
        .kind = HUB_MESH_ANSWER, .id = a.question.id, .name = HUB_STR("ok"), .body = HUB_STR("666")};
    hub_mesh_packet_add(&bytes, &forged);
    deliver(&ann, "somebodyelse", hub_buf_str(&bytes));
    assert_int_equal(a.done, 0);
    carry();
    assert_string_equal(a.said, "1");
    hub_buf_free(&bytes);
}

static void a_question_fails_at_once_where_nobody_is(void **state) {
    struct asked a;
    struct node nobody;
    (void)state;
    hub_nodes_init(&nobody.nodes);
    assert_int_equal(ask(&ann, &nobody, &a, "1"), HUB_NODE_NOT_FOUND);
    send_code = HUB_OVERLOADED;
    assert_int_equal(ask(&ann, &bob, &a, "1"), HUB_OVERLOADED);
    assert_int_equal(ann.holds.n, 0);
    hub_nodes_deinit(&nobody.nodes);
}

static void what_waits_for_a_node_ends_with_it(void **state) {
    struct asked a, own;
    (void)state;
    assert_int_equal(ask(&ann, &bob, &a, "1"), HUB_OK);
    assert_int_equal(ask(&ann, &ann, &own, "1"), HUB_OK);
    link_of(&ann)->events->left(link_of(&ann)->ctx, hub_cstr(bob.nodes.self));
    assert_int_equal(a.code, HUB_NODE_NOT_FOUND);
    assert_int_equal(own.done, 0);
    ann.echoes = true;
    carry();
    hub_mesh_answer(bob.asked, HUB_OK, NULL, NULL);
    carry();
    assert_int_equal(a.done, 1);
    assert_string_equal(own.said, "1");
}

static void who_leaves_is_alone_and_still_there_for_itself(void **state) {
    struct asked a;
    (void)state;
    assert_int_equal(ask(&ann, &bob, &a, "1"), HUB_OK);
    hub_mesh_leave(ann.mesh);
    hub_mesh_leave(ann.mesh);
    assert_int_equal(closed, 1);
    assert_int_equal(a.code, HUB_NODE_NOT_FOUND);
    assert_string_equal(ann.left, "bob");
    assert_int_equal(ask(&ann, &bob, &a, "1"), HUB_NODE_NOT_FOUND);
    ann.echoes = true;
    assert_int_equal(ask(&ann, &ann, &a, "2"), HUB_OK);
    carry();
    assert_string_equal(a.said, "2");
    if (bob.asked) hub_mesh_answer(bob.asked, HUB_OK, NULL, NULL);
}

static void too_much_is_refused_in_both_directions(void **state) {
    struct asked a;
    struct hub_buf text = {0};
    (void)state;
    hub_buf_addc(&text, '"');
    while (text.n <= HUB_MESH_BYTES_MAX) hub_buf_addc(&text, 'x');
    hub_buf_addc(&text, '"');
    assert_int_equal(ask(&ann, &bob, &a, hub_buf_cstr(&text)), HUB_TOO_LARGE);
    assert_int_equal(ask(&ann, &bob, &a, "1"), HUB_OK);
    carry();
    json_t *large = json_loads(hub_buf_cstr(&text), JSON_DECODE_ANY, NULL);
    hub_mesh_answer(bob.asked, HUB_OK, large, NULL);
    carry();
    assert_int_equal(a.code, HUB_TOO_LARGE);
    assert_non_null(strstr(a.said, "1048578 bytes"));
    bob.mesh->asked_n = HUB_MESH_ASKED_MAX;
    assert_int_equal(ask(&ann, &bob, &a, "1"), HUB_OK);
    carry();
    assert_int_equal(a.code, HUB_OVERLOADED);
    bob.mesh->asked_n = 0;
    json_decref(large);
    hub_buf_free(&text);
}

static void what_is_asked_has_a_bound_in_bytes(void **state) {
    struct asked a, b;
    (void)state;
    bob.mesh->asked_bytes = HUB_MESH_ASKED_BYTES_MAX - 7;
    assert_int_equal(ask(&ann, &bob, &a, "\"seven\""), HUB_OK);
    carry();
    assert_int_equal(ask(&ann, &bob, &b, "1"), HUB_OK);
    carry();
    assert_int_equal(b.code, HUB_OVERLOADED);
    hub_mesh_answer(bob.asked, HUB_OK, NULL, NULL);
    carry();
    assert_int_equal(a.done, 1);
    assert_int_equal(bob.mesh->asked_bytes, HUB_MESH_ASKED_BYTES_MAX - 7);
    bob.mesh->asked_bytes = 0;
}

/* Of words and questions of one turn. An answer that is too much is said to be so. */
static void what_a_node_sends_itself_has_a_bound_in_bytes(void **state) {
    struct asked a, b;
    struct hub_err err;
    int told = 0;
    (void)state;
    char *text = hub_xmalloc(HUB_MESH_BYTES_MAX / 2);
    memset(text, 'x', HUB_MESH_BYTES_MAX / 2);
    json_t *data = json_stringn(text, HUB_MESH_BYTES_MAX / 2);
    free(text);
    assert_int_equal(ask(&ann, &ann, &a, "1"), HUB_OK);
    carry();
    while (told < 100 && hub_mesh_tell(ann.mesh, HUB_STR("news"), data, false, &err) == HUB_OK) told++;
    assert_int_equal(told, HUB_MESH_OWN_BYTES_MAX / (HUB_MESH_BYTES_MAX / 2) - 1);
    assert_int_equal(err.code, HUB_OVERLOADED);
    assert_int_equal(ask(&ann, &ann, &b, "1"), HUB_OK); /* there is room for a small one */
    hub_mesh_answer(ann.asked, HUB_OK, data, NULL);
    carry();
    assert_int_equal(a.code, HUB_OVERLOADED);
    assert_int_equal(hub_mesh_tell(ann.mesh, HUB_STR("news"), data, false, &err), HUB_OK);
    carry();
    hub_mesh_answer(ann.asked, HUB_OK, data, NULL);
    carry();
    assert_int_equal(b.code, HUB_OK);
    json_decref(data);
}

static void a_word_reaches_all_or_all_others(void **state) {
    struct hub_err err;
    json_t *data = json_pack("{s:i}", "n", 1);
    (void)state;
    assert_int_equal(hub_mesh_tell(ann.mesh, HUB_STR("news"), data, false, &err), HUB_OK);
    assert_string_equal(ann.told, "");
    carry();
    assert_string_equal(ann.told, "ann news {\"n\":1}");
    assert_string_equal(bob.told, "ann news {\"n\":1}");
    assert_int_equal(hub_mesh_tell(bob.mesh, HUB_STR("more"), NULL, true, &err), HUB_OK);
    carry();
    assert_string_equal(ann.told, "bob more null");
    assert_string_equal(bob.told, "ann news {\"n\":1}");
    json_decref(data);
}

static void bytes_are_passed_on_as_they_are(void **state) {
    (void)state;
    assert_int_equal(hub_mesh_pass(ann.mesh, hub_cstr(bob.nodes.self), HUB_STR("not {json")), HUB_OK);
    carry();
    assert_string_equal(bob.told, "ann not {json");
    send_code = HUB_OVERLOADED;
    assert_int_equal(hub_mesh_pass(ann.mesh, hub_cstr(bob.nodes.self), HUB_STR("more")), HUB_OVERLOADED);
    send_code = HUB_OK;
}

static void what_is_no_packet_is_dropped(void **state) {
    static const char *const bad[] = {"",
                                      "x",
                                      "\1\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff",
                                      "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
                                      "\177\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
                                      "\3\0\0\0\0\0\0\0\0\0\0\0\0\1\0"};
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        struct hub_mesh_packet p;
        struct hub_str bytes = hub_str(bad[i], i < 2 ? strlen(bad[i]) : 15);
        assert_false(hub_mesh_packet_read(bytes, &p));
        deliver(&ann, bob.nodes.self, bytes);
    }
    assert_string_equal(ann.told, "");
}

static void data_that_are_no_json_are_refused_where_they_arrive(void **state) {
    struct hub_buf bytes = {0};
    (void)state;
    const struct hub_mesh_packet p = {.kind = HUB_MESH_ASK, .id = 7, .name = HUB_STR("size"), .body = HUB_STR("{")};
    hub_mesh_packet_add(&bytes, &p);
    deliver(&ann, bob.nodes.self, hub_buf_str(&bytes));
    assert_null(ann.asked);
    const struct packet *answer = HUB_CONTAINER(under_way.next, struct packet, link);
    assert_int_equal(answer->bytes[0], HUB_MESH_ANSWER);
    assert_non_null(memmem(answer->bytes, answer->n, "BAD_REQUEST", 11));
    hub_buf_free(&bytes);
}

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_came_first_leads_until_it_leaves),
        TEST(a_question_is_answered_by_the_other_node),
        TEST(nothing_is_an_answer_and_a_question),
        TEST(a_refusal_keeps_its_code_and_words),
        TEST(a_node_asks_itself_in_a_later_turn),
        TEST(an_answer_that_comes_too_late_is_dropped),
        TEST(only_whom_it_went_to_can_answer),
        TEST(a_question_fails_at_once_where_nobody_is),
        TEST(what_waits_for_a_node_ends_with_it),
        TEST(who_leaves_is_alone_and_still_there_for_itself),
        TEST(too_much_is_refused_in_both_directions),
        TEST(a_word_reaches_all_or_all_others),
        TEST(what_is_asked_has_a_bound_in_bytes),
        TEST(what_a_node_sends_itself_has_a_bound_in_bytes),
        TEST(bytes_are_passed_on_as_they_are),
        TEST(what_is_no_packet_is_dropped),
        TEST(data_that_are_no_json_are_refused_where_they_arrive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
