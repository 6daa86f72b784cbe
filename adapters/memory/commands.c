/* The Redis commands that scripts may call, with Redis' replies and error texts. A new command is a
 * function and a row. */
#include <stdlib.h>

#include "adapters/memory/cache_int.h"
#include "base/memory/mem.h"
#include "base/text/utf8.h"

#define MAX_ARGS 1024

struct call {
    struct memory_cache *c;
    struct hub_str *v; /* v[0] is the command */
    size_t n;
    json_t *reply;
    char error[160];
};

#define WRONG_TYPE "WRONGTYPE Operation against a key holding the wrong kind of value"
#define NOT_INTEGER "ERR value is not an integer or out of range"
#define WOULD_OVERFLOW "ERR increment or decrement would overflow"

static void fail_call(struct call *k, const char *text) { snprintf(k->error, sizeof k->error, "%s", text); }
static void reply_int(struct call *k, int64_t v) { k->reply = json_integer(v); }
static void reply_text(struct call *k, struct hub_str s) { k->reply = hub_json_string(s); }
static struct hub_str item_str(const struct memory_item *i) { return hub_str(i->p, i->n); }

static void wrong_arity(struct call *k) {
    char name[40];
    size_t n = k->v[0].n < sizeof name - 1 ? k->v[0].n : sizeof name - 1;
    for (size_t i = 0; i < n; i++)
        name[i] = (char)(k->v[0].p[i] | (k->v[0].p[i] >= 'A' && k->v[0].p[i] <= 'Z' ? 0x20 : 0));
    snprintf(k->error, sizeof k->error, "ERR wrong number of arguments for '%.*s' command", (int)n, name);
}

/* The entry of v[1]. *E is NULL when there is none; false (and an error) when it is of another kind. */
static bool find_entry(struct call *k, enum entry_kind kind, struct cache_entry **e) {
    *e = hub_cache_find(k->c, k->v[1]);
    if (!*e || (*e)->kind == kind) return true;
    fail_call(k, WRONG_TYPE);
    return false;
}

static bool entry_or_new(struct call *k, enum entry_kind kind, struct cache_entry **e) {
    if (!find_entry(k, kind, e)) return false;
    if (!*e) *e = hub_cache_make(k->c, k->v[1], kind);
    return true;
}

/* ---- strings and keys ---- */

static void cmd_get(struct call *k) {
    struct cache_entry *e;
    if (find_entry(k, ENTRY_STRING, &e) && e) reply_text(k, hub_cache_string(e));
}

struct set_options {
    bool nx, xx, get, keep;
    int64_t ttl_ms; /* 0 = none */
};

/* False with an error, as Redis words it. */
static bool set_options(struct call *k, struct set_options *o) {
    for (size_t i = 3; i < k->n; i++) {
        struct hub_str w = k->v[i];
        bool ex = hub_str_eq_nocase(w, HUB_STR("EX")), px = hub_str_eq_nocase(w, HUB_STR("PX"));
        if (hub_str_eq_nocase(w, HUB_STR("NX")))
            o->nx = true;
        else if (hub_str_eq_nocase(w, HUB_STR("XX")))
            o->xx = true;
        else if (hub_str_eq_nocase(w, HUB_STR("GET")))
            o->get = true;
        else if (hub_str_eq_nocase(w, HUB_STR("KEEPTTL")))
            o->keep = true;
        else if ((ex || px) && i + 1 < k->n && !o->ttl_ms) {
            if (!hub_str_i64(k->v[++i], &o->ttl_ms)) return fail_call(k, NOT_INTEGER), false;
            if (o->ttl_ms <= 0 || o->ttl_ms > INT64_MAX / 4000)
                return fail_call(k, "ERR invalid expire time in 'set' command"), false;
            if (ex) o->ttl_ms *= 1000;
        } else
            return fail_call(k, "ERR syntax error"), false;
    }
    if ((o->nx && o->xx) || (o->keep && o->ttl_ms)) return fail_call(k, "ERR syntax error"), false;
    return true;
}

static void cmd_set(struct call *k) {
    struct set_options o = {0};
    if (!set_options(k, &o)) return;
    struct cache_entry *e = hub_cache_find(k->c, k->v[1]);
    if (o.get && e && e->kind != ENTRY_STRING) {
        fail_call(k, WRONG_TYPE);
        return;
    }
    if (o.get && e) reply_text(k, hub_cache_string(e));
    if ((o.nx && e) || (o.xx && !e)) return;
    int64_t expires = o.ttl_ms ? hub_cache_now(k->c) + o.ttl_ms : o.keep && e ? e->expires : 0;
    hub_cache_set_string(k->c, e, k->v[1], k->v[2], expires);
    if (!o.get) k->reply = json_string("OK");
}

