// SPDX-License-Identifier: GPL-2.0-only
/*
 * The options, in one table for the parser, --help and suggestions.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "seed.h"
#include "suggest.h"
#include "options.h"

enum kind { FLAG, TEXT, LIST, GLOBS, COUNT, FACTOR, DURATION, SEED, PROFILE, LISTING, FACT };

static const struct row {
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
	{ "--failed", NULL, "run the cases that FAIL or ERROR in the latest results", FLAG,
	  AT(failed) },
	{ "--case-list", "FILE", "run exactly the cases that FILE names, one a line", TEXT,
	  AT(case_list) },
	{ "--profile", "quick|full",
	  "quick (the default) leaves out the long cases, and takes a quarter of large tables by the seed",
	  PROFILE, 0 },
	{ "--seed", "N", "seed of the whole run; the same seed gives the same operations", SEED,
	  0 },
	{ "--repeat", "N", "run the selection N times, with a seed derived for each round", COUNT,
	  AT(repeat) },
	{ "--until-fail", NULL, "repeat until something fails", FLAG, AT(until_fail) },
	{ "--for", "TIME", "repeat for this long: 90s, 10m, 2h; every case runs at least once",
	  DURATION, AT(for_seconds) },
	{ "--timeout-scale", "F",
	  "multiply every time limit by F, beside the factor of this machine", FACTOR, AT(scale) },
	{ "--jobs", "N", "up to N cases at once, where they do not share a resource", COUNT,
	  AT(jobs) },
	{ "--require", "ID", "a SKIP of these cases or clauses is a FAIL; a glob", GLOBS,
	  AT(require) },
	{ "--strict", NULL, "every SKIP is a FAIL", FLAG, AT(strict) },
	{ "--known", "FILE",
	  "failures that are known: a FAIL that a row explains is an XFAIL, a pass an XPASS", LIST,
	  AT(known) },
	{ "--strict-known", NULL, "an XPASS is a FAIL", FLAG, AT(strict_known) },
	{ "--retry", "N", "try a case that fails N times more; it stays a FAIL, maybe a flaky one",
	  COUNT, AT(retry) },
	{ "--baseline", "DIR", "at the end, name what changed since the results in DIR", TEXT,
	  AT(baseline) },
	{ "--no-shrink", NULL, "with --baseline: fail if a case newly skips or is gone", FLAG,
	  AT(no_shrink) },
	{ "--setup", NULL, "allow global changes (huge page pools); they are put back at the end",
	  FLAG, AT(setup) },
	{ "--results", "DIR", "where results go (default: ./results)", TEXT, AT(results) },
	{ "--programs", "PATH",
	  "a test program, or a folder of *_test (default: the folder of gm-run)", LIST,
	  AT(programs) },
	{ "--contract", "FILE", "the clause catalogue (default: contract/clauses.tsv nearby)", TEXT,
	  AT(contract) },
	{ "--rerun-format", "TEXT", "how a failure is run again; %n is its name, %s the seed", TEXT,
	  AT(rerun_format) },
	{ "--verbose", NULL, "also print the notes of passing cases", FLAG, AT(verbose) },
	{ "--events", "FILE", "write the event stream there and render nothing", TEXT, AT(events) },
	{ "--end-if-broken", NULL,
	  "with --events: after a case that left a kernel with an Oops, or a task that\n"
	  "cannot be killed, end with 3; the reader boots again for the other cases",
	  FLAG, AT(end_if_broken) },
	{ "--attach", "FILE", "read an event stream (file, FIFO, socket) and render it", TEXT,
	  AT(attach) },
	{ "--console", "FILE",
	  "with --attach, --finish: log of the machine's console, quoted if it dies", TEXT,
	  AT(console) },
	{ "--remaining", "FILE",
	  "with --attach: write the cases without a verdict there if the stream breaks", TEXT,
	  AT(remaining) },
	{ "--resume", "DIR", "with --attach: add to the results in DIR", TEXT, AT(resume) },
	{ "--silence", "TIME", "with --attach: this long without an event (default 120s) is a hang",
	  DURATION, AT(silence) },
	{ "--finish", "DIR",
	  "mark the cases without a verdict in DIR as not run, and write its reports", TEXT,
	  AT(finish) },
	{ "--reason", "TEXT", "with --finish: why the rest was not run", TEXT, AT(reason) },
	{ "--compare", "DIR",
	  "run nothing: compare the results in DIR with those of the other\n"
	  "--compare DIRs, clause by clause",
	  LIST, AT(compare) },
	{ "--report", "DIR",
	  "run nothing: a page with the results in DIR beside those of the other --reports", LIST,
	  AT(report) },
	{ "--output", "FILE", "with --report: the page (default: report.html)", TEXT, AT(output) },
	{ "--lab", "KEY=VALUE",
	  "a fact about the lab of this run, for its reports; may be given again", FACT, AT(lab) },
	{ "--help", NULL, "this text", FLAG, AT(help) },
#undef AT
};

static const char *name_at(size_t i)
{
	return i < ARRAY_SIZE(table) ? table[i].name : NULL;
}

static int unknown(const char *word)
{
	char name[40];
	const char *best;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	best = gm_suggest(name, name_at);
	if (word[0] != '-')
		complain("'%s' is not an option; to run a case by name say --filter '%s'", word,
			 word);
	else if (best)
		complain("unknown option %s; did you mean %s?", name, best);
	else
		complain("unknown option %s; --help lists them all", name);
	return EXIT_USAGE;
}

static int bad(const struct row *o, const char *value, const char *remedy)
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

/* KEY=VALUE, into the object at `field`. A second value replaces the first one. */
static int add_fact(json_t **field, const struct row *o, const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
	char key[40];

	if (!len || len >= sizeof(key) || text[len] != '=' || !text[len + 1])
		return bad(o, text, "is not KEY=VALUE with a key of small letters, digits and _");
	snprintf(key, sizeof(key), "%.*s", (int)len, text);
	if (!*field)
		*field = json_object();
	json_object_set_new(*field, key, jtext(text + len + 1));
	return 0;
}

