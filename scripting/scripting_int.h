/* What the files of this module share; nobody else includes it.
 *
 * One Lua state per loop and service. Every call runs in a coroutine taken from a pool and described by a
 * hub_script_task; while Lua code runs, scripts->current is its task and scripts->running the innermost
 * coroutine. A function marked "raises" may leave by longjmp: call it only from Lua C functions, and hold
 * nothing that would leak. */
#ifndef HUB_SCRIPTING_INT_H
#define HUB_SCRIPTING_INT_H
#include <lauxlib.h>
#include <locale.h>
#include <lua.h>
#include <openssl/types.h>

#include "base/collection/map.h"
#include "base/id/traceparent.h"
#include "base/memory/mem.h"
#include "base/text/buf.h"
#include "scripting/scripts.h"

/* A compiled script. WORDS holds every word of its text: a context variable that is not among them is
 * never converted, and of one that is not in WHOLE (expressions only) just the members that are among
 * them. */
struct hub_library;
struct hub_direct;
struct hub_compiled {
    struct hub_list link;
    struct hub_scripts *owner;         /* whose Lua state REF is good for */
    const struct hub_library *library; /* what it finds */
    const struct hub_script *script;
    struct hub_map words, whole;
    uint64_t beginnings;       /* of the words: a bit for each, hub_word_bit */
    struct hub_direct *direct; /* of an expression that mostly needs no Lua, else NULL */
    int ref;
    bool expr;
};

/* Of a word's first two letters, the second one 0 when there is none. Most scripts name few variables: of
 * the others mostly one bit says so. */
static inline uint64_t hub_word_bit(char first, char second) {
    return (uint64_t)1 << (((unsigned char)first * 5u + (unsigned char)second) & 63);
}

/* Why a call is over although its code wants to go on. Once set, nothing in the script can stop the end:
 * pcall is passed through. */
enum hub_script_doom { HUB_DOOM_NONE, HUB_DOOM_CPU, HUB_DOOM_WALL, HUB_DOOM_MEMORY, HUB_DOOM_SHUTDOWN };

struct hub_script_call;
struct hub_script_task {
    struct hub_list link;  /* in scripts->idle, ->active */
    struct hub_list ready; /* in scripts->ready: may go on, waits for the running script */
    struct hub_scripts *s;
    lua_State *co;
    int ref; /* anchors CO */
    const struct hub_compiled *script;
    /* What entry() turns into Lua values; borrowed, valid until it ran. */
    const struct hub_hook_arg *args;
    size_t arg_n;
    json_t *socket, *event_args, *stream;
    const struct hub_hook_bins *bins;
    /* Of a chain, else NULL: its scripts, of which SCRIPT is the one that runs. */
    const struct hub_compiled **steps;
    size_t step_n, main_step;
    const json_t *added; /* as ARGS */
    bool keeps_payload, keeps_added, takes_text;
    hub_hook_admit *admit;
    enum hub_code refused; /* what it said */
    /* Who wants the result: one of them, or none while a module is loaded. */
    hub_hook_done *done;
    hub_hook_event_done *event_done;
    hub_hook_ran *ran;
    void *arg;
    void *caller;                              /* for the engine functions that are called */
    char traceparent[HUB_TRACEPARENT_LEN + 1]; /* so is this; empty: unknown */
    json_t *room_id;                           /* so is this: the id of the room that the call is about, or NULL */
    /* Limits. */
    uint64_t cpu_limit, cpu_used, slice_start; /* ns; SLICE_START is monotonic time */
    uint64_t mark_used,
        mark_cpu;    /* what was used when the thread's CPU clock was first read in this slice; mark_cpu 0 = not yet */
    int64_t started; /* ms, monotonic */
    int64_t wall_ms; /* it may take so long */
    struct hub_timer wall, sleep;
    enum hub_script_doom doom;
    char where[128];  /* "file:line" of the end, for DOOM */
    bool hook_raised; /* the hook ended the call by an error: the thread's hooks are dead, it must not be used again */
    bool waiting;     /* suspended until wake */
    unsigned pinned;  /* coroutine.resume calls below which nothing can wait */
    unsigned log_lines;
    struct hub_script_call *call; /* the engine function being asked, or NULL */
    struct hub_host_tx *tx;       /* the transaction it is in, or NULL, */
    lua_State *tx_thread;         /* and the coroutine that has begun it */
};

