/* What scripts can do with clients: the table clients, and connections.invoke. */
#include "hub/script/script_int.h"

#include <stdlib.h>

#include "hub/client/client.h"
#include "hub/guard/guard.h"

static const struct hub_client_ops *const clients = &hub_clients_here;

static bool fail_usage(struct hub_host_call *c, const char *usage) {
    hub_host_fail(c, HUB_BAD_REQUEST, usage);
    return false;
}

/* False: answered. */
static bool has_clients(const struct hub_engine *e, struct hub_host_call *c) {
    if (hub_clients_on(e)) return true;
    hub_host_fail(c, HUB_FEATURE_DISABLED, "service.yaml has no clients");
    return false;
}

static void answer_done(void *arg, enum hub_code code, json_t *result, const struct hub_hook_bins *bins,
                        const char *error) {
    struct hub_host_call *c = arg;
    if (bins) c->answer_bins = bins;
    c->done(c, code, result, code && !error ? hub_code_text(code) : error);
}

/* ---- whose socket ---- */

/* A hub's name, also as the namespace that it is; or the path of a plain namespace. */
static struct hub_hub *window_named(struct hub_engine *e, struct hub_str name) {
    const struct hub_str prefix = HUB_STR("/hub/");
    if (hub_str_starts(name, prefix)) name = hub_str(name.p + prefix.n, name.n - prefix.n);
    return hub_host_named(e, name);
}

/* The caller's own hub or namespace; NULL: it has none. */
static struct hub_hub *callers_window(struct hub_engine *e, const struct hub_host_call *c) {
    const struct hub_caller *caller = c->caller;
    if (c->of.n) return hub_host_named(e, c->of);
    if (caller) return caller->hub;
    return c->event_arg ? hub_namespace_hub(c->event_arg) : NULL;
}

/* The client that is the first argument, with the options at AT. False: answered. */
static bool read_target(struct hub_engine *e, struct hub_host_call *c, size_t at, struct hub_client_at *to) {
    const json_t *options = hub_host_arg(c, at);
    struct hub_str name = hub_json_get_str(options, "namespace");
    struct hub_err err;
    if (!hub_json_nil(options) && !json_is_object(options))
        return fail_usage(c, "the last argument: expected {namespace = …}");
    if (hub_script_keys(options, "namespace", &err)) return fail_usage(c, err.text);
    *to =
        (struct hub_client_at){.id = hub_host_text(c, 0), .hub = name.n ? window_named(e, name) : callers_window(e, c)};
    if (!name.n || to->hub) return true;
    hub_host_fail(c, HUB_NOT_FOUND, "namespace: there is no hub of that name, and no plain namespace of that path");
    return false;
}

/* ---- one ---- */

void hub_host_clients_get(void *ctx, struct hub_host_call *c) {
    hub_guard_reads(c, HUB_READABLE_CONNECTION, NULL, hub_host_text(c, 0));
    if (has_clients(ctx, c)) clients->get(ctx, hub_host_text(c, 0), callers_window(ctx, c), answer_done, c);
}

void hub_host_clients_count(void *ctx, struct hub_host_call *c) {
    hub_guard_reads(c, HUB_READABLE_ONLINE, NULL, HUB_STR(""));
    if (has_clients(ctx, c)) clients->count(ctx, answer_done, c);
}

/* A write on its way, which is whom the parts hear of as BY. */
struct metadata_write {
    struct hub_engine *engine;
    struct hub_host_call *call;
};

static void on_metadata_written(void *arg, enum hub_code code, json_t *result, const struct hub_hook_bins *bins,
                                const char *error) {
    const struct metadata_write w = *(const struct metadata_write *)arg;
    hub_guard_ends_write(w.engine, arg);
    free(arg);
    answer_done(w.call, code, result, bins, error);
}

static void set_client_metadata(struct hub_engine *e, struct hub_host_call *c, const struct hub_client_at *to,
                                enum hub_metadata_strategy strategy) {
    struct metadata_write *w = hub_xmalloc(sizeof *w);
    *w = (struct metadata_write){e, c};
    hub_guard_begins_write(e, c, w);
    clients->set_metadata(e, to, hub_host_arg(c, 1), strategy, on_metadata_written, w);
}

void hub_host_clients_set_metadata(void *ctx, struct hub_host_call *c) {
    enum hub_metadata_strategy strategy;
    struct hub_client_at to;
    struct hub_err err;
    if (!has_clients(ctx, c)) return;
    if (!json_is_object(hub_host_arg(c, 1))) {
        fail_usage(c, "clients.setMetadata(id, metadata, strategy, {namespace}): expected an object");
        return;
    }
    if (hub_metadata_strategy(hub_host_text(c, 2), &strategy, &err))
        fail_usage(c, err.text);
    else if (read_target(ctx, c, 3, &to))
        set_client_metadata(ctx, c, &to, strategy);
}

void hub_host_clients_send(void *ctx, struct hub_host_call *c) {
    struct hub_client_at to;
    if (!has_clients(ctx, c)) return;
    if (!hub_host_text(c, 1).n) {
        fail_usage(c, "clients.send(id, event, data, {namespace}): expected two texts");
        return;
    }
    if (!hub_host_event_free(c, 1) || !read_target(ctx, c, 3, &to)) return;
    const struct hub_namespace_event event = hub_namespace_event(c, 1);
    clients->send(ctx, &to, &event, answer_done, c);
}

