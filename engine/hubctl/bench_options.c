/* Command line of `hubctl bench`: one row per option. */
#include "hubctl/bench_options.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

enum option_kind { FLAG, COUNT, COUNT_OR_ALL, NUMBER, TEXT, CHOICE };

struct option_row {
    const char *name, *arg;
    enum option_kind kind;
    size_t offset;
    double low, high;
    const char *const *choices; /* CHOICE: names in enum order, NULL at the end */
};

#define AT(FIELD) offsetof(struct hub_bench_options, FIELD)
static const char *const modes[] = {"hub", "plain", NULL};
static const char *const events[] = {"ephemeral", "message", "echo", NULL};
static const char *const formats[] = {"text", "json", NULL};

/* --hub, --namespace, --connect-only, --idle and --no-ack have no field of their own and are finished in
 *   apply_special. */
#define SPECIAL SIZE_MAX

/* X(name, argument, kind, field, lowest, highest, choices, help); one list for the parser and for --help. */
#define OPTIONS(X)                                                                                                  \
    X("--mode", "hub|plain", CHOICE, AT(mode), 0, 0, modes,                                                         \
      "hubd, or a plain Socket.IO server with the events join, message, echo (default hub)")                        \
    X("--hub", "NAME", TEXT, SPECIAL, 0, 0, NULL, "the hub, whose namespace is /hub/NAME (default bench)")          \
    X("--namespace", "PATH", TEXT, SPECIAL, 0, 0, NULL, "another namespace (default in plain mode: /)")             \
    X("--event", "ephemeral|message|echo", CHOICE, AT(event), 0, 0, events,                                         \
      "a custom event, hub:send, or a request and its answer (default ephemeral)")                                  \
    X("--custom-event", "NAME", TEXT, AT(custom_event), 0, 0, NULL, "name of the ephemeral event (default tick)")   \
    X("--message-type", "NAME", TEXT, AT(message_type), 0, 0, NULL, "what --event message sends (default text)")    \
    X("--content", "TEMPLATE", TEXT, AT(content), 0, 0, NULL,                                                       \
      "its content as JSON; %s is the text (default {\"body\":\"%s\"})")                                            \
    X("--readers", "N", COUNT, AT(readers), 0, HUB_BENCH_MAX_CONNS, NULL,                                           \
      "members per room that send a read receipt once a second (default 0)")                                        \
    X("--members", "N", COUNT, AT(members), 1, HUB_BENCH_MAX_CONNS, NULL, "members per room (default 100)")         \
    X("--rooms", "N", COUNT, AT(rooms), 1, HUB_BENCH_MAX_CONNS, NULL, "rooms (default 1)")                          \
    X("--publishers", "N|all", COUNT_OR_ALL, AT(publishers), 1, HUB_BENCH_MAX_CONNS, NULL,                          \
      "publishing members per room (default 1)")                                                                    \
    X("--payload", "BYTES", COUNT, AT(payload), HUB_BENCH_PAYLOAD_MIN, 500000, NULL,                                \
      "text in each message (default 64)")                                                                          \
    X("--window", "N", COUNT, AT(window), 1, HUB_BENCH_MAX_WINDOW, NULL,                                            \
      "closed loop: each publisher keeps N messages undelivered (default 1)")                                       \
    X("--rate", "MSGS", NUMBER, AT(rate), 0.001, 1e8, NULL,                                                         \
      "open loop instead: messages per second over all publishers")                                                 \
    X("--duration", "SECONDS", NUMBER, AT(duration), 0.05, 86400, NULL, "measured time (default 5)")                \
    X("--warmup", "SECONDS", NUMBER, AT(warmup), 0, 3600, NULL, "load before measuring begins (default 1)")         \
    X("--ack", "", FLAG, AT(ack), 0, 0, NULL, "ask for acknowledgements (default for --event message in hub mode)") \
    X("--no-ack", "", FLAG, SPECIAL, 0, 0, NULL, "do not")                                                          \
    X("--others", "", FLAG, AT(others), 0, 0, NULL, "the server does not send a publisher its own events")          \
    X("--listen", "", FLAG, AT(listen), 0, 0, NULL,                                                                 \
      "send nothing; count the events named by --custom-event that arrive")                                         \
    X("--token", "TEMPLATE", TEXT, AT(token), 0, 0, NULL,                                                           \
      "auth.token; %d is the connection's number (default in hub mode dev:u%d)")                                    \
    X("--room-template", "TEMPLATE", TEXT, AT(room), 0, 0, NULL, "room ids; %d is the room's number (default r%d)") \
    X("--pid", "PID", COUNT, AT(pid), 1, 4194304, NULL, "the server's process: measure its CPU time and memory")    \
    X("--connect-only", "N", COUNT, SPECIAL, 4, HUB_BENCH_MAX_CONNS, NULL,                                          \
      "only open N connections; reports connects per CPU-second for the first quarter, half and all")               \
    X("--idle", "N", COUNT, SPECIAL, 1, HUB_BENCH_MAX_CONNS, NULL,                                                  \
      "open N connections, join the rooms, and report resident memory per connection")                              \
    X("--remote", "", FLAG, AT(remote), 0, 0, NULL, "allow a target that is not this machine")                      \
    X("--format", "text|json", CHOICE, AT(json), 0, 0, formats, "form of the report (default text)")

