/* The field reference in docs/reference, from the table. */
#include <stdio.h>

#include "schema/load.h"
#include "schema/scenario/rows.h"
#include "schema/table.h"

/* Text in a cell of a Markdown table. */
static void add_cell(struct hub_buf *out, const char *s) {
    for (; *s; s++) {
        if (*s == '|') hub_buf_addc(out, '\\');
        hub_buf_addc(out, *s);
    }
}

static void add_type(struct hub_buf *out, const struct hub_row *r) {
    static const char *const name[HUB_KIND_COUNT] = {
        [HUB_KIND_BOOL] = "Boolean",
        [HUB_KIND_INT] = "Integer",
        [HUB_KIND_DURATION] = "Time",
        [HUB_KIND_STRING] = "String",
        [HUB_KIND_TEXT] = "Text",
        [HUB_KIND_NAME] = "Name",
        [HUB_KIND_SCRIPT] = "MScript",
        [HUB_KIND_PATTERN] = "pattern",
        [HUB_KIND_STRINGS] = "list",
        [HUB_KIND_WORD] = "one of",
        [HUB_KIND_WORDS] = "list of",
        [HUB_KIND_VALUE] = "value",
        [HUB_KIND_MAP] = "mapping of strings",
        [HUB_KIND_COLUMNS] = "mapping",
        [HUB_KIND_ROLE] = "name of a HubRole",
        [HUB_KIND_OBJECT] = "name of a DataObject",
        [HUB_KIND_PROPERTY] = "name of a property",
    };
    if (r->kind == HUB_KIND_GROUP || r->kind == HUB_KIND_LIST) {
        hub_buf_addf(out, "%s[%s](#%s)", r->kind == HUB_KIND_LIST ? "list of " : "", r->table->name, "");
        out->n--; /* the anchor replaces ")" */
        for (const char *c = r->table->name; *c; c++) hub_buf_addc(out, *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c);
        hub_buf_addc(out, ')');
        return;
    }
    hub_buf_addz(out, name[r->kind]);
    if (r->kind == HUB_KIND_DURATION) hub_buf_addz(out, r->unit ? " in seconds" : " in ms");
    if ((r->kind == HUB_KIND_INT || r->kind == HUB_KIND_DURATION) && r->max)
        hub_buf_addf(out, ", %lld to %lld", (long long)r->min, (long long)r->max);
    if (r->kind == HUB_KIND_INT && r->advised) hub_buf_addf(out, ", advised from %lld", (long long)r->advised);
    for (const struct hub_words *w = r->words; w && w->word; w++)
        hub_buf_addf(out, "%s`%s`", w == r->words ? (r->kind == HUB_KIND_STRING ? ", starts with " : " ") : ", ",
                     w->word);
}

static void add_default(struct hub_buf *out, const struct hub_row *r) {
    if (r->flags & HUB_ROW_REQUIRED)
        hub_buf_addz(out, "required");
    else if (r->fallback_note)
        add_cell(out, r->fallback_note);
    else if (r->fallback)
        hub_buf_addf(out, *r->fallback ? "`%s`" : "empty", r->fallback);
}

static void add_help(struct hub_buf *out, const struct hub_row *r) {
    add_cell(out, r->help);
    if (r->alias) hub_buf_addf(out, " May also be written `%s`.", r->alias);
    if (r->vars) {
        hub_buf_addz(out, " Variables:");
        for (const char *const *v = r->vars->names; *v; v++) {
            const char *shown = strcmp(*v, "$room") == 0     ? "the roomDataObject's name"
                                : strcmp(*v, "$source") == 0 ? "the sourceObject's name"
                                                             : NULL;
            hub_buf_addf(out, v == r->vars->names ? " " : ", ");
            hub_buf_addf(out, shown ? "%s" : "`%s`", shown ? shown : *v);
        }
        hub_buf_addc(out, '.');
    }
    if (r->flags & HUB_ROW_NOT_YET) hub_buf_addz(out, " **Not in use yet:** a value is refused.");
    if (r->flags & HUB_ROW_RESTART)
        hub_buf_addz(out, r->kind == HUB_KIND_GROUP ? " Changes need a restart." : " A change needs a restart.");
    if (r->example) hub_buf_addz(out, " Example: `"), add_cell(out, r->example), hub_buf_addz(out, "`.");
}

