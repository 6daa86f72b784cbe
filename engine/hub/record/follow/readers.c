/* Guards that have read a record, of whatever they guard: when it changes they are asked again. It stays in
 * memory as long as there are any, so its changes are noticed. */
#include <stdlib.h>

#include "hub/record/follow/follow.h"
#include "hub/record/record_int.h"

struct reader {
    struct hub_grant_read read;
    struct hub_list in_record;
    struct hub_record *record; /* reference */
};

static struct reader *reader_at(struct hub_grant_read *read) { return HUB_CONTAINER(read, struct reader, read); }

static void drop_reader(struct hub_grant_read *read) {
    struct reader *x = reader_at(read);
    hub_list_remove(&x->in_record);
    hub_record_unref(x->record);
    free(x);
}

void hub_record_note_reader(struct hub_record *r, struct hub_grant *g) {
    hub_follower_note(g, r);
    if (hub_grant_has_noted(g, r)) return;
    if (g->read_n >= HUB_GRANT_READS_MAX) {
        hub_grant_reads_all(g, hub_record_home_of(r) == HUB_RECORD_ROW ? HUB_READABLE_ROW : HUB_READABLE_RECORD);
        return;
    }
    struct reader *x = hub_xcalloc(1, sizeof *x);
    *x = (struct reader){.read = {.what = r, .drop = drop_reader}, .record = hub_record_ref(r)};
    hub_list_push(&r->readers, &x->in_record);
    hub_grant_note(g, &x->read);
}

/* Whoever is asked about the change itself is not asked twice; and not one that has made it, which would
 * make it again and again. */
void hub_record_doubt_readers(struct hub_record *r, const struct hub_grant *by) {
    HUB_LIST_EACH(&r->readers, it) {
        struct hub_grant *g = HUB_CONTAINER(it, struct reader, in_record)->read.grant;
        if (g != by && (g->pending || !hub_follower_follows(g, r))) hub_grant_doubt(g, by);
    }
}
