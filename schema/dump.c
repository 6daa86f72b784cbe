/* The effective definition as YAML, driven by the table: what was given, what was defaulted, what the
 * environment and overrides made of it. Each file is one document, opened by "--- # NAME"; saved under
 * those names they load as the same service. Passwords are not shown. */
#include <stdio.h>

#include "base/memory/mem.h"
#include "base/text/secret.h"
#include "schema/kw_plugin.h"
#include "schema/load.h"
#include "schema/table.h"
#include "schema/tree.h"

struct dump {
    struct hub_buf *out;
    const char *dir;                     /* paths of files are printed relative to it */
    const struct hub_def_plugin *plugin; /* what is being printed, or NULL */
    const struct hub_def_parts *user;    /* of the hub or namespace that is being printed, or NULL */
    const char *group;                   /* that is being printed, of those of a plugin or its user; else NULL */
    bool hides;                          /* members of a value that have the names of secrets are not shown */
};

static void indent_line(struct dump *d, int level) {
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

static void add_json(struct dump *d, const json_t *v);

static void add_json_member(struct dump *d, const char *key, const json_t *v) {
    add_quotedz(d, key);
    hub_buf_addz(d->out, ": ");
    if (d->hides && json_is_string(v) && hub_secret_name(hub_cstr(key)))
        add_quotedz(d, "***");
    else
        add_json(d, v);
}

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
            add_json_member(d, key, item);
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
        if (line.n) indent_line(d, level);
        hub_buf_adds(d->out, line);
    }
    hub_buf_free(&text);
}

static void add_script(struct dump *d, const struct hub_script *s, int level) {
    if (s->kind == HUB_SCRIPT_EXPR) {
        add_quoted(d, s->text);
    } else if (fits_block(s->text)) {
        hub_buf_addc(d->out, '\n');
        indent_line(d, level + 1);
        hub_buf_addz(d->out, "lua: ");
        add_block(d, s->text, level + 2);
    } else {
        hub_buf_addz(d->out, "{lua: ");
        add_quoted(d, s->text);
        hub_buf_addc(d->out, '}');
    }
}

static void add_pattern(struct dump *d, const struct hub_def_pattern *p) {
    if (p->is_regex) hub_buf_addz(d->out, "{regex: ");
    add_quotedz(d, p->text);
    if (p->is_regex) hub_buf_addc(d->out, '}');
}

static void add_shown_path(struct dump *d, const char *path) {
    size_t n = strlen(d->dir);
    add_quotedz(d, strncmp(path, d->dir, n) == 0 && path[n] == '/' ? path + n + 1 : path);
}

/* ---- plugins ---- */

/* A plugin's document and what it becomes a part of. */
static bool may_have_parts(const struct hub_fields *t) {
    return t == &hub_fields_plugin || t == &hub_fields_extensions || t == &hub_fields_namespace;
}

/* Whether P has what is written as R, or something in it. */
static bool plugin_has(const struct dump *d, const struct hub_def_plugin *p, const struct hub_row *r) {
    char path[2 * HUB_NAME_MAX];
    int n = snprintf(path, sizeof path, "%s%s%s", d->group ? d->group : "", d->group ? "." : "", r->key);
    for (size_t i = 0; i < p->parts.n; i++) {
        const char *part = p->parts.items[i];
        if (!strncmp(part, path, (size_t)n) && (!part[n] || part[n] == '.')) return true;
        if (d->group && !strcmp(part, d->group)) return true;
    }
    return false;
}

static bool is_list(const struct hub_row *r) {
    return r->kind == HUB_KIND_LIST || r->flags & HUB_ROW_CHAIN || hub_row_has_parts(r);
}

/* Where a plugin is loaded again with its user, each may only say what it has written: the defaults of a
 * part are not what is meant when the other one has it. */
static bool is_shown(const struct dump *d, const struct hub_fields *t, const struct hub_row *r) {
    if (!d->group && !may_have_parts(t)) return true;
    if (d->plugin) return r->offset >= sizeof(struct hub_raw) || plugin_has(d, d->plugin, r);
    for (size_t i = 0; d->user && !is_list(r) && i < d->user->plugin_n; i++)
        if (d->user->plugins[i].plugin && plugin_has(d, d->user->plugins[i].plugin, r)) return false;
    return true;
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
    for (const struct hub_row *r = hub_rows(group->table); r->key; r = hub_row_next(r))
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
    case HUB_KIND_PATTERN: return ((const struct hub_def_pattern *)at)->text != NULL;
    case HUB_KIND_MAP: return ((const struct hub_settings *)at)->n > 0;
    case HUB_KIND_COLUMNS: return has_renamed_columns((const void *)base);
    case HUB_KIND_GROUP: return group_is_given(r, base);
    case HUB_KIND_INT:
    case HUB_KIND_DURATION: return !r->max || *(const int64_t *)at >= r->min; /* else it was left out */
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
        if (r->table == &hub_fields_namespace)
            d->user = &((const struct hub_def_namespace *)(const void *)items)[i].def.parts;
        hub_buf_addc(d->out, '\n');
        indent_line(d, level + 1);
        hub_buf_addz(d->out, "- ");
        dump_table(d, r->table, items + i * r->table->size, level + 2, true);
    }
}

