/* The hash map and its hash. */
#include "base/collection/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>

static int v1 = 1, v2 = 2, v3 = 3;

static void put_replaces_get_finds_del_forgets(void **state) {
    (void)state;
    struct hub_map m = {0};
    assert_null(hub_map_get(&m, HUB_STR("a")));
    assert_null(hub_map_del(&m, HUB_STR("a")));
    assert_null(hub_map_put(&m, HUB_STR("a"), &v1));
    assert_ptr_equal(hub_map_put(&m, HUB_STR("a"), &v2), &v1);
    assert_int_equal(hub_map_len(&m), 1);
    assert_ptr_equal(hub_map_get(&m, HUB_STR("a")), &v2);
    assert_ptr_equal(hub_map_del(&m, HUB_STR("a")), &v2);
    assert_null(hub_map_get(&m, HUB_STR("a")));
    assert_int_equal(hub_map_len(&m), 0);
    assert_null(hub_map_drain(&m));
}

static void keys_are_bytes_and_are_copied(void **state) {
    (void)state;
    struct hub_map m = {0};
    char key[] = "k\0x";
    hub_map_put(&m, hub_str(key, 3), &v1);
    hub_map_put(&m, hub_str(key, 1), &v2);
    hub_map_put(&m, hub_str(NULL, 0), &v3);
    key[0] = 'z';
    assert_ptr_equal(hub_map_get(&m, HUB_STR("k\0x")), &v1);
    assert_ptr_equal(hub_map_get(&m, HUB_STR("k")), &v2);
    assert_ptr_equal(hub_map_get(&m, HUB_STR("")), &v3);
    assert_null(hub_map_get(&m, hub_str(key, 1)));
    hub_map_clear(&m);
    assert_int_equal(hub_map_len(&m), 0);
}

static void iteration_follows_insertion(void **state) {
    (void)state;
    static const char *const keys[] = {"c", "a", "b"};
    int *const values[] = {&v1, &v2, &v3};
    struct hub_map m = {0};
    for (int i = 0; i < 3; i++) hub_map_put(&m, hub_cstr(keys[i]), values[i]);
    struct hub_str key;
    void *value;
    int i = 0;
    for (void *it = NULL; (it = hub_map_next(&m, it, &key, &value)); i++) {
        assert_true(hub_str_is(key, keys[i]));
        assert_ptr_equal(value, values[i]);
    }
    assert_int_equal(i, 3);
    assert_non_null(hub_map_next(&m, NULL, NULL, NULL));
    while (hub_map_drain(&m)) i--;
    assert_int_equal(i, 0);
    assert_null(hub_map_next(&m, NULL, NULL, NULL));
}

static void many_keys_are_all_found_again(void **state) {
    (void)state;
    enum { N = 20000 };
    static int values[N];
    struct hub_map m = {0};
    char key[16];
    for (int i = 0; i < N; i++)
        hub_map_put(&m, hub_str(key, (size_t)snprintf(key, sizeof key, "room-%d", i)), &values[i]);
    for (int i = 0; i < N; i += 2)
        assert_ptr_equal(hub_map_del(&m, hub_str(key, (size_t)snprintf(key, sizeof key, "room-%d", i))), &values[i]);
    assert_int_equal(hub_map_len(&m), N / 2);
    for (int i = 0; i < N; i++)
        assert_ptr_equal(hub_map_get(&m, hub_str(key, (size_t)snprintf(key, sizeof key, "room-%d", i))),
                         i % 2 ? &values[i] : NULL);
    hub_map_clear(&m);
}

static void the_hash_sees_every_byte_and_the_length(void **state) {
    (void)state;
    unsigned char bytes[40] = {0};
    uint64_t seen[41 + 40];
    size_t n = 0;
    for (size_t len = 0; len <= 40; len++) seen[n++] = hub_hash(bytes, len);
    for (size_t i = 0; i < 40; i++) {
        bytes[i] = 1;
        seen[n++] = hub_hash(bytes, 40);
        bytes[i] = 0;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++) assert_true(seen[i] != seen[k]);
    assert_true(hub_hash(bytes, 40) == seen[40]);
}

static void numbers_of_a_map_are_absent_when_they_are_0(void **state) {
    struct hub_map m = {0};
    (void)state;
    assert_int_equal(hub_map_count(&m, HUB_STR("a"), 1), 1);
    assert_int_equal(hub_map_count(&m, HUB_STR("a"), 2), 3);
    assert_int_equal(hub_map_count(&m, HUB_STR("b"), 1), 1);
    assert_int_equal(hub_map_len(&m), 2);
    assert_int_equal(hub_map_count(&m, HUB_STR("a"), -3), 0);
    assert_int_equal(hub_map_count(&m, HUB_STR("b"), -1), 0);
    assert_int_equal(hub_map_len(&m), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_replaces_get_finds_del_forgets),
        cmocka_unit_test(keys_are_bytes_and_are_copied),
        cmocka_unit_test(iteration_follows_insertion),
        cmocka_unit_test(many_keys_are_all_found_again),
        cmocka_unit_test(the_hash_sees_every_byte_and_the_length),
        cmocka_unit_test(numbers_of_a_map_are_absent_when_they_are_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
