/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs one seed after the other, counts, and handles failures. */
#ifndef ST_SOAK_H
#define ST_SOAK_H

#include "child.h"
#include "gen.h"

struct st_soak {
	struct st_gen gen; /* gen.seed is the first */
	uint64_t seeds;	   /* 0: without end */
	unsigned int shard, shards;
	unsigned int collect, times;
	long seconds;	     /* 0: no limit */
	long shrink_seconds; /* 0: not at all */
	unsigned int timeout_ms;
	const char *out;
	const char *by; /* shrink: a command that exits with 1 if a file fails */
};

/* The sums of many programs. */
struct st_sum {
	uint64_t seeds, ops, conversions, reads, races, failed, errors, killed;
	double seconds;
	uint64_t runs[ST_OP_NR];
	uint64_t pair[ST_CLASSES][ST_OP_NR];
};

/* Writes the versions of suite and kernel into the head. */
void st_soak_name(struct st_prog *p);
int st_soak(const struct st_soak *o);
/*
 * Prepares for programs of the provider; GM_PROVIDER_NONE becomes the one that the kernel offers.
 * 0, or the exit status if the kernel lacks something.
 */
int st_platform(enum gm_provider_id *provider);
/* Runs short programs of every kind, seeds 1 to 3 by default, until one fails. */
int st_hunt(const struct st_soak *o);
int st_replay(const struct st_soak *o, const struct st_prog *p);
int st_shrink_file(const struct st_soak *o, const struct st_prog *p);

void st_sum_add(struct st_sum *s, const struct st_prog *p, const struct st_result *r);
/* How many of all (pair of operations, class of border) were covered; `of`: the number of all. */
unsigned int st_sum_coverage(const struct st_sum *s, unsigned int *of);

struct st_shrunk {
	unsigned int fails, of; /* the shrunk program, measured */
	unsigned int tries;
	uint32_t from; /* operations before */
	double seconds;
};

/*
 * Shrinks `p`, which ended as `end` with `r`; p and r become those of the shrunk program. False: it
 * did not fail again.
 */
bool st_shrink(struct st_prog *p, enum st_end end, struct st_result *r, long seconds,
	       unsigned int timeout_ms, struct st_shrunk *s);

/* Shrinks `p`; a command decides whether a candidate fails. Needs no KVM. */
bool st_shrink_by(struct st_prog *p, const char *command, long seconds, struct st_shrunk *s);

#endif
