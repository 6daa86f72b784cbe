/* The proof of an id: signed by whoever has the secret, at about this time, and used once. */
#include <stdlib.h>

#include "auth/client_proof.h"
#include "hub/client/client_int.h"
#include "packet/sio.h"

#define NONCE_MAX 128

struct nonce {
    struct hub_list link;
    int64_t seen; /* loop ms */
    char text[NONCE_MAX + 1];
};

/* ---- nonces ---- */

static void drop_nonce(struct hub_nonces *n, struct nonce *one) {
    hub_map_del(&n->by_text, hub_cstr(one->text));
    hub_list_remove(&one->link);
    free(one);
}

void hub_nonces_free(struct hub_nonces *n) {
    while (!hub_list_empty(&n->all)) drop_nonce(n, HUB_CONTAINER(n->all.next, struct nonce, link));
}

/* A proof may be MAX_SKEW_MS ahead of its time, and counts as long after it. */
static void drop_old_nonces(struct hub_nonces *n, int64_t now, int64_t max_skew_ms) {
    while (!hub_list_empty(&n->all)) {
        struct nonce *oldest = HUB_CONTAINER(n->all.next, struct nonce, link);
        if (now - oldest->seen <= 2 * max_skew_ms) return;
        drop_nonce(n, oldest);
    }
}

static enum hub_code take_nonce(struct hub_nonces *n, struct hub_str text, int64_t now, int64_t max_skew_ms,
                                struct hub_err *err) {
    drop_old_nonces(n, now, max_skew_ms);
    if (hub_map_get(&n->by_text, text)) return hub_fail(err, HUB_INVALID_TOKEN, "auth.proof.nonce: it was used before");
    if (hub_map_len(&n->by_text) >= HUB_NONCES_MAX)
        return hub_gate_too_many("clients.proof", HUB_NONCES_MAX, "nonces count within twice maxSkewMs", err);
    struct nonce *one = hub_xcalloc(1, sizeof *one);
    one->seen = now;
    memcpy(one->text, text.p, text.n);
    hub_list_push(&n->all, &one->link);
    hub_map_put(&n->by_text, text, one);
    return HUB_OK;
}

/* ---- reading ---- */

static bool has_controls(struct hub_str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f) return true;
    return false;
}

/* A number, or its digits; *TEXT is what was signed. */
static bool read_time(const json_t *v, struct hub_buf *text, int64_t *ms) {
    uint64_t n;
    if (json_is_integer(v))
        hub_buf_addi(text, json_integer_value(v));
    else
        hub_buf_adds(text, hub_json_str(v));
    if (!text->n || text->n > 16 || !hub_str_u64(hub_buf_str(text), &n)) return false;
    *ms = (int64_t)n;
    return true;
}

static enum hub_code read_proof(const json_t *proof, struct hub_client_proof *p, struct hub_buf *time, int64_t *ms,
                                struct hub_err *err) {
    const json_t *metadata = hub_json_get(proof, "metadata");
    if (!json_is_object(proof))
        return hub_fail(err, HUB_AUTH_REQUIRED, "auth.proof: expected {timestamp, nonce, metadata, signature}");
    p->nonce = hub_json_get_str(proof, "nonce");
    p->signature = hub_json_get_str(proof, "signature");
    p->metadata = hub_json_str(metadata);
    if (!read_time(hub_json_get(proof, "timestamp"), time, ms))
        return hub_fail(err, HUB_BAD_REQUEST, "auth.proof.timestamp: expected milliseconds since 1970");
    p->timestamp = hub_buf_str(time);
    if (!p->nonce.n || p->nonce.n > NONCE_MAX || has_controls(p->nonce))
        return hub_fail(err, HUB_BAD_REQUEST, "auth.proof.nonce: expected a text of 1 to %d bytes", NONCE_MAX);
    if (!hub_json_nil(metadata) && !json_is_string(metadata))
        return hub_fail(err, HUB_BAD_REQUEST, "auth.proof.metadata: expected JSON as text");
    return HUB_OK;
}

/* ---- judging ---- */

static enum hub_code judge_proof(struct hub_clients *all, const struct hub_client_proof *p, int64_t ms,
                                 struct hub_err *err) {
    const struct hub_def_clients *def = hub_clients_def(all);
    const struct hub_loop *loop = all->engine->config.loop;
    struct hub_str secret;
    enum hub_code code = hub_client_secret(def->secret_env, &secret, err);
    int64_t skew = hub_loop_wall(loop) - ms;
    if (code) return code;
    if (!hub_client_proof_signed(secret, p))
        return hub_fail(err, HUB_INVALID_TOKEN, "auth.proof.signature: it is not that of what was sent");
    if (skew > def->max_skew_ms || skew < -def->max_skew_ms)
        return hub_fail(err, HUB_INVALID_TOKEN, "auth.proof.timestamp: more than %lld ms from the time of the server",
                        (long long)def->max_skew_ms);
    return take_nonce(&all->nonces, p->nonce, hub_loop_now(loop), def->max_skew_ms, err);
}

static enum hub_code take_metadata(struct hub_conn *c, struct hub_str text, struct hub_err *err) {
    struct hub_err why;
    json_t *value = text.n ? hub_json_parse(text, &why) : NULL;
    enum hub_code code = HUB_OK;
    if (text.n && !json_is_object(value))
        code = hub_fail(err, HUB_BAD_REQUEST, "auth.proof.metadata: expected a JSON object as text");
    else if (value)
        code = hub_conn_change_metadata(c, value, HUB_METADATA_REPLACE, NULL, NULL, err);
    json_decref(value);
    return code;
}

enum hub_code hub_client_prove(struct hub_clients *all, struct hub_conn *c, const json_t *auth, struct hub_err *err) {
    const json_t *proof = hub_json_get(auth, "proof");
    struct hub_client_proof p = {.space = hub_sio_nsp_path(c->socket->nsp->name), .client_id = hub_cstr(c->client_id)};
    struct hub_buf time = {0};
    int64_t ms = 0;
    if (!c->client_named && hub_json_nil(proof)) return HUB_OK;
    if (!c->client_named)
        return hub_fail(err, HUB_BAD_REQUEST, "auth.proof: there is no %s that it proves", hub_clients_def(all)->id);
    enum hub_code code = read_proof(proof, &p, &time, &ms, err);
    if (!code) code = judge_proof(all, &p, ms, err);
    if (!code) code = take_metadata(c, p.metadata, err);
    c->client_proven = !code;
    hub_buf_free(&time);
    return code;
}
