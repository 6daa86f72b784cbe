/* Loading a service directory into frozen definitions. */
#include "schema/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "schema/memory.h"
#include "schema/table.h"

static struct hub_service *load(const char *dir, const struct hub_load_options *options) {
    struct hub_diags *diags = hub_diags_new();
    struct hub_service *s = NULL;
    enum hub_code code = hub_service_load(dir, options, diags, &s);
    if (code != HUB_OK) {
        struct hub_buf out = {0};
        hub_diags_print(diags, HUB_DIAG_TEXT, &out);
        fprintf(stderr, "%s", hub_buf_cstr(&out));
        hub_buf_free(&out);
    }
    hub_diags_free(diags);
    assert_int_equal(code, HUB_OK);
    return s;
}

static const struct hub_load_options quiet = {.ignore_environment = true};

static void a_service_directory_becomes_definitions(void **state) {
    (void)state;
    struct hub_service *s = load("tests/schema/good/chat", &quiet);
    assert_string_equal(s->name, "messaging");
    assert_string_equal(s->base_path, "/messaging-api");
    assert_string_equal(s->store_url, "sqlite:data/messaging.db");
    assert_int_equal(s->port, 8080);
    assert_true(!s->deflate_websocket && s->gzip_http);
    assert_int_equal(s->deflate_threshold, 1024);
    assert_true(s->dev);
    assert_int_equal(s->authenticate.kind, HUB_SCRIPT_LUA);
    assert_int_equal(s->object_n, 2);
    assert_int_equal(s->namespace_n, 1);
    assert_int_equal(s->namespaces[0].event_n, 3);
    assert_int_equal(s->lib.files.n, 1);
    assert_int_equal(s->lib.files.items[0][0], '/');
    assert_int_equal(s->hub_n, 1);
    const struct hub_def *d = &s->hubs[0];
    assert_string_equal(d->name, "chat");
    assert_string_equal(d->data_object_name, "chatMessage");
    assert_ptr_equal(d->room_object, hub_service_object(s, HUB_STR("conversation")));
    assert_ptr_equal(d->auth_sources[1].hub_role, hub_def_role(d, HUB_STR("member")));
    assert_int_equal(d->auth_sources[1].user_field,
                     hub_def_property(d->auth_sources[1].source_object, HUB_STR("userId")));
    assert_int_equal(hub_def_role(d, HUB_STR("member"))->allowed_message_types.n, 2);
    assert_int_equal(d->message_type_n, 3);
    assert_true(hub_def_message_type(d, HUB_STR("image"))->builtin);
    assert_int_equal(d->history_limit, 20);
    assert_int_equal(d->max_message_size, 65536);
    assert_true(d->auto_bridge);
    hub_service_free(s);
}

static void managed_objects_get_the_properties_hubd_keeps(void **state) {
    (void)state;
    struct hub_service *s = load("tests/schema/good/chat", &quiet);
    const struct hub_def_object *o = hub_service_object(s, HUB_STR("conversation"));
    assert_int_equal(hub_def_property(o, HUB_STR("id")), 0);
    assert_int_equal(o->properties[0].type, HUB_FIELD_ID);
    assert_int_equal(o->property_n, 8);
    assert_string_equal(o->properties[5].name, "createdAt");
    assert_string_equal(o->properties[7].name, "isActive");
    assert_int_equal(o->properties[7].type, HUB_FIELD_BOOLEAN);
    assert_string_equal(o->properties[hub_def_property(o, HUB_STR("ownerId"))].column, "owner_user_id");
    assert_string_equal(o->id_column, "id");
    assert_string_equal(json_string_value(o->properties[2].default_value), "active");
    assert_int_equal(json_array_size(o->seed), 1);
    hub_service_free(s);
}

static void a_script_knows_the_place_of_its_first_character(void **state) {
    (void)state;
    struct hub_service *s = load("tests/schema/good/chat", &quiet);
    const struct hub_script *plain = &s->hubs[0].room_eligibility, *block = &s->namespaces[0].on_disconnect;
    assert_int_equal(plain->line, 6);
    assert_int_equal(plain->column, 20);
    assert_string_equal(plain->path, "roomSettings.roomEligibility");
    assert_string_equal(plain->file, "tests/schema/good/chat/chat.hub.yaml");
    assert_int_equal(block->kind, HUB_SCRIPT_LUA);
    assert_int_equal(block->line, 46);
    assert_int_equal(block->column, 9);
    hub_service_free(s);
}

