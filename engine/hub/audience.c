/* Whom a message is for, between its row, its draft and the room's targets. */
#include "hub/audience.h"

static struct hub_str sender_of(const struct hub_cell *cells) {
    return cells[HUB_MSG_SENDER_ID].kind == HUB_CELL_TEXT ? cells[HUB_MSG_SENDER_ID].s : hub_str(NULL, 0);
}

static json_t *stored(const struct hub_cell *cells) {
    return cells[HUB_MSG_AUDIENCE].kind == HUB_CELL_TEXT ? hub_json_parse(cells[HUB_MSG_AUDIENCE].s, NULL) : NULL;
}

void hub_audience_of(const struct hub_cell *cells, bool verdict, struct hub_audience *out) {
    *out = (struct hub_audience){.target = {.to = HUB_TO_ALL, .sender = sender_of(cells)}, .json = stored(cells)};
    const json_t *to = out->json;
    if (json_is_object(to) && hub_json_get(to, "persist")) {
        out->wrapped = true;
        out->transient = !hub_json_get_bool(to, "persist", true);
        out->silent = verdict && !hub_json_get_bool(to, "broadcast", true);
        to = hub_json_get(to, "to");
    }
    out->to = to;
    if (json_is_array(to)) {
        out->target.to = HUB_TO_IDS;
        out->target.ids = to;
    } else if (json_is_object(to)) {
        out->target.to = HUB_TO_OTHERS;
        out->target.sender = hub_json_get_str(to, "except");
    } else if (verdict) {
        out->silent |= json_is_false(to);
        if (hub_str_is(hub_json_str(to), "others")) out->target.to = HUB_TO_OTHERS;
    }
}

void hub_audience_free(struct hub_audience *a) { json_decref(a->json); }

bool hub_audience_has(const struct hub_cell *cells, struct hub_str user) {
    struct hub_audience a;
    if (cells[HUB_MSG_AUDIENCE].kind != HUB_CELL_TEXT) return true;
    hub_audience_of(cells, false, &a);
    bool has = a.target.to == HUB_TO_ALL;
    if (a.target.to == HUB_TO_OTHERS) has = user.n && !hub_str_eq(user, a.target.sender);
    if (a.target.to == HUB_TO_IDS) has = user.n && hub_str_eq(user, a.target.sender);
    for (size_t i = 0; !has && user.n && i < json_array_size(a.target.ids); i++)
        has = hub_str_eq(user, hub_json_str(json_array_get(a.target.ids, i)));
    hub_audience_free(&a);
    return has;
}

/* "sender" and "others" of a message of the system mean the user whose message led to it. */
static void add_target(const struct hub_draft *d, struct hub_buf *b) {
    bool own = d->sender_id.n;
    if (d->to == HUB_TO_IDS) {
        hub_json_add(b, d->to_ids);
    } else if (d->to == HUB_TO_SENDER && (own || !d->led_by.n)) {
        hub_buf_addz(b, "[]");
    } else if (d->to == HUB_TO_SENDER) {
        hub_buf_addc(b, '['), hub_json_add_string(b, d->led_by), hub_buf_addc(b, ']');
    } else if (d->to == HUB_TO_OTHERS && !own && d->led_by.n) {
        hub_buf_addz(b, "{\"except\":"), hub_json_add_string(b, d->led_by), hub_buf_addc(b, '}');
    } else if (d->pending && !d->announce) {
        hub_buf_addz(b, "false");
    } else if (d->pending && d->to == HUB_TO_OTHERS) {
        hub_buf_addz(b, "\"others\"");
    }
}

struct hub_target hub_draft_target(const struct hub_draft *d) {
    struct hub_str meant = d->sender_id.n ? d->sender_id : d->led_by;
    if (d->to == HUB_TO_OTHERS && meant.n) return (struct hub_target){.to = HUB_TO_OTHERS, .sender = meant};
    if (d->to == HUB_TO_SENDER) return (struct hub_target){.to = HUB_TO_IDS, .sender = meant};
    if (d->to == HUB_TO_IDS) return (struct hub_target){.to = HUB_TO_IDS, .ids = d->to_ids, .sender = d->sender_id};
    return (struct hub_target){.to = HUB_TO_ALL};
}

void hub_audience_store(const struct hub_draft *d, struct hub_buf *b) {
    struct hub_buf to = {0};
    add_target(d, &to);
    bool hushed = d->pending && !d->announce && to.n && to.p[0] != 'f'; /* false says it already */
    if (hushed || (d->pending && !d->persist)) {
        hub_buf_addf(b, "{\"to\":%.*s,\"persist\":%s", HUB_FMT(to.n ? hub_buf_str(&to) : HUB_STR("null")),
                     d->persist ? "true" : "false");
        hub_buf_addz(b, hushed ? ",\"broadcast\":false}" : "}");
    } else {
        hub_buf_adds(b, hub_buf_str(&to));
    }
    hub_buf_free(&to);
}
