/* A decision on its way through the layers; shared by the files that are layers (authorize.c lists them). */
#ifndef HUB_ACCESS_ACCESS_INT_H
#define HUB_ACCESS_ACCESS_INT_H
#include "hub/access/access.h"

#define HUB_STAMP_BYTES 16

/* Loop thread. Freed when it has ended. */
struct hub_decision {
    struct hub_hold hold; /* on to its definition */
    struct hub_hub *hub;
    const struct hub_def *def; /* as it was when this began */
    struct hub_identity *who;
    char *room_id;
    bool skip_cache;
    json_t *record;
    struct hub_room *room;
    size_t layer;      /* under way: index into the list in authorize.c */
    size_t item;       /* of a layer of several: the authSource or authScript under way */
    json_t *rows_json; /* records of the current source */
    size_t row_at;
    char decided_by[96];
    struct hub_buf text;
    struct hub_list link;    /* hub->decisions */
    struct hub_list in_read; /* of those that wait for the room's row (room_read.c) */
    unsigned starts;
    bool overtaken;                       /* a cached value that it may depend on was dropped meanwhile */
    bool stale;                           /* the room's row is another than the one that was read */
    bool may_remember;                    /* the cache was asked, and answered */
    bool stamped;                         /* the stamps that were missing in the cache were created */
    struct hub_buf was;                   /* the value found in the cache */
    char stamps[2 * HUB_STAMP_BYTES + 1]; /* of the hub and the room at that time */
    hub_authorize_done *done;
    void *arg;
};

/* ---- how a layer ends, now or later: exactly one of these (authorize.c) ---- */

/* The layer has no objection: the next one is asked. */
void hub_decision_pass(struct hub_decision *d);
void hub_decision_refuse(struct hub_decision *d, enum hub_code code);
void hub_decision_admit(struct hub_decision *d, const struct hub_rights *rights);
/* With ROLE (NULL: the null role), which the cache remembers; BY_SESSION: for as long as the claims of who
 * asks are the same. NAME: of the authSource or authScript, or NULL. */
void hub_decision_grant(struct hub_decision *d, const struct hub_def_role *role, const char *name, bool by_session);
/* Starts the decision over; false when it was started over too often already. */
bool hub_decision_restart(struct hub_decision *d);
/* The definition was replaced (SIGHUP) while this waited: what was found so far follows from rules and roles
 * that are gone. */
static inline bool hub_decision_is_outdated(const struct hub_decision *d) { return d->def != d->hub->def; }

/* ---- the layers ---- */

/* layers.c */
void hub_layer_room(struct hub_decision *d);
/* What was asked for by hub_decision_read_room. RECORD is borrowed and shared with other decisions; NULL:
 * there is no such row, or with CODE it could not be read, for which ERROR says why. */
void hub_decision_read(struct hub_decision *d, enum hub_code code, json_t *record, const char *error);
void hub_layer_eligibility(struct hub_decision *d);
void hub_layer_load(struct hub_decision *d);
void hub_layer_blocked(struct hub_decision *d);
void hub_layer_absolute_roles(struct hub_decision *d);
void hub_layer_check_roles(struct hub_decision *d);
void hub_layer_check_script(struct hub_decision *d);
/* room_read.c: reads the row of D's room, as it is after now; hub_decision_read comes now or later. */
void hub_decision_read_room(struct hub_decision *d);
/* decision_cache.c */
void hub_layer_cache(struct hub_decision *d);
void hub_decision_remember(struct hub_decision *d, const struct hub_def_role *role, bool by_session);
/* auth_sources.c, auth_scripts.c */
void hub_layer_sources(struct hub_decision *d);
void hub_layer_scripts(struct hub_decision *d);

/* Several texts may be equal to one stored value, by the column's type or its collation. A user or room is
 * known by the one that the record's events name, and only by it: else rights would stay when the record
 * goes. (Columns of fixed length pad theirs.) */
bool hub_id_is_spelt(const json_t *row, const char *property, const char *id);

/* ---- for hubctl why (why.c) ---- */

const char *hub_decision_layer(const struct hub_decision *d); /* the name of the one under way */
/* Whether anybody wants to know: what is shown is only made then. */
static inline bool hub_decision_is_traced(const struct hub_decision *d) { return d->hub->engine->trace != NULL; }
/* Traces the outcome of the layer under way; VALUE is borrowed and may be NULL. */
void hub_decision_trace(const struct hub_decision *d, const char *outcome, const json_t *value);
void hub_decision_trace_new(const struct hub_decision *d, const char *outcome, json_t *value); /* given away */
/* Traces the outcome of NAME, one of the layer's authSources or authScripts. */
void hub_decision_trace_part(const struct hub_decision *d, const char *name, const char *outcome, const json_t *value);
/* A layer that is one script, or none; NAME: one of the layer's. */
void hub_decision_trace_script(const struct hub_decision *d, const char *name, const struct hub_script *s,
                               const char *outcome, json_t *result);
void hub_decision_trace_roles(const struct hub_decision *d, const struct hub_strs *roles, const char *outcome);
HUB_MUST json_t *hub_script_shown(const struct hub_script *s); /* new reference */
#endif
