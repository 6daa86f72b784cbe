/* A client that does what lines of JSON on its standard input say, and writes what happens as lines of
 * JSON: so the conversations with a running hubd can be written beside those of the client for JavaScript.
 * Ends with its input.
 *   driver URL HUB TOKEN [uv] [key=value ...]
 * Keys: clientId, timeoutMs, queueLimit, caFile, wants (a token each time).
 * In, with "id" where an answer comes: {"do": "join" | "leave", "room"}
 *   {"do": "send", "room", "type", "content"}
 *   {"do": "command", "name", "payload"} {"do": "emit", "event", "data", "hex", "silent"}
 *   {"do": "channel", "name", "history"} {"do": "record", "name"} {"do": "invoke", "type"}
 *   {"do": "token", "token"} {"do": "pace", "first", "most"} {"do": "close"}
 * Out: {"state"} {"room", "message"} {"event", "data", "hex"} {"of", "value", "number"}
 *   {"id", "error" | "answer"} {"wanted"} */
#include <errno.h>
#include <libwebsockets.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "hubd-client.h"

enum { LINE_MAX_BYTES = 1 << 20, TURN_MS = 5 };

struct driver {
    struct hubd_client *client;
    char *line;
    size_t have;
    bool ended, wants;
};

struct asked {
    json_int_t id;
};

static void say(json_t *line) {
    char *text = json_dumps(line, JSON_COMPACT);
    puts(text);
    fflush(stdout);
    free(text);
    json_decref(line);
}

static const char *state_name(enum hubd_state state) {
    static const char *const names[] = {"connecting",   "connected",  "recovering", "draining",
                                        "unauthorized", "superseded", "closed"};
    return names[state];
}

static void on_state(void *user, enum hubd_state state) {
    (void)user;
    say(json_pack("{ss}", "state", state_name(state)));
}

static void on_message(void *user, const char *room_id, const json_t *message) {
    (void)user;
    say(json_pack("{ss sO}", "room", room_id, "message", message));
}

static json_t *hex_of(const unsigned char *bytes, size_t n) {
    char *text = calloc(1, n * 2 + 1);
    for (size_t i = 0; i < n; i++) sprintf(text + i * 2, "%02x", bytes[i]);
    json_t *hex = json_string(text);
    free(text);
    return hex;
}

static void on_event(void *user, const char *event, const json_t *data, const void *binary, size_t n) {
    (void)user;
    json_t *line = json_pack("{ss sO*}", "event", event, "data", (json_t *)data);
    if (binary) json_object_set_new(line, "hex", hex_of(binary, n));
    say(line);
}

static void on_want_token(void *user, struct hubd_client *c) {
    (void)user;
    (void)c;
    say(json_pack("{sb}", "wanted", 1));
}

static void on_answer(void *user, const struct hubd_error *error, const json_t *answer) {
    struct asked *asked = user;
    json_t *line = json_pack("{sI sO*}", "id", asked->id, "answer", (json_t *)answer);
    if (error) {
        json_t *e = json_pack("{ss ss sO*}", "code", error->code, "message", error->message, "data", error->data);
        if (error->retry_after_ms >= 0) json_object_set_new(e, "retryAfterMs", json_integer(error->retry_after_ms));
        json_object_set_new(line, "error", e);
    }
    say(line);
    free(asked);
}

static void on_channel(void *user, const json_t *value, int64_t number) {
    (void)user;
    say(json_pack("{ss sO sI}", "of", "channel", "value", value, "number", (json_int_t)number));
}

static void on_record(void *user, const json_t *value, int64_t number) {
    (void)user;
    json_t *shown = value ? json_incref((json_t *)value) : json_null();
    say(json_pack("{ss so sI}", "of", "record", "value", shown, "number", (json_int_t)number));
}

/* Numbers are doubled; all else fails. */
static json_t *on_invoke(void *user, const json_t *data) {
    (void)user;
    return json_is_integer(data) ? json_integer(json_integer_value(data) * 2) : NULL;
}

static const char *text_of(const json_t *line, const char *key) {
    return json_string_value(json_object_get(line, key));
}

static void emit(struct hubd_client *c, const json_t *line, struct asked *asked) {
    const char *hex = text_of(line, "hex");
    size_t n = hex ? strlen(hex) / 2 : 0;
    unsigned char *bytes = calloc(1, n + 1);
    for (size_t i = 0; i < n; i++) {
        unsigned byte = 0;
        sscanf(hex + i * 2, "%2x", &byte);
        bytes[i] = (unsigned char)byte;
    }
    bool silent = json_is_true(json_object_get(line, "silent"));
    hubd_client_emit(c, text_of(line, "event"), json_object_get(line, "data"), hex ? bytes : NULL, n,
                     silent ? NULL : on_answer, asked);
    if (silent) free(asked);
    free(bytes);
}

