/* From libyaml's events to the located tree. Marks of libyaml count from 0, ours from 1; both count
 * characters. */
#include "schema/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/collection/map.h"
#include "base/text/utf8.h"
#include "schema/yaml_error.h"

struct frame {
    struct hub_node *node;
    struct hub_map seen; /* keys -> their node, to find duplicates */
    struct hub_str key;
    struct hub_range key_range;
    bool has_key, drop; /* drop: the value of this key is parsed and forgotten */
};

struct builder {
    struct hub_arena *arena;
    const struct hub_source *src;
    struct hub_diags *diags;
    yaml_parser_t yaml;
    struct frame stack[HUB_TREE_DEPTH];
    size_t depth;
    struct hub_node *root;
    bool broken;
};

static struct hub_range range_of(yaml_mark_t from, yaml_mark_t to) {
    return (struct hub_range){(int)from.line + 1, (int)from.column + 1, (int)to.line + 1, (int)to.column + 1};
}

static struct hub_range one_char(int line, int column) { return (struct hub_range){line, column, line, column + 1}; }

static void complain_at(struct builder *b, const char *code, struct hub_range at, const char *message) {
    hub_diags_add(b->diags, code, b->src, &at, NULL, NULL, message);
}

static HUB_MUST struct hub_node *new_node(struct builder *b, enum hub_node_kind kind, const yaml_event_t *ev) {
    struct hub_node *n = hub_arena_zalloc(b->arena, sizeof *n);
    n->kind = kind;
    n->src = b->src;
    n->range = range_of(ev->start_mark, ev->end_mark);
    return n;
}

static void link_child(struct hub_node *parent, struct hub_node *child) {
    child->parent = parent;
    child->index = parent->n++;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
}

/* Puts a finished or opening node where it belongs. */
static void place_node(struct builder *b, struct hub_node *n) {
    if (!b->depth) {
        b->root = n;
        return;
    }
    struct frame *f = &b->stack[b->depth - 1];
    n->parent = f->node;
    if (f->node->kind == HUB_NODE_MAP) {
        n->key = f->key, n->key_range = f->key_range;
        f->has_key = false;
        if (f->drop) return;
        hub_map_put(&f->seen, f->key, n);
    }
    link_child(f->node, n);
}

static bool wants_key(const struct builder *b) {
    return b->depth && b->stack[b->depth - 1].node->kind == HUB_NODE_MAP && !b->stack[b->depth - 1].has_key;
}

static void take_key(struct builder *b, const yaml_event_t *ev) {
    struct frame *f = &b->stack[b->depth - 1];
    struct hub_str key = hub_str((const char *)ev->data.scalar.value, ev->data.scalar.length);
    f->key = hub_str(hub_arena_dup(b->arena, key), key.n);
    f->key_range = range_of(ev->start_mark, ev->end_mark);
    f->has_key = true;
    f->drop = false;
    struct hub_node *before = hub_map_get(&f->seen, f->key);
    if (before) {
        f->drop = true;
        complain_at(b, "Y003", f->key_range,
                    hub_arena_fmt(b->arena, "the key \"%.*s\" is here twice; the first one is on line %d",
                                  HUB_FMT(f->key), before->key_range.line));
    } else if (ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && hub_str_is(key, "<<")) {
        f->drop = true;
        complain_at(b, "Y006", f->key_range, "merge keys (<<) are not supported; write the keys out");
    }
}

static enum hub_node_style style_of(yaml_scalar_style_t style) {
    switch (style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE: return HUB_STYLE_SINGLE;
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE: return HUB_STYLE_DOUBLE;
    case YAML_LITERAL_SCALAR_STYLE: return HUB_STYLE_LITERAL;
    case YAML_FOLDED_SCALAR_STYLE: return HUB_STYLE_FOLDED;
    default: return HUB_STYLE_PLAIN;
    }
}

