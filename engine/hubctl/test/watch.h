/* Changes of the files of a service, for hubctl test --watch. */
#ifndef HUB_TEST_WATCH_H
#define HUB_TEST_WATCH_H
#include <stdbool.h>

/* Begins to look at the files below DIR, but for data/, node_modules and what begins with a dot. A descriptor
 * for hub_test_watch_wait, or -1 with errno. */
int hub_test_watch_begin(const char *dir);
/* Waits for a change since then, and until nothing has changed for a moment; closes FD. False, with errno:
 * that cannot be found out. */
bool hub_test_watch_wait(int fd);
#endif
