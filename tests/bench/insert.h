/* The skeleton of the programs that do nothing but insert: 200 senders, each of which sends its next
 * message when the one before is durable. They write the rows that hubd writes for `hubctl bench --event
 * message`, into the table that hubd made. */
#ifndef INSERT_H
#define INSERT_H
#include <stdbool.h>
#include <stdint.h>

#define INSERT_COLUMNS 14
/* Followed by the placeholders and a bracket. */
#define INSERT_INTO                                                                                      \
    "INSERT INTO \"plainMessage\" (\"id\", \"roomId\", \"senderId\", \"senderName\", \"senderAvatar\", " \
    "\"messageType\", \"content\", "                                                                     \
    "\"timestamp\", "                                                                                    \
    "\"status\", \"seq\", \"changeSeq\", \"clientMessageId\", \"editedAt\", \"isActive\") VALUES ("

/* Sender's next message as texts, NULL for a NULL; integers are told by insert_integer. */
struct insert_row {
    const char *value[INSERT_COLUMNS];
    uint64_t sent_ns;
    uint64_t number;
    uint64_t room_seq; /* of the room, with its first sender */
    char id[40], room[16], sender[16], content[80], timestamp[32], seq[24];
};

extern struct insert_row *insert_rows; /* one per sender */
extern uint32_t insert_senders;
/* The sender's next message. */
void insert_next(uint32_t sender);
/* The sender's message is durable. False when it is time to stop. */
bool insert_durable(uint32_t sender);
/* Ends the program with a line on stderr. */
void insert_fail(const char *what, const char *why) __attribute__((noreturn));

/* The program's part: inserts for all senders into WHERE (a URL, a file) until insert_durable says stop. */
void insert_run(const char *where);
#endif
