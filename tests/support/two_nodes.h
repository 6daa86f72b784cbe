/* Two nodes of one process, on one loop that the test turns (turned_hub.h, whose engine is the first). They
 * share store, cache and bus, as loops of a process do. And actors: clients whose stories, what they have
 * been told, can be compared. */
#ifndef TEST_SUPPORT_TWO_NODES_H
#define TEST_SUPPORT_TWO_NODES_H
#include "hub/guest/guest.h"
#include "turned_hub.h"

/* What the node has of its own beside the first one, which is turned's. */
struct node {
    struct hub_engine *engine;
    struct hub_scripts *scripts;
    struct hub_host hosts[HUB_ENGINE_HOSTS];
    struct hub_identity_ctx *identity;
    struct hub_sessions *sessions;
};

#define NARROW 6000 /* bytes that a narrow link takes at a time */
static struct node nodes[2];
static struct hub_memory_nodes *process;
static bool stopped; /* the second node */
static size_t queue_bytes;
enum { MOD, BOB, WIM, ACTORS };
static size_t node_of[ACTORS]; /* where they connect */

static inline bool find(void *arg, struct hub_str name, const struct hub_namespace_ops **ops, void **owner) {
    const struct node *n = arg;
    return hub_engine_find(n->engine, name, ops, owner);
}

/* The second node: the same definitions, store, cache and bus. */
static inline void open_node(struct node *n) {
    struct hub_err err = {0};
    struct hub_identity_config identity = {
        .loop = turned.loop, .service = turned.service, .cache = turned.cache, .hooks = &hub_lua_hook_ops};
    n->identity = hub_identity_ctx_new(&identity);
    const struct hub_engine_config engine = {.loop = turned.loop,
                                             .service = turned.service,
                                             .tables = turned.tables,
                                             .store = &turned.shown,
                                             .cache = turned.cache,
                                             .bus = turned.bus,
                                             .hooks = &hub_lua_hook_ops,
                                             .identity = n->identity};
    n->engine = hub_engine_new(&engine);
    turned_must(
        hub_scripts_new(&n->scripts, turned.loop, turned.service, hub_engine_hosts(n->hosts, n->engine, NULL), &err),
        &err);
    hub_engine_set_scripts(n->engine, n->scripts);
    identity.scripts = n->scripts;
    hub_identity_ctx_configure(n->identity, &identity);
    hub_engine_start(n->engine);
    const struct hub_sessions_config sessions = {
        .connect_timeout = 45000, .max_payload = 1 << 20, .find = find, .list = turned_list, .ctx = n};
    n->sessions = hub_sessions_new(turned.loop, &sessions);
}

static inline void join_nodes(struct hub_engine *e) {
    struct hub_err err = {0};
    struct hub_mesh_link_config config = {
        .url = "memory:", .cluster = "turned", .process = process, .queue_bytes = queue_bytes};
    turned_must(hub_engine_join(e, &hub_memory_link_ops, &config, &err), &err);
}

/* What is on a link, or waits for a timer of no time, is counted nowhere: nothing is under way several
 * times. */
static inline void settle(void) {
    int64_t end = hub_real_ms() + TURNED_PATIENCE_MS;
    for (int quiet = 0; quiet < 4;) {
        for (int i = 0; i < 4; i++) turned_run_due(turned.loop); /* there, and back */
        assert_true(hub_real_ms() < end);
        quiet = hub_engine_pending(nodes[0].engine) || hub_engine_pending(nodes[1].engine) ? 0 : quiet + 1;
    }
}

static inline const char *id_of(size_t node) { return nodes[node].engine->nodes.self; }

/* HUB and MORE as of turned_begin_with. BYTES: that a link takes at a time. */
static inline void nodes_begin(const char *hub, const char *more, size_t bytes) {
    const size_t usual[ACTORS] = {[WIM] = 1};
    memcpy(node_of, usual, sizeof node_of);
    queue_bytes = bytes;
    process = hub_memory_nodes_new();
    stopped = false;
    turned_begin_with(hub, more);
    nodes[0] = (struct node){.engine = turned.engine, .sessions = turned.sessions};
    memset(&nodes[1], 0, sizeof nodes[1]);
    open_node(&nodes[1]);
    join_nodes(nodes[0].engine);
    join_nodes(nodes[1].engine);
    settle();
}

static inline void stop_second(void) {
    if (stopped) return;
    stopped = true;
    hub_engine_stop(nodes[1].engine);
    hub_scripts_delete(nodes[1].scripts);
    hub_engine_set_scripts(nodes[1].engine, NULL);
}

static inline int teardown(void **state) {
    (void)state;
    settle();
    stop_second();
    turned_run_due(turned.loop);
    hub_sessions_delete(nodes[1].sessions);
    hub_engine_delete(nodes[1].engine);
    hub_identity_ctx_delete(nodes[1].identity);
    turned_end();
    hub_memory_nodes_delete(process);
    return 0;
}

/* ---- clients ---- */

static inline void connect_to(size_t node, struct turned_client *c, const char *user, const char *path) {
    char text[120];
    *c = (struct turned_client){.eio = fake_open(nodes[node].sessions)};
    c->eio->last_in = HUB_CLOCK_START_MS * 1000LL; /* it is never idle */
    snprintf(text, sizeof text, "0%s,{\"token\":\"dev:%s\",\"clientId\":\"%.*s-1\"}", path, user,
             (int)strcspn(user, ":"), user);
    fake_text(c->eio, text);
    snprintf(text, sizeof text, "40%s,{\"sid\"", path);
    turned_hears(c, text);
}

