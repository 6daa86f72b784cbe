/* A client of one hub of hubd, over one connection that comes back by itself.
 *
 * No globals, no threads of its own: every function and every callback runs on the thread that services the
 * client. JSON arguments are borrowed (the client takes its own reference); what a callback gets is borrowed
 * and ends with the callback. Strings are UTF-8 and copied. A callback may call anything but
 * hubd_client_free. Every answer callback is called exactly once, never from inside the function that asked,
 * and with an error (closed) at the latest in hubd_client_close or hubd_client_free. Times are milliseconds.
 * Memory that runs out ends the process (abort).
 *
 * What libwebsockets does to the process: SIGPIPE is ignored, and its log is switched off if nobody has set
 * it. */
#ifndef HUBD_CLIENT_H
#define HUBD_CLIENT_H
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#ifndef HUBD_API
#define HUBD_API
#endif

struct hubd_client;

enum hubd_state {
    HUBD_CONNECTING, /* the first time; on_state tells what comes after it */
    HUBD_CONNECTED,
    HUBD_RECOVERING,   /* the connection was lost, or refused for now; another is tried, with growing pauses */
    HUBD_DRAINING,     /* the server is about to stop, and has said when to come back */
    HUBD_UNAUTHORIZED, /* two tokens in a row were refused: nothing is tried until hubd_client_token */
    HUBD_SUPERSEDED,   /* another connection has this client_id; nothing is tried any more */
    HUBD_CLOSED
};

/* NULL in callbacks when it went well. */
struct hubd_error {
    const char *code; /* the wire's codes, and timeout, queue_full, closed, disconnected */
    const char *message;
    int64_t retry_after_ms; /* -1 when there is none */
    const json_t *data;     /* NULL when there is none */
};

/* ANSWER is what the wire answers, {"ok": true, …}; that of a send has "message", that of a command
 * "result". NULL with an error, and for a room that was left without a connection. */
typedef void hubd_answer_fn(void *user, const struct hubd_error *error, const json_t *answer);

struct hubd_client_options {
    const char *url, *hub; /* http, https, ws or wss; a path in it is what stands before /socket.io/ */
    const char *token;     /* or: */
    /* Called when a token is needed: before a connection, and before the one in use ends. Answered, now or
     * later, with hubd_client_token. */
    void (*want_token)(void *user, struct hubd_client *c);
    const char *client_id;
    size_t queue_limit; /* sends that wait while there is no connection; 0: 100. One more: queue_full */
    int timeout_ms;     /* of an answer; 0: 10000. It begins when the question leaves */
    void *user;         /* first argument of what follows; each may be NULL */
    void (*on_state)(void *user, enum hubd_state state);
    /* Each once, in order of seq, replayed or live. */
    void (*on_message)(void *user, const char *room_id, const json_t *message);
    /* All other events, as the wire has them. What happened to older messages while there was no
     * connection comes as hub:messageEdited (with all reactions) and hub:messageDeleted, behind the
     * messages. hub:history comes before its messages and without them: {roomId, recovered, hasMore};
     * recovered false: more was missed than is kept. Of the client's own: hub:error {code: "disconnected",
     * error, event: "connect"} when an attempt to connect failed; hub:left {roomId, reason, error} when a
     * room could not be joined again; hub:unsubscribed {channel | recordId, reason, error} when a
     * subscription was refused. BINARY holds the attachments of a binary event one behind the other; in
     * DATA each is {"_placeholder": true, "num", "offset", "length"}. NULL for all other events. */
    void (*on_event)(void *user, const char *event, const json_t *data, const void *binary, size_t binary_len);
    void *foreign_loop;  /* uv_loop_t *, struct ev_loop *, GMainLoop *; NULL: hubd_client_service */
    int foreign_kind;    /* 0 none, else libwebsockets' LWS_SERVER_OPTION_LIBUV or _LIBEV, or HUBD_LOOP_GLIB */
    const char *ca_file; /* PEM; trusted beside the system's */
};

/* LWS_SERVER_OPTION_GLIB does not fit into an int. */
#define HUBD_LOOP_GLIB 1

/* All zero. */
HUBD_API void hubd_client_options_init(struct hubd_client_options *options);

