/* What every store adapter counts, under the same names whatever the database is. From any thread. */
#ifndef HUB_PERSIST_STORE_METRICS_H
#define HUB_PERSIST_STORE_METRICS_H
#include <stddef.h>
#include <stdint.h>

#include "base/error/code.h"

struct hub_table;
struct hub_column;
struct hub_write;
/* From any thread: a row holds a value that is not of its property's type, and null is given in its place.
 * Counted, and logged as far as the log takes lines of one kind. */
void hub_store_misfit(const struct hub_table *t, const struct hub_column *c, const char *found);
/* On the loop, before a write or a read is answered: what failed is counted, and said in the log, so that no
 * answer is the only trace of it. */
void hub_store_write_failed(const struct hub_write *w);
void hub_store_read_failed(const struct hub_table *t, enum hub_code code, const char *error);
void hub_store_sql_failed(enum hub_code code);           /* a script's statement, which the script's place tells of */
void hub_store_count_commit(uint64_t ns, size_t writes); /* one transaction */
void hub_store_count_read(uint64_t ns);
void hub_store_count_fault(void);           /* from any thread: damaged, unreadable, or not what it was */
void hub_store_count_reconnect(void);       /* a connection that was lost and made again */
void hub_store_count_retried(size_t n);     /* writes carried out one by one after their batch failed */
void hub_store_show_queue(int64_t n);       /* waiting for an answer */
void hub_store_show_connections(int64_t n); /* that are up */
#endif
