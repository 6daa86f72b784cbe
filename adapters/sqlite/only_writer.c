/* One owner: whoever serves a service holds locks on the database file, one for the service and one for
 * each table that counts a room's numbers. They are on the file itself, not on its name: links, relative
 * paths and mounts lead to the same ones. The kernel gives them back when the process ends, however it
 * ends. Who holds them is written into hubd_owner, for people. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "adapters/sql/hub_table.h"
#include "adapters/sqlite/sqlite_int.h"
#include "base/telemetry/log.h"
#include "base/time/clock.h"

/* Far behind what SQLite locks (from 1 GiB on) and what a file can hold. */
#define FIRST_BYTE ((off_t)1 << 61)

/* One lock per name; 61 bits of a fingerprint tell them apart. */
static struct flock lock_of(const char *name, short type) {
    off_t at = (off_t)(hub_fingerprint(HUB_FINGERPRINT, hub_cstr(name)) >> 3);
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = FIRST_BYTE + at, .l_len = 1};
}

/* Locks of the open file, not of the process: closing another descriptor of the file, as SQLite does,
 * leaves them alone. */
static int try_lock(int fd, const char *name) {
    struct flock lock = lock_of(name, F_WRLCK);
    return fcntl(fd, F_OFD_SETLK, &lock) ? errno : 0;
}

static void unlock_all(int fd) {
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = FIRST_BYTE, .l_len = 0};
    fcntl(fd, F_OFD_SETLK, &lock);
}

/* ---- what is claimed ---- */

/* Table names that differ in nothing but letters' case are one to SQLite. */
static void add_table_lock(struct hub_buf *out, const struct hub_table *t) {
    size_t from = out->n + 6;
    hub_buf_addf(out, "table %s", t->table);
    for (size_t k = from; k < out->n; k++)
        if (out->p[k] >= 'A' && out->p[k] <= 'Z') out->p[k] |= 32;
}

/* The name of the I-th lock into OUT; false when there are no more. */
static bool lock_name(const struct sqlite_store *s, size_t *i, struct hub_buf *out) {
    hub_buf_clear(out);
    while (*i && *i <= s->table_n && !hub_sql_is_a_hubs(s->tables[*i - 1])) ++*i;
    if (*i > s->table_n) return false;
    if (*i == 0)
        hub_buf_addf(out, "service %s", s->service);
    else
        add_table_lock(out, s->tables[*i - 1]);
    hub_buf_cstr(out);
    ++*i;
    return true;
}

static enum hub_code open_writer(struct sqlite_store *s, struct hub_err *err) {
    return s->writer.db ? HUB_OK : hub_sqlite_conn_open(&s->writer, &s->options, false, err);
}

/* ---- by which name ---- */

/* SQLite keeps its log beside the name by which it opened the file. By a hard link, or after a move that left
 * the log behind, it would begin another log, and what only the first one holds would be missing. So the
 * file carries the name by which it is served, behind its inode: a copy has the attribute as well, and is not
 * what was served by that name. */
#define NAME_ATTRIBUTE "user.hubd.path"
#define NAME_MAX_LEN (PATH_MAX + 24)

/* "INODE PATH". */
static void name_of(ino_t inode, const char *path, struct hub_buf *out) {
    hub_buf_addf(out, "%llu %s", (unsigned long long)inode, path);
}

/* The name that FILE carries; false: none, or the file system keeps no such attributes. */
static bool carried_name(const char *file, char name[PATH_MAX]) {
    char value[NAME_MAX_LEN], *path;
    struct stat st;
    ssize_t n = getxattr(file, NAME_ATTRIBUTE, value, sizeof value - 1);
    if (n <= 0 || stat(file, &st)) return false;
    value[n] = 0;
    unsigned long long inode = strtoull(value, &path, 10);
    if (inode != st.st_ino || *path != ' ') return false;
    snprintf(name, PATH_MAX, "%s", path + 1);
    return true;
}

static bool has_log(const char *name) {
    struct hub_buf log = {0};
    struct stat st;
    hub_buf_addf(&log, "%s-wal", name);
    bool has = !stat(hub_buf_cstr(&log), &st) && st.st_size > 0;
    hub_buf_free(&log);
    return has;
}

