/* What hub:updateRoom may change: never what decides who may do so. */
#include "schema/def.h"

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

/* The next place of WORD in TEXT from *AT on, as a word of its own; *AT is behind it. */
static bool find_word(struct hub_str text, struct hub_str word, size_t *at) {
    for (size_t i = *at; i + word.n <= text.n; i++) {
        size_t end = i + word.n;
        if (memcmp(text.p + i, word.p, word.n) || (i && is_word(text.p[i - 1])) ||
            (end < text.n && is_word(text.p[end])))
            continue;
        *at = end;
        return true;
    }
    return false;
}

/* The record itself, not one of its properties by name: it may be handed on, and then anything of it may
 * be read. */
static bool uses_whole(struct hub_str text, struct hub_str record) {
    for (size_t at = 0; find_word(text, record, &at);) {
        size_t next = at;
        while (next < text.n && strchr(" \t\r\n?", text.p[next]) && text.p[next]) next++;
        if (next >= text.n || text.p[next] != '.') return true;
    }
    return false;
}

static bool condition_reads(const struct hub_def_auth_source *s, struct hub_str property) {
    struct hub_str text = s->condition.text;
    size_t at = 0;
    if (s->condition.kind == HUB_SCRIPT_NONE) return false;
    return find_word(text, property, &at) || uses_whole(text, HUB_STR("record")) ||
           uses_whole(text, hub_cstr(s->source_object->name));
}

static bool field_is(const struct hub_def_auth_source *s, int field, struct hub_str property) {
    return field >= 0 && hub_str_is(property, s->source_object->properties[field].name);
}

bool hub_def_sources_read(const struct hub_def *d, struct hub_str property) {
    for (size_t i = 0; i < d->auth_source_n; i++) {
        const struct hub_def_auth_source *s = &d->auth_sources[i];
        if (!d->room_object || s->source_object != d->room_object) continue;
        if (field_is(s, s->user_field, property) || field_is(s, s->room_field, property) ||
            condition_reads(s, property))
            return true;
    }
    return false;
}

bool hub_def_kept_by_hubd(const struct hub_def_object *o, struct hub_str property) {
    static const char *const kept[] = {"createdAt", "updatedAt", "isActive"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (hub_str_is(property, kept[i])) return true;
    return hub_str_is(property, o->id_property);
}

bool hub_def_may_update(const struct hub_def *d, struct hub_str property) {
    if (hub_def_kept_by_hubd(d->room_object, property) || hub_def_sources_read(d, property)) return false;
    bool listed = !d->room_update_listed;
    for (size_t i = 0; i < d->room_update.n; i++) listed = listed || hub_str_is(property, d->room_update.items[i]);
    return listed;
}
