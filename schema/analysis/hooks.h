/* The places where scripts stand, one row each: what they have to give, what they are asked for. */
#ifndef HUB_SCHEMA_ANALYSIS_HOOKS_H
#define HUB_SCHEMA_ANALYSIS_HOOKS_H
#include "schema/analysis/types.h"

enum hub_hook_gives {
    HUB_HOOK_GIVES_ANYTHING,
    HUB_HOOK_GIVES_NOTHING, /* nobody looks at it */
    HUB_HOOK_GIVES_TRUTH,
    HUB_HOOK_GIVES_RESULT,  /* an object with KEYS */
    HUB_HOOK_GIVES_LIST,    /* a list, or an object with KEYS, if it has any */
    HUB_HOOK_GIVES_ROOMS,   /* an id, a list of ids, or null */
    HUB_HOOK_GIVES_SESSION, /* an object with whatever keys, of which deny refuses */
    HUB_HOOK_GIVES_FIELDS,  /* an object with the command's result */
    HUB_HOOK_GIVES_VALUE    /* something, whatever it is */
};
/* What the value of a key of a result has to be. */
enum hub_key_kind {
    HUB_KEY_ANY,
    HUB_KEY_BOOLEAN,
    HUB_KEY_TEXT,
    HUB_KEY_OBJECT,
    HUB_KEY_AUDIENCE,     /* "all", "others", "sender", or a list of user ids */
    HUB_KEY_MESSAGES,     /* a list of objects with hub_message_keys */
    HUB_KEY_MESSAGE_TYPE, /* the name of one */
    HUB_KEY_CONTENT,      /* of the message type beside it */
    HUB_KEY_OWN_CONTENT   /* of the type that the handler is for */
};
struct hub_result_key {
    const char *key;
    enum hub_key_kind kind;
    bool required;
};
struct hub_hook_row {
    const char *path; /* what its path ends in, without indexes: "messageHandlers.script" */
    enum hub_hook_gives gives;
    const struct hub_result_key *keys; /* up to one without key */
    bool returns;                      /* a chunk that returns nothing is a mistake */
    bool decides;   /* it is asked again and again, by whoever wants something, and changes nothing */
    bool each_join; /* for everybody who joins a room */
};
extern const struct hub_result_key hub_message_keys[];
/* That of a script by its path ("hubLogic.messageHandlers[0].script"); NULL: there is no row. */
const struct hub_hook_row *hub_hook_row(const char *path);
/* Whether PATH, without what stands in brackets, is END or ends in "." and END. */
bool hub_hook_ends_in(const char *path, const char *end);
#endif
