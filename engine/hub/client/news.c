/* onClientConnected and onClientDisconnected: told what has happened, of one client one after the other. */
#include <stdlib.h>

#include "hub/client/client_int.h"

#define RUNNING_MAX 64 /* a restart of many clients must not fill the memory of scripts */

/* The hooks of one client. */
struct line {
    struct hub_list in_ready;
    struct hub_clients *all;
    char *id;
    struct hub_list hooks; /* those that wait */
};
struct told_hook {
    struct hub_list link;
    struct hub_hold hold; /* so that the definition stays, and a stop waits for it */
    struct line *line;
    const struct hub_script *script;
    json_t *client;
};

static struct hub_metric waiting_gauge =
    HUB_METRIC(HUB_GAUGE, "hubd_client_hooks_waiting", NULL, "Hooks about clients that wait for their turn");

void hub_client_news_init(struct hub_client_news *n) { hub_list_init(&n->ready); }

bool hub_client_news_full(const struct hub_clients *all) {
    const struct hub_service *s = all->engine->config.service;
    if (s->on_client_connected.kind == HUB_SCRIPT_NONE && s->on_client_disconnected.kind == HUB_SCRIPT_NONE)
        return false;
    return all->news.waiting_n >= HUB_CLIENT_NEWS_MAX;
}

static HUB_MUST struct line *line_new(struct hub_clients *all, struct hub_str id) {
    struct line *l = hub_xcalloc(1, sizeof *l);
    *l = (struct line){.all = all, .id = hub_str_dup(id)};
    hub_list_init(&l->hooks);
    hub_list_init(&l->in_ready);
    hub_map_put(&all->news.lines, id, l);
    return l;
}

static void line_free(struct line *l) {
    hub_map_del(&l->all->news.lines, hub_cstr(l->id));
    hub_list_remove(&l->in_ready);
    free(l->id);
    free(l);
}

static void hook_free(struct told_hook *h) {
    hub_unhold(&h->hold);
    json_decref(h->client);
    free(h);
}

static HUB_MUST struct told_hook *next_hook(struct line *l) {
    struct hub_list *first = hub_list_pop(&l->hooks);
    if (!first) return NULL;
    l->all->news.waiting_n--;
    hub_metric_add(&waiting_gauge, -1);
    return HUB_CONTAINER(first, struct told_hook, link);
}

static void start_turn(struct hub_clients *all);

static void on_ran(void *arg, const struct hub_hook_outcome *o) {
    struct told_hook *h = arg;
    struct line *l = h->line;
    struct hub_clients *all = l->all;
    if (o->code) hub_hook_failed(NULL, h->script, o->code, o->error);
    hook_free(h);
    all->news.running_n--;
    if (hub_list_empty(&l->hooks))
        line_free(l);
    else
        hub_list_push(&all->news.ready, &l->in_ready);
    start_turn(all);
}

static void run_hook(struct told_hook *h) {
    const struct hub_engine_config *config = &h->line->all->engine->config;
    const struct hub_hook_arg var = {"client", h->client};
    const struct hub_hook_chain chain = {.steps = &h->script, .step_n = 1, .main = 1, .vars = &var, .var_n = 1};
    h->line->all->news.running_n++;
    config->hooks->run(config->scripts, &chain, on_ran, h);
}

static void on_turn(struct hub_timer *t) {
    struct hub_clients *all = HUB_CONTAINER(t, struct hub_clients, news.turn);
    struct hub_list *first;
    for (int n = 0; n < RUNNING_MAX && all->news.running_n < RUNNING_MAX; n++) {
        if (!(first = hub_list_pop(&all->news.ready))) return;
        run_hook(next_hook(HUB_CONTAINER(first, struct line, in_ready)));
    }
    start_turn(all);
}

/* In a turn of the loop of its own: whoever has something to tell is in the midst of it. */
static void start_turn(struct hub_clients *all) {
    struct hub_client_news *n = &all->news;
    if (all->stopped || hub_list_empty(&n->ready) || n->running_n >= RUNNING_MAX) return;
    if (!hub_timer_running(&n->turn)) hub_timer_start(all->engine->config.loop, &n->turn, 0, on_turn);
}

static void add_hook(struct line *l, const struct hub_script *script, json_t *client) {
    struct told_hook *h = hub_xcalloc(1, sizeof *h);
    *h = (struct told_hook){.line = l, .script = script, .client = client};
    hub_hold(&l->all->engine->holds, &h->hold, "client hook");
    hub_list_push(&l->hooks, &h->link);
    l->all->news.waiting_n++;
    hub_metric_add(&waiting_gauge, 1);
}

void hub_client_tell(struct hub_clients *all, const struct hub_script *script, struct hub_str id, json_t *client) {
    if (all->stopped || script->kind == HUB_SCRIPT_NONE) {
        json_decref(client);
        return;
    }
    struct line *l = hub_map_get(&all->news.lines, id);
    bool is_new = !l;
    if (is_new) l = line_new(all, id);
    add_hook(l, script, client);
    if (is_new) hub_list_push(&all->news.ready, &l->in_ready);
    start_turn(all);
}

/* Lines whose hook runs stay until that has ended. */
void hub_client_news_stop(struct hub_clients *all) {
    struct hub_list *first;
    struct told_hook *h;
    void *value;
    hub_timer_stop(all->engine->config.loop, &all->news.turn);
    for (void *it = NULL; (it = hub_map_next(&all->news.lines, it, NULL, &value));)
        while ((h = next_hook(value))) hook_free(h);
    while ((first = hub_list_pop(&all->news.ready))) line_free(HUB_CONTAINER(first, struct line, in_ready));
}
