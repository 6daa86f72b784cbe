/* One table of options: what is taken, what is refused and how that is said, and what --help prints. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory/mem.h"

struct picked {
    bool strict;
    const char *name, *dir;
    uint32_t count;
    double rate;
    unsigned form;
    char last;
    struct hub_cli_operands paths;
};

static enum hub_code take_last(void *target, char *value, struct hub_err *err) {
    if (!*value) return hub_fail(err, HUB_BAD_REQUEST, "has no last letter");
    ((struct picked *)target)->last = value[strlen(value) - 1];
    return HUB_OK;
}

#define AT(FIELD) offsetof(struct picked, FIELD)
static const struct hub_cli_option options[] = {
    {.name = "strict", .kind = HUB_CLI_FLAG, .at = AT(strict), .help = "be strict"},
    {.name = "name", .arg = "NAME", .kind = HUB_CLI_TEXT, .at = AT(name), .help = "a name", .required = true},
    {.name = "count",
     .arg = "N|all",
     .kind = HUB_CLI_COUNT,
     .at = AT(count),
     .low = 1,
     .high = 9,
     .word = "all",
     .help = "how many (default 1)"},
    {.name = "rate", .arg = "R", .kind = HUB_CLI_NUMBER, .at = AT(rate), .low = 0.5, .high = 2, .help = "how fast"},
    {.name = "form", .arg = "text|json", .kind = HUB_CLI_CHOICE, .at = AT(form), .help = "the form"},
    {.name = "last", .arg = "WORD", .kind = HUB_CLI_CUSTOM, .take = take_last, .help = "its last letter"},
};
static const struct hub_cli one = {
    .program = "prog one",
    .summary = "does one thing",
    HUB_CLI_OPTIONS(options),
    .operand = "DIR",
    .question = "which directory?",
    .operand_at = AT(dir),
    .help = "A paragraph that is longer than the eighty columns of a terminal is broken at a blank.\n  as it is\n"};

/* Parses LINE, words parted by blanks, behind the program's name; what is printed goes to OUT. */
static int parse(const struct hub_cli *cli, const char *line, struct picked *p, char out[2048]) {
    static char text[256];
    char *argv[16] = {(char *)cli->program};
    int argc = 1, saved[2] = {dup(1), dup(2)}, ends[2];
    snprintf(text, sizeof text, "%s", line);
    for (char *rest = text, *word; (word = strtok_r(rest, " ", &rest));) argv[argc++] = word;
    *p = (struct picked){.count = 1};
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], 1), dup2(ends[1], 2), close(ends[1]);
    int code = hub_cli_parse(cli, argc, argv, p);
    fflush(stdout);
    dup2(saved[0], 1), dup2(saved[1], 2), close(saved[0]), close(saved[1]);
    ssize_t n = read(ends[0], out, 2047);
    out[n > 0 ? n : 0] = 0;
    close(ends[0]);
    return code;
}

static void values_arrive_in_their_fields_in_either_spelling_and_any_order(void **state) {
    (void)state;
    struct picked p;
    char out[2048];
    assert_int_equal(parse(&one, "--name=ann here --count 9 --rate=0.5 --strict --form json --last xyz", &p, out),
                     HUB_CLI_GO_ON);
    assert_string_equal(out, "");
    assert_string_equal(p.name, "ann");
    assert_string_equal(p.dir, "here");
    assert_true(p.strict && p.count == 9 && p.rate == 0.5 && p.form == 1 && p.last == 'z');
    assert_int_equal(parse(&one, "--name x --count all -- --strict", &p, out), HUB_CLI_GO_ON);
    assert_string_equal(p.dir, "--strict");
    assert_true(!p.strict && p.count == UINT32_MAX);
}