static void overrides_win_over_the_environment_and_the_file(void **state) {
    (void)state;
    setenv("HUBD_STORE_URL", "sqlite::memory:", 1);
    setenv("HUBD_LISTEN_PORT", "9001", 1);
    const struct hub_override set[] = {{"listen.port", "0"}, {"scripting.cpuMs", "7"}};
    struct hub_service *s =
        load("tests/schema/good/chat", &(struct hub_load_options){.overrides = set, .override_n = 2});
    assert_string_equal(s->store_url, "sqlite::memory:");
    assert_int_equal(s->port, 0);
    assert_int_equal(s->script_cpu_ms, 7);
    hub_service_free(s);
    s = load("tests/schema/good/chat", &quiet);
    assert_int_equal(s->port, 8080);
    hub_service_free(s);
    unsetenv("HUBD_STORE_URL");
    unsetenv("HUBD_LISTEN_PORT");
}

static void a_directory_without_service_yaml_is_not_found(void **state) {
    (void)state;
    struct hub_diags *diags = hub_diags_new();
    struct hub_service *s = NULL;
    assert_int_equal(hub_service_load("tests/unit", &quiet, diags, &s), HUB_NOT_FOUND);
    assert_null(s);
    assert_int_equal(hub_diags_n(diags), 1);
    assert_string_equal(hub_diags_at(diags, 0)->file, "tests/unit/service.yaml");
    hub_diags_free(diags);
}

static void every_way_of_writing_means_what_it_says(void **state) {
    (void)state;
    struct hub_service *s = load("tests/schema/good/everything", &quiet);
    assert_string_equal(s->base_path, "");
    assert_string_equal(s->host, "::1");
    assert_int_equal(s->max_payload, 1000000);
    assert_true(s->deflate_websocket && !s->gzip_http);
    assert_int_equal(s->deflate_threshold, 200);
    assert_int_equal(s->cors_origins.n, 2);
    assert_string_equal(s->cors_origins.items[1], "http://b.example.com:8080");
    assert_true(s->jwt.on && !s->dev && !s->anonymous);
    assert_int_equal(s->jwt.algorithms.n, 3);
    assert_string_equal(s->jwt.public_key_file, "tests/schema/good/everything/keys/rs256.pem");
    assert_string_equal(s->jwt.issuer, "https://issuer.example.com/${NOT_A_VARIABLE}");
    assert_string_equal(s->session_redis_key, "hexasession:${sessionId}");
    assert_non_null(strstr(s->authenticate.text.p, "\n\nsession.tier = claims.tier or \"none ${TIER}\"\n"));
    const struct hub_def_object *o = hub_service_object(s, HUB_STR("ticket"));
    assert_false(o->managed);
    assert_string_equal(o->table, "support.tickets");
    assert_string_equal(o->id_property, "ticketId");
    assert_string_equal(o->id_column, "ticket_id");
    assert_int_equal(o->property_n, 10); /* nothing is added to an existing table that lists its id */
    assert_true(json_real_value(o->properties[4].default_value) == 2.5);
    assert_true(json_is_true(o->properties[5].default_value));
    assert_string_equal(json_string_value(o->properties[6].default_value), ""); /* a text, and not the lack of one */
    assert_int_equal(json_array_size(json_object_get(o->properties[7].default_value, "a")), 5);
    assert_int_equal(json_array_size(o->properties[8].default_value), 2);
    assert_int_equal(json_integer_value(o->properties[9].default_value), 7);
    assert_int_equal(o->api_create.n, 2);
    const struct hub_def_object *listed = hub_service_object(s, HUB_STR("listed"));
    assert_string_equal(listed->properties[2].enum_values.items[2], "true");
    assert_string_equal(json_string_value(json_object_get(json_array_get(listed->seed, 0), "id")), "1");
    hub_service_free(s);
}

