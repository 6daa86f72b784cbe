/* "Did you mean". */
#include "base/error/did_you_mean.h"

#include <stdio.h>

/* Edits that are too many: of a short word half of it is another word, unless it begins alike. */
static size_t too_far(const struct hub_nearest *n, struct hub_str candidate) {
    bool begins = n->word.n && candidate.n && (n->word.p[0] | 32) == (candidate.p[0] | 32);
    size_t by_length = n->word.n <= 4 ? 2 + (size_t)begins : n->word.n <= 7 ? 3 : 2 + n->word.n / 4;
    return n->most && n->most < by_length ? n->most + 1 : by_length;
}

static size_t distance_to(const struct hub_nearest *n, struct hub_str candidate, size_t cap) {
    if (n->begun && hub_str_starts(candidate, n->word)) return 0;
    if (hub_str_eq_nocase(n->word, candidate)) return 0; /* however long they are */
    return hub_str_distance(n->word, candidate, cap);
}

void hub_nearest_try_str(struct hub_nearest *n, struct hub_str candidate) {
    size_t most = too_far(n, candidate), cap = n->best && n->distance < most ? n->distance : most,
           d = distance_to(n, candidate, cap);
    if (d >= cap || d >= n->word.n) return;
    n->best = candidate.p;
    n->best_n = candidate.n;
    n->distance = d;
}

void hub_nearest_try(struct hub_nearest *n, const char *candidate) { hub_nearest_try_str(n, hub_cstr(candidate)); }

const char *hub_nearest_hint(const struct hub_nearest *n, char out[HUB_NEAREST_HINT]) {
    out[0] = 0;
    if (n->best && n->best_n <= 64)
        snprintf(out, HUB_NEAREST_HINT, "; did you mean \"%.*s\"?", (int)n->best_n, n->best);
    return out;
}
