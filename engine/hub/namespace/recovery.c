/* Connection state recovery, as stock clients of Socket.IO 4.6 and later ask for it: CONNECT is answered
 * with a private id (pid), each event has an offset behind its arguments, and a client that comes back
 * with both gets what it missed. A member is kept while its client is away, in its rooms; what would have
 * been sent to it is kept with it. Whoever is told to be recovered has missed nothing: where anything was
 * dropped it begins anew.
 *
 * An event is encoded once, and all members that keep it share the bytes. */
#include <stdlib.h>

#include "base/telemetry/metric.h"
#include "hub/namespace/namespace_int.h"

#define MAX_WAITING 10000         /* members of a service whose clients are away */
#define MAX_PACKETS 1000          /* of a member */
#define MAX_BYTES (1u << 20)      /* of a member, each packet counted in full */
#define MAX_ALL_BYTES (64u << 20) /* of a service: packets, each once, and the rooms of those who are away */
#define SWEEP_MS 5000

/* An event that may be sent again, shared by the members that it was for. */
struct hub_ns_packet {
    uint32_t refs;
    struct hub_namespaces *all;
    struct hub_chunk *chunk; /* reference */
    uint64_t number;
    int64_t at; /* loop ms */
};

struct hub_ns_session {
    struct hub_namespaces *all;
    char pid[HUB_SID_LEN + 1];
    char *user;
    struct hub_ns_packet **packets; /* N of them from FIRST on, round, by number */
    size_t first, n, cap, bytes;
    uint64_t dropped; /* number of the last one that is not there any more; 0: none */
    bool broken;      /* something was sent that was not kept */
    bool replaced;    /* its client is back already, on another connection */
    int64_t until;    /* loop ms: how long it waits, while its client is away */
    size_t rooms;     /* bytes of its places in rooms, while its client is away */
};

static struct hub_metric waiting_gauge =
    HUB_METRIC(HUB_GAUGE, "hubd_recovery_sessions", NULL, "Clients that are away and may come back to their session");
static struct hub_metric bytes_gauge =
    HUB_METRIC(HUB_GAUGE, "hubd_recovery_bytes", NULL, "Bytes of events kept for clients that may come back");

static void count_recovery(const char *result) {
    hub_metric_add(hub_metric_labelled("hubd_recoveries_total", "Clients that came back with the id of a session",
                                       HUB_COUNTER, "result", hub_cstr(result)),
                   1);
}

bool hub_ns_recovers(const struct hub_ns *ns) { return ns->def && ns->def->recovers; }

/* ---- packets ---- */

static void count_bytes(struct hub_namespaces *all, int64_t bytes) {
    all->kept_bytes += (size_t)bytes;
    hub_metric_add(&bytes_gauge, bytes);
}

static size_t packet_bytes(const struct hub_ns_packet *p) { return sizeof *p + p->chunk->n; }

struct hub_ns_packet *hub_ns_packet_new(struct hub_namespaces *all, struct hub_chunk *chunk, uint64_t number) {
    struct hub_ns_packet *p = hub_xmalloc(sizeof *p);
    *p = (struct hub_ns_packet){1, all, hub_chunk_ref(chunk), number, hub_loop_now(all->engine->config.loop)};
    count_bytes(all, (int64_t)packet_bytes(p));
    return p;
}

void hub_ns_packet_unref(struct hub_ns_packet *p) {
    if (!p || --p->refs) return;
    count_bytes(p->all, -(int64_t)packet_bytes(p));
    hub_chunk_unref(p->chunk);
    free(p);
}

/* ---- what a session keeps ---- */

static struct hub_ns_packet *packet_at(const struct hub_ns_session *s, size_t i) {
    return s->packets[(s->first + i) % s->cap];
}

static void drop_oldest(struct hub_ns_session *s) {
    struct hub_ns_packet *p = packet_at(s, 0);
    s->first = (s->first + 1) % s->cap;
    s->n--;
    s->bytes -= packet_bytes(p);
    s->dropped = p->number;
    hub_ns_packet_unref(p);
}

