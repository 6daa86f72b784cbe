/* Messages on their way: a draft, its place in the room's order, its commit and its announcement; those of
 * members, of REST, of scripts and of the system. */
#ifndef HUB_MESSAGE_SEND_SEND_H
#define HUB_MESSAGE_SEND_SEND_H
#include "data/numbered.h"
#include "hub/audience/audience.h"
#include "hub/call/call.h"

/* A write to the message table that the room is told of in its order (data/numbered.h), and the same for what
 * is told and not stored. */
void hub_room_write(struct hub_room *room, struct hub_numbered *n);
void hub_room_pass(struct hub_room *room, struct hub_numbered *n);

/* A message to be sent: by a member, by REST, or by a script. Copied where needed. */
struct hub_draft {
    struct hub_str sender_id;                  /* empty = system */
    struct hub_str sender_name, sender_avatar; /* empty = none */
    const char *type;                          /* of the definition: lives as long as it */
    struct hub_str content;                    /* JSON text, checked already */
    struct hub_str reply_id;                   /* of the message replied to; empty = none */
    const json_t *previews;                    /* {reply_id: its preview}; without it there is none */
    bool forwarded;
    struct hub_str client_message_id; /* empty = none */
    bool persist, pending;
    bool own_only;        /* the sender may not read here (struct hub_viewer) */
    bool announce;        /* tell the room (broadcast) */
    bool provisional;     /* at once, and again when it is stored; of one that is stored, not pending, and for all */
    enum hub_to to;       /* whom */
    const json_t *to_ids; /* for HUB_TO_IDS */
    struct hub_str
        led_by; /* the system's: the user whose message led to it, whom "sender" and "others" mean; empty = nobody */
    struct hub_backlog_entry *waits; /* what DONE's call takes: until the store has answered, whenever that call is
                                        answered; NULL = nothing */
    bool patient; /* DONE wants to know how it ended, not that the store is away and nobody can tell */
};
/* How a submitted draft ended: after the commit, before the announcement. MESSAGE (JSON) is borrowed. */
typedef void hub_submitted(void *arg, enum hub_code code, const char *error, struct hub_str message);
/* Gives the draft its place in the room's order, persists it, reports it to DONE (may be NULL), announces
 * it. Everything in DRAFT is borrowed for the call only. */
void hub_room_submit(struct hub_room *room, const struct hub_draft *draft, hub_submitted *done, void *arg);
/* Whether a message that SENDER_ID sent with this clientMessageId is on its way to the store: a look there
 * would not find it yet. */
bool hub_room_submitting(const struct hub_room *room, struct hub_str sender_id, struct hub_str client_message_id);
/* Whether the message ID was told to the room and is on its way to the store. */
bool hub_room_provisional(const struct hub_room *room, struct hub_str id);
/* Name and avatar as copied into messages. */
struct hub_str hub_session_name(const json_t *session);
struct hub_str hub_session_avatar(const json_t *session);
/* A draft of the system, or in the name of SENDER, checked against the hub's types: HUB_INVALID_CONTENT,
 * HUB_UNKNOWN_TYPE. CONTENT_TEXT receives the content and must live until the draft is submitted. */
enum hub_code hub_draft_from_script(struct hub_room *room, struct hub_str type, json_t *content, struct hub_str sender,
                                    struct hub_draft *out, struct hub_buf *content_text, struct hub_err *err);

/* Runs a handler's or action's serverMessages (array) in ROOM; SENDER empty for actions. */
void hub_server_messages(struct hub_room *room, const json_t *messages, struct hub_str sender, const char *origin);
/* Whether all of them could be sent; else ERR says which one not and why ("serverMessages[1].to: expected
 * …"). NULL messages are none. */
bool hub_server_messages_ok(struct hub_room *room, const json_t *messages, struct hub_err *err);

/* Whom something is told to that is for the users of D: with a sender of its own, he is one of them. */
struct hub_target hub_draft_target(const struct hub_draft *d);

/* Appends what is to be stored of the audience of DRAFT; nothing when it is for everybody. */
void hub_audience_store(const struct hub_draft *draft, struct hub_buf *out);

/* A system message {systemAction, systemData} to TARGET, where the hub has that type (system_message.c). */
void hub_system_message(struct hub_room *room, const struct hub_target *target, const char *action, const json_t *data,
                        struct hub_work *work);

/* hub:send, behind its gates; of these, the one of args.messageType hands the type over as the call's
 * subject. */
void hub_message_send(struct hub_call *call);
extern const struct hub_gate hub_gate_type;
#endif
