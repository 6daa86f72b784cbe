/* Stopping: clients are sent away, what is queued is delivered, and everything is taken apart. */
#include "server/server_int.h"

#include <signal.h>
#include <unistd.h>

#include "base/memory/mem.h"
#include "base/telemetry/log.h"

#define DRAIN_MS 10000      /* longest graceful stop */
#define POLL_GRACE_MS 2000  /* of it, how long clients between two polls may take to fetch what is queued */
#define DRAIN_STEP_MS 10    /* how often to look whether it is over */
#define DRAIN_SAID_MS 2000  /* how often to say what it waits for */
#define CLOSE_MS 2000       /* behind DRAIN_MS: how long connections may take to close */
#define LAST_LINES_MS 200   /* how long the log may take before a hard end */
#define RETRY_AFTER_MS 1000 /* what clients are told on hub:draining */

static void on_bus_closed(void *arg) {
    struct hub_server *s = arg;
    s->bus = NULL;
    hub_loop_stop(s->loop);
}

/* The bus after the store: what was just written may still be told. */
static void on_store_closed(void *arg) {
    struct hub_server *s = arg;
    s->store = NULL;
    if (s->bus)
        s->bus->ops->close(s->bus, on_bus_closed, s);
    else
        hub_loop_stop(s->loop);
}

/* Whatever answers later: those who wait for keys first, for they might call a script. */
static void end_generation(struct hub_generation *g) {
    hub_jwks_delete(g->jwks);
    g->jwks = NULL;
    if (g->scripts) hub_scripts_delete(g->scripts);
    g->scripts = NULL;
}

static void end_generations(struct hub_server *s) {
    hub_timer_stop(s->loop, &s->start);
    hub_timer_stop(s->loop, &s->retry_keys);
    if (s->coming.service) hub_server_free_generation(&s->coming);
    HUB_LIST_EACH(&s->retired, it) end_generation(&HUB_CONTAINER(it, struct hub_retired, link)->generation);
    end_generation(&s->now);
    if (!s->engine) return;
    hub_engine_set_scripts(s->engine, NULL);
    const struct hub_identity_config config = hub_server_identity_config(s, &s->now);
    hub_identity_ctx_configure(s->identity, &config);
}

/* Scripts first: they end calls that hold sockets and rooms; then nothing is left that writes. */
static void close_down(struct hub_server *s) {
    hub_engine_stop(s->engine);
    end_generations(s);
    s->cache->ops->stop(s->cache); /* what waits for it goes on to the store */
    s->store->ops->close(s->store, on_store_closed, s);
}

/* Whether those who hear of the end of connections and rooms have done so, or the time is over. */
static bool is_told(struct hub_server *s) {
    if (!s->rooms_closed) hub_engine_close(s->engine);
    s->rooms_closed = true;
    return !hub_engine_pending(s->engine) || hub_loop_now(s->loop) >= s->drain_until + CLOSE_MS;
}

static void on_closed_step(struct hub_timer *t) {
    struct hub_server *s = HUB_CONTAINER(t, struct hub_server, drain);
    if (!hub_transport_sessions(s->transport)) hub_transport_stop_listening(s->transport);
    if (hub_transport_sessions(s->transport) || hub_transport_connections(s->transport)) {
        if (hub_loop_now(s->loop) < s->drain_until + CLOSE_MS) {
            hub_timer_start(s->loop, t, DRAIN_STEP_MS, on_closed_step);
            return;
        }
        hub_log_end(LAST_LINES_MS);
        _exit(s->again ? HUB_EXIT_FAILED : s->exit_code); /* a peer that will not let go must not keep the process */
    }
    if (is_told(s) && hub_siblings_are_gone(s))
        close_down(s);
    else
        hub_timer_start(s->loop, t, DRAIN_STEP_MS, on_closed_step);
}

/* Once in DRAIN_SAID_MS. */
static void say_why_draining(struct hub_server *s) {
    int64_t now = hub_loop_now(s->loop);
    if (now < s->drain_said + DRAIN_SAID_MS) return;
    s->drain_said = now;
    hub_server_say_holds(s, INT64_MAX, "still draining");
}

static void on_drain_step(struct hub_timer *t) {
    struct hub_server *s = HUB_CONTAINER(t, struct hub_server, drain);
    int64_t left = s->drain_until - hub_loop_now(s->loop);
    bool busy = hub_engine_pending(s->engine) || hub_engine_relays(s->engine);
    bool fetching = hub_loop_now(s->loop) < s->fetch_until && hub_transport_polling(s->transport, true);
    if ((busy && left > 0) || fetching) {
        say_why_draining(s);
        hub_timer_start(s->loop, t, DRAIN_STEP_MS, on_drain_step);
        return;
    }
    hub_transport_close_all(s->transport);
    hub_timer_start(s->loop, t, 0, on_closed_step);
}

