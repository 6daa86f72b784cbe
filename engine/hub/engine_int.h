/* Shared by the files of engine/hub itself. */
#ifndef HUB_HUB_ENGINE_INT_H
#define HUB_HUB_ENGINE_INT_H
#include "hub/call/call.h"

extern const struct hub_namespace_ops hub_conn_ops;
struct hub_hub *hub_hub_new(struct hub_engine *e, size_t index); /* of the engine's present service */
void hub_hub_close_rooms(struct hub_hub *hub);  /* nothing of it runs on by itself: it goes, or the process */
extern const struct hub_command hub_commands[]; /* ends with event == NULL */
const struct hub_command *hub_command_find(struct hub_str event);

/* ---- commands ---- */

void hub_cmd_refresh_token(struct hub_call *c);
void hub_cmd_room(struct hub_call *c); /* REST: GET /{hub}/rooms/{id} */
#endif
