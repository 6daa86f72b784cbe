/* TLS: the same protocols over it, large messages both ways, ALPN, old versions, plain text on the port,
 * bad files. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <fcntl.h>

#include "fixture.h"
#include "transport/transport_int.h"

static char cert_file[] = "/tmp/hubd-cert-XXXXXX", key_file[] = "/tmp/hubd-key-XXXXXX";
static SSL_CTX *client_ctx;

/* A self-signed certificate, made anew for each run. */
static int make_certificate(void **state) {
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1,
                               0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_sign(x, key, EVP_sha256());
    FILE *cert = fdopen(mkstemp(cert_file), "w"), *private = fdopen(mkstemp(key_file), "w");
    PEM_write_X509(cert, x);
    PEM_write_PrivateKey(private, key, NULL, NULL, 0, NULL, NULL);
    fclose(cert);
    fclose(private);
    X509_free(x);
    EVP_PKEY_free(key);
    client_ctx = SSL_CTX_new(TLS_client_method());
    return 0;
}

static int remove_certificate(void **state) {
    (void)state;
    SSL_CTX_free(client_ctx);
    return unlink(cert_file) || unlink(key_file);
}

static struct hub_transport_config tls_config(void) {
    struct hub_transport_config c = app_defaults;
    c.tls_cert_file = cert_file;
    c.tls_key_file = key_file;
    c.max_payload = 2000000;
    c.max_queue_bytes = 8000000;
    return c;
}

static int start_tls(void **state) {
    (void)state;
    struct hub_transport_config c = tls_config();
    start(&c);
    return 0;
}

static struct peer dial_tls(void) {
    struct peer p = dial();
    p.ssl = SSL_new(client_ctx);
    SSL_set_fd(p.ssl, p.fd);
    assert_int_equal(SSL_connect(p.ssl), 1);
    return p;
}

static void http_and_polling_work_over_tls(void **state) {
    (void)state;
    struct peer p = dial_tls();
    char target[128];
    post(&p, "/echo", "secret");
    expect_answer(&p, 200, "secret");
    get(&p, "/big?n=5000000");
    struct answer a = answer_to(&p, false);
    assert_int_equal(a.body.n, 5000000);
    hub_buf_free(&a.body);
    open_polling(&p, target);
    post(&p, target, "4x");
    expect_answer(&p, 200, "ok");
    get(&p, target);
    expect_answer(&p, 200, "4x");
    hang_up(&p);
}

static void messages_of_every_size_pass_both_ways(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 16383, 16384, 16385, 65535, 65536, 70000, 262130, 262144, 262200, 1000000};
    struct peer p = dial_tls();
    struct hub_buf out = {0};
    char *bytes = hub_xmalloc(1000000);
    for (size_t i = 0; i < 1000000; i++) bytes[i] = (char)(i * 31 >> 3);
    open_websocket(&p);
    for (size_t i = 0; i < HUB_NELEM(sizes); i++) {
        ws_send(&p, 0x82, bytes, sizes[i]);
        assert_int_equal(ws_take(&p, &out), HUB_WS_BINARY);
        assert_int_equal(out.n, sizes[i]);
        assert_memory_equal(out.p, bytes, sizes[i]);
    }
    hub_buf_free(&out);
    free(bytes);
    hang_up(&p);
}

static void a_burst_arrives_whole_and_in_order(void **state) {
    (void)state;
    struct peer p = dial_tls();
    struct hub_buf out = {0};
    open_websocket(&p);
    ws_text(&p, "4!flood 5000 1000 0");
    for (int i = 0; i < 5000; i++) {
        char number[16];
        assert_int_equal(ws_take(&p, &out), HUB_WS_TEXT);
        snprintf(number, sizeof number, "4%08dm", i);
        assert_memory_equal(out.p, number, 10);
    }
    ws_text(&p, "4!close");
    expect_close(&p, 1000);
    assert_int_equal(SSL_get_shutdown(p.ssl) & SSL_RECEIVED_SHUTDOWN,
                     SSL_RECEIVED_SHUTDOWN); /* a proper end, not a cut */
    hub_buf_free(&out);
    hang_up(&p);
}

