/* Rooms: order of work and of announcements, counting of users and connections, moderation, life. */
#include "room/room.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory/mem.h"

/* The session layer is not needed here: nothing is flushed. */
void hub_socket_send_chunk(struct hub_socket *s, struct hub_chunk *chunk, uint32_t off, uint32_t len, int flags) {
    (void)chunk, (void)off, (void)flags;
    *(int *)s->user += (int)len;
}
void hub_socket_emit(struct hub_socket *s, struct hub_str event, struct hub_str args, int flags) {
    (void)s, (void)event, (void)args, (void)flags;
}
void hub_socket_unref(struct hub_socket *s) { s->refs--; }

void hub_socket_ack(struct hub_socket *s, int64_t ack, struct hub_str args, const struct hub_binaries *bins) {
    (void)s, (void)ack, (void)args, (void)bins;
}

static struct hub_loop *loop;
static struct hub_map registry;
static struct hub_room *room;
static char order[4096];

static void mark(char c) {
    size_t n = strlen(order);
    order[n] = c, order[n + 1] = 0;
}

static void on_loaded(struct hub_room *r) { (void)r, mark('l'); }
static void on_closed(struct hub_room *r) { (void)r, mark('c'); }
static void on_emptied(struct hub_room *r) { (void)r, mark('e'); }
static const struct hub_room_ops ops = {.loaded = on_loaded, .closed = on_closed, .emptied = on_emptied};

static int setup(void **state) {
    (void)state;
    loop = hub_loop_new(NULL);
    room = hub_room_get(&registry, loop, &ops, NULL, HUB_STR("r1"));
    order[0] = 0;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    hub_room_unref(room);
    assert_int_equal(hub_map_len(&registry), 0); /* the last reference took it out */
    hub_loop_delete(loop);
    return 0;
}

struct work {
    struct hub_room_op op;
    char name;
    bool waits;
};

static void run(struct hub_room_op *op) {
    struct work *w = HUB_CONTAINER(op, struct work, op);
    mark(w->name);
    if (!w->waits) hub_room_op_done(room, op);
}

static void work_runs_one_after_the_other_though_it_waits(void **state) {
    struct work w[4] = {{.name = 'a', .waits = true}, {.name = 'b'}, {.name = 'c', .waits = true}, {.name = 'd'}};
    (void)state;
    for (int i = 0; i < 4; i++) w[i].op.run = run, hub_room_enqueue(room, &w[i].op);
    assert_string_equal(order, "a");
    assert_true(hub_room_busy(room));
    hub_room_op_done(room, &w[0].op);
    assert_string_equal(order, "abc");
    hub_room_op_done(room, &w[2].op);
    assert_string_equal(order, "abcd");
    assert_false(hub_room_busy(room));
}

static void a_long_queue_of_quick_work_does_not_recurse(void **state) {
    enum { MANY = 100000 };
    struct work *all = hub_xcalloc(MANY, sizeof *all);
    struct work first = {.name = '.', .waits = true, .op.run = run};
    (void)state;
    hub_room_enqueue(room, &first.op);
    for (int i = 0; i < MANY; i++) {
        all[i].name = 0; /* leaves no mark */
        all[i].op.run = run;
        hub_room_enqueue(room, &all[i].op);
    }
    hub_room_op_done(room, &first.op); /* a call per entry on the stack would overflow it */
    assert_false(hub_room_busy(room));
    free(all);
}

struct peer {
    struct hub_socket socket;
    struct hub_outlet outlet;
    struct hub_member member;
    int bytes;
};

static struct hub_nsp nsp = {.name = HUB_STR_INIT("/hub/x")};

static void join(struct peer *p, const char *user, bool can_read) {
    struct hub_rights rights = {.can_read = can_read, .can_send = true};
    *p = (struct peer){.socket.nsp = &nsp, .socket.user = &p->bytes};
    p->socket.user = &p->bytes;
    hub_outlet_init(&p->outlet, &p->socket);
    hub_room_join(room, &p->member, hub_cstr(user), &p->outlet, &rights);
    if (can_read) assert_true(hub_seat_release(&p->member.seat));
}

static void users_are_counted_not_connections(void **state) {
    struct peer a1, a2, b;
    (void)state;
    join(&a1, "ann", true);
    join(&a2, "ann", true);
    join(&b, "bob", false);
    assert_int_equal(room->user_n, 2);
    assert_int_equal(hub_room_user(room, HUB_STR("ann"))->member_n, 2);
    assert_int_equal(hub_group_size(room->readers), 2); /* bob may not read */
    assert_false(hub_room_leave(&a1.member));
    assert_int_equal(room->user_n, 2);
    assert_true(hub_room_leave(&a2.member));
    assert_true(hub_room_leave(&b.member));
    assert_int_equal(room->user_n, 0);
}

