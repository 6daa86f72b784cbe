/* Command line of `hubctl bench`. */
#include "hubctl/bench/bench_options.h"

#include <curl/curl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "hubctl/hubctl.h"

#define HOST_MAX 254
#define PORT_MAX 6

#define AT(FIELD) offsetof(struct hub_bench_options, FIELD)
#define FLAG(NAME, FIELD, HELP) \
    { .name = NAME, .kind = HUB_CLI_FLAG, .at = AT(FIELD), .help = HELP }
#define TEXT(NAME, ARG, FIELD, HELP) \
    { .name = NAME, .arg = ARG, .kind = HUB_CLI_TEXT, .at = AT(FIELD), .help = HELP }
#define CHOICE(NAME, ARG, FIELD, HELP) \
    { .name = NAME, .arg = ARG, .kind = HUB_CLI_CHOICE, .at = AT(FIELD), .help = HELP }
#define NUMBER(NAME, ARG, FIELD, LOW, HIGH, HELP) \
    { .name = NAME, .arg = ARG, .kind = HUB_CLI_NUMBER, .at = AT(FIELD), .low = LOW, .high = HIGH, .help = HELP }
#define COUNT(NAME, ARG, FIELD, LOW, HIGH, HELP, ...)                                               \
    {                                                                                               \
        .name = NAME, .arg = ARG, .kind = HUB_CLI_COUNT, .at = AT(FIELD), .low = LOW, .high = HIGH, \
        .help = HELP __VA_OPT__(, __VA_ARGS__)                                                      \
    }

/* clang-format off */
static const struct hub_cli_option rows[] = {
    CHOICE("mode", "hub|plain", mode,
          "hubd, or a plain Socket.IO server with the events join, message and echo (default hub)"),
    TEXT("hub", "NAME", hub, "the hub, whose namespace is /hub/NAME (default bench)"),
    TEXT("namespace", "PATH", namespace, "another namespace, in place of a hub's (default in plain mode: /)"),
    CHOICE("event", "ephemeral|message|echo|command|channel", event,
          "a custom event, hub:send, a request and its answer, hub:command, or hub:publish with channels in place "
          "of rooms (default ephemeral)"),
    TEXT("custom-event", "NAME", custom_event, "name of the ephemeral event or of the command (default tick)"),
    TEXT("message-type", "NAME", message_type, "what --event message sends (default text)"),
    TEXT("content", "TEMPLATE", content, "its content as JSON; %s is the text (default {\"body\":\"%s\"})"),
    COUNT("readers", "N", readers, 0, HUB_BENCH_MAX_CONNS,
          "members per room that send a read receipt once a second (default 0)"),
    COUNT("members", "N", members, 1, HUB_BENCH_MAX_CONNS, "members per room (default 100)"),
    COUNT("rooms", "N", rooms, 1, HUB_BENCH_MAX_CONNS, "rooms (default 1)"),
    COUNT("publishers", "N|all", publishers, 1, HUB_BENCH_MAX_CONNS,
          "publishing members per room (default 1)", .word = "all"),
    COUNT("payload", "BYTES", payload, HUB_BENCH_PAYLOAD_MIN, 500000, "text in each message (default 64)"),
    COUNT("window", "N", window, 1, HUB_BENCH_MAX_WINDOW,
          "closed loop: each publisher keeps N messages undelivered (default 1)"),
    NUMBER("rate", "MESSAGES", rate, 0.001, 1e8, "open loop instead: messages per second over all publishers"),
    NUMBER("duration", "SECONDS", duration, 0.05, 86400, "measured time (default 5)"),
    NUMBER("warmup", "SECONDS", warmup, 0, 3600, "load before measuring begins (default 1)"),
    FLAG("ack", ask_ack, "ask for acknowledgements (default for --event message in hub mode)"),
    FLAG("no-ack", no_ack, "ask for none"),
    FLAG("others", others, "the server does not send a publisher its own events"),
    FLAG("deflate", deflate, "offer permessage-deflate; the text in messages is words then"),
    FLAG("listen", listen, "send nothing; count the events named by --custom-event that arrive"),
    TEXT("token", "TEMPLATE", token, "auth.token; %d is the connection's number (default in hub mode dev:u%d)"),
    TEXT("room-template", "TEMPLATE", room, "room ids; %d is the room's number (default r%d)"),
    COUNT("pid", "PID", pid, 1, 4194304, "the server's process: measure its CPU time and memory"),
    COUNT("connect-only", "N", connect_only, 4, HUB_BENCH_MAX_CONNS,
          "only open N connections; reports connects per CPU-second for the first quarter, half and all"),
    COUNT("idle", "N", idle, 1, HUB_BENCH_MAX_CONNS,
          "open N connections, join the rooms, and report resident memory per connection"),
    COUNT("subscriptions", "N", subscriptions, 1, 1000,
          "with --idle and --event channel: channels of every connection (default 1)"),
    FLAG("remote", remote, "allow a target that is not this machine"),
    CHOICE("format", "text|json", format, "form of the report (default text)"),
};
/* clang-format on */

const struct hubctl_command hubctl_bench = {
    .cli = {.program = "hubctl bench",
            .summary = "loads a hub and reports deliveries, latency, losses and the server's CPU time",
            HUB_CLI_OPTIONS(rows),
            .operand = "URL",
            .question = "which server? hubctl bench http://127.0.0.1:8080",
            .operand_at = AT(url),
            .help = "Exit codes: 0 measured, 1 the load failed or messages were lost, 2 usage.\n"},
    .run = hub_bench,
};

#define FAIL(...) (hub_cli_fail(&hubctl_bench.cli, __VA_ARGS__), false)

