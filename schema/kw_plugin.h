/* How a hub or a plain namespace uses plugins: one row for both. */
#ifndef HUB_SCHEMA_KW_PLUGIN_H
#define HUB_SCHEMA_KW_PLUGIN_H
#include "schema/table.h"

extern const struct hub_fields hub_fields_plugin_use;

/* AT gives the offset of a member of struct hub_def_parts in the struct that has one. */
#define HUB_PLUGINS_ROW(AT)                                                                                      \
    {                                                                                                            \
        "plugins", HUB_KIND_LIST, .offset = AT(plugins), .count = AT(plugin_n), .table = &hub_fields_plugin_use, \
                                  .help = "Plugins of the service whose parts this has as well."                 \
    }
#endif
