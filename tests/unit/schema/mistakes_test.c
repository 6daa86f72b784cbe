/* Mistakes as data: each case in tests/schema/mistakes/KIND.txt changes the service in base/ and says which
 * findings come of it, exactly where. The format is in tests/schema/README.md. */
#include "schema/load.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io/file.h"
#include "base/memory/mem.h"
#include "base/text/utf8.h"
#include "schema/memory.h"
#include "scripting/scripts.h"
#include "server/preflight.h"

#define FOLDER "tests/schema/mistakes"
#define MARK "\xc2\xab" /* « stands where the finding has to be */
enum { KINDS_MAX = 32, PLACES_MAX = 8, FILES_MAX = 16 };

struct place {
    char file[64];
    int line, column;
};
struct tried { /* one case while it is read */
    const char *dir;
    char name[200], file[64];
    int at_line; /* of the case in its file */
    struct hub_buf from, to;
    struct place places[PLACES_MAX];
    size_t place_n, expected_n;
    struct {
        char code[8], text[160];
    } expected[PLACES_MAX];
    char made[FILES_MAX][64]; /* files that are not as in base/ */
    size_t made_n;
    bool broken; /* the case itself is */
};
struct figures {
    size_t exact, elsewhere, missed, more, silent, alarms;
};

static void path_in(char out[512], const char *dir, const char *file) { snprintf(out, 512, "%s/%s", dir, file); }

static struct hub_str read_text(struct hub_buf *b, const char *dir, const char *file) {
    char path[512];
    struct hub_err err;
    path_in(path, dir, file);
    hub_buf_clear(b);
    if (hub_file_read(path, 1 << 22, b, &err)) return hub_str("", 0);
    return hub_buf_str(b);
}

static void write_text(const char *dir, const char *file, struct hub_str text) {
    char path[512];
    path_in(path, dir, file);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fwrite(text.p, 1, text.n, f);
    fclose(f);
}

/* Takes the marks out of TEXT and notes where they were; \u{…} stands for a character that nobody sees. */
static void settle_text(struct tried *c, const char *file, struct hub_str text, struct hub_buf *out) {
    int line = 1;
    size_t begin = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (hub_str_starts(hub_str(text.p + i, text.n - i), HUB_STR(MARK))) {
            struct place *at = &c->places[c->place_n++];
            assert_true(c->place_n < PLACES_MAX);
            snprintf(at->file, sizeof at->file, "%s", file);
            at->line = line, at->column = 1 + (int)hub_utf8_len(hub_str(out->p + begin, out->n - begin));
            i++;
            continue;
        }
        if (text.n - i > 4 && !memcmp(text.p + i, "\\u{", 3)) {
            char *end;
            hub_buf_add_utf8(out, (uint32_t)strtoul(text.p + i + 3, &end, 16));
            i = (size_t)(end - text.p);
            continue;
        }
        hub_buf_addc(out, text.p[i]);
        if (text.p[i] == '\n') line++, begin = out->n;
    }
}

static void note_made(struct tried *c) {
    for (size_t i = 0; i < c->made_n; i++)
        if (!strcmp(c->made[i], c->file)) return;
    snprintf(c->made[c->made_n++], sizeof *c->made, "%s", c->file);
}

/* When all changes are made. */
static void settle_files(struct tried *c) {
    for (size_t i = 0; i < c->made_n; i++) {
        struct hub_buf text = {0}, out = {0};
        settle_text(c, c->made[i], read_text(&text, c->dir, c->made[i]), &out);
        write_text(c->dir, c->made[i], hub_buf_str(&out));
        hub_buf_free(&text);
        hub_buf_free(&out);
    }
}

/* Puts TO in the place of FROM in the case's file; without FROM it is the whole file. */
static void change_file(struct tried *c) {
    if (!c->to.n && !c->from.n) return;
    struct hub_buf was = {0}, now = {0};
    struct hub_str text = read_text(&was, c->dir, c->file), from = hub_buf_str(&c->from), to = hub_buf_str(&c->to);
    const char *at = from.n ? memmem(text.p, text.n, from.p, from.n) : NULL;
    if (from.n && !at) {
        fprintf(stderr, "%s: what is to be replaced is not in %s\n", c->name, c->file);
        c->broken = true;
    }
    if (at) {
        hub_buf_add(&now, text.p, (size_t)(at - text.p));
        hub_buf_adds(&now, to);
        hub_buf_add(&now, at + from.n, text.n - from.n - (size_t)(at - text.p));
    } else {
        hub_buf_adds(&now, to);
    }
    write_text(c->dir, c->file, hub_buf_str(&now));
    note_made(c);
    hub_buf_free(&was);
    hub_buf_free(&now);
    hub_buf_clear(&c->from);
    hub_buf_clear(&c->to);
}

