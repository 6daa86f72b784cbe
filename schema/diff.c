/* The difference between two services, walked by the table. */
#include "schema/diff.h"

#include <stdio.h>

#include "base/io/file.h"
#include "base/memory/mem.h"
#include "schema/loader.h"
#include "schema/script_text.h"
#include "schema/table.h"
#include "schema/tree.h"

/* One of the two services: its struct at a place of the walk, and what was written there. */
struct side {
    const char *base;
    const struct hub_node *node; /* NULL: nothing was written */
};

struct service_diff {
    json_t *found;
    const char *dirs[2];
    const struct hub_service *now;
    struct hub_arena *arena;
};

/* ---- values, for comparison and for people ---- */

static const void *pointer_in(const char *at) {
    const void *p;
    memcpy(&p, at, sizeof p);
    return p;
}

static HUB_MUST json_t *text_or_null(const char *text) { return text ? json_string(text) : json_null(); }

static HUB_MUST json_t *strings_json(const struct hub_strs *list) {
    json_t *all = json_array();
    for (size_t i = 0; i < list->n; i++) json_array_append_new(all, json_string(list->items[i]));
    return all;
}

static HUB_MUST json_t *settings_json(const struct hub_settings *all) {
    json_t *o = json_object();
    for (size_t i = 0; i < all->n; i++) json_object_set_new(o, all->items[i].name, json_string(all->items[i].value));
    return o;
}

/* As a program: blanks and comments are none of it. */
static HUB_MUST json_t *script_json(const struct hub_script *s) {
    struct hub_buf normal = {0};
    for (; s; s = s->next) hub_script_text_normal(s->text, s->kind == HUB_SCRIPT_LUA, &normal);
    json_t *text = hub_json_string(hub_buf_str(&normal));
    hub_buf_free(&normal);
    return text;
}

static HUB_MUST json_t *property_json(const struct hub_fields *t, const struct hub_row *r, const char *base) {
    const struct hub_def_object *o = pointer_in(base + hub_fields_row(t, hub_cstr(r->of))->offset);
    int i;
    memcpy(&i, base + r->offset, sizeof i);
    return o && i >= 0 ? json_string(o->properties[i].name) : json_null();
}

static HUB_MUST json_t *columns_json(const struct hub_def_object *o) {
    json_t *all = json_object();
    for (size_t i = 0; i < o->property_n; i++)
        if (o->properties[i].column && strcmp(o->properties[i].column, o->properties[i].name))
            json_object_set_new(all, o->properties[i].name, json_string(o->properties[i].column));
    return all;
}

static HUB_MUST json_t *value_json(const struct hub_fields *t, const struct hub_row *r, const char *base) {
    const char *at = base + r->offset;
    const void *p = NULL;
    int word;
    switch (r->kind) {
    case HUB_KIND_BOOL: return json_boolean(*(const bool *)at);
    case HUB_KIND_INT:
    case HUB_KIND_DURATION: return json_integer(*(const int64_t *)at);
    case HUB_KIND_SCRIPT: return script_json((const struct hub_script *)at);
    case HUB_KIND_STRINGS:
    case HUB_KIND_WORDS: return strings_json((const struct hub_strs *)at);
    case HUB_KIND_MAP: return settings_json((const struct hub_settings *)at);
    case HUB_KIND_WORD: memcpy(&word, at, sizeof word); return json_string(r->words[word].word);
    case HUB_KIND_PROPERTY: return property_json(t, r, base);
    case HUB_KIND_COLUMNS: return columns_json((const void *)base);
    case HUB_KIND_PATTERN: return text_or_null(((const struct hub_def_pattern *)at)->text);
    default: break;
    }
    p = pointer_in(at);
    if (!p) return json_null();
    if (r->kind == HUB_KIND_VALUE) return json_incref((json_t *)(uintptr_t)p);
    if (r->kind == HUB_KIND_ROLE) return json_string(((const struct hub_def_role *)p)->name);
    if (r->kind == HUB_KIND_OBJECT) return json_string(((const struct hub_def_object *)p)->name);
    return json_string(p);
}