/* The modules that a script finds, and the globals beside them: of the service itself, or of one use of a
 * plugin, which has modules of its own and after them those of the service. */
struct hub_library {
    const struct hub_library *outer;      /* NULL: the service's own */
    const struct hub_def_plugin_use *use; /* NULL: the service's own */
    const struct hub_def_lib *lib;
    const char *folder;                                /* "lib", "plugins/antispam/lib": for messages */
    struct hub_list modules;                           /* while they are loaded */
    int ref_modules, ref_lib, ref_env_mt, ref_expr_mt; /* registry references */
};

enum { HUB_STRING_CLASSES = 9 };
struct hub_scripts {
    lua_State *L;
    struct hub_loop *loop;         /* may be NULL */
    const struct hub_clock *clock; /* the loop's */
    const struct hub_service *service;
    struct hub_host host;
    size_t mem_used, mem_limit, block_limit;
    size_t bulk;  /* bytes of work done by C functions and large allocations since the hook last ran */
    size_t spent; /* the same inside C functions that look at the clock themselves */
    /* Strings of 16 KiB and more, by size: each class is for twice the size of the one before; LONGEST:
     * the highest class in use, 0 = none. */
    unsigned strings[HUB_STRING_CLASSES], longest;
    lua_State *running;
    struct hub_script_task *current;
    unsigned depth; /* calls inside calls */
    bool closing, full_gc;
    bool quiet; /* only being checked: scripts log nothing */
    struct hub_list active, idle, ready, compiled;
    struct hub_compiled **handles;     /* by hub_script.number; SERVICE's script_n of them */
    struct hub_scripts *older, *newer; /* hub_scripts_follow */
    struct hub_buf text;               /* kept for the next result that goes out as text */
    struct hub_library *libraries;     /* the service's own, then one for each use of a plugin */
    size_t idle_n;
    /* Registry references. */
    int ref_js, ref_socket_mt, ref_namespace_mt, ref_socket_data, ref_socket_ids, ref_array_mt, ref_error_mt,
        ref_stream_mt;
    /* Identities: what lua_topointer says of them. */
    const void *mt_array, *mt_date, *mt_binary, *mt_socket, *mt_namespace, *mt_audience, *mt_stream;
    const void *null, *undef, *no_ack;
    int ref_env, ref_expr; /* what the engine has for all chunks, and for all expressions */
    int ref_null, ref_undef, ref_no_ack, ref_date_mt, ref_binary_mt;
    locale_t unicode; /* whose letters have their case; 0: none could be had */
    EVP_MAC *hmac;    /* looked up when a script first asks for it, or NULL */
};

static inline struct hub_scripts *hub_scripts_of(lua_State *L) {
    void *ud;
    lua_getallocf(L, &ud);
    return ud;
}

/* ---- limit.c: memory and time ---- */
HUB_MUST void *hub_lua_alloc(void *scripts, void *p, size_t old_size, size_t new_size);
void hub_lua_arm(lua_State *co); /* the instruction count hook */
/* Before code goes on in L after other coroutines ran, which may have made long strings. */
void hub_lua_rearm(lua_State *L);
/* Start and end the measuring of the time that a task runs without yielding. */
void hub_script_slice_begin(struct hub_script_task *t);
void hub_script_slice_end(struct hub_script_task *t);
/* Records that a C function did work proportional to BYTES, so that the clock is read soon. Never raises. */
void hub_lua_charge(lua_State *L, size_t bytes);
/* For long loops in C. tick raises when the call's time is used up; over says so, for those that have
 * something to release first. spend is told of the work by bytes (some 32 for an element or a step) and
 * looks at the clock when it has become much. */
void hub_lua_tick(lua_State *L);
bool hub_lua_over(lua_State *L);
void hub_lua_spend(lua_State *L, size_t bytes);
void hub_script_doom_set(struct hub_script_task *t, enum hub_script_doom why, lua_State *L);
/* "file:line" of the innermost frame of L that belongs to a script; empty when there is none. Never
 * raises. */
