// SPDX-License-Identifier: GPL-2.0-only
/* The stress.* cases: a few programs of each mix, with seeds derived from the run's seed. */
#include "report.h"

struct plan {
	const char *mix, *layout;
	int order; /* 1 strict, 2 free, 3 races */
	uint32_t ops, seeds;
	unsigned int vcpus;
};

static void note_lines(const char *title, char *text)
{
	char *save, *line;

	gm_note("%s", title);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		gm_note("  %s", line);
}

static void note_prog(const char *title, const struct st_prog *p)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return;
	st_prog_write(p, f);
	fclose(f);
	note_lines(title, text);
	free(text);
}

static void failed(const struct plan *plan, struct st_prog *p, enum st_end end, struct st_result *r)
{
	static const char *const order[] = { "", "strict", "free", "races" };
	struct st_shrunk s;

	gm_note("again: gm-stress run --provider %s --profile %s --order %s --ops %u%s%s --seed %lu --seeds 1",
		gm_provider_name(p->head.provider), plan->mix, order[plan->order], plan->ops,
		plan->layout ? " --layout " : "", plan->layout ?: "", p->head.seed);
	if (end != ST_FAILED)
		GM_ERROR("seed %lu, layout %s: %s: %s", p->head.seed, p->head.layout,
			 st_end_name(end), r->text);
	GM_FAIL("seed %lu, layout %s: clause %s: %s", p->head.seed, p->head.layout, r->clause,
		r->text);
	if (!st_shrink(p, end, r, 15, 0, &s)) {
		gm_note("it did not fail again, so it is not shrunk");
		return;
	}
	gm_note("shrunk from %u to %u operations in %.0f s; fails %u of %u times: %s", s.from,
		p->nr, s.seconds, s.fails, s.of, r->text);
	if (p->nr <= 60)
		note_prog("the program:", p);
	if (r->has_page)
		note_lines("what happened to the page (clock, operation):", r->history);
}

static void run_plan(const struct gm_case *self)
{
	const struct plan *plan = self->arg;
	struct st_gen g = { .mix = plan->mix,
			    .provider = self->provider,
			    .layout = plan->layout,
			    .order = plan->order,
			    .ops = plan->ops,
			    .vcpus = plan->vcpus,
			    .seed = gm_seed() % 1000000000 };
	struct st_result *r = st_result_new();
	struct st_sum sum = {};
	struct st_prog p = {};
	char why[200];

	for (uint32_t i = 0; i < plan->seeds && !gm_failures(); i++, g.seed++) {
		enum st_end end;

		GM_SETUP(!st_gen(&g, &p, why, sizeof(why)), "%s", why);
		/* Before it runs: the kernel may die of it. */
		gm_note("seed %lu: %u operations, layout %s", g.seed, p.nr, p.head.layout);
		end = st_child_run(&p, r, 0);
		st_sum_add(&sum, &p, r);
		gm_checked();
		if (end == ST_SKIP)
			gm_skip("the platform lacks something", "%s", r->text);
		if (end != ST_HELD)
			failed(plan, &p, end, r);
	}
	gm_note("%lu operations, %lu conversions, %lu reads judged, %lu faults raced with a conversion",
		sum.ops, sum.conversions, sum.reads, sum.races);
	GM_EXPECT(sum.killed || sum.reads, "no read was judged");
	st_prog_free(&p);
	st_result_free(r);
}

#define NEEDS GM_NEEDS(HYPERCALL_EXIT, TDP, PREFAULT)

/*
 * GM_TOKEN_HUGE: every program ends with a count of free huge pages, which others must not change.
 */
#define STRESS(...) STRESS_OF(GM_PROVIDERS_X86, __VA_ARGS__)
#define STRESS_OF(who, id, c, what, about, flags_, huge2m, huge1g, ...)                            \
	static const struct plan plan_##id = { __VA_ARGS__ };                                      \
	GM_VARIANT(run_plan, id, .name = c "." what, .clause = c, .text = about, .providers = who, \
		   .needs = NEEDS, .arg = &plan_##id, .flags = flags_, .huge_2m = huge2m,          \
		   .huge_1g = huge1g, .tokens = GM_TOKEN_HUGE, .caps = GM_CAPS_ALL,                \
		   .timeout = 600)

STRESS(ordered_conv, "stress.ordered", "conversion",
       "random conversions, accesses and holes, one at a time: exactly what the model says", 0, 0,
       0, .mix = "conversion", .order = 1, .ops = 500, .seeds = 2, .vcpus = 2)
STRESS(ordered_odd, "stress.ordered", "odd_slots",
       "the same over slots whose borders lie inside huge pages", 0, 0, 0, .mix = "lifecycle",
       .layout = "odd", .order = 1, .ops = 400, .seeds = 1, .vcpus = 2)
