/* Inside the queues: a service's queues, the jobs that this process is carrying out, and what is written of
 * them.
 *
 * A row of the job table changes hands by its lease. A take raises the number and sets the moment at which
 * the worker counts as lost; whatever the worker writes about the job afterwards names the number, and
 * changes nothing when somebody else has taken the job since. The first number is drawn for each job: one
 * that is added again under the id of a job that is gone is not taken for that one. One attempt ends by
 * itself within its timeoutMs, which lies before that moment, or it is not begun: so nobody else runs it
 * meanwhile. Where the moment comes earlier all the same, since the clock was set, the worker sets a later
 * one.
 *
 * A take brings jobs for the free places of the queue and, where they are short, some more: these are in
 * hand until a place is free, so that the places do not stand empty while the store is asked. A job that is
 * added where there is room for it need not be taken: its row says from the start that this worker has it. */
#ifndef HUB_QUEUE_QUEUE_INT_H
#define HUB_QUEUE_QUEUE_INT_H
#include "base/time/cron.h"
#include "hub/call/call.h"
#include "hub/core/core.h"
#include "hub/queue/queue.h"

#define HUB_JOB_GRACE_MS 5000          /* behind timeoutMs, before a worker counts as lost */
#define HUB_JOB_TAKE 250               /* jobs of one take at most */
#define HUB_JOB_AHEAD_MS 20            /* what is expected to begin within that is taken ahead */
#define HUB_JOB_AHEAD_BYTES (1 << 20)  /* and is, by what jobs are like, no larger than that */
#define HUB_JOB_HAND_MS 200            /* the longest that a job is in hand; then others may have it */
#define HUB_JOB_DATA_MAX 262144        /* bytes of a job's data, and of its result, as JSON */
#define HUB_JOB_ERROR_MAX 1000         /* bytes of an error that are kept */
#define HUB_JOB_PRIORITY_MAX 1000      /* and as low as minus that */
#define HUB_JOB_DELAY_MAX 315360000000 /* ten years */
#define HUB_JOB_REPEAT_MIN 100         /* ms */
#define HUB_JOB_BACKOFF_MAX 86400000   /* a day */
#define HUB_JOB_POLL_MS 5000           /* how often to look for what other processes have done */
#define HUB_JOB_STATES 6

/* In the order of the states in the table (persist/tables.c). */
enum hub_job_state {
    HUB_JOB_WAITING,
    HUB_JOB_DELAYED,
    HUB_JOB_RUNNING,
    HUB_JOB_DONE,
    HUB_JOB_FAILED,
    HUB_JOB_CANCELLED
};
extern const char *const hub_job_states[HUB_JOB_STATES];

struct hub_queues {
    struct hub_engine *engine;
    struct hub_map by_name;        /* name → hub_queue; those that a reload took away stay, without def */
    char worker[HUB_UUID_LEN + 1]; /* this process, for people who look at the rows */
    int64_t last_us;               /* of the last place given */
    struct hub_timer poll;
    bool stopped;
};

struct hub_queue_counts {
    int64_t of[HUB_JOB_STATES];
    int64_t oldest; /* wall ms at which the oldest of those that wait was due; 0: none waits */
};

struct hub_queue {
    struct hub_queues *all;
    char *name;
    const struct hub_def_queue *def; /* NULL: nothing of it is taken any more */
    struct hub_list runs;            /* hub_job_run.link: begun */
    struct hub_list hand;            /* the same: taken and not begun, in the order of their places */
    size_t running, in_hand;         /* how many these are */
    size_t entering;                 /* jobs that are being added as taken */
    int64_t usual_us, usual_bytes; /* of the last jobs: how long an attempt took, how large they were; -1: not known */
    struct hub_timer letting_go;   /* of those in hand, while there are some */
    struct hub_timer next_turn;    /* more of them are begun then */
    bool waking, looking;          /* such a question to the store is under way */
    uint64_t takes, answered;      /* how many the store was asked for; the last one may be under way */
    uint64_t wanted;               /* that take is to be answered before jobs in hand are begun: some may come first */
    bool hungry;                   /* there may be jobs to be taken */
    bool stirred;                  /* there may be more, since the take that is under way */
    struct hub_timer retry;        /* of a take that the store could not carry out */
    int64_t wake_at;               /* wall ms of the next that waits for a time; INT64_MAX: none that is known */
    struct hub_timer timer;
    struct hub_task turn;
    /* of the counting (count.c) */
    bool dirty, counting;
    int64_t count_after;          /* loop time */
    int64_t kept[HUB_JOB_STATES]; /* of the states that are over: about as many are in the store */
    bool pruning[HUB_JOB_STATES];
    int64_t waiting; /* for a worker or for their time: as counted last, and what this process has done since */
    int64_t taken;   /* since the counting that is under way began */
};

