/* Scripts of both languages as trees for schema/analysis: the same for what is the same, and none for text
 * that is no script, wherever it breaks off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/analysis/syntax.h"
#include "schema/arena.h"
#include "scripting/scripts.h"

static struct hub_arena *arena;

static int make_arena(void **state) {
    (void)state;
    arena = hub_arena_new();
    return 0;
}

static int free_arena(void **state) {
    (void)state;
    hub_arena_free(arena);
    return 0;
}

static const struct hub_syntax *tree_of(enum hub_script_kind kind, const char *text) {
    return hub_lua_checker.syntax(NULL, kind, hub_cstr(text), arena);
}

/* Of "return X". */
static const struct hub_syntax *returned(const char *text) {
    const struct hub_syntax *block = tree_of(HUB_SCRIPT_LUA, text);
    assert_non_null(block);
    assert_int_equal(block->list->kind, HUB_SYNTAX_RETURN);
    return block->list->list;
}

static void a_comparison_is_the_same_in_both_languages(void **state) {
    (void)state;
    const struct hub_syntax *both[] = {tree_of(HUB_SCRIPT_EXPR, "room['status'] != 'open'"),
                                       returned("return room[\"status\"] ~= 'open'")};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(both[i]->kind, HUB_SYNTAX_EQUAL);
        assert_true(both[i]->negated);
        assert_int_equal(both[i]->exact, i == 1);
        assert_int_equal(both[i]->a->kind, HUB_SYNTAX_MEMBER);
        assert_true(hub_str_is(both[i]->a->text, "status"));
        assert_true(hub_str_is(both[i]->a->a->text, "room"));
        assert_int_equal(both[i]->b->kind, HUB_SYNTAX_TEXT);
        assert_string_equal(both[i]->b->text.p, "open");
    }
    assert_int_equal(both[0]->b->at, 18);
    assert_int_equal(both[1]->b->at, 25);
}

static void keys_of_objects_have_their_places(void **state) {
    (void)state;
    const struct hub_syntax *both[] = {tree_of(HUB_SCRIPT_EXPR, "({accept: true, 'to': 'x'})"),
                                       returned("return {accept = true, ['to'] = [[x]]}")};
    static const size_t places[2][2] = {{2, 16}, {8, 24}};
    for (size_t i = 0; i < 2; i++) {
        const struct hub_syntax *first = both[i]->list, *second = first->next;
        assert_int_equal(both[i]->kind, HUB_SYNTAX_OBJECT);
        assert_true(hub_str_is(first->key, "accept") && first->truth);
        assert_true(hub_str_is(second->key, "to"));
        assert_string_equal(second->text.p, "x");
        assert_int_equal(first->key_at, places[i][0]);
        assert_int_equal(second->key_at, places[i][1]);
    }
}

static void operators_of_lua_bind_as_they_do(void **state) {
    (void)state;
    const struct hub_syntax *x = returned("return not a == 1 and b or -c ^ 2 .. d .. e < f");
    assert_int_equal(x->kind, HUB_SYNTAX_OR);
    assert_int_equal(x->a->kind, HUB_SYNTAX_AND);
    assert_int_equal(x->a->a->kind, HUB_SYNTAX_EQUAL);
    assert_int_equal(x->a->a->a->kind, HUB_SYNTAX_NOT);
    assert_int_equal(x->b->kind, HUB_SYNTAX_ORDER);
}

static const char chunk[] =
    "local M, n <const> = {a = 1; 2, [3] = \"\\n\\65\", f = function(...) return ... end}, 0x1F\n"
    "local function one(a, b) goto done ::done:: return a end -- end\n"
    "function M.x.y:z(c) self.c = c; if c then return elseif #c > 1 then c() else c{} end end\n"
    "for i = 1, 10, 2 do while i ~= 3 do repeat break until not i end end\n"
    "for _, v in ipairs(M) do M[v], M.q = v:go'x', ('x'):rep(2)[1].z --[[ long ]] do end end\n"
    "return M.f(1, one(2))(3), nil, true, [==[ ]] ]==], 1e-3 // 2 .. 'x'\n";

/* Each prefix is a tree or none, and nothing is read behind its end. */
static void text_that_breaks_off_is_read_to_its_end(void **state) {
    (void)state;
    size_t trees = 0;
    for (size_t n = 0; n <= sizeof chunk - 1; n++) {
        char *copy = hub_str_dup(hub_str(chunk, n));
        trees += hub_lua_checker.syntax(NULL, HUB_SCRIPT_LUA, hub_str(copy, n), arena) != NULL;
        free(copy);
    }
    assert_non_null(tree_of(HUB_SCRIPT_LUA, chunk));
    assert_true(trees < sizeof chunk / 4);
}

static void what_is_nested_too_deeply_has_no_tree(void **state) {
    (void)state;
    char text[4000];
    memset(text, '(', 1500);
    memset(text + 1500, ')', 1500);
    text[3000] = 0;
    assert_null(tree_of(HUB_SCRIPT_LUA, text));
    memcpy(text, "return 1", 8);
    for (size_t i = 8; i < 3000; i += 2) memcpy(text + i, "+1", 2);
    text[3000] = 0;
    assert_null(tree_of(HUB_SCRIPT_LUA, text));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_comparison_is_the_same_in_both_languages),
                                       cmocka_unit_test(keys_of_objects_have_their_places),
                                       cmocka_unit_test(operators_of_lua_bind_as_they_do),
                                       cmocka_unit_test(text_that_breaks_off_is_read_to_its_end),
                                       cmocka_unit_test(what_is_nested_too_deeply_has_no_tree)};
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
