/* Who may enter a room, and as what: the layers of the specification in their order (contract:
 * semantics.md "Join").
 *
 *   room exists → roomEligibility → blocked? → absoluteRoles → checkRoles → checkScript → cached role? →
 *     authSources → authScripts
 *
 * Each layer is one function; a layer that has to wait returns, and its callback goes on with the next. */
#include "hub/access/access.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

#define SOURCE_ROWS 100 /* records of one authSource that are tried against its condition */
#define STARTS_MAX 20   /* of a decision that is overtaken by changes again and again */
#define STAMP_BYTES 16
#define STAMP_MS (24 * 3600 * 1000) /* what is cached in a room nobody enters for a day is worked out anew */
#define FORGOTTEN_MS (600 * 1000)   /* longer than any decision takes */

struct decision {
    struct hub_hold hold; /* on to its definition */
    struct hub_hub *hub;
    const struct hub_def *def; /* as it was when this began */
    struct hub_identity *who;
    char *room_id;
    bool skip_cache;
    json_t *record;
    struct hub_room *room;
    size_t at;         /* index of the authSource or authScript under way */
    json_t *rows_json; /* records of the current source */
    size_t row_at;
    char layer[96];
    struct hub_buf text;
    struct hub_list link; /* hub->decisions */
    unsigned starts;
    bool overtaken;                   /* something it may rest on was forgotten meanwhile */
    bool stale;                       /* the room's row is another than the one that was read */
    bool may_remember;                /* the cache was asked, and answered */
    bool stamped;                     /* stamps that it lacked were put there */
    struct hub_buf was;               /* what it held */
    char stamps[2 * STAMP_BYTES + 1]; /* of the hub and the room at that time */
    hub_authorize_done *done;
    void *arg;
};

static void check_cache(struct decision *d);
static void check_sources(struct decision *d);
static void check_scripts(struct decision *d);
static void find_record(struct decision *d);

/* The definition was replaced (SIGHUP) while this waited: what was found so far follows from rules and
 * roles that are gone. */
static bool outdated(const struct decision *d) { return d->def != d->hub->def; }

static void start_over(struct decision *d) {
    if (d->room) hub_room_unref(d->room);
    json_decref(d->record);
    json_decref(d->rows_json);
    d->room = NULL;
    d->record = d->rows_json = NULL;
    d->at = d->row_at = 0;
    d->layer[0] = 0;
    d->def = d->hub->def;
    d->overtaken = d->may_remember = d->stamped = false;
    find_record(d);
}

static void finish(struct decision *d, enum hub_code code, const struct hub_rights *rights) {
    if (outdated(d) || (d->overtaken && ++d->starts < STARTS_MAX)) {
        start_over(d);
        return;
    }
    if (!code && d->overtaken) code = HUB_OVERLOADED;
    if (!code && hub_room_is_blocked(d->room, hub_cstr(d->who->user_id), hub_loop_wall(d->room->loop)))
        code = HUB_BLOCKED; /* since it was asked first */
    if (hub_log_on(HUB_LOG_DEBUG))
        hub_log_kv(HUB_LOG_DEBUG, "hub", code ? "entry refused" : "entry granted", "hub", d->def->name, "room",
                   d->room_id, "user", d->who->user_id, "by", d->layer, "code", code ? hub_code_name(code) : NULL,
                   NULL);
    d->done(d->arg, code, rights, d->layer, d->room);
    hub_unhold(&d->hold);
    hub_list_remove(&d->link);
    if (d->room) hub_room_unref(d->room);
    hub_identity_unref(d->who);
    json_decref(d->record);
    json_decref(d->rows_json);
    hub_buf_free(&d->text);
    hub_buf_free(&d->was);
    free(d->room_id);
    free(d);
}

/* For hubctl why. */
static void trace(const struct decision *d, const char *layer, const char *outcome, const json_t *value) {
    const struct hub_engine *e = d->hub->engine;
    if (e->trace) e->trace(e->trace_arg, layer, outcome, value);
}

