/* What PostgreSQL can take from one connection: a prepared INSERT in libpq's pipeline mode. The senders
 * are in groups; a group's messages make one transaction (what lies between two Syncs), and while the
 * server works on one group's the next group's are written. */
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "insert.h"

#define GROUPS 2

static PGconn *db;
static uint32_t group_n;

static void check(bool ok, const char *what) {
    if (!ok) insert_fail(what, PQerrorMessage(db));
}

static uint32_t first_of(uint32_t group) { return (uint32_t)((uint64_t)insert_senders * group / group_n); }

static void send_group(uint32_t group) {
    for (uint32_t i = first_of(group); i < first_of(group + 1); i++) {
        insert_next(i);
        check(PQsendQueryPrepared(db, "insert", INSERT_COLUMNS, insert_rows[i].value, NULL, NULL, 0) == 1, "INSERT");
    }
    check(PQpipelineSync(db) == 1, "Sync");
}

/* Until there is something to read; writes meanwhile. */
static void wait_for_server(void) {
    int left = PQflush(db);
    check(left >= 0, "send");
    struct pollfd p = {.fd = PQsocket(db), .events = (short)(POLLIN | (left ? POLLOUT : 0))};
    if (poll(&p, 1, -1) < 0 && errno != EINTR) insert_fail("poll", strerror(errno));
    if (p.revents & POLLIN) check(PQconsumeInput(db) == 1, "receive");
}

/* The results of one group; its rows are committed when the Sync's comes. */
static void read_group(void) {
    for (;;) {
        while (PQisBusy(db)) wait_for_server();
        PGresult *r = PQgetResult(db);
        if (!r) continue; /* the end of one statement's results */
        ExecStatusType status = PQresultStatus(r);
        if (status != PGRES_COMMAND_OK && status != PGRES_PIPELINE_SYNC) insert_fail("INSERT", PQresultErrorMessage(r));
        PQclear(r);
        if (status == PGRES_PIPELINE_SYNC) return;
    }
}

static void prepare(const char *url) {
    static const char sql[] = INSERT_INTO "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    db = PQconnectdb(url);
    check(PQstatus(db) == CONNECTION_OK, "connect");
    PGresult *r = PQprepare(db, "insert", sql, INSERT_COLUMNS, NULL);
    check(PQresultStatus(r) == PGRES_COMMAND_OK, "prepare");
    PQclear(r);
    check(PQenterPipelineMode(db) == 1 && PQsetnonblocking(db, 1) == 0, "pipeline mode");
}

void insert_run(const char *where) {
    bool more = true;
    prepare(where);
    group_n = insert_senders < GROUPS ? 1 : GROUPS;
    for (uint32_t g = 0; g < group_n; g++) send_group(g);
    for (uint32_t g = 0; more; g = (g + 1) % group_n) {
        read_group();
        for (uint32_t i = first_of(g); i < first_of(g + 1); i++) more &= insert_durable(i);
        if (more) send_group(g);
    }
    PQfinish(db);
}
