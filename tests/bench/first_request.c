/* How long a server takes from exec to its first answered request: starts the command, asks GET PATH over
 * and over until the answer is 200, prints the milliseconds and ends the server. Usage: first_request PORT
 * PATH COMMAND… */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* True when GET PATH on PORT was answered with 200. */
static int served(int port, const char *path) {
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char text[512] = "";
    int ok = 0, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0) {
        int n = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", path);
        if (write(fd, text, (size_t)n) == n && read(fd, text, sizeof text - 1) > 12)
            ok = !memcmp(text, "HTTP/1.1 200", 12);
    }
    close(fd);
    return ok;
}

int main(int argc, char **argv) {
    if (argc < 4) return fprintf(stderr, "usage: %s PORT PATH COMMAND…\n", argv[0]), 2;
    double start = now_ms();
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[3], argv + 3);
        perror(argv[3]);
        _exit(127);
    }
    int ok = 0, gone = 0;
    while (!ok && !gone && now_ms() - start < 10000) {
        gone = waitpid(child, NULL, WNOHANG) == child;
        ok = !gone && served(atoi(argv[1]), argv[2]);
        if (!ok) usleep(200);
    }
    if (ok) printf("%.1f\n", now_ms() - start);
    if (!gone) kill(child, SIGTERM), waitpid(child, NULL, 0);
    return ok ? 0 : 1;
}