void hub_host_clients_disconnect(void *ctx, struct hub_host_call *c) {
    struct hub_str reason;
    if (has_clients(ctx, c) && hub_host_reason(c, 1, &reason))
        clients->disconnect(ctx, hub_host_text(c, 0), reason, answer_done, c);
}

/* ---- invoke ---- */

/* The question in the arguments behind the first. False: answered. */
static bool read_question(struct hub_host_call *c, struct hub_client_question *q) {
    const json_t *ms = hub_host_arg(c, 3);
    *q = (struct hub_client_question){.type = hub_host_text(c, 1),
                                      .data = hub_host_arg(c, 2),
                                      .bins = c->bins,
                                      .timeout_ms = HUB_INVOKE_MS,
                                      .unseen = hub_namespace_event(c, 1).unseen};
    if (!q->type.n) return fail_usage(c, "invoke(id, type, data, timeoutMs, {namespace}): expected two texts");
    if (hub_json_nil(ms)) return true;
    q->timeout_ms = json_is_integer(ms) ? json_integer_value(ms) : 0;
    if (q->timeout_ms >= 1 && q->timeout_ms <= HUB_INVOKE_MAX_MS) return true;
    return fail_usage(c, "invoke: timeoutMs is a whole number from 1 to 600000");
}

void hub_host_clients_invoke(void *ctx, struct hub_host_call *c) {
    struct hub_client_question q;
    struct hub_client_at to;
    if (has_clients(ctx, c) && read_question(c, &q) && read_target(ctx, c, 4, &to))
        clients->invoke(ctx, &to, &q, answer_done, c);
}

void hub_host_connections_invoke(void *ctx, struct hub_host_call *c) {
    struct hub_client_question q;
    const struct hub_client_at to = {.id = hub_host_text(c, 0), .is_socket = true};
    if (has_clients(ctx, c) && read_question(c, &q)) clients->invoke(ctx, &to, &q, answer_done, c);
}

/* ---- lists ---- */

struct client_scan {
    struct hub_scan scan;
    const struct hub_hub *seen_from;
    const json_t *where;
    struct hub_str user, address, node;
    struct hub_host_page page;
};

static bool is_wanted(const struct client_scan *s, const struct hub_client_entry *client) {
    const struct hub_conn *c = hub_client_seen(client, s->seen_from);
    if (s->node.n && !hub_node_is_self(&s->scan.engine->nodes, s->node)) return false;
    if (s->user.n && !hub_str_is(s->user, client->user)) return false;
    if (s->address.n && !hub_str_eq(hub_socket_handshake(c->socket).peer, s->address)) return false;
    return hub_where_meets(s->where, c->metadata);
}

static unsigned step_client(struct hub_scan *scan) {
    struct client_scan *s = HUB_CONTAINER(scan, struct client_scan, scan);
    struct hub_walked_item *i = hub_walk_next(&scan->walk);
    if (!i) return 0;
    const struct hub_client_entry *client = HUB_CONTAINER(i, struct hub_client_entry, in_connected);
    if (i->number <= s->page.after || !is_wanted(s, client)) return 1;
    if (hub_host_page_full(&s->page)) return 0;
    hub_host_page_add(&s->page, hub_client_json(client, s->seen_from), i->number, client->id);
    return HUB_SCAN_SHOWN;
}

static void end_clients(struct hub_scan *scan, enum hub_code code) {
    struct client_scan *s = HUB_CONTAINER(scan, struct client_scan, scan);
    struct hub_host_call *call = scan->call;
    json_t *result = hub_host_page_end(&s->page);
    free(s);
    if (!code) {
        hub_host_done(call, result);
        return;
    }
    json_decref(result);
    hub_host_fail(call, code, NULL);
}

static enum hub_code read_filter(const json_t *options, struct hub_host_page *page, struct hub_err *err) {
    enum hub_code code = hub_script_keys(options, "nodeId userId address where limit after", err);
    if (!code) code = hub_where_check(hub_json_get(options, "where"), err);
    return code ? code : hub_host_page_begin(page, options, err);
}

void hub_host_clients_list(void *ctx, struct hub_host_call *c) {
    const json_t *options = hub_host_arg(c, 0);
    struct hub_host_page page;
    struct hub_err err;
    if (!has_clients(ctx, c)) return;
    if (read_filter(options, &page, &err)) {
        fail_usage(c, err.text);
        return;
    }
    /* Everybody's: a stranger's socket may be one of a known user's client. */
    hub_guard_reads(c, HUB_READABLE_CONNECTIONS, NULL, HUB_STR(""));
    struct client_scan *s = hub_xcalloc(1, sizeof *s);
    *s = (struct client_scan){.scan = {.step = step_client, .end = end_clients},
                              .seen_from = callers_window(ctx, c),
                              .where = hub_json_get(options, "where"),
                              .user = hub_json_get_str(options, "userId"),
                              .address = hub_json_get_str(options, "address"),
                              .node = hub_json_get_str(options, "nodeId"),
                              .page = page};
    const struct hub_client_entry *at = page.after ? hub_client_find(ctx, page.after_id) : NULL;
    bool found = at && at->in_connected.number == page.after;
    hub_scan_start(&s->scan, ctx, c, hub_clients_connected(ctx), found ? &at->in_connected : NULL);
}
