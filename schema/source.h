/* The text of one definition file, with its lines: what a position in a diagnostic refers to. */
#ifndef HUB_SCHEMA_SOURCE_H
#define HUB_SCHEMA_SOURCE_H
#include "schema/arena.h"
#include "schema/load.h"

enum { HUB_SOURCE_MAX = 1 << 20 }; /* largest file accepted, bytes */

struct hub_plugin_source;
struct hub_source {
    const char *name; /* as diagnostics show it */
    char kind; /* 'H' document of a hub or a plugin, 'S' service.yaml and seed.yaml, 'L' Lua module, 'T' scenario: the
                  letter of its codes */
    const struct hub_plugin_source *plugin; /* whose it is; NULL: of no plugin */
    struct hub_str text;
    const size_t *lines; /* byte offset of every line */
    int line_n;
};

/* A place in a source: from 1, columns count characters, the end is exclusive. Line 0 is the file as a
 * whole. */
struct hub_range {
    int line, column, end_line, end_column;
};

/* Copies TEXT (without a byte order mark) and finds its lines, broken where YAML breaks them. */
HUB_MUST struct hub_source *hub_source_new(struct hub_arena *a, const char *name, char kind, struct hub_str text);
/* Line LINE (from 1) without its break; empty beyond the end. */
struct hub_str hub_source_line(const struct hub_source *s, int line);
/* Byte offset of a place; clamped to the end of its line. */
size_t hub_source_offset(const struct hub_source *s, int line, int column);
/* The place of a byte offset. */
void hub_source_place(const struct hub_source *s, size_t offset, int *line, int *column);
#endif
