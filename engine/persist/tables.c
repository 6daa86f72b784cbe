/* From frozen definitions to the tables that a store holds. */
#include "persist/tables.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/memory/mem.h"

/* Everything made here hangs on one list and goes at once. */
struct piece {
    struct piece *next;
    max_align_t body[];
};

struct own {
    struct hub_tables tables; /* first member */
    struct piece *pieces;
    const struct hub_table **all;
    size_t most; /* there is room for in ALL */
    struct hub_hub_tables *hubs;
};

static HUB_MUST void *take_memory(struct own *o, size_t n) {
    struct piece *p = hub_xcalloc(1, sizeof *p + n);
    p->next = o->pieces;
    o->pieces = p;
    return p->body;
}

static const char *join_names(struct own *o, const char *a, const char *b) {
    size_t na = strlen(a), nb = strlen(b);
    char *s = take_memory(o, na + nb + 1);
    memcpy(s, a, na);
    memcpy(s + na, b, nb);
    return s;
}

/* ---- DataObjects ---- */

static const char *const *enum_list(struct own *o, const struct hub_strs *values) {
    const char **list = take_memory(o, (values->n + 1) * sizeof *list);
    for (size_t i = 0; i < values->n; i++) list[i] = values->items[i];
    return list;
}

static const char *json_text(struct own *o, const json_t *v) {
    struct hub_buf b = {0};
    hub_json_add(&b, v);
    const char *s = join_names(o, hub_buf_cstr(&b), "");
    hub_buf_free(&b);
    return s;
}

static const enum hub_col_type col_types[] = {
    [HUB_FIELD_STRING] = HUB_COL_STRING,     [HUB_FIELD_TEXT] = HUB_COL_TEXT,
    [HUB_FIELD_INTEGER] = HUB_COL_INTEGER,   [HUB_FIELD_DECIMAL] = HUB_COL_DECIMAL,
    [HUB_FIELD_BOOLEAN] = HUB_COL_BOOLEAN,   [HUB_FIELD_ID] = HUB_COL_ID,
    [HUB_FIELD_DATETIME] = HUB_COL_DATETIME, [HUB_FIELD_ENUM] = HUB_COL_ENUM,
    [HUB_FIELD_JSON] = HUB_COL_JSON,
};

static void fill_column(struct own *o, const struct hub_def_field *f, struct hub_column *c) {
    c->property = f->name;
    c->column = f->column ? f->column : f->name;
    c->type = col_types[f->type];
    c->required = f->required;
    if (f->type == HUB_FIELD_ENUM) c->enum_values = enum_list(o, &f->enum_values);
    if (!hub_json_nil(f->default_value)) c->default_json = json_text(o, f->default_value);
}

static int column_if(const struct hub_table *t, const char *property, enum hub_col_type type) {
    int i = hub_table_column(t, hub_cstr(property));
    return i >= 0 && t->columns[i].type == type ? i : -1;
}

/* By user and room; NULL: the primary key finds it. */
static const char *auth_columns(struct own *o, const struct hub_def *d, size_t source) {
    const struct hub_def_auth_source *s = &d->auth_sources[source];
    const char *id = s->source_object->id_property;
    const char *user = s->source_object->properties[s->user_field].name,
               *room = s->source_object->properties[s->room_field].name;
    if (!strcmp(user, id)) return NULL;
    if (!strcmp(room, id)) return hub_def_has_inbox(d) ? user : NULL;
    return join_names(o, join_names(o, user, ","), room);
}

/* Every join asks an authSource for (user, room), an inbox for the rooms of a user. */
static size_t auth_indexes(struct own *o, const struct hub_service *s, const struct hub_def_object *def,
                           struct hub_index **out) {
    size_t n = 0, max = 0;
    for (size_t h = 0; h < s->hub_n; h++) max += s->hubs[h].auth_source_n;
    struct hub_index *list = *out = take_memory(o, max * sizeof *list);
    for (size_t h = 0; h < s->hub_n; h++)
        for (size_t a = 0; a < s->hubs[h].auth_source_n; a++) {
            const struct hub_def_auth_source *src = &s->hubs[h].auth_sources[a];
            if (src->source_object != def || src->user_field < 0 || src->room_field < 0) continue;
            const char *columns = auth_columns(o, &s->hubs[h], a);
            bool known = !columns;
            for (size_t i = 0; i < n; i++) known |= !strcmp(list[i].columns, columns);
            if (!known) list[n++] = (struct hub_index){.columns = columns};
        }
    return n;
}

