/* A real redis-server for a test: on a free port, with its data in a folder of its own, stopped with the
 * test whatever becomes of it. */
#ifndef HUB_TESTS_REDIS_SERVER_H
#define HUB_TESTS_REDIS_SERVER_H
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "leave_nothing.h"

struct redis_server {
    pid_t pid; /* 0: not running */
    int port;
    char dir[64];
};

static inline int redis_dial(int port) {
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
    close(fd);
    return -1;
}

/* One that the kernel does not give to outgoing connections, so that nobody takes it while the server is
 * away. */
static inline int redis_free_port(void) {
    for (;;) {
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        a.sin_port = htons((uint16_t)(10000 + arc4random_uniform(20000)));
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool is_free = bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
        close(fd);
        if (is_free) return ntohs(a.sin_port);
    }
}

/* One command in the inline form; waits for the first bytes of the reply. False: nobody answers. */
static inline bool redis_tell_as(const struct redis_server *r, const char *commands, char *reply, size_t size) {
    int fd = redis_dial(r->port);
    if (fd < 0) return false;
    bool good = write(fd, commands, strlen(commands)) == (ssize_t)strlen(commands);
    ssize_t n = good ? read(fd, reply, size - 1) : -1;
    reply[n > 0 ? n : 0] = 0;
    close(fd);
    return n > 0;
}

static inline void redis_tell(const struct redis_server *r, const char *command) {
    char reply[256], line[512];
    snprintf(line, sizeof line, "%s\r\n", command);
    if (!redis_tell_as(r, line, reply, sizeof reply) || reply[0] == '-') {
        fprintf(stderr, "redis: %s: %s\n", command, reply);
        abort();
    }
}

/* Starts it (again, on the same port) with further OPTIONS, NULL-terminated; returns when it answers.
 * False: there is no redis-server here. */
static inline bool redis_start(struct redis_server *r, const char *const *options) {
    char port[16], reply[256];
    if (!r->port) {
        snprintf(r->dir, sizeof r->dir, "/tmp/hubd-redis-XXXXXX");
        if (!mkdtemp(r->dir)) abort();
        leave_nothing(r->dir);
        r->port = redis_free_port();
    }
    snprintf(port, sizeof port, "%d", r->port);
    r->pid = fork();
    if (!r->pid) {
        const char *args[48] = {"redis-server", "--bind", "127.0.0.1", "--port",      port, "--dir",
                                r->dir,         "--save", "",          "--daemonize", "no"};
        size_t n = 11;
        while (options && *options && n < 46) args[n++] = *options++;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int quiet = open("/dev/null", O_WRONLY);
        dup2(quiet, 1);
        execvp(args[0], (char *const *)(uintptr_t)args);
        _exit(127);
    }
    for (int tries = 0; tries < 1000; tries++) {
        int status;
        if (redis_tell_as(r, "PING\r\n", reply, sizeof reply)) return true;
        if (waitpid(r->pid, &status, WNOHANG) == r->pid) {
            r->pid = 0;
            return false;
        }
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    abort();
}

static inline void redis_signal(const struct redis_server *r, int signo) { kill(r->pid, signo); }

static inline void redis_kill(struct redis_server *r) {
    if (!r->pid) return;
    kill(r->pid, SIGKILL);
    waitpid(r->pid, NULL, 0);
    r->pid = 0;
}

/* Stops it and removes its folder (which holds a dump at most). */
static inline void redis_remove(struct redis_server *r) {
    char path[96];
    redis_kill(r);
    if (!r->port) return;
    snprintf(path, sizeof path, "%s/dump.rdb", r->dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/appendonlydir", r->dir);
    rmdir(path);
    rmdir(r->dir);
    r->port = 0;
}
#endif
