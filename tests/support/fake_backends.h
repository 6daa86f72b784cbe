/* A cache, a bus and scripts that do what the test says: what they are asked is noted, and answered at
 * once, or when the test wants it. */
#ifndef TEST_SUPPORT_FAKE_BACKENDS_H
#define TEST_SUPPORT_FAKE_BACKENDS_H
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/collection/map.h"
#include "base/memory/mem.h"
#include "fanout/bus.h"
#include "hook/hook.h"
#include "persist/cache.h"

/* ---- the cache ---- */

/* A question that the cache keeps to itself. */
struct fake_kept {
    struct hub_list link;
    struct hub_str keys[HUB_CACHE_KEYS_MAX]; /* copies */
    size_t n;
    hub_cache_get_cb *get;
    hub_cache_done *set;
    hub_cache_take_cb *take;
    void *arg;
};

struct fake_cache {
    struct hub_cache base; /* first member */
    struct hub_map values; /* key → text of its own */
    bool away;             /* everything fails */
    bool held;             /* nothing is answered but by fake_cache_answer */
    struct hub_list kept;  /* fake_kept.link */
    size_t gets, takes, gives;
    char taken[256];        /* the last key of take */
    int64_t wait_ms;        /* what a place in a shared window costs; 0: there is one */
    json_t *called, *reply; /* of call: the last arguments, and what they are answered with */
};

static inline struct fake_cache *fake_cache_of(const struct hub_cache *c) {
    return HUB_CONTAINER(c, struct fake_cache, base);
}

static inline void fake_cache_put(struct fake_cache *c, struct hub_str key, struct hub_str value) {
    free(hub_map_put(&c->values, key, hub_str_dup(value)));
}

static inline void fake_answer_get(struct fake_cache *c, const struct hub_str *keys, size_t n, hub_cache_get_cb *cb,
                                   void *arg) {
    struct hub_str values[HUB_CACHE_KEYS_MAX];
    for (size_t i = 0; i < n; i++) {
        const char *v = hub_map_get(&c->values, keys[i]);
        values[i] = v ? hub_cstr(v) : hub_str(NULL, 0);
    }
    cb(arg, c->away ? HUB_STORE_UNAVAILABLE : HUB_OK, c->away ? NULL : values);
}

static inline struct fake_kept *fake_keep(struct fake_cache *c, void *arg) {
    struct fake_kept *k = hub_xcalloc(1, sizeof *k);
    *k = (struct fake_kept){.arg = arg};
    hub_list_push(&c->kept, &k->link);
    return k;
}

static inline void fake_cache_get(struct hub_cache *base, const struct hub_str *keys, size_t n, hub_cache_get_cb *cb,
                                  void *arg) {
    struct fake_cache *c = fake_cache_of(base);
    c->gets++;
    if (!c->held) {
        fake_answer_get(c, keys, n, cb, arg);
        return;
    }
    struct fake_kept *k = fake_keep(c, arg);
    k->get = cb;
    for (k->n = 0; k->n < n; k->n++) k->keys[k->n] = hub_str(hub_str_dup(keys[k->n]), keys[k->n].n);
}

static inline void fake_cache_set(struct hub_cache *base, struct hub_str key, struct hub_str value, int64_t ttl,
                                  hub_cache_done *cb, void *arg) {
    struct fake_cache *c = fake_cache_of(base);
    (void)ttl;
    if (!c->away) fake_cache_put(c, key, value);
    if (c->held && cb)
        fake_keep(c, arg)->set = cb;
    else if (cb)
        cb(arg, c->away ? HUB_STORE_UNAVAILABLE : HUB_OK);
}

static inline void fake_cache_swap(struct hub_cache *base, struct hub_str key, struct hub_str was, struct hub_str value,
                                   int64_t ttl) {
    struct fake_cache *c = fake_cache_of(base);
    const char *has = hub_map_get(&c->values, key);
    (void)ttl;
    if (!c->away && hub_str_is(was, has ? has : "")) fake_cache_put(c, key, value);
}