#define RECORD 12032 /* is no multiple of what the server reads at a time: some of a record is always left */

static void put_records(struct peer *p, const struct hub_buf *b) {
    for (size_t at = 0; at < b->n; at += RECORD) put(p, b->p + at, b->n - at < RECORD ? b->n - at : RECORD);
}

/* One record holds the head and some of the body: the rest of it was read on while the layer above was asked
 * who sends it, and the request was answered twice. */
static void a_body_in_the_records_of_its_head_waits_for_its_voucher(void **state) {
    (void)state;
    struct hub_buf b = {0};
    struct peer p = dial_tls();
    for (int chunked = 0; chunked < 2; chunked++) {
        hub_buf_clear(&b);
        hub_buf_addf(&b, "POST /echo HTTP/1.1\r\nHost: test\r\nAuthorization: wait\r\n%s\r\n\r\n",
                     chunked ? "Transfer-Encoding: chunked" : "Content-Length: 50000");
        if (chunked) hub_buf_addf(&b, "%x\r\n", 50000);
        memset(hub_buf_reserve(&b, 50000), 'b', 50000);
        b.n += 50000;
        if (chunked) hub_buf_addz(&b, "\r\n0\r\n\r\n");
        put_records(&p, &b);
        struct answer a = answer_to(&p, false);
        assert_int_equal(a.status, 200);
        assert_int_equal(a.body.n, 50000);
        assert_int_equal(server.asked, chunked + 1);
        hub_buf_free(&a.body);
    }
    hub_buf_free(&b);
    post(&p, "/echo", "next");
    expect_answer(&p, 200, "next");
    hang_up(&p);
}

static void look_at_what_is_kept(void *arg) {
    const struct hub_list *links = &server.transport->links;
    *(size_t *)arg = 0;
    HUB_LIST_EACH(links, n) * (size_t *)arg += HUB_CONTAINER(n, struct hub_link, node)->edge->rest.cap;
}

/* Bytes that lay in a record were read on although nothing was done with them yet. */
static void what_is_pipelined_behind_an_answer_that_does_not_come_is_left_unread(void **state) {
    (void)state;
    struct peer p = dial_tls();
    static char requests[RECORD];
    size_t kept = 0, sent = 0;
    get(&p, "/never");
    for (size_t i = 0; i + 64 <= sizeof requests; i += 64)
        snprintf(requests + i, 64, "GET /agent HTTP/1.1\r\nHost: test\r\nX-Fill: %019d\r\n\r", 0),
            requests[i + 63] = '\n';
    fcntl(p.fd, F_SETFL, O_NONBLOCK);
    for (int tries = 0; sent < 16000000 && tries < 100; tries++) {
        while (sent < 16000000 && SSL_write(p.ssl, requests, sizeof requests) > 0) sent += sizeof requests;
        settle();
    }
    on_loop(look_at_what_is_kept, &kept);
    assert_in_range(kept, 1, 65536);
    fcntl(p.fd, F_SETFL, 0);
    hang_up(&p);
}

/* The same bytes are all served once the answer has come. */
static void what_was_left_unread_is_read_after_the_answer(void **state) {
    (void)state;
    enum { COUNT = 2000 };
    struct peer p = dial_tls();
    struct hub_buf b = {0};
    for (int i = 0; i < COUNT; i++)
        hub_buf_addf(&b, "POST /%s HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n%04d", i % 500 ? "echo" : "later",
                     i);
    put_records(&p, &b);
    for (int i = 0; i < COUNT; i++) {
        char number[16];
        snprintf(number, sizeof number, "%04d", i);
        expect_answer(&p, 200, number);
    }
    hub_buf_free(&b);
    hang_up(&p);
}

