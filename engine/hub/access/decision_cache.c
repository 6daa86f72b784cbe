/* The cache of decisions.
 *
 * A cached decision carries two stamps, the hub's and the room's as they were when the cache was asked,
 * before it was worked out. It counts while both are the present ones. So forgetting a room, or the hub,
 * is one new stamp; forgetting one user puts a mark in the decision's place. A decision that was under way
 * meanwhile, in whatever process, carries an old stamp, or does not find in its place what it found
 * before: it is not kept. authSources know the user's id only; authScripts know the session, so their
 * decision counts for that session. Asking is one round trip for all three keys. */
#include <stdlib.h>

#include "base/crypto/digest.h"
#include "base/crypto/random.h"
#include "hub/access/access_int.h"

#define STAMP_MS (24 * 3600 * 1000) /* what is cached in a room nobody enters for a day is worked out anew */
#define FORGOTTEN_MS (600 * 1000)   /* longer than any decision takes */

static struct hub_metric hits =
    HUB_METRIC(HUB_COUNTER, "hubd_cache_hits_total", NULL, "Join decisions found in the cache");
static struct hub_metric misses = HUB_METRIC(HUB_COUNTER, "hubd_cache_misses_total", NULL,
                                             "Join decisions that were not in the cache and had to be computed");

/* The rules behind a decision, as a number that is the same in every process: with other rules there are
 * other keys. */
static uint64_t fingerprint_rules(const struct hub_service *service, const struct hub_def *def) {
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

static void add_hex(struct hub_buf *b, uint64_t v) {
    char text[16];
    size_t i = sizeof text;
    do text[--i] = "0123456789abcdef"[v & 15], v >>= 4;
    while (v);
    hub_buf_add(b, text + i, sizeof text - i);
}

/* Both empty: the hub's stamp; no user: the room's; else the decision. By hand: a join makes nine of them,
 * and format functions took a quarter of its time. */
static struct hub_str cache_key(struct hub_buf *b, const struct hub_hub *hub, struct hub_str room,
                                struct hub_str user) {
    const struct hub_service *s = hub->engine->config.service;
    const char *const parts[] = {"hubd:", s->project, ":", s->name, ":auth:", hub->def->name, ":"};
    for (size_t i = 0; i < HUB_NELEM(parts); i++) hub_buf_addz(b, parts[i]);
    add_hex(b, hub->rules);
    if (room.n) { /* its length in front keeps ids with colons apart */
        hub_buf_addc(b, ':'), hub_buf_addu(b, room.n);
        hub_buf_addc(b, ':'), hub_buf_adds(b, room);
    }
    if (user.n) hub_buf_addc(b, ':'), hub_buf_adds(b, user);
    return hub_buf_str(b);
}

static void draw_stamp(char out[HUB_STAMP_BYTES + 1]) {
    unsigned char dice[HUB_STAMP_BYTES];
    hub_random(dice, sizeof dice);
    for (size_t i = 0; i < sizeof dice; i++) out[i] = "0123456789abcdef"[dice[i] & 15];
    out[HUB_STAMP_BYTES] = 0;
}

static void on_all_forgotten(void *arg, enum hub_code code) {
    struct hub_hub *hub = arg;
    hub_unhold(&hub->forgetting);
    if (!code) hub->forget_lost = false;
}

/* The caller may wait until the cache has confirmed it. */
struct forgetting {
    struct hub_hold hold;
    struct hub_hub *hub;
    struct hub_work *work;
};

/* The cache is or was unreachable: what it still holds when it comes back is stale. */
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
    char stamp[HUB_STAMP_BYTES + 1];
    draw_stamp(stamp);
    hub_hold(&hub->engine->holds, hold, "cache update");
    cache->ops->set(cache, cache_key(&key, hub, room, user), hub_cstr(stamp), user.n ? FORGOTTEN_MS : STAMP_MS, done,
                    arg);
    hub_buf_free(&key);
}

