/* Transactions of scripts on an engine of fakes: what is written when, and what becomes of one that is
 * dropped, that meets another, or whose end nobody knows. */
#include "fake_hub.h"
#include "hub/record/record_int.h"
#include "hub/transaction/transaction_int.h"

#define HUB                                                          \
    "roomSettings: {roomDataObject: room}\n"                         \
    "messageSettings: {messageTypes: [text]}\n"                      \
    "hubExtensions:\n"                                               \
    "  records:\n"                                                   \
    "    - {pattern: 'a:{id}', canRead: 'true', canWrite: 'true'}\n" \
    "    - {pattern: 's:{id}', canRead: 'true', dataObject: seat}\n" \
    "    - {pattern: 'g:{id}', canRead: params.id}\n"                \
    "    - {pattern: 'p:{id}', persist: false}\n"

#define SEAT "{\"id\":\"1\",\"userId\":\"ann\",\"roomId\":\"r1\",\"isActive\":true}"

/* ---- as scripts call ---- */

struct script {
    struct hub_host_call call;
    struct hub_host_tx *tx;
    struct hub_caller *caller; /* may be NULL */
    int answers;
    enum hub_code code;
    char text[500];
};

static struct fake_hub *transactions_new(void) {
    fake_service_more = "queues: [{name: work, script: job.data}]\n";
    struct fake_hub *f = fake_hub_new(HUB);
    fake_settle(f);
    return f;
}

static void on_answer(struct hub_host_call *call, enum hub_code code, json_t *result, const char *text) {
    struct script *s = HUB_CONTAINER(call, struct script, call);
    struct hub_buf json = {0};
    if (result) hub_json_add(&json, result);
    snprintf(s->text, sizeof s->text, "%s", code ? text : hub_buf_cstr(&json));
    s->code = code;
    s->answers++;
    hub_buf_free(&json);
    json_decref(result);
}

/* NAME is "objects.find". It need not be answered when this returns. */
static void begin(struct fake_hub *f, struct script *s, const char *name, const char *args) {
    struct hub_str rest = hub_cstr(name), table;
    assert_true(hub_str_split(&rest, '.', &table));
    json_decref(s->call.args);
    s->answers = 0;
    s->call = (struct hub_host_call){
        .args = hub_json_parse(hub_cstr(args), NULL), .done = on_answer, .tx = &s->tx, .caller = s->caller};
    assert_non_null(s->call.args);
    struct hub_caller *caller = hub_xcalloc(1, sizeof *caller); /* as a guard's: gone when the function returns */
    if (s->caller)
        *caller = *s->caller;
    else
        caller->hub = f->engine->hub_n ? f->engine->hubs[0] : NULL;
    s->call.caller = caller;
    for (const struct hub_host_fn *fn = hub_transactions_part.host_within; fn->table; fn++)
        if (hub_str_is(table, fn->table) && hub_str_is(rest, fn->name)) fn->call(f->engine, &s->call);
    s->call.tx = NULL; /* as it is for whoever answers later */
    free(caller);
}

static const char *ask(struct fake_hub *f, struct script *s, const char *name, const char *args) {
    begin(f, s, name, args);
    fake_settle(f);
    assert_int_equal(s->answers, 1);
    return s->text;
}

static void says(struct fake_hub *f, struct script *s, const char *name, const char *args, const char *what) {
    const char *text = ask(f, s, name, args);
    if (!strstr(text, what)) fail_msg("%s %s: \"%s\" is not in %s", name, args, what, text);
}

static void end_script(struct script *s) {
    if (s->tx) s->tx->drop(s->tx);
    s->tx = NULL;
    json_decref(s->call.args);
    s->call.args = NULL;
}

static void start(struct fake_hub *f, struct script *s) {
    end_script(s);
    *s = (struct script){0};
    assert_string_equal(ask(f, s, "db.transaction", "[\"begin\"]"), "");
    assert_non_null(s->tx);
}

/* The answer of the commit: empty when it is through, the key at which it has met somebody else, or an
 * error. */
