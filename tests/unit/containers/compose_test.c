/* compose.yaml, read as data: it parses, its names meet, and each hub service is a service directory of
 * this tree that runs with few rights. Whether containers come of it only an engine can tell
 * (tests/containers/run.sh). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io/file.h"
#include "schema/load.h"
#include "schema/source.h"
#include "schema/tree.h"

static struct hub_arena *arena;
static const struct hub_node *services;

static const struct hub_node *need(const struct hub_node *map, const char *key) {
    const struct hub_node *n = hub_node_get(map, hub_cstr(key));
    if (!n) fail_msg("%s has no %s", hub_node_path(arena, map), key);
    return n;
}

static void assert_is(const struct hub_node *map, const char *key, const char *text) {
    assert_string_equal(hub_arena_dup(arena, need(map, key)->text), text);
}

static bool has_item(const struct hub_node *list, const char *text) {
    for (const struct hub_node *n = list->first; n; n = n->next)
        if (hub_str_is(n->text, text)) return true;
    return false;
}

static int setup(void **state) {
    (void)state;
    struct hub_buf text = {0};
    struct hub_err err;
    struct hub_diags *diags = hub_diags_new();
    arena = hub_arena_new();
    assert_int_equal(hub_file_read("compose.yaml", 1 << 20, &text, &err), HUB_OK);
    services =
        need(hub_tree_parse(arena, hub_source_new(arena, "compose.yaml", 'S', hub_buf_str(&text)), diags), "services");
    assert_int_equal(hub_diags_n(diags), 0);
    hub_buf_free(&text);
    hub_diags_free(diags);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    hub_arena_free(arena);
    return 0;
}

/* The next service that is built from this tree, after AFTER (NULL: the first). */
static const struct hub_node *next_hub(const struct hub_node *after) {
    const struct hub_node *n = after ? after->next : services->first;
    while (n && !hub_node_get(n, HUB_STR("build"))) n = n->next;
    return n;
}

/* "scheme://[user@]host[:port]…" */
static struct hub_str host_of(struct hub_str url) {
    struct hub_str rest = url, before;
    while (hub_str_split(&rest, '/', &before) && before.n) continue;
    hub_str_split(&rest, '/', &before);
    size_t at = hub_str_find(before, '@');
    if (at < before.n) before = hub_str(before.p + at + 1, before.n - at - 1);
    return hub_str(before.p, hub_str_find(before, ':'));
}

static void backends_and_at_least_two_hubs_are_there(void **state) {
    (void)state;
    need(services, "postgres");
    need(services, "redis");
    need(services, "kafka");
    need(services, "chat");
    assert_non_null(next_hub(next_hub(NULL)));
}

static void urls_and_dependencies_name_services_that_tell_when_they_are_well(void **state) {
    (void)state;
    for (const struct hub_node *hub = next_hub(NULL); hub; hub = next_hub(hub)) {
        static const char *const urls[] = {"HUBD_STORE_URL", "HUBD_CACHE_URL", "HUBD_BUS_URL"};
        const struct hub_node *waits = need(hub, "depends_on"), *environment = need(hub, "environment");
        for (size_t i = 0; i < 3; i++) {
            const char *host = hub_arena_dup(arena, host_of(need(environment, urls[i])->text));
            need(need(services, host), "healthcheck");
            assert_is(need(waits, host), "condition", "service_healthy");
        }
        assert_int_equal(waits->n, 3);
    }
}

static void each_hub_serves_a_directory_of_this_tree_with_few_rights(void **state) {
    (void)state;
    for (const struct hub_node *hub = next_hub(NULL); hub; hub = next_hub(hub)) {
        const struct hub_node *mount = need(hub, "volumes")->first;
        struct hub_str rest = mount->text, folder;
        hub_str_split(&rest, ':', &folder);
        assert_string_equal(hub_arena_dup(arena, rest), "/service:ro");
        assert_int_equal(access(hub_arena_fmt(arena, "%.*s/service.yaml", HUB_FMT(folder)), R_OK), 0);
        assert_is(need(hub, "build"), "dockerfile", "Containerfile");
        assert_is(hub, "read_only", "true");
        assert_true(has_item(need(hub, "cap_drop"), "ALL"));
        assert_true(has_item(need(hub, "security_opt"), "no-new-privileges:true"));
        assert_true(has_item(need(hub, "command"), "/service"));
    }
}

/* In the environment that compose.yaml gives it, on the address that the image listens on: as hubd
 * --check. */
