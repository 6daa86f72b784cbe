/* A store on a real file in a temporary folder. */
#ifndef HUB_TESTS_SQLITE_FIXTURE_H
#define HUB_TESTS_SQLITE_FIXTURE_H
#include "store_fixture.h"

#include <sqlite3.h>

#include "adapters/sqlite/sqlite.h"

static char folder[64], file[96];

static inline void open_store_by(struct hub_clock *clock, const char *options) {
    loop = hub_loop_new(clock);
    snprintf(folder, sizeof folder, "/tmp/hubd-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/data/test.db", folder);
    snprintf(url, sizeof url, "sqlite:%s%s", file, options);
    open_messages(&hub_sqlite_ops);
}

static inline void open_store(const char *options) { open_store_by(NULL, options); }

static inline void remove_folder(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

static inline void close_store(void) {
    close_store_only();
    hub_loop_delete(loop);
    remove_folder();
}
#endif
