/* Answers in gzip for clients that take it: whole answers, from a size on, of types that are text. */
#include "transport/transport_int.h"

/* The weight behind a name: whether it is 0, "not acceptable". */
static bool is_zero_weight(struct hub_str parameters) {
    struct hub_str piece;
    while (hub_str_split(&parameters, ';', &piece)) {
        piece = hub_str_trim(piece);
        if (!hub_str_starts(piece, HUB_STR("q=")) && !hub_str_starts(piece, HUB_STR("Q="))) continue;
        for (size_t i = 2; i < piece.n; i++)
            if (piece.p[i] != '0' && piece.p[i] != '.') return false;
        return piece.n > 2;
    }
    return false;
}

/* What is said of gzip itself counts more than what is said of all others. */
static bool accepts_gzip(struct hub_str accepted) {
    struct hub_str piece;
    bool others = false;
    while (hub_str_split(&accepted, ',', &piece)) {
        size_t end = hub_str_find(piece, ';');
        struct hub_str name = hub_str_trim(hub_str(piece.p, end)), rest = hub_str(piece.p + end, piece.n - end);
        if (hub_str_eq_nocase(name, HUB_STR("gzip"))) return !is_zero_weight(rest);
        if (hub_str_is(name, "*")) others = !is_zero_weight(rest);
    }
    return others;
}

static bool is_text(const char *type) {
    struct hub_str s = hub_cstr(type);
    return hub_str_starts(s, HUB_STR("text/")) || hub_str_starts(s, HUB_STR("application/json")) ||
           hub_str_starts(s, HUB_STR("image/svg+xml"));
}

static bool may_be_gzip(const struct hub_http_req *r, const char *type, size_t n) {
    return r->link && r->link->t->cfg.gzip_http && n >= r->link->t->cfg.deflate_threshold && is_text(type);
}

bool hub_http_takes_gzip(const struct hub_http_req *r, const char *type, size_t n) {
    return may_be_gzip(r, type, n) && accepts_gzip(hub_http_header(r, "accept-encoding"));
}

bool hub_http_gzip(const struct hub_http_req *r, const char *type, const char *headers, struct hub_str *body,
                   bool *varies) {
    bool fixed = headers && (strstr(headers, "no-transform") || strstr(headers, "Content-Encoding"));
    struct hub_str shorter;
    *varies = !fixed && may_be_gzip(r, type, body->n);
    if (!*varies || !hub_http_takes_gzip(r, type, body->n)) return false;
    if (!hub_deflate_gzip(r->link->t->deflater, *body, &shorter)) return false;
    *body = shorter;
    return true;
}