static void grow_packets(struct hub_ns_session *s) {
    size_t cap = s->cap ? 2 * s->cap : 8;
    struct hub_ns_packet **packets = hub_xmalloc(cap * sizeof *packets);
    for (size_t i = 0; i < s->n; i++) packets[i] = packet_at(s, i);
    free(s->packets);
    count_bytes(s->all, (int64_t)((cap - s->cap) * sizeof *packets));
    s->packets = packets;
    s->cap = cap;
    s->first = 0;
}

void hub_ns_keep(struct hub_ns_member *m, struct hub_ns_packet *p) {
    struct hub_ns_session *s = m->session;
    while (s->n && (s->n >= MAX_PACKETS || s->bytes + packet_bytes(p) > MAX_BYTES)) drop_oldest(s);
    if (packet_bytes(p) > MAX_BYTES || s->all->kept_bytes > MAX_ALL_BYTES) {
        while (s->n) drop_oldest(s);
        s->dropped = p->number;
        return;
    }
    if (s->n == s->cap) grow_packets(s);
    p->refs++;
    s->packets[(s->first + s->n++) % s->cap] = p;
    s->bytes += packet_bytes(p);
}

void hub_ns_not_kept(struct hub_ns_member *m) { m->session->broken = true; }

/* ---- sessions ---- */

void hub_ns_session_new(struct hub_ns_member *m, const char *user) {
    struct hub_ns_session *s = m->session = hub_xcalloc(1, sizeof *s);
    s->all = m->ns->all;
    s->user = hub_xstrdup(user);
    hub_sid(s->pid);
    hub_map_put(&s->all->sessions, hub_cstr(s->pid), m);
}

/* Its client is not waited for any more. */
static void end_waiting(struct hub_ns_session *s) {
    s->all->waiting_n--;
    hub_metric_add(&waiting_gauge, -1);
    count_bytes(s->all, -(int64_t)s->rooms);
    s->rooms = 0;
}

void hub_ns_session_free(struct hub_ns_member *m) {
    struct hub_ns_session *s = m->session;
    if (!s) return;
    if (!m->conn) end_waiting(s);
    while (s->n) drop_oldest(s);
    count_bytes(s->all, -(int64_t)(s->cap * sizeof *s->packets));
    hub_map_del(&s->all->sessions, hub_cstr(s->pid));
    free(s->packets);
    free(s->user);
    free(s);
    m->session = NULL;
}

const char *hub_ns_pid(const struct hub_ns_member *m) { return m->session->pid; }

/* ---- away ---- */

/* As in a stock server: a client that has left, or was put out, is not awaited. */
static bool may_come_back(const char *reason) {
    static const char *const reasons[] = {"transport close", "transport error", "ping timeout", "forced server close",
                                          "slow_reader"};
    for (size_t i = 0; i < HUB_NELEM(reasons); i++)
        if (!strcmp(reason, reasons[i])) return true;
    return false;
}

/* What connected clients have had for longer than a session lasts is not needed, and sessions end. */
static void sweep_namespace(struct hub_ns *ns, int64_t now) {
    HUB_LIST_EACH_SAFE(&ns->members, it) {
        struct hub_ns_member *m = HUB_CONTAINER(it, struct hub_ns_member, link);
        struct hub_ns_session *s = m->session;
        if (!s) continue;
        if (!m->conn && (s->until <= now || !hub_ns_recovers(ns)))
            hub_ns_forget(m);
        else if (m->conn && ns->def)
            while (s->n && packet_at(s, 0)->at + ns->def->recovery_ms < now) drop_oldest(s);
    }
}

static void on_sweep(struct hub_timer *t) {
    struct hub_namespaces *all = HUB_CONTAINER(t, struct hub_namespaces, sweep);
    struct hub_loop *loop = all->engine->config.loop;
    HUB_LIST_EACH(&all->list, it) sweep_namespace(HUB_CONTAINER(it, struct hub_ns, link), hub_loop_now(loop));
    HUB_LIST_EACH(&all->dynamic, it) sweep_namespace(HUB_CONTAINER(it, struct hub_ns, link), hub_loop_now(loop));
    if (hub_map_len(&all->sessions)) hub_timer_start(loop, t, SWEEP_MS, on_sweep);
}

void hub_ns_recovery_start(struct hub_namespaces *all) {
    if (!hub_timer_running(&all->sweep)) hub_timer_start(all->engine->config.loop, &all->sweep, SWEEP_MS, on_sweep);
}

