/* What an unknown key was meant to be: by its letters, by its words, by what other tools call the same. */
#include "base/memory/mem.h"
#include "schema/loader.h"

enum { WORDS_MAX = 8, WORD_LENGTH_MAX = 24 };

/* Names that come from elsewhere, apart by spaces, for keys of the same meaning. The first row fits whose key
 * the mapping can have. */
static const struct {
    const char *names, *key;
    bool differs; /* it says the same in another way: its value is not the key's */
} synonyms[] = {
    {"cors allowedOrigins origins allowOrigin cors_origins", "corsOrigins", false},
    {"database db datastore storage sqlite postgres postgresql", "store", false},
    {"redis caching", "cache", false},
    {"kafka broker events messaging", "bus", false},
    {"server http network bind", "listen", false},
    {"authentication login security", "auth", false},
    {"develop development debug", "dev", false},
    {"guest guests public open", "anonymous", false},
    {"token tokens bearer jwks", "jwt", false},
    {"objects tables models entities dataobjects data", "dataObjects", false},
    {"fields columns attributes props", "properties", false},
    {"properties schema payload params parameters args arguments", "fields", false},
    {"returns output response", "result", false},
    {"enum values options choices allowedValues allowed oneOf items", "enumValues", false},
    {"default initial init", "defaultValue", false},
    {"mandatory notNull", "required", false},
    {"optional nullable", "required", true},
    {"fieldType datatype kind", "type", false},
    {"expression expr handler code lua function fn run action script exec callback", "script", false},
    {"condition when if filter check expression script", "condition", false},
    {"filter condition when", "filterExpression", false},
    {"room roomId target targetRoom", "targetRoomExpression", false},
    {"object dataObject source table entity model", "sourceObject", false},
    {"object dataObject entity", "roomDataObject", false},
    {"user userId", "userField", false},
    {"room roomId", "roomField", false},
    {"role grants", "hubRole", false},
    {"canWrite canPost canSpeak", "canSend", false},
    {"canView canSee canListen", "canRead", false},
    {"canDelete canRemove", "canDeleteAny", false},
    {"canManage canAdmin canKick canEdit", "canManageRoom", false},
    {"maxMembers maxUsers capacity maxParticipants roomSize", "maxUsersPerRoom", false},
    {"maxRooms", "maxRoomsPerUser", false},
    {"maxSize messageSize maxBytes maxLength", "maxMessageSize", false},
    {"every period", "intervalMs", false},
    {"history", "historyEnabled", false},
    {"title label id key", "name", false},
    {"desc doc docs comment help summary", "description", false},
    {"uri dsn connectionString connection path address", "url", false},
    {"hostname address bind interface", "host", false},
    {"secret", "secretEnv", true},
    {"roles", "hubRoles", false},
    {"roles allowedRoles", "checkRoles", false},
    {"admins adminRoles superRoles", "absoluteRoles", false},
    {"messages", "messageSettings", false},
    {"events", "eventSettings", false},
    {"limits", "guardrails", false},
    {"rooms room", "roomSettings", false},
    {"basics hub meta info", "hubBasics", false},
    {"logic hooks handlers", "hubLogic", false},
    {"extensions", "hubExtensions", false},
    {"types", "messageTypes", false},
    {"customTypes", "customMessageTypes", false},
};

/* ---- words of a name ---- */

struct words {
    char word[WORDS_MAX][WORD_LENGTH_MAX];
    size_t n;
};

/* Without the ending of a plural or of a state: replies and reply, reactions and reaction, enabled and
 * enable. */
static void cut_ending(char *w) {
    size_t n = strlen(w);
    if (n > 4 && !strcmp(w + n - 3, "ies"))
        w[n - 3] = 'y', w[n - 2] = 0;
    else if (n > 3 && w[n - 1] == 's' && w[n - 2] != 's')
        w[n - 1] = 0;
    else if (n > 4 && !strcmp(w + n - 2, "ed"))
        w[n - 1] = 0;
}

static void split_words(struct hub_str s, struct words *out) {
    size_t k = 0;
    for (size_t i = 0; i <= s.n && out->n < WORDS_MAX; i++) {
        char c = i < s.n ? s.p[i] : '_';
        bool upper = c >= 'A' && c <= 'Z', part = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (k && (!part || (upper && !(s.p[i - 1] >= 'A' && s.p[i - 1] <= 'Z')))) {
            out->word[out->n][k] = 0, k = 0;
            cut_ending(out->word[out->n++]);
        }
        if (part && k < WORD_LENGTH_MAX - 1 && out->n < WORDS_MAX) out->word[out->n][k++] = (char)(upper ? c + 32 : c);
    }
}

static bool is_among_words(const struct words *w, const char *word) {
    for (size_t i = 0; i < w->n; i++)
        if (!strcmp(w->word[i], word)) return true;
    return false;
}

/* Whether all words of the name are among those of KEY, and one of them says something. */
static bool has_all_words(const struct words *name, const char *key) {
    struct words of_key = {0};
    bool says = false;
    split_words(hub_cstr(key), &of_key);
    for (size_t i = 0; i < name->n; i++) {
        if (!is_among_words(&of_key, name->word[i])) return false;
        says = says || strlen(name->word[i]) > 3;
    }
    return says;
}

/* ---- which rows could be meant ---- */

