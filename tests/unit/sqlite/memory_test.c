/* A store in memory: one connection does everything. */
#include "sqlite_fixture.h"

static void the_store_in_memory_does_the_same(void **state) {
    (void)state;
    loop = hub_loop_new(NULL);
    snprintf(url, sizeof url, "sqlite::memory:");
    open_messages(&hub_sqlite_ops);
    struct message m[3];
    int left = 3;
    for (int i = 0; i < 3; i++) new_message(&m[i], "r1", i, &left), store->ops->write(store, &m[i].w);
    hub_loop_run(loop);
    assert_int_equal(m[2].w.number, 3);
    assert_int_equal(counter("r1").seq, 3);
    assert_int_equal(sql_int("SELECT count(*) AS v FROM \"chatMessage\""), 3);
    struct hub_select q = {.table = &msg_table, .order_by = -1, .limit = 10};
    json_t *rows = select_rows(&q);
    assert_int_equal(json_array_size(rows), 3);
    json_decref(rows);
    close_store_only();
    hub_loop_delete(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_store_in_memory_does_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
