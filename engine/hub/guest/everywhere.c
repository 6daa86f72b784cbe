/* Functions of scripts about connections, wherever they are: carried out by each node for its own, one
 * answer. */
#include <stdlib.h>

#include "hub/guest/guest_int.h"

#define PAGE_ITEMS 100 /* when the script names no limit; and how many it may name: */
#define PAGE_ITEMS_MAX 1000

struct everywhere {
    struct hub_host_call *call;
    struct hub_guests *all;
    const struct hub_host_fn *fn;
    enum hub_host_at at;
    struct hub_hold hold;
    char *hub;      /* whose script it is; "": nobody's */
    size_t waiting; /* nodes that have not answered */
    bool answered;
    int64_t sum;
    enum hub_code code; /* the first failure that says more than that somebody is elsewhere */
    char *text;
    json_t *result;                 /* of one who knows nothing */
    char node[HUB_NODE_ID_LEN + 1]; /* of a list: the node that is asked */
    json_t *items;                  /* what there is of the page */
    size_t limit;
};

/* What one node is asked. */
struct asked {
    struct hub_host_call pub; /* first member */
    struct everywhere *of;
    bool here;
};

static void end_everywhere(struct everywhere *w) {
    hub_unhold(&w->hold);
    json_decref(w->items);
    json_decref(w->result);
    free(w->hub);
    free(w->text);
    free(w);
}

/* W lives until all have answered. */
static void answer_script(struct everywhere *w, enum hub_code code, json_t *result, const char *text) {
    w->answered = true;
    w->call->done(w->call, code, result, text);
}

static void keep_failure(struct everywhere *w, enum hub_code code, const char *text) {
    if (!code || (w->code && w->code != HUB_CLIENT_NOT_FOUND)) return;
    free(w->text);
    w->code = code;
    w->text = hub_xstrdup(text ? text : hub_code_text(code));
}

/* ---- asking ---- */

static void on_part(struct hub_host_call *call, enum hub_code code, json_t *result, const char *text);

/* ARGS is given away. */
static HUB_MUST struct asked *asked_new(struct everywhere *w, bool here, json_t *args) {
    struct asked *a = hub_xcalloc(1, sizeof *a);
    if (here) a->pub = *w->call;
    a->pub.args = args;
    a->pub.room_id = w->call->room_id;
    a->pub.done = on_part;
    a->of = w;
    a->here = here;
    w->waiting++;
    return a;
}

static void ask_here(struct everywhere *w, json_t *args) {
    struct asked *a = asked_new(w, true, args);
    w->fn->call(w->all->engine, &a->pub);
}

static void ask_node(struct everywhere *w, struct hub_guest_node *n, json_t *args) {
    struct asked *a = asked_new(w, false, args);
    hub_guest_ask_script(n, hub_cstr(w->hub), w->fn, &a->pub, 0);
}

static void ask_others(struct everywhere *w) {
    void *n;
    w->waiting++; /* they may answer at once */
    for (void *it = NULL; (it = hub_map_next(&w->all->nodes, it, NULL, &n));)
        ask_node(w, n, json_incref(w->call->args));
    w->waiting--;
}

/* ---- one, and each ---- */

static bool is_elsewhere(enum hub_code code, const json_t *result) {
    return code == HUB_CLIENT_NOT_FOUND || code == HUB_CLIENT_DISCONNECTED || (!code && !hub_truthy(result));
}

static void add_one(struct everywhere *w, struct asked *a, enum hub_code code, json_t *result, const char *text) {
    if (w->answered) return;
    if (a->here && !is_elsewhere(code, result)) {
        w->call->answer_bins = a->pub.answer_bins;
        answer_script(w, code, json_incref(result), text);
        return;
    }
    if (!code && hub_truthy(result)) {
        answer_script(w, HUB_OK, json_incref(result), NULL);
        return;
    }
    keep_failure(w, code, text);
    if (a->here && !code) w->result = json_incref(result);
    if (a->here) ask_others(w);
}

/* A node that has left has nobody any more. */
static void add_each(struct everywhere *w, struct asked *a, enum hub_code code, const json_t *result,
                     const char *text) {
    if (a->here && code) {
        answer_script(w, code, NULL, text);
        return;
    }
    if (code != HUB_STORE_UNDECIDED) keep_failure(w, code, text);
    w->sum += json_integer_value(result);
    if (a->here) ask_others(w);
}

/* ---- lists ---- */

/* The node behind NODE in the order of all; NULL: it was the last. */
static const struct hub_live_node *node_behind(const struct hub_nodes *nodes, const char *node) {
    const struct hub_live_node *n = hub_node_find(nodes, hub_cstr(node));
    if (!n || n->link.next == &nodes->all) return NULL;
    return HUB_CONTAINER(n->link.next, struct hub_live_node, link);
}