static void cmd_del(struct call *k) {
    int64_t n = 0;
    for (size_t i = 1; i < k->n; i++) {
        struct cache_entry *e = hub_cache_find(k->c, k->v[i]);
        if (e) hub_cache_drop(k->c, e), n++;
    }
    reply_int(k, n);
}

static void cmd_exists(struct call *k) {
    int64_t n = 0;
    for (size_t i = 1; i < k->n; i++) n += hub_cache_find(k->c, k->v[i]) != NULL;
    reply_int(k, n);
}

static void add_to_string(struct call *k, int64_t by) {
    struct cache_entry *e;
    int64_t v = 0;
    if (!find_entry(k, ENTRY_STRING, &e)) return;
    if (e && !hub_str_i64(hub_cache_string(e), &v)) {
        fail_call(k, NOT_INTEGER);
        return;
    }
    if (__builtin_add_overflow(v, by, &v)) {
        fail_call(k, WOULD_OVERFLOW);
        return;
    }
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%lld", (long long)v);
    hub_cache_set_string(k->c, e, k->v[1], hub_str(digits, (size_t)n), e ? e->expires : 0);
    reply_int(k, v);
}

static void cmd_incr(struct call *k) { add_to_string(k, 1); }
static void cmd_decr(struct call *k) { add_to_string(k, -1); }
static void cmd_incrby(struct call *k) {
    int64_t by;
    if (hub_str_i64(k->v[2], &by))
        add_to_string(k, by);
    else
        fail_call(k, NOT_INTEGER);
}

static void cmd_expire(struct call *k) {
    int64_t seconds;
    if (!hub_str_i64(k->v[2], &seconds)) {
        fail_call(k, NOT_INTEGER);
        return;
    }
    if (seconds > INT64_MAX / 4000) {
        fail_call(k, "ERR invalid expire time in 'expire' command");
        return;
    }
    struct cache_entry *e = hub_cache_find(k->c, k->v[1]);
    reply_int(k, e != NULL);
    if (e && seconds <= 0)
        hub_cache_drop(k->c, e);
    else if (e)
        e->expires = hub_cache_now(k->c) + seconds * 1000;
}

static void cmd_ttl(struct call *k) {
    struct cache_entry *e = hub_cache_find(k->c, k->v[1]);
    reply_int(k, !e ? -2 : !e->expires ? -1 : (e->expires - hub_cache_now(k->c) + 500) / 1000);
}

/* ---- hashes ---- */

static void put_field(struct call *k, struct cache_entry *e, struct hub_str field, struct hub_str value) {
    struct memory_item *old = hub_map_put(&e->items->map, field, hub_cache_item(value));
    if (old) hub_cache_shrink(k->c, e, hub_cache_item_bytes(field, item_str(old)));
    hub_cache_grow(k->c, e, hub_cache_item_bytes(field, value));
    free(old);
}

static void cmd_hget(struct call *k) {
    struct cache_entry *e;
    if (!find_entry(k, ENTRY_HASH, &e) || !e) return;
    struct memory_item *i = hub_map_get(&e->items->map, k->v[2]);
    if (i) reply_text(k, item_str(i));
}

static void cmd_hset(struct call *k) {
    struct cache_entry *e;
    if (k->n % 2) {
        wrong_arity(k);
        return;
    }
    if (!entry_or_new(k, ENTRY_HASH, &e)) return;
    size_t before = hub_map_len(&e->items->map);
    for (size_t i = 2; i < k->n; i += 2) put_field(k, e, k->v[i], k->v[i + 1]);
    reply_int(k, (int64_t)(hub_map_len(&e->items->map) - before));
}

/* HDEL and SREM: an empty container is no container. */
static void remove_members(struct call *k, enum entry_kind kind) {
    struct cache_entry *e;
    int64_t n = 0;
    if (!find_entry(k, kind, &e)) return;
    for (size_t i = 2; e && i < k->n; i++) {
        struct memory_item *old = hub_map_del(&e->items->map, k->v[i]);
        if (!old) continue;
        hub_cache_shrink(k->c, e, hub_cache_item_bytes(k->v[i], item_str(old)));
        free(old);
        n++;
    }
    if (e && !hub_map_len(&e->items->map)) hub_cache_drop(k->c, e);
    reply_int(k, n);
}

static void cmd_hdel(struct call *k) { remove_members(k, ENTRY_HASH); }

