/* SPDX-License-Identifier: GPL-2.0-only */
/* The pools of huge pages, and the page frame behind an address. */
#ifndef GM_POOL_H
#define GM_POOL_H

#include <stdbool.h>
#include <stdint.h>

/* The counters of /sys/kernel/mm/hugepages/ for one size, in pages. */
struct gm_pool {
	uint64_t size; /* bytes of a page */
	long nr, free, resv, surplus;
};

/* The pool of pages of `size` bytes; all counters are 0 without such a pool. */
void gm_pool_read(struct gm_pool *p, uint64_t size);
/* The same on one node, without reservations, which no node has. False: there is no such node. */
bool gm_pool_read_node(struct gm_pool *p, uint64_t size, unsigned int node);
#define GM_POOL_NODES 64U
/*
 * Expects `taken` fewer free and `resv` more reserved pages than `before`, and the other counters
 * unchanged; and the nodes' counters to add up to the pool's.
 */
bool gm_pool_expect(const struct gm_pool *before, long taken, long resv, const char *when);

/* The page frame of an address; 0: not present, or pagemap has no frames (not root). */
uint64_t gm_pfn_of(const void *hva);

#endif
