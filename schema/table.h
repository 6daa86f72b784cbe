/* The table of fields. Each field of a RealtimeHub document and of service.yaml is one row of one of the
 * kw_*.c files; loader, suggestions, defaults, type errors, JSON Schema, dump, what a reload keeps, and
 * reference documentation are all driven by it. What a field has to do with other fields is in the
 * check_*.c files, and what it does is where it acts. */
#ifndef HUB_SCHEMA_TABLE_H
#define HUB_SCHEMA_TABLE_H
#include "schema/def.h"

enum hub_kind {                    /* C type at OFFSET */
                HUB_KIND_BOOL,     /* bool */
                HUB_KIND_INT,      /* int64_t */
                HUB_KIND_DURATION, /* int64_t in UNIT; written as that, or as a number with s, m, h or d behind it */
                HUB_KIND_STRING,   /* const char * */
                HUB_KIND_TEXT,     /* const char *, may have several lines */
                HUB_KIND_NAME,     /* const char *, obeys RULE */
                HUB_KIND_SCRIPT,   /* struct hub_script */
                HUB_KIND_PATTERN,  /* struct hub_def_pattern, written as text with {name} parts or {regex: …} */
                HUB_KIND_STRINGS,  /* struct hub_strs, written as list or comma string */
                HUB_KIND_WORD,     /* an enum (int), one of WORDS */
                HUB_KIND_WORDS,    /* struct hub_strs, each one of WORDS */
                HUB_KIND_GROUP,    /* mapping of TABLE's fields, stored in the same struct */
                HUB_KIND_LIST,     /* pointer to an array of TABLE's structs; size_t at COUNT */
                HUB_KIND_VALUE,    /* json_t *, coerced to the field's type once that is known */
                HUB_KIND_MAP,      /* struct hub_settings: any keys, with scalars as texts of at most MAX bytes */
                HUB_KIND_COLUMNS,  /* property -> column; kept in the properties */
                HUB_KIND_ROLE,     /* const struct hub_def_role * */
                HUB_KIND_OBJECT,   /* const struct hub_def_object * */
                HUB_KIND_PROPERTY, /* int, index into the object that the field named by OF refers to */
                HUB_KIND_COUNT
};

enum hub_name_rule {
    HUB_NAME_CODE,       /* ^[a-z][a-zA-Z0-9]*$ */
    HUB_NAME_IDENTIFIER, /* a JavaScript identifier */
    HUB_NAME_LABEL,      /* letters, digits, "_" and "-" */
    HUB_NAME_EVENT,      /* no white space and no control characters */
    HUB_NAME_TABLE,      /* table or schema.table */
    HUB_NAME_TOPIC,      /* what Kafka takes */
};

enum { /* flags of a row */
       HUB_ROW_REQUIRED = 1,
       HUB_ROW_UNIQUE = 2,      /* no two elements of the list may have the same */
       HUB_ROW_FILE = 4,        /* a path, resolved against the service directory; the file must be readable */
       HUB_ROW_URL = 8,         /* must have one of the schemes in WORDS */
       HUB_ROW_RESTART = 16,    /* of a group: of all its fields; a running process keeps the value until it is started
                                   again (changed.c) */
       HUB_ROW_NOT_YET = 32,    /* nothing reads it: a value other than the default is an error */
       HUB_ROW_AS_WRITTEN = 64, /* STRINGS: 2 and true are texts, too */
       HUB_ROW_CHAIN = 128,     /* SCRIPT: plugins may have one beside that of who uses them; all are run */
};

/* Whom a change of a row breaks, for hubctl diff (diff.c). Of a LIST: a lost element; of one of fields: each
 * change after which a value may not fit any more. */
enum {
    HUB_BREAKS_DATA = 1,     /* what is stored */
    HUB_BREAKS_CLIENTS = 2,  /* those that are connected */
    HUB_BREAKS_RIGHTS = 4,   /* who may do what has changed */
    HUB_BREAKS_GRANTS = 8,   /* the same: true, or longer, is more */
    HUB_BREAKS_DENIES = 16,  /* true is less */
    HUB_BREAKS_SCRIPTS = 64, /* never of a row: found by what scripts name */
    HUB_BREAKS_IF_LESS = 32  /* only when it is lowered, switched off, or lacks a word that it had */
};

enum { HUB_VARS_MAX = 15 };
/* The variables a hook has. "$room" stands for the name of the room DataObject, "$source" for that of
 * sourceObject. */
