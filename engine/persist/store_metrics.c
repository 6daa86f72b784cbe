/* The store's metrics. */
#include "persist/store_metrics.h"

#include "base/telemetry/log.h"
#include "base/telemetry/metric.h"
#include "persist/store.h"

static struct hub_histogram commit_latency =
    HUB_HISTOGRAM("hubd_store_latency_seconds", "op=\"commit\"",
                  "Latency of transactions (op=\"commit\") and reads (op=\"read\") in the store");
static struct hub_histogram read_latency =
    HUB_HISTOGRAM("hubd_store_latency_seconds", "op=\"read\"",
                  "Latency of transactions (op=\"commit\") and reads (op=\"read\") in the store");
static struct hub_metric errors = HUB_METRIC(HUB_COUNTER, "hubd_store_errors_total", NULL,
                                             "Writes and reads that failed because the store was unavailable");
static struct hub_metric queue =
    HUB_METRIC(HUB_GAUGE, "hubd_store_queue", NULL, "Writes and reads in flight or queued");
static struct hub_metric commits = HUB_METRIC(HUB_COUNTER, "hubd_store_commits_total", NULL, "Transactions committed");
static struct hub_metric batch_writes =
    HUB_METRIC(HUB_COUNTER, "hubd_store_batch_writes_total", NULL, "Writes in the transactions committed");
static struct hub_metric reconnects = HUB_METRIC(HUB_COUNTER, "hubd_store_reconnects_total", NULL,
                                                 "Connections to the store that were lost and established again");
static struct hub_metric retried = HUB_METRIC(HUB_COUNTER, "hubd_store_retried_writes_total", NULL,
                                              "Writes retried one by one because a write of their batch failed");
static struct hub_metric connections =
    HUB_METRIC(HUB_GAUGE, "hubd_store_connections", NULL, "Open connections to the store");

static struct hub_metric misfits =
    HUB_METRIC(HUB_COUNTER, "hubd_store_misfit_values_total", NULL,
               "Values of existing tables that do not have their property's type and were read as null");

static struct hub_metric faults =
    HUB_METRIC(HUB_COUNTER, "hubd_store_faults_total", NULL,
               "Reads and writes that failed because the database is corrupt, unreadable or was altered");

void hub_store_misfit(const struct hub_table *t, const struct hub_column *c, const char *found) {
    hub_metric_add(&misfits, 1);
    hub_log_kv(HUB_LOG_WARN, "store", "a row holds a value that does not fit its property's type; it is given as null",
               "table", t->table, "column", c->column, "property", c->property, "found", found, NULL);
}

void hub_store_count_commit(uint64_t ns, size_t writes) {
    hub_histogram_add(&commit_latency, ns);
    hub_metric_add(&commits, 1);
    hub_metric_add(&batch_writes, (int64_t)writes);
}

void hub_store_count_read(uint64_t ns) { hub_histogram_add(&read_latency, ns); }
void hub_store_count_reconnect(void) { hub_metric_add(&reconnects, 1); }
void hub_store_count_retried(size_t n) { hub_metric_add(&retried, (int64_t)n); }
void hub_store_count_fault(void) { hub_metric_add(&faults, 1); }

static struct hub_metric failed_writes =
    HUB_METRIC(HUB_COUNTER, "hubd_store_failed_writes_total", NULL,
               "Writes that the database refused, or that were not carried out in time");

static bool is_away(enum hub_code code) { return code == HUB_STORE_UNAVAILABLE || code == HUB_STORE_UNDECIDED; }

/* What a database refuses may be somebody's wish, and whoever asked is told; what is away is more. */
static void say_failed(const char *message, const struct hub_table *t, enum hub_code code, const char *error) {
    enum hub_log_level level = is_away(code) ? HUB_LOG_WARN : HUB_LOG_INFO;
    hub_log_kv(level, "store", message, "table", t ? t->table : NULL, "code", hub_code_name(code), "error", error,
               NULL);
}

void hub_store_write_failed(const struct hub_write *w) {
    if (is_away(w->code)) hub_metric_add(&errors, 1);
    if (!w->code || w->code == HUB_NOT_FOUND || w->code == HUB_CONFLICT || w->code == HUB_SHUTTING_DOWN) return;
    hub_metric_add(&failed_writes, 1);
    say_failed(is_away(w->code) ? "a write failed" : "a write was refused", w->table, w->code, w->error);
}

void hub_store_read_failed(const struct hub_table *t, enum hub_code code, const char *error) {
    if (is_away(code)) hub_metric_add(&errors, 1);
    if (code && code != HUB_SHUTTING_DOWN) say_failed("a read failed", t, code, error);
}

void hub_store_sql_failed(enum hub_code code) {
    if (is_away(code)) hub_metric_add(&errors, 1);
}

void hub_store_show_queue(int64_t n) {
    hub_metric_set(&queue, n);
    hub_metric_register(&misfits); /* shown from the beginning, as 0 */
    hub_metric_register(&faults);
}
void hub_store_show_connections(int64_t n) { hub_metric_set(&connections, n); }
