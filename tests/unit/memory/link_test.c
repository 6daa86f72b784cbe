/* Nodes of one process by their links: who hears of whom, order, bounds, and the end of a node in the midst
 * of it; then four of them on loops in threads of their own, for the preset "tsan". */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "adapters/memory/memory.h"
#include "base/memory/mem.h"
#include "mesh/mesh.h"
#include "turned_clock.h"

/* ---- one loop ---- */

struct end {
    struct hub_mesh_link *link;
    char log[400];      /* what has come, in order */
    struct end *closes; /* when a packet comes, that one leaves */
};
static struct hub_loop *loop;
static struct hub_memory_nodes *nodes;

static void add(struct end *e, const char *what, struct hub_str a, struct hub_str b) {
    size_t n = strlen(e->log);
    snprintf(e->log + n, sizeof e->log - n, "%s %.*s%s%.*s;", what, HUB_FMT(a), b.n ? " " : "", HUB_FMT(b));
}
static void leave(struct end *e) {
    if (e->link) e->link->ops->close(e->link);
    e->link = NULL;
}
static void on_joined(void *ctx, const struct hub_node_about *about) {
    char number[20];
    snprintf(number, sizeof number, "%d", (int)about->number);
    add(ctx, "+", about->id, hub_cstr(number));
}
static void on_left(void *ctx, struct hub_str id) { add(ctx, "-", id, (struct hub_str){0}); }
static void on_packet(void *ctx, struct hub_str from, struct hub_str bytes) {
    struct end *e = ctx;
    add(e, "<", from, bytes);
    if (e->closes) leave(e->closes);
}
static const struct hub_mesh_link_events events = {on_joined, on_left, on_packet};

static void come(struct end *e, const char *id, const char *cluster) {
    struct hub_err err;
    const struct hub_mesh_link_config config = {.loop = loop,
                                                .url = "memory:",
                                                .cluster = cluster,
                                                .process = nodes,
                                                .about = {.id = hub_cstr(id), .name = HUB_STR("n")},
                                                .queue_bytes = 10,
                                                .events = &events,
                                                .ctx = e};
    *e = (struct end){0};
    assert_int_equal(hub_memory_link_ops.open(&config, &e->link, &err), HUB_OK);
}
static enum hub_code say(struct end *from, const char *to, const char *bytes) {
    return from->link->ops->send(from->link, hub_cstr(to), hub_cstr(bytes));
}
static void has_heard(struct end *e, const char *log) {
    turned_run_due(loop);
    assert_string_equal(e->log, log);
    e->log[0] = 0;
}

static int set_up(void **state) {
    (void)state;
    loop = turned_loop_new();
    nodes = hub_memory_nodes_new();
    return 0;
}
static int tear_down(void **state) {
    (void)state;
    turned_run_due(loop);
    hub_memory_nodes_delete(nodes);
    turned_loop_delete(loop);
    return 0;
}

static void nodes_of_a_cluster_hear_of_each_other(void **state) {
    struct end a, b, other;
    (void)state;
    come(&a, "a", "one");
    come(&other, "x", "two");
    has_heard(&a, "+ a 1;");
    come(&b, "b", "one");
    assert_string_equal(b.log, ""); /* never from inside a call */
    has_heard(&b, "+ a 1;+ b 3;");
    has_heard(&a, "+ b 3;");
    leave(&a);
    has_heard(&b, "- a;");
    has_heard(&other, "+ x 2;");
    leave(&b);
    leave(&other);
}

static void packets_keep_their_order_and_find_their_cluster(void **state) {
    struct end a, b, other;
    (void)state;
    come(&a, "a", "one");
    come(&b, "b", "one");
    come(&other, "b", "two");
    has_heard(&a, "+ a 1;+ b 2;");
    has_heard(&b, "+ a 1;+ b 2;");
    assert_int_equal(say(&a, "b", "1"), HUB_OK);
    assert_int_equal(a.link->ops->publish(a.link, HUB_STR("2")), HUB_OK);
    assert_int_equal(say(&a, "b", "3"), HUB_OK);
    has_heard(&b, "< a 1;< a 2;< a 3;");
    has_heard(&a, "");
    has_heard(&other, "+ b 3;");
    assert_int_equal(say(&other, "a", "1"), HUB_NODE_NOT_FOUND);
    leave(&a), leave(&b), leave(&other);
}

static void a_full_queue_refuses_until_it_was_read(void **state) {
    struct end a, b;
    (void)state;
    come(&a, "a", "one");
    come(&b, "b", "one");
    has_heard(&b, "+ a 1;+ b 2;");
    assert_int_equal(say(&a, "b", "12345"), HUB_OK);
    assert_int_equal(say(&a, "b", "123456"), HUB_OVERLOADED);
    assert_int_equal(a.link->ops->publish(a.link, HUB_STR("123456")), HUB_OVERLOADED);
    assert_int_equal(say(&a, "b", "12345"), HUB_OK);
    has_heard(&b, "< a 12345;< a 12345;");
    assert_int_equal(say(&a, "b", "1234567890"), HUB_OK);
    leave(&a);
    has_heard(&b, "< a 1234567890;- a;");
    leave(&b);
}

static void a_node_that_leaves_in_the_midst_hears_nothing_more(void **state) {
    struct end a, b;
    (void)state;
    come(&a, "a", "one");
    come(&b, "b", "one");
    turned_run_due(loop);
    b.log[0] = 0;
    b.closes = &b;
    assert_int_equal(say(&a, "b", "1"), HUB_OK);
    assert_int_equal(say(&a, "b", "2"), HUB_OK);
    has_heard(&b, "< a 1;");
    assert_int_equal(say(&a, "b", "3"), HUB_NODE_NOT_FOUND);
    come(&b, "b", "one");
    leave(&b); /* with its first events on their way */
    has_heard(&b, "");
    leave(&a);
}

