/* Files beside service.yaml that look like a part of the service and are none: whoever put them there
 * believes that they act. */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/io/file.h"
#include "base/text/buf.h"
#include "schema/loader.h"

void hub_stray(struct hub_loader *l, const char *path, const char *why) {
    hub_diags_add(l->diags, "S046", hub_source_new(l->scratch, path, 'S', hub_str("", 0)), NULL, NULL, NULL,
                  hub_arena_fmt(l->scratch, "this is not read: %s", why));
}

/* NAME in another case, or with an s behind it. */
static bool resembles_name(struct hub_str name, const char *what) {
    struct hub_str one = name;
    if (hub_str_is(name, what)) return false;
    if (name.n == strlen(what) + 1 && tolower((unsigned char)name.p[name.n - 1]) == 's') one.n--;
    return hub_str_eq_nocase(one, hub_cstr(what));
}

static struct hub_str ending_of(struct hub_str name) {
    static const char *const endings[] = {".yaml", ".yml", ".json"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (hub_str_ends(name, hub_cstr(endings[i]))) return hub_cstr(endings[i]);
    return hub_str("", 0);
}

/* Whether a line of it begins as a hub's document does. */
static bool reads_as_hub(struct hub_str text) {
    static const char *const keys[] = {"hubBasics", "\"hubBasics\"", "realtimeHub", "\"realtimeHub\""};
    struct hub_str line;
    while (hub_str_split(&text, '\n', &line)) {
        line = hub_str_trim(line);
        if (hub_str_starts(line, HUB_STR("{"))) line = hub_str_trim(hub_str(line.p + 1, line.n - 1));
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            size_t n = strlen(keys[i]);
            if (hub_str_starts(line, hub_cstr(keys[i])) && line.n > n && line.p[n] == ':') return true;
        }
    }
    return false;
}

/* In whatever case: the loader has spoken of it. */
static bool is_hub(struct hub_str stem) {
    return stem.n >= 4 && hub_str_eq_nocase(hub_str(stem.p + stem.n - 4, 4), HUB_STR(".hub"));
}

static void look_at_file(struct hub_loader *l, const char *path, struct hub_str name) {
    struct hub_str ending = ending_of(name), stem = hub_str(name.p, name.n - ending.n);
    struct hub_buf text = {0};
    struct hub_err err;
    if (!ending.n || hub_str_is(stem, "service") || hub_str_is(stem, "seed") || is_hub(stem)) return;
    if (resembles_name(stem, "service") || resembles_name(stem, "seed"))
        hub_stray(l, path, "its name is service.yaml or seed.yaml, in lower case and without an s");
    else if (!hub_file_read(path, HUB_SOURCE_MAX, &text, &err) && reads_as_hub(hub_buf_str(&text)))
        hub_stray(l, path, "the name of a hub's file ends in .hub.yaml, .hub.yml or .hub.json");
    hub_buf_free(&text);
}

void hub_find_strays(struct hub_loader *l) {
    DIR *d = opendir(l->dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        const char *path = hub_arena_fmt(l->scratch, "%s/%s", l->dir, e->d_name);
        struct hub_str name = hub_cstr(e->d_name);
        if (e->d_name[0] == '.' || stat(path, &st)) continue;
        if (S_ISREG(st.st_mode))
            look_at_file(l, path, name);
        else if (S_ISDIR(st.st_mode) && (resembles_name(name, "lib") || resembles_name(name, "public")))
            hub_stray(l, path, "modules are in lib/ and files of the page in public/");
    }
    if (d) closedir(d);
}
