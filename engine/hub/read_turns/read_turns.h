/* Reads take turns, so that who asks for much waits for himself (contract: semantics.md "Slow readers";
 * docs/decisions/0023).
 *
 * A reader is a connection, or whoever asks by REST. Of its reads HUB_READS_UNDER_WAY are under way,
 * HUB_READS_WAITING wait, and more are refused. A slot is free again in the turn after its read ended, and
 * only while the connection takes its answers. Readers that wait get one slot each in turn. What reads
 * hold of the store's results is bounded for the whole process: small results by their bytes, large ones
 * by their number, so that what most requests want never waits for somebody's export. */
#ifndef HUB_READ_TURNS_READ_TURNS_H
#define HUB_READ_TURNS_READ_TURNS_H
#include "async/hold.h"
#include "base/collection/map.h"
#include "loop/loop.h"
#include "session/session.h"

#define HUB_READS_UNDER_WAY 4
#define HUB_READS_WAITING 64
#define HUB_RESULT_MAX ((size_t)4 << 20)     /* bytes of the rows of one answer; what is over it is another page */
#define HUB_RESULT_SMALL ((size_t)256 << 10) /* expected of a small one, at most */
#define HUB_RESULTS_SMALL ((size_t)4 << 20)  /* of all small results that were asked for and are not answered yet */
#define HUB_RESULTS_LARGE 4                  /* the number of large ones */

struct hub_reader {
    struct hub_list waiting;       /* hub_read.link */
    struct hub_list hungry, ended; /* in the lists of struct hub_reads */
    uint32_t waiting_n, under_way; /* the latter with OVER, those that ended this turn */
    uint32_t over;
    size_t expected, over_bytes;
    struct hub_socket *socket; /* borrowed; NULL for REST */
    char *key;                 /* REST: found by it */
    struct hub_reader **place; /* of a connection: where it is found; NULL once the connection is gone */
};

/* One read, inside its owner's struct. */
struct hub_read {
    struct hub_list link;
    struct hub_hold hold;
    struct hub_reader *reader; /* NULL: it is none, or over */
    size_t weight;             /* bytes the answer will have, about */
    bool waited;               /* for its turn */
    void (*start)(struct hub_read *r);
    void (*drop)(
        struct hub_read *r); /* the connection is gone, or everything stops, before its turn came: the owner ends */
};

/* What a read has of the store: waits until it fits. */
struct hub_result {
    struct hub_list link;
    size_t bytes;  /* expected, then real; 0: holds nothing */
    uint64_t turn; /* of a large one: behind those of smaller numbers */
    bool large;
    void (*start)(struct hub_result *r);
};

struct hub_reads {
    struct hub_loop *loop;
    struct hub_holds *holds;      /* of reads that wait or are under way */
    size_t max_queue;             /* listen.maxQueueBytes */
    struct hub_map callers;       /* key -> hub_reader of REST */
    struct hub_list hungry;       /* readers with something that waits */
    struct hub_list ended;        /* readers of which reads ended this turn */
    struct hub_task settle;       /* at the end of such a turn */
    struct hub_timer resume;      /* the next turn, or when a connection may have taken its answers */
    struct hub_list small, large; /* hub_result.link, those that wait */
    size_t result_bytes;          /* of all results */
    size_t small_bytes;
    uint32_t large_n;
    struct hub_map turns; /* user -> the latest turn of a large result that waits or waited; empty when none waits */
    uint64_t turn;        /* of the one that was started last */
    bool starting;        /* hub_result_over is running */
};

void hub_reads_init(struct hub_reads *all, struct hub_loop *loop, struct hub_holds *holds);
void hub_reads_stop(struct hub_reads *all);   /* what waits by REST is dropped */
void hub_reads_deinit(struct hub_reads *all); /* nothing may be under way */

/* A reader lasts as long as it has reads, from hub_read_ask on: of a connection, found at PLACE, or NULL
 * there; of REST, found by KEY. */
struct hub_reader *hub_reader_at(struct hub_reader **place, struct hub_socket *socket);
struct hub_reader *hub_reader_of(struct hub_reads *all, struct hub_str key);
/* The connection is gone: what waits is dropped. */
void hub_reader_close(struct hub_reader **place);

/* Starts it now or when its turn comes; false when MAY_WAIT wait already. */
bool hub_read_ask(struct hub_reads *all, struct hub_reader *reader, struct hub_read *r, uint32_t may_wait);
void hub_read_over(struct hub_reads *all, struct hub_read *r);  /* harmless for one that is none */
void hub_read_move(struct hub_read *to, struct hub_read *from); /* the slot of a read under way changes its owner */

/* Starts it now or when BYTES fit: small ones in the order of asking, of large ones one for each user WHO
 * in turn. */
void hub_result_ask(struct hub_reads *all, struct hub_result *r, struct hub_str who, size_t bytes);
void hub_result_is(struct hub_reads *all, struct hub_result *r, size_t bytes); /* what it really has */
void hub_result_over(struct hub_reads *all, struct hub_result *r);
#endif
