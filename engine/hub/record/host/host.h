/* What scripts may do with records. Inside of engine/hub/record. */
#ifndef HUB_RECORD_HOST_HOST_H
#define HUB_RECORD_HOST_HOST_H
#include "hub/record/record_int.h"

/* ---- scripts (host.c, list.c, turns.c) ---- */

extern const struct hub_host_fn hub_record_host[];
void hub_record_host_list(void *ctx, struct hub_host_call *call); /* records.list */
/* A transaction that has run into another one at the record ID wants a turn, to try again: CALL is
 * answered with the turn's number when it has it. It ends by itself after a while. */
void hub_record_turn_take(struct hub_records *all, struct hub_str id, struct hub_host_call *call);
void hub_record_turn_end(struct hub_records *all, struct hub_str id, int64_t number);
void hub_record_turns_stop(struct hub_records *all);
void hub_record_turns_delete(struct hub_records *all); /* whoever waits is answered HUB_SHUTTING_DOWN */
#endif
