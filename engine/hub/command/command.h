/* Commands: requests of clients that a script of the definition answers, with middleware around it (contract:
 * extensions.md "middleware and commands"). In hubs and plain namespaces alike. */
#ifndef HUB_COMMAND_COMMAND_H
#define HUB_COMMAND_COMMAND_H
#include "hub/call/call.h"

/* A command with stream: true that is about to run, or runs. In its owner's struct. */
struct hub_command_stream {
    json_t *about; /* the variable stream; the owner's */
    bool unwanted; /* set by the owner: whoever asked has gone, or has ended it. It does not begin then */
    /* Its middleware has let it through: its call is answered, and its script begins. */
    void (*accepted)(struct hub_command_stream *s);
    /* It has ended, accepted or refused, and may be freed. ERROR: a code; empty: it has not failed. */
    void (*over)(struct hub_command_stream *s, struct hub_str error);
};
/* CALL, with COMMAND as its target, becomes a call of that one; it is answered when it is accepted or
 * refused. */
void hub_command_open(struct hub_call *call, struct hub_str command, json_t *payload, struct hub_command_stream *s);

extern const struct hub_part hub_commands_part;
#endif