/* Of the node that W names, behind AFTER there. */
static void ask_page(struct everywhere *w, struct hub_str after) {
    json_t *args = json_copy(w->call->args), *options = json_copy(hub_host_arg(w->call, 0));
    if (!json_is_object(options)) json_decref(options), options = json_object();
    json_object_del(options, "after");
    if (after.n) json_object_set_new(options, "after", hub_json_string(after));
    json_object_set_new(options, "limit", json_integer((json_int_t)(w->limit - json_array_size(w->items))));
    if (json_array_size(args))
        json_array_set_new(args, 0, options);
    else
        json_array_append_new(args, options);
    struct hub_guest_node *n = hub_map_get(&w->all->nodes, hub_cstr(w->node));
    if (n)
        ask_node(w, n, args);
    else
        ask_here(w, args);
}

/* NEXT: where the page behind this one begins, at the node that W names; NULL: there is none. */
static void answer_page(struct everywhere *w, const json_t *next) {
    json_t *page = json_pack("{s:O}", "items", w->items), *text = json_null();
    if (next) text = json_sprintf("%s/%s", w->node, json_is_string(next) ? json_string_value(next) : "");
    json_object_set_new(page, "next", text);
    answer_script(w, HUB_OK, page, NULL);
}

static void add_page(struct everywhere *w, enum hub_code code, const json_t *result, const char *text) {
    const json_t *next = hub_json_get(result, "next");
    const struct hub_live_node *behind = node_behind(&w->all->engine->nodes, w->node);
    if (code && code != HUB_STORE_UNDECIDED) {
        answer_script(w, code, NULL, text);
        return;
    }
    json_array_extend(w->items, hub_json_get(result, "items"));
    if (json_is_string(next) || !behind) {
        answer_page(w, json_is_string(next) ? next : NULL);
        return;
    }
    memcpy(w->node, behind->id, sizeof w->node);
    if (json_array_size(w->items) < w->limit)
        ask_page(w, hub_str(NULL, 0));
    else
        answer_page(w, result);
}

/* What cannot be understood goes to the function itself, which says so. */
static bool begin_page(struct everywhere *w) {
    const json_t *options = hub_host_arg(w->call, 0);
    const struct hub_nodes *nodes = &w->all->engine->nodes;
    struct hub_str rest = hub_json_get_str(options, "after"), node = {0};
    int64_t limit = hub_json_get_int(options, "limit", PAGE_ITEMS);
    bool goes_on = rest.n && hub_str_split(&rest, '/', &node) && hub_node_find(nodes, node);
    bool fits = limit >= 1 && limit <= PAGE_ITEMS_MAX && (hub_json_nil(options) || json_is_object(options));
    if (!fits || (hub_json_get_str(options, "after").n && !goes_on)) return false;
    const struct hub_live_node *first = HUB_CONTAINER(nodes->all.next, struct hub_live_node, link);
    memcpy(w->node, goes_on ? node.p : first->id, HUB_NODE_ID_LEN);
    w->limit = (size_t)limit;
    w->items = json_array();
    ask_page(w, goes_on ? rest : hub_str(NULL, 0));
    return true;
}

/* ---- all ---- */

static void end_if_over(struct everywhere *w) {
    if (w->waiting) return;
    if (!w->answered && w->code)
        answer_script(w, w->code, NULL, w->text);
    else if (!w->answered)
        answer_script(w, HUB_OK, w->at == HUB_HOST_OF_EACH ? json_integer(w->sum) : json_incref(w->result), NULL);
    end_everywhere(w);
}

static void on_part(struct hub_host_call *call, enum hub_code code, json_t *result, const char *text) {
    struct asked *a = (struct asked *)call;
    struct everywhere *w = a->of;
    switch (w->at) {
    case HUB_HOST_OF_ONE: add_one(w, a, code, result, text); break;
    case HUB_HOST_OF_EACH: add_each(w, a, code, result, text); break;
    default: add_page(w, code, result, text); break;
    }
    json_decref(result);
    json_decref(call->args);
    free(a);
    w->waiting--;
    end_if_over(w);
}

void hub_guest_everywhere(struct hub_guests *all, enum hub_host_at at, struct hub_str hub, const struct hub_host_fn *fn,
                          struct hub_host_call *call) {
    struct everywhere *w = hub_xcalloc(1, sizeof *w);
    *w = (struct everywhere){.call = call, .all = all, .fn = fn, .at = at, .hub = hub_str_dup(hub)};
    hub_hold(&all->engine->holds, &w->hold, "script's call to all nodes");
    w->waiting++; /* for this function */
    if (at != HUB_HOST_OF_PAGE || !begin_page(w)) {
        w->at = at == HUB_HOST_OF_PAGE ? HUB_HOST_OF_ONE : at;
        ask_here(w, json_incref(call->args));
    }
    w->waiting--;
    end_if_over(w);
}
