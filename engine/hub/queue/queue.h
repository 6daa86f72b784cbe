/* queues of service.yaml: jobs that scripts add, kept in the store and carried out later, at least once, by
 * one worker at a time (contract: extensions.md). A part of the service, not of any hub: its scripts have no
 * caller. */
#ifndef HUB_QUEUE_QUEUE_H
#define HUB_QUEUE_QUEUE_H
#include "hub/core/part.h"

struct hub_host_call;

extern const struct hub_part hub_queues_part;

/* ---- for transactions of scripts (hub/transaction) ---- */

/* A job that is to be added, or one that is to be cancelled, by a write that somebody else submits.
 * Counts among those that wait from now on. */
struct hub_job_draft;
/* As queues.add(…), or queues.cancel(…), says. NULL: CALL was answered. */
HUB_MUST struct hub_job_draft *hub_job_draft_add(struct hub_engine *e, struct hub_host_call *call);
HUB_MUST struct hub_job_draft *hub_job_draft_cancel(struct hub_engine *e, struct hub_host_call *call);
struct hub_write *hub_job_draft_write(struct hub_job_draft *d);
bool hub_job_draft_adds(const struct hub_job_draft *d);
HUB_MUST json_t *hub_job_draft_json(const struct hub_job_draft *d); /* the new job, as scripts see it; new reference */
void hub_job_draft_written(struct hub_job_draft *d);                /* it is committed: workers are told; it is gone */
void hub_job_draft_drop(struct hub_job_draft *d);
/* The job ID as it is now: RESULT (borrowed), NULL: there is none. */
typedef void hub_job_found(void *arg, enum hub_code code, json_t *result, const char *error);
void hub_job_find(struct hub_engine *e, struct hub_str id, hub_job_found *done, void *arg);
/* Answers queues.add(WANTED, …) of an id that JOB, given away, has already: with it, if it is one of that
 * queue. */
void hub_job_answer_existing(struct hub_host_call *call, json_t *job, struct hub_str wanted);
bool hub_queues_served(struct hub_engine *e); /* the service has queues */
bool hub_job_is_over(const json_t *job);      /* nothing is left to be cancelled */
#endif
