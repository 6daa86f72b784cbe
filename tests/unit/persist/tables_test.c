/* Tables out of definitions: DataObjects by property, the four of each hub, and clashes of names. */
#include "base/memory/mem.h"
#include "persist/tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *states[] = {"open", "closed"};
static struct hub_def_field room_fields[] = {
    {.name = "id", .type = HUB_FIELD_ID, .column = "id"},
    {.name = "state", .type = HUB_FIELD_ENUM, .enum_values = {states, 2}, .column = "room_state"},
    {.name = "createdAt", .type = HUB_FIELD_DATETIME, .column = "createdAt"},
    {.name = "updatedAt", .type = HUB_FIELD_DATETIME, .column = "updatedAt"},
    {.name = "isActive", .type = HUB_FIELD_BOOLEAN, .column = "isActive"},
};
static struct hub_def_field member_fields[] = {
    {.name = "id", .type = HUB_FIELD_ID, .column = "id"},
    {.name = "userId", .type = HUB_FIELD_ID, .column = "userId"},
    {.name = "roomId", .type = HUB_FIELD_ID, .column = "roomId"},
};
static struct hub_def_object objects[] = {
    {.name = "room",
     .table = "rooms",
     .managed = true,
     .id_property = "id",
     .properties = room_fields,
     .property_n = 5},
    {.name = "member",
     .table = "member",
     .managed = true,
     .id_property = "id",
     .properties = member_fields,
     .property_n = 3},
};
static struct hub_def_auth_source sources[] = {
    {.name = "members", .source_object = &objects[1], .user_field = 1, .room_field = 2},
    {.name = "again", .source_object = &objects[1], .user_field = 1, .room_field = 2},
};
static struct hub_def_message_type types[] = {{.name = "text"}, {.name = "bid"}};
static struct hub_def hubs[] = {{.name = "chat",
                                 .message_types = types,
                                 .message_type_n = 2,
                                 .enable_reaction = true,
                                 .auth_sources = sources,
                                 .auth_source_n = 2}};

static struct hub_service service(void) {
    return (struct hub_service){
        .dir = "/srv/x", .store_url = "sqlite:data/x.db", .objects = objects, .object_n = 2, .hubs = hubs, .hub_n = 1};
}

static void a_data_object_becomes_a_table_column_by_property(void **state) {
    (void)state;
    struct hub_service s = service();
    struct hub_tables *t = NULL;
    json_t *dflt = json_string("open");
    room_fields[1].default_value = dflt;
    assert_int_equal(hub_tables_new(&s, false, &t, NULL), HUB_OK);
    const struct hub_table *room = hub_tables_find(t, HUB_STR("room"));
    assert_ptr_equal(room, t->all[0]);
    assert_string_equal(room->table, "rooms");
    assert_int_equal(room->column_n, 5);
    assert_string_equal(room->columns[1].column, "room_state");
    assert_string_equal(room->columns[1].enum_values[1], "closed");
    assert_null(room->columns[1].enum_values[2]);
    assert_string_equal(room->columns[1].default_json, "\"open\"");
    assert_true(room->columns[0].required);
    assert_int_equal(room->active, 4);
    assert_int_equal(room->created_at, 2);
    assert_int_equal(room->updated_at, 3);
    hub_tables_free(t);
    room_fields[1].default_value = NULL;
    json_decref(dflt);
}

static void what_joins_ask_for_is_indexed_once(void **state) {
    (void)state;
    struct hub_service s = service();
    struct hub_tables *t = NULL;
    assert_int_equal(hub_tables_new(&s, false, &t, NULL), HUB_OK);
    const struct hub_table *member = hub_tables_find(t, HUB_STR("member"));
    assert_int_equal(member->index_n, 1);
    assert_string_equal(member->indexes[0].columns, "userId,roomId");
    hub_tables_free(t);
}

/* Where the room's own record says whose it is, a join finds it by its id; a list of somebody's rooms does
 * not. */
static void an_inbox_has_rooms_of_the_room_object_indexed_by_their_user(void **state) {
    (void)state;
    struct hub_service s = service();
    sources[0].room_field = sources[1].room_field = 0;
    for (size_t on = 0; on < 2; on++) {
        struct hub_tables *t = NULL;
        hubs[0].inbox = (struct hub_def_inbox){.on = on, .enabled = on};
        assert_int_equal(hub_tables_new(&s, false, &t, NULL), HUB_OK);
        const struct hub_table *member = hub_tables_find(t, HUB_STR("member"));
        assert_int_equal(member->index_n, on);
        if (on) assert_string_equal(member->indexes[0].columns, "userId");
        hub_tables_free(t);
    }
    sources[0].room_field = sources[1].room_field = 2;
    hubs[0].inbox = (struct hub_def_inbox){0};
}

