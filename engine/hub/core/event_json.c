/* Payloads of events, and the buffers that they and answers are written in. */
#include "base/time/clock.h"
#include "hub/core/core.h"

#define SCRATCH_KEEP 65536 /* a larger buffer is given back to the allocator after use */

struct hub_buf hub_scratch_take(struct hub_engine *e) {
    return e->scratch_n ? e->scratch[--e->scratch_n] : (struct hub_buf){0};
}

void hub_scratch_give(struct hub_engine *e, struct hub_buf *b) {
    if (!b->p) return;
    hub_buf_clear(b);
    if (e->scratch_n < HUB_NELEM(e->scratch) && b->cap <= SCRATCH_KEEP)
        e->scratch[e->scratch_n++] = *b;
    else
        hub_buf_free(b);
    *b = (struct hub_buf){0};
}

/* ---- members ---- */

struct hub_event_json hub_event_json(struct hub_room *room) {
    struct hub_engine *engine = hub_of(room)->engine;
    struct hub_event_json e = {.engine = engine, .room = room, .text = hub_scratch_take(engine)};
    hub_buf_addz(&e.text, "{\"roomId\":");
    hub_json_add_string(&e.text, hub_cstr(room->id));
    return e;
}

struct hub_buf *hub_event_json_more(struct hub_event_json *e) {
    hub_buf_addc(&e->text, ',');
    return &e->text;
}

static struct hub_buf *add_key(struct hub_event_json *e, const char *key) {
    struct hub_buf *b = hub_event_json_more(e);
    hub_json_add_key(b, key);
    return b;
}

void hub_event_json_text(struct hub_event_json *e, const char *key, struct hub_str value) {
    hub_json_add_string(add_key(e, key), value);
}

void hub_event_json_raw(struct hub_event_json *e, const char *key, struct hub_str json) {
    hub_buf_adds(add_key(e, key), json);
}

void hub_event_json_value(struct hub_event_json *e, const char *key, const json_t *value) {
    hub_json_add(add_key(e, key), value);
}

void hub_event_json_int(struct hub_event_json *e, const char *key, int64_t value) {
    hub_buf_addi(add_key(e, key), value);
}

void hub_event_json_bool(struct hub_event_json *e, const char *key, bool value) {
    hub_buf_addz(add_key(e, key), value ? "true" : "false");
}

void hub_event_json_time(struct hub_event_json *e, const char *key, int64_t wall_ms) {
    char iso[HUB_ISO_LEN + 1];
    hub_iso_format(wall_ms, iso);
    hub_event_json_text(e, key, hub_cstr(iso));
}

void hub_event_json_user(struct hub_event_json *e, const struct hub_room_user *u) {
    struct hub_buf *b = add_key(e, "user");
    hub_buf_addz(b, "{\"id\":");
    hub_json_add_string(b, hub_cstr(u->id));
    hub_buf_addz(b, ",\"name\":");
    if (u->name)
        hub_json_add_string(b, hub_cstr(u->name));
    else
        hub_buf_addz(b, "null");
    hub_buf_addc(b, '}');
}

/* ---- telling ---- */

struct hub_str hub_event_json_end(struct hub_event_json *e) {
    if (!e->complete) hub_buf_addc(&e->text, '}');
    e->complete = true;
    return hub_buf_str(&e->text);
}

void hub_event_json_free(struct hub_event_json *e) { hub_scratch_give(e->engine, &e->text); }

void hub_event_json_tell(struct hub_event_json *e, const struct hub_target *target, struct hub_str event, int flags) {
    hub_room_emit(e->room, target, event, hub_event_json_end(e), flags);
    hub_event_json_free(e);
}

void hub_event_json_tell_numbered(struct hub_event_json *e, const struct hub_target *target, struct hub_str event,
                                  int64_t number, int flags) {
    hub_room_emit_numbered(e->room, target, event, hub_event_json_end(e), number, flags);
    hub_event_json_free(e);
}

void hub_event_json_tell_one(struct hub_event_json *e, struct hub_outlet *o, struct hub_str event) {
    hub_outlet_emit(o, event, hub_event_json_end(e), 0);
    hub_event_json_free(e);
}
