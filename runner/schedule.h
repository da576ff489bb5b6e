/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which case starts next: order, rounds, and resources that two cases must not share.
 */
#ifndef GM_RUNNER_SCHEDULE_H
#define GM_RUNNER_SCHEDULE_H

#include "catalogue.h"
#include "options.h"

struct sched_entry {
	const struct test_case *c;
	enum { SCHED_TODO, SCHED_RUNNING, SCHED_DONE } state;
	unsigned int tries; /* after the first one that failed (--retry) */
	bool retired;	    /* it skipped: what it needs is still missing in a later round */
};

struct schedule {
	struct sched_entry *v;
	size_t n, running;
	unsigned int jobs;
	unsigned int round;
	unsigned int rounds; /* 0: no end */
	double until;	     /* on the clock of now(); 0: no end */
	bool until_fail, failed;
};

/* Cases that run alone come after the others, those that may damage the kernel last. */
void sched_init(struct schedule *s, const struct catalogue *cat, const struct options *opt);
void sched_free(struct schedule *s);

/* The entry to start now; NULL: none, until one is done (or, with none running, for good). */
struct sched_entry *sched_next(struct schedule *s, double t);
void sched_done(struct schedule *s, struct sched_entry *e, const char *verdict);
/* To be tried once more: it is the next one. */
void sched_again(struct schedule *s, struct sched_entry *e);
/* The same for a case that gets its verdict without having started. */
void sched_drop(struct schedule *s, struct sched_entry *e, const char *verdict);

#endif
