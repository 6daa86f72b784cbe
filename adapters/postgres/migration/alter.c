/* Migration of a column in its place, which only PostgreSQL can: ALTER COLUMN, its type and collation, and
 * the values that are added to an enum's type. */
#include "adapters/postgres/postgres_int.h"
#include "adapters/sql/migration/ddl.h"

static void alter_column(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c,
                         const char *what) {
    hub_sql_alter_table(p, t);
    hub_buf_addz(p->plan, " ALTER COLUMN ");
    hub_sql_name(p->plan, c->column);
    hub_buf_addf(p->plan, " %s;\n", what);
}

void hub_pg_make_enum(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c) {
    if (!hub_sql_is_enum(c)) return;
    struct hub_buf name = {0}, q = {0};
    hub_sql_enum_name(p->d, t, c, &name);
    hub_buf_addz(&q, "SELECT 1 WHERE to_regtype(");
    hub_sql_text(&q, hub_buf_str(&name));
    hub_buf_addz(&q, ") IS NOT NULL");
    if (hub_sql_ask(p, &q, NULL)) /* left of a table that was dropped */
        hub_buf_addf(p->plan, "DROP TYPE %s;\n", hub_buf_cstr(&name));
    hub_buf_addf(p->plan, "CREATE TYPE %s AS ENUM (", hub_buf_cstr(&name));
    hub_sql_enum_values(c, p->plan);
    hub_buf_addz(p->plan, ");\n");
    hub_buf_free(&name);
}

/* New values are added; those that no row has any more stay, and do no harm. */
static void add_enum_values(struct hub_sql_planner *p, const struct hub_column *c,
                            const struct hub_sql_have_column *have) {
    for (const char *const *v = c->enum_values; *v; v++) {
        if (hub_sql_is_among(have->enum_values, *v)) continue;
        hub_buf_addf(p->plan, "ALTER TYPE %s ADD VALUE ", have->type);
        hub_sql_text(p->plan, hub_cstr(*v));
        hub_buf_addz(p->plan, ";\n");
    }
}

/* The default is of the old type, and goes with it. */
static void change_type(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c,
                        const struct hub_sql_have_column *have) {
    struct hub_buf what = {0};
    hub_pg_make_enum(p, t, c);
    if (have->default_sql) alter_column(p, t, c, "DROP DEFAULT");
    hub_buf_addz(&what, "TYPE ");
    hub_sql_type(p->d, t, c, &what);
    if (hub_sql_wants_collation(p->d, c)) hub_buf_addz(&what, p->d->collation);
    hub_buf_addz(&what, " USING ");
    hub_sql_name(&what, c->column);
    hub_buf_addz(&what, "::text::");
    hub_sql_type(p->d, t, c, &what);
    alter_column(p, t, c, hub_buf_cstr(&what));
    hub_buf_clear(&what);
    hub_buf_addz(&what, "SET");
    hub_sql_default(&what, c);
    if (what.n > 3) alter_column(p, t, c, hub_buf_cstr(&what));
    hub_buf_free(&what);
}

/* The type stays: only the indexes are made anew. */
static void change_collation(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c,
                             const struct hub_sql_have_column *have) {
    struct hub_buf what = {0};
    hub_buf_addf(&what, "TYPE %s%s", have->type, p->d->collation);
    alter_column(p, t, c, hub_buf_cstr(&what));
    hub_buf_free(&what);
}

/* Every text that may come must fit. */
static bool too_narrow(const struct hub_column *c, const struct hub_sql_have_column *have) {
    bool text = c->type == HUB_COL_TEXT || c->type == HUB_COL_ID || c->type == HUB_COL_STRING;
    int64_t most = 0;
    struct hub_str type = hub_cstr(have->type), head;
    if (text && have->enum_values) return true;
    if (!text || !hub_str_split(&type, '(', &head) || !type.n) return false;
    hub_str_i64(hub_str(type.p, type.n - 1), &most);
    return c->type != HUB_COL_STRING || most < 255;
}

void hub_pg_alter_column(struct hub_sql_planner *p, const struct hub_table *t, const struct hub_column *c,
                         const struct hub_sql_have_column *have, bool tighter, bool looser) {
    if (hub_sql_is_enum(c) && have->enum_values)
        add_enum_values(p, c, have);
    else if (hub_sql_is_enum(c) || too_narrow(c, have))
        change_type(p, t, c, have);
    else if (have->other_order && hub_sql_wants_collation(p->d, c))
        change_collation(p, t, c, have);
    if (tighter) alter_column(p, t, c, "SET NOT NULL");
    if (looser) alter_column(p, t, c, "DROP NOT NULL");
}