/* Calls that are queued in these rooms are authorised again when their turn comes. */
static void forget_settled(struct hub_hub *hub, struct hub_str room_id) {
    void *value;
    struct hub_room *room = room_id.n ? hub_room_find(&hub->rooms, room_id) : NULL;
    if (room) room->judged++;
    if (room_id.n) return;
    for (void *it = NULL; (it = hub_map_next(&hub->rooms, it, NULL, &value));) ((struct hub_room *)value)->judged++;
}

void hub_authorize_forget(struct hub_hub *hub, struct hub_str room, struct hub_str user, struct hub_work *work) {
    struct forgetting *f = hub_xmalloc(sizeof *f);
    forget_settled(hub, room);
    HUB_LIST_EACH(&hub->decisions, it) {
        struct hub_decision *d = HUB_CONTAINER(it, struct hub_decision, link);
        if ((!room.n || hub_str_is(room, d->room_id)) && (!user.n || hub_str_is(user, d->who->user_id)))
            d->overtaken = true;
    }
    *f = (struct forgetting){.hub = hub, .work = hub_work_hold(work)};
    forget_key(hub, room, user, &f->hold, on_forgotten, f);
    HUB_PARTS_CALL(hub->engine, rights_changed, hub, room, user);
}

void hub_authorize_rules(struct hub_hub *hub) { hub->rules = fingerprint_rules(hub->engine->config.service, hub->def); }

/* Which token a session came with does not matter. */
static bool is_of_token(const char *key) {
    static const char *const of_token[] = {"iat", "exp", "nbf", "jti"};
    for (size_t i = 0; i < HUB_NELEM(of_token); i++)
        if (strcmp(key, of_token[i]) == 0) return true;
    return false;
}

static void add_session_text(struct hub_buf *out, json_t *session) {
    const char *key;
    json_t *value;
    hub_buf_addc(out, '{');
    json_object_foreach(session, key, value) {
        if (is_of_token(key)) continue;
        hub_json_add_utf8(out, hub_cstr(key));
        hub_buf_addc(out, ':');
        hub_json_add(out, value);
        hub_buf_addc(out, ',');
    }
    hub_buf_addc(out, '}');
}

/* What authScripts see of the user, in short: a decision of theirs is no other session's. */
static void add_session(struct hub_buf *out, const struct hub_decision *d) {
    char digest[HUB_DIGEST_SIZE];
    struct hub_buf text = {0};
    add_session_text(&text, hub_identity_session(d->who));
    hub_digest(hub_buf_str(&text), digest);
    hub_buf_addz(out, "session:"), hub_buf_addz(out, digest), hub_buf_addc(out, ':');
    hub_buf_free(&text);
}

void hub_decision_remember(struct hub_decision *d, const struct hub_def_role *role, bool by_session) {
    struct hub_cache *cache = d->hub->engine->config.cache;
    if (!d->may_remember || hub_decision_is_outdated(d) || d->overtaken || d->hub->forget_lost) return;
    struct hub_buf key = {0}, value = {0};
    hub_buf_addz(&value, d->stamps);
    if (by_session) add_session(&value, d);
    hub_buf_addz(&value, role ? "role:" : "none");
    if (role) hub_buf_addz(&value, role->name);
    cache->ops->swap(cache, cache_key(&key, d->hub, hub_cstr(d->room_id), hub_cstr(d->who->user_id)),
                     hub_buf_str(&d->was), hub_buf_str(&value), d->def->auth_cache_ttl * 1000);
    hub_buf_free(&key);
    hub_buf_free(&value);
}

/* Creates a missing stamp (SET if absent): of several decisions that find none, the first writer wins. */
static void put_stamp(struct hub_decision *d, struct hub_str was, struct hub_str room) {
    struct hub_cache *cache = d->hub->engine->config.cache;
    struct hub_buf key = {0};
    char stamp[HUB_STAMP_BYTES + 1];
    draw_stamp(stamp);
    cache->ops->swap(cache, cache_key(&key, d->hub, room, hub_str(NULL, 0)), was, hub_cstr(stamp), STAMP_MS);
    hub_buf_free(&key);
}

