/* The files of the templates of "hubctl new", embedded by cmake/embed.cmake from hubs/. */
#ifndef HUB_HUBCTL_TEMPLATES_H
#define HUB_HUBCTL_TEMPLATES_H
#include <stddef.h>

struct hubctl_template_file {
    const char *template; /* "chat" */
    const char *path;     /* "lib/dice.lua" */
    const unsigned char *bytes;
    size_t n;
};

/* Ordered by template; ends with a row of NULLs. */
extern const struct hubctl_template_file hubctl_template_files[];
#endif
