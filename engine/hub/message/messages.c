/* The part "messages": its rows. What they do is in send.c and edit.c. */
#include "data/fields.h"
#include "hub/message/edit/edit.h"
#include "hub/message/emoji.h"
#include "hub/message/message.h"

static bool has_replies(const struct hub_def *def) { return def->enable_reply_to; }
static bool has_reactions(const struct hub_def *def) { return def->enable_reaction; }
static bool has_forwarded(const struct hub_def *def) { return def->enable_forwarded; }
static bool tells_early(const struct hub_def *def) { return def->delivery == HUB_BROADCAST_THEN_PERSIST; }

static const struct hub_arg send_args[] = {
    HUB_ARG_ROOM,
    {"messageType", HUB_ARG_TEXT, HUB_ARG_REQUIRED, .least = 1, .expected = "a text", .help = "A type of the hub.",
     .shape = "type"},
    {"content", HUB_ARG_OBJECT, HUB_ARG_REQUIRED | HUB_ARG_LATER | HUB_ARG_LARGE, .code = HUB_INVALID_CONTENT,
     .help = "As the type declares it.", .shape = "input"},
    {"replyTo", HUB_ARG_ANY, HUB_ARG_LATER, .expected = "an object with the id of a message",
     .help = "`{id}` of the message it answers.", .shape = "{id: id}", .on = has_replies},
    {"forwarded", HUB_ARG_BOOL, HUB_ARG_LATER, .help = "It is shown as forwarded.", .on = has_forwarded},
    {"clientMessageId", HUB_ARG_ID, HUB_ARG_LATER,
     .help = "Idempotency key: a repeat with the same one is answered with the first message."},
    {0},
};
static const struct hub_arg edit_args[] = {
    HUB_ARG_ROOM,
    HUB_ARG_MESSAGE,
    {"content", HUB_ARG_OBJECT, HUB_ARG_REQUIRED | HUB_ARG_LATER | HUB_ARG_LARGE, .code = HUB_INVALID_CONTENT,
     .help = "The whole content, as the type declares it.", .shape = "input"},
    {0},
};
static const struct hub_arg message_args[] = {HUB_ARG_ROOM, HUB_ARG_MESSAGE, {0}};
#define ARG_EMOJI                                                                         \
    {                                                                                     \
        "emoji", HUB_ARG_TEXT, HUB_ARG_REQUIRED, .least = 1, .most = HUB_EMOJI_MAX,       \
                                                 .help = "An emoji, or a name like `+1`." \
    }
static const struct hub_arg react_args[] = {
    HUB_ARG_ROOM, HUB_ARG_MESSAGE, ARG_EMOJI, {"remove", HUB_ARG_BOOL, HUB_ARG_SOCKET, .help = "Takes it back."}, {0}};
static const struct hub_arg unreact_args[] = {HUB_ARG_ROOM, HUB_ARG_MESSAGE, ARG_EMOJI, {0}};

static const struct hub_field message_answer[] = {{"message", "message", .help = "As everybody sees it."}, {0}};
static const struct hub_field reaction_answer[] = {{"reaction", "list of reaction", .help = "All of them."}, {0}};

#define REACTS                                                                                            \
    HUB_GATES(&hub_gate_room, &hub_gate_read, &hub_gate_reactions_on, &hub_gate_running, &hub_gate_emoji, \
              &hub_gate_args, &hub_gate_reactions)
#define REACT_CODES \
    { HUB_NOT_FOUND, HUB_NOT_ALLOWED, HUB_TOO_MANY, HUB_OVERLOADED, HUB_STORE_UNAVAILABLE }
