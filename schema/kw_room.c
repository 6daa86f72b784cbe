/* Rooms, who may join them, and the roles people get. */
#include "schema/table.h"

#define AT(FIELD) HUB_OFFSET(struct hub_raw, def.FIELD)
#define SOURCE(FIELD) HUB_OFFSET(struct hub_def_auth_source, FIELD)
#define SCRIPT(FIELD) HUB_OFFSET(struct hub_def_auth_script, FIELD)
#define ROLE(FIELD) HUB_OFFSET(struct hub_def_role, FIELD)

static const struct hub_vars vars_room = {{"room", "$room"}};
static const struct hub_vars vars_user = {{"user", "room", "$room"}};
static const struct hub_vars vars_record = {{"record", "$source"}};

static const struct hub_row source[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, SOURCE(name), .rule = HUB_NAME_LABEL,
     .example = "ticketHolder", .help = "Unique identifier of this source, for logs and documentation."},
    {"sourceObject", HUB_KIND_OBJECT, HUB_ROW_REQUIRED, SOURCE(source_object), .example = "issuedTicket",
     .breaks = HUB_BREAKS_RIGHTS,
     .help = "DataObject to look for a record in: a membership object, any other, or the room object itself for "
             "ownership."},
    {"userField", HUB_KIND_PROPERTY, HUB_ROW_REQUIRED, SOURCE(user_field), .of = "sourceObject", .example = "userId",
     .breaks = HUB_BREAKS_RIGHTS, .help = "Property of sourceObject that holds the user's id."},
    {"roomField", HUB_KIND_PROPERTY, HUB_ROW_REQUIRED, SOURCE(room_field), .of = "sourceObject", .example = "eventId",
     .breaks = HUB_BREAKS_RIGHTS,
     .help = "Property of sourceObject that holds the room's id; id for the room object itself."},
    {"condition", HUB_KIND_SCRIPT, .offset = SOURCE(condition), .vars = &vars_record,
     .example = "issuedTicket.status == \"active\"", .breaks = HUB_BREAKS_RIGHTS,
     .help = "Evaluated against the found record; when false the next source is tried."},
    {"hubRole", HUB_KIND_ROLE, .offset = SOURCE(hub_role), .example = "attendee", .breaks = HUB_BREAKS_RIGHTS,
     .help = "Role granted when this source matches; without one the user is authorised with no specific role."},
    {0},
};
static const struct hub_fields table_source = {
    "HubAuthSource", sizeof(struct hub_def_auth_source), source,
    "Grants a role when a record of a DataObject links the user with the room; the first match wins."};

static const struct hub_row script[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, SCRIPT(name), .rule = HUB_NAME_LABEL,
     .example = "vipAccess", .help = "Unique identifier of this script, for logs and documentation."},
    {"script", HUB_KIND_SCRIPT, HUB_ROW_REQUIRED, SCRIPT(script), .vars = &vars_user,
     .example = "user.tier == \"gold\" && room.isPublic", .breaks = HUB_BREAKS_RIGHTS,
     .help = "Must be true for the role to be granted."},
    {"hubRole", HUB_KIND_ROLE, .offset = SCRIPT(hub_role), .example = "guest", .breaks = HUB_BREAKS_RIGHTS,
     .help = "Role granted when the script is true; without one the user is authorised with no specific role."},
    {0},
};
static const struct hub_fields table_script = {
    "HubAuthScript", sizeof(struct hub_def_auth_script), script,
    "Grants a role when a script says so; tried in order after all authSources."};

static const struct hub_row room[] = {
    {"roomDataObject", HUB_KIND_OBJECT, HUB_ROW_REQUIRED, AT(room_object), .example = "conversation",
     .breaks = HUB_BREAKS_DATA,
     .help = "DataObject that represents rooms; clients join rooms by the id of its records."},
    {"roomEligibility", HUB_KIND_SCRIPT, .offset = AT(room_eligibility), .vars = &vars_room,
     .example = "catalogEvent.chatEnabled == true", .breaks = HUB_BREAKS_RIGHTS,
     .help = "Checked before any authorisation; when it is false the room cannot be joined."},
    {"absoluteRoles", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, .offset = AT(absolute_roles), .example = "[superAdmin]",
     .breaks = HUB_BREAKS_GRANTS,
     .help = "roleIds of sessions that bypass all authorisation and get the built-in system role."},
    {"checkRoles", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, .offset = AT(check_roles), .example = "[premiumUser, subscriber]",
     .breaks = HUB_BREAKS_RIGHTS, .help = "roleIds that are required to get any further; empty admits all."},
    {"checkScript", HUB_KIND_SCRIPT, .offset = AT(check_script), .vars = &vars_user,
     .example = "user.city == catalogEvent.city", .breaks = HUB_BREAKS_RIGHTS,
     .help = "Checked after checkRoles; must be true to get any further."},
    {"authSources", HUB_KIND_LIST, .offset = AT(auth_sources), .count = AT(auth_source_n), .table = &table_source,
     .breaks = HUB_BREAKS_GRANTS, .help = "DataObject-based sources of roles, highest privilege first."},
    {"authScripts", HUB_KIND_LIST, .offset = AT(auth_scripts), .count = AT(auth_script_n), .table = &table_script,
     .breaks = HUB_BREAKS_GRANTS, .help = "Script-based sources of roles, tried when no authSource matched."},
    {0},
};
const struct hub_fields hub_fields_room = {"HubRoomSettings", 0, room,
                                           "Configures how rooms are managed and who can join them."};

/* All but one give. */
enum { BREAKS_MODERATED = HUB_BREAKS_DENIES };
enum {
    BREAKS_READ = HUB_BREAKS_GRANTS,
    BREAKS_SEND = HUB_BREAKS_GRANTS,
    BREAKS_MODERATE = HUB_BREAKS_GRANTS,
    BREAKS_DELETE_ANY = HUB_BREAKS_GRANTS,
    BREAKS_MANAGE_ROOM = HUB_BREAKS_GRANTS
};
#define RIGHT(ID, FIELD, NAME, FALLBACK, SYSTEM, REFUSAL, HELP) \
    {NAME, HUB_KIND_BOOL, .offset = ROLE(FIELD), .fallback = #FALLBACK, .breaks = BREAKS_##ID, .help = HELP},

static const struct hub_row role[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, ROLE(name), .rule = HUB_NAME_LABEL,
     .example = "moderator", .help = "Unique role name, referenced by hubRole of authSources and authScripts."},
    HUB_RIGHTS(RIGHT){"allowedMessageTypes", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, .offset = ROLE(allowed_message_types),
                      .example = "text,image", .breaks = HUB_BREAKS_RIGHTS,
                      .help = "Message types this role may send; empty allows every type of the hub."},
    {0},
};
const struct hub_fields hub_fields_role = {"HubRole", sizeof(struct hub_def_role), role,
                                           "A named permission set for users of a hub."};
