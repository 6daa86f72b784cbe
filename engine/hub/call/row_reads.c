/* What a read of a room holds of the store's results, by the size that the room's rows have had so far. */
#include "hub/call/call.h"

static size_t row_bytes(const struct hub_room *room) { return room->row_bytes ? room->row_bytes : HUB_ROW_BYTES; }

int64_t hub_rows_wanted(const struct hub_room *room, int64_t limit) {
    int64_t useful = (int64_t)(2 * HUB_RESULT_MAX / row_bytes(room)) + 1;
    return limit < useful ? limit + 1 : useful;
}

void hub_rows_ask(struct hub_room *room, struct hub_result *r, struct hub_str who, int64_t rows) {
    size_t bytes = (size_t)(rows < HUB_PAGE_MAX ? rows : HUB_PAGE_MAX) * row_bytes(room);
    hub_result_ask(&hub_of(room)->engine->reads, r, who, bytes < 2 * HUB_RESULT_MAX ? bytes : 2 * HUB_RESULT_MAX);
}

/* The room keeps an estimate of its rows' size, which grows at once and shrinks slowly. */
void hub_rows_are(struct hub_room *room, struct hub_result *r, const struct hub_rows *rows) {
    if (!rows || !rows->n) return;
    size_t bytes = rows->text.cap + rows->n * rows->table->column_n * sizeof *rows->cells, each = bytes / rows->n,
           known = room->row_bytes;
    if (known > each) each = (7 * known + each) / 8;
    room->row_bytes = each;
    hub_result_is(&hub_of(room)->engine->reads, r, r->bytes > bytes ? r->bytes : bytes);
}
