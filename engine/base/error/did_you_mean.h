/* "Did you mean": of several names the one that a word was probably meant to be. */
#ifndef HUB_BASE_DID_YOU_MEAN_H
#define HUB_BASE_DID_YOU_MEAN_H
#include <stdbool.h>

#include "base/text/str.h"

/* Start with {.word = …} and try each candidate; of equally near ones the first stays. The longer the word,
 * the more of it may be wrong, but never all of it. */
struct hub_nearest {
    struct hub_str word;
    size_t most;      /* edits, where there are many candidates; 0: as many as the word's length allows */
    bool begun;       /* a candidate that begins with the word is as near as one can be */
    const char *best; /* points into the candidate; NULL: none is near */
    size_t best_n;    /* its length, for candidates without NUL behind them */
    size_t distance;  /* from BEST, in edits; case does not matter */
};
void hub_nearest_try(struct hub_nearest *n, const char *candidate);
void hub_nearest_try_str(struct hub_nearest *n, struct hub_str candidate);

/* What a message says behind the word that it complains of: `; did you mean "BEST"?`, or nothing. */
#define HUB_NEAREST_HINT 100
const char *hub_nearest_hint(const struct hub_nearest *n, char out[HUB_NEAREST_HINT]);
#endif
