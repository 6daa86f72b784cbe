/* The effective definition as YAML, driven by the table: what was given, what was defaulted, what the
 * environment and overrides made of it. Each file is one document, opened by "--- # NAME"; saved under
 * those names they load as the same service. Passwords are not shown. */
#include <stdio.h>

#include "base/secret.h"
#include "schema/load.h"
#include "schema/table.h"
#include "schema/tree.h"

struct dump {
    struct hub_buf *out;
    const char *dir; /* paths of files are printed relative to it */
};

static void indent(struct dump *d, int level) {
    for (int i = 0; i < level; i++) hub_buf_addz(d->out, "  ");
}

/* ---- values ---- */

/* Code point at P and its length; P is valid UTF-8. */
static unsigned code_point(const unsigned char *p, size_t *len) {
    *len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    unsigned c = *len == 1 ? p[0] : p[0] & (0xffu >> (*len + 1));
    for (size_t i = 1; i < *len; i++) c = c << 6 | (p[i] & 0x3f);
    return c;
}

/* What YAML does not take raw, or would take for a line break. */
static bool needs_escape(unsigned c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff || c == 0xfffe ||
           c == 0xffff;
}

static void add_quoted(struct dump *d, struct hub_str s) {
    struct hub_buf text = {0};
    hub_tree_escape(&text, s);
    hub_buf_addc(d->out, '"');
    for (size_t i = 0, len; i < text.n; i += len) {
        unsigned c = code_point((const unsigned char *)text.p + i, &len);
        if (c == '"' || c == '\\')
            hub_buf_addf(d->out, "\\%c", (char)c);
        else if (c == '\n')
            hub_buf_addz(d->out, "\\n");
        else if (needs_escape(c))
            hub_buf_addf(d->out, "\\u%04x", c);
        else
            hub_buf_add(d->out, text.p + i, len);
    }
    hub_buf_addc(d->out, '"');
    hub_buf_free(&text);
}

static void add_quotedz(struct dump *d, const char *s) { add_quoted(d, hub_cstr(s)); }

static void add_json(struct dump *d, const json_t *v) {
    const char *key, *comma = "";
    json_t *item;
    size_t i;
    if (json_is_string(v)) {
        add_quoted(d, hub_json_str(v));
    } else if (json_is_array(v)) {
        hub_buf_addc(d->out, '[');
        json_array_foreach(v, i, item) hub_buf_addz(d->out, comma), add_json(d, item), comma = ", ";
        hub_buf_addc(d->out, ']');
    } else if (json_is_object(v)) {
        hub_buf_addc(d->out, '{');
        json_object_foreach((json_t *)v, key, item) {
            hub_buf_addz(d->out, comma);
            add_quotedz(d, key);
            hub_buf_addz(d->out, ": ");
            add_json(d, item);
            comma = ", ";
        }
        hub_buf_addc(d->out, '}');
    } else {
        hub_json_add(d->out, v);
    }
}

static void add_strings(struct dump *d, const struct hub_strs *list) {
    hub_buf_addc(d->out, '[');
    for (size_t i = 0; i < list->n; i++) {
        if (i) hub_buf_addz(d->out, ", ");
        add_quotedz(d, list->items[i]);
    }
    hub_buf_addc(d->out, ']');
}

/* A block shows Lua as it was written; text that a block would change is quoted. */
static bool fits_block(struct hub_str s) {
    struct hub_str rest = s, line;
    bool last_has_text = false;
    if (!memchr(s.p, '\n', s.n) || s.p[0] == ' ' || s.p[0] == '\n') return false;
    while (hub_str_split(&rest, '\n', &line)) {
        for (size_t i = 0; i < line.n; i++)
            if ((unsigned char)line.p[i] < ' ' || (unsigned char)line.p[i] > '~') return false;
        if (line.n && !hub_str_trim(line).n) return false;
        if (rest.p || line.n) last_has_text = line.n > 0;
    }
    return last_has_text;
}

static void add_block(struct dump *d, struct hub_str s, int level) {
    struct hub_buf text = {0};
    hub_tree_escape(&text, s);
    bool ends = text.p[text.n - 1] == '\n';
    hub_buf_addz(d->out, ends ? "|" : "|-");
    struct hub_str rest = hub_str(text.p, text.n - ends), line;
    while (hub_str_split(&rest, '\n', &line)) {
        hub_buf_addc(d->out, '\n');
        if (line.n) indent(d, level);
        hub_buf_adds(d->out, line);
    }
    hub_buf_free(&text);
}

static void add_script(struct dump *d, const struct hub_script *s, int level) {
    if (s->kind == HUB_SCRIPT_EXPR) {
        add_quoted(d, s->text);
    } else if (fits_block(s->text)) {
        hub_buf_addc(d->out, '\n');
        indent(d, level + 1);
        hub_buf_addz(d->out, "lua: ");
        add_block(d, s->text, level + 2);
    } else {
        hub_buf_addz(d->out, "{lua: ");
        add_quoted(d, s->text);
        hub_buf_addc(d->out, '}');
    }
}

