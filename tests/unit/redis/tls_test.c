/* A cache by TLS, on a real redis-server: whose certificates are good, and everything that goes through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cache_fixture.h"

static char cert[100], key[100];
static int tls_port;

/* A certificate of localhost and 127.0.0.1 that only signs itself. */
static void make_certificate(const char *dir) {
    char command[500];
    snprintf(cert, sizeof cert, "%s/tls.crt", dir);
    snprintf(key, sizeof key, "%s/tls.key", dir);
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost "
             "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout %s -out %s 2>/dev/null",
             key, cert);
    if (system(command)) abort();
}

static void start_server(const char *auth_clients) {
    char port[16];
    snprintf(port, sizeof port, "%d", tls_port);
    const char *options[] = {"--tls-port",
                             port,
                             "--tls-cert-file",
                             cert,
                             "--tls-key-file",
                             key,
                             "--tls-ca-cert-file",
                             cert,
                             "--tls-auth-clients",
                             auth_clients,
                             NULL};
    if (!redis_start(&server, options)) abort();
}

static void open_tls(const char *host, int port, const char *query) {
    char url[400];
    new_loop();
    snprintf(url, sizeof url, "rediss://%s:%d/3?timeoutMs=300%s", host, port, query);
    open_at(url);
}

static const char *with_ca(const char *more) {
    static char query[400];
    snprintf(query, sizeof query, "&cacert=%s%s", cert, more);
    return query;
}

static void expect_reason(const char *words) {
    reason = words;
    until(is_reason, 5000);
    close_cache();
}

/* ---- certificates ---- */

static void a_certificate_must_be_signed_by_a_known_authority(void **state) {
    (void)state;
    open_tls("localhost", tls_port, "");
    expect_reason("its certificate is not good: self-signed certificate (?cacert=");
    open_tls("localhost", tls_port, with_ca(""));
    until(is_ready, 5000);
    close_cache();
    open_tls("127.0.0.1", tls_port, with_ca(""));
    until(is_ready, 5000);
    close_cache();
}

static void a_certificate_must_name_whom_it_is_asked_for(void **state) {
    (void)state;
    open_tls("localhost", tls_port, with_ca("&servername=redis.example"));
    expect_reason("its certificate is not good: hostname mismatch (?servername=");
    open_tls("127.0.0.1", tls_port, with_ca("&servername=127.0.0.2"));
    expect_reason("IP address mismatch");
    open_tls("127.0.0.1", tls_port, with_ca("&servername=localhost"));
    until(is_ready, 5000);
    close_cache();
}

static void only_what_is_written_to_be_insecure_is(void **state) {
    (void)state;
    open_tls("localhost", tls_port, "&insecure=true");
    until(is_ready, 5000);
    close_cache();
    open_tls("localhost", tls_port, "&insecure=false");
    expect_reason("its certificate is not good");
}

static void a_server_may_want_a_certificate_too(void **state) {
    char query[400];
    (void)state;
    redis_kill(&server);
    start_server("yes");
    open_tls("localhost", tls_port, with_ca(""));
    turn_for(300);
    assert_true(is_away());
    close_cache();
    snprintf(query, sizeof query, "&cert=%s&key=%s", cert, key);
    open_tls("localhost", tls_port, with_ca(query));
    until(is_ready, 5000);
    close_cache();
    redis_kill(&server);
    start_server("no");
}

static void a_file_that_cannot_be_used_is_refused_by_name(void **state) {
    static const char *const bad[] = {"cacert=/nosuch", "cacert=/dev/null", "cert=/nosuch&key=/nosuch"};
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        char url[100];
        snprintf(url, sizeof url, "rediss://:hush@localhost?%s", bad[i]);
        const struct hub_cache_config config = {.url = url, .name = "test"};
        struct hub_err err;
        assert_int_equal(hub_redis_cache_ops.check(&config, &err), HUB_BAD_REQUEST);
        assert_non_null(strstr(err.text, i < 2 ? bad[i] : "cert=/nosuch"));
        assert_null(strstr(err.text, "hush"));
    }
}

static void who_speaks_no_tls_is_told_apart(void **state) {
    (void)state;
    open_tls("127.0.0.1", redis_free_port(), with_ca(""));
    expect_reason("Connection refused");
    open_tls("localhost", server.port, with_ca(""));
    turn_for(700); /* the server waits for the end of a line, which does not come */
    assert_true(is_away());
    close_cache();
    new_loop();
    char url[64];
    snprintf(url, sizeof url, "redis://localhost:%d?timeoutMs=300", tls_port);
    open_at(url);
    turn_for(300);
    assert_true(is_away());
    close_cache();
}

/* ---- what goes through ---- */