/* ---- what was found ---- */

/* A difference that is being told. */
struct change {
    unsigned grades; /* of enum HUB_BREAKS_DATA, HUB_BREAKS_CLIENTS, HUB_BREAKS_RIGHTS */
    const char *rights;
    const char *path;
    const struct hub_node *nodes[2];
};

static HUB_MUST json_t *grades_json(const struct change *c) {
    json_t *all = json_array();
    if (c->grades & HUB_BREAKS_DATA) json_array_append_new(all, json_string("data"));
    if (c->grades & HUB_BREAKS_CLIENTS) json_array_append_new(all, json_string("clients"));
    if (c->grades & HUB_BREAKS_SCRIPTS) json_array_append_new(all, json_string("scripts"));
    if (c->rights) json_array_append_new(all, json_string("rights"));
    return all;
}

static HUB_MUST json_t *diff_place_json(const struct service_diff *d, int side, const struct hub_node *node) {
    const char *file = node->src->name, *dir = d->dirs[side];
    size_t n = strlen(dir);
    int line = node->key_range.line ? node->key_range.line : node->range.line;
    if (!strncmp(file, dir, n) && file[n] == '/') file += n + 1;
    return json_pack("{s:s, s:i, s:o}", "file", file, "line", line, "text",
                     hub_json_string(hub_str_trim(hub_source_line(node->src, line))));
}

static void tell_difference(struct service_diff *d, const struct change *c, const char *message) {
    static const char *const names[] = {"old", "new"};
    json_t *o = json_pack("{s:o}", "grades", grades_json(c));
    if (c->rights) json_object_set_new(o, "rights", json_string(c->rights));
    json_object_set_new(o, "path", json_string(c->path));
    json_object_set_new(o, "message", json_string(message));
    for (int i = 0; i < 2; i++)
        if (c->nodes[i]) json_object_set_new(o, names[i], diff_place_json(d, i, c->nodes[i]));
    json_array_append_new(d->found, o);
}

/* ---- grades ---- */

static bool has_element(const json_t *list, const json_t *one) {
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v) {
        if (json_equal(v, one)) return true;
    }
    return false;
}

/* Whether NOW lacks something that OLD has. */
static bool lacks_element(const json_t *old, const json_t *now) {
    size_t i;
    json_t *v;
    json_array_foreach(old, i, v) {
        if (!has_element(now, v)) return true;
    }
    return false;
}

static bool is_less(const json_t *old, const json_t *now) {
    if (json_is_array(old)) return lacks_element(old, now);
    if (json_is_boolean(old)) return json_is_true(old) && !json_is_true(now);
    if (json_is_integer(old)) return json_integer_value(now) < json_integer_value(old);
    return json_is_null(now);
}

static const char *rights_of(unsigned breaks, const json_t *old, const json_t *now) {
    bool less = is_less(old, now), more = is_less(now, old);
    if (breaks & HUB_BREAKS_RIGHTS) return "changed";
    if (!(breaks & (HUB_BREAKS_GRANTS | HUB_BREAKS_DENIES))) return NULL;
    if (less == more) return "changed";
    return less == ((breaks & HUB_BREAKS_DENIES) == 0) ? "less" : "more";
}

static void grade_change(struct change *c, unsigned breaks, const json_t *old, const json_t *now) {
    c->rights = rights_of(breaks, old, now);
    if (!(breaks & HUB_BREAKS_IF_LESS) || is_less(old, now)) c->grades = breaks;
}

/* ---- rows ---- */

static const struct hub_node *node_below(const struct hub_node *node, const struct hub_row *r) {
    return node && node->kind == HUB_NODE_MAP ? hub_row_node(r, node) : NULL;
}

