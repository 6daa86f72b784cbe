/* A server that breaks its promises on purpose, to test that the load generator notices: loses, repeats or
 * swaps every hundredth delivery. Usage: limit_faulty PORT lose|repeat|swap */
#include <stdio.h>
#include <string.h>

#include "limit.h"

static const char *fault = "";
static unsigned count;
static char held[65540];
static size_t held_n;
static struct limit_conn *held_for;

static void deliver(struct limit_conn *to, const char *frame, size_t n) {
    bool faulty = ++count % 100 == 0;
    if (faulty && !strcmp(fault, "lose")) return;
    if (faulty && !strcmp(fault, "repeat")) limit_write(to, frame, n);
    if (faulty && !strcmp(fault, "swap") && !held_for) { /* keep it until the next one for this member has left */
        memcpy(held, frame, n);
        held_n = n, held_for = to;
        return;
    }
    limit_write(to, frame, n);
    if (held_for != to) return;
    limit_write(to, held, held_n);
    held_for = NULL;
}

static void publish(struct limit_room *room, const char *frame, size_t n) {
    for (size_t i = 0; i < room->n; i++) deliver(room->members[i], frame, n);
}

int main(int argc, char **argv) {
    if (argc > 2) fault = argv[2];
    return limit_serve(argc, argv, &(struct limit_ops){.publish = publish});
}
