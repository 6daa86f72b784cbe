/* What a caller must do, made visible to the compiler and checked while the program runs.
 *
 * HUB_BUG_IF states what cannot be unless the code is wrong: the sentences "must", "held by the caller" and
 * "never" of the headers. It is always on. Input of strangers, a backend that is away and a lack of memory
 * are no bugs, and are not treated by it. From any thread. */
#ifndef HUB_BASE_BUG_H
#define HUB_BASE_BUG_H
#include <stdbool.h>

/* The result of such a function says whether it worked, or is the caller's to give up: a reference, an
 * allocation, a handle. Not looking at it is a mistake, and a warning. Written before the type of the result.
 * tests/must.sh says which functions need it. */
#define HUB_MUST __attribute__((warn_unused_result))
/* The same for every function whose result is of such a type, also a static one or one called through a
 * pointer. Written before the tag. */
#ifdef __clang__
#define HUB_MUST_TYPE __attribute__((warn_unused_result))
#else
#define HUB_MUST_TYPE [[nodiscard]]
#endif
/* The rare place where the result makes no difference. WHY is for the reader. */
#define HUB_UNUSED(result, why) ((void)!(result))

/* Writes CONDITION, its place and the stack to stderr and aborts. */
#define HUB_BUG_IF(condition)                                                                      \
    do {                                                                                           \
        if (__builtin_expect(!!(condition), 0)) hub_bug(__FILE__, __LINE__, __func__, #condition); \
    } while (0)
_Noreturn void hub_bug(const char *file, int line, const char *function, const char *condition);
#endif