static void cmd_hgetall(struct call *k) {
    struct cache_entry *e;
    if (!find_entry(k, ENTRY_HASH, &e)) return;
    k->reply = json_array();
    struct hub_str field;
    void *value;
    for (void *it = NULL; e && (it = hub_map_next(&e->items->map, it, &field, &value));) {
        json_array_append_new(k->reply, hub_json_string(field));
        json_array_append_new(k->reply, hub_json_string(item_str(value)));
    }
}

static void cmd_hincrby(struct call *k) {
    struct cache_entry *e;
    int64_t by, v = 0;
    if (!find_entry(k, ENTRY_HASH, &e)) return;
    if (!hub_str_i64(k->v[3], &by)) {
        fail_call(k, NOT_INTEGER);
        return;
    }
    struct memory_item *old = e ? hub_map_get(&e->items->map, k->v[2]) : NULL;
    if (old && !hub_str_i64(item_str(old), &v)) {
        fail_call(k, "ERR hash value is not an integer");
        return;
    }
    if (__builtin_add_overflow(v, by, &v)) {
        fail_call(k, WOULD_OVERFLOW);
        return;
    }
    if (!e) e = hub_cache_make(k->c, k->v[1], ENTRY_HASH);
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%lld", (long long)v);
    put_field(k, e, k->v[2], hub_str(digits, (size_t)n));
    reply_int(k, v);
}

/* ---- sets ---- */

static void cmd_sadd(struct call *k) {
    struct cache_entry *e;
    int64_t n = 0;
    if (!entry_or_new(k, ENTRY_SET, &e)) return;
    for (size_t i = 2; i < k->n; i++) {
        if (hub_map_get(&e->items->map, k->v[i])) continue;
        hub_map_put(&e->items->map, k->v[i], hub_cache_item(hub_str(NULL, 0)));
        hub_cache_grow(k->c, e, hub_cache_item_bytes(k->v[i], hub_str(NULL, 0)));
        n++;
    }
    reply_int(k, n);
}

static void cmd_srem(struct call *k) { remove_members(k, ENTRY_SET); }

static void cmd_smembers(struct call *k) {
    struct cache_entry *e;
    if (!find_entry(k, ENTRY_SET, &e)) return;
    k->reply = json_array();
    struct hub_str member;
    for (void *it = NULL; e && (it = hub_map_next(&e->items->map, it, &member, NULL));)
        json_array_append_new(k->reply, hub_json_string(member));
}

static void cmd_sismember(struct call *k) {
    struct cache_entry *e;
    if (find_entry(k, ENTRY_SET, &e)) reply_int(k, e && hub_map_get(&e->items->map, k->v[2]));
}

/* ---- lists ---- */

static void push_items(struct call *k, bool front) {
    struct cache_entry *e;
    if (!entry_or_new(k, ENTRY_LIST, &e)) return;
    for (size_t i = 2; i < k->n; i++) {
        struct memory_item *item = hub_cache_item(k->v[i]);
        (front ? hub_list_push_front : hub_list_push)(&e->items->list, &item->link);
        hub_cache_grow(k->c, e, hub_cache_item_bytes(k->v[i], hub_str(NULL, 0)));
        e->items->list_n++;
    }
    reply_int(k, (int64_t)e->items->list_n);
}

static void cmd_lpush(struct call *k) { push_items(k, true); }
static void cmd_rpush(struct call *k) { push_items(k, false); }

static HUB_MUST json_t *take_item(struct call *k, struct cache_entry *e, bool front) {
    struct hub_list *l = front ? e->items->list.next : e->items->list.prev;
    struct memory_item *i = HUB_CONTAINER(l, struct memory_item, link);
    json_t *v = hub_json_string(item_str(i));
    hub_list_remove(l);
    hub_cache_shrink(k->c, e, hub_cache_item_bytes(item_str(i), hub_str(NULL, 0)));
    e->items->list_n--;
    free(i);
    return v;
}

static void pop_item(struct call *k, bool front) {
    struct cache_entry *e;
    int64_t count = 1;
    if (k->n == 3 && (!hub_str_i64(k->v[2], &count) || count < 0)) {
        fail_call(k, "ERR value is out of range, must be positive");
        return;
    }
    if (!find_entry(k, ENTRY_LIST, &e) || !e) return;
    if (k->n == 2)
        k->reply = take_item(k, e, front);
    else
        for (k->reply = json_array(); count && e->items->list_n; count--)
            json_array_append_new(k->reply, take_item(k, e, front));
    if (!e->items->list_n) hub_cache_drop(k->c, e);
}

static void cmd_lpop(struct call *k) { pop_item(k, true); }
static void cmd_rpop(struct call *k) { pop_item(k, false); }

