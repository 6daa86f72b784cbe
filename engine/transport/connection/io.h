/* How bytes cross the socket of a link: one table of functions for plain sockets, one for TLS. The link
 * (link.c) decides when to read, what to write and what to wait for; it knows only this table, so that
 * another way of crossing is one more table.
 *
 * Everything is called on the loop thread with a link whose socket is open and non-blocking. Nothing here
 * calls back, closes the socket or ends the link: that is done by whoever called, by what is returned. */
#ifndef HUB_TRANSPORT_IO_H
#define HUB_TRANSPORT_IO_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

struct hub_link;

/* What read and writev return instead of a number of bytes. */
enum {
    HUB_IO_EOF = 0,         /* the peer sends no more; of a read only */
    HUB_IO_WANT_READ = -1,  /* not now: once the socket is readable */
    HUB_IO_WANT_WRITE = -2, /* not now: once the socket is writable */
    HUB_IO_ERROR = -3       /* for good; why is in the log where it is worth it */
};

struct hub_io {
    const char *name;
    bool secure; /* nobody on the way can read along */
    /* A short count of a write says that the socket takes no more for now. Otherwise only HUB_IO_WANT_… says
     * so. */
    bool exact;
    /* 0: writev takes many vectors, and may be given others after HUB_IO_WANT_…. Otherwise it takes one, and
     * after HUB_IO_WANT_… the same bytes again: up to so many of the queue are put into one buffer first,
     * where they stay until they were written. */
    size_t flat;
    /* Up to N bytes to P: their number, or one of the above. After fewer than N, without has_more, nothing
     * more comes before the socket is readable again. An end or an error behind bytes that were read is told
     * by the next call. */
    ssize_t (*read)(struct hub_link *c, char *p, size_t n);
    /* Writes some of what N vectors hold, N > 0: the number of bytes, never 0, or one of the above. */
    ssize_t (*writev)(struct hub_link *c, const struct iovec *iov, int n);
    /* After a read: whether another one may bring something of which the socket will not tell again. */
    bool (*has_more)(const struct hub_link *c);
    void (*shutdown)(struct hub_link *c); /* tells the peer that no more comes; does not wait */
    void (*release)(struct hub_link *c);  /* frees what it keeps of the link, which is called no more */
};

extern const struct hub_io hub_io_plain; /* plain.c */
extern const struct hub_io hub_io_tls;   /* tls.c */
#endif
