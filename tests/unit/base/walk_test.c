/* Walking through a list with pauses, in which its items come and go. */
#include "base/collection/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void what_goes_is_left_out_and_what_comes_is_not_visited(void **state) {
    struct hub_walked list = {0};
    struct hub_walked_item items[6] = {0};
    struct hub_walk w, other;
    (void)state;
    hub_walked_init(&list);
    for (int i = 0; i < 5; i++) hub_walked_add(&list, &items[i]);
    hub_walk_begin(&w, &list, NULL);
    hub_walk_begin(&other, &list, &items[2]);
    assert_ptr_equal(hub_walk_next(&w), &items[0]);
    hub_walked_remove(&list, &items[0]); /* the one just visited */
    hub_walked_remove(&list, &items[1]); /* the next one */
    hub_walked_remove(&list, &items[3]); /* of both, or later */
    hub_walked_add(&list, &items[5]);
    assert_ptr_equal(hub_walk_next(&w), &items[2]);
    assert_ptr_equal(hub_walk_next(&w), &items[4]);
    assert_null(hub_walk_next(&w));
    assert_ptr_equal(hub_walk_next(&other), &items[4]);
    assert_null(hub_walk_next(&other));
    hub_walk_end(&other);
    hub_walked_remove(&list, &items[4]);
    hub_walked_remove(&list, &items[2]);
    assert_null(hub_walk_next(&w));
    hub_walk_end(&w);
    assert_true(hub_list_empty(&list.walks));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_goes_is_left_out_and_what_comes_is_not_visited)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