static enum hub_code set_code;
static bool is_set;
static void on_set(void *arg, enum hub_code code) { (void)arg, set_code = code, is_set = true; }
static bool set_came(void) { return is_set; }

enum { LARGE = 1 << 20, MANY = 2000 };
static size_t got_n;
static int got;
static void on_large(void *arg, enum hub_code code, const struct hub_str *values) {
    (void)arg;
    assert_int_equal(code, HUB_OK);
    got_n = values[0].n;
    for (size_t i = 0; i < got_n; i += 997) assert_int_equal(values[0].p[i], 'a' + (char)(i % 26));
    got++;
}
static bool large_came(void) { return got > 0; }
static bool all_came(void) { return got == MANY; }

/* Many records each way, and more than a socket takes at once. */
static void what_is_larger_than_a_record_arrives_whole(void **state) {
    char *text = hub_xmalloc(LARGE);
    (void)state;
    for (size_t i = 0; i < LARGE; i++) text[i] = (char)('a' + i % 26);
    open_tls("localhost", tls_port, with_ca(""));
    until(is_ready, 5000);
    is_set = false;
    for (int i = 0; i < 8; i++)
        cache->ops->set(cache, HUB_STR("large"), hub_str(text, LARGE), 0, i == 7 ? on_set : NULL, NULL);
    until(set_came, 20000);
    assert_int_equal(set_code, HUB_OK);
    const struct hub_str name = HUB_STR("large");
    got = 0;
    cache->ops->get(cache, &name, 1, on_large, NULL);
    until(large_came, 20000);
    assert_int_equal(got_n, LARGE);
    assert_true(is_ready());
    close_cache();
    free(text);
}

static void on_one(void *arg, enum hub_code code, const struct hub_str *values) {
    (void)arg, (void)values;
    got += code == HUB_OK;
}

static void many_commands_of_a_turn_are_answered(void **state) {
    const struct hub_str name = HUB_STR("nobody");
    (void)state;
    open_tls("localhost", tls_port, with_ca(""));
    until(is_ready, 5000);
    got = 0;
    for (int i = 0; i < MANY; i++) cache->ops->get(cache, &name, 1, on_one, NULL);
    until(all_came, 20000);
    close_cache();
}

static bool gone;
static void on_gone(void *arg) { (void)arg, gone = true; }
static bool is_gone(void) { return gone; }
static bool events_come(void) { return metric("hubd_cache_keyspace_events") == 1; }

/* The second connection, which listens, is one by TLS too. */
static void a_watched_key_is_told_of_and_a_lost_connection_made_anew(void **state) {
    (void)state;
    redis_tell(&server, "CONFIG SET notify-keyspace-events KEA");
    open_tls("localhost", tls_port, with_ca(""));
    until(is_ready, 5000);
    is_set = gone = false;
    cache->ops->set(cache, HUB_STR("watched"), HUB_STR("1"), 60000, on_set, NULL);
    until(set_came, 5000);
    cache->ops->watch(cache, HUB_STR("watched"), on_gone, NULL);
    until_turned(events_come, 40000);
    int64_t before = metric("hubd_cache_reconnects_total");
    redis_tell(&server, "CLIENT KILL TYPE normal SKIPME yes");
    until(is_away, 5000);
    until(is_ready, 5000);
    assert_int_equal(metric("hubd_cache_reconnects_total"), before + 1);
    assert_false(gone);
    const struct hub_str name = HUB_STR("watched");
    json_t *del = json_pack("[ss]", "DEL", name.p);
    cache->ops->call(cache, del, on_came_back, NULL);
    json_decref(del);
    until(is_gone, 30000);
    close_cache();
}

static int setup_server(void **state) {
    (void)state;
    make_certificate(server.dir);
    tls_port = redis_free_port();
    redis_kill(&server);
    start_server("no");
    return 0;
}

static int remove_files(void **state) {
    (void)state;
    unlink(cert);
    unlink(key);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_must_be_signed_by_a_known_authority),
        cmocka_unit_test(a_certificate_must_name_whom_it_is_asked_for),
        cmocka_unit_test(only_what_is_written_to_be_insecure_is),
        cmocka_unit_test(a_server_may_want_a_certificate_too),
        cmocka_unit_test(a_file_that_cannot_be_used_is_refused_by_name),
        cmocka_unit_test(who_speaks_no_tls_is_told_apart),
        cmocka_unit_test(what_is_larger_than_a_record_arrives_whole),
        cmocka_unit_test(many_commands_of_a_turn_are_answered),
        cmocka_unit_test(a_watched_key_is_told_of_and_a_lost_connection_made_anew),
    };
    RUN_ON_REDIS_WITH(tests, setup_server, remove_files);
}
