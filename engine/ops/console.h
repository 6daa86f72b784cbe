/* Files inside the program, embedded by cmake/embed.cmake: the console's from engine/console and its bundle,
 * and the stock Socket.IO client for browsers from the npm package that the console is bundled with. */
#ifndef HUB_OPS_CONSOLE_H
#define HUB_OPS_CONSOLE_H
#include <stddef.h>

struct hub_console_file {
    const char *url;  /* "/console/app.js"; of the client what follows listen.path, "/socket.io.js" */
    const char *path; /* "app.js" */
    const unsigned char *bytes;
    size_t n;
};

/* Each ends with a row of NULLs; that is the only one when the program was built without npm. */
extern const struct hub_console_file hub_console_files[];
extern const struct hub_console_file hub_client_files[];
#endif
