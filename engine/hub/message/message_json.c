/* How a message looks on the wire (contract: wire.md), from the cells of its row: the same for live,
 * history and REST. */
#include "hub/message/message.h"

#include "base/time/clock.h"

#define MESSAGE_ROOM 448 /* bytes that most messages need beside their content */

static void add_text(struct hub_buf *b, const char *key, const struct hub_cell *c) {
    hub_json_add_key(b, key);
    if (c->kind == HUB_CELL_TEXT)
        hub_json_add_string(b, c->s);
    else
        hub_buf_add(b, "null", 4);
    hub_buf_addc(b, ',');
}

static void add_time(struct hub_buf *b, const char *key, const struct hub_cell *c) {
    char iso[HUB_ISO_LEN + 1];
    hub_iso_format(c->i, iso);
    hub_json_add_key(b, key);
    hub_buf_addc(b, '"');
    hub_buf_add(b, iso, HUB_ISO_LEN);
    hub_buf_add(b, "\",", 2);
}

static void add_number(struct hub_buf *b, const char *key, const struct hub_cell *c) {
    hub_json_add_key(b, key);
    if (c->kind == HUB_CELL_INT)
        hub_buf_addi(b, c->i);
    else
        hub_buf_add(b, "null", 4);
    hub_buf_addc(b, ',');
}

/* JSON columns hold JSON text already. */
static void add_json(struct hub_buf *b, const char *key, const struct hub_cell *c) {
    if (c->kind != HUB_CELL_TEXT || !c->s.n) return;
    hub_json_add_key(b, key);
    hub_buf_adds(b, c->s);
    hub_buf_addc(b, ',');
}

/* "replyTo":{"id":…,"preview":null}; the preview is not the row's to know, for it changes and ends with
 * the other message. */
static void add_reply(struct hub_buf *b, const struct hub_cell *c, struct hub_replies *replies) {
    json_t *to = c->kind == HUB_CELL_TEXT ? hub_json_parse(c->s, NULL) : NULL;
    struct hub_str id = hub_json_get_str(to, "id");
    if (id.n) {
        hub_buf_addz(b, "\"replyTo\":{\"id\":");
        hub_json_add_string(b, id);
        hub_buf_addz(b, ",\"preview\":");
        if (replies) hub_replies_add(replies, b->n, id);
        hub_buf_addz(b, "null},");
    }
    json_decref(to);
}

/* The columns beyond the fixed ones are those of TABLE, which may be of an older definition than the hub's
 * present one. */
static void add_optional(struct hub_buf *b, const struct hub_table *table, const struct hub_cell *cells,
                         struct hub_replies *replies) {
    for (size_t i = HUB_MSG_FIXED; i < table->column_n; i++) {
        const struct hub_column *col = &table->columns[i];
        if (!strcmp(col->property, "replyTo"))
            add_reply(b, &cells[i], replies);
        else if (col->type == HUB_COL_JSON)
            add_json(b, col->property, &cells[i]);
        else if (cells[i].kind == HUB_CELL_BOOL && cells[i].i)
            hub_buf_addf(b, "\"%s\":true,", col->property);
    }
    if (cells[HUB_MSG_CLIENT_MESSAGE_ID].kind == HUB_CELL_TEXT)
        add_text(b, "clientMessageId", &cells[HUB_MSG_CLIENT_MESSAGE_ID]);
    if (cells[HUB_MSG_EDITED_AT].kind == HUB_CELL_INT) add_time(b, "editedAt", &cells[HUB_MSG_EDITED_AT]);
}

void hub_message_json(struct hub_buf *b, const struct hub_table *table, const struct hub_cell *cells,
                      struct hub_replies *replies) {
    hub_buf_reserve(b, MESSAGE_ROOM + cells[HUB_MSG_CONTENT].s.n);
    hub_buf_addc(b, '{');
    add_text(b, "id", &cells[HUB_MSG_ID]);
    add_text(b, "roomId", &cells[HUB_MSG_ROOM_ID]);
    add_text(b, "senderId", &cells[HUB_MSG_SENDER_ID]);
    add_text(b, "senderName", &cells[HUB_MSG_SENDER_NAME]);
    add_text(b, "senderAvatar", &cells[HUB_MSG_SENDER_AVATAR]);
    add_text(b, "messageType", &cells[HUB_MSG_MESSAGE_TYPE]);
    add_json(b, "content", &cells[HUB_MSG_CONTENT]);
    add_time(b, "timestamp", &cells[HUB_MSG_TIMESTAMP]);
    add_text(b, "status", &cells[HUB_MSG_STATUS]);
    add_number(b, "seq", &cells[HUB_MSG_SEQ]);
    add_number(b, "changeSeq", &cells[HUB_MSG_CHANGE_SEQ]);
    add_optional(b, table, cells, replies);
    b->p[b->n - 1] = '}'; /* the last comma */
}

void hub_message_sender_json(struct hub_buf *b, const struct hub_cell *cells) {
    if (cells[HUB_MSG_SENDER_ID].kind != HUB_CELL_TEXT) return;
    hub_buf_addz(b, ",\"sender\":{");
    add_text(b, "id", &cells[HUB_MSG_SENDER_ID]);
    add_text(b, "name", &cells[HUB_MSG_SENDER_NAME]);
    add_text(b, "avatar", &cells[HUB_MSG_SENDER_AVATAR]);
    b->p[b->n - 1] = '}';
}

void hub_messages_json(struct hub_buf *b, const struct hub_rows *rows, size_t take, bool reversed,
                       struct hub_replies *replies) {
    hub_buf_addz(b, "\"messages\":[");
    for (size_t i = 0; i < take; i++) {
        if (i) hub_buf_addc(b, ',');
        hub_message_json(b, rows->table, hub_row(rows, reversed ? take - 1 - i : i), replies);
    }
    hub_buf_addc(b, ']');
}

int hub_message_flags(const struct hub_def *def, struct hub_str message) {
    bool all = true;
    for (size_t i = 0; all && i < def->message_type_n; i++) all = def->message_types[i].compress;
    if (all || message.n < 2) return 0;
    struct hub_str name =
        hub_json_member(hub_str(message.p + 1, message.n - 2), "messageType"); /* in quotes; names have no escapes */
    if (name.n < 2) return 0;
    const struct hub_def_message_type *type = hub_def_message_type(def, hub_str(name.p + 1, name.n - 2));
    return type && !type->compress ? HUB_SEND_PLAIN : 0;
}
