/* Names, literals and types. */
#include "adapters/sql/dialect.h"

#include <math.h>

#include "base/time/clock.h"

/* Text between names, so that each dialect's condition reads as one piece: A is the audience, O the owner,
 * U the user. */
static void expand_form(struct hub_buf *out, const char *form, struct hub_str a, struct hub_str o, struct hub_str u) {
    for (; *form; form++) {
        if (*form == '#')
            hub_buf_adds(out, *++form == 'A' ? a : *form == 'O' ? o : u);
        else
            hub_buf_addc(out, *form);
    }
}

static void meant_for_sqlite(struct hub_buf *out, struct hub_str audience, struct hub_str owner, struct hub_str user) {
    static const char form[] = "(#A IS NULL OR #O = #U OR CASE json_type(#A)"
                               " WHEN 'array' THEN EXISTS (SELECT 1 FROM json_each(#A) WHERE value = #U)"
                               " WHEN 'object' THEN json_extract(#A, '$.except') IS NOT #U ELSE TRUE END)";
    expand_form(out, form, audience, owner, user);
}

static void meant_for_postgres(struct hub_buf *out, struct hub_str audience, struct hub_str owner,
                               struct hub_str user) {
    static const char form[] = "(#A IS NULL OR #O = #U::text OR CASE jsonb_typeof(#A)"
                               " WHEN 'array' THEN #A @> to_jsonb(#U::text)"
                               " WHEN 'object' THEN #A ->> 'except' IS DISTINCT FROM #U::text ELSE TRUE END)";
    expand_form(out, form, audience, owner, user);
}

/* DateTime and JSON are declared so that their affinity is TEXT (a type name that contains TEXT) and yet
 * tell them from plain text. */
const struct hub_sql_dialect hub_sql_sqlite = {
    .name = "sqlite",
    .placeholder = '?',
    .types = {[HUB_COL_STRING] = "VARCHAR(255)",
              [HUB_COL_TEXT] = "TEXT",
              [HUB_COL_INTEGER] = "INTEGER",
              [HUB_COL_DECIMAL] = "REAL",
              [HUB_COL_BOOLEAN] = "BOOLEAN",
              [HUB_COL_ID] = "TEXT",
              [HUB_COL_DATETIME] = "DATETIME TEXT",
              [HUB_COL_ENUM] = "TEXT",
              [HUB_COL_JSON] = "JSON TEXT"},
    .collation = " COLLATE BINARY",
    .text_cast = " || ''",
    .now = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
    .enum_check = true,
    .meant_for = meant_for_sqlite,
    .loose_types = true,
    .nulls_small = true,
    .take_open = " IN (",
    .take_close = ")",
};

const struct hub_sql_dialect hub_sql_postgres = {
    .name = "postgresql",
    .placeholder = '$',
    .types = {[HUB_COL_STRING] = "varchar(255)",
              [HUB_COL_TEXT] = "text",
              [HUB_COL_INTEGER] = "bigint",
              [HUB_COL_DECIMAL] = "double precision",
              [HUB_COL_BOOLEAN] = "boolean",
              [HUB_COL_ID] = "text",
              [HUB_COL_DATETIME] = "timestamptz",
              [HUB_COL_ENUM] = "text",
              [HUB_COL_JSON] = "jsonb"},
    .collation = " COLLATE \"C\"",
    .collate_columns = true,
    .text_cast = "::text",
    .now = "now()",
    .enum_type = true,
    .exact_names = true,
    .schemas = true,
    .name_max = 63,
    .take_open = " = ANY (ARRAY(",
    .take_close = " FOR UPDATE SKIP LOCKED))",
    .meant_for = meant_for_postgres,
};

static void add_quoted(struct hub_buf *out, struct hub_str s, char quote) {
    hub_buf_addc(out, quote);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == quote) hub_buf_addc(out, quote);
        hub_buf_addc(out, s.p[i]);
    }
    hub_buf_addc(out, quote);
}

void hub_sql_name(struct hub_buf *out, const char *identifier) { add_quoted(out, hub_cstr(identifier), '"'); }

const char *hub_sql_split_table(const struct hub_sql_dialect *d, const char *table, struct hub_str *schema) {
    const char *dot = d->schemas ? strchr(table, '.') : NULL;
    *schema = dot ? hub_str(table, (size_t)(dot - table)) : hub_str(NULL, 0);
    return dot ? dot + 1 : table;
}

static void add_schema(struct hub_buf *out, struct hub_str schema) {
    if (!schema.p) return;
    add_quoted(out, schema, '"');
    hub_buf_addc(out, '.');
}

void hub_sql_table(const struct hub_sql_dialect *d, struct hub_buf *out, const char *table) {
    struct hub_str schema;
    const char *rest = hub_sql_split_table(d, table, &schema);
    add_schema(out, schema);
    hub_sql_name(out, rest);
}

void hub_sql_text(struct hub_buf *out, struct hub_str text) { add_quoted(out, text, '\''); }

void hub_sql_literal(struct hub_buf *out, const struct hub_column *col, const struct hub_cell *c) {
    char iso[HUB_ISO_LEN + 1];
    switch (c->kind) {
    case HUB_CELL_ABSENT:
    case HUB_CELL_NULL: hub_buf_addz(out, "NULL"); break;
    case HUB_CELL_BOOL: hub_buf_addz(out, c->i ? "TRUE" : "FALSE"); break;
    case HUB_CELL_REAL: hub_buf_addf(out, "%.17g", isfinite(c->r) ? c->r : 0.0); break;
    case HUB_CELL_TEXT: hub_sql_text(out, c->s); break;
    case HUB_CELL_INT:
        if (col->type == HUB_COL_DATETIME) {
            hub_iso_format(c->i, iso);
            hub_sql_text(out, hub_cstr(iso));
        } else
            hub_buf_addi(out, c->i);
        break;
    }
}
