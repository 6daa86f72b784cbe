/* Fair scheduling of reads: a few at a time for each reader, one each in turn, and no more results than
 * the process may hold. */
#include "hub/read_turns/read_turns.h"

#include <stdlib.h>

#include "base/memory/mem.h"
#include "base/telemetry/metric.h"

#define STARTS_PER_TURN 16 /* of queued reads started in one turn of the loop, so that other work gets its share */
#define LOOK_AGAIN_MS 5    /* at connections that have not taken their answers yet */

static struct hub_metric under_way =
    HUB_METRIC(HUB_GAUGE, "hubd_reads_under_way", NULL, "Client reads in progress in hubs");
static struct hub_metric waiting =
    HUB_METRIC(HUB_GAUGE, "hubd_reads_waiting", NULL, "Client reads of hubs that are queued");
static struct hub_metric held = HUB_METRIC(HUB_GAUGE, "hubd_read_results_bytes", NULL,
                                           "Bytes of query results reserved by client reads in progress");

static void on_settle(struct hub_task *t);
static void on_resume(struct hub_timer *t);

void hub_reads_init(struct hub_reads *all, struct hub_loop *loop, struct hub_holds *holds) {
    *all = (struct hub_reads){.loop = loop, .holds = holds, .settle.run = on_settle};
    hub_list_init(&all->hungry);
    hub_list_init(&all->ended);
    hub_list_init(&all->small);
    hub_list_init(&all->large);
    hub_metric_register(&under_way);
    hub_metric_register(&waiting);
    hub_metric_register(&held);
}

static HUB_MUST struct hub_reader *new_reader(struct hub_socket *socket) {
    struct hub_reader *r = hub_xmalloc(sizeof *r);
    *r = (struct hub_reader){.socket = socket};
    hub_list_init(&r->waiting);
    hub_list_init(&r->hungry);
    hub_list_init(&r->ended);
    return r;
}

struct hub_reader *hub_reader_at(struct hub_reader **place, struct hub_socket *socket) {
    if (*place) return *place;
    *place = new_reader(socket);
    (*place)->place = place;
    return *place;
}

struct hub_reader *hub_reader_of(struct hub_reads *all, struct hub_str key) {
    struct hub_reader *r = hub_map_get(&all->callers, key);
    if (r) return r;
    r = new_reader(NULL);
    r->key = hub_str_dup(key);
    hub_map_put(&all->callers, key, r);
    return r;
}

static void free_reader(struct hub_reader *r) {
    hub_list_remove(&r->hungry);
    hub_list_remove(&r->ended);
    free(r->key);
    free(r);
}

/* It reads nothing any more. */
static void forget_reader(struct hub_reads *all, struct hub_reader *r) {
    if (r->place) *r->place = NULL;
    if (r->key) hub_map_del(&all->callers, hub_cstr(r->key));
    free_reader(r);
}

static struct hub_read *first_read(const struct hub_reader *r) {
    return HUB_CONTAINER(r->waiting.next, struct hub_read, link);
}

static void unwait_read(struct hub_read *r) {
    hub_list_remove(&r->link);
    r->reader->waiting_n--;
    hub_metric_add(&waiting, -1);
}

static void drop_waiting(struct hub_reader *r) {
    hub_list_remove(&r->hungry);
    while (!hub_list_empty(&r->waiting)) {
        struct hub_read *read = first_read(r);
        unwait_read(read);
        read->reader = NULL;
        hub_unhold(&read->hold);
        read->drop(read);
    }
}

void hub_reader_close(struct hub_reader **place) {
    struct hub_reader *r = *place;
    if (!r) return;
    *place = NULL;
    r->place = NULL;
    r->socket = NULL;
    drop_waiting(r);
    if (!r->under_way) free_reader(r);
}

void hub_reads_stop(struct hub_reads *all) {
    void *value;
    for (void *it = NULL; (it = hub_map_next(&all->callers, it, NULL, &value));) drop_waiting(value);
}

static void settle_reader(struct hub_reads *all, struct hub_reader *r);

