/* Answers by requestId: what a user asks for once more within a minute is answered again, and runs
 * nothing. Bounded by number and bytes for all users together: the oldest answers go first, and then a
 * repeat runs anew. */
#include "hub/command/command_int.h"

#include <stdlib.h>

#define ANSWERS_MAX 100000
#define ANSWERS_MAX_BYTES (64u << 20)
#define SWEEP_MS 5000
#define WAITING_MAX 16 /* repeats of one that is under way */

struct waiting_call {
    struct hub_list link;
    struct hub_call *call;
};

struct hub_command_answer {
    struct hub_command_answers *all;
    struct hub_list link; /* in all->done, the oldest first; while it is not there: alone */
    struct hub_list waiting;
    size_t waiting_n;
    char *key;
    bool done;
    int64_t until; /* loop ms */
    enum hub_code refused;
    char *result, *code, *message; /* as of struct hub_command_end; NULL: none */
    json_t *data;
    size_t bytes;
};

struct hub_command_answers {
    struct hub_engine *engine;
    struct hub_map by_key; /* "hub NUL user NUL requestId" */
    struct hub_list done;
    size_t n, bytes;
    struct hub_timer sweep;
};

struct hub_command_answers *hub_command_answers_new(struct hub_engine *e) {
    struct hub_command_answers *all = hub_xcalloc(1, sizeof *all);
    all->engine = e;
    hub_list_init(&all->done);
    return all;
}

static void free_answer(struct hub_command_answer *a) {
    struct hub_command_answers *all = a->all;
    hub_map_del(&all->by_key, hub_cstr(a->key));
    hub_list_remove(&a->link);
    all->n--;
    all->bytes -= a->bytes;
    free(a->key);
    free(a->result);
    free(a->code);
    free(a->message);
    json_decref(a->data);
    free(a);
}

static struct hub_command_answer *oldest_answer(struct hub_command_answers *all) {
    return hub_list_empty(&all->done) ? NULL : HUB_CONTAINER(all->done.next, struct hub_command_answer, link);
}

static void on_sweep(struct hub_timer *t) {
    struct hub_command_answers *all = HUB_CONTAINER(t, struct hub_command_answers, sweep);
    int64_t now = hub_loop_now(all->engine->config.loop);
    for (struct hub_command_answer *a; (a = oldest_answer(all)) && a->until <= now;) free_answer(a);
    if (oldest_answer(all)) hub_timer_start(all->engine->config.loop, t, SWEEP_MS, on_sweep);
}

void hub_command_answers_delete(struct hub_command_answers *all) {
    hub_timer_stop(all->engine->config.loop, &all->sweep);
    for (struct hub_command_answer *a; (a = oldest_answer(all));) free_answer(a);
    hub_map_clear(&all->by_key);
    free(all);
}

/* ---- giving them ---- */

static void give_answer(struct hub_call *call, const struct hub_command_end *end) {
    if (end->refused) {
        hub_call_fail(call, end->refused, end->message.n ? "%.*s" : NULL, HUB_FMT(end->message));
    } else if (end->code.n) {
        hub_call_refuse(call, end->code, end->message, end->data);
    } else {
        struct hub_engine *e = call->hub->engine;
        struct hub_buf fields = hub_scratch_take(e);
        hub_json_add_key(&fields, "result");
        hub_buf_adds(&fields, end->result);
        hub_call_ok(call, "result", hub_buf_str(&fields)); /* CALL is gone */
        hub_scratch_give(e, &fields);
    }
}

static struct hub_command_end end_of(const struct hub_command_answer *a) {
    return (struct hub_command_end){hub_cstr(a->result), hub_cstr(a->code), hub_cstr(a->message), a->data, a->refused};
}

static HUB_MUST char *copy_text(struct hub_str s, size_t *bytes) {
    *bytes += s.n;
    return s.n ? hub_str_dup(s) : NULL;
}