static void restore_files(struct tried *c) {
    for (size_t i = 0; i < c->made_n; i++) {
        struct hub_buf text = {0};
        char path[512];
        path_in(path, c->dir, c->made[i]);
        struct hub_str was = read_text(&text, FOLDER "/base", c->made[i]);
        if (was.n)
            write_text(c->dir, c->made[i], was);
        else
            unlink(path);
        hub_buf_free(&text);
    }
    c->made_n = c->place_n = c->expected_n = 0;
    c->broken = false;
}

/* ---- judging ---- */

static bool is_at(const struct hub_diag *g, const struct tried *c, const struct place *p) {
    return !strcmp(g->file + strlen(c->dir) + 1, p->file) && g->line == p->line && g->column == p->column;
}

static const struct hub_diag *find_code(const struct hub_diags *d, const char *code) {
    for (size_t i = 0; i < hub_diags_n(d); i++)
        if (!strcmp(hub_diags_at(d, i)->code, code)) return hub_diags_at(d, i);
    return NULL;
}

static bool has_text(const struct hub_diag *g, const char *text) {
    return strstr(g->message, text) || (g->suggestion && strstr(g->suggestion, text));
}

/* Whether expectation I is met: its code, at its mark, with its words. */
static bool is_met(const struct tried *c, const struct hub_diags *d, size_t i) {
    for (size_t k = 0; k < hub_diags_n(d); k++) {
        const struct hub_diag *g = hub_diags_at(d, k);
        bool there = i < c->place_n ? is_at(g, c, &c->places[i]) : !g->line;
        if (there && !strcmp(g->code, c->expected[i].code) && has_text(g, c->expected[i].text)) return true;
    }
    return false;
}

static bool count_case(const struct tried *c, const struct hub_diags *d, struct figures *f) {
    size_t met = 0;
    for (size_t i = 0; i < c->expected_n; i++) met += is_met(c, d, i);
    if (!c->expected_n) {
        f->silent++;
        f->alarms += hub_diags_n(d) > 0;
        return !hub_diags_n(d);
    }
    if (met == c->expected_n && hub_diags_n(d) == met) {
        f->exact++;
        return true;
    }
    if (met == c->expected_n)
        f->more++;
    else if (hub_diags_n(d) && find_code(d, c->expected[0].code))
        f->elsewhere++;
    else
        f->missed++;
    return false;
}

static bool run_case(struct tried *c, const char *kind, struct figures *f) {
    struct hub_diags *diags = hub_diags_new();
    struct hub_service *service = NULL;
    const struct hub_load_options options = {
        .checker = &hub_lua_checker, .start_check = hub_preflight, .ignore_environment = true};
    HUB_UNUSED(hub_service_load(c->dir, &options, diags, &service), "the findings are what counts");
    hub_service_free(service);
    bool good = !c->broken && count_case(c, diags, f);
    if (!good) {
        struct hub_buf out = {0};
        fprintf(stderr, "%s:%d: %s: expected", kind, c->at_line, c->name);
        for (size_t i = 0; i < c->expected_n; i++)
            fprintf(stderr, " %s:%d:%d %s %s", i < c->place_n ? c->places[i].file : "", c->places[i].line,
                    c->places[i].column, c->expected[i].code, c->expected[i].text);
        hub_diags_print(diags, HUB_DIAG_TEXT, &out);
        fprintf(stderr, "%s\n%s\n", c->expected_n ? "" : " nothing", hub_buf_cstr(&out));
        hub_buf_free(&out);
    }
    hub_diags_free(diags);
    restore_files(c);
    return good;
}

static void read_expectation(struct tried *c, struct hub_str line) {
    size_t code = hub_str_find(line, ' ');
    assert_true(c->expected_n < PLACES_MAX);
    snprintf(c->expected[c->expected_n].code, 8, "%.*s", (int)code, line.p);
    snprintf(c->expected[c->expected_n].text, 160, "%.*s", code < line.n ? (int)(line.n - code - 1) : 0,
             line.p + code + 1);
    c->expected_n++;
}

