/* YAML as a located tree: every value knows its file, its place and its path. What YAML can say and a
 * definition may not (aliases, duplicate keys, several documents, merge keys, tags, nesting beyond 64) is
 * reported here and nowhere else. */
#ifndef HUB_SCHEMA_TREE_H
#define HUB_SCHEMA_TREE_H
#include "schema/diag.h"

enum { HUB_TREE_DEPTH = 64 };

enum hub_node_kind { HUB_NODE_SCALAR, HUB_NODE_MAP, HUB_NODE_SEQ };
enum hub_node_style { HUB_STYLE_PLAIN, HUB_STYLE_SINGLE, HUB_STYLE_DOUBLE, HUB_STYLE_LITERAL, HUB_STYLE_FOLDED };

struct hub_node {
    enum hub_node_kind kind;
    enum hub_node_style style;
    bool flow;        /* a map or sequence in braces or brackets */
    bool bad;         /* already complained about: neither read nor called missing */
    bool meant;       /* its key is not what is written, which was complained about: warnings can wait */
    bool resolved;    /* VALUE is set */
    bool substituted; /* VALUE has parts from the environment: any type may be meant */
    const struct hub_source *src;
    struct hub_node *parent;
    struct hub_node *first, *last, *next; /* children, siblings */
    struct hub_node *more;                /* of a hook of a plugin: the one that stands here, too, after it */
    size_t n, index;                      /* children; place among the siblings */
    struct hub_str key;                   /* member of a map: its key */
    struct hub_range key_range, range;
    struct hub_str text;  /* scalar as YAML reads it; NUL-terminated */
    struct hub_str value; /* after substitution from the environment; see hub_node_value */
};

/* Parses one document. NULL when the text is empty or so broken that nothing can be checked (then DIAGS
 * says why). */
struct hub_node *hub_tree_parse(struct hub_arena *a, const struct hub_source *src, struct hub_diags *diags);
/* A plain scalar that stands in no file (an override). */
struct hub_node *hub_tree_scalar(struct hub_arena *a, const struct hub_source *src, struct hub_str text);
/* Adds CHILD under KEY, in place of an earlier one. */
void hub_node_put(struct hub_arena *a, struct hub_node *map, const char *key, struct hub_node *child);
struct hub_node *hub_node_get(const struct hub_node *map, struct hub_str key); /* NULL when absent or not a map */
/* "roomSettings.authSources[1].hubRole", "" for the root. */
HUB_MUST char *hub_node_path(struct hub_arena *a, const struct hub_node *n);
/* Text of a scalar with ${NAME} and ${NAME:-default} replaced and $${ made ${. Names are upper case, so
 * that "${sessionId}" and template literals of expressions stay as they are. A missing variable is
 * reported once. */
struct hub_str hub_node_value(struct hub_arena *a, struct hub_node *n, struct hub_diags *diags);
/* The same replacement the other way: TEXT such that reading it gives TEXT back. */
void hub_tree_escape(struct hub_buf *out, struct hub_str text);
bool hub_node_is_null(const struct hub_node *n); /* plain null, ~ or nothing; also true for NULL */
/* Where bytes [FROM, TO) of the scalar's value stand in the file, whatever its style. */
struct hub_range hub_node_span(const struct hub_node *n, size_t from, size_t to);
/* The place of the first character of a scalar's content: behind the quote, on the first line of a block. */
void hub_node_content(const struct hub_node *n, int *line, int *column);
/* What to underline for a node: a scalar as it is, of a container its first key or its bracket. */
struct hub_range hub_node_mark(const struct hub_node *n);
const char *hub_node_kind_name(const struct hub_node *n); /* "a list", "an integer", … for messages */
/* A scalar that is no Boolean, number or null by its look. */
bool hub_node_is_text(const struct hub_node *n);
#endif
