/* Packets of Socket.IO 5 in text messages of Engine.IO 4. Pure functions. */
#ifndef HUBC_PACKET_H
#define HUBC_PACKET_H
#include "text.h"

enum { HUBC_ATTACHMENTS_MAX = 16 };

enum hubc_packet_type {
    HUBC_CONNECT,
    HUBC_DISCONNECT,
    HUBC_EVENT,
    HUBC_ACK,
    HUBC_CONNECT_ERROR,
    HUBC_BINARY_EVENT,
    HUBC_BINARY_ACK
};

struct hubc_packet {
    enum hubc_packet_type type;
    const char *nsp; /* within the text; "/" when it names none */
    size_t nsp_len;
    int64_t id; /* -1: none */
    unsigned attachments;
    json_t *data; /* owned; NULL: none */
};

/* Takes the text behind Engine.IO's "4" apart. False: it is no such packet, and P->data is NULL. */
bool hubc_packet_parse(struct hubc_packet *p, const char *text, size_t n);
/* Appends the packet as an Engine.IO message. DATA NULL: none. */
void hubc_packet_write(struct hubc_buf *out, enum hubc_packet_type type, const char *nsp, unsigned attachments,
                       int64_t id, const json_t *data);

/* Whether VALUE is {"_placeholder": true, "num": N}; N goes into *NUM. */
bool hubc_is_placeholder(const json_t *value, int64_t *num);
/* Calls FN with each placeholder in VALUE; false as soon as FN says so. */
bool hubc_each_placeholder(json_t *value, bool (*fn)(void *arg, json_t *placeholder, int64_t num), void *arg);
#endif
