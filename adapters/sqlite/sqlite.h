/* The embedded store: one SQLite file, one thread that writes and two that read.
 *
 * URL: sqlite:PATH or sqlite::memory:, with options behind a question mark: synchronous=full|normal (full:
 * a commit is on the disk before its callbacks run), busy_timeout=MS (how long a lock held by another
 * process is waited for, at most and by default 5000). Missing parent folders are made.
 *
 * Group commit: the writes of a loop turn go to the writer as one list; it takes all that waits as one
 * transaction, and what arrives while it commits makes the next one. A lone write therefore never waits
 * for company. A row that violates its table fails alone; a commit that fails (disk full, file gone) fails
 * every write in it, and the file is tried again by itself. */
#ifndef HUB_ADAPTERS_SQLITE_SQLITE_H
#define HUB_ADAPTERS_SQLITE_SQLITE_H
#include "persist/store.h"

extern const struct hub_store_ops hub_sqlite_ops;
#endif
