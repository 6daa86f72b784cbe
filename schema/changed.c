/* A reload: what only a restart changes stays what it was, and is told. */
#include "base/text/secret.h"
#include "schema/load.h"
#include "schema/table.h"

struct changed {
    const char *first;
    char *now;
    void (*tell)(void *arg, const char *text);
    void *arg;
};

static const char *text_of_cell(const char *at) { return *(const char *const *)at; }

static bool same_text(const char *a, const char *b) { return a && b ? !strcmp(a, b) : a == b; }

static bool same_strings(const struct hub_strs *a, const struct hub_strs *b) {
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++) same = same_text(a->items[i], b->items[i]);
    return same;
}

static bool same_settings(const struct hub_settings *a, const struct hub_settings *b) {
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = same_text(a->items[i].name, b->items[i].name) && same_text(a->items[i].value, b->items[i].value);
    return same;
}

/* ---- what a kind of field is in the struct ---- */

static size_t size_of(enum hub_kind kind) {
    static const size_t size[HUB_KIND_COUNT] = {
        [HUB_KIND_BOOL] = sizeof(bool),
        [HUB_KIND_INT] = sizeof(int64_t),
        [HUB_KIND_DURATION] = sizeof(int64_t),
        [HUB_KIND_WORD] = sizeof(int),
        [HUB_KIND_STRING] = sizeof(char *),
        [HUB_KIND_TEXT] = sizeof(char *),
        [HUB_KIND_NAME] = sizeof(char *),
        [HUB_KIND_STRINGS] = sizeof(struct hub_strs),
        [HUB_KIND_WORDS] = sizeof(struct hub_strs),
        [HUB_KIND_MAP] = sizeof(struct hub_settings),
    };
    return size[kind];
}

static bool are_same_values(enum hub_kind kind, const char *a, const char *b) {
    switch (kind) {
    case HUB_KIND_STRING:
    case HUB_KIND_TEXT:
    case HUB_KIND_NAME: return same_text(text_of_cell(a), text_of_cell(b));
    case HUB_KIND_STRINGS:
    case HUB_KIND_WORDS: return same_strings((const struct hub_strs *)a, (const struct hub_strs *)b);
    case HUB_KIND_MAP: return same_settings((const struct hub_settings *)a, (const struct hub_settings *)b);
    default: return !memcmp(a, b, size_of(kind));
    }
}

static void show_text(struct hub_buf *out, const char *s) {
    if (s && *s)
        hub_secret_add_url(out, hub_cstr(s));
    else
        hub_buf_addz(out, s ? "\"\"" : "none");
}

static void show_cell(struct hub_buf *out, const struct hub_row *r, const char *at) {
    const struct hub_strs *list = (const struct hub_strs *)at;
    int word;
    switch (r->kind) {
    case HUB_KIND_BOOL: hub_buf_addz(out, *(const bool *)at ? "true" : "false"); break;
    case HUB_KIND_INT:
    case HUB_KIND_DURATION: hub_buf_addf(out, "%lld", (long long)*(const int64_t *)at); break;
    case HUB_KIND_WORD: memcpy(&word, at, sizeof word), hub_buf_addz(out, r->words[word].word); break;
    case HUB_KIND_STRINGS:
    case HUB_KIND_WORDS:
        hub_buf_addc(out, '[');
        for (size_t i = 0; i < list->n; i++) hub_buf_addf(out, "%s%s", i ? ", " : "", list->items[i]);
        hub_buf_addc(out, ']');
        break;
    default: show_text(out, text_of_cell(at)); break;
    }
}

/* ---- the walk ---- */

static void tell_change(struct changed *c, const char *path, const struct hub_row *r) {
    struct hub_buf text = {0};
    hub_buf_addf(&text, "%s%s%s", path, *path ? "." : "", r->key);
    if (r->kind != HUB_KIND_MAP) { /* whose values may be secrets */
        hub_buf_addz(&text, ": ");
        show_cell(&text, r, c->first + r->offset);
        hub_buf_addz(&text, " -> ");
        show_cell(&text, r, c->now + r->offset);
    }
    hub_buf_addz(&text, " needs a restart");
    c->tell(c->arg, hub_buf_cstr(&text));
    hub_buf_free(&text);
}

static void keep_fixed(struct changed *c, const struct hub_fields *t, const char *path, unsigned inherited) {
    for (const struct hub_row *r = hub_rows(t); r->key; r = hub_row_next(r)) {
        bool fixed = (inherited | r->flags) & HUB_ROW_RESTART;
        if (r->kind == HUB_KIND_GROUP) {
            struct hub_buf below = {0};
            hub_buf_addf(&below, "%s%s%s", path, *path ? "." : "", r->key);
            if (fixed && r->count) c->now[r->count - 1] = c->first[r->count - 1];
            keep_fixed(c, r->table, hub_buf_cstr(&below), inherited | r->flags);
            hub_buf_free(&below);
        } else if (fixed && size_of(r->kind) && !are_same_values(r->kind, c->first + r->offset, c->now + r->offset)) {
            tell_change(c, path, r);
            memcpy(c->now + r->offset, c->first + r->offset, size_of(r->kind));
        }
    }
}

void hub_service_keep(struct hub_service *now, const struct hub_service *first,
                      void (*tell_one)(void *arg, const char *text), void *arg) {
    struct changed c = {(const char *)first, (char *)now, tell_one, arg};
    keep_fixed(&c, &hub_fields_service, "", 0);
}