static const char *commit(struct fake_hub *f, struct script *s) {
    ask(f, s, "db.transaction", "[\"commit\"]");
    assert_null(s->tx);
    return s->text;
}

static void on_reloaded(void *arg) { *(bool *)arg = true; }

/* ---- tests ---- */

static void nothing_is_written_before_the_commit_and_then_all_of_it(void **state) {
    struct fake_hub *f = transactions_new();
    struct script s = {0};
    (void)state;
    fake_store_add(&f->store, fake_table(f, "seat"), SEAT);
    size_t writes = f->store.asked[FAKE_WRITE];
    start(f, &s);
    says(f, &s, "objects.find", "[\"seat\",\"1\"]", "\"roomId\":\"r1\"");
    says(f, &s, "objects.update", "[\"seat\",\"1\",{\"roomId\":\"r2\"}]", "\"roomId\":\"r2\"");
    says(f, &s, "objects.create", "[\"seat\",{\"id\":\"2\",\"userId\":\"bob\",\"roomId\":\"r1\"}]",
         "\"userId\":\"bob\"");
    says(f, &s, "records.write", "[\"a:1\",{\"n\":1}]", "\"version\":1,\"changed\":true");
    says(f, &s, "queues.add", "[\"work\",1,{\"id\":\"j\"}]", "\"state\":\"waiting\"");
    assert_int_equal(f->store.asked[FAKE_WRITE], writes);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    assert_string_equal(commit(f, &s), "");
    assert_int_equal(s.code, HUB_OK);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1); /* the job's */
    start(f, &s);
    says(f, &s, "objects.find", "[\"seat\",\"1\"]", "\"roomId\":\"r2\"");
    says(f, &s, "records.get", "[\"a:1\"]", "\"version\":1,\"value\":{\"n\":1}");
    end_script(&s);
    start(f, &s); /* the first of the group is no check */
    says(f, &s, "objects.create", "[\"seat\",{\"userId\":\"eve\",\"roomId\":\"r1\"}]", "eve");
    says(f, &s, "records.write", "[\"a:3\",1]", "\"version\":1");
    assert_string_equal(commit(f, &s), "");
    start(f, &s);
    says(f, &s, "objects.create", "[\"seat\",{\"userId\":\"eve\",\"roomId\":\"r1\"}]", "eve");
    assert_string_equal(commit(f, &s), "");
    start(f, &s);
    says(f, &s, "objects.list", "[\"seat\",{\"userId\":\"eve\"}]", "},{");
    end_script(&s);
    fake_script_end(&f->scripts, HUB_OK, NULL);
    fake_settle(f);
    fake_hub_free(f);
}

static void what_has_changed_meanwhile_is_named(void **state) {
    struct fake_hub *f = transactions_new();
    struct script s = {0}, other = {0};
    (void)state;
    fake_store_add(&f->store, fake_table(f, "seat"), SEAT);
    start(f, &s);
    start(f, &other);
    says(f, &s, "objects.find", "[\"seat\",\"1\"]", "r1");
    says(f, &s, "records.get", "[\"a:1\"]", "\"version\":0");
    says(f, &s, "records.write", "[\"a:2\",1]", "\"version\":1");
    says(f, &other, "objects.update", "[\"seat\",\"1\",{\"roomId\":\"r9\"}]", "r9");
    assert_string_equal(commit(f, &other), "");
    assert_string_equal(commit(f, &s), "\"seat/1\"");
    start(f, &s);
    start(f, &other);
    says(f, &s, "records.write", "[\"a:1\",1]", "\"version\":1");
    says(f, &s, "objects.delete", "[\"seat\",\"1\"]", "r9");
    says(f, &other, "records.write", "[\"a:1\",2]", "\"version\":1");
    assert_string_equal(commit(f, &other), "");
    assert_string_equal(commit(f, &s), "\"a:1\"");
    start(f, &s);
    says(f, &s, "objects.find", "[\"seat\",\"1\"]", "r9");
    says(f, &s, "records.get", "[\"a:2\"]", "\"version\":0");
    end_script(&s);
    end_script(&other);
    fake_hub_free(f);
}