static const struct hub_table *object_table(struct own *o, const struct hub_service *s,
                                            const struct hub_def_object *def) {
    struct hub_table *t = take_memory(o, sizeof *t);
    struct hub_column *columns = take_memory(o, def->property_n * sizeof *columns);
    for (size_t i = 0; i < def->property_n; i++) fill_column(o, &def->properties[i], &columns[i]);
    for (size_t i = 0; !def->managed && i < def->property_n; i++)
        columns[i].stored = take_memory(o, sizeof *columns[i].stored);
    *t = (struct hub_table){.name = def->name, .table = def->table ? def->table : def->name, .managed = def->managed};
    t->columns = columns;
    t->column_n = def->property_n;
    int id = hub_table_column(t, hub_cstr(def->id_property));
    t->id = id < 0 ? HUB_NO_ID : (size_t)id;
    if (id >= 0 && def->managed) columns[id].required = true;
    /* An existing table may have columns of these names that mean something else, unless the definition
     * lists them with this type. */
    t->active = column_if(t, "isActive", HUB_COL_BOOLEAN);
    t->created_at = column_if(t, "createdAt", HUB_COL_DATETIME);
    t->updated_at = column_if(t, "updatedAt", HUB_COL_DATETIME);
    if (t->active >= 0 && def->managed && !columns[t->active].default_json) columns[t->active].default_json = "true";
    t->seed = def->seed;
    struct hub_index *indexes;
    if (def->managed) t->index_n = auth_indexes(o, s, def, &indexes), t->indexes = indexes;
    return t;
}

/* ---- the tables of a hub ---- */

static const char *const statuses[] = {"approved", "pending", "rejected", NULL};
static const char *const actions[] = {"block", "silence", "speak", NULL};

