/* Session cookies: what is found in a header, and which signatures are good. */
#include "auth/session_cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory/mem.h"

#define VARIABLE "HUB_SESSION_COOKIE_TEST"

static struct hub_cookie_secrets *load(const char *secrets) {
    struct hub_cookie_secrets *s = NULL;
    struct hub_err err;
    setenv(VARIABLE, secrets, 1);
    if (hub_cookie_secrets_load(VARIABLE, &s, &err)) fail_msg("%s", err.text);
    return s;
}

/* The id, or "-" when the cookie is refused. */
static const char *unsign(const struct hub_cookie_secrets *s, const char *value) {
    static char out[200];
    struct hub_buf id = {0};
    bool good = hub_cookie_unsign(s, hub_cstr(value), &id);
    assert_true(good || !id.n);
    snprintf(out, sizeof out, "%s", good ? hub_buf_cstr(&id) : "-");
    hub_buf_free(&id);
    return out;
}

/* The signatures are those of npm's cookie-signature, which has the first of them in its own tests. */
static void what_cookie_signature_signs_is_taken_and_nothing_else(void **state) {
    static const char *const refused[] = {
        "",
        "s:",
        "s:.",
        "s:hello",
        "s:hello.",
        "hello.DGDUkGlIkCzPz%2BC0B064FNgHdEjox7ch8tOBGslZ5QI",      /* not signed, by its own words */
        "s:hello.DGDUkGlIkCzPz%2BC0B064FNgHdEjox7ch8tOBGslZ5QJ",    /* the same bytes, spelled otherwise */
        "s:hello.DGDUkGlIkCzPz%2BC0B064FNgHdEjox7ch8tOBGslZ5QI%3D", /* with padding */
        "s:hello.DGDUkGlIkCzPz-C0B064FNgHdEjox7ch8tOBGslZ5QI",
        "s:hullo.DGDUkGlIkCzPz%2BC0B064FNgHdEjox7ch8tOBGslZ5QI",
        "s:.DGDUkGlIkCzPz%2BC0B064FNgHdEjox7ch8tOBGslZ5QI",
        "s:hello.DGDUkGlIkCzPz%2BC0B064FNgHdEjox7ch8tOBGslZ5Q%",
        "j:hello.DGDUkGlIkCzPz%2BC0B064FNgHdEjox7ch8tOBGslZ5QI",
    };
    struct hub_cookie_secrets *s = load("tobiiscool");
    (void)state;
    assert_string_equal(unsign(s, "s%3Ahello.DGDUkGlIkCzPz%2BC0B064FNgHdEjox7ch8tOBGslZ5QI"), "hello");
    assert_string_equal(unsign(s, "s:hello.DGDUkGlIkCzPz+C0B064FNgHdEjox7ch8tOBGslZ5QI"), "hello");
    assert_string_equal(unsign(s, "s%3Aa.b%2Fc.dNp46Mghpqxl42ss%2BSlagpGSU1BjfEJgTprJmNqoyfY"), "a.b/c");
    for (size_t i = 0; i < HUB_NELEM(refused); i++) assert_string_equal(unsign(s, refused[i]), "-");
    hub_cookie_secrets_free(s);
}

static void each_of_several_secrets_is_good(void **state) {
    const char *cookie = "s%3Ahello.DGDUkGlIkCzPz%2BC0B064FNgHdEjox7ch8tOBGslZ5QI";
    (void)state;
    static const struct {
        const char *secrets, *id;
        size_t shortest;
    } cases[] = {{"new,tobiiscool", "hello", 3},
                 {"tobiiscool,new", "hello", 3},
                 {"new, tobiiscool", "-", 3},
                 {"luna", "-", 4},
                 {"tobiiscool", "hello", 10}};
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct hub_cookie_secrets *s = load(cases[i].secrets);
        assert_string_equal(unsign(s, cookie), cases[i].id);
        assert_int_equal(hub_cookie_secrets_shortest(s), cases[i].shortest);
        hub_cookie_secrets_free(s);
    }
}

static void secrets_that_are_none_are_refused_by_name(void **state) {
    struct hub_cookie_secrets *s = NULL;
    struct hub_err err;
    (void)state;
    static const char *const bad[] = {"", ",", "a,", ",a", "a,,b"};
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        setenv(VARIABLE, bad[i], 1);
        assert_int_equal(hub_cookie_secrets_load(VARIABLE, &s, &err), HUB_INTERNAL);
        assert_non_null(strstr(err.text, VARIABLE));
    }
    unsetenv(VARIABLE);
    assert_int_equal(hub_cookie_secrets_load(VARIABLE, &s, &err), HUB_INTERNAL);
    assert_null(s);
}

static void the_first_cookie_of_a_name_is_found(void **state) {
    static const struct {
        const char *header, *value;
    } cases[] = {
        {"connect.sid=a", "a"},
        {"x=1; connect.sid=a=b; connect.sid=c", "a=b"},
        {"connect.sid=\"a\"", "a"},
        {" connect.sid = a ;y", "a"},
        {"connect.sid=", ""},
        {"connect.sid=\"", "\""},
        {"xconnect.sid=a; connect.sidx=b; connect.sid", "-"},
        {"Connect.sid=a", "-"},
        {"", "-"},
    };
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct hub_str v = hub_cookie_find(hub_cstr(cases[i].header), HUB_STR("connect.sid"));
        if (!hub_str_is(v.p ? v : HUB_STR("-"), cases[i].value)) fail_msg("%s: %.*s", cases[i].header, HUB_FMT(v));
    }
    assert_null(hub_cookie_find(hub_str(NULL, 0), HUB_STR("connect.sid")).p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cookie_signature_signs_is_taken_and_nothing_else),
        cmocka_unit_test(each_of_several_secrets_is_good),
        cmocka_unit_test(secrets_that_are_none_are_refused_by_name),
        cmocka_unit_test(the_first_cookie_of_a_name_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
