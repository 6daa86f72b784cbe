/* Listening sockets: binding, accepting in batches, and standing still while there are no descriptors
 * left. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/telemetry/log.h"
#include "transport/transport_int.h"

#define ACCEPT_BATCH 128
#define SAME_PORT_TRIES 20      /* to find a port that is free in both families */
#define FILE_MODE 0660          /* of a socket file: whoever shall connect is in its group */
#define FD_HEADROOM 64          /* descriptors kept for stores, logs and files */
#define UNSENT_IN_KERNEL 262144 /* beyond this, unsent bytes stay in our own bounded queue */

/* As many descriptors as this process may have, within reason. */
static size_t raise_descriptor_limit(void) {
    struct rlimit lim;
    if (getrlimit(RLIMIT_NOFILE, &lim) != 0) return 1024;
    rlim_t want = lim.rlim_max > 1048576 ? 1048576 : lim.rlim_max;
    if (lim.rlim_cur < want) {
        rlim_t had = lim.rlim_cur;
        lim.rlim_cur = want;
        if (setrlimit(RLIMIT_NOFILE, &lim) != 0) lim.rlim_cur = had;
    }
    return lim.rlim_cur > 1048576 ? 1048576 : (size_t)lim.rlim_cur;
}

/* Accepted sockets inherit these. */
static void set_options(int fd, int family) {
    int on = 1, off = 0, unsent = UNSENT_IN_KERNEL;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    if (family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
}

static void set_port(struct sockaddr *a, int port) {
    uint16_t p = htons((uint16_t)port);
    if (a->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)a)->sin6_port = p;
    else
        ((struct sockaddr_in *)(void *)a)->sin_port = p;
}

static int bound_port(int fd) {
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n) != 0) return 0;
    if (a.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)(void *)&a)->sin6_port);
    return ntohs(((struct sockaddr_in *)(void *)&a)->sin_port);
}

/* Sockets that share a port would do so with another process of this user, too: one that shares it with
 * nobody finds out whether it is free. 0, or errno. */
static int look_for_others(const struct addrinfo *a) {
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return errno;
    set_options(fd, a->ai_family);
    int e = bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 1) == 0 ? 0 : errno;
    close(fd);
    return e;
}

/* A listening socket for A, or -1 with errno. */
static int listen_at(const struct hub_transport *t, const struct addrinfo *a) {
    int on = 1, taken = t->cfg.shares_port && !t->cfg.beside ? look_for_others(a) : 0;
    int fd = taken ? -1 : socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (taken) errno = taken;
    if (fd < 0) return -1;
    set_options(fd, a->ai_family);
    if (t->cfg.shares_port) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 4096) == 0) return fd;
    int e = errno;
    close(fd);
    errno = e;
    return -1;
}

/* ---- accepting ---- */

static void watch_listeners(struct hub_transport *t, bool on) {
    t->accepting = on;
    for (int i = 0; i < t->listener_n; i++) hub_watch_set(t->loop, t->listeners[i].watch, on ? HUB_READABLE : 0);
}

void hub_listen_resume(struct hub_transport *t) {
    if (t->accepting || t->link_n >= t->max_links) return;
    hub_timer_stop(t->loop, &t->accept_retry);
    watch_listeners(t, true);
}

static void on_retry(struct hub_timer *timer) {
    hub_listen_resume(HUB_CONTAINER(timer, struct hub_transport, accept_retry));
}

/* Out of descriptors: a listener that stays readable would turn the loop without rest. */
static void pause_accepting(struct hub_transport *t, const char *why) {
    watch_listeners(t, false);
    hub_timer_start(t->loop, &t->accept_retry, 1000, on_retry);
    if (t->accept_warned && hub_loop_now(t->loop) - t->accept_warned < 10000) return;
    t->accept_warned = hub_loop_now(t->loop);
    hub_logf(HUB_LOG_WARN, "transport", "not accepting for now, %zu connections are open: %s", t->link_n, why);
}