static void hubs_of_all_folders_and_endings_are_found(void **state) {
    (void)state;
    struct hub_service *s = load("tests/schema/good/everything", &quiet);
    assert_int_equal(s->hub_n, 3);
    assert_string_equal(s->hubs[0].name, "exported");
    assert_string_equal(s->hubs[0].description, "From a tool: \xf0\x9f\x98\x80 / \"quoted\"");
    assert_string_equal(s->hubs[0].data_object_name, "exportedMessage");
    assert_int_equal(s->hubs[0].room_eligibility.kind, HUB_SCRIPT_NONE);
    assert_null(s->hubs[0].auth_sources[0].hub_role);
    assert_int_equal(s->hubs[0].message_type_n, 3);
    assert_int_equal(hub_def_message_type(&s->hubs[0], HUB_STR("anything"))->field_n, 0);
    assert_int_equal(s->hubs[1].message_type_n, 1);
    const struct hub_def *wrapped = &s->hubs[2];
    assert_string_equal(wrapped->description, "Folded text of several lines.\n");
    assert_int_equal(wrapped->message_type_n, 1); /* text, as when messageSettings is absent */
    assert_string_equal(wrapped->check_script.text.p, "true");
    assert_string_equal(wrapped->auth_scripts[1].script.text.p, "user.name == \"it's\" && \"${A}\" == `${user.id}`");
    assert_null(wrapped->auth_scripts[1].hub_role);
    assert_int_equal(wrapped->auth_scripts[4].script.kind, HUB_SCRIPT_LUA);
    assert_true(wrapped->custom_event_n == 0 && wrapped->auto_bridge);
    assert_true(hub_str_ends(hub_cstr(s->lib.files.items[0]), HUB_STR("everything/lib/game/board.lua")));
    hub_service_free(s);
}

static uint64_t fingerprint_with(const char *dir, const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/lib/%s", dir, name);
    if (text) {
        FILE *f = fopen(path, "w");
        fputs(text, f);
        fclose(f);
    } else {
        unlink(path);
    }
    struct hub_service *s = load(dir, &quiet);
    uint64_t h = s->lib_fingerprint;
    hub_service_free(s);
    return h;
}

static void other_modules_have_another_fingerprint_wherever_the_service_lies(void **state) {
    (void)state;
    char dir[2][24] = {"/tmp/hub-lib-XXXXXX", "/tmp/hub-lib-XXXXXX"}, path[64];
    uint64_t one[2];
    for (int i = 0; i < 2; i++) {
        assert_non_null(mkdtemp(dir[i]));
        snprintf(path, sizeof path, "%s/lib", dir[i]);
        assert_int_equal(mkdir(path, 0700), 0);
        snprintf(path, sizeof path, "%s/service.yaml", dir[i]);
        FILE *f = fopen(path, "w");
        fputs("service: {name: x}\nauth: {dev: true}\nnamespaces: [{path: /x}]\n", f);
        fclose(f);
        one[i] = fingerprint_with(dir[i], "a.lua", "return {}");
    }
    assert_true(one[0] == one[1]);
    assert_true(one[0] != fingerprint_with(dir[0], "a.lua", "return { }"));
    assert_true(one[0] != fingerprint_with(dir[0], "a.lua", NULL));
    assert_true(one[0] != fingerprint_with(dir[0], "b.lua", "return {}"));
    for (int i = 0; i < 2; i++) {
        static const char *const left[] = {"lib/a.lua", "lib/b.lua", "lib", "service.yaml", ""};
        for (size_t k = 0; k < 5; k++) snprintf(path, sizeof path, "%s/%s", dir[i], left[k]), remove(path);
    }
}

static void handlers_hang_on_their_message_types(void **state) {
    (void)state;
    struct hub_service *s = load("tests/schema/good/specification", &quiet);
    const struct hub_def *game = NULL;
    for (size_t i = 0; i < s->hub_n; i++)
        if (strcmp(s->hubs[i].name, "gameLobby") == 0) game = &s->hubs[i];
    const struct hub_def_message_type *move = hub_def_message_type(game, HUB_STR("chessMove"));
    assert_ptr_equal(move->handler, &game->message_handlers[0].script);
    assert_null(hub_def_message_type(game, HUB_STR("bid"))->handler);
    assert_int_equal(move->fields[2].type, HUB_FIELD_ENUM);
    assert_int_equal(move->fields[2].enum_values.n, 6);
    const struct hub_def_message_type *text = hub_def_message_type(game, HUB_STR("text"));
    assert_true(text->field_n == 1 && text->fields[0].required && strcmp(text->fields[0].name, "body") == 0);
    assert_int_equal(hub_def_custom_event(game, HUB_STR("gameOver"))->direction, HUB_SERVER_TO_ROOM);
    assert_false(hub_def_custom_event(game, HUB_STR("gameOver"))->ephemeral);
    assert_true(hub_def_custom_event(game, HUB_STR("presence"))->ephemeral);
    assert_true(game->scheduled_actions[0].keep_alive);
    hub_service_free(s);
}

