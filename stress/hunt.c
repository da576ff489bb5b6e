// SPDX-License-Identifier: GPL-2.0-only
/*
 * gm-stress hunt: runs a short program of every kind for each seed, until one fails. make mutants
 * STRESS=1 runs it for every planted defect. Leaves out kinds that fail for known findings of Linux
 * 7.3.
 */

#include "clock.h"
#include "report.h"
#include "soak.h"

static const struct {
	const char *mix, *layout, *weights;
	int order; /* 1 strict, 2 free, 3 races */
	uint32_t ops;
	unsigned int vcpus;
	unsigned int skip_providers; /* GM_PROVIDERS() for which it has nothing to do */
} kinds[] = {
	{ "conversion", "odd", NULL, 1, 500, 2 },
	{ "hugepage", "thp", NULL, 3, 500, 2 },
	{ "lifecycle", "odd", NULL, 1, 400, 2 },
	{ "conversion", "thp", NULL, 3, 600, 2 },
	{ "lifecycle", "thp", "refuse=250,badcall=15", 1, 400, 1 },
	{ "hugepage", "huge_1g", NULL, 1, 500, 2, GM_PROVIDERS(INPLACE) },
	{ "pins", "odd", NULL, 1, 500, 2, GM_PROVIDERS(ATTRIBUTES) },
	{ "pins", "anon", NULL, 3, 600, 2, GM_PROVIDERS(ATTRIBUTES) },
	{ "conversion", "anon", NULL, 2, 500, 3 },
	{ "iommu", "shmem", NULL, 1, 400, 2 },
	{ "hugepage", "huge_2m", NULL, 1, 400, 2, GM_PROVIDERS(INPLACE) },
	{ "pins", "shmem", NULL, 2, 500, 2, GM_PROVIDERS(ATTRIBUTES) },
	{ "memory", "anon", NULL, 1, 400, 1 },
	{ "everything", "shmem", "slot=0", 3, 500, 3 },
};

static void shrink(const struct st_soak *o, const struct st_prog *p, enum st_end end,
		   struct st_result *r, struct st_shrunk *shrunk)
{
	struct st_prog min = {};

	st_prog_copy(&min, p);
	if (st_shrink(&min, end, r, o->shrink_seconds, o->timeout_ms, shrunk))
		st_report_failure(o->out, p, &min, end, r, shrunk);
	else
		printf("it did not fail again, so it is not shrunk\n");
	st_prog_free(&min);
}

int st_hunt(const struct st_soak *o)
{
	static const char *const order[] = { "", "strict", "free", "races" };
	uint64_t seeds = o->seeds ?: 3, first = o->gen.seed ?: 1, ops = 0;
	struct st_result *r = st_result_new();
	struct st_prog p = {};
	double start = gm_now();
	char why[200];
	enum gm_provider_id provider = o->gen.provider;
	int ret = st_platform(&provider);

	if (ret)
		return ret;
	for (uint64_t s = first; s < first + seeds; s++) {
		for (unsigned int k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
			struct st_gen g = { .seed = s,
					    .mix = kinds[k].mix,
					    .provider = provider,
					    .layout = kinds[k].layout,
					    .weights = kinds[k].weights,
					    .order = kinds[k].order,
					    .ops = o->gen.ops ?: kinds[k].ops,
					    .vcpus = kinds[k].vcpus };
			struct st_shrunk shrunk = { .from = 0 };
			double began = gm_now();
			enum st_end end;

			if (kinds[k].skip_providers & 1U << provider)
				continue;
			GM_SETUP(!st_gen(&g, &p, why, sizeof(why)), "%s", why);
			st_soak_name(&p);
			end = st_child_run(&p, r, o->timeout_ms ?: 20000);
			if (end == ST_SKIP)
				continue;
			ops += r->done;
			printf("seed %lu, %s over %s, %s: %s, %u operations, %.1f s\n", s, g.mix,
			       g.layout, order[g.order], st_end_name(end), r->done,
			       gm_now() - began);
			fflush(stdout);
			if (end == ST_HELD)
				continue;
			st_report_failure(o->out, &p, NULL, end, r, &shrunk);
			/* One line with all results, for mutants/run. */
			printf("hunt: %s\t%s over %s, %s\t%lu\t%lu\t%.1f\t%s\t%s\n",
			       st_end_name(end), g.mix, g.layout, order[g.order], s, ops,
			       gm_now() - start, r->clause[0] ? r->clause : "-", r->text);
			if (o->shrink_seconds)
				shrink(o, &p, end, r, &shrunk);
			return 1;
		}
	}
	printf("hunt: held\t-\t%lu\t%lu\t%.1f\t-\t-\n", seeds, ops, gm_now() - start);
	st_prog_free(&p);
	st_result_free(r);
	return 0;
}