/* A group of one write is no other group than one of several: whoever was faster is met, and nothing is told
 * that was not done. RECORDS: a record that was read is committed with it. */
static void begin_single(struct fake_hub *f, struct script *s, bool records) {
    start(f, s);
    if (records) says(f, s, "records.get", "[\"a:1\"]", "\"version\":0");
}

static void commit_other(struct fake_hub *f, const char *name, const char *args) {
    struct script other = {0};
    start(f, &other);
    says(f, &other, name, args, "");
    assert_string_equal(commit(f, &other), "");
    end_script(&other);
}

static void a_single_write_meets_others_too(void **state) {
    (void)state;
    for (int records = 0; records < 2; records++) {
        struct fake_hub *f = transactions_new();
        struct script s = {0};
        fake_store_add(&f->store, fake_table(f, "seat"), SEAT);
        begin_single(f, &s, records);
        says(f, &s, "queues.add", "[\"work\",1,{\"id\":\"j\",\"delayMs\":1000000}]", "delayed");
        commit_other(f, "queues.add", "[\"work\",2,{\"id\":\"j\",\"delayMs\":1000000}]");
        assert_string_equal(commit(f, &s), "\"job j\"");
        begin_single(f, &s, records);
        says(f, &s, "queues.cancel", "[\"j\"]", "true");
        commit_other(f, "queues.cancel", "[\"j\"]");
        assert_string_equal(commit(f, &s), "\"job j\"");
        begin_single(f, &s, records);
        says(f, &s, "objects.find", "[\"seat\",\"1\"]", "r1");
        says(f, &s, "queues.add", "[\"work\",1,{\"id\":\"k\"}]", "waiting");
        says(f, &s, "queues.cancel", "[\"k\"]", "true");
        commit_other(f, "objects.update", "[\"seat\",\"1\",{\"roomId\":\"r9\"}]");
        assert_string_equal(commit(f, &s), "\"seat/1\"");
        end_script(&s);
        fake_hub_free(f);
    }
}

static void a_job_that_it_has_cancelled_is_so_for_whoever_adds_it(void **state) {
    struct fake_hub *f = transactions_new();
    struct script s = {0};
    (void)state;
    commit_other(f, "queues.add", "[\"work\",1,{\"id\":\"j\",\"delayMs\":1000000}]");
    start(f, &s);
    says(f, &s, "queues.cancel", "[\"j\"]", "true");
    says(f, &s, "queues.get", "[\"j\"]", "\"state\":\"cancelled\"");
    says(f, &s, "queues.add", "[\"work\",1,{\"id\":\"j\"}]", "\"state\":\"cancelled\"");
    end_script(&s);
    fake_hub_free(f);
}

static void there_is_nothing_to_cancel_without_queues(void **state) {
    fake_service_more = "";
    struct fake_hub *f = fake_hub_new(HUB);
    struct script s = {0};
    (void)state;
    fake_settle(f);
    start(f, &s);
    assert_string_equal(ask(f, &s, "queues.cancel", "[\"j\"]"), "false");
    assert_string_equal(ask(f, &s, "queues.get", "[\"j\"]"), "");
    end_script(&s);
    fake_hub_free(f);
}

/* Whatever it was waiting for still comes, and finds nobody. */
static void one_that_is_dropped_leaves_nothing(void **state) {
    struct fake_hub *f = transactions_new();
    struct script s = {0};
    (void)state;
    fake_store_add(&f->store, fake_table(f, "seat"), SEAT);
    static const struct {
        const char *name, *args;
    } waiting[] = {{"objects.find", "[\"seat\",\"1\"]"},
                   {"objects.list", "[\"seat\"]"},
                   {"objects.delete", "[\"seat\",\"1\"]"},
                   {"records.write", "[\"a:1\",1]"},
                   {"records.patch", "[\"a:2\",[]]"},
                   {"records.delete", "[\"a:3\"]"},
                   {"queues.add", "[\"work\",1,{\"id\":\"j\"}]"},
                   {"queues.cancel", "[\"j\"]"}};
    for (size_t i = 0; i < HUB_NELEM(waiting); i++) {
        start(f, &s);
        says(f, &s, "objects.create", "[\"seat\",{\"userId\":\"bob\",\"roomId\":\"r1\"}]", "bob");
        says(f, &s, "queues.add", "[\"work\",1]", "waiting");
        fake_store_hold(&f->store, true);
        begin(f, &s, waiting[i].name, waiting[i].args);
        struct hub_host_tx *tx = s.tx;
        s.tx = NULL;
        tx->drop(tx);
        fake_store_hold(&f->store, false);
        fake_settle(f);
        assert_int_equal(s.answers, 1);
        end_script(&s);
    }
    start(f, &s);
    says(f, &s, "objects.list", "[\"seat\"]", "[{\"id\":\"1\"");
    assert_null(strstr(s.text, "bob"));
    end_script(&s);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    fake_hub_free(f);
}

