/* What scripts can call: the engine's functions and Lua's own, with their arguments and results, one row
 * each. Names, lint, completion and types of scripts all read these rows. */
#ifndef HUB_SCHEMA_ANALYSIS_FUNCTIONS_H
#define HUB_SCHEMA_ANALYSIS_FUNCTIONS_H
#include "base/text/str.h"

enum hub_takes {
    HUB_TAKES_NONE, /* ends the list */
    HUB_TAKES_ANY,
    HUB_TAKES_TEXT,
    HUB_TAKES_NUMBER,
    HUB_TAKES_TABLE, /* with KEYS only those */
    HUB_TAKES_FUNCTION,
    HUB_TAKES_DATA_OBJECT, /* the name of one */
    HUB_TAKES_WHERE,       /* conditions on the properties of the object named before */
    HUB_TAKES_ROW,         /* properties of it and their values */
    HUB_TAKES_LIST_OPTIONS,
    HUB_TAKES_AUDIENCE, /* "all", or a list of user ids */
    HUB_TAKES_MESSAGE_TYPE,
    HUB_TAKES_CONTENT, /* of the message type named before */
    HUB_TAKES_HUB,     /* the name of one; of a queue, … */
    HUB_TAKES_QUEUE,
    HUB_TAKES_NODE_HANDLER,
    HUB_TAKES_NODE_BROADCAST,
    HUB_TAKES_INVOCATION
};
struct hub_function_arg {
    const char *name;
    enum hub_takes kind;
    bool optional;
    const char *keys; /* TABLE, LIST_OPTIONS: apart by spaces; NULL: any */
};
enum hub_gives {
    HUB_GIVES_ANY,
    HUB_GIVES_TEXT,
    HUB_GIVES_NUMBER,
    HUB_GIVES_BOOLEAN,
    HUB_GIVES_RECORD,
    HUB_GIVES_RECORDS,
    HUB_GIVES_ANSWER /* of an HTTP server */
};
enum {                      /* what it does */
       HUB_DOES_ASK = 1,    /* it waits for a store, another service or a clock */
       HUB_DOES_CHANGE = 2, /* data, or who is where */
       HUB_DOES_SEND = 4    /* messages that stay */
};
enum { HUB_FUNCTION_ARGS_MAX = 5 };
struct hub_function {
    const char *name; /* "find" */
    struct hub_function_arg args[HUB_FUNCTION_ARGS_MAX + 1];
    bool more; /* any number of further arguments */
    enum hub_gives gives;
    unsigned does;
};
struct hub_function_table {
    const char *name;                     /* "objects" */
    bool lua;                             /* Lua's own: expressions have it not */
    bool of_hub;                          /* about the script's own hub: elsewhere it needs a service with one hub */
    const struct hub_function *functions; /* up to one without name */
    const char *others;                   /* members that are no functions, apart by spaces; NULL: none */
};
/* Up to one without name. Those of Lua come last. */
extern const struct hub_function_table hub_function_tables[];
/* Functions that are in no table: uuid, sleep, … */
extern const struct hub_function hub_global_functions[];

/* NULL: there is none. */
const struct hub_function_table *hub_function_table(struct hub_str name);
const struct hub_function *hub_function_in(const struct hub_function_table *t, struct hub_str name);
const struct hub_function *hub_global_function(struct hub_str name);
/* Whether T has a member NAME, function or not. */
bool hub_function_table_has(const struct hub_function_table *t, struct hub_str name);
/* How many arguments it takes at least; at most (SIZE_MAX: any number). */
size_t hub_function_least(const struct hub_function *f);
size_t hub_function_most(const struct hub_function *f);
#endif
