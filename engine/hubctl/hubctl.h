/* Commands of hubctl. A command is one file cmd_<name>.c with one row, declared here and listed in main.c. */
#ifndef HUB_HUBCTL_H
#define HUB_HUBCTL_H

/* Exit codes of cli.md. */
enum { HUBCTL_OK = 0, HUBCTL_FAILED = 1, HUBCTL_USAGE = 2 };

struct hubctl_command {
    const char *name;
    const char *usage;   /* what follows "hubctl NAME", e.g. "PATH… [--strict]" */
    const char *summary; /* one line for the list of commands */
    const char *help;    /* further lines for --help, or NULL */
    /* ARGV[0] is the command's name; --help has been dealt with. Returns the exit code. */
    int (*run)(int argc, char **argv);
};

/* A row each, sorted, so that new ones do not meet. */
extern const struct hubctl_command hubctl_bench;
extern const struct hubctl_command hubctl_dump;
extern const struct hubctl_command hubctl_explain;
extern const struct hubctl_command hubctl_lint;
extern const struct hubctl_command hubctl_migrate;
extern const struct hubctl_command hubctl_new;
extern const struct hubctl_command hubctl_schema;
extern const struct hubctl_command hubctl_token;
extern const struct hubctl_command hubctl_why;

/* Prints "hubctl NAME: text" and the usage line on stderr; returns HUBCTL_USAGE. */
int hubctl_usage(const struct hubctl_command *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
