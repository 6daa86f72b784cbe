/* What is kept of a channel in a cache that is outside of the process (Redis): one hash for each channel,
 * so that it is lost as a whole or not at all. Field e is the epoch, n the number of the last message, and
 * each message has its number as field: "<wall ms>|<members behind at>". Changed by scripts, which are
 * carried out as one step.
 *
 * What was lost begins a new epoch; numbers go on where subscribers are, so that they see no gap. */
#include <stdlib.h>

#include "base/telemetry/log.h"
#include "hub/channel/channel_int.h"

#define SPARE 100                      /* messages that are kept beyond the promised ones, to fill holes with */
#define LIFE_MIN_MS ((int64_t)3600000) /* of the hash, from the last message on */

static const char load_script[] =
    "local e, n = redis.call('HGET', KEYS[1], 'e'), redis.call('HGET', KEYS[1], 'n') "
    "if not (e and n) then e, n = ARGV[1], '0' redis.call('DEL', KEYS[1]) "
    "redis.call('HSET', KEYS[1], 'e', e, 'n', n) redis.call('PEXPIRE', KEYS[1], ARGV[2]) end "
    "return {e, n}";

/* new epoch, last number known here, message, how many are kept, life */
static const char append_script[] =
    "local k, known = KEYS[1], tonumber(ARGV[2]) "
    "local e, n = redis.call('HGET', k, 'e'), tonumber(redis.call('HGET', k, 'n') or '-1') "
    "if not e or n < known then redis.call('DEL', k) e, n = ARGV[1], known redis.call('HSET', k, 'e', e) end "
    "n = n + 1 local text = string.format('%.0f', n) "
    "redis.call('HSET', k, 'n', text, text, ARGV[3]) "
    "redis.call('HDEL', k, string.format('%.0f', n - tonumber(ARGV[4]))) "
    "redis.call('PEXPIRE', k, ARGV[5]) "
    "return {e, text}";

/* after, upto, limit, oldest, bytes: whether it was cut, then numbers and messages, newest first */
static const char read_script[] = "local out, i, n, bytes = {0}, tonumber(ARGV[2]), 0, 0 "
                                  "while i > tonumber(ARGV[1]) and n < tonumber(ARGV[3]) do "
                                  "local text = string.format('%.0f', i) local v = redis.call('HGET', KEYS[1], text) "
                                  "if not v or tonumber(string.match(v, '^%d+')) < tonumber(ARGV[4]) then break end "
                                  "out[#out + 1] = text out[#out + 1] = v n = n + 1 i = i - 1 bytes = bytes + #v "
                                  "if bytes > tonumber(ARGV[5]) then out[1] = 1 break end end "
                                  "return out";

/* ---- asking ---- */

/* A script under way. */
struct asking {
    struct hub_hold hold;
    struct hub_channel *channel; /* reference */
    void (*done)(struct asking *a, enum hub_code code, json_t *reply);
    union {
        hub_channel_loaded *loaded;
        hub_channel_read_done *read;
        struct hub_post *post;
    };
    void *arg;
};

static void on_reply(void *arg, enum hub_code code, json_t *reply, const char *error) {
    struct asking *a = arg;
    struct hub_channel *c = a->channel;
    if (code == HUB_BAD_REQUEST) { /* refused: out of memory, a replica, no right to */
        hub_log_kv(HUB_LOG_WARN, "channels", "the cache refuses what is asked of it", "channel", c->name, "cause",
                   error, NULL);
        code = HUB_STORE_UNAVAILABLE;
    }
    hub_unhold(&a->hold);
    a->done(a, code, reply);
    free(a);
    hub_channel_unref(c);
}

static void add_number(json_t *args, int64_t n) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)n);
    json_array_append_new(args, json_string(text));
}

