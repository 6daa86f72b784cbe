/* Loading a service directory into frozen definitions. */
#include "schema/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

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
    assert_true(s->dev);
    assert_int_equal(s->authenticate.kind, HUB_SCRIPT_LUA);
    assert_int_equal(s->object_n, 2);
    assert_int_equal(s->namespace_n, 1);
    assert_int_equal(s->namespaces[0].event_n, 3);
    assert_int_equal(s->lib_files.n, 1);
    assert_int_equal(s->lib_files.items[0][0], '/');
    assert_int_equal(s->hub_n, 1);
    const struct hub_def *d = &s->hubs[0];
    assert_string_equal(d->name, "chat");
    assert_string_equal(d->data_object_name, "chatMessage");
    assert_ptr_equal(d->room_object, hub_service_object(s, HUB_STR("conversation")));
    assert_ptr_equal(d->auth_sources[1].hub_role, hub_def_role(d, HUB_STR("member")));
    assert_int_equal(d->auth_sources[1].user_field, hub_def_property(d->auth_sources[1].source_object, HUB_STR("userId")));
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
    struct hub_service *s = load("tests/schema/good/chat", &(struct hub_load_options){.overrides = set, .override_n = 2});
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_directory_becomes_definitions),         cmocka_unit_test(managed_objects_get_the_properties_hubd_keeps),
        cmocka_unit_test(a_script_knows_the_place_of_its_first_character), cmocka_unit_test(overrides_win_over_the_environment_and_the_file),
        cmocka_unit_test(a_directory_without_service_yaml_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
