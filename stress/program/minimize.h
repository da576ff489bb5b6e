/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Delta debugging: finds a shortest program that still fails in the same way, which fails()
 * decides. Drops the tail, actors, operations far from the page, chunks of operations, single
 * operations; shortens ranges; moves all pages down. Needs no KVM.
 */
#ifndef ST_MINIMIZE_H
#define ST_MINIMIZE_H

#include "prog.h"

struct st_min {
	/* Whether the program fails in the same way. */
	bool (*fails)(const struct st_prog *p, void *arg);
	bool (*time_up)(void *arg); /* NULL: no limit */
	void *arg;
	uint32_t op;	    /* the operation that failed, UINT32_MAX: not known */
	int64_t page;	    /* the page that failed, -1: not known */
	uint32_t pages;	    /* of the layout */
	unsigned int tries; /* output: how many programs were run */
};

/* Shrinks `p`, which must fail, in place. */
void st_minimize(struct st_prog *p, struct st_min *m);

#endif
