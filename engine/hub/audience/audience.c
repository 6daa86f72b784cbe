/* Whom a message is for, between its row, its draft and the room's targets. */
#include "hub/audience/audience.h"

#include "hub/call/call.h"

static struct hub_str sender_of(const struct hub_cell *cells) {
    return cells[HUB_MSG_SENDER_ID].kind == HUB_CELL_TEXT ? cells[HUB_MSG_SENDER_ID].s : hub_str(NULL, 0);
}

static HUB_MUST json_t *stored_audience(const struct hub_cell *cells) {
    return cells[HUB_MSG_AUDIENCE].kind == HUB_CELL_TEXT ? hub_json_parse(cells[HUB_MSG_AUDIENCE].s, NULL) : NULL;
}

void hub_audience_of(const struct hub_cell *cells, bool verdict, struct hub_audience *out) {
    *out =
        (struct hub_audience){.target = {.to = HUB_TO_ALL, .sender = sender_of(cells)}, .json = stored_audience(cells)};
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
bool hub_target_parse(const json_t *v, enum hub_to *to, const json_t **ids) {
    struct hub_str s = hub_json_str(v);
    *ids = NULL;
    if (hub_json_nil(v) || hub_str_is(s, "all")) return *to = HUB_TO_ALL, true;
    if (hub_str_is(s, "others")) return *to = HUB_TO_OTHERS, true;
    if (hub_str_is(s, "sender")) return *to = HUB_TO_SENDER, true;
    if (!json_is_array(v)) return false;
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!json_is_string(json_array_get(v, i))) return false;
    *to = HUB_TO_IDS;
    *ids = v;
    return true;
}
