/* Channels on fakes: what waits, what is refused, what is let go. */
#include "fake_hub.h"
#include "hub/channel/channel_int.h"

#define HUB                                                                              \
    "roomSettings: {roomDataObject: room, authScripts: [{name: all, script: 'true'}]}\n" \
    "hubExtensions:\n"                                                                   \
    "  channels:\n"                                                                      \
    "    - {pattern: 'open:{x}', canPublish: 'session.x == 1', history: 3}\n"            \
    "    - {pattern: 'asked:{x}', canSubscribe: 'session.later'}\n"                      \
    "    - {pattern: 'kept:{x}', persist: true}\n"                                       \
    "    - {pattern: 'both:{x}', canSubscribe: 'session.later', canPublish: 'session.later', persist: true}\n"

static struct hub_channel *channel_of(const struct fake_hub *f, const char *name) {
    return hub_channel_find(f->engine, hub_cstr(name));
}

static void end_guard(struct fake_hub *f, const char *result) {
    fake_script_end(&f->scripts, HUB_OK, result);
    fake_settle(f);
}

static void what_is_unsubscribed_while_its_guard_is_asked_is_refused(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    int ack = client_says(&ann, "hub:subscribe", "{\"channel\":\"asked:1\"}");
    client_waits_for(&ann, ack);
    client_does(&ann, "hub:subscribe", "{\"channel\":\"asked:1\"}", "\"code\":\"bad_request\"");
    client_does(&ann, "hub:unsubscribe", "{\"channel\":\"asked:1\"}", "\"ok\":true");
    end_guard(f, "true");
    client_is_answered(&ann, ack, "\"code\":\"not_allowed\"");
    assert_null(channel_of(f, "asked:1"));
    fake_hub_free(f);
}

static void a_connection_that_closes_meanwhile_leaves_nothing(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    client_says(&ann, "hub:subscribe", "{\"channel\":\"asked:1\"}");
    client_says(&ann, "hub:subscribe", "{\"channel\":\"asked:2\"}");
    client_hang_up(&ann);
    while (fake_scripts_waiting(&f->scripts)) end_guard(f, "true");
    assert_null(channel_of(f, "asked:1"));
    assert_int_equal(hub_map_len(&hub_channels_of(f->engine)->map), 0);
    fake_hub_free(f);
}

static void guards_are_asked_again_one_after_the_other(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    for (int i = 1; i <= 3; i++) {
        char args[60];
        snprintf(args, sizeof args, "{\"channel\":\"asked:%d\"}", i);
        int ack = client_says(&ann, "hub:subscribe", args);
        fake_settle(f);
        end_guard(f, "true");
        client_is_answered(&ann, ack, "\"ok\":true");
    }
    int refresh = client_says(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:guest\"}");
    fake_settle(f);
    assert_int_equal(fake_scripts_waiting(&f->scripts), 1);
    end_guard(f, "true");
    end_guard(f, "false");
    client_hears(&ann, "[\"hub:unsubscribed\",{\"channel\":\"asked:2\",\"reason\":\"not_allowed\"}]");
    client_waits_for(&ann, refresh); /* nothing passes by the old token once it is answered */
    end_guard(f, "true");
    client_is_answered(&ann, refresh, "\"ok\":true");
    assert_null(channel_of(f, "asked:2"));
    fake_hub_free(f);
}

/* The past is read from a store that takes its time; who asked for it has lost the right meanwhile. */
static void rights_that_change_before_the_answer_are_asked_for(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    for (int allowed = 0; allowed < 2; allowed++) {
        fake_store_hold(&f->store, true);
        int ack = client_says(&ann, "hub:subscribe", allowed ? "{\"channel\":\"both:1\"}" : "{\"channel\":\"both:0\"}");
        fake_settle(f);
        end_guard(f, "true");
        int refresh = client_says(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:guest\"}");
        fake_settle(f);
        client_is_answered(&ann, refresh, "\"ok\":true");
        fake_store_hold(&f->store, false);
        client_waits_for(&ann, ack);
        end_guard(f, allowed ? "true" : "false");
        client_is_answered(&ann, ack, allowed ? "\"ok\":true" : "\"code\":\"not_allowed\"");
    }
    assert_int_equal(channel_of(f, "both:0")->sub_n, 0);
    assert_int_equal(channel_of(f, "both:1")->sub_n, 1);
    fake_hub_free(f);
}

