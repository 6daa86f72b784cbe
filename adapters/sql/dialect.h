/* What differs between SQL databases, as data, and the spelling of names and values. */
#ifndef HUB_ADAPTERS_SQL_DIALECT_H
#define HUB_ADAPTERS_SQL_DIALECT_H
#include "persist/store.h"

struct hub_sql_dialect {
    const char *name;
    char placeholder;      /* '?' gives ?1, '$' gives $1 */
    const char *types[9];  /* by enum hub_col_type */
    const char *collation; /* of every order of texts: by the bytes of UTF-8 */
    bool collate_columns;  /* managed text columns are declared with it, so that their indexes serve such an order */
    const char *text_cast; /* makes a text of a value of another type */
    const char *now;       /* as a DateTime */
    bool enum_check;       /* an enum is a CHECK constraint of its column */
    bool enum_type;        /* an enum is a type of its own, named <table>_<column> */
    bool exact_names;      /* names that differ in case are different ones */
    bool schemas;          /* a table may have its schema and a dot in front */
    bool loose_types;      /* in tables of others a moment is a text in some spelling, or a number, and a text may equal
                              others by its collation */
    bool nulls_small;      /* without a word NULL stands before all values, else behind them */
    /* around a SELECT of the ids of the rows that a statement is about, which is carried out once */
    const char *take_open, *take_close;
    size_t name_max; /* bytes of a name; 0 = no limit */
    /* HUB_MEANT_FOR: AUDIENCE and OWNER are quoted column names, USER is a parameter. */
    void (*meant_for)(struct hub_buf *out, struct hub_str audience, struct hub_str owner, struct hub_str user);
};
extern const struct hub_sql_dialect hub_sql_sqlite, hub_sql_postgres;

void hub_sql_name(struct hub_buf *out, const char *identifier); /* "quoted" */
/* A table's name, quoted; "schema"."table" where there are schemas. */
void hub_sql_table(const struct hub_sql_dialect *d, struct hub_buf *out, const char *table);
/* The same without the schema, which goes to SCHEMA (NULL, 0: none). */
const char *hub_sql_split_table(const struct hub_sql_dialect *d, const char *table, struct hub_str *schema);
void hub_sql_text(struct hub_buf *out, struct hub_str text); /* 'quoted' */
/* The value as a literal of the column's type; cells as hub_cell_from_json makes them. */
void hub_sql_literal(struct hub_buf *out, const struct hub_column *col, const struct hub_cell *cell);
#endif