static void cmd_lrange(struct call *k) {
    struct cache_entry *e;
    int64_t from, to, at = 0;
    if (!hub_str_i64(k->v[2], &from) || !hub_str_i64(k->v[3], &to)) {
        fail_call(k, NOT_INTEGER);
        return;
    }
    if (!find_entry(k, ENTRY_LIST, &e)) return;
    k->reply = json_array();
    if (!e) return;
    int64_t n = (int64_t)e->items->list_n;
    if (from < 0) from = from + n < 0 ? 0 : from + n;
    if (to < 0) to += n;
    HUB_LIST_EACH(&e->items->list, it) {
        if (at > to) break;
        if (at++ >= from)
            json_array_append_new(k->reply, hub_json_string(item_str(HUB_CONTAINER(it, struct memory_item, link))));
    }
}

static void cmd_llen(struct call *k) {
    struct cache_entry *e;
    if (find_entry(k, ENTRY_LIST, &e)) reply_int(k, e ? (int64_t)e->items->list_n : 0);
}

/* ---- dispatch ---- */

static const struct {
    const char *name;
    size_t min, max; /* arguments, the command included; max 0 = any number */
    void (*run)(struct call *k);
} commands[] = {
    {"get", 2, 2, cmd_get},         {"set", 3, 0, cmd_set},           {"del", 2, 0, cmd_del},
    {"incr", 2, 2, cmd_incr},       {"incrby", 3, 3, cmd_incrby},     {"decr", 2, 2, cmd_decr},
    {"expire", 3, 3, cmd_expire},   {"ttl", 2, 2, cmd_ttl},           {"exists", 2, 0, cmd_exists},
    {"hget", 3, 3, cmd_hget},       {"hset", 4, 0, cmd_hset},         {"hdel", 3, 0, cmd_hdel},
    {"hgetall", 2, 2, cmd_hgetall}, {"hincrby", 4, 4, cmd_hincrby},   {"sadd", 3, 0, cmd_sadd},
    {"srem", 3, 0, cmd_srem},       {"smembers", 2, 2, cmd_smembers}, {"sismember", 3, 3, cmd_sismember},
    {"lpush", 3, 0, cmd_lpush},     {"rpush", 3, 0, cmd_rpush},       {"lpop", 2, 3, cmd_lpop},
    {"rpop", 2, 3, cmd_rpop},       {"lrange", 4, 4, cmd_lrange},     {"llen", 2, 2, cmd_llen},
};

static void dispatch_command(struct call *k) {
    for (size_t i = 0; i < HUB_NELEM(commands); i++) {
        if (!hub_str_eq_nocase(k->v[0], hub_cstr(commands[i].name))) continue;
        if (k->n < commands[i].min || (commands[i].max && k->n > commands[i].max))
            wrong_arity(k);
        else
            commands[i].run(k);
        return;
    }
    snprintf(k->error, sizeof k->error,
             "ERR unknown command '%.*s'; the in-process cache has the usual string, hash, set and list commands only",
             HUB_CUT(k->v[0], 64));
}

/* Arguments as views; numbers are printed into TEXT. False with an error. */
static bool collect_args(struct call *k, const json_t *args, struct hub_buf *text) {
    size_t n = json_array_size(args), bytes = 0;
    if (!n || n > MAX_ARGS) return fail_call(k, "ERR a command needs 1 to 1024 arguments"), false;
    k->v = hub_xcalloc(n, sizeof *k->v);
    k->n = n;
    hub_buf_reserve(text, n * 32); /* no number is longer, so views into it stay */
    for (size_t i = 0; i < n; i++) {
        const json_t *a = json_array_get(args, i);
        size_t from = text->n;
        if (json_is_number(a)) hub_json_add(text, a);
        k->v[i] = json_is_string(a) ? hub_json_str(a) : hub_str(text->p + from, text->n - from);
        if (!json_is_string(a) && !json_is_number(a))
            return fail_call(k, "ERR arguments must be strings or numbers"), false;
        bytes += k->v[i].n;
    }
    if (bytes > k->c->max_bytes / 4)
        return fail_call(k, "OOM command not allowed when used memory > 'maxmemory'."), false;
    return true;
}

void hub_cache_command(struct hub_cache *base, const json_t *args, hub_cache_call_cb *cb, void *arg) {
    struct call k = {.c = hub_cache_lock(base)};
    struct hub_buf text = {0};
    if (collect_args(&k, args, &text)) dispatch_command(&k);
    hub_cache_trim(k.c);
    hub_cache_unlock(k.c);
    if (!k.reply) k.reply = json_null();
    cb(arg, *k.error ? HUB_BAD_REQUEST : HUB_OK, *k.error ? NULL : k.reply, *k.error ? k.error : NULL);
    json_decref(k.reply);
    free(k.v);
    hub_buf_free(&text);
}