static void a_lost_store_fails_it_whole(void **state) {
    struct fake_hub *f = transactions_new();
    struct script s = {0};
    (void)state;
    for (int records = 0; records < 2; records++) {
        start(f, &s);
        says(f, &s, "objects.create", "[\"seat\",{\"id\":\"2\",\"userId\":\"bob\",\"roomId\":\"r1\"}]", "bob");
        if (records) says(f, &s, "records.write", "[\"a:1\",1]", "\"version\":1");
        f->store.away = HUB_STORE_UNAVAILABLE;
        commit(f, &s);
        assert_int_equal(s.code, HUB_STORE_UNAVAILABLE);
        f->store.away = HUB_OK;
        end_script(&s);
    }
    fake_hub_free(f);
}

/* The script is told to wait no longer; what turns out to have been done is told to everybody else. */
static void an_unknown_end_is_told_when_it_is_known(void **state) {
    (void)state;
    for (int records = 0; records < 2; records++)
        for (int done = 0; done < 2; done++) {
            struct fake_hub *f = transactions_new();
            struct script s = {0};
            start(f, &s);
            if (records) says(f, &s, "records.write", "[\"a:1\",1]", "\"version\":1");
            says(f, &s, "queues.add", "[\"work\",1]", "waiting");
            fake_store_hold(&f->store, true);
            begin(f, &s, "db.transaction", "[\"commit\"]");
            fake_settle(f);
            fake_store_undecided(&f->store);
            fake_settle(f);
            assert_int_equal(s.answers, 1);
            assert_int_equal(s.code, HUB_STORE_UNDECIDED);
            assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
            if (done)
                fake_store_answer(&f->store);
            else
                fake_store_fail(&f->store, HUB_STORE_UNAVAILABLE, "lost");
            fake_store_hold(&f->store, false);
            fake_settle(f);
            assert_int_equal(s.answers, 1);
            assert_int_equal(fake_scripts_waiting(&f->scripts), done);
            if (done) fake_script_end(&f->scripts, HUB_OK, NULL);
            fake_settle(f);
            start(f, &s);
            says(f, &s, "records.get", "[\"a:1\"]", records && done ? "\"version\":1" : "\"version\":0");
            end_script(&s);
            fake_hub_free(f);
        }
}

/* It checks a row whose version could not be noted. */
static void a_version_that_nobody_knows_of_is_no_unknown_end(void **state) {
    struct fake_hub *f = transactions_new();
    const struct hub_table *seat = fake_table(f, "seat");
    json_t *row = hub_json_parse(hub_cstr(SEAT), NULL);
    struct script s = {0};
    (void)state;
    fake_store_add(&f->store, seat, SEAT);
    start(f, &s);
    says(f, &s, "records.get", "[\"s:1\"]", "\"version\":1");
    says(f, &s, "records.write", "[\"a:1\",1]", "\"version\":1");
    fake_store_remove(&f->store, seat, "1");
    fake_store_add(&f->store, seat, "{\"id\":\"1\",\"userId\":\"bob\",\"roomId\":\"r1\",\"isActive\":true}");
    hub_record_row_changed(f->engine, seat, row);
    fake_store_hold(&f->store, true);
    begin(f, &s, "db.transaction", "[\"commit\"]");
    fake_settle(f);
    for (; !fake_store_first(&f->store)->write; fake_settle(f)) fake_store_answer(&f->store);
    fake_store_fail(&f->store, HUB_STORE_UNDECIDED, "away");
    fake_store_hold(&f->store, false);
    fake_settle(f);
    assert_int_equal(s.answers, 1);
    assert_int_equal(s.code, HUB_STORE_UNAVAILABLE);
    start(f, &s);
    says(f, &s, "records.get", "[\"a:1\"]", "\"version\":0");
    says(f, &s, "records.get", "[\"s:1\"]", "\"version\":2");
    end_script(&s);
    json_decref(row);
    fake_hub_free(f); /* nothing is under way */
}

