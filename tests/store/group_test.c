/* Groups of writes: all of them or none, and checks of what was read before. */
#include "any_store.h"

/* A group of messages that take no numbers, and checks before them. */
enum { PARTS = 4 };
struct writes {
    struct message m[PARTS];
    struct hub_write check;
    struct hub_cond where;
    struct hub_select select;
    json_t *expected;
    size_t n;
    enum hub_code code;
    int left;
};

static void add_message(struct writes *g, const char *id) {
    struct message *m = &g->m[g->n++];
    new_message(m, "r1", 0, &g->left);
    snprintf(m->id, sizeof m->id, "%s", id);
    m->cells[ID] = text_cell(m->id);
    m->w.numbering = HUB_NUMBER_NONE;
    m->w.conflict = "id";
}

static void add_change(struct writes *g, enum hub_write_kind kind, const char *id, const char *content) {
    struct message *m = &g->m[g->n++];
    new_change(m, kind, "r1", id, &g->left);
    m->w.numbering = HUB_NUMBER_NONE;
    m->w.return_row = true;
    if (content) m->cells[CONTENT] = text_cell(content);
}

static void on_group(struct hub_write *w) {
    struct writes *g = w->arg;
    g->code = w->code;
    hub_loop_stop(loop);
}

static struct hub_write *chain(struct writes *g) {
    for (size_t i = 0; i + 1 < g->n; i++) g->m[i].w.next = &g->m[i + 1].w;
    struct hub_write *first = g->n ? &g->m[0].w : NULL;
    if (g->expected) {
        g->check = (struct hub_write){
            .table = &msg_table, .kind = HUB_CHECK, .check = &g->select, .expected = g->expected, .next = first};
        first = &g->check;
    }
    first->done = on_group;
    first->arg = g;
    return first;
}

/* Carried out; its code. The texts of FIRST are still there then, and no more than that. */
static enum hub_code carry_out(struct writes *g) {
    struct hub_write *first = chain(g);
    store->ops->write(store, first);
    hub_loop_run(loop);
    return g->code;
}

static void end_group(struct writes *g) {
    const struct hub_write *first = g->expected ? &g->check : &g->m[0].w;
    for (size_t i = 0; i < g->n; i++)
        if (&g->m[i].w != first) hub_rows_free(&g->m[i].w.row);
    json_decref(g->expected);
    *g = (struct writes){0};
}

/* ID NULL: all messages by their ids. */
static json_t *read_messages(struct writes *g, const char *id) {
    g->where = (struct hub_cond){.column = ID, .value = text_cell(id ? id : "")};
    g->select = (struct hub_select){
        .table = &msg_table, .where = &g->where, .where_n = id != NULL, .order_by = id ? -1 : ID, .limit = 3};
    return select_rows(&g->select);
}

static void expect(struct writes *g, const char *id) {
    json_decref(g->expected);
    g->expected = read_messages(g, id);
}

static int64_t count(void) { return sql_int("SELECT count(*) AS v FROM \"chatMessage\""); }

static void change(const char *statement) {
    struct sql_answer a = sql(statement, NULL);
    if (a.code) fail_msg("%s", a.error);
    json_decref(a.result);
}

/* ---- all or none ---- */

static void a_group_is_carried_out_whole(void **state) {
    struct writes g = {0};
    (void)state;
    open_store("");
    add_message(&g, "a");
    add_message(&g, "b");
    add_change(&g, HUB_UPDATE, "a", "{\"text\":\"later\"}");
    add_change(&g, HUB_DELETE, "b", NULL);
    assert_int_equal(carry_out(&g), HUB_OK);
    assert_int_equal(g.m[2].w.changes, 1);
    assert_int_equal(g.m[2].w.row.n, 1);
    end_group(&g);
    json_t *rows = read_messages(&g, NULL);
    assert_int_equal(json_array_size(rows), 1);
    assert_string_equal(hub_json_get_str(json_object_get(json_array_get(rows, 0), "content"), "text").p, "later");
    json_decref(rows);
    close_store();
}

static void one_that_fails_fails_all_of_its_group_and_nobody_else(void **state) {
    struct writes g = {0};
    struct message before, after;
    int left = 3;
    (void)state;
    open_store("");
    add_message(&g, "taken");
    assert_int_equal(carry_out(&g), HUB_OK);
    end_group(&g);
    static const struct {
        enum hub_write_kind kind;
        const char *id, *content;
        enum hub_code code;
    } bad[] = {{HUB_INSERT, "taken", NULL, HUB_CONFLICT},
               {HUB_UPDATE, "nobody", "{}", HUB_NOT_FOUND},
               {HUB_DELETE, "nobody", NULL, HUB_NOT_FOUND},
               {HUB_UPDATE, "taken", "{\"a\":\"\0\"}", HUB_BAD_REQUEST}};
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        add_message(&g, "x");
        if (bad[i].kind == HUB_INSERT)
            add_message(&g, bad[i].id);
        else
            add_change(&g, bad[i].kind, bad[i].id, bad[i].content);
        if (bad[i].code == HUB_BAD_REQUEST) g.m[1].cells[CONTENT].s = hub_str("\"\0\"", 3);
        add_message(&g, "y");
        new_message(&before, "r2", 2 * (int)i, &left);
        new_message(&after, "r2", 2 * (int)i + 1, &left);
        left = 3;
        store->ops->write(store, &before.w);
        struct hub_write *first = chain(&g);
        first->done = message_done;
        first->arg = &g.m[0];
        g.m[0].left = &left;
        store->ops->write(store, first);
        store->ops->write(store, &after.w);
        hub_loop_run(loop);
        assert_int_equal(first->code, bad[i].code);
        assert_ptr_equal(first->failed, &g.m[1].w);
        assert_int_equal(before.w.number, 2 * (int)i + 1);
        assert_int_equal(after.w.number, 2 * (int)i + 2);
        assert_int_equal(count(), 1 + 2 * ((int)i + 1));
        end_group(&g);
    }
    close_store();
}

