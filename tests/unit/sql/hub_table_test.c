/* Which tables a server claims for itself. */
#include "adapters/sql/hub_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"

static void messages_and_receipts_are_a_hubs_and_other_tables_are_not(void **state) {
    (void)state;
    static const struct hub_column columns[] = {
        {.property = "id"}, {.property = "seq"}, {.property = "title"}, {.property = "changeSeq"}};
    struct hub_table t = {.columns = columns, .column_n = HUB_NELEM(columns)};
    assert_true(hub_sql_is_a_hubs(&t));
    t.column_n = 3; /* a number of the service's own */
    assert_false(hub_sql_is_a_hubs(&t));
    t.id = HUB_NO_ID;
    assert_true(hub_sql_is_a_hubs(&t));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_and_receipts_are_a_hubs_and_other_tables_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