static void check_decoration(struct builder *b, const yaml_event_t *ev, const yaml_char_t *anchor,
                             const yaml_char_t *tag) {
    int line = (int)ev->start_mark.line + 1, column = (int)ev->start_mark.column + 1;
    if (anchor)
        complain_at(b, "Y004", one_char(line, column),
                    hub_arena_fmt(b->arena,
                                  "the anchor \"&%s\" is not allowed: definitions have no aliases, and a text that "
                                  "begins with & needs quotes",
                                  (const char *)anchor));
    if (!tag) return;
    struct hub_str name = hub_cstr((const char *)tag);
    bool core = hub_str_starts(name, HUB_STR("tag:yaml.org,2002:"));
    complain_at(b, "Y013", one_char(line, column),
                hub_arena_fmt(b->arena,
                              "the tag %s%s is not allowed: types follow from the field, and a text that begins with ! "
                              "needs quotes",
                              core ? "!!" : "", name.p + (core ? 18 : 0)));
}

static void on_scalar(struct builder *b, const yaml_event_t *ev) {
    check_decoration(b, ev, ev->data.scalar.anchor, ev->data.scalar.tag);
    if (wants_key(b)) {
        take_key(b, ev);
        return;
    }
    struct hub_node *n = new_node(b, HUB_NODE_SCALAR, ev);
    n->style = style_of(ev->data.scalar.style);
    struct hub_str text = hub_str((const char *)ev->data.scalar.value, ev->data.scalar.length);
    n->text = hub_str(hub_arena_dup(b->arena, text), text.n);
    place_node(b, n);
}

static void on_alias(struct builder *b, const yaml_event_t *ev) {
    struct hub_range at = range_of(ev->start_mark, ev->end_mark);
    complain_at(
        b, "Y004", at,
        hub_arena_fmt(b->arena,
                      "the alias \"*%s\" is not allowed: write the value out, or put a text that begins with * in "
                      "quotes",
                      (const char *)ev->data.alias.anchor));
    if (wants_key(b)) {
        b->broken = true;
        return;
    }
    struct hub_node *n = new_node(b, HUB_NODE_SCALAR, ev);
    n->bad = true;
    place_node(b, n);
}

static void open_container(struct builder *b, const yaml_event_t *ev, enum hub_node_kind kind) {
    if (wants_key(b)) {
        complain_at(b, "Y015", one_char((int)ev->start_mark.line + 1, (int)ev->start_mark.column + 1),
                    "a key must be a name, not a list or mapping; a text in braces needs quotes");
        b->broken = true;
        return;
    }
    if (b->depth == HUB_TREE_DEPTH) {
        complain_at(b, "Y007", one_char((int)ev->start_mark.line + 1, (int)ev->start_mark.column + 1),
                    hub_arena_fmt(b->arena, "nested deeper than %d levels", HUB_TREE_DEPTH));
        b->broken = true;
        return;
    }
    struct hub_node *n = new_node(b, kind, ev);
    n->flow = kind == HUB_NODE_MAP ? ev->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
                                   : ev->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    place_node(b, n);
    b->stack[b->depth++] = (struct frame){.node = n};
}

static void close_container(struct builder *b, const yaml_event_t *ev) {
    struct frame *f = &b->stack[--b->depth];
    f->node->range.end_line = (int)ev->end_mark.line + 1;
    f->node->range.end_column = (int)ev->end_mark.column + 1;
    hub_map_clear(&f->seen);
}