/* Whether what N says could be a value of ROW, by its shape. */
static bool fits_shape(const struct hub_row *row, const struct hub_node *n) {
    bool text = n->kind == HUB_NODE_SCALAR && hub_node_is_text(n);
    switch (row->kind) {
    case HUB_KIND_GROUP:
    case HUB_KIND_MAP:
    case HUB_KIND_COLUMNS: return n->kind == HUB_NODE_MAP;
    case HUB_KIND_LIST: return n->kind == HUB_NODE_SEQ;
    case HUB_KIND_STRINGS:
    case HUB_KIND_WORDS: return n->kind == HUB_NODE_SEQ || text;
    case HUB_KIND_SCRIPT:
    case HUB_KIND_PATTERN: return n->kind != HUB_NODE_SEQ;
    case HUB_KIND_VALUE: return true;
    case HUB_KIND_BOOL: return n->kind == HUB_NODE_SCALAR && !strncmp(hub_node_kind_name(n), "true", 4);
    case HUB_KIND_INT: return n->kind == HUB_NODE_SCALAR && !text && hub_node_kind_name(n)[0] == 'a';
    case HUB_KIND_DURATION: return n->kind == HUB_NODE_SCALAR;
    default: return text;
    }
}

static bool is_free(const struct hub_row *row, const struct hub_node *map) {
    return !hub_node_get(map, hub_cstr(row->key)) && !(row->alias && hub_node_get(map, hub_cstr(row->alias)));
}

/* The only row whose key has all words of the name. */
static const struct hub_row *row_by_words(const struct hub_fields *t, const struct hub_node *map,
                                          const struct hub_node *c) {
    const struct hub_row *found = NULL;
    struct words name = {0};
    split_words(c->key, &name);
    for (const struct hub_row *r = hub_rows(t); r->key; r = hub_row_next(r)) {
        if (!is_free(r, map) || !fits_shape(r, c) || !has_all_words(&name, r->key)) continue;
        if (found) return NULL;
        found = r;
    }
    return found;
}

static const struct hub_row *row_by_synonym(const struct hub_fields *t, const struct hub_node *map,
                                            const struct hub_node *c, bool *differs) {
    for (size_t i = 0; i < HUB_NELEM(synonyms); i++) {
        if (!hub_str_among(c->key, synonyms[i].names)) continue;
        const struct hub_row *r = hub_fields_row(t, hub_cstr(synonyms[i].key));
        *differs = synonyms[i].differs;
        if (r && is_free(r, map) && (*differs || fits_shape(r, c))) return r;
    }
    return NULL;
}

static const struct hub_row *row_by_letters(const struct hub_fields *t, const struct hub_node *c) {
    struct hub_nearest near = {.word = c->key};
    for (const struct hub_row *r = hub_rows(t); r->key; r = hub_row_next(r)) {
        hub_nearest_try(&near, r->key);
        if (r->alias) hub_nearest_try(&near, r->alias);
    }
    return near.best ? hub_fields_row(t, hub_cstr(near.best)) : NULL;
}

const struct hub_row *hub_meant_row(const struct hub_fields *t, const struct hub_node *map, const struct hub_node *c,
                                    bool *sure) {
    bool differs = false;
    const struct hub_row *r = row_by_letters(t, c);
    *sure = r && is_free(r, map) && fits_shape(r, c);
    if (r) return r;
    r = row_by_words(t, map, c);
    if (!r) r = row_by_synonym(t, map, c, &differs);
    *sure = r && !differs;
    return r;
}

/* ---- words ---- */

static const struct {
    const char *names, *word;
} other_words[] = {
    {"number int long bigint short int32 int64", "Integer"},
    {"float double numeric money real", "Decimal"},
    {"bool flag", "Boolean"},
    {"varchar char str", "String"},
    {"longtext clob markdown", "Text"},
    {"timestamp date time datetime2 timestamptz", "DateTime"},
    {"object map array list jsonb dict", "JSON"},
    {"uuid guid reference objectid ref", "ID"},
    {"picture photo img gif", "image"},
    {"file attachment pdf doc", "document"},
    {"voice sound music", "audio"},
    {"movie clip", "video"},
    {"message string plain", "text"},
    {"gps position place", "location"},
    {"card vcard", "contact"},
    {"emoji", "sticker"},
    {"client in up", "clientToRoom"},
    {"server out down broadcast", "serverToRoom"},
};

const char *hub_meant_word(const struct hub_words *words, struct hub_str name) {
    char lower[WORD_LENGTH_MAX];
    struct words own = {0};
    if (!name.n || name.n >= sizeof lower) return NULL;
    for (size_t i = 0; i <= name.n; i++)
        lower[i] = i == name.n ? 0 : (char)(name.p[i] | (name.p[i] >= 'A' && name.p[i] <= 'Z' ? 32 : 0));
    for (size_t i = 0; i < HUB_NELEM(other_words); i++)
        if (hub_str_among(hub_str(lower, name.n), other_words[i].names) &&
            hub_words_index(words, hub_cstr(other_words[i].word)) >= 0)
            return other_words[i].word;
    split_words(name, &own);
    const char *found = NULL;
    size_t n = 0;
    for (const struct hub_words *w = words; w->word; w++)
        if (own.n > 1 && has_all_words(&own, w->word)) found = w->word, n++;
    return n == 1 ? found : NULL;
}

const char *hub_list_names(struct hub_loader *l, const char *const *names, size_t n) {
    enum { MOST = 12 };
    const char *all = "";
    for (size_t i = 0; i < n && n <= MOST; i++)
        if (names[i]) all = hub_arena_fmt(l->scratch, "%s%s%s", all, *all ? ", " : ": ", names[i]);
    return all;
}
