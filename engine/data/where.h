/* Conditions on objects that are in memory, in the words of objects.list: {member: condition}, which is a
 * value, a list of values for any of them, or {"$eq" "$gt" "$gte" "$lt" "$lte" "$ne" "$in": …}. */
#ifndef HUB_DATA_WHERE_H
#define HUB_DATA_WHERE_H
#include "base/error/code.h"
#include "base/json/json.h"
#include "persist/store.h"

#define HUB_WHERE_MAX 16          /* conditions */
#define HUB_WHERE_VALUES_MAX 1000 /* of a list */

/* NULL and null: everything meets it. HUB_BAD_REQUEST: it is no such condition. */
enum hub_code hub_where_check(const json_t *where, struct hub_err *err);
bool hub_where_meets(const json_t *where, const json_t *object); /* WHERE has been checked */
/* WHERE, which has been checked, with its values as rows of T have them (hub_row_json), so that rows meet it
 * here whenever they do in the store. NULL: nobody knows here whether they do. New reference. */
HUB_MUST json_t *hub_where_typed(const struct hub_table *t, const json_t *where);
#endif