/* Whether anybody wants to know: what is shown is only made then. */
static bool traced(const struct decision *d) { return d->hub->engine->trace != NULL; }

/* The same with VALUE a new reference, given away. */
static void trace_new(const struct decision *d, const char *layer, const char *outcome, json_t *value) {
    trace(d, layer, outcome, value);
    json_decref(value);
}

/* What a script is: an expression as it stands, of a Lua chunk where it stands. */
static json_t *shown_script(const struct hub_script *s) {
    return s->kind == HUB_SCRIPT_EXPR ? json_stringn(s->text.p, s->text.n)
                                      : json_sprintf("Lua, %s:%d", s->file, s->line);
}

static json_t *shown_list(const struct hub_strs *list) {
    json_t *all = json_array();
    for (size_t i = 0; i < list->n; i++) json_array_append_new(all, json_string(list->items[i]));
    return all;
}

/* A layer that is one script, or none. */
static void trace_script(const struct decision *d, const char *layer, const struct hub_script *s, const char *outcome,
                         json_t *result) {
    if (!traced(d)) return;
    if (s->kind == HUB_SCRIPT_NONE)
        trace(d, layer, "none is set: passes", NULL);
    else
        trace_new(d, layer, outcome, json_pack("{s:o, s:O?}", "script", shown_script(s), "result", result));
}

static void trace_roles(const struct decision *d, const char *layer, const struct hub_strs *roles,
                        const char *outcome) {
    if (!traced(d)) return;
    json_t *have = hub_json_get(d->who->session, "roleId");
    trace_new(d, layer, roles->n ? outcome : "none are set: passes",
              json_pack("{s:O?, s:o}", "roleId", have, layer, shown_list(roles)));
}

static void trace_named(const struct decision *d, const char *kind, const char *name, const char *outcome,
                        const json_t *value) {
    char layer[96];
    snprintf(layer, sizeof layer, "%s.%s", kind, name);
    trace(d, layer, outcome, value);
}

static void refuse(struct decision *d, enum hub_code code, const char *layer) {
    snprintf(d->layer, sizeof d->layer, "%s", layer);
    finish(d, code, NULL);
}

/* ---- the cache of decisions ----
 *
 * A cached decision carries two stamps, the hub's and the room's as they were when the cache was asked,
 * before it was worked out. It counts while both are the present ones. So forgetting a room, or the hub,
 * is one new stamp; forgetting one user puts a mark in the decision's place. A decision that was under way
 * meanwhile, in whatever process, carries an old stamp, or does not find in its place what it found
 * before: it is not kept. authSources know the user's id only; authScripts know the session, so their
 * decision counts for that session. Asking is one round trip for all three keys. */

static struct hub_metric hits =
    HUB_METRIC(HUB_COUNTER, "hubd_cache_hits_total", NULL, "Join decisions found in the cache");
static struct hub_metric misses =
    HUB_METRIC(HUB_COUNTER, "hubd_cache_misses_total", NULL, "Join decisions that had to be worked out");

/* The rules behind a decision, as a number that is the same in every process: with other rules there are
 * other keys. */
static uint64_t fingerprint(const struct hub_service *service, const struct hub_def *def) {
    uint64_t h = service->lib_fingerprint; /* conditions and scripts may call what is in lib/ */
    struct hub_buf b = {0};
    for (size_t i = 0; i < def->auth_source_n; i++) {
        const struct hub_def_auth_source *s = &def->auth_sources[i];
        const struct hub_def_object *o = s->source_object;
        hub_buf_addf(&b, "%s %s %s %s ", o->name, o->table, o->properties[s->user_field].column,
                     o->properties[s->room_field].column);
        hub_buf_addf(&b, "%s %d ", s->hub_role ? s->hub_role->name : "", s->condition.kind);
        hub_buf_adds(&b, s->condition.text);
    }
    for (size_t i = 0; i < def->auth_script_n; i++) {
        const struct hub_def_auth_script *s = &def->auth_scripts[i];
        hub_buf_addf(&b, " %s %d ", s->hub_role ? s->hub_role->name : "", s->script.kind);
        hub_buf_adds(&b, s->script.text);
    }
    h = hub_fingerprint(h, hub_buf_str(&b));
    hub_buf_free(&b);
    return h;
}

