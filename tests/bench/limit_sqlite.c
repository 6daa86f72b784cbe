/* What SQLite can take: one thread, a prepared INSERT, and for each transaction what all senders have to
 * write; write-ahead log and synchronous=FULL, as hubd has them. */
#include <sqlite3.h>
#include <stdlib.h>

#include "insert.h"

static sqlite3 *db;

static void check(int rc, const char *what) {
    if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW) insert_fail(what, sqlite3_errmsg(db));
}

static void run(const char *sql) { check(sqlite3_exec(db, sql, NULL, NULL, NULL), sql); }

static void insert(sqlite3_stmt *st, const struct insert_row *r) {
    for (int i = 0; i < INSERT_COLUMNS; i++) {
        bool number = i == 9 || i == 10 || i == 13;
        if (number)
            sqlite3_bind_int64(st, i + 1, atoll(r->value[i]));
        else if (r->value[i])
            sqlite3_bind_text(st, i + 1, r->value[i], -1, SQLITE_STATIC);
        else
            sqlite3_bind_null(st, i + 1);
    }
    check(sqlite3_step(st), "INSERT");
    sqlite3_reset(st);
}

void insert_run(const char *where) {
    sqlite3_stmt *st;
    bool more = true;
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    check(sqlite3_open_v2(where, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL), "open");
    run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000");
    check(sqlite3_prepare_v2(db, INSERT_INTO "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", -1, &st, NULL), "prepare");
    while (more) {
        run("BEGIN IMMEDIATE");
        for (uint32_t i = 0; i < insert_senders; i++) insert_next(i), insert(st, &insert_rows[i]);
        run("COMMIT");
        for (uint32_t i = 0; i < insert_senders; i++) more &= insert_durable(i);
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
}
