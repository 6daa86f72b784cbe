/* Rows of jobs: their place in the queue, the times they wait for, and what scripts see of them. */
#include "base/crypto/random.h"
#include "hub/queue/queue_int.h"

#include "base/time/clock.h"

#define PLACE_BITS 52 /* of a place, microseconds since 1970; above them the priority */

const char *const hub_job_states[HUB_JOB_STATES] = {
    [HUB_JOB_WAITING] = "waiting", [HUB_JOB_DELAYED] = "delayed", [HUB_JOB_RUNNING] = "running",
    [HUB_JOB_DONE] = "done",       [HUB_JOB_FAILED] = "failed",   [HUB_JOB_CANCELLED] = "cancelled"};

int64_t hub_job_wall(const struct hub_queues *all) { return hub_loop_wall(all->engine->config.loop); }

struct hub_cell hub_job_state_cell(enum hub_job_state state) {
    return hub_cell_text(hub_cstr(hub_job_states[state]));
}

/* Jobs of one millisecond keep the order in which they came. */
int64_t hub_job_place(struct hub_queues *all, int64_t priority, int64_t due) {
    int64_t now_us = hub_job_wall(all) * 1000, us = due * 1000;
    if (us <= now_us) {
        us = now_us > all->last_us ? now_us : all->last_us + 1;
        all->last_us = us;
    }
    return ((HUB_JOB_PRIORITY_MAX - priority) << PLACE_BITS) + us;
}

void hub_job_set_due(struct hub_queues *all, struct hub_cell *cells, int64_t priority, int64_t due) {
    bool later = due > hub_job_wall(all);
    cells[HUB_JOB_STATE] = hub_job_state_cell(later ? HUB_JOB_DELAYED : HUB_JOB_WAITING);
    cells[HUB_JOB_PLACE] = hub_cell_int(hub_job_place(all, priority, due));
    cells[HUB_JOB_READY] = later ? (struct hub_cell){.kind = HUB_CELL_NULL} : hub_cell_bool(true);
    cells[HUB_JOB_WAKE] = later ? hub_cell_int(due) : (struct hub_cell){.kind = HUB_CELL_NULL};
    cells[HUB_JOB_DUE] = hub_cell_int(due);
}

int64_t hub_job_first_lease(void) {
    uint32_t random;
    hub_random(&random, sizeof random);
    return (int64_t)random << 16;
}

/* ---- what scripts see ---- */

enum shown_as { AS_TEXT, AS_INT, AS_TIME, AS_JSON };
static const struct shown {
    const char *name;
    enum hub_job_column column;
    enum shown_as as;
    bool always; /* also when it is NULL */
} shown[] = {
    {"id", HUB_JOB_ID, AS_TEXT, true},
    {"queue", HUB_JOB_QUEUE, AS_TEXT, true},
    {"state", HUB_JOB_STATE, AS_TEXT, true},
    {"data", HUB_JOB_DATA, AS_JSON, true},
    {"result", HUB_JOB_RESULT, AS_JSON, true},
    {"error", HUB_JOB_ERROR, AS_TEXT, true},
    {"attempts", HUB_JOB_ATTEMPTS, AS_INT, true},
    {"maxAttempts", HUB_JOB_MAX_ATTEMPTS, AS_INT, false},
    {"priority", HUB_JOB_PRIORITY, AS_INT, true},
    {"dueAt", HUB_JOB_DUE, AS_TIME, true},
    {"repeatMs", HUB_JOB_REPEAT, AS_INT, false},
    {"cron", HUB_JOB_CRON, AS_TEXT, false},
    {"createdAt", HUB_JOB_CREATED_AT, AS_TIME, false},
    {"finishedAt", HUB_JOB_FINISHED_AT, AS_TIME, false},
};

static HUB_MUST json_t *shown_value(const struct shown *s, const struct hub_cell *c) {
    char iso[HUB_ISO_LEN + 1];
    struct hub_err err;
    json_t *v = NULL;
    if (c->kind == HUB_CELL_ABSENT || c->kind == HUB_CELL_NULL) return s->always ? json_null() : NULL;
    switch (s->as) {
    case AS_TEXT: return hub_json_string(c->s);
    case AS_INT: return json_integer(c->i);
    case AS_TIME: hub_iso_format(c->i, iso); return json_string(iso);
    case AS_JSON: v = hub_json_parse(c->s, &err); break;
    }
    return v ? v : json_null();
}

json_t *hub_job_json(const struct hub_cell *row) {
    json_t *o = json_object();
    for (size_t i = 0; i < HUB_NELEM(shown); i++) {
        json_t *v = shown_value(&shown[i], &row[shown[i].column]);
        if (v) json_object_set_new(o, shown[i].name, v);
    }
    return o;
}

/* ---- times ---- */

/* Jobs that failed together shall not all come back at once. */
static int64_t with_jitter(int64_t ms) {
    uint16_t random;
    hub_random(&random, sizeof random);
    return ms - ms / 4 + ms / 2 * random / UINT16_MAX;
}

int64_t hub_job_backoff(const struct hub_def_queue *def, int64_t attempt) {
    int64_t ms = def->backoff_ms;
    for (int64_t i = 1; def->backoff == HUB_BACKOFF_EXPONENTIAL && i < attempt && ms < HUB_JOB_BACKOFF_MAX; i++)
        ms *= 2;
    return with_jitter(ms < HUB_JOB_BACKOFF_MAX ? ms : HUB_JOB_BACKOFF_MAX);
}

int64_t hub_job_next(const struct hub_job_run *run, int64_t now) {
    struct hub_cron cron;
    if (run->repeat_ms > 0) {
        int64_t passed = now > run->due ? (now - run->due) / run->repeat_ms : 0;
        return run->due + (passed + 1) * run->repeat_ms;
    }
    if (!run->cron.n || hub_cron_parse(hub_buf_str(&run->cron), &cron)) return 0;
    return hub_cron_next(&cron, now);
}
