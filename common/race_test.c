// SPDX-License-Identifier: GPL-2.0-only
/* Races of removal with use, race.<ender>.<user>: each meaningful pair of common/race. */
#include <stdio.h>
#include <stdlib.h>

#include "race/dma.h"
#include "race/give_way.h"
#include "race/race.h"

/*
 * Is the pair meaningful? The user must have what it needs, and both must not be the same call.
 * Excludes faults without a slot on pages that are private in place: a known defect,
 * conv.before_slot, would hide all else.
 */
static bool meaningful(const struct race_side *ender, const struct race_side *user,
		       enum race_memory memory)
{
	if (user->never & ender->effect || !strcmp(ender->name, user->name))
		return false;
	if (memory == RACE_PRIVATE && ender->effect & RACE_DELETE && user->effect & RACE_FAULTS)
		return false;
	return ender->memory & user->memory & memory;
}

static const char *const suffix[] = { [RACE_P1] = ".p1",
				      [RACE_ATTRIBUTES] = "",
				      [RACE_SHARED] = ".shared",
				      [RACE_PRIVATE] = ".private",
				      [RACE_ANON] = ".anon" };

static void set_memory(struct gm_case *c, enum race_memory memory)
{
	if (memory & (RACE_P1 | RACE_ANON)) {
		c->profile = "P1";
		c->needs |= GM_NEEDS(GMEM_MMAP, INIT_SHARED);
	} else {
		c->providers = memory == RACE_ATTRIBUTES ? GM_PROVIDERS(ATTRIBUTES)
							 : GM_PROVIDERS(INPLACE);
	}
}

static void add(const struct race_side *ender, const struct race_side *user,
		enum race_memory memory)
{
	struct race *pair = calloc(1, sizeof(*pair));
	struct gm_case *c = calloc(1, sizeof(*c));
	char *name = NULL, *text = NULL, *clause = NULL;

	if (!pair || !c ||
	    asprintf(&name, "race.%s.%s%s", ender->name, user->name, suffix[memory]) < 0 ||
	    asprintf(&clause, "race.%s", ender->name) < 0 ||
	    asprintf(&text, "%s, and %s meanwhile", ender->text, user->text) < 0)
		abort();
	*pair = (struct race){ .ender = ender, .user = user, .memory = memory };
	*c = (struct gm_case){ .name = name,
			       .clause = clause,
			       .text = text,
			       .needs = ender->needs | user->needs | GM_NEEDS(TDP),
			       .timeout = 120,
			       .run = race_run,
			       .arg = pair };
	if (user->root)
		c->caps = GM_CAPS_ALL;
	/* Rounds that make a VM each take long. */
	if (ender->effect & RACE_VM && memory != RACE_P1)
		c->flags |= GM_FULL_ONLY;
	if ((memory == RACE_ANON || ender->prepare || ender->end || user->prepare) && !user->quick)
		c->flags |= GM_SAMPLED;
	set_memory(c, memory);
	gm_case_add(c);
}

static void generate(void)
{
	for (const struct race_side *e = race_enders; e->name; e++)
		for (const struct race_side *u = race_users; u->name; u++)
			for (unsigned int m = RACE_P1; m <= RACE_ANON; m <<= 1) {
#ifndef __x86_64__
				if (!(m & (RACE_P1 | RACE_ANON)))
					continue;
#endif
				if (meaningful(e, u, m))
					add(e, u, m);
			}
}
GM_GENERATE(generate)

/* --- address spaces of iommufd --- */

static void add_dma(const struct dma_side *ender, const struct dma_side *user)
{
	struct dma_race *pair = calloc(1, sizeof(*pair));
	struct gm_case *c = calloc(1, sizeof(*c));
	char *name = NULL, *text = NULL, *clause = NULL;

	if (!pair || !c || asprintf(&name, "race.%s.%s", ender->name, user->name) < 0 ||
	    asprintf(&clause, "race.%s", ender->name) < 0 ||
	    asprintf(&text, "%s, and %s meanwhile", ender->text, user->text) < 0)
		abort();
	*pair = (struct dma_race){ .ender = ender, .user = user };
	*c = (struct gm_case){ .name = name,
			       .clause = clause,
			       .text = text,
			       .profile = "IO",
			       .iommu = GM_IOMMU_MOCK,
			       .needs = GM_NEEDS(IOMMUFD, IOAS_MAP_FILE, IOMMUFD_TEST, PAGES_4K),
			       .caps = GM_CAPS(CAP_IPC_LOCK),
			       .timeout = 120,
			       .flags = GM_SAMPLED,
			       .run = dma_race_run,
			       .arg = pair };
	gm_case_add(c);
}

static void generate_dma(void)
{
	for (const struct dma_side *e = dma_enders; e->name; e++)
		for (const struct dma_side *u = dma_users; u->name; u++)
			if (!(u->never & e->effect))
				add_dma(e, u);
}
GM_GENERATE(generate_dma)

/* --- long operations that give way --- */

static void add_way(const struct way_op *op, enum race_memory memory)
{
	struct way *way = calloc(1, sizeof(*way));
	struct gm_case *c = calloc(1, sizeof(*c));
	char *name = NULL, *text = NULL;

	if (!way || !c ||
	    asprintf(&name, "race.gives_way.%s%s", op->name, memory == RACE_P1 ? ".p1" : "") < 0 ||
	    asprintf(&text, "%s, and gives way: every page is right for a vCPU that ran meanwhile",
		     op->text) < 0)
		abort();
	*way = (struct way){ .op = op, .memory = memory };
	*c = (struct gm_case){ .name = name,
			       .clause = "race.gives_way",
			       .text = text,
			       .needs = op->needs | GM_NEEDS(TDP),
			       .timeout = 120,
			       .run = way_run,
			       .caps = GM_CAPS(CAP_SYS_NICE),
			       .arg = way };
	set_memory(c, memory);
	gm_case_add(c);
}

static void generate_ways(void)
{
	for (const struct way_op *op = way_ops; op->name; op++)
		for (unsigned int m = RACE_P1; m <= RACE_SHARED; m <<= 1) {
#ifndef __x86_64__
			if (m != RACE_P1)
				continue;
#endif
			if (op->memory & m)
				add_way(op, m);
		}
}
GM_GENERATE(generate_ways)