static void each_hub_gets_its_four_tables(void **state) {
    (void)state;
    struct hub_service s = service();
    struct hub_tables *t = NULL;
    assert_int_equal(hub_tables_new(&s, false, &t, NULL), HUB_OK);
    assert_int_equal(t->n, 6);
    const struct hub_hub_tables *h = &t->hubs[0];
    assert_ptr_equal(h->message, hub_tables_find(t, HUB_STR("chatMessage")));
    assert_ptr_equal(h->moderation, hub_tables_find(t, HUB_STR("chatModeration")));
    assert_ptr_equal(h->receipt, hub_tables_find(t, HUB_STR("chatReceipt")));
    assert_ptr_equal(h->event, hub_tables_find(t, HUB_STR("chatEvent")));
    assert_int_equal(hub_table_column(h->message, HUB_STR("changeSeq")), HUB_MSG_CHANGE_SEQ);
    assert_int_equal(hub_table_column(h->message, HUB_STR("isActive")), HUB_MSG_IS_ACTIVE);
    assert_int_equal(hub_table_column(h->receipt, HUB_STR("updatedAt")), HUB_RCP_UPDATED_AT);
    assert_int_equal(h->receipt->id, HUB_NO_ID);
    /* only what the hub enables */
    assert_int_equal(h->reply_to, -1);
    assert_int_equal(h->forwarded, -1);
    assert_int_equal(h->reaction, hub_table_column(h->message, HUB_STR("reaction")));
    assert_string_equal(h->message->columns[HUB_MSG_MESSAGE_TYPE].enum_values[1], "bid");
    assert_null(h->message->columns[HUB_MSG_MESSAGE_TYPE].enum_values[2]);
    hub_tables_free(t);
}

static void two_owners_of_one_table_are_refused(void **state) {
    (void)state;
    struct hub_service s = service();
    struct hub_tables *t = NULL;
    struct hub_err err = {0};
    objects[1].table = "CHATMESSAGE";
    assert_int_equal(hub_tables_new(&s, false, &t, &err), HUB_BAD_REQUEST);
    assert_non_null(strstr(err.text, "\"member\" and \"chatMessage\" both use the table"));
    objects[1].table = "hubd_room";
    assert_int_equal(hub_tables_new(&s, false, &t, &err), HUB_BAD_REQUEST);
    assert_non_null(strstr(err.text, "hubd_ are the engine's own"));
    objects[1].table = "member";
    hubs[0].data_object_name = "room";
    assert_int_equal(hub_tables_new(&s, false, &t, &err), HUB_BAD_REQUEST);
    assert_non_null(strstr(err.text, "two objects are named \"room\""));
    hubs[0].data_object_name = NULL;
}

static void a_relative_database_lies_in_the_service_directory(void **state) {
    (void)state;
    const char *const cases[][2] = {
        {"sqlite:data/x.db?synchronous=normal", "sqlite:/srv/x/data/x.db?synchronous=normal"},
        {"sqlite:/var/x.db", "sqlite:/var/x.db"},
        {"sqlite::memory:", "sqlite::memory:"},
        {"postgresql://u@h/db", "postgresql://u@h/db"},
    };
    for (size_t i = 0; i < 4; i++) {
        struct hub_service s = {.dir = "/srv/x", .store_url = cases[i][0]};
        struct hub_buf url = {0};
        hub_tables_store_url(&s, false, &url);
        assert_string_equal(hub_buf_cstr(&url), cases[i][1]);
        hub_buf_free(&url);
    }
}

static void a_command_that_only_looks_at_a_database_that_is_not_there_gets_an_empty_one_in_memory(void **state) {
    (void)state;
    const char *const cases[][2] = {
        {"sqlite:tables_test.c?synchronous=normal",
         "sqlite:" HUB_SOURCE_DIR "/tests/unit/persist/tables_test.c?synchronous=normal"},
        {"sqlite:none.db?synchronous=normal", "sqlite::memory:"},
        {"sqlite:" HUB_SOURCE_DIR "/none.db", "sqlite::memory:"},
        {"sqlite::memory:", "sqlite::memory:"},
        {"postgresql://u@h/db", "postgresql://u@h/db"},
    };
    for (size_t i = 0; i < HUB_NELEM(cases); i++) {
        struct hub_service s = {.dir = HUB_SOURCE_DIR "/tests/unit/persist", .store_url = cases[i][0]};
        struct hub_buf url = {0};
        hub_tables_store_url(&s, true, &url);
        assert_string_equal(hub_buf_cstr(&url), cases[i][1]);
        hub_buf_free(&url);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_data_object_becomes_a_table_column_by_property),
        cmocka_unit_test(what_joins_ask_for_is_indexed_once),
        cmocka_unit_test(an_inbox_has_rooms_of_the_room_object_indexed_by_their_user),
        cmocka_unit_test(each_hub_gets_its_four_tables),
        cmocka_unit_test(two_owners_of_one_table_are_refused),
        cmocka_unit_test(a_relative_database_lies_in_the_service_directory),
        cmocka_unit_test(a_command_that_only_looks_at_a_database_that_is_not_there_gets_an_empty_one_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
