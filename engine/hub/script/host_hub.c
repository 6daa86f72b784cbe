/* What scripts can do in hubs: the table hub (contract: scripting.md). */
#include "hub/script/script_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "hub/access/access.h"
#include "hub/event/event.h"
#include "hub/guard/guard.h"
#include "hub/lifecycle/lifecycle.h"
#include "hub/member/member.h"
#include "hub/message/message.h"

static struct hub_room *room_in(struct hub_hub *hub, struct hub_str id) {
    struct hub_room *r = hub_room_find(&hub->rooms, id);
    return r && hub_room_loaded(r) ? r : NULL;
}

/* The room in use under this id, *ROOM NULL when nobody is in it: in the script's own hub, else in the
 * only hub that has it. False: several have, and the call failed. */
static bool room_arg(struct hub_engine *e, struct hub_host_call *c, struct hub_room **room) {
    struct hub_hub *own = hub_host_own(e, c);
    char text[400];
    if (!own && (c->of.n || hub_host_of_gone(c)))
        return hub_host_fail(c, HUB_NOT_FOUND, "the hub is no longer served"), false;
    *room = own ? room_in(own, hub_host_text(c, 0)) : NULL;
    for (size_t i = 0; !own && i < e->hub_n; i++) {
        struct hub_room *r = room_in(e->hubs[i], hub_host_text(c, 0));
        if (r && *room) {
            snprintf(text, sizeof text,
                     "rooms of this id are in use in the hubs %s and %s, and a script outside hubs cannot say which "
                     "one it means; let it tell one "
                     "hub's kafkaEvents by kafka.publish instead",
                     hub_of(*room)->def->name, hub_of(r)->def->name);
            hub_host_fail(c, HUB_BAD_REQUEST, text);
            return false;
        }
        if (r) *room = r;
    }
    return true;
}

void hub_host_add_data(struct hub_buf *b, struct hub_str room_id, const json_t *data) {
    hub_buf_addc(b, '{');
    hub_json_add_key(b, "roomId");
    if (room_id.p)
        hub_json_add_string(b, room_id);
    else
        hub_buf_addz(b, "null");
    hub_buf_addc(b, ',');
    hub_json_add_key(b, "data");
    hub_json_add(b, data);
    hub_buf_addc(b, '}');
}

int hub_host_event_flags(const struct hub_room *room, struct hub_str event) {
    const struct hub_def_custom_event *e = hub_def_custom_event(hub_of(room)->def, event);
    return e ? hub_event_flags(e) : 0;
}

static void emit_in(struct hub_room *room, const struct hub_target *target, const struct hub_host_call *c) {
    struct hub_buf args = {0};
    struct hub_str event = hub_host_text(c, 1);
    hub_host_add_data(&args, hub_cstr(room->id), hub_host_arg(c, 2));
    hub_room_emit(room, target, event, hub_buf_str(&args), hub_host_event_flags(room, event));
    hub_buf_free(&args);
}

struct announcing {
    struct hub_room *room; /* reference */
    struct hub_host_call *call;
};

static void on_event_kept(void *p, enum hub_code code, const char *error, struct hub_str data) {
    struct announcing *a = p;
    const struct hub_target all = {.to = HUB_TO_ALL};
    (void)data;
    if (!code) emit_in(a->room, &all, a->call);
    hub_room_unref(a->room);
    if (code)
        hub_host_fail(a->call, code, error);
    else
        hub_host_done(a->call, json_true());
    free(a);
}

bool hub_host_event_free(struct hub_host_call *c, size_t at) {
    struct hub_str event = hub_host_text(c, at);
    bool reserved = hub_event_reserved(event);
    if (reserved) hub_host_fail(c, HUB_BAD_REQUEST, "that event name is reserved by Socket.IO");
    return !reserved;
}

void hub_host_emit_kept(struct hub_room *room, struct hub_host_call *c) {
    const struct hub_def_custom_event *e = hub_def_custom_event(hub_of(room)->def, hub_host_text(c, 1));
    const struct hub_target all = {.to = HUB_TO_ALL};
    if (e && !e->ephemeral) {
        struct announcing *a = hub_xmalloc(sizeof *a);
        *a = (struct announcing){hub_room_ref(room), c};
        hub_event_store(room, hub_str(NULL, 0), e, hub_host_arg(c, 2), on_event_kept, a);
        return;
    }
    emit_in(room, &all, c);
    hub_host_done(c, json_true());
}

