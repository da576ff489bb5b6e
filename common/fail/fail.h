/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations of KVM and guest_memfd that want memory, a row each. The sweep (sweep.c) makes the first,
 * the second, ... allocation of the call fail, and looks after each refusal whether everything that user
 * space can see is what it was before the call.
 */
#ifndef FAIL_H
#define FAIL_H

#include "batch.h"
#include "fail_nth.h"
#include "fixture.h"
#include "gm.h"

#define PG GM_PAGE_SIZE

/* The memory that a row is about; each is a case of its own. */
enum fail_memory {
	FAIL_P1 = 1,	     /* a mapped file of an ordinary VM, all of it shared */
	FAIL_ATTRIBUTES = 2, /* private by the VM's attributes */
	FAIL_INPLACE = 4,    /* private by the file's */
	FAIL_EACH = 7,
};

/* Pages of the fixture: the first ones hold data all the time, the operation has the last ones. */
#define FAIL_PAGES 1024UL
#define FAIL_KEPT 512UL
#define FAIL_AT 700UL /* the operation's first page */

/* A second place in the guest for slots of the operation's own, above the fixture's memory. */
#define FAIL_OTHER (GM_BASE + GM_1G)
#define FAIL_THIRD (GM_BASE + 2 * GM_1G)
#define FAIL_OTHER_PAGES 512UL
#define FAIL_OTHER_SIZE (FAIL_OTHER_PAGES * PG)
#define FAIL_OTHER_SLOT (GM_SLOT + 1)

struct fail_sweep {
	const struct fail_op *op;
	struct gm_fixture *w;
	unsigned int n;	    /* the step that failed last */
	struct gm_mem *mem; /* of the slot at FAIL_OTHER; NULL: none */
	int gmem;	    /* of that slot; -1: none */
	int made;	    /* descriptor that the call made; -1: none */
	uint8_t *mapped;    /* mapping that the call made */
	uint64_t gpa, size; /* KVM_PRE_FAULT_MEMORY: what the kernel left of them */
	bool partial;	    /* the call said that it did a part */
	struct gm_exit exit;
	unsigned int gen;
};

struct fail_op {
	const char *name, *clause, *text;
	unsigned int memory; /* enum fail_memory */
	gm_needs needs;
	unsigned int flags; /* enum gm_case_flag, beside the sweep's own */
	bool fresh; /* a fixture for every step: the call finds what it needs the second time */
	bool user_pages; /* pages of files and user space may fail, too */
	bool survives; /* the kernel may try again by itself, so that no step makes the call fail */
	bool keeps_part; /* what it allocated in the file before it failed stays there */
	int err[3];	 /* the errnos that a refusal may have; 0: no more */
	void (*once)(struct fail_sweep *s);    /* after the fixture is made */
	void (*prepare)(struct fail_sweep *s); /* before each step */
	int (*call)(struct fail_sweep *s);     /* 0, or -1 and errno; nothing in it but the call */
	void (*refused)(struct fail_sweep *s, int err); /* what else must hold then */
	void (*done)(struct fail_sweep *s); /* it went through: what it is for has come about */
	void (*undo)(struct fail_sweep *s); /* after done(): as prepare() found it */
	void (*end)(struct fail_sweep *s);  /* before the fixture goes */
};

void fail_sweep(const struct gm_case *self);

/* Tables of rows; each ends with a row without a name. */
extern const struct fail_op fail_run_ops[], fail_slot_ops[], fail_file_ops[], fail_vm_ops[];

/* The page FAIL_AT + i: its gfn, and where the host sees it. */
static inline uint64_t fail_gfn(const struct fail_sweep *s, uint64_t i)
{
	return GFN(s->w->gpa) + FAIL_AT + i;
}

static inline uint8_t *fail_hva(const struct fail_sweep *s, uint64_t i)
{
	return s->w->hva + (FAIL_AT + i) * PG;
}

/* Pages [FAIL_AT, FAIL_AT + n) hold nothing, in every memory that they have, and are in that state. */
void fail_empty(struct fail_sweep *s, uint64_t n, bool private);

#endif
