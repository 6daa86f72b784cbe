/* docs/protocol.md with its tables made anew from the rows of the parts. Usage: protocol PAGE, to standard
 * output; protocol --names: every command and told event, one a line. A table stands between
 * "<!-- rows: NAME -->" and "<!-- end of rows -->". */
#include <stdio.h>
#include <stdlib.h>

#include "base/collection/map.h"
#include "base/io/file.h"
#include "base/memory/mem.h"
#include "hub/call/args.h"
#include "hub/call/call.h"

#define EACH_PART(PART) for (const struct hub_part *const *PART = hub_parts; *PART; PART++)
#define EACH_ROW(TYPE, ROW, ROWS) for (const struct TYPE *ROW = (ROWS); ROW && ROW->name; ROW++)

static void add_fields(struct hub_buf *b, const struct hub_field *fields) {
    EACH_ROW(hub_field, f, fields)
    hub_buf_addf(b, "%s`%s%s`", f == fields ? "" : ", ", f->name, f->optional ? "?" : "");
}

static void add_args(struct hub_buf *b, const struct hub_arg *args) {
    const char *glue = "";
    EACH_ROW(hub_arg, a, args) {
        if (a->flags & (HUB_ARG_PAGE | HUB_ARG_HIDDEN)) continue;
        hub_buf_addf(b, "%s`%s%s`", glue, a->name, a->flags & HUB_ARG_REQUIRED ? "" : "?");
        glue = ", ";
    }
}

static void add_rest(struct hub_buf *b, const struct hub_command *c) {
    if (c->rest.path) hub_buf_addf(b, "`%s …/%s`", c->rest.method, c->rest.path);
}

static void add_command_table(struct hub_buf *b) {
    hub_buf_addz(b, "| Event | Does | Payload | The answer adds | REST |\n| --- | --- | --- | --- | --- |\n");
    EACH_PART(part) EACH_ROW(hub_command, c, (*part)->commands) {
        hub_buf_addf(b, "| %s%s%s | %s | ", c->flags & HUB_REST_ONLY ? "" : "`",
                     c->flags & HUB_REST_ONLY ? "" : c->name, c->flags & HUB_REST_ONLY ? "" : "`", c->help);
        add_args(b, c->args);
        hub_buf_addz(b, " | ");
        add_fields(b, c->answer);
        hub_buf_addz(b, " | ");
        add_rest(b, c);
        hub_buf_addz(b, " |\n");
    }
}

static void add_name(struct hub_buf *b, const struct hub_command *c) {
    if (c->flags & HUB_REST_ONLY)
        add_rest(b, c);
    else
        hub_buf_addf(b, "`%s`", c->name);
}

static bool same_text(const char *a, const char *b) { return a == b || (a && b && !strcmp(a, b)); }

static bool same_arg(const struct hub_arg *a, const struct hub_arg *b) {
    return !strcmp(a->name, b->name) && !strcmp(a->help, b->help) && a->type == b->type && a->least == b->least &&
           a->most == b->most && same_text(a->expected, b->expected);
}

/* The commands that have ARG, and whether C is the first of them. */
static bool add_owners(struct hub_buf *b, const struct hub_command *c, const struct hub_arg *arg) {
    const struct hub_command *first = NULL;
    EACH_PART(part) EACH_ROW(hub_command, other, (*part)->commands) EACH_ROW(hub_arg, a, other->args) {
        if (!same_arg(a, arg)) continue;
        hub_buf_addz(b, first ? ", " : "");
        add_name(b, other);
        first = first ? first : other;
    }
    return first == c;
}

static void add_argument(struct hub_buf *b, const struct hub_command *c, const struct hub_arg *a) {
    struct hub_buf owners = {0};
    if (add_owners(&owners, c, a) && !(a->flags & HUB_ARG_HIDDEN)) {
        hub_buf_addf(b, "| `%s` | ", a->name);
        hub_arg_expected(a, b);
        hub_buf_addf(b, " | %s | ", a->help);
        if (!strcmp(a->name, "roomId") && a->flags & HUB_ARG_LATER)
            hub_buf_addz(b, "all but `hub:refreshToken`");
        else
            hub_buf_adds(b, hub_buf_str(&owners));
        hub_buf_addz(b, " |\n");
    }
    hub_buf_free(&owners);
}

static void add_argument_table(struct hub_buf *b) {
    hub_buf_addz(b, "| Argument | Is | Means | Of |\n| --- | --- | --- | --- |\n");
    EACH_PART(part) EACH_ROW(hub_command, c, (*part)->commands) EACH_ROW(hub_arg, a, c->args) add_argument(b, c, a);
}

static void add_codes(struct hub_buf *b, const enum hub_code *codes, size_t max) {
    for (size_t i = 0; i < max && codes[i]; i++) hub_buf_addf(b, "%s`%s`", i ? " " : "", hub_code_name(codes[i]));
}

