/* TLS for hiredis, whose version in Debian 12 reads and writes by itself and knows no other way. So
 * nothing of a TLS connection is read or written by it: its replies are fed to its parser, and what it
 * has formatted is taken from its buffer, as its own later versions do it. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "adapters/redis/redis_int.h"
#include "base/memory/mem.h"

#define RECORD_MAX 16384

/* Parses what was fed and calls the callbacks. libhiredis exports it, and no header of
 * it has it. */
void redisProcessCallbacks(redisAsyncContext *ac);

/* ---- what connections share ---- */

/* OpenSSL would ask at the terminal otherwise. */
static int no_passphrase(char *out, int size, int writing, void *arg) {
    (void)out, (void)size, (void)writing, (void)arg;
    return -1;
}

static const char *last_reason(void) {
    unsigned long code = ERR_peek_last_error();
    const char *why = code ? ERR_reason_error_string(code) : NULL;
    return why ? why : "unknown error";
}

static enum hub_code fail_file(struct hub_err *err, const char *option, const char *file) {
    hub_err_set(err, HUB_BAD_REQUEST, "cache.url: %s=%s cannot be used: %s", option, file, last_reason());
    ERR_clear_error();
    return HUB_BAD_REQUEST;
}

static enum hub_code load_files(SSL_CTX *tls, const struct hub_redis_url *u, struct hub_err *err) {
    if (u->ca_file && SSL_CTX_load_verify_file(tls, u->ca_file) != 1) return fail_file(err, "cacert", u->ca_file);
    if (!u->ca_file) SSL_CTX_set_default_verify_paths(tls);
    if (!u->cert_file) return HUB_OK;
    if (SSL_CTX_use_certificate_chain_file(tls, u->cert_file) != 1) return fail_file(err, "cert", u->cert_file);
    if (SSL_CTX_use_PrivateKey_file(tls, u->key_file, SSL_FILETYPE_PEM) != 1) return fail_file(err, "key", u->key_file);
    return HUB_OK;
}

enum hub_code hub_redis_tls_new(const struct hub_redis_url *u, SSL_CTX **out, struct hub_err *err) {
    *out = NULL;
    if (!u->tls) return HUB_OK;
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    if (!tls) return hub_fail(err, HUB_BAD_REQUEST, "cache.url: the TLS library cannot be used: %s", last_reason());
    SSL_CTX_set_default_passwd_cb(tls, no_passphrase);
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(tls, u->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    enum hub_code code = load_files(tls, u, err);
    if (code)
        SSL_CTX_free(tls);
    else
        *out = tls;
    return code;
}

void hub_redis_tls_free(SSL_CTX *tls) { SSL_CTX_free(tls); }

/* ---- one connection ---- */

static bool is_address(const char *host) {
    unsigned char ip[16];
    return inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1;
}

/* An address is in a certificate as such, and is no name that a server could be asked for. */
static bool expect_name(SSL *ssl, const char *name) {
    if (is_address(name)) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

SSL *hub_redis_tls_open(SSL_CTX *tls, const struct hub_redis_url *u, const char *host, int fd) {
    SSL *ssl = SSL_new(tls);
    if (!ssl) return NULL;
    SSL_set_connect_state(ssl);
    if (expect_name(ssl, u->server_name ? u->server_name : host) && SSL_set_fd(ssl, fd) == 1) return ssl;
    SSL_free(ssl);
    return NULL;
}

static enum hub_redis_tls_end end_of(const SSL *ssl, int result) {
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ: return HUB_REDIS_TLS_READ;
    case SSL_ERROR_WANT_WRITE: return HUB_REDIS_TLS_WRITE;
    default: return HUB_REDIS_TLS_BROKEN;
    }
}

/* What is to be done about a certificate stands beside it. */
static void explain_break(const SSL *ssl, char *why, size_t size) {
    long verdict = SSL_get_verify_result(ssl);
    bool name = verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH;
    if (verdict != X509_V_OK)
        snprintf(why, size, "its certificate is not good: %s (%s)", X509_verify_cert_error_string(verdict),
                 name ? "?servername= says another name that it may have" : "?cacert= names the file of its authority");
    else
        snprintf(why, size, "it does not speak TLS as hubd does: %s",
                 ERR_peek_last_error() ? last_reason() : "the connection was closed");
}

enum hub_redis_tls_end hub_redis_tls_shake(SSL *ssl, char *why, size_t size) {
    ERR_clear_error();
    int result = SSL_do_handshake(ssl);
    enum hub_redis_tls_end end = result == 1 ? HUB_REDIS_TLS_DONE : end_of(ssl, result);
    if (end == HUB_REDIS_TLS_BROKEN) explain_break(ssl, why, size);
    ERR_clear_error();
    return end;
}

enum hub_redis_tls_end hub_redis_tls_write(SSL *ssl, redisAsyncContext *ac) {
    sds *out = &ac->c.obuf;
    size_t sent = 0;
    int result = 1;
    ERR_clear_error();
    while (result > 0 && sent < sdslen(*out)) {
        size_t left = sdslen(*out) - sent;
        result = SSL_write(ssl, *out + sent, left < RECORD_MAX ? (int)left : RECORD_MAX);
        if (result > 0) sent += (size_t)result;
    }
    enum hub_redis_tls_end end = result > 0 ? HUB_REDIS_TLS_DONE : end_of(ssl, result);
    if (sent == sdslen(*out))
        sdsfree(*out), *out = sdsempty(); /* as hiredis does: a burst shall not keep its memory */
    else if (sent)
        sdsrange(*out, (int)sent, -1);
    ERR_clear_error();
    return end;
}

enum hub_redis_tls_end hub_redis_tls_read(SSL *ssl, redisAsyncContext *ac) {
    char record[RECORD_MAX];
    ERR_clear_error();
    int n = SSL_read(ssl, record, sizeof record);
    enum hub_redis_tls_end end = n > 0 ? HUB_REDIS_TLS_DONE : end_of(ssl, n);
    ERR_clear_error();
    if (n <= 0) return end;
    redisReaderFeed(ac->c.reader, record, (size_t)n);
    redisProcessCallbacks(ac);
    return HUB_REDIS_TLS_DONE;
}