static inline void fake_cache_take(struct hub_cache *base, struct hub_str key, int64_t limit, int64_t window,
                                   hub_cache_take_cb *cb, void *arg) {
    struct fake_cache *c = fake_cache_of(base);
    (void)limit, (void)window;
    c->takes++;
    snprintf(c->taken, sizeof c->taken, "%.*s", HUB_FMT(key));
    if (c->held)
        fake_keep(c, arg)->take = cb;
    else
        cb(arg, c->away ? HUB_STORE_UNAVAILABLE : HUB_OK, c->away ? 0 : c->wait_ms);
}
static inline void fake_cache_give(struct hub_cache *base, struct hub_str key, int64_t window) {
    (void)key, (void)window;
    fake_cache_of(base)->gives++;
}

static inline void fake_cache_call(struct hub_cache *base, const json_t *args, hub_cache_call_cb *cb, void *arg) {
    struct fake_cache *c = fake_cache_of(base);
    json_decref(c->called);
    c->called = json_deep_copy(args);
    if (c->away)
        cb(arg, HUB_STORE_UNAVAILABLE, NULL, "the cache is away");
    else
        cb(arg, HUB_OK, c->reply, NULL);
}

static inline bool fake_cache_ready(const struct hub_cache *base, struct hub_buf *why_not) {
    bool away = fake_cache_of(base)->away;
    if (away && why_not) hub_buf_addz(why_not, "the cache is away");
    return !away;
}

static const struct hub_cache_ops fake_cache_ops = {.scheme = "fake",
                                                    .get = fake_cache_get,
                                                    .set = fake_cache_set,
                                                    .swap = fake_cache_swap,
                                                    .call = fake_cache_call,
                                                    .ready = fake_cache_ready};
/* One that counts for all processes together. */
static const struct hub_cache_ops fake_shared_cache_ops = {.scheme = "fake",
                                                           .get = fake_cache_get,
                                                           .set = fake_cache_set,
                                                           .swap = fake_cache_swap,
                                                           .take = fake_cache_take,
                                                           .give = fake_cache_give,
                                                           .call = fake_cache_call,
                                                           .ready = fake_cache_ready};

/* Answers what was asked first. */
static inline void fake_cache_answer(struct fake_cache *c) {
    struct hub_list *l = hub_list_pop(&c->kept);
    if (!l) fail_msg("the cache was not asked");
    struct fake_kept *k = HUB_CONTAINER(l, struct fake_kept, link);
    enum hub_code code = c->away ? HUB_STORE_UNAVAILABLE : HUB_OK;
    if (k->get) fake_answer_get(c, k->keys, k->n, k->get, k->arg);
    if (k->set) k->set(k->arg, code);
    if (k->take) k->take(k->arg, code, c->wait_ms);
    for (size_t i = 0; i < k->n; i++) free((char *)(uintptr_t)k->keys[i].p);
    free(k);
}

static inline void fake_cache_init(struct fake_cache *c, bool shared) {
    *c = (struct fake_cache){.base.ops = shared ? &fake_shared_cache_ops : &fake_cache_ops};
    hub_list_init(&c->kept);
}
static inline void fake_cache_deinit(struct fake_cache *c) {
    c->held = false;
    while (!hub_list_empty(&c->kept)) fake_cache_answer(c);
    for (void *v; (v = hub_map_drain(&c->values));) free(v);
    json_decref(c->called);
    json_decref(c->reply);
}

/* ---- the bus ---- */

struct fake_subscriber {
    struct hub_list link;
    const char *topic; /* a copy */
    hub_bus_cb *cb;
    void *arg;
};
struct fake_publication {
    struct hub_list link;
    hub_bus_done *done;
    void *arg;
};

struct fake_bus {
    struct hub_bus base; /* first member */
    struct hub_loop *loop;
    struct hub_list subscribers;
    struct hub_list publications; /* that are not answered yet */
    struct hub_timer turn;
    struct hub_buf published; /* "topic key value", a line each */
    enum hub_code refuses;    /* what publications are answered with */
    size_t held;              /* records that were brought and are not released */
    bool paused, away;
};

