/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The case declarations that the test programs print, checked.
 */
#ifndef GM_RUNNER_CATALOGUE_H
#define GM_RUNNER_CATALOGUE_H

#include "protocol.h"
#include "util.h"

struct test_case {
	json_t *decl;		   /* as the program printed it, plus "program" and "clause_text" */
	const char *name, *clause; /* in decl */
	char *program;		   /* path */
	unsigned int timeout;	   /* seconds, unscaled */
	unsigned int flags;	   /* enum gm_case_flag */
	unsigned int tokens;	   /* enum gm_token */
	unsigned long huge_2m, huge_1g; /* pages */
	bool selected;
	bool left_out; /* would be selected, but the sample does not have it */
};

struct catalogue {
	struct test_case *v; /* in the order of programs and of their lists */
	size_t n;
	json_t *clauses; /* the whole contract: [] of {id, arch, profiles, text}; NULL: not read */
};

/*
 * Lists the programs (files or folders; none: the folder of this executable). 0, or EXIT_USAGE
 * after one line: no program, one whose list fails, two cases of one name, a bad name.
 */
int catalogue_load(struct catalogue *cat, const struct strv *programs);
void catalogue_free(struct catalogue *cat);

/* Adds the cases of one list (a JSON array). NULL, or the problem as text, to be freed. */
char *catalogue_add(struct catalogue *cat, const char *program, json_t *list);

/*
 * Reads the clauses, and adds to each case the text of its clause, from `file` (NULL: contract/clauses.tsv in the current folder,
 * beside the executable, or above it). Reports say if none was found; an unreadable `file` is
 * EXIT_USAGE.
 */
int catalogue_add_clauses(struct catalogue *cat, const char *file);

#endif