static const struct hub_command message_commands[] = {
    {.name = "hub:send",
     .help = "Sends a message.",
     .around = HUB_AROUND_MESSAGES,
     .gates = HUB_GATES(&hub_gate_room, &hub_gate_running, &hub_gate_unblocked, &hub_gate_speaker, &hub_gate_args,
                        &hub_gate_type, &hub_gate_size, &hub_gate_messages),
     .args = send_args,
     .rest = {"POST", "rooms/:roomId/messages", 201},
     .answer = message_answer,
     .codes = {HUB_INVALID_CONTENT, HUB_FEATURE_DISABLED, HUB_BAD_REQUEST, HUB_CANNOT_READ, HUB_NOT_FOUND, HUB_REJECTED,
               HUB_HANDLER_FAILED, HUB_SCRIPT_TIMEOUT, HUB_OVERLOADED, HUB_STORE_UNAVAILABLE},
     .run = hub_message_send},
    {.name = "hub:edit",
     .help = "Changes the content of one's own message.",
     .gates = HUB_GATES(&hub_gate_room, &hub_gate_running, &hub_gate_args, &hub_gate_unblocked, &hub_gate_speaker,
                        &hub_gate_size, &hub_gate_messages),
     .args = edit_args,
     .rest = {"PATCH", "rooms/:roomId/messages/:messageId", 200},
     .answer = message_answer,
     .codes = {HUB_NOT_FOUND, HUB_NOT_ALLOWED, HUB_UNKNOWN_TYPE, HUB_TYPE_NOT_ALLOWED, HUB_INVALID_CONTENT,
               HUB_OVERLOADED, HUB_STORE_UNAVAILABLE},
     .run = hub_message_edit},
    {.name = "hub:delete",
     .help = "Deletes one's own message, or with canDeleteAny any.",
     .gates = HUB_GATES(&hub_gate_room, &hub_gate_running, &hub_gate_args),
     .args = message_args,
     .rest = {"DELETE", "rooms/:roomId/messages/:messageId", 200},
     .codes = {HUB_NOT_FOUND, HUB_NOT_ALLOWED, HUB_OVERLOADED, HUB_STORE_UNAVAILABLE},
     .run = hub_message_delete},
    {.name = "hub:react",
     .help = "Adds a reaction to a message, or with `remove` takes it back.",
     .gates = REACTS,
     .args = react_args,
     .rest = {"PUT", "rooms/:roomId/messages/:messageId/reactions/:emoji", 200},
     .on = has_reactions,
     .answer = reaction_answer,
     .codes = REACT_CODES,
     .run = hub_message_react},
    {.name = "hub:unreact",
     .help = "Takes a reaction back.",
     .flags = HUB_REST_ONLY,
     .stands_for = {"hub:react", "remove"},
     .gates = REACTS,
     .args = unreact_args,
     .rest = {"DELETE", "rooms/:roomId/messages/:messageId/reactions/:emoji", 200},
     .on = has_reactions,
     .answer = reaction_answer,
     .codes = REACT_CODES,
     .run = hub_message_react},
    {.name = "hub:message",
     .help = "One message.",
     .flags = HUB_READS | HUB_REST_ONLY,
     .gates = HUB_GATES(&hub_gate_reads, &hub_gate_room, &hub_gate_read, &hub_gate_args),
     .args = message_args,
     .rest = {"GET", "rooms/:roomId/messages/:messageId", 200},
     .answer = message_answer,
     .codes = {HUB_NOT_FOUND, HUB_OVERLOADED, HUB_STORE_UNAVAILABLE},
     .run = hub_message_show},
    {0},
};

static const struct hub_field common_fields[] = {
    {"id", "id", .help = "The message's id."},
    {"roomId", "id", .help = "The room."},
    {"senderId", "id or null", .help = "Who sent it; null: the server."},
    {"senderName", "text or null", .help = "From the sender's session.", .optional = true},
    {"senderAvatar", "text or null", .help = "From the sender's session.", .optional = true},
    {"timestamp", "time", .help = "When it was sent."},
    {"status", "`approved` or `pending` or `rejected`", .help = "Whether everybody sees it."},
    {"seq", "integer or null", .help = "Its number; null while it is pending."},
    {"changeSeq", "integer or null", .help = "The number of its last change."},
    {"replyTo", "{id: id, preview: any}", .help = "What it answers.", .optional = true, .on = has_replies},
    {"reaction", "list of reaction", .help = "Reactions to it.", .optional = true, .on = has_reactions},
    {"forwarded", "boolean", .help = "It is shown as forwarded.", .optional = true, .on = has_forwarded},
    {"clientMessageId", "id", .help = "The sender's idempotency key.", .optional = true},
    {"editedAt", "time", .help = "When its content changed last.", .optional = true},
    {"provisional", "true", .help = "It is not stored yet.", .optional = true, .on = tells_early},
    {0},
};
static const struct hub_field one_reaction[] = {{"emoji", "text", .help = "An emoji, or a name."},
                                                {"userId", "id", .help = "Whose it is."},
                                                {"timestamp", "time", .help = "When it came."},
                                                {0}};
static const struct hub_field sender_fields[] = {{"id", "id", .help = "The user's id."},
                                                 {"name", "text or null", .help = "From the session."},
                                                 {"avatar", "text or null", .help = "From the session."},
                                                 {0}};