/* False: stamps were missing. They have been created, by this decision or by another one; the cache has to
 * be asked again. */
static bool take_stamps(struct hub_decision *d, struct hub_str room, struct hub_str hub) {
    if (room.n != HUB_STAMP_BYTES) put_stamp(d, room, hub_cstr(d->room_id));
    if (hub.n != HUB_STAMP_BYTES) put_stamp(d, hub, hub_str(NULL, 0));
    if (room.n != HUB_STAMP_BYTES || hub.n != HUB_STAMP_BYTES) return false;
    memcpy(d->stamps, room.p, HUB_STAMP_BYTES);
    memcpy(d->stamps + HUB_STAMP_BYTES, hub.p, HUB_STAMP_BYTES);
    d->stamps[2 * HUB_STAMP_BYTES] = 0;
    return true;
}

static bool take_prefix(struct hub_str *s, struct hub_str prefix) {
    if (!hub_str_starts(*s, prefix)) return false;
    *s = hub_str(s->p + prefix.n, s->n - prefix.n);
    return true;
}

/* False: the cached decision holds for another session only. Most are not bound to a session. */
static bool of_this_session(const struct hub_decision *d, struct hub_str *value) {
    if (!hub_str_starts(*value, HUB_STR("session:"))) return true;
    struct hub_buf mine = {0};
    add_session(&mine, d);
    bool same = take_prefix(value, hub_buf_str(&mine));
    hub_buf_free(&mine);
    return same;
}

/* Takes *ROLE from the cached decision VALUE; false when VALUE decides nothing. */
static bool cached_role(const struct hub_decision *d, struct hub_str value, const struct hub_def_role **role) {
    if (!take_prefix(&value, hub_cstr(d->stamps)) || !of_this_session(d, &value)) return false;
    if (hub_str_starts(value, HUB_STR("role:"))) *role = hub_def_role(d->def, hub_str(value.p + 5, value.n - 5));
    return *role || hub_str_is(value, "none"); /* else it is a role that no longer exists */
}

static void on_cached(void *arg, enum hub_code code, const struct hub_str *values) {
    struct hub_decision *d = arg;
    const struct hub_def_role *role = NULL;
    if (!code) {
        hub_buf_clear(&d->was);
        hub_buf_adds(&d->was, values[0]);
        d->may_remember = take_stamps(d, values[1], values[2]);
        if (!d->may_remember && !d->stamped) {
            d->stamped = true;
            hub_layer_cache(d);
            return;
        }
    }
    if (!d->may_remember || !cached_role(d, values[0], &role)) {
        hub_metric_add(&misses, 1);
        hub_decision_pass(d);
        return;
    }
    struct hub_rights rights = hub_rights_of(role);
    hub_metric_add(&hits, 1);
    hub_decision_admit(d, &rights);
}

void hub_layer_cache(struct hub_decision *d) {
    struct hub_cache *cache = d->hub->engine->config.cache;
    if (d->hub->forget_lost && !hub_held(&d->hub->forgetting) && cache->ops->ready(cache, NULL)) {
        forget_key(d->hub, hub_str(NULL, 0), hub_str(NULL, 0), &d->hub->forgetting, on_all_forgotten, d->hub);
    }
    if (d->skip_cache) hub_decision_trace(d, "not asked: worked out anew", NULL);
    if (d->skip_cache || d->def->auth_cache_ttl <= 0 || d->hub->forget_lost) {
        hub_decision_pass(d);
        return;
    }
    struct hub_buf key[3] = {{0}};
    const struct hub_str room = hub_cstr(d->room_id), none = hub_str(NULL, 0);
    const struct hub_str keys[] = {cache_key(&key[0], d->hub, room, hub_cstr(d->who->user_id)),
                                   cache_key(&key[1], d->hub, room, none), cache_key(&key[2], d->hub, none, none)};
    cache->ops->get(cache, keys, 3, on_cached, d);
    for (size_t i = 0; i < 3; i++) hub_buf_free(&key[i]);
}
