// SPDX-License-Identifier: GPL-2.0-only
/* Reads the pools of huge pages, and pagemap. */
#include <stdio.h>

#include "check.h"
#include "pagemap.h"
#include "pool.h"
#include "text.h"

static long counter(uint64_t size, const char *name)
{
	char path[128];
	unsigned long val = 0;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%lukB/%s", size / 1024,
		 name);
	/* val stays 0 if there is no such pool. */
	gm_read_number(path, &val);
	return val;
}

void gm_pool_read(struct gm_pool *p, uint64_t size)
{
	*p = (struct gm_pool){
		.size = size,
		.nr = counter(size, "nr_hugepages"),
		.free = counter(size, "free_hugepages"),
		.resv = counter(size, "resv_hugepages"),
		.surplus = counter(size, "surplus_hugepages"),
	};
}

static bool node_counter(uint64_t size, unsigned int node, const char *name, long *val)
{
	char path[160];
	unsigned long read;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/hugepages/hugepages-%lukB/%s",
		 node, size / 1024, name);
	if (!gm_read_number(path, &read))
		return false;
	*val = read;
	return true;
}

bool gm_pool_read_node(struct gm_pool *p, uint64_t size, unsigned int node)
{
	*p = (struct gm_pool){ .size = size };
	return node_counter(size, node, "nr_hugepages", &p->nr) &&
	       node_counter(size, node, "free_hugepages", &p->free) &&
	       node_counter(size, node, "surplus_hugepages", &p->surplus);
}

/* The sum of a counter over all nodes; -1: there are no counters of nodes. */
static long over_nodes(uint64_t size, const char *name)
{
	long sum = -1, val;

	for (unsigned int node = 0; node < GM_POOL_NODES; node++)
		if (node_counter(size, node, name, &val))
			sum = (sum < 0 ? 0 : sum) + val;
	return sum;
}

/* The counters of the nodes must add up to those of the pool. */
static bool nodes_agree(const struct gm_pool *now, const char *when)
{
	const struct {
		const char *name;
		long all;
	} count[] = { { "nr_hugepages", now->nr },
		      { "free_hugepages", now->free },
		      { "surplus_hugepages", now->surplus } };
	bool agree = true;

	for (size_t i = 0; i < sizeof(count) / sizeof(count[0]); i++) {
		long sum = over_nodes(now->size, count[i].name);

		agree &= GM_EXPECT(sum < 0 || sum == count[i].all,
				   "%s: %s of %lu kB pages: %ld in total, sum of the nodes %ld",
				   when, count[i].name, now->size / 1024, count[i].all, sum);
	}
	return agree;
}

bool gm_pool_expect(const struct gm_pool *before, long taken, long resv, const char *when)
{
	struct gm_pool now;

	gm_pool_read(&now, before->size);
	return nodes_agree(&now, when) &&
	       GM_EXPECT(
		       now.nr == before->nr && now.free == before->free - taken &&
			       now.resv == before->resv + resv && now.surplus == before->surplus,
		       "%s: pool of %lu kB pages: expected %ld pages, %ld free, %ld reserved, %ld surplus, observed %ld, %ld, %ld, %ld",
		       when, before->size / 1024, before->nr, before->free - taken,
		       before->resv + resv, before->surplus, now.nr, now.free, now.resv,
		       now.surplus);
}

uint64_t gm_pfn_of(const void *hva)
{
	uint64_t entry;

	if (!gm_pagemap_read(hva, 1, &entry) || !(entry & GM_PAGEMAP_PRESENT))
		return 0;
	return entry & GM_PAGEMAP_FRAME;
}