static HUB_MUST char *path_below(struct service_diff *d, const char *path, const char *key) {
    return hub_arena_fmt(d->arena, "%s%s%s", path, *path ? "." : "", key);
}

static void add_short(struct hub_buf *b, const json_t *v) {
    struct hub_buf text = {0};
    hub_json_add(&text, v);
    hub_buf_addf(b, text.n > 80 ? "%.*s…" : "%.*s", text.n > 80 ? 80 : (int)text.n, text.p);
    hub_buf_free(&text);
}

/* A hook is not shown: its places are. */
static void add_message(struct hub_buf *b, const struct hub_row *r, const json_t *old, const json_t *now) {
    if (r->kind == HUB_KIND_SCRIPT) {
        bool was = hub_json_str(old).n, is = hub_json_str(now).n;
        hub_buf_addz(b, !was ? "a hook is given" : is ? "the hook has changed" : "the hook is gone");
        hub_buf_addz(b, r->breaks ? "" : " (behaviour)");
        return;
    }
    add_short(b, old);
    hub_buf_addz(b, " is ");
    add_short(b, now);
    hub_buf_addz(b, " now");
}

static void compare_value(struct service_diff *d, const struct hub_fields *t, const struct hub_row *r,
                          const struct side sides[2], const char *path) {
    json_t *old = value_json(t, r, sides[0].base), *now = value_json(t, r, sides[1].base);
    if (!json_equal(old, now)) {
        struct hub_buf message = {0};
        struct change c = {.path = path_below(d, path, r->key)};
        for (int i = 0; i < 2; i++) c.nodes[i] = node_below(sides[i].node, r);
        grade_change(&c, r->breaks, old, now);
        add_message(&message, r, old, now);
        tell_difference(d, &c, hub_buf_cstr(&message));
        hub_buf_free(&message);
    }
    json_decref(old);
    json_decref(now);
}

/* ---- what scripts name ---- */

static bool does_file_name(const char *file, struct hub_str name) {
    struct hub_buf text = {0};
    struct hub_err err;
    bool found =
        !hub_file_read(file, HUB_SOURCE_MAX, &text, &err) && hub_script_text_names(hub_buf_str(&text), true, name);
    hub_buf_free(&text);
    return found;
}

/* HUB_BREAKS_SCRIPTS when a script of the new service has NAME as a word, of something that is gone. */
static unsigned scripts_naming(const struct service_diff *d, const json_t *name) {
    const struct hub_service *s = d->now;
    for (size_t i = 0; i < s->script_n; i++)
        if (hub_script_text_names(s->scripts[i]->text, s->scripts[i]->kind == HUB_SCRIPT_LUA, hub_json_str(name)))
            return HUB_BREAKS_SCRIPTS;
    for (size_t i = 0; i < s->lib.files.n; i++)
        if (does_file_name(s->lib.files.items[i], hub_json_str(name))) return HUB_BREAKS_SCRIPTS;
    return 0;
}

/* ---- lists, whose elements are known by their first row ---- */

static void compare_table(struct service_diff *d, const struct hub_fields *t, const struct side sides[2],
                          const char *path);
static void compare_fields(struct service_diff *d, const struct hub_row *list, const struct side sides[2],
                           const char *path);

static HUB_MUST json_t *name_of(const struct hub_fields *t, const char *element) {
    const struct hub_row *r = hub_rows(t);
    for (const struct hub_row *one = r; one->key; one = hub_row_next(one))
        if (one->flags & HUB_ROW_UNIQUE && one->flags & HUB_ROW_REQUIRED) return value_json(t, one, element);
    return value_json(t, r, element);
}

struct list {
    const char *items;
    size_t n;
    const struct hub_node *node;
};

static struct list list_of(const struct hub_row *r, const struct side *s) {
    return (struct list){pointer_in(s->base + r->offset), *(const size_t *)(s->base + r->count),
                         node_below(s->node, r)};
}

