// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls with failing allocations, fail.*: every row of common/fail, with each kind of guest_memfd.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fail/fail.h"

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
	static const struct fail_op *const tables[] = { fail_run_ops, fail_slot_ops, fail_file_ops,
							fail_vm_ops };

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
