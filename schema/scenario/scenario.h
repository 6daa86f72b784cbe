/* Scenarios: the tests of a service, a document each below scenarios/, that hubctl test runs. What a scenario
 * sends and expects is any JSON, and is kept as the tree that was read, so that whoever compares it can say
 * where it stands. Nothing in these documents comes from the environment. */
#ifndef HUB_SCHEMA_SCENARIO_H
#define HUB_SCHEMA_SCENARIO_H
#include "schema/tree.h"

/* What a step does: a key of it. */
enum hub_scenario_action {
    HUB_STEP_CONNECT,
    HUB_STEP_DISCONNECT,
    HUB_STEP_JOIN,
    HUB_STEP_SEND,
    HUB_STEP_EMIT,
    HUB_STEP_COMMAND,
    HUB_STEP_SUBSCRIBE,
    HUB_STEP_PUBLISH,
    HUB_STEP_REST,
    HUB_STEP_QUERY,
    HUB_STEP_BUS,
    HUB_STEP_ADVANCE,
    HUB_STEP_ACTIONS
};
extern const char *const hub_scenario_action_names[HUB_STEP_ACTIONS];

/* What an action says; members that it has not are NULL or 0. Nodes are NULL where nothing is written. */
struct hub_scenario_act {
    bool there;
    const char *as, *room, *type, *token, *event, *topic, *key, *name, *channel, *record_id, *collection, *method,
        *path, *object, *order_by;
    int64_t limit;
};

struct hub_scenario_step {
    struct hub_node *node;
    enum hub_scenario_action action;
    struct hub_scenario_act acts[HUB_STEP_ACTIONS]; /* of these ACTION's is there */
    int64_t advance_ms;                             /* or */
    int64_t advance_to;                             /* wall ms; 0: none */
};
/* The action's own mapping, and what it says at KEY, or NULL. */
struct hub_node *hub_scenario_said(const struct hub_scenario_step *s, const char *key);
/* What the step expects of KEY ("answer"), or NULL. */
struct hub_node *hub_scenario_expected(const struct hub_scenario_step *s, const char *key);

struct hub_scenario_http {
    struct hub_node *node; /* its match and its reply */
};
struct hub_scenario_db {
    struct hub_node *node;
    const char *match;
};
struct hub_scenario_decision {
    struct hub_node *node;
    const char *room, *gives, *by, *denied;
};

struct hub_scenario {
    const struct hub_source *src;
    struct hub_node *node;
    const char *name, *hub;
    const char *at;
    int64_t at_ms; /* wall ms */
    int64_t seed;
    json_t *users; /* name → claims without userId */
    json_t *given; /* object → rows; instead of seed.yaml's */
    struct hub_scenario_http *http;
    struct hub_scenario_db *db;
    struct hub_scenario_step *steps;
    struct hub_scenario_decision *decisions;
    size_t http_n, db_n, step_n, decision_n;
};

struct hub_scenarios; /* those of one service; owns them and their trees */
/* Reads scenarios/ of SERVICE's directory, or, with FILES, those alone; findings have T codes and those of
 * YAML. SERVICE has been loaded without error, and must outlive them. HUB_OK; HUB_BAD_REQUEST: there are
 * errors; HUB_NOT_FOUND: a file or folder cannot be read. *OUT is set in any case. Of OPTIONS only the
 * overlays count; NULL: none. */
enum hub_code hub_scenarios_load(const struct hub_service *service, char *const *files, size_t file_n,
                                 const struct hub_load_options *options, struct hub_diags *diags,
                                 struct hub_scenarios **out);
/* The same of the TEXT of a single one (the fuzzer). */
enum hub_code hub_scenario_text_load(const struct hub_service *service, struct hub_str text, struct hub_diags *diags,
                                     struct hub_scenarios **out);
/* The first, for their findings alone. */
void hub_scenarios_lint(const struct hub_service *service, const struct hub_load_options *options,
                        struct hub_diags *diags);
void hub_scenarios_free(struct hub_scenarios *s); /* NULL is fine */
size_t hub_scenarios_n(const struct hub_scenarios *s);
/* In the order of their files' names. */
const struct hub_scenario *hub_scenarios_at(const struct hub_scenarios *s, size_t i);

/* A node as JSON: scalars by their look, and without anything from the environment. New reference. */
HUB_MUST json_t *hub_scenario_json(const struct hub_node *n);
/* "1d2h", "55s", "300ms": true and the milliseconds. */
bool hub_scenario_duration(struct hub_str text, int64_t *ms);

/* Who "ann@phone" is: ann. */
static inline struct hub_str hub_scenario_user(const char *as) { return hub_str(as, strcspn(as, "@")); }

/* ---- matchers ---- */

enum hub_matcher {
    HUB_MATCH_NONE, /* the mapping is one to be found as it is */
    HUB_MATCH_MATCH,
    HUB_MATCH_TYPE,
    HUB_MATCH_ANY,
    HUB_MATCH_ABSENT,
    HUB_MATCH_EQ,
    HUB_MATCH_NOT,
    HUB_MATCH_ONE_OF,
    HUB_MATCH_CONTAINS,
    HUB_MATCH_LENGTH,
    HUB_MATCH_GTE,
    HUB_MATCH_LTE,
    HUB_MATCH_SAVE,
    HUB_MATCHERS
};
/* The matcher of a key; HUB_MATCH_NONE: it is none. */
enum hub_matcher hub_scenario_matcher(struct hub_str key);
/* The names of $type, in the order of enum json_type's meaning: what JSON calls them, and integer. */
bool hub_scenario_is_type(struct hub_str name);
#endif