struct hub_vars {
    const char *names[HUB_VARS_MAX + 1];
};

struct hub_words {
    const char *word, *help;
};

struct hub_fields;
struct hub_row {
    const char *key;
    enum hub_kind kind;
    unsigned flags;
    size_t offset, count; /* COUNT: LIST's number; GROUP: 1 + offset of a bool that says the group was given, or 0 */
    const char *fallback; /* default, as it would be written; NULL = none */
    int64_t min,
        max; /* INT, DURATION: both 0 = any; STRING, TEXT, NAME: MAX is the greatest length, 0 = the usual one */
    int64_t advised; /* INT: smaller values are warned about */
    int64_t unit;    /* DURATION: ms in one of it; 0 = it is ms itself */
    enum hub_name_rule rule;
    const struct hub_fields *table;
    const struct hub_words *words; /* ended by a row without word */
    const struct hub_vars *vars;
    const char *of;            /* PROPERTY: key of the OBJECT field beside it */
    const char *fallback_note; /* a default that is computed, in words */
    const char *alias;         /* WORD: another spelling of the key; NULL = none */
    unsigned breaks;           /* HUB_BREAKS_… */
    const char *example;
    const char *help; /* one sentence */
};

struct hub_fields {
    const char *name; /* "HubAuthSource" */
    size_t size;
    const struct hub_row *rows; /* ended by a row without key; where that has a TABLE, its rows follow */
    const char *help;
};

#define HUB_OFFSET(STRUCT, FIELD) offsetof(STRUCT, FIELD)

/* For walks over the rows of a table: for (r = hub_rows(t); r->key; r = hub_row_next(r)) */
static inline const struct hub_row *hub_row_or_more(const struct hub_row *r) {
    while (!r->key && r->table) r = r->table->rows;
    return r;
}
static inline const struct hub_row *hub_rows(const struct hub_fields *t) { return hub_row_or_more(t->rows); }
static inline const struct hub_row *hub_row_next(const struct hub_row *r) { return hub_row_or_more(r + 1); }

/* A hub while it is loaded: the definition and what is folded into it afterwards. DEF comes first: offsets
 * into it hold for both. */
struct hub_raw {
    struct hub_def def;
    struct hub_strs builtin_types;
    struct hub_def_message_type *custom_types;
    size_t custom_type_n;
};

/* A plugin while it is loaded. Its rows are those of a hub's parts, so HUB comes first: what the parts'
 * offsets are for. */
struct hub_raw_plugin {
    struct hub_raw hub;
    struct hub_def_plugin plugin;
};

extern const struct hub_fields hub_fields_hub, hub_fields_service, hub_fields_plugin;
extern const struct hub_fields hub_fields_room, hub_fields_role, hub_fields_message, hub_fields_event, hub_fields_logic,
    hub_fields_object, hub_fields_namespace, hub_fields_extensions, hub_fields_hub_parts, hub_fields_queue,
    hub_fields_clients, hub_fields_node_handler, hub_fields_node_broadcast;
/* HubCustomField. What is read by a row of kind LIST with this table is then checked by hub_finish_fields
 * (loader.h). */
extern const struct hub_fields hub_fields_field;
extern const struct hub_words hub_words_message_type[], hub_words_field_type[];

/* The content of a built-in message type; parallel to hub_words_message_type. */
struct hub_content {
    const struct hub_def_field *fields;
    size_t n;
};
extern const struct hub_content hub_contents[];

/* The row of KEY, which may be its alias. */
const struct hub_row *hub_fields_row(const struct hub_fields *t, struct hub_str key);
/* The table below row R of T; NULL when there is none, or it is T again: fields have fields. For walks over
 * the tables themselves, which would never end; a walk over a document ends with it. */
static inline const struct hub_fields *hub_row_below(const struct hub_fields *t, const struct hub_row *r) {
    return r->table == t ? NULL : r->table;
}
/* Whether it is a group whose members are parts of their own: of a plugin and its user each may have some.
 * A group of groups is, and one with chains. */
bool hub_row_has_parts(const struct hub_row *r);
/* Index of WORD, or -1. */
int hub_words_index(const struct hub_words *words, struct hub_str word);
/* The longest list that is accepted, in elements. */
enum { HUB_LIST_MAX = 1000 };
/* The longest names, in characters. Names of tables and columns keep to what PostgreSQL does not cut, a
 * hub's with "Moderation" behind it. */
enum { HUB_SQL_NAME_MAX = 63, HUB_HUB_NAME_MAX = 48 };
#endif
