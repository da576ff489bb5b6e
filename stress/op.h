/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations. Each is a row in a file of its own, stress/ops/<name>.c, which says how it is drawn,
 * done, entered into the oracle and judged; this is the list of them. To add one: the file, and a line
 * here. Knows no KVM: rows point to functions that do.
 */
#ifndef ST_OP_H
#define ST_OP_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/ring.h"

/* Append only: summary.tsv holds these numbers as bits. */
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

/* The profiles of stress/profile.c, in its order. */
enum st_profile_id {
	ST_PROFILE_CONVERSION,
	ST_PROFILE_HUGEPAGE,
	ST_PROFILE_IOMMU,
	ST_PROFILE_LIFECYCLE,
	ST_PROFILE_MEMORY,
	ST_PROFILE_PINS,
	ST_PROFILE_EVERYTHING,
	ST_PROFILES
};

enum st_op_flag {
	ST_VCPU = 1 << 0,	   /* runs in the guest */
	ST_PAGES = 1 << 1,	   /* has a page and a length */
	ST_READS = 1 << 2,	   /* what it reads is judged */
	ST_WRITES = 1 << 3,	   /* changes content or state of its pages */
	ST_CAN_FAIL = 1 << 4,	   /* takes fail=N: memory runs out in the middle of it */
	ST_TWO_ONLY = 1 << 5,	   /* about memory at userspace_addr: nothing to do in place */
	ST_ELSEWHERE = 1 << 6,	   /* its pages are other memory than the layout's */
	ST_CONVERTS = 1 << 7,	   /* changes the state of its pages, to private if arg is 1 */
	ST_HOLE = 1 << 8,	   /* PUNCH_HOLE of its pages */
	ST_TOUCHES = 1 << 9,	   /* loads or stores of the host by its mapping */
	ST_REFERS = 1 << 10,	   /* takes references of its pages for a moment */
	ST_REFERS_ANY = 1 << 11,   /* ... of any page: compaction may take any */
	ST_NO_SLOT = 1 << 12,	   /* the slot around its page is away for a moment */
	ST_READ_ONLY = 1 << 13,	   /* the host's mapping is read-only for a moment */
	ST_BY_HOLD = 1 << 14,	   /* reaches what an earlier operation pinned or mapped */
	ST_SIGNALS = 1 << 15,	   /* the thread takes the signals of `kick` meanwhile */
	ST_FETCHES = 1 << 16,	   /* the guest executes from the page */
	ST_NEW_FILE = 1 << 18,	   /* its slot gets another guest_memfd */
	ST_OBSERVE_LAST = 1 << 17, /* observe() needs what the others of the round did */
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
	/* How often it is drawn: in every profile, and more in some. */
	unsigned int always, weight[ST_PROFILES];
	/* Bits 1 << enum st_backing: where it does something in programs by attributes; 0: all. */
	unsigned int layouts;
	/* Fills page, len and arg in. NULL: up to 8 pages, if it has pages. */
	void (*generate)(struct st_draw *d, struct gm_sop *op);
	/* Once, before the first operation of a program that has this one. May be NULL. */
	void (*start)(struct st_run *r);
	/* What a vCPU does. Runs inside the VM: calls nothing of the host. */
	gm_ring_fn guest;
	/* What a thread does: the result. By convention -errno, 0, or 1 for not done. */
	long (*run)(struct st_actor *a, const struct gm_sop *op, uint32_t index);
	/* When it happened, as far as that is known. NULL: between its two stamps. */
	struct st_when (*when)(const struct st_run *r, uint32_t i);
	/* What it changed, for the oracle: true if *e, which has when and where, is to be added. */
	bool (*observe)(struct st_run *r, uint32_t i, struct st_event *e);
	/* Result and reads against the contract: false after st_fail(). NULL: st_expect_reads(). */
	bool (*expect)(struct st_run *r, uint32_t i);
	/* Appends what lets go of all that the program's operations of this kind took. */
	void (*release)(const struct st_prog *p, struct st_prog *out);
};

extern const struct st_op *const st_ops[ST_OP_NR];

/* "v0 conv private 0x1ff 3", without a newline; valid until the next call in this thread. */
const char *st_op_str(const struct gm_sop *op);
/* The code of a name; ST_OP_NR: there is none such. */
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

/* Pages of the layout. */
static inline bool st_in_layout(const struct gm_sop *op)
{
	return st_is(op, ST_PAGES) && !st_is(op, ST_ELSEWHERE);
}

/* Memory may run out in the middle of it. */
static inline bool st_injected(const struct gm_sop *op)
{
	return st_is(op, ST_CAN_FAIL) && op->arg & GM_SOP_FAIL;
}

#endif
