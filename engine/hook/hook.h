/* Where scripts meet the engine, as two tables: scripting fills hub_hook_ops (the engine calls scripts),
 * the engine fills rows of hub_host_fn (scripts call the engine). Neither knows the other's insides. JSON
 * trees cross the border. */
#ifndef HUB_HOOK_HOOK_H
#define HUB_HOOK_HOOK_H
#include "base/code.h"
#include "base/json.h"
#include "schema/def.h"

struct hub_scripts; /* one service's script state; scripting/scripts.h makes it */

/* A context variable. VALUE is borrowed for the duration of the call to call(); NULL is JSON null. */
struct hub_hook_arg {
    const char *name;
    json_t *value;
};

/* CODE: HUB_OK, HUB_HANDLER_FAILED or HUB_SCRIPT_TIMEOUT. RESULT (borrowed) is the returned value; NULL
 * for nil/undefined. ERROR is a located text for logs ("chat.hub.yaml:41: …") or NULL. Called exactly
 * once, possibly before call() returns. */
typedef void hub_hook_done(void *arg, enum hub_code code, json_t *result, const char *error);

/* Binary values travel beside the JSON: their places are {"_placeholder":true,"num":i}. */
struct hub_hook_bins {
    struct hub_str *items;
    size_t n;
};
/* Results of an event handler of a plain namespace: RESULTS (borrowed array; empty = it returned nothing). */
typedef void hub_hook_event_done(void *arg, enum hub_code code, json_t *results, const struct hub_hook_bins *bins,
                                 const char *error);

struct hub_hook_ops {
    /* Runs SCRIPT, which was compiled when the service was loaded. CALLER is handed to every engine
     * function that the script calls (hub_host_call.caller): the hub it works for, or NULL. */
    void (*call)(struct hub_scripts *s, const struct hub_script *script, void *caller, const struct hub_hook_arg *args,
                 size_t n, hub_hook_done *done, void *arg);
    /* Runs a handler of a plain namespace: SOCKET describes it ({"id","userId","session","auth"}), ARGS is
     * an array that becomes "…", EXTRA are further variables (event, reason). */
    void (*event)(struct hub_scripts *s, const struct hub_script *script, json_t *socket, json_t *args,
                  const struct hub_hook_bins *bins, const struct hub_hook_arg *extra, size_t n,
                  hub_hook_event_done *done, void *arg);
    /* The socket is gone: drop its socket.data. */
    void (*forget_socket)(struct hub_scripts *s, const char *sid);
};

/* JavaScript's truth of a hook's result: false for NULL, null, false, 0, NaN, "". */
bool hub_truthy(const json_t *v);

/* Fails with HUB_BAD_REQUEST when an object that a script gave has a key that is a misspelling of one of
 * NAMES (separated by a space); logs any other key that is none of them. */
enum hub_code hub_script_keys(const json_t *object, const char *names, struct hub_err *err);

/* One call from a script into the engine. The function answers exactly once through done, at once or
 * later; a later answer suspends the script, never the loop. ARGS is the array of arguments (borrowed
 * until done). */
struct hub_host_call {
    json_t *args;
    const struct hub_hook_bins *bins; /* binary arguments, or NULL */
    void *caller;                     /* as given to hub_hook_ops.call; NULL for handlers of plain namespaces */
    json_t *room_id; /* of the room that the calling hook is about (its variable roomId, or room's id), or NULL */
    /* RESULT is a new reference given away (NULL = nil). With CODE other than HUB_OK the script sees an
     * error it can pcall: TEXT. */
    void (*done)(struct hub_host_call *call, enum hub_code code, json_t *result, const char *text);
};
struct hub_host_fn {
    const char *table; /* "objects", "db", "redis", "hub", "kafka", "http", "socket" */
    const char *name;  /* "find" */
    void (*call)(void *ctx, struct hub_host_call *call);
};
/* Rows of table "socket" serve the methods of the object that handlers of plain namespaces get. Their
 * first argument is the socket's id: emit(id, event, …), broadcastEmit(id, event, …), toEmit(id, room,
 * event, …), join(id, room), leave(id, room), disconnect(id, reason?). */
struct hub_host {
    const struct hub_host_fn *fns; /* terminated by a row with table == NULL */
    void *ctx;
    const struct hub_host *next; /* more rows, with a ctx of their own; or NULL */
};
#endif
