/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operations as data, 16 bytes each, and the ring in which a vCPU gets thousands of them for one
 * entry. The ring lies in memory that guest and host share and no test touches; every operation
 * is stamped before and after with one clock that all vCPUs and the host's threads count on, and
 * what it read is logged, word for word. What an operation does is a function that the host names
 * by its address: guest and host share one program. Shared by guest and host.
 */
#ifndef GM_GUEST_RING_H
#define GM_GUEST_RING_H

#include <stdint.h>

#include "sop.h"
#include "word.h"

/* Three words of a page are the counter, the stack and the code; all others belong to writers. */
#define GM_RING_COUNTER 8U
#define GM_RING_STACK 9U
#define GM_RING_CODE 10U
#define GM_RING_OWN 3U
#define GM_RING_BODY (511U - GM_RING_OWN) /* words, without word 0 */
/* The clock goes on by so much, so that the parts of one operation have moments of their own. */
#define GM_RING_TICK 4U

struct gm_ring_res {
	uint64_t t0, t1; /* the common clock before and after; 0: not begun, not ended */
	int64_t ret;
	uint32_t index;	 /* of the operation in the program; set by the host */
	uint32_t cycles; /* how long it took */
	uint32_t log, logs;
};

/* `count` words of a page, from word `first` on, that carry one stamp: gm_word() with word 0. */
struct gm_ring_log {
	uint64_t stamp;
	uint32_t page;
	uint16_t first, count;
};

/* Rounds that somebody spins at a meeting before it sleeps. */
#define GM_RING_SPINS 4000U

/* A read of a page gives at most this many; what is beyond is torn worse than anybody can tell. */
#define GM_RING_STAMPS 6U

struct gm_ring_op {
	struct gm_sop op;
	gm_ring_fn fn; /* NULL: nothing */
};

struct gm_ring {
	uint64_t base;		    /* gpa of page 0 */
	uint64_t clock, meet, need; /* gva of the clock, of the arrays of 512 and 256 u32 */
	uint64_t ops, res, log;	    /* gva of the arrays; ops: of struct gm_ring_op */
	uint32_t nr, log_max;
	volatile uint32_t done, logs;
	uint32_t alone; /* nobody else moves meanwhile */
	volatile uint32_t
		waiting; /* the meeting that the vCPU left its ring for; then enter again */
};

/* What the operation `index` of a program writes: never a stamp of its neighbours'. */
static inline uint64_t gm_ring_stamp(uint64_t gfn, enum gm_half half, uint32_t index)
{
	return gm_word_at(gfn << 12, half, index % 65535 + 1);
}

/*
 * Reads one page, `words` of it, and logs the stamps found; gives how many entries. The same code
 * for guest and host: what one can see the other can.
 */
unsigned int gm_ring_read(const volatile uint64_t *page, uint32_t number, unsigned int words,
			  struct gm_ring_log *log);
void gm_ring_write(volatile uint64_t *page, uint64_t stamp, unsigned int words);

/* --- for what a vCPU does --- */

static inline uint64_t gm_ring_addr(const struct gm_ring *r, uint32_t page)
{
	return r->base + page * 4096UL;
}

/* All pages of the operation: reads and logs them, or writes its stamp. */
void gm_ring_read_pages(struct gm_ring *r, const struct gm_sop *op, struct gm_ring_res *res,
			unsigned int words);
void gm_ring_write_pages(struct gm_ring *r, const struct gm_sop *op, struct gm_ring_res *res,
			 unsigned int words);

#endif
