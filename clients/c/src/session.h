/* Engine.IO 4 and Socket.IO 5 on a transport: one namespace, from the first byte to the last. It answers
 * heartbeats and misses them, puts binary packets together, and ends a line that does not speak the
 * protocol. */
#ifndef HUBC_SESSION_H
#define HUBC_SESSION_H
#include "packet.h"
#include "timer.h"

/* An event or an answer as it came. */
struct hubc_incoming {
    json_t *args;       /* an array; of an event without its name */
    const char *name;   /* NULL: an answer */
    int64_t id;         /* -1: none is expected */
    const char *binary; /* attachments, one behind the other; NULL: none */
    size_t binary_len;
};

/* Called at the top of a turn. After refused() and lost() the session is closed. */
struct hubc_session_events {
    void (*heard)(void *owner); /* something has come, whatever it is */
    void (*connected)(void *owner);
    void (*refused)(void *owner, const char *message, const json_t *data);
    void (*told)(void *owner, const struct hubc_incoming *event);
    void (*answered)(void *owner, const struct hubc_incoming *answer);
    void (*lost)(void *owner, const char *why);
};

struct hubc_session {
    const struct hubc_session_events *events;
    void *owner;
    struct hubc_transport *transport;
    struct hubc_timers *timers;
    char *nsp;
    json_t *auth; /* of CONNECT */
    bool greeted, connected;
    int64_t silence_ms;  /* after which the server is taken for gone */
    int64_t payload_max; /* bytes of a message that the server takes; 0: unknown */
    struct hubc_timer silence;
    struct hubc_packet partial; /* waits for attachments, when it has data */
    struct hubc_buf binary;
    size_t lengths[HUBC_ATTACHMENTS_MAX];
    unsigned have;
};

/* Sets the transport's events; once, before anything else. */
void hubc_session_prepare(struct hubc_session *s);
/* Begins a line. AUTH is taken over. */
void hubc_session_open(struct hubc_session *s, json_t *auth);
/* Ends it, and tells the server so when there is somebody to be told. Twice is fine. */
void hubc_session_close(struct hubc_session *s);
void hubc_session_free(struct hubc_session *s);

/* NULL, or the code why it was not sent: too_large, queue_full, disconnected. ARGS is an array with the
 * name of the event in front; ID -1: no answer. BINARY NULL: none, else ARGS has a placeholder for it. */
const char *hubc_session_emit(struct hubc_session *s, const json_t *args, int64_t id, const void *binary, size_t len);
/* Answers what was asked with ID. */
void hubc_session_answer(struct hubc_session *s, int64_t id, const json_t *answer);
#endif