/* Both empty: the hub's stamp; no user: the room's; else the decision. */
static struct hub_str cache_key(struct hub_buf *b, const struct hub_hub *hub, struct hub_str room,
                                struct hub_str user) {
    const struct hub_service *s = hub->engine->config.service;
    hub_buf_addf(b, "hubd:%s:%s:auth:%s:%llx", s->project, s->name, hub->def->name, (unsigned long long)hub->rules);
    /* The room's length in front keeps ids with colons apart. */
    if (room.n) hub_buf_addf(b, ":%zu:%.*s", room.n, HUB_FMT(room));
    if (user.n) hub_buf_addf(b, ":%.*s", HUB_FMT(user));
    return hub_buf_str(b);
}

static void draw_stamp(char out[STAMP_BYTES + 1]) {
    uint64_t dice;
    hub_random(&dice, sizeof dice);
    snprintf(out, STAMP_BYTES + 1, "%016llx", (unsigned long long)dice);
}

static void on_all_forgotten(void *arg, enum hub_code code) {
    struct hub_hub *hub = arg;
    hub_unhold(&hub->forgetting);
    if (!code) hub->forget_lost = false;
}

/* Somebody may wait until the cache has heard of it. */
struct forgetting {
    struct hub_hold hold;
    struct hub_hub *hub;
    struct hub_work *work;
};

/* The cache is or was away: what it still holds when it comes back must not count. */
static void on_forgotten(void *arg, enum hub_code code) {
    struct forgetting *f = arg;
    struct hub_work *work = f->work;
    hub_unhold(&f->hold);
    if (code) f->hub->forget_lost = true;
    free(f);
    hub_work_release(work);
}

static void forget_key(struct hub_hub *hub, struct hub_str room, struct hub_str user, struct hub_hold *hold,
                       hub_cache_done *done, void *arg) {
    struct hub_cache *cache = hub->engine->config.cache;
    struct hub_buf key = {0};
    char stamp[STAMP_BYTES + 1];
    draw_stamp(stamp);
    hub_hold(&hub->engine->holds, hold, "cache update");
    cache->ops->set(cache, cache_key(&key, hub, room, user), hub_cstr(stamp), user.n ? FORGOTTEN_MS : STAMP_MS, done,
                    arg);
    hub_buf_free(&key);
}

/* Calls that wait there are judged again in their turn. */
static void unsettle(struct hub_hub *hub, struct hub_str room_id) {
    void *value;
    struct hub_room *room = room_id.n ? hub_room_find(&hub->rooms, room_id) : NULL;
    if (room) room->judged++;
    if (room_id.n) return;
    for (void *it = NULL; (it = hub_map_next(&hub->rooms, it, NULL, &value));) ((struct hub_room *)value)->judged++;
}

void hub_authorize_forget(struct hub_hub *hub, struct hub_str room, struct hub_str user, struct hub_work *work) {
    struct forgetting *f = hub_xmalloc(sizeof *f);
    unsettle(hub, room);
    HUB_LIST_EACH(&hub->decisions, it) {
        struct decision *d = HUB_CONTAINER(it, struct decision, link);
        if ((!room.n || hub_str_is(room, d->room_id)) && (!user.n || hub_str_is(user, d->who->user_id)))
            d->overtaken = true;
    }
    *f = (struct forgetting){.hub = hub, .work = hub_work_hold(work)};
    forget_key(hub, room, user, &f->hold, on_forgotten, f);
}

void hub_authorize_record_changed(struct hub_hub *hub, struct hub_str room) {
    HUB_LIST_EACH(&hub->decisions, it) {
        struct decision *d = HUB_CONTAINER(it, struct decision, link);
        if (hub_str_is(room, d->room_id)) d->stale = true;
    }
}

