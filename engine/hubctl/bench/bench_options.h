/* What `hubctl bench` was asked to do. Strings point into argv or are literals. */
#ifndef HUB_HUBCTL_BENCH_OPTIONS_H
#define HUB_HUBCTL_BENCH_OPTIONS_H
#include <netinet/in.h>

#include "cli/cli.h"

enum hub_bench_mode { HUB_BENCH_HUB, HUB_BENCH_PLAIN };
enum hub_bench_event { HUB_BENCH_EPHEMERAL, HUB_BENCH_MESSAGE, HUB_BENCH_ECHO, HUB_BENCH_COMMAND, HUB_BENCH_CHANNEL };
enum hub_bench_task { HUB_BENCH_LOAD, HUB_BENCH_CONNECT, HUB_BENCH_IDLE };

#define HUB_BENCH_ALL UINT32_MAX
#define HUB_BENCH_PAYLOAD_MIN 17 /* room for the marker that carries publisher and sequence number */
#define HUB_BENCH_MAX_CONNS 1000000u
#define HUB_BENCH_MAX_WINDOW 65536u

struct hub_bench_options {
    struct sockaddr_in target;
    char path[256]; /* ends with "/socket.io/" */
    char nsp[128];
    enum hub_bench_mode mode;
    enum hub_bench_event event;
    enum hub_bench_task task;
    uint32_t members; /* per room */
    uint32_t rooms;
    uint32_t publishers;     /* per room, or HUB_BENCH_ALL */
    uint32_t payload;        /* bytes */
    uint32_t window;         /* closed loop: undelivered messages per publisher; unused when rate is set */
    double rate;             /* open loop: messages per second over all publishers; 0 = closed loop */
    double duration, warmup; /* seconds */
    const char *token, *room, *custom_event; /* templates and a name */
    const char *message_type, *content;      /* of hub:send; "%s" in the JSON of the content is where the text goes */
    uint32_t subscriptions;                  /* channels that every connection subscribes to */
    uint32_t readers;                        /* members per room that tell once a second how far they have read */
    bool ack;                                /* ask for an acknowledgement of every message */
    bool others;                             /* the server leaves the publisher out of its own broadcasts */
    bool listen;                             /* publish nothing, count the events called custom_event */
    bool deflate;                            /* offer permessage-deflate, and send words that it makes shorter */
    bool remote;
    unsigned format; /* 0: text, 1: JSON */
    uint32_t pid;    /* 0 = not given */
    /* As given; the fields above are made of them. */
    const char *url, *hub, *namespace;
    uint32_t connect_only, idle;
    bool ask_ack, no_ack;
};

/* HUB_CLI_GO_ON, or the exit code. */
int hub_bench_parse(int argc, char **argv, struct hub_bench_options *out);
/* The command: parses, runs, reports. */
int hub_bench(int argc, char **argv);
/* Whether messages reach nobody but are answered. */
bool hub_bench_answered(const struct hub_bench_options *o);
/* How many connections the task opens. */
uint32_t hub_bench_conns(const struct hub_bench_options *o);
#endif
