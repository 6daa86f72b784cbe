/* The end of what admitted a socket: its token expires, its session is revoked, or the definitions no
 * longer accept it. */
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "identity/identity.h"

#define LEASE_CHECK_MS (3600 * 1000) /* longest sleep of an expiry timer: the wall clock may be set meanwhile */

static struct hub_metric ended =
    HUB_METRIC(HUB_COUNTER, "hubd_sessions_ended_total", NULL,
               "Connections closed because the session or token that admitted them was revoked");

static void end_socket(struct hub_lease *l, struct hub_str error) {
    struct hub_socket *s = hub_socket_ref(l->socket); /* its owner may go with it */
    hub_socket_emit(s, HUB_STR("hub:error"), error, 0);
    hub_socket_disconnect(s, false);
    hub_socket_unref(s);
}

static void on_lease_due(struct hub_timer *t);

static void lease_arm(struct hub_lease *l) {
    int64_t left = l->expires_at * 1000 - hub_loop_wall(l->loop);
    hub_timer_start(l->loop, &l->timer, left < LEASE_CHECK_MS ? left : LEASE_CHECK_MS, on_lease_due);
}

static void on_lease_due(struct hub_timer *t) {
    struct hub_lease *l = HUB_CONTAINER(t, struct hub_lease, timer);
    if (hub_loop_wall(l->loop) < l->expires_at * 1000) {
        lease_arm(l);
        return;
    }
    hub_metric_add(&ended, 1);
    hub_log_kv(HUB_LOG_INFO, "auth", "a connection is closed: its token has expired", "user", l->who->user_id, NULL);
    end_socket(l, HUB_STR("{\"error\":\"The token has expired\",\"code\":\"token_expired\"}"));
}

void hub_identity_end_socket(struct hub_socket *s, const struct hub_identity *who) {
    struct hub_lease l = {.socket = s};
    hub_metric_add(&ended, 1);
    hub_log_kv(HUB_LOG_INFO, "auth", "a connection is closed: the definitions no longer accept its token", "user",
               who ? who->user_id : NULL, NULL);
    end_socket(&l, who ? HUB_STR("{\"error\":\"The service authenticates otherwise by now; connect "
                                 "again\",\"code\":\"invalid_token\"}")
                       : HUB_STR("{\"error\":\"Authentication is required by now\",\"code\":\"auth_required\"}"));
}

static void on_session_gone(void *arg) {
    struct hub_lease *l = arg;
    l->watch = NULL;
    l->who->ended = true; /* also for what still waits */
    hub_metric_add(&ended, 1);
    hub_log_kv(HUB_LOG_INFO, "auth", "a connection is closed: its session was revoked", "user", l->who->user_id, NULL);
    end_socket(l, HUB_STR("{\"error\":\"The session has ended\",\"code\":\"invalid_token\"}"));
}

void hub_lease_set(struct hub_lease *l, struct hub_loop *loop, struct hub_socket *s, struct hub_identity *who) {
    hub_lease_stop(l);
    l->loop = loop;
    l->socket = s;
    l->expires_at = who->expires_at;
    l->cache = who->cache;
    if (l->expires_at) lease_arm(l);
    l->who = hub_identity_ref(who);
    if (who->session_key) l->watch = l->cache->ops->watch(l->cache, hub_cstr(who->session_key), on_session_gone, l);
}

void hub_lease_stop(struct hub_lease *l) {
    if (l->loop) hub_timer_stop(l->loop, &l->timer);
    if (l->watch) l->cache->ops->unwatch(l->watch);
    l->watch = NULL;
    hub_identity_unref(l->who);
    l->who = NULL;
}