void hub_reads_deinit(struct hub_reads *all) {
    hub_defer_cancel(&all->settle);
    hub_timer_stop(all->loop, &all->resume);
    for (struct hub_list *n, *end = &all->ended; (n = end->next) != end;)
        settle_reader(all, HUB_CONTAINER(n, struct hub_reader, ended));
    for (struct hub_reader *r; (r = hub_map_drain(&all->callers));) free_reader(r);
    hub_map_clear(&all->turns);
}

/* ---- slots ---- */

/* Whether the reader has a slot for a read of WEIGHT. Answers that its connection has not taken yet count:
 * what it is sent beside them must not make a slow reader of it. */
static bool has_slot(const struct hub_reads *all, const struct hub_reader *r, size_t weight) {
    if (r->under_way >= HUB_READS_UNDER_WAY) return false;
    size_t queued = r->socket ? hub_socket_queued(r->socket) : 0;
    if (!r->under_way) return queued <= all->max_queue / 8;
    return !r->socket || queued + r->expected + weight <= all->max_queue / 2;
}

static void start_read(struct hub_read *r) {
    r->reader->under_way++;
    r->reader->expected += r->weight;
    hub_metric_add(&under_way, 1);
    r->start(r); /* last: the read may end at once and free its reader */
}

bool hub_read_ask(struct hub_reads *all, struct hub_reader *reader, struct hub_read *r, uint32_t may_wait) {
    if (reader->under_way - reader->over + reader->waiting_n >= HUB_READS_UNDER_WAY + may_wait) return false;
    hub_list_init(&r->link);
    r->reader = reader;
    hub_hold(all->holds, &r->hold, "read");
    if (!reader->waiting_n && has_slot(all, reader, r->weight)) {
        start_read(r);
        return true;
    }
    r->waited = true;
    hub_list_push(&reader->waiting, &r->link);
    reader->waiting_n++;
    hub_metric_add(&waiting, 1);
    if (!hub_list_linked(&reader->hungry)) hub_list_push(&all->hungry, &reader->hungry);
    if (!hub_timer_running(&all->resume)) hub_timer_start(all->loop, &all->resume, LOOK_AGAIN_MS, on_resume);
    return true;
}

void hub_read_over(struct hub_reads *all, struct hub_read *r) {
    struct hub_reader *reader = r->reader;
    if (!reader) return;
    r->reader = NULL;
    hub_unhold(&r->hold);
    reader->over++;
    reader->over_bytes += r->weight;
    if (!hub_list_linked(&reader->ended)) hub_list_push(&all->ended, &reader->ended);
    hub_defer(all->loop, &all->settle);
}

void hub_read_move(struct hub_read *to, struct hub_read *from) {
    struct hub_holds *holds = from->hold.holds;
    const char *what = from->hold.what;
    if (holds) hub_unhold(&from->hold); /* a hold stays where it is */
    *to = *from;
    hub_list_init(&to->link);
    if (holds) hub_hold(holds, &to->hold, what);
    from->reader = NULL;
}

static void settle_reader(struct hub_reads *all, struct hub_reader *r) {
    hub_list_remove(&r->ended);
    r->under_way -= r->over;
    r->expected -= r->over_bytes;
    hub_metric_add(&under_way, -(int64_t)r->over);
    r->over = 0;
    r->over_bytes = 0;
    if (!r->under_way && !r->waiting_n) forget_reader(all, r);
}

/* At the end of a turn in which reads ended. Their slots are given away in the next turn: otherwise reads
 * that are answered at once would keep the loop in this one. */
static void on_settle(struct hub_task *t) {
    struct hub_reads *all = HUB_CONTAINER(t, struct hub_reads, settle);
    for (struct hub_list *n, *end = &all->ended; (n = end->next) != end;)
        settle_reader(all, HUB_CONTAINER(n, struct hub_reader, ended));
    if (!hub_list_empty(&all->hungry)) hub_timer_start(all->loop, &all->resume, 0, on_resume);
}

/* Starts the next read of the reader that has waited longest (round robin). The reader moves to the end of
 * the list first, since the read may free it. */
static bool serve_reader(struct hub_reads *all, struct hub_reader *r) {
    hub_list_remove(&r->hungry);
    struct hub_read *read = first_read(r);
    bool can = has_slot(all, r, read->weight);
    if (can) unwait_read(read);
    if (r->waiting_n) hub_list_push(&all->hungry, &r->hungry);
    if (can) start_read(read);
    return can;
}