/* The words of a call of SCRIPT on C's hash; its arguments are to be appended. */
static HUB_MUST json_t *script_words(const struct hub_channel *c, const char *script) {
    const struct hub_service *s = c->all->engine->config.service;
    struct hub_buf key = {0};
    json_t *args = json_array();
    hub_buf_addf(&key, "hubd:%s:%s:channel:%s", s->project, s->name, c->name);
    json_array_append_new(args, json_string("EVAL"));
    json_array_append_new(args, json_string(script));
    json_array_append_new(args, json_string("1"));
    json_array_append_new(args, hub_json_string(hub_buf_str(&key)));
    hub_buf_free(&key);
    return args;
}

static void ask_cache(struct hub_channel *c, json_t *words, const struct asking *what) {
    struct hub_engine *e = c->all->engine;
    struct asking *a = hub_xmalloc(sizeof *a);
    *a = *what;
    a->channel = c;
    hub_channel_ref(c);
    hub_hold(&e->holds, &a->hold, "channel request to the cache");
    e->config.cache->ops->call(e->config.cache, words, on_reply, a);
    json_decref(words);
}

static int64_t life_of(const struct hub_channel *c) {
    int64_t ms = c->keep.seconds * 1000;
    return ms > LIFE_MIN_MS ? ms : LIFE_MIN_MS;
}

/* {epoch, number} */
static bool take_position(const json_t *reply, struct hub_str *epoch, int64_t *number) {
    *epoch = hub_json_str(json_array_get(reply, 0));
    return epoch->n && epoch->n <= HUB_UUID_LEN && hub_str_i64(hub_json_str(json_array_get(reply, 1)), number);
}

static void set_epoch(struct hub_channel *c, struct hub_str epoch) {
    snprintf(c->sequence.epoch, sizeof c->sequence.epoch, "%.*s", HUB_FMT(epoch));
}

/* ---- loading ---- */

static void on_position(struct asking *a, enum hub_code code, json_t *reply) {
    struct hub_channel *c = a->channel;
    struct hub_str epoch;
    int64_t number;
    if (!code && !take_position(reply, &epoch, &number)) code = HUB_STORE_UNAVAILABLE;
    if (!code) set_epoch(c, epoch), c->sequence.number = c->answered = number;
    a->loaded(c, code);
}

static void load_cache(struct hub_channel *c, hub_channel_loaded *done) {
    char epoch[HUB_UUID_LEN + 1];
    json_t *words = script_words(c, load_script);
    hub_uuid4(epoch);
    json_array_append_new(words, json_string(epoch));
    add_number(words, life_of(c));
    ask_cache(c, words, &(struct asking){.done = on_position, .loaded = done});
}

/* ---- reading ---- */

/* The message of item I of a read's reply. */
static bool take_message(const json_t *reply, size_t i, int64_t *number, int64_t *at, struct hub_str *rest) {
    struct hub_str value = hub_json_str(json_array_get(reply, i + 1)), ms;
    *rest = value;
    return hub_str_split(rest, '|', &ms) && hub_str_i64(ms, at) &&
           hub_str_i64(hub_json_str(json_array_get(reply, i)), number);
}

static void on_messages(struct asking *a, enum hub_code code, json_t *reply) {
    struct hub_channel_page page = {0};
    struct hub_str rest;
    int64_t number, at;
    for (size_t i = code ? 0 : json_array_size(reply); i > 2; i -= 2)
        if (take_message(reply, i - 2, &number, &at, &rest)) hub_channel_page_add(&page, number, at, rest);
    page.cut = json_integer_value(json_array_get(reply, 0)) != 0;
    a->read(a->arg, code, &page);
    hub_buf_free(&page.json);
}

static HUB_MUST json_t *read_words(const struct hub_channel *c, const struct hub_channel_span *span) {
    json_t *words = script_words(c, read_script);
    add_number(words, span->after);
    add_number(words, span->upto);
    add_number(words, span->limit);
    add_number(words, span->oldest);
    add_number(words, (int64_t)HUB_RESULT_MAX);
    return words;
}

static void read_cache(struct hub_channel *c, const struct hub_channel_span *span, hub_channel_read_done *done,
                       void *arg) {
    ask_cache(c, read_words(c, span), &(struct asking){.done = on_messages, .read = done, .arg = arg});
}

/* ---- appending ---- */

