/* Gates: passed in the order of the command's row, the first that refuses answers, one that waits goes on
 * later, and rights are asked for again when they have changed. */
#include "hub/call/call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct hub_engine engine;
static struct hub_hub hub;
static struct hub_identity who;
static struct hub_loop *loop;
static struct hub_buf log_of;
static struct hub_call *waiting;

/* ---- gates and a command that write down that they were there ---- */

static enum hub_code pass(struct hub_call *call, struct hub_err *err) {
    (void)call, (void)err;
    hub_buf_addz(&log_of, "pass ");
    return HUB_OK;
}
static enum hub_code refuse(struct hub_call *call, struct hub_err *err) {
    (void)call;
    hub_buf_addz(&log_of, "refuse ");
    return hub_fail(err, HUB_NOT_ALLOWED, "not today");
}
static void ask_at_once(const struct hub_gate *gate, struct hub_call *call) {
    (void)gate;
    hub_buf_addz(&log_of, "ask ");
    hub_call_go(call);
}
static void ask_later(const struct hub_gate *gate, struct hub_call *call) {
    (void)gate;
    hub_buf_addz(&log_of, "wait ");
    waiting = call;
}
static void run_it(struct hub_call *call) {
    hub_buf_addz(&log_of, "run ");
    hub_call_ok(call, NULL, HUB_STR(""));
}

static const struct hub_gate passes = {.name = "passes", .check = pass},
                             refuses = {.name = "refuses", .check = refuse, .codes = {HUB_NOT_ALLOWED}},
                             asks = {.name = "asks", .ask = ask_at_once}, waits = {.name = "waits", .ask = ask_later};
static const struct hub_arg no_args[] = {{0}};

static void on_reply(void *arg, enum hub_code code, const struct hub_err *err, const char *data_name,
                     struct hub_str fields) {
    (void)arg, (void)data_name, (void)fields;
    hub_buf_addf(&log_of, "= %s", code ? err->text : "ok");
}

static const struct hub_command ordered = {
    .name = "x", .gates = HUB_GATES(&passes, &asks, &passes), .args = no_args, .run = run_it};
static const struct hub_command refused = {
    .name = "x", .gates = HUB_GATES(&asks, &refuses, &passes), .args = no_args, .run = run_it};
static const struct hub_command slow = {
    .name = "x", .gates = HUB_GATES(&waits, &passes), .args = no_args, .run = run_it};
static const struct hub_command bare = {.name = "x", .args = no_args, .run = run_it};
static const struct hub_command changing = {
    .name = "x", .gates = HUB_GATES(&hub_gate_running), .args = no_args, .run = run_it};
static const struct hub_arg seconds_args[] = {{"seconds", HUB_ARG_INT, .least = 1, .most = 9, .help = ""}, {0}};
static const struct hub_command with_args = {
    .name = "x", .gates = HUB_GATES(&passes, &hub_gate_args), .args = seconds_args, .run = run_it};
static const struct hub_command with_rights = {
    .name = "x", .gates = HUB_GATES(&refuses, &hub_gate_read, &hub_gate_moderate), .args = no_args, .run = run_it};

static struct hub_call *call_of(const struct hub_command *command, const char *args) {
    struct hub_call *call = hub_call_new(&hub, NULL, &who, command->name, hub_json_parse(hub_cstr(args), NULL), -1);
    call->reply = on_reply;
    call->command = command;
    return call;
}

static void expect(const char *text) {
    assert_string_equal(hub_buf_cstr(&log_of), text);
    hub_buf_clear(&log_of);
}

static void gates_are_passed_in_the_order_of_the_row_and_then_the_command_runs(void **state) {
    (void)state;
    hub_call_go(call_of(&ordered, "{}"));
    expect("pass ask pass run = ok");
}

static void the_first_that_refuses_answers_and_the_command_does_not_run(void **state) {
    (void)state;
    hub_call_go(call_of(&refused, "{}"));
    expect("ask refuse = not today");
}

static void a_gate_may_take_its_time(void **state) {
    (void)state;
    hub_call_go(call_of(&slow, "{}"));
    expect("wait ");
    hub_call_go(waiting);
    expect("pass run = ok");
}

static void a_command_without_gates_runs(void **state) {
    (void)state;
    hub_call_go(call_of(&bare, "{}"));
    expect("run = ok");
}

static void nothing_that_changes_something_begins_while_the_process_ends(void **state) {
    (void)state;
    hub_call_go(call_of(&changing, "{}"));
    engine.draining = true;
    hub_call_go(call_of(&changing, "{}"));
    engine.draining = false;
    expect("run = ok= The server is shutting down");
}

static void arguments_are_a_gate_by_the_rows_of_the_command(void **state) {
    (void)state;
    hub_call_go(call_of(&with_args, "{\"seconds\":9}"));
    expect("pass run = ok");
    hub_call_go(call_of(&with_args, "{\"seconds\":10}"));
    expect("pass = seconds: expected a whole number from 1 to 9");
}

static void rights_that_have_changed_are_asked_for_again_and_nothing_else(void **state) {
    struct hub_call *call = call_of(&with_rights, "{}");
    (void)state;
    call->rights = (struct hub_rights){.can_read = true, .can_moderate = true};
    assert_true(hub_call_permitted(call));
    expect("");
    call->rights.can_moderate = false;
    assert_false(hub_call_permitted(call));
    expect("= this needs a role with canModerate");
}

static int set_up(void **state) {
    (void)state;
    loop = hub_loop_new(NULL);
    who = (struct hub_identity){.refs = 1, .user_id = "ann", .role_id = ""};
    hub = (struct hub_hub){.engine = &engine};
    engine.config.loop = loop;
    hub_holds_init(&engine.holds, loop);
    hub_reads_init(&engine.reads, loop, &engine.holds);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    hub_reads_stop(&engine.reads);
    hub_reads_deinit(&engine.reads);
    hub_holds_deinit(&engine.holds);
    hub_loop_delete(loop);
    hub_buf_free(&log_of);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gates_are_passed_in_the_order_of_the_row_and_then_the_command_runs),
        cmocka_unit_test(the_first_that_refuses_answers_and_the_command_does_not_run),
        cmocka_unit_test(a_gate_may_take_its_time),
        cmocka_unit_test(a_command_without_gates_runs),
        cmocka_unit_test(nothing_that_changes_something_begins_while_the_process_ends),
        cmocka_unit_test(arguments_are_a_gate_by_the_rows_of_the_command),
        cmocka_unit_test(rights_that_have_changed_are_asked_for_again_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
