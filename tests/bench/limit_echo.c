/* Limit program: a bare echo, one recv(2) and one send(2) per request. The skeleton answers ["echo",x] by
 * itself. */
#include "limit.h"

static void publish(struct limit_room *room, const char *frame, size_t n) { (void)room, (void)frame, (void)n; }

int main(int argc, char **argv) { return limit_serve(argc, argv, &(struct limit_ops){.publish = publish}); }
