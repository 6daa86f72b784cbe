/* plugin.yaml, and how a hub or a plain namespace uses a plugin. */
#include "schema/kw_plugin.h"

#define PLUGIN(FIELD) HUB_OFFSET(struct hub_raw_plugin, plugin.FIELD)

static const struct hub_row plugin[] = {
    {"name", HUB_KIND_NAME, HUB_ROW_REQUIRED, PLUGIN(name), .rule = HUB_NAME_CODE, .example = "antispam",
     .help = "Name of the plugin, by which it is used."},
    {"requires", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, PLUGIN(requires), .example = "[users]",
     .help = "Plugins that must be used before it, wherever it is used."},
    {"parameters", HUB_KIND_LIST, .offset = PLUGIN(parameters), .count = PLUGIN(parameter_n),
     .table = &hub_fields_field, .help = "Fields of with, which scripts of the plugin read as plugin.NAME."},
    {.table = &hub_fields_hub_parts},
};
const struct hub_fields hub_fields_plugin = {
    "PluginDocument", sizeof(struct hub_raw_plugin), plugin,
    "Parts that several hubs and plain namespaces use; below its lib/ are modules of its own."};

#define USE(FIELD) HUB_OFFSET(struct hub_def_plugin_use, FIELD)

static const struct hub_row use[] = {
    {"plugin", HUB_KIND_NAME, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, USE(name), .rule = HUB_NAME_CODE,
     .example = "antispam", .help = "Name of the plugin."},
    {"with", HUB_KIND_VALUE, .offset = USE(with), .example = "{maxLinks: 2}",
     .help = "Values of its parameters; those that are not written have their defaults."},
    {0},
};
const struct hub_fields hub_fields_plugin_use = {"HubPluginUse", sizeof(struct hub_def_plugin_use), use,
                                                 "A plugin of the service, and what it is to do here."};
