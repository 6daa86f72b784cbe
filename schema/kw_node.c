/* nodeHandlers and broadcasts of service.yaml: what nodes of a service may ask and tell each other (contract:
 * cluster.md "Nodes"). */
#include "schema/table.h"

#define HANDLER(FIELD) HUB_OFFSET(struct hub_def_node_handler, FIELD)

static const struct hub_vars vars_said = {{"data", "nodeId"}};

static const struct hub_row node_handler[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, HANDLER(name), .rule = HUB_NAME_CODE,
     .example = "cacheSize", .help = "What is asked, as nodes.call names it."},
    {"script", HUB_KIND_SCRIPT, HUB_ROW_REQUIRED, HANDLER(script), .vars = &vars_said,
     .example = "{rooms: rooms.list().items.length}",
     .help = "Answers: what it returns goes to whoever has asked, who waits no longer than it says."},
    {0},
};
const struct hub_fields hub_fields_node_handler = {"NodeHandler", sizeof(struct hub_def_node_handler), node_handler,
                                                   "A question that a node answers to another one, or to itself."};

static const struct hub_row node_broadcast[] = {
    {"type", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, HANDLER(name), .rule = HUB_NAME_CODE,
     .example = "pricesChanged", .help = "What is told, as nodes.broadcast names it."},
    {"script", HUB_KIND_SCRIPT, HUB_ROW_REQUIRED, HANDLER(script), .vars = &vars_said,
     .help = "Called on each node that hears of it."},
    {0},
};
const struct hub_fields hub_fields_node_broadcast = {"NodeBroadcast", sizeof(struct hub_def_node_handler),
                                                     node_broadcast, "What a node tells all nodes."};
