/* The rows of all parts agree with each other, with the definition's tables and with those of the store. */
#include "hub/call/call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hook/hook.h"
#include "schema/analysis/functions.h"
#include "schema/table.h"

#define EACH_PART(PART) for (const struct hub_part *const *PART = hub_parts; *PART; PART++)
#define EACH_ROW(TYPE, ROW, ROWS) for (const struct TYPE *ROW = (ROWS); ROW && ROW->name; ROW++)

static bool has_gate(const struct hub_command *c, const struct hub_gate *gate) {
    for (const struct hub_gate *const *g = c->gates; *g; g++)
        if (*g == gate) return true;
    return false;
}

static void every_row_says_what_it_is_for(void **state) {
    (void)state;
    EACH_PART(part) {
        assert_non_null((*part)->name);
        assert_non_null((*part)->help);
        EACH_ROW(hub_told_event, e, (*part)->told) {
            assert_non_null(e->to);
            assert_non_null(e->when);
            EACH_ROW(hub_field, f, e->fields) assert_non_null(f->help);
        }
        EACH_ROW(hub_command, c, (*part)->commands) {
            assert_non_null(c->help);
            assert_non_null(c->run);
            for (const struct hub_gate *const *g = c->gates; *g; g++) assert_non_null((*g)->help);
            EACH_ROW(hub_arg, a, c->args) assert_non_null(a->help);
            EACH_ROW(hub_field, f, c->answer) assert_non_null(f->help);
        }
    }
}

/* An argument that no gate checks and nobody is to check later would come in as it is. */
static void every_argument_is_checked(void **state) {
    (void)state;
    EACH_PART(part) EACH_ROW(hub_command, c, (*part)->commands) {
        bool room = has_gate(c, &hub_gate_room);
        if (room) assert_string_equal(c->args[0].name, "roomId");
        EACH_ROW(hub_arg, a, c->args) {
            if (!(a->flags & HUB_ARG_LATER) && !has_gate(c, &hub_gate_args)) fail_msg("%s: %s", c->name, a->name);
        }
    }
}

/* A right is one in a room, so the room comes first. */
static void rights_are_asked_for_behind_the_room(void **state) {
    (void)state;
    EACH_PART(part) EACH_ROW(hub_command, c, (*part)->commands) {
        bool room = false;
        for (const struct hub_gate *const *g = c->gates; *g; g++) {
            room |= *g == &hub_gate_room;
            if ((*g)->lasting && !room) fail_msg("%s: %s", c->name, (*g)->name);
        }
    }
}

static void reads_are_counted_or_wait_for_turns_as_such(void **state) {
    (void)state;
    EACH_PART(part) EACH_ROW(hub_command, c, (*part)->commands) {
        bool counted = has_gate(c, &hub_gate_reads) || has_gate(c, &hub_gate_joins);
        if (counted != ((c->flags & HUB_READS) != 0)) fail_msg("%s", c->name);
    }
}

static const struct hub_command *command_named(const char *name) {
    EACH_PART(part) EACH_ROW(hub_command, c, (*part)->commands) {
        if (!strcmp(c->name, name)) return c;
    }
    fail_msg("%s", name);
    return NULL;
}

/* Debug builds end the process where a call is refused with anything else. */
static void a_command_is_refused_with_what_rows_name(void **state) {
    (void)state;
    const struct hub_command *send = command_named("hub:send"), *kick = command_named("hub:kick");
    assert_true(hub_command_may_refuse(send, HUB_HANDLER_FAILED));  /* itself */
    assert_true(hub_command_may_refuse(send, HUB_CHECK_FAILED));    /* a gate */
    assert_true(hub_command_may_refuse(kick, HUB_STORE_UNDECIDED)); /* any, by another name */
    assert_false(hub_command_may_refuse(send, HUB_ROOM_FULL));
    assert_false(hub_command_may_refuse(kick, HUB_RATE_LIMITED));
    static const struct hub_arg args[] = {{"a", .code = HUB_UNKNOWN_TYPE}, {0}};
    assert_true(hub_command_may_refuse(&(struct hub_command){.name = "x", .args = args}, HUB_UNKNOWN_TYPE));
    assert_false(hub_command_may_refuse(&(struct hub_command){.name = "x"}, HUB_UNKNOWN_TYPE));
}

static size_t count_command(const char *name, const char *method, const char *path) {
    size_t n = 0;
    EACH_PART(part) EACH_ROW(hub_command, c, (*part)->commands) {
        bool same_path = path && c->rest.path && !strcmp(c->rest.path, path) && !strcmp(c->rest.method, method);
        n += !strcmp(c->name, name) || same_path;
    }
    return n;
}

static void a_name_and_a_path_are_of_one_command(void **state) {
    (void)state;
    EACH_PART(part)
    EACH_ROW(hub_command, c, (*part)->commands)
    assert_int_equal(count_command(c->name, c->rest.method, c->rest.path), 1);
}