static void on_acceptable(void *arg, int events) {
    (void)events;
    struct hub_listener *l = arg;
    struct hub_transport *t = l->t;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        if (t->link_n >= t->max_links) {
            pause_accepting(t, "the limit of open files is reached");
            return;
        }
        struct sockaddr_storage peer;
        socklen_t n = sizeof peer;
        int fd = accept4(l->fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            hub_link_new(t, fd, (struct sockaddr *)&peer);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_accepting(t, strerror(errno));
            return;
        }
        /* Anything else concerns one connection that went away before we took it. */
    }
}

/* ---- opening and closing ---- */

static bool is_file(const struct hub_transport *t) { return strncmp(t->cfg.host, "unix:", 5) == 0; }

void hub_transport_adopt(struct hub_transport *t, int fd) {
    const struct sockaddr peer = {.sa_family = AF_UNIX};
    hub_link_new(t, fd, &peer);
}

static bool add_listener(struct hub_transport *t, int fd) {
    struct hub_listener *l = &t->listeners[t->listener_n];
    *l = (struct hub_listener){.t = t, .fd = fd, .watch = hub_watch_new(t->loop, fd, on_acceptable, l)};
    if (!l->watch) return false;
    t->listener_n++;
    if (!is_file(t)) t->port = bound_port(fd);
    return true;
}

static enum hub_code fail_to_listen(struct hub_transport *t, struct hub_err *err, const char *why) {
    hub_listen_close(t);
    if (is_file(t)) return hub_fail(err, HUB_INTERNAL, "cannot listen on %s: %s", t->cfg.host, why);
    return hub_fail(err, HUB_INTERNAL, "cannot listen on %s:%d: %s", t->cfg.host, t->cfg.port, why);
}

/* An address family that this machine lacks is no failure while another address works. */
static bool is_missing_family(int e) { return e == EADDRNOTAVAIL || e == EAFNOSUPPORT; }

/* Every address of HOST at T's port, which the first one may choose. 0, errno, or -1 with *why. */
static int listen_to(struct hub_transport *t, const char *host, const char **why) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found = NULL;
    int e = getaddrinfo(host, "0", &hints, &found), failed = 0;
    if (e) return *why = gai_strerror(e), -1;
    for (struct addrinfo *a = found; a && t->listener_n < HUB_MAX_LISTENERS; a = a->ai_next) {
        set_port(a->ai_addr, t->port);
        int fd = listen_at(t, a);
        if (fd < 0) {
            failed = errno;
            if (!is_missing_family(failed)) break;
        } else if (!add_listener(t, fd)) {
            close(fd);
        } else {
            failed = 0;
        }
    }
    freeaddrinfo(found);
    return t->listener_n && is_missing_family(failed) ? 0 : failed;
}

/* "localhost" is both families whatever the resolver knows of it: browsers try ::1 first, other programs
 * 127.0.0.1. */
static int listen_to_localhost(struct hub_transport *t, const char **why) {
    int failed = 0;
    for (int i = 0; i < SAME_PORT_TRIES; i++) {
        t->port = t->cfg.port;
        failed = listen_to(t, "127.0.0.1", why);
        if (!failed) failed = listen_to(t, "::1", why);
        if (failed != EADDRINUSE || t->cfg.port) break;
        hub_listen_close(t); /* a free port of one family may be taken in the other */
    }
    return failed;
}

static enum hub_code open_ports(struct hub_transport *t, struct hub_err *err) {
    struct hub_str host = hub_cstr(t->cfg.host);
    const char *why = NULL;
    char plain[256];
    bool brackets = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    snprintf(plain, sizeof plain, "%.*s", (int)(host.n - 2 * brackets), host.p + brackets);
    t->port = t->cfg.port;
    int failed =
        hub_str_eq_nocase(host, HUB_STR("localhost")) ? listen_to_localhost(t, &why) : listen_to(t, plain, &why);
    return failed || !t->listener_n ? fail_to_listen(t, err, why ? why : strerror(failed)) : HUB_OK;
}

/* ---- the socket file ---- */

static const char no_socket[] = "there is a file of that name that is no socket";

/* 0, or why nothing can be made at PATH. */
static int folder_fault(const char *path) {
    char folder[sizeof((struct sockaddr_un *)0)->sun_path];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = 0;
    struct stat st;
    if (stat(slash ? folder : ".", &st) != 0) return errno;
    if (!S_ISDIR(st.st_mode)) return ENOTDIR;
    return access(slash ? folder : ".", W_OK | X_OK) == 0 ? 0 : errno;
}

