/* A message on its way to a channel: kept, told in its turn, reported. */
#include <stdlib.h>

#include "base/time/clock.h"
#include "hub/channel/channel_int.h"
#include "hub/message/message.h"

static struct hub_metric messages_metric = HUB_METRIC(HUB_COUNTER, "hubd_channel_messages_total", NULL,
                                                      "Messages published to channels by clients, REST and scripts");

static void add_publisher(struct hub_buf *b, struct hub_str user, struct hub_str name) {
    hub_buf_addz(b, ",\"publisher\":{\"id\":");
    hub_json_add_string(b, user);
    hub_buf_addz(b, ",\"name\":");
    if (name.n)
        hub_json_add_string(b, name);
    else
        hub_buf_addz(b, "null");
    hub_buf_addc(b, '}');
}

void hub_channel_add_rest(struct hub_buf *b, struct hub_str data, struct hub_str user, struct hub_str name) {
    hub_buf_addz(b, "\"data\":");
    hub_buf_adds(b, data);
    if (user.n) add_publisher(b, user, name);
}

static void add_message(struct hub_buf *b, int64_t number, int64_t at, struct hub_str rest) {
    char iso[HUB_ISO_LEN + 1];
    hub_iso_format(at, iso);
    if (number)
        hub_buf_addf(b, "\"offset\":%lld", (long long)number);
    else
        hub_buf_addz(b, "\"offset\":null");
    hub_buf_addf(b, ",\"at\":\"%s\",", iso);
    hub_buf_adds(b, rest);
}

void hub_channel_page_add(struct hub_channel_page *page, int64_t number, int64_t at, struct hub_str rest) {
    hub_buf_addz(&page->json, page->n ? ",{" : "{");
    add_message(&page->json, number, at, rest);
    hub_buf_addc(&page->json, '}');
    if (!page->n++) page->first = number;
}

void hub_channel_tell(struct hub_channel *c, int64_t number, int64_t at, struct hub_str rest, const void *by) {
    struct hub_engine *e = c->all->engine;
    if (number > c->sequence.number) c->sequence.number = number;
    if (number) HUB_PARTS_CALL(e, readable_changed, e, HUB_READABLE_CHANNEL, NULL, hub_channel_name(c), by);
    if (!c->sub_n) return;
    struct hub_buf b = hub_scratch_take(e);
    hub_buf_addz(&b, "{\"channel\":");
    hub_json_add_string(&b, hub_channel_name(c));
    hub_buf_addc(&b, ',');
    add_message(&b, number, at, rest);
    hub_buf_addc(&b, '}');
    hub_group_send(c->group, HUB_STR("hub:channelMessage"), hub_buf_str(&b), 0);
    hub_scratch_give(e, &b);
}

void hub_post_tell(struct hub_post *post) {
    hub_channel_tell(post->channel, post->number, post->at, hub_buf_str(&post->rest), post->arg);
    if (post->channel->keep.redis) hub_channel_outside_publish(post->channel, hub_buf_str(&post->data));
}

void hub_post_end(struct hub_post *post, enum hub_code code, const char *error) {
    if (!code) hub_metric_add(&messages_metric, 1);
    if (post->done) post->done(post->arg, code, error, post->number);
    hub_unhold(&post->hold);
    hub_channel_unref(post->channel);
    hub_buf_free(&post->data);
    hub_buf_free(&post->rest);
    free(post->user);
    free(post->name);
    free(post);
}

void hub_channel_publish(struct hub_channel *c, const struct hub_identity *who, struct hub_str data,
                         hub_post_done *done, void *arg) {
    struct hub_engine *e = c->all->engine;
    struct hub_post *post = hub_xcalloc(1, sizeof *post);
    struct hub_str name = who ? hub_session_name(hub_identity_session(who)) : hub_str(NULL, 0);
    *post = (struct hub_post){.channel = c, .at = hub_loop_wall(e->config.loop), .done = done, .arg = arg};
    if (who && !hub_identity_is_stranger(who)) post->user = hub_xstrdup(who->user_id);
    if (post->user && name.n) post->name = hub_str_dup(name);
    hub_buf_adds(&post->data, data);
    hub_channel_add_rest(&post->rest, data, post->user ? hub_cstr(post->user) : hub_str(NULL, 0),
                         post->name ? hub_cstr(post->name) : hub_str(NULL, 0));
    hub_channel_ref(c);
    hub_hold(&e->holds, &post->hold, "channel message");
    c->log->append(post);
}
