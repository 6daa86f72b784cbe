/* The workload of `hubctl bench`. Each connection is one member of one room. A message carries a marker,
 * '~' and 16 hex digits: its publisher and its sequence number with that publisher. A publisher remembers
 * for each of its undelivered messages when it left and how many members (and acknowledgements) are still
 * to come; closed loop means that the number of such messages is held at the window. */
#include "hubctl/bench/bench_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json/json.h"
#include "base/memory/mem.h"
#include "base/text/utf8.h"
#include "base/time/clock.h"
#include "hubctl/bench/bench_net.h"
#include "hubctl/bench/bench_proc.h"
#include "packet/sio.h"

#define MARKER 17
#define HANDSHAKES 256         /* connections on their way at a time */
#define OPEN_LOOP_WINDOW 4096u /* undelivered messages per publisher before the open loop skips */
#define STALL_NS 5000000000u
#define SECOND_NS 1000000000u
#define PHASE_TIMEOUT_NS (60 * (uint64_t)SECOND_NS) /* without progress */

struct slot {
    uint64_t sent_ns;
    uint32_t remaining; /* deliveries and acknowledgement to come */
};

struct publisher {
    uint32_t member;
    uint32_t next, done; /* sequence numbers: to be sent next; all before it are complete */
    bool due;
    struct slot *ring;
};

struct member {
    uint32_t room;
    uint32_t publisher; /* HUB_BENCH_ALL = only listens */
    uint32_t *next;     /* per publisher of the room: the sequence number expected */
    uint64_t room_seq;  /* of the last message; 0 before the first */
};

struct load {
    const struct hub_bench_options *o;
    struct hub_bench_result *r;
    char *why; /* 320 bytes */
    struct hub_bench_net net;
    struct member *members;
    struct publisher *publishers;
    uint32_t member_n, publisher_n, per_room; /* per_room: publishers in a room */
    uint32_t *next_block;
    struct slot *slot_block;
    uint32_t ring_mask, window;
    uint32_t *due;
    uint32_t due_n;
    /* What packets of this run begin with. */
    struct hub_buf delivery, ack, error, receipt;
    /* A message is before_id [ack id] before_room ROOM before_marker MARKER tail. */
    struct hub_buf before_id, before_room, before_marker, tail, text;
    size_t hint; /* where the last marker stood */
    struct hub_bench_track track;
    /* Phases. */
    uint32_t opened, open, joined;
    bool publishing, measuring, failed;
    uint64_t packets, next_stall_check;
    double debt;      /* open loop: messages due and not sent yet */
    uint32_t turn_of; /* open loop: publisher whose turn it is */
    double receipts_due;
    uint32_t reader_turn;
};

static void fail_load(struct load *l, const char *what) {
    if (l->failed) return;
    l->failed = true;
    snprintf(l->why, 320, "%s", what);
}

/* ---- markers ---- */

static void put_hex8(char *p, uint32_t v) {
    for (int i = 7; i >= 0; i--, v >>= 4) p[i] = "0123456789abcdef"[v & 15];
}

/* Eight lower-case hex digits at once; anything else gives some number, which the caller checks. */
static uint32_t get_hex8(const char *p) {
    uint64_t x;
    memcpy(&x, p, 8);
    x = __builtin_bswap64(x);
    x = (x & 0x0f0f0f0f0f0f0f0fu) + 9 * ((x >> 6) & 0x0101010101010101u);
    x = (x | x >> 4) & 0x00ff00ff00ff00ffu;
    x = (x | x >> 8) & 0x0000ffff0000ffffu;
    return (uint32_t)(x | x >> 16);
}

/* ---- publishing ---- */

static void note_error(struct load *l, struct hub_str text) {
    if (l->r->errors++ == 0) snprintf(l->r->error, sizeof l->r->error, "%.*s", HUB_CUT(text, 250));
}