static void on_resume(struct hub_timer *t) {
    struct hub_reads *all = HUB_CONTAINER(t, struct hub_reads, resume);
    const struct hub_reader *refused =
        NULL; /* the first of those in a row that have no slot: when it comes again, nobody has */
    int started = 0;
    while (!hub_list_empty(&all->hungry) && started < STARTS_PER_TURN) {
        struct hub_reader *r = HUB_CONTAINER(all->hungry.next, struct hub_reader, hungry);
        if (r == refused) break;
        bool served = serve_reader(all, r);
        started += served;
        refused = served ? NULL : refused ? refused : r;
    }
    if (hub_list_empty(&all->hungry) || hub_timer_running(t)) return;
    hub_timer_start(all->loop, t, started == STARTS_PER_TURN ? 0 : LOOK_AGAIN_MS, on_resume);
}

/* ---- results ---- */

static bool result_fits(const struct hub_reads *all, const struct hub_result *r, size_t bytes) {
    if (r->large) return all->large_n < HUB_RESULTS_LARGE;
    return !all->small_bytes || all->small_bytes + bytes <= HUB_RESULTS_SMALL;
}

static void hold_bytes(struct hub_reads *all, struct hub_result *r, size_t bytes) {
    all->result_bytes += bytes - r->bytes;
    if (!r->large) all->small_bytes += bytes - r->bytes;
    r->bytes = bytes;
    hub_metric_set(&held, (int64_t)all->result_bytes);
}

static void begin_result(struct hub_reads *all, struct hub_result *r, size_t bytes) {
    all->large_n += r->large;
    r->bytes = 0; /* until now it was not held */
    hold_bytes(all, r, bytes);
    r->start(r);
}

/* A user who has asked for more than others since the last one was started comes after them. */
static uint64_t next_turn(struct hub_reads *all, struct hub_str who) {
    uint64_t last = (uintptr_t)hub_map_get(&all->turns, who), turn = (last > all->turn ? last : all->turn) + 1;
    hub_map_put(&all->turns, who, (void *)(uintptr_t)turn);
    return turn;
}

static void wait_in_turn(struct hub_reads *all, struct hub_result *r, struct hub_str who) {
    struct hub_list *before = all->large.prev;
    r->turn = next_turn(all, who);
    while (before != &all->large && HUB_CONTAINER(before, struct hub_result, link)->turn > r->turn)
        before = before->prev;
    hub_list_push_front(before, &r->link); /* right behind it */
}

void hub_result_ask(struct hub_reads *all, struct hub_result *r, struct hub_str who, size_t bytes) {
    hub_list_init(&r->link);
    r->bytes = 0;
    r->large = bytes > HUB_RESULT_SMALL;
    if (hub_list_empty(r->large ? &all->large : &all->small) && result_fits(all, r, bytes)) {
        begin_result(all, r, bytes);
        return;
    }
    r->bytes = bytes; /* not held yet */
    if (r->large)
        wait_in_turn(all, r, who);
    else
        hub_list_push(&all->small, &r->link);
}

void hub_result_is(struct hub_reads *all, struct hub_result *r, size_t bytes) { hold_bytes(all, r, bytes); }

static bool start_first(struct hub_reads *all, struct hub_list *list) {
    struct hub_result *r = HUB_CONTAINER(list->next, struct hub_result, link);
    if (hub_list_empty(list) || !result_fits(all, r, r->bytes)) return false;
    hub_list_remove(&r->link);
    if (r->large) all->turn = r->turn;
    if (hub_list_empty(&all->large)) hub_map_clear(&all->turns);
    begin_result(all, r, r->bytes);
    return true;
}

void hub_result_over(struct hub_reads *all, struct hub_result *r) {
    hold_bytes(all, r, 0);
    all->large_n -= r->large;
    r->large = false;
    if (all->starting) return; /* the loop below goes on */
    all->starting = true;
    while (start_first(all, &all->small) || start_first(all, &all->large)) {}
    all->starting = false;
}
