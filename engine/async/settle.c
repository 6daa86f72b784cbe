/* Answers that wait until rights have been worked out again (contract: semantics.md "Join"), but not for
 * ever: the change was made, and the store may be away. */
#include "async/work.h"
#include "base/telemetry/log.h"

#define TIMEOUT_MS 3000 /* less than a script's wallMs */

static void answer_settling(struct hub_settling *s) {
    if (s->answered) return;
    s->answered = true;
    s->answer(s);
}

static void on_done(struct hub_work *w) {
    struct hub_settling *s = HUB_CONTAINER(w, struct hub_settling, work);
    hub_timer_stop(s->loop, &s->timeout);
    answer_settling(s);
    s->end(s);
}

static void on_timeout(struct hub_timer *t) {
    struct hub_settling *s = HUB_CONTAINER(t, struct hub_settling, timeout);
    hub_log_kv(HUB_LOG_WARN, "hub", "a change is answered before all rights that rest on it are worked out", "change",
               s->what, NULL);
    answer_settling(s);
}

void hub_settling_begin(struct hub_settling *s, struct hub_loop *loop, const char *what) {
    s->loop = loop;
    s->what = what;
    s->work = (struct hub_work){.holds = 1, .done = on_done};
}

void hub_settling_wait(struct hub_settling *s) {
    if (s->work.holds > 1) hub_timer_start(s->loop, &s->timeout, TIMEOUT_MS, on_timeout);
    hub_work_release(&s->work);
}