static void add_gate_table(struct hub_buf *b) {
    struct hub_map seen = {0};
    hub_buf_addz(b, "| Gate | Lets pass when | Else |\n| --- | --- | --- |\n");
    EACH_PART(part) EACH_ROW(hub_command, c, (*part)->commands) {
        for (const struct hub_gate *const *g = c->gates; *g; g++) {
            if (hub_map_put(&seen, hub_cstr((*g)->name), &seen)) continue;
            hub_buf_addf(b, "| %s | %s | ", (*g)->name, (*g)->help);
            add_codes(b, (*g)->codes, HUB_NELEM((*g)->codes));
            hub_buf_addz(b, " |\n");
        }
    }
    hub_map_clear(&seen);
}

static void add_any_table(struct hub_buf *b) {
    hub_buf_addz(b, "| Code | When |\n| --- | --- |\n");
    for (const struct hub_refusal *any = hub_refusals; any->code; any++)
        hub_buf_addf(b, "| `%s` | %s |\n", hub_code_name(any->code), any->when);
}

static void add_refusal_table(struct hub_buf *b) {
    hub_buf_addz(b, "| Event | Gates, in this order | Behind them also |\n| --- | --- | --- |\n");
    EACH_PART(part) EACH_ROW(hub_command, c, (*part)->commands) {
        hub_buf_addz(b, "| ");
        add_name(b, c);
        hub_buf_addz(b, " | ");
        for (const struct hub_gate *const *g = c->gates; *g; g++)
            hub_buf_addf(b, "%s%s", g == c->gates ? "" : " → ", (*g)->name);
        hub_buf_addz(b, " | ");
        add_codes(b, c->codes, HUB_NELEM(c->codes));
        hub_buf_addz(b, " |\n");
    }
}

static void add_standard_table(struct hub_buf *b) {
    hub_buf_addz(b, "| Event | Switch | By clients | Under its own name |\n| --- | --- | --- | --- |\n");
    for (const struct hub_standard_event *e = hub_standard_events; e->name; e++)
        hub_buf_addf(b, "| `%s` | `%s` | %s | %s |\n", e->name, e->keyword, e->sent ? "yes" : "",
                     e->alias ? "yes" : "");
}

static void add_told_table(struct hub_buf *b) {
    hub_buf_addz(b, "| Event | Payload | To | When |\n| --- | --- | --- | --- |\n");
    EACH_PART(part) EACH_ROW(hub_told_event, e, (*part)->told) {
        hub_buf_addf(b, "| `%s` | ", e->name);
        add_fields(b, e->fields);
        hub_buf_addf(b, " | %s | %s |\n", e->to, e->when);
    }
}

static const struct page_table {
    const char *name;
    void (*add)(struct hub_buf *b);
} tables[] = {
    {"commands", add_command_table}, {"arguments", add_argument_table}, {"gates", add_gate_table},
    {"refusals", add_refusal_table}, {"any refusals", add_any_table},   {"standard events", add_standard_table},
    {"told events", add_told_table},
};

/* True when LINE begins a table, which is then in B. */
static bool begin_table(struct hub_buf *b, struct hub_str line) {
    for (size_t i = 0; i < HUB_NELEM(tables); i++) {
        struct hub_buf mark = {0};
        hub_buf_addf(&mark, "<!-- rows: %s -->", tables[i].name);
        bool here = hub_str_eq(line, hub_buf_str(&mark));
        hub_buf_free(&mark);
        if (!here) continue;
        hub_buf_addc(b, '\n');
        tables[i].add(b);
        hub_buf_addc(b, '\n');
        return true;
    }
    return false;
}

static void write_page(struct hub_str page) {
    struct hub_buf out = {0};
    struct hub_str line;
    bool inside = false;
    while (page.n && hub_str_split(&page, '\n', &line)) {
        if (hub_str_is(line, "<!-- end of rows -->")) inside = false;
        if (inside) continue;
        hub_buf_adds(&out, line);
        hub_buf_addc(&out, '\n');
        inside = begin_table(&out, line);
    }
    fwrite(out.p, 1, out.n, stdout);
    hub_buf_free(&out);
}

static void write_names(void) {
    EACH_PART(part) {
        EACH_ROW(hub_command, c, (*part)->commands) puts(c->name);
        EACH_ROW(hub_told_event, e, (*part)->told) puts(e->name);
    }
}

int main(int argc, char **argv) {
    struct hub_buf page = {0};
    struct hub_err err;
    if (argc == 2 && !strcmp(argv[1], "--names")) {
        write_names();
        return 0;
    }
    if (argc != 2) {
        fprintf(stderr, "usage: %s PAGE | --names\n", argv[0]);
        return 2;
    }
    if (hub_file_read(argv[1], 1 << 20, &page, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    write_page(hub_buf_str(&page));
    hub_buf_free(&page);
    return 0;
}
