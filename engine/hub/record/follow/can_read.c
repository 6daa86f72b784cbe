/* Who may read a record: what canRead of its window says. Of a follower whose guard looks at the record it is
 * asked before he is told of a change; he never sees what it does not let through. A guard that answers
 * more slowly than the record changes is asked about what it is by then, and its follower sent the whole. */
#include <stdlib.h>

#include "base/match/pattern.h"
#include "hub/record/follow/follow.h"
#include "hub/record/record_int.h"

#define ASKED_AT_ONCE 64 /* followers; each record's in turn */
#define WAITING_MAX 64   /* guards, of one record */

/* ---- the guard ---- */

/* How it may look at the record, by the names in it: as value, or by what it calls, which may be what the
 * record has become meanwhile. */
enum look { LOOKS_AWAY, LOOKS_AT_VALUE, LOOKS_BY_CALL };

static enum look look_of(const struct hub_hub *hub, const struct hub_def_record *w) {
    const struct hub_engine *e = hub->engine;
    const struct hub_script *s = &w->can_read;
    if (w->data_object && (hub_script_wants(e, s, "objects") || hub_script_wants(e, s, "db"))) return LOOKS_BY_CALL;
    return hub_script_wants(e, s, "value") ? LOOKS_AT_VALUE : LOOKS_AWAY;
}

/* It may read the record by its id, and nobody notes that it does (readers.c): by the names in it, too. */
static bool reads_unnoted(const struct hub_guard_ask *ask) {
    const struct hub_engine *e = ask->hub->engine;
    if (ask->caller.grant) return false;
    return hub_script_wants(e, ask->script, "records") || hub_script_wants(e, ask->script, "lib") ||
           hub_script_wants(e, ask->script, "require");
}

static bool has_read(const struct hub_guard_ask *ask) {
    const struct hub_grant *g = ask->caller.grant;
    return g ? HUB_CONTAINER((struct hub_grant *)(uintptr_t)g, struct hub_follower, grant)->reads : reads_unnoted(ask);
}

static enum hub_code find_window(struct hub_guard_ask *ask) {
    const struct hub_def_record *w;
    enum hub_code code = hub_record_window(ask->def, hub_cstr(ask->name), &w, &ask->params, &ask->err);
    if (code) return code;
    ask->window = w;
    ask->script = &w->can_read;
    ask->open = !w->data_object;
    return HUB_OK;
}

static enum hub_code find_reader(struct hub_guard_ask *ask) {
    enum hub_code code = find_window(ask);
    ask->looks = !code && (look_of(ask->hub, ask->window) != LOOKS_AWAY || reads_unnoted(ask));
    return code;
}

static void on_brought(void *arg, enum hub_code code, const struct hub_record *r) {
    struct hub_guard_ask *ask = arg;
    if (code) {
        hub_err_set(&ask->err, code, NULL);
    } else {
        ask->value = json_incref(r->value);
        ask->version = r->version;
    }
    hub_guard_brought(ask, code);
}

static void bring_record(struct hub_guard_ask *ask) {
    struct hub_record *r =
        hub_record_get(hub_records_of(ask->hub->engine), hub_cstr(ask->name), ask->def->limits.records);
    if (r)
        hub_record_see(r, on_brought, ask);
    else
        hub_guard_brought(ask, hub_fail(&ask->err, HUB_TOO_MANY, "limits.records: too many records are in use"));
}

#define REFUSAL "you may not follow that record"
const struct hub_guard hub_record_read_guard = {
    .variable = "recordId", .refusal = REFUSAL, .find = find_reader, .bring = bring_record};

static void set_shown(struct hub_record_shown *shown, json_t *value, int64_t version) {
    json_decref(shown->value);
    shown->value = json_incref(value);
    shown->version = version;
}

void hub_record_show_judged(struct hub_record_shown *shown, const struct hub_guard_ask *ask) {
    shown->judged = ask->brought;
    shown->fleeting = ask->brought && (look_of(ask->hub, ask->window) == LOOKS_BY_CALL || has_read(ask));
    set_shown(shown, ask->value, ask->version);
}

bool hub_record_show_now(struct hub_record_shown *shown, const struct hub_record *r) {
    if (!shown->judged) set_shown(shown, r->value, r->version);
    return !shown->fleeting || shown->version == r->version;
}

/* ---- before followers are told ---- */

