/* Things that hold their own key. */
#include "base/collection/keyed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <malloc.h>
#include <stdio.h>

#include "base/memory/mem.h"

struct thing {
    char name[16];
};
static struct hub_str name_of(const void *value) { return hub_cstr(((const struct thing *)value)->name); }

static void put_replaces_get_finds_del_forgets(void **state) {
    (void)state;
    struct thing one = {"a"}, other = {"a"}, last = {""};
    struct hub_keyed x;
    hub_keyed_init(&x, name_of);
    assert_null(hub_keyed_get(&x, HUB_STR("a")));
    assert_null(hub_keyed_del(&x, HUB_STR("a")));
    assert_null(hub_keyed_put(&x, &one));
    assert_ptr_equal(hub_keyed_put(&x, &other), &one);
    assert_int_equal(hub_keyed_len(&x), 1);
    assert_null(hub_keyed_put(&x, &last));
    assert_ptr_equal(hub_keyed_get(&x, HUB_STR("")), &last);
    assert_ptr_equal(hub_keyed_del(&x, HUB_STR("a")), &other);
    assert_null(hub_keyed_get(&x, HUB_STR("a")));
    assert_ptr_equal(hub_keyed_del(&x, HUB_STR("")), &last);
    assert_int_equal(hub_keyed_len(&x), 0);
}

/* Beside a list of what is in it: whatever stood together in the array is found after others have left. */
static void what_is_in_it_is_found_whatever_comes_and_goes(void **state) {
    (void)state;
    enum { MANY = 3000 };
    struct thing *things = hub_xcalloc(MANY, sizeof *things);
    bool in[MANY] = {false};
    size_t n = 0, dice = 1;
    struct hub_keyed x;
    hub_keyed_init(&x, name_of);
    for (int i = 0; i < MANY; i++) snprintf(things[i].name, sizeof things[i].name, "n%d", i);
    for (int round = 0; round < 40000; round++) {
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        size_t i = (dice >> 33) % (round < 20000 ? MANY : 40);
        if (in[i])
            assert_ptr_equal(hub_keyed_del(&x, hub_cstr(things[i].name)), &things[i]), n--;
        else
            assert_null(hub_keyed_put(&x, &things[i])), n++;
        in[i] = !in[i];
        assert_int_equal(hub_keyed_len(&x), n);
    }
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(hub_keyed_get(&x, hub_cstr(things[i].name)), in[i] ? &things[i] : NULL);
    size_t seen = 0;
    struct thing *t;
    for (size_t at = 0; (t = hub_keyed_next(&x, &at)); seen++) assert_true(in[t - things]);
    assert_int_equal(seen, n);
    hub_keyed_clear(&x);
    assert_int_equal(hub_keyed_len(&x), 0);
    free(things);
}

/* What the index is for. */
static void an_entry_costs_some_twenty_bytes_which_come_back(void **state) {
    (void)state;
    enum { MANY = 10000 };
    struct thing *things = hub_xcalloc(MANY, sizeof *things);
    struct hub_keyed x;
    hub_keyed_init(&x, name_of);
    for (int i = 0; i < MANY; i++) {
        snprintf(things[i].name, sizeof things[i].name, "n%d", i);
        hub_keyed_put(&x, &things[i]);
    }
    assert_true(malloc_usable_size(x.values) < 32 * MANY);
    for (int i = 100; i < MANY; i++) hub_keyed_del(&x, hub_cstr(things[i].name));
    assert_true(malloc_usable_size(x.values) < 32 * 512);
    for (int i = 0; i < 100; i++) hub_keyed_del(&x, hub_cstr(things[i].name));
    assert_null(x.values);
    free(things);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_replaces_get_finds_del_forgets),
        cmocka_unit_test(what_is_in_it_is_found_whatever_comes_and_goes),
        cmocka_unit_test(an_entry_costs_some_twenty_bytes_which_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