static bool is_same_file(const char *a, const char *b) {
    struct stat x, y;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Goes by the name that has the log, if that is another one. */
static void choose_name(struct sqlite_store *s) {
    char name[PATH_MAX];
    if (!carried_name(s->options.path, name) || !has_log(name) || !is_same_file(name, s->options.path)) return;
    char *ours = realpath(s->options.path, NULL);
    if (ours && strcmp(ours, name) != 0) {
        hub_logf(HUB_LOG_INFO, "store", "sqlite:%s: opened as %s, another name (link) of the file, where its log is",
                 s->options.path, name);
        free(s->options.path);
        s->options.path = hub_xstrdup(name);
    }
    free(ours);
}

/* Moved without its log: that holds what was acknowledged last. */
static enum hub_code check_log_is_here(const struct sqlite_store *s, struct hub_err *err) {
    char name[PATH_MAX];
    struct stat st;
    if (!carried_name(s->options.path, name) || !has_log(name) || !stat(name, &st) || errno != ENOENT) return HUB_OK;
    return hub_fail(err, HUB_STORE_UNAVAILABLE,
                    "sqlite:%s: this file was %s, and what was last written to it is still in %s-wal; move that "
                    "beside it too, as %s-wal",
                    s->options.path, name, name, s->options.path);
}

static void carry_name(const struct sqlite_store *s) {
    char was[PATH_MAX];
    struct stat st;
    struct hub_buf name = {0};
    char *ours = realpath(s->options.path, NULL);
    bool carried = ours && carried_name(ours, was) && !strcmp(was, ours);
    if (ours && !carried && !fstat(s->claim_fd, &st)) {
        name_of(st.st_ino, ours, &name);
        if (fsetxattr(s->claim_fd, NAME_ATTRIBUTE, name.p, name.n, 0) && st.st_nlink > 1)
            hub_logf(HUB_LOG_WARN, "store",
                     "sqlite:%s: the file has %lu names (hard links), and SQLite's log is beside the one by which it "
                     "was opened: use no other, or what a killed process wrote last is lost",
                     s->options.path, (unsigned long)st.st_nlink);
    }
    hub_buf_free(&name);
    free(ours);
}

/* ---- who has it ---- */

/* It must not be opened by a name that may not be the one with the log, not even to read who has it. */
static bool is_its_name(const struct sqlite_store *s) {
    char name[PATH_MAX];
    struct stat st;
    if (!carried_name(s->options.path, name)) return !fstat(s->claim_fd, &st) && st.st_nlink == 1;
    char *ours = realpath(s->options.path, NULL);
    bool is = ours && !strcmp(ours, name);
    free(ours);
    return is;
}

static void say_holder(struct sqlite_store *s, const char *name) {
    sqlite3_stmt *st = NULL;
    struct hub_err err;
    bool may_read = is_its_name(s);
    int n = snprintf(s->contested, sizeof s->contested, "%.80s of this file is served by another process%s", name,
                     may_read ? "" : ", by another name (hard link) of the file");
    if (!may_read || open_writer(s, &err)) return;
    s->writer.deadline = hub_real_ms() + 100;
    if (sqlite3_prepare_v2(s->writer.db, "SELECT service, pid, host, since FROM hubd_owner WHERE name = ?1", -1, &st,
                           NULL) == SQLITE_OK) {
        sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
        if (sqlite3_step(st) == SQLITE_ROW && n > 0)
            snprintf(s->contested + n, sizeof s->contested - (size_t)n,
                     ": service %.60s, pid %lld on host %.64s, since %.24s", (const char *)sqlite3_column_text(st, 0),
                     (long long)sqlite3_column_int64(st, 1), (const char *)sqlite3_column_text(st, 2),
                     (const char *)sqlite3_column_text(st, 3));
    }
    sqlite3_finalize(st);
    s->writer.deadline = 0;
}

#define OWNER_TABLE                                                                                                    \
    "CREATE TABLE IF NOT EXISTS hubd_owner (name TEXT PRIMARY KEY, service TEXT NOT NULL, pid INTEGER NOT NULL, host " \
    "TEXT NOT NULL, "                                                                                                  \
    "since TEXT NOT NULL) WITHOUT ROWID"

static bool write_owner(struct sqlite_store *s, const char *name, const char *host, const char *since) {
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(s->writer.db, "INSERT OR REPLACE INTO hubd_owner VALUES (?1, ?2, ?3, ?4, ?5)", -1, &st,
                           NULL) != SQLITE_OK)
        return false;
    sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, s->service, -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 3, getpid());
    sqlite3_bind_text(st, 4, host, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 5, since, -1, SQLITE_STATIC);
    bool done = sqlite3_step(st) == SQLITE_DONE;
    sqlite3_finalize(st);
    return done;
}