static void add_group(struct dump *d, const struct hub_fields *t, const struct hub_row *r, const char *base,
                      int level) {
    const char *outer = d->group;
    d->group = may_have_parts(t) ? r->key : NULL;
    hub_buf_addc(d->out, '\n');
    dump_table(d, r->table, base, level + 1, false);
    d->group = outer;
}

/* What is given to a plugin may be a password, and so may what it has where nothing is given. */
static void add_given(struct dump *d, const struct hub_fields *t, const json_t *v, const char *base) {
    const struct hub_def_field *f = d->plugin && t == &hub_fields_field ? (const void *)base : NULL;
    d->hides = t == &hub_fields_plugin_use;
    if (f && f->name && json_is_string(v) && hub_secret_name(hub_cstr(f->name)))
        add_quotedz(d, "***");
    else
        add_json(d, v);
    d->hides = false;
}

static void add_value(struct dump *d, const struct hub_fields *t, const struct hub_row *r, const char *base,
                      int level) {
    const char *at = base + r->offset;
    switch (r->kind) {
    case HUB_KIND_BOOL: hub_buf_addz(d->out, *(const bool *)at ? "true" : "false"); break;
    case HUB_KIND_INT:
    case HUB_KIND_DURATION: hub_buf_addi(d->out, *(const int64_t *)at); break;
    case HUB_KIND_STRING:
    case HUB_KIND_TEXT:
    case HUB_KIND_NAME: add_text(d, r, pointer_at(at)); break;
    case HUB_KIND_SCRIPT: add_script(d, (const struct hub_script *)at, level); break;
    case HUB_KIND_PATTERN: add_pattern(d, (const struct hub_def_pattern *)at); break;
    case HUB_KIND_STRINGS:
    case HUB_KIND_WORDS: add_strings(d, (const struct hub_strs *)at); break;
    case HUB_KIND_WORD: hub_buf_addz(d->out, r->words[int_at(at)].word); break;
    case HUB_KIND_GROUP: add_group(d, t, r, base, level); break;
    case HUB_KIND_LIST: add_list(d, r, base, level); break;
    case HUB_KIND_VALUE: add_given(d, t, pointer_at(at), base); break;
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
    for (const struct hub_row *r = hub_rows(t); r->key; r = hub_row_next(r)) {
        if (!has_value(r, base) || !is_shown(d, t, r)) continue;
        if (!first) hub_buf_addc(d->out, '\n');
        if (!first || !in_item) indent_line(d, level);
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
static struct hub_raw unfold_hub(const struct hub_def *def, const char **names) {
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

static void dump_name(struct dump *d, const char *file) {
    size_t n = strlen(d->dir);
    hub_buf_addf(d->out, "--- # %s\n", strncmp(file, d->dir, n) == 0 && file[n] == '/' ? file + n + 1 : file);
}

static void dump_plugin(struct dump *d, struct hub_def_plugin *p) {
    const struct hub_raw_plugin *raw = HUB_CONTAINER(p, struct hub_raw_plugin, plugin);
    d->plugin = p;
    dump_name(d, p->file);
    dump_table(d, &hub_fields_plugin, (const char *)raw, 0, false);
    hub_buf_addc(d->out, '\n');
    d->plugin = NULL;
}

void hub_service_dump(const struct hub_service *s, struct hub_buf *out) {
    struct dump d = {.out = out, .dir = s->dir};
    hub_buf_addz(out, "--- # service.yaml\n");
    dump_table(&d, &hub_fields_service, (const char *)s, 0, false);
    hub_buf_addc(out, '\n');
    for (size_t i = 0; i < s->hub_n; i++) {
        const char *names[16];
        struct hub_raw raw = unfold_hub(&s->hubs[i], names);
        d.user = &raw.def.parts;
        dump_name(&d, s->hubs[i].file);
        dump_table(&d, &hub_fields_hub, (const char *)&raw, 0, false);
        hub_buf_addc(out, '\n');
    }
    for (size_t i = 0; i < s->plugin_n; i++) dump_plugin(&d, s->plugins[i]);
    dump_seed(&d, s);
}