/* Once, where it is first met: a table may be that of several fields, and of a field of its own. */
static void describe_table(struct hub_buf *out, const struct hub_fields *t) {
    char heading[HUB_NAME_MAX];
    snprintf(heading, sizeof heading, "\n## %s\n", t->name);
    if (strstr(hub_buf_cstr(out), heading)) return;
    hub_buf_addf(out, "%s\n%s\n\n| Field | Type | Default | Meaning |\n| --- | --- | --- | --- |\n", heading, t->help);
    for (const struct hub_row *r = hub_rows(t); r->key; r = hub_row_next(r)) {
        hub_buf_addf(out, "| `%s` | ", r->key);
        add_type(out, r);
        hub_buf_addz(out, " | ");
        add_default(out, r);
        hub_buf_addz(out, " | ");
        add_help(out, r);
        hub_buf_addz(out, " |\n");
    }
    for (const struct hub_row *r = hub_rows(t); r->key; r = hub_row_next(r))
        if (r->table) describe_table(out, r->table);
}

static void add_words(struct hub_buf *out, const char *title, const struct hub_words *words,
                      const struct hub_content *contents) {
    hub_buf_addf(out, "\n## %s\n\n| Word | Meaning |%s\n| --- | --- |%s\n", title, contents ? " Content |" : "",
                 contents ? " --- |" : "");
    for (size_t i = 0; words[i].word; i++) {
        hub_buf_addf(out, "| `%s` | %s |", words[i].word, words[i].help);
        for (size_t k = 0; contents && k < contents[i].n; k++) {
            const struct hub_def_field *f = &contents[i].fields[k];
            hub_buf_addf(out, "%s `%s` %s%s", k ? "," : "", f->name, hub_words_field_type[f->type].word,
                         f->required ? " (required)" : "");
        }
        hub_buf_addz(out, contents ? " |\n" : "\n");
    }
}

static const char of_definitions[] =
    "In any value `${NAME}` and `${NAME:-default}` are replaced from the environment; names are upper case, so that "
    "`${sessionId}` and template\n"
    "literals stay as they are. `$${` is a literal `${`. A time is a number, or one with `s`, `m`, `h` or `d` behind "
    "it "
    "(`30d`). Absent, `null` and the default mean the same. Lists of strings may be comma-separated strings.\n";
static const char of_scenarios[] =
    "`${name}` stands for what `$save: name` has kept in a step before, and alone keeps its type; nothing comes from "
    "the environment. [authoring.md](../authoring.md) tells how scenarios are written.\n";

void hub_reference_print(enum hub_schema_kind kind, struct hub_buf *out) {
    static const struct {
        const char *title, *kind;
        const struct hub_fields *table;
    } pages[] = {[HUB_SCHEMA_HUB] = {"The hub document: fields", "hub", &hub_fields_hub},
                 [HUB_SCHEMA_SERVICE] = {"service.yaml: fields", "service", &hub_fields_service},
                 [HUB_SCHEMA_PLUGIN] = {"plugin.yaml: fields", "plugin", &hub_fields_plugin},
                 [HUB_SCHEMA_SCENARIO] = {"Scenarios: fields", "scenario", &hub_fields_scenario}};
    hub_buf_addf(out,
                 "# %s\n\nGenerated by `hubctl schema --kind %s --format markdown` from the table of fields in "
                 "`schema/`; do not edit.\n\n",
                 pages[kind].title, pages[kind].kind);
    hub_buf_addz(out, kind == HUB_SCHEMA_SCENARIO ? of_scenarios : of_definitions);
    describe_table(out, pages[kind].table);
    if (kind == HUB_SCHEMA_HUB) add_words(out, "Built-in message types", hub_words_message_type, hub_contents);
    if (kind != HUB_SCHEMA_SCENARIO) add_words(out, "Types of fields", hub_words_field_type, NULL);
}
