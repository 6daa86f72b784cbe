/* Baselines of hubctl lint: findings that are known, by their code, their path in the document and their
 * message, so that lines may move. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io/file.h"
#include "base/json/json.h"
#include "hubctl/lint.h"

enum { BASELINE_MAX = 16 << 20 };

static HUB_MUST json_t *finding_json(const struct hub_diag *g) {
    return json_pack("{s:s,s:o,s:o}", "code", g->code, "path", hub_json_string(hub_cstr(g->path ? g->path : "")),
                     "message", hub_json_string(hub_cstr(g->message)));
}

enum hub_code hub_baseline_write(const char *path, const struct hub_diags *d, struct hub_err *err) {
    json_t *list = json_array();
    struct hub_buf temporary = {0};
    for (size_t i = 0; i < hub_diags_n(d); i++) json_array_append_new(list, finding_json(hub_diags_at(d, i)));
    json_t *root = json_pack("{s:s,s:o}", "formatVersion", "1.0", "findings", list);
    hub_buf_addf(&temporary, "%s.hubctl-%d", path, (int)getpid());
    bool good = !json_dump_file(root, hub_buf_cstr(&temporary), JSON_INDENT(2)) && !rename(temporary.p, path);
    if (!good) {
        hub_err_set(err, HUB_NOT_FOUND, "%s cannot be written: %s", path, strerror(errno));
        unlink(temporary.p);
    }
    json_decref(root);
    hub_buf_free(&temporary);
    return good ? HUB_OK : HUB_NOT_FOUND;
}

/* Takes one that equals G out of LIST. */
static bool take_known(json_t *list, const struct hub_diag *g) {
    json_t *wanted = finding_json(g);
    bool found = false;
    for (size_t i = 0; i < json_array_size(list) && !found; i++) {
        if (!hub_json_equal(json_array_get(list, i), wanted)) continue;
        json_array_remove(list, i);
        found = true;
    }
    json_decref(wanted);
    return found;
}

enum hub_code hub_baseline_apply(const char *path, struct hub_diags *d, struct hub_err *err) {
    struct hub_buf text = {0};
    enum hub_code code = hub_file_read(path, BASELINE_MAX, &text, err);
    if (code) return code;
    struct hub_err why;
    json_t *root = hub_json_parse(hub_buf_str(&text), &why);
    json_t *list = root ? json_object_get(root, "findings") : NULL;
    if (!json_is_array(list))
        code = hub_fail(err, HUB_BAD_REQUEST, "%s is no baseline: hubctl lint --write-baseline writes one", path);
    for (size_t i = 0; !code && i < hub_diags_n(d);)
        if (take_known(list, hub_diags_at(d, i)))
            hub_diags_drop(d, i);
        else
            i++;
    json_decref(root);
    hub_buf_free(&text);
    return code;
}
