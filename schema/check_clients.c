/* clients of service.yaml: what its keys have to do with each other. */
#include "schema/loader.h"
#include "schema/table.h"

/* "auth" and at least one member, each of letters, digits, "_" and "-". */
static bool is_auth_path(struct hub_str path) {
    struct hub_str part;
    if (!hub_str_starts(path, HUB_STR("auth."))) return false;
    path = hub_str(path.p + 5, path.n - 5);
    while (hub_str_split(&path, '.', &part)) {
        if (!part.n) return false;
        for (size_t i = 0; i < part.n; i++) {
            char c = part.p[i];
            bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';
            if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '-') return false;
        }
    }
    return true;
}

static void check_id(struct hub_loader *l, const char *id) {
    struct hub_node *at = hub_place(l, l->service, "clients.id");
    struct hub_str path = hub_cstr(id);
    if (!is_auth_path(path) || path.p[path.n - 1] == '.')
        hub_complain(l, "E070", at, NULL, "auth.clientId", "\"%s\" is no member of CONNECT's auth", id);
    else if (!strcmp(id, "auth.token") || hub_str_starts(path, HUB_STR("auth.proof")))
        hub_complain(l, "E070", at, NULL, "auth.clientId", "\"%s\" is something else than an id", id);
}

void hub_check_clients(struct hub_loader *l) {
    const struct hub_def_clients *c = &l->service->clients;
    if (c->id) check_id(l, c->id);
    if (c->proof && !c->id)
        hub_complain(l, "E071", hub_place(l, l->service, "clients.proof"), NULL, NULL,
                     "what is proved is an id, and clients name none: clients.id is not given");
    for (size_t i = 0; i < c->invocation_n; i++) {
        hub_finish_fields(l, c->invocations[i].fields, c->invocations[i].field_n);
        hub_finish_fields(l, c->invocations[i].result, c->invocations[i].result_n);
    }
}
