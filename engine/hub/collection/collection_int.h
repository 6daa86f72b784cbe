/* Shared by the files of engine/hub/collection. */
#ifndef HUB_COLLECTION_COLLECTION_INT_H
#define HUB_COLLECTION_COLLECTION_INT_H
#include "base/match/pattern.h"
#include "hub/collection/collection.h"
#include "hub/guard/guard.h"
#include "hub/record/record.h"

#define HUB_COLLECTION_ITEMS_MAX 1000

struct hub_collection;
struct hub_collection_item {
    json_t *record; /* as clients see it; has an id */
    json_t *sort;   /* of a query: the value it is ordered by; else NULL */
};
/* In order. */
struct hub_collection_items {
    struct hub_collection_item *all;
    size_t n;
};

/* Somebody waits until it is there. Inside its owner's struct. */
struct hub_collection_wait {
    struct hub_list link;
    void (*loaded)(struct hub_collection_wait *w, struct hub_collection *c, enum hub_code code);
};

struct hub_collection {
    struct hub_collections *all;
    struct hub_list link; /* all->list */
    struct hub_hub *hub;  /* kept */
    char *key, *id;
    const struct hub_def_collection *window; /* of the present definitions; NULL: there is none any more */
    json_t *params;
    uint32_t refs; /* watchers, those who wait, what is under way */
    int64_t version;
    bool loaded, running, again; /* AGAIN: what is under way began before the last reason for it */
    bool outdated;               /* what is under way began by other definitions */
    struct hub_hold hold;        /* of what is under way */
    struct hub_list waiting, subs;
    struct hub_group *group; /* NULL: nobody watches */
    struct hub_collection_items items;
    /* a query's */
    json_t *where; /* by properties, as rows have them */
    char *where_key;
    char *object;
    struct hub_list in_where, in_reading;
    bool more;         /* there are rows behind the last item */
    json_t *meanwhile; /* id → row or null: changes while it is being read; NULL: none */
    /* a script's */
    struct hub_pattern **watch;
    size_t watch_n;
    struct hub_timer debounce;
    int64_t ran; /* loop time */
};

struct hub_collections {
    struct hub_engine *engine;
    struct hub_map by_key;
    struct hub_map by_where;  /* object?property=value… → struct hub_list of in_where */
    struct hub_map members;   /* object/id → struct hub_list of the collections that it is in */
    struct hub_map rereading; /* object/id → rows that others have changed, being read */
    struct hub_list reading;  /* in_reading: queries under way */
    struct hub_list list;
    struct hub_list behind; /* of subscribers */
    struct hub_timer catch_up;
    size_t watching; /* those of scripts */
    bool stopped;
};
struct hub_collections *hub_collections_of(struct hub_engine *e);

/* ---- windows (live.c) ---- */
enum hub_code hub_collection_window(const struct hub_def *def, struct hub_str id, const struct hub_def_collection **out,
                                    json_t **params, struct hub_err *err);

/* ---- live ones (live.c) ---- */

/* The collection ID of HUB, in use already or not; the caller gets a reference. */
HUB_MUST struct hub_collection *hub_collection_get(struct hub_hub *hub, struct hub_str id);
static inline struct hub_collection *hub_collection_ref(struct hub_collection *c) { return c->refs++, c; }
void hub_collection_unref(struct hub_collection *c);
/* W->loaded comes when its items are there, possibly before this returns; with all changes that were told
 * before, unless they cannot be read. */
void hub_collection_load(struct hub_collection *c, struct hub_collection_wait *w);
/* They are to be worked out anew, as soon as its window allows. */
void hub_collection_refresh(struct hub_collection *c);
void hub_collection_run(struct hub_collection *c); /* now */
/* What is under way has come to ITEMS, which are given away; or CODE. */
void hub_collection_ran(struct hub_collection *c, enum hub_code code, struct hub_collection_items *items);
/* ITEMS, given away, take the place of those there are: whoever watches is told what that changes. */
void hub_collection_become(struct hub_collection *c, struct hub_collection_items *items);
/* Of record ID; -1: it is not in ITEMS. */
int hub_collection_index(const struct hub_collection_items *items, struct hub_str id);
void hub_collection_items_add(struct hub_collection_items *items, size_t at, json_t *record, json_t *sort);
void hub_collection_items_remove(struct hub_collection_items *items, size_t at);
struct hub_collection_items hub_collection_items_copy(const struct hub_collection_items *items);
void hub_collection_items_free(struct hub_collection_items *items);
/* New definitions are in force. */
void hub_collections_reloaded(struct hub_engine *e);

/* ---- queries (query.c) ---- */
void hub_collection_bind_query(struct hub_collection *c); /* where, where_key, in_where by window and params */
void hub_collection_unbind_query(struct hub_collection *c);
void hub_collection_join(struct hub_collection *c, struct hub_str id); /* a row has become one of its items; */
void hub_collection_part(struct hub_collection *c, struct hub_str id); /* it is none any more */
void hub_collection_query(struct hub_collection *c);
void hub_collection_queried(struct hub_collection *c); /* after its items: what has changed meanwhile */
void hub_collection_row_written(struct hub_engine *e, const struct hub_write *w, const void *by);
void hub_collection_row_changed(struct hub_engine *e, const struct hub_table *t, const json_t *row);

/* ---- scripts (resolver.c) ---- */
void hub_collection_bind_watch(struct hub_collection *c);
void hub_collection_unbind_watch(struct hub_collection *c);
void hub_collection_resolve(struct hub_collection *c);
void hub_collection_record_changed(struct hub_engine *e, struct hub_str id, const struct hub_grant *by);

/* ---- who watches (watch.c) ---- */
extern const struct hub_granting hub_collection_watching;
void hub_collection_subscribe(struct hub_call *call);
void hub_collection_unsubscribe(struct hub_call *call);
void hub_collection_tell(struct hub_collection *c, struct hub_str args);
/* Appends "collectionId", "version", "ids", "records". */
void hub_collection_add_snapshot(struct hub_buf *b, const struct hub_collection *c);
#endif
