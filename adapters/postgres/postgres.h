/* A PostgreSQL database as the store: one connection that writes, others that read, all on the loop.
 *
 * URL: postgresql://USER:PASSWORD@HOST:PORT[,HOST:PORT…]/DATABASE?OPTION=VALUE&… with every option of
 * libpq (sslmode, sslrootcert, target_session_attrs, options=-csearch_path%3D…, …).
 *
 * Group commit: what waits goes as one pipeline segment, which is one transaction; what arrives meanwhile
 * makes the next one. A lone write therefore never waits for company. When one write of a segment does not
 * fit, the segment is carried out again one by one inside a transaction, and that write fails alone. When
 * the connection is lost the outcome of the segment under way is looked up before anything else is written
 * (docs/decisions, "PostgreSQL"). */
#ifndef HUB_ADAPTERS_POSTGRES_POSTGRES_H
#define HUB_ADAPTERS_POSTGRES_POSTGRES_H
#include "persist/store.h"

extern const struct hub_store_ops hub_postgres_ops;
#endif
