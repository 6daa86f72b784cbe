/* Proofs of clients: what is signed, and that nothing else is taken for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/client_proof.h"

/* printf 'connect\n/hub/chat\ndesk\n1767225600000\nn1\n{"a":1}' | openssl dgst -sha256 -hmac hush */
#define SIGNATURE "3488560a142b5b6482110a20cff17140da010519588a0485a9ad9dc9129a6e67"

static struct hub_client_proof good_proof(void) {
    return (struct hub_client_proof){.space = HUB_STR("/hub/chat"),
                                     .client_id = HUB_STR("desk"),
                                     .timestamp = HUB_STR("1767225600000"),
                                     .nonce = HUB_STR("n1"),
                                     .metadata = HUB_STR("{\"a\":1}"),
                                     .signature = HUB_STR(SIGNATURE)};
}

static void a_signature_is_that_of_all_lines(void **state) {
    struct hub_client_proof p = good_proof();
    struct hub_str *const parts[] = {&p.space, &p.client_id, &p.timestamp, &p.nonce, &p.metadata, &p.signature};
    (void)state;
    assert_true(hub_client_proof_signed(HUB_STR("hush"), &p));
    assert_false(hub_client_proof_signed(HUB_STR("hush "), &p));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct hub_str was = *parts[i];
        *parts[i] = hub_str(was.p, was.n - 1);
        assert_false(hub_client_proof_signed(HUB_STR("hush"), &p));
        *parts[i] = hub_str(NULL, 0);
        assert_false(hub_client_proof_signed(HUB_STR("hush"), &p));
        *parts[i] = was;
    }
}

static void a_secret_must_be_there(void **state) {
    struct hub_str secret;
    struct hub_err err;
    (void)state;
    setenv("HUBD_TEST_CLIENT_SECRET", "", 1);
    assert_int_equal(hub_client_secret("HUBD_TEST_CLIENT_SECRET", &secret, &err), HUB_INTERNAL);
    assert_non_null(strstr(err.text, "HUBD_TEST_CLIENT_SECRET"));
    setenv("HUBD_TEST_CLIENT_SECRET", "hush", 1);
    assert_int_equal(hub_client_secret("HUBD_TEST_CLIENT_SECRET", &secret, &err), HUB_OK);
    assert_true(hub_str_is(secret, "hush"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_is_that_of_all_lines),
        cmocka_unit_test(a_secret_must_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