/* The socket tells of both at once, and of nothing afterwards. */
static void an_end_behind_a_request_is_noticed(void **state) {
    (void)state;
    struct peer p = dial_tls();
    int on = 1, off = 0;
    post(&p, "/echo", "first");
    expect_answer(&p, 200, "first");
    setsockopt(p.fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
    post(&p, "/echo", "last");
    SSL_shutdown(p.ssl);
    setsockopt(p.fd, IPPROTO_TCP, TCP_CORK, &off, sizeof off);
    expect_answer(&p, 200, "last");
    expect_end(&p);
    assert_true(SSL_get_shutdown(p.ssl) & SSL_RECEIVED_SHUTDOWN);
    hang_up(&p);
}

static void http_1_1_is_what_alpn_agrees_on(void **state) {
    (void)state;
    struct peer p = dial();
    const unsigned char *chosen;
    unsigned n;
    p.ssl = SSL_new(client_ctx);
    SSL_set_fd(p.ssl, p.fd);
    SSL_set_alpn_protos(p.ssl, (const unsigned char *)"\x02h2\x08http/1.1", 12);
    assert_int_equal(SSL_connect(p.ssl), 1);
    SSL_get0_alpn_selected(p.ssl, &chosen, &n);
    assert_int_equal(n, 8);
    assert_memory_equal(chosen, "http/1.1", 8);
    hang_up(&p);
}

static void an_old_version_and_plain_text_are_turned_away(void **state) {
    (void)state;
    struct peer old = dial(), plain = dial(), fine = dial_tls();
    old.ssl = SSL_new(client_ctx);
    SSL_set_fd(old.ssl, old.fd);
    SSL_set_security_level(old.ssl, 0);
    SSL_set_min_proto_version(old.ssl, TLS1_VERSION);
    SSL_set_max_proto_version(old.ssl, TLS1_1_VERSION);
    assert_int_not_equal(SSL_connect(old.ssl), 1);
    ERR_clear_error();
    get(&plain, "/agent");
    expect_end(&plain);
    post(&fine, "/echo", "fine");
    expect_answer(&fine, 200, "fine");
    hang_up(&old);
    hang_up(&plain);
    hang_up(&fine);
}

static void a_handshake_that_never_ends_is_cut_off(void **state) {
    (void)state;
    struct hub_transport_config c = tls_config();
    start_turned(&c);
    struct peer p = dial();
    put(&p, "\x16\x03\x01\x02\x00", 5); /* the start of a ClientHello */
    pass(9999);
    expect_nothing(&p);
    pass(1);
    assert_false(pull(&p));
    hang_up(&p);
    stop();
}

static void unusable_files_are_named(void **state) {
    (void)state;
    struct hub_loop *loop = hub_loop_new(NULL);
    struct hub_transport *t;
    struct hub_err err;
    struct hub_transport_config c = tls_config();
    c.tls_cert_file = "/nonexistent/cert.pem";
    assert_int_equal(hub_transport_new(&t, loop, &c, &app_ops, NULL, &err), HUB_INTERNAL);
    assert_non_null(strstr(err.text, "certificate /nonexistent/cert.pem"));
    c = tls_config();
    c.tls_key_file = cert_file;
    assert_int_equal(hub_transport_new(&t, loop, &c, &app_ops, NULL, &err), HUB_INTERNAL);
    assert_non_null(strstr(err.text, cert_file));
    c.tls_key_file = NULL;
    assert_int_equal(hub_transport_new(&t, loop, &c, &app_ops, NULL, &err), HUB_INTERNAL);
    hub_loop_delete(loop);
}

#define TLS(F) cmocka_unit_test_setup_teardown(F, start_tls, stop_server)

int main(void) {
    const struct CMUnitTest tests[] = {
        TLS(http_and_polling_work_over_tls),
        TLS(messages_of_every_size_pass_both_ways),
        TLS(a_burst_arrives_whole_and_in_order),
        TLS(a_body_in_the_records_of_its_head_waits_for_its_voucher),
        TLS(what_is_pipelined_behind_an_answer_that_does_not_come_is_left_unread),
        TLS(what_was_left_unread_is_read_after_the_answer),
        TLS(an_end_behind_a_request_is_noticed),
        TLS(http_1_1_is_what_alpn_agrees_on),
        TLS(an_old_version_and_plain_text_are_turned_away),
        cmocka_unit_test(a_handshake_that_never_ends_is_cut_off),
        cmocka_unit_test(unusable_files_are_named),
    };
    return cmocka_run_group_tests(tests, make_certificate, remove_certificate);
}