static const char *element_named(const struct list *l, const struct hub_fields *t, const json_t *name) {
    for (size_t i = 0; i < l->n; i++) {
        json_t *other = name_of(t, l->items + i * t->size);
        bool same = json_equal(other, name);
        json_decref(other);
        if (same) return l->items + i * t->size;
    }
    return NULL;
}

/* The element of the written list that has NAME as one of its scalars. */
static const struct hub_node *node_named(const struct hub_node *list, const json_t *name) {
    for (const struct hub_node *e = list ? list->first : NULL; e; e = e->next)
        for (const struct hub_node *v = e->first; v; v = v->next)
            if (v->kind == HUB_NODE_SCALAR && hub_str_eq(v->text, hub_json_str(name))) return e;
    return NULL;
}

static void tell_element(struct service_diff *d, const struct hub_row *r, const char *path, int side,
                         const struct list *l, const json_t *name) {
    struct change c = {.path = path};
    bool gives = r->breaks & HUB_BREAKS_GRANTS;
    if (gives) c.rights = side ? "more" : "less";
    if (!side) c.grades = r->breaks | scripts_naming(d, name);
    c.nodes[side] = node_named(l->node, name);
    tell_difference(d, &c, side ? "is new" : "is gone");
}

static void compare_element(struct service_diff *d, const struct hub_row *r, const struct list lists[2], int side,
                            size_t i, const char *path) {
    const char *one = lists[side].items + i * r->table->size;
    json_t *name = name_of(r->table, one);
    const char *other = element_named(&lists[!side], r->table, name);
    char *place = hub_arena_fmt(d->arena, "%s[%.*s]", path, HUB_FMT(hub_json_str(name)));
    if (!other) {
        tell_element(d, r, place, side, &lists[side], name);
    } else if (!side) {
        struct side sides[2] = {{one, node_named(lists[0].node, name)}, {other, node_named(lists[1].node, name)}};
        compare_table(d, r->table, sides, place);
    }
    json_decref(name);
}

static void compare_list(struct service_diff *d, const struct hub_row *r, const struct side sides[2],
                         const char *path) {
    const struct list lists[2] = {list_of(r, &sides[0]), list_of(r, &sides[1])};
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < lists[side].n; i++) compare_element(d, r, lists, side, i, path);
}

/* ---- fields: of contents, payloads, rows ---- */

static void tell_field(struct service_diff *d, unsigned grades, const char *path, const struct hub_node *const nodes[2],
                       const char *message) {
    struct change c = {.grades = grades, .path = path, .nodes = {nodes[0], nodes[1]}};
    tell_difference(d, &c, message);
}

/* A field that was there before. */
static void compare_field(struct service_diff *d, const struct hub_row *list, const struct side sides[2],
                          const char *path) {
    const struct hub_def_field *old = (const void *)sides[0].base, *now = (const void *)sides[1].base;
    const struct hub_node *const nodes[2] = {sides[0].node, sides[1].node};
    unsigned grades = list->breaks;
    json_t *words[2] = {strings_json(&old->enum_values), strings_json(&now->enum_values)};
    if (old->type != now->type || old->list != now->list) tell_field(d, grades, path, nodes, "is of another type");
    if (lacks_element(words[0], words[1]) && now->type == old->type)
        tell_field(d, grades, path, nodes, "has a value less");
    else if (lacks_element(words[1], words[0]) && now->type == old->type)
        tell_field(d, 0, path, nodes, "has a value more");
    if (now->required && !old->required) tell_field(d, now->default_value ? 0 : grades, path, nodes, "is required now");
    if (old->required && !now->required) tell_field(d, 0, path, nodes, "is not required any more");
    if (!json_equal(old->default_value, now->default_value) && (old->default_value || now->default_value))
        tell_field(d, 0, path, nodes, "has another default");
    if (old->id_format != now->id_format && now->type == old->type)
        tell_field(d, now->id_format == HUB_ID_ANY ? 0 : grades, path, nodes, "has another format");
    for (int i = 0; i < 2; i++) json_decref(words[i]);
    if (old->field_n && now->field_n)
        compare_fields(d, list, sides, path);
    else if (now->field_n)
        tell_field(d, grades, path, nodes, "has certain fields only now");
    else if (old->field_n)
        tell_field(d, 0, path, nodes, "has any fields now");
}

