/* An intrusive doubly linked list. The head is a node of its own; an unlinked node points at itself, so
 * unlinking twice is harmless. Nodes are found back with HUB_CONTAINER (mem.h). */
#ifndef HUB_BASE_LIST_H
#define HUB_BASE_LIST_H
#include <stdbool.h>

struct hub_list {
    struct hub_list *next, *prev;
};

static inline void hub_list_init(struct hub_list *l) { l->next = l->prev = l; }
static inline bool hub_list_empty(const struct hub_list *head) { return head->next == head; }
static inline bool hub_list_linked(const struct hub_list *node) { return node->next != node; }
static inline void hub_list_push(struct hub_list *head, struct hub_list *node) { /* at the end */
    node->prev = head->prev, node->next = head;
    head->prev->next = node, head->prev = node;
}
static inline void hub_list_push_front(struct hub_list *head, struct hub_list *node) {
    node->next = head->next, node->prev = head;
    head->next->prev = node, head->next = node;
}
static inline void hub_list_remove(struct hub_list *node) {
    node->prev->next = node->next, node->next->prev = node->prev;
    hub_list_init(node);
}
/* First node, unlinked, or NULL. */
static inline struct hub_list *hub_list_pop(struct hub_list *head) {
    if (hub_list_empty(head)) return 0;
    struct hub_list *n = head->next;
    hub_list_remove(n);
    return n;
}
/* Moves all of FROM to the end of TO; FROM is empty then. Detach before calling out. */
static inline void hub_list_splice(struct hub_list *to, struct hub_list *from) {
    if (hub_list_empty(from)) return;
    from->next->prev = to->prev, to->prev->next = from->next;
    from->prev->next = to, to->prev = from->prev;
    hub_list_init(from);
}
#define HUB_LIST_EACH(HEAD, IT) for (struct hub_list *IT = (HEAD)->next; IT != (HEAD); IT = IT->next)
/* IT may be unlinked (but not its successor) by the body. */
#define HUB_LIST_EACH_SAFE(HEAD, IT) \
    for (struct hub_list *IT = (HEAD)->next, *IT##_next = IT->next; IT != (HEAD); IT = IT##_next, IT##_next = IT->next)
#endif
