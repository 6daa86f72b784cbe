/* What becomes of a hub and a namespace that use plugins: order of parts, values of parameters, whose
 * scripts they are. */
#include "schema/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text/buf.h"

static struct hub_service *load(bool as_written) {
    const struct hub_load_options options = {.ignore_environment = true, .as_written = as_written};
    struct hub_diags *diags = hub_diags_new();
    struct hub_service *s = NULL;
    assert_int_equal(hub_service_load("tests/schema/good/plugins", &options, diags, &s), HUB_OK);
    hub_diags_free(diags);
    return s;
}

static const struct hub_def *hub_named(const struct hub_service *s, const char *name) {
    for (size_t i = 0; i < s->hub_n; i++)
        if (!strcmp(s->hubs[i].name, name)) return &s->hubs[i];
    fail_msg("there is no hub %s", name);
    return NULL;
}

static void has_json(const json_t *value, const char *expected) {
    struct hub_buf b = {0};
    hub_json_add(&b, value);
    assert_string_equal(hub_buf_cstr(&b), expected);
    hub_buf_free(&b);
}

static void lists_of_plugins_come_before_those_of_the_hub(void **state) {
    (void)state;
    struct hub_service *s = load(false);
    const struct hub_def_parts *p = &hub_named(s, "chat")->parts;
    assert_int_equal(p->middleware_n, 2);
    assert_string_equal(p->middleware[0].name, "links");
    assert_string_equal(p->middleware[1].name, "own");
    assert_int_equal(p->around, 1u << HUB_AROUND_MESSAGES);
    assert_int_equal(p->channel_n, 2);
    assert_true(p->channels[0].pattern.is_regex);
    assert_string_equal(p->channels[1].pattern.text, "own:{x}");
    assert_int_equal(p->command_n, 2);
    assert_string_equal(p->commands[0].name, "who"); /* in the order of plugins, not of names */
    assert_string_equal(p->commands[1].name, "linked");
    assert_string_equal(json_string_value(p->commands[0].fields[0].default_value), "me");
    const struct hub_def_parts *plain = &s->namespaces[0].def.parts;
    assert_int_equal(plain->command_n, 2);
    assert_string_equal(plain->commands[0].name, "shout");
    assert_string_equal(plain->commands[1].name, "own");
    hub_service_free(s);
}

static void parts_that_are_no_lists_are_one_of_theirs(void **state) {
    (void)state;
    struct hub_service *s = load(false);
    const struct hub_def *d = hub_named(s, "chat");
    assert_int_equal(d->limits.writes, 7);
    assert_int_equal(d->limits.events, 600);
    assert_true(d->room_metadata.on);
    assert_false(d->room_metadata.persist);
    assert_int_equal(d->parts.metadata.client_writable.n, 1);
    assert_int_equal(s->namespaces[0].def.parts.metadata.visible.n, 1);
    hub_service_free(s);
}

static void of_lifecycle_hooks_all_are_run(void **state) {
    (void)state;
    struct hub_service *s = load(false);
    const struct hub_def_lifecycle *d = &hub_named(s, "chat")->parts.lifecycle;
    const struct hub_script *first = &d->on_connect;
    assert_string_equal(first->use->name, "users");
    assert_string_equal(first->next->use->name, "links");
    assert_null(first->next->next->use);
    assert_null(first->next->next->next);
    assert_non_null(memmem(first->next->next->text.p, first->next->next->text.n, "nobody", 6));
    assert_string_equal(d->on_join.use->name, "users");
    assert_null(d->on_leave.use);
    assert_int_equal(d->room_linger_ms, 5);
    size_t found = 0;
    for (size_t i = 0; i < s->script_n; i++) /* each is compiled */
        for (const struct hub_script *it = first; it; it = it->next) found += s->scripts[i] == it;
    assert_int_equal(found, 3);
    hub_service_free(s);
}

static void each_use_has_its_values_and_its_scripts(void **state) {
    (void)state;
    struct hub_service *s = load(false);
    assert_int_equal(s->plugin_n, 3);
    assert_int_equal(s->use_n, 5);
    for (size_t i = 0; i < s->use_n; i++) assert_int_equal(s->uses[i]->index, i);
    const struct hub_def_parts *chat = &hub_named(s, "chat")->parts, *other = &hub_named(s, "other")->parts;
    has_json(chat->plugins[0].with, "{\"role\":\"host\"}");
    has_json(chat->plugins[1].with, "{\"max\":3,\"words\":[\"a\",\"b\"]}");
    has_json(other->plugins[1].with, "{\"max\":2}");
    assert_ptr_equal(chat->middleware[0].before.use, s->uses[chat->plugins[1].index]);
    assert_ptr_equal(other->middleware[0].before.use, s->uses[other->plugins[1].index]);
    assert_ptr_not_equal(chat->middleware[0].before.use, other->middleware[0].before.use);
    assert_null(chat->middleware[1].before.use);
    assert_string_equal(chat->middleware[0].before.path, "plugins.links.middleware[0].before");
    assert_string_equal(chat->middleware[0].before.file, "tests/schema/good/plugins/plugins/links/plugin.yaml");
    for (size_t i = 0; i < s->script_n; i++) /* the file of a plugin as such has nothing to run */
        assert_true(s->scripts[i]->use || !strstr(s->scripts[i]->file, "plugin.y"));
    hub_service_free(s);
}

static void a_plugin_has_modules_of_its_own(void **state) {
    (void)state;
    struct hub_service *s = load(false);
    const struct hub_def_plugin *links = s->plugins[1];
    assert_string_equal(links->name, "links");
    assert_string_equal(links->lib_name, "plugins/links/lib");
    assert_int_equal(links->lib.names.n, 2);
    assert_string_equal(links->lib.names.items[0], "count.lua");
    assert_int_equal(s->lib.names.n, 2);
    hub_service_free(s);
}

static void as_written_nothing_is_put_in(void **state) {
    (void)state;
    struct hub_service *s = load(true);
    const struct hub_def_parts *p = &hub_named(s, "chat")->parts;
    assert_int_equal(p->middleware_n, 1);
    assert_int_equal(p->command_n, 0);
    has_json(p->plugins[1].with, "{\"max\":3,\"words\":[\"a\",\"b\"]}");
    hub_service_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_plugins_come_before_those_of_the_hub),
        cmocka_unit_test(parts_that_are_no_lists_are_one_of_theirs),
        cmocka_unit_test(of_lifecycle_hooks_all_are_run),
        cmocka_unit_test(each_use_has_its_values_and_its_scripts),
        cmocka_unit_test(a_plugin_has_modules_of_its_own),
        cmocka_unit_test(as_written_nothing_is_put_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
