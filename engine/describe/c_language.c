/* Names in C: a header with texts for the wire and enums to switch by. */
#include <ctype.h>

#include "base/memory/mem.h"
#include "describe/describe_int.h"

/* "ChatServerToClient", "hub:messageArrived": CHAT_SERVER_TO_CLIENT, HUB_MESSAGE_ARRIVED. */
static void add_c_constant(struct hub_buf *b, const char *name) {
    bool lower = false;
    for (const char *p = name; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (isupper(c) && lower) hub_buf_addc(b, '_');
        hub_buf_addc(b, isalnum(c) ? (char)toupper(c) : '_');
        lower = islower(c) || isdigit(c);
    }
}

/* A constant of WORDS, and the enum with its count. TAKEN: names that are there already; two words that are
 * one name in C get a number. */
static void add_c_words(struct hub_buf *out, json_t *taken, const char *type, const json_t *words) {
    struct hub_buf prefix = {0}, texts = {0}, items = {0};
    size_t i;
    json_t *word;
    add_c_constant(&prefix, type);
    json_array_foreach(words, i, word) {
        struct hub_buf name = {0};
        hub_buf_addf(&name, "%s_", hub_buf_cstr(&prefix));
        add_c_constant(&name, json_string_value(word));
        if (json_object_get(taken, hub_buf_cstr(&name))) hub_buf_addf(&name, "_%zu", i);
        json_object_set_new(taken, hub_buf_cstr(&name), json_true());
        hub_buf_addf(&items, "    %s,\n", hub_buf_cstr(&name));
        hub_buf_addf(&texts, "#define %s_TEXT ", hub_buf_cstr(&name));
        hub_json_add_string(&texts, hub_json_str(word));
        hub_buf_addc(&texts, '\n');
        hub_buf_free(&name);
    }
    hub_buf_addf(out, "\nenum %s {\n%.*s    %s_COUNT\n};\n%.*s", type, HUB_FMT(hub_buf_str(&items)),
                 hub_buf_cstr(&prefix), HUB_FMT(hub_buf_str(&texts)));
    hub_buf_free(&prefix);
    hub_buf_free(&texts);
    hub_buf_free(&items);
}

static HUB_MUST json_t *members_of(const json_t *object) {
    json_t *all = json_array(), *v;
    const char *name;
    json_object_foreach(hub_json_get(object, "properties"), name, v) json_array_append_new(all, json_string(name));
    return all;
}

/* Enums that stand in an object: status of a message. */
static void add_c_inner(struct hub_buf *out, json_t *taken, const char *type, const json_t *object) {
    const char *name;
    json_t *v;
    json_object_foreach(hub_json_get(object, "properties"), name, v) {
        const json_t *words = hub_json_get(v, "enum");
        struct hub_buf full = {0};
        hub_buf_addf(&full, "%s%c%s", type, toupper((unsigned char)name[0]), name + 1);
        if (words && json_is_string(json_array_get(words, 0))) add_c_words(out, taken, hub_buf_cstr(&full), words);
        if (hub_json_get(v, "properties")) add_c_inner(out, taken, hub_buf_cstr(&full), v);
        hub_buf_free(&full);
    }
}

/* Types whose members are names on the wire. */
static bool has_names(const char *type) {
    static const char *const ends[] = {"Content", "Commands",       "Channels",
                                       "Records", "ClientToServer", "ServerToClient"};
    for (size_t i = 0; i < HUB_NELEM(ends); i++)
        if (hub_str_ends(hub_cstr(type), hub_cstr(ends[i]))) return true;
    return false;
}

static void add_c_def(struct hub_buf *out, json_t *taken, const char *name, const json_t *def) {
    const json_t *words = hub_json_get(def, "enum");
    if (words) add_c_words(out, taken, name, words);
    if (has_names(name)) {
        json_t *members = members_of(def);
        if (json_array_size(members)) add_c_words(out, taken, name, members);
        json_decref(members);
    }
    bool events = hub_str_ends(hub_cstr(name), HUB_STR("ClientToServer")) ||
                  hub_str_ends(hub_cstr(name), HUB_STR("ServerToClient"));
    if (!events && !hub_str_ends(hub_cstr(name), HUB_STR("Input"))) add_c_inner(out, taken, name, def);
}

void hub_describe_c(const json_t *types, struct hub_buf *out) {
    struct hub_buf guard = {0};
    const char *name, *title = json_string_value(hub_json_get(types, "title"));
    json_t *def, *taken = json_object();
    add_c_constant(&guard, title);
    hub_buf_addf(out,
                 "/* Names of the service %s, made by hubctl types. Changes are lost. */\n#ifndef %s_TYPES_H\n#define "
                 "%s_TYPES_H\n",
                 title, hub_buf_cstr(&guard), hub_buf_cstr(&guard));
    json_object_foreach(hub_json_get(types, "$defs"), name, def) add_c_def(out, taken, name, def);
    hub_buf_addz(out, "\n#endif\n");
    hub_buf_free(&guard);
    json_decref(taken);
}
