/* A transport that does nothing by itself: a test says what comes and how late it is, and reads what has
 * gone. */
#ifndef HUBC_FAKE_TRANSPORT_H
#define HUBC_FAKE_TRANSPORT_H
#include <stdlib.h>
#include <string.h>

#include "clients/c/src/text.h"
#include "clients/c/src/transport.h"

enum { FAKE_SENT = 256 };

struct fake_transport {
    struct hubc_transport base;
    int64_t now, alarm;
    bool open;
    int opens;
    bool serving;
    bool full;   /* takes nothing more */
    size_t room; /* bytes that it takes at a time; 0: any */
    struct {
        char *text;
        size_t len;
        bool binary;
    } sent[FAKE_SENT]; /* the oldest make room */
    int sent_count;
};

static inline struct fake_transport *fake_of(struct hubc_transport *t) { return (struct fake_transport *)t; }

static inline void fake_open(struct hubc_transport *t) {
    fake_of(t)->open = true;
    fake_of(t)->opens++;
}

static inline bool fake_has_room(struct hubc_transport *t, size_t n) {
    const struct fake_transport *f = fake_of(t);
    return f->open && !f->full && (!f->room || n <= f->room);
}

static inline bool fake_send(struct hubc_transport *t, const void *data, size_t len, bool binary) {
    struct fake_transport *f = fake_of(t);
    if (!fake_has_room(t, len)) return false;
    if (f->sent_count == FAKE_SENT) {
        free(f->sent[0].text);
        memmove(f->sent, f->sent + 1, sizeof f->sent[0] * (FAKE_SENT - 1));
        f->sent_count--;
    }
    struct hubc_buf copy = {0};
    hubc_buf_add(&copy, data, len);
    f->sent[f->sent_count].text = copy.at;
    f->sent[f->sent_count].len = len;
    f->sent[f->sent_count++].binary = binary;
    return true;
}

static inline void fake_close(struct hubc_transport *t) { fake_of(t)->open = false; }

static inline int64_t fake_now(struct hubc_transport *t) { return fake_of(t)->now; }

static inline void fake_wake_at(struct hubc_transport *t, int64_t at) { fake_of(t)->alarm = at; }

static inline int64_t fake_pace(struct hubc_transport *t, unsigned n, int first, int most) {
    (void)t;
    int64_t ms = (int64_t)first << (n < 20 ? n : 20);
    return ms < most ? ms : most;
}

/* Turns the clock by MS; what is due runs at its time. */
static inline void fake_turn(struct fake_transport *f, int64_t ms) {
    int64_t end = f->now + ms;
    for (int turns = 0; f->alarm <= end && turns < 10000; turns++) {
        if (f->alarm > f->now) f->now = f->alarm;
        f->alarm = INT64_MAX;
        f->base.events->due(f->base.owner);
    }
    f->now = end;
}

/* What runs in it must not begin another one. */
static inline void fake_service(struct hubc_transport *t, int ms) {
    struct fake_transport *f = fake_of(t);
    if (f->serving) abort();
    f->serving = true;
    fake_turn(f, ms > 0 ? ms : 0);
    f->serving = false;
}

static inline void fake_free(struct hubc_transport *t) {
    struct fake_transport *f = fake_of(t);
    for (int i = 0; i < f->sent_count; i++) free(f->sent[i].text);
    free(f);
}

static inline struct fake_transport *fake_new(void) {
    static const struct hubc_transport_ops ops = {fake_open,    fake_send, fake_has_room, fake_close, fake_now,
                                                  fake_wake_at, fake_pace, fake_service,  fake_free};
    struct fake_transport *f = hubc_alloc(sizeof *f);
    f->base.ops = &ops;
    f->now = 1000;
    f->alarm = INT64_MAX;
    return f;
}

/* TEXT comes, if there is a line. */
static inline void fake_text(struct fake_transport *f, const char *text) {
    if (f->open) f->base.events->message(f->base.owner, text, strlen(text), false);
}

static inline void fake_bytes(struct fake_transport *f, const void *bytes, size_t n) {
    if (f->open) f->base.events->message(f->base.owner, bytes, n, true);
}

/* The line breaks. */
static inline void fake_break(struct fake_transport *f) {
    if (!f->open) return;
    f->open = false;
    f->base.events->closed(f->base.owner, "broken");
}
#endif
