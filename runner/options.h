/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line. No abbreviations; each error message says what to do.
 */
#ifndef GM_RUNNER_OPTIONS_H
#define GM_RUNNER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "known.h"
#include "util.h"

struct options {
	struct strv programs, filters, clauses, require, compare, report, known;
	bool list, list_json, full, until_fail, failed, strict, setup, verbose, help;
	bool end_if_broken, strict_known, no_shrink;
	unsigned int retry;	  /* more tries of a case that fails */
	struct known *known_rows; /* of the files in `known` */
	const char *baseline;
	json_t *lab;		  /* what --lab says: texts by their keys; NULL: nothing */
	json_t *baseline_results; /* its results.json */
	bool have_seed;
	uint64_t seed;
	unsigned int repeat; /* rounds; 0: not given */
	double for_seconds;  /* 0: not given */
	double scale;	     /* of every time limit */
	unsigned int jobs;
	double silence; /* --attach: after this many seconds without an event the machine hangs */
	const char *results;
	const char *events, *attach, *console, *remaining, *resume, *finish, *reason;
	const char *output; /* of --report */
	const char *case_list, *contract, *rerun_format;
	const char *self; /* argv[0] */
	json_t *args;	  /* the command line, for the report */
};

/* 0, or EXIT_USAGE after one line on stderr. */
int options_parse(struct options *opt, int argc, char **argv);
void options_help(void);
void options_free(struct options *opt);

#endif
