/* The service that a command of hubctl is about. */
#include "schema/load.h"

#include <stdio.h>

#include "base/text/buf.h"
#include "hubctl/hubctl.h"

static struct hub_service *load_service(const char *dir, const struct hub_load_options *options, int *exit_code) {
    struct hub_diags *diags = hub_diags_new();
    struct hub_service *service = NULL;
    struct hub_buf out = {0};
    enum hub_code code = hub_service_load(dir, options, diags, &service);
    if (code || options->checker) hub_diags_print(diags, HUB_DIAG_TEXT, &out);
    if (out.n) fwrite(out.p, 1, out.n, stderr);
    if (code) *exit_code = code == HUB_NOT_FOUND ? HUBCTL_USAGE : HUBCTL_FAILED;
    hub_buf_free(&out);
    hub_diags_free(diags);
    return service;
}

struct hub_service *hubctl_load(const char *dir, const struct hub_script_checker *checker, int *exit_code) {
    return load_service(dir, &(struct hub_load_options){.checker = checker}, exit_code);
}

struct hub_service *hubctl_load_as_written(const char *dir, const struct hub_script_checker *checker, int *exit_code) {
    return load_service(dir, &(struct hub_load_options){.checker = checker, .as_written = true}, exit_code);
}