/* As if it were alone in them: who joins many under names of his own costs most. */
static size_t bytes_of_rooms(const struct hub_ns_member *m) {
    size_t bytes = 0;
    HUB_LIST_EACH(&m->places, it) {
        const struct hub_ns_place *p = HUB_CONTAINER(it, struct hub_ns_place, of_member);
        bytes += sizeof *p + sizeof *p->room + strlen(p->room->name);
    }
    return bytes;
}

bool hub_ns_await(struct hub_ns_member *m, const char *reason) {
    struct hub_ns_session *s = m->session;
    struct hub_namespaces *all = m->ns->all;
    if (!s || !hub_ns_recovers(m->ns) || all->stopped || all->engine->draining) return false;
    if ((!s->replaced && !may_come_back(reason)) || all->waiting_n >= MAX_WAITING) return false;
    size_t rooms = bytes_of_rooms(m); /* they do not change while nobody is there to join */
    if (all->kept_bytes + rooms > MAX_ALL_BYTES) return false;
    count_bytes(all, (int64_t)(s->rooms = rooms));
    m->conn = NULL;
    s->replaced = false;
    s->until = hub_loop_now(hub_ns_loop(m->ns)) + m->ns->def->recovery_ms;
    all->waiting_n++;
    hub_metric_add(&waiting_gauge, 1);
    return true;
}

void hub_ns_drop_waiting(struct hub_ns *ns) {
    HUB_LIST_EACH_SAFE(&ns->members, it) {
        struct hub_ns_member *m = HUB_CONTAINER(it, struct hub_ns_member, link);
        if (!m->conn) hub_ns_forget(m);
    }
}

/* ---- back ---- */

/* Whether everything behind OFFSET, what the client has had last, is there; it becomes a number. */
static bool is_complete(const struct hub_ns_session *s, const json_t *offset, int64_t *from) {
    *from = 0;
    if (s->broken) return false;
    if (hub_json_nil(offset)) return !s->dropped; /* it has had none */
    if (!hub_str_i64(hub_json_str(offset), from) || *from < 1) return false;
    if ((uint64_t)*from == s->dropped) return true;
    for (size_t i = 0; i < s->n; i++)
        if (packet_at(s, i)->number == (uint64_t)*from) return true;
    return false;
}

/* The server may not have noticed yet that the connection before is dead. */
static void end_old_connection(struct hub_ns_member *m) {
    struct hub_namespace_conn *old = m->conn;
    if (!old) return;
    m->session->replaced = true;
    if (!old->reason) old->reason = hub_xstrdup("superseded");
    hub_socket_disconnect(old->socket, false);
}

struct hub_ns_member *hub_ns_find_session(struct hub_ns *ns, struct hub_socket *s, const char *user, int64_t *from) {
    const json_t *auth = hub_socket_auth(s);
    struct hub_str pid = hub_json_get_str(auth, "pid");
    if (!pid.n || !hub_ns_recovers(ns)) return NULL;
    struct hub_ns_member *m = hub_map_get(&ns->all->sessions, pid);
    bool own = m && m->ns == ns && m->socket->nsp == s->nsp && !strcmp(m->session->user, user);
    bool late = own && !m->conn && m->session->until <= hub_loop_now(hub_ns_loop(ns));
    if (own && !late && is_complete(m->session, json_object_get(auth, "offset"), from)) {
        end_old_connection(m);
        m = hub_map_get(&ns->all->sessions, pid); /* it may not have been kept */
        if (m) return m;
        own = false;
    }
    count_recovery(!own ? "unknown" : late ? "expired" : "incomplete");
    if (own && !m->conn) hub_ns_forget(m);
    return NULL;
}

void hub_ns_send_missed(struct hub_ns_member *m, int64_t from) {
    const struct hub_ns_session *s = m->session;
    count_recovery("recovered");
    for (size_t i = 0; i < s->n; i++) {
        const struct hub_ns_packet *p = packet_at(s, i);
        if (p->number > (uint64_t)from) hub_socket_send_chunk(m->socket, p->chunk, 0, p->chunk->n, 0);
    }
}

void hub_ns_take_over(struct hub_ns_member *m, struct hub_namespace_conn *c) {
    hub_socket_unref(m->socket);
    m->socket = hub_socket_ref(c->socket);
    m->conn = c;
    end_waiting(m->session);
}
