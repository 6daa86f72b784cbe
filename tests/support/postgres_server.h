/* A PostgreSQL server of the test's own: data in a temporary folder, a port of its own, gone with the
 * test. */
#ifndef HUB_TESTS_POSTGRES_SERVER_H
#define HUB_TESTS_POSTGRES_SERVER_H
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "leave_nothing.h"

struct postgres_server {
    char bin[128], folder[64];
    int port;
    pid_t pid;
};

/* Where Debian keeps the programs: the newest version. */
static inline bool postgres_find(struct postgres_server *s) {
    glob_t g;
    bool found = glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &g) == 0;
    if (found)
        snprintf(s->bin, sizeof s->bin, "%.*s", (int)(strlen(g.gl_pathv[g.gl_pathc - 1]) - strlen("/postgres")),
                 g.gl_pathv[g.gl_pathc - 1]);
    globfree(&g);
    return found;
}

/* The server refuses to run as root. */
static inline void postgres_become_user(void) {
    const struct passwd *p = geteuid() == 0 ? getpwnam("postgres") : NULL;
    if (p && (setgroups(0, NULL) || setgid(p->pw_gid) || setuid(p->pw_uid))) _exit(126);
}

static inline pid_t postgres_spawn(const struct postgres_server *s, const char *program, char **args) {
    char path[192], log[96];
    pid_t parent = getpid(), pid = fork();
    if (pid) return pid;
    postgres_become_user();
    prctl(PR_SET_PDEATHSIG, SIGQUIT); /* to the postmaster: stop at once, with all its processes */
    if (getppid() != parent || chdir(s->folder))
        _exit(126); /* where we are may be closed to that user, and initdb insists on knowing where it is */
    snprintf(path, sizeof path, "%s/%s", s->bin, program);
    snprintf(log, sizeof log, "%s/log", s->folder);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    for (int i = 3; i < 1024; i++) close(i);
    args[0] = path; /* a bare name would be looked for in PATH, where Debian does not put it */
    execv(path, args);
    _exit(127);
}

/* Below those that the kernel gives to outgoing connections, one of which may come between two looks, or
 * even connect to itself. */
static inline int postgres_free_port(void) {
    for (;;) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        a.sin_port = htons((uint16_t)(10000 + arc4random_uniform(20000)));
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool is_free = bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
        close(fd);
        if (is_free) return ntohs(a.sin_port);
    }
}

static inline void postgres_url(const struct postgres_server *s, const char *database, char *out, size_t n) {
    snprintf(out, n, "postgresql://postgres@127.0.0.1:%d/%s", s->port, database);
}

/* Waits for the server to take connections; false when it has ended. */
static inline bool postgres_wait(struct postgres_server *s) {
    char where[128];
    postgres_url(s, "postgres", where, sizeof where);
    for (int i = 0; i < 600; i++) {
        PGPing answer = PQping(where);
        usleep(answer == PQPING_OK ? 1000 : 50000);
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid) { /* so whoever answered is another one */
            s->pid = 0;
            return false;
        }
        if (answer == PQPING_OK) return true;
    }
    return false;
}

static inline bool postgres_run(struct postgres_server *s) {
    char port[16], data[96];
    snprintf(port, sizeof port, "%d", s->port);
    snprintf(data, sizeof data, "%s/data", s->folder);
    char *args[] = {"postgres",
                    "-D",
                    data,
                    "-p",
                    port,
                    "-k",
                    s->folder,
                    "-c",
                    "listen_addresses=127.0.0.1",
                    "-c",
                    "fsync=off",
                    "-c",
                    "max_connections=60",
                    "-c",
                    "shared_buffers=32MB",
                    NULL};
    s->pid = postgres_spawn(s, "postgres", args);
    return postgres_wait(s);
}

/* False, with REASON, where there is no PostgreSQL. */
static inline bool postgres_start(struct postgres_server *s, const char **reason) {
    char data[96];
    int status;
    *reason = "PostgreSQL's server is not installed (Debian package postgresql)";
    if (!postgres_find(s)) return false;
    snprintf(s->folder, sizeof s->folder, "/tmp/hubd-postgres-XXXXXX");
    *reason = "the server could not be started";
    if (!mkdtemp(s->folder)) return false;
    leave_nothing(s->folder);
    const struct passwd *p = geteuid() == 0 ? getpwnam("postgres") : NULL;
    if (p && chown(s->folder, p->pw_uid, p->pw_gid)) return false;
    snprintf(data, sizeof data, "%s/data", s->folder);
    char *args[] = {"initdb", "-D",   data,         "-A", "trust", "-U", "postgres", "-N", "--no-instructions",
                    "-E",     "UTF8", "--locale=C", NULL};
    pid_t pid = postgres_spawn(s, "initdb", args);
    if (waitpid(pid, &status, 0) != pid || status) return false;
    for (int tries = 0; tries < 20; tries++) {
        s->port = postgres_free_port();
        if (postgres_run(s)) return true;
    }
    return false;
}

/* SIGQUIT: at once, as a crash; SIGINT: in order. Waits for its end. */
static inline void postgres_halt(struct postgres_server *s, int signo) {
    if (s->pid <= 0) return;
    kill(s->pid, signo);
    kill(s->pid, SIGCONT);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

static inline void postgres_stop(struct postgres_server *s) {
    char command[128];
    postgres_halt(s, SIGQUIT);
    if (!s->folder[0]) return;
    snprintf(command, sizeof command, "rm -rf --one-file-system %s", s->folder);
    if (system(command)) perror("rm");
}

/* One statement as an administrator, on a connection of its own. The first value of the result goes to
 * OUT, which may be NULL. */
static inline bool postgres_sql(const struct postgres_server *s, const char *database, const char *sql, char *out,
                                size_t n) {
    char where[128];
    postgres_url(s, database, where, sizeof where);
    PGconn *pg = PQconnectdb(where);
    PGresult *r = PQexec(pg, sql);
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK;
    if (!ok) fprintf(stderr, "%s: %s", sql, PQerrorMessage(pg));
    if (out) snprintf(out, n, "%s", ok && PQntuples(r) ? PQgetvalue(r, 0, 0) : "");
    PQclear(r);
    PQfinish(pg);
    return ok;
}
#endif
