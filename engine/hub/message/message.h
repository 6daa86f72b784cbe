/* Messages: checked, submitted in the room's order, stored, shown, changed, approved, read again. */
#ifndef HUB_MESSAGE_MESSAGE_H
#define HUB_MESSAGE_MESSAGE_H
#include "hub/message/send/send.h"

/* ---- content (content.c) ---- */

/* Checks CONTENT against the type and fills defaults in (data/fields.h). *CHANGED is set when that altered
 * it. */
enum hub_code hub_content_check(const struct hub_def_message_type *type, json_t *content, bool *changed,
                                struct hub_err *err);

/* ---- messages (message_json.c) ---- */

/* Places in a text where the previews of messages replied to belong (preview.c). */
struct hub_reply {
    size_t at; /* of "null", which stands for the preview */
    char id[65];
};
struct hub_replies {
    struct hub_reply *items;
    size_t n, cap;
};
/* Appends the message as the wire shows it (wire.md "A message on the wire"). CELLS are those of TABLE, a
 * message table. A message that replies to another one adds a place to REPLIES for hub_previews_fill; with
 * NULL its preview is null. */
void hub_message_json(struct hub_buf *b, const struct hub_table *table, const struct hub_cell *cells,
                      struct hub_replies *replies);
/* With which flags (HUB_SEND_…) MESSAGE, the JSON of one of DEF's hub, is broadcast: what its type says. */
int hub_message_flags(const struct hub_def *def, struct hub_str message);
/* Appends ,"sender":{…} or nothing for a system message. */
void hub_message_sender_json(struct hub_buf *b, const struct hub_cell *cells);
/* Appends "messages":[…] of the first TAKE of ROWS, ascending seq (reversed when they come newest first). */
void hub_messages_json(struct hub_buf *b, const struct hub_rows *rows, size_t take, bool reversed,
                       struct hub_replies *replies);

/* One line that sums up a message, as a JSON text: its body, its title, or its type. It is made by the
 * server, so a preview cannot be forged. */
HUB_MUST json_t *hub_message_preview(const struct hub_cell *cells);
/* Who is shown previews. */
struct hub_viewer {
    struct hub_str user; /* empty: everybody */
    bool own_only;       /* he may not read here, and knows his own messages only */
};
static inline struct hub_viewer hub_viewer_of(const struct hub_call *c) {
    return (struct hub_viewer){hub_cstr(c->who->user_id), !c->rights.can_read};
}
/* Puts previews into TEXT at the places REPLIES, as the messages replied to are now: null for those that
 * are gone, do not count (yet), or are not for VIEWER. TEXT and REPLIES are the caller's and VIEWER's text
 * must stay until DONE, which comes at once when there are no places. REPLIES is empty then. A store that
 * does not answer leaves the previews null. */
typedef void hub_previews_done(void *arg);
void hub_previews_fill(struct hub_room *room, struct hub_viewer viewer, struct hub_buf *text,
                       struct hub_replies *replies, hub_previews_done *done, void *arg);
void hub_replies_add(struct hub_replies *r, size_t at, struct hub_str id);
void hub_replies_free(struct hub_replies *r);
/* The same from memory: PREVIEWS has them by id. */
void hub_previews_put(struct hub_buf *text, struct hub_replies *replies, const json_t *previews);

/* Bound for what asks the store at its turn in a room: when it has waited longer it is refused, since each
 * one in turn would wait anew for a store that is unreachable. */
#define HUB_TURN_PATIENCE_MS 30000

/* "seq":NUMBER; null for 0, a message that has no number yet. */
void hub_event_json_seq(struct hub_event_json *e, int64_t number);

/* History of a room up to and including UPTO, of what is for READER (copied); FIELDS get
 * "messages":…,"hasMore":…[,"changes":…],"recovered":… */
typedef void hub_history_done(void *arg, enum hub_code code, struct hub_str fields);
void hub_history_on_join(struct hub_room *room, struct hub_str reader, int64_t upto, int64_t limit, bool has_since,
                         int64_t since, struct hub_str epoch, hub_history_done *done, void *arg);

/* Deletes all messages of USER in ROOM, who may send none any more, also those that wait for a moderator,
 * as if by hub:delete. It takes turns among reads as those of BY. DONE comes once, possibly at once: N
 * were deleted; HUB_STORE_UNDECIDED or another code: some may be left. */
typedef void hub_messages_deleted(void *arg, enum hub_code code, int64_t n);
void hub_messages_delete_of(struct hub_room *room, struct hub_str user, struct hub_str by, hub_messages_deleted *done,
                            void *arg);

extern const struct hub_part hub_messages_part, hub_history_part, hub_approval_part;
#endif
