/* Listening: ports and addresses, what cannot be bound, options that accepted sockets inherit, and running
 * out of descriptors. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "fixture.h"

static void a_busy_port_and_an_unknown_host_are_named(void **state) {
    (void)state;
    struct hub_transport_config c = app_defaults;
    struct hub_transport *second;
    struct hub_err err;
    char want[64];
    start(&c);
    struct hub_loop *loop = hub_loop_new(NULL);
    c.port = hub_transport_port(server.transport);
    assert_int_equal(hub_transport_new(&second, loop, &c, &app_ops, NULL, &err), HUB_INTERNAL);
    snprintf(want, sizeof want, "cannot listen on 127.0.0.1:%d: Address already in use", c.port);
    assert_string_equal(err.text, want);
    c.host = "no-such-host.invalid";
    assert_int_equal(hub_transport_new(&second, loop, &c, &app_ops, NULL, &err), HUB_INTERNAL);
    assert_non_null(strstr(err.text, "cannot listen on no-such-host.invalid:"));
    hub_loop_delete(loop);
    stop();
}

static void a_stopped_listener_refuses_and_what_is_open_goes_on(void **state) {
    (void)state;
    start(&app_defaults);
    struct peer p = dial();
    open_websocket(&p);
    hub_post(server.loop, &server.close_all);
    expect_close(&p, 1001);
    int port = hub_transport_port(server.transport);
    stop();
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), -1);
    close(fd);
    hang_up(&p);
}

static void ipv6_clients_are_served_under_their_address(void **state) {
    (void)state;
    struct hub_transport_config c = app_defaults;
    int probe_fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool have_v6 = probe_fd >= 0 && bind(probe_fd, (struct sockaddr *)&loopback, sizeof loopback) == 0;
    if (probe_fd >= 0) close(probe_fd);
    if (!have_v6) skip();
    c.host = "::";
    start(&c);
    struct peer four = dial(); /* dual stack */
    open_websocket(&four);
    assert_memory_equal(server.handshake.p, "127.0.0.1|", 10);
    struct peer six = {.fd = socket(AF_INET6, SOCK_STREAM, 0)};
    loopback.sin6_port = htons((uint16_t)hub_transport_port(server.transport));
    assert_int_equal(connect(six.fd, (struct sockaddr *)&loopback, sizeof loopback), 0);
    open_websocket(&six);
    assert_memory_equal(server.handshake.p, "::1|", 4);
    hang_up(&four);
    hang_up(&six);
    stop();
}

static int64_t cpu_ms(pid_t pid) {
    clockid_t clock;
    struct timespec used;
    assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
    clock_gettime(clock, &used);
    return used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

/* Last: the limit of this process stays lowered. */
static void without_descriptors_new_connections_wait_and_old_ones_are_served(void **state) {
    (void)state;
    enum { LIMIT = 60, COUNT = 50, OWN = 512 }; /* the server keeps half of so few for other purposes */
    struct rlimit lim = {LIMIT, LIMIT};
    struct peer p[COUNT];
    struct hub_transport_config c = app_defaults;
    start(&c);
    stop(); /* whatever is loaded lazily has its descriptors now */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){LIMIT, OWN}), 0);
    lim.rlim_max = LIMIT;
    int parent_to_child[2];
    assert_int_equal(pipe(parent_to_child), 0);
    pid_t child = fork();
    if (child == 0) { /* the server gets a process of its own, since clients need descriptors, too */
        struct hub_loop *loop = hub_loop_new(NULL);
        struct hub_transport *t;
        struct hub_err err;
        hub_log_setup(HUB_LOG_ERROR, false);
        server = (struct server){.loop = loop};
        pthread_mutex_init(&server.lock, NULL);
        pthread_cond_init(&server.changed, NULL);
        if (setrlimit(RLIMIT_NOFILE, &lim) != 0 || hub_transport_new(&t, loop, &c, &app_ops, NULL, &err)) _exit(1);
        int port = hub_transport_port(t);
        if (write(parent_to_child[1], &port, sizeof port) != sizeof port) _exit(1);
        hub_loop_run(loop);
        _exit(0);
    }
    int port;
    struct timeval short_patience = {.tv_usec = 200000};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){OWN, OWN}), 0);
    assert_int_equal(read(parent_to_child[0], &port, sizeof port), sizeof port);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < COUNT; i++) {
        p[i] = (struct peer){.fd = socket(AF_INET, SOCK_STREAM, 0)};
        assert_int_equal(connect(p[i].fd, (struct sockaddr *)&a, sizeof a), 0); /* the backlog takes them */
        get(&p[i], "/agent");
    }
    for (int i = 0; i < 25; i++) expect_status(&p[i], 200);
    setsockopt(p[COUNT - 1].fd, SOL_SOCKET, SO_RCVTIMEO, &short_patience, sizeof short_patience);
    char byte;
    int64_t before = cpu_ms(child);
    assert_int_equal(recv(p[COUNT - 1].fd, &byte, 1, 0), -1); /* it waits, 200 ms */
    assert_true(cpu_ms(child) - before < 20);                 /* and the server does not spin meanwhile */
    get(&p[0], "/agent");
    expect_status(&p[0], 200);
    struct timeval patience = {.tv_sec = PATIENCE};
    setsockopt(p[COUNT - 1].fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (int i = 0; i < 30; i++) hang_up(&p[i]);
    for (int i = 30; i < COUNT; i++) expect_status(&p[i], 200);
    for (int i = 30; i < COUNT; i++) hang_up(&p[i]);
    kill(child, SIGKILL);
    close(parent_to_child[0]);
    close(parent_to_child[1]);
}

