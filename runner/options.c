// SPDX-License-Identifier: GPL-2.0-only
/*
 * One table of options: it parses, it explains, it suggests.
 */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/seed.h"
#include "options.h"

enum kind { FLAG, TEXT, LIST, GLOBS, COUNT, FACTOR, DURATION, SEED, PROFILE, LISTING };

static const struct option {
	const char *name, *value, *help;
	enum kind kind;
	size_t at;
} table[] = {
#define AT(field) offsetof(struct options, field)
	{ "--list", "[=json]", "print the names of the cases (=json: the whole declarations)",
	  LISTING, 0 },
	{ "--filter", "GLOB",
	  "run cases whose name matches; a leading ! takes them out; may be given\n"
	  "again, or a,b; a full name runs that case whatever its profile",
	  GLOBS, AT(filters) },
	{ "--clause", "ID", "run cases of this clause of the contract; a glob, ! and a,b as above",
	  GLOBS, AT(clauses) },
	{ "--failed", NULL, "run what failed or erred in the latest results", FLAG, AT(failed) },
	{ "--case-list", "FILE", "run exactly the cases that FILE names, one a line", TEXT,
	  AT(case_list) },
	{ "--profile", "quick|full", "quick (the default) leaves out the long cases", PROFILE, 0 },
	{ "--seed", "N", "seed of the whole run; the same seed gives the same operations", SEED,
	  0 },
	{ "--repeat", "N", "run the selection N times, with a seed derived for each round", COUNT,
	  AT(repeat) },
	{ "--until-fail", NULL, "repeat until something fails", FLAG, AT(until_fail) },
	{ "--for", "TIME", "repeat for this long: 90s, 10m, 2h; every case runs at least once",
	  DURATION, AT(for_seconds) },
	{ "--timeout-scale", "F", "multiply every time limit by F", FACTOR, AT(scale) },
	{ "--jobs", "N", "up to N cases at once, where they do not share a resource", COUNT,
	  AT(jobs) },
	{ "--require", "ID", "a SKIP of these cases or clauses is a FAIL; a glob", GLOBS,
	  AT(require) },
	{ "--strict", NULL, "every SKIP is a FAIL", FLAG, AT(strict) },
	{ "--setup", NULL, "allow global changes (huge page pools); they are put back at the end",
	  FLAG, AT(setup) },
	{ "--results", "DIR", "where results go (default: ./results)", TEXT, AT(results) },
	{ "--programs", "PATH",
	  "a test program, or a folder of *_test (default: where gm-run lies)", LIST,
	  AT(programs) },
	{ "--contract", "FILE", "the clause catalogue (default: contract/clauses.tsv nearby)", TEXT,
	  AT(contract) },
	{ "--rerun-format", "TEXT", "how a failure is run again; %n is its name, %s the seed", TEXT,
	  AT(rerun_format) },
	{ "--verbose", NULL, "also print what passing cases noted", FLAG, AT(verbose) },
	{ "--events", "FILE", "write the event stream there and render nothing", TEXT, AT(events) },
	{ "--attach", "FILE", "read an event stream (file, FIFO, socket) and render it", TEXT,
	  AT(attach) },
	{ "--console", "FILE",
	  "with --attach, --finish: log of the machine's console, quoted if it dies", TEXT,
	  AT(console) },
	{ "--remaining", "FILE",
	  "with --attach: write there what has no verdict if the stream breaks", TEXT,
	  AT(remaining) },
	{ "--resume", "DIR", "with --attach: go on with these results", TEXT, AT(resume) },
	{ "--silence", "TIME", "with --attach: silent for so long (default 120s) counts as hung",
	  DURATION, AT(silence) },
	{ "--finish", "DIR", "mark what has no verdict in DIR as not run, and write its reports",
	  TEXT, AT(finish) },
	{ "--reason", "TEXT", "with --finish: why the rest was not run", TEXT, AT(reason) },
	{ "--compare", "DIR",
	  "run nothing: lay the results in DIR beside those of the other\n"
	  "--compare DIRs, clause by clause",
	  LIST, AT(compare) },
	{ "--help", NULL, "this text", FLAG, AT(help) },
#undef AT
};