static int set_value(struct options *opt, const struct row *o, const char *value)
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
	case FACT:
		return add_fact(field, o, value);
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

/* Rejects options that exclude or need each other. */
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
		{ AT(events), AT(baseline), "--baseline goes with the reader of the stream" },
		{ AT(reason), AT(finish), "--reason goes with --finish", true },
#undef AT
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		const char *a, *b;

		/* All of these fields are pointers but `failed`, which is a bool. */
		a = rules[i].a == offsetof(struct options, failed)
			    ? (opt->failed ? "x" : NULL)
			    : *(const char *const *)((const char *)opt + rules[i].a);
		b = *(const char *const *)((const char *)opt + rules[i].b);
		if (a && (rules[i].needs ? !b : !!b)) {
			complain("%s", rules[i].text);
			return EXIT_USAGE;
		}
	}
	if (opt->no_shrink && !opt->baseline) {
		complain("--no-shrink goes with --baseline");
		return EXIT_USAGE;
	}
	if (opt->strict_known && !opt->known.n) {
		complain("--strict-known goes with --known");
		return EXIT_USAGE;
	}
	if (opt->output && !opt->report.n) {
		complain("--output goes with --report");
		return EXIT_USAGE;
	}
	if (opt->end_if_broken && !opt->events) {
		complain("--end-if-broken goes with --events");
		return EXIT_USAGE;
	}
	return 0;
}

static int take(struct options *opt, const struct row *o, const char *value)
{
	switch (o->kind) {
	case LISTING:
		if (value && strcmp(value, "json"))
			return bad(o, value, "is not json; say --list or --list=json");
		opt->list = true;
		opt->list_json = value;
		return 0;
	case FLAG:
		if (value)
			return bad(o, value, "takes no value");
		*(bool *)((char *)opt + o->at) = true;
		return 0;
	default:
		if (!value) {
			complain("%s needs a value: %s %s", o->name, o->name, o->value);
			return EXIT_USAGE;
		}
		return set_value(opt, o, value);
	}
}

int options_parse(struct options *opt, int argc, char **argv)
{
	struct option longs[ARRAY_SIZE(table) + 1] = {};
	int c, err;

	memset(opt, 0, sizeof(*opt));
	opt->scale = 1;
	opt->jobs = 1;
	opt->silence = 120;
	opt->results = "results";
	opt->self = argv[0];
	opt->args = json_array();

	/* `val` is the row. A flag takes an optional value too, so that take() can reject it. */
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		longs[i].name = table[i].name + 2;
		longs[i].has_arg = table[i].kind == FLAG || table[i].kind == LISTING
					   ? optional_argument
					   : required_argument;
		longs[i].val = i;
	}
	opterr = 0;
	for (optind = 0;;) {
		int from = optind ? optind : 1, row;
		const char *word = argv[from];

		c = getopt_long(argc, argv, "+:", longs, &row);
		if (c == -1)
			break;
		for (int i = from; i < optind && i < argc; i++)
			json_array_append_new(opt->args, jtext(argv[i]));
		if (c == ':') {
			row = optopt;
			optarg = NULL;
		}
		/*
		 * Reject abbreviations, which getopt_long() takes: a new option could change their
		 * meaning.
		 */
		if (c == '?' || strlen(table[row].name) != strcspn(word, "="))
			return unknown(word);
		err = take(opt, &table[row], optarg);
		if (err)
			return err;
	}
	if (optind < argc)
		return unknown(argv[optind]);
	return check_combination(opt);
}

void options_help(void)
{
	printf("usage: gm-run [options]\n\n"
	       "Runs the test programs in its folder, prints TAP (on a terminal: a live view) and\n"
	       "writes results. Exit status: 0 all passed or skipped, 1 a FAIL or ERROR, 2 wrong usage,\n"
	       "3 the machine was lost (--attach,\n"
	       "--end-if-broken) or a test program died as it listed its cases, 4 all skipped, 128 + N ended by signal N.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct row *o = &table[i];
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
	strv_free(&opt->report);
	strv_free(&opt->known);
	json_decref(opt->args);
	json_decref(opt->lab);
}
