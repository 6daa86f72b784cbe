/* collections: lists of records that clients watch. */
#include "schema/kw_parts.h"

#define COLLECTION(FIELD) HUB_OFFSET(struct hub_def_collection, FIELD)

static const struct hub_vars vars_watch = {{"session", "connection", "collectionId", "params"}};
static const struct hub_vars vars_resolver = {{"collectionId", "params"}};

static const struct hub_row collection[] = {
    {"pattern", HUB_KIND_PATTERN, HUB_ROW_REQUIRED | HUB_ROW_UNIQUE, COLLECTION(pattern), .example = "cart:{userId}",
     .help = "Ids of the collections: a text with {name} parts, in which there is no `:` and no `/`, or {regex: …} "
             "(PCRE2). The first one that fits an id decides."},
    {"canRead", HUB_KIND_SCRIPT, .offset = COLLECTION(can_read), .vars = &vars_watch,
     .fallback_note = "true; with dataObject false", .example = "params.userId == session.userId",
     .breaks = HUB_BREAKS_RIGHTS, .help = "Whether the caller may watch the collection."},
    {"dataObject", HUB_KIND_OBJECT, .offset = COLLECTION(data_object), .example = "cartItem",
     .breaks = HUB_BREAKS_CLIENTS, .help = "The collection is a query over this DataObject, kept up to date."},
    {"where", HUB_KIND_MAP, .offset = COLLECTION(where), .max = 255, .example = "{userId: \"{userId}\"}",
     .breaks = HUB_BREAKS_CLIENTS,
     .help = "Properties that its rows have: values, in which {name} is a part of the pattern."},
    {"orderBy", HUB_KIND_STRING, .offset = COLLECTION(order_by), .example = "-createdAt", .breaks = HUB_BREAKS_CLIENTS,
     .help = "The property that orders it, with `-` before it from the greatest on; without it the id does."},
    {"limit", HUB_KIND_INT, .offset = COLLECTION(limit), .fallback = "100", .min = 1, .max = 1000,
     .breaks = HUB_BREAKS_CLIENTS | HUB_BREAKS_IF_LESS, .help = "How many rows it has at most."},
    {"resolver", HUB_KIND_SCRIPT, .offset = COLLECTION(resolver), .vars = &vars_resolver,
     .example = "{lua: 'return objects.list(\"task\", {tag = params.tag})'}",
     .help = "Instead of a query a script, which gives a list of objects with an id; one result for all who watch."},
    {"watch", HUB_KIND_STRINGS, HUB_ROW_UNIQUE, .offset = COLLECTION(watch), .example = "[\"task:{tag}-*\"]",
     .help = "Patterns of records upon whose changes the resolver runs again: {name} is a part of the collection's "
             "pattern, * is anything."},
    {"debounceMs", HUB_KIND_DURATION, .offset = COLLECTION(debounce_ms), .fallback = "50", .min = 0, .max = 600000,
     .help = "Milliseconds from one run of the resolver to the next, at least."},
    {0},
};
const struct hub_fields hub_fields_collection = {"HubCollection", sizeof(struct hub_def_collection), collection,
                                                 "A list of records that clients watch."};
