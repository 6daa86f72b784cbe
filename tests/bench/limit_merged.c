/* Limit program: what became due for a room in one turn of the loop lies end to end and leaves each
 * member's socket in one send(2). What coalescing can gain at most. */
#include <stdlib.h>
#include <string.h>

#include "limit.h"

static struct limit_room *due;

static void publish(struct limit_room *room, const char *frame, size_t n) {
    if (room->due_n == 0) room->next_due = due, due = room;
    if (room->due_n + n > room->due_cap) {
        room->due_cap = 2 * (room->due_n + n);
        room->due = realloc(room->due, room->due_cap);
        if (!room->due) abort();
    }
    memcpy(room->due + room->due_n, frame, n);
    room->due_n += n;
}

static void flush(void) {
    for (; due; due = due->next_due) {
        for (size_t i = 0; i < due->n; i++) limit_write(due->members[i], due->due, due->due_n);
        due->due_n = 0;
    }
}

int main(int argc, char **argv) {
    return limit_serve(argc, argv, &(struct limit_ops){.publish = publish, .turn_end = flush});
}