/* The identity that a guard let through may be replaced, and gone, while the channel is loaded. */
static void who_publishes_is_whom_the_guard_let_through(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    int ack = client_says(&ann, "hub:publish", "{\"channel\":\"both:1\",\"data\":7}");
    int refresh = client_says(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:guest\"}");
    client_is_answered(&ann, refresh, "\"ok\":true");
    end_guard(f, "true"); /* of the old token, and so it is asked again */
    fake_store_hold(&f->store, true);
    end_guard(f, "true");
    refresh = client_says(&ann, "hub:refreshToken", "{\"token\":\"dev:ann:member\"}");
    client_is_answered(&ann, refresh, "\"ok\":true");
    client_hang_up(&ann);
    fake_store_hold(&f->store, false);
    fake_settle(f);
    (void)ack;
    assert_int_equal(channel_of(f, "both:1")->sequence.number, 1);
    fake_hub_free(f);
}

static int64_t last_number;
static void on_published(void *arg, enum hub_code code, const char *error, int64_t number) {
    (void)arg, (void)error;
    assert_int_equal(code, HUB_OK);
    last_number = number;
}

static void publish(struct fake_hub *f, const char *name, const char *data) {
    hub_channel_publish(channel_of(f, name), NULL, hub_cstr(data), on_published, NULL);
    fake_settle(f);
}

static void what_is_kept_in_memory_has_an_end(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:subscribe", "{\"channel\":\"open:1\"}", "\"offset\":0");
    for (int i = 0; i < 5; i++) publish(f, "open:1", "7");
    assert_int_equal(last_number, 5);
    assert_int_equal(channel_of(f, "open:1")->kept_n, 3);
    client_does(&ann, "hub:channelHistory", "{\"channel\":\"open:1\"}", "\"offset\":3");
    fake_pass(f, 86400 * 1000 + 30000);
    assert_int_equal(channel_of(f, "open:1")->kept_n, 0);
    assert_int_equal(hub_channels_of(f->engine)->kept_bytes, 0);
    fake_hub_free(f);
}

/* As a reload does that says persist: false. */
static void keep_in_memory(struct fake_hub *f, const char *pattern) {
    struct hub_def_parts *p = &f->service->hubs[0].parts;
    for (size_t i = 0; i < p->channel_n; i++)
        if (!strcmp(p->channels[i].pattern.text, pattern)) p->channels[i].persist = false;
    hub_channels_reloaded(f->engine);
    fake_settle(f);
}

static void a_channel_that_is_moved_while_it_is_loaded_has_the_numbers_of_its_new_place(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    fake_counter_of(&f->store, "fake:channels", HUB_STR("kept:1"))->number = 7;
    fake_store_hold(&f->store, true);
    int ack = client_says(&ann, "hub:subscribe", "{\"channel\":\"kept:1\"}");
    client_waits_for(&ann, ack);
    keep_in_memory(f, "kept:{x}");
    fake_store_hold(&f->store, false);
    client_is_answered(&ann, ack, "\"offset\":0");
    fake_hub_free(f);
}

static void a_message_that_is_on_its_way_to_the_old_place_has_no_number_in_the_new_one(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:subscribe", "{\"channel\":\"kept:1\"}", "\"offset\":0");
    publish(f, "kept:1", "1");
    fake_store_hold(&f->store, true);
    publish(f, "kept:1", "2");
    keep_in_memory(f, "kept:{x}");
    client_hears(&ann, "hub:unsubscribed");
    client_does(&ann, "hub:subscribe", "{\"channel\":\"kept:1\"}", "\"offset\":0");
    publish(f, "kept:1", "1");
    client_forgets(&ann);
    fake_store_hold(&f->store, false);
    client_hears(&ann, "hub:unsubscribed");
    client_hears_nothing_of(&ann, "hub:channelMessage");
    client_does(&ann, "hub:subscribe", "{\"channel\":\"kept:1\"}", "\"offset\":0");
    assert_int_equal(channel_of(f, "kept:1")->kept_n, 0);
    publish(f, "kept:1", "3");
    client_hears(&ann, "[\"hub:channelMessage\",{\"channel\":\"kept:1\",\"offset\":1");
    fake_hub_free(f);
}

/* As a reload does that leaves no channel in the store. */
static void keep_nothing(struct fake_hub *f) {
    f->service->hubs[0].parts.channel_n = 2; /* open, asked */
    f->tables->channel = NULL;
    hub_channels_reloaded(f->engine);
    fake_settle(f);
}