void hub_lua_where(lua_State *L, int level, char *out, size_t size);
/* luaL_error with that position. Raises. */
int hub_lua_fail(lua_State *L, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));

/* ---- value.c: JSON <-> Lua ---- */
/* Pushes VALUE; NULL pushes nil. With BINS, placeholders become binary values. Raises. */
void hub_lua_push_json(lua_State *L, const json_t *value, const struct hub_hook_bins *bins);
/* Conversion to JSON. Zero-initialise; with BINARY, bytes of binary values (borrowed from Lua) are
 * collected in BINS (free .items). */
struct hub_to_json {
    bool binary;
    struct hub_hook_bins bins;
    json_t **lookalikes; /* objects that would be taken for the places of binary values; borrowed */
    size_t lookalike_n;
    size_t nodes, bytes;
    size_t max_nodes, max_bytes; /* 0: what may leave a script at all, 200,000 and 16 MiB */
    char why[160];
};
/* New tree, or NULL with a reason in o->why. Nil and undefined give JSON null. Reads tables raw, never
 * raises. */
HUB_MUST json_t *hub_lua_to_json(lua_State *L, int idx, struct hub_to_json *o);
/* After the last value, which are all alive: beside binary values nothing else may look like the place of
 * one, {"_placeholder":true}, for clients that receive it break off; such objects lose that member. */
void hub_to_json_end(struct hub_to_json *o);
/* The same when the values are not used. */
void hub_to_json_drop(struct hub_to_json *o);
/* Appends the text that this tree would have, and leaves OUT alone where there would be none, or for a value
 * that is no matter of routine: false, and hub_lua_to_json decides. (value_text.c) */
HUB_MUST bool hub_lua_to_text(lua_State *L, int idx, struct hub_buf *out);
/* As hub_lua_charge, for so many values with so much text in them. */
void hub_lua_charge_values(lua_State *L, size_t values, size_t bytes);
/* The metatable's identity of the table or userdata at IDX, or NULL. Never raises. */
const void *hub_lua_kind(lua_State *L, int idx);
/* A JSON reference that the collector releases if an error comes first. Raises; set the pointer, clear it
 * after use. */
HUB_MUST json_t **hub_lua_hold(lua_State *L);
void hub_lua_new_array(lua_State *L, int n); /* pushes an empty table marked as array; raises */
void hub_lua_push_binary(lua_State *L, struct hub_str bytes);
void hub_lua_open_values(lua_State *L); /* metatables, null, undefined; raises */

/* ---- sandbox.c, library.c, pattern.c, coroutine.c, globals.c, host.c, socket.c, modules.c, js.c: what
 * scripts
 *   find ---- */
/* Replaces the table on top by a read-only view of it. NAME is for messages. Raises. */
void hub_lua_freeze(lua_State *L, const char *name);
/* The same of a table that is complete and holds no tables: reading it costs no call. */
void hub_lua_freeze_flat(lua_State *L, const char *name);
/* The same of the table below the top, with the function on top as __index; pops both and pushes the view. */
void hub_lua_freeze_by(lua_State *L, const char *name);
/* When the value at IDX is a view, pushes what it shows and returns true. Never raises. */
bool hub_lua_thaw(lua_State *L, int idx);
void hub_lua_open_base(lua_State *L);
void hub_lua_open_libraries(lua_State *L);
/* Copies the functions NAMES of the library on top into the table below it, so that they are charged for
 * their texts. */
void hub_lua_copy_charged(lua_State *L, const char *const *names);
void hub_lua_open_patterns(lua_State *L);
void hub_lua_open_coroutine(lua_State *L);
void hub_lua_open_api(lua_State *L);
/* The first pushes the JSON text of the value at IDX, the second the value of a JSON text. Both return 1
 * and raise errors, whose messages begin with WHO. */
int hub_lua_encode(lua_State *L, int idx, const char *who);
int hub_lua_decode(lua_State *L, struct hub_str text, const char *who);
void hub_lua_open_host(lua_State *L);
void hub_lua_open_socket(lua_State *L);
void hub_lua_open_js(lua_State *L);
/* Replaces four functions on top, which are a step of a transaction, records.get (nil: of
 * db.transaction), pcall and error, by the function NAME that runs transactions. Raises. */