/* A lost field of a content leaves what is stored readable. */
static void compare_one_field(struct service_diff *d, const struct hub_row *list, const struct list lists[2], int side,
                              size_t i, const char *path) {
    const struct hub_def_field *one = (const void *)(lists[side].items + i * sizeof *one);
    json_t *name = json_string(one->name);
    const char *other = element_named(&lists[!side], list->table, name);
    char *place = hub_arena_fmt(d->arena, "%s[%s]", path, one->name);
    const struct hub_node *nodes[2] = {0};
    nodes[side] = node_named(lists[side].node, name);
    bool wanted = one->required && !one->default_value;
    unsigned lost = list->breaks & HUB_BREAKS_CLIENTS ? HUB_BREAKS_CLIENTS : list->breaks;
    if (!other && side)
        tell_field(d, wanted ? list->breaks : 0, place, nodes, wanted ? "is new, and required" : "is new");
    else if (!other)
        tell_field(d, lost | scripts_naming(d, name), place, nodes, "is gone");
    else if (!side)
        compare_field(d, list,
                      (struct side[2]){{(const char *)one, node_named(lists[0].node, name)},
                                       {other, node_named(lists[1].node, name)}},
                      place);
    json_decref(name);
}

static bool is_of_fields(const struct hub_row *r) {
    return r->kind == HUB_KIND_LIST && hub_fields_row(r->table, HUB_STR("enumValues"));
}

/* Of the fields within a field: SIDES are two of them. */
static void compare_fields(struct service_diff *d, const struct hub_row *list, const struct side sides[2],
                           const char *path) {
    const struct hub_row *inner = hub_fields_row(&hub_fields_field, HUB_STR("fields"));
    const struct list lists[2] = {list_of(inner, &sides[0]), list_of(inner, &sides[1])};
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < lists[side].n; i++) compare_one_field(d, list, lists, side, i, path);
}

static void compare_field_list(struct service_diff *d, const struct hub_row *r, const struct side sides[2],
                               const char *path) {
    const struct list lists[2] = {list_of(r, &sides[0]), list_of(r, &sides[1])};
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < lists[side].n; i++) compare_one_field(d, r, lists, side, i, path);
}

/* ---- tables ---- */

/* A part that has come or gone is told as a whole. True: it was. */
static bool compare_presence(struct service_diff *d, const struct hub_row *r, const struct side sides[2],
                             const char *path) {
    if (!r->count) return false;
    bool was = *(const bool *)(sides[0].base + r->count - 1), is = *(const bool *)(sides[1].base + r->count - 1);
    if (was == is) return !was;
    struct change c = {.grades = was ? HUB_BREAKS_CLIENTS : 0, .path = path};
    c.nodes[is] = node_below(sides[is].node, r);
    tell_difference(d, &c, is ? "is new" : "is gone");
    return true;
}

static void compare_row(struct service_diff *d, const struct hub_fields *t, const struct hub_row *r,
                        const struct side sides[2], const char *path) {
    if (is_of_fields(r)) {
        compare_field_list(d, r, sides, path_below(d, path, r->key));
    } else if (r->kind == HUB_KIND_LIST) {
        compare_list(d, r, sides, path_below(d, path, r->key));
    } else if (r->kind == HUB_KIND_GROUP) {
        struct side inner[2] = {{sides[0].base, node_below(sides[0].node, r)},
                                {sides[1].base, node_below(sides[1].node, r)}};
        char *below = path_below(d, path, r->key);
        if (!compare_presence(d, r, sides, below)) compare_table(d, r->table, inner, below);
    } else {
        compare_value(d, t, r, sides, path);
    }
}

