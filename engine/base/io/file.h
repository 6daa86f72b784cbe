/* Whole files, and the folders they are in, blocking: for start-up, reload and command-line tools, never for
 * the serving path. */
#ifndef HUB_BASE_FILE_H
#define HUB_BASE_FILE_H
#include "base/error/code.h"
#include "base/text/buf.h"

/* Appends the file's bytes. Failure: HUB_NOT_FOUND (cannot be opened or read) or HUB_TOO_LARGE (more than
 * MAX bytes); err->text names the file and the cause, and nothing was appended. */
enum hub_code hub_file_read(const char *path, size_t max, struct hub_buf *out, struct hub_err *err);
/* mkdir -p of the folder that the file PATH is in. Failure: HUB_NOT_FOUND; err->text names the folder that
 * cannot be made and the cause. */
enum hub_code hub_file_make_folders(const char *path, struct hub_err *err);
#endif
