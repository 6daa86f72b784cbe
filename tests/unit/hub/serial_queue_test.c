/* Lanes: one after the other in each, none waiting for another, nothing lost at a stop. */
#include "hub/bridge/serial_queue.h"
#include "hub/core/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct item {
    struct hub_arrival base;
    char name;
    bool later; /* its work goes on after its turn */
};

static struct hub_loop *loop;
static struct hub_holds holds;
static struct hub_serial_queues queues;
static struct hub_buf log_of;

static void handle(struct hub_arrival *a) {
    struct item *i = HUB_CONTAINER(a, struct item, base);
    hub_buf_addc(&log_of, i->name);
    if (i->later) hub_work_hold(&a->work);
}

static void end(struct hub_arrival *a) {
    struct item *i = HUB_CONTAINER(a, struct item, base);
    hub_buf_addf(&log_of, "%c. ", i->name);
    free(i);
}

static struct item *add(const char *queue, int32_t partition, char name, bool later) {
    struct item *i = hub_xcalloc(1, sizeof *i);
    *i = (struct item){.base = {.handle = handle, .end = end}, .name = name, .later = later};
    hub_serial_queues_add(&queues, hub_cstr(queue), partition, &i->base);
    return i;
}

static int set_up(void **state) {
    (void)state;
    loop = hub_loop_new(NULL);
    holds = (struct hub_holds){0};
    hub_holds_init(&holds, loop);
    hub_serial_queues_init(&queues, &holds);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    hub_serial_queues_free(&queues);
    hub_buf_free(&log_of);
    hub_loop_delete(loop);
    return 0;
}

static void expect(const char *text) {
    assert_string_equal(hub_buf_cstr(&log_of), text);
    hub_buf_clear(&log_of);
}

static void work_that_is_over_at_once_is_ended_at_once(void **state) {
    (void)state;
    add("t", 0, 'a', false);
    add("t", 0, 'b', false);
    expect("aa. bb. ");
    assert_int_equal(holds.n, 0);
}

static void in_a_queue_the_next_waits_for_all_work_of_the_one_before(void **state) {
    (void)state;
    struct item *a = add("t", 0, 'a', true);
    add("t", 0, 'b', false);
    hub_work_hold(&a->base.work);
    expect("a");
    assert_int_equal(holds.n, 1);
    hub_work_release(&a->base.work);
    expect("");
    hub_work_release(&a->base.work);
    expect("a. bb. ");
    assert_int_equal(holds.n, 0);
}

static void lanes_do_not_wait_for_each_other(void **state) {
    (void)state;
    struct item *a = add("t", 0, 'a', true);
    add("t", 1, 'b', false);
    add("u", 0, 'c', false);
    expect("abb. cc. ");
    hub_work_release(&a->base.work);
    expect("a. ");
}

static void after_a_stop_nothing_begins_and_everything_ends_when_freed(void **state) {
    (void)state;
    struct item *a = add("t", 0, 'a', true);
    add("t", 0, 'b', false);
    hub_serial_queues_stop(&queues);
    hub_work_release(&a->base.work); /* its script was stopped: it does not count as handled */
    add("u", 0, 'c', false);
    expect("a");
    hub_serial_queues_free(&queues);
    assert_int_equal(log_of.n, 9); /* all three, in whichever order */
    hub_serial_queues_init(&queues, &holds);
}

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(work_that_is_over_at_once_is_ended_at_once),
        TEST(in_a_queue_the_next_waits_for_all_work_of_the_one_before),
        TEST(lanes_do_not_wait_for_each_other),
        TEST(after_a_stop_nothing_begins_and_everything_ends_when_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
