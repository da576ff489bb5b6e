/* SPDX-License-Identifier: GPL-2.0-only */
/* The pools of huge pages, and which physical page is where: what the host has to give. */
#ifndef GM_POOL_H
#define GM_POOL_H

#include <stdbool.h>
#include <stdint.h>

/* In pages of this size, as /sys/kernel/mm/hugepages/ has them. */
struct gm_pool {
	uint64_t size; /* bytes of a page */
	long nr, free, resv, surplus;
};

/* The pool of pages of `size` bytes; all zero where there is none. */
void gm_pool_read(struct gm_pool *p, uint64_t size);
/*
 * Expects free and reserved pages to be `taken` and `resv` away from `before`, the rest alike; and the
 * nodes' counters to add up to the pool's.
 */
bool gm_pool_expect(const struct gm_pool *before, long taken, long resv, const char *when);

/*
 * The page frame behind a mapped, touched address; 0 when pagemap does not tell (not root, not
 * present).
 */
uint64_t gm_pfn_of(const void *hva);

#endif