static void a_file_over_the_limit_is_refused_unread(void **state) {
    (void)state;
    char path[] = "/tmp/hub-large-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(ftruncate(fd, (1 << 20) + 1), 0);
    close(fd);
    struct hub_diags *diags = hub_diags_new();
    assert_int_equal(hub_file_check(path, &quiet, diags), HUB_NOT_FOUND);
    assert_string_equal(hub_diags_at(diags, 0)->code, "Y008");
    hub_diags_free(diags);
    unlink(path);
}

/* ---- passwords ---- */

/* What is printed for a service.yaml of this text: its dump, or else what is wrong with it. */
static void shown_of(const char *text, struct hub_buf *out) {
    char dir[] = "/tmp/hub-load-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/service.yaml", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    struct hub_diags *diags = hub_diags_new();
    struct hub_service *s = NULL;
    enum hub_code code = hub_service_load(dir, &quiet, diags, &s);
    assert_int_equal(code == HUB_OK, s != NULL);
    hub_diags_print(diags, HUB_DIAG_TEXT, out);
    if (s) hub_service_dump(s, out);
    hub_buf_cstr(out);
    hub_service_free(s);
    hub_diags_free(diags);
    unlink(path);
    rmdir(dir);
}

static void the_dump_shows_no_password(void **state) {
    (void)state;
    struct hub_buf out = {0};
    setenv("HUB_TEST_PASSWORD", "s3cret", 1);
    shown_of("service: {name: shop}\n"
             "auth: {anonymous: true}\n"
             "store: {url: \"postgresql://ann:${HUB_TEST_PASSWORD}@db/shop\"}\n"
             "cache: {url: \"redis://:s3cret@cache:6379/2\"}\n"
             "bus:\n"
             "  url: \"kafka://broker:9092?ssl.key.password=s3cret&client.id=shop\"\n"
             "  options: {sasl.username: ann, sasl.password: s3cret, ssl.key.pem: \"${HUB_TEST_PASSWORD}\"}\n",
             &out);
    unsetenv("HUB_TEST_PASSWORD");
    assert_null(strstr(out.p, "s3cret"));
    assert_non_null(strstr(out.p, "url: \"postgresql://ann:***@db/shop\""));
    assert_non_null(strstr(out.p, "url: \"redis://:***@cache:6379/2\""));
    assert_non_null(strstr(out.p, "url: \"kafka://broker:9092?ssl.key.password=***&client.id=shop\""));
    assert_non_null(
        strstr(out.p, "{\"sasl.username\": \"ann\", \"sasl.password\": \"***\", \"ssl.key.pem\": \"***\"}"));
    hub_buf_free(&out);
}

static struct hub_service *service_of(const char *text) {
    struct hub_diags *diags = hub_diags_new();
    struct hub_service *s = NULL;
    assert_int_equal(hub_text_load(hub_cstr(text), hub_str(NULL, 0), &quiet, diags, &s), HUB_OK);
    hub_diags_free(diags);
    assert_non_null(s);
    return s;
}

static void note_kept(void *arg, const char *text) { hub_buf_addf(arg, "%s\n", text); }

