/* Clients: WebSocket frames, Engine.IO and Socket.IO packets, and requests by HTTP, over pairs of sockets. */
#include "hubctl/test/world/client.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory/mem.h"
#include "packet/chunk.h"
#include "packet/ws.h"
#include "transport/transport.h"

#define READ_BYTES 16384
#define SOCKET_BYTES (4 << 20) /* of the kernel's for one pair: nobody reads while somebody writes */

/* One end of a pair whose other end the transport has. */
static int open_pair(const struct hub_test_world *w) {
    int ends[2], size = SOCKET_BYTES;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends)) abort(); /* no descriptors */
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    hub_transport_adopt(w->server.transport, ends[1]);
    return ends[0];
}

static void write_all(int fd, struct hub_str bytes) {
    while (bytes.n) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n <= 0) return; /* it is closed: what comes of that is seen by reading */
        bytes = hub_str(bytes.p + n, bytes.n - (size_t)n);
    }
}

/* False: the other end has closed. */
static bool read_all(int fd, struct hub_buf *in, bool *any) {
    ssize_t n;
    while ((n = recv(fd, hub_buf_reserve(in, READ_BYTES), READ_BYTES, 0)) > 0) in->n += (size_t)n, *any = true;
    return n < 0;
}

/* ---- frames ---- */

static void send_text(const struct hub_test_client *c, struct hub_str text) {
    struct hub_buf b = {0};
    uint8_t head[10];
    size_t n = hub_ws_head_write(head, HUB_WS_TEXT, text.n);
    head[1] |= 0x80; /* clients mask, here with zeros */
    hub_buf_add(&b, head, n);
    hub_buf_add(&b, "\0\0\0\0", 4);
    hub_buf_adds(&b, text);
    write_all(c->fd, hub_buf_str(&b));
    hub_buf_free(&b);
}

static void ask_for_upgrade(const struct hub_test_client *c) {
    const struct hub_service *d = c->world->server.now.service;
    struct hub_buf b = {0};
    hub_buf_addf(&b,
                 "GET %s/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
                 d->listen_path);
    write_all(c->fd, hub_buf_str(&b));
    hub_buf_free(&b);
}

/* ---- packets of Socket.IO ---- */

static void set_answer(struct hub_test_client *c, json_t *answer) {
    json_decref(c->answer);
    c->answer = answer;
}

static HUB_MUST json_t *refusal_json(const json_t *error) {
    json_t *data = hub_json_get(error, "data"), *code = hub_json_get(data, "code");
    return json_pack("{s:b,s:{s:O?,s:O?,s:O?}}", "ok", 0, "error", "code", code, "message",
                     hub_json_get(error, "message"), "data", data);
}

static void on_answer(struct hub_test_client *c, struct hub_str id, json_t *args) {
    int64_t n = -1;
    if (!hub_str_i64(id, &n) || n != c->asked) return;
    json_t *first = json_array_get(args, 0);
    set_answer(c, first ? json_incref(first) : json_null());
}

/* TYPE and what stands behind the namespace, its comma and the id. */
static void on_client_packet(struct hub_test_client *c, char type, struct hub_str id, struct hub_str data) {
    json_t *v = data.n ? hub_json_parse(data, NULL) : NULL;
    if (type == '0') {
        c->state = HUB_TEST_CONNECTED;
        json_t *answer = json_pack("{s:b}", "ok", 1);
        if (json_is_object(v)) json_object_update(answer, v);
        set_answer(c, answer);
    } else if (type == '4') {
        c->state = HUB_TEST_REFUSED;
        set_answer(c, refusal_json(v));
    } else if (type == '1') {
        c->state = HUB_TEST_CLOSED;
    } else if ((type == '2' || type == '5') && json_is_array(v)) {
        json_array_append(c->events, v);
    } else if (type == '3' || type == '6') {
        on_answer(c, id, v);
    }
    json_decref(v);
}

