/* lifecycle: what is called when connections, rooms and the service itself come and go. A hub has more of it
 * than a plain namespace, which has no rooms of a hub; the service has its own. */
#include "schema/kw_parts.h"

#define HUB(FIELD) HUB_OFFSET(struct hub_raw, def.parts.lifecycle.FIELD)
#define SPACE(FIELD) HUB_OFFSET(struct hub_def_namespace, def.parts.lifecycle.FIELD)
#define SERVICE(FIELD) HUB_OFFSET(struct hub_service, FIELD)

static const struct hub_vars vars_arriving = {{"session", "connection"}};
static const struct hub_vars vars_join = {{"session", "connection", "roomId", "room", "$room", "hubRole"}};
static const struct hub_vars vars_leave = {
    {"session", "connection", "roomId", "room", "$room", "hubRole", "reason", "detail"}};
static const struct hub_vars vars_disconnect = {{"session", "connection", "reason", "rooms"}};
static const struct hub_vars vars_room = {{"roomId", "room", "$room"}};
static const struct hub_vars vars_room_closed = {{"roomId", "room", "$room", "reason"}};
static const struct hub_vars vars_node = {{"node"}};
static const struct hub_vars vars_client = {{"client"}};
static const struct hub_vars vars_orphans = {{"nodeId", "clients"}};

/* AT gives the offset of a member of struct hub_def_lifecycle. */
#define ON_CONNECT(AT)                                                                     \
    {                                                                                      \
        "onConnect", HUB_KIND_SCRIPT, HUB_ROW_CHAIN,                                       \
            .offset = AT(on_connect), .breaks = HUB_BREAKS_RIGHTS, .vars = &vars_arriving, \
            .example = "session.banned ? {deny: 'banned'} : null",                         \
            .help = "Called before CONNECT is answered: {deny: reason} refuses, "          \
                    "{metadata: {…}} sets the connection's metadata."                    \
    }
#define ON_DISCONNECT(AT)                                                        \
    {                                                                            \
        "onDisconnect", HUB_KIND_SCRIPT, HUB_ROW_CHAIN,                          \
            .offset = AT(on_disconnect), .vars = &vars_disconnect,               \
            .help = "Called once when a connection has ended, after onLeave of " \
                    "each of its rooms."                                         \
    }

static const struct hub_row hub_lifecycle[] = {
    ON_CONNECT(HUB),
    {"admission", HUB_KIND_SCRIPT, HUB_ROW_CHAIN, .offset = HUB(admission), .vars = &vars_arriving,
     .example = "['lobby']", .breaks = HUB_BREAKS_RIGHTS,
     .help = "Called after onConnect: the rooms that the connection joins before its first event is handled, as ids or "
             "{roomId, since, epoch}; {deny: reason} refuses the connection."},
    {"onJoin", HUB_KIND_SCRIPT, HUB_ROW_CHAIN, .offset = HUB(on_join), .vars = &vars_join,
     .example = "session.age < 18 ? {deny: 'adults only'} : null", .breaks = HUB_BREAKS_RIGHTS,
     .help = "Called when a connection is about to be in a room, after the limits: {deny: reason} refuses, and nobody "
             "has seen anything."},
    {"onLeave", HUB_KIND_SCRIPT, HUB_ROW_CHAIN, .offset = HUB(on_leave), .vars = &vars_leave,
     .help = "Called once for each connection that is out of a room, whatever put it out."},
    ON_DISCONNECT(HUB),
    {"onRoomOpened", HUB_KIND_SCRIPT, HUB_ROW_CHAIN, .offset = HUB(on_room_opened), .vars = &vars_room,
     .help = "Called before a room is used for the first time."},
    {"onRoomClosed", HUB_KIND_SCRIPT, HUB_ROW_CHAIN, .offset = HUB(on_room_closed), .vars = &vars_room_closed,
     .help = "Called when nobody has used a room for roomLingerMs, or it has been closed or deleted."},
    {"roomLingerMs", HUB_KIND_DURATION, .offset = HUB(room_linger_ms), .fallback = "60000", .min = 0, .max = 86400000,
     .help = "Milliseconds that a room stays open after its last use."},
    {0},
};
const struct hub_fields hub_fields_hub_lifecycle = {
    "HubLifecycle", 0, hub_lifecycle,
    "Scripts that are called when connections and rooms come and go. One that fails refuses where it may refuse, and "
    "stops nothing else."};

static const struct hub_row namespace_lifecycle[] = {ON_CONNECT(SPACE), ON_DISCONNECT(SPACE), {0}};
const struct hub_fields hub_fields_namespace_lifecycle = {
    "NamespaceLifecycle", 0, namespace_lifecycle,
    "Scripts that are called when connections come and go, beside the handlers onConnect and onDisconnect, which have "
    "the socket."};

static const struct hub_row bootstrap[] = {
    {"script", HUB_KIND_SCRIPT, HUB_ROW_REQUIRED, SERVICE(bootstrap.script), .vars = &vars_node,
     .help = "What is done before anybody is served; when it fails, the process ends with exit code 1."},
    {"once", HUB_KIND_BOOL, .offset = SERVICE(bootstrap.once), .fallback = "false",
     .help = "One node of the service at a time; the others wait for it."},
    {"timeoutMs", HUB_KIND_DURATION, .offset = SERVICE(bootstrap.timeout_ms), .fallback = "60000", .min = 1,
     .max = 3600000, .help = "Milliseconds that it may take."},
    {0},
};
static const struct hub_fields table_bootstrap = {"ServiceBootstrap", 0, bootstrap,
                                                  "What is done before the service is open, at each start."};

static const struct hub_row service_lifecycle[] = {
    {"onBootstrap", HUB_KIND_GROUP, .table = &table_bootstrap, .count = 1 + SERVICE(bootstrap.given),
     .help = "Called when store, cache and bus are there, before anybody is served."},
    {"onStarted", HUB_KIND_SCRIPT, .offset = SERVICE(on_started), .vars = &vars_node,
     .help = "Called when the service is open."},
    {"onShutdown", HUB_KIND_SCRIPT, .offset = SERVICE(on_shutdown), .vars = &vars_node,
     .help = "Called first when the service is stopped, and waited for, before clients are told."},
    {"onClientConnected", HUB_KIND_SCRIPT, .offset = SERVICE(on_client_connected), .vars = &vars_client,
     .help = "Called when a client is connected that was not there, under its id of clients."},
    {"onClientDisconnected", HUB_KIND_SCRIPT, .offset = SERVICE(on_client_disconnected), .vars = &vars_client,
     .help = "Called when it is gone, and has not come back within clients.graceMs."},
    {"onClientsOrphaned", HUB_KIND_SCRIPT, .offset = SERVICE(on_clients_orphaned), .vars = &vars_orphans,
     .help = "Called on another node when one is lost, with its clients; never while one process serves a service."},
    {0},
};
const struct hub_fields hub_fields_service_lifecycle = {"ServiceLifecycle", 0, service_lifecycle,
                                                        "Scripts that are called when the service starts and stops."};