void hub_authorize_rules(struct hub_hub *hub) { hub->rules = fingerprint(hub->engine->config.service, hub->def); }

/* What authScripts see of the user, in short: a decision of theirs is no other session's. Which token it
 * came with does not matter. */
static void add_session(struct hub_buf *out, const struct decision *d) {
    static const char *const of_token[] = {"iat", "exp", "nbf", "jti"};
    char digest[HUB_DIGEST_SIZE];
    struct hub_buf text = {0};
    json_t *session = json_copy(d->who->session);
    for (size_t i = 0; i < HUB_NELEM(of_token); i++) json_object_del(session, of_token[i]);
    hub_json_add(&text, session);
    hub_digest(hub_buf_str(&text), digest);
    hub_buf_addf(out, "session:%s:", digest);
    json_decref(session);
    hub_buf_free(&text);
}

static void remember(struct decision *d, const struct hub_def_role *role, bool by_session) {
    struct hub_cache *cache = d->hub->engine->config.cache;
    if (!d->may_remember || outdated(d) || d->overtaken || d->hub->forget_lost) return;
    struct hub_buf key = {0}, value = {0};
    hub_buf_addz(&value, d->stamps);
    if (by_session) add_session(&value, d);
    hub_buf_addf(&value, "%s%s", role ? "role:" : "none", role ? role->name : "");
    cache->ops->swap(cache, cache_key(&key, d->hub, hub_cstr(d->room_id), hub_cstr(d->who->user_id)),
                     hub_buf_str(&d->was), hub_buf_str(&value), d->def->auth_cache_ttl * 1000);
    hub_buf_free(&key);
    hub_buf_free(&value);
}

static void admit(struct decision *d, const struct hub_def_role *role, const char *kind, const char *name) {
    struct hub_rights rights = hub_rights_of(role);
    snprintf(d->layer, sizeof d->layer, "%s%s%s", kind, name ? "." : "", name ? name : "");
    remember(d, role, !strcmp(kind, "authScripts"));
    finish(d, HUB_OK, &rights);
}

/* Of several decisions that find no stamp, one puts its own there. */
static void put_stamp(struct decision *d, struct hub_str was, struct hub_str room) {
    struct hub_cache *cache = d->hub->engine->config.cache;
    struct hub_buf key = {0};
    char stamp[STAMP_BYTES + 1];
    draw_stamp(stamp);
    cache->ops->swap(cache, cache_key(&key, d->hub, room, hub_str(NULL, 0)), was, hub_cstr(stamp), STAMP_MS);
    hub_buf_free(&key);
}

/* False: stamps were missing. They have been put there, or somebody else's were; the cache is to be asked
 * again. */
static bool take_stamps(struct decision *d, struct hub_str room, struct hub_str hub) {
    if (room.n != STAMP_BYTES) put_stamp(d, room, hub_cstr(d->room_id));
    if (hub.n != STAMP_BYTES) put_stamp(d, hub, hub_str(NULL, 0));
    if (room.n != STAMP_BYTES || hub.n != STAMP_BYTES) return false;
    snprintf(d->stamps, sizeof d->stamps, "%.*s%.*s", HUB_FMT(room), HUB_FMT(hub));
    return true;
}

static bool take_prefix(struct hub_str *s, struct hub_str prefix) {
    if (!hub_str_starts(*s, prefix)) return false;
    *s = hub_str(s->p + prefix.n, s->n - prefix.n);
    return true;
}

/* False: it is about another session. Most say nothing about sessions. */
static bool of_this_session(const struct decision *d, struct hub_str *value) {
    if (!hub_str_starts(*value, HUB_STR("session:"))) return true;
    struct hub_buf mine = {0};
    add_session(&mine, d);
    bool same = take_prefix(value, hub_buf_str(&mine));
    hub_buf_free(&mine);
    return same;
}