/* A REST call enters a room by its gate: a command with a path and a room, and without that gate, would
 * run outside. */
static void a_path_is_in_a_room_and_its_variable_parts_are_arguments(void **state) {
    (void)state;
    EACH_PART(part) EACH_ROW(hub_command, c, (*part)->commands) {
        struct hub_str rest = hub_cstr(c->rest.path ? c->rest.path : ""), piece;
        bool of_room = hub_arg_named(c->args, HUB_STR("roomId")) != NULL;
        if (c->rest.path) assert_int_equal(has_gate(c, &hub_gate_room), of_room);
        while (rest.n && hub_str_split(&rest, '/', &piece))
            if (piece.p[0] == ':') assert_non_null(hub_arg_named(c->args, hub_str(piece.p + 1, piece.n - 1)));
    }
}

static void a_standard_event_that_clients_send_is_run_by_one_part(void **state) {
    size_t sent = 0, run = 0;
    (void)state;
    for (const struct hub_standard_event *e = hub_standard_events; e->name; e++) sent += e->sent;
    EACH_PART(part) EACH_ROW(hub_event_row, row, (*part)->events) {
        const struct hub_standard_event *e = hub_standard_event(hub_cstr(row->name));
        run++;
        if (!e || !e->sent || !row->tell == !row->run) fail_msg("%s", row->name);
        EACH_PART(other) EACH_ROW(hub_event_row, same, (*other)->events) {
            if (same != row) assert_string_not_equal(same->name, row->name);
        }
    }
    assert_int_equal(sent, run);
}

static const struct hub_row *find_row(const struct hub_fields *t, struct hub_str key) {
    const struct hub_row *found = hub_fields_row(t, key);
    for (const struct hub_row *r = hub_rows(t); !found && r->key; r = hub_row_next(r))
        if (hub_row_below(t, r)) found = find_row(hub_row_below(t, r), key);
    return found;
}

static size_t count_word(struct hub_str word, bool keywords) {
    size_t n = 0;
    EACH_PART(part) {
        const char *list = keywords ? (*part)->keywords : (*part)->tables;
        n += list && hub_str_among(word, list);
    }
    return n;
}

static void a_keyword_that_a_part_stands_for_is_one_of_definitions_and_of_no_other_part(void **state) {
    (void)state;
    EACH_PART(part) {
        struct hub_str rest = hub_cstr((*part)->keywords ? (*part)->keywords : ""), word;
        while (rest.n && hub_str_split(&rest, ' ', &word))
            if (!find_row(&hub_fields_hub, word) || count_word(word, true) != 1)
                fail_msg("%s: %.*s", (*part)->name, HUB_FMT(word));
    }
}

static void a_table_that_every_hub_gets_is_of_one_part(void **state) {
    size_t n = 0, named = 0;
    (void)state;
    for (; hub_tables_suffix(n); n++) assert_int_equal(count_word(hub_cstr(hub_tables_suffix(n)), false), 1);
    EACH_PART(part) {
        struct hub_str rest = hub_cstr((*part)->tables ? (*part)->tables : ""), word;
        while (rest.n && hub_str_split(&rest, ' ', &word)) named++;
    }
    assert_int_equal(n, named);
}

static void expect_rows(const struct hub_host_fn *fn) {
    for (; fn && fn->table; fn++) {
        bool method = !strcmp(fn->table, "socket") || !strcmp(fn->table, "stream");
        const struct hub_function_table *t = method ? NULL : hub_function_table(hub_cstr(fn->table));
        if (!method && (!t || !hub_function_in(t, hub_cstr(fn->name)))) fail_msg("%s.%s", fn->table, fn->name);
    }
}

/* Lint, and whoever completes names, know of the engine's functions by those rows. */
static void a_function_that_scripts_may_call_has_a_row_with_its_arguments(void **state) {
    (void)state;
    EACH_PART(part) {
        expect_rows((*part)->host);
        for (size_t i = 0; i < HUB_HOST_ATS; i++) expect_rows((*part)->host_at[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_says_what_it_is_for),
        cmocka_unit_test(a_function_that_scripts_may_call_has_a_row_with_its_arguments),
        cmocka_unit_test(every_argument_is_checked),
        cmocka_unit_test(rights_are_asked_for_behind_the_room),
        cmocka_unit_test(reads_are_counted_or_wait_for_turns_as_such),
        cmocka_unit_test(a_command_is_refused_with_what_rows_name),
        cmocka_unit_test(a_name_and_a_path_are_of_one_command),
        cmocka_unit_test(a_path_is_in_a_room_and_its_variable_parts_are_arguments),
        cmocka_unit_test(a_standard_event_that_clients_send_is_run_by_one_part),
        cmocka_unit_test(a_keyword_that_a_part_stands_for_is_one_of_definitions_and_of_no_other_part),
        cmocka_unit_test(a_table_that_every_hub_gets_is_of_one_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
