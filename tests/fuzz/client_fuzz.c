/* What a server may send to the client for C, in whatever order, while its user does things: nothing
 * breaks, and each question has one answer at the end. A line of the input is a step; its first byte says
 * what happens: t TEXT and b BYTES come; m N: so many ms pass; x: the line breaks; j l s k c r e v: the
 * user joins, leaves, sends, calls a command, follows a channel, a record, emits bytes, brings a token; f
 * fills the line. */
#include <stdint.h>
#include <stdlib.h>

#include "clients/c/src/client.h"
#include "clients/c/test/fake_transport.h"

struct fuzzed {
    struct fake_transport *line;
    struct hubd_client *client;
    int asked, answered;
};

static void on_answer(void *user, const struct hubd_error *error, const json_t *answer) {
    struct fuzzed *z = user;
    z->answered++;
    if (error && answer) abort();
}

static void on_value(void *user, const json_t *value, int64_t number) {
    (void)user;
    (void)value;
    (void)number;
}

static void on_message(void *user, const char *room_id, const json_t *message) {
    (void)user;
    if (!room_id || !message) abort();
}

static void on_event(void *user, const char *event, const json_t *data, const void *binary, size_t n) {
    (void)user;
    (void)data;
    if (!event || (n && !binary)) abort();
}

static json_t *on_invoke(void *user, const json_t *data) {
    (void)user;
    return json_deep_copy(data);
}

static void do_step(struct fuzzed *z, char what, const char *rest, size_t n) {
    struct hubd_client *c = z->client;
    switch (what) {
    case 't': fake_text(z->line, rest); break;
    case 'b': fake_bytes(z->line, rest, n); break;
    case 'm': fake_turn(z->line, strtol(rest, NULL, 10) % 100000 & INT32_MAX); break;
    case 'x': fake_break(z->line); break;
    case 'f': z->line->full = !z->line->full; break;
    case 'j':
        z->asked++;
        hubd_client_join(c, "r", on_answer, z);
        break;
    case 'l':
        z->asked++;
        hubd_client_leave(c, "r", on_answer, z);
        break;
    case 's':
        z->asked++;
        hubd_client_send(c, "r", "text", NULL, on_answer, z);
        break;
    case 'k':
        z->asked++;
        hubd_client_command(c, "roll", NULL, on_answer, z);
        break;
    case 'e':
        z->asked++;
        hubd_client_emit(c, "e", NULL, rest, n, on_answer, z);
        break;
    case 'c': hubd_client_channel(c, "n", 2, n ? NULL : on_value, z); break;
    case 'r': hubd_client_record(c, "p", n ? NULL : on_value, z); break;
    case 'v': hubd_client_token(c, n ? rest : NULL); break;
    default: break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct fuzzed z = {.line = fake_new()};
    struct hubd_client_options o;
    hubd_client_options_init(&o);
    o.hub = "h";
    o.user = &z;
    o.on_message = on_message;
    o.on_event = on_event;
    z.client = hubc_client_new(&o, &z.line->base);
    hubd_client_on_invoke(z.client, "i", on_invoke, NULL);
    fake_turn(z.line, 0);
    for (size_t at = 0; at < n;) {
        const uint8_t *end = memchr(data + at, '\n', n - at);
        size_t len = (end ? (size_t)(end - data) : n) - at;
        struct hubc_buf step = {0};
        hubc_buf_add(&step, data + at, len);
        if (len) do_step(&z, *step.at, step.at + 1, len - 1);
        hubc_buf_free(&step);
        at += len + 1;
    }
    hubd_client_free(z.client);
    if (z.asked != z.answered) abort();
    return 0;
}