/* What VALUE decides; false: nothing. */
static bool cached_role(const struct decision *d, struct hub_str value, const struct hub_def_role **role) {
    if (!take_prefix(&value, hub_cstr(d->stamps)) || !of_this_session(d, &value)) return false;
    if (hub_str_starts(value, HUB_STR("role:"))) *role = hub_def_role(d->def, hub_str(value.p + 5, value.n - 5));
    return *role || hub_str_is(value, "none"); /* else it is a role that no longer exists */
}

static void on_cached(void *arg, enum hub_code code, const struct hub_str *values) {
    struct decision *d = arg;
    const struct hub_def_role *role = NULL;
    if (!code) {
        hub_buf_clear(&d->was);
        hub_buf_adds(&d->was, values[0]);
        d->may_remember = take_stamps(d, values[1], values[2]);
        if (!d->may_remember && !d->stamped) {
            d->stamped = true;
            check_cache(d);
            return;
        }
    }
    if (!d->may_remember || !cached_role(d, values[0], &role)) {
        hub_metric_add(&misses, 1);
        check_sources(d);
        return;
    }
    struct hub_rights rights = hub_rights_of(role);
    hub_metric_add(&hits, 1);
    snprintf(d->layer, sizeof d->layer, "cache");
    finish(d, HUB_OK, &rights);
}

static void check_cache(struct decision *d) {
    struct hub_cache *cache = d->hub->engine->config.cache;
    if (d->hub->forget_lost && !hub_held(&d->hub->forgetting) && cache->ops->ready(cache, NULL)) {
        forget_key(d->hub, hub_str(NULL, 0), hub_str(NULL, 0), &d->hub->forgetting, on_all_forgotten, d->hub);
    }
    if (d->skip_cache) trace(d, "cache", "not asked: worked out anew", NULL);
    if (d->skip_cache || d->def->auth_cache_ttl <= 0 || d->hub->forget_lost) {
        check_sources(d);
        return;
    }
    struct hub_buf key[3] = {{0}};
    const struct hub_str room = hub_cstr(d->room_id), none = hub_str(NULL, 0);
    const struct hub_str keys[] = {cache_key(&key[0], d->hub, room, hub_cstr(d->who->user_id)),
                                   cache_key(&key[1], d->hub, room, none), cache_key(&key[2], d->hub, none, none)};
    cache->ops->get(cache, keys, 3, on_cached, d);
    for (size_t i = 0; i < 3; i++) hub_buf_free(&key[i]);
}

/* Several texts may be equal to one stored value, by the column's type or its collation. A user or room is
 * known by the one that the record's events name, and only by it: else rights would stay when the record
 * goes. (Columns of fixed length pad theirs.) */
static bool is_spelt(const json_t *row, const char *property, const char *id) {
    const json_t *v = hub_json_get(row, property);
    struct hub_buf text = {0};
    if (json_is_string(v))
        hub_buf_adds(&text, hub_json_str(v));
    else
        hub_json_add(&text, v);
    while (text.n > strlen(id) && text.p[text.n - 1] == ' ') text.n--;
    bool same = hub_str_is(hub_buf_str(&text), id);
    hub_buf_free(&text);
    return same;
}

/* ---- authScripts, authSources ---- */

static void on_auth_script(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct decision *d = arg;
    const struct hub_def_auth_script *s = &d->def->auth_scripts[d->at];
    if (code) hub_hook_failed(d->hub, &s->script, code, error);
    char layer[96];
    snprintf(layer, sizeof layer, "authScripts.%s", s->name);
    trace_script(d, layer, &s->script,
                 code                 ? error
                 : hub_truthy(result) ? "true: decides"
                                      : "false: not this one",
                 result);
    if (!code && hub_truthy(result)) {
        admit(d, s->hub_role, "authScripts", s->name);
        return;
    }
    d->at++;
    check_scripts(d);
}

