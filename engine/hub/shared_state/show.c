/* What members are told of the state of their room: all of it when they come, then each change. Who joins
 * is shown what had been told when he took his seat; changes since then wait for him in it. */
#include <stdlib.h>

#include "hub/shared_state/shared_state_int.h"

struct hub_state_shown {
    uint32_t refs;
    struct hub_buf text; /* "entries":{…},"version":n */
};

void hub_state_shown_unref(struct hub_state_shown *s) {
    if (!s || --s->refs) return;
    hub_buf_free(&s->text);
    free(s);
}

void hub_shared_forget_shown(struct hub_shared *s) {
    hub_state_shown_unref(s->shown);
    s->shown = NULL;
}

/* Made once for all who come between two changes. Borrowed. */
static const struct hub_state_shown *shown_now(struct hub_shared *s) {
    s->told = true;
    if (s->shown) return s->shown;
    struct hub_state_shown *n = s->shown = hub_xcalloc(1, sizeof *n);
    n->refs = 1;
    hub_buf_addz(&n->text, "\"entries\":");
    hub_shared_state_entries(s->room, &n->text);
    hub_buf_addf(&n->text, ",\"version\":%lld", (long long)s->version);
    return n;
}

struct hub_state_shown *hub_shared_state_now(struct hub_room *room) {
    if (!hub_shared_syncs(room)) return NULL;
    struct hub_shared *s = hub_shared_of(room);
    if (!s->keeper) return NULL;
    HUB_UNUSED(shown_now(s), "it is S->shown");
    s->shown->refs++;
    return s->shown;
}

void hub_shared_state_show(struct hub_room *room, struct hub_conn *c, const struct hub_state_shown *shown) {
    if (!shown || c->closed) return;
    struct hub_event_json e = hub_event_json(room);
    hub_buf_adds(hub_event_json_more(&e), hub_buf_str(&shown->text));
    hub_event_json_tell_one(&e, &c->outlet, HUB_STR("hub:roomState"));
}

void hub_shared_tell_all(struct hub_shared *s) {
    const struct hub_target all = {.to = HUB_TO_ALL};
    if (!hub_shared_syncs(s->room)) return;
    struct hub_event_json e = hub_event_json(s->room);
    hub_buf_adds(hub_event_json_more(&e), hub_buf_str(&shown_now(s)->text));
    hub_event_json_tell(&e, &all, HUB_STR("hub:roomState"), 0);
}

void hub_shared_tell(struct hub_shared *s, const struct hub_state_step *step) {
    const struct hub_target all = {.to = HUB_TO_ALL};
    struct hub_str value = hub_shared_state_value(s->room, hub_cstr(step->key));
    if (!hub_shared_syncs(s->room) || !hub_group_size(s->room->readers)) return;
    struct hub_event_json e = hub_event_json(s->room);
    if (step->op != HUB_STATE_CLEAR) hub_event_json_text(&e, "key", hub_cstr(step->key));
    if (step->op == HUB_STATE_CLEAR)
        hub_event_json_bool(&e, "cleared", true);
    else if (value.p)
        hub_event_json_raw(&e, "value", value);
    else
        hub_event_json_bool(&e, "deleted", true);
    hub_event_json_int(&e, "version", step->out.version);
    hub_event_json_tell(&e, &all, HUB_STR("hub:roomStateChanged"), 0);
}

/* ---- until it is in memory ---- */

struct awaiting {
    hub_shared_state_read *ready;
    void *arg;
};

static void on_ready(void *arg, enum hub_code code, const char *error, const struct hub_state_outcome *o) {
    const struct awaiting w = *(struct awaiting *)arg;
    (void)error, (void)o;
    free(arg);
    w.ready(w.arg, code);
}

bool hub_shared_state_ready(struct hub_room *room, hub_shared_state_read *ready, void *arg) {
    const struct hub_state_change read = {.op = HUB_STATE_READ};
    if (!hub_shared_syncs(room) || hub_shared_is_known(hub_shared_of(room))) return true;
    struct awaiting *w = hub_xmalloc(sizeof *w);
    *w = (struct awaiting){ready, arg};
    hub_shared_state_ask(room, &read, on_ready, w);
    return false;
}

/* ---- a seat by new rights ---- */

struct seated {
    struct hub_room *room; /* references */
    struct hub_conn *conn;
};

static void show_now(struct hub_room *room, struct hub_conn *c) {
    const struct hub_member *m = c->closed ? NULL : hub_conn_member(c, room);
    if (!m || !m->rights.can_read) return;
    struct hub_state_shown *now = hub_shared_state_now(room);
    hub_shared_state_show(room, c, now);
    hub_state_shown_unref(now);
}

static void on_seated(void *arg, enum hub_code code) {
    struct seated *s = arg;
    if (!code) show_now(s->room, s->conn);
    hub_room_unref(s->room);
    hub_conn_unref(s->conn);
    free(s);
}

void hub_shared_state_seated(struct hub_member *m) {
    struct seated *s = hub_xmalloc(sizeof *s);
    *s = (struct seated){hub_room_ref(m->room), hub_conn_ref(m->conn)};
    if (hub_shared_state_ready(m->room, on_seated, s)) on_seated(s, HUB_OK);
}