/* "2/hub/chat,12[…]", with "N-" behind the type where frames of bytes follow. */
static void on_message(struct hub_test_client *c, struct hub_str m) {
    if (!m.n) return;
    char type = m.p[0];
    size_t i = 1;
    if (type == '5' || type == '6') {
        c->binaries = 0;
        for (; i < m.n && m.p[i] >= '0' && m.p[i] <= '9'; i++) c->binaries = c->binaries * 10 + (size_t)(m.p[i] - '0');
        i++;
    }
    if (i < m.n && m.p[i] == '/') {
        size_t comma = hub_str_find(hub_str(m.p + i, m.n - i), ',');
        i += comma + (i + comma < m.n);
    }
    size_t from = i;
    while (i < m.n && m.p[i] >= '0' && m.p[i] <= '9') i++;
    on_client_packet(c, type, hub_str(m.p + from, i - from), hub_str(m.p + i, m.n - i));
}

static void connect_namespace(const struct hub_test_client *c) {
    struct hub_buf b = {0};
    hub_buf_addf(&b, "40%s,", c->namespace);
    hub_json_add(&b, c->auth);
    send_text(c, hub_buf_str(&b));
    hub_buf_free(&b);
}

static void on_client_frame(struct hub_test_client *c, int opcode, struct hub_str payload) {
    if (opcode != HUB_WS_TEXT || !payload.n) return; /* bytes of events are compared as their places only */
    struct hub_str rest = hub_str(payload.p + 1, payload.n - 1);
    switch (payload.p[0]) {
    case '0': connect_namespace(c); break;
    case '2': send_text(c, HUB_STR("3")); break;
    case '4': on_message(c, rest); break;
    default: break;
    }
}

static bool take_upgraded(struct hub_test_client *c) {
    const char *end = memmem(c->in.p, c->in.n, "\r\n\r\n", 4);
    if (!end) return false;
    hub_buf_drop(&c->in, (size_t)(end - c->in.p) + 4);
    c->upgraded = true;
    return true;
}

bool hub_test_client_listen(struct hub_test_client *c) {
    bool any = false;
    if (c->fd < 0) return false;
    bool open = read_all(c->fd, &c->in, &any);
    if (any && (c->upgraded || take_upgraded(c))) {
        size_t at = 0;
        int opcode;
        struct hub_str payload;
        while (hub_chunk_next(c->in.p, c->in.n, &at, &opcode, &payload)) on_client_frame(c, opcode, payload);
        hub_buf_drop(&c->in, at);
    }
    if (!open) hub_test_client_close(c);
    return any || !open;
}

/* ---- life ---- */

static HUB_MUST char *namespace_of(const struct hub_scenario *s) {
    struct hub_buf b = {0};
    hub_buf_addf(&b, "%s%s", s->hub[0] == '/' ? "" : "/hub/", s->hub);
    return hub_buf_take(&b, NULL);
}

struct hub_test_client *hub_test_client_new(struct hub_test_world *w, const char *name, json_t *auth) {
    struct hub_test_client *c = hub_xcalloc(1, sizeof *c);
    *c = (struct hub_test_client){.world = w,
                                  .name = hub_xstrdup(name),
                                  .namespace = namespace_of(w->scenario),
                                  .auth = auth,
                                  .fd = open_pair(w),
                                  .events = json_array()};
    hub_list_push(&w->clients, &c->link);
    ask_for_upgrade(c);
    return c;
}

struct hub_test_client *hub_test_client_find(const struct hub_test_world *w, const char *name) {
    HUB_LIST_EACH(&w->clients, it) {
        struct hub_test_client *c = HUB_CONTAINER(it, struct hub_test_client, link);
        if (!strcmp(c->name, name)) return c;
    }
    return NULL;
}

void hub_test_client_ask(struct hub_test_client *c, struct hub_str event, json_t *data) {
    struct hub_buf b = {0};
    set_answer(c, NULL);
    hub_buf_addf(&b, "42%s,%lld[", c->namespace, (long long)++c->asked);
    hub_json_add_string(&b, event);
    if (data) hub_buf_addc(&b, ','), hub_json_add(&b, data);
    hub_buf_addc(&b, ']');
    send_text(c, hub_buf_str(&b));
    hub_buf_free(&b);
    json_decref(data);
}

