/* Functions that a script calls about a place of another node: they run there, and the script waits. */
#include <stdio.h>
#include <stdlib.h>

#include "hub/guest/guest_int.h"

/* ---- there ---- */

struct script_call {
    struct hub_host_call *call;
    const struct hub_guest_node *node;
    struct hub_guests *all;
    struct hub_hold hold;
    uint64_t id;
};

/* The hub whose rooms CALL is about; NULL: the function itself says what is wrong. */
static const struct hub_hub *hub_of_call(struct hub_engine *e, const struct hub_host_call *call) {
    const struct hub_caller *caller = call->caller;
    const struct hub_hub *hub = call->of.n ? hub_engine_hub(e, call->of) : caller ? caller->hub : NULL;
    if (!call->of.n && !caller && e->hub_n == 1) hub = e->hubs[0];
    return hub && hub->tables && !hub->gone ? hub : NULL;
}

/* HUB empty: the script has none. */
static enum hub_code post_script_call(const struct script_call *h, struct hub_str hub, const struct hub_host_fn *fn,
                                      uint8_t reading) {
    struct hub_buf name = {0}, args = {0};
    hub_buf_addf(&name, "%s.%s", fn->table, fn->name);
    hub_json_add_exact(&args, h->call->args);
    enum hub_code code = hub_guest_try(h->node, &(struct hub_guest_packet){.kind = HUB_GUEST_SCRIPT,
                                                                           .flags = reading,
                                                                           .id = h->id,
                                                                           .hub = hub,
                                                                           .name = hub_buf_str(&name),
                                                                           .text = hub_json_str(h->call->room_id),
                                                                           .body = hub_buf_str(&args)});
    hub_buf_free(&name);
    hub_buf_free(&args);
    return code;
}

static HUB_MUST struct hub_host_call *take_script_call(struct script_call *h) {
    struct hub_host_call *call = h->call;
    hub_map_del(&h->all->script_calls, hub_guest_id_key(&h->id));
    hub_unhold(&h->hold);
    free(h);
    return call;
}

static bool is_among(const struct hub_host_fn *fns, const struct hub_host_fn *fn) {
    for (; fns && fns->table; fns++)
        if (fns == fn) return true;
    return false;
}

/* Whose FN is, and *AT which nodes. */
static const struct hub_part *part_of(const struct hub_engine *e, const struct hub_host_fn *fn, enum hub_host_at *at) {
    for (const struct hub_part *const *part = e->parts; *part; part++)
        for (*at = 0; *at < HUB_HOST_ATS; ++*at)
            if (is_among((*part)->host_at[*at], fn)) return *part;
    return NULL;
}

/* The hub or plain namespace that CALL comes from; empty: the service has called. */
static struct hub_str window_of(const struct hub_host_call *call) {
    const struct hub_caller *caller = call->caller;
    if (call->of.n) return call->of;
    if (caller) return caller->hub->gone ? hub_str(NULL, 0) : hub_cstr(caller->hub->def->name);
    return call->event_arg ? hub_cstr(hub_namespace_hub(call->event_arg)->def->name) : hub_str(NULL, 0);
}

/* The owner of the place that CALL is about, and for which hub it is carried out; empty: it stays here. */
static struct hub_str owner_of_call(struct hub_engine *e, const struct hub_part *slots,
                                    const struct hub_host_call *call, struct hub_str *hub_name) {
    struct hub_str name = hub_host_text(call, 0);
    *hub_name = window_of(call);
    if (slots) return hub_guest_slot_owner(e, slots, name);
    const struct hub_hub *hub = hub_of_call(e, call);
    if (!hub || !hub_id_ok(name)) return hub_str(NULL, 0);
    *hub_name = hub_cstr(hub->def->name);
    return hub_guest_owner(hub, name);
}

void hub_guest_ask_script(struct hub_guest_node *n, struct hub_str hub, const struct hub_host_fn *fn,
                          struct hub_host_call *call, uint8_t reading) {
    struct hub_guests *all = n->all;
    if (call->bins && call->bins->n) {
        hub_host_fail(call, HUB_BAD_REQUEST, "binary values do not travel between nodes; use base64");
        return;
    }
    struct script_call *h = hub_xcalloc(1, sizeof *h);
    *h = (struct script_call){.call = call, .node = n, .all = all, .id = ++all->last_call};
    hub_map_put(&all->script_calls, hub_guest_id_key(&h->id), h);
    hub_hold(&all->engine->holds, &h->hold, "script's call to another node");
    enum hub_code code = post_script_call(h, hub, fn, reading);
    if (code) hub_host_fail(take_script_call(h), code, NULL);
}

bool hub_guest_route_script_call(struct hub_engine *e, const struct hub_host_fn *fn, struct hub_host_call *call) {
    struct hub_guests *all = hub_guests_of(e);
    struct hub_str hub;
    enum hub_host_at at;
    const struct hub_part *part = part_of(e, fn, &at);
    if (at > HUB_HOST_OF_SLOT) {
        hub_guest_everywhere(all, at, window_of(call), fn, call);
        return true;
    }
    struct hub_str owner = owner_of_call(e, at == HUB_HOST_OF_SLOT ? part : NULL, call, &hub);
    struct hub_guest_node *n = hub_map_get(&all->nodes, owner);
    if (!n) return false;
    const struct hub_hub *of = at == HUB_HOST_OF_SLOT ? NULL : hub_of_call(e, call);
    hub_guest_ask_script(n, hub, fn, call, hub_guest_note_reading(of, fn, call));
    return true;
}

