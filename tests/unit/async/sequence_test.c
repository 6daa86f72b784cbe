/* Sequences: announcements leave in the order decided. */
#include "async/sequence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory/mem.h"

static struct hub_sequence sequence;
static char order[64];

static int set_up(void **state) {
    (void)state;
    sequence = (struct hub_sequence){0};
    hub_sequence_init(&sequence, NULL);
    order[0] = 0;
    return 0;
}

static void mark(char c) {
    size_t n = strlen(order);
    order[n] = c, order[n + 1] = 0;
}

struct out {
    struct hub_announcement out;
    char name;
};

static void announce(struct hub_announcement *o) { mark(HUB_CONTAINER(o, struct out, out)->name); }

static void announcements_leave_in_the_order_decided_whichever_is_ready_first(void **state) {
    struct out o[4] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}, {.name = 'd'}};
    (void)state;
    for (int i = 0; i < 4; i++) o[i].out.announce = announce, hub_sequence_announce(&sequence, &o[i].out);
    hub_sequence_ready(&sequence, &o[2].out);
    hub_sequence_ready(&sequence, &o[1].out);
    assert_string_equal(order, "");
    hub_sequence_ready(&sequence, &o[0].out);
    assert_string_equal(order, "abc");
    hub_sequence_ready(&sequence, &o[3].out);
    assert_string_equal(order, "abcd");
}

static void one_that_is_undecided_holds_nobody_up_and_keeps_its_place(void **state) {
    struct out o[4] = {{.name = 'a'}, {.name = 'b'}, {.name = 'c'}, {.name = 'd'}};
    (void)state;
    for (int i = 0; i < 4; i++) o[i].out.announce = announce, hub_sequence_announce(&sequence, &o[i].out);
    hub_sequence_ready(&sequence, &o[1].out);
    assert_string_equal(order, "");
    hub_sequence_undecided(&sequence, &o[0].out);
    assert_string_equal(order, "b");
    hub_sequence_ready(&sequence, &o[3].out); /* c is under way */
    assert_string_equal(order, "b");
    hub_sequence_ready(&sequence, &o[0].out);
    hub_sequence_ready(&sequence, &o[2].out);
    assert_string_equal(order, "bacd");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(announcements_leave_in_the_order_decided_whichever_is_ready_first, set_up),
        cmocka_unit_test_setup(one_that_is_undecided_holds_nobody_up_and_keeps_its_place, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
