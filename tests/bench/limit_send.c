/* Limit program: one send(2) per delivery, at once. What no server that writes each message by itself can
 * beat. */
#include "limit.h"

static void publish(struct limit_room *room, const char *frame, size_t n) {
    for (size_t i = 0; i < room->n; i++) limit_write(room->members[i], frame, n);
}

int main(int argc, char **argv) { return limit_serve(argc, argv, &(struct limit_ops){.publish = publish}); }