static void publish_one(struct load *l, uint32_t k, uint64_t sent_ns) {
    struct publisher *p = &l->publishers[k];
    char marker[MARKER] = "~";
    struct hub_buf *b = &l->text;
    put_hex8(marker + 1, k), put_hex8(marker + 9, p->next);
    hub_buf_clear(b);
    hub_buf_adds(b, hub_buf_str(&l->before_id));
    if (l->o->ack) hub_buf_addu(b, (uint64_t)p->next + 1); /* 0 was the join's */
    hub_buf_adds(b, hub_buf_str(&l->before_room));
    hub_bench_expand(b, l->o->room, l->members[p->member].room);
    hub_buf_adds(b, hub_buf_str(&l->before_marker));
    hub_buf_add(b, marker, MARKER);
    hub_buf_adds(b, hub_buf_str(&l->tail));
    uint32_t deliveries = hub_bench_answered(l->o) ? 0 : l->o->members - l->o->others;
    p->ring[p->next & l->ring_mask] = (struct slot){sent_ns, deliveries + l->o->ack};
    p->next++;
    l->r->published_all++;
    if (l->measuring) l->r->published++;
    hub_bench_net_send(&l->net, p->member, hub_buf_str(b));
}

static void make_due(struct load *l, uint32_t k) {
    if (l->publishers[k].due || l->o->rate > 0 || l->o->listen) return;
    l->publishers[k].due = true;
    l->due[l->due_n++] = k;
}

/* Closed loop: fills the windows that opened in this turn. */
static void publish_due(struct load *l) {
    uint64_t now = l->due_n ? hub_real_ns() : 0;
    for (uint32_t i = 0; i < l->due_n; i++) {
        struct publisher *p = &l->publishers[l->due[i]];
        p->due = false;
        while (l->publishing && p->next - p->done < l->window) publish_one(l, l->due[i], now);
    }
    l->due_n = 0;
}

/* Open loop: sends what the schedule says until NOW. Latency counts from the scheduled time, so that a
 * stalled server cannot hide. */
static void publish_scheduled(struct load *l, uint64_t *last_ns, uint64_t now) {
    l->debt += (double)(now - *last_ns) * l->o->rate / SECOND_NS;
    *last_ns = now;
    while (l->debt >= 1) {
        uint32_t k = l->turn_of;
        l->turn_of = (k + 1) % l->publisher_n;
        uint64_t late_ns = (uint64_t)((l->debt - 1) / l->o->rate * SECOND_NS);
        l->debt -= 1;
        if (l->publishers[k].next - l->publishers[k].done >= l->window)
            l->r->skipped++;
        else
            publish_one(l, k, now - late_ns);
    }
}

/* Read receipts, spread evenly over each second: the last members of every room say how far they have
 * read. */
static void send_due_receipts(struct load *l) {
    uint32_t readers = l->o->readers * l->o->rooms;
    for (; l->receipts_due >= 1; l->receipts_due -= 1, l->reader_turn = (l->reader_turn + 1) % readers) {
        uint32_t room = l->reader_turn % l->o->rooms, i = (room + 1) * l->o->members - 1 - l->reader_turn / l->o->rooms;
        if (!l->members[i].room_seq) continue;
        hub_buf_clear(&l->text);
        hub_sio_head(&l->text, HUB_SIO_EVENT, 0, hub_cstr(l->o->nsp), -1);
        hub_buf_addz(&l->text, "[\"messageRead\",{\"roomId\":\"");
        hub_bench_expand(&l->text, l->o->room, room);
        hub_buf_addf(&l->text, "\",\"lastReadSeq\":%llu}]", (unsigned long long)l->members[i].room_seq);
        hub_bench_net_send(&l->net, i, hub_buf_str(&l->text));
    }
}

static void send_receipts(struct load *l, uint64_t *last_ns) {
    uint64_t now = hub_real_ns();
    l->receipts_due += (double)(now - *last_ns) * l->o->readers * l->o->rooms / SECOND_NS;
    *last_ns = now;
    send_due_receipts(l);
}

/* ---- receiving ---- */

/* The slot of a message that is still undelivered somewhere; NULL when it was completed or given up. */
static struct slot *live_slot(struct load *l, struct publisher *p, uint32_t seq) {
    if (seq - p->done >= p->next - p->done) return NULL;
    struct slot *s = &p->ring[seq & l->ring_mask];
    return s->remaining ? s : NULL;
}

static void count_down(struct load *l, uint32_t k, struct slot *s) {
    struct publisher *p = &l->publishers[k];
    if (--s->remaining) return;
    while (p->done != p->next && p->ring[p->done & l->ring_mask].remaining == 0) p->done++;
    make_due(l, k);
}