static void what_is_under_way_ends_when_no_channel_is_in_the_store_any_more(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client all[2];
    int acks[2][4];
    (void)state;
    for (int i = 0; i < 2; i++) client_connect(f, &all[i], i ? "bob" : "ann");
    client_does(&all[0], "hub:subscribe", "{\"channel\":\"kept:1\"}", "\"offset\":0");
    for (int i = 0; i < 20; i++) publish(f, "kept:1", "1");
    fake_store_hold(&f->store, true);
    int last = client_says(&all[0], "hub:publish", "{\"channel\":\"both:1\",\"data\":7}");
    end_guard(f, "true");       /* the channel is being loaded */
    for (int i = 0; i < 8; i++) /* some of these wait for their turn */
        acks[i % 2][i / 2] = client_says(&all[i % 2], "hub:channelHistory", "{\"channel\":\"kept:1\",\"limit\":1000}");
    fake_settle(f);
    keep_nothing(f);
    client_hears(&all[0], "[\"hub:unsubscribed\",{\"channel\":\"kept:1\",\"reason\":\"not_found\"}]");
    fake_store_hold(&f->store, false);
    for (int i = 0; i < 8; i++) client_is_answered(&all[i % 2], acks[i % 2][i / 2], "\"ok\":");
    client_is_answered(&all[0], last, "\"offset\":1");
    for (int i = 0; i < 2; i++) client_hang_up(&all[i]);
    fake_hub_free(f);
}

/* What is over is taken out of the store a thousand rows at a time. */
static void old_messages_are_taken_out_of_the_store_in_batches(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    int64_t *history = &f->service->hubs[0].parts.channels[2].history;
    (void)state;
    *history = 100000;
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:subscribe", "{\"channel\":\"kept:1\"}", "\"offset\":0");
    for (int i = 0; i < 2109; i++) publish(f, "kept:1", "1");
    *history = 10;
    hub_channels_reloaded(f->engine);
    size_t writes = f->store.asked[FAKE_WRITE], rows = 0;
    for (int i = 0; i < 3; i++) publish(f, "kept:1", "1");
    assert_int_equal(last_number % 16, 0);
    rows = fake_store_count(&f->store, f->tables->channel, false);
    assert_int_equal(rows, 10);
    assert_int_equal(f->store.asked[FAKE_WRITE] - writes, 3 + 3);
    client_hang_up(&ann);
    fake_hub_free(f);
}

/* One database may serve several services, with channels of the same name. */
static void numbers_in_the_store_belong_to_the_service(void **state) {
    struct fake_hub *f = fake_hub_new(HUB);
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:subscribe", "{\"channel\":\"kept:1\"}", "\"ok\":true");
    publish(f, "kept:1", "7");
    const struct fake_counter *c = hub_map_get(&f->store.counters, HUB_STR("fake:channels/kept:1"));
    assert_non_null(c);
    assert_int_equal(c->number, 1);
    fake_hub_free(f);
}

static void who_may_not_publish_is_not_told_what_it_would_have_to_be(void **state) {
    struct fake_hub *f = fake_hub_new("roomSettings: {roomDataObject: room}\n"
                                      "hubExtensions:\n"
                                      "  channels: [{pattern: 'told:{x}', fields: [{name: a, fieldType: Integer}]}]\n");
    struct fake_client ann;
    (void)state;
    client_connect(f, &ann, "ann");
    client_does(&ann, "hub:publish", "{\"channel\":\"told:1\",\"data\":{\"b\":1}}", "\"code\":\"not_allowed\"");
    fake_hub_free(f);
}

/* The limit of the contract; a socket's seat, its place in two lists and a pointer or two. */
static void an_idle_subscription_is_small(void **state) {
    (void)state;
    assert_true(sizeof(struct hub_subscription) + 16 <= 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_unsubscribed_while_its_guard_is_asked_is_refused),
        cmocka_unit_test(a_connection_that_closes_meanwhile_leaves_nothing),
        cmocka_unit_test(guards_are_asked_again_one_after_the_other),
        cmocka_unit_test(rights_that_change_before_the_answer_are_asked_for),
        cmocka_unit_test(who_publishes_is_whom_the_guard_let_through),
        cmocka_unit_test(what_is_kept_in_memory_has_an_end),
        cmocka_unit_test(a_channel_that_is_moved_while_it_is_loaded_has_the_numbers_of_its_new_place),
        cmocka_unit_test(a_message_that_is_on_its_way_to_the_old_place_has_no_number_in_the_new_one),
        cmocka_unit_test(what_is_under_way_ends_when_no_channel_is_in_the_store_any_more),
        cmocka_unit_test(old_messages_are_taken_out_of_the_store_in_batches),
        cmocka_unit_test(numbers_in_the_store_belong_to_the_service),
        cmocka_unit_test(who_may_not_publish_is_not_told_what_it_would_have_to_be),
        cmocka_unit_test(an_idle_subscription_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