static bool get_part(CURLU *u, CURLUPart part, char *out, size_t max) {
    char *text = NULL;
    bool good = !curl_url_get(u, part, &text, CURLU_DEFAULT_PORT) && strlen(text) < max;
    if (good) strcpy(out, text);
    curl_free(text);
    return good;
}

/* Host, port and path of "[http://|ws://]HOST[:PORT][/BASE]". */
static bool split_url(CURLU *u, struct hub_bench_options *o, char host[HOST_MAX], char port[PORT_MAX]) {
    char scheme[8], base[sizeof o->path - sizeof "/socket.io/"];
    CURLUcode code = curl_url_set(u, CURLUPART_URL, o->url, CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME);
    if (code) return FAIL("%s: %s; expected http://HOST:PORT", o->url, curl_url_strerror(code));
    if (!get_part(u, CURLUPART_SCHEME, scheme, sizeof scheme) || (strcmp(scheme, "http") && strcmp(scheme, "ws")))
        return FAIL("%s: expected http:// or ws://; there is no TLS here", o->url);
    if (!get_part(u, CURLUPART_HOST, host, HOST_MAX) || !get_part(u, CURLUPART_PATH, base, sizeof base))
        return FAIL("%s: the host or the path is too long", o->url);
    if (!get_part(u, CURLUPART_PORT, port, PORT_MAX)) strcpy(port, "80");
    size_t base_n = strlen(base);
    while (base_n && base[base_n - 1] == '/') base_n--;
    snprintf(o->path, sizeof o->path, "%.*s/socket.io/", (int)base_n, base);
    return true;
}

static bool resolve_host(const char *host, const char *port, struct hub_bench_options *o) {
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found;
    int rc = getaddrinfo(host, port, &hints, &found);
    if (rc != 0) return FAIL("%s: %s", host, gai_strerror(rc));
    memcpy(&o->target, found->ai_addr, sizeof o->target);
    freeaddrinfo(found);
    return true;
}

static bool parse_url(struct hub_bench_options *o) {
    char host[HOST_MAX], port[PORT_MAX];
    CURLU *u = curl_url();
    bool good = split_url(u, o, host, port) && resolve_host(host, port, o);
    curl_url_cleanup(u);
    return good;
}

/* Options that exclude each other. */
static bool check_pairs(const struct hub_bench_options *o) {
    if (o->hub && o->namespace) return FAIL("--hub and --namespace do not go together");
    if (o->ask_ack && o->no_ack) return FAIL("--ack and --no-ack do not go together");
    if (o->connect_only && o->idle) return FAIL("--connect-only and --idle do not go together");
    if (o->mode == HUB_BENCH_PLAIN && o->event >= HUB_BENCH_COMMAND)
        return FAIL("--event command and channel are hubd's, not those of --mode plain");
    return o->subscriptions == 1 || (o->idle && o->event == HUB_BENCH_CHANNEL) ||
           FAIL("--subscriptions goes with --idle and --event channel");
}

static void set_namespace(struct hub_bench_options *o) {
    const char *plain = o->namespace ? o->namespace : "/";
    if (o->hub || (!o->namespace && o->mode == HUB_BENCH_HUB))
        snprintf(o->nsp, sizeof o->nsp, "/hub/%s", o->hub ? o->hub : "bench");
    else
        snprintf(o->nsp, sizeof o->nsp, "%s%s", *plain == '/' ? "" : "/", plain);
}

static void set_task(struct hub_bench_options *o) {
    uint32_t n = o->idle ? o->idle : o->connect_only;
    if (!n) return;
    o->task = o->idle ? HUB_BENCH_IDLE : HUB_BENCH_CONNECT;
    o->members = (n + o->rooms - 1) / o->rooms;
}

static bool finish_options(struct hub_bench_options *o) {
    if (!check_pairs(o) || !parse_url(o)) return false;
    if (!o->remote && ntohl(o->target.sin_addr.s_addr) >> 24 != 127)
        return FAIL("%s is not this machine; load somebody else's server only with --remote, and with their consent",
                    o->url);
    set_namespace(o);
    set_task(o);
    if (!o->token && o->mode == HUB_BENCH_HUB) o->token = "dev:u%d";
    bool by_default = o->mode == HUB_BENCH_HUB && o->event == HUB_BENCH_MESSAGE && !o->no_ack;
    o->ack = o->ask_ack || hub_bench_answered(o) || by_default;
    if (o->publishers > o->members) o->publishers = o->members;
    if (o->readers > o->members) o->readers = o->members;
    if (!strstr(o->content, "%s")) return FAIL("--content: \"%s\" has no %%s, where the text goes", o->content);
    if ((uint64_t)o->members * o->rooms > HUB_BENCH_MAX_CONNS)
        return FAIL("--members times --rooms: more than 1,000,000 connections");
    return true;
}

int hub_bench_parse(int argc, char **argv, struct hub_bench_options *o) {
    *o = (struct hub_bench_options){.members = 100,
                                    .rooms = 1,
                                    .publishers = 1,
                                    .payload = 64,
                                    .window = 1,
                                    .subscriptions = 1,
                                    .duration = 5,
                                    .warmup = 1,
                                    .room = "r%d",
                                    .custom_event = "tick",
                                    .message_type = "text",
                                    .content = "{\"body\":\"%s\"}"};
    int code = hub_cli_parse(&hubctl_bench.cli, argc, argv, o);
    if (code != HUB_CLI_GO_ON) return code;
    return finish_options(o) ? HUB_CLI_GO_ON : HUB_CLI_USAGE;
}

bool hub_bench_answered(const struct hub_bench_options *o) {
    return o->event == HUB_BENCH_ECHO || o->event == HUB_BENCH_COMMAND;
}

uint32_t hub_bench_conns(const struct hub_bench_options *o) { return o->members * o->rooms; }
