/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A run as its events tell it: the only thing that reports are made of.
 */
#ifndef GM_RUNNER_STATE_H
#define GM_RUNNER_STATE_H

#include "../lib/protocol.h"
#include "util.h"

/* A reason for which cases were skipped, in the order of the first case of each. */
struct skip {
	const char *reason, *remedy; /* of that case */
	unsigned int nr;	     /* cases, of the settled ones */
	const struct record *first;
};

struct record {
	const json_t *decl;
	const char *name, *clause;
	bool running;
	bool settled; /* its verdict is final, and has its place in `order` */
	json_t *end;  /* the case_end that counts: the worst so far; NULL: none yet */
	json_t *live; /* its case_start, while it runs */
	unsigned int runs, bad_runs;
	struct skip *skip; /* that of a settled SKIP; else NULL */
	double time;	   /* s, all rounds */
	double since;	   /* now() of its start */
};

struct totals {
	unsigned int pass, fail, skip, error;
};

struct state {
	json_t *start; /* run_start; NULL: not begun */
	struct record *v;
	size_t n;
	struct record **order; /* settled ones, as they came */
	size_t nr_order;
	struct totals totals; /* of the settled ones */
	struct skip *skips;
	size_t nr_skips;
	json_t *findings;   /* of the whole run */
	double t;	    /* seconds, of the latest event */
	unsigned int boots; /* how many streams told it */
	char *interrupted;  /* "" or a signal's name; NULL: no run_end seen */
	char *lost;	    /* why the stream broke, if it did and nobody went on */
	char *console;	    /* the console's last lines then */
	bool over;	    /* no more will come; pending cases were given a verdict */

	const char *dir;    /* results, NULL if there are none */
	char *rerun_format; /* %n name, %s seed */
};

void state_init(struct state *st, const char *rerun_format);
void state_free(struct state *st);

/* What an event changed. `settled`: this record has just got its final verdict. */
struct change {
	const char *ev;
	struct record *rec;
	bool settled, began, resumed;
};

/* Does not take the event over. Events that make no sense change nothing. */
struct change state_apply(struct state *st, const json_t *ev);

/* Makes final what has a verdict and could have got another one in a further round. */
struct record *state_settle_next(struct state *st);

/*
 * A case_end for a case that never said one; to be applied like any other. FAIL where it missed
 * something before, or where the kernel ended with `report` while it ran (leak.kernel_log); else ERROR.
 */
json_t *state_verdict_for(const struct state *st, const struct record *rec, const char *reason,
			  const char *report);

/* "PASS" ...; what has no verdict is an ERROR until it has one. */
const char *record_verdict(const struct record *rec);
const char *record_reason(const struct record *rec);
/* The seed that gives its verdict again; the run's own while it has none. */
const char *record_seed(const struct state *st, const struct record *rec);

struct totals state_totals_now(const struct state *st);
int state_exit_code(const struct state *st);
/* "running", "finished", "interrupted" or "died" */
const char *state_word(const struct state *st);

/* What a reader of any report must know about this run, line by line; "" mostly. To be freed. */
char *state_remarks(const struct state *st);

/* The command that runs it again, to be freed. */
char *state_rerun(const struct state *st, const struct record *rec);
/* Where its log is, relative to the results folder; to be freed. */
char *record_log(const struct record *rec);

/* All there is to say about a case that did not hold, line by line, to be freed. */
char *state_block(const struct state *st, const struct record *rec);

#endif