/* How it ended, until the post's turn. */
struct outcome {
    enum hub_code code;
    bool sent;
    int64_t after;  /* the number before the first that was missed */
    json_t *missed; /* a read's reply, or NULL: nothing was */
};

static void tell_missed(struct hub_post *post, const struct outcome *o) {
    struct hub_channel *c = post->channel;
    struct hub_str rest;
    int64_t number = o->after, at;
    for (size_t i = json_array_size(o->missed); i > 2; i -= 2)
        if (take_message(o->missed, i - 2, &number, &at, &rest)) hub_channel_tell(c, number, at, rest, NULL);
    if (number + 1 != post->number) hub_channel_reset(c, "messages are missing");
}

static void on_cache_turn(struct hub_announcement *a) {
    struct hub_post *post = HUB_CONTAINER(a, struct hub_post, announcement);
    struct outcome *o = post->log;
    enum hub_code code = o->code;
    bool counts = !code && !hub_channel_has_moved(post->channel, &hub_channel_in_cache);
    if (counts && o->missed) tell_missed(post, o);
    if (counts) hub_post_tell(post);
    json_decref(o->missed);
    free(o);
    hub_post_end(post, code, NULL);
}

static void set_ready(struct hub_post *post) {
    struct hub_channel *c = post->channel;
    hub_channel_ref(c);
    hub_sequence_ready(&c->sequence, &post->announcement);
    hub_channel_unref(c);
}

static void on_missed(struct asking *a, enum hub_code code, json_t *reply) {
    struct outcome *o = a->post->log;
    o->missed = code ? json_array() : json_incref(reply);
    set_ready(a->post);
}

/* A message of whose fate nothing was heard was kept all the same, or somebody else publishes, too. */
static void fetch_missed(struct hub_post *post, int64_t after) {
    const struct hub_channel_span span = {.after = after, .upto = post->number - 1, .limit = post->number - 1 - after};
    ((struct outcome *)post->log)->after = after;
    ask_cache(post->channel, read_words(post->channel, &span), &(struct asking){.done = on_missed, .post = post});
}

static void on_appended(struct asking *a, enum hub_code code, json_t *reply) {
    struct hub_post *post = a->post;
    struct hub_channel *c = post->channel;
    struct outcome *o = post->log;
    struct hub_str epoch;
    int64_t before = c->answered;
    if (!code && !take_position(reply, &epoch, &post->number)) code = HUB_STORE_UNAVAILABLE;
    if (code) {
        o->code = o->sent ? HUB_STORE_UNDECIDED : code;
        set_ready(post);
        return;
    }
    set_epoch(c, epoch);
    c->answered = post->number;
    if (post->number > before + 1)
        fetch_missed(post, before);
    else
        set_ready(post);
}

static void append_cache(struct hub_post *post) {
    struct hub_channel *c = post->channel;
    const struct hub_cache *cache = c->all->engine->config.cache;
    struct outcome *o = post->log = hub_xcalloc(1, sizeof *o);
    char epoch[HUB_UUID_LEN + 1];
    struct hub_buf value = {0};
    json_t *words = script_words(c, append_script);
    o->sent = cache->ops->ready(cache, NULL); /* else nothing is sent, and so nothing is done */
    hub_uuid4(epoch);
    hub_buf_addf(&value, "%lld|", (long long)post->at);
    hub_buf_adds(&value, hub_buf_str(&post->rest));
    json_array_append_new(words, json_string(epoch));
    add_number(words, c->answered);
    json_array_append_new(words, hub_json_string(hub_buf_str(&value)));
    add_number(words, c->keep.history + SPARE);
    add_number(words, life_of(c));
    post->announcement.announce = on_cache_turn;
    hub_sequence_announce(&c->sequence, &post->announcement);
    ask_cache(c, words, &(struct asking){.done = on_appended, .post = post});
    hub_buf_free(&value);
}

static void forget_cache(struct hub_channel *c) { (void)c; }

const struct hub_channel_log hub_channel_in_cache = {
    .load = load_cache, .append = append_cache, .read = read_cache, .forget = forget_cache};
