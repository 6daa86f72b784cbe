/* Identifiers and randomness. */
#include "base/crypto/digest.h"
#include "base/crypto/random.h"
#include "base/id/uuid.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <string.h>

#include "base/collection/map.h"
#include "base/time/clock.h"

static void assert_uuid_shape(const char *text, char version) {
    assert_int_equal(strlen(text), HUB_UUID_LEN);
    for (int i = 0; i < HUB_UUID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        assert_true(dash ? text[i] == '-' : strchr("0123456789abcdef", text[i]) != NULL);
    }
    assert_int_equal(text[14], version);
    assert_non_null(strchr("89ab", text[19]));
}

static void version_7_grows_even_within_a_millisecond(void **state) {
    (void)state;
    char last[HUB_UUID_LEN + 1] = "", now[HUB_UUID_LEN + 1];
    for (int i = 0; i < 20000; i++) { /* more than the 12-bit counter holds */
        hub_uuid7(now);
        assert_true(strcmp(last, now) < 0);
        strcpy(last, now);
    }
    assert_uuid_shape(now, '7');
}

static void version_7_begins_with_the_time(void **state) {
    (void)state;
    char text[HUB_UUID_LEN + 1], head[13];
    hub_uuid7(text);
    memcpy(head, text, 8);
    memcpy(head + 8, text + 9, 4);
    head[12] = 0;
    int64_t ms = strtoll(head, NULL, 16), now = hub_clock_wall_ms(NULL);
    assert_true(ms <= now + 1000 && ms > now - 1000);
    assert_in_range(hub_uuid7_age_ms(text), 0, 1000);
    int64_t age = hub_uuid7_age_ms("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"); /* RFC 9562, A.6: 2022-02-22T19:22:22Z */
    assert_in_range(age, now - 1645557742000, now - 1645557742000 + 1000);
    assert_int_equal(hub_uuid7_age_ms("ffffffff-ffff-7cc3-98c4-dc0c0c07398f"), 0);
}

static void version_4_has_its_bits(void **state) {
    (void)state;
    char a[HUB_UUID_LEN + 1], b[HUB_UUID_LEN + 1];
    hub_uuid4(a);
    hub_uuid4(b);
    assert_uuid_shape(a, '4');
    assert_string_not_equal(a, b);
}

static void session_ids_are_url_safe_and_distinct(void **state) {
    (void)state;
    struct hub_map seen = {0};
    for (int i = 0; i < 5000; i++) {
        char sid[HUB_SID_LEN + 1];
        hub_sid(sid);
        assert_int_equal(strlen(sid), HUB_SID_LEN);
        assert_int_equal(strspn(sid, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), HUB_SID_LEN);
        assert_null(hub_map_put(&seen, hub_cstr(sid), &seen));
    }
    hub_map_clear(&seen);
}

/* The pool must neither hand out a byte twice nor stop at its own size. */
static void random_bytes_of_any_length_are_filled(void **state) {
    (void)state;
    static unsigned char bytes[2000];
    int histogram[256] = {0}, missing = 0;
    for (size_t n = 1; n < 2000; n += 37) {
        memset(bytes, 0, sizeof bytes);
        hub_random(bytes, n);
        for (size_t i = 0; i < n; i++) histogram[bytes[i]]++;
        for (size_t i = n; i < sizeof bytes; i++) assert_int_equal(bytes[i], 0);
    }
    for (int i = 0; i < 256; i++) missing += histogram[i] == 0;
    assert_int_equal(missing, 0); /* 50,000 bytes: each value 200 times on average */
    assert_true(histogram[0] < 400);
}

/* What comes of SEED on a clock that stands at WALL_MS, in a thread of its own: the others go on as they
 * are. */
struct repeated {
    uint64_t seed;
    int64_t wall_ms;
    char v7[2][HUB_UUID_LEN + 1], v4[HUB_UUID_LEN + 1];
};

static void *repeat(void *arg) {
    struct repeated *r = arg;
    struct hub_clock clock;
    hub_clock_init_frozen(&clock, r->wall_ms);
    hub_random_repeat(r->seed);
    hub_uuid7_by(&clock);
    hub_uuid7(r->v7[0]);
    hub_uuid7(r->v7[1]);
    hub_uuid4(r->v4);
    hub_clock_deinit(&clock);
    return NULL;
}

static struct repeated repeated(uint64_t seed, int64_t wall_ms) {
    struct repeated r = {.seed = seed, .wall_ms = wall_ms};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, repeat, &r), 0);
    pthread_join(thread, NULL);
    return r;
}

static void a_thread_that_repeats_itself_makes_the_same_ids_again(void **state) {
    (void)state;
    const struct repeated one = repeated(7, 1767225600000), same = repeated(7, 1767225600000);
    const struct repeated other = repeated(8, 1767225600000);
    char here[HUB_UUID_LEN + 1];
    assert_memory_equal(one.v7, same.v7, sizeof one.v7);
    assert_string_equal(one.v4, same.v4);
    assert_string_not_equal(one.v4, other.v4);
    assert_true(strcmp(one.v7[0], one.v7[1]) < 0);
    assert_memory_equal(one.v7[0], "019b76da-a800-7", 15); /* 1767225600000 */
    hub_uuid7(here);
    assert_true(hub_uuid7_age_ms(here) < 60000); /* this thread has the system's time */
}

static void a_digest_is_half_of_sha_256(void **state) {
    (void)state;
    char digest[HUB_DIGEST_SIZE];
    hub_digest(HUB_STR("abc"), digest);
    assert_string_equal(digest, "ba7816bf8f01cfea414140de5dae2223");
    hub_digest(hub_str(NULL, 0), digest);
    assert_string_equal(digest, "e3b0c44298fc1c149afbf4c8996fb924");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_7_grows_even_within_a_millisecond),
        cmocka_unit_test(version_7_begins_with_the_time),
        cmocka_unit_test(version_4_has_its_bits),
        cmocka_unit_test(session_ids_are_url_safe_and_distinct),
        cmocka_unit_test(random_bytes_of_any_length_are_filled),
        cmocka_unit_test(a_thread_that_repeats_itself_makes_the_same_ids_again),
        cmocka_unit_test(a_digest_is_half_of_sha_256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