static void check_scripts(struct decision *d) {
    if (d->at == d->def->auth_script_n) {
        trace(d, "authScripts", d->at ? "none of them decides: refused" : "there are none: refused", NULL);
        refuse(d, HUB_NOT_AUTHORIZED, "authScripts");
        return;
    }
    struct hub_hook_arg args[4] = {{"user", d->who->session}};
    size_t n = hub_hook_room_args(d->hub, d->record, args, 1);
    hub_hook_decide(d->hub, &d->def->auth_scripts[d->at].script, args, n, on_auth_script, d);
}

static void next_source(struct decision *d) {
    json_decref(d->rows_json);
    d->rows_json = NULL;
    d->at++;
    check_sources(d);
}

static void check_row(struct decision *d);

static void trace_source(const struct decision *d, const char *outcome, json_t *record) {
    const struct hub_def_auth_source *s = &d->def->auth_sources[d->at];
    json_t *value = traced(d) ? json_pack("{s:O}", "record", record) : NULL;
    if (value && s->condition.kind) json_object_set_new(value, "condition", shown_script(&s->condition));
    trace_named(d, "authSources", s->name, outcome, value);
    json_decref(value);
}

/* What was looked for. */
static void trace_no_record(const struct decision *d) {
    const struct hub_def_auth_source *s = &d->def->auth_sources[d->at];
    const struct hub_def_object *o = s->source_object;
    json_t *value = traced(d) ? json_pack("{s:s, s:s, s:s}", "object", o->name, o->properties[s->user_field].name,
                                          d->who->user_id, o->properties[s->room_field].name, d->room_id)
                              : NULL;
    trace_named(d, "authSources", s->name, "no record of this user and room", value);
    json_decref(value);
}

static void on_condition(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct decision *d = arg;
    const struct hub_def_auth_source *s = &d->def->auth_sources[d->at];
    if (code) hub_hook_failed(d->hub, &s->condition, code, error);
    const char *outcome = code                 ? error
                          : hub_truthy(result) ? "its condition holds for this record: decides"
                                               : "its condition does not hold for this record";
    trace_source(d, outcome, json_array_get(d->rows_json, d->row_at));
    if (!code && hub_truthy(result)) {
        admit(d, s->hub_role, "authSources", s->name);
        return;
    }
    d->row_at++;
    check_row(d);
}

static void check_row(struct decision *d) {
    const struct hub_def_auth_source *s = &d->def->auth_sources[d->at];
    json_t *record = json_array_get(d->rows_json, d->row_at);
    if (!record) {
        next_source(d);
        return;
    }
    if (s->condition.kind == HUB_SCRIPT_NONE) {
        trace_source(d, "found a record: decides", record);
        admit(d, s->hub_role, "authSources", s->name);
        return;
    }
    const struct hub_hook_arg args[2] = {{"record", record}, {s->source_object->name, record}};
    hub_hook_decide(d->hub, &s->condition, args, strcmp(s->source_object->name, "record") ? 2 : 1, on_condition, d);
}

/* Borrowed rows to the records that are tried. */
static void take_rows(struct decision *d, const struct hub_rows *rows) {
    const struct hub_def_auth_source *s = &d->def->auth_sources[d->at];
    const struct hub_def_field *fields = s->source_object->properties;
    d->rows_json = json_array();
    for (size_t i = 0; i < rows->n; i++) {
        json_t *row = hub_row_json(rows->table, hub_row(rows, i));
        bool meant = is_spelt(row, fields[s->user_field].name, d->who->user_id) &&
                     is_spelt(row, fields[s->room_field].name, d->room_id);
        if (meant) json_array_append(d->rows_json, row);
        json_decref(row);
    }
}

static void on_source_rows(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct decision *d = arg;
    (void)error;
    if (code) {
        refuse(d, code, "authSources");
        return;
    }
    take_rows(d, rows);
    d->row_at = 0;
    if (!json_array_size(d->rows_json)) trace_no_record(d);
    check_row(d);
}