#define AS_ROW(NAME, ARG, KIND, FIELD, LOW, HIGH, CHOICES, HELP) {NAME, ARG, KIND, FIELD, LOW, HIGH, CHOICES},
static const struct option_row rows[] = {OPTIONS(AS_ROW)};
#define AS_HELP(NAME, ARG, KIND, FIELD, LOW, HIGH, CHOICES, HELP) "  " NAME " " ARG "\n        " HELP "\n"
const char hub_bench_help[] = OPTIONS(AS_HELP);

static bool complain(const char *what, const char *value, const char *expected) {
    fprintf(stderr, "hubctl bench: %s %s: %s\n", what, value, expected);
    return false;
}

static bool set_choice(const struct option_row *row, const char *value, void *field) {
    for (int i = 0; row->choices[i]; i++) {
        if (strcmp(row->choices[i], value) != 0) continue;
        if (row->choices == formats)
            *(bool *)field = i != 0;
        else
            *(unsigned *)field = (unsigned)i;
        return true;
    }
    return complain(row->name, value, row->arg);
}

static bool set_number(const struct option_row *row, const char *value, double *out) {
    char *end, expected[96];
    *out = strtod(value, &end);
    if (end != value && !*end && *out >= row->low && *out <= row->high &&
        (row->kind == NUMBER || *out == (double)(uint64_t)*out))
        return true;
    snprintf(expected, sizeof expected, "expected a%s number from %g to %.0f", row->kind == NUMBER ? "" : " whole",
             row->low, row->high);
    return complain(row->name, value, expected);
}

static bool apply_special(const struct option_row *row, const char *value, double number, struct hub_bench_options *o) {
    if (!strcmp(row->name, "--hub"))
        snprintf(o->nsp, sizeof o->nsp, "/hub/%s", value);
    else if (!strcmp(row->name, "--namespace"))
        snprintf(o->nsp, sizeof o->nsp, "%s%s", *value == '/' ? "" : "/", value);
    else if (!strcmp(row->name, "--no-ack"))
        o->ack = false;
    else
        o->task = !strcmp(row->name, "--idle") ? HUB_BENCH_IDLE : HUB_BENCH_CONNECT, o->members = (uint32_t)number;
    return true;
}

static bool apply(const struct option_row *row, const char *value, struct hub_bench_options *o) {
    void *field = row->offset == SPECIAL ? NULL : (char *)o + row->offset;
    double number = 0;
    bool all = row->kind == COUNT_OR_ALL && !strcmp(value, "all");
    if ((row->kind == COUNT || row->kind == COUNT_OR_ALL || row->kind == NUMBER) && !all &&
        !set_number(row, value, &number))
        return false;
    if (!field) return apply_special(row, value, number, o);
    switch (row->kind) {
    case FLAG: *(bool *)field = true; break;
    case TEXT: *(const char **)field = value; break;
    case NUMBER: *(double *)field = number; break;
    case CHOICE: return set_choice(row, value, field);
    default: *(uint32_t *)field = all ? HUB_BENCH_ALL : (uint32_t)number;
    }
    return true;
}

