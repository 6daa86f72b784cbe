/* System messages about what the bus told, where a hub has that type: until the store has them. */
#include "hub/message/message.h"

#include <stdlib.h>

#include "base/telemetry/log.h"

/* A system message until the store has it. */
struct notice {
    struct hub_retry retry;
    struct hub_room *room; /* reference */
    json_t *content;
    enum hub_to to; /* all, others or ids */
    json_t *ids;
    char *except;
    struct hub_work *work;
};

static void free_notice(struct notice *n) {
    json_decref(n->content);
    json_decref(n->ids);
    free(n->except);
    hub_work_release(n->work);
    hub_room_unref(n->room);
    free(n);
}

static void on_notice_submitted(void *arg, enum hub_code code, const char *error, struct hub_str message) {
    struct notice *n = arg;
    (void)error, (void)message; /* a failure was logged */
    if (!hub_retry_later(&hub_of(n->room)->engine->retries, &n->retry, n->work, code)) free_notice(n);
}

static void submit_notice(struct notice *n) {
    struct hub_draft d;
    struct hub_buf text = {0};
    struct hub_err err;
    if (hub_draft_from_script(n->room, HUB_STR("system"), n->content, hub_str(NULL, 0), &d, &text, &err)) {
        hub_log_kv(HUB_LOG_WARN, "bus", "system message not sent", "hub", hub_of(n->room)->def->name, "room",
                   n->room->id, "error", err.text, NULL);
        free_notice(n);
    } else {
        d.patient = true; /* tried again after a failure: it must be one */
        d.to = n->to;
        d.to_ids = n->ids;
        if (n->except) d.led_by = hub_cstr(n->except);
        hub_room_submit(n->room, &d, on_notice_submitted, n);
    }
    hub_buf_free(&text);
}

static void on_notice_again(struct hub_retry *r, bool give_up) {
    struct notice *n = HUB_CONTAINER(r, struct notice, retry);
    if (give_up)
        free_notice(n);
    else
        submit_notice(n);
}

static void take_target(struct notice *n, const struct hub_target *t) {
    n->to = t->to;
    if (t->to == HUB_TO_OTHERS) n->except = hub_str_dup(t->sender);
    if (t->to != HUB_TO_IDS) return;
    n->ids = t->ids ? json_copy((json_t *)(uintptr_t)t->ids) : json_array();
    if (t->sender.n) json_array_append_new(n->ids, hub_json_string(t->sender));
}

void hub_system_message(struct hub_room *room, const struct hub_target *target, const char *action, const json_t *data,
                        struct hub_work *work) {
    if (!hub_def_message_type(hub_of(room)->def, HUB_STR("system"))) return;
    struct notice *n = hub_xmalloc(sizeof *n);
    *n = (struct notice){.retry.again = on_notice_again,
                         .room = hub_room_ref(room),
                         .content = json_pack("{s:s, s:O}", "systemAction", action, "systemData", data),
                         .work = hub_work_hold(work)};
    take_target(n, target);
    submit_notice(n);
}
