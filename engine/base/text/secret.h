/* Passwords in settings: what must not be in logs, errors, dumps or on a page. Whoever prints a URL, a
 * setting or a line of a definition lets it go through here. */
#ifndef HUB_BASE_SECRET_H
#define HUB_BASE_SECRET_H
#include "base/text/buf.h"

/* Does a setting of this name hold a password or a key? Names of files and of environment variables that
 * hold one do not. */
bool hub_secret_name(struct hub_str name);
/* A URL with "***" in the place of the password before the host and of the values of such settings in its
 * query. Twice is the same as once. */
void hub_secret_add_url(struct hub_buf *out, struct hub_str url);
/* A line of a definition: passwords in its URLs, and what follows the names of such settings, become
 * asterisks, one for each byte, so that columns stay. */
void hub_secret_blot(char *line, size_t n);
#endif
