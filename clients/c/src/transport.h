/* The line below a client, as a table of functions: libwebsockets (transport_lws.h), and a fake one in
 * tests. It carries whole WebSocket messages, knows the time, and has one alarm. */
#ifndef HUBC_TRANSPORT_H
#define HUBC_TRANSPORT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HUBC_MESSAGE_MAX = 64 << 20, /* bytes of a message from the server, attachments together */
    HUBC_UNSENT_MAX = 16 << 20   /* bytes that may wait to be written */
};

/* Called at the top of a turn, never from inside a function of the table below. */
struct hubc_transport_events {
    void (*opened)(void *owner);
    /* DATA is NUL-terminated behind LEN. */
    void (*message)(void *owner, const char *data, size_t len, bool binary);
    /* The line is gone, or could not be had; once for each open() that was not followed by close(). */
    void (*closed)(void *owner, const char *why);
    void (*due)(void *owner);
};

struct hubc_transport;

struct hubc_transport_ops {
    /* Begins to connect; what was open must be closed. */
    void (*open)(struct hubc_transport *t);
    /* False: too much is waiting already, or there is no line. DATA is copied. */
    bool (*send)(struct hubc_transport *t, const void *data, size_t len, bool binary);
    /* Whether N bytes more may wait, in however many messages. */
    bool (*has_room)(struct hubc_transport *t, size_t n);
    /* Ends the line, opened or not; no event of it follows. */
    void (*close)(struct hubc_transport *t);
    int64_t (*now_ms)(struct hubc_transport *t); /* never goes back */
    /* Calls due() at that time or later, once; INT64_MAX: not at all. Replaces the time before. */
    void (*wake_at)(struct hubc_transport *t, int64_t at_ms);
    /* How long to wait before attempt N, from 0 on: FIRST_MS, doubled each time up to MOST_MS, and some
     * more by chance. */
    int64_t (*pace_ms)(struct hubc_transport *t, unsigned n, int first_ms, int most_ms);
    /* Waits for at most TIMEOUT_MS for something to happen, and tells it. */
    void (*service)(struct hubc_transport *t, int timeout_ms);
    void (*free)(struct hubc_transport *t);
};

struct hubc_transport {
    const struct hubc_transport_ops *ops;
    const struct hubc_transport_events *events; /* set by the owner before anything else is called */
    void *owner;
};
#endif
