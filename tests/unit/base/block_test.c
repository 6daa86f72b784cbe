/* Blocks that are kept for whoever takes next. With AddressSanitizer nothing is kept, so what is tested
 * there is that taking and giving go well with malloc's own; base.kept_blocks is the same without it, in
 * every build. */
#include "base/memory/block.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json/json.h"
#include "base/memory/mem.h"

#ifdef __SANITIZE_ADDRESS__
#define KEEPS false
#else
#define KEEPS true
#endif

static void a_block_that_was_given_is_the_next_that_is_taken(void **state) {
    (void)state;
    hub_block_keep();
    void *a = hub_block_take(100);
    hub_block_give(a);
    assert_true(hub_block_find(4000) == NULL);
    void *b = hub_block_find(100);
    assert_true(b == (KEEPS ? a : NULL));
    hub_block_give(b);
    hub_block_drop();
}

/* Each size once, filled to its end: one that is too small would spoil its neighbours. */
static void a_block_is_as_large_as_what_was_asked_for(void **state) {
    (void)state;
    hub_block_keep();
    for (int round = 0; round < 3; round++) {
        char *blocks[1500];
        for (size_t n = 0; n < HUB_NELEM(blocks); n++) memset(blocks[n] = hub_block_take(n), (int)n, n);
        for (size_t n = 0; n < HUB_NELEM(blocks); n++)
            for (size_t i = 0; i < n; i++) assert_int_equal((unsigned char)blocks[n][i], n & 255);
        for (size_t n = 0; n < HUB_NELEM(blocks); n++) {
            if (round % 2)
                hub_block_give_sized(blocks[n], n);
            else
                hub_block_give(blocks[n]);
        }
    }
    hub_block_drop();
}

static void blocks_may_be_grown_and_freed_as_others_are(void **state) {
    (void)state;
    hub_block_keep();
    char *p = hub_xrealloc(hub_block_take(40), 200);
    memset(p, 1, 200);
    hub_block_give(p);
    hub_block_give(hub_xmalloc(72));
    free(hub_block_take(72));
    hub_block_give(NULL);
    hub_block_give_sized(NULL, 0);
    hub_block_drop();
    hub_block_give_sized(hub_block_take(72), 72);
    hub_block_give(hub_block_take(72)); /* afterwards it is malloc */
    assert_null(hub_block_find(72));
}

static void what_is_kept_has_a_bound(void **state) {
    enum { MANY = 4000, SIZE = 1000 };
    static void *blocks[MANY];
    size_t found = 0;
    (void)state;
    hub_block_keep();
    for (size_t i = 0; i < MANY; i++) blocks[i] = hub_block_take(SIZE);
    for (size_t i = 0; i < MANY; i++) hub_block_give(blocks[i]);
    while (found < MANY && (blocks[found] = hub_block_find(SIZE))) found++;
    for (size_t i = 0; i < found; i++) free(blocks[i]);
    hub_block_drop();
    if (KEEPS) assert_in_range(found, 1000, 1100); /* a mebibyte */
}

/* What is taken is nobody else's, whatever was given before, in whatever order. */
static void no_block_is_given_out_twice(void **state) {
    enum { MANY = 300 };
    char *blocks[MANY];
    (void)state;
    hub_block_keep();
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < MANY; i++) {
            blocks[i] = hub_block_take(i % 3 ? 100 : 40);
            memset(blocks[i], (int)i, 40);
        }
        for (size_t i = 0; i < MANY; i++)
            for (size_t k = 0; k < 40; k++) assert_int_equal((unsigned char)blocks[i][k], i & 255);
        for (size_t i = 0; i < MANY; i++) hub_block_give(blocks[round % 2 ? i : MANY - 1 - i]);
    }
    hub_block_drop();
}

/* One of malloc's, whatever it was asked for, goes to those who want no more than it has. */
static void a_block_of_any_size_serves_no_larger_wish(void **state) {
    (void)state;
    for (size_t n = 0; n < 1400; n++) {
        hub_block_keep();
        hub_block_give(hub_xmalloc(n));
        for (size_t want = 1500; want--;) {
            char *p = hub_block_find(want);
            if (!p) continue;
            assert_true(KEEPS && want <= malloc_usable_size(p));
            memset(p, 1, want);
            free(p);
        }
        hub_block_drop();
    }
}

/* Whatever malloc gives beyond what it was asked for: glibc's rounds up like this, others do not. */
static void what_is_given_by_its_size_serves_no_more_than_was_asked_for(void **state) {
    (void)state;
    for (size_t n = 0; n < 1400; n++) {
        hub_block_keep();
        assert_true(hub_block_bytes(n) >= n);
        hub_block_give_sized(hub_xmalloc(hub_block_bytes(n)), n);
        size_t want = 1500;
        void *p = NULL;
        while (!p && want--) p = hub_block_find(want);
        if (p) assert_true(KEEPS && want >= n && want <= hub_block_bytes(n));
        free(p);
        hub_block_drop();
    }
}

/* 1,288 bytes; what is larger, or is left when nothing is kept any more, is malloc's. */
static void large_blocks_are_not_kept(void **state) {
    (void)state;
    hub_block_keep();
    hub_block_give(hub_block_take(1288));
    hub_block_give(hub_block_take(1305));
    hub_block_give(hub_block_take(100000));
    void *p = hub_block_find(1288);
    assert_true((p != NULL) == KEEPS);
    for (size_t n = 1289; n < 3000; n++) assert_null(hub_block_find(n));
    free(p);
    hub_block_give(hub_block_take(64));
    hub_block_drop();
    for (size_t n = 0; n < 1500; n++) assert_null(hub_block_find(n));
}

/* Twice in a row: what the first has kept is there still, and is freed once. */
static void keeping_begins_once(void **state) {
    (void)state;
    hub_block_keep();
    void *p = hub_block_take(200);
    hub_block_give(p);
    hub_block_keep();
    void *again = hub_block_find(200);
    assert_true(again == (KEEPS ? p : NULL));
    free(again);
    hub_block_drop();
    hub_block_drop();
}

static void trees_live_in_blocks(void **state) {
    (void)state;
    hub_block_keep();
    for (int i = 0; i < 100; i++) {
        json_t *tree = hub_json_parse(HUB_STR("{\"a\":[1,2,{\"b\":\"text\"}],\"c\":null,\"d\":1.5}"), NULL);
        assert_int_equal(json_object_size(tree), 3);
        json_decref(tree);
    }
    hub_block_drop();
    json_set_alloc_funcs(malloc, free);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_that_was_given_is_the_next_that_is_taken),
        cmocka_unit_test(a_block_is_as_large_as_what_was_asked_for),
        cmocka_unit_test(blocks_may_be_grown_and_freed_as_others_are),
        cmocka_unit_test(what_is_kept_has_a_bound),
        cmocka_unit_test(no_block_is_given_out_twice),
        cmocka_unit_test(a_block_of_any_size_serves_no_larger_wish),
        cmocka_unit_test(what_is_given_by_its_size_serves_no_more_than_was_asked_for),
        cmocka_unit_test(large_blocks_are_not_kept),
        cmocka_unit_test(keeping_begins_once),
        cmocka_unit_test(trees_live_in_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