void hub_test_client_close(struct hub_test_client *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    if (c->state != HUB_TEST_REFUSED) c->state = HUB_TEST_CLOSED;
}

void hub_test_client_free(struct hub_test_client *c) {
    hub_test_client_close(c);
    hub_list_remove(&c->link);
    hub_buf_free(&c->in);
    json_decref(c->events);
    json_decref(c->answer);
    json_decref(c->auth);
    free(c->namespace);
    free(c->name);
    free(c);
}

/* ---- requests by HTTP ---- */

static void add_headers(struct hub_buf *b, const json_t *headers) {
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)headers, name, v) if (json_is_string(v))
        hub_buf_addf(b, "%s: %s\r\n", name, json_string_value(v));
}

void hub_test_request_init(struct hub_test_request *r, struct hub_test_world *w, const char *as, const char *method,
                           const char *path, const json_t *headers, const json_t *body) {
    struct hub_buf b = {0}, text = {0};
    *r = (struct hub_test_request){.world = w, .fd = open_pair(w)};
    if (json_is_string(body))
        hub_buf_adds(&text, hub_json_str(body));
    else if (body)
        hub_json_add(&text, body);
    hub_buf_addf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", method, path);
    if (as) hub_buf_addf(&b, "Authorization: Bearer scenario:%.*s\r\n", HUB_FMT(hub_scenario_user(as)));
    add_headers(&b, headers);
    if (body && !json_object_get(headers, "Content-Type")) hub_buf_addz(&b, "Content-Type: application/json\r\n");
    if (body) hub_buf_addf(&b, "Content-Length: %zu\r\n", text.n);
    hub_buf_addz(&b, "\r\n");
    hub_buf_adds(&b, hub_buf_str(&text));
    write_all(r->fd, hub_buf_str(&b));
    hub_buf_free(&b);
    hub_buf_free(&text);
}

static HUB_MUST json_t *parse_headers(struct hub_str head) {
    json_t *out = json_object();
    struct hub_str line;
    while (hub_str_split(&head, '\n', &line)) {
        size_t colon = hub_str_find(line, ':');
        if (colon == line.n) continue;
        char *name = hub_str_dup(hub_str(line.p, colon));
        for (char *p = name; *p; p++)
            if (*p >= 'A' && *p <= 'Z') *p = (char)(*p + 32);
        hub_json_set_str(out, name, hub_str_trim(hub_str(line.p + colon + 1, line.n - colon - 1)));
        free(name);
    }
    return out;
}

static void take_answer(struct hub_test_request *r, struct hub_str head, struct hub_str body) {
    int64_t status = 0;
    struct hub_str code = hub_str(head.p + (head.n < 12 ? head.n : 9), head.n < 12 ? 0 : 3);
    if (!hub_str_i64(code, &status)) status = 0;
    json_t *headers = parse_headers(head), *v = hub_json_parse(body, NULL);
    if (!v) v = body.n ? hub_json_string(body) : json_null();
    json_object_del(headers, "date"); /* it is the clock's */
    r->answer = json_pack("{s:I,s:o,s:o}", "status", (json_int_t)status, "body", v, "headers", headers);
}

void hub_test_request_listen(struct hub_test_request *r) {
    bool any = false;
    if (r->answer || r->fd < 0 || read_all(r->fd, &r->in, &any)) return; /* it ends with the connection */
    const char *end = memmem(r->in.p, r->in.n, "\r\n\r\n", 4);
    if (!end) return;
    size_t head = (size_t)(end - r->in.p) + 4;
    take_answer(r, hub_str(r->in.p, head), hub_str(r->in.p + head, r->in.n - head));
}

void hub_test_request_deinit(struct hub_test_request *r) {
    if (r->fd >= 0) close(r->fd);
    hub_buf_free(&r->in);
    json_decref(r->answer);
}