static void on_event(struct builder *b, const yaml_event_t *ev) {
    switch (ev->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (!b->root) break;
        complain_at(b, "Y005", range_of(ev->start_mark, ev->end_mark),
                    "a second document starts here; a file holds one definition");
        b->broken = true;
        break;
    case YAML_SCALAR_EVENT: on_scalar(b, ev); break;
    case YAML_ALIAS_EVENT: on_alias(b, ev); break;
    case YAML_MAPPING_START_EVENT:
        check_decoration(b, ev, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
        open_container(b, ev, HUB_NODE_MAP);
        break;
    case YAML_SEQUENCE_START_EVENT:
        check_decoration(b, ev, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
        open_container(b, ev, HUB_NODE_SEQ);
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT: close_container(b, ev); break;
    default: break;
    }
}

static void report_syntax(struct builder *b) {
    const yaml_parser_t *y = &b->yaml;
    if (y->error == YAML_READER_ERROR) {
        int line, column;
        hub_source_place(b->src, y->problem_offset, &line, &column);
        complain_at(b, "Y009", one_char(line, column), y->problem);
        return;
    }
    struct hub_yaml_problem p = {.problem = y->problem,
                                 .context = y->context,
                                 .line = (int)y->problem_mark.line + 1,
                                 .column = (int)y->problem_mark.column + 1,
                                 .context_line = (int)y->context_mark.line + 1,
                                 .context_column = (int)y->context_mark.column + 1};
    struct hub_yaml_error e = hub_yaml_error(b->arena, b->src, &p);
    hub_diags_add(b->diags, e.code, b->src, &e.at, NULL, e.fix, e.message);
}

static bool read_surrogate(const char *p, size_t n, unsigned *out) {
    unsigned v = 0;
    if (n < 6 || p[0] != '\\' || p[1] != 'u') return false;
    for (int i = 2; i < 6; i++) {
        char c = p[i];
        if (c >= '0' && c <= '9')
            v = v * 16 + (unsigned)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            v = v * 16 + (unsigned)((c | 32) - 'a' + 10);
        else
            return false;
    }
    *out = v;
    return true;
}

/* JSON writes characters beyond U+FFFF as two escapes, which YAML has not; they are rewritten for libyaml. */
static struct hub_str join_surrogates(struct hub_arena *a, struct hub_str t) {
    struct hub_str head = hub_str_trim(t);
    if (!head.n || (head.p[0] != '{' && head.p[0] != '[') || !memmem(t.p, t.n, "\\u", 2)) return t;
    char *out = hub_arena_zalloc(a, t.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < t.n;) {
        unsigned hi, lo;
        if (t.p[i] == '\\' && read_surrogate(t.p + i, t.n - i, &hi) && hi >= 0xd800 && hi < 0xdc00 &&
            read_surrogate(t.p + i + 6, t.n - i - 6, &lo) && lo >= 0xdc00 && lo < 0xe000) {
            n += (size_t)sprintf(out + n, "\\U%08x", 0x10000 + ((hi - 0xd800) << 10) + (lo - 0xdc00));
            i += 12;
        } else {
            size_t step = t.p[i] == '\\' && i + 1 < t.n ? 2 : 1;
            memcpy(out + n, t.p + i, step);
            n += step, i += step;
        }
    }
    return hub_str(out, n);
}

static bool check_encoding(struct builder *b) {
    struct hub_str t = b->src->text;
    if (hub_utf8_valid(t)) return true;
    size_t good = 0, step = t.n;
    while (step) { /* the longest valid prefix, by halving; a cut inside a character is moved back */
        size_t try = good + step;
        while (try > good && try < t.n && ((unsigned char)t.p[try] & 0xc0) == 0x80) try--;
        if (try <= t.n && try > good && hub_utf8_valid(hub_str(t.p + good, try - good)))
            good = try;
        else
            step /= 2;
    }
    int line, column;
    hub_source_place(b->src, good, &line, &column);
    complain_at(b, "Y009", one_char(line, column), "the file is not UTF-8: there is an invalid byte");
    return false;
}

struct hub_node *hub_tree_parse(struct hub_arena *a, const struct hub_source *src, struct hub_diags *diags) {
    struct builder *b = hub_arena_zalloc(a, sizeof *b);
    b->arena = a, b->src = src, b->diags = diags;
    if (!check_encoding(b)) return NULL;
    if (!yaml_parser_initialize(&b->yaml)) abort(); /* out of memory, as in base/memory/mem.h */
    struct hub_str text = join_surrogates(a, src->text);
    yaml_parser_set_encoding(&b->yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b->yaml, (const unsigned char *)text.p, text.n);
    for (bool end = false; !end && !b->broken;) {
        yaml_event_t ev;
        if (!yaml_parser_parse(&b->yaml, &ev)) {
            report_syntax(b);
            b->broken = true;
            break;
        }
        on_event(b, &ev);
        end = ev.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&ev);
    }
    yaml_parser_delete(&b->yaml);
    while (b->depth) hub_map_clear(&b->stack[--b->depth].seen);
    if (!b->broken && !b->root) hub_diags_add(diags, "Y012", src, NULL, NULL, NULL, "the file is empty");
    return b->broken ? NULL : b->root;
}

struct hub_node *hub_tree_scalar(struct hub_arena *a, const struct hub_source *src, struct hub_str text) {
    struct hub_node *n = hub_arena_zalloc(a, sizeof *n);
    n->kind = HUB_NODE_SCALAR;
    n->src = src;
    n->text = n->value = hub_str(hub_arena_dup(a, text), text.n);
    n->resolved = n->substituted = true;
    return n;
}

struct hub_node *hub_node_get(const struct hub_node *map, struct hub_str key) {
    if (!map || map->kind != HUB_NODE_MAP) return NULL;
    for (struct hub_node *c = map->first; c; c = c->next)
        if (hub_str_eq(c->key, key)) return c;
    return NULL;
}

void hub_node_put(struct hub_arena *a, struct hub_node *map, const char *key, struct hub_node *child) {
    child->key = hub_str(hub_arena_dup(a, hub_cstr(key)), strlen(key));
    struct hub_node **at = &map->first;
    while (*at && !hub_str_eq((*at)->key, child->key)) at = &(*at)->next;
    if (!*at) {
        link_child(map, child);
        return;
    }
    child->parent = map, child->index = (*at)->index, child->next = (*at)->next;
    if (map->last == *at) map->last = child;
    *at = child;
}

static void add_node_path(struct hub_buf *b, const struct hub_node *n) {
    if (!n->parent) return;
    add_node_path(b, n->parent);
    if (n->parent->kind == HUB_NODE_SEQ) {
        hub_buf_addf(b, "[%zu]", n->index);
        return;
    }
    if (b->n) hub_buf_addc(b, '.');
    hub_buf_adds(b, n->key);
}

char *hub_node_path(struct hub_arena *a, const struct hub_node *n) {
    struct hub_buf b = {0};
    add_node_path(&b, n);
    char *path = hub_arena_dup(a, hub_buf_str(&b));
    hub_buf_free(&b);
    return path;
}

bool hub_node_is_null(const struct hub_node *n) {
    if (!n) return true;
    if (n->kind != HUB_NODE_SCALAR || n->style != HUB_STYLE_PLAIN || n->bad) return false;
    return !n->text.n || hub_str_is(n->text, "~") || hub_str_is(n->text, "null") || hub_str_is(n->text, "Null") ||
           hub_str_is(n->text, "NULL");
}

struct hub_range hub_node_mark(const struct hub_node *n) {
    struct hub_range r = n->range;
    if (n->kind != HUB_NODE_SCALAR) {
        if (!n->flow && n->kind == HUB_NODE_MAP && n->first && n->first->key_range.line) return n->first->key_range;
        return r.line ? one_char(r.line, r.column) : r;
    }
    if (n->style == HUB_STYLE_LITERAL || n->style == HUB_STYLE_FOLDED) return one_char(r.line, r.column);
    if (r.line == r.end_line && r.column == r.end_column && n->key_range.line)
        return n->key_range; /* nothing written */
    return r;
}
