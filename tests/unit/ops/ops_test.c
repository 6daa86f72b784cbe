/* What operators ask, and the files that a service shows: nothing a request says becomes a path of the file
 * system. */
#include <sys/stat.h>
#include <unistd.h>

#include "fake_backends.h"
#include "fake_eio.h" /* so that nothing of the transport is linked */
#include "fake_http.h"
#include "fake_store.h"
#include "ops/ops.h"

/* ---- health ---- */

struct service {
    struct fake_store store;
    struct fake_cache cache;
    struct fake_bus bus;
    bool open, draining;
    struct hub_ops_config config;
};
static void begin(struct service *s) {
    *s = (struct service){.open = true};
    s->store.base.ops = &fake_store_ops;
    s->cache.base.ops = &fake_cache_ops;
    s->bus.base.ops = &fake_bus_ops;
    s->config = (struct hub_ops_config){.store = &s->store.base,
                                        .cache = &s->cache.base,
                                        .bus = &s->bus.base,
                                        .open = &s->open,
                                        .draining = &s->draining};
}
static void expect(const struct service *s, const char *path, int status, const char *body) {
    struct hub_http_req r = {.path = path};
    assert_true(hub_ops_handle(&s->config, &r));
    fake_is_answered(&r, status, body);
    fake_has_header(&r, "Cache-Control: no-store\r\n");
    fake_forget_answer(&r);
}

static void readiness_names_every_part_that_is_not_ready(void **state) {
    struct service s;
    (void)state;
    begin(&s);
    expect(&s, "/readyz", 200, "{\"ready\":true,\"notReady\":[]}");
    s.cache.away = s.bus.away = true;
    s.store.away = HUB_STORE_UNAVAILABLE;
    expect(&s, "/readyz", 503,
           "{\"ready\":false,\"notReady\":[{\"part\":\"store\",\"reason\":\"the store is away\"},"
           "{\"part\":\"cache\",\"reason\":\"the cache is away\"},{\"part\":\"bus\",\"reason\":\"the bus is away\"}]}");
    expect(&s, "/healthz", 200, "{\"status\":\"ok\"}"); /* the process lives all the same */
    begin(&s);
    s.draining = true;
    expect(&s, "/readyz", 503, "[{\"part\":\"service\",\"reason\":\"draining\"}]");
    begin(&s);
    s.open = false;
    expect(&s, "/readyz", 503, "[{\"part\":\"service\",\"reason\":\"starting\"}]");
    s.config.store = NULL;
    expect(&s, "/readyz", 503, "[{\"part\":\"store\",\"reason\":\"not reached yet\"}]"); /* that says it already */
}

static void metrics_say_what_is_under_way(void **state) {
    struct service s;
    struct hub_loop *loop = hub_loop_new(NULL);
    struct hub_holds holds = {0};
    struct hub_hold hold = {0};
    (void)state;
    begin(&s);
    s.config.started_ms = 1700000000999;
    expect(&s, "/metrics", 200, "hubd_build_info{version="); /* also before there is an engine */
    expect(&s, "/metrics", 200, "\nhubd_start_time_seconds 1700000000\n");
    hub_holds_init(&holds, loop);
    s.config.holds = &holds;
    hub_hold(&holds, &hold, "unit test");
    expect(&s, "/metrics", 200, "hubd_holds{what=\"unit test\"} 1\n");
    hub_unhold(&hold);
    expect(&s, "/metrics", 200, "hubd_holds{what=\"unit test\"} 0\n");
    hub_holds_deinit(&holds);
    hub_loop_delete(loop);
}

static void other_paths_and_methods_are_not_theirs(void **state) {
    struct service s;
    struct hub_http_req other = {.path = "/healthz/"}, post = {.path = "/metrics", .method = HUB_HTTP_POST},
                        head = {.path = "/healthz", .method = HUB_HTTP_HEAD};
    (void)state;
    begin(&s);
    assert_false(hub_ops_handle(&s.config, &other));
    assert_int_equal(other.answers, 0);
    assert_true(hub_ops_handle(&s.config, &post));
    fake_is_answered(&post, 405, "");
    fake_has_header(&post, "Allow: GET, HEAD\r\n");
    assert_true(hub_ops_handle(&s.config, &head));
    fake_is_answered(&head, 200, "");
    fake_forget_answer(&post);
    fake_forget_answer(&head);
}

/* ---- static files ---- */

