/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Known failures: files that say which cases fail, how, where, and until when.
 *
 * A row of known/<name>.tsv has seven fields, separated by TAB:
 *
 *   case	a glob for the name of a case, or for a clause
 *   message	a piece of each of its misses and leaks: another failure of the same case is a FAIL. Two
 *		or more pieces are separated by " | "
 *   where	conditions, all of which hold, separated by blanks; "-": anywhere.
 *		kernel=A..B	a release from A to B; either may be missing, and 7.3 has 7.3.4 in it
 *		arch=x86|arm64
 *		cmdline=WORD	a word of the kernel's command line; cmdline=!WORD: not that word
 *		config=NAME	CONFIG_NAME is set; config=!NAME: it is not (machine.c has the names)
 *   expires	YYYY-MM-DD: from the next day on the row is only a warning
 *   owner	who looks after it
 *   link	where it is reported or described
 *   text	what is wrong, in a line
 *
 * Lines that begin with # are comments.
 */
#ifndef GM_RUNNER_KNOWN_H
#define GM_RUNNER_KNOWN_H

#include "util.h"

/* The outcome of a FAIL that is known, and of a PASS of a case that is known to fail. */
#define WORD_XFAIL "XFAIL"
#define WORD_XPASS "XPASS"

struct known_row {
	char *line; /* owns the fields */
	const char *glob, *message, *where, *expires, *owner, *link, *text;
	const char *file; /* of the options */
	int nr;		  /* of the line in it */
	bool here;	  /* its conditions hold on this machine */
	bool expired;
	unsigned int cases, used; /* that it is about; whose failure it explains */
};

struct known {
	struct known_row *v;
	size_t n;
};

/* Reads all files. 0, or EXIT_USAGE after one line that names the file, the line and the error. */
int known_load(struct known *k, const struct strv *files);
void known_free(struct known *k);

/* Decides which rows are about this machine; `start` is run_start. */
void known_begin(struct known *k, const json_t *start);

/* The first row in force for this case; NULL: none. */
struct known_row *known_find(const struct known *k, const char *name, const char *clause);

/*
 * The row that explains this end of the case, a FAIL; NULL if a part of the failure is in no row.
 */
struct known_row *known_explains(const struct known *k, const char *name, const char *clause,
				 const json_t *end);

/*
 * Lines about rows that have expired, or that no case of the run is about; "" if there are none.
 * `all`: the run was not narrowed to some cases. To be freed.
 */
char *known_warnings(const struct known *k, bool all);

#endif
