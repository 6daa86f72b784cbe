/* Whether what was seen is what a scenario expects: objects need have no more than is written, lists have as
 * many elements, texts that are both moments in RFC 3339 are equal as such, and 10 is 10.0. */
#ifndef HUB_TEST_MATCH_H
#define HUB_TEST_MATCH_H
#include "schema/scenario/scenario.h"

/* What is wrong, at the place AT where it stands; all of it is told, not only the first. PATH, of what was
 * seen ("answer.message.seq"), and SEEN are borrowed; SEEN NULL: it is absent. */
typedef void hub_test_differs(void *arg, const struct hub_node *at, const char *path, const char *expected,
                              const json_t *seen);
struct hub_test_match {
    json_t *saved;          /* by $save, and read for ${name}: an object of the scenario's */
    hub_test_differs *tell; /* NULL: nobody wants to know why */
    void *arg;
};
/* SEEN NULL: absent. PATH is what differences are told to be below of. */
bool hub_test_matches(const struct hub_test_match *m, const struct hub_node *expected, const json_t *seen,
                      const char *path);
/* N as JSON, with ${name} replaced: what a step sends. New reference. */
HUB_MUST json_t *hub_test_value(const json_t *saved, const struct hub_node *n);
/* TEXT with ${name} replaced. To be freed. */
HUB_MUST char *hub_test_text(const json_t *saved, const char *text);
#endif