/* ---- checks ---- */

static void a_check_holds_its_group_to_what_was_read(void **state) {
    struct writes g = {0};
    (void)state;
    open_store("");
    add_message(&g, "a");
    assert_int_equal(carry_out(&g), HUB_OK);
    end_group(&g);
    expect(&g, "a");
    add_change(&g, HUB_UPDATE, "a", "{\"text\":\"first\"}");
    assert_int_equal(carry_out(&g), HUB_OK);
    hub_rows_free(&g.m[0].w.row);
    assert_int_equal(carry_out(&g), HUB_CONFLICT);
    assert_ptr_equal(g.check.failed, &g.check);
    end_group(&g);
    expect(&g, "b"); /* there is none */
    add_message(&g, "b");
    assert_int_equal(carry_out(&g), HUB_OK);
    assert_int_equal(carry_out(&g), HUB_CONFLICT);
    end_group(&g);
    expect(&g, NULL);
    assert_int_equal(carry_out(&g), HUB_OK); /* alone */
    change("UPDATE \"chatMessage\" SET \"senderId\" = NULL WHERE id = 'b'");
    add_message(&g, "c");
    assert_int_equal(carry_out(&g), HUB_CONFLICT);
    assert_int_equal(count(), 2);
    expect(&g, NULL);
    assert_int_equal(carry_out(&g), HUB_OK);
    assert_int_equal(carry_out(&g), HUB_CONFLICT); /* it is not a list of two any more */
    end_group(&g);
    close_store();
}

/* What the database keeps in another spelling than ours, or more exactly, is the same as long as it reads
 * the same. */
static void a_check_compares_what_is_read(void **state) {
    struct writes g = {0};
    (void)state;
    static const char *const same[][2] = {
        {"{\"a\":1,\"b\":[0.1,null]}", "{ \"b\": [1e-1, null], \"a\": 1.0 }"},
        {"12345678901234567890123", "1.2345678901234567890123e22"},
        {"null", "null"},
        {"0.30000000000000004", "0.300000000000000041"},
    };
    open_store("");
    add_message(&g, "a");
    assert_int_equal(carry_out(&g), HUB_OK);
    end_group(&g);
    for (size_t i = 0; i < HUB_NELEM(same); i++) {
        char text[200];
        for (size_t k = 0; k < 2; k++) {
            snprintf(text, sizeof text, "UPDATE \"chatMessage\" SET content = '%s' WHERE id = 'a'", same[i][k]);
            change(text);
            if (!k) expect(&g, "a");
            assert_int_equal(carry_out(&g), HUB_OK);
        }
    }
    change(on_postgres ? "UPDATE \"chatMessage\" SET timestamp = '2026-01-01 00:00:00.123456+00' WHERE id = 'a'"
                       : "UPDATE \"chatMessage\" SET timestamp = '2026-01-01T00:00:00.123Z' WHERE id = 'a'");
    expect(&g, "a");
    assert_int_equal(carry_out(&g), HUB_OK);
    change(on_postgres ? "UPDATE \"chatMessage\" SET timestamp = '2026-01-01 00:00:00.124+00' WHERE id = 'a'"
                       : "UPDATE \"chatMessage\" SET timestamp = '2026-01-01T00:00:00.124Z' WHERE id = 'a'");
    assert_int_equal(carry_out(&g), HUB_CONFLICT);
    expect(&g, "a");
    change("UPDATE \"chatMessage\" SET content = NULL WHERE id = 'a'");
    assert_int_equal(carry_out(&g), HUB_CONFLICT);
    expect(&g, "a");
    assert_int_equal(carry_out(&g), HUB_OK);
    change("UPDATE \"chatMessage\" SET content = '{\"a\":[2,1]}' WHERE id = 'a'");
    assert_int_equal(carry_out(&g), HUB_CONFLICT);
    end_group(&g);
    close_store();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_is_carried_out_whole),
        cmocka_unit_test(one_that_fails_fails_all_of_its_group_and_nobody_else),
        cmocka_unit_test(a_check_holds_its_group_to_what_was_read),
        cmocka_unit_test(a_check_compares_what_is_read),
    };
    return RUN_ON_STORE(tests);
}