void hub_guest_script_answered(const struct hub_guest_node *from, const struct hub_guest_packet *p) {
    struct script_call *h = hub_map_get(&from->all->script_calls, hub_guest_id_key(&p->id));
    if (!h || h->node != from) return;
    struct hub_host_call *call = take_script_call(h);
    char *text = hub_str_dup(p->text);
    if (p->name.n)
        hub_host_fail(call, hub_code_of_word(p->name), text);
    else
        hub_host_done(call, p->body.n ? hub_json_parse(p->body, NULL) : NULL);
    free(text);
}

static struct script_call *script_call_at(const struct hub_guests *all, const struct hub_guest_node *n) {
    void *h;
    for (void *it = NULL; (it = hub_map_next(&all->script_calls, it, NULL, &h));)
        if (((struct script_call *)h)->node == n) return h;
    return NULL;
}

void hub_guest_script_calls_fail(struct hub_guests *all, const struct hub_guest_node *n) {
    for (struct script_call *h; (h = script_call_at(all, n));)
        hub_host_fail(take_script_call(h), HUB_STORE_UNDECIDED, "the node that it was for has left before it answered");
}

/* ---- here ---- */

struct served_call {
    struct hub_host_call pub; /* first member */
    struct hub_list link;     /* in the node's, while it is there */
    struct hub_hold hold;
    const struct hub_guest_node *node;
    struct hub_hub *hub; /* its KEPT counts this; NULL: none */
    json_t *room;        /* a reference */
    uint64_t id;
};

static void answer_served(const struct served_call *s, enum hub_code code, const json_t *result, const char *text) {
    struct hub_buf body = {0};
    hub_guest_sync(s->node);
    if (result && !code) hub_json_add_exact(&body, result);
    enum hub_code sent =
        hub_guest_try(s->node, &(struct hub_guest_packet){.kind = HUB_GUEST_ANSWER,
                                                          .id = s->id,
                                                          .name = hub_cstr(code ? hub_code_word(code) : ""),
                                                          .text = hub_cstr(text ? text : ""),
                                                          .body = hub_buf_str(&body)});
    if (sent == HUB_OVERLOADED) hub_guest_refuse(s->node, s->id);
    hub_buf_free(&body);
}

static void on_done(struct hub_host_call *call, enum hub_code code, json_t *result, const char *text) {
    struct served_call *s = (struct served_call *)call;
    bool bins = !code && call->answer_bins && call->answer_bins->n;
    if (bins) code = HUB_BAD_REQUEST, text = "binary values do not travel between nodes; use base64";
    if (hub_list_linked(&s->link)) answer_served(s, code, result, text);
    hub_list_remove(&s->link);
    hub_unhold(&s->hold);
    if (s->hub) s->hub->kept--;
    json_decref(result);
    json_decref(call->args);
    json_decref(s->room);
    free(s);
}

static const struct hub_host_fn *fn_among(const struct hub_host_fn *fns, struct hub_str name) {
    char text[64];
    for (; fns && fns->table; fns++) {
        snprintf(text, sizeof text, "%s.%s", fns->table, fns->name);
        if (hub_str_is(name, text)) return fns;
    }
    return NULL;
}

/* Of "table.name", for places or for all nodes; NULL: there is none. */
static const struct hub_host_fn *fn_named(const struct hub_engine *e, struct hub_str name) {
    const struct hub_host_fn *found = NULL;
    for (const struct hub_part *const *part = e->parts; *part && !found; part++) {
        for (size_t i = 0; i < HUB_HOST_ATS && !found; i++) found = fn_among((*part)->host_at[i], name);
    }
    return found;
}

void hub_guest_run_script_call(struct hub_guest_node *n, const struct hub_guest_packet *p) {
    struct hub_engine *e = n->all->engine;
    struct hub_hub *hub = hub_guest_hub(e, p->hub);
    const struct hub_host_fn *fn = fn_named(e, p->name);
    json_t *args = hub_json_parse(p->body, NULL);
    struct served_call *s = hub_xcalloc(1, sizeof *s);
    *s = (struct served_call){.pub = {.args = args, .done = on_done}, .node = n, .hub = hub, .id = p->id};
    if (hub) hub->kept++;
    hub_list_push(&n->script_calls, &s->link);
    hub_hold(&e->holds, &s->hold, "script of another node");
    if ((!hub && p->hub.n) || !fn || !json_is_array(args)) {
        hub_host_fail(&s->pub, HUB_NOT_FOUND, "the node that it is for has another version of the definitions");
        return;
    }
    if (!hub_guest_keep_reading(n, p, hub_json_str(json_array_get(args, 0)))) {
        hub_host_fail(&s->pub, HUB_OVERLOADED, "guards have read too much of the rooms of another node");
        return;
    }
    s->pub.caller = hub ? &hub->caller : NULL;
    s->room = p->text.n ? hub_json_string(p->text) : NULL;
    s->pub.room_id = s->room;
    fn->call(e, &s->pub);
}

void hub_guest_drop_script_calls(struct hub_guest_node *n) {
    while (hub_list_pop(&n->script_calls)) {} /* they end by themselves */
}