/* "seq":N of a message, looked for behind FROM. */
static void check_room_seq(struct load *l, struct member *m, struct hub_str text, size_t from) {
    const char *p = memmem(text.p + from, text.n - from, "\"seq\":", 6), *end = text.p + text.n;
    uint64_t seq = 0;
    if (!p) return;
    for (p += 6; p < end && *p >= '0' && *p <= '9'; p++) seq = seq * 10 + (uint64_t)(*p - '0');
    if (m->room_seq && seq != m->room_seq + 1) l->r->seq_breaks++;
    m->room_seq = seq;
}

static void on_delivery(struct load *l, uint32_t i, struct hub_str text) {
    struct member *m = &l->members[i];
    /* A hub's event comes back to its sender, too, but there the answer counts; when listening nothing is
     * our own. */
    if (hub_bench_answered(l->o) || l->o->listen) {
        if (l->measuring) l->r->deliveries++;
        return;
    }
    if (l->hint + MARKER > text.n || text.p[l->hint] != '~') {
        const char *p = memchr(text.p, '~', text.n);
        l->hint = p ? (size_t)(p - text.p) : 0;
        if (!p || l->hint + MARKER > text.n) return;
    }
    uint32_t k = get_hex8(text.p + l->hint + 1), seq = get_hex8(text.p + l->hint + 9), first = m->room * l->per_room;
    if (k - first >= l->per_room || seq >= l->publishers[k].next) {
        note_error(l, text);
        return;
    }
    struct publisher *p = &l->publishers[k];
    if (l->measuring) l->r->deliveries++;
    if (l->o->event == HUB_BENCH_MESSAGE && l->o->mode == HUB_BENCH_HUB) check_room_seq(l, m, text, l->hint + MARKER);
    if (!hub_bench_track_see(&l->track, i * l->per_room + (k - first), &m->next[k - first], seq)) return;
    struct slot *s = live_slot(l, p, seq);
    if (!s) return;
    if (l->measuring) hub_bench_hist_add(&l->r->delivery, l->net.now_ns - s->sent_ns);
    count_down(l, k, s);
}

static bool says_ok(const struct load *l, struct hub_str answer) {
    return l->o->mode == HUB_BENCH_PLAIN || hub_str_starts(answer, HUB_STR("[{\"ok\":true"));
}

static void on_join_ack(struct load *l, uint32_t i, struct hub_str answer) {
    char what[320];
    if (l->o->mode == HUB_BENCH_PLAIN || says_ok(l, answer)) {
        l->joined++;
        return;
    }
    snprintf(what, sizeof what, "connection %u could not join: %.*s", i, HUB_CUT(answer, 250));
    fail_load(l, what);
}

static void on_ack(struct load *l, uint32_t i, struct hub_str text) {
    size_t at = l->ack.n;
    uint64_t id = 0;
    for (; at < text.n && text.p[at] >= '0' && text.p[at] <= '9'; at++) id = id * 10 + (uint64_t)(text.p[at] - '0');
    struct hub_str answer = hub_str(text.p + at, text.n - at);
    if (id == 0) {
        on_join_ack(l, i, answer);
        return;
    }
    uint32_t k = l->members[i].publisher;
    struct slot *s = k == HUB_BENCH_ALL ? NULL : live_slot(l, &l->publishers[k], (uint32_t)(id - 1));
    l->r->acks_all++;
    if (l->measuring) l->r->acks++;
    if (!s) return;
    if (l->measuring) hub_bench_hist_add(&l->r->ack, l->net.now_ns - s->sent_ns);
    if (!says_ok(l, answer)) { /* nobody will get it */
        note_error(l, text);
        s->remaining = 1;
    }
    count_down(l, k, s);
}

static void note_receipt(struct load *l) {
    l->r->receipts_all++;
    if (l->measuring) l->r->receipts++;
}

static void on_packet(void *ctx, uint32_t i, struct hub_str text) {
    struct load *l = ctx;
    l->packets++;
    if (hub_str_starts(text, hub_buf_str(&l->delivery)))
        on_delivery(l, i, text);
    else if (hub_str_starts(text, hub_buf_str(&l->ack)))
        on_ack(l, i, text);
    else if (hub_str_starts(text, hub_buf_str(&l->error)))
        note_error(l, text);
    else if (hub_str_starts(text, hub_buf_str(&l->receipt)))
        note_receipt(l);
}

