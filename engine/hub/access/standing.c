/* Whether a call that has waited, for its turn, its count or an answer of the store, may still do what it
 * asks for (contract: semantics.md "Order"). */
#include "hub/access/access.h"

#include <stdlib.h>

struct judging {
    struct hub_call *call;
    hub_call_judged *then;
    void *arg;
};

static void end_judging(const struct judging *j, enum hub_code code, const struct hub_rights *rights) {
    struct hub_call *call = j->call;
    if (code) {
        hub_call_fail(call, code, NULL);
        j->then(j->arg, false);
        return;
    }
    call->rights = *rights;
    call->judged = call->room->judged;
    j->then(j->arg, hub_call_permitted(call));
}

static void on_decided(void *arg, enum hub_code code, const struct hub_rights *rights, const char *layer,
                       struct hub_room *room) {
    struct judging *j = arg;
    (void)layer, (void)room;
    end_judging(j, code, rights);
    free(j);
}

/* For REST, and for those who have left by themselves: what was asked for before is valid as long as they
 * would be admitted. */
static void judge_again(const struct judging *j) {
    struct hub_call *call = j->call;
    struct hub_identity *who = call->conn ? call->conn->identity : call->who; /* the one that is newer */
    enum hub_code code = hub_identity_fault(call->hub->engine->config.identity, who);
    if (code || call->judged == call->room->judged) {
        end_judging(j, code, &call->rights);
        return;
    }
    struct judging *kept = hub_xmalloc(sizeof *kept);
    *kept = *j;
    hub_authorize(call->hub, who, hub_cstr(call->room->id), false, on_decided, kept);
}

void hub_call_stands(struct hub_call *call, hub_call_judged *then, void *arg) {
    const struct judging j = {call, then, arg};
    const struct hub_member *m = call->member;
    if (call->room->ended)
        end_judging(&j, call->room->ended, NULL);
    else if (m && !m->gone)
        end_judging(&j, HUB_OK, &m->rights);
    else if (m && m->put_out)
        end_judging(&j, m->put_out, NULL);
    else
        judge_again(&j);
}

/* ---- what was read for a call ---- */

struct showing {
    struct hub_call *call;
    const char *data_name;
    struct hub_buf fields;
};

static void on_stands(void *arg, bool stands) {
    struct showing *s = arg;
    if (stands) hub_call_ok(s->call, s->data_name, hub_buf_str(&s->fields));
    hub_buf_free(&s->fields);
    free(s);
}

void hub_call_show(struct hub_call *call, const char *data_name, struct hub_str fields) {
    if (hub_call_fresh(call)) {
        hub_call_ok(call, data_name, fields);
        return;
    }
    struct showing *s = hub_xcalloc(1, sizeof *s);
    *s = (struct showing){.call = call, .data_name = data_name};
    hub_buf_adds(&s->fields, fields);
    hub_call_stands(call, on_stands, s);
}
