/* clients of service.yaml: the ids by which clients are known from one connection to the next, and what the
 * server may ask of them (contract: extensions.md). */
#include "schema/table.h"

#define AT(FIELD) HUB_OFFSET(struct hub_service, clients.FIELD)
#define INVOCATION(FIELD) HUB_OFFSET(struct hub_def_invocation, FIELD)

static const struct hub_words collisions[] = {
    {"supersede", "The old one gets hub:superseded and ends."},
    {"refuse", "The new one is refused with client_conflict."},
    {0},
};

static const struct hub_row proof[] = {
    {"secretEnv", HUB_KIND_NAME, HUB_ROW_REQUIRED, AT(secret_env), .rule = HUB_NAME_IDENTIFIER,
     .example = "CLIENT_SECRET", .help = "Environment variable with the secret that proofs are signed with."},
    {"maxSkewMs", HUB_KIND_DURATION, .offset = AT(max_skew_ms), .fallback = "30000", .min = 1, .max = 600000,
     .help = "Milliseconds by which the time of a proof may differ from that of the server."},
    {0},
};
static const struct hub_fields table_proof = {
    "ClientProof", 0, proof, "Who names an id proves that it is his, by HMAC-SHA256; each nonce counts once."};

static const struct hub_row invocation[] = {
    {"type", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, INVOCATION(type), .rule = HUB_NAME_CODE,
     .example = "notify", .help = "What is asked, as scripts and clients call it."},
    {"fields", HUB_KIND_LIST, .offset = INVOCATION(fields), .count = INVOCATION(field_n), .table = &hub_fields_field,
     .breaks = HUB_BREAKS_CLIENTS, .help = "Fields of the data; without them anything is sent."},
    {"result", HUB_KIND_LIST, .offset = INVOCATION(result), .count = INVOCATION(result_n), .table = &hub_fields_field,
     .breaks = HUB_BREAKS_CLIENTS, .help = "Fields of the client's result; one that does not fit is client_failed."},
    {0},
};
static const struct hub_fields table_invocation = {"ClientInvocation", sizeof(struct hub_def_invocation), invocation,
                                                   "A request of the server that clients answer."};

static const struct hub_row clients[] = {
    {"id", HUB_KIND_STRING, .offset = AT(id), .max = 200, .fallback_note = "the id of the Engine.IO session",
     .example = "auth.clientId",
     .help = "Where a client names its id in CONNECT, a path that begins with auth; one that names none has that of "
             "its Engine.IO session."},
    {"proof", HUB_KIND_GROUP, .count = 1 + AT(proof), .table = &table_proof,
     .help = "Proof of the id that a client names: auth.proof {timestamp, nonce, metadata, signature}."},
    {"collision", HUB_KIND_WORD, .offset = AT(collision), .words = collisions, .fallback = "supersede",
     .breaks = HUB_BREAKS_CLIENTS,
     .help = "What happens when a client of the same user comes with an id that is connected already; another user's "
             "is refused anyway."},
    {"graceMs", HUB_KIND_DURATION, .offset = AT(grace_ms), .fallback = "5000", .max = 600000,
     .help = "Milliseconds that a client which has named its id may be away before it counts as gone."},
    {"invocations", HUB_KIND_LIST, .offset = AT(invocations), .count = AT(invocation_n), .table = &table_invocation,
     .breaks = HUB_BREAKS_CLIENTS, .help = "What the server may ask of clients."},
    {0},
};
const struct hub_fields hub_fields_clients = {"ServiceClients", 0, clients,
                                              "How clients are told apart, and what the server may ask of them."};
