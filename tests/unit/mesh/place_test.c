/* The steps of a place, one by one: what follows what, what is to be done then, and what comes too late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory/mem.h"
#include "mesh/place/place.h"

#define ANN HUB_STR("node-ann-001")
#define BOB HUB_STR("node-bob-001")

/* As an answer to what was asked with TICKET, or to the last question. */
#define LATE(P, TICKET, KIND, ...) \
    hub_place_step((P), &(struct hub_place_event){.kind = HUB_PLACE_##KIND, .ticket = (TICKET), ##__VA_ARGS__})
#define STEP(P, ...) LATE(P, (P)->ticket, __VA_ARGS__)
#define EXPECT(P, STATE, TODO, STEPPED)                  \
    do {                                                 \
        unsigned todo_ = (STEPPED);                      \
        assert_int_equal((P)->state, HUB_PLACE_##STATE); \
        assert_int_equal(todo_, (TODO));                 \
    } while (0)

/* ---- ways into the states ---- */

static struct hub_place asking(void) {
    struct hub_place p = {0};
    EXPECT(&p, ASKING, HUB_PLACE_ASK, STEP(&p, NEEDED));
    return p;
}
static struct hub_place claiming(void) {
    struct hub_place p = asking();
    EXPECT(&p, CLAIMING, HUB_PLACE_CLAIM, STEP(&p, NAMED_SELF, .term = 5));
    return p;
}
static struct hub_place owner(void) {
    struct hub_place p = claiming();
    EXPECT(&p, OWNER, HUB_PLACE_OPEN, STEP(&p, CLAIMED, .fence = 7));
    return p;
}
static struct hub_place freezing(void) {
    struct hub_place p = owner();
    EXPECT(&p, FREEZING, HUB_PLACE_FREEZE, STEP(&p, DRAIN, .node = BOB));
    return p;
}
static struct hub_place edge(void) { /* of ann */
    struct hub_place p = asking();
    EXPECT(&p, EDGE, HUB_PLACE_GREET | HUB_PLACE_DISOWN, STEP(&p, NAMED_OTHER, .node = ANN, .term = 5));
    return p;
}
static struct hub_place lost(void) {
    struct hub_place p = owner();
    EXPECT(&p, LOST, HUB_PLACE_CLOSE | HUB_PLACE_DISOWN, STEP(&p, FENCED, .fence = 7));
    return p;
}
static struct hub_place in_state(enum hub_place_state state) {
    static struct hub_place (*const ways[])(void) = {
        [HUB_PLACE_ASKING] = asking,     [HUB_PLACE_CLAIMING] = claiming, [HUB_PLACE_OWNER] = owner,
        [HUB_PLACE_FREEZING] = freezing, [HUB_PLACE_EDGE] = edge,         [HUB_PLACE_LOST] = lost};
    return state ? ways[state]() : (struct hub_place){0};
}

/* ---- owners ---- */

static void who_is_named_claims_and_runs_by_the_fence(void **state) {
    struct hub_place p = owner();
    (void)state;
    assert_int_equal(p.fence, 7);
    assert_int_equal(hub_place_receives(&p), HUB_PLACE_SERVE);
}

static void a_claim_that_fails_is_given_back_and_asked_for_later(void **state) {
    (void)state;
    for (int away = 0; away < 2; away++) {
        struct hub_place p = claiming();
        EXPECT(&p, ASKING, HUB_PLACE_RELEASE | HUB_PLACE_ASK, away ? STEP(&p, STORE_AWAY) : STEP(&p, REFUSED));
        assert_int_equal(p.haste, HUB_PLACE_YIELD);
        assert_int_equal(p.released, 5);
    }
}

static void an_owner_that_cannot_write_gives_it_to_another_node(void **state) {
    struct hub_place p = owner();
    (void)state;
    EXPECT(&p, LOST, HUB_PLACE_CLOSE | HUB_PLACE_RELEASE | HUB_PLACE_DISOWN, LATE(&p, 0, STORE_AWAY));
    EXPECT(&p, ASKING, HUB_PLACE_ASK, STEP(&p, RESUMED));
    assert_int_equal(p.haste, HUB_PLACE_YIELD);
}

static void a_refused_write_ends_the_ownership_that_it_was_of(void **state) {
    struct hub_place p = owner();
    (void)state;
    EXPECT(&p, OWNER, 0, STEP(&p, FENCED, .fence = 6));
    EXPECT(&p, LOST, HUB_PLACE_CLOSE | HUB_PLACE_DISOWN, STEP(&p, FENCED, .fence = 7));
    EXPECT(&p, LOST, 0, STEP(&p, FENCED, .fence = 7));
    EXPECT(&p, ASKING, HUB_PLACE_ASK, STEP(&p, RESUMED));
    assert_int_equal(p.haste, HUB_PLACE_AT_ONCE);
}

static void a_higher_fence_of_another_node_ends_it_too(void **state) {
    struct hub_place p = owner();
    (void)state;
    EXPECT(&p, OWNER, 0, STEP(&p, OWNED, .node = ANN, .fence = 6));
    EXPECT(&p, LOST, HUB_PLACE_CLOSE | HUB_PLACE_DISOWN, STEP(&p, OWNED, .node = ANN, .fence = 8));
    EXPECT(&p, EDGE, HUB_PLACE_RELEASE | HUB_PLACE_GREET | HUB_PLACE_DISOWN, STEP(&p, RESUMED));
    assert_string_equal(p.owner, "node-ann-001");
    assert_int_equal(p.released, 5);
}

static void nobody_needs_it_and_its_name_is_given_back(void **state) {
    struct hub_place p = owner();
    (void)state;
    EXPECT(&p, UNKNOWN, HUB_PLACE_CLOSE | HUB_PLACE_RELEASE | HUB_PLACE_DISOWN, STEP(&p, UNNEEDED));
    p = claiming();
    EXPECT(&p, CLAIMING, 0, STEP(&p, UNNEEDED));
    EXPECT(&p, UNKNOWN, HUB_PLACE_RELEASE | HUB_PLACE_DISOWN, STEP(&p, CLAIMED, .fence = 9));
    assert_int_equal(p.released, 5);
}

/* ---- draining ---- */

static void a_drained_place_goes_to_its_successor(void **state) {
    struct hub_place p = freezing();
    (void)state;
    assert_int_equal(hub_place_receives(&p), HUB_PLACE_KEEP);
    EXPECT(&p, FREEZING, HUB_PLACE_HAND_OVER, STEP(&p, FLUSHED));
    assert_string_equal(p.successor, "node-bob-001");
    EXPECT(&p, EDGE, HUB_PLACE_CLOSE | HUB_PLACE_GREET | HUB_PLACE_DISOWN, STEP(&p, OWNED, .node = BOB, .fence = 8));
    assert_string_equal(p.owner, "node-bob-001");
    p = freezing();
    EXPECT(&p, FREEZING, 0, STEP(&p, UNNEEDED));
    EXPECT(&p, UNKNOWN, HUB_PLACE_CLOSE | HUB_PLACE_DISOWN, STEP(&p, OWNED, .node = BOB, .fence = 8));
}

static void one_that_was_not_taken_needs_a_new_fence(void **state) {
    (void)state;
    for (int gone = 0; gone < 2; gone++) {
        struct hub_place p = freezing();
        EXPECT(&p, LOST, HUB_PLACE_CLOSE | HUB_PLACE_DISOWN,
               gone ? STEP(&p, OWNER_GONE, .node = BOB) : STEP(&p, NOT_HANDED));
        EXPECT(&p, ASKING, HUB_PLACE_ASK, STEP(&p, RESUMED));
    }
}

static void whoever_is_handed_a_place_claims_it(void **state) {
    static const enum hub_place_state from[] = {HUB_PLACE_UNKNOWN, HUB_PLACE_ASKING, HUB_PLACE_EDGE};
    (void)state;
    for (size_t i = 0; i < HUB_NELEM(from); i++) {
        struct hub_place p = in_state(from[i]);
        EXPECT(&p, CLAIMING, HUB_PLACE_CLAIM, STEP(&p, HANDED, .node = ANN, .term = 12));
        assert_int_equal(p.term, 12);
        assert_true(p.needed);
    }
}

/* ---- edges ---- */

static void an_edge_asks_anew_when_its_owner_is_gone(void **state) {
    struct hub_place p = edge();
    (void)state;
    EXPECT(&p, EDGE, 0, STEP(&p, OWNER_GONE, .node = BOB));
    EXPECT(&p, ASKING, HUB_PLACE_ASK, STEP(&p, OWNER_GONE, .node = ANN));
    assert_int_equal(p.haste, HUB_PLACE_TAKE_OVER);
}

static void who_says_that_it_is_not_the_owner_is_not_to_be_named_again(void **state) {
    struct hub_place p = edge();
    (void)state;
    EXPECT(&p, EDGE, 0, STEP(&p, NOT_OWNED, .node = BOB));
    EXPECT(&p, ASKING, HUB_PLACE_ASK, STEP(&p, NOT_OWNED, .node = ANN));
    assert_string_equal(p.refused, "node-ann-001");
    assert_int_equal(p.refused_term, 5);
    EXPECT(&p, CLAIMING, HUB_PLACE_CLAIM, STEP(&p, NAMED_SELF, .term = 6));
}

static void an_edge_follows_the_higher_fence(void **state) {
    struct hub_place p = edge();
    (void)state;
    EXPECT(&p, EDGE, 0, STEP(&p, OWNED, .node = ANN, .fence = 7));
    EXPECT(&p, EDGE, 0, STEP(&p, OWNED, .node = BOB, .fence = 6));
    EXPECT(&p, EDGE, HUB_PLACE_GREET, STEP(&p, OWNED, .node = BOB, .fence = 8));
    assert_string_equal(p.owner, "node-bob-001");
    EXPECT(&p, UNKNOWN, HUB_PLACE_DISOWN | HUB_PLACE_PART, STEP(&p, UNNEEDED));
}

static void an_owner_that_speaks_up_answers_the_question(void **state) {
    struct hub_place p = asking();
    uint64_t ticket = p.ticket;
    (void)state;
    EXPECT(&p, EDGE, HUB_PLACE_GREET | HUB_PLACE_DISOWN, STEP(&p, OWNED, .node = BOB, .fence = 3));
    EXPECT(&p, EDGE, HUB_PLACE_RELEASE, LATE(&p, ticket, NAMED_SELF, .term = 9));
    assert_int_equal(p.released, 9);
    p = claiming(); /* its fence will be the higher one, or it fails */
    EXPECT(&p, CLAIMING, 0, STEP(&p, OWNED, .node = BOB, .fence = 3));
}

static void no_answer_is_asked_for_again(void **state) {
    struct hub_place p = asking();
    uint64_t ticket = p.ticket;
    (void)state;
    EXPECT(&p, ASKING, HUB_PLACE_ASK, STEP(&p, UNANSWERED));
    assert_int_equal(p.haste, HUB_PLACE_RETRY);
    EXPECT(&p, ASKING, 0, LATE(&p, ticket, NAMED_OTHER, .node = ANN));
    EXPECT(&p, ASKING, HUB_PLACE_RELEASE, LATE(&p, ticket, NAMED_SELF, .term = 4));
    EXPECT(&p, UNKNOWN, HUB_PLACE_DISOWN, STEP(&p, UNNEEDED));
}

/* ---- the lease ---- */

static void with_the_lease_everything_is_lost_and_nothing_said(void **state) {
    (void)state;
    for (int from = HUB_PLACE_UNKNOWN; from < HUB_PLACE_STATE_COUNT; from++) {
        struct hub_place p = in_state((enum hub_place_state)from);
        bool ran = from == HUB_PLACE_OWNER || from == HUB_PLACE_FREEZING;
        unsigned todo = STEP(&p, LEASE_LAPSED);
        assert_int_equal(todo, ran ? HUB_PLACE_CLOSE : 0);
        assert_int_equal(p.state, from == HUB_PLACE_UNKNOWN ? HUB_PLACE_UNKNOWN : HUB_PLACE_LOST);
        if (from == HUB_PLACE_UNKNOWN) continue;
        EXPECT(&p, ASKING, HUB_PLACE_ASK, STEP(&p, RESUMED)); /* nothing is released: the name was another node's */
    }
}

static void an_answer_from_before_the_lapse_gives_nothing(void **state) {
    struct hub_place p = claiming();
    uint64_t ticket = p.ticket;
    (void)state;
    EXPECT(&p, LOST, 0, STEP(&p, LEASE_LAPSED));
    EXPECT(&p, LOST, 0, LATE(&p, ticket, CLAIMED, .fence = 7));
    EXPECT(&p, ASKING, HUB_PLACE_ASK, STEP(&p, RESUMED));
    EXPECT(&p, ASKING, 0, LATE(&p, ticket, CLAIMED, .fence = 7));
}

static void what_is_lost_and_not_needed_is_forgotten(void **state) {
    struct hub_place p = lost();
    (void)state;
    EXPECT(&p, LOST, 0, STEP(&p, UNNEEDED));
    EXPECT(&p, UNKNOWN, HUB_PLACE_RELEASE | HUB_PLACE_DISOWN, STEP(&p, RESUMED));
    p = lost();
    EXPECT(&p, LOST, 0, STEP(&p, OWNED, .node = ANN, .fence = 9));
    EXPECT(&p, LOST, 0, STEP(&p, OWNER_GONE, .node = ANN));
    EXPECT(&p, ASKING, HUB_PLACE_ASK, STEP(&p, RESUMED));
}

/* ---- every state, every event ---- */

static void what_others_bring_is_served_kept_or_turned_away(void **state) {
    static const struct {
        const char *name;
        enum hub_place_reception reception;
    } expected[HUB_PLACE_STATE_COUNT] = {{"unknown", HUB_PLACE_TURN_AWAY}, {"asking", HUB_PLACE_KEEP},
                                         {"claiming", HUB_PLACE_KEEP},     {"owner", HUB_PLACE_SERVE},
                                         {"freezing", HUB_PLACE_KEEP},     {"edge", HUB_PLACE_TURN_AWAY},
                                         {"lost", HUB_PLACE_KEEP}};
    (void)state;
    for (int s = 0; s < HUB_PLACE_STATE_COUNT; s++) {
        struct hub_place p = in_state((enum hub_place_state)s);
        assert_string_equal(hub_place_state_name(p.state), expected[s].name);
        assert_int_equal(hub_place_receives(&p), expected[s].reception);
    }
}

/* Events that may come at any time, in any state: they end in a state and say what to do, without a bug.
 * Answers are those of earlier questions. */
static void any_event_may_come_late(void **state) {
    (void)state;
    for (int from = 0; from < HUB_PLACE_STATE_COUNT; from++)
        for (int kind = 0; kind < HUB_PLACE_EVENT_COUNT; kind++) {
            struct hub_place p = in_state((enum hub_place_state)from);
            p.ticket += 10;
            if (kind == HUB_PLACE_RESUMED && from != HUB_PLACE_LOST) continue;
            const struct hub_place_event e = {
                .kind = (enum hub_place_event_kind)kind, .node = BOB, .ticket = 1, .term = 3, .fence = 1};
            unsigned todo = hub_place_step(&p, &e);
            assert_true(p.state < HUB_PLACE_STATE_COUNT);
            if (todo & (HUB_PLACE_GREET | HUB_PLACE_PART)) assert_int_equal(strlen(p.owner), HUB_NODE_ID_LEN);
            if (todo & HUB_PLACE_RELEASE) assert_true(p.released);
            if (todo & HUB_PLACE_ASK) assert_int_equal(p.state, HUB_PLACE_ASKING);
            if (todo & HUB_PLACE_CLAIM) assert_int_equal(p.state, HUB_PLACE_CLAIMING);
            if (todo & HUB_PLACE_OPEN) assert_int_equal(p.state, HUB_PLACE_OWNER);
        }
}

static bool is_bug(struct hub_place p, const struct hub_place_event *e) {
    int status;
    pid_t pid = fork();
    if (!pid) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        HUB_UNUSED(close(STDERR_FILENO), "what it says is not looked at");
        signal(SIGABRT, SIG_DFL);
        HUB_UNUSED(hub_place_step(&p, e), "it does not come back");
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return !WIFEXITED(status) || WEXITSTATUS(status);
}

static void an_impossible_step_ends_the_process(void **state) {
    struct hub_place p = owner();
    (void)state;
    assert_true(is_bug(p, &(struct hub_place_event){.kind = HUB_PLACE_RESUMED}));
    assert_true(is_bug(p, &(struct hub_place_event){.kind = HUB_PLACE_NAMED_SELF, .ticket = p.ticket}));
    assert_true(is_bug(p, &(struct hub_place_event){.kind = HUB_PLACE_CLAIMED, .ticket = p.ticket + 1}));
    assert_true(is_bug(p, &(struct hub_place_event){.kind = HUB_PLACE_DRAIN, .node = HUB_STR("x")}));
    assert_true(is_bug(asking(), &(struct hub_place_event){.kind = HUB_PLACE_EVENT_COUNT}));
    assert_false(is_bug(p, &(struct hub_place_event){.kind = HUB_PLACE_NEEDED}));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_named_claims_and_runs_by_the_fence),
        cmocka_unit_test(a_claim_that_fails_is_given_back_and_asked_for_later),
        cmocka_unit_test(an_owner_that_cannot_write_gives_it_to_another_node),
        cmocka_unit_test(a_refused_write_ends_the_ownership_that_it_was_of),
        cmocka_unit_test(a_higher_fence_of_another_node_ends_it_too),
        cmocka_unit_test(nobody_needs_it_and_its_name_is_given_back),
        cmocka_unit_test(a_drained_place_goes_to_its_successor),
        cmocka_unit_test(one_that_was_not_taken_needs_a_new_fence),
        cmocka_unit_test(whoever_is_handed_a_place_claims_it),
        cmocka_unit_test(an_edge_asks_anew_when_its_owner_is_gone),
        cmocka_unit_test(who_says_that_it_is_not_the_owner_is_not_to_be_named_again),
        cmocka_unit_test(an_edge_follows_the_higher_fence),
        cmocka_unit_test(an_owner_that_speaks_up_answers_the_question),
        cmocka_unit_test(no_answer_is_asked_for_again),
        cmocka_unit_test(with_the_lease_everything_is_lost_and_nothing_said),
        cmocka_unit_test(an_answer_from_before_the_lapse_gives_nothing),
        cmocka_unit_test(what_is_lost_and_not_needed_is_forgotten),
        cmocka_unit_test(what_others_bring_is_served_kept_or_turned_away),
        cmocka_unit_test(any_event_may_come_late),
        cmocka_unit_test(an_impossible_step_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
