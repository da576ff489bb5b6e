/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Long operations that give way in the middle: a real-time task on the same CPU makes the kernel take
 * the CPU from them. A vCPU that saw every page before runs meanwhile without an exit, and then looks at
 * every page again.
 */
#ifndef RACE_GIVE_WAY_H
#define RACE_GIVE_WAY_H

#include "fixture.h"
#include "gm.h"
#include "race.h"

/* The operation's range, at the fixture's begin; one page after it holds the flags. */
#define WAY_PAGES 4096UL
#define WAY_SIZE (WAY_PAGES * PG)
/* Half of it below a multiple of 1 GiB: stage 2 of arm64 gives way only at such an address. */
#define WAY_GPA (GM_BASE + GM_1G - WAY_SIZE / 2)

struct way {
	const struct way_op *op;
	enum race_memory memory;
	struct gm_fixture *w;
	uint64_t gpa;	    /* of the range that the vCPU looks at */
	struct gm_mem *mem; /* of an ordinary slot; NULL: none */
	unsigned int gen;
	unsigned long given; /* how often the operation lost the CPU */
};

/* What the vCPU must see afterwards. */
enum way_after {
	WAY_OLD,
	WAY_ZERO,
	WAY_CONVERTED, /* old where both states have one memory, else zero */
	WAY_WRITES,    /* anything: it writes every page */
	WAY_NOTHING,   /* the range is gone: it does not look */
};

struct way_op {
	const char *name, *text;
	unsigned int memory; /* enum race_memory */
	gm_needs needs;
	bool private;	     /* the pages are private before */
	unsigned int enough; /* rounds that give way; 0: 2 */
	enum way_after after;
	void (*prepare)(struct way *y); /* after the fixture is created and filled; may be NULL */
	void (*run)(struct way *y);	/* the operation alone */
	void (*check)(struct way *y);	/* after the vCPU looked; may be NULL */
};

extern const struct way_op way_ops[]; /* ends with a row without a name */

void way_run(const struct gm_case *self);

#endif
