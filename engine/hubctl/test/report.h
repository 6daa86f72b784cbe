/* What came of scenarios, in the formats of hubctl test. Without paths and times of this machine: the same
 * input gives the same bytes. */
#ifndef HUB_TEST_REPORT_H
#define HUB_TEST_REPORT_H
#include "hubctl/test/run.h"

enum hub_test_format { HUB_TEST_TEXT, HUB_TEST_TAP, HUB_TEST_JUNIT, HUB_TEST_JSON }; /* in the order of --format */

/* Of N results; DIR is cut off the names of files. */
void hub_test_report(const struct hub_test_result *results, size_t n, const char *dir, enum hub_test_format format,
                     struct hub_buf *out);
#endif