static void on_open(void *ctx, uint32_t i) {
    struct load *l = ctx;
    (void)i;
    l->open++;
}

static void on_closed(void *ctx, uint32_t i, const char *why) {
    char what[320];
    snprintf(what, sizeof what, "connection %u: %.200s", i, why);
    fail_load(ctx, what);
}

static const struct hub_bench_net_ops net_ops = {.open = on_open, .packet = on_packet, .closed = on_closed};

/* ---- what goes over the wire ---- */

static void event_prefix(struct hub_buf *b, const char *nsp, const char *event) {
    hub_sio_head(b, HUB_SIO_EVENT, 0, hub_cstr(nsp), -1);
    hub_buf_addf(b, "[\"%s\",", event);
}

/* What messages have behind the marker. The words are drawn, always the same: a run of one letter would show
 * nothing of compression. */
static void add_filler(struct load *l) {
    static const char *const words[] = {"time",  "people", "room",   "hello", "question", "answer", "between", "number",
                                        "world", "later",  "think",  "never", "message",  "always", "small",   "green",
                                        "house", "right",  "before", "water", "together", "school", "picture", "again"};
    size_t end = l->tail.n + (l->o->payload > MARKER ? l->o->payload - MARKER : 0);
    for (uint32_t random = 1; l->tail.n < end; random = random * 1664525 + 1013904223) {
        if (l->o->deflate) hub_buf_addz(&l->tail, words[(random >> 16) % HUB_NELEM(words)]);
        hub_buf_addc(&l->tail, l->o->deflate ? ' ' : 'x');
    }
    l->tail.n = end;
}

/* What stands around room, marker and filler; in place of "%s" comes the name of the custom event, of the
 * command or of the message type. */
static const struct request {
    const char *before_room, *before_marker, *tail, *delivery;
} requests[] = {
    [HUB_BENCH_EPHEMERAL] = {"hub:event\",{\"roomId\":\"", "\",\"event\":\"%s\",\"data\":\"", "\"}]", NULL},
    [HUB_BENCH_MESSAGE] = {"hub:send\",{\"roomId\":\"", "\",\"messageType\":\"%s\",\"content\":", "}]",
                           "hub:messageArrived"},
    [HUB_BENCH_ECHO] = {"hub:event\",{\"roomId\":\"", "\",\"event\":\"%s\",\"data\":\"", "\"}]", NULL},
    [HUB_BENCH_COMMAND] = {"hub:command\",{\"command\":\"%s\",\"payload\":{\"roomId\":\"", "\",\"data\":\"", "\"}}]",
                           NULL},
    [HUB_BENCH_CHANNEL] = {"hub:publish\",{\"channel\":\"", "\",\"data\":\"", "\"}]", "hub:channelMessage"},
};

static void add_template(struct hub_buf *b, const char *text, const char *name) {
    const char *at = strstr(text, "%s");
    hub_buf_add(b, text, at ? (size_t)(at - text) : strlen(text));
    if (at) hub_buf_addz(b, name), hub_buf_addz(b, at + 2);
}

static void build_hub_texts(struct load *l) {
    const struct hub_bench_options *o = l->o;
    const struct request *request = &requests[o->event];
    bool message = o->event == HUB_BENCH_MESSAGE;
    const char *at = strstr(o->content, "%s");
    event_prefix(&l->delivery, o->nsp, request->delivery ? request->delivery : o->custom_event);
    const char *name = message ? o->message_type : o->custom_event;
    hub_buf_addz(&l->before_room, "[\"");
    add_template(&l->before_room, request->before_room, name);
    add_template(&l->before_marker, request->before_marker, name);
    if (message) hub_buf_add(&l->before_marker, o->content, (size_t)(at - o->content));
    add_filler(l);
    if (message) hub_buf_addz(&l->tail, at + 2);
    hub_buf_addz(&l->tail, request->tail);
}

static void build_plain_texts(struct load *l) {
    const struct hub_bench_options *o = l->o;
    event_prefix(&l->delivery, o->nsp, "message");
    hub_buf_addf(&l->before_room, "[\"%s\",{\"roomId\":\"", o->event == HUB_BENCH_ECHO ? "echo" : "message");
    hub_buf_addz(&l->before_marker, "\",\"data\":\"");
    add_filler(l);
    hub_buf_addz(&l->tail, "\"}]");
}