/* ---- what somebody hears, whichever room and message it is about ---- */

static inline bool is_uuid(const char *at) {
    size_t n = strspn(at, "0123456789abcdef-");
    return n == 36 && at[8] == '-' && at[13] == '-';
}

/* Adds LINE with ROOM as R and each UUID as the number that it has among SEEN. */
static inline void add_plain(struct hub_buf *out, struct hub_buf *seen, const char *line, const char *room) {
    char quoted[24], second[24], within[24];
    int n = snprintf(quoted, sizeof quoted, "\"%s\"", room);
    snprintf(second, sizeof second, "\"%ss\"", room);
    snprintf(within, sizeof within, "\\\"%s\\\"", room);
    for (const char *at = line; *at;) {
        if (!strncmp(at, quoted, (size_t)n)) {
            hub_buf_addz(out, "R");
            at += n;
        } else if (!strncmp(at, second, (size_t)n + 1)) {
            hub_buf_addz(out, "S");
            at += n + 1;
        } else if (!strncmp(at, within, (size_t)n + 2)) {
            hub_buf_addz(out, "R");
            at += n + 2;
        } else if (is_uuid(at)) {
            char id[37] = {0};
            memcpy(id, at, 36);
            const char *known = strstr(hub_buf_cstr(seen), id);
            if (!known) hub_buf_addz(seen, id), known = hub_buf_cstr(seen) + seen->n - 36;
            hub_buf_addf(out, "#%d", (int)((known - seen->p) / 36));
            at += 36;
        } else {
            hub_buf_addc(out, *at++);
        }
    }
    hub_buf_addc(out, '\n');
}

struct actor {
    const char *user, *path; /* of its namespace */
    struct turned_client client;
    struct hub_buf story, seen;
    char message[37]; /* the last that it was told of */
};

static inline void listen(struct actor *a, const char *room) {
    for (const char *m; *(m = fake_next(a->client.eio));) {
        const char *id = strstr(m, "\"message\":{\"id\":\"");
        if (id) snprintf(a->message, sizeof a->message, "%s", id + 17);
        add_plain(&a->story, &a->seen, m, room);
    }
}

/* ---- what they do ---- */

/* In ARGS R stands for the room, or what else it is about, S for the same with an s behind it, M for the last
 * message, @ for 20,000 letters, % for 1,800. */
struct step {
    int actor;
    const char *event, *args;
    bool silent; /* without an acknowledgement */
};

static inline void add_long(struct hub_buf *text, int n) {
    for (int i = 0; i < n; i++) hub_buf_addc(text, 'x');
}

static inline void act(struct actor *a, const struct step *step, const char *room) {
    struct hub_buf text = {0};
    hub_buf_addf(&text, "2%s,", a->path);
    if (!step->silent) hub_buf_addf(&text, "%d", ++a->client.ack);
    hub_buf_addf(&text, "[\"%s\",", step->event);
    for (const char *at = step->args; *at; at++) {
        if (*at == 'R')
            hub_buf_addf(&text, "\"%s\"", room);
        else if (*at == 'S')
            hub_buf_addf(&text, "\"%ss\"", room);
        else if (*at == 'M')
            hub_buf_addf(&text, "\"%s\"", a->message);
        else if (*at == '@')
            add_long(&text, 20000);
        else if (*at == '%')
            add_long(&text, 1800);
        else
            hub_buf_addc(&text, *at);
    }
    hub_buf_addc(&text, ']');
    fake_text(a->client.eio, hub_buf_cstr(&text));
    hub_buf_free(&text);
}

static inline void begin_in(struct actor all[ACTORS], const char *path) {
    static const char *const users[] = {"eve:mod", "bob", "wim"};
    for (int i = 0; i < ACTORS; i++) {
        all[i] = (struct actor){.user = users[i], .path = path};
        connect_to(node_of[i], &all[i].client, users[i], path);
    }
    settle();
}
static inline void begin(struct actor all[ACTORS]) { begin_in(all, "/hub/chat"); }

static inline void end(struct actor all[ACTORS]) {
    for (int i = 0; i < ACTORS; i++) {
        turned_hang_up(&all[i].client);
        hub_buf_free(&all[i].story);
        hub_buf_free(&all[i].seen);
    }
    settle();
}

/* Where two stories part; "" when they do not. */
static inline const char *parting(const char *a, const char *b) {
    static char text[1500];
    size_t n = 0;
    while (a[n] && a[n] == b[n]) n++;
    if (!a[n] && !b[n]) return "";
    while (n && a[n - 1] != '\n') n--;
    snprintf(text, sizeof text, "\n%.700s\n--- and ---\n%.700s", a + n, b + n);
    return text;
}

/* The same of the stories of all. */
static inline const char *parting_of(struct actor a[ACTORS], struct actor b[ACTORS]) {
    const char *where = "";
    for (int k = 0; k < ACTORS && !*where; k++) where = parting(hub_buf_cstr(&a[k].story), hub_buf_cstr(&b[k].story));
    return where;
}

/* Everybody has heard the same both times. Ends both, first of all: what is open keeps the nodes from
 * ending. */
static inline void compare_stories(struct actor a[ACTORS], struct actor b[ACTORS]) {
    const char *parted = parting_of(a, b);
    end(a);
    end(b);
    if (*parted) fail_msg("%s", parted);
}

#endif
