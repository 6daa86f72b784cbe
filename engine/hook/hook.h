/* Where scripts meet the engine, as two tables: scripting fills hub_hook_ops (the engine calls scripts),
 * the engine fills rows of hub_host_fn (scripts call the engine). Neither knows the other's insides. JSON
 * trees cross the border. */
#ifndef HUB_HOOK_HOOK_H
#define HUB_HOOK_HOOK_H
#include "base/error/code.h"
#include "base/json/json.h"
#include "schema/def.h"

struct hub_scripts; /* a loop's script state; scripting/scripts.h makes it. NULL: it has ended, and calls fail */

/* A context variable. VALUE is borrowed for the duration of the call to call(); NULL is JSON null. */
struct hub_hook_arg {
    const char *name;
    json_t *value;
};

/* CODE: HUB_OK, HUB_HANDLER_FAILED or HUB_SCRIPT_TIMEOUT. RESULT (borrowed) is the returned value; NULL
 * for nil/undefined. ERROR is a located text for logs ("chat.hub.yaml:41: …") or NULL. Called exactly
 * once, possibly before call() returns. */
typedef void hub_hook_done(void *arg, enum hub_code code, json_t *result, const char *error);

/* Asked before the main step of a chain when others ran before it, for the world may have changed while
 * they waited, and ctx.payload with it. PAYLOAD: what it is now, the callee's to alter (and to say so by
 * *CHANGED); NULL: it is what it was. ARG is that of run(). Anything but HUB_OK ends the chain. */
typedef enum hub_code hub_hook_admit(void *arg, json_t *payload, bool *changed, struct hub_err *err);

/* Scripts that run one after the other as one call, with one table ctx for all of them: middleware, then what
 * it guards, then middleware again. ctx has the variables as members, and each script has the members of
 * those names as variables, as the one before it left them. */
struct hub_hook_chain {
    const struct hub_script *const *steps; /* STEP_N of them; those of kind NONE are passed over */
    size_t step_n;
    size_t main;           /* the step whose result becomes ctx.result; STEP_N: none */
    hub_hook_admit *admit; /* NULL: the main step runs whatever those before it have done */
    void *caller;          /* as in hub_hook_ops.call */
    const struct hub_hook_arg *vars;
    size_t var_n;
    const json_t *added; /* further members of ctx, which are no variables; NULL: none */
    json_t *stream;      /* {"id"}: the variable stream, an object with the methods of table "stream"; NULL: none */
    bool keeps_payload;  /* the outcome's PAYLOAD is wanted */
    bool keeps_added;    /* and its ADDED; only with KEEPS_PAYLOAD */
    bool takes_text;     /* the result is only written down: it may come as TEXT */
    int64_t wall_ms;     /* how long it may take; 0: scripting.wallMs */
    /* Whose request it is (base/id/traceparent.h): for its lines in the log and what its steps call; NULL or
     * empty: unknown. */
    const char *traceparent;
};
/* How it ended. All is borrowed for the call. */
struct hub_hook_outcome {
    enum hub_code code;    /* HUB_OK, HUB_HANDLER_FAILED, HUB_SCRIPT_TIMEOUT or that of REFUSED */
    enum hub_code refused; /* what the chain's admit said, with its text as ERROR; no script has failed then */
    json_t *result;        /* ctx.result at the end, or without a main step the last one's result; NULL: nil */
    struct hub_str text;   /* JSON, instead of RESULT, which is NULL then; empty: RESULT is it */
    json_t *payload;       /* ctx.payload at the end; NULL: not wanted, or no step names it, so it is what it was */
    json_t *added;         /* what steps have added to ctx, as far as it has a JSON form; NULL: none names ctx */
    json_t *thrown; /* what a step has thrown by error{code = …, message = …, data = …} with a text as code or
                       message; else NULL */
    const struct hub_script *script; /* the step that failed; the one before the main one if that was refused */
    const char *error;               /* located, for logs; NULL: none */
};
/* Called exactly once, possibly before run() returns. */
typedef void hub_hook_ran(void *arg, const struct hub_hook_outcome *o);

/* Binary values travel beside the JSON: their places are {"_placeholder":true,"num":i}. */
struct hub_hook_bins {
    struct hub_str *items;
    size_t n;
};
/* Results of an event handler of a plain namespace: RESULTS (borrowed array; empty = it returned nothing;
 * JSON null = it returned noAck: there is to be no acknowledgement). */
typedef void hub_hook_event_done(void *arg, enum hub_code code, json_t *results, const struct hub_hook_bins *bins,
                                 const char *error);

