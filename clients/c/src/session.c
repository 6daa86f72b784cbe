/* The packets of one namespace on one line. */
#include "session.h"

#include <stdlib.h>
#include <string.h>

enum { PING_MS = 25000, PING_TIMEOUT_MS = 20000, LONGEST_MS = 24 * 3600 * 1000 };

static void forget_partial(struct hubc_session *s) {
    json_decref(s->partial.data);
    s->partial = (struct hubc_packet){0};
    hubc_buf_free(&s->binary);
    s->have = 0;
}

static void end_line(struct hubc_session *s) {
    s->greeted = s->connected = false;
    json_decref(s->auth);
    s->auth = NULL;
    forget_partial(s);
    hubc_timer_clear(s->timers, &s->silence);
}

static void lose_line(struct hubc_session *s, const char *why) {
    s->transport->ops->close(s->transport);
    end_line(s);
    s->events->lost(s->owner, why);
}

static void on_silence(void *arg) { lose_line(arg, "the server has fallen silent"); }

static void watch_silence(struct hubc_session *s) {
    if (s->silence_ms) hubc_timer_set(s->timers, &s->silence, s->silence_ms);
}

/* ---- what comes ---- */

static int64_t within_bounds(int64_t ms, int64_t usual) { return ms > 0 && ms <= LONGEST_MS ? ms : usual; }

static void on_open_packet(struct hubc_session *s, const char *text, size_t n) {
    json_t *open = hubc_json(text, n);
    if (!json_is_object(open) || s->greeted) {
        json_decref(open);
        lose_line(s, "the server does not speak Engine.IO 4");
        return;
    }
    s->greeted = true;
    s->silence_ms = within_bounds(hubc_int_of(open, "pingInterval", 0), PING_MS) +
                    within_bounds(hubc_int_of(open, "pingTimeout", 0), PING_TIMEOUT_MS);
    s->payload_max = hubc_int_of(open, "maxPayload", 0);
    json_decref(open);
    watch_silence(s);
    struct hubc_buf out = {0};
    hubc_packet_write(&out, HUBC_CONNECT, s->nsp, 0, -1, s->auth);
    s->transport->ops->send(s->transport, out.at, out.len, false);
    hubc_buf_free(&out);
}

static void on_refusal(struct hubc_session *s, json_t *refusal) {
    s->transport->ops->close(s->transport);
    json_incref(refusal);
    end_line(s);
    const char *message = json_is_string(refusal) ? json_string_value(refusal) : hubc_text_of(refusal, "message");
    s->events->refused(s->owner, message ? message : "refused", json_object_get(refusal, "data"));
    json_decref(refusal);
}

struct marking {
    const size_t *lengths;
    unsigned have;
};

/* Says in each placeholder where its bytes are. */
static bool mark_placeholder(void *arg, json_t *placeholder, int64_t num) {
    const struct marking *m = arg;
    if (num < 0 || num >= m->have) return false;
    size_t offset = 0;
    for (int64_t i = 0; i < num; i++) offset += m->lengths[i];
    json_object_set_new(placeholder, "offset", json_integer((json_int_t)offset));
    json_object_set_new(placeholder, "length", json_integer((json_int_t)m->lengths[num]));
    return true;
}

static void hand_over(struct hubc_session *s, struct hubc_packet *p, const struct hubc_buf *binary) {
    struct hubc_incoming in = {.args = p->data, .id = p->id};
    if (binary) {
        in.binary = binary->len ? binary->at : "";
        in.binary_len = binary->len;
    }
    if (p->type == HUBC_ACK || p->type == HUBC_BINARY_ACK) {
        s->events->answered(s->owner, &in);
        return;
    }
    json_t *name = json_incref(json_array_get(p->data, 0));
    json_array_remove(p->data, 0);
    in.name = json_string_value(name);
    s->events->told(s->owner, &in);
    json_decref(name);
}

/* Takes P->data over. */
static void on_whole_packet(struct hubc_session *s, struct hubc_packet *p) {
    switch (p->type) {
    case HUBC_CONNECT:
        if (s->connected) break;
        s->connected = true;
        s->events->connected(s->owner);
        break;
    case HUBC_CONNECT_ERROR: on_refusal(s, p->data); break;
    case HUBC_DISCONNECT: lose_line(s, "the server has ended the connection"); break;
    default:
        if (s->connected) hand_over(s, p, NULL);
    }
    json_decref(p->data);
}

static void on_whole_binary(struct hubc_session *s) {
    struct hubc_packet p = s->partial;
    struct hubc_buf binary = s->binary;
    struct marking m = {s->lengths, s->have};
    bool fits = hubc_each_placeholder(p.data, mark_placeholder, &m);
    s->partial.data = NULL;
    s->binary = (struct hubc_buf){0};
    forget_partial(s);
    if (!fits)
        lose_line(s, "the server has sent a wrong binary packet");
    else if (s->connected)
        hand_over(s, &p, &binary);
    json_decref(p.data);
    hubc_buf_free(&binary);
}