static inline struct fake_bus *fake_bus_of(const struct hub_bus *b) { return HUB_CONTAINER(b, struct fake_bus, base); }

static inline void fake_bus_subscribe(struct hub_bus *base, const char *topic, hub_bus_cb *cb, void *arg) {
    struct fake_subscriber *s = hub_xmalloc(sizeof *s);
    *s = (struct fake_subscriber){.topic = hub_xstrdup(topic), .cb = cb, .arg = arg};
    hub_list_push(&fake_bus_of(base)->subscribers, &s->link);
}

static inline void fake_on_bus_turn(struct hub_timer *t) {
    struct fake_bus *b = HUB_CONTAINER(t, struct fake_bus, turn);
    for (struct hub_list *l; (l = hub_list_pop(&b->publications));) {
        struct fake_publication *p = HUB_CONTAINER(l, struct fake_publication, link);
        if (p->done) p->done(p->arg, b->refuses, b->refuses ? hub_code_text(b->refuses) : NULL);
        free(p);
    }
}

static inline void fake_bus_publish(struct hub_bus *base, const struct hub_bus_message *m, hub_bus_done *done,
                                    void *arg) {
    struct fake_bus *b = fake_bus_of(base);
    struct fake_publication *p = hub_xmalloc(sizeof *p);
    *p = (struct fake_publication){.done = done, .arg = arg};
    hub_buf_addf(&b->published, "%.*s %.*s %.*s\n", HUB_FMT(m->topic), HUB_FMT(m->key), HUB_FMT(m->value));
    hub_list_push(&b->publications, &p->link);
    if (!hub_timer_running(&b->turn)) hub_timer_start(b->loop, &b->turn, 0, fake_on_bus_turn);
}

static inline bool fake_bus_ready(const struct hub_bus *base, struct hub_buf *why_not) {
    bool away = fake_bus_of(base)->away;
    if (away && why_not) hub_buf_addz(why_not, "the bus is away");
    return !away;
}
static inline void fake_bus_pause(struct hub_bus *base) { fake_bus_of(base)->paused = true; }
static inline void fake_bus_free_record(struct hub_bus_record *r) {
    fake_bus_of(r->bus)->held--;
    free((char *)(uintptr_t)r->value.p);
    free(r);
}

static const struct hub_bus_ops fake_bus_ops = {.scheme = "fake",
                                                .local = true,
                                                .subscribe = fake_bus_subscribe,
                                                .publish = fake_bus_publish,
                                                .ready = fake_bus_ready,
                                                .pause = fake_bus_pause,
                                                .free_record = fake_bus_free_record};

/* A record comes in. VALUE NULL: it has none. */
static inline void fake_bus_bring(struct fake_bus *b, const char *topic, const char *value) {
    struct hub_bus_record *r = hub_xcalloc(1, sizeof *r);
    char *copy = value ? hub_xstrdup(value) : NULL;
    *r = (struct hub_bus_record){
        .bus = &b->base, .topic = hub_cstr(topic), .value = hub_str(copy, value ? strlen(value) : 0), .refs = 1};
    b->held++;
    HUB_LIST_EACH(&b->subscribers, it) {
        const struct fake_subscriber *s = HUB_CONTAINER(it, struct fake_subscriber, link);
        if (strcmp(s->topic, topic) != 0) continue;
        r->refs++;
        s->cb(s->arg, r);
    }
    hub_bus_record_release(r);
}