static int number_of(const json_t *line, const char *key) {
    return (int)json_integer_value(json_object_get(line, key));
}

static void obey(struct driver *d, const json_t *line) {
    struct hubd_client *c = d->client;
    const char *what = text_of(line, "do"), *room = text_of(line, "room"), *name = text_of(line, "name");
    struct asked *asked = malloc(sizeof *asked);
    asked->id = json_integer_value(json_object_get(line, "id"));
    if (!strcmp(what, "join"))
        hubd_client_join(c, room, on_answer, asked);
    else if (!strcmp(what, "leave"))
        hubd_client_leave(c, room, on_answer, asked);
    else if (!strcmp(what, "send"))
        hubd_client_send(c, room, text_of(line, "type"), json_object_get(line, "content"), on_answer, asked);
    else if (!strcmp(what, "command"))
        hubd_client_command(c, name, json_object_get(line, "payload"), on_answer, asked);
    else if (!strcmp(what, "emit"))
        emit(c, line, asked);
    else {
        free(asked);
        if (!strcmp(what, "channel"))
            hubd_client_channel(c, name, number_of(line, "history"), on_channel, NULL);
        else if (!strcmp(what, "record"))
            hubd_client_record(c, name, on_record, NULL);
        else if (!strcmp(what, "invoke"))
            hubd_client_on_invoke(c, text_of(line, "type"), on_invoke, NULL);
        else if (!strcmp(what, "token"))
            hubd_client_token(c, text_of(line, "token"));
        else if (!strcmp(what, "pace"))
            hubd_client_reconnection(c, number_of(line, "first"), number_of(line, "most"));
        else if (!strcmp(what, "close"))
            hubd_client_close(c);
    }
}

static void obey_lines(struct driver *d) {
    char *end;
    while ((end = memchr(d->line, '\n', d->have))) {
        size_t n = (size_t)(end - d->line);
        json_t *line = json_loadb(d->line, n, 0, NULL);
        d->have -= n + 1;
        memmove(d->line, end + 1, d->have);
        if (line) obey(d, line);
        json_decref(line);
    }
}

static void read_lines(struct driver *d) {
    ssize_t n = read(0, d->line + d->have, LINE_MAX_BYTES - d->have);
    if (n <= 0) {
        d->ended = true;
        return;
    }
    d->have += (size_t)n;
    obey_lines(d);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    struct driver *d = poll->data;
    read_lines(d);
    if (d->ended) uv_stop(poll->loop);
}

static void run_alone(struct driver *d) {
    struct pollfd input = {.fd = 0, .events = POLLIN};
    while (!d->ended) {
        hubd_client_service(d->client, TURN_MS);
        while (!d->ended && poll(&input, 1, 0) > 0) read_lines(d);
    }
}

static void run_in_uv(struct driver *d, uv_loop_t *loop) {
    uv_poll_t input;
    uv_poll_init(loop, &input, 0);
    input.data = d;
    uv_poll_start(&input, UV_READABLE, on_readable);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&input, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
}

static void take_option(struct hubd_client_options *o, char *pair) {
    char *value = strchr(pair, '=');
    if (!value) return;
    *value++ = 0;
    if (!strcmp(pair, "clientId")) o->client_id = value;
    if (!strcmp(pair, "timeoutMs")) o->timeout_ms = atoi(value);
    if (!strcmp(pair, "queueLimit")) o->queue_limit = (size_t)atoi(value);
    if (!strcmp(pair, "caFile")) o->ca_file = value;
    if (!strcmp(pair, "wants")) o->want_token = on_want_token;
}

int main(int argc, char **argv) {
    struct hubd_client_options options;
    struct driver d = {.line = malloc(LINE_MAX_BYTES)};
    uv_loop_t loop;
    hubd_client_options_init(&options);
    options.url = argc > 1 ? argv[1] : NULL;
    options.hub = argc > 2 ? argv[2] : NULL;
    options.token = argc > 3 && *argv[3] ? argv[3] : NULL;
    options.on_state = on_state;
    options.on_message = on_message;
    options.on_event = on_event;
    for (int i = 4; i < argc; i++) {
        if (!strcmp(argv[i], "uv")) {
            uv_loop_init(&loop);
            options.foreign_loop = &loop;
            options.foreign_kind = LWS_SERVER_OPTION_LIBUV;
        } else {
            take_option(&options, argv[i]);
        }
    }
    d.client = hubd_client_new(&options);
    if (!d.client) return fprintf(stderr, "driver: %s\n", strerror(errno)), 1;
    if (options.foreign_loop)
        run_in_uv(&d, &loop);
    else
        run_alone(&d);
    hubd_client_free(d.client);
    free(d.line);
    if (!options.foreign_loop || !uv_loop_close(&loop)) return 0;
    return fprintf(stderr, "driver: the loop has handles left\n"), 1;
}