static bool is_ours(const struct hubc_session *s, const struct hubc_packet *p) {
    return strlen(s->nsp) == p->nsp_len && !memcmp(s->nsp, p->nsp, p->nsp_len);
}

static void on_packet(struct hubc_session *s, const char *text, size_t n) {
    struct hubc_packet p;
    if (s->partial.data || !s->greeted || !hubc_packet_parse(&p, text, n)) {
        lose_line(s, "the server does not speak Socket.IO 5");
        return;
    }
    if (!is_ours(s, &p)) {
        json_decref(p.data);
        return;
    }
    if (p.type != HUBC_BINARY_EVENT && p.type != HUBC_BINARY_ACK) {
        on_whole_packet(s, &p);
        return;
    }
    s->partial = p;
    s->have = 0;
    if (!p.attachments) on_whole_binary(s);
}

static void on_attachment(struct hubc_session *s, const char *data, size_t n) {
    if (!s->partial.data || s->binary.len + n > HUBC_MESSAGE_MAX) {
        lose_line(s, "the server has sent bytes that belong to nothing, or too many");
        return;
    }
    s->lengths[s->have++] = n;
    hubc_buf_add(&s->binary, data, n);
    if (s->have == s->partial.attachments) on_whole_binary(s);
}

static void on_message(void *owner, const char *data, size_t n, bool binary) {
    struct hubc_session *s = owner;
    s->events->heard(s->owner);
    watch_silence(s);
    if (binary)
        on_attachment(s, data, n);
    else if (n && *data == '0')
        on_open_packet(s, data + 1, n - 1);
    else if (n && *data == '2')
        s->transport->ops->send(s->transport, "3", 1, false);
    else if (n && *data == '4')
        on_packet(s, data + 1, n - 1);
    else if (n && *data == '6')
        return; /* a noop */
    else
        lose_line(s, n && *data == '1' ? "the server has closed" : "the server does not speak Engine.IO 4");
}

static void on_opened(void *owner) { (void)owner; /* the server speaks first */ }

static void on_closed(void *owner, const char *why) {
    struct hubc_session *s = owner;
    end_line(s);
    s->events->lost(s->owner, why);
}

static void on_due(void *owner) {
    struct hubc_session *s = owner;
    hubc_timers_run(s->timers);
}

/* ---- what goes ---- */

void hubc_session_prepare(struct hubc_session *s) {
    static const struct hubc_transport_events events = {on_opened, on_message, on_closed, on_due};
    s->transport->events = &events;
    s->transport->owner = s;
    s->silence = (struct hubc_timer){.fn = on_silence, .arg = s};
}

void hubc_session_open(struct hubc_session *s, json_t *auth) {
    s->auth = auth;
    s->silence_ms = s->payload_max = 0;
    s->transport->ops->open(s->transport);
}

void hubc_session_close(struct hubc_session *s) {
    if (s->connected) {
        struct hubc_buf out = {0};
        hubc_packet_write(&out, HUBC_DISCONNECT, s->nsp, 0, -1, NULL);
        s->transport->ops->send(s->transport, out.at, out.len, false);
        hubc_buf_free(&out);
    }
    s->transport->ops->close(s->transport);
    end_line(s);
}

void hubc_session_free(struct hubc_session *s) {
    end_line(s);
    free(s->nsp);
}

static const char *send_parts(struct hubc_session *s, const struct hubc_buf *text, const void *binary, size_t len) {
    int64_t most = s->payload_max > 0 ? s->payload_max : HUBC_UNSENT_MAX;
    if ((int64_t)(text->len + len) > most) return "too_large"; /* the server counts them together */
    if (!s->transport->ops->has_room(s->transport, text->len + len)) return "queue_full";
    bool sent = s->transport->ops->send(s->transport, text->at, text->len, false) &&
                (!binary || s->transport->ops->send(s->transport, binary, len, true));
    return sent ? NULL : "queue_full";
}

const char *hubc_session_emit(struct hubc_session *s, const json_t *args, int64_t id, const void *binary, size_t len) {
    if (!s->connected) return "disconnected";
    struct hubc_buf text = {0};
    hubc_packet_write(&text, binary ? HUBC_BINARY_EVENT : HUBC_EVENT, s->nsp, 1, id, args);
    const char *code = send_parts(s, &text, binary, len);
    hubc_buf_free(&text);
    return code;
}

void hubc_session_answer(struct hubc_session *s, int64_t id, const json_t *answer) {
    struct hubc_buf text = {0};
    json_t *args = json_pack("[O]", answer);
    hubc_packet_write(&text, HUBC_ACK, s->nsp, 0, id, args);
    if (s->connected) s->transport->ops->send(s->transport, text.at, text.len, false);
    json_decref(args);
    hubc_buf_free(&text);
}