/* Number of letters to change, add, drop or swap with the next. */
static size_t distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	size_t d[40][40];

	if (la >= 40 || lb >= 40)
		return 40;
	for (size_t i = 0; i <= la; i++) {
		for (size_t j = 0; j <= lb; j++) {
			size_t best;

			if (!i || !j) {
				d[i][j] = i + j;
				continue;
			}
			best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[la][lb];
}

static int unknown(const char *word, size_t len)
{
	const char *best = NULL;
	size_t best_d = 4;
	char name[40];

	snprintf(name, sizeof(name), "%.*s", (int)len, word);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		size_t d = distance(name, table[i].name);

		if (len > 3 && !strncmp(table[i].name, name, strlen(name)))
			d = 1;
		if (d < best_d) {
			best_d = d;
			best = table[i].name;
		}
	}
	if (word[0] != '-')
		complain("'%s' is not an option; to run a case by name say --filter '%s'", word,
			 word);
	else if (best)
		complain("unknown option %s; did you mean %s?", name, best);
	else
		complain("unknown option %s; --help lists them all", name);
	return EXIT_USAGE;
}

static int bad(const struct option *o, const char *value, const char *remedy)
{
	complain("%s %s: %s", o->name, value, remedy);
	return EXIT_USAGE;
}

static bool parse_number(const char *text, const char **end, double *value)
{
	char *e;

	errno = 0;
	*value = strtod(text, &e);
	*end = e;
	/* strtod() also takes blanks, signs, infinities and hexadecimal. */
	return e != text && !errno && text[strspn(text, "0123456789.")] == *e && isfinite(*value);
}

static int set_value(struct options *opt, const struct option *o, const char *value)
{
	void *field = (char *)opt + o->at;
	const char *end;
	double number;

	switch (o->kind) {
	case TEXT:
		if (!*value)
			return bad(o, "''", "needs a value");
		*(const char **)field = value;
		return 0;
	case LIST:
		strv_add(field, value);
		return 0;
	case GLOBS:
		if (!*value || !strcmp(value, "!"))
			return bad(o, "''", "needs a name or a glob, as in 'fd.*'");
		strv_add_commas(field, value);
		return 0;
	case COUNT:
		if (!parse_number(value, &end, &number) || *end || number < 1 || number > 1000000 ||
		    number != floor(number))
			return bad(o, value, "needs a whole number from 1 on");
		*(unsigned int *)field = number;
		return 0;
	case FACTOR:
		if (!parse_number(value, &end, &number) || *end || number < 0.01 || number > 1000)
			return bad(o, value, "needs a number from 0.01 to 1000");
		*(double *)field = number;
		return 0;
	case DURATION:
		if (parse_number(value, &end, &number) && number > 0 && number < 1e7) {
			number *= !strcmp(end, "m")	       ? 60
				  : !strcmp(end, "h")	       ? 3600
				  : !*end || !strcmp(end, "s") ? 1
							       : 0;
			if (number > 0) {
				*(double *)field = number;
				return 0;
			}
		}
		return bad(o, value, "needs a time such as 90s, 10m or 2h");
	case SEED:
		if (gm_seed_parse(value, &opt->seed))
			return bad(o, value, "needs a 64-bit number, decimal or 0x hexadecimal");
		opt->have_seed = true;
		return 0;
	case PROFILE:
		if (strcmp(value, "quick") && strcmp(value, "full"))
			return bad(o, value, "is not one of quick, full");
		opt->full = !strcmp(value, "full");
		return 0;
	default:
		return 0;
	}
}