static void targets_choose_by_user(void **state) {
    struct peer ann, bob, blind;
    json_t *ids = json_pack("[s, s, s]", "bob", "bob", "nobody");
    (void)state;
    join(&ann, "ann", true);
    join(&bob, "bob", true);
    join(&blind, "bob", false);
    const struct hub_target others = {.to = HUB_TO_OTHERS, .sender = HUB_STR("ann")},
                            sender = {.to = HUB_TO_SENDER, .sender = HUB_STR("ann")},
                            named = {.to = HUB_TO_IDS, .ids = ids};
    hub_room_emit(room, &others, HUB_STR("e"), HUB_STR("1"), 0);
    assert_int_equal(ann.bytes, 0);
    assert_int_not_equal(bob.bytes, 0);
    int once = bob.bytes;
    hub_room_emit(room, &sender, HUB_STR("e"), HUB_STR("1"), 0);
    assert_int_equal(ann.bytes, once);
    hub_room_emit(room, &named, HUB_STR("e"), HUB_STR("1"), 0);
    assert_int_equal(bob.bytes, 2 * once); /* named twice, told once */
    assert_int_equal(blind.bytes, 0);      /* without canRead nothing at all */
    json_decref(ids);
    hub_room_leave(&ann.member);
    hub_room_leave(&bob.member);
    hub_room_leave(&blind.member);
}

static void silence_and_blocks_end_with_their_time(void **state) {
    const struct hub_rights member = {.can_send = true}, moderator = {.can_send = true, .can_moderate = true};
    struct hub_str ann = HUB_STR("ann");
    (void)state;
    assert_false(hub_room_is_blocked(room, ann, 1000));
    assert_false(hub_room_is_silenced(room, ann, &member, false, 1000));
    assert_true(hub_room_is_silenced(room, ann, &member, true, 1000)); /* defaultSilenced */
    assert_false(hub_room_is_silenced(room, ann, &moderator, true, 1000));
    struct hub_moderated *m = hub_room_moderated(room, ann, true);
    m->blocked_until = m->silenced_until = 2000;
    m->may_speak = true;
    assert_true(hub_room_is_blocked(room, ann, 1999));
    assert_false(hub_room_is_blocked(room, ann, 2000));
    assert_true(hub_room_is_silenced(room, ann, &member, true, 1999)); /* a grant does not outweigh a silence */
    assert_false(hub_room_is_silenced(room, ann, &member, true, 2000));
}

static void load(void) {
    hub_room_set_state(room, HUB_ROOM_LOADING);
    hub_room_set_state(room, HUB_ROOM_OPEN);
}

static void the_owner_hears_of_each_step_of_a_rooms_life(void **state) {
    (void)state;
    assert_false(hub_room_loaded(room));
    load();
    assert_true(hub_room_loaded(room));
    assert_string_equal(order, "l");
    hub_room_end(room, HUB_ROOM_NOT_FOUND);
    assert_string_equal(order, "l"); /* its members are still to hear of it */
    assert_int_equal(room->ended, HUB_ROOM_NOT_FOUND);
    hub_room_stop(room);
    hub_room_stop(room);
    assert_string_equal(order, "lc");
    hub_room_reopen(room); /* its row is there again */
    assert_int_equal(room->ended, HUB_OK);
    hub_room_stop(room); /* its hub goes */
    assert_string_equal(order, "lcc");
    hub_room_unref(room);
    assert_string_equal(order, "lcce");
    room = hub_room_get(&registry, loop, &ops, NULL, HUB_STR("r1"));
}

static void a_room_that_ends_while_it_loads_has_ended_then(void **state) {
    (void)state;
    hub_room_set_state(room, HUB_ROOM_LOADING);
    hub_room_end(room, HUB_ROOM_NOT_FOUND);
    hub_room_stop(room); /* nothing of it runs yet */
    assert_string_equal(order, "");
    hub_room_set_state(room, HUB_ROOM_ENDED);
    assert_string_equal(order, "l");
}

static void what_could_not_be_loaded_is_loaded_anew(void **state) {
    (void)state;
    hub_room_set_state(room, HUB_ROOM_LOADING);
    hub_room_set_state(room, HUB_ROOM_NEW);
    assert_string_equal(order, "");
    load();
    assert_string_equal(order, "l");
}

/* What is not a step of a room's life ends the process. */
static void an_impossible_step_is_a_bug(void **state) {
    int status;
    (void)state;
    pid_t child = fork();
    if (!child) {
        const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        hub_room_set_state(room, HUB_ROOM_OPEN); /* unread */
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(work_runs_one_after_the_other_though_it_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_queue_of_quick_work_does_not_recurse, setup, teardown),
        cmocka_unit_test_setup_teardown(users_are_counted_not_connections, setup, teardown),
        cmocka_unit_test_setup_teardown(targets_choose_by_user, setup, teardown),
        cmocka_unit_test_setup_teardown(silence_and_blocks_end_with_their_time, setup, teardown),
        cmocka_unit_test_setup_teardown(the_owner_hears_of_each_step_of_a_rooms_life, setup, teardown),
        cmocka_unit_test_setup_teardown(a_room_that_ends_while_it_loads_has_ended_then, setup, teardown),
        cmocka_unit_test_setup_teardown(what_could_not_be_loaded_is_loaded_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(an_impossible_step_is_a_bug, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
