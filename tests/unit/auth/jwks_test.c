/* The key set behind a URL: when it is fetched, how long its answers serve, who may wait, and that a bad
 * answer harms nothing. */
#include "auth/jwks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"
#include "turned_clock.h"

#define URL "https://issuer.example/jwks"
#define FIRST "{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2hvcnQ\",\"kid\":\"first\"}]}"
#define SECOND "{\"keys\":[{\"kty\":\"oct\",\"k\":\"b3RoZXI\",\"kid\":\"second\"}]}"
/* {"alg":"HS256","kid":"second"}.{}.signature that nobody checks */
#define TOKEN_OF_SECOND "eyJhbGciOiJIUzI1NiIsImtpZCI6InNlY29uZCJ9.e30.AAAA"

static struct hub_loop *loop;
static struct hub_jwt_keys *keys;
static struct hub_jwks *set;
static struct hub_fetch *fetch; /* under way */
static int fetches;

/* Turns the clock until the next fetch begins, at most by MS; returns how long it took, or -1. */
static int64_t next_fetch_within(int64_t ms) {
    int64_t start = hub_loop_now(loop);
    int before = fetches;
    while (fetches == before && hub_loop_next_due(loop) <= start + ms)
        turn_clock(loop, hub_loop_next_due(loop) - hub_loop_now(loop));
    return fetches > before ? hub_loop_now(loop) - start : -1;
}

static void on_fetch(void *ctx, struct hub_fetch *f) {
    (void)ctx;
    assert_null(fetch);
    assert_string_equal(f->url, URL);
    fetch = f;
    fetches++;
}

static void answer(const char *body, const char *cache_control) {
    struct hub_fetch *f = fetch;
    fetch = NULL;
    f->done(f, &(struct hub_fetched){hub_cstr(body), hub_cstr(cache_control)}, NULL);
}

static void fail_fetch(void) {
    struct hub_fetch *f = fetch;
    fetch = NULL;
    f->done(f, NULL, "nobody is there");
}

static char outcome[300];
static void on_started(void *arg, const char *error) {
    (void)arg;
    snprintf(outcome, sizeof outcome, "%s", error ? error : "ok");
}

static struct hub_jwt_keys *new_keys(void) {
    static const char *hs[] = {"HS256"};
    struct hub_jwt_keys *k;
    struct hub_err err;
    const struct hub_def_jwt def = {.on = true, .algorithms = {hs, 1}, .jwks_url = URL};
    assert_int_equal(hub_jwt_keys_load(&def, &k, &err), HUB_OK);
    return k;
}

static struct hub_jwks *new_set(struct hub_jwt_keys *k) {
    return hub_jwks_new(&(struct hub_jwks_config){.loop = loop, .url = URL, .keys = k, .fetch = on_fetch});
}

static int setup(void **state) {
    (void)state;
    fetch = NULL, fetches = 0, *outcome = 0;
    loop = turned_loop_new();
    keys = new_keys();
    set = new_set(keys);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    hub_jwks_delete(set);
    if (fetch) fail_fetch();
    hub_jwt_keys_free(keys);
    turned_loop_delete(loop);
    return 0;
}

static void begin(const char *cache_control) {
    hub_jwks_start(set, on_started, NULL);
    answer(FIRST, cache_control);
    assert_string_equal(outcome, "ok");
}

static void assert_knows_second(bool wanted) {
    assert_int_equal(hub_jwt_names_unknown_key(keys, HUB_STR(TOKEN_OF_SECOND)), !wanted);
}

static void a_first_fetch_that_fails_is_reported_and_may_be_tried_again(void **state) {
    (void)state;
    struct hub_buf why = {0};
    hub_jwks_start(set, on_started, NULL);
    assert_false(hub_jwks_ready(set, &why));
    fail_fetch();
    assert_string_equal(outcome, "nobody is there");
    assert_int_equal(next_fetch_within(86400000), -1); /* whoever started it decides */
    hub_jwks_start(set, on_started, NULL);
    answer(FIRST, NULL);
    assert_string_equal(outcome, "ok");
    assert_true(hub_jwks_ready(set, &why));
    assert_string_equal(hub_buf_cstr(&why), "the keys of auth.jwt.jwksUrl have not been fetched yet");
    hub_buf_free(&why);
}

static void an_answer_that_is_no_key_set_says_what_is_wrong(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"<html>", "the answer is not JSON: "},
        {"", "the answer is not JSON: "},
        {"{}", "not a JWK Set: it has no array \"keys\""},
        {"{\"keys\":[]}", "none of the JWK Set's 0 keys"},
        {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}",
         "none of the JWK Set's keys is of the kind that HS256 needs"},
    };
    for (size_t i = 0; i < HUB_NELEM(rows); i++) {
        hub_jwks_start(set, on_started, NULL);
        answer(rows[i][0], NULL);
        if (strncmp(outcome, rows[i][1], strlen(rows[i][1])) != 0) fail_msg("expected \"%s\": %s", rows[i][1], outcome);
    }
}

