/* DataObjects and plain namespaces of service.yaml. */
#include "schema/kw_parts.h"
#include "schema/kw_plugin.h"

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
    {"read", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, .offset = OBJECT(api_read), .breaks = HUB_BREAKS_GRANTS,
     .help = "roleIds that may list and read over REST; * is everybody whom the service admits."},
    {"create", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, .offset = OBJECT(api_create), .breaks = HUB_BREAKS_GRANTS,
     .help = "roleIds that may create over REST; * as above."},
    {"update", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, .offset = OBJECT(api_update), .breaks = HUB_BREAKS_GRANTS,
     .help = "roleIds that may update over REST; * as above."},
    {"delete", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, .offset = OBJECT(api_delete), .breaks = HUB_BREAKS_GRANTS,
     .help = "roleIds that may delete over REST; * as above."},
    {0},
};
static const struct hub_fields table_api = {
    "Api", 0, api, "Who may use the generated REST endpoints of a DataObject; by default no one."};

static const struct hub_row object[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, OBJECT(name), .max = HUB_SQL_NAME_MAX,
     .rule = HUB_NAME_IDENTIFIER, .example = "conversation", .help = "Name used by hubs and scripts."},
    {"managed", HUB_KIND_BOOL, .offset = OBJECT(managed), .fallback = "true", .breaks = HUB_BREAKS_DATA,
     .help = "hubd creates and migrates the table; false uses an existing table or view."},
    {"table", HUB_KIND_NAME, .offset = OBJECT(table), .max = 2 * HUB_SQL_NAME_MAX + 1, .rule = HUB_NAME_TABLE,
     .fallback_note = "the name", .breaks = HUB_BREAKS_DATA, .help = "Name of the table."},
    {"idProperty", HUB_KIND_NAME, .offset = OBJECT(id_property), .max = HUB_SQL_NAME_MAX, .rule = HUB_NAME_IDENTIFIER,
     .fallback = "id", .breaks = HUB_BREAKS_DATA, .help = "Property that identifies a record."},
    {"properties", HUB_KIND_LIST, .offset = OBJECT(properties), .count = OBJECT(property_n), .table = &table_property,
     .breaks = HUB_BREAKS_DATA,
     .help = "The record's properties; the id, and for managed tables createdAt, updatedAt and isActive, are added."},
    {"columns", HUB_KIND_COLUMNS, .example = "{ownerId: owner_user_id}", .breaks = HUB_BREAKS_DATA,
     .help = "Columns of properties whose column is called otherwise."},
    {"api", HUB_KIND_GROUP, .table = &table_api, .help = "Who may use the generated REST endpoints."},
    {0},
};
const struct hub_fields hub_fields_object = {"DataObject", sizeof(struct hub_def_object), object,
                                             "A kind of record, stored in a table."};

static const struct hub_vars vars_connect = {{"socket", "namespace"}};
static const struct hub_vars vars_disconnect = {{"socket", "namespace", "reason"}};
static const struct hub_vars vars_event = {{"socket", "namespace", "event"}};

static const struct hub_row event[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, EVENT(name), .rule = HUB_NAME_EVENT,
     .example = "message", .help = "Name of the event; * is any other."},
    {"script", HUB_KIND_SCRIPT, HUB_ROW_REQUIRED, EVENT(script), .vars = &vars_event,
     .help = "Called with the event's arguments as \"...\"; return values become the acknowledgement."},
    {0},
};
static const struct hub_fields table_event = {"NamespaceEvent", sizeof(struct hub_def_namespace_event), event,
                                              "A handler of one event."};

static const struct hub_row outgoing[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, EVENT(name), .rule = HUB_NAME_EVENT,
     .example = "message", .help = "Name of the event; * is any other."},
    {"script", HUB_KIND_SCRIPT, HUB_ROW_REQUIRED, EVENT(script), .vars = &vars_event,
     .help = "Called with the event's arguments as \"...\", which it cannot change; its result is ignored."},
    {0},
};
static const struct hub_fields table_outgoing = {"NamespaceOutgoing", sizeof(struct hub_def_namespace_event), outgoing,
                                                 "A handler that sees what is sent to a socket."};

