/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The list of operations. Each is a row in stress/ops/<name>.c, which says how it is drawn, run,
 * entered into the oracle and judged. To add one: the file, and a line here. This header needs no
 * KVM; the rows point to functions that do.
 */
#ifndef ST_OP_H
#define ST_OP_H

#include <stdbool.h>
#include <stdint.h>

#include "sop.h"

/* Only append: summary.tsv has these numbers as bits. */
#define ST_OPS(X)                                                                                  \
	X(NOP, nop)                                                                                \
	X(CONV, conv)                                                                              \
	X(WRITE, write)                                                                            \
	X(READ, read)                                                                              \
	X(POKE, poke)                                                                              \
	X(PEEK, peek)                                                                              \
	X(ADD, add)                                                                                \
	X(FLUSH, flush)                                                                            \
	X(BADCALL, badcall)                                                                        \
	X(HCONV, hconv)                                                                            \
	X(PUNCH, punch)                                                                            \
	X(ALLOC, alloc)                                                                            \
	X(PREFAULT, prefault)                                                                      \
	X(HWRITE, hwrite)                                                                          \
	X(HREAD, hread)                                                                            \
	X(HPOKE, hpoke)                                                                            \
	X(HPEEK, hpeek)                                                                            \
	X(DROP, drop)                                                                              \
	X(MADVISE, madvise)                                                                        \
	X(MPROTECT, mprotect)                                                                      \
	X(FORK, fork)                                                                              \
	X(GUP, gup)                                                                                \
	X(SLOT, slot)                                                                              \
	X(VM2, vm2)                                                                                \
	X(REFUSE, refuse)                                                                          \
	X(KICK, kick)                                                                              \
	X(MIGRATE, migrate)                                                                        \
	X(PRESSURE, pressure)                                                                      \
	X(MAP, map)                                                                                \
	X(UNMAP, unmap)                                                                            \
	X(DREAD, dread)                                                                            \
	X(DWRITE, dwrite)                                                                          \
	X(KILL, kill)                                                                              \
	X(SYNC, sync)                                                                              \
	X(STACK, stack)                                                                            \
	X(EXEC, exec)                                                                              \
	X(PIN, pin)                                                                                \
	X(UNPIN, unpin)                                                                            \
	X(COMPACT, compact)                                                                        \
	X(POOL, pool)                                                                              \
	X(REBIND, rebind)                                                                          \
	X(UFFD, uffd)

#define ST_OP_CODE(NAME, name) ST_OP_##NAME,
enum st_code { ST_OPS(ST_OP_CODE) ST_OP_NR };
#undef ST_OP_CODE

/* The mixes of stress/program/mix.c, in its order. */
enum st_mix_id {
	ST_MIX_CONVERSION,
	ST_MIX_HUGEPAGE,
	ST_MIX_IOMMU,
	ST_MIX_LIFECYCLE,
	ST_MIX_MEMORY,
	ST_MIX_PINS,
	ST_MIX_EVERYTHING,
	ST_MIXES
};

enum st_op_flag {
	ST_VCPU = 1 << 0,	  /* runs in the guest */
	ST_PAGES = 1 << 1,	  /* has a page and a length */
	ST_READS = 1 << 2,	  /* what it reads is judged */
	ST_WRITES = 1 << 3,	  /* changes content or state of its pages */
	ST_CAN_FAIL = 1 << 4,	  /* takes fail=N, fault injection of its N-th allocation */
	ST_NOT_INPLACE = 1 << 5,  /* not drawn for conversion in place */
	ST_OTHER_MEMORY = 1 << 6, /* its pages are not those of the layout */
	ST_CONVERTS = 1 << 7,	  /* changes the state of its pages, to private if arg is 1 */
	ST_HOLE = 1 << 8,	  /* PUNCH_HOLE of its pages */
	ST_TOUCHES = 1 << 9,	  /* the host loads or stores through its mapping */
	ST_REFERS = 1 << 10,	  /* takes short-lived references of its pages */
	ST_REFERS_ANY = 1 << 11,  /* ... of any page, as compaction does */
	ST_NO_SLOT = 1 << 12,	  /* deletes the slot around its page for a moment */
	ST_READ_ONLY = 1 << 13,	  /* the host's mapping is read-only for a moment */
	ST_BY_HOLD = 1 << 14,	  /* accesses pages that an earlier operation pinned or mapped */
	ST_SIGNALS = 1 << 15,	  /* `kick` may interrupt it */
	ST_FETCHES = 1 << 16,	  /* the guest executes from the page */
	ST_NEW_FILE = 1 << 18,	  /* its slot gets another guest_memfd */
	ST_NOT_HUGE_FILE =
		1 << 19, /* not drawn for files of huge pages: single holes, other files */
	ST_OBSERVE_LAST = 1 << 17, /* observe() runs after that of the others in the round */
};

struct st_actor;
struct st_draw;
struct st_event;
struct st_prog;
struct st_run;
struct st_when;

struct st_op {
	const char *name, *text;
	unsigned int flags;
	const char *const *args; /* names of the values of arg, NULL-terminated; NULL: a number */
	/* Weight in every mix, and more weight in some mixes. */
	unsigned int always, weight[ST_MIXES];
	/* Bits 1 << enum st_backing: by attributes it runs on these backings only; 0: all. */
	unsigned int layouts;
	/* Draws page, len and arg. NULL: up to 8 pages, if it has pages. */
	void (*generate)(struct st_draw *d, struct gm_sop *op);
	/* Runs once, before the first operation of a program that has this one. May be NULL. */
	void (*start)(struct st_run *r);
	/* Runs on a vCPU, inside the guest: calls no host code. */
	gm_ring_fn guest;
	/* Runs on a thread; returns the result: by convention -errno, 0, or 1 for not done. */
	long (*run)(struct st_actor *a, const struct gm_sop *op, uint32_t index);
	/* The interval in which it happened. NULL: between its two time stamps. */
	struct st_when (*when)(const struct st_run *r, uint32_t i);
	/*
	 * Completes *e, which has interval and pages, with the change; true: add it to the oracle.
	 */
	bool (*observe)(struct st_run *r, uint32_t i, struct st_event *e);
	/* Judges result and reads: false after st_fail(). NULL: st_expect_reads(). */
	bool (*expect)(struct st_run *r, uint32_t i);
	/* Appends operations that release all pages that operations of this kind may hold. */
	void (*release)(const struct st_prog *p, struct st_prog *out);
};

extern const struct st_op *const st_ops[ST_OP_NR];

/* "v0 conv private 0x1ff 3", without a newline; valid until the next call in this thread. */
const char *st_op_str(const struct gm_sop *op);
/* The code of a name; ST_OP_NR: unknown. */
unsigned int st_op_find(const char *name);

static inline bool st_is_vcpu(const struct gm_sop *op)
{
	return !(op->actor & GM_SOP_HOST);
}

static inline unsigned int st_actor_nr(const struct gm_sop *op)
{
	return op->actor & ~GM_SOP_HOST;
}

static inline bool st_is(const struct gm_sop *op, unsigned int flags)
{
	return st_ops[op->code]->flags & flags;
}

/* Whether it has pages of the layout. */
static inline bool st_in_layout(const struct gm_sop *op)
{
	return st_is(op, ST_PAGES) && !st_is(op, ST_OTHER_MEMORY);
}

/* Whether fault injection may make it run out of memory. */
static inline bool st_injected(const struct gm_sop *op)
{
	return st_is(op, ST_CAN_FAIL) && op->arg & GM_SOP_FAIL;
}

#endif