static void add_shown_path(struct dump *d, const char *path) {
    size_t n = strlen(d->dir);
    add_quotedz(d, strncmp(path, d->dir, n) == 0 && path[n] == '/' ? path + n + 1 : path);
}

/* ---- rows ---- */

static const void *pointer_at(const char *at) {
    const void *p;
    memcpy(&p, at, sizeof p);
    return p;
}

static int int_at(const char *at) {
    int i;
    memcpy(&i, at, sizeof i);
    return i;
}

static bool has_renamed_columns(const struct hub_def_object *o) {
    for (size_t i = 0; i < o->property_n; i++)
        if (strcmp(o->properties[i].column, o->properties[i].name)) return true;
    return false;
}

/* An optional group was not given when what it requires is not there. */
static bool group_is_given(const struct hub_row *group, const char *base) {
    if (group->count) return *(const bool *)(base + group->count - 1);
    for (const struct hub_row *r = group->table->rows; r->key; r++)
        if (r->flags & HUB_ROW_REQUIRED && r->kind == HUB_KIND_STRING && !pointer_at(base + r->offset)) return false;
    return true;
}

static bool has_value(const struct hub_row *r, const char *base) {
    const char *at = base + r->offset;
    switch (r->kind) {
    case HUB_KIND_STRING:
    case HUB_KIND_TEXT:
    case HUB_KIND_NAME:
    case HUB_KIND_VALUE:
    case HUB_KIND_ROLE:
    case HUB_KIND_OBJECT: return pointer_at(at) != NULL;
    case HUB_KIND_PROPERTY: return int_at(at) >= 0;
    case HUB_KIND_SCRIPT: return ((const struct hub_script *)at)->kind != HUB_SCRIPT_NONE;
    case HUB_KIND_MAP: return ((const struct hub_settings *)at)->n > 0;
    case HUB_KIND_COLUMNS: return has_renamed_columns((const void *)base);
    case HUB_KIND_GROUP: return group_is_given(r, base);
    default: return true;
    }
}

static void add_columns(struct dump *d, const struct hub_def_object *o) {
    const char *comma = "{";
    for (size_t i = 0; i < o->property_n; i++) {
        if (strcmp(o->properties[i].column, o->properties[i].name) == 0) continue;
        hub_buf_addf(d->out, "%s%s: ", comma, o->properties[i].name);
        add_quotedz(d, o->properties[i].column);
        comma = ", ";
    }
    hub_buf_addc(d->out, '}');
}

static void add_map(struct dump *d, const struct hub_settings *s) {
    for (size_t i = 0; i < s->n; i++) {
        hub_buf_addz(d->out, i ? ", " : "{");
        add_quotedz(d, s->items[i].name);
        hub_buf_addz(d->out, ": ");
        add_quotedz(d, hub_secret_name(hub_cstr(s->items[i].name)) ? "***" : s->items[i].value);
    }
    hub_buf_addc(d->out, '}');
}

static void add_url(struct dump *d, const char *url) {
    struct hub_buf shown = {0};
    hub_secret_add_url(&shown, hub_cstr(url));
    add_quoted(d, hub_buf_str(&shown));
    hub_buf_free(&shown);
}

static void add_text(struct dump *d, const struct hub_row *r, const char *s) {
    if (r->flags & HUB_ROW_FILE)
        add_shown_path(d, s);
    else if (r->flags & HUB_ROW_URL)
        add_url(d, s);
    else
        add_quotedz(d, s);
}

static void add_property(struct dump *d, const struct hub_fields *t, const struct hub_row *r, const char *base) {
    const struct hub_def_object *o = pointer_at(base + hub_fields_row(t, hub_cstr(r->of))->offset);
    add_quotedz(d, o->properties[int_at(base + r->offset)].name);
}

static void dump_table(struct dump *d, const struct hub_fields *t, const char *base, int level, bool in_item);

static void add_list(struct dump *d, const struct hub_row *r, const char *base, int level) {
    const char *items = pointer_at(base + r->offset);
    size_t n = *(const size_t *)(base + r->count);
    if (!n) hub_buf_addz(d->out, "[]");
    for (size_t i = 0; i < n; i++) {
        hub_buf_addc(d->out, '\n');
        indent(d, level + 1);
        hub_buf_addz(d->out, "- ");
        dump_table(d, r->table, items + i * r->table->size, level + 2, true);
    }
}

