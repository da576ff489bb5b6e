/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ring: thousands of operations for a vCPU in one entry. It is in memory that guest and host
 * share and that no test converts. Each operation gets its start and end time from one counter for
 * all vCPUs and host threads, and logs all words that it reads. The host gives the address of the
 * function of an operation: guest and host are the same program. Used by guest and host.
 */
#ifndef GM_GUEST_RING_H
#define GM_GUEST_RING_H

#include <stdint.h>

#include "sop.h"
#include "word.h"

/* Three words of a page are for the counter, the stack and the code; all others for stamps. */
#define GM_RING_COUNTER 8U
#define GM_RING_STACK 9U
#define GM_RING_CODE 10U
#define GM_RING_OWN 3U
#define GM_RING_BODY (511U - GM_RING_OWN) /* words, without word 0 */
/* The step of the clock: leaves times in between for the parts of an operation. */
#define GM_RING_TICK 4U

struct gm_ring_res {
	uint64_t t0, t1; /* start and end by the common clock; 0: not started, not ended */
	int64_t ret;
	uint32_t index;	 /* of the operation in the program; set by the host */
	uint32_t cycles; /* duration */
	uint32_t log, logs;
};

/* `count` words of a page, from word `first` on, with the same stamp: gm_word() with word 0. */
struct gm_ring_log {
	uint64_t stamp;
	uint32_t page;
	uint16_t first, count;
};

/* Rounds of the loop at a meeting before the vCPU exits to the host. */
#define GM_RING_SPINS 4000U

/* The most different stamps that a read of one page logs. */
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
	uint32_t alone; /* no other vCPU or thread runs operations */
	volatile uint32_t
		waiting; /* the meeting for which the vCPU has exited; enter it again then */
};

/* The stamp that operation `index` of a program writes. */
static inline uint64_t gm_ring_stamp(uint64_t gfn, enum gm_writer writer, uint32_t index)
{
	return gm_word_at(gfn << 12, writer, index % 65535 + 1);
}

/*
 * Reads `words` words of a page and logs the different stamps; returns the number of log entries.
 * Used by guest and host.
 */
unsigned int gm_ring_read(const volatile uint64_t *page, uint32_t number, unsigned int words,
			  struct gm_ring_log *log);
void gm_ring_write(volatile uint64_t *page, uint64_t stamp, unsigned int words);

/* --- for the operations of a vCPU --- */

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
