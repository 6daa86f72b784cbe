/* hubctl new: a service to start from. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io/file.h"
#include "base/memory/mem.h"
#include "base/text/buf.h"
#include "hubctl/hubctl.h"
#include "hubctl/templates.h"

static const struct hubctl_template_file *files_of(const char *template) {
    for (const struct hubctl_template_file *f = hubctl_template_files; f->path; f++)
        if (strcmp(f->template, template) == 0) return f;
    return NULL;
}

static int fail_template(const char *name) {
    struct hub_buf list = {0};
    for (const struct hubctl_template_file *f = hubctl_template_files; f->path; f++) {
        if (files_of(f->template) != f) continue;
        if (list.n) hub_buf_addz(&list, ", ");
        hub_buf_addz(&list, f->template);
    }
    hub_cli_fail(&hubctl_new.cli, "--template: there is no \"%s\"; there are %s", name, hub_buf_cstr(&list));
    hub_buf_free(&list);
    return HUBCTL_USAGE;
}

/* What the service is called: the folder's name as a code name ("my-chat 2" is myChat2). */
static void add_code_name(struct hub_buf *out, const char *dir) {
    struct hub_str name = hub_cstr(dir);
    while (name.n > 1 && name.p[name.n - 1] == '/') name.n--;
    for (size_t at; (at = hub_str_find(name, '/')) < name.n;) name = hub_str(name.p + at + 1, name.n - at - 1);
    size_t start = out->n;
    bool upper = false;
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        bool usable = c < 0x80 && (out->n > start ? isalnum(c) : isalpha(c));
        if (usable) hub_buf_addc(out, (char)(out->n == start ? tolower(c) : upper ? toupper(c) : c));
        upper = !usable;
    }
    if (out->n == start) hub_buf_addz(out, "service");
}

/* The text of a template's service.yaml with the first "  name: …" line, the service's, under its
 * new name. */
static void add_renamed(struct hub_buf *out, struct hub_str text, const char *dir) {
    struct hub_str line;
    bool renamed = false;
    while (hub_str_split(&text, '\n', &line)) {
        if (!renamed && hub_str_starts(line, HUB_STR("  name: "))) {
            hub_buf_addz(out, "  name: ");
            add_code_name(out, dir);
            renamed = true;
        } else {
            hub_buf_adds(out, line);
        }
        if (text.p) hub_buf_addc(out, '\n');
    }
}

/* TEXT into a new file at PATH. */
static bool write_text(const char *path, struct hub_str text) {
    struct hub_err err;
    if (hub_file_make_folders(path, &err)) return fprintf(stderr, "hubctl new: %s: %s\n", path, err.text), false;
    FILE *f = fopen(path, "wxe");
    bool ok = f && fwrite(text.n ? text.p : "", 1, text.n, f) == text.n;
    if (f && fclose(f)) ok = false;
    if (!ok) fprintf(stderr, "hubctl new: %s: %s\n", path, strerror(errno));
    return ok;
}

static bool write_file(const char *dir, const struct hubctl_template_file *file) {
    struct hub_buf path = {0}, text = {0};
    hub_buf_addf(&path, "%s/%s", dir, file->path);
    struct hub_str bytes = hub_str((const char *)file->bytes, file->n);
    if (strcmp(file->path, "service.yaml") == 0)
        add_renamed(&text, bytes, dir);
    else
        hub_buf_adds(&text, bytes);
    bool ok = write_text(hub_buf_cstr(&path), hub_buf_str(&text));
    hub_buf_free(&path);
    hub_buf_free(&text);
    return ok;
}

/* Nothing is ever overwritten: DIR must be new, or empty. */
static bool is_free(const char *dir) {
    DIR *d = opendir(dir);
    bool empty = true;
    if (!d) {
        if (errno == ENOENT) return true;
        fprintf(stderr, "hubctl new: %s: %s\n", dir, strerror(errno));
        return false;
    }
    for (struct dirent *e; (e = readdir(d));) empty = empty && (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."));
    closedir(d);
    if (!empty) fprintf(stderr, "hubctl new: %s is there already and not empty\n", dir);
    return empty;
}

struct new_options {
    const char *dir, *template;
};

static int run_new(int argc, char **argv) {
    struct new_options o = {.template = "chat"};
    int code = hub_cli_parse(&hubctl_new.cli, argc, argv, &o);
    if (code != HUB_CLI_GO_ON) return code;
    const struct hubctl_template_file *f = files_of(o.template);
    if (!f) return fail_template(o.template);
    if (!is_free(o.dir)) return HUBCTL_FAILED;
    for (; f->path && strcmp(f->template, o.template) == 0; f++)
        if (!write_file(o.dir, f)) return HUBCTL_FAILED;
    printf(
        "%s is a service made from the template \"%s\".\n  hubctl lint %s   checks it\n  hubd %s          serves it\n",
        o.dir, o.template, o.dir, o.dir);
    return HUBCTL_OK;
}

static const struct hub_cli_option options[] = {
    {.name = "template",
     .arg = "NAME",
     .kind = HUB_CLI_TEXT,
     .at = offsetof(struct new_options, template),
     .help = "chat: rooms with roles, moderation, history and a page to talk in (the default); board: notes that "
             "several people write and move at once, with a page; notify: notifications, reminders and questions that "
             "reach who is away, with a page; ticker: live numbers from Redis, Kafka or neither, with a page; game: a "
             "turn-based game whose moves the server judges; blank: one hub, one kind of room, as little as possible"},
};

const struct hubctl_command hubctl_new = {
    .cli = {.program = "hubctl new",
            .summary = "makes a new service that lints clean and runs",
            HUB_CLI_OPTIONS(options),
            .operand = "DIR",
            .question = "which directory?",
            .operand_at = offsetof(struct new_options, dir),
            .help = "DIR must not exist, or be empty.\n"
                    "Exit codes: 0 made, 1 it cannot be written, 2 usage.\n"},
    .run = run_new,
};