static void add_value(struct dump *d, const struct hub_fields *t, const struct hub_row *r, const char *base,
                      int level) {
    const char *at = base + r->offset;
    switch (r->kind) {
    case HUB_KIND_BOOL: hub_buf_addz(d->out, *(const bool *)at ? "true" : "false"); break;
    case HUB_KIND_INT: hub_buf_addi(d->out, *(const int64_t *)at); break;
    case HUB_KIND_STRING:
    case HUB_KIND_TEXT:
    case HUB_KIND_NAME: add_text(d, r, pointer_at(at)); break;
    case HUB_KIND_SCRIPT: add_script(d, (const struct hub_script *)at, level); break;
    case HUB_KIND_STRINGS:
    case HUB_KIND_WORDS: add_strings(d, (const struct hub_strs *)at); break;
    case HUB_KIND_WORD: hub_buf_addz(d->out, r->words[int_at(at)].word); break;
    case HUB_KIND_GROUP: hub_buf_addc(d->out, '\n'), dump_table(d, r->table, base, level + 1, false); break;
    case HUB_KIND_LIST: add_list(d, r, base, level); break;
    case HUB_KIND_VALUE: add_json(d, pointer_at(at)); break;
    case HUB_KIND_MAP: add_map(d, (const struct hub_settings *)at); break;
    case HUB_KIND_COLUMNS: add_columns(d, (const void *)base); break;
    case HUB_KIND_ROLE: add_quotedz(d, ((const struct hub_def_role *)pointer_at(at))->name); break;
    case HUB_KIND_OBJECT: add_quotedz(d, ((const struct hub_def_object *)pointer_at(at))->name); break;
    case HUB_KIND_PROPERTY: add_property(d, t, r, base); break;
    case HUB_KIND_COUNT: break;
    }
}

/* The fields of one struct, a line each; the last line is left open. IN_ITEM: the first stands behind "-
 * ". */
static void dump_table(struct dump *d, const struct hub_fields *t, const char *base, int level, bool in_item) {
    bool first = true;
    for (const struct hub_row *r = t->rows; r->key; r++) {
        if (!has_value(r, base)) continue;
        if (!first) hub_buf_addc(d->out, '\n');
        if (!first || !in_item) indent(d, level);
        hub_buf_addf(d->out, "%s:", r->key);
        bool opens =
            r->kind == HUB_KIND_GROUP || (r->kind == HUB_KIND_LIST && *(const size_t *)(base + r->count)) ||
            (r->kind == HUB_KIND_SCRIPT && ((const struct hub_script *)(base + r->offset))->kind == HUB_SCRIPT_LUA &&
             fits_block(((const struct hub_script *)(base + r->offset))->text));
        if (!opens) hub_buf_addc(d->out, ' ');
        add_value(d, t, r, base, level);
        first = false;
    }
}

/* ---- documents ---- */

/* A hub as it was while it was loaded: the built-in types by name, the custom ones in full. */
static struct hub_raw unfold(const struct hub_def *def, const char **names) {
    struct hub_raw raw = {.def = *def, .builtin_types.items = names};
    while (raw.builtin_types.n < def->message_type_n && def->message_types[raw.builtin_types.n].builtin) {
        names[raw.builtin_types.n] = def->message_types[raw.builtin_types.n].name;
        raw.builtin_types.n++;
    }
    raw.custom_types = def->message_types + raw.builtin_types.n;
    raw.custom_type_n = def->message_type_n - raw.builtin_types.n;
    return raw;
}

static void dump_seed(struct dump *d, const struct hub_service *s) {
    bool any = false;
    for (size_t i = 0; i < s->object_n; i++) {
        if (!s->objects[i].seed) continue;
        if (!any) hub_buf_addz(d->out, "--- # seed.yaml\n");
        any = true;
        hub_buf_addf(d->out, "%s:%s\n", s->objects[i].name, json_array_size(s->objects[i].seed) ? "" : " []");
        for (size_t k = 0; k < json_array_size(s->objects[i].seed); k++) {
            hub_buf_addz(d->out, "  - ");
            add_json(d, json_array_get(s->objects[i].seed, k));
            hub_buf_addc(d->out, '\n');
        }
    }
}

void hub_service_dump(const struct hub_service *s, struct hub_buf *out) {
    struct dump d = {out, s->dir};
    hub_buf_addz(out, "--- # service.yaml\n");
    dump_table(&d, &hub_fields_service, (const char *)s, 0, false);
    hub_buf_addc(out, '\n');
    for (size_t i = 0; i < s->hub_n; i++) {
        const char *names[16], *file = s->hubs[i].file;
        struct hub_raw raw = unfold(&s->hubs[i], names);
        size_t n = strlen(s->dir);
        hub_buf_addf(out, "--- # %s\n", strncmp(file, s->dir, n) == 0 && file[n] == '/' ? file + n + 1 : file);
        dump_table(&d, &hub_fields_hub, (const char *)&raw, 0, false);
        hub_buf_addc(out, '\n');
    }
    dump_seed(&d, s);
}