static void build_texts(struct load *l) {
    hub_sio_head(&l->before_id, HUB_SIO_EVENT, 0, hub_cstr(l->o->nsp), -1);
    hub_sio_head(&l->ack, HUB_SIO_ACK, 0, hub_cstr(l->o->nsp), -1);
    event_prefix(&l->error, l->o->nsp, "hub:error");
    event_prefix(&l->receipt, l->o->nsp, "hub:messageRead");
    if (l->o->mode == HUB_BENCH_HUB)
        build_hub_texts(l);
    else
        build_plain_texts(l);
}

/* Number N of all joins. The channels of a connection begin with the one that has the number of its room. */
static void send_join(struct load *l, uint32_t n) {
    uint32_t i = n / l->o->subscriptions, room = l->members[i].room + n % l->o->subscriptions;
    const char *join = l->o->mode == HUB_BENCH_HUB ? "hub:join\",{\"roomId" : "join\",{\"roomId";
    hub_buf_clear(&l->text);
    hub_sio_head(&l->text, HUB_SIO_EVENT, 0, hub_cstr(l->o->nsp), 0);
    hub_buf_addf(&l->text, "[\"%s\":\"", l->o->event == HUB_BENCH_CHANNEL ? "hub:subscribe\",{\"channel" : join);
    hub_bench_expand(&l->text, l->o->room, room);
    hub_buf_addz(&l->text, "\"}]");
    hub_bench_net_send(&l->net, i, hub_buf_str(&l->text));
}

/* ---- phases ---- */

struct clocks {
    uint64_t ns;
    double cpu, own;
};

static struct clocks read_clocks(const struct load *l) {
    struct clocks c = {.ns = hub_real_ns(), .cpu = -1};
    hub_bench_cpu_seconds(getpid(), &c.own);
    if (l->o->pid) hub_bench_cpu_seconds(l->o->pid, &c.cpu);
    return c;
}

static struct hub_bench_span span_since(const struct load *l, const struct clocks *from) {
    struct clocks to = read_clocks(l);
    return (struct hub_bench_span){.seconds = (double)(to.ns - from->ns) / SECOND_NS,
                                   .cpu = from->cpu < 0 || to.cpu < 0 ? -1 : to.cpu - from->cpu,
                                   .own_cpu = to.own - from->own};
}

static int64_t rss_of_target(const struct load *l) {
    int64_t bytes = -1;
    if (l->o->pid) hub_bench_rss_bytes(l->o->pid, &bytes);
    return bytes;
}

/* Turns until *COUNT reaches WANT. BEGIN starts number i of what is counted; a bounded number of them is
 * on its way at a time. */
static void run_phase(struct load *l, const char *what, uint32_t *started, const uint32_t *count, uint32_t want,
                      void (*begin)(struct load *l, uint32_t i)) {
    uint64_t last_ns = hub_real_ns();
    uint32_t last_count = *count;
    while (!l->failed && *count < want) {
        while (*started < want && *started - *count < HANDSHAKES && !l->failed) begin(l, (*started)++);
        hub_bench_net_turn(&l->net, SECOND_NS / 10);
        uint64_t now = hub_real_ns();
        if (*count != last_count) last_count = *count, last_ns = now;
        if (now - last_ns < PHASE_TIMEOUT_NS) continue;
        char text[160];
        snprintf(text, sizeof text, "only %u of %u %s, and then nothing for a minute", *count, want, what);
        fail_load(l, text);
    }
}

static void open_one(struct load *l, uint32_t i) { hub_bench_net_open(&l->net, i); }

/* Until the server has said nothing for 200 ms; at most 3 s. */
static void settle_load(struct load *l) {
    uint64_t start = hub_real_ns(), quiet = start, packets = l->packets;
    while (!l->failed) {
        hub_bench_net_turn(&l->net, SECOND_NS / 50);
        uint64_t now = hub_real_ns();
        if (packets != l->packets) packets = l->packets, quiet = now;
        if (now - quiet > SECOND_NS / 5 || now - start > 3 * (uint64_t)SECOND_NS) return;
    }
}

