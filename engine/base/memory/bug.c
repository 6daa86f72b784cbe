/* The end of a process that has found a mistake of its own. Nothing is allocated: what is wrong may be
 * memory. */
#include "base/memory/bug.h"

#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FRAMES_MAX 64

void hub_bug(const char *file, int line, const char *function, const char *condition) {
    void *frames[FRAMES_MAX];
    char text[512];
    int n = snprintf(text, sizeof text, "hubd: bug: %s, in %s (%s:%d); please report this with the lines below\n",
                     condition, function, file, line);
    if (n > 0 && write(STDERR_FILENO, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1) < 0) _exit(134);
    backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), STDERR_FILENO);
    abort();
}