/* "[http|ws]://host:port[/base]"; the scheme may be left out. */
static bool parse_url(const char *url, struct hub_bench_options *o) {
    char host[128];
    const char *p = strstr(url, "://");
    if (p && strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "ws://", 5) != 0)
        return complain("URL", url, "expected http:// or ws://, TLS is not supported here");
    p = p ? p + 3 : url;
    size_t host_n = strcspn(p, ":/"), base_n;
    if (host_n == 0 || host_n >= sizeof host) return complain("URL", url, "expected http://HOST:PORT");
    memcpy(host, p, host_n), host[host_n] = 0, p += host_n;
    unsigned long port = *p == ':' ? strtoul(p + 1, (char **)&p, 10) : 80;
    base_n = strlen(p);
    while (base_n && p[base_n - 1] == '/') base_n--;
    if ((*p && *p != '/') || port == 0 || port > 65535 || base_n > sizeof o->path - 16)
        return complain("URL", url, "expected http://HOST:PORT");
    snprintf(o->path, sizeof o->path, "%.*s/socket.io/", (int)base_n, p);
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
    int rc = getaddrinfo(host, NULL, &hints, &found);
    if (rc != 0) return complain("host", host, gai_strerror(rc));
    memcpy(&o->target, found->ai_addr, sizeof o->target);
    freeaddrinfo(found);
    o->target.sin_port = htons((uint16_t)port);
    return true;
}

static bool finish(const char *url, bool ack_given, struct hub_bench_options *o) {
    if (!parse_url(url, o)) return false;
    if (!o->remote && ntohl(o->target.sin_addr.s_addr) >> 24 != 127)
        return complain("URL", url,
                        "not this machine; load somebody else's server only with --remote, and with their consent");
    if (!o->nsp[0]) snprintf(o->nsp, sizeof o->nsp, "%s", o->mode == HUB_BENCH_HUB ? "/hub/bench" : "/");
    if (!o->token && o->mode == HUB_BENCH_HUB) o->token = "dev:u%d";
    if (!ack_given) o->ack = o->mode == HUB_BENCH_HUB && o->event == HUB_BENCH_MESSAGE;
    if (o->event == HUB_BENCH_ECHO) o->ack = true;
    if (o->task != HUB_BENCH_LOAD) o->members = (o->members + o->rooms - 1) / o->rooms;
    if (o->publishers > o->members) o->publishers = o->members;
    if (o->readers > o->members) o->readers = o->members;
    if (!strstr(o->content, "%s"))
        return complain("--content", o->content, "expected JSON with %s where the text goes");
    if ((uint64_t)o->members * o->rooms > HUB_BENCH_MAX_CONNS)
        return complain("--members", "times --rooms", "more than 1,000,000 connections");
    return true;
}

bool hub_bench_parse(int argc, char **argv, struct hub_bench_options *o) {
    const char *url = NULL;
    bool ack_given = false;
    memset(o, 0, sizeof *o);
    o->members = 100, o->rooms = 1, o->publishers = 1, o->payload = 64, o->window = 1, o->duration = 5, o->warmup = 1;
    o->room = "r%d", o->custom_event = "tick", o->message_type = "text", o->content = "{\"body\":\"%s\"}";
    for (int i = 1; i < argc; i++) {
        const struct option_row *row = NULL;
        for (size_t k = 0; k < sizeof rows / sizeof *rows && !row; k++)
            if (!strcmp(rows[k].name, argv[i])) row = &rows[k];
        if (!row && argv[i][0] == '-') return complain("option", argv[i], "unknown, see hubctl bench --help");
        if (!row && url) return complain("argument", argv[i], "one URL is enough");
        if (!row) {
            url = argv[i];
            continue;
        }
        if (row->kind != FLAG && i + 1 == argc) return complain("option", argv[i], "needs a value");
        ack_given |= !strcmp(row->name, "--ack") || !strcmp(row->name, "--no-ack");
        if (!apply(row, row->kind == FLAG ? "" : argv[++i], o)) return false;
    }
    if (!url) return complain("URL", "missing", "hubctl bench http://127.0.0.1:8080 [OPTION]…");
    return finish(url, ack_given, o);
}

uint32_t hub_bench_conns(const struct hub_bench_options *o) { return o->members * o->rooms; }
