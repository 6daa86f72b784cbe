/* Shared by the files of engine/hub/command: a command on its way. */
#ifndef HUB_COMMAND_COMMAND_INT_H
#define HUB_COMMAND_COMMAND_INT_H
#include "hub/command/command.h"

/* From the moment its gates are passed to its answer. */
struct hub_command_run {
    struct hub_hold hold;              /* so that its definition stays */
    struct hub_call *call;             /* NULL: it was answered, and has a stream */
    struct hub_command_stream *stream; /* NULL: it has none */
    const struct hub_def_command *def;
    struct hub_conn *conn;             /* reference */
    struct hub_room *room;             /* reference, or NULL */
    struct hub_list link;              /* in the connection's queue (turns.c) */
    struct hub_command_turns *turns;   /* that queue, while it has its turn there */
    struct hub_room_op op;             /* in the room's */
    struct hub_command_answer *answer; /* of its requestId; NULL: it has none (answers.c) */
};

/* ---- whose turn it is (turns.c) ---- */

/* Starts RUN at once or when those before it, in the order that its definition asks for, are over; drops
 * it when its connection has gone before. Each turn ends in hub_command_turn_over. HUB_OVERLOADED: too
 * many wait, and nothing happens to it. */
enum hub_code hub_command_turn_ask(struct hub_command_run *run, struct hub_err *err);
void hub_command_turn_over(struct hub_command_run *run);
void hub_command_turns_drop(struct hub_conn *c); /* what waits of a closed connection */
void hub_command_start(struct hub_command_run *run);
void hub_command_drop(struct hub_command_run *run);
/* CALL, of a command, is to be run as if it had just passed its gates. It may be gone when this returns. */
void hub_command_new(struct hub_call *call);

/* ---- answers that are given again (answers.c) ---- */

#define HUB_COMMAND_REPEAT_MS 60000
struct hub_command_answers;
HUB_MUST struct hub_command_answers *hub_command_answers_new(struct hub_engine *e);
void hub_command_answers_delete(struct hub_command_answers *all);
/* Whether ID is that of a request of the user that has been made already: then CALL gets that one's
 * answer, now or when it is there, and is gone. Else *FRESH is the place of its answer. */
bool hub_command_repeats(struct hub_command_answers *all, struct hub_call *call, struct hub_str id,
                         struct hub_command_answer **fresh);
/* How it ended: RESULT as JSON, or the refusal. */
struct hub_command_end {
    struct hub_str result;        /* JSON; of success */
    struct hub_str code, message; /* of a refusal in the script's words; CODE empty: none */
    const json_t *data;
    enum hub_code refused; /* HUB_OK: none of the engine's */
};
/* Of what its scripts have answered. CALL and all who have asked for the same get it, CALL first; they are
 * gone then. It is kept, so that a repeat runs nothing. ANSWER NULL: only CALL. */
void hub_command_answer(struct hub_command_answer *answer, struct hub_call *call, const struct hub_command_end *end);
/* Of what was refused before anything of it ran, with the code END->refused: only CALL gets that, and the
 * first who has repeated it, or repeats it later, has it run. */
void hub_command_refuse(struct hub_command_answer *answer, struct hub_call *call, const struct hub_command_end *end);
#endif
