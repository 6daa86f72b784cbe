/* db.transaction of scripts: rows, records and jobs that are read and changed by one function, and committed
 * together or not at all (contract: extensions.md). Nothing is written before the function has ended. What it
 * has read is checked in the transaction of the store that writes; when something has changed meanwhile, the
 * function runs again (scripting/host/transaction.c). */
#ifndef HUB_TRANSACTION_TRANSACTION_H
#define HUB_TRANSACTION_TRANSACTION_H
#include "hub/core/part.h"

extern const struct hub_part hub_transactions_part;
#endif
