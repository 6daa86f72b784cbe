/* The error vocabulary of the whole program: the wire's codes (contract: wire.md "Error codes"), each
 * with the HTTP status it has over REST (rest.md) and the text people see when nothing more precise is
 * known. CONFLICT is of REST only and has no word of its own there, NODE_NOT_FOUND of scripts
 * (cluster.md). STORE_UNDECIDED is STORE_UNAVAILABLE for what may have been carried out all the same:
 * answers say so by outcome "unknown", every other error means that nothing was done. FENCED is the node's
 * that lost a place to another one, for it to ask there: no contract has a word for it, and if it should
 * come to a client all the same, it says what is true, that nothing was done and that another try may do.
 * A fallible function returns HUB_OK or one of these; an explanation travels in struct hub_err. The
 * compiler warns where such a result is not looked at. */
#ifndef HUB_BASE_CODE_H
#define HUB_BASE_CODE_H
#include "base/memory/bug.h"

#define HUB_CODES(X)                                                                                         \
    X(AUTH_REQUIRED, "auth_required", 401, "Authentication required")                                        \
    X(INVALID_TOKEN, "invalid_token", 401, "Invalid token")                                                  \
    X(TOKEN_EXPIRED, "token_expired", 401, "The token has expired")                                          \
    X(BAD_REQUEST, "bad_request", 400, "The request is not understood")                                      \
    X(UNKNOWN_EVENT, "unknown_event", 400, "There is no such event")                                         \
    X(ROOM_NOT_FOUND, "room_not_found", 404, "There is no such room")                                        \
    X(ROOM_NOT_ELIGIBLE, "room_not_eligible", 403, "This room does not support realtime")                    \
    X(ROLE_REQUIRED, "role_required", 403, "Your role does not admit you here")                              \
    X(CHECK_FAILED, "check_failed", 403, "The hub's check does not admit you here")                          \
    X(NOT_AUTHORIZED, "not_authorized", 403, "You are not authorised for this room")                         \
    X(BLOCKED, "blocked", 403, "You are blocked in this room")                                               \
    X(ROOM_FULL, "room_full", 403, "The room is full")                                                       \
    X(TOO_MANY_ROOMS, "too_many_rooms", 403, "You are in too many rooms")                                    \
    X(NOT_IN_ROOM, "not_in_room", 403, "You are not in this room")                                           \
    X(CANNOT_READ, "cannot_read", 403, "Your role may not read here")                                        \
    X(CANNOT_SEND, "cannot_send", 403, "Your role may not send here")                                        \
    X(SILENCED, "silenced", 403, "You are silenced in this room")                                            \
    X(TYPE_NOT_ALLOWED, "type_not_allowed", 403, "Your role may not send this type")                         \
    X(UNKNOWN_TYPE, "unknown_type", 400, "There is no such message type in this hub")                        \
    X(INVALID_CONTENT, "invalid_content", 400, "The content does not fit the message type")                  \
    X(TOO_LARGE, "too_large", 413, "The content is too large")                                               \
    X(RATE_LIMITED, "rate_limited", 429, "Too many messages")                                                \
    X(TOO_MANY, "too_many", 403, "There are too many of them")                                               \
    X(VERSION_CONFLICT, "version_conflict", 409, "It has changed meanwhile")                                 \
    X(REQUEST_TIMEOUT, "request_timeout", 408, "The client did not answer in time")                          \
    X(CLIENT_DISCONNECTED, "client_disconnected", 410, "The client is disconnected")                         \
    X(UNKNOWN_COMMAND, "unknown_command", 400, "There is no such command")                                   \
    X(CLIENT_NOT_FOUND, "client_not_found", 404, "There is no such client")                                  \
    X(CLIENT_FAILED, "client_failed", 502, "The client answered with an error")                              \
    X(CLIENT_CONFLICT, "client_conflict", 409, "The client's id belongs to another client")                  \
    X(FEATURE_DISABLED, "feature_disabled", 403, "This hub does not have that feature")                      \
    X(NOT_FOUND, "not_found", 404, "Not found")                                                              \
    X(CONFLICT, "bad_request", 409, "There is one already")                                                  \
    X(NOT_ALLOWED, "not_allowed", 403, "You may not do that")                                                \
    X(REJECTED, "rejected", 403, "Rejected")                                                                 \
    X(HANDLER_FAILED, "handler_failed", 500, "The hub's script failed")                                      \
    X(SCRIPT_TIMEOUT, "script_timeout", 500, "The hub's script took too long")                               \
    X(STORE_UNAVAILABLE, "store_unavailable", 503, "The store is not available")                             \
    X(STORE_UNDECIDED, "store_unavailable", 503, "The store went away before it said whether this was done") \
    X(FENCED, "store_unavailable", 503, "Another node serves this now")                                      \
    X(OVERLOADED, "overloaded", 503, "The server is overloaded")                                             \
    X(SHUTTING_DOWN, "shutting_down", 503, "The server is shutting down")                                    \
    X(INTERNAL, "internal", 500, "Internal error")                                                           \
    X(NODE_NOT_FOUND, "node_not_found", 404, "There is no such node")

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic" /* attributes of types are an extension in C17 */
enum HUB_MUST_TYPE hub_code {
    HUB_OK = 0,
#define X(ID, NAME, STATUS, TEXT) HUB_##ID,
    HUB_CODES(X)
#undef X
        HUB_CODE_COUNT
};
#pragma GCC diagnostic pop

const char *hub_code_name(enum hub_code code); /* "ok" for HUB_OK */
/* How nodes name a code to each other: several have one name, since clients need not tell them apart, but
 * each has a word of its own. */
const char *hub_code_word(enum hub_code code); /* "ok" for HUB_OK */
struct hub_str;
enum hub_code hub_code_of_word(struct hub_str word); /* HUB_INTERNAL: there is none, here */
int hub_code_http(enum hub_code code);               /* HTTP status */
/* Members that an error with this code carries besides code and message: "\"outcome\":\"unknown\"", or
 * nothing. */
const char *hub_code_fields(enum hub_code code);
const char *hub_code_text(enum hub_code code);

/* An explanation for people. Filled where the failure happens, reported once where it is handled. */
struct hub_err {
    enum hub_code code;
    char text[480];
};

/* Sets *err, which may be NULL. FMT NULL takes the code's own text. The arguments may include err->text,
 * to put words in front of a cause. */
void hub_err_set(struct hub_err *err, enum hub_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same, and returns CODE, so that "return hub_fail(err, HUB_X, …)" reads straight. */
enum hub_code hub_fail(struct hub_err *err, enum hub_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#endif