static void connect_all(struct load *l) {
    static const uint32_t share[HUB_BENCH_STEPS] = {4, 2, 1};
    for (int s = 0; s < HUB_BENCH_STEPS && !l->failed; s++) {
        struct clocks from = read_clocks(l);
        l->r->step_n[s] = l->member_n / share[s] ? l->member_n / share[s] : 1;
        run_phase(l, "connections opened", &l->opened, &l->open, l->r->step_n[s], open_one);
        l->r->connect[s] = span_since(l, &from);
    }
}

static void join_all(struct load *l) {
    struct clocks from = read_clocks(l);
    uint32_t asked = 0, want = l->member_n * l->o->subscriptions;
    run_phase(l, "rooms or channels joined", &asked, &l->joined, want, send_join);
    l->r->join = span_since(l, &from);
}

/* Gives up messages that have been under way for too long, so that a lost one cannot stop the closed loop
 * for good. */
static void check_stalls(struct load *l) {
    uint64_t now = hub_real_ns();
    if (now < l->next_stall_check) return;
    l->next_stall_check = now + SECOND_NS / 4;
    for (uint32_t k = 0; k < l->publisher_n; k++) {
        struct publisher *p = &l->publishers[k];
        while (p->done != p->next) {
            struct slot *s = &p->ring[p->done & l->ring_mask];
            if (s->remaining && now - s->sent_ns < STALL_NS) break;
            l->r->timeouts += s->remaining != 0;
            p->done++;
            make_due(l, k);
        }
    }
}

/* How long a turn may wait: until END, or until the open loop has something due. */
static uint64_t turn_wait(const struct load *l, uint64_t now, uint64_t end) {
    uint64_t wait = end - now < SECOND_NS / 10 ? end - now : SECOND_NS / 10;
    if (l->o->rate <= 0) return wait;
    double next = (1 - l->debt) / l->o->rate * SECOND_NS;
    if (next < (double)wait) wait = next > 0 ? (uint64_t)next : 0;
    return wait;
}

/* The open loop sends all that is due before the end, also when it is late: how much that is does not depend
 * on how busy the machine is. */
static void load_for(struct load *l, double seconds) {
    uint64_t last = hub_real_ns(), last_receipts = last, end = last + (uint64_t)(seconds * SECOND_NS);
    for (uint64_t now = last; now < end && !l->failed;) {
        hub_bench_net_turn(&l->net, turn_wait(l, now, end));
        now = hub_real_ns();
        if (l->o->rate > 0)
            publish_scheduled(l, &last, now < end ? now : end);
        else
            publish_due(l);
        if (l->o->readers) send_receipts(l, &last_receipts);
        check_stalls(l);
    }
}

static void drain_load(struct load *l) {
    uint64_t end = hub_real_ns() + STALL_NS;
    l->publishing = false;
    for (uint32_t k = 0; k < l->publisher_n && !l->failed;) {
        if (l->publishers[k].done == l->publishers[k].next) {
            k++;
            continue;
        }
        if (hub_real_ns() > end) break;
        hub_bench_net_turn(&l->net, SECOND_NS / 10);
        check_stalls(l);
    }
    settle_load(l); /* what is sent twice may come late */
}

/* Whoever reads has read everything by now and says so once more: a server that was too slow to tell
 * anybody of it while it was measured can be told from one that does not. */
static void drain_receipts(struct load *l) {
    uint64_t end = hub_real_ns() + STALL_NS;
    if (!l->o->readers || l->r->receipts_all || l->failed) return;
    l->receipts_due = (double)l->o->readers * l->o->rooms;
    send_due_receipts(l);
    while (!l->r->receipts_all && !l->failed && hub_real_ns() < end) hub_bench_net_turn(&l->net, SECOND_NS / 10);
}

static void sum_up(struct load *l) {
    for (uint32_t i = 0; i < l->member_n && !hub_bench_answered(l->o); i++)
        for (uint32_t k = 0; k < l->per_room; k++) {
            uint32_t global = l->members[i].room * l->per_room + k;
            if (l->o->others && l->members[i].publisher == global) continue;
            hub_bench_track_end(&l->track, l->members[i].next[k], l->publishers[global].next);
        }
    l->r->lost = hub_bench_track_lost(&l->track);
    l->r->duplicate = l->track.duplicate;
    l->r->out_of_order = l->track.out_of_order;
}