/* A job that this process has taken. */
struct hub_job_run {
    struct hub_list link; /* in its queue's hand, then in its runs */
    struct hub_queue *queue;
    const struct hub_def_queue *def; /* that it is carried out by; HOLD keeps it */
    struct hub_hold hold;
    const struct hub_table *table;
    bool begun;
    bool given_back; /* the process stops: what the script still says does not count */
    int64_t attempt, max_attempts, lease, priority, place, due, repeat_ms;
    int64_t leased_until;          /* wall ms */
    int64_t since;                 /* loop time: taken, or begun */
    struct hub_buf id, data, cron; /* CRON empty: none */
};

/* ---- job.c: rows ---- */

static inline const struct hub_table *hub_job_table(const struct hub_queues *all) {
    return all->engine->config.tables->job;
}
int64_t hub_job_wall(const struct hub_queues *all);
/* Where a job stands among those of its queue that may be taken. */
int64_t hub_job_place(struct hub_queues *all, int64_t priority, int64_t due);
/* Cells that make a row waiting, or with DUE to come, delayed. */
void hub_job_set_due(struct hub_queues *all, struct hub_cell *cells, int64_t priority, int64_t due);
struct hub_cell hub_job_state_cell(enum hub_job_state state);
/* What scripts see of a row. New reference. */
HUB_MUST json_t *hub_job_json(const struct hub_cell *row);
/* A number that no other job of the id has begun with; what takes may add to it is as little. */
int64_t hub_job_first_lease(void);
/* How long to wait after the attempt, the first is 1. */
int64_t hub_job_backoff(const struct hub_def_queue *def, int64_t attempt);
/* When a repeated job comes next; 0: never. */
int64_t hub_job_next(const struct hub_job_run *run, int64_t now);

/* ---- part.c ---- */

struct hub_queues *hub_queues_of(struct hub_engine *e);
struct hub_queue *hub_queue_named(const struct hub_queues *all, struct hub_str name); /* NULL: none is defined */

/* ---- take.c ---- */

/* There is a job that may be taken, or one that may be at DUE (wall ms), at PLACE or, with 0, anywhere. */
void hub_queue_stir(struct hub_queue *q, int64_t due, int64_t place);
/* Whether a job that is added now may be taken from the start: there is room for it, and none is known of
 * that waits. */
bool hub_queue_has_room(const struct hub_queue *q);
/* What makes a row taken by this process, but for the numbers of the lease and the attempt. */
void hub_queue_set_taken(const struct hub_queue *q, struct hub_cell *cells);
/* The job of ROW has been taken. It is begun when this turn is over and a place is free. */
void hub_queue_keep(struct hub_queue *q, const struct hub_table *table, const struct hub_cell *row);
void hub_queue_turn(struct hub_queue *q);      /* takes what may be taken, at the end of this turn */
void hub_queue_on_turn(struct hub_task *turn); /* the end of it, of the queue whose TURN it is */
void hub_queues_poll(struct hub_queues *all);  /* looks at what others have done, now and from time to time */

/* ---- run.c ---- */

/* The job of ROW, which was taken, is in hand. */
void hub_job_keep(struct hub_queue *q, const struct hub_table *table, const struct hub_cell *row);
/* Of one in hand; with the script it may end at once. One whose lease is too short by now is given back. */
void hub_job_begin(struct hub_job_run *run);
/* Before jobs of lost workers are looked for: those that run here are none of them. */
void hub_jobs_renew(struct hub_queue *q);
/* Others may take it; that it was taken does not count as an attempt. One in hand is gone then; what the
 * script of another still says is not listened to, and the run is freed when it has ended. */
void hub_job_give_back(struct hub_job_run *run);
/* If it is in hand, it will not be begun, and nothing is written of it. */
void hub_job_withhold(const struct hub_queues *all, struct hub_str id);

/* ---- count.c ---- */

void hub_queue_was_changed(struct hub_queue *q); /* its figures are to be taken anew */
void hub_queue_is_gone(struct hub_queue *q);     /* nobody takes them any more: those of /metrics end */
/* N more jobs wait, or with a negative number fewer. */
void hub_queue_waiting(struct hub_queue *q, int64_t n);
void hub_queue_kept_one(struct hub_queue *q, enum hub_job_state state);
void hub_queue_count_if_due(struct hub_queue *q);
typedef void hub_queue_counted(void *arg, enum hub_code code, const struct hub_queue_counts *counts);
/* DONE comes once, later. */
void hub_queue_count(struct hub_queues *all, const char *queue, hub_queue_counted *done, void *arg);

/* ---- host.c: the table queues of scripts ---- */

extern const struct hub_host_fn hub_queue_host[];
#endif