static const struct hub_shape shapes[] = {
    {"common", "What all messages have, beside messageType and content.", common_fields},
    {"reaction", "A reaction to a message.", one_reaction},
    {"sender", "Who sent a message.", sender_fields},
    {0},
};
#define SEQ \
    { "seq", "integer", .help = "Number of the change." }
static const struct hub_field arrived_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"message", "message", .help = "The message."},
    {"sender", "sender", .help = "Absent for system messages.", .optional = true},
    {"provisional", "boolean",
     .help = "True, as in the message, whose `seq` is null: it is not stored yet (`delivery: broadcastThenPersist`).",
     .optional = true, .on = tells_early},
    {0},
};
static const struct hub_field stored_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"messageId", "id", .help = "The message, which came as provisional."},
    {"seq", "integer", .help = "Its number."},
    {0},
};
static const struct hub_field failed_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"messageId", "id", .help = "The message, which came as provisional."},
    {"code", "code", .help = "Why it was not stored."},
    {0},
};
static const struct hub_field edited_fields[] = {
    {"roomId", "id", .help = "The room."}, {"message", "message", .help = "As it is now."}, SEQ, {0}};
static const struct hub_field deleted_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"messageId", "id", .help = "The message."},
    {"seq", "integer or null",
     .help = "Number of the change; null when the row itself was removed behind hubd's back."},
    {0},
};
static const struct hub_field reaction_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"messageId", "id", .help = "The message."},
    {"emoji", "text", .help = "The reaction."},
    {"userId", "id", .help = "Whose it is."},
    {"removed", "boolean", .help = "Whether it was taken back."},
    {"counts", "map of integer", .help = "How many there are of each now."},
    {"reaction", "list of reaction", .help = "All of them, while there are at most 100.", .optional = true},
    SEQ,
    {0},
};
static const struct hub_field skipped_fields[] = {
    {"roomId", "id", .help = "The room."},
    {"seqs", "list of integer", .help = "Numbers that are not for this member."},
    {0}};
#define AUDIENCE "those with canRead that it is for"
static const struct hub_told_event message_told[] = {
    {"hub:messageArrived", AUDIENCE, "a message was committed, or with `provisional` is about to be", arrived_fields},
    {"hub:messageStored", AUDIENCE, "a message that came as provisional was committed", stored_fields},
    {"hub:messageFailed", AUDIENCE, "a message that came as provisional was not stored: it does not exist",
     failed_fields},
    {"hub:messageEdited", AUDIENCE, "its content changed", edited_fields},
    {"hub:messageDeleted", AUDIENCE, "it was deleted", deleted_fields},
    {"hub:reaction", AUDIENCE, "a reaction came or went", reaction_fields},
    {"hub:skipped", "those with canRead that it is not for", "before the next numbered event, or within 250 ms",
     skipped_fields},
    {0},
};

/* ---- GET /{hub} ---- */

static bool tells_message(const struct hub_def *def, const char *event) {
    if (!strcmp(event, "hub:reaction")) return has_reactions(def);
    return tells_early(def) || (strcmp(event, "hub:messageStored") && strcmp(event, "hub:messageFailed"));
}

static void describe_messages(const struct hub_hub *hub, json_t *out) {
    const struct hub_def *d = hub->def;
    json_t *all = json_object_get(out, "messageTypes"), *features = json_object_get(out, "features");
    for (size_t i = 0; i < d->message_type_n; i++) {
        const struct hub_def_message_type *t = &d->message_types[i];
        json_t *fields = hub_fields_describe(t->fields, t->field_n);
        json_array_append_new(all,
                              json_pack("{s:s, s:s, s:b, s:o}", "name", t->name, "description",
                                        t->description ? t->description : "", "builtin", t->builtin, "fields", fields));
    }
    json_object_set_new(features, "replyTo", json_boolean(d->enable_reply_to));
    json_object_set_new(features, "reaction", json_boolean(d->enable_reaction));
    json_object_set_new(features, "forwarded", json_boolean(d->enable_forwarded));
    if (d->delivery == HUB_BROADCAST_THEN_PERSIST)
        json_object_set_new(out, "delivery", json_string("broadcastThenPersist"));
}

const struct hub_part hub_messages_part = {
    .name = "messages",
    .help = "Messages and what becomes of them: sent, edited, deleted, reacted to.",
    .commands = message_commands,
    .told = message_told,
    .tells = tells_message,
    .shapes = shapes,
    .keywords = "dataObjectName messageTypes customMessageTypes messageHandlers enableReplyTo enableReaction "
                "enableForwarded messageRateLimit maxMessageSize delivery",
    .tables = "Message",
    .describe = describe_messages,
};
