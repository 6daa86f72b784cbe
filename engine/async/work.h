/* Work that takes more than one step: counted, waited for with a limit, or tried again. Everything on the
 * loop thread. */
#ifndef HUB_ASYNC_WORK_H
#define HUB_ASYNC_WORK_H
#include "base/collection/list.h"
#include "base/error/code.h"
#include "base/memory/mem.h"
#include "loop/loop.h"

/* Work in steps, some of which take their time: DONE comes when the last hold is released. Whoever keeps a
 * step for later holds it; NULL = nobody waits for it. */
struct hub_work {
    size_t holds;
    void (*done)(struct hub_work *w);
};
static inline struct hub_work *hub_work_hold(struct hub_work *w) {
    if (w) w->holds++;
    return w;
}
static inline void hub_work_release(struct hub_work *w) {
    if (w && --w->holds == 0) w->done(w);
}

/* An answer that waits for rights to be worked out again, though not for ever (settle.c). Inside its
 * owner's struct. */
struct hub_settling {
    struct hub_work work; /* for those who are waited for */
    struct hub_loop *loop;
    const char *what; /* for the log */
    struct hub_timer timeout;
    bool answered;
    void (*answer)(struct hub_settling *s); /* once: when all is done, or it took too long */
    void (*end)(struct hub_settling *s);    /* after that, when nothing is under way any more: frees the owner */
};
void hub_settling_begin(struct hub_settling *s, struct hub_loop *loop, const char *what);
void hub_settling_wait(
    struct hub_settling *s); /* what is to be waited for holds s->work by now; S may be gone afterwards */

/* ---- steps that wait for the store (retry.c) ---- */

/* Those of one loop. Zero and hub_retries_init. */
struct hub_retries {
    struct hub_loop *loop;
    struct hub_list all;
    struct hub_timer timer;
    bool stopped; /* nobody waits for what is under way any more */
};
/* Inside its owner's struct. AGAIN comes in a second; with GIVE_UP the process stops, and the owner only
 * ends. */
struct hub_retry {
    struct hub_list link;
    void (*again)(struct hub_retry *r, bool give_up);
};
void hub_retries_init(struct hub_retries *all, struct hub_loop *loop);
/* False: CODE, with which the step ended, does not mend by waiting, or nobody waits for WORK. */
bool hub_retry_later(struct hub_retries *all, struct hub_retry *r, const struct hub_work *work, enum hub_code code);
/* The same for what has to be done whether somebody waits for it or not. */
bool hub_retry_anyway(struct hub_retries *all, struct hub_retry *r, enum hub_code code);
void hub_retries_stop(struct hub_retries *all); /* all of them, for good */
#endif