static void begin_drain(struct hub_server *s) {
    hub_siblings_drain(s);
    s->drain_said = hub_loop_now(s->loop);
    s->fetch_until = s->drain_said + POLL_GRACE_MS;
    hub_transport_drain(s->transport);
    hub_engine_drain(s->engine, RETRY_AFTER_MS);
    /* A client that polls comes back by a new connection for what is queued: the listener waits for it,
     * and for nobody else. */
    if (!hub_transport_polling(s->transport, false)) hub_transport_stop_listening(s->transport);
    hub_timer_start(s->loop, &s->drain, 0, on_drain_step);
}

static void drain_server(struct hub_server *s) {
    s->draining = true;
    s->drain_until = hub_loop_now(s->loop) + DRAIN_MS;
    hub_server_tell_shutdown(s, DRAIN_MS - POLL_GRACE_MS, begin_drain);
}

void hub_server_follow_drain(struct hub_server *s) {
    if (!s->draining) drain_server(s);
}

static void end_serving(struct hub_server *s) {
    if (s->rest) /* the last thing that is made: all the others are there */
        drain_server(s);
    else
        hub_loop_stop(s->loop);
}

void hub_server_give_up(struct hub_server *s, int exit_code) {
    s->exit_code = exit_code;
    end_serving(s);
}

/* Rooms, roles and blocks may be others by now, and members hear nothing of what is said elsewhere:
 * everything ends, and begins anew as the process that waits. */
void hub_server_on_taken(void *arg) {
    struct hub_server *s = arg;
    if (s->draining) return;
    hub_log_kv(HUB_LOG_ERROR, "server", "another process has taken over the service: starting again, to wait for it",
               NULL);
    s->again = true;
    end_serving(s);
}

void hub_server_on_stop(void *arg, int signo) {
    struct hub_server *s = arg;
    if (s->draining && !s->again) {
        hub_log_kv(HUB_LOG_WARN, "server", "second signal: stopping at once", NULL);
        hub_log_end(LAST_LINES_MS);
        _exit(HUB_EXIT_OK);
    }
    hub_log_kv(HUB_LOG_INFO, "server", "draining", "signal", signo == SIGTERM ? "SIGTERM" : "SIGINT", NULL);
    s->again = false;
    if (!s->draining) end_serving(s);
}

/* What loops have together, and the first one has to itself by now. */
static HUB_MUST struct hub_service *take_rest_apart(struct hub_server *s) {
    struct hub_service *in_force = s->now.service;
    hub_siblings_free(s);
    s->now.service = NULL;
    hub_server_free_generation(&s->now);
    hub_loop_delete(s->loop);
    if (s->nodes) hub_backends_nodes_free(s->nodes);
    hub_transport_group_free(s->group);
    return in_force;
}

struct hub_service *hub_server_take_apart(struct hub_server *s) {
    s->draining = true; /* whoever asks for that now comes too late */
    end_generations(s);
    if (s->curl) hub_curl_delete(s->curl);
    bool closing = s->store || s->bus;
    if (s->store)
        s->store->ops->close(s->store, on_store_closed, s);
    else if (s->bus)
        s->bus->ops->close(s->bus, on_bus_closed, s);
    if (closing) hub_loop_run(s->loop); /* until it is stopped, also when it has been by now */
    if (s->transport) hub_transport_delete(s->transport);
    if (s->sessions) hub_sessions_delete(s->sessions);
    hub_static_free(s->console);
    hub_static_free(s->client);
    if (s->rest) hub_rest_delete(s->rest);
    if (s->engine) hub_engine_delete(s->engine);
    if (s->cache) s->cache->ops->close(s->cache);
    if (s->identity) hub_identity_ctx_delete(s->identity);
    while (!hub_list_empty(&s->retired))
        hub_server_free_retired(HUB_CONTAINER(s->retired.next, struct hub_retired, link));
    hub_buf_free(&s->store_url);
    if (!s->follows) return take_rest_apart(s);
    hub_server_free_generation(&s->now);
    return NULL;
}

void hub_server_free(struct hub_server *s) {
    struct hub_service *in_force = hub_server_take_apart(s);
    if (in_force != s->first) hub_service_free(in_force);
    hub_service_free(s->first);
}
