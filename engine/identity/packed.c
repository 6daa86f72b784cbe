/* Identities on their way between nodes of a service, which have the same definitions. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory/mem.h"
#include "identity/identity_int.h"

json_t *hub_identity_packed(const struct hub_identity *who) {
    char key[17]; /* 64 bits, which are too many for a number */
    snprintf(key, sizeof key, "%016" PRIx64, who->signed_by);
    json_t *o = json_pack("{s:O, s:i, s:I, s:s, s:b}", "session", hub_identity_session(who), "method", who->method,
                          "expiresAt", (json_int_t)who->expires_at, "signedBy", key, "ended", who->ended);
    if (who->session_key) json_object_set_new(o, "sessionKey", hub_json_string(hub_cstr(who->session_key)));
    return o;
}

struct hub_identity *hub_identity_unpacked(const struct hub_identity_ctx *ctx, const json_t *packed) {
    json_t *session = hub_json_get(packed, "session");
    struct hub_str key = hub_json_get_str(packed, "sessionKey"), signed_by = hub_json_get_str(packed, "signedBy");
    int64_t method = hub_json_get_int(packed, "method", -1);
    if (!json_is_object(session) || method < HUB_BY_TOKEN || method > HUB_BY_COOKIE || signed_by.n != 16) return NULL;
    struct hub_identity *who = hub_identity_new(session, ctx->trees);
    who->method = (uint8_t)method;
    who->expires_at = hub_json_get_int(packed, "expiresAt", 0);
    who->signed_by = strtoull(signed_by.p, NULL, 16);
    who->ended = json_is_true(hub_json_get(packed, "ended"));
    who->rules = ctx->rules;
    who->session_key = key.n ? hub_str_dup(key) : NULL;
    who->cache = ctx->config.cache;
    return who;
}
