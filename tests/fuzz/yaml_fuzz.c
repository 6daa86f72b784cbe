/* Definitions: a hub document, or a service document and a hub document parted by a line "%%%". Whatever
 * comes in, the checker ends, says where each problem is, and prints it in every format. What it accepts,
 * it dumps; and the dump is accepted again and dumps the same. */
#include <stdint.h>
#include <stdlib.h>

#include "schema/load.h"
#include "schema/memory.h"
#include "scripting/scripts.h"

static void require(bool ok) {
    if (!ok) abort();
}

static void check_findings(const struct hub_diags *diags) {
    struct hub_buf out = {0};
    for (size_t i = 0; i < hub_diags_n(diags); i++) {
        const struct hub_diag *g = hub_diags_at(diags, i);
        require(g->line >= 0 && (g->line == 0 || g->column > 0) && g->message[0] && hub_explain(g->code, &out));
        require(g->end_line > g->line || (g->end_line == g->line && g->end_column >= g->column));
    }
    for (int format = HUB_DIAG_TEXT; format <= HUB_DIAG_GITHUB; format++)
        hub_diags_print(diags, (enum hub_diag_format)format, &out);
    hub_buf_free(&out);
}

static struct hub_service *load(struct hub_str service, struct hub_str hub) {
    const struct hub_load_options options = {.checker = &hub_lua_checker, .ignore_environment = true};
    struct hub_diags *diags = hub_diags_new();
    struct hub_service *s = NULL;
    enum hub_code code = hub_text_load(service, hub, &options, diags, &s);
    require((code == HUB_OK) == (hub_diags_count(diags, HUB_SEV_ERROR) == 0));
    check_findings(diags);
    hub_diags_free(diags);
    return s;
}

/* The text behind the first MARK, and what is before it in *FIRST. */
static struct hub_str cut(struct hub_str text, const char *mark, struct hub_str *first) {
    const char *at = memmem(text.p, text.n, mark, strlen(mark));
    *first = at ? hub_str(text.p, (size_t)(at - text.p)) : text;
    return at ? hub_str(at + strlen(mark), text.n - first->n - strlen(mark)) : hub_str(NULL, 0);
}

static void round_trip(struct hub_service *s) {
    struct hub_buf first = {0}, second = {0};
    struct hub_str service, hub;
    hub_service_dump(s, &first);
    hub_service_free(s);
    hub = cut(hub_buf_str(&first), "\n--- # hub.yaml\n", &service);
    s = load(service, hub);
    require(s != NULL);
    hub_service_dump(s, &second);
    hub_service_free(s);
    require(hub_str_eq(hub_buf_str(&first), hub_buf_str(&second)));
    hub_buf_free(&first);
    hub_buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct hub_str text = hub_str(size ? (const char *)data : "", size), first;
    struct hub_str hub = cut(text, "\n%%%\n", &first);
    struct hub_service *s = hub.p ? load(first, hub) : load(hub, first);
    if (s) round_trip(s);
    return 0;
}
