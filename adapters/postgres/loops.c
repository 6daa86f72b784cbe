/* What the loops of a process share of a store: who they are to others, and when the store is over. Each
 * loop has connections of its own. */
#include <stdlib.h>

#include "adapters/postgres/postgres_int.h"
#include "base/crypto/random.h"

static void on_alone(struct hub_task *task) { hub_pg_maybe_closed(HUB_CONTAINER(task, struct pg_store, alone)); }

struct pg_process *hub_pg_process_new(struct pg_store *first, const char *url) {
    struct pg_process *p = hub_xcalloc(1, sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    hub_list_init(&p->stores);
    hub_random(&p->id, sizeof p->id);
    p->id &= INT64_MAX;
    p->url = hub_xstrdup(url);
    p->first = first;
    first->alone.run = on_alone;
    return p;
}

void hub_pg_process_join(struct pg_process *p, struct pg_store *s) {
    s->process = p;
    pthread_mutex_lock(&p->lock);
    s->number = p->joined++;
    hub_list_push(&p->stores, &s->in_process);
    pthread_mutex_unlock(&p->lock);
    if (s->number)
        hub_buf_addf(&s->marker, "%s loop %d", s->service, s->number);
    else
        hub_buf_addz(&s->marker, s->service);
    hub_buf_cstr(&s->marker);
}

void hub_pg_process_leave(struct pg_store *s) {
    struct pg_process *p = s->process;
    hub_buf_free(&s->marker);
    pthread_mutex_lock(&p->lock);
    hub_list_remove(&s->in_process);
    bool last = hub_list_empty(&p->stores), alone = !last && p->ending && p->stores.next->next == &p->stores;
    if (alone) hub_post(p->first->loop, &p->first->alone); /* with the lock: it does not go before this is left */
    pthread_mutex_unlock(&p->lock);
    if (!last) return;
    pthread_mutex_destroy(&p->lock);
    free(p->url);
    free(p);
}

bool hub_pg_process_may_end(struct pg_store *s) {
    struct pg_process *p = s->process;
    if (s != p->first) return true;
    pthread_mutex_lock(&p->lock);
    p->ending = true;
    bool alone = s->in_process.next == s->in_process.prev;
    pthread_mutex_unlock(&p->lock);
    return alone;
}

void hub_pg_process_note_session(struct pg_store *s, int32_t pid) {
    pthread_mutex_lock(&s->process->lock);
    if (s->sessions[0] != pid) s->sessions[1] = s->sessions[0];
    s->sessions[0] = pid;
    pthread_mutex_unlock(&s->process->lock);
}

void hub_pg_process_sessions(struct pg_process *p, struct hub_buf *out) {
    pthread_mutex_lock(&p->lock);
    HUB_LIST_EACH(&p->stores, it) {
        const struct pg_store *s = HUB_CONTAINER(it, struct pg_store, in_process);
        hub_buf_addf(out, ",%d,%d", (int)s->sessions[0], (int)s->sessions[1]);
    }
    pthread_mutex_unlock(&p->lock);
}

static void on_adopted(struct hub_task *task) {
    struct pg_store *s = HUB_CONTAINER(task, struct pg_store, adopted);
    __atomic_store_n(&s->adopting, false, __ATOMIC_RELEASE);
    hub_pg_writer_pump(&s->writer);
    hub_pg_maybe_closed(s);
}

/* Their loops are in no turn. */
void hub_pg_process_adopt(struct pg_store *from) {
    struct pg_process *p = from->process;
    pthread_mutex_lock(&p->lock);
    HUB_LIST_EACH(&p->stores, it) {
        struct pg_store *s = HUB_CONTAINER(it, struct pg_store, in_process);
        if (s == from) continue;
        s->tables = from->tables;
        s->table_n = from->table_n;
        s->outbox = from->outbox;
        s->generation++;
        s->writer.reclaim = true;
        hub_sql_cells_free(&s->writer.cells);
        if (__atomic_exchange_n(&s->adopting, true, __ATOMIC_ACQ_REL)) continue;
        s->adopted.run = on_adopted;
        hub_post(s->loop, &s->adopted);
    }
    pthread_mutex_unlock(&p->lock);
}