static void read_line(struct tried *c, struct hub_str line) {
    if (hub_str_starts(line, HUB_STR("@ "))) {
        change_file(c);
        snprintf(c->file, sizeof c->file, "%.*s", HUB_FMT(hub_str(line.p + 2, line.n - 2)));
        return;
    }
    struct hub_str rest = hub_str(line.p + (line.n > 1 ? 2 : 1), line.n > 1 ? line.n - 2 : 0);
    if (line.p[0] == '=') {
        change_file(c);
        read_expectation(c, rest);
    } else if (line.p[0] == '-' || line.p[0] == '+') {
        if (line.p[0] == '-' && c->to.n) change_file(c);
        struct hub_buf *to = line.p[0] == '-' ? &c->from : &c->to;
        hub_buf_adds(to, rest);
        hub_buf_addc(to, '\n');
    }
}

static const char *folder;

static void each_mistake_is_found_where_it_is_and_once(void **state) {
    const char *kind = *state;
    struct hub_buf text = {0};
    struct tried c = {.dir = folder};
    struct figures f = {0};
    struct hub_str rest = read_text(&text, FOLDER, kind), line;
    size_t bad = 0;
    int number = 0;
    assert_true(rest.n);
    while (hub_str_split(&rest, '\n', &line)) {
        number++;
        if (!hub_str_starts(line, HUB_STR("# ")) && line.n) read_line(&c, line);
        bool next = hub_str_starts(line, HUB_STR("# ")) || !rest.n;
        if (next && c.name[0]) change_file(&c), settle_files(&c), bad += !run_case(&c, kind, &f), c.name[0] = 0;
        if (!hub_str_starts(line, HUB_STR("# "))) continue;
        snprintf(c.name, sizeof c.name, "%.*s", HUB_FMT(hub_str(line.p + 2, line.n - 2)));
        snprintf(c.file, sizeof c.file, "chat.hub.yaml");
        c.at_line = number;
    }
    printf("%-16s mistakes: %3zu exactly, %zu with more beside, %zu elsewhere, %zu missed; valid: %zu, %zu alarms\n",
           kind, f.exact, f.more, f.elsewhere, f.missed, f.silent, f.alarms);
    hub_buf_free(&text);
    hub_buf_free(&c.from);
    hub_buf_free(&c.to);
    assert_int_equal(bad, 0);
}

/* Wherever a file ends, and whatever byte of it is another one, something is told and nothing is read beyond
 * the text. */
static void a_text_that_is_cut_or_changed_does_no_harm(void **state) {
    (void)state;
    struct hub_buf text = {0};
    struct hub_str whole = read_text(&text, FOLDER "/base", "chat.hub.yaml");
    static const char other[] = "\"'[]{}:|#-&*!%\\\t\n";
    const struct hub_load_options options = {.checker = &hub_lua_checker};
    for (size_t i = 0; i < whole.n; i += 5) {
        struct hub_diags *diags = hub_diags_new();
        char *copy = hub_str_dup(whole);
        if (i % 2) copy[i] = other[i % (sizeof other - 1)];
        HUB_UNUSED(hub_text_load(hub_str(NULL, 0), hub_str(copy, i % 2 ? whole.n : i), &options, diags, NULL),
                   "that it comes back is what counts");
        free(copy);
        hub_diags_free(diags);
    }
    hub_buf_free(&text);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int main(void) {
    static char *kinds[KINDS_MAX];
    static struct CMUnitTest tests[KINDS_MAX + 1];
    char dir[] = "/tmp/hub-mistakes-XXXXXX", command[700];
    size_t n = 0;
    DIR *d = opendir(FOLDER);
    const char *only = getenv("HUB_KIND");
    unsetenv("HUBD_ALLOW_DEV_AUTH");
    setenv("HUBD_TEST_SECRET", "0123456789abcdef0123456789abcdef", 1);
    for (struct dirent *e; d && (e = readdir(d)) && n < KINDS_MAX;)
        if (strstr(e->d_name, ".txt") && (!only || strstr(e->d_name, only))) kinds[n++] = hub_xstrdup(e->d_name);
    if (d) closedir(d);
    qsort(kinds, n, sizeof *kinds, by_name);
    if (!mkdtemp(dir)) return 1;
    folder = dir;
    snprintf(command, sizeof command, "cp -r " FOLDER "/base/. '%s'", dir);
    if (system(command)) return 1;
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){kinds[i], each_mistake_is_found_where_it_is_and_once, NULL, NULL, kinds[i]};
    tests[n] = (struct CMUnitTest)cmocka_unit_test(a_text_that_is_cut_or_changed_does_no_harm);
    int failed = _cmocka_run_group_tests("mistakes", tests, n + 1, NULL, NULL);
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    if (system(command)) failed++;
    for (size_t i = 0; i < n; i++) free(kinds[i]);
    return failed || !n;
}