STRESS(ordered_2m, "stress.ordered", "huge_2m", "the same over 2 MiB pages", 0, 16, 0,
       .mix = "hugepage", .layout = "huge_2m", .order = 1, .ops = 400, .seeds = 1, .vcpus = 2)
STRESS_OF(
	GM_PROVIDERS(INPLACE), ordered_pins, "stress.ordered", "pins",
	"pages that are pinned, mapped for a device, used by the host: EAGAIN for these, and no other",
	0, 0, 0, .mix = "pins", .layout = "odd", .order = 1, .ops = 500, .seeds = 2, .vcpus = 2)
STRESS_OF(GM_PROVIDERS(INPLACE), races_pins, "stress.explained", "pins",
	  "the same, at the same time: EAGAIN if somebody else may have had the page", 0, 0, 0,
	  .mix = "pins", .layout = "anon", .order = 3, .ops = 500, .seeds = 2, .vcpus = 2)
STRESS_OF(GM_PROVIDERS(INPLACE), long_pins, "stress.explained", "pins_long",
	  "the same in any order, twelve programs", GM_FULL_ONLY, 0, 0, .mix = "pins", .ops = 1000,
	  .seeds = 12)
STRESS(ordered_huge, "stress.ordered", "huge_1g", "the same over 1 GiB pages", GM_FULL_ONLY, 0, 2,
       .mix = "hugepage", .layout = "huge_1g", .order = 1, .ops = 800, .seeds = 2, .vcpus = 2)
STRESS(races_conv, "stress.explained", "races",
       "pairs that contend for a page, one walked across the other: some order explains all", 0, 0,
       0, .mix = "conversion", .layout = "thp", .order = 3, .ops = 500, .seeds = 2, .vcpus = 2)
STRESS(free_conv, "stress.explained", "free",
       "vCPUs and threads on their own: some order explains every read", 0, 0, 0,
       .mix = "conversion", .layout = "anon", .order = 2, .ops = 600, .seeds = 1, .vcpus = 2)
STRESS(long_memory, "stress.ordered", "memory_long",
       "memory runs out in the middle: an operation happens whole or not at all", GM_FULL_ONLY, 0,
       0, .mix = "memory", .order = 1, .ops = 1000, .seeds = 8)
STRESS(long_conv, "stress.ordered", "conversion_long", "the same, twenty programs", GM_FULL_ONLY, 0,
       0, .mix = "conversion", .order = 1, .ops = 1500, .seeds = 20)
STRESS(long_huge, "stress.explained", "hugepage_long", "huge pages that come, go and split",
       GM_FULL_ONLY, 16, 2, .mix = "hugepage", .ops = 1000, .seeds = 16)
STRESS(long_iommu, "stress.explained", "iommu_long", "device mappings under conversions",
       GM_FULL_ONLY, 16, 0, .mix = "iommu", .ops = 1000, .seeds = 8)
STRESS(long_life, "stress.explained", "lifecycle_long", "slots, VMs and processes come and go",
       GM_FULL_ONLY, 0, 0, .mix = "lifecycle", .ops = 1000, .seeds = 16)
STRESS(long_all, "stress.explained", "everything_long", "all of it", GM_FULL_ONLY, 0, 0,
       .mix = "everything", .ops = 2000, .seeds = 12)

#define REPLAY "/extra/replay.gmops"

/* stress/shrink-lab boots the lab for this case, once for each candidate. */
GM_CASE(replay, .name = "stress.explained.replay", .clause = "stress.explained",
	.text = "the program " REPLAY ", which the lab was given with LAB_EXTRA",
	.providers = GM_PROVIDERS_X86, .needs = NEEDS, .flags = GM_FULL_ONLY, .caps = GM_CAPS_ALL,
	.timeout = 300)
{
	struct st_result *r = st_result_new();
	struct st_prog p = {};
	FILE *f = fopen(REPLAY, "re");
	char why[200];
	enum st_end end;

	if (!f)
		gm_skip("no program to replay", "LAB_EXTRA=DIR with a file replay.gmops in it");
	GM_SETUP(!st_prog_read(&p, f, why, sizeof(why)), "%s: %s", REPLAY, why);
	fclose(f);
	if (p.head.provider != self->provider)
		gm_skip("the program is for another provider",
			"run stress.explained.replay of that provider");
	end = st_child_run(&p, r, 0);
	gm_checked();
	if (end != ST_FAILED && end != ST_HELD)
		GM_ERROR("%s: %s", st_end_name(end), r->text);
	if (end == ST_FAILED)
		GM_FAIL("clause %s: %s", r->clause, r->text);
	st_prog_free(&p);
	st_result_free(r);
}