enum hub_code hub_transport_check_file(const struct hub_transport_config *config, struct hub_err *err) {
    struct stat st;
    const char *path = config->host + 5;
    if (strncmp(config->host, "unix:", 5) != 0) return HUB_OK;
    int fault = folder_fault(path);
    const char *why = fault ? strerror(fault) : lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode) ? no_socket : NULL;
    return why ? hub_fail(err, HUB_INTERNAL, "cannot listen on %s: %s", config->host, why) : HUB_OK;
}

/* What a process that was killed left behind is removed; what is used by another, or is no socket, stays.
 * NULL when the path is free. */
static const char *clear_path(const struct sockaddr_un *a) {
    struct stat st;
    if (lstat(a->sun_path, &st) != 0) return errno == ENOENT ? NULL : strerror(errno);
    if (!S_ISSOCK(st.st_mode)) return no_socket;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return strerror(errno);
    int e = connect(fd, (const struct sockaddr *)a, sizeof *a) == 0 ? 0 : errno;
    close(fd);
    if (e == 0 || e == EAGAIN) return "another process listens there";
    if (e != ECONNREFUSED) return strerror(e);
    return unlink(a->sun_path) == 0 || errno == ENOENT ? NULL : strerror(errno);
}

static enum hub_code open_file(struct hub_transport *t, struct hub_err *err) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct stat st;
    if (strlen(t->cfg.host + 5) >= sizeof a.sun_path) return fail_to_listen(t, err, strerror(ENAMETOOLONG));
    strcpy(a.sun_path, t->cfg.host + 5);
    const char *why = clear_path(&a);
    if (why) return fail_to_listen(t, err, why);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return fail_to_listen(t, err, strerror(errno));
    fchmod(fd, FILE_MODE); /* what bind() makes it with, less the umask: never wider, not even for a moment */
    bool open =
        bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && chmod(a.sun_path, FILE_MODE) == 0 && listen(fd, 4096) == 0;
    if (!open || stat(a.sun_path, &st) != 0) {
        int e = errno;
        close(fd);
        return fail_to_listen(t, err, strerror(e));
    }
    t->file = (struct hub_socket_file){.path = t->cfg.host + 5, .device = st.st_dev, .inode = st.st_ino};
    if (add_listener(t, fd)) return HUB_OK;
    close(fd);
    return fail_to_listen(t, err, "the event loop does not take it");
}

/* Only while it is still ours: another process may have taken over the path. */
static void remove_file(struct hub_transport *t) {
    struct stat st;
    const char *path = t->file.path;
    t->file.path = NULL;
    if (path && lstat(path, &st) == 0 && st.st_dev == t->file.device && st.st_ino == t->file.inode) unlink(path);
}

/* A socket file has one socket, whose connections go to whoever takes them first. */
static enum hub_code share_file(struct hub_transport *t, struct hub_err *err) {
    const struct hub_transport *beside = t->cfg.beside;
    int fd = beside->listener_n ? fcntl(beside->listeners[0].fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (fd < 0) return fail_to_listen(t, err, beside->listener_n ? strerror(errno) : "nobody listens there any more");
    if (add_listener(t, fd)) return HUB_OK;
    close(fd);
    return fail_to_listen(t, err, "the event loop does not take it");
}

enum hub_code hub_listen_open(struct hub_transport *t, struct hub_err *err) {
    size_t descriptors = raise_descriptor_limit();
    t->max_links = descriptors > 2 * FD_HEADROOM ? descriptors - FD_HEADROOM : descriptors / 2;
    if (!t->cfg.host) return HUB_OK;
    enum hub_code code = !is_file(t) ? open_ports(t, err) : t->cfg.beside ? share_file(t, err) : open_file(t, err);
    if (!code) watch_listeners(t, true);
    return code;
}

void hub_listen_close(struct hub_transport *t) {
    hub_timer_stop(t->loop, &t->accept_retry);
    for (int i = 0; i < t->listener_n; i++) {
        hub_watch_close(t->loop, t->listeners[i].watch);
        close(t->listeners[i].fd);
    }
    t->listener_n = 0;
    t->accepting = false;
    remove_file(t);
}