/* What makes no sense together: better said than half done. */
static int check_combination(const struct options *opt)
{
	static const struct {
		size_t a, b;
		const char *text;
		bool needs;
	} rules[] = {
#define AT(field) offsetof(struct options, field)
		{ AT(events), AT(attach),
		  "--events writes a stream, --attach reads one: give one of them" },
		{ AT(attach), AT(finish),
		  "--attach reads a stream, --finish ends one: give one of them" },
		{ AT(events), AT(finish), "--events and --finish do not go together" },
		{ AT(failed), AT(case_list),
		  "--failed and --case-list both name cases: give one of them" },
		{ AT(remaining), AT(attach), "--remaining goes with --attach", true },
		{ AT(resume), AT(attach), "--resume goes with --attach", true },
		{ AT(reason), AT(finish), "--reason goes with --finish", true },
#undef AT
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		const char *a, *b;

		/* Flags are bytes, texts pointers: either is set when its first byte(s) are. */
		a = rules[i].a == offsetof(struct options, failed)
			    ? (opt->failed ? "x" : NULL)
			    : *(const char *const *)((const char *)opt + rules[i].a);
		b = *(const char *const *)((const char *)opt + rules[i].b);
		if (a && (rules[i].needs ? !b : !!b)) {
			complain("%s", rules[i].text);
			return EXIT_USAGE;
		}
	}
	return 0;
}

int options_parse(struct options *opt, int argc, char **argv)
{
	memset(opt, 0, sizeof(*opt));
	opt->scale = 1;
	opt->jobs = 1;
	opt->silence = 120;
	opt->results = "results";
	opt->self = argv[0];
	opt->args = json_array();

	for (int i = 1; i < argc; i++) {
		const char *word = argv[i], *eq = strchr(word, '=');
		size_t len = eq ? (size_t)(eq - word) : strlen(word);
		const struct option *o = NULL;
		int err;

		json_array_append_new(opt->args, jtext(word));
		for (size_t j = 0; j < ARRAY_SIZE(table) && !o; j++)
			if (strlen(table[j].name) == len && !strncmp(table[j].name, word, len))
				o = &table[j];
		if (!o)
			return unknown(word, len);
		if (o->kind == LISTING) {
			if (eq && strcmp(eq, "=json"))
				return bad(o, eq + 1, "is not json; say --list or --list=json");
			opt->list = true;
			opt->list_json = eq;
			continue;
		}
		if (o->kind == FLAG) {
			if (eq)
				return bad(o, eq + 1, "takes no value");
			*(bool *)((char *)opt + o->at) = true;
			continue;
		}
		if (!eq && ++i >= argc) {
			complain("%s needs a value: %s %s", o->name, o->name, o->value);
			return EXIT_USAGE;
		}
		if (!eq)
			json_array_append_new(opt->args, jtext(argv[i]));
		err = set_value(opt, o, eq ? eq + 1 : argv[i]);
		if (err)
			return err;
	}
	return check_combination(opt);
}

void options_help(void)
{
	printf("usage: gm-run [options]\n\n"
	       "Runs the test programs that lie beside it, prints TAP (on a terminal: a live view)\n"
	       "and writes results. Exit status: 0 all held, 1 something failed or erred, 2 wrong\n"
	       "usage, 4 everything was skipped, 128 + N ended by signal N.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct option *o = &table[i];
		const char *help = o->help;
		char left[64];
		size_t len;

		snprintf(left, sizeof(left), "%s%s%s", o->name,
			 !o->value || *o->value == '[' ? "" : " ", o->value ? o->value : "");
		for (;;) {
			len = strcspn(help, "\n");
			printf("  %-22s %.*s\n", left, (int)len, help);
			if (!help[len])
				break;
			help += len + 1;
			left[0] = '\0';
		}
	}
}

void options_free(struct options *opt)
{
	strv_free(&opt->programs);
	strv_free(&opt->filters);
	strv_free(&opt->clauses);
	strv_free(&opt->require);
	strv_free(&opt->compare);
	json_decref(opt->args);
}