struct hub_hook_ops {
    /* Runs SCRIPT, which was compiled when the service was loaded. CALLER is handed to every engine
     * function that the script calls (hub_host_call.caller): the hub it works for, or NULL. It is borrowed
     * until DONE. */
    void (*call)(struct hub_scripts *s, const struct hub_script *script, void *caller, const struct hub_hook_arg *args,
                 size_t n, hub_hook_done *done, void *arg);
    /* Runs the scripts of CHAIN, which is borrowed for the call, and with it its arrays and variables; the
     * scripts stay as long as their service. The first that fails ends it. */
    void (*run)(struct hub_scripts *s, const struct hub_hook_chain *chain, hub_hook_ran *done, void *arg);
    /* Runs a handler of a plain namespace: SOCKET describes it ({"id","userId","session","auth"}), ARGS is
     * an array that becomes "…", EXTRA are further variables (event, reason); one called "namespace",
     * {"name"}, becomes an object with methods. */
    void (*event)(struct hub_scripts *s, const struct hub_script *script, json_t *socket, json_t *args,
                  const struct hub_hook_bins *bins, const struct hub_hook_arg *extra, size_t n,
                  hub_hook_event_done *done, void *arg);
    /* NULL: every script may want everything. */
    bool (*wants)(const struct hub_scripts *s, const struct hub_script *script, const char *variable);
    /* The socket is gone: drop its socket.data. */
    void (*forget_socket)(struct hub_scripts *s, const char *sid);
};

/* Whether SCRIPT names VARIABLE, or may read it as a member of ctx: else its value need not be made. */
bool hub_hook_wants(const struct hub_hook_ops *ops, const struct hub_scripts *s, const struct hub_script *script,
                    const char *variable);

/* JavaScript's truth of a hook's result: false for NULL, null, false, 0, NaN, "". */
bool hub_truthy(const json_t *v);

/* Fails with HUB_BAD_REQUEST when an object that a script gave has a key that is a misspelling of one of
 * NAMES (separated by a space); logs any other key that is none of them. */
enum hub_code hub_script_keys(const json_t *object, const char *names, struct hub_err *err);

/* A transaction that a script has begun; DROP when the script ends inside it. */
struct hub_host_tx {
    void (*drop)(struct hub_host_tx *tx);
};

/* One call from a script into the engine. The function answers exactly once through done, at once or
 * later; a later answer suspends the script, never the loop. ARGS is the array of arguments (borrowed
 * until done). */
struct hub_host_call {
    json_t *args;
    const struct hub_hook_bins *bins; /* binary arguments, or NULL */
    void *caller; /* as given to hub_hook_ops.call, for the call of the function only: the script may be over then;
                     NULL for handlers of plain namespaces */
    const struct hub_hook_bins *answer_bins; /* those of RESULT, set by who answers; copied by done. NULL: none */
    void *event_arg;                         /* the ARG of hub_hook_ops.event when a handler of that calls, else NULL */
    json_t *room_id;   /* of the room that the calling hook is about (its variable roomId, or room's id), or NULL */
    struct hub_str of; /* the hub, or the path of the plain namespace, that hubs.get or namespaces.get was asked for;
                          empty: the caller's own */
    const char *traceparent; /* of the chain (hub_hook_chain.traceparent), or NULL */
    /* Where the transaction is kept that the script is in, NULL: in none; the function begins and ends it
     * here. Only until the function returns. */
    struct hub_host_tx **tx;
    /* RESULT is a new reference given away (NULL = nil). With CODE other than HUB_OK the script sees an
     * error it can pcall: TEXT. */
    void (*done)(struct hub_host_call *call, enum hub_code code, json_t *result, const char *text);
};
/* RESULT is given away; NULL = nil. */
static inline void hub_host_done(struct hub_host_call *c, json_t *result) { c->done(c, HUB_OK, result, NULL); }
/* TEXT NULL or empty: that of the code. */
static inline void hub_host_fail(struct hub_host_call *c, enum hub_code code, const char *text) {
    c->done(c, code, NULL, text && *text ? text : hub_code_text(code));
}
/* Argument I, borrowed; NULL when there are fewer. */
static inline HUB_MUST json_t *hub_host_arg(const struct hub_host_call *c, size_t i) {
    return json_array_get(c->args, i);
}
/* The same as a text; empty when it is none. */
static inline struct hub_str hub_host_text(const struct hub_host_call *c, size_t i) {
    return hub_json_str(hub_host_arg(c, i));
}
struct hub_host_fn {
    const char *table; /* "objects", "db", "redis", "hub", "kafka", "http", "socket" */
    const char *name;  /* "find" */
    void (*call)(void *ctx, struct hub_host_call *call);
};
/* Rows of table "socket" serve the methods of the objects that handlers of plain namespaces get. Their
 * first argument is the object's id: that of a socket for emit(id, event, …), emitWithAck(id, event, …),
 * join(id, room, …), leave(id, room, …), rooms(id), handshake(id), disconnect(id, reason?); the name of a
 * namespace for sockets(id, room?, options?), which answers at once; and either for castEmit(id, {rooms,
 * without}, event, …). Rows of table "stream" likewise: read(id), write(id, bytes), finish(id),
 * destroy(id, reason?). */
struct hub_host {
    const struct hub_host_fn *fns; /* terminated by a row with table == NULL */
    /* Likewise, or NULL: what serves in a transaction in the place of the functions of these names, whosever
     * they are. Those that nothing serves for cannot be called there. */
    const struct hub_host_fn *within;
    void *ctx;
    /* Whether CALL of FN is carried out by another node: then FN is not called. NULL: never. */
    bool (*elsewhere)(void *ctx, const struct hub_host_fn *fn, struct hub_host_call *call);
    const struct hub_host *next; /* more rows, with a ctx of their own; or NULL */
};
#endif
