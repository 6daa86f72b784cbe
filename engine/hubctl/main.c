/* hubctl: dispatches to the commands. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "hubctl/hubctl.h"

/* A line each, sorted, so that new ones do not meet. */
/* clang-format off */
static const struct hubctl_command *const commands[] = {
    &hubctl_bench,
    &hubctl_dump,
    &hubctl_explain,
    &hubctl_lint,
    &hubctl_migrate,
    &hubctl_new,
    &hubctl_schema,
    &hubctl_token,
    &hubctl_why,
};
/* clang-format on */

static void print_commands(FILE *to) {
    fprintf(to, "usage: hubctl COMMAND …\n\n");
    for (size_t i = 0; i < HUB_NELEM(commands); i++)
        fprintf(to, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(to, "\nhubctl COMMAND --help tells more.\n");
}

static void print_usage(const struct hubctl_command *c, FILE *to) {
    fprintf(to, "usage: hubctl %s %s\n", c->name, c->usage);
}

int hubctl_usage(const struct hubctl_command *c, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "hubctl %s: ", c->name);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    print_usage(c, stderr);
    return HUBCTL_USAGE;
}

static int run(const struct hubctl_command *c, int argc, char **argv) {
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_usage(c, stdout);
            printf("\n%s\n", c->summary);
            if (c->help) printf("\n%s", c->help);
            return HUBCTL_OK;
        }
    return c->run(argc, argv);
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < HUB_NELEM(commands); i++)
        if (strcmp(commands[i]->name, name) == 0) return run(commands[i], argc - 1, argv + 1);
    bool asked = strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0;
    if (strcmp(name, "--version") == 0) {
        puts("hubctl " HUB_VERSION);
        return HUBCTL_OK;
    }
    if (*name && !asked) fprintf(stderr, "hubctl: there is no command \"%s\"\n", name);
    print_commands(asked ? stdout : stderr);
    return asked ? HUBCTL_OK : HUBCTL_USAGE;
}
