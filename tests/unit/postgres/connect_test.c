/* The URL: what is taken out of it, what is shown of it, and the servers that it leads to. */
#include "store_fixture.h"

#include "adapters/postgres/postgres_int.h"
#include "base/time/clock.h"
#include "postgres_server.h"
#include "tcp_proxy.h"

static struct postgres_server server;

static const char *value_of(const struct conninfo *c, const char *key) {
    const char *value = NULL;
    for (size_t i = 0; i < c->n; i++)
        if (!strcmp(c->keys[i], key)) value = c->values[i];
    return value;
}

static void the_url_is_shown_without_what_is_secret(void **state) {
    (void)state;
    static const char *const urls[][2] = {
        {"postgresql://ann:s3cret@db.example:5433/chat?sslmode=require", "postgresql://ann@db.example:5433/chat"},
        {"postgres://a,b:5433/chat?password=s3cret&user=ann", "postgresql://ann@a,b:5433/chat"},
        {"postgresql:///chat?host=/run/postgresql&password=s3cret", "postgresql:///chat?host=/run/postgresql"},
        {"postgresql://[::1]:5433/chat?sslpassword=s3cret&sslkey=k", "postgresql://[::1]:5433/chat"},
    };
    for (size_t i = 0; i < HUB_NELEM(urls); i++) {
        struct conninfo c;
        assert_int_equal(hub_pg_conninfo_parse(urls[i][0], "shop", 5000, &c, NULL), HUB_OK);
        assert_string_equal(c.shown, urls[i][1]);
        hub_pg_conninfo_free(&c);
    }
}

static void options_of_the_url_win_over_ours_but_not_over_the_forms_of_values(void **state) {
    (void)state;
    struct conninfo c;
    assert_int_equal(
        hub_pg_conninfo_parse(
            "postgresql://h/d?keepalives_idle=77&options=-csearch_path%3Dshop%20-cDateStyle%3DGerman&connect_timeout=9",
            "shop", 1234, &c, NULL),
        HUB_OK);
    assert_string_equal(value_of(&c, "keepalives_idle"), "77");
    assert_string_equal(value_of(&c, "tcp_user_timeout"), "15000");
    assert_string_equal(value_of(&c, "application_name"), "hubd shop");
    assert_int_equal(c.connect_ms, 9000);
    const char *options = value_of(&c, "options");
    assert_non_null(strstr(options, "-c statement_timeout=1234"));
    assert_non_null(strstr(options, "-csearch_path=shop"));
    assert_true(strstr(options, "DateStyle=ISO") > strstr(options, "DateStyle=German")); /* the last one counts */
    hub_pg_conninfo_free(&c);
}

static void a_url_that_is_wrong_says_where(void **state) {
    (void)state;
    struct conninfo c;
    struct hub_err err;
    assert_int_equal(hub_pg_conninfo_parse("postgresql://h/d?sslmod=require", "shop", 5000, &c, &err), HUB_BAD_REQUEST);
    assert_non_null(strstr(err.text, "sslmod"));
}

static void a_password_that_was_not_escaped_is_not_shown_when_the_url_is_refused(void **state) {
    (void)state;
    static const char *const urls[] = {
        "postgresql://ann:s3/cret@db/chat",       "postgresql://ann:s3@cret@db/chat",
        "postgresql://ann:s3%cret@db/chat",       "postgresql://ann:s3@[cret/chat",
        "postgresql://db/chat?s3=cret",           "postgresql://db/chat?sslmode=require&s3cret",
        "postgresql://db/chat?password=s3%cret=", "postgresql://db/chat?password=s3=cret",
    };
    for (size_t i = 0; i < HUB_NELEM(urls); i++) {
        struct conninfo c;
        struct hub_err err;
        assert_int_equal(hub_pg_conninfo_parse(urls[i], "shop", 5000, &c, &err), HUB_BAD_REQUEST);
        assert_null(strstr(err.text, "s3"));
        assert_null(strstr(err.text, "cret"));
        assert_non_null(strstr(err.text, "%2F"));
    }
}

/* ---- servers ---- */

static struct hub_timer tick;
static int64_t give_up_at;

static void on_tick(struct hub_timer *t) {
    if (store->ops->ready(store, NULL) || hub_real_ms() > give_up_at)
        hub_loop_stop(loop);
    else
        hub_timer_start(loop, t, 10, on_tick);
}

/* Whether a store with this URL comes up within LIMIT_MS; WHY gets what it says if not. */
static bool comes_up(const char *with, int64_t limit_ms, struct hub_buf *why) {
    struct hub_err err;
    snprintf(url, sizeof url, "%s", with);
    loop = hub_loop_new(NULL);
    if (open_with(&hub_postgres_ops, msg_tables, 1, &err)) fail_msg("%s", err.text);
    give_up_at = hub_real_ms() + limit_ms;
    hub_timer_start(loop, &tick, 0, on_tick);
    hub_loop_run(loop);
    bool up = store->ops->ready(store, why);
    close_store_only();
    hub_loop_delete(loop);
    return up;
}

