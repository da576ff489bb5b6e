/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A stress program: operations and everything needed to run them again, in memory and as text, the
 * .gmops file. Needs no KVM.
 *
 *	# comments and empty lines
 *	kvm-gmem-stress 1
 *	seed 7
 *	profile conversion		the mix that it was drawn from
 *	layout thp
 *	provider inplace		who converts; without this line: attributes
 *	vcpus 2
 *	threads 1
 *	start private			in place: every page at first; without this line: shared
 *	order strict			one operation at a time; `free`: actors run in parallel
 *	suite 8bc554f			for the reader only, like kernel
 *	v0 conv private 0x1ff 3		ACTOR OPERATION [ARGUMENT] [PAGE [LENGTH]] [meet=N] [wait=N]
 *	t0 hconv private 0x200 1 fail=3	v: a vCPU, t: a thread of the host
 */
#ifndef ST_PROG_H
#define ST_PROG_H

#include <stdbool.h>
#include <stdio.h>

#include "op.h"
#include "provider.h"

#define ST_VCPUS 6   /* one more serves prefault */
#define ST_THREADS 4 /* of the host */
#define ST_OPS_MAX 60000U

struct st_head {
	uint64_t seed;
	char mix[24], layout[16], suite[64], kernel[64];
	unsigned int vcpus, threads;
	enum gm_provider_id provider;
	bool start_private;
	bool strict; /* one operation at a time, in the order of the file */
};

/* Do shared and private pages have one memory, in the file? */
static inline bool st_in_place(enum gm_provider_id p)
{
	return p == GM_PROVIDER_INPLACE || p == GM_PROVIDER_HUGE_FILE;
}

struct st_prog {
	struct st_head head;
	uint32_t nr, room;
	struct gm_sop *op;
};

void st_prog_init(struct st_prog *p);
void st_prog_free(struct st_prog *p);
void st_prog_copy(struct st_prog *to, const struct st_prog *from);
void st_prog_add(struct st_prog *p, struct gm_sop op);

/* Writes the head lines that a run depends on; `eol` ends each line. */
void st_head_write(const struct st_head *h, const char *eol, FILE *f);
void st_prog_write(const struct st_prog *p, FILE *f);
/* 0, or -1 with an error message, with the line number, in `why`. */
int st_prog_read(struct st_prog *p, FILE *f, char *why, size_t room);

#endif
