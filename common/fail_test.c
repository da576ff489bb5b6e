// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls with failing allocations, fail.*: every row of common/fail, with each kind of guest_memfd.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fail/fail.h"
#include "fail/pool_sweep.h"

static void add(const struct fail_op *op, enum fail_memory memory)
{
	struct gm_case *c = calloc(1, sizeof(*c));
	char *name = NULL;

	if (!c || asprintf(&name, "fail.%s%s", op->name, memory == FAIL_P1 ? ".p1" : "") < 0)
		abort();
	*c = (struct gm_case){ .name = name,
			       .clause = op->clause,
			       .text = op->text,
			       .needs = op->needs | GM_NEEDS(FAIL_NTH, DEBUGFS),
			       .caps = GM_CAPS_ALL,
			       .tokens = GM_TOKEN_MODULE,
			       .timeout = 120,
			       .huge_2m = op->mem == GM_MEM_HUGE_2M ? 2 : 0,
			       .flags = op->flags,
			       .run = fail_sweep,
			       .arg = op };
	if (memory == FAIL_P1) {
		c->profile = "P1";
		c->needs |= GM_NEEDS(GMEM_MMAP, INIT_SHARED);
	} else {
		c->providers = memory == FAIL_ATTRIBUTES ? GM_PROVIDERS(ATTRIBUTES)
							 : GM_PROVIDERS(INPLACE);
	}
	gm_case_add(c);
}

static void generate(void)
{
	static const struct fail_op *const tables[] = { fail_run_ops,  fail_slot_ops,
							fail_file_ops, fail_vm_ops,
							fail_huge_ops, fail_attributes_ops };

	for (unsigned int t = 0; t < ARRAY_SIZE(tables); t++)
		for (const struct fail_op *op = tables[t]; op->name; op++)
			for (unsigned int m = FAIL_P1; m < FAIL_EACH; m <<= 1) {
#ifndef __x86_64__
				if (m != FAIL_P1)
					continue;
#endif
				if (op->memory & m)
					add(op, m);
			}
}
GM_GENERATE(generate)

/* --- memfds and the pool of huge pages --- */

/* With failing allocations; or with too few pages in the pool, if `few`. */
static void add_pool(const struct pool_op *op, bool few)
{
	struct gm_case *c = calloc(1, sizeof(*c));
	char *name = NULL;

	if (!c || asprintf(&name, "fail.%s%s", op->name, few ? ".short" : "") < 0)
		abort();
	*c = (struct gm_case){ .name = name,
			       .clause = op->clause,
			       .text = op->text,
			       .profile = op->dma ? "IO" : "any",
			       .needs = op->needs | GM_NEEDS(PAGES_4K),
			       .caps = GM_CAPS_ALL,
			       .timeout = 120,
			       .flags = op->full ? GM_FULL_ONLY : 0,
			       .huge_2m = op->single ? 0 : 2 * POOL_PAGES,
			       .run = few ? pool_short : pool_sweep,
			       .arg = op };
	if (op->destructive)
		c->flags |= GM_DESTRUCTIVE;
	if (!few) {
		c->needs |= GM_NEEDS(FAIL_NTH, DEBUGFS);
		c->tokens = GM_TOKEN_MODULE;
	}
	if (op->dma) {
		c->iommu = GM_IOMMU_MOCK;
		c->needs |= GM_NEEDS(IOMMUFD, IOAS_MAP_FILE, IOMMUFD_TEST);
	}
	gm_case_add(c);
}

static void generate_pool(void)
{
	for (const struct pool_op *op = pool_ops; op->name; op++) {
		add_pool(op, false);
		if (!op->single && !op->twice)
			add_pool(op, true);
	}
}
GM_GENERATE(generate_pool)
