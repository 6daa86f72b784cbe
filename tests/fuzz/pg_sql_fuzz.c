/* Scripts' SQL on its way to PostgreSQL. What passes is one statement with numbered parameters: it passes
 * again, unchanged. */
#include <stdlib.h>

#include "adapters/postgres/postgres_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    struct hub_str sql = hub_str((const char *)data + 1, size - 1);
    struct hub_buf once = {0}, twice = {0};
    struct hub_err err = {0};
    size_t given = data[0] % 8;
    bool reads, again;
    if (hub_pg_scan(sql, given, &once, &reads, &err)) {
        if (!*err.text) abort();
    } else {
        if (hub_pg_scan(hub_buf_str(&once), given, &twice, &again, &err)) abort();
        if (!hub_str_eq(hub_buf_str(&once), hub_buf_str(&twice)) || reads != again) abort();
    }
    hub_buf_free(&once);
    hub_buf_free(&twice);
    return 0;
}
