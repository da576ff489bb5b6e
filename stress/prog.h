/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A stress program: operations as data, with all that it takes to run them again, and its text
 * form, the .gmops file. Knows no KVM.
 *
 *	# comments and empty lines
 *	kvm-gmem-stress 1
 *	seed 7
 *	profile conversion
 *	layout thp
 *	provider inplace		who converts; without this line: attributes
 *	vcpus 2
 *	threads 1
 *	start private			in place: every page at first; without this line: shared
 *	order strict			one operation at a time; `free`: actors run on their own
 *	suite 8bc554f			for the reader, as is: kernel
 *	v0 conv private 0x1ff 3		ACTOR OPERATION [ARGUMENT] [PAGE [LENGTH]] [meet=N] [wait=N]
 *	t0 hconv private 0x200 1 fail=3	v: a vCPU, t: a thread of the host
 */
#ifndef ST_PROG_H
#define ST_PROG_H

#include <stdbool.h>
#include <stdio.h>

#include "guest/ring.h"
#include "provider.h"

#define ST_VCPUS 6   /* one more serves prefault */
#define ST_THREADS 4 /* of the host */
#define ST_OPS_MAX 60000U
#define ST_REFUSALS 41U	   /* names of GM_SOP_REFUSE */
#define ST_REFUSALS_VM 38U /* ... of them those that are not about the ioctl on the file */

struct st_head {
	uint64_t seed;
	char profile[24], layout[16], suite[64], kernel[64];
	unsigned int vcpus, threads;
	enum gm_provider_id provider;
	bool start_private;
	bool strict; /* one operation at a time, in the order of the file */
};

struct st_prog {
	struct st_head head;
	uint32_t nr, room;
	struct gm_sop *op;
};

void st_prog_init(struct st_prog *p);
void st_prog_free(struct st_prog *p);
void st_prog_copy(struct st_prog *to, const struct st_prog *from);
void st_prog_add(struct st_prog *p, struct gm_sop op);

/* The head as far as a run depends on it; `eol` ends each line. */
void st_head_write(const struct st_head *h, const char *eol, FILE *f);
void st_prog_write(const struct st_prog *p, FILE *f);
/* 0, or -1 with what is wrong, line and all, in `why`. */
int st_prog_read(struct st_prog *p, FILE *f, char *why, size_t room);

/* --- the table of operations --- */

enum st_op_flag {
	ST_VCPU = 1 << 0,     /* runs in the guest */
	ST_PAGES = 1 << 1,    /* has a page and a length */
	ST_READS = 1 << 2,    /* what it reads is judged */
	ST_WRITES = 1 << 3,   /* changes content or state of its pages */
	ST_CAN_FAIL = 1 << 4, /* takes fail=N: memory runs out in the middle of it */
	ST_TWO_ONLY = 1 << 5, /* about memory at userspace_addr: nothing to do in place */
};

struct st_op_info {
	const char *name;
	unsigned int flags;
	const char *const *args; /* names of the values of arg, NULL-terminated; NULL: a number */
	const char *text;
};

extern const struct st_op_info st_ops[GM_SOP_NR];
/* "v0 conv private 0x1ff 3", without a newline; valid until the next call in this thread. */
const char *st_op_str(const struct gm_sop *op);
bool st_is_vcpu(const struct gm_sop *op);
unsigned int st_actor_nr(const struct gm_sop *op);

#endif
