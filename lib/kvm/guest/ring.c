// SPDX-License-Identifier: GPL-2.0-only
/* Runs the operations of a vCPU's ring, with times and logs. Runs inside the VM. */
#include "guest.h"
#include "ring.h"

#define PAGE 4096UL

unsigned int gm_ring_read(const volatile uint64_t *page, uint32_t number, unsigned int words,
			  struct gm_ring_log *log)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < words; i++) {
		uint64_t w, stamp;
		unsigned int k;

		if (i - GM_RING_COUNTER < GM_RING_OWN)
			continue;
		w = page[i];
		/* A word from another place in a page is logged as it is. */
		stamp = w && gm_word_ok(w) && (w & 511) == i ? w & ~0x1ffULL : w;
		for (k = 0; k < n && log[k].stamp != stamp; k++)
			;
		if (k < n) {
			log[k].count++;
			continue;
		}
		if (n == GM_RING_STAMPS)
			continue;
		log[n].stamp = stamp;
		log[n].page = number;
		log[n].first = i;
		log[n].count = 1;
		n++;
	}
	return n;
}

void gm_ring_write(volatile uint64_t *page, uint64_t stamp, unsigned int words)
{
	for (unsigned int i = 0; i < words; i++)
		if (i - GM_RING_COUNTER >= GM_RING_OWN)
			page[i] = stamp + i;
}

static uint64_t now(const struct gm_ring *r)
{
	return __atomic_add_fetch((uint64_t *)r->clock, GM_RING_TICK, __ATOMIC_SEQ_CST);
}

static void add(volatile uint32_t *val)
{
	__atomic_add_fetch((uint32_t *)val, 1, __ATOMIC_SEQ_CST);
}

/*
 * Waits until all operations of the meeting have arrived, first in a loop, then by an exit to the
 * host: the others may need this CPU. After that, those that are running start at the same time.
 */
static void meet(struct gm_ring *r, const struct gm_sop *op)
{
	volatile uint32_t *met = (volatile uint32_t *)r->meet + op->meet, *ready = met + 256;
	uint32_t need = ((volatile uint32_t *)r->need)[op->meet];

	add(met);
	for (uint32_t i = 0; i < GM_RING_SPINS && *met < need; i++)
		;
	if (*met < need) {
		r->waiting = op->meet;
		gm_arch_guest_yield();
		r->waiting = 0;
	}
	add(ready);
	for (uint32_t i = 0; i < 8 * GM_RING_SPINS && *ready < need; i++)
		;
}

static void delay(uint32_t cycles)
{
	uint64_t start = gm_arch_cycles();

	while (gm_arch_cycles() - start < cycles)
		;
}

void gm_ring_read_pages(struct gm_ring *r, const struct gm_sop *op, struct gm_ring_res *res,
			unsigned int words)
{
	struct gm_ring_log *log = (struct gm_ring_log *)r->log;

	for (uint32_t p = 0; p < op->len; p++) {
		if (r->logs + GM_RING_STAMPS > r->log_max) {
			res->ret = -1;
			return;
		}
		r->logs += gm_ring_read((uint64_t *)gm_ring_addr(r, op->page + p), op->page + p,
					words, log + r->logs);
	}
}

void gm_ring_write_pages(struct gm_ring *r, const struct gm_sop *op, struct gm_ring_res *res,
			 unsigned int words)
{
	for (uint64_t p = op->page; p < (uint64_t)op->page + op->len; p++) {
		uint64_t addr = gm_ring_addr(r, p);

		gm_ring_write((uint64_t *)addr,
			      gm_ring_stamp(addr / PAGE, GM_WRITER_GUEST, res->index), words);
	}
}

__attribute__((weak)) int64_t gm_arch_guest_stack(uint64_t sp, uint64_t gpa, uint64_t attrs,
						  uint64_t *word)
{
	return 1;
}

__attribute__((weak)) uint64_t gm_arch_guest_code(uint16_t val)
{
	return 0;
}

void gm_guest_ring(struct gm_ring *r)
{
	const struct gm_ring_op *ops = (const struct gm_ring_op *)r->ops;
	struct gm_ring_res *all = (struct gm_ring_res *)r->res;

	for (uint32_t i = 0; i < r->nr; i++) {
		const struct gm_sop *op = &ops[i].op;
		struct gm_ring_res *res = &all[i];
		uint64_t start;

		if (op->meet)
			meet(r, op);
		if (op->wait)
			delay(op->wait);
		res->log = r->logs;
		res->t0 = now(r);
		start = gm_arch_cycles();
		res->ret = 0;
		if (ops[i].fn)
			ops[i].fn(r, op, res);
		res->cycles = gm_arch_cycles() - start;
		res->t1 = now(r);
		res->logs = r->logs - res->log;
		r->done = i + 1;
	}
}
