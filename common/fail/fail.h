/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations of KVM and guest_memfd that allocate memory, a row each. The sweep (sweep.c) makes the
 * first, the second, ... allocation of the call fail, alone and with all later ones, and checks after
 * each refusal that all state visible to user space is as before the call.
 */
#ifndef FAIL_H
#define FAIL_H

#include "batch.h"
#include "fail_nth.h"
#include "fixture.h"
#include "gm.h"
#include "pool.h"

#define PG GM_PAGE_SIZE

/* The kinds of memory of a row; each is a case. */
enum fail_memory {
	FAIL_P1 = 1,	     /* a mapped file of an ordinary VM, all of it shared */
	FAIL_ATTRIBUTES = 2, /* private by the VM's attributes */
	FAIL_INPLACE = 4,    /* private by the file's attributes */
	FAIL_EACH = 7,
};

/* Pages of the fixture: the first ones keep data all the time, the operation uses the last ones. */
#define FAIL_PAGES 1024UL
#define FAIL_KEPT 512UL
#define FAIL_AT 700UL /* the operation's first page */

/* Guest addresses for the operation's own slots, above the fixture's memory. */
#define FAIL_OTHER (GM_BASE + GM_1G)
#define FAIL_THIRD (GM_BASE + 2 * GM_1G)
#define FAIL_OTHER_PAGES 512UL
#define FAIL_OTHER_SIZE (FAIL_OTHER_PAGES * PG)
#define FAIL_OTHER_SLOT (GM_SLOT + 1)

struct fail_sweep {
	const struct fail_op *op;
	struct gm_fixture *w;
	unsigned int n;	    /* the step (allocation) that fails */
	struct gm_mem *mem; /* of the slot at FAIL_OTHER; NULL: none */
	int gmem;	    /* of that slot; -1: none */
	int made;	    /* descriptor that the call made; -1: none */
	uint8_t *mapped;    /* mapping that the call made */
	uint64_t gpa, size; /* KVM_PRE_FAULT_MEMORY: the rest returned by the kernel */
	bool partial;	    /* the call reported a partial result */
	struct gm_exit exit;
	unsigned int gen;
	uint64_t pages;	     /* that the guest touches */
	struct gm_pool pool; /* of 2 MiB pages, before the fixture */
};

struct fail_op {
	const char *name, *clause, *text;
	unsigned int memory; /* enum fail_memory */
	gm_needs needs;
	unsigned int flags;   /* enum gm_case_flag, in addition to the sweep's */
	enum gm_mem_kind mem; /* of s->mem, for rows that use it */
	bool fresh;	      /* a new fixture for every step: a repeated call would not allocate */
	bool user_pages;      /* pages of files and user space may fail, too */
	/*
	 * The kernel tries twice: all slab allocations fail after the next (n - 1) * budget bytes.
	 * The first success ends the sweep. 0: only the n-th step fails.
	 */
	unsigned int budget;
	bool alone;	 /* not with all later allocations failing, too */
	bool survives;	 /* the kernel may retry by itself, so no step may make the call fail */
	bool keeps_part; /* pages allocated in the file before the failure stay */
	int err[3];	 /* the errnos that a refusal may have; 0: no more */
	void (*once)(struct fail_sweep *s);		/* after the fixture is created */
	void (*prepare)(struct fail_sweep *s);		/* before each step */
	int (*call)(struct fail_sweep *s);		/* 0, or -1 and errno; only the call */
	void (*refused)(struct fail_sweep *s, int err); /* further checks after a refusal */
	void (*done)(struct fail_sweep *s);		/* checks the effect after success */
	void (*undo)(struct fail_sweep *s);		/* after done(): undoes the effect */
	void (*end)(struct fail_sweep *s);		/* before the fixture is freed */
};

void fail_sweep(const struct gm_case *self);

/* Tables of rows; each ends with a row without a name. */
extern const struct fail_op fail_run_ops[], fail_slot_ops[], fail_file_ops[], fail_vm_ops[],
	fail_huge_ops[], fail_attributes_ops[];

/* The page FAIL_AT + i: its gfn, and the host's address. */
static inline uint64_t fail_gfn(const struct fail_sweep *s, uint64_t i)
{
	return GFN(s->w->gpa) + FAIL_AT + i;
}

static inline uint8_t *fail_hva(const struct fail_sweep *s, uint64_t i)
{
	return s->w->hva + (FAIL_AT + i) * PG;
}

/* Empties pages [FAIL_AT, FAIL_AT + n), private and shared memory, and sets their state. */
void fail_empty(struct fail_sweep *s, uint64_t n, bool private);

#endif