static void remember_end(struct hub_command_answer *a, const struct hub_command_end *end) {
    struct hub_command_answers *all = a->all;
    struct hub_loop *loop = all->engine->config.loop;
    size_t bytes = 0;
    a->done = true;
    a->refused = end->refused;
    a->result = copy_text(end->result, &bytes);
    a->code = copy_text(end->code, &bytes);
    a->message = copy_text(end->message, &bytes);
    a->data = end->data ? json_deep_copy(end->data) : NULL;
    if (a->data) bytes += hub_json_cost(a->data);
    a->bytes += bytes;
    all->bytes += bytes;
    a->until = hub_loop_now(loop) + HUB_COMMAND_REPEAT_MS;
    hub_list_push(&all->done, &a->link);
    if (!hub_timer_running(&all->sweep)) hub_timer_start(loop, &all->sweep, SWEEP_MS, on_sweep);
}

static void make_room(struct hub_command_answers *all) {
    for (struct hub_command_answer *a;
         (all->n > ANSWERS_MAX || all->bytes > ANSWERS_MAX_BYTES) && (a = oldest_answer(all));)
        free_answer(a);
}

static struct hub_call *next_waiting(struct hub_list *waiting) {
    struct hub_list *l = hub_list_pop(waiting);
    if (!l) return NULL;
    struct waiting_call *w = HUB_CONTAINER(l, struct waiting_call, link);
    struct hub_call *call = w->call;
    free(w);
    return call;
}

void hub_command_answer(struct hub_command_answer *a, struct hub_call *call, const struct hub_command_end *end) {
    if (!a) {
        give_answer(call, end);
        return;
    }
    struct hub_list waiting;
    struct hub_command_answers *all = a->all;
    hub_list_init(&waiting);
    hub_list_splice(&waiting, &a->waiting);
    remember_end(a, end);
    give_answer(call, end);
    for (struct hub_call *other; (other = next_waiting(&waiting));) give_answer(other, end);
    make_room(all);
}

void hub_command_refuse(struct hub_command_answer *a, struct hub_call *call, const struct hub_command_end *end) {
    struct hub_list waiting;
    hub_list_init(&waiting);
    if (a) {
        hub_list_splice(&waiting, &a->waiting);
        free_answer(a);
    }
    give_answer(call, end);
    for (struct hub_call *other; (other = next_waiting(&waiting));) hub_command_new(other);
}

/* ---- asking for them ---- */

static void add_key(struct hub_buf *key, const struct hub_call *call, struct hub_str id) {
    hub_buf_addf(key, "%s\n%s\n%.*s", call->hub->def->name, call->conn->user->id, HUB_FMT(id));
}

static HUB_MUST struct hub_command_answer *answer_new(struct hub_command_answers *all, struct hub_str key) {
    struct hub_command_answer *a = hub_xcalloc(1, sizeof *a);
    a->all = all;
    a->key = hub_str_dup(key);
    a->bytes = sizeof *a + key.n;
    hub_list_init(&a->link);
    hub_list_init(&a->waiting);
    hub_map_put(&all->by_key, key, a);
    all->n++;
    all->bytes += a->bytes;
    return a;
}

bool hub_command_repeats(struct hub_command_answers *all, struct hub_call *call, struct hub_str id,
                         struct hub_command_answer **fresh) {
    struct hub_buf key = {0};
    add_key(&key, call, id);
    struct hub_command_answer *a = hub_map_get(&all->by_key, hub_buf_str(&key));
    if (!a) *fresh = answer_new(all, hub_buf_str(&key));
    hub_buf_free(&key);
    if (!a) return false;
    if (a->done) {
        const struct hub_command_end end = end_of(a);
        give_answer(call, &end);
        return true;
    }
    if (a->waiting_n++ >= WAITING_MAX) {
        hub_call_fail(call, HUB_OVERLOADED, "the request is under way, and has been repeated too often");
        return true;
    }
    struct waiting_call *w = hub_xmalloc(sizeof *w);
    w->call = call;
    hub_list_push(&a->waiting, &w->link);
    return true;
}
