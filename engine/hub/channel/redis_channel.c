/* Redis channels of the same name: what others publish there is told to subscribers, what is published
 * here is published there, and comes back, which is recognised by its text. */
#include <stdlib.h>

#include "hub/channel/channel_int.h"

#define ECHOES_MAX 1000
#define ECHO_MS 10000          /* what has not come back by then does not: the connection was lost meanwhile */
#define MESSAGE_MAX (1u << 20) /* bytes of what comes from outside */

struct echo {
    struct hub_list link;
    int64_t until; /* loop ms */
    size_t n;
    char text[];
};

struct hub_channel_outside {
    struct hub_cache_listener *listener;
    struct hub_list echoes; /* the oldest first */
    size_t echo_n;
};

static struct hub_metric outside_metric = HUB_METRIC(HUB_COUNTER, "hubd_channel_outside_total", NULL,
                                                     "Messages that others have published on Redis channels");

static struct hub_cache *cache_of(const struct hub_channel *c) { return c->all->engine->config.cache; }
static int64_t now_of(const struct hub_channel *c) { return hub_loop_now(c->all->engine->config.loop); }

static void drop_echo(struct hub_channel_outside *o, struct echo *e) {
    hub_list_remove(&e->link);
    o->echo_n--;
    free(e);
}

static bool is_echo(const struct hub_channel *c, struct hub_str text) {
    struct hub_channel_outside *o = c->outside;
    HUB_LIST_EACH_SAFE(&o->echoes, it) {
        struct echo *e = HUB_CONTAINER(it, struct echo, link);
        bool is = e->n == text.n && !memcmp(e->text, text.p, text.n), over = e->until < now_of(c);
        if (is || over) drop_echo(o, e);
        if (is && !over) return true;
    }
    return false;
}

/* JSON as JSON, else a text; what is neither is passed over. */
static void on_outside(void *arg, struct hub_str text) {
    struct hub_channel *c = arg;
    if (!text.n || text.n > MESSAGE_MAX || is_echo(c, text)) return;
    json_t *data = hub_json_parse(text, NULL);
    if (!data) data = json_stringn(text.p, text.n);
    if (!data) return;
    struct hub_buf json = {0}, rest = {0};
    hub_json_add(&json, data);
    hub_channel_add_rest(&rest, hub_buf_str(&json), hub_str(NULL, 0), hub_str(NULL, 0));
    hub_metric_add(&outside_metric, 1);
    hub_channel_tell(c, 0, hub_loop_wall(c->all->engine->config.loop), hub_buf_str(&rest), NULL);
    hub_buf_free(&json);
    hub_buf_free(&rest);
    json_decref(data);
}

static void begin_listening(struct hub_channel *c) {
    struct hub_channel_outside *o = c->outside = hub_xcalloc(1, sizeof *o);
    hub_list_init(&o->echoes);
    o->listener = cache_of(c)->ops->listen(cache_of(c), hub_channel_name(c), on_outside, c);
}

static void end_listening(struct hub_channel *c) {
    struct hub_channel_outside *o = c->outside;
    c->outside = NULL;
    cache_of(c)->ops->unlisten(o->listener);
    while (o->echo_n) drop_echo(o, HUB_CONTAINER(o->echoes.next, struct echo, link));
    free(o);
}

void hub_channel_outside_follow(struct hub_channel *c) {
    bool wanted = c->sub_n && c->keep.redis && cache_of(c)->ops->listen && !c->all->stopped;
    if (wanted && !c->outside)
        begin_listening(c);
    else if (!wanted && c->outside)
        end_listening(c);
}

static void on_sent(void *arg, enum hub_code code, json_t *reply, const char *error) {
    (void)arg, (void)code, (void)reply,
        (void)error; /* subscribers here have it; others hear of it when Redis is there */
}

static void expect_echo(struct hub_channel *c, struct hub_str data) {
    struct hub_channel_outside *o = c->outside;
    struct echo *e = hub_xmalloc(sizeof *e + data.n);
    *e = (struct echo){.until = now_of(c) + ECHO_MS, .n = data.n};
    memcpy(e->text, data.p, data.n);
    if (o->echo_n == ECHOES_MAX) drop_echo(o, HUB_CONTAINER(o->echoes.next, struct echo, link));
    hub_list_push(&o->echoes, &e->link);
    o->echo_n++;
}

void hub_channel_outside_publish(struct hub_channel *c, struct hub_str data) {
    struct hub_cache *cache = cache_of(c);
    if (!cache->ops->listen || !cache->ops->ready(cache, NULL)) return;
    if (c->outside) expect_echo(c, data);
    json_t *words = json_array();
    json_array_append_new(words, json_string("PUBLISH"));
    json_array_append_new(words, hub_json_string(hub_channel_name(c)));
    json_array_append_new(words, hub_json_string(data));
    cache->ops->call(cache, words, on_sent, NULL);
    json_decref(words);
}
