/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The results of several runs, for what compares them.
 */
#ifndef GM_RUNNER_RUNS_H
#define GM_RUNNER_RUNS_H

#include "protocol.h"
#include "util.h"

struct run {
	const char *path;     /* as the user gave it */
	json_t *root, *cases; /* cases: in root */
	json_t *by_name;      /* the cases by their names */
	char *label;	      /* "arm64 7.3.4 protected" */
};

struct runs {
	struct run *v;
	size_t n;
};

/* How many cases have each verdict; an XFAIL counts as a FAIL, an XPASS as a PASS. */
struct cell {
	unsigned int nr[GM_VERDICT_NR];
	unsigned int known; /* of the FAILs, those that are known */
};

/* Loads results folders or files like results.json. 0, or EXIT_USAGE after one line that names `option`. */
int runs_load(struct runs *s, const char *option, const struct strv *paths);
void runs_free(struct runs *s);

/* Only between such runs a case that is missing in one of them has changed. */
bool runs_alike(const json_t *a, const json_t *b);

/* The values of a field over all cases and runs: sorted, each one once. To be freed. */
struct strv runs_all(const struct runs *s, const char *field);

struct cell runs_cell(const struct run *s, const char *clause);
/* "holds 12", "FAIL 1 of 12", "ERROR 2 of 12", "skipped"; "" if the run has no such case. To be freed. */
char *cell_text(const struct cell *c);
/* The verdict whose colour the cell has; "" if the run has no such case. */
const char *cell_word(const struct cell *c);

/* The verdict of the case in this run, GM_VERDICT_NR if it is not in it. */
int runs_verdict(const struct run *s, const char *name);
/* Does the case PASS in one run, and FAIL or ERROR in another? */
bool runs_differ(const struct runs *s, const char *name);

#endif