static bool have_v6(void) {
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
    if (fd >= 0) close(fd);
    return ok;
}

static struct peer dial_v6(void) {
    struct peer p = {.fd = socket(AF_INET6, SOCK_STREAM, 0)};
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    a.sin6_port = htons((uint16_t)hub_transport_port(server.transport));
    assert_int_equal(connect(p.fd, (struct sockaddr *)&a, sizeof a), 0);
    return p;
}

/* Browsers ask ::1 for localhost, and nobody answered. */
static void localhost_is_both_families_and_brackets_are_no_part_of_an_address(void **state) {
    (void)state;
    if (!have_v6()) skip();
    static const char *const hosts[] = {"localhost", "[::1]", "::1"};
    for (size_t i = 0; i < HUB_NELEM(hosts); i++) {
        struct hub_transport_config c = app_defaults;
        c.host = hosts[i];
        start(&c);
        struct peer six = dial_v6();
        get(&six, "/agent");
        expect_status(&six, 200);
        hang_up(&six);
        if (i == 0) {
            struct peer four = dial();
            get(&four, "/agent");
            expect_status(&four, 200);
            hang_up(&four);
        }
        stop();
    }
}

/* ---- a socket file ---- */

static char folder[] = "/tmp/hubd-listen-XXXXXX";
static char host[sizeof folder + 16];

static struct peer dial_file(void) {
    struct peer p = {.fd = socket(AF_UNIX, SOCK_STREAM, 0)};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path, host + 5);
    assert_int_equal(connect(p.fd, (struct sockaddr *)&a, sizeof a), 0);
    return p;
}

static const char *fails(const struct hub_transport_config *c) {
    static struct hub_err err;
    struct hub_transport *t;
    struct hub_loop *loop = hub_loop_new(NULL);
    assert_int_equal(hub_transport_new(&t, loop, c, &app_ops, NULL, &err), HUB_INTERNAL);
    hub_loop_delete(loop);
    return err.text;
}

static void a_socket_file_is_listened_on_and_removed(void **state) {
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(host, sizeof host, "unix:%s/hub.sock", folder);
    struct hub_transport_config c = app_defaults;
    struct stat st;
    c.host = host;
    start(&c);
    struct peer p = dial_file();
    open_websocket(&p);
    assert_memory_equal(server.handshake.p, "unix:|", 6);
    assert_int_equal(stat(host + 5, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_non_null(strstr(fails(&c), "another process listens there"));
    assert_int_equal(stat(host + 5, &st), 0); /* whoever did not get it has not removed it */
    hang_up(&p);
    stop();
    assert_int_equal(stat(host + 5, &st), -1);
}

static void a_socket_file_of_a_process_that_is_gone_is_replaced(void **state) {
    (void)state;
    struct hub_transport_config c = app_defaults;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path, host + 5);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    close(fd);
    c.host = host;
    start(&c);
    struct peer p = dial_file();
    get(&p, "/agent");
    expect_status(&p, 200);
    hang_up(&p);
    stop();
    FILE *f = fopen(host + 5, "w");
    fclose(f);
    assert_non_null(strstr(fails(&c), "that is no socket"));
    unlink(host + 5);
    rmdir(folder);
    assert_non_null(strstr(fails(&c), "cannot listen on unix:/"));
}

static void accepted_sockets_inherit_tcp_nodelay(void **state) {
    (void)state;
    int on = 1, inherited = 0;
    socklen_t n = sizeof inherited;
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t a_n = sizeof a;
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(listener, 1), 0);
    getsockname(listener, (struct sockaddr *)&a, &a_n);
    assert_int_equal(connect(client, (struct sockaddr *)&a, sizeof a), 0);
    int accepted = accept(listener, NULL, NULL);
    getsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &inherited, &n);
    assert_int_equal(inherited != 0, 1); /* listen.c relies on it */
    close(accepted);
    close(client);
    close(listener);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_busy_port_and_an_unknown_host_are_named),
        cmocka_unit_test(a_stopped_listener_refuses_and_what_is_open_goes_on),
        cmocka_unit_test(ipv6_clients_are_served_under_their_address),
        cmocka_unit_test(localhost_is_both_families_and_brackets_are_no_part_of_an_address),
        cmocka_unit_test(a_socket_file_is_listened_on_and_removed),
        cmocka_unit_test(a_socket_file_of_a_process_that_is_gone_is_replaced),
        cmocka_unit_test(accepted_sockets_inherit_tcp_nodelay),
        cmocka_unit_test(without_descriptors_new_connections_wait_and_old_ones_are_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