void hub_lua_make_transaction(lua_State *L, const char *name);
/* Runs the Lua part of this module (prelude.c): a chunk that is given the table on top and fills it.
 * Raises. */
void hub_lua_run_prelude(lua_State *L);
/* Asks the engine: the arguments are the whole stack of the calling C function. Raises or yields. */
int hub_lua_ask(lua_State *L, const struct hub_host_fn *fn);
const struct hub_host_fn *hub_scripts_host_fn(const struct hub_scripts *s, const char *table, const char *name);
/* The engine's answer comes no more to this task; it frees itself when it does. */
void hub_script_call_abandon(struct hub_script_task *t);
/* The same, with THEN for what is on top of the stack when the answer is there; it returns how many results
 * there are. */
int hub_lua_ask_then(lua_State *L, const struct hub_host_fn *fn, int (*then)(lua_State *L));
/* Push the objects that stand for a socket, a plain namespace, {"name"}, and the stream of a command, {"id"}.
 * Raise. */
void hub_lua_push_stream(lua_State *L, json_t *about);
void hub_lua_push_socket(lua_State *L, json_t *socket);
void hub_lua_push_namespace(lua_State *L, json_t *about);
/* Whether KIND, of hub_lua_kind, is that of an object whose methods are called with a colon. */
static inline bool hub_lua_has_methods(const struct hub_scripts *s, const void *kind) {
    return kind && (kind == s->mt_socket || kind == s->mt_namespace || kind == s->mt_audience || kind == s->mt_stream);
}
/* Makes the globals of scripts that find LIBRARY, from what the engine has for all. Raises. */
void hub_lua_open_library(lua_State *L, struct hub_library *library);
/* With TELL: goes on after a module that cannot be loaded, tells of each, and ends with HUB_BAD_REQUEST. */
enum hub_code hub_scripts_load_lib(struct hub_scripts *s, hub_scripts_tell *tell, void *arg, struct hub_err *err);

/* ---- call.c ---- */
HUB_MUST struct hub_script_task *hub_script_task_take(struct hub_scripts *s);
void hub_script_task_drop(struct hub_script_task *t);
/* Whether the current call can be suspended in L. */
bool hub_lua_can_wait(lua_State *L);
/* Starts a timer MS from now; the loop's own "now" is the beginning of the turn, which a script may have
 * made long. */
void hub_script_timer_start(struct hub_scripts *s, struct hub_timer *timer, int64_t ms,
                            void (*cb)(struct hub_timer *timer));
/* Lets a waiting task go on: at once, or when the running script pauses. */
void hub_script_wake(struct hub_script_task *t);
void hub_script_kill(struct hub_script_task *t, enum hub_script_doom why);
/* Runs FN(L) on the state's main thread; false when it raised (memory), with the text in ERR. */
bool hub_scripts_protect(struct hub_scripts *s, lua_CFunction fn, void *arg, struct hub_err *err);
/* Runs the function on top of t->co to its end without waiting (loading of modules): 0 or a text in ERR.
 * Results stay on t->co. */
enum hub_code hub_script_run_now(struct hub_script_task *t, int *results, struct hub_err *err);
void hub_lua_call(struct hub_scripts *s, const struct hub_script *script, void *caller, const struct hub_hook_arg *args,
                  size_t n, hub_hook_done *done, void *arg);
bool hub_lua_wants(const struct hub_scripts *s, const struct hub_script *script, const char *variable);
void hub_lua_run(struct hub_scripts *s, const struct hub_hook_chain *chain, hub_hook_ran *done, void *arg);
void hub_lua_event(struct hub_scripts *s, const struct hub_script *script, json_t *socket, json_t *args,
                   const struct hub_hook_bins *bins, const struct hub_hook_arg *extra, size_t n,
                   hub_hook_event_done *done, void *arg);

/* ---- compile.c ---- */
/* Leaves the function of OUT->script on top of L, with OUT's maps filled, or returns false with a located
 * text in ERR. SOURCE is scratch space, freed by the caller. Raises on lack of memory. */
bool hub_lua_compile(lua_State *L, struct hub_compiled *out, struct hub_buf *source, struct hub_err *err);
#endif