bool hub_sqlite_sign(struct sqlite_store *s) {
    char host[65] = "?", since[HUB_ISO_LEN + 1];
    struct hub_buf name = {0};
    bool ok = !s->claimed || hub_sqlite_exec(&s->writer, OWNER_TABLE) == SQLITE_OK;
    gethostname(host, sizeof host - 1);
    hub_iso_format(hub_clock_wall_ms(s->clock), since);
    for (size_t i = 0; ok && s->claimed && lock_name(s, &i, &name);)
        ok = write_owner(s, hub_buf_cstr(&name), host, since);
    hub_buf_free(&name);
    return ok;
}

/* ---- the claim ---- */

/* A file system without such locks: everything works, and nobody is watched over. */
static enum hub_code cannot_lock(struct sqlite_store *s, int error, struct hub_err *err) {
    hub_logf(
        HUB_LOG_WARN, "store",
        "sqlite:%s: this file system has no locks (%s): see to it yourself that one process at a time serves the file",
        s->options.path, strerror(error));
    if (!s->claimed) s->claimed = true;
    return open_writer(s, err);
}

static enum hub_code refuse_contested(struct sqlite_store *s, const char *name, struct hub_err *err) {
    if (!s->claimed) unlock_all(s->claim_fd); /* all or nothing, so that two do not wait for each other */
    say_holder(s, name);
    return hub_fail(err, HUB_CONFLICT, "sqlite:%s: %s", s->options.path, s->contested);
}

/* The owner before may have gone by another name until just now. */
static enum hub_code take_over(struct sqlite_store *s, struct hub_err *err) {
    if (!s->writer.db) choose_name(s);
    enum hub_code code = check_log_is_here(s, err);
    if (!code) carry_name(s);
    return code;
}

enum hub_code hub_sqlite_claim(struct sqlite_store *s, struct hub_err *err) {
    struct hub_buf name = {0};
    enum hub_code code = HUB_OK;
    int error = 0;
    if (s->options.path && !s->writer.db) choose_name(s);
    if (!s->owner || !s->options.path) return open_writer(s, err);
    if (s->claim_fd < 0) s->claim_fd = open(s->options.path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (s->claim_fd < 0) return open_writer(s, err); /* it says why not */
    for (size_t i = 0; !code && !error && lock_name(s, &i, &name);) {
        error = try_lock(s->claim_fd, hub_buf_cstr(&name));
        if (error == EAGAIN || error == EACCES) code = refuse_contested(s, hub_buf_cstr(&name), err);
    }
    hub_buf_free(&name);
    if (!code && error) return cannot_lock(s, error, err);
    if (code) return code;
    if (!s->claimed) code = take_over(s, err);
    if (code) return code;
    if (s->contested[0] && !s->claimed)
        hub_logf(HUB_LOG_INFO, "store", "sqlite:%s: the other process has ended; taking over", s->options.path);
    s->contested[0] = 0;
    if (!s->claimed) s->claimed = true; /* else other loops may be reading it */
    return open_writer(s, err);
}

/* ---- is it still the file? ---- */

const char *hub_sqlite_lost_file(const struct sqlite_store *s) {
    struct stat ours, there;
    if (s->claim_fd < 0 || fstat(s->claim_fd, &ours)) return NULL;
    if (stat(s->options.path, &there))
        return errno == ENOENT
                   ? "the file has been removed while hubd was running; put it back, or restart hubd to begin a new one"
                   : NULL;
    if (ours.st_dev == there.st_dev && ours.st_ino == there.st_ino) return NULL;
    return "another file has been put in its place while hubd was running; restart hubd";
}

/* ---- a reload that was refused ---- */

static bool is_ours(const struct sqlite_store *s, const struct hub_str lock) {
    struct hub_buf name = {0};
    bool found = false;
    for (size_t i = 0; !found && lock_name(s, &i, &name);) found = hub_str_eq(hub_buf_str(&name), lock);
    hub_buf_free(&name);
    return found;
}

void hub_sqlite_let_go(struct sqlite_store *s, const struct hub_table *const *tables, size_t n) {
    struct hub_buf name = {0};
    for (size_t i = 0; s->claim_fd >= 0 && i < n; i++) {
        hub_buf_clear(&name);
        add_table_lock(&name, tables[i]);
        struct flock lock = lock_of(hub_buf_cstr(&name), F_UNLCK);
        if (hub_sql_is_a_hubs(tables[i]) && !is_ours(s, hub_buf_str(&name))) fcntl(s->claim_fd, F_OFD_SETLK, &lock);
    }
    hub_buf_free(&name);
}