/* An event the hub defines with ephemeral: false is stored before it is shown; what is meant for some is
 * not, for everybody reads the history. */
void hub_host_hub_broadcast(void *ctx, struct hub_host_call *c) {
    struct hub_room *room;
    struct hub_target target = {0};
    if (!hub_host_text(c, 1).n || !hub_target_parse(hub_host_arg(c, 3), &target.to, &target.ids) ||
        target.to == HUB_TO_SENDER || target.to == HUB_TO_OTHERS) {
        hub_host_fail(c, HUB_BAD_REQUEST,
                      "hub.broadcast(roomId, event, data, to): to is \"all\" or an array of user ids");
        return;
    }
    if (!hub_host_event_free(c, 1) || !room_arg(ctx, c, &room)) return;
    if (room && target.to == HUB_TO_ALL) {
        hub_host_emit_kept(room, c);
        return;
    }
    if (room) emit_in(room, &target, c);
    hub_host_done(c, json_boolean(room != NULL));
}

static void on_sent(void *p, enum hub_code code, const char *error, struct hub_str message) {
    struct hub_host_call *c = p;
    if (code)
        hub_host_fail(c, code, error);
    else
        hub_host_done(c, hub_json_parse(message, NULL));
}

struct opening {
    struct hub_room *room;
    struct hub_host_call *call;
};

/* A senderId that is no text would make it a message of nobody. */
static enum hub_code check_send_options(const json_t *opts, struct hub_err *err) {
    static const char *const texts[] = {"senderId", "senderName", "senderAvatar"};
    const json_t *persist = hub_json_get(opts, "persist");
    for (size_t i = 0; i < HUB_NELEM(texts); i++) {
        const json_t *v = hub_json_get(opts, texts[i]);
        if (!hub_json_nil(v) && !json_is_string(v))
            return hub_fail(err, HUB_BAD_REQUEST, "%s: expected a text", texts[i]);
    }
    if (!hub_json_nil(persist) && !json_is_boolean(persist))
        return hub_fail(err, HUB_BAD_REQUEST, "persist: expected true or false");
    return hub_script_keys(opts, "senderId senderName senderAvatar persist to", err);
}

static void send_in(struct hub_room *room, struct hub_host_call *c) {
    if (room->ended == HUB_ROOM_NOT_FOUND) {
        hub_host_fail(c, room->ended, NULL);
        return;
    }
    struct hub_draft d;
    struct hub_buf text = {0};
    struct hub_err err;
    const json_t *opts = hub_host_arg(c, 3);
    json_t *content = json_deep_copy(hub_host_arg(c, 2));
    enum hub_to to;
    const json_t *ids;
    enum hub_code code = check_send_options(opts, &err);
    if (!code && !hub_target_parse(hub_json_get(opts, "to"), &to, &ids))
        code = hub_fail(&err, HUB_BAD_REQUEST, "to: expected \"all\", \"others\", \"sender\" or an array of user ids");
    if (!code)
        code = hub_draft_from_script(room, hub_host_text(c, 1), content, hub_json_get_str(opts, "senderId"), &d, &text,
                                     &err);
    if (!code) {
        d.persist = hub_json_get_bool(opts, "persist", true);
        d.to = to;
        d.to_ids = ids;
        d.sender_name = hub_json_get_str(opts, "senderName");
        d.sender_avatar = hub_json_get_str(opts, "senderAvatar");
        hub_room_submit(room, &d, on_sent, c);
    } else {
        hub_host_fail(c, code, err.text);
    }
    json_decref(content);
    hub_buf_free(&text);
}

static void on_usable(void *p, enum hub_code code) {
    struct opening *o = p;
    if (code)
        hub_host_fail(o->call, code, NULL);
    else
        send_in(o->room, o->call);
    hub_room_unref(o->room);
    free(o);
}

static void on_room_open(void *p, enum hub_code code) {
    struct opening *o = p;
    if (code || hub_lifecycle_use(o->room, on_usable, o)) on_usable(o, code);
}

static void on_room_record(void *p, enum hub_code code, json_t *record, const char *error) {
    struct opening *o = p;
    if (!code) {
        if (!o->room->record) o->room->record = json_incref(record);
        hub_room_load(o->room, on_room_open, o);
        return;
    }
    hub_host_fail(o->call, code == HUB_NOT_FOUND ? HUB_ROOM_NOT_FOUND : code, code == HUB_NOT_FOUND ? NULL : error);
    hub_room_unref(o->room);
    free(o);
}

