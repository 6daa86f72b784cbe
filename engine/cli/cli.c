/* One table of options per command line: parsing, mistakes and --help. */
#include "cli/cli.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error/did_you_mean.h"
#include "base/memory/mem.h"
#include "base/text/secret.h"

#define WIDTH 80       /* of --help */
#define SHORT_USAGE 7  /* optional options that the usage line names one by one */
#define HELP_VAL 256   /* getopt_long's answer for --help, above all characters: -h is answered as a character */
#define OPTION_VAL 257 /* its answer for row 0 */
#define NO_BREAK '\r'

/* ---- help ---- */

static size_t count_columns(struct hub_str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static void add_indent(struct hub_buf *out, size_t n) { hub_buf_addf(out, "%*s", (int)n, ""); }

/* NO_BREAK is a blank at which no line is broken. */
static void add_word(struct hub_buf *out, struct hub_str word) {
    for (size_t i = 0; i < word.n; i++) hub_buf_addc(out, word.p[i] == NO_BREAK ? ' ' : word.p[i]);
}

/* One paragraph, its lines after the first indented by INDENT; the first begins at column AT. */
static void add_wrapped(struct hub_buf *out, struct hub_str text, size_t at, size_t indent) {
    struct hub_str word;
    bool first = true;
    while (hub_str_split(&text, ' ', &word)) {
        if (!first && at + 1 + count_columns(word) > WIDTH) {
            hub_buf_addc(out, '\n');
            add_indent(out, at = indent);
        } else if (!first) {
            hub_buf_addc(out, ' ');
            at++;
        }
        add_word(out, word);
        at += count_columns(word);
        first = false;
    }
    hub_buf_addc(out, '\n');
}

static void add_option(struct hub_buf *out, const struct hub_cli_option *o, char between) {
    hub_buf_addf(out, "--%s", o->name);
    if (o->arg && o->kind == HUB_CLI_MODE)
        hub_buf_addf(out, "[=%s]", o->arg);
    else if (o->arg)
        hub_buf_addf(out, "%c%s", between, o->arg);
}

static void add_usage(struct hub_buf *out, const struct hub_cli *cli) {
    struct hub_buf line = {0};
    hub_buf_addf(&line, "usage: %s", cli->program);
    size_t indent = line.n + 1;
    for (char *c = line.p; c < line.p + line.n; c++) *c = *c == ' ' ? NO_BREAK : *c;
    if (cli->operand) hub_buf_addf(&line, " %s%s", cli->operand, cli->many ? "…" : "");
    for (size_t i = 0; i < cli->option_n; i++) {
        const struct hub_cli_option *o = &cli->options[i];
        if (!o->required && cli->option_n > SHORT_USAGE) continue;
        hub_buf_addz(&line, o->required ? " " : " [");
        add_option(&line, o, NO_BREAK);
        if (!o->required) hub_buf_addc(&line, ']');
    }
    if (cli->option_n > SHORT_USAGE) hub_buf_addz(&line, " [OPTION]…");
    add_wrapped(out, hub_buf_str(&line), 0, indent);
    hub_buf_free(&line);
}

static void add_row(struct hub_buf *out, const struct hub_cli_option *o) {
    struct hub_buf text = {0};
    hub_buf_addz(out, "  ");
    add_option(out, o, ' ');
    hub_buf_addc(out, '\n');
    hub_buf_addz(&text, o->help);
    if (o->kind == HUB_CLI_COUNT || o->kind == HUB_CLI_NUMBER)
        hub_buf_addf(&text, "; from %.10g to %.10g", o->low, o->high);
    add_indent(out, 8);
    add_wrapped(out, hub_buf_str(&text), 8, 8);
    hub_buf_free(&text);
}

static void add_paragraphs(struct hub_buf *out, const char *help) {
    struct hub_str rest = hub_cstr(help), line;
    while (hub_str_split(&rest, '\n', &line))
        if (line.n && line.p[0] == ' ')
            hub_buf_addf(out, "%.*s\n", HUB_FMT(line));
        else if (line.n)
            add_wrapped(out, line, 0, 0);
}

void hub_cli_help(const struct hub_cli *cli, struct hub_buf *out) {
    static const struct hub_cli_option help = {.name = "help", .help = "prints this text; -h does the same"};
    add_usage(out, cli);
    hub_buf_addc(out, '\n');
    add_wrapped(out, hub_cstr(cli->summary), 0, 0);
    hub_buf_addc(out, '\n');
    for (size_t i = 0; i < cli->option_n; i++) add_row(out, &cli->options[i]);
    add_row(out, &help);
    if (!cli->help) return;
    hub_buf_addc(out, '\n');
    add_paragraphs(out, cli->help);
}

/* ---- mistakes ---- */

void hub_cli_suggest(struct hub_buf *out, struct hub_str given, const char *words) {
    struct hub_nearest near = {.word = given, .begun = true};
    struct hub_str rest = hub_cstr(words), word;
    while (hub_str_split(&rest, '|', &word)) hub_nearest_try_str(&near, word);
    if (near.best) hub_buf_addf(out, "; did you mean %.*s?", (int)near.best_n, near.best);
}

/* "PROGRAM: TEXT" and the usage line. */
static int fail_with(const struct hub_cli *cli, struct hub_str text) {
    struct hub_buf out = {0};
    hub_buf_addf(&out, "%s: ", cli->program);
    hub_secret_add_url(&out, text);
    hub_buf_addc(&out, '\n');
    add_usage(&out, cli);
    hub_buf_addf(&out, "%s --help tells more.\n", cli->program);
    fwrite(out.p, 1, out.n, stderr);
    hub_buf_free(&out);
    return HUB_CLI_USAGE;
}

int hub_cli_fail(const struct hub_cli *cli, const char *fmt, ...) {
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return fail_with(cli, hub_cstr(text));
}

/* GIVEN: with its dashes, and perhaps "=value". */
static int fail_unknown(const struct hub_cli *cli, const char *given) {
    struct hub_buf text = {0}, names = {0};
    struct hub_str name = hub_str(given, strcspn(given, "="));
    for (size_t i = 0; i < cli->option_n; i++) hub_buf_addf(&names, "--%s|", cli->options[i].name);
    hub_buf_addz(&names, "--help");
    hub_buf_addf(&text, "unknown option %.*s", HUB_FMT(name));
    if (name.n > 2) hub_cli_suggest(&text, name, hub_buf_cstr(&names));
    int code = fail_with(cli, hub_buf_str(&text));
    hub_buf_free(&text);
    hub_buf_free(&names);
    return code;
}

/* ---- values ---- */

static bool fail_range(const struct hub_cli_option *o, struct hub_err *err) {
    const char *what = o->kind == HUB_CLI_COUNT ? "whole decimal " : "";
    hub_err_set(err, HUB_BAD_REQUEST, "is not a %snumber from %.10g to %.10g%s%s", what, o->low, o->high,
                o->word ? ", nor " : "", o->word ? o->word : "");
    return false;
}

static bool set_number(const struct hub_cli_option *o, const char *value, double *out, struct hub_err *err) {
    char *end;
    *out = strtod(value, &end);
    return (end != value && !*end && *out >= o->low && *out <= o->high) || fail_range(o, err);
}

/* Digits alone: strtod takes "0x10", "1e1" and " 1" as well, and a typing mistake would be a number. */
static bool set_count(const struct hub_cli_option *o, const char *value, uint32_t *out, struct hub_err *err) {
    uint64_t number;
    if (o->word && !strcmp(value, o->word)) return *out = UINT32_MAX, true;
    if (!hub_str_u64(hub_cstr(value), &number)) return fail_range(o, err);
    if ((double)number < o->low || (double)number > o->high) return fail_range(o, err);
    *out = (uint32_t)number;
    return true;
}

static bool set_choice(const struct hub_cli_option *o, const char *value, void *field, struct hub_err *err) {
    struct hub_str rest = hub_cstr(o->arg), word;
    struct hub_buf text = {0};
    for (unsigned i = 0; hub_str_split(&rest, '|', &word); i++)
        if (hub_str_eq(word, hub_cstr(value))) return *(unsigned *)field = i, true;
    hub_buf_addf(&text, "is none of %s", o->arg);
    hub_cli_suggest(&text, hub_cstr(value), o->arg);
    hub_err_set(err, HUB_BAD_REQUEST, "%s", hub_buf_cstr(&text));
    hub_buf_free(&text);
    return false;
}

static bool set_mode(const struct hub_cli_option *o, const char *value, void *field, struct hub_err *err) {
    unsigned word = 0;
    if (value && !set_choice(o, value, &word, err)) return false;
    *(unsigned *)field = word + 1;
    return true;
}

static bool set_text(const char *value, void *field, struct hub_err *err) {
    if (!*value) return hub_err_set(err, HUB_BAD_REQUEST, "is empty"), false;
    *(const char **)field = value;
    return true;
}

static bool set_option(const struct hub_cli_option *o, char *value, void *target, struct hub_err *err) {
    void *field = (char *)target + o->at;
    switch (o->kind) {
    case HUB_CLI_FLAG: return *(bool *)field = true;
    case HUB_CLI_TEXT: return set_text(value, field, err);
    case HUB_CLI_COUNT: return set_count(o, value, field, err);
    case HUB_CLI_NUMBER: return set_number(o, value, field, err);
    case HUB_CLI_CHOICE: return set_choice(o, value, field, err);
    case HUB_CLI_MODE: return set_mode(o, value, field, err);
    default: return o->take(target, value, err) == HUB_OK;
    }
}

/* ---- parsing ---- */

static int value_of(const struct hub_cli_option *o) {
    return !o->arg ? no_argument : o->kind == HUB_CLI_MODE ? optional_argument : required_argument;
}

static struct option *long_options(const struct hub_cli *cli) {
    struct option *table = hub_xcalloc(cli->option_n + 2, sizeof *table);
    for (size_t i = 0; i < cli->option_n; i++)
        table[i] = (struct option){cli->options[i].name, value_of(&cli->options[i]), NULL, OPTION_VAL + (int)i};
    table[cli->option_n] = (struct option){"help", no_argument, NULL, HELP_VAL};
    return table;
}

static int print_help(const struct hub_cli *cli) {
    struct hub_buf out = {0};
    hub_cli_help(cli, &out);
    fwrite(out.p, 1, out.n, stdout);
    hub_buf_free(&out);
    return HUB_CLI_DONE;
}

/* The argument in which getopt_long found the long option it just answered. (At a letter with another behind
 * it, "-hx", it has not left the argument before.) */
static HUB_MUST char *next_element(char **argv) {
    return argv[optarg && optarg == argv[optind - 1] ? optind - 2 : optind - 1];
}

/* getopt_long takes "--str" for "--strict" as long as there is no other; a script that relies on it breaks
 * with the next option. */
static bool is_whole(const char *given, const char *name) {
    size_t n = strlen(name);
    return !strncmp(given, "--", 2) && !strncmp(given + 2, name, n) && (!given[2 + n] || given[2 + n] == '=');
}

static int fail_option(const struct hub_cli *cli, int answer, char **argv) {
    int row = optopt - OPTION_VAL;
    if (answer == ':')
        return hub_cli_fail(cli, "--%s needs a value, %s", cli->options[row].name, cli->options[row].arg);
    if (row >= 0) return hub_cli_fail(cli, "--%s takes no value", cli->options[row].name);
    if (optopt == HELP_VAL) return hub_cli_fail(cli, "--help takes no value");
    if (optopt) return hub_cli_fail(cli, "unknown option -%c", optopt);
    return fail_unknown(cli, argv[optind - 1]);
}

static int take_option(const struct hub_cli *cli, int answer, char **argv, void *target, bool *given) {
    if (answer == ':' || answer == '?') return fail_option(cli, answer, argv);
    if (answer == 'h') return print_help(cli);
    const char *name = answer == HELP_VAL ? "help" : cli->options[answer - OPTION_VAL].name;
    const char *as = next_element(argv);
    if (!is_whole(as, name)) return fail_unknown(cli, as);
    if (answer == HELP_VAL) return print_help(cli);
    const struct hub_cli_option *o = &cli->options[answer - OPTION_VAL];
    struct hub_err err;
    given[answer - OPTION_VAL] = true;
    if (o->kind == HUB_CLI_VERSION) return printf("%s " HUB_VERSION "\n", cli->program), HUB_CLI_DONE;
    if (set_option(o, optarg, target, &err)) return HUB_CLI_GO_ON;
    return hub_cli_fail(cli, "--%s: \"%s\" %s", name, optarg, err.text);
}

static int take_options(const struct hub_cli *cli, int argc, char **argv, void *target, bool *given) {
    struct option *table = long_options(cli);
    int answer, code = HUB_CLI_GO_ON;
    optind = 0; /* glibc: forget the line before */
    opterr = 0;
    while (code == HUB_CLI_GO_ON && (answer = getopt_long(argc, argv, cli->rest ? "+:h" : ":h", table, NULL)) != -1)
        code = take_option(cli, answer, argv, target, given);
    free(table);
    return code;
}

static int take_operands(const struct hub_cli *cli, int argc, char **argv, void *target) {
    void *field = (char *)target + cli->operand_at;
    size_t n = (size_t)(argc - optind), most = !cli->operand ? 0 : cli->many ? SIZE_MAX : 1;
    if (n > most) return hub_cli_fail(cli, "one argument too many: \"%s\"", argv[optind + (int)most]);
    if (!cli->operand) return HUB_CLI_GO_ON;
    if (!n || !*argv[optind]) return hub_cli_fail(cli, "%s", cli->question);
    if (cli->many)
        *(struct hub_cli_operands *)field = (struct hub_cli_operands){argv + optind, n};
    else
        *(const char **)field = argv[optind];
    return HUB_CLI_GO_ON;
}

static int check_required(const struct hub_cli *cli, const bool *given) {
    for (size_t i = 0; i < cli->option_n; i++)
        if (cli->options[i].required && !given[i])
            return hub_cli_fail(cli, "--%s %s is missing", cli->options[i].name, cli->options[i].arg);
    return HUB_CLI_GO_ON;
}

int hub_cli_parse(const struct hub_cli *cli, int argc, char **argv, void *target) {
    bool *given = hub_xcalloc(cli->option_n + 1, sizeof *given);
    int code = take_options(cli, argc, argv, target, given);
    if (code == HUB_CLI_GO_ON) code = take_operands(cli, argc, argv, target);
    if (code == HUB_CLI_GO_ON) code = check_required(cli, given);
    free(given);
    return code;
}