static void check_sources(struct decision *d) {
    struct hub_store *store = d->hub->engine->config.store;
    if (d->at == d->def->auth_source_n) {
        if (!d->at) trace(d, "authSources", "there are none: goes on", NULL);
        if (!d->def->auth_source_n && !d->def->auth_script_n) {
            trace(d, "authScripts", "there are none: whoever comes here is admitted", NULL);
            admit(d, NULL, "open hub", NULL);
            return;
        }
        d->at = 0;
        check_scripts(d);
        return;
    }
    const struct hub_def_auth_source *s = &d->def->auth_sources[d->at];
    const struct hub_table *t = hub_tables_find(d->hub->engine->config.tables, hub_cstr(s->source_object->name));
    struct hub_cond where[2];
    hub_buf_clear(&d->text);
    hub_buf_reserve(&d->text, strlen(d->who->user_id) + strlen(d->room_id) +
                                  64); /* so that the first cell's text does not move */
    if (!hub_cond_of_text(&where[0], t, s->user_field, d->who->user_id, &d->text) ||
        !hub_cond_of_text(&where[1], t, s->room_field, d->room_id, &d->text)) {
        next_source(d);
        return;
    }
    const struct hub_select q = {.table = t, .where = where, .where_n = 2, .order_by = -1, .limit = SOURCE_ROWS};
    store->ops->select(store, &q, on_source_rows, d);
}

/* ---- the layers before them ---- */

static void on_check_script(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct decision *d = arg;
    if (code) hub_hook_failed(d->hub, &d->def->check_script, code, error);
    trace_script(d, "checkScript", &d->def->check_script,
                 code                 ? error
                 : hub_truthy(result) ? "true: passes"
                                      : "false: refused",
                 result);
    if (code || !hub_truthy(result))
        refuse(d, HUB_CHECK_FAILED, "checkScript");
    else
        check_cache(d);
}

bool hub_session_has_role(const json_t *session, const struct hub_strs *roles) {
    const json_t *role = hub_json_get(session, "roleId");
    size_t n = json_is_array(role) ? json_array_size(role) : 1;
    for (size_t i = 0; i < n; i++) {
        struct hub_str have = hub_json_str(json_is_array(role) ? json_array_get(role, i) : role);
        for (size_t j = 0; have.n && j < roles->n; j++)
            if (hub_str_is(have, roles->items[j])) return true;
    }
    return false;
}

static void on_open(void *arg, enum hub_code code) {
    struct decision *d = arg;
    const struct hub_def *def = d->def;
    if (code) {
        refuse(d, code, "store");
        return;
    }
    bool blocked = hub_room_is_blocked(d->room, hub_cstr(d->who->user_id), hub_loop_wall(d->room->loop));
    if (traced(d))
        trace_new(d, "blocked", blocked ? "yes: refused" : "no: passes", json_pack("{s:s}", "userId", d->who->user_id));
    if (blocked) {
        refuse(d, HUB_BLOCKED, "blocked");
        return;
    }
    if (hub_session_has_role(d->who->session, &def->absolute_roles)) {
        struct hub_rights rights = hub_rights_system();
        trace_roles(d, "absoluteRoles", &def->absolute_roles, "has one of them: the system role");
        snprintf(d->layer, sizeof d->layer, "absoluteRoles");
        finish(d, HUB_OK, &rights);
        return;
    }
    trace_roles(d, "absoluteRoles", &def->absolute_roles, "has none of them: goes on");
    if (def->check_roles.n && !hub_session_has_role(d->who->session, &def->check_roles)) {
        trace_roles(d, "checkRoles", &def->check_roles, "has none of them: refused");
        refuse(d, HUB_ROLE_REQUIRED, "checkRoles");
        return;
    }
    trace_roles(d, "checkRoles", &def->check_roles, "has one of them: passes");
    if (def->check_script.kind == HUB_SCRIPT_NONE) {
        trace_script(d, "checkScript", &def->check_script, NULL, NULL);
        check_cache(d);
        return;
    }
    struct hub_hook_arg args[4] = {{"user", d->who->session}};
    size_t n = hub_hook_room_args(d->hub, d->record, args, 1);
    hub_hook_decide(d->hub, &def->check_script, args, n, on_check_script, d);
}

