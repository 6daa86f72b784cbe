/* Command lines: one table of options drives parsing, the messages about mistakes and `--help`, for hubd
 * and for every command of hubctl. getopt_long does the splitting (docs/decisions/0027-command-lines.md).
 * For the main thread only, one command line after the other: getopt_long keeps its state in globals. */
#ifndef HUB_CLI_H
#define HUB_CLI_H
#include "base/error/code.h"
#include "base/text/buf.h"

enum hub_cli_kind {
    HUB_CLI_FLAG,    /* no value; sets a bool */
    HUB_CLI_TEXT,    /* a const char *, into argv; an empty text is refused */
    HUB_CLI_COUNT,   /* a uint32_t from LOW to HIGH, in decimal digits, or WORD for UINT32_MAX */
    HUB_CLI_NUMBER,  /* a double from LOW to HIGH */
    HUB_CLI_CHOICE,  /* an unsigned (or enum): the position of the value among the words of ARG */
    HUB_CLI_MODE,    /* "--NAME" or "--NAME=WORD": an unsigned (or enum), 1 more than that position; without a word 1 */
    HUB_CLI_CUSTOM,  /* TAKE decides */
    HUB_CLI_VERSION, /* prints "PROGRAM VERSION" and ends */
};

/* A row of the table. */
struct hub_cli_option {
    const char *name; /* without the dashes */
    /* What --help calls the value, "SECONDS"; of CHOICE and MODE the words, "text|json"; NULL without. */
    const char *arg;
    enum hub_cli_kind kind;
    size_t at;        /* FLAG to MODE: offset of the field in TARGET */
    const char *help; /* what it does and its default; the range of a number is added */
    double low, high; /* COUNT and NUMBER, both inclusive */
    const char *word; /* COUNT: "all" and the like, or NULL */
    bool required;    /* --help shows it without brackets, and its absence is a mistake */
    /* CUSTOM: VALUE lies in argv and may be changed. On an error the text of ERR ends the sentence that
     * begins with the option and its value in quotes. */
    enum hub_code (*take)(void *target, char *value, struct hub_err *err);
};

/* Arguments that are no options, in their order. */
struct hub_cli_operands {
    char **items; /* into argv */
    size_t n;
};

struct hub_cli {
    const char *program; /* "hubd", "hubctl lint" */
    const char *summary; /* one line */
    const struct hub_cli_option *options;
    size_t option_n;
    const char *operand;  /* "SERVICE_DIR"; NULL takes none. At least one has to be given */
    const char *question; /* what is asked when it is missing: "which service directory?" */
    bool many;            /* operands: several, in a struct hub_cli_operands; else one, in a const char * */
    bool rest;            /* with MANY: everything behind the first operand belongs to them, options too */
    size_t operand_at;    /* offset of that field in TARGET */
    const char
        *help; /* paragraphs behind the options, one a line; lines that begin with a blank stay as they are; or NULL */
};
#define HUB_CLI_OPTIONS(TABLE) .options = (TABLE), .option_n = sizeof(TABLE) / sizeof *(TABLE)

/* Exit codes (contract: cli.md), and what says that there is none yet. */
enum { HUB_CLI_GO_ON = -1, HUB_CLI_DONE = 0, HUB_CLI_USAGE = 2 };

/* Fills TARGET, which holds the defaults. HUB_CLI_GO_ON, or the exit code: after --help (-h, understood
 * everywhere) or --version on stdout, or after a mistake, which is told on stderr. ARGV is permuted. */
HUB_MUST int hub_cli_parse(const struct hub_cli *cli, int argc, char **argv, void *target);
/* For mistakes that no row can see. Prints "PROGRAM: text" and the usage line on stderr, passwords of URLs
 * left out; returns HUB_CLI_USAGE. */
int hub_cli_fail(const struct hub_cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Adds "; did you mean WORD?" with the word of WORDS ("text|json") that is nearest to GIVEN, or nothing
 * when none is near. */
void hub_cli_suggest(struct hub_buf *out, struct hub_str given, const char *words);
/* What --help prints. */
void hub_cli_help(const struct hub_cli *cli, struct hub_buf *out);
#endif
