/* Changing one stored message on request: looked up, judged, written with the room's next number, told to
 * the room in its order. All of that in the message's turn among the room's scripts and changes, so that
 * what was judged is what is changed. */
#ifndef HUB_MESSAGE_EDIT_H
#define HUB_MESSAGE_EDIT_H
#include "hub/message/message.h"

struct hub_change;
struct hub_change_kind {
    /* Whether the message may be changed, and how: fills c->cells, c->write.kind and c->write.numbering as
     * they should be. ROW is the message as stored, borrowed. With c->unchanged set it is answered without a
     * write. */
    enum hub_code (*judge)(struct hub_change *c, const struct hub_cell *row, struct hub_err *err);
    /* After the commit: appends what the acknowledgement adds and returns its name (NULL: nothing). */
    const char *(*answer)(const struct hub_change *c, struct hub_buf *fields);
    void (*tell)(const struct hub_change *c);
    bool speaks; /* goes through the gates of a send */
};

struct hub_change {
    struct hub_hold hold;
    struct hub_numbered numbered;
    struct hub_room_op op;
    struct hub_announcement out; /* when it waits for its message to be stored */
    int64_t asked;               /* loop time */
    const struct hub_change_kind *kind;
    struct hub_call *call;          /* until it is answered */
    struct hub_backlog_entry waits; /* what it takes, once the call was answered and the store has not */
    json_t *args;                   /* the call's, reference */
    struct hub_room *room;          /* reference */
    struct hub_cell cells[HUB_MSG_MAX];
    struct hub_cond where[3];
    struct hub_buf text;          /* backing of cells */
    struct hub_buf told;          /* of a reaction: what the room is told */
    struct hub_buf message, from; /* as written: JSON, and ,"sender":{…} */
    struct hub_replies replies;
    struct hub_buf mine; /* the message as it is shown to who asked, if he may not read what it replies to */
    struct hub_replies my_replies;
    bool unchanged;
    bool pending; /* it has no number, and only moderators and its sender know of it */
    struct hub_str id;
    char *sender;                 /* NULL: the system's */
    struct hub_audience audience; /* of the message, or of a verdict on it */
};

/* Makes a change of args.messageId, which was checked, ready for hub_change_run. */
HUB_MUST struct hub_change *hub_change_new(struct hub_call *call, const struct hub_change_kind *kind);
void hub_change_run(struct hub_change *c);

/* "message": the whole message, for answer. */
const char *hub_change_answer_message(const struct hub_change *c, struct hub_buf *fields);
/* Tells those who know of the message: its audience, or while it is pending moderators and its sender. */
void hub_change_tell(const struct hub_change *c, struct hub_event_json *e, struct hub_str event);

/* ---- commands on a message that is there (messages.c has their rows) ---- */

void hub_message_edit(struct hub_call *call);
void hub_message_delete(struct hub_call *call);
void hub_message_react(struct hub_call *call); /* hub:react, hub:unreact */
void hub_message_show(struct hub_call *call);
/* The hub has reactions; args.emoji is one. */
extern const struct hub_gate hub_gate_reactions_on, hub_gate_emoji;
#endif
