/* The end of what admitted a socket: its token expires, its session is revoked, or the definitions no
 * longer accept it. */
#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "base/telemetry/metric.h"
#include "identity/identity.h"

#define EXPIRY_CHECK_MS (3600 * 1000) /* longest sleep of an expiry timer: the wall clock may be set meanwhile */

static struct hub_metric ended =
    HUB_METRIC(HUB_COUNTER, "hubd_sessions_ended_total", NULL,
               "Connections closed because the session or token that admitted them was revoked");

struct hub_expiry {
    struct hub_timer timer;
    struct hub_loop *loop;
    struct hub_socket *socket;
    struct hub_cache_watch *watch; /* NULL: none */
    struct hub_identity *who;      /* reference */
};

/* Its expiry goes with it. */
static void end_socket(struct hub_socket *s, struct hub_str error) {
    hub_socket_ref(s); /* its owner may go, too */
    hub_socket_emit(s, HUB_STR("hub:error"), error, 0);
    hub_socket_disconnect(s, false);
    hub_socket_unref(s);
}

static void on_expiry_due(struct hub_timer *t);

static void expiry_arm(struct hub_expiry *x) {
    int64_t left = x->who->expires_at * 1000 - hub_loop_wall(x->loop);
    hub_timer_start(x->loop, &x->timer, left < EXPIRY_CHECK_MS ? left : EXPIRY_CHECK_MS, on_expiry_due);
}

/* The stored session WHO rests on is gone, or at its end. */
static void end_session(struct hub_expiry *x, const char *message) {
    x->who->ended = true; /* also for what still waits */
    hub_metric_add(&ended, 1);
    hub_log_kv(HUB_LOG_INFO, "auth", message, "user", x->who->user_id, NULL);
    end_socket(x->socket, HUB_STR("{\"error\":\"The session has ended\",\"code\":\"invalid_token\"}"));
}

static void on_expiry_due(struct hub_timer *t) {
    struct hub_expiry *x = HUB_CONTAINER(t, struct hub_expiry, timer);
    if (hub_loop_wall(x->loop) < x->who->expires_at * 1000) {
        expiry_arm(x);
        return;
    }
    if (x->who->method == HUB_BY_COOKIE) {
        end_session(x, "a connection is closed: its session has expired");
        return;
    }
    hub_metric_add(&ended, 1);
    hub_log_kv(HUB_LOG_INFO, "auth", "a connection is closed: its token has expired", "user", x->who->user_id, NULL);
    end_socket(x->socket, HUB_STR("{\"error\":\"The token has expired\",\"code\":\"token_expired\"}"));
}

void hub_identity_end_socket(struct hub_socket *s, const struct hub_identity *who) {
    hub_metric_add(&ended, 1);
    hub_log_kv(HUB_LOG_INFO, "auth", "a connection is closed: the definitions no longer accept its token", "user",
               who ? who->user_id : NULL, NULL);
    end_socket(s, who ? HUB_STR("{\"error\":\"The service authenticates otherwise by now; connect "
                                "again\",\"code\":\"invalid_token\"}")
                      : HUB_STR("{\"error\":\"Authentication is required by now\",\"code\":\"auth_required\"}"));
}

static void on_session_gone(void *arg) {
    struct hub_expiry *x = arg;
    x->watch = NULL;
    end_session(x, "a connection is closed: its session was revoked");
}

void hub_expiry_set(struct hub_expiry **expiry, struct hub_loop *loop, struct hub_socket *s, struct hub_identity *who) {
    hub_expiry_stop(expiry);
    if (!who->expires_at && !who->session_key) return;
    struct hub_expiry *x = *expiry = hub_xcalloc(1, sizeof *x);
    x->loop = loop;
    x->socket = s;
    x->who = hub_identity_ref(who);
    if (who->expires_at) expiry_arm(x);
    if (who->session_key) x->watch = who->cache->ops->watch(who->cache, hub_cstr(who->session_key), on_session_gone, x);
}

void hub_expiry_stop(struct hub_expiry **expiry) {
    struct hub_expiry *x = *expiry;
    if (!x) return;
    *expiry = NULL;
    hub_timer_stop(x->loop, &x->timer);
    if (x->watch) x->who->cache->ops->unwatch(x->watch);
    hub_identity_unref(x->who);
    free(x);
}
