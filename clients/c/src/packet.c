/* type [attachments "-"] ["/" namespace ","] [id] [JSON] */
#include "packet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MAX = 15, DEEP_MAX = 64 };

struct cursor {
    const char *at, *end;
};

/* -1: no number stands here, -2: one that is too long. */
static int64_t read_number(struct cursor *c) {
    const char *start = c->at;
    int64_t n = 0;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        if (c->at - start >= DIGITS_MAX) return -2;
        n = n * 10 + (*c->at++ - '0');
    }
    return c->at > start ? n : -1;
}

static bool read_attachments(struct hubc_packet *p, struct cursor *c) {
    if (p->type != HUBC_BINARY_EVENT && p->type != HUBC_BINARY_ACK) return true;
    int64_t n = read_number(c);
    if (n < 0 || n > HUBC_ATTACHMENTS_MAX || c->at == c->end || *c->at++ != '-') return false;
    p->attachments = (unsigned)n;
    return true;
}

static void read_namespace(struct hubc_packet *p, struct cursor *c) {
    p->nsp = "/";
    p->nsp_len = 1;
    if (c->at == c->end || *c->at != '/') return;
    const char *comma = memchr(c->at, ',', (size_t)(c->end - c->at));
    p->nsp = c->at;
    p->nsp_len = (size_t)((comma ? comma : c->end) - c->at);
    c->at = comma ? comma + 1 : c->end;
    const char *query = memchr(p->nsp, '?', p->nsp_len);
    if (query) p->nsp_len = (size_t)(query - p->nsp);
}

static bool data_fits(const struct hubc_packet *p) {
    switch (p->type) {
    case HUBC_DISCONNECT: return !p->data;
    case HUBC_CONNECT: return !p->data || json_is_object(p->data);
    case HUBC_CONNECT_ERROR: return json_is_object(p->data) || json_is_string(p->data);
    case HUBC_ACK:
    case HUBC_BINARY_ACK: return json_is_array(p->data) && p->id >= 0;
    default: return json_is_string(json_array_get(p->data, 0));
    }
}

bool hubc_packet_parse(struct hubc_packet *p, const char *text, size_t n) {
    *p = (struct hubc_packet){.id = -1};
    struct cursor c = {text, text + n};
    if (!n || *c.at < '0' || *c.at > '6') return false;
    p->type = (enum hubc_packet_type)(*c.at++ - '0');
    if (!read_attachments(p, &c)) return false;
    read_namespace(p, &c);
    p->id = read_number(&c);
    if (p->id < -1) return false;
    if (c.at < c.end && !(p->data = hubc_json(c.at, (size_t)(c.end - c.at)))) return false;
    if (data_fits(p)) return true;
    json_decref(p->data);
    p->data = NULL;
    return false;
}

void hubc_packet_write(struct hubc_buf *out, enum hubc_packet_type type, const char *nsp, unsigned attachments,
                       int64_t id, const json_t *data) {
    char head[64];
    snprintf(head, sizeof head, "4%d", (int)type);
    hubc_buf_text(out, head);
    if (type == HUBC_BINARY_EVENT || type == HUBC_BINARY_ACK) {
        snprintf(head, sizeof head, "%u-", attachments);
        hubc_buf_text(out, head);
    }
    hubc_buf_text(out, nsp);
    hubc_buf_text(out, ",");
    if (id >= 0) {
        snprintf(head, sizeof head, "%lld", (long long)id);
        hubc_buf_text(out, head);
    }
    char *text = data ? json_dumps(data, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (text) hubc_buf_text(out, text);
    free(text);
}

bool hubc_is_placeholder(const json_t *value, int64_t *num) {
    if (!json_is_true(json_object_get(value, "_placeholder"))) return false;
    *num = hubc_int_of(value, "num", -1);
    return true;
}

static bool walk_placeholders(json_t *value, bool (*fn)(void *arg, json_t *placeholder, int64_t num), void *arg,
                              int deep) {
    int64_t num;
    const char *key;
    json_t *member;
    size_t i;
    if (hubc_is_placeholder(value, &num)) return fn(arg, value, num);
    if (deep == DEEP_MAX) return true;
    json_object_foreach(value, key, member) {
        if (!walk_placeholders(member, fn, arg, deep + 1)) return false;
    }
    json_array_foreach(value, i, member) {
        if (!walk_placeholders(member, fn, arg, deep + 1)) return false;
    }
    return true;
}

bool hubc_each_placeholder(json_t *value, bool (*fn)(void *arg, json_t *placeholder, int64_t num), void *arg) {
    return walk_placeholders(value, fn, arg, 0);
}