struct folder {
    char path[40], at[100];
};
static void new_folder(struct folder *d) {
    snprintf(d->path, sizeof d->path, "/tmp/hubd-static-XXXXXX");
    assert_non_null(mkdtemp(d->path));
}
static const char *inside(struct folder *d, const char *name) {
    snprintf(d->at, sizeof d->at, "%s/%s", d->path, name);
    return d->at;
}
static void put_file(struct folder *d, const char *name, const char *text) {
    FILE *f = fopen(inside(d, name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}
static void remove_folder(const struct folder *d) {
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", d->path);
    assert_int_equal(system(command), 0);
}
static void count_skipped(void *arg, const char *path) {
    (void)path;
    ++*(int *)arg;
}
static bool shows(const struct hub_static *s, const char *path, const char *want) {
    struct hub_http_req r = {.path = path};
    bool taken = hub_static_handle(s, &r);
    if (taken) fake_is_answered(&r, 200, want);
    fake_forget_answer(&r);
    return taken;
}

static void files_are_shown_as_they_were_at_the_start_and_nothing_beside_them(void **state) {
    struct folder d;
    struct hub_static *s;
    struct hub_err err;
    int skipped = 0;
    (void)state;
    new_folder(&d);
    mkdir(inside(&d, "js"), 0700);
    put_file(&d, "index.html", "<p>");
    put_file(&d, "js/app.js", "let a");
    put_file(&d, ".secret", "no");
    assert_int_equal(symlink("/nothing/there", inside(&d, "dead")), 0);
    assert_int_equal(hub_static_load(d.path, count_skipped, &skipped, &s, &err), HUB_OK);
    assert_int_equal(skipped, 1); /* the link that leads nowhere */
    put_file(&d, "index.html", "later");
    assert_true(shows(s, "/", "<p>"));
    assert_true(shows(s, "/index.html", "<p>"));
    assert_true(shows(s, "/js/app.js", "let a"));
    const char *const none[] = {"/.secret",          "/dead",          "/js",        "/js/",
                                "/js/../index.html", "/../etc/passwd", "/INDEX.html"};
    for (size_t i = 0; i < HUB_NELEM(none); i++) assert_false(shows(s, none[i], ""));
    struct hub_http_req r = {.path = "/", .method = HUB_HTTP_POST};
    assert_false(hub_static_handle(s, &r));
    assert_false(hub_static_handle(NULL, &r));
    hub_static_free(s);
    remove_folder(&d);
}

static void who_has_a_file_already_is_not_sent_it_again(void **state) {
    struct folder d;
    struct hub_static *s;
    struct hub_err err;
    char etag[24] = "";
    (void)state;
    new_folder(&d);
    put_file(&d, "a.txt", "text");
    assert_int_equal(hub_static_load(d.path, NULL, NULL, &s, &err), HUB_OK);
    struct hub_http_req r = {.path = "/a.txt"};
    assert_true(hub_static_handle(s, &r));
    fake_has_header(&r, "X-Content-Type-Options: nosniff\r\n");
    fake_has_header(&r, "Content-Security-Policy: default-src 'self';");
    assert_string_equal(hub_buf_cstr(&r.answer_type), "text/plain; charset=utf-8");
    assert_int_equal(sscanf(strstr(hub_buf_cstr(&r.headers), "ETag: "), "ETag: %23s", etag), 1);
    fake_forget_answer(&r);
    r.if_none_match = etag;
    assert_true(hub_static_handle(s, &r));
    fake_is_answered(&r, 304, "");
    assert_int_equal(r.answer.n, 0);
    fake_forget_answer(&r);
    hub_static_free(s);
    remove_folder(&d);
}

static void whoever_takes_gzip_gets_a_file_in_it_with_a_tag_of_its_own(void **state) {
    struct folder d;
    struct hub_static *s;
    struct hub_err err;
    char text[2001];
    (void)state;
    memset(text, 'x', 2000), text[2000] = 0;
    new_folder(&d);
    put_file(&d, "a.txt", text);
    put_file(&d, "b.txt", "short");
    assert_int_equal(hub_static_load(d.path, NULL, NULL, &s, &err), HUB_OK);
    struct hub_http_req plain = {.path = "/a.txt"}, packed = {.path = "/a.txt", .gzip = true};
    assert_true(hub_static_handle(s, &plain));
    fake_is_answered(&plain, 200, text);
    assert_null(strstr(hub_buf_cstr(&plain.headers), "Content-Encoding"));
    for (int i = 0; i < 2; i++) { /* the second time it is there already */
        assert_true(hub_static_handle(s, &packed));
        fake_is_answered(&packed, 200, "\x1f\x8b\x08");
        assert_in_range(packed.answer.n, 18, 100);
        fake_has_header(&packed, "-gzip\"\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding\r\n");
        if (!i) fake_forget_answer(&packed);
    }
    char etag[40];
    assert_int_equal(sscanf(strstr(hub_buf_cstr(&packed.headers), "ETag: "), "ETag: %39s", etag), 1);
    fake_forget_answer(&packed);
    fake_forget_answer(&plain);
    packed.if_none_match = plain.if_none_match = etag;
    assert_true(hub_static_handle(s, &packed));
    assert_true(hub_static_handle(s, &plain));
    fake_is_answered(&packed, 304, "");
    fake_is_answered(&plain, 200, text);
    fake_forget_answer(&packed);
    fake_forget_answer(&plain);
    struct hub_http_req small = {.path = "/b.txt", .gzip = true};
    assert_true(hub_static_handle(s, &small));
    fake_is_answered(&small, 200, "short"); /* it would not be shorter */
    fake_forget_answer(&small);
    hub_static_free(s);
    remove_folder(&d);
}

static void a_folder_that_is_not_there_is_nothing_and_too_many_files_are_an_error(void **state) {
    struct folder d;
    struct hub_static *s;
    struct hub_err err;
    char name[24];
    (void)state;
    new_folder(&d);
    assert_int_equal(hub_static_load(inside(&d, "nothing"), NULL, NULL, &s, &err), HUB_OK);
    assert_null(s);
    for (int i = 0; i <= 1000; i++) {
        snprintf(name, sizeof name, "%d.txt", i);
        put_file(&d, name, "x");
    }
    assert_int_equal(hub_static_load(d.path, NULL, NULL, &s, &err), HUB_INTERNAL);
    assert_null(s);
    assert_non_null(strstr(err.text, "more than 1000 files or 16 MiB"));
    unlink(inside(&d, "0.txt"));
    assert_int_equal(hub_static_load(d.path, NULL, NULL, &s, &err), HUB_OK);
    hub_static_free(s);
    remove_folder(&d);
}

/* ---- the console ---- */

static void the_console_takes_every_path_of_its_own_and_is_off_unless_it_is_on(void **state) {
    struct hub_def hubs[] = {{.name = "chat"}};
    struct hub_service service = {.name = "s", .hubs = hubs, .hub_n = 1, .listen_path = "/socket.io"};
    struct folder d;
    struct hub_static *files;
    struct hub_err err;
    (void)state;
    new_folder(&d);
    put_file(&d, "x", "x");
    assert_int_equal(hub_static_load(d.path, NULL, NULL, &files, &err), HUB_OK);
    static const struct {
        bool on, built;
        enum hub_http_method method;
        const char *path;
        int status; /* 0: not taken */
        const char *want;
    } cases[] = {
        {true, true, HUB_HTTP_GET, "/consoles", 0, ""},
        {false, true, HUB_HTTP_GET, "/console/app.js", 404, "console: true"},
        {true, true, HUB_HTTP_POST, "/console", 405, ""},
        {true, false, HUB_HTTP_GET, "/console", 503, "built without its console"},
        {true, true, HUB_HTTP_GET, "/console", 308, ""},
        {true, true, HUB_HTTP_GET, "/console/hubs.json", 200, "\"hubs\":[\"chat\"]"},
        {true, true, HUB_HTTP_GET, "/console/nothing", 404, "nothing at this path"},
    };
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct hub_http_req r = {.path = cases[i].path, .method = cases[i].method};
        service.console = cases[i].on;
        bool taken = hub_console_handle(&service, cases[i].built ? files : NULL, &r);
        assert_int_equal(taken, cases[i].status != 0);
        if (taken) fake_is_answered(&r, cases[i].status, cases[i].want);
        if (cases[i].status == 308) fake_has_header(&r, "Location: console/\r\n"); /* below every base path */
        fake_forget_answer(&r);
    }
    hub_static_free(files);
    remove_folder(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readiness_names_every_part_that_is_not_ready),
        cmocka_unit_test(metrics_say_what_is_under_way),
        cmocka_unit_test(other_paths_and_methods_are_not_theirs),
        cmocka_unit_test(files_are_shown_as_they_were_at_the_start_and_nothing_beside_them),
        cmocka_unit_test(who_has_a_file_already_is_not_sent_it_again),
        cmocka_unit_test(whoever_takes_gzip_gets_a_file_in_it_with_a_tag_of_its_own),
        cmocka_unit_test(a_folder_that_is_not_there_is_nothing_and_too_many_files_are_an_error),
        cmocka_unit_test(the_console_takes_every_path_of_its_own_and_is_off_unless_it_is_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
