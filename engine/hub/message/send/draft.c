/* Whom a draft is meant for: who is told of it, and what is stored of that. */
#include "hub/message/message.h"

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