static const struct hub_row recovery[] = {
    {"maxDisconnectionMs", HUB_KIND_DURATION, .offset = SPACE(recovery_ms), .fallback = "120000", .min = 1000,
     .max = 3600000, .help = "Milliseconds that a client may be away."},
    {0},
};
static const struct hub_fields table_recovery = {"NamespaceRecovery", 0, recovery,
                                                 "Clients that come back get what they missed."};

#define PART(FIELD) SPACE(def.parts.FIELD)

static const struct hub_row streams[] = {HUB_STREAMS_ROWS(PART), {0}};
static const struct hub_fields table_streams = {"NamespaceStreams", 0, streams, HUB_STREAMS_HELP};
static const struct hub_row connection_metadata[] = {HUB_CONNECTION_METADATA_ROWS(PART), {0}};
static const struct hub_fields table_connection_metadata = {"NamespaceConnectionMetadata", 0, connection_metadata,
                                                            HUB_CONNECTION_METADATA_HELP};
static const struct hub_row metadata[] = {
    {"connection", HUB_KIND_GROUP, .table = &table_connection_metadata, .count = 1 + PART(metadata.on),
     .help = HUB_CONNECTION_METADATA_HELP},
    {0},
};
static const struct hub_fields table_metadata = {"NamespaceMetadata", 0, metadata,
                                                 "Objects of your own, of connections."};

static const struct hub_row space[] = {
    {"path", HUB_KIND_PATTERN, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, SPACE(pattern), .example = "/custom",
     .help = "The namespace, starting with /; {regex: …} stands for every name that fits, each a namespace of its "
             "own."},
    {"maxNames", HUB_KIND_INT, .offset = SPACE(max_names), .fallback = "1000", .min = 1, .max = 100000,
     .help = "Names of a {regex: …} that may be in use at a time."},
    {"auth", HUB_KIND_BOOL, .offset = SPACE(auth), .fallback = "true", .breaks = HUB_BREAKS_DENIES,
     .help = "Uses the service's authentication."},
    HUB_PLUGINS_ROW(PART),
    {"onConnect", HUB_KIND_SCRIPT, .offset = SPACE(on_connect), .vars = &vars_connect, .breaks = HUB_BREAKS_RIGHTS,
     .help = "Called when a socket has connected."},
    {"onDisconnect", HUB_KIND_SCRIPT, .offset = SPACE(on_disconnect), .vars = &vars_disconnect,
     .help = "Called when a socket has disconnected."},
    {"events", HUB_KIND_LIST, .offset = SPACE(events), .count = SPACE(event_n), .table = &table_event,
     .breaks = HUB_BREAKS_CLIENTS, .help = "Handlers of events."},
    {"outgoing", HUB_KIND_LIST, .offset = SPACE(outgoing), .count = SPACE(outgoing_n), .table = &table_outgoing,
     .help = "Handlers that see what is sent to sockets."},
    {"recovery", HUB_KIND_GROUP, .count = 1 + SPACE(recovers), .table = &table_recovery,
     .help = "Connection state recovery of stock clients (Socket.IO 4.6 and later)."},
    {"lifecycle", HUB_KIND_GROUP, .table = &hub_fields_namespace_lifecycle,
     .help = "Scripts that are called when connections come and go."},
    HUB_PART_ROWS(PART),
    {"streams", HUB_KIND_GROUP, .table = &table_streams, .count = 1 + PART(streams.on), .help = HUB_STREAMS_HELP},
    {"metadata", HUB_KIND_GROUP, .table = &table_metadata, .help = "Objects of your own, of connections."},
    {0},
};
const struct hub_fields hub_fields_namespace = {"Namespace", sizeof(struct hub_def_namespace), space,
                                                "A plain Socket.IO namespace served by Lua."};
