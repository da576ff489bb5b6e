/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The shortest program that still fails: delta debugging, over whatever says "fails the same way".
 * Drops the tail, actors, operations that do not come near the page, operations in chunks, single
 * ones; shortens ranges; moves everything to lower pages. Knows no KVM.
 */
#ifndef ST_MINIMIZE_H
#define ST_MINIMIZE_H

#include "prog.h"

struct st_min {
	/* Whether the program fails in the same way. */
	bool (*fails)(const struct st_prog *p, void *arg);
	/* Whether the time is up; NULL: never. */
	bool (*over)(void *arg);
	void *arg;
	uint32_t op;	    /* the operation that failed, UINT32_MAX: not known */
	int64_t page;	    /* the page that failed, -1: not known */
	uint32_t pages;	    /* of the layout */
	unsigned int tries; /* set: how many programs were run */
};

/* Shrinks `p`, which fails, in place. */
void st_minimize(struct st_prog *p, struct st_min *m);

#endif