static void compare_table(struct service_diff *d, const struct hub_fields *t, const struct side sides[2],
                          const char *path) {
    for (const struct hub_row *r = hub_rows(t); r->key; r = hub_row_next(r)) compare_row(d, t, r, sides, path);
}

/* ---- documents ---- */

/* What stands in FILE, for the places; NULL where it cannot be read any more. */
static const struct hub_node *document_at(struct service_diff *d, const char *file) {
    struct hub_buf text = {0};
    struct hub_err err;
    const struct hub_node *root = NULL, *inner;
    struct hub_diags *ignored = hub_diags_new();
    if (!hub_file_read(file, HUB_SOURCE_MAX, &text, &err))
        root = hub_tree_parse(
            d->arena, hub_source_new(d->arena, hub_arena_dup(d->arena, hub_cstr(file)), 'H', hub_buf_str(&text)),
            ignored);
    inner = root ? hub_node_get(root, HUB_STR("realtimeHub")) : NULL;
    hub_buf_free(&text);
    hub_diags_free(ignored);
    return inner ? inner : root;
}

static const struct hub_def *hub_named(const struct hub_service *s, const char *name) {
    for (size_t i = 0; i < s->hub_n; i++)
        if (!strcmp(s->hubs[i].name, name)) return &s->hubs[i];
    return NULL;
}

/* A hub as it was while it was loaded (loader.h): its built-in types apart from its own. */
static struct hub_raw unfold_def(const struct hub_def *def, const char **names) {
    struct hub_raw raw = {.def = *def, .builtin_types.items = names};
    size_t n = 0;
    while (n < def->message_type_n && def->message_types[n].builtin) names[n] = def->message_types[n].name, n++;
    raw.builtin_types.n = n;
    raw.custom_types = def->message_types + n;
    raw.custom_type_n = def->message_type_n - n;
    return raw;
}

static void compare_hub(struct service_diff *d, const struct hub_def *old, const struct hub_def *now) {
    const char *names[2][16];
    const struct hub_raw raws[2] = {unfold_def(old, names[0]), unfold_def(now, names[1])};
    const struct side sides[2] = {{(const char *)&raws[0], document_at(d, old->file)},
                                  {(const char *)&raws[1], document_at(d, now->file)}};
    compare_table(d, &hub_fields_hub, sides, hub_arena_fmt(d->arena, "hubs[%s]", old->name));
}

static void tell_hub(struct service_diff *d, int side, const struct hub_def *def) {
    struct change c = {.grades = side ? 0 : HUB_BREAKS_CLIENTS | HUB_BREAKS_DATA};
    c.path = hub_arena_fmt(d->arena, "hubs[%s]", def->name);
    c.nodes[side] = document_at(d, def->file);
    tell_difference(d, &c, side ? "is new" : "is gone");
}

json_t *hub_service_diff(const struct hub_service *old, const struct hub_service *now) {
    struct service_diff d = {.found = json_array(), .dirs = {old->dir, now->dir}, .now = now, .arena = hub_arena_new()};
    const struct hub_service *const services[2] = {old, now};
    struct side sides[2];
    for (int i = 0; i < 2; i++)
        sides[i] = (struct side){(const char *)services[i],
                                 document_at(&d, hub_arena_fmt(d.arena, "%s/service.yaml", services[i]->dir))};
    compare_table(&d, &hub_fields_service, sides, "");
    for (size_t i = 0; i < old->hub_n; i++) {
        const struct hub_def *other = hub_named(now, old->hubs[i].name);
        other ? compare_hub(&d, &old->hubs[i], other) : tell_hub(&d, 0, &old->hubs[i]);
    }
    for (size_t i = 0; i < now->hub_n; i++)
        if (!hub_named(old, now->hubs[i].name)) tell_hub(&d, 1, &now->hubs[i]);
    hub_arena_free(d.arena);
    return d.found;
}
