/* Lookups in frozen definitions and in the table of fields. */
#include "schema/def.h"

#include "schema/table.h"

const struct hub_def_object *hub_service_object(const struct hub_service *s, struct hub_str name) {
    for (size_t i = 0; i < s->object_n; i++)
        if (hub_str_is(name, s->objects[i].name)) return &s->objects[i];
    return NULL;
}

const struct hub_def_message_type *hub_def_message_type(const struct hub_def *d, struct hub_str name) {
    for (size_t i = 0; i < d->message_type_n; i++)
        if (hub_str_is(name, d->message_types[i].name)) return &d->message_types[i];
    return NULL;
}

const struct hub_def_custom_event *hub_def_custom_event(const struct hub_def *d, struct hub_str name) {
    for (size_t i = 0; i < d->custom_event_n; i++)
        if (hub_str_is(name, d->custom_events[i].name)) return &d->custom_events[i];
    return NULL;
}

const struct hub_def_role *hub_def_role(const struct hub_def *d, struct hub_str name) {
    for (size_t i = 0; i < d->role_n; i++)
        if (hub_str_is(name, d->roles[i].name)) return &d->roles[i];
    return NULL;
}

bool hub_def_is_granted(const struct hub_def *d, const struct hub_def_role *role) {
    for (size_t i = 0; i < d->auth_source_n; i++)
        if (d->auth_sources[i].hub_role == role) return true;
    for (size_t i = 0; i < d->auth_script_n; i++)
        if (d->auth_scripts[i].hub_role == role) return true;
    return !role && !d->auth_source_n && !d->auth_script_n;
}

bool hub_def_inbox_names(const struct hub_def_auth_source *s, struct hub_str name) {
    return (s->name && hub_str_is(name, s->name)) || (s->source_object && hub_str_is(name, s->source_object->name));
}

static bool is_of_inbox(const struct hub_def *d, const struct hub_def_auth_source *s) {
    const struct hub_strs *names = &d->inbox.rooms_by;
    bool named = !names->n;
    for (size_t i = 0; i < names->n && !named; i++) named = hub_def_inbox_names(s, hub_cstr(names->items[i]));
    return named;
}

bool hub_def_inbox_reads(const struct hub_def *d, size_t i) {
    const struct hub_def_auth_source *s = &d->auth_sources[i];
    if (!hub_def_has_inbox(d) || !is_of_inbox(d, s)) return false;
    for (size_t k = 0; k < i; k++) {
        const struct hub_def_auth_source *other = &d->auth_sources[k];
        bool same = other->source_object == s->source_object && other->user_field == s->user_field &&
                    other->room_field == s->room_field;
        if (same && is_of_inbox(d, other)) return false;
    }
    return true;
}

int hub_def_property(const struct hub_def_object *o, struct hub_str name) {
    for (size_t i = 0; i < o->property_n; i++)
        if (hub_str_is(name, o->properties[i].name)) return (int)i;
    return -1;
}

json_t *hub_def_pattern_json(const struct hub_def_pattern *p) {
    return p->is_regex ? json_pack("{s:s}", "regex", p->text) : json_string(p->text);
}

static bool is_hex(struct hub_str s) {
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f') || (s.p[i] >= 'A' && s.p[i] <= 'F')))
            return false;
    return true;
}

static bool is_uuid(struct hub_str s) {
    static const size_t groups[] = {8, 4, 4, 4, 12};
    struct hub_str group;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (!s.p || !hub_str_split(&s, '-', &group) || group.n != groups[i] || !is_hex(group)) return false;
    return !s.p;
}

bool hub_def_id_fits(enum hub_id_format format, struct hub_str id) {
    if (format == HUB_ID_REFERENCE) return is_uuid(id) || (id.n == 24 && is_hex(id));
    return hub_str_is_id(id);
}

const char *hub_def_id_expected(enum hub_id_format format) {
    return format == HUB_ID_REFERENCE ? "a UUID or an ObjectId (format: any takes other ids)" : HUB_ID_EXPECTED;
}

const struct hub_row *hub_fields_row(const struct hub_fields *t, struct hub_str key) {
    for (const struct hub_row *r = hub_rows(t); r->key; r = hub_row_next(r))
        if (hub_str_is(key, r->key) || (r->alias && hub_str_is(key, r->alias))) return r;
    return NULL;
}

bool hub_row_has_parts(const struct hub_row *row) {
    bool groups = true;
    if (row->kind != HUB_KIND_GROUP) return false;
    for (const struct hub_row *r = hub_rows(row->table); r->key; r = hub_row_next(r)) {
        if (r->flags & HUB_ROW_CHAIN) return true;
        if (r->kind != HUB_KIND_GROUP) groups = false;
    }
    return groups;
}

int hub_words_index(const struct hub_words *words, struct hub_str word) {
    for (int i = 0; words[i].word; i++)
        if (hub_str_is(word, words[i].word)) return i;
    return -1;
}
