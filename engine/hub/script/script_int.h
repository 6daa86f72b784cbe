/* Shared by the files of engine/hub/script: whom the functions that scripts call are about. */
#ifndef HUB_SCRIPT_SCRIPT_INT_H
#define HUB_SCRIPT_SCRIPT_INT_H
#include "data/where.h"
#include "hub/script/script.h"

/* ---- whom a call is about (scope.c) ---- */

/* The hub of that name, or the plain namespace of that path; NULL: there is none. */
struct hub_hub *hub_host_named(struct hub_engine *e, struct hub_str name);
/* The hub that C is about: the one that hubs.get named, the caller's own, or the only one. NULL: there is
 * none, or there are several (the script is a plain namespace's or the service's). */
struct hub_hub *hub_host_own(struct hub_engine *e, const struct hub_host_call *c);
/* The same; NULL: it was answered. */
struct hub_hub *hub_host_hub(struct hub_engine *e, struct hub_host_call *c);
/* The same, where plain namespaces will do, too. */
struct hub_hub *hub_host_window(struct hub_engine *e, struct hub_host_call *c);
/* Whether a reload has taken the hub of the script itself out of service: it is about no other one then. */
bool hub_host_of_gone(const struct hub_host_call *c);

/* ---- rooms ---- */

/* The room in HUB that the first argument of C names: in use, or one that there is a row of. DONE comes once,
 * possibly before this returns, with a reference, or with a failure and its text for people, or NULL. HUB
 * stays until then. */
typedef void hub_host_room(void *arg, enum hub_code code, struct hub_room *room, const char *error);
void hub_host_find_room(struct hub_hub *hub, struct hub_host_call *c, hub_host_room *done, void *arg);
/* C's argument AT as a reason; empty when there is none. False: answered. */
bool hub_host_reason(struct hub_host_call *c, size_t at, struct hub_str *reason);

/* ---- events ---- */

/* What every custom event carries. ROOM_ID: a text, or empty for an event that belongs to no room. */
void hub_host_add_data(struct hub_buf *b, struct hub_str room_id, const json_t *data);
/* Whether the event's name, the argument AT, is a text that Socket.IO leaves free: clients would take it for
 * their own connection's. False: answered. */
bool hub_host_event_free(struct hub_host_call *c, size_t at);
/* With which flags (HUB_SEND_…) EVENT is broadcast in ROOM: those of the hub's custom event of that name. */
int hub_host_event_flags(const struct hub_room *room, struct hub_str event);
/* {except: [connectionId …]}, or nothing. */
#define HUB_EXCEPT_MAX 100
enum hub_code hub_host_except_check(const json_t *options, struct hub_err *err);
/* The event of C, its second argument, with the third as data, to everybody in ROOM; stored before, if the
 * hub keeps events of that name. */
void hub_host_emit_kept(struct hub_room *room, struct hub_host_call *c);

/* ---- what may take many turns (scan.c) ---- */

/* Going through all connections or rooms for a call, a slice in each turn. First member of its owner's
 * struct. */
struct hub_scan {
    struct hub_list link; /* in those of the engine */
    struct hub_hold hold;
    struct hub_timer turn;
    struct hub_engine *engine;
    struct hub_host_call *call;
    struct hub_walk walk;
    /* The next one; what it cost, 1 for a look. 0: there are no more. */
    unsigned (*step)(struct hub_scan *s);
    /* It is over: answers, unless CODE, with which the call is to fail, and frees S. */
    void (*end)(struct hub_scan *s, enum hub_code code);
};
#define HUB_SCAN_SLICE 1024 /* cost of a turn */
#define HUB_SCAN_SENT 4     /* of one who is sent something */
#define HUB_SCAN_SHOWN 8    /* of one who is listed */
/* Goes through LIST behind AFTER (NULL: from its beginning), as far as a slice at once; S may be gone
 * then. */
void hub_scan_start(struct hub_scan *s, struct hub_engine *e, struct hub_host_call *c, struct hub_walked *list,
                    const struct hub_walked_item *after);
void hub_scans_init(struct hub_engine *e);
void hub_scans_stop(struct hub_engine *e);   /* nothing goes on */
void hub_scans_delete(struct hub_engine *e); /* what is left is answered: HUB_SHUTTING_DOWN */

/* A page of a list: what is asked for, and what has been found. */
#define HUB_PAGE_ITEMS 100
#define HUB_PAGE_ITEMS_MAX 1000
struct hub_host_page {
    size_t limit;
    uint64_t after; /* number of the last item of the page before; 0: none */
    struct hub_str after_id;
    json_t *items;
    struct hub_buf last; /* of the last one found, as "next" names it */
    bool more;
};
enum hub_code hub_host_page_begin(struct hub_host_page *p, const json_t *options, struct hub_err *err);
bool hub_host_page_full(struct hub_host_page *p); /* then there are more */
/* ITEM is given away. */
void hub_host_page_add(struct hub_host_page *p, json_t *item, uint64_t number, const char *id);
HUB_MUST json_t *hub_host_page_end(struct hub_host_page *p); /* {items, next} */
/* Answers C, whose scan is over: with PAGE, when it is a list, else with N; after a fault with CODE. */
void hub_host_answer_scan(struct hub_host_call *c, enum hub_code code, struct hub_host_page *page, int64_t n);

