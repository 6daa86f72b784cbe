/* What is kept of a channel in this process, while the cache is in it, too: messages with an end of time,
 * number and bytes. The oldest of all channels go first. */
#include <stdlib.h>

#include "hub/channel/channel_int.h"

#define BYTES_MAX ((size_t)64 << 20) /* of all channels */

struct kept_message {
    struct hub_list in_channel, in_all;
    struct hub_channel *channel;
    int64_t number, at;
    size_t n;
    char rest[];
};

static struct hub_metric bytes_metric =
    HUB_METRIC(HUB_GAUGE, "hubd_channel_history_bytes", NULL, "Messages of channels that are kept in memory, in bytes");
static struct hub_metric dropped_metric =
    HUB_METRIC(HUB_COUNTER, "hubd_channel_history_dropped_total", NULL,
               "Messages of channels that were forgotten before their time, for lack of memory");

static struct kept_message *kept_of(struct hub_list *l) { return HUB_CONTAINER(l, struct kept_message, in_channel); }

static void forget_message(struct kept_message *k) {
    struct hub_channels *all = k->channel->all;
    size_t bytes = sizeof *k + k->n;
    hub_list_remove(&k->in_channel);
    hub_list_remove(&k->in_all);
    k->channel->kept_n--;
    all->kept_bytes -= bytes;
    hub_metric_add(&bytes_metric, -(int64_t)bytes);
    free(k);
}

void hub_channel_memory_trim(struct hub_channel *c) {
    int64_t oldest = hub_channel_oldest(c, c->keep.seconds);
    while (c->kept_n) {
        struct kept_message *k = kept_of(c->kept.next);
        if ((int64_t)c->kept_n <= c->keep.history && k->at >= oldest) return;
        forget_message(k);
    }
}

static void keep_message(const struct hub_post *post) {
    struct hub_channel *c = post->channel;
    struct hub_channels *all = c->all;
    if (!c->keep.history) return;
    size_t n = post->rest.n, bytes;
    struct kept_message *k = hub_xmalloc(sizeof *k + n);
    bytes = sizeof *k + n;
    *k = (struct kept_message){.channel = c, .number = post->number, .at = post->at, .n = n};
    memcpy(k->rest, post->rest.p, n);
    hub_list_push(&c->kept, &k->in_channel);
    hub_list_push(&all->kept, &k->in_all);
    c->kept_n++;
    all->kept_bytes += bytes;
    hub_metric_add(&bytes_metric, (int64_t)bytes);
    while (all->kept_bytes > BYTES_MAX) {
        forget_message(HUB_CONTAINER(all->kept.next, struct kept_message, in_all));
        hub_metric_add(&dropped_metric, 1);
    }
    hub_channel_memory_trim(c);
}

static void load_memory(struct hub_channel *c, hub_channel_loaded *done) {
    c->sequence.number = 0;
    hub_uuid4(c->sequence.epoch);
    done(c, HUB_OK);
}

static void append_memory(struct hub_post *post) {
    post->number = post->channel->sequence.number + 1;
    keep_message(post);
    hub_post_tell(post);
    hub_post_end(post, HUB_OK, NULL);
}

static void read_memory(struct hub_channel *c, const struct hub_channel_span *span, hub_channel_read_done *done,
                        void *arg) {
    struct hub_channel_page page = {0};
    size_t bytes = 0;
    int64_t n = 0;
    struct hub_list *from = &c->kept;
    for (struct hub_list *l = c->kept.prev; l != &c->kept && n < span->limit && !page.cut; l = l->prev) {
        const struct kept_message *k = kept_of(l);
        if (k->number <= span->after || k->at < span->oldest) break;
        if (k->number > span->upto) continue;
        n++;
        from = l;
        page.cut = (bytes += k->n) > HUB_RESULT_MAX;
    }
    for (struct hub_list *l = from; l != &c->kept; l = l->next) {
        const struct kept_message *k = kept_of(l);
        if (k->number <= span->upto) hub_channel_page_add(&page, k->number, k->at, hub_str(k->rest, k->n));
    }
    done(arg, HUB_OK, &page);
    hub_buf_free(&page.json);
}

static void forget_memory(struct hub_channel *c) {
    while (c->kept_n) forget_message(kept_of(c->kept.next));
}

const struct hub_channel_log hub_channel_in_memory = {
    .load = load_memory, .append = append_memory, .read = read_memory, .forget = forget_memory, .volatile_here = true};
