/* TLS on a connection: OpenSSL over the same non-blocking socket, HTTP/1.1 only, TLS 1.2 and newer. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>

#include "base/telemetry/log.h"
#include "transport/transport_int.h"

static int choose_http11(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
                         unsigned in_n, void *arg) {
    static const unsigned char ours[] = "\x08http/1.1";
    (void)ssl, (void)arg;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_n, ours, sizeof ours - 1, in, in_n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* OpenSSL would ask at the terminal otherwise. */
static int no_tls_passphrase(char *out, int size, int writing, void *arg) {
    (void)out, (void)size, (void)writing, (void)arg;
    return -1;
}

static enum hub_code fail_tls(struct hub_transport *t, struct hub_err *err, const char *what, const char *file) {
    const char *why = ERR_reason_error_string(ERR_peek_last_error());
    hub_err_set(err, HUB_INTERNAL, "cannot use the TLS %s %s: %s", what, file, why ? why : "unknown error");
    ERR_clear_error();
    hub_tls_close(t);
    return HUB_INTERNAL;
}

enum hub_code hub_tls_open(struct hub_transport *t, struct hub_err *err) {
    if (!t->cfg.tls_cert_file && !t->cfg.tls_key_file) return HUB_OK;
    if (!t->cfg.tls_cert_file || !t->cfg.tls_key_file)
        return hub_fail(err, HUB_INTERNAL, "TLS needs both a certificate file and a key file");
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    t->tls = SSL_CTX_new(TLS_server_method());
    if (!t->tls) return fail_tls(t, err, "library for", t->cfg.tls_cert_file);
    SSL_CTX_set_default_passwd_cb(t->tls, no_tls_passphrase);
    SSL_CTX_set_min_proto_version(t->tls, TLS1_2_VERSION);
    SSL_CTX_set_options(t->tls,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(t->tls,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(t->tls, 1); /* head and body of a record by one system call */
    SSL_CTX_set_session_id_context(t->tls, (const unsigned char *)"hubd", 4);
    SSL_CTX_set_alpn_select_cb(t->tls, choose_http11, NULL);
    if (SSL_CTX_use_certificate_chain_file(t->tls, t->cfg.tls_cert_file) != 1)
        return fail_tls(t, err, "certificate", t->cfg.tls_cert_file);
    if (SSL_CTX_use_PrivateKey_file(t->tls, t->cfg.tls_key_file, SSL_FILETYPE_PEM) != 1)
        return fail_tls(t, err, "key", t->cfg.tls_key_file);
    if (SSL_CTX_check_private_key(t->tls) != 1) return fail_tls(t, err, "key", t->cfg.tls_key_file);
    t->io = &hub_io_tls;
    return HUB_OK;
}

enum hub_code hub_transport_check_tls(const struct hub_transport_config *config, const char **what,
                                      struct hub_err *err) {
    struct hub_transport t = {.cfg = *config};
    enum hub_code code = hub_tls_open(&t, err);
    *what = hub_str_starts(hub_cstr(err->text), HUB_STR("cannot use the TLS key ")) ? "keyFile" : "certFile";
    hub_tls_close(&t);
    return code;
}

void hub_tls_close(struct hub_transport *t) {
    SSL_CTX_free(t->tls);
    t->tls = NULL;
}

/* ---- the table of struct hub_io ---- */

/* A handshake costs memory and time of ours, so it counts from its first byte; before that a connection is
 * next to nothing. */
static bool begin_tls(struct hub_link *c) {
    char peer[HUB_IP_TEXT];
    int status = hub_link_enter(c);
    if (status) {
        hub_link_peer(c, peer);
        hub_pending_count_refusal(c->t, status, peer);
        return false;
    }
    c->ssl = SSL_new(c->t->tls);
    if (!c->ssl) return false;
    SSL_set_accept_state(c->ssl);
    return SSL_set_fd(c->ssl, c->fd) == 1;
}

/* What OpenSSL's R, which is no number of bytes, means to a link. */
static ssize_t io_result(const struct hub_link *c, int r) {
    int e = SSL_get_error(c->ssl, r);
    if (e == SSL_ERROR_WANT_READ) return HUB_IO_WANT_READ;
    if (e == SSL_ERROR_WANT_WRITE) return HUB_IO_WANT_WRITE;
    if (e == SSL_ERROR_ZERO_RETURN) return HUB_IO_EOF;
    unsigned long why = ERR_peek_last_error();
    if (why) hub_logf(HUB_LOG_DEBUG, "transport", "TLS: %s", ERR_reason_error_string(why));
    ERR_clear_error();
    return HUB_IO_ERROR;
}

/* Fills the buffer record by record, so that the layers above see as much at once as without TLS. */
static ssize_t read_tls(struct hub_link *c, char *p, size_t n) {
    size_t got = 0;
    c->end_next = false;
    if (!c->ssl && !begin_tls(c)) return HUB_IO_ERROR;
    while (got < n) {
        int r = SSL_read(c->ssl, p + got, (int)(n - got));
        if (r > 0) {
            got += (size_t)r;
            continue;
        }
        ssize_t end = io_result(c, r);
        c->end_next = got && end != HUB_IO_WANT_READ;
        return got ? (ssize_t)got : end;
    }
    return (ssize_t)got;
}

/* Stops at a record's end. */
static ssize_t write_tls(struct hub_link *c, const struct iovec *iov, int n) {
    (void)n; /* one: see flat */
    int r = SSL_write(c->ssl, iov->iov_base, (int)iov->iov_len);
    if (r > 0) return r;
    ssize_t end = io_result(c, r);
    return end == HUB_IO_EOF ? HUB_IO_ERROR : end;
}

/* What is left where a read has come to wait for the socket is no whole record. */
static bool tls_has_more(const struct hub_link *c) {
    return c->end_next || (!SSL_want_read(c->ssl) && SSL_has_pending(c->ssl));
}

/* The peer's answer is not awaited. */
static void shutdown_tls(struct hub_link *c) {
    if (c->ssl && SSL_is_init_finished(c->ssl)) SSL_shutdown(c->ssl);
    ERR_clear_error();
    shutdown(c->fd, SHUT_WR);
}

static void release_tls(struct hub_link *c) {
    SSL_free(c->ssl);
    c->ssl = NULL;
}

const struct hub_io hub_io_tls = {.name = "TLS",
                                  .secure = true,
                                  .flat = 65536,
                                  .read = read_tls,
                                  .writev = write_tls,
                                  .has_more = tls_has_more,
                                  .shutdown = shutdown_tls,
                                  .release = release_tls};