/* As one does that reads without. */
static void a_guard_that_reads_by_one_is_asked_again(void **state) {
    static const char *const names[] = {"a:1", "a:2"};
    struct fake_hub *f = transactions_new();
    struct fake_client ann;
    struct script s = {0}, other = {0};
    char args[64];
    (void)state;
    client_connect(f, &ann, "ann");
    int ack = client_says(&ann, "hub:subscribeRecord", "{\"recordId\":\"g:1\"}");
    fake_settle(f);
    start(f, &s);
    s.caller = (void *)(uintptr_t)fake_script_first(&f->scripts)->caller;
    says(f, &s, "records.get", "[\"a:1\"]", "\"version\":0");
    says(f, &s, "records.get", "[\"\"]", "the id is");
    says(f, &s, "records.get", "[\"a:2\"]", "\"version\":0");
    end_script(&s);
    fake_script_end(&f->scripts, HUB_OK, "true");
    client_is_answered(&ann, ack, "\"ok\":true");
    start(f, &other);
    for (size_t i = 0; i < HUB_NELEM(names); i++) {
        snprintf(args, sizeof args, "[\"%s\",1]", names[i]);
        says(f, &other, "records.write", args, "\"version\":1");
    }
    assert_string_equal(commit(f, &other), "");
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    fake_script_end(&f->scripts, HUB_OK, "false");
    client_hears(&ann, "[\"hub:unsubscribed\",{\"recordId\":\"g:1\",\"reason\":\"not_allowed\"}]");
    end_script(&other);
    fake_hub_free(f);
}

/* The definitions it was begun by hold until its end. */
static void a_reload_in_its_midst_waits_for_its_end(void **state) {
    struct fake_hub *f = transactions_new();
    struct script s = {0};
    bool reloaded = false;
    (void)state;
    fake_store_add(&f->store, fake_table(f, "seat"), SEAT);
    start(f, &s);
    says(f, &s, "objects.update", "[\"seat\",\"1\",{\"roomId\":\"r2\"}]", "\"roomId\":\"r2\"");
    says(f, &s, "records.write", "[\"a:1\",{\"n\":1}]", "\"version\":1");
    fake_store_hold(&f->store, true);
    begin(f, &s, "objects.find", "[\"seat\",\"2\"]");
    hub_engine_reload(f->engine, f->service, f->tables, f->engine->config.scripts, on_reloaded, &reloaded);
    fake_settle(f);
    assert_int_not_equal(hub_engine_pending(f->engine), 0);
    fake_store_hold(&f->store, false);
    fake_settle(f);
    assert_int_equal(s.answers, 1);
    assert_true(reloaded);
    assert_int_not_equal(hub_engine_pending(f->engine), 0); /* its tables may not be freed */
    says(f, &s, "queues.add", "[\"work\",1,{\"id\":\"j\",\"delayMs\":1000000}]", "delayed");
    assert_string_equal(commit(f, &s), "");
    assert_int_equal(s.code, HUB_OK);
    assert_int_equal(hub_engine_pending(f->engine), 0);
    start(f, &s);
    says(f, &s, "objects.find", "[\"seat\",\"1\"]", "\"roomId\":\"r2\"");
    says(f, &s, "records.get", "[\"a:1\"]", "\"version\":1");
    says(f, &s, "queues.get", "[\"j\"]", "delayed");
    end_script(&s);
    fake_hub_free(f);
}

