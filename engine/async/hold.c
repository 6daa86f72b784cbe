/* Work under way, by name. */
#include "async/hold.h"

#include <string.h>

#include "base/memory/bug.h"
#include "base/memory/mem.h"

void hub_holds_init(struct hub_holds *all, const struct hub_loop *loop) {
    all->loop = loop;
    hub_list_init(&all->all);
}

void hub_hold(struct hub_holds *all, struct hub_hold *h, const char *what) {
    HUB_BUG_IF(h->holds);
    h->holds = all;
    h->what = what;
    h->since = hub_loop_now(all->loop);
    hub_list_push(&all->all, &h->link);
    all->n++;
}

void hub_unhold(struct hub_hold *h) {
    HUB_BUG_IF(!h->holds);
    h->holds->n--;
    h->holds = NULL;
    hub_list_remove(&h->link);
}

/* ---- by name ---- */

static struct hub_hold_kind *kind_of(struct hub_holds *all, const char *what) {
    for (size_t i = 0; i < all->kind_n; i++)
        if (!strcmp(all->kinds[i].what, what)) return &all->kinds[i];
    HUB_BUG_IF(all->kind_n == HUB_HOLD_KINDS);
    all->kinds[all->kind_n] = (struct hub_hold_kind){.what = what};
    return &all->kinds[all->kind_n++];
}

/* Counts those that began at TIME or before. */
static void count_kinds(struct hub_holds *all, int64_t time) {
    for (size_t i = 0; i < all->kind_n; i++) all->kinds[i].n = 0;
    HUB_LIST_EACH(&all->all, it) {
        const struct hub_hold *h = HUB_CONTAINER(it, struct hub_hold, link);
        if (h->since > time) return;
        kind_of(all, h->what)->n++;
    }
}

void hub_holds_describe(struct hub_holds *all, int64_t time, struct hub_buf *out) {
    size_t from = out->n;
    count_kinds(all, time);
    for (size_t i = 0; i < all->kind_n; i++) {
        const struct hub_hold_kind *k = &all->kinds[i];
        if (k->n) hub_buf_addf(out, "%s%zu %s%s", out->n > from ? ", " : "", k->n, k->what, k->n > 1 ? "s" : "");
    }
}

static void show_kind(struct hub_hold_kind *k) {
    if (!k->gauge)
        k->gauge = hub_metric_labelled("hubd_holds", "Work under way that a reload or a stop waits for", HUB_GAUGE,
                                       "what", hub_cstr(k->what));
    hub_metric_add(k->gauge, (int64_t)k->n - (int64_t)k->shown);
    k->shown = k->n;
}

void hub_holds_show(struct hub_holds *all) {
    count_kinds(all, INT64_MAX);
    for (size_t i = 0; i < all->kind_n; i++) show_kind(&all->kinds[i]);
}

void hub_holds_deinit(struct hub_holds *all) {
    for (size_t i = 0; i < all->kind_n; i++) {
        all->kinds[i].n = 0;
        show_kind(&all->kinds[i]);
    }
}
