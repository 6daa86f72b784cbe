/* DataObjects and plain namespaces of service.yaml. */
#include "schema/table.h"

#define OBJECT(FIELD) HUB_OFFSET(struct hub_def_object, FIELD)
#define FIELD(NAME) HUB_OFFSET(struct hub_def_field, NAME)
#define SPACE(FIELD) HUB_OFFSET(struct hub_def_namespace, FIELD)
#define EVENT(FIELD) HUB_OFFSET(struct hub_def_namespace_event, FIELD)

static const struct hub_row property[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, FIELD(name), .max = HUB_SQL_NAME_MAX,
     .rule = HUB_NAME_IDENTIFIER, .example = "ownerId", .help = "Name of the property."},
    {"type", HUB_KIND_WORD, HUB_ROW_REQUIRED, FIELD(type), .words = hub_words_field_type,
     .help = "Type of the property's values."},
    {"required", HUB_KIND_BOOL, .offset = FIELD(required), .fallback = "false", .help = "Records must have it."},
    {"description", HUB_KIND_TEXT, .offset = FIELD(description),
     .help = "What the property is for, for documentation."},
    {"enumValues", HUB_KIND_STRINGS, HUB_ROW_UNIQUE | HUB_ROW_AS_WRITTEN, .offset = FIELD(enum_values),
     .example = "active,closed", .help = "Allowed values when type is Enum."},
    {"defaultValue", HUB_KIND_VALUE, .offset = FIELD(default_value),
     .help = "Value of new records that do not have it."},
    {0},
};
static const struct hub_fields table_property = {"Property", sizeof(struct hub_def_field), property,
                                                 "A typed property of a DataObject."};

static const struct hub_row api[] = {
    {"read", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, .offset = OBJECT(api_read),
     .help = "roleIds that may list and read over REST; * is everybody whom the service admits."},
    {"create", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, .offset = OBJECT(api_create),
     .help = "roleIds that may create over REST; * as above."},
    {"update", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, .offset = OBJECT(api_update),
     .help = "roleIds that may update over REST; * as above."},
    {"delete", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, .offset = OBJECT(api_delete),
     .help = "roleIds that may delete over REST; * as above."},
    {0},
};
static const struct hub_fields table_api = {
    "Api", 0, api, "Who may use the generated REST endpoints of a DataObject; by default no one."};

static const struct hub_row object[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, OBJECT(name), .max = HUB_SQL_NAME_MAX,
     .rule = HUB_NAME_IDENTIFIER, .example = "conversation", .help = "Name used by hubs and scripts."},
    {"managed", HUB_KIND_BOOL, .offset = OBJECT(managed), .fallback = "true",
     .help = "hubd creates and migrates the table; false uses an existing table or view."},
    {"table", HUB_KIND_NAME, .offset = OBJECT(table), .max = 2 * HUB_SQL_NAME_MAX + 1, .rule = HUB_NAME_TABLE,
     .fallback_note = "the name", .help = "Name of the table."},
    {"idProperty", HUB_KIND_NAME, .offset = OBJECT(id_property), .max = HUB_SQL_NAME_MAX, .rule = HUB_NAME_IDENTIFIER,
     .fallback = "id", .help = "Property that identifies a record."},
    {"properties", HUB_KIND_LIST, .offset = OBJECT(properties), .count = OBJECT(property_n), .table = &table_property,
     .help = "The record's properties; the id, and for managed tables createdAt, updatedAt and isActive, are added."},
    {"columns", HUB_KIND_COLUMNS, .example = "{ownerId: owner_user_id}",
     .help = "Columns of properties whose column is called otherwise."},
    {"api", HUB_KIND_GROUP, .table = &table_api, .help = "Who may use the generated REST endpoints."},
    {0},
};
const struct hub_fields hub_fields_object = {"DataObject", sizeof(struct hub_def_object), object,
                                             "A kind of record, stored in a table."};

static const struct hub_vars vars_connect = {{"socket"}};
static const struct hub_vars vars_disconnect = {{"socket", "reason"}};
static const struct hub_vars vars_event = {{"socket", "event"}};

static const struct hub_row event[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, EVENT(name), .rule = HUB_NAME_EVENT,
     .example = "message", .help = "Name of the event; * is any other."},
    {"script", HUB_KIND_SCRIPT, HUB_ROW_REQUIRED, EVENT(script), .vars = &vars_event,
     .help = "Called with the event's arguments as \"...\"; return values become the acknowledgement."},
    {0},
};
static const struct hub_fields table_event = {"NamespaceEvent", sizeof(struct hub_def_namespace_event), event,
                                              "A handler of one event."};

static const struct hub_row space[] = {
    {"path", HUB_KIND_STRING, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, SPACE(path), .max = 200, .example = "/custom",
     .help = "The namespace, starting with /."},
    {"auth", HUB_KIND_BOOL, .offset = SPACE(auth), .fallback = "true", .help = "Uses the service's authentication."},
    {"onConnect", HUB_KIND_SCRIPT, .offset = SPACE(on_connect), .vars = &vars_connect,
     .help = "Called when a socket has connected."},
    {"onDisconnect", HUB_KIND_SCRIPT, .offset = SPACE(on_disconnect), .vars = &vars_disconnect,
     .help = "Called when a socket has disconnected."},
    {"events", HUB_KIND_LIST, .offset = SPACE(events), .count = SPACE(event_n), .table = &table_event,
     .help = "Handlers of events."},
    {0},
};
const struct hub_fields hub_fields_namespace = {"Namespace", sizeof(struct hub_def_namespace), space,
                                                "A plain Socket.IO namespace served by Lua."};
