/* Where in a text the passwords are. When in doubt more is hidden: a password that was not escaped is one
 * all the same. */
#include "base/text/secret.h"

static bool contains_nocase(struct hub_str s, const char *word) {
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= s.n; i++)
        if (hub_str_eq_nocase(hub_str(s.p + i, n), hub_str(word, n))) return true;
    return false;
}

static bool ends_nocase(struct hub_str s, const char *word) {
    size_t n = strlen(word);
    return s.n >= n && hub_str_eq_nocase(hub_str(s.p + s.n - n, n), hub_str(word, n));
}

bool hub_secret_name(struct hub_str name) {
    static const char *const words[] = {"pass",       "pasw", "pwd",    "secret",  "token",   ".pem",
                                        "credential", "jaas", "apikey", "api_key", "api-key", NULL};
    static const char *const places[] = {"env", "file", "location", "url", NULL};
    bool secret = false;
    for (const char *const *w = words; *w; w++) secret |= contains_nocase(name, *w);
    for (const char *const *w = places; *w; w++) secret &= !ends_nocase(name, *w);
    return secret;
}

static struct hub_str tail_from(struct hub_str s, size_t at) { return at ? hub_str(s.p + at, s.n - at) : s; }

/* Offset of the last C, or s.n. */
static size_t find_last(struct hub_str s, char c) {
    for (size_t i = s.n; i; i--)
        if (s.p[i - 1] == c) return i - 1;
    return s.n;
}

/* Of "user:password@host…?query": the password, empty when there is none. A question mark in it is one of
 * the query only if "name=" follows. */
static struct hub_str password_of(struct hub_str rest) {
    size_t mark = hub_str_find(rest, '?'), at = find_last(hub_str(rest.p, mark), '@');
    if (at == mark && mark < rest.n) {
        struct hub_str query = tail_from(rest, mark + 1), pair = hub_str(query.p, hub_str_find(query, '&'));
        if (hub_str_find(pair, '=') < pair.n) return hub_str(rest.p, 0);
        mark = rest.n;
        at = find_last(rest, '@');
    }
    size_t colon = hub_str_find(hub_str(rest.p, at), ':');
    return at == mark || colon == at ? hub_str(rest.p, 0) : hub_str(rest.p + colon + 1, at - colon - 1);
}

/* The first value in QUERY, "name=value&…", that is secret. */
static struct hub_str secret_value(struct hub_str query) {
    struct hub_str pair, name;
    while (query.p && hub_str_split(&query, '&', &pair)) {
        hub_str_split(&pair, '=', &name);
        if (pair.p && pair.n && hub_secret_name(name)) return pair;
    }
    return hub_str(NULL, 0);
}

/* What is secret in URL from AT on, *AT being 0 at first; {NULL, 0} when there is nothing more. */
static struct hub_str next_in_url(struct hub_str url, size_t *at) {
    const char *sep = url.n ? memmem(url.p, url.n, "://", 3) : NULL;
    struct hub_str found = {0};
    if (!sep) return found;
    if (!*at) {
        *at = (size_t)(sep - url.p) + 3;
        found = password_of(tail_from(url, *at));
        if (found.n) *at = (size_t)(found.p - url.p) + found.n;
    }
    if (!found.n) {
        size_t mark = *at + hub_str_find(tail_from(url, *at), '?'), and = *at + hub_str_find(tail_from(url, *at), '&');
        size_t begin = mark < and? mark : and;
        found = begin < url.n ? secret_value(tail_from(url, begin + 1)) : hub_str(NULL, 0);
        if (found.n) *at = (size_t)(found.p - url.p) + found.n;
    }
    return found.n ? found : hub_str(NULL, 0);
}

static void add_hidden(struct hub_buf *out, struct hub_str url) {
    size_t at = 0, done = 0;
    for (struct hub_str s; (s = next_in_url(url, &at)).p; done = at) {
        hub_buf_add(out, url.p + done, (size_t)(s.p - url.p) - done);
        hub_buf_addz(out, "***");
    }
    hub_buf_adds(out, tail_from(url, done));
}

/* With a part hidden the rest may read differently: again, until nothing changes. Each time fewer
 * characters are left that are not asterisks. */
void hub_secret_add_url(struct hub_buf *out, struct hub_str url) {
    struct hub_buf now = {0}, next = {0};
    add_hidden(&now, url);
    for (;;) {
        hub_buf_clear(&next);
        add_hidden(&next, hub_buf_str(&now));
        if (hub_str_eq(hub_buf_str(&now), hub_buf_str(&next))) break;
        struct hub_buf old = now;
        now = next;
        next = old;
    }
    hub_buf_adds(out, hub_buf_str(&now));
    hub_buf_free(&now);
    hub_buf_free(&next);
}

/* ---- lines ---- */

static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
}
static bool ends_url(char c) { return c == ' ' || c == '\t' || c == '"' || c == '\'' || c == '`'; }

static void blot_urls(char *line, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (n - i < 3 || memcmp(line + i, "://", 3)) continue;
        size_t end = i, at = 0;
        while (end < n && !ends_url(line[end])) end++;
        for (struct hub_str s; (s = next_in_url(hub_str(line + i, end - i), &at)).p;)
            memset(line + (s.p - line), '*', s.n);
        i = end - 1;
    }
}

/* From the value of "name: value" on. */
static void blot_settings(char *line, size_t n) {
    for (size_t i = 0, end; i < n; i = end + 1) {
        for (end = i; end < n && is_name(line[end]);) end++;
        if (end == i || !hub_secret_name(hub_str(line + i, end - i))) continue;
        while (end < n && ends_url(line[end])) end++;
        if (end == n || line[end] != ':') continue;
        for (end++; end < n && ends_url(line[end]);) end++;
        memset(line + end, '*', n - end);
    }
}

void hub_secret_blot(char *line, size_t n) {
    blot_urls(line, n);
    blot_settings(line, n);
}