/* ---- several loops ---- */

#define SIDES 4
#define ROUNDS 300

struct side;
struct side_question {
    struct hub_mesh_question question;
    struct side *of;
};
struct side {
    pthread_t thread;
    struct hub_loop *loop;
    struct hub_nodes nodes;
    struct hub_holds holds;
    struct hub_mesh *mesh;
    struct side_question questions[SIDES - 1];
    struct hub_task stop;
    int sent, answered, failed, words;
};
static struct side sides[SIDES];
static int done_n; /* atomic: sides that have all their answers and have heard all words */

static void ask_all(struct side *s);

static void on_stop(struct hub_task *task) { hub_loop_stop(HUB_CONTAINER(task, struct side, stop)->loop); }

/* None stops before all are done: others wait for its answers. */
static void side_step(struct side *s) {
    const int all = ROUNDS * (SIDES - 1);
    if (s->sent == s->answered + s->failed && s->sent < all) ask_all(s);
    if (s->answered + s->failed < all || s->words < all) return;
    if (__atomic_add_fetch(&done_n, 1, __ATOMIC_ACQ_REL) < SIDES) return;
    for (int i = 0; i < SIDES; i++) hub_post(sides[i].loop, &sides[i].stop);
}

static void on_answered(struct hub_mesh_question *q, enum hub_code code, json_t *result, const char *text) {
    struct side *s = HUB_CONTAINER(q, struct side_question, question)->of;
    (void)text;
    if (!code && json_integer_value(result) == s - sides)
        s->answered++;
    else
        s->failed++;
    side_step(s);
}

static void ask_all(struct side *s) {
    struct hub_err err;
    json_t *me = json_integer(s - sides);
    int n = 0;
    assert_int_equal(hub_mesh_tell(s->mesh, HUB_STR("word"), me, true, &err), HUB_OK);
    HUB_LIST_EACH(&s->nodes.all, it) {
        const struct hub_live_node *to = HUB_CONTAINER(it, struct hub_live_node, link);
        if (hub_node_is_self(&s->nodes, hub_cstr(to->id))) continue;
        s->sent++;
        s->questions[n].of = s;
        assert_int_equal(hub_mesh_ask(s->mesh, &s->questions[n++].question, hub_cstr(to->id), HUB_STR("echo"), me,
                                      60000, on_answered, &err),
                         HUB_OK);
    }
    json_decref(me);
}

static void side_joined(void *ctx, const struct hub_live_node *n) {
    struct side *s = ctx;
    size_t known = 0;
    (void)n;
    HUB_LIST_EACH(&s->nodes.all, it) known++;
    if (known == SIDES) ask_all(s);
}
static void side_left(void *ctx, const struct hub_live_node *n) { (void)ctx, (void)n; }
static void side_asked(void *ctx, struct hub_mesh_request *r) {
    (void)ctx;
    hub_mesh_answer(r, HUB_OK, r->data, NULL);
}
static void side_told(void *ctx, struct hub_str from, struct hub_str name, json_t *data) {
    struct side *s = ctx;
    (void)from, (void)name, (void)data;
    s->words++;
    side_step(s);
}
static const struct hub_mesh_events side_events = {
    .joined = side_joined, .left = side_left, .asked = side_asked, .told = side_told};

static void begin_side(struct side *s) {
    struct hub_err err;
    struct hub_mesh_link_config config = {.url = "memory:", .cluster = "c", .process = nodes, .queue_bytes = 1 << 20};
    s->stop.run = on_stop;
    s->loop = hub_loop_new(NULL);
    hub_holds_init(&s->holds, s->loop);
    hub_nodes_init(&s->nodes);
    s->mesh = hub_mesh_new(s->loop, &s->nodes, &s->holds, &side_events, s);
    assert_int_equal(hub_mesh_join(s->mesh, &hub_memory_link_ops, &config, &err), HUB_OK);
}

static void *run_side(void *arg) {
    hub_loop_run(((struct side *)arg)->loop);
    return NULL;
}

static void end_side(struct side *s) {
    struct turned_stop stop = {.loop = s->loop};
    hub_mesh_delete(s->mesh);
    hub_nodes_deinit(&s->nodes);
    hub_holds_deinit(&s->holds);
    hub_timer_start(s->loop, &stop.timer, 0, turned_on_stop); /* what was on its way to it */
    hub_loop_run(s->loop);
    hub_loop_delete(s->loop);
}

static void four_loops_ask_and_tell_each_other(void **state) {
    (void)state;
    for (int i = 0; i < SIDES; i++) begin_side(&sides[i]);
    for (int i = 0; i < SIDES; i++) pthread_create(&sides[i].thread, NULL, run_side, &sides[i]);
    for (int i = 0; i < SIDES; i++) pthread_join(sides[i].thread, NULL);
    for (int i = 0; i < SIDES; i++) {
        assert_int_equal(sides[i].answered, ROUNDS * (SIDES - 1));
        assert_int_equal(sides[i].words, ROUNDS * (SIDES - 1));
        end_side(&sides[i]);
    }
}

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nodes_of_a_cluster_hear_of_each_other),  TEST(packets_keep_their_order_and_find_their_cluster),
        TEST(a_full_queue_refuses_until_it_was_read), TEST(a_node_that_leaves_in_the_midst_hears_nothing_more),
        TEST(four_loops_ask_and_tell_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