static void the_answer_says_how_long_it_serves_within_bounds(void **state) {
    (void)state;
    static const struct {
        const char *cache_control;
        int64_t seconds;
    } rows[] = {
        {NULL, 600},
        {"public", 600},
        {"max-age=x", 600},
        {"max-age=3600", 3600},
        {"max-age=0", 60},
        {"no-store", 60},
        {"public, Max-Age=0, must-revalidate", 60},
        {"max-age=1000000000000", 86400},
    };
    begin(NULL);
    for (size_t i = 0; i < HUB_NELEM(rows); i++) {
        if (i) answer(FIRST, rows[i].cache_control);
        int64_t took = next_fetch_within(86400000);
        if (took != rows[i].seconds * 1000)
            fail_msg("%s: %lld ms", rows[i].cache_control ? rows[i].cache_control : "nothing", (long long)took);
    }
}

static void a_failure_leaves_the_keys_and_is_retried_ever_less_often(void **state) {
    (void)state;
    begin("max-age=0");
    assert_int_equal(next_fetch_within(86400000), 60000);
    for (int i = 0; i < 3; i++) {
        if (i == 1)
            answer("{\"keys\":[]}", NULL);
        else
            fail_fetch();
        assert_false(hub_jwt_names_unknown_key(keys, HUB_STR("eyJhbGciOiJIUzI1NiIsImtpZCI6ImZpcnN0In0.e30.AAAA")));
        assert_int_equal(next_fetch_within(86400000), 10000 << i);
    }
    answer(SECOND, NULL);
    assert_knows_second(true);
}

static int woken;
static bool was_closing;
static void on_woken(struct hub_jwks_waiter *w, bool closing) {
    (void)w;
    woken++;
    was_closing = closing;
}

static void an_unknown_key_has_the_set_fetched_once_in_a_while(void **state) {
    (void)state;
    struct hub_jwks_waiter w[3] = {{.done = on_woken}, {.done = on_woken}, {.done = on_woken}};
    woken = 0;
    begin(NULL);
    assert_knows_second(false);
    assert_true(hub_jwks_wait(set, &w[0]));
    assert_int_equal(fetches, 2);
    assert_true(hub_jwks_wait(set, &w[1])); /* for the same answer */
    assert_int_equal(fetches, 2);
    answer(SECOND, NULL);
    assert_int_equal(woken, 2);
    assert_false(was_closing);
    assert_knows_second(true);
    turn_clock(loop, 9999);
    assert_false(hub_jwks_wait(set, &w[2]));
    assert_int_equal(woken, 2);
    turn_clock(loop, 1);
    assert_true(hub_jwks_wait(set, &w[2]));
    fail_fetch();
    assert_int_equal(woken, 3);
    assert_int_equal(next_fetch_within(86400000), 10000); /* by itself */
    assert_true(hub_jwks_wait(set, &w[0]));
    assert_int_equal(fetches, 4);
    answer(SECOND, NULL);
    assert_int_equal(woken, 4);
}

static void only_so_many_wait(void **state) {
    (void)state;
    struct hub_jwks_waiter *w = hub_xcalloc(1001, sizeof *w);
    woken = 0;
    begin(NULL);
    for (int i = 0; i < 1001; i++) {
        w[i].done = on_woken;
        assert_int_equal(hub_jwks_wait(set, &w[i]), i < 1000);
    }
    answer(FIRST, NULL);
    assert_int_equal(woken, 1000);
    free(w);
}

static void a_set_that_goes_tells_those_who_wait(void **state) {
    (void)state;
    struct hub_jwks_waiter w = {.done = on_woken};
    woken = 0;
    begin(NULL);
    assert_true(hub_jwks_wait(set, &w));
    hub_jwks_delete(set);
    assert_int_equal(woken, 1);
    assert_true(was_closing);
    answer(SECOND, NULL);
    assert_int_equal(woken, 1);
    set = new_set(keys);
}

static void a_new_set_of_the_same_url_begins_with_the_keys_of_the_old(void **state) {
    (void)state;
    struct hub_jwt_keys *other = new_keys();
    struct hub_jwks *next = new_set(other);
    struct hub_buf why = {0};
    assert_false(hub_jwks_inherit(next, NULL));
    assert_false(hub_jwks_inherit(next, set));
    begin(NULL);
    turn_clock(loop, 1000);
    assert_true(hub_jwks_inherit(next, set));
    assert_true(hub_jwks_ready(next, &why));
    assert_false(hub_jwt_names_unknown_key(other, HUB_STR("eyJhbGciOiJIUzI1NiIsImtpZCI6ImZpcnN0In0.e30.AAAA")));
    hub_jwks_delete(set);
    set = next;
    assert_int_equal(next_fetch_within(86400000), 599000); /* and has them fetched again in time */
    fail_fetch();
    hub_jwks_delete(set);
    hub_jwt_keys_free(other);
    set = NULL;
    hub_buf_free(&why);
}

#define T(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_first_fetch_that_fails_is_reported_and_may_be_tried_again),
        T(an_answer_that_is_no_key_set_says_what_is_wrong),
        T(the_answer_says_how_long_it_serves_within_bounds),
        T(a_failure_leaves_the_keys_and_is_retried_ever_less_often),
        T(an_unknown_key_has_the_set_fetched_once_in_a_while),
        T(only_so_many_wait),
        T(a_set_that_goes_tells_those_who_wait),
        T(a_new_set_of_the_same_url_begins_with_the_keys_of_the_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