/* Rows of host.c (hook/hook.h); CTX is the engine. */
void hub_host_objects_find(void *ctx, struct hub_host_call *c);
void hub_host_objects_list(void *ctx, struct hub_host_call *c);
void hub_host_objects_create(void *ctx, struct hub_host_call *c);
void hub_host_objects_update(void *ctx, struct hub_host_call *c);
void hub_host_objects_delete(void *ctx, struct hub_host_call *c);
void hub_host_db_query(void *ctx, struct hub_host_call *c);
void hub_host_redis_call(void *ctx, struct hub_host_call *c);
void hub_host_redis_get(void *ctx, struct hub_host_call *c);
void hub_host_redis_set(void *ctx, struct hub_host_call *c);
void hub_host_redis_del(void *ctx, struct hub_host_call *c);
void hub_host_redis_incr(void *ctx, struct hub_host_call *c);
void hub_host_redis_expire(void *ctx, struct hub_host_call *c);
void hub_host_redis_hget(void *ctx, struct hub_host_call *c);
void hub_host_redis_hset(void *ctx, struct hub_host_call *c);
void hub_host_hub_broadcast(void *ctx, struct hub_host_call *c);
void hub_host_hub_send(void *ctx, struct hub_host_call *c);
void hub_host_hub_emit(void *ctx, struct hub_host_call *c);
void hub_host_hub_members(void *ctx, struct hub_host_call *c);
void hub_host_hub_member_count(void *ctx, struct hub_host_call *c);
void hub_host_hub_kick(void *ctx, struct hub_host_call *c);
void hub_host_connections_get(void *ctx, struct hub_host_call *c);
void hub_host_connections_list(void *ctx, struct hub_host_call *c);
void hub_host_connections_count(void *ctx, struct hub_host_call *c);
void hub_host_connections_set_metadata(void *ctx, struct hub_host_call *c);
void hub_host_connections_send(void *ctx, struct hub_host_call *c);
void hub_host_connections_disconnect(void *ctx, struct hub_host_call *c);
void hub_host_connections_invoke(void *ctx, struct hub_host_call *c);
void hub_host_connections_send_where(void *ctx, struct hub_host_call *c);
void hub_host_connections_disconnect_where(void *ctx, struct hub_host_call *c);
void hub_host_clients_get(void *ctx, struct hub_host_call *c);
void hub_host_clients_list(void *ctx, struct hub_host_call *c);
void hub_host_clients_count(void *ctx, struct hub_host_call *c);
void hub_host_clients_set_metadata(void *ctx, struct hub_host_call *c);
void hub_host_clients_send(void *ctx, struct hub_host_call *c);
void hub_host_clients_invoke(void *ctx, struct hub_host_call *c);
void hub_host_clients_disconnect(void *ctx, struct hub_host_call *c);
void hub_host_users_online(void *ctx, struct hub_host_call *c);
void hub_host_users_count(void *ctx, struct hub_host_call *c);
void hub_host_rooms_members(void *ctx, struct hub_host_call *c);
void hub_host_rooms_metadata(void *ctx, struct hub_host_call *c);
void hub_host_rooms_set_metadata(void *ctx, struct hub_host_call *c);
void hub_host_rooms_list(void *ctx, struct hub_host_call *c);
void hub_host_rooms_close(void *ctx, struct hub_host_call *c);
void hub_host_rooms_broadcast(void *ctx, struct hub_host_call *c);
void hub_host_rooms_broadcast_where(void *ctx, struct hub_host_call *c);
void hub_host_state_get(void *ctx, struct hub_host_call *c);
void hub_host_state_set(void *ctx, struct hub_host_call *c);
void hub_host_state_delete(void *ctx, struct hub_host_call *c);
void hub_host_state_keys(void *ctx, struct hub_host_call *c);
void hub_host_state_all(void *ctx, struct hub_host_call *c);
void hub_host_state_clear(void *ctx, struct hub_host_call *c);
void hub_host_state_incr(void *ctx, struct hub_host_call *c);
void hub_host_state_compare_and_set(void *ctx, struct hub_host_call *c);
void hub_host_hubs_get(void *ctx, struct hub_host_call *c);
void hub_host_namespaces_get(void *ctx, struct hub_host_call *c);
void hub_host_broadcast_all(void *ctx, struct hub_host_call *c);
void hub_host_service_broadcast(void *ctx, struct hub_host_call *c);
void hub_host_kafka_publish(void *ctx, struct hub_host_call *c);
#endif
