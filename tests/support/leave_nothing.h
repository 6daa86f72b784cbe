/* For tests that start servers: whatever ends the test, or who runs it, nothing is left behind. */
#ifndef HUB_TESTS_LEAVE_NOTHING_H
#define HUB_TESTS_LEAVE_NOTHING_H
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

/* The process that removes FOLDER: it lives until the other end of PIPE is closed. A server that was
 * killed may still write for a moment. */
static inline void leave_nothing_wait(int pipe_end, const char *folder) {
    static const char script[] =
        "for try in 1 2 3 4 5 6 7 8 9 10; do rm -rf --one-file-system \"$0\" && exit; sleep 0.3; done";
    char c;
    int null = open("/dev/null", O_RDWR);
    setsid();
    for (int fd = 0; fd < 3; fd++) dup2(null, fd);
    while (read(pipe_end, &c, 1) < 0 && errno == EINTR) {}
    execl("/bin/sh", "sh", "-c", script, folder, NULL);
    _exit(127);
}

/* Ends this process when the one that started it ends, and removes FOLDER after this process has ended. */
static inline void leave_nothing(const char *folder) {
    int ends[2];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (pipe2(ends, O_CLOEXEC)) return;
    if (!fork()) {
        close(ends[1]);
        leave_nothing_wait(ends[0], folder);
    }
    close(ends[0]);
}
#endif
