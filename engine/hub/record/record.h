/* Records: values with an id that clients follow and write, each with versions that have no gap and are
 * never used twice (contract: extensions.md "records and collections"). They belong to the service; what a
 * hub or a plain namespace declares are guarded windows to them. */
#ifndef HUB_RECORD_RECORD_H
#define HUB_RECORD_RECORD_H
#include "hub/call/call.h"

struct hub_host_call;
struct hub_pattern;
struct hub_write;

extern const struct hub_part hub_records_part;

/* The first hub or plain namespace, in the order of files, with a window that fits ID; NULL: none has. */
struct hub_hub *hub_record_window_owner(struct hub_engine *e, struct hub_str id);
/* What ROW, an object by the properties of T, is as a value: without what hubd keeps itself. New
 * reference; NULL: there is none. */
HUB_MUST json_t *hub_record_row_value(const struct hub_table *t, const json_t *row);
/* ---- for transactions of scripts (hub/transaction) ---- */

/* The hub whose limits and windows are those of the script that calls. NULL: it was answered. */
struct hub_hub *hub_record_hub_of(struct hub_engine *e, struct hub_host_call *call);
/* The record ID as it is now; OTHERWISE says why it cannot be changed with others, NULL: it can. DONE comes
 * once, possibly before this returns; VALUE is borrowed, NULL: there is none. */
typedef void hub_record_got(void *arg, enum hub_code code, int64_t version, json_t *value, const char *otherwise);
void hub_record_get_one(struct hub_engine *e, struct hub_str id, hub_record_got *done, void *arg);
/* C reads the record ID: when it changes, the guard that has called, if one has, is asked again. Only at
 * once, for the guard may end before it is answered. */
void hub_record_note_get(struct hub_engine *e, const struct hub_host_call *c, struct hub_str id);
/* What OP, {op, recordId, …}, makes of a record of VERSION whose value is WAS (NULL: there is none):
 * *OUT, a new reference, NULL: nothing. */
enum hub_code hub_record_apply(const struct hub_hub *hub, const json_t *op, int64_t version, const json_t *was,
                               json_t **out, struct hub_err *err);
/* OPS, a list of them, given away, and with them a group of writes that is the store's, asked for by the
 * script that has called SCRIPT. DONE comes once, possibly before this returns: with ERR, and of a version
 * that does not fit DATA {recordId, version} (both borrowed). After HUB_STORE_UNDECIDED, and only then,
 * DECIDED comes once, with what has become of it. */
struct hub_record_with {
    struct hub_write *first; /* NULL: none; its done and undecided are not called */
    void (*done)(struct hub_record_with *with, const struct hub_err *err, json_t *data);
    void (*decided)(struct hub_record_with *with, enum hub_code code);
};
void hub_record_change_with(const struct hub_host_call *script, struct hub_hub *hub, json_t *ops,
                            struct hub_record_with *with);
/* A turn at KEY, an id of a record or whatever transactions meet at: CALL is answered with its number
 * when it is its turn; NUMBER ends it. */
void hub_record_turn_wanted(struct hub_engine *e, struct hub_str key, struct hub_host_call *call);
void hub_record_turn_ended(struct hub_engine *e, struct hub_str key, const json_t *number);

/* ---- */

/* A pattern as scripts write it: {name} is what it is in windows, "*" is anything, nothing included.
 * *PREFIX: of TEXT, what all that fits begins with. */
enum hub_code hub_record_glob(struct hub_str text, struct hub_pattern **out, struct hub_str *prefix,
                              struct hub_err *err);
#endif