static inline void fake_bus_init(struct fake_bus *b, struct hub_loop *loop) {
    *b = (struct fake_bus){.base.ops = &fake_bus_ops, .loop = loop};
    hub_list_init(&b->subscribers);
    hub_list_init(&b->publications);
}
static inline void fake_bus_deinit(struct fake_bus *b) {
    fake_on_bus_turn(&b->turn);
    hub_timer_stop(b->loop, &b->turn);
    assert_int_equal(b->held, 0); /* whoever was brought a record releases it */
    for (struct hub_list *l; (l = hub_list_pop(&b->subscribers));) {
        struct fake_subscriber *s = HUB_CONTAINER(l, struct fake_subscriber, link);
        free((char *)(uintptr_t)s->topic);
        free(s);
    }
    hub_buf_free(&b->published);
}

/* ---- scripts ---- */

/* A call that the test has to end. */
struct fake_script_call {
    struct hub_list link;
    const struct hub_script *script;
    const void *caller;
    json_t *args; /* copies, by name */
    hub_hook_done *done;
    hub_hook_ran *ran; /* of a chain: its main script is called, or its first; one of the two */
    hub_hook_admit *admit;
    void *arg;
};

/* A script whose text is a JSON value gives that value at once. Any other waits for fake_script_end. */
struct hub_scripts {
    struct hub_list calls; /* fake_script_call.link */
    size_t called;         /* also those that were answered at once */
};

static inline void fake_script_run(struct hub_scripts *s, const struct hub_script *script, void *caller,
                                   const struct hub_hook_arg *args, size_t n, hub_hook_done *done, void *arg) {
    json_t *value = hub_json_parse(script->text, NULL);
    s->called++;
    if (value) {
        done(arg, HUB_OK, value, NULL);
        json_decref(value);
        return;
    }
    struct fake_script_call *c = hub_xmalloc(sizeof *c);
    *c = (struct fake_script_call){.script = script, .caller = caller, .args = json_object(), .done = done, .arg = arg};
    for (size_t i = 0; i < n; i++)
        json_object_set_new(c->args, args[i].name, args[i].value ? json_deep_copy(args[i].value) : json_null());
    hub_list_push(&s->calls, &c->link);
}
static inline void fake_script_chain(struct hub_scripts *s, const struct hub_hook_chain *chain, hub_hook_ran *ran,
                                     void *arg) {
    size_t main_step = chain->main < chain->step_n ? chain->main : 0;
    json_t *value = hub_json_parse(chain->steps[main_step]->text, NULL);
    s->called++;
    if (value) {
        ran(arg, &(struct hub_hook_outcome){.code = HUB_OK, .result = value});
        json_decref(value);
        return;
    }
    struct fake_script_call *c = hub_xmalloc(sizeof *c);
    *c = (struct fake_script_call){.script = chain->steps[main_step],
                                   .caller = chain->caller,
                                   .args = json_object(),
                                   .ran = ran,
                                   .admit = chain->admit,
                                   .arg = arg};
    for (size_t i = 0; i < chain->var_n; i++)
        json_object_set_new(c->args, chain->vars[i].name,
                            chain->vars[i].value ? json_deep_copy(chain->vars[i].value) : json_null());
    hub_list_push(&s->calls, &c->link);
}
static void fake_forget_socket(struct hub_scripts *s, const char *sid) { (void)s, (void)sid; }
/* Everything; of what a guard is about only what its text has in it. */
static bool fake_wants(const struct hub_scripts *s, const struct hub_script *script, const char *variable) {
    (void)s;
    return !hub_str_among(hub_cstr(variable), "value records objects db lib require") ||
           memmem(script->text.p, script->text.n, variable, strlen(variable));
}
static const struct hub_hook_ops fake_hook_ops = {
    .call = fake_script_run, .run = fake_script_chain, .wants = fake_wants, .forget_socket = fake_forget_socket};

static inline size_t fake_scripts_waiting(const struct hub_scripts *s) {
    size_t n = 0;
    HUB_LIST_EACH(&s->calls, it) n++;
    return n;
}
/* The call that waits longest. */
static inline struct fake_script_call *fake_script_first(struct hub_scripts *s) {
    if (hub_list_empty(&s->calls)) fail_msg("no script was called");
    return HUB_CONTAINER(s->calls.next, struct fake_script_call, link);
}
/* That call, which is a chain, ends with ctx.payload PAYLOAD, a JSON text, or by error{…} with the table
 * THROWN, another one; the other is NULL. */
