/* The skeleton of the limit programs: a raw epoll server that knows just enough HTTP, WebSocket, Engine.IO
 * and Socket.IO to be loaded by `hubctl bench --mode plain`. It answers CONNECT, ["join",{"roomId":…}] and
 * ["echo",x]; what happens with ["message",…] is the program's. No checks, no pings, no polling: they show
 * what the machine allows, not how to write a server. */
#ifndef LIMIT_H
#define LIMIT_H
#include <stdbool.h>
#include <stddef.h>

struct limit_conn {
    int fd;
    bool upgraded, dead;
    struct limit_room *room; /* NULL before the join */
    char *rest;              /* the start of a frame or request whose end has not arrived */
    size_t rest_n;
    char *out; /* what the socket did not take */
    size_t out_n;
};

struct limit_room {
    struct limit_conn **members;
    size_t n;
    char *due; /* for programs that collect frames: bytes to be sent to every member */
    size_t due_n, due_cap;
    struct limit_room *next_due, *next;
    char name[64];
};

struct limit_ops {
    /* A message was published in ROOM: FRAME is the WebSocket frame that every member shall get, valid
     * during the call. */
    void (*publish)(struct limit_room *room, const char *frame, size_t n);
    /* Everything that one epoll_wait brought was handled. */
    void (*turn_end)(void);
};

/* Serves on 127.0.0.1, on the port given as the first argument, until it is killed. */
int limit_serve(int argc, char **argv, const struct limit_ops *ops);
/* One send(2); what does not fit is kept and sent later. */
void limit_write(struct limit_conn *c, const char *p, size_t n);
#endif
