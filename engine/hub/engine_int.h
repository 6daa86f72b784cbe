/* Shared by the files of engine/hub itself. */
#ifndef HUB_HUB_ENGINE_INT_H
#define HUB_HUB_ENGINE_INT_H
#include "hub/call/call.h"

extern const struct hub_namespace_ops hub_conn_ops;
struct hub_hub *hub_hub_new(struct hub_engine *e, size_t index); /* of the engine's present service */
void hub_hub_close_rooms(struct hub_hub *hub); /* nothing of it runs on by itself: it goes, or the process */

/* ---- commands by name (commands.c) ---- */

struct hub_dispatch {
    const struct hub_command *command;
    char *keys; /* names of its arguments, with a space between */
};
/* Maps the commands of all parts of E; a name that two of them have is a bug, and ends the process. */
void hub_dispatch_init(struct hub_engine *e);
void hub_dispatch_deinit(struct hub_engine *e);
const struct hub_dispatch *hub_dispatch_find(const struct hub_engine *e, struct hub_str name); /* or NULL */

/* ---- parts that are of this folder ---- */

extern const struct hub_part hub_connection_part; /* socket.c */
void hub_show_room(struct hub_call *call);        /* its hub:room (request.c) */
#endif
