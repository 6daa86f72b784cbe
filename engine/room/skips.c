/* Numbers of the room that are not for a member: told by hub:skipped, so that everybody's numbers have no
 * gap. */
#include <stdlib.h>

#include "base/memory/mem.h"
#include "room/room.h"

#define SKIPS_FIRST 6   /* numbers that a member's first memory of them holds */
#define SKIPS_MAX 1024u /* then they are told at once */

struct hub_skips {
    struct hub_list link; /* room->skipping, while there are any */
    struct hub_member *member;
    uint32_t n, cap;
    int64_t numbers[];
};

void hub_member_forget_skips(struct hub_member *m) {
    if (m->skips) hub_list_remove(&m->skips->link);
    free(m->skips);
    m->skips = NULL;
}

static void add_args(struct hub_buf *b, const struct hub_skips *s) {
    hub_buf_addz(b, "{\"roomId\":");
    hub_json_add_string(b, hub_cstr(s->member->room->id));
    hub_buf_addz(b, ",\"seqs\":[");
    for (uint32_t i = 0; i < s->n; i++) {
        if (i) hub_buf_addc(b, ',');
        hub_buf_addi(b, s->numbers[i]);
    }
    hub_buf_addz(b, "]}");
}

static bool are_same_skips(const struct hub_skips *a, const struct hub_skips *b) {
    return a->n == b->n && !memcmp(a->numbers, b->numbers, a->n * sizeof a->numbers[0]);
}

/* Tells those in LIST. Neighbours mostly skip the same numbers: these share one packet. */
static void tell_members(struct hub_room *r, struct hub_list *list) {
    struct hub_buf args = {0};
    while (!hub_list_empty(list)) {
        struct hub_skips *first = HUB_CONTAINER(list->next, struct hub_skips, link), *s = first;
        struct hub_cast c;
        hub_buf_clear(&args);
        add_args(&args, first);
        hub_cast_begin(&c, r->readers, HUB_STR("hub:skipped"), hub_buf_str(&args), 0);
        do {
            struct hub_list *next = s->link.next;
            hub_cast_to(&c, &s->member->seat);
            if (s != first) s->n = 0, hub_list_remove(&s->link);
            s = next == list ? NULL : HUB_CONTAINER(next, struct hub_skips, link);
        } while (s && are_same_skips(s, first));
        hub_cast_end(&c);
        first->n = 0;
        hub_list_remove(&first->link);
    }
    hub_buf_free(&args);
}

static void move_to(struct hub_list *due, struct hub_skips *s) {
    if (!s->n) return;
    hub_list_remove(&s->link);
    hub_list_push(due, &s->link);
}

static void on_due(struct hub_timer *t) {
    struct hub_room *r = HUB_CONTAINER(t, struct hub_room, skips_due);
    tell_members(r, &r->skipping);
}

static void skip_number(struct hub_member *m, int64_t number) {
    struct hub_skips *s = m->skips;
    if (!m->seat.group) return;
    if (!s || s->n == s->cap) {
        uint32_t cap = s ? s->cap * 2 : SKIPS_FIRST;
        struct hub_skips *grown = hub_xmalloc(sizeof *grown + cap * sizeof grown->numbers[0]);
        *grown = (struct hub_skips){.member = m, .n = s ? s->n : 0, .cap = cap};
        hub_list_init(&grown->link);
        if (s) memcpy(grown->numbers, s->numbers, s->n * sizeof s->numbers[0]);
        hub_member_forget_skips(m);
        m->skips = s = grown;
    }
    s->numbers[s->n++] = number;
    if (!hub_list_linked(&s->link)) hub_list_push(&m->room->skipping, &s->link);
    if (s->n >= SKIPS_MAX) tell_members(m->room, &m->room->skipping);
    if (!hub_timer_running(&m->room->skips_due))
        hub_timer_start(m->room->loop, &m->room->skips_due, HUB_SKIPS_MS, on_due);
}

static void mark_target(struct hub_room *r, struct hub_str id) {
    struct hub_room_user *u = id.n ? hub_room_user(r, id) : NULL;
    if (u) u->marked = r->marks;
}

static void mark_named(struct hub_room *r, const struct hub_target *t) {
    r->marks++;
    mark_target(r, t->sender);
    for (size_t i = 0; i < json_array_size(t->ids); i++) mark_target(r, hub_json_str(json_array_get(t->ids, i)));
}

static bool is_for(const struct hub_room *r, const struct hub_target *t, const struct hub_room_user *u) {
    if (!t) return false;
    if (t->to == HUB_TO_IDS) return u->marked == r->marks;
    return hub_str_eq(hub_cstr(u->id), t->sender) == (t->to == HUB_TO_SENDER);
}

/* Those who get the event are told first what they have skipped; the others skip NUMBER. */
static void part_skips(struct hub_room *r, const struct hub_target *t, int64_t number) {
    struct hub_list due;
    hub_list_init(&due);
    if (t && t->to == HUB_TO_IDS) mark_named(r, t);
    HUB_ROOM_EACH_USER(r, u) {
        bool gets = is_for(r, t, u);
        HUB_LIST_EACH(&u->members, mit) {
            struct hub_member *m = HUB_CONTAINER(mit, struct hub_member, in_user);
            if (!gets)
                skip_number(m, number);
            else if (m->skips)
                move_to(&due, m->skips);
        }
    }
    tell_members(r, &due);
}

void hub_room_emit_numbered(struct hub_room *r, const struct hub_target *t, struct hub_str event, struct hub_str args,
                            int64_t number, int flags) {
    if (number && t && t->to == HUB_TO_ALL)
        tell_members(r, &r->skipping);
    else if (number)
        part_skips(r, t, number);
    if (t) hub_room_emit(r, t, event, args, flags);
    if (number && r->changed) r->changed(r, t);
}

/* To those who took their seats up to PLACES, or with LATER to the others. */
static void cast_by_place(struct hub_room *r, uint32_t places, bool later, struct hub_str event, struct hub_str args,
                          int flags) {
    struct hub_cast c;
    hub_cast_begin(&c, r->readers, event, args, flags);
    HUB_ROOM_EACH_USER(r, u) {
        HUB_LIST_EACH(&u->members, mit) {
            struct hub_member *m = HUB_CONTAINER(mit, struct hub_member, in_user);
            if (((int32_t)(m->place - places) > 0) == later) hub_cast_to(&c, &m->seat);
        }
    }
    hub_cast_end(&c);
}

void hub_room_emit_parted(struct hub_room *r, uint32_t places, struct hub_str event, struct hub_str args,
                          struct hub_str other_event, struct hub_str other_args, int64_t number, int flags) {
    const struct hub_target all = {.to = HUB_TO_ALL};
    if (r->places == places) {
        hub_room_emit_numbered(r, &all, event, args, number, flags);
        return;
    }
    if (number) tell_members(r, &r->skipping);
    cast_by_place(r, places, false, event, args, flags);
    if (other_event.n) cast_by_place(r, places, true, other_event, other_args, flags);
    if (number && r->changed) r->changed(r, &all);
}
