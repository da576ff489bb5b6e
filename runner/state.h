/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of a run, built from its events. All reports are made from it alone.
 */
#ifndef GM_RUNNER_STATE_H
#define GM_RUNNER_STATE_H

#include "known.h"
#include "protocol.h"
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
	bool settled;	  /* its verdict is final, and it is in `order` */
	json_t *end;	  /* the case_end with the worst verdict so far; NULL: none yet */
	json_t *live;	  /* its case_start, while it runs */
	const char *word; /* its outcome: the verdict of `end`, or XFAIL, XPASS */
	const struct known_row *known; /* of an XFAIL or XPASS */
	json_t *klog;	/* last lines of the kernel log since its start, if it is bad; else NULL */
	size_t klog_at; /* lines before its start */
	json_t *tries; /* with --retry, of a case that failed: {verdict, reason, time}; else NULL */
	unsigned int runs, bad_runs;
	struct skip *skip; /* that of a settled SKIP; else NULL */
	double time;	   /* s, all rounds */
	double since;	   /* now() of its start */
};

struct totals {
	unsigned int pass, fail, xfail, xpass, skip, error;
};

struct state {
	json_t *start; /* run_start; NULL: none yet */
	struct record *v;
	size_t n;
	struct record **order; /* settled records, in the order of their verdicts */
	size_t nr_order;
	struct totals totals; /* of the settled ones */
	struct skip *skips;
	size_t nr_skips;
	json_t *findings;	   /* of the whole run */
	double t;		   /* seconds, of the latest event */
	unsigned int boots;	   /* number of streams read */
	char *interrupted;	   /* "" or a signal's name; NULL: no run_end seen */
	char *lost;		   /* why the last stream broke; NULL: it did not */
	char *console;		   /* the console's last lines then */
	json_t *deaths;		   /* of the machine: {boot, cases[], reason} */
	char *broken;		   /* why the run ended early for a reboot; NULL: it did not */
	json_t *klog;		   /* the newest lines of the kernel log */
	size_t nr_klog;		   /* all lines so far */
	double klog_time;	   /* kernel time of the newest log line of this boot, s; 0: none */
	const struct record *last; /* that ended; NULL: none yet */
	bool over;		   /* no more events; every case has a verdict */

	struct known *known;	/* failures; NULL: none */
	bool strict_known;	/* a case that is known to fail must fail */
	const json_t *baseline; /* the results of an earlier run; NULL: none */
	json_t *changes;	/* since then, once the run is over */
	bool no_shrink;		/* a case that newly skips or is gone makes the run fail */

	const char *dir;    /* the results folder; NULL: none */
	json_t *lab;	    /* what the lab says about itself: texts; not owned; NULL: no lab */
	json_t *before;	    /* the run before, see before.h; NULL: none */
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

/* The caller keeps the event. An event that makes no sense changes nothing. */
struct change state_apply(struct state *st, const json_t *ev);

/* Makes the next verdict final that waits for further rounds; NULL if not found. */
struct record *state_settle_next(struct state *st);

/*
 * A case_end for a case that has none. FAIL if the case reported a miss, or if the kernel died with
 * `report` while it ran (leak.kernel_log); else ERROR.
 */
json_t *state_verdict_for(const struct state *st, const struct record *rec, const char *reason,
			  const char *report);

/* Compares the run, which is over, with the baseline. */
void state_compare(struct state *st);

/* Did some tries of the case fail, and others not? */
bool record_flaky(const struct record *rec);

/* "PASS" etc., XFAIL or XPASS; a case without a verdict is an ERROR until it has one. */
const char *record_verdict(const struct record *rec);
const char *record_reason(const struct record *rec);
/* The seed of the round with its verdict; the run's seed while it has none. */
const char *record_seed(const struct state *st, const struct record *rec);

struct totals state_totals_now(const struct state *st);
int state_exit_code(const struct state *st);
/* "running", "finished", "interrupted" or "died" */
const char *state_word(const struct state *st);

/* By what all time limits of this run are multiplied: its time_factor times its timeout_scale. */
double state_time_scale(const struct state *st);

/* Lines that every report shows about this run: limits of its results; mostly "". To be freed. */
char *state_remarks(const struct state *st);

/* Warnings about known failures, and what changed since the baseline; "" if there is nothing. */
char *state_known_warnings(const struct state *st);
char *state_changes(const struct state *st);

/* A line for each death of the machine, with the cases that ran then; mostly "". To be freed. */
char *state_deaths(const struct state *st);

/* The command that runs it again, to be freed. */
char *state_rerun(const struct state *st, const struct record *rec);
/* Where its log is, relative to the results folder; to be freed. */
char *record_log(const struct record *rec);

/* The details of a FAIL or ERROR, line by line, to be freed. */
char *state_block(const struct state *st, const struct record *rec);

#endif