static void each_hub_is_accepted_with_its_environment(void **state) {
    (void)state;
    static const struct hub_override listen[] = {{"listen.host", "0.0.0.0"}, {"listen.port", "8080"}};
    static const struct hub_load_options options = {.overrides = listen, .override_n = 2};
    for (const struct hub_node *hub = next_hub(NULL); hub; hub = next_hub(hub)) {
        const struct hub_node *environment = need(hub, "environment");
        struct hub_str rest = need(hub, "volumes")->first->text, folder;
        hub_str_split(&rest, ':', &folder);
        for (const struct hub_node *n = environment->first; n; n = n->next)
            setenv(hub_arena_dup(arena, n->key), hub_arena_dup(arena, n->text), 1);
        struct hub_diags *diags = hub_diags_new();
        struct hub_buf found = {0};
        struct hub_service *service = NULL;
        enum hub_code code = hub_service_load(hub_arena_dup(arena, folder), &options, diags, &service);
        hub_diags_print(diags, HUB_DIAG_TEXT, &found);
        if (code || hub_diags_n(diags)) fail_msg("%.*s", HUB_FMT(hub_buf_str(&found)));
        assert_string_equal(service->store_url, hub_arena_dup(arena, need(environment, "HUBD_STORE_URL")->text));
        assert_string_equal(service->cache_url, hub_arena_dup(arena, need(environment, "HUBD_CACHE_URL")->text));
        assert_string_equal(service->bus_url, hub_arena_dup(arena, need(environment, "HUBD_BUS_URL")->text));
        hub_service_free(service);
        hub_buf_free(&found);
        hub_diags_free(diags);
        for (const struct hub_node *n = environment->first; n; n = n->next) unsetenv(hub_arena_dup(arena, n->key));
    }
}

/* A name that nobody reads would be taken for a setting that works. */
static void environments_have_names_that_hubd_reads_and_ports_go_to_where_the_image_listens(void **state) {
    (void)state;
    static const char *const names[] = {"HUBD_STORE_URL", "HUBD_CACHE_URL", "HUBD_BUS_URL", "HUBD_ALLOW_DEV_AUTH"};
    struct hub_buf image = {0};
    struct hub_err err;
    assert_int_equal(hub_file_read("Containerfile", 1 << 20, &image, &err), HUB_OK);
    hub_buf_addc(&image, 0);
    assert_non_null(strstr(image.p, "\nENV HUBD_LISTEN_HOST=0.0.0.0 HUBD_LISTEN_PORT=8080\n"));
    assert_non_null(strstr(image.p, "\nEXPOSE 8080\n"));
    hub_buf_free(&image);
    for (const struct hub_node *hub = next_hub(NULL); hub; hub = next_hub(hub)) {
        for (const struct hub_node *n = need(hub, "environment")->first; n; n = n->next) {
            bool known = false;
            for (size_t i = 0; i < sizeof names / sizeof *names; i++) known |= hub_str_is(n->key, names[i]);
            if (!known) fail_msg("hubd does not read %.*s", HUB_FMT(n->key));
        }
        struct hub_str port = need(hub, "ports")->first->text;
        assert_true(hub_str_ends(port, HUB_STR(":8080")));
    }
}

static void no_two_hubs_share_a_port_or_a_redis_database_and_none_is_open_to_the_network(void **state) {
    (void)state;
    for (const struct hub_node *a = next_hub(NULL); a; a = next_hub(a)) {
        const struct hub_node *port = need(a, "ports")->first, *cache = need(need(a, "environment"), "HUBD_CACHE_URL");
        assert_true(hub_str_starts(port->text, HUB_STR("127.0.0.1:"))); /* dev authentication is on */
        for (const struct hub_node *b = next_hub(a); b; b = next_hub(b)) {
            assert_false(hub_str_eq(port->text, need(b, "ports")->first->text));
            assert_false(hub_str_eq(cache->text, need(need(b, "environment"), "HUBD_CACHE_URL")->text));
        }
    }
}

#define T(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(backends_and_at_least_two_hubs_are_there),
        T(urls_and_dependencies_name_services_that_tell_when_they_are_well),
        T(each_hub_serves_a_directory_of_this_tree_with_few_rights),
        T(each_hub_is_accepted_with_its_environment),
        T(environments_have_names_that_hubd_reads_and_ports_go_to_where_the_image_listens),
        T(no_two_hubs_share_a_port_or_a_redis_database_and_none_is_open_to_the_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