static void what_only_a_restart_changes_is_told_and_stays_as_it_was(void **state) {
    (void)state;
    struct hub_buf told = {0};
    struct hub_service *first = service_of("service: {name: shop}\n"
                                           "auth: {anonymous: true}\n"
                                           "store: {url: \"postgresql://ann:s3cret@db/shop\"}\n");
    struct hub_service *now = service_of("service: {name: shop, project: mall}\n"
                                         "listen: {corsOrigins: [\"https://a.example\", \"https://b.example\"]}\n"
                                         "auth: {dev: true}\n"
                                         "store: {url: \"postgresql://ann:s3cret@db/mall\", readConnections: 4}\n"
                                         "bus: {url: \"kafka://b:1\", options: {sasl.password: s3cret}}\n"
                                         "scripting: {cpuMs: 7, wallMs: 2m}\n");
    hub_service_keep(now, first, note_kept, &told);
    assert_string_equal(hub_buf_cstr(&told),
                        "service.project: hubd -> mall needs a restart\n"
                        "listen.corsOrigins: [] -> [https://a.example, https://b.example] needs a restart\n"
                        "store.url: postgresql://ann:***@db/shop -> postgresql://ann:***@db/mall needs a restart\n"
                        "store.readConnections: 2 -> 4 needs a restart\n"
                        "bus.url: memory: -> kafka://b:1 needs a restart\n"
                        "bus.options needs a restart\n");
    assert_string_equal(now->project, "hubd");
    assert_int_equal(now->store_read_connections, 2);
    assert_int_equal(now->bus_options.n, 0);
    assert_int_equal(now->cors_origins.n, 0);
    assert_true(now->dev); /* the others are the new ones */
    assert_int_equal(now->script_cpu_ms, 7);
    assert_int_equal(now->script_wall_ms, 120000);
    hub_buf_clear(&told);
    hub_service_keep(now, first, note_kept, &told);
    assert_int_equal(told.n, 0);
    hub_buf_free(&told);
    hub_service_free(now);
    hub_service_free(first);
}

static void a_finding_shows_its_line_without_the_password(void **state) {
    (void)state;
    struct hub_buf out = {0};
    shown_of("service: {name: shop}\n"
             "auth: {anonymous: true}\n"
             "store: {url: \"postgre://ann:s3cret@db/shop\", size: 3}\n"
             "bus: {url: \"kafka://b\", options: {sasl.username: [], sasl.password: s3cret}}\n",
             &out);
    assert_null(strstr(out.p, "s3cret"));
    assert_non_null(strstr(out.p, "S021"));
    assert_non_null(strstr(out.p, "store: {url: \"postgre://ann:******@db/shop\", size: 3}"));
    assert_non_null(strstr(out.p, "sasl.username: []"));
    hub_buf_free(&out);
}

static bool says_unit(struct hub_str key) {
    return hub_str_ends(key, HUB_STR("Ms")) || hub_str_ends(key, HUB_STR("Seconds"));
}

static void find_times(const struct hub_fields *t, size_t *n) {
    for (const struct hub_row *r = hub_rows(t); r->key; r = hub_row_next(r)) {
        bool time = says_unit(hub_cstr(r->key));
        if (time && r->kind != HUB_KIND_DURATION) fail_msg("%s.%s is a time: HUB_KIND_DURATION", t->name, r->key);
        if (time && (r->unit == 1000) != hub_str_ends(hub_cstr(r->key), HUB_STR("Seconds")))
            fail_msg("%s.%s has another unit than its name says", t->name, r->key);
        *n += time;
        const struct hub_fields *below = hub_row_below(t, r);
        if (below) find_times(below, n);
    }
}

/* What is not of the RealtimeHub specification, whose numbers are numbers. */
static void every_time_may_be_written_with_a_unit(void **state) {
    size_t n = 0;
    (void)state;
    find_times(&hub_fields_service, &n);
    find_times(&hub_fields_extensions, &n);
    assert_true(n >= 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_directory_becomes_definitions),
        cmocka_unit_test(managed_objects_get_the_properties_hubd_keeps),
        cmocka_unit_test(a_script_knows_the_place_of_its_first_character),
        cmocka_unit_test(overrides_win_over_the_environment_and_the_file),
        cmocka_unit_test(every_way_of_writing_means_what_it_says),
        cmocka_unit_test(hubs_of_all_folders_and_endings_are_found),
        cmocka_unit_test(other_modules_have_another_fingerprint_wherever_the_service_lies),
        cmocka_unit_test(handlers_hang_on_their_message_types),
        cmocka_unit_test(a_file_over_the_limit_is_refused_unread),
        cmocka_unit_test(the_dump_shows_no_password),
        cmocka_unit_test(what_only_a_restart_changes_is_told_and_stays_as_it_was),
        cmocka_unit_test(a_finding_shows_its_line_without_the_password),
        cmocka_unit_test(every_time_may_be_written_with_a_unit),
        cmocka_unit_test(a_directory_without_service_yaml_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
