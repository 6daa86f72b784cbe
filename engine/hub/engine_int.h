/* Shared by the files of engine/hub itself. */
#ifndef HUB_HUB_ENGINE_INT_H
#define HUB_HUB_ENGINE_INT_H
#include "hub/call/call.h"

extern const struct hub_namespace_ops hub_conn_ops;
HUB_MUST struct hub_hub *hub_hub_new(struct hub_engine *e, size_t index); /* of the engine's present service */
void hub_hub_close_rooms(struct hub_hub *hub); /* nothing of it runs on by itself: it goes, or the process */

/* Runs CALL, a request by REST whose command is known, from ADDRESS (request.c). */
void hub_request_run(struct hub_call *call, struct hub_str address);

/* ---- parts that are of this folder ---- */

extern const struct hub_part hub_connection_part; /* socket.c */
void hub_show_room(struct hub_call *call);        /* its hub:room (request.c) */
#endif