/* A message to a room nobody is in is stored all the same, if there is such a room. */
static void send_in_unused(struct hub_hub *hub, struct hub_host_call *c) {
    struct hub_engine *e = hub->engine;
    struct opening *o = hub_xmalloc(sizeof *o);
    *o = (struct opening){hub_room_of(hub, hub_host_text(c, 0)), c};
    hub_object_find(&e->data, hub_record_table(hub), hub_host_arg(c, 0), on_room_record, o);
}

void hub_host_hub_send(void *ctx, struct hub_host_call *c) {
    struct hub_engine *e = ctx;
    struct hub_room *room;
    if (!hub_host_text(c, 0).n || !hub_host_text(c, 1).n || !json_is_object(hub_host_arg(c, 2))) {
        hub_host_fail(c, HUB_BAD_REQUEST, "hub.send(roomId, type, content, opts): expected two texts and an object");
        return;
    }
    if (!room_arg(e, c, &room)) return;
    if (room && hub_lifecycle_in_use(room))
        send_in(room, c);
    else if (room)
        send_in_unused(hub_of(room), c);
    else if (hub_host_own(e, c))
        send_in_unused(hub_host_own(e, c), c);
    else
        hub_host_fail(c, HUB_NOT_FOUND,
                      "nobody is in that room, and a script outside hubs cannot say which of several it means");
}

static int64_t emit_to_user(const struct hub_hub *hub, struct hub_str user, struct hub_str event, struct hub_str args) {
    int64_t n = 0;
    HUB_LIST_EACH(&hub->conns, it) {
        struct hub_conn *conn = HUB_CONTAINER(it, struct hub_conn, link);
        if (!hub_str_is(user, conn->identity->user_id)) continue;
        hub_outlet_emit(&conn->outlet, event, args, 0);
        n++;
    }
    return n;
}

void hub_host_hub_emit(void *ctx, struct hub_host_call *c) {
    struct hub_engine *e = ctx;
    const struct hub_hub *own = hub_host_own(e, c);
    struct hub_buf args = {0};
    int64_t n = 0;
    if (!hub_host_text(c, 0).n || !hub_host_text(c, 1).n) {
        hub_host_fail(c, HUB_BAD_REQUEST, "hub.emit(userId, event, data): expected two texts");
        return;
    }
    if (!own && (c->of.n || hub_host_of_gone(c))) {
        hub_host_fail(c, HUB_NOT_FOUND, "the hub is no longer served");
        return;
    }
    if (!hub_host_event_free(c, 1)) return;
    hub_host_add_data(&args, hub_json_str(c->room_id), hub_host_arg(c, 2));
    if (own) n = emit_to_user(own, hub_host_text(c, 0), hub_host_text(c, 1), hub_buf_str(&args));
    for (size_t i = 0; !own && i < e->hub_n; i++)
        n += emit_to_user(e->hubs[i], hub_host_text(c, 0), hub_host_text(c, 1), hub_buf_str(&args));
    hub_buf_free(&args);
    hub_host_done(c, json_integer(n));
}

/* Guards are those of a hub, or of a plain namespace, which has no rooms. */
static void note_members(struct hub_engine *e, const struct hub_host_call *c) {
    const struct hub_hub *own = hub_host_own(e, c);
    if (own) hub_guard_reads(c, HUB_READABLE_MEMBERS, own, hub_host_text(c, 0));
}

void hub_host_hub_members(void *ctx, struct hub_host_call *c) {
    struct hub_room *room;
    struct hub_buf b = {0};
    note_members(ctx, c);
    if (!room_arg(ctx, c, &room)) return;
    if (!room) {
        hub_host_done(c, json_array());
        return;
    }
    hub_members_json(room, &b);
    hub_host_done(c, hub_json_parse(hub_buf_str(&b), NULL));
    hub_buf_free(&b);
}

void hub_host_hub_member_count(void *ctx, struct hub_host_call *c) {
    struct hub_room *room;
    note_members(ctx, c);
    if (room_arg(ctx, c, &room)) hub_host_done(c, json_integer(room ? room->user_n : 0));
}

void hub_host_hub_kick(void *ctx, struct hub_host_call *c) {
    struct hub_room *room;
    if (!room_arg(ctx, c, &room)) return;
    bool there = room && hub_room_user(room, hub_host_text(c, 1));
    if (there) hub_room_expel(room, hub_host_text(c, 1), "hub:kicked", hub_host_text(c, 2), HUB_NOT_IN_ROOM);
    hub_host_done(c, json_boolean(there));
}
