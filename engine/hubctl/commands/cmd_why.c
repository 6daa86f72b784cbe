/* hubctl why: the join decision for a user and a room, layer by layer, with the values that decided it. */
#include <string.h>

#include "base/memory/mem.h"
#include "base/telemetry/log.h"
#include "hubctl/hubctl.h"
#include "server/server.h"

struct why_options {
    const char *dir;
    struct hub_server_question ask;
    json_t *claims; /* owned; what ask.claims points to */
};

static enum hub_code take_claims(void *target, char *value, struct hub_err *err) {
    struct why_options *o = target;
    json_decref(o->claims);
    o->ask.claims = o->claims = hub_json_parse(hub_cstr(value), err);
    if (!o->claims) return hub_fail(err, HUB_BAD_REQUEST, "is not JSON: %s", err->text);
    return json_is_object(o->claims) ? HUB_OK
                                     : hub_fail(err, HUB_BAD_REQUEST, "is not a JSON object, as a token has it");
}

static int explain_join(const struct why_options *o) {
    hub_log_setup(HUB_LOG_ERROR, false);
    const struct hub_server_options options = {.dir = o->dir};
    struct hub_service *service = hub_server_load(&options);
    return service ? hub_server_why(&options, service, &o->ask) : HUBCTL_FAILED;
}

static int run_why(int argc, char **argv) {
    struct why_options o = {0};
    int code = hub_cli_parse(&hubctl_why.cli, argc, argv, &o);
    if (code == HUB_CLI_GO_ON) code = explain_join(&o);
    json_decref(o.claims);
    return code;
}

#define AT(FIELD) offsetof(struct why_options, FIELD)
static const struct hub_cli_option options[] = {
    {.name = "hub", .arg = "HUB", .kind = HUB_CLI_TEXT, .at = AT(ask.hub), .required = true, .help = "the hub's name"},
    {.name = "room", .arg = "ID", .kind = HUB_CLI_TEXT, .at = AT(ask.room), .required = true, .help = "the room's id"},
    {.name = "user", .arg = "ID", .kind = HUB_CLI_TEXT, .at = AT(ask.user), .required = true, .help = "the user's id"},
    {.name = "role",
     .arg = "ROLE",
     .kind = HUB_CLI_TEXT,
     .at = AT(ask.role),
     .help = "the user's role (default: that of the claims, or none)"},
    {.name = "claims",
     .arg = "JSON",
     .kind = HUB_CLI_CUSTOM,
     .take = take_claims,
     .help = "the token's claims, where hooks and scripts ask for more than user and role; --user and --role override "
             "them"},
};

const struct hubctl_command hubctl_why = {
    .cli = {.program = "hubctl why",
            .summary = "why somebody may enter a room, or not",
            HUB_CLI_OPTIONS(options),
            .operand = "SERVICE_DIR",
            .question = "which service directory?",
            .operand_at = AT(dir),
            .help = "Decides as a join would, past the cache, and prints each layer with the values that decided it, "
                    "also those that let pass. Reads the service's store. The authenticate hook runs; a stored session "
                    "(auth.session) is not looked up.\n"
                    "Exit codes: 0 admitted, 1 refused, 2 usage, 4 the store is not there.\n"},
    .run = run_why,
};
