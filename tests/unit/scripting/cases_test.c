/* Runs tests/scripting/expr_cases.txt and lua_cases.txt: every line is a case, and all that fail are
 * shown. */
#include "script_env.h"

static enum hub_script_kind kind;

struct variables {
    struct hub_hook_arg args[16];
    const char *names[17];
    size_t n;
};

static struct hub_str cut(char *line, const char *mark, char **rest) {
    char *at = strstr(line, mark);
    if (!at) return hub_str(NULL, 0);
    *rest = at + strlen(mark);
    return hub_str(line, (size_t)(at - line));
}

static void line_breaks(char *text) {
    static const char mark[] = "⏎";
    for (char *at; (at = strstr(text, mark));) {
        *at = '\n';
        memmove(at + 1, at + sizeof mark - 1, strlen(at + sizeof mark - 1) + 1);
    }
}

/* "L:C+N CODE text (suggestion)" of the first problem, or "fine". */
static void first_problem(void *arg, const struct hub_script_problem *p) {
    char *out = arg;
    if (out[0]) return;
    snprintf(out, 400, "%d:%d+%d %s %s%s%s%s", p->line, p->column, p->length, p->code, p->text,
             p->suggestion[0] ? " (" : "", p->suggestion, p->suggestion[0] ? ")" : "");
}

/* What may need no Lua gives the same in Lua, which an array that is indexed needs. */
static bool check_in_lua(const char *expr, const struct variables *v, const char *expected, char *got, size_t size) {
    if (kind != HUB_SCRIPT_EXPR || strlen(expr) > 1000 || strstr(expr, "module.exports")) return true;
    char indirect[1100];
    snprintf(indirect, sizeof indirect, "[%s\n][0]", expr);
    snprintf(got, size, "%s", script_eval(kind, indirect, v->args, v->n));
    return strcmp(got, expected) == 0;
}

static bool check_value(const char *expr, const struct variables *v, const char *expected, char *got, size_t size) {
    struct hub_script script = {.kind = kind, .text = hub_cstr(expr), .file = "t", .line = 1, .column = 1};
    char problem[400] = "";
    hub_lua_checker.check(NULL, &script,
                          &(struct hub_script_names){(const char *const *)v->names, NULL, first_problem, problem});
    if (problem[0]) {
        snprintf(got, size, "✗ %s", problem);
        return false;
    }
    snprintf(got, size, "%s", script_eval(kind, expr, v->args, v->n));
    if (strncmp(expected, "throws ", 7) != 0)
        return strcmp(got, expected) == 0 && check_in_lua(expr, v, expected, got, size);
    static const char start[] = "handler_failed: t.hub.yaml:7: ";
    return strncmp(got, start, sizeof start - 1) == 0 &&
           strncmp(got + sizeof start - 1, expected + 7, strlen(expected + 7)) == 0;
}

static bool check_problem(const char *expr, const struct variables *v, const char *expected, char *got, size_t size) {
    struct hub_script script = {.kind = kind, .text = hub_cstr(expr), .file = "t", .line = 1, .column = 1};
    got[0] = 0;
    char problem[400] = "";
    hub_lua_checker.check(NULL, &script,
                          &(struct hub_script_names){(const char *const *)v->names, NULL, first_problem, problem});
    snprintf(got, size, "%s", problem[0] ? problem : "fine");
    const char *suggestion = strrchr(expected, '(');
    if (!suggestion || suggestion[-1] != ' ' || strncmp(suggestion, "('", 2) == 0)
        return strncmp(got, expected, strlen(expected)) == 0;
    return strcmp(got, expected) == 0;
}

static void define(struct variables *v, char *line) {
    char *json = strchr(line, ' ');
    *json++ = 0;
    struct hub_err err;
    v->names[v->n] = hub_xstrdup(line);
    v->args[v->n] = (struct hub_hook_arg){v->names[v->n], hub_json_parse(hub_cstr(json), &err)};
    assert_non_null(v->args[v->n].value);
    v->n++;
}

static void run(const char *file, enum hub_script_kind of) {
    char path[300];
    kind = of;
    snprintf(path, sizeof path, "%s/tests/scripting/%s", HUB_SOURCE_DIR, file);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    static char line[70000], got[9000];
    struct variables v = {0};
    int number = 0, cases = 0, failed = 0;
    while (fgets(line, sizeof line, f)) {
        number++;
        line[strcspn(line, "\n")] = 0;
        char *expected = NULL;
        if (line[0] == '#' || !line[0]) continue;
        if (line[0] == '@') {
            define(&v, line + 1);
            continue;
        }
        cases++;
        struct hub_str expr = cut(line, " ⇒ ", &expected);
        bool value = expr.p != NULL;
        if (!value) expr = cut(line, " ✗ ", &expected);
        assert_non_null(expr.p);
        char *text = hub_str_dup(expr);
        line_breaks(text);
        bool good = value ? check_value(text, &v, expected, got, sizeof got)
                          : check_problem(text, &v, expected, got, sizeof got);
        if (!good && failed++ < 30)
            printf("%s:%d: %s\n    expected %s\n    got      %s\n", file, number, text, expected, got);
        free(text);
    }
    fclose(f);
    for (size_t i = 0; i < v.n; i++) {
        free((char *)(uintptr_t)v.names[i]);
        json_decref(v.args[i].value);
    }
    printf("%d cases\n", cases);
    assert_true(cases > 100);
    assert_int_equal(failed, 0);
}

static void expressions_give_what_the_file_says(void **state) {
    (void)state;
    run("expr_cases.txt", HUB_SCRIPT_EXPR);
}

static void lua_chunks_give_what_the_file_says(void **state) {
    (void)state;
    run("lua_cases.txt", HUB_SCRIPT_LUA);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(expressions_give_what_the_file_says),
                                       cmocka_unit_test(lua_chunks_give_what_the_file_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
