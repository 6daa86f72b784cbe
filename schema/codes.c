/* The catalogue of lint codes. */
#include "schema/diag.h"

static const struct hub_code_row rows[] = {
    {"H008", HUB_SEV_WARNING, "", "", "", "", ""}, {"H018", HUB_SEV_WARNING, "", "", "", "", ""}, {"S018", HUB_SEV_WARNING, "", "", "", "", ""},
    {"H025", HUB_SEV_WARNING, "", "", "", "", ""}, {"H026", HUB_SEV_WARNING, "", "", "", "", ""}, {"H027", HUB_SEV_WARNING, "", "", "", "", ""},
    {"S009", HUB_SEV_WARNING, "", "", "", "", ""},
};

const struct hub_code_row *hub_code_rows(size_t *n) {
    *n = sizeof rows / sizeof *rows;
    return rows;
}

const struct hub_code_row *hub_code_row(const char *code) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].code, code) == 0) return &rows[i];
    return NULL;
}
