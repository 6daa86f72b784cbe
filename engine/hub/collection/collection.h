/* Collections: lists of records that clients watch, kept by a query over a DataObject or by a script
 * (contract: extensions.md "records and collections"). One is worked out while somebody watches it, once
 * for all who do by the same hub or namespace. */
#ifndef HUB_COLLECTION_COLLECTION_H
#define HUB_COLLECTION_COLLECTION_H
#include "hub/call/call.h"

extern const struct hub_part hub_collections_part;
#endif
