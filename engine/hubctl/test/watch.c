/* Folders of a service by inotify. */
#include "hubctl/test/watch.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text/buf.h"

#define QUIET_MS 100 /* editors write in several steps */
#define DEEP_MAX 16
#define CHANGES (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM)

static bool is_left_out(const char *name) {
    return name[0] == '.' || !strcmp(name, "data") || !strcmp(name, "node_modules");
}

/* False: FD cannot watch that many. What goes away meanwhile is no matter. */
static bool watch_folder(int fd, const char *dir, int depth) {
    bool good = inotify_add_watch(fd, dir, CHANGES | IN_ONLYDIR) >= 0 || errno == ENOENT || errno == ENOTDIR;
    DIR *d = good && depth < DEEP_MAX ? opendir(dir) : NULL;
    for (struct dirent *e; d && good && (e = readdir(d));) {
        struct hub_buf path = {0};
        struct stat st;
        if (is_left_out(e->d_name)) continue;
        hub_buf_addf(&path, "%s/%s", dir, e->d_name);
        if (!stat(hub_buf_cstr(&path), &st) && S_ISDIR(st.st_mode))
            good = watch_folder(fd, hub_buf_cstr(&path), depth + 1);
        hub_buf_free(&path);
    }
    if (d) closedir(d);
    return good;
}

int hub_test_watch_begin(const char *dir) {
    int fd = inotify_init1(IN_CLOEXEC);
    if (fd >= 0 && watch_folder(fd, dir, 0)) return fd;
    int e = errno;
    if (fd >= 0) close(fd);
    errno = e;
    return -1;
}

bool hub_test_watch_wait(int fd) {
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t n;
    do n = read(fd, events, sizeof events);
    while (n > 0 && poll(&p, 1, QUIET_MS) > 0);
    int e = errno;
    close(fd);
    errno = e;
    return n > 0;
}
