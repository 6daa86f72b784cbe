/* Plain sockets: reads and writes are system calls. */
#include <errno.h>
#include <sys/socket.h>

#include "transport/transport_int.h"

static bool is_full_or_empty(void) { return errno == EAGAIN || errno == EWOULDBLOCK; }

static ssize_t read_plain(struct hub_link *c, char *p, size_t n) {
    ssize_t r;
    do r = recv(c->fd, p, n, 0);
    while (r < 0 && errno == EINTR);
    if (r >= 0) return r;
    return is_full_or_empty() ? HUB_IO_WANT_READ : HUB_IO_ERROR;
}

static ssize_t send_vectors(int fd, const struct iovec *iov, int n) {
    if (n == 1) return send(fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL);
    const struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)n};
    return sendmsg(fd, &m, MSG_NOSIGNAL);
}

static ssize_t write_plain(struct hub_link *c, const struct iovec *iov, int n) {
    ssize_t r;
    do r = send_vectors(c->fd, iov, n);
    while (r < 0 && errno == EINTR);
    if (r >= 0) return r;
    return is_full_or_empty() ? HUB_IO_WANT_WRITE : HUB_IO_ERROR;
}

static bool plain_has_more(const struct hub_link *c) {
    (void)c;
    return false; /* the kernel has it, and tells */
}

static void shutdown_plain(struct hub_link *c) { shutdown(c->fd, SHUT_WR); }
static void release_plain(struct hub_link *c) { (void)c; }

const struct hub_io hub_io_plain = {.name = "plain",
                                    .exact = true,
                                    .read = read_plain,
                                    .writev = write_plain,
                                    .has_more = plain_has_more,
                                    .shutdown = shutdown_plain,
                                    .release = release_plain};
