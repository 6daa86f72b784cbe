/* A deflater and an inflater, new for each test or group. Included after cmocka.h. */
#ifndef TEST_SUPPORT_DEFLATE_PAIR_H
#define TEST_SUPPORT_DEFLATE_PAIR_H
#include "base/io/deflate.h"

static struct hub_deflater *deflater;
static struct hub_inflater *inflater; /* NULL outside */

static inline int deflate_pair_new(void **state) {
    (void)state;
    deflater = hub_deflater_new();
    inflater = hub_inflater_new();
    return 0;
}

static inline int deflate_pair_free(void **state) {
    (void)state;
    hub_deflater_free(deflater);
    hub_inflater_free(inflater);
    deflater = NULL;
    inflater = NULL;
    return 0;
}
#endif
