/* hubctl new: a service to start from. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "hubctl/hubctl.h"
#include "hubctl/templates.h"

static const struct hubctl_template_file *files_of(const char *template) {
    for (const struct hubctl_template_file *f = hubctl_template_files; f->path; f++)
        if (strcmp(f->template, template) == 0) return f;
    return NULL;
}

static int no_such_template(const char *name) {
    struct hub_buf list = {0};
    for (const struct hubctl_template_file *f = hubctl_template_files; f->path; f++) {
        if (files_of(f->template) != f) continue;
        if (list.n) hub_buf_addz(&list, ", ");
        hub_buf_addz(&list, f->template);
    }
    hubctl_usage(&hubctl_new, "there is no template \"%s\"; there are %s", name, hub_buf_cstr(&list));
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

static bool make_folders(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int bad = mkdir(path, 0777) && errno != EEXIST;
        *slash = '/';
        if (bad) return false;
    }
    return true;
}

static bool write_file(const char *dir, const struct hubctl_template_file *file) {
    struct hub_buf path = {0}, text = {0};
    hub_buf_addf(&path, "%s/%s", dir, file->path);
    hub_buf_cstr(&path);
    struct hub_str bytes = hub_str((const char *)file->bytes, file->n);
    if (strcmp(file->path, "service.yaml") == 0)
        add_renamed(&text, bytes, dir);
    else
        hub_buf_adds(&text, bytes);
    FILE *f = make_folders(path.p) ? fopen(path.p, "wxe") : NULL;
    bool ok = f && fwrite(text.n ? text.p : "", 1, text.n, f) == text.n;
    if (f && fclose(f)) ok = false;
    if (!ok) fprintf(stderr, "hubctl new: %s: %s\n", path.p, strerror(errno));
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

static int run(int argc, char **argv) {
    const char *dir = NULL, *template = "chat";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--template") == 0 || strncmp(argv[i], "--template=", 11) == 0)
            template = argv[i][10] ? argv[i] + 11 : i + 1 < argc ? argv[++i] : "";
        else if (argv[i][0] == '-')
            return hubctl_usage(&hubctl_new, "unknown option %s", argv[i]);
        else if (dir)
            return hubctl_usage(&hubctl_new, "one directory, not two");
        else
            dir = argv[i];
    }
    if (!dir || !*dir) return hubctl_usage(&hubctl_new, "which directory?");
    const struct hubctl_template_file *f = files_of(template);
    if (!f) return no_such_template(template);
    if (!is_free(dir)) return HUBCTL_FAILED;
    for (; f->path && strcmp(f->template, template) == 0; f++)
        if (!write_file(dir, f)) return HUBCTL_FAILED;
    printf(
        "%s is a service made from the template \"%s\".\n  hubctl lint %s   checks it\n  hubd %s          serves it\n",
        dir, template, dir, dir);
    return HUBCTL_OK;
}

const struct hubctl_command hubctl_new = {
    .name = "new",
    .usage = "DIR [--template chat|game|blank]",
    .summary = "makes a new service that lints clean and runs",
    .help = "chat    rooms with roles, moderation, history and a page to talk in (the default)\n"
            "game    a turn-based game whose moves the server judges\n"
            "blank   one hub, one kind of room, as little as possible\n"
            "DIR must not exist or be empty. Exit code: 0, 1 when it cannot be written, 2 usage.\n",
    .run = run,
};
