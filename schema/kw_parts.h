/* The rows of what hubExtensions and a plain namespace have in common, written once. */
#ifndef HUB_SCHEMA_KW_PARTS_H
#define HUB_SCHEMA_KW_PARTS_H
#include "schema/table.h"

extern const struct hub_fields hub_fields_middleware, hub_fields_command, hub_fields_record, hub_fields_channel,
    hub_fields_collection;
extern const struct hub_words hub_words_around[]; /* by enum hub_around */
/* What only one of the two has: kw_lifecycle.c. */
extern const struct hub_fields hub_fields_hub_lifecycle, hub_fields_namespace_lifecycle, hub_fields_service_lifecycle;

/* AT as below. */
#define HUB_CONNECTION_METADATA_HELP \
    "An object of each connection: what its client may set of it, and what others in its rooms see of it."
#define HUB_CONNECTION_METADATA_ROWS(AT)                                                                          \
    {"clientWritable",        HUB_KIND_STRINGS,                                                                   \
     HUB_ROW_UNIQUE,          .offset = AT(metadata.client_writable),                                             \
     .example = "[nickname]", .help = "Members that the client may set itself; the others are for scripts."},     \
        {"visible",                                                                                               \
         HUB_KIND_STRINGS,                                                                                        \
         HUB_ROW_UNIQUE,                                                                                          \
         .offset = AT(metadata.visible),                                                                          \
         .example = "[nickname, role]",                                                                           \
         .help = "Members that connections in a room of its own see."},                                           \
    {                                                                                                             \
        "maxBytes", HUB_KIND_INT, .offset = AT(metadata.max_bytes), .fallback = "16384", .min = 2, .max = 262144, \
                                  .help = "Bytes of JSON that a connection's metadata may have."                  \
    }

extern const struct hub_vars hub_vars_can_open;
#define HUB_STREAMS_HELP "Bytes between clients and commands, and between clients."
#define HUB_STREAMS_ROWS(AT)                                                                                  \
    {"canOpen",                                                                                               \
     HUB_KIND_SCRIPT,                                                                                         \
     .offset = AT(streams.can_open),                                                                          \
     .vars = &hub_vars_can_open,                                                                              \
     .example = "target.command == 'upload'",                                                                 \
     .help = "Whether the caller may open a stream to target, {command, payload} or {clientId}; without it, " \
             "to commands with stream: true only."},                                                          \
    {                                                                                                         \
        "maxOpen", HUB_KIND_INT, .offset = AT(streams.max_open), .fallback = "64", .min = 1, .max = 1024,     \
                                 .help = "Streams that a connection may have at a time, at either end."       \
    }

/* AT gives the offset of a member of struct hub_def_parts in the struct that has one. */
#define HUB_PART_ROWS(AT)                                                                                           \
    {"middleware",                                                                                                  \
     HUB_KIND_LIST,                                                                                                 \
     .offset = AT(middleware),                                                                                      \
     .count = AT(middleware_n),                                                                                     \
     .table = &hub_fields_middleware,                                                                               \
     .help = "Scripts around what clients ask for."},                                                               \
        {"channels",                                                                                                \
         HUB_KIND_LIST,                                                                                             \
         .offset = AT(channels),                                                                                    \
         .count = AT(channel_n),                                                                                    \
         .table = &hub_fields_channel,                                                                              \
         .breaks = HUB_BREAKS_CLIENTS,                                                                              \
         .help = "Windows to channels of the service."},                                                            \
        {"collections",                                                                                             \
         HUB_KIND_LIST,                                                                                             \
         .offset = AT(collections),                                                                                 \
         .count = AT(collection_n),                                                                                 \
         .table = &hub_fields_collection,                                                                           \
         .breaks = HUB_BREAKS_CLIENTS,                                                                              \
         .help = "Lists of records that clients watch."},                                                           \
        {"commands",                                                                                                \
         HUB_KIND_LIST,                                                                                             \
         .offset = AT(commands),                                                                                    \
         .count = AT(command_n),                                                                                    \
         .table = &hub_fields_command,                                                                              \
         .breaks = HUB_BREAKS_CLIENTS,                                                                              \
         .help = "Requests of clients that scripts answer."},                                                       \
    {                                                                                                               \
        "records", HUB_KIND_LIST, .offset = AT(records), .count = AT(record_n), .table = &hub_fields_record,        \
                                  .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_DATA,                                   \
                                  .help = "Windows to the service's records: values that clients follow and write." \
    }
#endif
