/* What other nodes, or this one, have asked and told: the scripts that answer and hear it. */
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "hub/node/node_int.h"

#define RUNNING_MAX 64 /* broadcasts at a time: they must not fill the memory of scripts */

static void run_script(const struct hub_node_part *p, const struct hub_script *script, struct hub_str from,
                       json_t *data, int64_t wall_ms, hub_hook_ran *done, void *arg) {
    const struct hub_engine_config *config = &p->engine->config;
    json_t *node = hub_json_string(from);
    const struct hub_hook_arg vars[] = {{"data", data}, {"nodeId", node}};
    const struct hub_hook_chain chain = {
        .steps = &script, .step_n = 1, .main = 1, .vars = vars, .var_n = HUB_NELEM(vars), .wall_ms = wall_ms};
    config->hooks->run(config->scripts, &chain, done, arg);
    json_decref(node);
}

/* ---- questions ---- */

static void on_answer(void *arg, const struct hub_hook_outcome *o) {
    struct hub_mesh_request *r = arg;
    struct hub_str message = hub_json_get_str(o->thrown, "message");
    char *text = message.n ? hub_str_dup(message) : NULL;
    if (o->code) hub_hook_failed(NULL, o->script, o->code, o->error);
    hub_mesh_answer(r, o->code, o->result, text);
    free(text);
}

void hub_node_asked(void *part, struct hub_mesh_request *r) {
    const struct hub_node_part *p = part;
    const struct hub_service *s = p->engine->config.service;
    struct hub_err err;
    const struct hub_def_node_handler *def =
        hub_node_handler_named(s->node_handlers, s->node_handler_n, hub_cstr(r->name), "nodeHandlers", &err);
    if (p->stopped)
        hub_mesh_answer(r, HUB_SHUTTING_DOWN, NULL, NULL);
    else if (!def)
        hub_mesh_answer(r, HUB_NOT_FOUND, NULL, err.text);
    else
        run_script(p, &def->script, hub_cstr(r->from), r->data, r->timeout_ms, on_answer, r);
}

/* ---- broadcasts ---- */

struct word {
    struct hub_list link;
    struct hub_hold hold; /* so that the definition stays, and a stop waits for it */
    struct hub_node_part *part;
    const struct hub_script *script;
    char from[HUB_NODE_ID_LEN + 1];
    json_t *data;
};

static struct hub_metric dropped = HUB_METRIC(HUB_COUNTER, "hubd_node_broadcasts_dropped_total", NULL,
                                              "Broadcasts of nodes that too many others waited before");

static void word_free(struct word *w) {
    hub_unhold(&w->hold);
    json_decref(w->data);
    free(w);
}

static struct word *next_word(struct hub_node_words *words) {
    struct hub_list *first = hub_list_pop(&words->waiting);
    if (!first) return NULL;
    words->waiting_n--;
    return HUB_CONTAINER(first, struct word, link);
}

static void start_turn(struct hub_node_part *p);

static void on_heard(void *arg, const struct hub_hook_outcome *o) {
    struct word *w = arg;
    struct hub_node_part *p = w->part;
    if (o->code) hub_hook_failed(NULL, w->script, o->code, o->error);
    word_free(w);
    p->words.running_n--;
    start_turn(p);
}

static void on_turn(struct hub_timer *t) {
    struct hub_node_part *p = HUB_CONTAINER(t, struct hub_node_part, words.turn);
    struct word *w;
    for (int n = 0; n < RUNNING_MAX && p->words.running_n < RUNNING_MAX && (w = next_word(&p->words)); n++) {
        p->words.running_n++;
        run_script(p, w->script, hub_cstr(w->from), w->data, 0, on_heard, w);
    }
    start_turn(p);
}

static void start_turn(struct hub_node_part *p) {
    if (p->stopped || hub_list_empty(&p->words.waiting) || p->words.running_n >= RUNNING_MAX) return;
    if (!hub_timer_running(&p->words.turn)) hub_timer_start(p->engine->config.loop, &p->words.turn, 0, on_turn);
}

static void word_wait(struct hub_node_part *p, const struct hub_script *script, struct hub_str from, json_t *data) {
    struct word *w = hub_xcalloc(1, sizeof *w);
    *w = (struct word){.part = p, .script = script, .data = json_incref(data)};
    memcpy(w->from, from.p, HUB_NODE_ID_LEN);
    hub_hold(&p->engine->holds, &w->hold, "broadcast of a node");
    hub_list_push(&p->words.waiting, &w->link);
    p->words.waiting_n++;
    start_turn(p);
}

void hub_node_told(void *part, struct hub_str from, struct hub_str name, json_t *data) {
    struct hub_node_part *p = part;
    const struct hub_service *s = p->engine->config.service;
    struct hub_err err;
    const struct hub_def_node_handler *def =
        hub_node_handler_named(s->broadcasts, s->broadcast_n, name, "broadcasts", &err);
    if (p->stopped) return;
    if (!def)
        hub_log_kv(HUB_LOG_WARN, "node", "a broadcast that is not for this version of the definitions", "reason",
                   err.text, NULL);
    else if (p->words.waiting_n >= HUB_NODE_WORDS_MAX)
        hub_metric_add(&dropped, 1);
    else
        word_wait(p, &def->script, from, data);
}

void hub_node_drop_words(struct hub_node_part *p) {
    hub_timer_stop(p->engine->config.loop, &p->words.turn);
    for (struct word *w; (w = next_word(&p->words));) word_free(w);
}