#define COL(NAME, TYPE, ...) \
    { .property = (NAME), .column = (NAME), .type = HUB_COL_##TYPE, __VA_ARGS__ }
#define ACTIVE COL("isActive", BOOLEAN, .required = true, .default_json = "true")

static const struct hub_column message_columns[HUB_MSG_FIXED] = {
    [HUB_MSG_ID] = COL("id", ID, .required = true),
    [HUB_MSG_ROOM_ID] = COL("roomId", ID, .required = true),
    [HUB_MSG_SENDER_ID] = COL("senderId", ID),
    [HUB_MSG_SENDER_NAME] = COL("senderName", TEXT),
    [HUB_MSG_SENDER_AVATAR] = COL("senderAvatar", TEXT),
    [HUB_MSG_MESSAGE_TYPE] = COL("messageType", ENUM, .required = true),
    [HUB_MSG_CONTENT] = COL("content", JSON),
    [HUB_MSG_TIMESTAMP] = COL("timestamp", DATETIME, .required = true),
    [HUB_MSG_STATUS] = COL("status", ENUM, .required = true, .enum_values = statuses, .default_json = "\"approved\""),
    [HUB_MSG_SEQ] = COL("seq", INTEGER),
    [HUB_MSG_CHANGE_SEQ] = COL("changeSeq", INTEGER),
    [HUB_MSG_CLIENT_MESSAGE_ID] = COL("clientMessageId", TEXT),
    [HUB_MSG_EDITED_AT] = COL("editedAt", DATETIME),
    [HUB_MSG_IS_ACTIVE] = ACTIVE,
    [HUB_MSG_AUDIENCE] = COL("broadcastTo", JSON),
};
/* No index over status: pending messages are the few without seq, found through (roomId, seq). */
static const struct hub_index message_indexes[] = {
    {.columns = "roomId,seq", .unique = true},
    {.columns = "roomId,changeSeq"},
    {.columns = HUB_MSG_CONFLICT, .unique = true, .sparse = true},
};
/* Only where messages are removed by their age, and deleted ones by theirs. */
static const struct hub_index timestamp_index = {.columns = "timestamp"};
static const struct hub_index deleted_index = {.columns = "deletedAt", .sparse = true};
static const struct hub_column deleted_at_column = COL("deletedAt", DATETIME);
static const struct hub_column reply_to_column = COL("replyTo", JSON);
static const struct hub_column reaction_column = COL("reaction", JSON);
static const struct hub_column forwarded_column = COL("forwarded", BOOLEAN);

static const struct hub_column moderation_columns[HUB_MOD_COLUMNS] = {
    [HUB_MOD_ID] = COL("id", ID, .required = true),
    [HUB_MOD_ROOM_ID] = COL("roomId", ID, .required = true),
    [HUB_MOD_USER_ID] = COL("userId", ID, .required = true),
    [HUB_MOD_ACTION] = COL("action", ENUM, .required = true, .enum_values = actions),
    [HUB_MOD_MODERATOR_ID] = COL("moderatorId", ID),
    [HUB_MOD_REASON] = COL("reason", TEXT),
    [HUB_MOD_EXPIRES_AT] = COL("expiresAt", DATETIME),
    [HUB_MOD_CREATED_AT] = COL("createdAt", DATETIME),
    [HUB_MOD_IS_ACTIVE] = ACTIVE,
};
static const struct hub_index moderation_indexes[] = {{.columns = "roomId,userId"}};

static const struct hub_column receipt_columns[HUB_RCP_COLUMNS] = {
    [HUB_RCP_ROOM_ID] = COL("roomId", ID, .required = true),
    [HUB_RCP_USER_ID] = COL("userId", ID, .required = true),
    [HUB_RCP_LAST_READ_TIMESTAMP] = COL("lastReadTimestamp", DATETIME),
    [HUB_RCP_LAST_READ_SEQ] = COL("lastReadSeq", INTEGER),
    [HUB_RCP_LAST_DELIVERED_SEQ] = COL("lastDeliveredSeq", INTEGER),
    [HUB_RCP_UPDATED_AT] = COL("updatedAt", DATETIME),
};
static const struct hub_index receipt_indexes[] = {{.columns = HUB_RCP_CONFLICT, .unique = true}};

static const struct hub_column event_columns[HUB_EVT_COLUMNS] = {
    [HUB_EVT_ID] = COL("id", ID, .required = true),
    [HUB_EVT_ROOM_ID] = COL("roomId", ID, .required = true),
    [HUB_EVT_SENDER_ID] = COL("senderId", ID),
    [HUB_EVT_NAME] = COL("name", TEXT, .required = true),
    [HUB_EVT_DATA] = COL("data", JSON),
    [HUB_EVT_TIMESTAMP] = COL("timestamp", DATETIME, .required = true),
};
static const struct hub_index event_indexes[] = {{.columns = "roomId,timestamp"}, {.columns = "timestamp"}};

static const struct hub_column record_columns[HUB_REC_COLUMNS] = {
    [HUB_REC_ID] = COL("id", ID, .required = true),
    [HUB_REC_VERSION] = COL("version", INTEGER, .required = true),
    [HUB_REC_VALUE] = COL("value", JSON),
    [HUB_REC_UPDATED_AT] = COL("updatedAt", DATETIME),
};
static const struct hub_column channel_columns[HUB_CHN_COLUMNS] = {
    [HUB_CHN_ID] = COL("id", ID, .required = true),
    [HUB_CHN_CHANNEL] = COL("channel", ID, .required = true),
    [HUB_CHN_SEQ] = COL("seq", INTEGER),
    [HUB_CHN_CHANGE_SEQ] = COL("changeSeq", INTEGER),
    [HUB_CHN_TIMESTAMP] = COL("timestamp", DATETIME, .required = true),
    [HUB_CHN_DATA] = COL("data", TEXT, .required = true),
    [HUB_CHN_PUBLISHER_ID] = COL("publisherId", ID),
    [HUB_CHN_PUBLISHER_NAME] = COL("publisherName", TEXT),
    [HUB_CHN_EXPIRES_AT] = COL("expiresAt", DATETIME, .required = true),
};
static const struct hub_index channel_indexes[] = {{.columns = "channel,seq", .unique = true},
                                                   {.columns = "expiresAt"}};

static const struct hub_column room_metadata_columns[HUB_RMD_COLUMNS] = {
    [HUB_RMD_ROOM_ID] = COL("roomId", ID, .required = true),
    [HUB_RMD_METADATA] = COL("metadata", TEXT, .required = true),
    [HUB_RMD_VERSION] = COL("version", INTEGER, .required = true),
    [HUB_RMD_UPDATED_AT] = COL("updatedAt", DATETIME),
};
static const struct hub_index room_metadata_indexes[] = {{.columns = HUB_RMD_CONFLICT, .unique = true}};

static const struct hub_column removed_columns[HUB_RMV_COLUMNS] = {
    [HUB_RMV_ROOM_ID] = COL("roomId", ID, .required = true),
    [HUB_RMV_UP_TO] = COL("upTo", INTEGER, .required = true),
    [HUB_RMV_UPDATED_AT] = COL("updatedAt", DATETIME),
};
static const struct hub_index removed_indexes[] = {{.columns = HUB_RMV_CONFLICT, .unique = true}};

static const struct hub_column room_state_columns[HUB_RST_COLUMNS] = {
    [HUB_RST_ROOM_ID] = COL("roomId", ID, .required = true),
    [HUB_RST_KEY] = COL("key", ID, .required = true),
    [HUB_RST_VALUE] = COL("value", TEXT, .required = true),
    [HUB_RST_VERSION] = COL("version", INTEGER, .required = true),
    [HUB_RST_UPDATED_AT] = COL("updatedAt", DATETIME),
};
static const struct hub_index room_state_indexes[] = {{.columns = HUB_RST_CONFLICT, .unique = true}};

static const char *const outbox_kinds[] = {"created", "updated", "deleted", "published", NULL};
static const struct hub_column outbox_columns[HUB_OUT_COLUMNS] = {
    [HUB_OUT_ID] = COL("id", ID, .required = true),
    [HUB_OUT_OBJECT] = COL("object", TEXT),
    [HUB_OUT_KIND] = COL("kind", ENUM, .required = true, .enum_values = outbox_kinds),
    [HUB_OUT_TOPIC] = COL("topic", TEXT),
    [HUB_OUT_KEY] = COL("key", TEXT),
    [HUB_OUT_BEFORE] = COL("before", JSON),
    [HUB_OUT_AFTER] = COL("after", JSON),
    [HUB_OUT_ERROR] = COL("error", TEXT),
};

static const char *const job_states[] = {"waiting", "delayed", "running", "done", "failed", "cancelled", NULL};
static const struct hub_column job_columns[HUB_JOB_COLUMNS] = {
    [HUB_JOB_ID] = COL("id", ID, .required = true),
    [HUB_JOB_QUEUE] = COL("queue", ID, .required = true),
    [HUB_JOB_STATE] = COL("state", ENUM, .required = true, .enum_values = job_states),
    [HUB_JOB_DATA] = COL("data", TEXT),
    [HUB_JOB_RESULT] = COL("result", TEXT),
    [HUB_JOB_ERROR] = COL("error", TEXT),
    [HUB_JOB_ATTEMPTS] = COL("attempts", INTEGER, .required = true),
    [HUB_JOB_MAX_ATTEMPTS] = COL("maxAttempts", INTEGER),
    [HUB_JOB_PRIORITY] = COL("priority", INTEGER, .required = true),
    [HUB_JOB_PLACE] = COL("place", INTEGER, .required = true),
    [HUB_JOB_READY] = COL("ready", BOOLEAN),
    [HUB_JOB_WAKE] = COL("wakeAt", INTEGER),
    [HUB_JOB_DUE] = COL("dueAt", DATETIME),
    [HUB_JOB_LEASE] = COL("lease", INTEGER, .required = true),
    [HUB_JOB_WORKER] = COL("worker", ID),
    [HUB_JOB_REPEAT] = COL("repeatMs", INTEGER),
    [HUB_JOB_CRON] = COL("cron", TEXT),
    [HUB_JOB_CREATED_AT] = COL("createdAt", DATETIME),
    [HUB_JOB_FINISHED_AT] = COL("finishedAt", DATETIME),
};
static const struct hub_index job_indexes[] = {
    {.columns = "queue,place,ready", .sparse = true},
    {.columns = "queue,wakeAt", .sparse = true},
    {.columns = "queue,state,finishedAt", .sparse = true},
};

/* What the tables of one kind have in common. */
struct table_shape {
    const struct hub_column *columns;
    size_t column_n;
    const struct hub_index *indexes;
    size_t index_n, id;
    int active, created_at, updated_at; /* columns, -1 = none */
};
#define COLUMNS(LIST) .columns = (LIST), .column_n = HUB_NELEM(LIST)
#define INDEXES(LIST) .indexes = (LIST), .index_n = HUB_NELEM(LIST)

static struct hub_table *generated_table(struct own *o, const char *name, const struct table_shape *shape) {
    struct hub_table *t = take_memory(o, sizeof *t);
    *t = (struct hub_table){.name = name,
                            .table = name,
                            .managed = true,
                            .columns = shape->columns,
                            .column_n = shape->column_n,
                            .indexes = shape->indexes,
                            .index_n = shape->index_n,
                            .id = shape->id,
                            .active = shape->active,
                            .created_at = shape->created_at,
                            .updated_at = shape->updated_at};
    return t;
}

static int add_optional(struct hub_column *columns, size_t *n, bool on, const struct hub_column *c) {
    if (!on) return -1;
    columns[*n] = *c;
    return (int)(*n)++;
}

static const char *const *message_types(struct own *o, const struct hub_def *d) {
    const char **list = take_memory(o, (d->message_type_n + 1) * sizeof *list);
    for (size_t i = 0; i < d->message_type_n; i++) list[i] = d->message_types[i].name;
    return list;
}

static void add_message_indexes(struct own *o, const struct hub_def *d, struct hub_table *t) {
    struct hub_index *all = take_memory(o, (HUB_NELEM(message_indexes) + 2) * sizeof *all);
    memcpy(all, message_indexes, sizeof message_indexes);
    if (d->retention.messages) all[t->index_n++] = timestamp_index;
    if (d->retention.soft_deleted_after) all[t->index_n++] = deleted_index;
    t->indexes = all;
}

/* The second of its indexes is for what is removed by its age. */
static void fill_event(struct own *o, const struct hub_def *d, struct hub_hub_tables *out, struct hub_table *t) {
    (void)o, (void)out;
    if (!d->retention.kept_events) t->index_n = 1;
}

static void fill_message(struct own *o, const struct hub_def *d, struct hub_hub_tables *out, struct hub_table *t) {
    struct hub_column *columns = take_memory(o, HUB_MSG_MAX * sizeof *columns);
    memcpy(columns, message_columns, sizeof message_columns);
    columns[HUB_MSG_MESSAGE_TYPE].enum_values = message_types(o, d);
    out->reply_to = add_optional(columns, &t->column_n, d->enable_reply_to, &reply_to_column);
    out->reaction = add_optional(columns, &t->column_n, d->enable_reaction, &reaction_column);
    out->forwarded = add_optional(columns, &t->column_n, d->enable_forwarded, &forwarded_column);
    out->deleted_at = add_optional(columns, &t->column_n, d->retention.soft_deleted_after > 0, &deleted_at_column);
    if (out->deleted_at > 0) t->deleted_at = out->deleted_at;
    t->columns = columns;
    add_message_indexes(o, d, t);
    if (d->data_object_name && *d->data_object_name) t->name = t->table = d->data_object_name;
}

#define SLOT(NAME) .slot = offsetof(struct hub_hub_tables, NAME)
static const struct hub_table_row {
    size_t slot; /* offset in struct hub_hub_tables */
    struct table_shape shape;
    /* What depends on the hub; NULL: nothing. */
    void (*fill)(struct own *o, const struct hub_def *d, struct hub_hub_tables *out, struct hub_table *t);
} table_rows[HUB_OWN_TABLES] = {
    [HUB_OWN_MESSAGE] = {SLOT(message),
                         .shape = {COLUMNS(message_columns), INDEXES(message_indexes), .id = HUB_MSG_ID,
                                   .active = HUB_MSG_IS_ACTIVE, .created_at = -1, .updated_at = -1},
                         .fill = fill_message},
    [HUB_OWN_MODERATION] = {SLOT(moderation),
                            .shape = {COLUMNS(moderation_columns), INDEXES(moderation_indexes), .id = HUB_MOD_ID,
                                      .active = HUB_MOD_IS_ACTIVE, .created_at = HUB_MOD_CREATED_AT, .updated_at = -1}},
    [HUB_OWN_RECEIPT] = {SLOT(receipt), .shape = {COLUMNS(receipt_columns), INDEXES(receipt_indexes), .id = HUB_NO_ID,
                                                  .active = -1, .created_at = -1, .updated_at = HUB_RCP_UPDATED_AT}},
    [HUB_OWN_EVENT] = {SLOT(event),
                       .shape = {COLUMNS(event_columns), INDEXES(event_indexes), .id = HUB_EVT_ID, .active = -1,
                                 .created_at = -1, .updated_at = -1},
                       .fill = fill_event},
    [HUB_OWN_ROOM_METADATA] = {SLOT(room_metadata),
                               .shape = {COLUMNS(room_metadata_columns), INDEXES(room_metadata_indexes),
                                         .id = HUB_NO_ID, .active = -1, .created_at = -1,
                                         .updated_at = HUB_RMD_UPDATED_AT}},
    [HUB_OWN_REMOVED] = {SLOT(removed), .shape = {COLUMNS(removed_columns), INDEXES(removed_indexes), .id = HUB_NO_ID,
                                                  .active = -1, .created_at = -1, .updated_at = HUB_RMV_UPDATED_AT}},
    [HUB_OWN_ROOM_STATE] = {SLOT(room_state),
                            .shape = {COLUMNS(room_state_columns), INDEXES(room_state_indexes), .id = HUB_NO_ID,
                                      .active = -1, .created_at = -1, .updated_at = HUB_RST_UPDATED_AT}},
};
#undef SLOT

const char *hub_tables_suffix(size_t i) { return i < HUB_OWN_TABLES ? hub_own_tables[i].suffix : NULL; }

static const struct hub_table *hub_table_of(struct own *o, const struct hub_def *d, enum hub_own_table which,
                                            struct hub_hub_tables *out) {
    const struct hub_table_row *row = &table_rows[which];
    struct hub_table *t = generated_table(o, join_names(o, d->name, hub_own_tables[which].suffix), &row->shape);
    if (row->fill) row->fill(o, d, out, t);
    *(const struct hub_table **)((char *)out + row->slot) = t;
    return t;
}

/* ---- the tables of a service ---- */

/* Whether SAYS of what a hub or a plain namespace declares. */
static bool any_declares(const struct hub_service *s, bool (*says)(const struct hub_def_parts *p)) {
    for (size_t i = 0; i < s->hub_n; i++)
        if (says(&s->hubs[i].parts)) return true;
    for (size_t i = 0; i < s->namespace_n; i++)
        if (says(&s->namespaces[i].def.parts)) return true;
    return false;
}

static bool is_wanted(const struct hub_service *s, const struct hub_service_table_row *row) {
    return row->wanted ? row->wanted(s) : any_declares(s, row->wanted_by);
}

#define SLOT(NAME) .slot = offsetof(struct hub_tables, NAME)
static const struct service_row {
    size_t slot; /* offset in struct hub_tables */
    struct table_shape shape;
} service_rows[HUB_SERVICE_TABLES] = {
    [HUB_SERVICE_RECORD] = {SLOT(record), .shape = {COLUMNS(record_columns), .id = HUB_REC_ID, .active = -1,
                                                    .created_at = -1, .updated_at = HUB_REC_UPDATED_AT}},
    [HUB_SERVICE_JOB] = {SLOT(job), .shape = {COLUMNS(job_columns), INDEXES(job_indexes), .id = HUB_JOB_ID,
                                              .active = -1, .created_at = HUB_JOB_CREATED_AT, .updated_at = -1}},
    [HUB_SERVICE_CHANNEL] = {SLOT(channel),
                             .shape = {COLUMNS(channel_columns), INDEXES(channel_indexes), .id = HUB_CHN_ID,
                                       .active = -1, .created_at = -1, .updated_at = -1}},
};
#undef SLOT

static const struct hub_table *service_table(struct own *o, const struct hub_service *s, enum hub_service_table which) {
    const struct service_row *row = &service_rows[which];
    struct hub_table *t = generated_table(o, join_names(o, s->name, hub_service_tables[which].suffix), &row->shape);
    *(const struct hub_table **)((char *)&o->tables + row->slot) = t;
    return t;
}

static const struct hub_table *outbox_table(struct own *o, const char *service) {
    static const struct table_shape shape = {COLUMNS(outbox_columns), .id = HUB_OUT_ID, .active = -1, .created_at = -1,
                                             .updated_at = -1};
    return generated_table(o, join_names(o, "hubd_outbox_", service), &shape);
}

/* ---- all of them ---- */

static size_t most_tables(const struct hub_service *s) {
    return s->object_n + HUB_NELEM(table_rows) * s->hub_n + HUB_NELEM(service_rows) + 1; /* the outbox */
}

static void list_table(struct own *o, const struct hub_table *t) {
    HUB_BUG_IF(o->tables.n == o->most);
    o->all[o->tables.n++] = t;
}

static enum hub_code add_table(struct own *o, const struct hub_table *t, struct hub_err *err) {
    if (hub_str_starts(hub_cstr(t->table), HUB_STR("hubd_")))
        return hub_fail(err, HUB_BAD_REQUEST,
                        "\"%s\" uses the table \"%s\"; names that begin with hubd_ are the engine's own", t->name,
                        t->table);
    for (size_t i = 0; i < o->tables.n; i++) {
        const struct hub_table *other = o->all[i];
        if (!strcmp(other->name, t->name))
            return hub_fail(err, HUB_BAD_REQUEST, "two objects are named \"%s\"; rename one", t->name);
        /* Two views of one existing table are fine, two owners are not. Databases fold case in table names
         * here and there. */
        if ((other->managed || t->managed) && hub_str_eq_nocase(hub_cstr(other->table), hub_cstr(t->table)))
            return hub_fail(err, HUB_BAD_REQUEST, "\"%s\" and \"%s\" both use the table \"%s\"; give one another table",
                            other->name, t->name, t->table);
    }
    list_table(o, t);
    return HUB_OK;
}

enum hub_code hub_tables_new(const struct hub_service *s, bool outbox, struct hub_tables **out, struct hub_err *err) {
    struct own *o = hub_xcalloc(1, sizeof *o);
    o->most = most_tables(s);
    o->all = take_memory(o, o->most * sizeof *o->all);
    o->hubs = take_memory(o, s->hub_n * sizeof *o->hubs);
    o->tables.all = o->all;
    o->tables.hubs = o->hubs;
    enum hub_code code = HUB_OK;
    for (size_t i = 0; !code && i < s->object_n; i++) code = add_table(o, object_table(o, s, &s->objects[i]), err);
    for (size_t i = 0; !code && i < s->hub_n; i++)
        for (enum hub_own_table k = 0; !code && k < HUB_OWN_TABLES; k++)
            if (!hub_own_tables[k].wanted || hub_own_tables[k].wanted(&s->hubs[i]))
                code = add_table(o, hub_table_of(o, &s->hubs[i], k, &o->hubs[i]), err);
    for (enum hub_service_table i = 0; !code && i < HUB_SERVICE_TABLES; i++)
        if (is_wanted(s, &hub_service_tables[i])) code = add_table(o, service_table(o, s, i), err);
    if (!code && outbox) list_table(o, o->tables.outbox = outbox_table(o, s->name));
    if (code)
        hub_tables_free(&o->tables);
    else
        *out = &o->tables;
    return code;
}

void hub_tables_free(struct hub_tables *t) {
    if (!t) return;
    struct own *o = HUB_CONTAINER(t, struct own, tables);
    for (struct piece *p = o->pieces, *next; p; p = next) next = p->next, free(p);
    free(o);
}

const struct hub_table *hub_tables_find(const struct hub_tables *t, struct hub_str name) {
    for (size_t i = 0; i < t->n; i++)
        if (t->all[i] != t->outbox && hub_str_is(name, t->all[i]->name)) return t->all[i];
    return NULL;
}

static bool file_exists(struct hub_str path) {
    char *name = hub_str_dup(path);
    bool exists = access(name, F_OK) == 0;
    free(name);
    return exists;
}

void hub_tables_store_url(const struct hub_service *s, bool look, struct hub_buf *out) {
    struct hub_str rest = hub_cstr(s->store_url), scheme = HUB_STR("sqlite:"), path;
    size_t start = out->n;
    if (!hub_str_starts(rest, scheme) || rest.n == scheme.n || rest.p[scheme.n] == ':') {
        hub_buf_adds(out, rest);
        return;
    }
    hub_buf_adds(out, scheme);
    if (rest.p[scheme.n] != '/') hub_buf_addf(out, "%s/", s->dir);
    hub_buf_addz(out, rest.p + scheme.n);
    if (!look) return;
    rest = hub_str(out->p + start + scheme.n, out->n - start - scheme.n);
    hub_str_split(&rest, '?', &path);
    if (file_exists(path)) return;
    out->n = start;
    hub_buf_addz(out, "sqlite::memory:");
}
