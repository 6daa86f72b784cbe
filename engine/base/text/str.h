/* A view of bytes owned by somebody else. Passed by value, never NUL-terminated by promise.
 * A view is valid as long as its owner says; decoders return views into their input. */
#ifndef HUB_BASE_STR_H
#define HUB_BASE_STR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/memory/bug.h"

struct hub_str {
    const char *p;
    size_t n;
};

/* For printf: "%.*s", HUB_FMT(view). */
#define HUB_FMT(S) (int)(S).n, (S).p
/* A view of a string literal; usable in static initialisers. */
#define HUB_STR(LIT) ((struct hub_str){"" LIT, sizeof(LIT) - 1})
#define HUB_STR_INIT(LIT) \
    { "" LIT, sizeof(LIT) - 1 }

static inline struct hub_str hub_str(const char *p, size_t n) { return (struct hub_str){p, n}; }
/* NULL gives the empty view. */
static inline struct hub_str hub_cstr(const char *s) { return (struct hub_str){s ? s : "", s ? strlen(s) : 0}; }
static inline bool hub_str_eq(struct hub_str a, struct hub_str b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool hub_str_is(struct hub_str a, const char *s) { return hub_str_eq(a, hub_cstr(s)); }
bool hub_str_eq_nocase(struct hub_str a, struct hub_str b); /* ASCII only */
bool hub_str_starts(struct hub_str s, struct hub_str prefix);
bool hub_str_ends(struct hub_str s, struct hub_str suffix);
/* Offset of the first C, or s.n. */
size_t hub_str_find(struct hub_str s, char c);
struct hub_str hub_str_trim(struct hub_str s); /* ASCII white space at both ends */
/* Cuts the piece before SEP off *rest (or all of it); false when *rest is used up (rest->p == NULL). */
bool hub_str_split(struct hub_str *rest, char sep, struct hub_str *piece);
bool hub_str_among(struct hub_str s, const char *names); /* NAMES are apart by single spaces */
/* Whole view as a decimal number; false when it is anything else or does not fit. */
bool hub_str_u64(struct hub_str s, uint64_t *out);
bool hub_str_i64(struct hub_str s, int64_t *out);
HUB_MUST char *hub_str_dup(struct hub_str s); /* NUL-terminated copy; free() */
/* ^[a-z][a-zA-Z0-9]*$ , the contract's "code name". */
bool hub_str_is_code_name(struct hub_str s);
/* What an id of a room or a user must be, wherever it is given: 1 to 255 bytes without control characters.
 * (Ids of messages are hubd's own, and shorter.) */
bool hub_str_is_id(struct hub_str s);
#define HUB_ID_EXPECTED "a text of 1 to 255 bytes without control characters"
/* What Kafka takes as a topic, and so every bus. */
bool hub_str_is_topic(struct hub_str s);
#define HUB_TOPIC_EXPECTED "1 to 249 letters, digits, dots, _ and -, and not . or .. alone"
/* Levenshtein distance with a cap; for "did you mean". Inputs over 64 bytes give CAP. */
size_t hub_str_distance(struct hub_str a, struct hub_str b, size_t cap);
/* H continued with the bytes of S (FNV-1a): the same in every process, for telling versions apart, not for
 * strangers' input. Begins with HUB_FINGERPRINT. */
#define HUB_FINGERPRINT 0xcbf29ce484222325u
uint64_t hub_fingerprint(uint64_t h, struct hub_str s);
#endif
