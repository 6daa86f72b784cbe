/* The console's files, embedded by cmake/embed.cmake from engine/console and its bundle. */
#ifndef HUB_OPS_CONSOLE_H
#define HUB_OPS_CONSOLE_H
#include <stddef.h>

struct hub_console_file {
    const char *url;  /* "/console/app.js" */
    const char *path; /* "app.js" */
    const unsigned char *bytes;
    size_t n;
};

/* Ends with a row of NULLs; that is the only one when the program was built without the bundle. */
extern const struct hub_console_file hub_console_files[];
#endif
