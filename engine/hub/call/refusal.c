/* What a call may be refused with: what the rows of its command name, and what any command may be. */
#include "hub/call/call.h"

const struct hub_refusal hub_refusals[] = {
    {HUB_BAD_REQUEST,
     "The payload is no object, too large for a read, or has a key that is nearly one of the command's."},
    {HUB_INVALID_TOKEN, "The token was taken back while the command waited."},
    {HUB_TOKEN_EXPIRED, "The token expired while the command waited."},
    {HUB_NOT_FOUND, "Over REST: the hub has gone with a reload of the definitions."},
    {HUB_HANDLER_FAILED, "A step of the middleware around the command failed."},
    {HUB_SCRIPT_TIMEOUT, "A step of the middleware around the command took too long."},
    {HUB_TOO_LARGE, "It is more than the store takes or gives at a time."},
    {HUB_STORE_UNAVAILABLE, "The store is away. With `outcome: \"unknown\"` the command may have been carried out."},
    {HUB_OVERLOADED, "Too much waits already."},
    {HUB_SHUTTING_DOWN, "The process stops before the command's turn came."},
    {HUB_INTERNAL, "The server has made a mistake."},
    {HUB_OK, NULL},
};

/* By the name that clients see, which two codes may share. */
static bool names_code(const enum hub_code *codes, size_t max, const char *name) {
    for (size_t i = 0; i < max && codes[i]; i++)
        if (!strcmp(hub_code_name(codes[i]), name)) return true;
    return false;
}

bool hub_command_may_refuse(const struct hub_command *c, enum hub_code code) {
    const char *name = hub_code_name(code);
    if (names_code(c->codes, HUB_NELEM(c->codes), name)) return true;
    for (const struct hub_arg *a = c->args; a && a->name; a++)
        if (names_code(&a->code, 1, name)) return true;
    for (const struct hub_gate *const *g = c->gates; g && *g; g++)
        if (names_code((*g)->codes, HUB_NELEM((*g)->codes), name)) return true;
    for (const struct hub_refusal *any = hub_refusals; any->code; any++)
        if (names_code(&any->code, 1, name)) return true;
    return false;
}
