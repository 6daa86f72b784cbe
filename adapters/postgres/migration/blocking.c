/* A connection that waits, for migrations: at start, in hubctl, and on a reload, where every wait has its
 * limit. The server's own limits do not do: a server that hangs does not keep them. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "adapters/postgres/postgres_int.h"
#include "base/telemetry/log.h"
#include "base/time/clock.h"

static void set_error(const struct session *x, const char *why, struct hub_err *err) {
    struct hub_str text = hub_str_trim(hub_cstr(why));
    hub_err_set(err, HUB_STORE_UNAVAILABLE, "%s: %.*s", x->conninfo->shown, HUB_FMT(text));
}

/* False when the time is up. */
static bool wait_for(PGconn *pg, short events, int64_t until) {
    struct pollfd p = {.fd = PQsocket(pg), .events = events};
    int64_t left;
    while ((left = until - hub_real_ms()) > 0) {
        int n = poll(&p, 1, left < INT32_MAX ? (int)left : INT32_MAX);
        if (n > 0 || (n < 0 && errno != EINTR)) return true;
    }
    return false;
}

static void on_session_notice(void *arg, const PGresult *r) {
    (void)arg;
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    hub_log_kv(HUB_LOG_DEBUG, "store", "the server says", "notice", text, NULL);
}

/* A socket in the file system has no address. */
static HUB_MUST PGconn *begin_connect(const struct conninfo *c, const PGconn *like) {
    const char *address = like ? PQhostaddr(like) : NULL;
    if (!address || !*address) return hub_pg_conninfo_connect(c, NULL, NULL, NULL);
    return hub_pg_conninfo_connect(c, PQhost(like), address, PQport(like));
}

enum hub_code hub_pg_session_open(struct session *x, const struct conninfo *c, const PGconn *like, int64_t limit_ms,
                                  struct hub_err *err) {
    int64_t until = hub_real_ms() + c->connect_ms;
    *x = (struct session){.conninfo = c, .limit_ms = limit_ms, .pg = begin_connect(c, like)};
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    if (PQstatus(x->pg) == CONNECTION_BAD) next = PGRES_POLLING_FAILED;
    while (next == PGRES_POLLING_WRITING || next == PGRES_POLLING_READING) {
        bool in_time = wait_for(x->pg, next == PGRES_POLLING_WRITING ? POLLOUT : POLLIN, until);
        if (!in_time) break;
        next = PQconnectPoll(x->pg);
    }
    if (next == PGRES_POLLING_OK) {
        PQsetNoticeReceiver(x->pg, on_session_notice, NULL);
        return HUB_OK;
    }
    set_error(x, next == PGRES_POLLING_FAILED ? PQerrorMessage(x->pg) : "the server did not answer in time", err);
    hub_pg_session_close(x);
    return HUB_STORE_UNAVAILABLE;
}

static bool collect_results(struct session *x, int64_t until, PGresult **last) {
    for (;;) {
        while (PQisBusy(x->pg)) {
            if (!wait_for(x->pg, POLLIN, until)) return false;
            if (!PQconsumeInput(x->pg)) break;
        }
        PGresult *r = PQgetResult(x->pg);
        if (!r) return true;
        /* Of several statements the first failure tells, else the last result. */
        if (*last && PQresultStatus(*last) == PGRES_FATAL_ERROR) {
            PQclear(r);
            continue;
        }
        PQclear(*last);
        *last = r;
    }
}

PGresult *hub_pg_session_run(struct session *x, const char *sql, const char *const *params, int n,
                             struct hub_err *err) {
    PGresult *r = NULL;
    int sent = n ? PQsendQueryParams(x->pg, sql, n, NULL, params, NULL, NULL, 0) : PQsendQuery(x->pg, sql);
    if (!sent) {
        set_error(x, PQerrorMessage(x->pg), err);
        return NULL;
    }
    if (!collect_results(x, hub_real_ms() + x->limit_ms, &r)) {
        PQclear(r);
        set_error(x, "a statement of the migration took too long", err);
        return NULL;
    }
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY) return r;
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE), *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    set_error(x, text ? text : PQerrorMessage(x->pg), err);
    if (err && state) err->code = hub_pg_code(state);
    PQclear(r);
    return NULL;
}

void hub_pg_session_close(struct session *x) {
    if (x->pg) PQfinish(x->pg);
    x->pg = NULL;
}