static void load_phase(struct load *l) {
    l->publishing = true;
    for (uint32_t k = 0; k < l->publisher_n; k++) make_due(l, k);
    publish_due(l);
    load_for(l, l->o->warmup);
    struct clocks from = read_clocks(l);
    l->measuring = true;
    uint64_t before = l->net.bytes_in;
    load_for(l, l->o->duration);
    l->measuring = false;
    l->r->bytes_in = l->net.bytes_in - before;
    l->r->run = span_since(l, &from);
    drain_load(l);
    drain_receipts(l);
    if (!l->failed) sum_up(l);
}

/* ---- life ---- */

static void place_members(struct load *l) {
    for (uint32_t i = 0; i < l->member_n; i++) {
        uint32_t room = i / l->o->members, place = i % l->o->members;
        l->members[i] =
            (struct member){.room = room, .publisher = HUB_BENCH_ALL, .next = l->next_block + (size_t)i * l->per_room};
        if (place >= l->per_room) continue;
        uint32_t k = room * l->per_room + place;
        l->members[i].publisher = k;
        l->publishers[k] = (struct publisher){.member = i, .ring = l->slot_block + (size_t)k * (l->ring_mask + 1)};
    }
}

static bool set_up(struct load *l, char why[320]) {
    const struct hub_bench_options *o = l->o;
    char text[160];
    l->member_n = hub_bench_conns(o);
    l->per_room = o->publishers < o->members ? o->publishers : o->members;
    l->publisher_n = l->per_room * o->rooms;
    l->window = o->rate > 0 ? OPEN_LOOP_WINDOW : o->window;
    for (l->ring_mask = 1; l->ring_mask < l->window; l->ring_mask <<= 1) continue;
    l->ring_mask--;
    if ((uint64_t)l->publisher_n * (l->ring_mask + 1) > 64u << 20 || (uint64_t)l->member_n * l->per_room > 256u << 20) {
        snprintf(why, 320, "too many publishers for this window or this many members");
        return false;
    }
    if (!hub_bench_net_init(&l->net, o->target, o->path, o->nsp, l->member_n, o->deflate, text)) {
        snprintf(why, 320, "%s", text);
        return false;
    }
    l->net.token = o->token, l->net.ops = &net_ops, l->net.ctx = l;
    l->members = hub_xcalloc(l->member_n, sizeof *l->members);
    l->publishers = hub_xcalloc(l->publisher_n, sizeof *l->publishers);
    l->next_block = hub_xcalloc((size_t)l->member_n * l->per_room, sizeof *l->next_block);
    l->slot_block = hub_xcalloc((size_t)l->publisher_n * (l->ring_mask + 1), sizeof *l->slot_block);
    l->due = hub_xcalloc(l->publisher_n, sizeof *l->due);
    place_members(l);
    build_texts(l);
    return true;
}

static void tear_down(struct load *l) {
    struct hub_buf *texts[] = {&l->delivery,    &l->ack,           &l->error, &l->receipt, &l->before_id,
                               &l->before_room, &l->before_marker, &l->tail,  &l->text};
    for (size_t i = 0; i < HUB_NELEM(texts); i++) hub_buf_free(texts[i]);
    free(l->members), free(l->publishers), free(l->next_block), free(l->slot_block), free(l->due);
    hub_bench_track_free(&l->track);
    hub_bench_net_free(&l->net);
}

bool hub_bench_run(const struct hub_bench_options *o, struct hub_bench_result *out, char why[320]) {
    struct load l = {.o = o, .r = out, .why = why};
    memset(out, 0, sizeof *out);
    if (!set_up(&l, why)) return false;
    out->connections = l.member_n;
    out->rss_start = out->rss_connected = out->rss_joined = out->rss_end = rss_of_target(&l);
    connect_all(&l);
    settle_load(&l);
    out->rss_connected = rss_of_target(&l);
    if (o->task != HUB_BENCH_CONNECT) {
        if (!l.failed) join_all(&l);
        settle_load(&l);
        out->rss_joined = rss_of_target(&l);
    }
    if (o->task == HUB_BENCH_LOAD && !l.failed) load_phase(&l);
    out->rss_end = rss_of_target(&l);
    tear_down(&l);
    return !l.failed;
}