/* Those of a record whose guards are asked. There as long as there are any. */
struct hub_record_hearing {
    struct hub_list link, ready;
    struct hub_record *record;    /* reference */
    struct hub_record_news *news; /* of its present version, or an older one; NULL: none */
    struct hub_list due;          /* hub_follower.due */
    struct hub_list later;        /* the same, of those who are due when LATER_AT comes */
    struct hub_timer later_at;
    size_t waiting; /* guards that are being asked */
};

/* A guard on its way. */
struct hub_asking {
    struct hub_guard_ask ask;
    struct hub_record_hearing *hearing;
    struct hub_follower *follower; /* NULL: it has ended meanwhile, or begun anew */
    struct hub_record_news *news;  /* what it is about: reference */
};

static void drop_news(struct hub_record_news *news) {
    if (!news || --news->refs) return;
    hub_buf_free(&news->full);
    hub_buf_free(&news->patch);
    json_decref(news->value);
    free(news);
}

/* Where there is no window any more, the guard says so. */
static bool guard_looks(struct hub_follower *f) {
    uint32_t present = f->record->all->definitions;
    const struct hub_def_record *w;
    struct hub_err err;
    if (f->reads) return true;
    if (f->known_by == present) return f->looks;
    f->looks = hub_record_window(f->grant.conn->hub->def, hub_cstr(f->record->id), &w, NULL, &err) ||
               look_of(f->grant.conn->hub, w) != LOOKS_AWAY;
    f->known_by = present;
    return f->looks;
}

/* What was begun by other definitions comes first. */
bool hub_follower_is_asked(struct hub_follower *f) { return f->asking || hub_list_linked(&f->due) || guard_looks(f); }

static void free_hearing(struct hub_record_hearing *h) {
    struct hub_record *r = h->record;
    hub_timer_stop(r->all->engine->config.loop, &h->later_at);
    hub_list_remove(&h->link);
    hub_list_remove(&h->ready);
    drop_news(h->news);
    free(h);
    r->hearing = NULL;
    hub_record_unref(r);
}

static void go_on(struct hub_record_hearing *h) {
    struct hub_records *all = h->record->all;
    bool any = !hub_list_empty(&h->due);
    if (any && h->waiting < WAITING_MAX) {
        if (!hub_list_linked(&h->ready)) hub_list_push(&all->may_ask, &h->ready);
        hub_defer(all->engine->config.loop, &all->ask_next);
    } else if (!any && !h->waiting && hub_list_empty(&h->later)) {
        free_hearing(h);
    }
}

/* What it has looked at is what F is to be told. */
static bool is_about_news(const struct hub_asking *a, const struct hub_follower *f) {
    const struct hub_record *r = a->hearing->record;
    if (a->news->version == r->version) return true;
    return !f->reads && look_of(a->ask.hub, a->ask.window) == LOOKS_AT_VALUE;
}

static void on_asked(struct hub_guard_ask *ask, enum hub_code code) {
    struct hub_asking *a = HUB_CONTAINER(ask, struct hub_asking, ask);
    struct hub_record_hearing *h = a->hearing;
    struct hub_follower *f = a->follower;
    if (f) f->asking = NULL;
    if (f && code)
        hub_grant_end(&f->grant, hub_code_name(code));
    else if (f && is_about_news(a, f))
        hub_follower_hear(f, a->news);
    else if (f)
        hub_follower_ask(f, NULL);
    drop_news(a->news);
    free(a);
    h->waiting--;
    go_on(h);
}

static enum hub_code find_hearer(struct hub_guard_ask *ask) {
    const struct hub_asking *a = HUB_CONTAINER(ask, struct hub_asking, ask);
    ask->more[0] = (struct hub_hook_arg){"value", a->news->value};
    ask->more_n = 1;
    return find_window(ask);
}
static const struct hub_guard hearer_guard = {.variable = "recordId", .refusal = REFUSAL, .find = find_hearer};

static struct hub_record_news *news_now(struct hub_record_hearing *h) {
    if (!h->news || h->news->version != h->record->version) {
        drop_news(h->news);
        h->news = hub_record_news_of(h->record);
    }
    h->news->refs++;
    return h->news;
}

static void ask_follower(struct hub_record_hearing *h, struct hub_follower *f) {
    struct hub_conn *c = f->grant.conn;
    struct hub_asking *a = f->asking = hub_xcalloc(1, sizeof *a);
    *a = (struct hub_asking){.hearing = h, .follower = f, .news = news_now(h)};
    a->ask = (struct hub_guard_ask){.guard = &hearer_guard, .done = on_asked, .caller.grant = &f->grant};
    h->waiting++;
    hub_guard_ask(&a->ask, c->hub, c, c->identity, hub_cstr(h->record->id));
}

