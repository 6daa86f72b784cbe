/* What identities keep of their sessions: text, and of those that were asked for last a tree, too. Whoever is
 * active has it at hand; of ten thousand that do nothing some hundred do. */
#include <stdlib.h>

#include "base/memory/mem.h"
#include "identity/identity_int.h"

struct hub_trees {
    uint32_t refs;
    struct hub_loop *loop;
    struct hub_list list; /* hub_identity.in_trees, asked for longest ago first */
    size_t n;
    struct hub_task trim; /* at the end of the turn: until then what was borrowed stays */
};

/* ---- which trees are kept ---- */

static void drop_tree(struct hub_identity *who) {
    hub_list_remove(&who->in_trees);
    who->trees->n--;
    json_decref(who->tree);
    who->tree = NULL;
}

static void on_trim(struct hub_task *task) {
    struct hub_trees *t = HUB_CONTAINER(task, struct hub_trees, trim);
    while (t->n > HUB_TREES_MAX) drop_tree(HUB_CONTAINER(t->list.next, struct hub_identity, in_trees));
}

struct hub_trees *hub_trees_new(struct hub_loop *loop) {
    struct hub_trees *t = hub_xcalloc(1, sizeof *t);
    *t = (struct hub_trees){.refs = 1, .loop = loop, .trim.run = on_trim};
    hub_list_init(&t->list);
    return t;
}

void hub_trees_unref(struct hub_trees *t) {
    if (!t || --t->refs) return;
    hub_defer_cancel(&t->trim);
    free(t);
}

static void keep_tree(struct hub_identity *who) {
    struct hub_trees *t = who->trees;
    if (hub_list_linked(&who->in_trees))
        hub_list_remove(&who->in_trees);
    else if (++t->n > HUB_TREES_MAX)
        hub_defer(t->loop, &t->trim);
    hub_list_push(&t->list, &who->in_trees);
}

void hub_trees_forget(struct hub_identity *who) {
    if (hub_list_linked(&who->in_trees))
        drop_tree(who);
    else
        json_decref(who->tree);
}

/* ---- the session ---- */

/* The tree is made of the text again, which says the same. */
json_t *hub_identity_session(const struct hub_identity *borrowed) {
    struct hub_identity *who = (struct hub_identity *)(uintptr_t)borrowed;
    if (!who->tree) who->tree = hub_json_parse(hub_str(who->text, who->json_n), NULL);
    HUB_BUG_IF(!who->tree);
    if (who->trees) keep_tree(who);
    return who->tree;
}

static const char *first_role(const json_t *role) {
    if (json_is_array(role)) role = json_array_get(role, 0);
    return json_is_string(role) ? json_string_value(role) : "";
}

struct hub_identity *hub_identity_new(json_t *session, struct hub_trees *trees) {
    struct hub_buf text = {0};
    struct hub_str user = hub_json_get_str(session, "userId"),
                   role = hub_cstr(first_role(hub_json_get(session, "roleId")));
    bool readable = !hub_json_is_deeper(session, HUB_JSON_DEPTH); /* a hook may nest deeper: its tree stays */
    if (readable) hub_json_add_exact(&text, session);
    struct hub_identity *who = hub_xcalloc(1, sizeof *who + text.n + user.n + role.n + 2);
    char *at = who->text + text.n;
    who->refs = 1;
    who->json_n = (uint32_t)text.n;
    if (text.n) memcpy(who->text, text.p, text.n);
    if (user.n) memcpy(at, user.p, user.n);
    who->user_id = at;
    at += user.n + 1;
    if (role.n) memcpy(at, role.p, role.n);
    who->role_id = at;
    hub_list_init(&who->in_trees);
    if (trees || !readable) who->tree = json_incref(session);
    if (trees && readable) {
        trees->refs++;
        who->trees = trees;
        keep_tree(who);
    }
    hub_buf_free(&text);
    return who;
}
