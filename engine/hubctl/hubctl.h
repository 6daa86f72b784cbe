/* Commands of hubctl. A command is one file commands/cmd_<name>.c with one row, declared here and listed in
 * main.c. */
#ifndef HUB_HUBCTL_H
#define HUB_HUBCTL_H
#include "cli/cli.h"

/* Exit codes of cli.md. */
enum { HUBCTL_OK = 0, HUBCTL_FAILED = 1, HUBCTL_USAGE = 2, HUBCTL_INVALID = 3 };

struct hubctl_command {
    struct hub_cli cli; /* its program is "hubctl NAME" */
    /* ARGV[0] is the command's name. Returns the exit code; parses with its own cli first. */
    int (*run)(int argc, char **argv);
};

/* Loads the service in DIR and tells on stderr what is wrong with it. With a CHECKER its scripts are checked,
 * and warnings are told; without, both are left to lint. NULL on errors, with *EXIT_CODE; free with
 * hub_service_free. */
struct hub_script_checker;
struct hub_service *hubctl_load(const char *dir, const struct hub_script_checker *checker, int *exit_code);
/* The same, for hub_service_dump(): plugins are left out of what uses them. */
struct hub_service *hubctl_load_as_written(const char *dir, const struct hub_script_checker *checker, int *exit_code);
/* As hubctl_load without a checker; a definition with errors is HUBCTL_INVALID. */
struct hub_service *hubctl_load_valid(const char *dir, int *exit_code);
/* TEXT goes into FILE, or to standard output when that is NULL. CHECK: it is compared with FILE instead.
 * Returns the exit code, and tells on stderr why. */
int hubctl_give(const char *file, bool check, struct hub_str text);

/* A row each, sorted, so that new ones do not meet. */
extern const struct hubctl_command hubctl_bench;
extern const struct hubctl_command hubctl_diff;
extern const struct hubctl_command hubctl_docs;
extern const struct hubctl_command hubctl_dump;
extern const struct hubctl_command hubctl_explain;
extern const struct hubctl_command hubctl_jobs;
extern const struct hubctl_command hubctl_lint;
extern const struct hubctl_command hubctl_migrate;
extern const struct hubctl_command hubctl_new;
extern const struct hubctl_command hubctl_schema;
extern const struct hubctl_command hubctl_test;
extern const struct hubctl_command hubctl_token;
extern const struct hubctl_command hubctl_types;
extern const struct hubctl_command hubctl_why;
#endif
