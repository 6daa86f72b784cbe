/* Metadata of connections: what clients set of themselves, and see of others in their rooms. */
#include "base/text/utf8.h"
#include "hub/metadata/metadata_int.h"
#include "hub/namespace/namespace.h"

static const struct hub_def_connection_metadata *declared_in(const struct hub_hub *hub) {
    return &hub->def->parts.metadata;
}

enum hub_code hub_conn_change_metadata(struct hub_conn *c, const json_t *change, enum hub_metadata_strategy strategy,
                                       const json_t *only, const void *by, struct hub_err *err) {
    json_t *value = hub_metadata_changed(c->metadata, change, strategy, only);
    enum hub_code code = hub_metadata_check(value, HUB_METADATA_OF_CONNECTIONS, declared_in(c->hub)->max_bytes, err);
    if (code) {
        json_decref(value);
        return code;
    }
    hub_conn_set_metadata(c, value, by);
    hub_metadata_count(1);
    return HUB_OK;
}

static bool is_named(const struct hub_strs *names, const char *key) {
    for (size_t i = 0; i < names->n; i++)
        if (!strcmp(names->items[i], key)) return true;
    return false;
}

static enum hub_code check_writable(const struct hub_strs *writable, const json_t *change, struct hub_err *err) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)change, key, v) {
        if (!is_named(writable, key))
            return hub_fail(err, HUB_NOT_ALLOWED, "metadata.%.*s: clients may set what clientWritable names only",
                            HUB_CUTZ(key, 64));
    }
    return HUB_OK;
}

static void answer_metadata(struct hub_call *call, const json_t *metadata) {
    struct hub_buf b = {0};
    hub_buf_addz(&b, "\"metadata\":");
    if (metadata)
        hub_json_add(&b, metadata);
    else
        hub_buf_addz(&b, "{}");
    hub_call_ok(call, "metadata", hub_buf_str(&b));
    hub_buf_free(&b);
}

static void set_metadata(struct hub_call *call) {
    const struct hub_strs *writable = &declared_in(call->hub)->client_writable;
    const json_t *change = hub_json_get(call->args, "metadata");
    enum hub_metadata_strategy strategy;
    struct hub_err err;
    json_t *only = hub_strs_json(writable);
    enum hub_code code = hub_metadata_strategy(hub_call_str(call, "strategy"), &strategy, &err);
    if (!code) code = check_writable(writable, change, &err);
    if (!code) code = hub_conn_change_metadata(call->conn, change, strategy, only, NULL, &err);
    json_decref(only);
    if (code)
        hub_call_fail_with(call, &err, hub_str(NULL, 0));
    else
        answer_metadata(call, call->conn->metadata);
}

/* ---- of others ---- */

/* Whether WHO reads in a room that OTHER is in. */
static bool shares_room(struct hub_conn *who, struct hub_conn *other) {
    if (who->hub != other->hub) return false;
    if (who->plain) return hub_namespace_share_room(who->plain, other->plain);
    HUB_LIST_EACH(&who->members, it) {
        const struct hub_member *m = HUB_CONTAINER(it, struct hub_member, in_conn);
        if (m->rights.can_read && hub_conn_member(other, m->room)) return true;
    }
    return false;
}

static HUB_MUST json_t *visible_part(const struct hub_conn *c) {
    const struct hub_strs *visible = &declared_in(c->hub)->visible;
    json_t *out = json_object();
    for (size_t i = 0; i < visible->n; i++) {
        json_t *v = hub_json_get(c->metadata, visible->items[i]);
        if (v) json_object_set(out, visible->items[i], v);
    }
    return out;
}

static void get_metadata(struct hub_call *call) {
    struct hub_str id = hub_call_str(call, "connectionId");
    if (!id.n || hub_str_is(id, call->conn->socket->sid)) {
        answer_metadata(call, call->conn->metadata);
        return;
    }
    struct hub_conn *other = hub_directory_find(&call->hub->engine->directory, id);
    if (!other || !shares_room(call->conn, other)) {
        hub_call_fail(call, HUB_NOT_FOUND, "there is no such connection in a room of yours");
        return;
    }
    json_t *seen = visible_part(other);
    answer_metadata(call, seen);
    json_decref(seen);
}

/* ---- the part ---- */

static bool has_connection_metadata(const struct hub_def *def) { return def->parts.metadata.on; }

static void describe_connection_metadata(const struct hub_hub *hub, json_t *out) {
    const struct hub_def_connection_metadata *m = declared_in(hub);
    if (!m->on) return;
    json_object_set_new(out, "connectionMetadata",
                        json_pack("{s:o, s:o, s:I}", "clientWritable", hub_strs_json(&m->client_writable), "visible",
                                  hub_strs_json(&m->visible), "maxBytes", (json_int_t)m->max_bytes));
}

static const struct hub_arg set_args[] = {
    {"metadata", HUB_ARG_OBJECT, HUB_ARG_REQUIRED, .help = "Members to set."},
    {"strategy", HUB_ARG_TEXT, .least = 1, .most = 16,
     .help = "`replace` (the default): what the caller may set and does not name goes; `merge`; `deepMerge`: also in "
             "objects within.",
     .shape = "`replace` or `merge` or `deepMerge`"},
    {0},
};
static const struct hub_arg get_args[] = {
    {"connectionId", HUB_ARG_ID,
     .help = "Id of another socket, in a room of the caller's; without it the caller's own."},
    {0},
};
static const struct hub_field answer[] = {
    {"metadata", "object", .help = "The caller's own, or of another one what `visible` names."}, {0}};

static const struct hub_command commands[] = {
    {.name = "hub:setMetadata",
     .help = "Changes the connection's own metadata, of which `clientWritable` names what clients may.",
     .gates = HUB_GATES(&hub_gate_running, &hub_gate_args, &hub_gate_metadata),
     .args = set_args,
     .answer = answer,
     .codes = {HUB_NOT_ALLOWED, HUB_TOO_LARGE, HUB_TOO_MANY},
     .run = set_metadata},
    {.name = "hub:getMetadata",
     .help = "Metadata of the connection itself, or of another one in a room of its own.",
     .flags = HUB_READS,
     .gates = HUB_GATES(&hub_gate_reads, &hub_gate_args),
     .args = get_args,
     .answer = answer,
     .codes = {HUB_NOT_FOUND, HUB_OVERLOADED},
     .run = get_metadata},
    {0},
};

const struct hub_part hub_metadata_part = {
    .name = "metadata.connection",
    .help = "An object of each connection.",
    .commands = commands,
    .keywords = "metadata",
    .plain = true,
    .declared = has_connection_metadata,
    .describe = describe_connection_metadata,
};