static void expect_up(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void expect_up(const char *format, ...) {
    char text[256];
    struct hub_buf why = {0};
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    if (!comes_up(text, 10000, &why)) fail_msg("%s: %s", text, hub_buf_cstr(&why));
    hub_buf_free(&why);
}

static void names_addresses_and_sockets_lead_to_the_server(void **state) {
    (void)state;
    expect_up("postgresql://postgres@127.0.0.1:%d/postgres", server.port);
    expect_up("postgres://postgres@localhost:%d/postgres", server.port);
    expect_up("postgresql://postgres@/postgres?host=%s&port=%d", server.folder, server.port);
    expect_up("postgresql://postgres@/postgres?hostaddr=127.0.0.1&port=%d", server.port);
}

static void hosts_that_refuse_hang_or_have_no_address_are_passed_over(void **state) {
    (void)state;
    struct tcp_proxy silent;
    proxy_start(&silent, server.port);
    proxy_set(&silent, PROXY_LOSE_REPLIES);
    expect_up("postgresql://postgres@127.0.0.1:1,127.0.0.1:%d/postgres", server.port);
    expect_up("postgresql://postgres@nowhere.invalid:%d,localhost:%d/postgres", server.port, server.port);
    expect_up("postgresql://postgres@127.0.0.1:%d,127.0.0.1:%d/postgres?connect_timeout=1", silent.port, server.port);
    proxy_stop(&silent);
}

static void a_server_of_the_wrong_kind_is_not_taken(void **state) {
    (void)state;
    char text[160];
    struct hub_buf why = {0};
    snprintf(text, sizeof text, "postgresql://postgres@127.0.0.1:%d/postgres?target_session_attrs=standby",
             server.port);
    assert_false(comes_up(text, 1000, &why));
    assert_non_null(strstr(hub_buf_cstr(&why), "hot standby"));
    hub_buf_free(&why);
}

static void a_wrong_password_is_said_and_not_shown(void **state) {
    (void)state;
    char text[160];
    struct hub_buf why = {0};
    assert_true(postgres_sql(&server, "postgres", "CREATE ROLE locked LOGIN PASSWORD 'right'", NULL, 0));
    snprintf(text, sizeof text, "sed -i '1i host all locked 127.0.0.1/32 scram-sha-256' %s/data/pg_hba.conf",
             server.folder);
    assert_int_equal(system(text), 0);
    assert_true(postgres_sql(&server, "postgres", "SELECT pg_reload_conf()", NULL, 0));
    expect_up("postgresql://locked:right@127.0.0.1:%d/postgres", server.port);
    snprintf(text, sizeof text, "postgresql://locked:s3cret@127.0.0.1:%d/postgres", server.port);
    assert_false(comes_up(text, 1000, &why));
    assert_non_null(strstr(hub_buf_cstr(&why), "password authentication failed"));
    assert_null(strstr(hub_buf_cstr(&why), "s3cret"));
    hub_buf_free(&why);
}

/* ---- TLS ---- */

static void make_certificate(const char *name) {
    char command[512];
    snprintf(command, sizeof command,
             "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout %s.key -out %s.crt -days 2 -subj "
             "/CN=localhost -addext "
             "subjectAltName=DNS:localhost 2>/dev/null && chown --reference=. %s.key %s.crt && chmod 600 %s.key",
             server.folder, name, name, name, name, name);
    assert_int_equal(system(command), 0);
}

static void turn_tls_on(void) {
    char sql_text[160];
    make_certificate("server");
    make_certificate("stranger");
    snprintf(sql_text, sizeof sql_text, "ALTER SYSTEM SET ssl_cert_file = '%s/server.crt'", server.folder);
    assert_true(postgres_sql(&server, "postgres", sql_text, NULL, 0));
    snprintf(sql_text, sizeof sql_text, "ALTER SYSTEM SET ssl_key_file = '%s/server.key'", server.folder);
    assert_true(postgres_sql(&server, "postgres", sql_text, NULL, 0));
    assert_true(postgres_sql(&server, "postgres", "ALTER SYSTEM SET ssl = on", NULL, 0));
    postgres_halt(&server, SIGINT);
    assert_true(postgres_run(&server));
}

static void tls_is_as_strict_as_the_url_says(void **state) {
    (void)state;
    char text[256];
    struct hub_buf why = {0};
    turn_tls_on();
    expect_up("postgresql://postgres@localhost:%d/postgres?sslmode=require", server.port);
    expect_up("postgresql://postgres@localhost:%d/postgres?sslmode=verify-full&sslrootcert=%s/server.crt", server.port,
              server.folder);
    snprintf(text, sizeof text,
             "postgresql://postgres@localhost:%d/postgres?sslmode=verify-full&sslrootcert=%s/stranger.crt", server.port,
             server.folder);
    assert_false(comes_up(text, 1000, &why));
    assert_non_null(strstr(hub_buf_cstr(&why), "certificate"));
    hub_buf_clear(&why);
    snprintf(text, sizeof text,
             "postgresql://postgres@127.0.0.1:%d/postgres?sslmode=verify-full&sslrootcert=%s/server.crt", server.port,
             server.folder);
    assert_false(comes_up(text, 1000, &why));
    assert_non_null(strstr(hub_buf_cstr(&why), "127.0.0.1"));
    hub_buf_free(&why);
}

static int stop_server(void **state) {
    (void)state;
    postgres_stop(&server);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_url_is_shown_without_what_is_secret),
        cmocka_unit_test(options_of_the_url_win_over_ours_but_not_over_the_forms_of_values),
        cmocka_unit_test(a_url_that_is_wrong_says_where),
        cmocka_unit_test(a_password_that_was_not_escaped_is_not_shown_when_the_url_is_refused),
        cmocka_unit_test(names_addresses_and_sockets_lead_to_the_server),
        cmocka_unit_test(hosts_that_refuse_hang_or_have_no_address_are_passed_over),
        cmocka_unit_test(a_server_of_the_wrong_kind_is_not_taken),
        cmocka_unit_test(a_wrong_password_is_said_and_not_shown),
        cmocka_unit_test(tls_is_as_strict_as_the_url_says),
    };
    const char *reason;
    if (!postgres_start(&server, &reason)) {
        postgres_stop(&server);
        fprintf(stderr, "skipped: %s\n", reason);
        return getenv("CI") ? 1 : 77;
    }
    return cmocka_run_group_tests(tests, NULL, stop_server);
}
