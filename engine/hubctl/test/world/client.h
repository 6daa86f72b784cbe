/* Clients of a scenario: real connections to the transport, by a pair of sockets instead of a network. One
 * that is connected by WebSocket speaks Engine.IO and Socket.IO, and answers pings by itself. */
#ifndef HUB_TEST_CLIENT_H
#define HUB_TEST_CLIENT_H
#include "hubctl/test/world/world.h"

enum hub_test_client_state {
    HUB_TEST_OPENING, /* the WebSocket, then the namespace */
    HUB_TEST_CONNECTED,
    HUB_TEST_REFUSED, /* by CONNECT_ERROR */
    HUB_TEST_CLOSED
};

struct hub_test_client {
    struct hub_list link; /* hub_test_world.clients */
    struct hub_test_world *world;
    char *name;      /* as the scenario calls it: "ann@phone" */
    char *namespace; /* "/hub/auction" */
    json_t *auth;    /* for CONNECT */
    int fd;          /* -1: closed */
    enum hub_test_client_state state;
    struct hub_buf in;
    bool upgraded;
    size_t binaries; /* frames that still belong to a packet */
    json_t *events;  /* that nobody has looked at yet: [[name, argument, …], …] */
    json_t *answer;  /* of the last request, and of CONNECT; NULL: not yet */
    int64_t asked;   /* id of the last request */
};

/* Connects NAME with AUTH (given away) to the scenario's hub; the answer comes as client->answer. */
HUB_MUST struct hub_test_client *hub_test_client_new(struct hub_test_world *w, const char *name, json_t *auth);
/* NULL: nobody of that name has been connected, or he has gone. */
struct hub_test_client *hub_test_client_find(const struct hub_test_world *w, const char *name);
/* Emits EVENT with DATA (given away; NULL: none), and has the answer put into client->answer. */
void hub_test_client_ask(struct hub_test_client *c, struct hub_str event, json_t *data);
/* Reads what has come, and answers pings. True: something has. */
bool hub_test_client_listen(struct hub_test_client *c);
void hub_test_client_close(struct hub_test_client *c); /* the connection is lost; what was heard stays */
void hub_test_client_free(struct hub_test_client *c);

/* A request by HTTP. ANSWER {status, body, headers} is set once it has come; headers have names in lower
 * case. */
struct hub_test_request {
    struct hub_test_world *world;
    int fd;
    struct hub_buf in;
    json_t *answer;
};
/* AS NULL: without a token. HEADERS: an object of texts, or NULL. BODY NULL: none. */
void hub_test_request_init(struct hub_test_request *r, struct hub_test_world *w, const char *as, const char *method,
                           const char *path, const json_t *headers, const json_t *body);
void hub_test_request_listen(struct hub_test_request *r);
void hub_test_request_deinit(struct hub_test_request *r);
#endif