/* A client that begins to connect as soon as it is serviced. NULL: errno (EINVAL: the url, the hub or the
 * foreign loop cannot be used; ENOTSUP: libwebsockets' plugin for that loop is not installed; EIO:
 * libwebsockets refuses). */
HUBD_API struct hubd_client *hubd_client_new(const struct hubd_client_options *options);

/* One turn: waits until something happens, at most TIMEOUT_MS (0: not at all, negative: as long as it
 * takes), and does what is due; in a callback it returns at once. 0, or -1 when closed. Not for clients in a
 * foreign loop, which needs no call. */
HUBD_API int hubd_client_service(struct hubd_client *c, int timeout_ms);

/* Ends everything: what is open is answered with closed, on_state says HUBD_CLOSED. Twice is fine. */
HUBD_API void hubd_client_close(struct hubd_client *c);

/* Closes and frees; what a callback asks when it has been answered closed here is not answered any more.
 * With a foreign loop it turns that loop until libwebsockets has let go of it, so call it outside of the
 * loop's callbacks and before the loop is closed. NULL is fine. */
HUBD_API void hubd_client_free(struct hubd_client *c);

/* The token that was wanted; NULL: there is none, try later. Unasked: another token from now on, shown on
 * the open connection, or tried where the old one was refused. */
HUBD_API void hubd_client_token(struct hubd_client *c, const char *token);

HUBD_API enum hubd_state hubd_client_state(const struct hubd_client *c);

/* Pauses between attempts to connect: FIRST_MS, doubled each time up to MOST_MS, each up to half as long
 * again by chance. 1000 and 5000 unless set. */
HUBD_API void hubd_client_reconnection(struct hubd_client *c, int first_ms, int most_ms);

/* Joins, and joins again after each lost connection from the last number on. FN is called when the history
 * has been told; what was missed during a lost connection is told before that of the next one. Joins are
 * counted; a join waits for a connection. Kicked, blocked, closed, or refused for good: the room is over,
 * and not joined again. */
HUBD_API void hubd_client_join(struct hubd_client *c, const char *room_id, hubd_answer_fn *fn, void *user);
/* Leaves, when as often as joined. */
HUBD_API void hubd_client_leave(struct hubd_client *c, const char *room_id, hubd_answer_fn *fn, void *user);
/* Sends a message of a joined room: at once, or when there is a connection; once, however often it has to
 * be tried, and in the order of the calls. CONTENT is copied. In a room that was not joined here: once,
 * and only now. */
HUBD_API void hubd_client_send(struct hubd_client *c, const char *room_id, const char *type, const json_t *content,
                               hubd_answer_fn *fn, void *user);
/* Calls a command; it is never repeated, and does not wait for a connection (disconnected). PAYLOAD may be
 * NULL. */
HUBD_API void hubd_client_command(struct hubd_client *c, const char *name, const json_t *payload, hubd_answer_fn *fn,
                                  void *user);
/* Asks for anything of the wire, once and now. BINARY (NULL: none) stands where DATA has {"_placeholder":
 * true, "num": 0}, else as its member "data"; DATA is an object, or NULL for {}. Without FN the server is
 * not asked to answer, and tells what it refuses by hub:error. */
HUBD_API void hubd_client_emit(struct hubd_client *c, const char *event, const json_t *data, const void *binary,
                               size_t binary_len, hubd_answer_fn *fn, void *user);

/* channel: data, offset (-1: it came from outside, by Redis); record: the whole record or NULL, version */
typedef void hubd_value_fn(void *user, const json_t *value, int64_t number);
/* Follows a channel: the last HISTORY messages of it, then each message once and in order, over lost
 * connections. FN NULL: nobody follows it any more. The same of a record, whose changes come as patches
 * (RFC 6902). */
HUBD_API void hubd_client_channel(struct hubd_client *c, const char *channel, int history, hubd_value_fn *fn,
                                  void *user);
HUBD_API void hubd_client_record(struct hubd_client *c, const char *record_id, hubd_value_fn *fn, void *user);

/* Answers what scripts ask of this client (clients.invoke): a new reference, NULL: failed. Replaces the
 * one of the same type; FN NULL takes it away. */
typedef json_t *hubd_invoke_fn(void *user, const json_t *data);
HUBD_API void hubd_client_on_invoke(struct hubd_client *c, const char *type, hubd_invoke_fn *fn, void *user);

#ifdef __cplusplus
}
#endif
#endif