/* Counted among those that wait, H stays. */
static void ask_one(struct hub_record_hearing *h) {
    struct hub_list *l = hub_list_pop(&h->due);
    h->waiting++;
    if (l) ask_follower(h, HUB_CONTAINER(l, struct hub_follower, due));
    h->waiting--;
    go_on(h);
}

static void on_ask_next(struct hub_task *t) {
    struct hub_records *all = HUB_CONTAINER(t, struct hub_records, ask_next);
    for (size_t n = 0; n < ASKED_AT_ONCE && !hub_list_empty(&all->may_ask); n++)
        ask_one(HUB_CONTAINER(hub_list_pop(&all->may_ask), struct hub_record_hearing, ready));
    if (!hub_list_empty(&all->may_ask)) hub_defer(all->engine->config.loop, t);
}

static struct hub_record_hearing *hearing_of(struct hub_record *r) {
    if (r->hearing) return r->hearing;
    struct hub_record_hearing *h = r->hearing = hub_xcalloc(1, sizeof *h);
    h->record = hub_record_ref(r);
    hub_list_push(&r->all->hearings, &h->link);
    hub_list_init(&h->ready);
    hub_list_init(&h->due);
    hub_list_init(&h->later);
    return h;
}

static void on_later(struct hub_timer *t) {
    struct hub_record_hearing *h = HUB_CONTAINER(t, struct hub_record_hearing, later_at);
    for (struct hub_list *l; (l = hub_list_pop(&h->later));) hub_list_push(&h->due, l);
    go_on(h);
}

/* A guard that changes what it is asked about, or two of them that change what both read, have no end of
 * it. */
static void put_off(struct hub_record_hearing *h, struct hub_follower *f, int64_t wait) {
    hub_list_push(&h->later, &f->due);
    if (!hub_timer_running(&h->later_at))
        hub_timer_start(h->record->all->engine->config.loop, &h->later_at, wait, on_later);
}

void hub_follower_ask(struct hub_follower *f, const struct hub_grant *by) {
    struct hub_record *r = f->record;
    f->by_guard |= by != NULL;
    if (r->all->changed.stopped || f->asking || hub_list_linked(&f->due) || hub_list_linked(&f->behind)) return;
    int64_t wait = f->by_guard ? hub_grant_round(&f->grant, by ? by : &f->grant) : 0;
    f->by_guard = false;
    if (wait) {
        put_off(hearing_of(r), f, wait);
        return;
    }
    hub_list_push(&hearing_of(r)->due, &f->due);
    go_on(r->hearing);
}

void hub_follower_ask_no_more(struct hub_follower *f) {
    hub_list_remove(&f->due);
    if (f->asking) f->asking->follower = NULL, f->asking->ask.caller.grant = NULL;
    f->asking = NULL;
}

bool hub_follower_follows(const struct hub_grant *g, const struct hub_record *r) {
    return g->of == &hub_record_following && hub_str_is(hub_grant_name(g), r->id);
}

void hub_follower_note(struct hub_grant *g, const struct hub_record *r) {
    if (hub_follower_follows(g, r)) HUB_CONTAINER(g, struct hub_follower, grant)->reads = true;
}

void hub_follower_note_list(struct hub_grant *g, const struct hub_pattern *p) {
    if (g->of != &hub_record_following || hub_pattern_match(p, hub_grant_name(g), NULL) == HUB_NOT_FOUND) return;
    HUB_CONTAINER(g, struct hub_follower, grant)->reads = true;
}

void hub_record_hearing_begin(struct hub_record *r, struct hub_record_news *news) {
    if (r->hearing) {
        drop_news(r->hearing->news);
        r->hearing->news = news;
    } else {
        drop_news(news);
    }
}

void hub_record_hearings_init(struct hub_records *all) {
    hub_list_init(&all->hearings);
    hub_list_init(&all->may_ask);
    all->ask_next.run = on_ask_next;
}

/* Those that are being asked end by themselves. */
void hub_record_hearings_stop(struct hub_records *all) {
    hub_defer_cancel(&all->ask_next);
    HUB_LIST_EACH_SAFE(&all->hearings, it) {
        struct hub_record_hearing *h = HUB_CONTAINER(it, struct hub_record_hearing, link);
        while (hub_list_pop(&h->due) || hub_list_pop(&h->later)) {}
        go_on(h);
    }
}