static inline void fake_chain_end(struct hub_scripts *s, const char *payload, const char *thrown) {
    struct fake_script_call *c = fake_script_first(s);
    struct hub_hook_outcome o = {.code = thrown ? HUB_HANDLER_FAILED : HUB_OK, .script = c->script};
    o.payload = payload ? hub_json_parse(hub_cstr(payload), NULL) : NULL;
    o.thrown = thrown ? hub_json_parse(hub_cstr(thrown), NULL) : NULL;
    assert_non_null(c->ran);
    hub_list_remove(&c->link);
    c->ran(c->arg, &o);
    json_decref(o.payload);
    json_decref(o.thrown);
    json_decref(c->args);
    free(c);
}
/* The steps before the main one of that call, which is a chain with an admission, have come to their end and
 * made ctx.payload PAYLOAD, a JSON text (NULL: left it). False: it was refused, and has ended. */
static inline bool fake_chain_goes_on(struct hub_scripts *s, const char *payload) {
    struct fake_script_call *c = fake_script_first(s);
    json_t *value = payload ? hub_json_parse(hub_cstr(payload), NULL) : NULL;
    struct hub_err err;
    bool changed;
    assert_non_null(c->admit);
    enum hub_code code = c->admit(c->arg, value, &changed, &err);
    json_decref(value);
    if (!code) return true;
    hub_list_remove(&c->link);
    c->ran(c->arg, &(struct hub_hook_outcome){.code = code, .refused = code, .error = err.text});
    json_decref(c->args);
    free(c);
    return false;
}
/* The one of SCRIPT, by its text, that waits longest; it is the first now. */
static inline struct fake_script_call *fake_script_called(struct hub_scripts *s, const char *script) {
    HUB_LIST_EACH(&s->calls, it) {
        struct fake_script_call *c = HUB_CONTAINER(it, struct fake_script_call, link);
        if (!hub_str_is(c->script->text, script)) continue;
        struct hub_list rest;
        hub_list_init(&rest);
        hub_list_remove(&c->link);
        hub_list_splice(&rest, &s->calls);
        hub_list_push(&s->calls, &c->link);
        hub_list_splice(&s->calls, &rest);
        return c;
    }
    fail_msg("%s was not called", script);
    return NULL;
}
/* That call ends: with CODE, or with the JSON text RESULT (NULL: nothing); with CODE it is what was
 * thrown. */
static inline void fake_script_end(struct hub_scripts *s, enum hub_code code, const char *result) {
    struct fake_script_call *c = fake_script_first(s);
    json_t *value = result ? hub_json_parse(hub_cstr(result), NULL) : NULL;
    assert_true(!result || value);
    hub_list_remove(&c->link);
    const struct hub_hook_outcome outcome = {.code = code,
                                             .result = code ? NULL : value,
                                             .script = c->script,
                                             .thrown = code ? value : NULL,
                                             .error = code ? "it failed" : NULL};
    if (c->ran)
        c->ran(c->arg, &outcome);
    else
        c->done(c->arg, code, value, outcome.error);
    json_decref(value);
    json_decref(c->args);
    free(c);
}

/* ---- what a script calls ---- */

/* A call of a script into the engine, and its answer. */
struct fake_host_call {
    struct hub_host_call call;
    int answers;
    enum hub_code code;
    char text[500]; /* the result as JSON, empty for nil; or the error */
};
static inline void fake_on_answer(struct hub_host_call *call, enum hub_code code, json_t *result, const char *text) {
    struct fake_host_call *a = HUB_CONTAINER(call, struct fake_host_call, call);
    struct hub_buf json = {0};
    if (result) hub_json_add(&json, result);
    snprintf(a->text, sizeof a->text, "%s", code ? text : hub_buf_cstr(&json));
    a->code = code;
    a->answers++;
    hub_buf_free(&json);
    json_decref(result);
}
#endif