/* What was read must not take the place of what is known by now. */
static void open_room(struct decision *d) {
    if ((d->stale || d->overtaken) && ++d->starts < STARTS_MAX) {
        start_over(d);
        return;
    }
    d->room = hub_room_of(d->hub, hub_cstr(d->room_id));
    hub_room_reopen(d->room);
    json_decref(d->room->record);
    d->room->record = json_incref(d->record);
    hub_room_load(d->room, on_open, d);
}

static void on_eligibility(void *arg, enum hub_code code, json_t *result, const char *error) {
    struct decision *d = arg;
    if (code) hub_hook_failed(d->hub, &d->def->room_eligibility, code, error);
    const char *outcome = code ? error : hub_truthy(result) ? "true: passes" : "false: nobody may enter";
    trace_script(d, "roomEligibility", &d->def->room_eligibility, outcome, result);
    if (code || !hub_truthy(result))
        refuse(d, HUB_ROOM_NOT_ELIGIBLE, "roomEligibility");
    else
        open_room(d);
}

static void on_record(void *arg, enum hub_code code, const struct hub_rows *rows, const char *error) {
    struct decision *d = arg;
    if (code || !rows->n) {
        trace(d, "room", code ? error : "there is no such record", NULL);
        refuse(d, code ? code : HUB_ROOM_NOT_FOUND, "room");
        return;
    }
    d->record = hub_row_json(rows->table, hub_row(rows, 0));
    if (!is_spelt(d->record, d->def->room_object->id_property, d->room_id)) {
        trace(d, "room", "its id is spelt otherwise", d->record);
        refuse(d, HUB_ROOM_NOT_FOUND, "room");
        return;
    }
    trace(d, "room", "found", d->record);
    if (d->def->room_eligibility.kind == HUB_SCRIPT_NONE) {
        trace_script(d, "roomEligibility", &d->def->room_eligibility, NULL, NULL);
        open_room(d);
        return;
    }
    struct hub_hook_arg args[3];
    size_t n = hub_hook_room_args(d->hub, d->record, args, 0);
    hub_hook_decide(d->hub, &d->def->room_eligibility, args, n, on_eligibility, d);
}

static void find_record(struct decision *d) {
    d->stale = false;
    if (!hub_record_read(d->hub, d->room_id, &d->text, on_record, d)) refuse(d, HUB_ROOM_NOT_FOUND, "room");
}

void hub_authorize(struct hub_hub *hub, struct hub_identity *who, struct hub_str room_id, bool skip_cache,
                   hub_authorize_done *done, void *arg) {
    struct decision *d = hub_xcalloc(1, sizeof *d);
    *d = (struct decision){.hub = hub,
                           .def = hub->def,
                           .who = hub_identity_ref(who),
                           .room_id = hub_str_dup(room_id),
                           .skip_cache = skip_cache,
                           .done = done,
                           .arg = arg};
    hub_hold(&hub->engine->holds, &d->hold, "join decision");
    hub_list_push(&hub->decisions, &d->link);
    find_record(d);
}

/* ---- hubctl why ---- */

struct why {
    struct hub_engine *engine;
    hub_why_done *done;
    void *arg;
};

static void on_why(void *arg, enum hub_code code, const struct hub_rights *rights, const char *layer,
                   struct hub_room *room) {
    struct why *w = arg;
    (void)layer, (void)room;
    w->engine->trace = NULL;
    w->done(w->arg, code, rights ? hub_rights_name(rights) : NULL);
    free(w);
}

void hub_engine_why(struct hub_hub *hub, struct hub_identity *who, struct hub_str room_id, hub_trace *tell,
                    hub_why_done *done, void *arg) {
    struct why *w = hub_xmalloc(sizeof *w);
    *w = (struct why){hub->engine, done, arg};
    hub->engine->trace = tell;
    hub->engine->trace_arg = arg;
    hub_authorize(hub, who, room_id, true, on_why, w);
}
