/* What the parts that would be started say of a service, with the place in the files that they speak of. */
#include <string.h>

#include "base/text/utf8.h"
#include "schema/loader.h"

struct start {
    struct hub_loader *l;
    const char *file;
};

static bool is_below(const char *place, const char *path) {
    size_t n = strlen(place);
    return !strncmp(place, path, n) && (!path[n] || path[n] == '.' || path[n] == '[');
}

/* Of the same service.yaml, or of an override of it. */
static bool is_of(const struct start *s, const struct hub_diag *d) {
    return !strcmp(d->file, s->file) || !strncmp(d->file, "--set ", 6) || !strncmp(d->file, "HUBD_", 5);
}

static bool is_wrong(void *arg, const char *place) {
    const struct start *s = arg;
    for (size_t i = 0; i < hub_diags_n(s->l->diags); i++) {
        const struct hub_diag *d = hub_diags_at(s->l->diags, i);
        if (d->severity != HUB_SEV_ERROR || !d->path || !is_of(s, d)) continue;
        if (is_below(place, d->path) || is_below(d->path, place)) return true;
    }
    return false;
}

static void tell_problem(void *arg, const char *code, const char *place, const char *text) {
    const struct start *s = arg;
    struct hub_loader *l = s->l;
    const char *colon = strstr(text, ": ");
    const char *named = colon ? hub_arena_dup(l->scratch, hub_str(text, (size_t)(colon - text))) : "";
    hub_complain(l, code, hub_place(l, l->service, is_below(place, named) ? named : place), NULL, NULL, "%s", text);
}

static void tell_module(void *arg, const char *file, int line, const char *text) {
    const struct start *s = arg;
    const char *name = hub_arena_fmt(s->l->scratch, "%s/%s", s->l->dir, file);
    for (size_t i = 0; i < s->l->module_n; i++) {
        const struct hub_source *src = s->l->modules[i].src;
        struct hub_str whole = hub_source_line(src, line);
        struct hub_range r = {line, 1, line, 1 + (int)hub_utf8_len(whole)};
        if (r.end_column == 1) r.end_column = 2;
        if (!strcmp(src->name, name)) hub_diags_add(s->l->diags, "L011", src, line ? &r : NULL, NULL, NULL, text);
    }
}

void hub_check_start(struct hub_loader *l, const char *file, bool whole) {
    struct start s = {l, file};
    const struct hub_start_report report = {
        .is_wrong = is_wrong, .tell = tell_problem, .tell_module = tell_module, .arg = &s};
    if (l->options->start_check) l->options->start_check(l->service, whole, &report);
}