/* What was begun is carried out; its job waits for the next process. */
static void a_drain_in_its_midst_lets_it_end(void **state) {
    struct fake_hub *f = transactions_new();
    struct script s = {0};
    (void)state;
    fake_store_add(&f->store, fake_table(f, "seat"), SEAT);
    start(f, &s);
    says(f, &s, "objects.update", "[\"seat\",\"1\",{\"roomId\":\"r2\"}]", "\"roomId\":\"r2\"");
    hub_engine_drain(f->engine, 1000);
    fake_settle(f);
    assert_int_not_equal(hub_engine_pending(f->engine), 0);
    says(f, &s, "records.write", "[\"a:1\",{\"n\":1}]", "\"version\":1");
    says(f, &s, "queues.add", "[\"work\",1,{\"id\":\"j\"}]", "waiting");
    assert_string_equal(commit(f, &s), "");
    assert_int_equal(s.code, HUB_OK);
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 0);
    assert_int_equal(hub_engine_pending(f->engine), 0);
    start(f, &s);
    says(f, &s, "objects.find", "[\"seat\",\"1\"]", "\"roomId\":\"r2\"");
    says(f, &s, "records.get", "[\"a:1\"]", "\"version\":1");
    says(f, &s, "queues.get", "[\"j\"]", "waiting");
    end_script(&s);
    fake_hub_free(f);
}

static void it_has_an_end_of_what_it_holds(void **state) {
    struct fake_hub *f = transactions_new();
    struct script s = {0};
    char args[64];
    (void)state;
    start(f, &s);
    for (int i = 0; i < HUB_TX_ITEMS; i++) {
        snprintf(args, sizeof args, "[\"seat\",\"x%d\"]", i);
        assert_string_equal(ask(f, &s, "objects.find", args), "");
    }
    says(f, &s, "objects.find", "[\"seat\",\"x0\"]", "");
    assert_int_equal(s.code, HUB_OK);
    says(f, &s, "objects.find", "[\"seat\",\"more\"]", "at most 200");
    says(f, &s, "records.get", "[\"a:1\"]", "at most 200");
    says(f, &s, "queues.add", "[\"work\",1]", "at most 200");
    says(f, &s, "objects.create", "[\"seat\",{\"userId\":\"bob\",\"roomId\":\"r1\"}]", "at most 200");
    assert_string_equal(commit(f, &s), "");
    end_script(&s);
    fake_hub_free(f);
}

static void records_elsewhere_are_not_changed_with_others(void **state) {
    struct fake_hub *f = transactions_new();
    struct script s = {0};
    (void)state;
    start(f, &s);
    says(f, &s, "records.get", "[\"p:1\"]", "\"version\":0");
    says(f, &s, "records.write", "[\"p:1\",1]", "persist: false");
    says(f, &s, "records.delete", "[\"s:1\"]", "functions of objects");
    says(f, &s, "db.transaction", "[\"begin\"]", "inside another one");
    says(f, &s, "db.transaction", "[\"over\"]", "");
    assert_null(s.tx);
    end_script(&s);
    fake_hub_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_written_before_the_commit_and_then_all_of_it),
        cmocka_unit_test(what_has_changed_meanwhile_is_named),
        cmocka_unit_test(a_single_write_meets_others_too),
        cmocka_unit_test(a_job_that_it_has_cancelled_is_so_for_whoever_adds_it),
        cmocka_unit_test(there_is_nothing_to_cancel_without_queues),
        cmocka_unit_test(one_that_is_dropped_leaves_nothing),
        cmocka_unit_test(a_lost_store_fails_it_whole),
        cmocka_unit_test(an_unknown_end_is_told_when_it_is_known),
        cmocka_unit_test(a_version_that_nobody_knows_of_is_no_unknown_end),
        cmocka_unit_test(a_guard_that_reads_by_one_is_asked_again),
        cmocka_unit_test(a_reload_in_its_midst_waits_for_its_end),
        cmocka_unit_test(a_drain_in_its_midst_lets_it_end),
        cmocka_unit_test(it_has_an_end_of_what_it_holds),
        cmocka_unit_test(records_elsewhere_are_not_changed_with_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
