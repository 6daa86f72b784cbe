/* Compression: what is deflated is inflated again, by bounds; what is no deflate data is refused. */
#include "base/io/deflate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text/buf.h"
#include "deflate_pair.h"

/* N bytes of JSON that repeats itself as messages do. */
static struct hub_buf json_of(size_t n) {
    struct hub_buf b = {0};
    for (unsigned i = 0; b.n < n; i++)
        hub_buf_addf(&b, "{\"id\":\"m%u\",\"roomId\":\"r1\",\"body\":\"hello %u\"},", i * 7919, i);
    b.n = n;
    return b;
}

static enum hub_inflate inflate_to(struct hub_str bytes, size_t max, struct hub_buf *out) {
    hub_buf_clear(out);
    return hub_inflate_message(inflater, bytes, max, out);
}

static void a_message_of_any_size_comes_back(void **state) {
    static const size_t sizes[] = {100, 1000, 16383, 16384, 16385, 65536, 65537, 300000, 100};
    struct hub_buf back = {0};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct hub_buf text = json_of(sizes[i]);
        struct hub_str deflated;
        assert_true(hub_deflate_message(deflater, hub_buf_str(&text), &deflated));
        assert_in_range(deflated.n, 1, sizes[i] - 1);
        assert_int_equal(inflate_to(deflated, sizes[i], &back), HUB_INFLATE_OK);
        assert_true(hub_str_eq(hub_buf_str(&back), hub_buf_str(&text)));
        hub_buf_free(&text);
    }
    hub_buf_free(&back);
}

static void the_same_text_gives_the_same_bytes_whatever_came_before(void **state) {
    struct hub_buf text = json_of(2000), other = json_of(70000), first = {0};
    struct hub_str deflated;
    (void)state;
    assert_true(hub_deflate_message(deflater, hub_buf_str(&text), &deflated));
    hub_buf_adds(&first, deflated);
    assert_true(hub_deflate_gzip(deflater, hub_buf_str(&other), &deflated));
    assert_true(hub_deflate_message(deflater, hub_buf_str(&text), &deflated));
    assert_true(hub_str_eq(deflated, hub_buf_str(&first)));
    hub_buf_free(&text);
    hub_buf_free(&other);
    hub_buf_free(&first);
}

static void what_does_not_get_shorter_is_left_as_it_is(void **state) {
    struct hub_buf noise = {0};
    struct hub_str deflated;
    (void)state;
    for (uint32_t i = 0, x = 1; i < 5000; i++) x = x * 1664525 + 1013904223, hub_buf_addc(&noise, (char)(x >> 24));
    assert_false(hub_deflate_message(deflater, hub_buf_str(&noise), &deflated));
    assert_false(hub_deflate_gzip(deflater, hub_buf_str(&noise), &deflated));
    assert_false(hub_deflate_message(deflater, HUB_STR("{}"), &deflated));
    assert_false(hub_deflate_message(deflater, HUB_STR(""), &deflated));
    hub_buf_free(&noise);
}

static void more_than_the_bound_is_neither_compressed_nor_made(void **state) {
    struct hub_buf text = json_of(HUB_DEFLATE_MAX), back = {0};
    struct hub_str deflated;
    (void)state;
    assert_true(hub_deflate_message(deflater, hub_buf_str(&text), &deflated));
    assert_int_equal(inflate_to(deflated, text.n - 1, &back), HUB_INFLATE_TOO_LARGE);
    assert_int_equal(back.n, text.n);
    assert_int_equal(inflate_to(deflated, 10, &back), HUB_INFLATE_TOO_LARGE);
    assert_int_equal(back.n, 11); /* and not the rest of it */
    hub_buf_addc(&text, 'x');
    assert_false(hub_deflate_message(deflater, hub_buf_str(&text), &deflated));
    hub_buf_free(&text);
    hub_buf_free(&back);
}

/* The examples of RFC 7692, 7.2.3, and what must not pass for them. */
static void examples_of_the_rfc_and_what_is_none(void **state) {
    static const struct {
        struct hub_str bytes;
        enum hub_inflate end;
        const char *text;
    } cases[] = {
        {HUB_STR_INIT("\xf2\x48\xcd\xc9\xc9\x07\x00"), HUB_INFLATE_OK, "Hello"},
        {HUB_STR_INIT("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), HUB_INFLATE_OK, "Hello"}, /* not compressed */
        {HUB_STR_INIT("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), HUB_INFLATE_OK, "Hello"},             /* a last block */
        {HUB_STR_INIT("\xf3\x48\xcd\xc9\xc9\x07\x00"), HUB_INFLATE_OK, "Hello"},                 /* and no more */
        {HUB_STR_INIT("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), HUB_INFLATE_OK,
         "Hello"}, /* two blocks */
        {HUB_STR_INIT("\x00"), HUB_INFLATE_OK, ""},
        {HUB_STR_INIT(""), HUB_INFLATE_OK, ""},
        {HUB_STR_INIT("\xf2\x48\xcd\xc9"), HUB_INFLATE_BAD, NULL},                     /* cut off */
        {HUB_STR_INIT("\xf2\x48\xcd\xc9\xc9\x07\x00\x12\x34"), HUB_INFLATE_BAD, NULL}, /* more behind it */
        {HUB_STR_INIT("\xff\xff\xff"), HUB_INFLATE_BAD, NULL},                         /* no such block */
        {HUB_STR_INIT("\xca\x00\x12\x00"), HUB_INFLATE_BAD,
         NULL}, /* refers to what was before: another message's context */
    };
    struct hub_buf back = {0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum hub_inflate end = inflate_to(cases[i].bytes, 100, &back);
        if (end != cases[i].end) fail_msg("case %zu: %d instead of %d", i, end, cases[i].end);
        if (!end) assert_string_equal(hub_buf_cstr(&back), cases[i].text);
    }
    hub_buf_free(&back);
}

static void a_gzip_body_has_its_head_and_its_checksum(void **state) {
    struct hub_str deflated;
    struct hub_buf text = json_of(3000), back = {0};
    (void)state;
    assert_true(hub_deflate_gzip(deflater, hub_buf_str(&text), &deflated));
    assert_memory_equal(deflated.p, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
    const unsigned char *size = (const unsigned char *)deflated.p + deflated.n - 4;
    assert_int_equal(size[0] | size[1] << 8 | size[2] << 16 | size[3] << 24, 3000);
    assert_int_equal(inflate_to(hub_str(deflated.p + 10, deflated.n - 18), 3000, &back), HUB_INFLATE_OK);
    assert_true(hub_str_eq(hub_buf_str(&back), hub_buf_str(&text)));
    hub_buf_free(&text);
    hub_buf_free(&back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_of_any_size_comes_back),
        cmocka_unit_test(the_same_text_gives_the_same_bytes_whatever_came_before),
        cmocka_unit_test(what_does_not_get_shorter_is_left_as_it_is),
        cmocka_unit_test(more_than_the_bound_is_neither_compressed_nor_made),
        cmocka_unit_test(examples_of_the_rfc_and_what_is_none),
        cmocka_unit_test(a_gzip_body_has_its_head_and_its_checksum),
    };
    return cmocka_run_group_tests(tests, deflate_pair_new, deflate_pair_free);
}
