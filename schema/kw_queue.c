/* queues of service.yaml: work that is kept in the store and carried out by scripts (contract:
 * extensions.md). */
#include "schema/table.h"

#define QUEUE(FIELD) HUB_OFFSET(struct hub_def_queue, FIELD)

static const struct hub_vars vars_job = {{"job"}};

static const struct hub_words backoffs[] = {
    {"exponential", "Twice as long as before the last attempt."},
    {"fixed", "Always the same."},
    {0},
};

static const struct hub_row queue[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, QUEUE(name), .rule = HUB_NAME_CODE, .example = "mail",
     .help = "Name of the queue, as scripts call it."},
    {"concurrency", HUB_KIND_INT, .offset = QUEUE(concurrency), .min = 1, .max = 1000, .fallback = "4",
     .help = "Jobs of the queue that are carried out at once, on each node."},
    {"attempts", HUB_KIND_INT, .offset = QUEUE(attempts), .min = 1, .max = 1000, .fallback = "5",
     .help = "How often a job is tried before it has failed, where the job does not say."},
    {"backoff", HUB_KIND_WORD, .offset = QUEUE(backoff), .words = backoffs, .fallback = "exponential",
     .help = "How the time between two attempts grows; at most a day, and up to a quarter more or less."},
    {"backoffMs", HUB_KIND_DURATION, .offset = QUEUE(backoff_ms), .max = 86400000, .fallback = "1000",
     .help = "Milliseconds before the second attempt."},
    {"timeoutMs", HUB_KIND_DURATION, .offset = QUEUE(timeout_ms), .min = 1, .max = 3600000, .fallback = "30000",
     .help = "Milliseconds that one attempt may take. A job whose worker is lost comes back five seconds later than "
             "that."},
    {"keepDone", HUB_KIND_INT, .offset = QUEUE(keep_done), .max = 1000000, .fallback = "1000",
     .help = "Done jobs that are kept, the newest; with their ids, which are not carried out again."},
    {"keepFailed", HUB_KIND_INT, .offset = QUEUE(keep_failed), .max = 1000000, .fallback = "1000",
     .help = "Failed jobs that are kept with their error, and as many cancelled ones."},
    {"script", HUB_KIND_SCRIPT, HUB_ROW_REQUIRED, QUEUE(script), .vars = &vars_job,
     .example = "lib.mail.send(job.data)", .help = "Carries a job out; what it returns is the job's result."},
    {0},
};
const struct hub_fields hub_fields_queue = {"HubQueue", sizeof(struct hub_def_queue), queue,
                                            "Jobs of one name and how they are carried out."};
