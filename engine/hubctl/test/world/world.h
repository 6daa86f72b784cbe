/* A whole service for one scenario: the engine, the scripts and the transport as hubd has them, SQLite in
 * memory, cache and bus of the process, and a clock that stands still until it is turned. What goes out of it
 * (requests, records, changes of rows, lines of the log) is kept, to be compared. One thread at a time uses
 * it. */
#ifndef HUB_TEST_WORLD_H
#define HUB_TEST_WORLD_H
#include <pthread.h>

#include "schema/scenario/scenario.h"
#include "server/server_int.h"

struct hub_test_client;

/* The store with a count of what it has under way, and with stubs for statements. */
struct hub_test_store {
    struct hub_store base; /* first member: what the engine sees */
    struct hub_store *real;
    struct hub_test_world *world;
};
/* The bus, which says what is published. */
struct hub_test_bus {
    struct hub_bus base; /* first member */
    struct hub_bus *real;
    struct hub_test_world *world;
};

/* What has gone out since somebody asked last; arrays. */
struct hub_test_seen {
    json_t *http, *published, *changes, *logs;
    json_t *unstubbed; /* those of http that no stub answered */
};

struct hub_test_world {
    const struct hub_scenario *scenario;
    struct hub_clock clock;
    struct hub_server_options options;
    struct hub_server_inside inside;
    struct hub_server server;
    struct hub_test_store store;
    struct hub_test_bus bus;
    size_t under_way;  /* questions to the store */
    bool waits_for_it; /* the loop runs until one of them is answered */
    bool own_record;   /* what is published now is the scenario's */
    json_t *saved;     /* $save */
    struct hub_test_seen seen;
    size_t errors;            /* lines of level error among seen.logs */
    size_t *stub_uses;        /* parallel to the scenario's http stubs */
    pthread_mutex_t log_lock; /* of seen.logs and errors: threads log, too */
    struct hub_list clients;  /* hub_test_client.link */
    struct hub_list delayed;  /* answers of stubs whose time has not come */
};

/* Makes the world of SCENARIO and starts the service in it. SERVICE is used, and stays the caller's: one
 * world of it at a time. HUB_OK, or ERR says what does not start. *OUT is set in any case. */
enum hub_code hub_test_world_new(struct hub_service *service, const struct hub_scenario *scenario,
                                 struct hub_test_world **out, struct hub_err *err);
void hub_test_world_free(struct hub_test_world *w);

/* Runs until nothing is under way that does not wait for time. False: it does not come to rest. */
bool hub_test_settle(struct hub_test_world *w);
/* Turns the clock to the next thing that is due, at the latest to END (loop time), and settles. False:
 * nothing is due until then; the clock shows END. */
bool hub_test_step_clock(struct hub_test_world *w, int64_t end);
/* Time passes: everything that is due meanwhile happens, by time. */
void hub_test_advance(struct hub_test_world *w, int64_t ms);
/* Forgets what has gone out. */
void hub_test_forget(struct hub_test_world *w);

/* ---- store.c ---- */
void hub_test_wrap_store(struct hub_test_world *w);
void hub_test_wrap_bus(struct hub_test_world *w);

/* ---- stubs.c ---- */
extern const struct hub_host_fn hub_test_http_fns[];
/* The rows that a stub has for STATEMENT, a new reference; NULL: there is none. */
HUB_MUST json_t *hub_test_stubbed_rows(const struct hub_test_world *w, struct hub_str statement);
void hub_test_drop_delayed(struct hub_test_world *w);
#endif
