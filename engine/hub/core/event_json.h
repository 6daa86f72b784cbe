/* The payload of an event that tells of a room: {"roomId":…, and then members, in the order in which they are
 * added. Made on the stack, its text in a buffer lent by the engine; ended by one of the functions that tell
 * it, or by hub_event_json_free. Included by core.h. */
#ifndef HUB_CORE_EVENT_JSON_H
#define HUB_CORE_EVENT_JSON_H
#include "base/json/json.h"
#include "base/text/buf.h"
#include "room/room.h"

struct hub_engine;
struct hub_event_json {
    struct hub_engine *engine;
    struct hub_room *room; /* borrowed: it must be held until the event is sent */
    struct hub_buf text;
    bool complete; /* the closing brace has been written */
};

struct hub_event_json hub_event_json(struct hub_room *room);
void hub_event_json_text(struct hub_event_json *e, const char *key, struct hub_str value);
void hub_event_json_raw(struct hub_event_json *e, const char *key, struct hub_str json); /* JSON as it stands */
void hub_event_json_value(struct hub_event_json *e, const char *key, const json_t *value);
void hub_event_json_int(struct hub_event_json *e, const char *key, int64_t value);
void hub_event_json_bool(struct hub_event_json *e, const char *key, bool value);
void hub_event_json_time(struct hub_event_json *e, const char *key, int64_t wall_ms);
void hub_event_json_user(struct hub_event_json *e, const struct hub_room_user *u); /* "user":{"id","name"} */
/* Members that somebody else writes, without braces, are appended there; at least one. */
struct hub_buf *hub_event_json_more(struct hub_event_json *e);

/* The whole payload; nothing can be added any more. Valid until it is told or freed. */
struct hub_str hub_event_json_end(struct hub_event_json *e);
void hub_event_json_free(struct hub_event_json *e);
/* Told, and freed: to TARGET in the room; with the room's NUMBER (hub_room_emit_numbered); to one. */
void hub_event_json_tell(struct hub_event_json *e, const struct hub_target *target, struct hub_str event, int flags);
void hub_event_json_tell_numbered(struct hub_event_json *e, const struct hub_target *target, struct hub_str event,
                                  int64_t number, int flags);
void hub_event_json_tell_one(struct hub_event_json *e, struct hub_outlet *o, struct hub_str event);
#endif