static void mistakes_are_said_in_one_way(void **state) {
    (void)state;
    static const struct {
        const char *line, *says;
    } bad[] = {
        {"--name x", "prog one: which directory?\n"},
        {"here", "prog one: --name NAME is missing\n"},
        {"here there --name x", "prog one: one argument too many: \"there\"\n"},
        {"here --nmae x", "prog one: unknown option --nmae; did you mean --name?\n"},
        {"here --str", "prog one: unknown option --str; did you mean --strict?\n"},
        {"here --wholly-else=1", "prog one: unknown option --wholly-else\n"},
        {"here -s", "prog one: unknown option -s\n"},
        {"here --name", "prog one: --name needs a value, NAME\n"},
        {"here --strict=1", "prog one: --strict takes no value\n"},
        {"here --name=", "prog one: --name: \"\" is empty\n"},
        {"here --count 0", "prog one: --count: \"0\" is not a whole decimal number from 1 to 9, nor all\n"},
        {"here --count 1.5", "prog one: --count: \"1.5\" is not a whole decimal number from 1 to 9, nor all\n"},
        {"here --count 0x9", "prog one: --count: \"0x9\" is not a whole decimal number from 1 to 9, nor all\n"},
        {"here --count 1e0", "prog one: --count: \"1e0\" is not a whole decimal number from 1 to 9, nor all\n"},
        {"here --count +1", "prog one: --count: \"+1\" is not a whole decimal number from 1 to 9, nor all\n"},
        {"here --count 18446744073709551617", "prog one: --count: \"18446744073709551617\" is not a whole"},
        {"here --rate 3", "prog one: --rate: \"3\" is not a number from 0.5 to 2\n"},
        {"here --rate nan", "prog one: --rate: \"nan\" is not a number from 0.5 to 2\n"},
        {"here --form jsn", "prog one: --form: \"jsn\" is none of text|json; did you mean json?\n"},
        {"here --last=", "prog one: --last: \"\" has no last letter\n"},
        {"here redis://u:hush@h --name x", "prog one: one argument too many: \"redis://u:***@h\"\n"},
    };
    for (size_t i = 0; i < HUB_NELEM(bad); i++) {
        struct picked p;
        char out[2048];
        if (parse(&one, bad[i].line, &p, out) != HUB_CLI_USAGE) fail_msg("%s was taken", bad[i].line);
        if (strncmp(out, bad[i].says, strlen(bad[i].says)) != 0) fail_msg("%s: %s", bad[i].line, out);
        assert_non_null(strstr(out, "usage: prog one DIR"));
    }
}

static void a_command_takes_what_follows_it_with_its_options(void **state) {
    (void)state;
    static const struct hub_cli_option version[] = {
        {.name = "version", .kind = HUB_CLI_VERSION, .help = "prints the version"}};
    const struct hub_cli all = {.program = "prog",
                                .summary = "does much",
                                HUB_CLI_OPTIONS(version),
                                .operand = "COMMAND",
                                .question = "which?",
                                .many = true,
                                .rest = true,
                                .operand_at = AT(paths)};
    struct picked p;
    char out[2048];
    assert_int_equal(parse(&all, "one --strict --version", &p, out), HUB_CLI_GO_ON);
    assert_int_equal(p.paths.n, 3);
    assert_string_equal(p.paths.items[1], "--strict");
    assert_int_equal(parse(&all, "--version", &p, out), HUB_CLI_DONE);
    assert_string_equal(out, "prog " HUB_VERSION "\n");
}

/* Letters that share an argument: getopt_long had not left it yet, and the complaint was about --strict. */
static void help_is_printed_for_a_letter_with_another_behind_it(void **state) {
    (void)state;
    struct picked p;
    char out[2048];
    assert_int_equal(parse(&one, "--strict -hx", &p, out), HUB_CLI_DONE);
    assert_non_null(strstr(out, "does one thing"));
    assert_int_equal(parse(&one, "--str -hx", &p, out), HUB_CLI_USAGE);
    assert_non_null(strstr(out, "unknown option --str;"));
    assert_int_equal(parse(&one, "--strict -xh", &p, out), HUB_CLI_USAGE);
    assert_non_null(strstr(out, "unknown option -x\n"));
}

static void help_is_made_of_the_table(void **state) {
    (void)state;
    struct picked p;
    char out[2048];
    assert_int_equal(parse(&one, "--strict -h", &p, out), HUB_CLI_DONE);
    assert_string_equal(out, "usage: prog one DIR [--strict] --name NAME [--count N|all] [--rate R]\n"
                             "                [--form text|json] [--last WORD]\n"
                             "\n"
                             "does one thing\n"
                             "\n"
                             "  --strict\n        be strict\n"
                             "  --name NAME\n        a name\n"
                             "  --count N|all\n        how many (default 1); from 1 to 9\n"
                             "  --rate R\n        how fast; from 0.5 to 2\n"
                             "  --form text|json\n        the form\n"
                             "  --last WORD\n        its last letter\n"
                             "  --help\n        prints this text; -h does the same\n"
                             "\n"
                             "A paragraph that is longer than the eighty columns of a terminal is broken at a\n"
                             "blank.\n"
                             "  as it is\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_arrive_in_their_fields_in_either_spelling_and_any_order),
        cmocka_unit_test(mistakes_are_said_in_one_way),
        cmocka_unit_test(a_command_takes_what_follows_it_with_its_options),
        cmocka_unit_test(help_is_printed_for_a_letter_with_another_behind_it),
        cmocka_unit_test(help_is_made_of_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
