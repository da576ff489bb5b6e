// SPDX-License-Identifier: GPL-2.0-only
/* The stress.* cases: a few programs of each mix, with seeds derived from the run's seed. */
#include "report.h"

GM_FILE(.clause = "stress.explained", .providers = GM_PROVIDERS_X86,
	.needs = GM_NEEDS(HYPERCALL_EXIT, TDP, PREFAULT), .caps = GM_CAPS_ALL, .timeout = 600)

struct plan {
	const char *mix, *layout;
	enum st_order order;
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

GM_CASES(run_plan, struct plan, plan)
{
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

	/* Programs pin shared pages: those of the file where it serves them. */
	if (self->provider != GM_PROVIDER_ATTRIBUTES)
		gm_need(GM_NEED_GMEM_GUP);
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

/* GM_TOKEN_HUGE: every program ends with a count of free huge pages, which others must not change. */
GM_ROW(run_plan, ordered_conv, .name = "stress.ordered.conversion", .clause = "stress.ordered",
       .text = "random conversions, accesses and holes, one at a time: exactly what the model says",
       .tokens = GM_TOKEN_HUGE) = {
	.mix = "conversion",
	.order = ST_ORDER_STRICT,
	.ops = 500,
	.seeds = 2,
	.vcpus = 2,
};
GM_ROW(run_plan, ordered_huge_file, .name = "stress.ordered.huge_file", .clause = "stress.ordered",
       .text = "conversions, accesses and pins in a file of huge pages, one at a time",
       .providers = GM_PROVIDERS(HUGE_FILE), .huge_2m = 16, .tokens = GM_TOKEN_HUGE) = {
	.mix = "conversion",
	.layout = "small",
	.order = ST_ORDER_STRICT,
	.ops = 500,
	.seeds = 2,
	.vcpus = 2,
};
GM_ROW(run_plan, races_huge_file, .name = "stress.explained.huge_file",
       .text = "the same by vCPUs and threads at the same time",
       .providers = GM_PROVIDERS(HUGE_FILE), .huge_2m = 16, .tokens = GM_TOKEN_HUGE) = {
	.mix = "pins",
	.layout = "small",
	.order = ST_ORDER_RACES,
	.ops = 500,
	.seeds = 2,
	.vcpus = 2,
};
GM_ROW(run_plan, ordered_odd, .name = "stress.ordered.odd_slots", .clause = "stress.ordered",
       .text = "the same over slots whose borders lie inside huge pages",
       .tokens = GM_TOKEN_HUGE) = {
	.mix = "lifecycle",
	.layout = "odd",
	.order = ST_ORDER_STRICT,
	.ops = 400,
	.seeds = 1,
	.vcpus = 2,
};
GM_ROW(run_plan, ordered_2m, .name = "stress.ordered.huge_2m", .clause = "stress.ordered",
       .text = "the same over 2 MiB pages", .huge_2m = 16) = {
	.mix = "hugepage",
	.layout = "huge_2m",
	.order = ST_ORDER_STRICT,
	.ops = 400,
	.seeds = 1,
	.vcpus = 2,
};
GM_ROW(run_plan, ordered_pins, .name = "stress.ordered.pins", .clause = "stress.ordered",
       .text = "pages that are pinned, mapped for a device, used by the host: EAGAIN for these, and no other",
       .providers = GM_PROVIDERS(INPLACE), .tokens = GM_TOKEN_HUGE) = {
	.mix = "pins",
	.layout = "odd",
	.order = ST_ORDER_STRICT,
	.ops = 500,
	.seeds = 2,
	.vcpus = 2,
};
GM_ROW(run_plan, races_pins, .name = "stress.explained.pins",
       .text = "the same, at the same time: EAGAIN if somebody else may have had the page",
       .providers = GM_PROVIDERS(INPLACE), .tokens = GM_TOKEN_HUGE) = {
	.mix = "pins",
	.layout = "anon",
	.order = ST_ORDER_RACES,
	.ops = 500,
	.seeds = 2,
	.vcpus = 2,
};
GM_ROW(run_plan, long_pins, .name = "stress.explained.pins_long",
       .text = "the same in any order, twelve programs", .providers = GM_PROVIDERS(INPLACE),
       .flags = GM_FULL_ONLY, .tokens = GM_TOKEN_HUGE) = {
	.mix = "pins",
	.ops = 1000,
	.seeds = 12,
};
GM_ROW(run_plan, ordered_huge, .name = "stress.ordered.huge_1g", .clause = "stress.ordered",
       .text = "the same over 1 GiB pages", .flags = GM_FULL_ONLY, .huge_1g = 2) = {
	.mix = "hugepage",
	.layout = "huge_1g",
	.order = ST_ORDER_STRICT,
	.ops = 800,
	.seeds = 2,
	.vcpus = 2,
};
GM_ROW(run_plan, races_conv, .name = "stress.explained.races",
       .text = "pairs that contend for a page, one walked across the other: some order explains all",
       .tokens = GM_TOKEN_HUGE) = {
	.mix = "conversion",
	.layout = "thp",
	.order = ST_ORDER_RACES,
	.ops = 500,
	.seeds = 2,
	.vcpus = 2,
};
GM_ROW(run_plan, free_conv, .name = "stress.explained.free",
       .text = "vCPUs and threads on their own: some order explains every read",
       .tokens = GM_TOKEN_HUGE) = {
	.mix = "conversion",
	.layout = "anon",
	.order = ST_ORDER_FREE,
	.ops = 600,
	.seeds = 1,
	.vcpus = 2,
};
GM_ROW(run_plan, long_memory, .name = "stress.ordered.memory_long", .clause = "stress.ordered",
       .text = "memory runs out in the middle: an operation happens whole or not at all",
       .flags = GM_FULL_ONLY, .tokens = GM_TOKEN_HUGE) = {
	.mix = "memory",
	.order = ST_ORDER_STRICT,
	.ops = 1000,
	.seeds = 8,
};
GM_ROW(run_plan, long_conv, .name = "stress.ordered.conversion_long", .clause = "stress.ordered",
       .text = "the same, twenty programs", .flags = GM_FULL_ONLY, .tokens = GM_TOKEN_HUGE) = {
	.mix = "conversion",
	.order = ST_ORDER_STRICT,
	.ops = 1500,
	.seeds = 20,
};
GM_ROW(run_plan, long_huge, .name = "stress.explained.hugepage_long",
       .text = "huge pages that come, go and split", .flags = GM_FULL_ONLY, .huge_2m = 16,
       .huge_1g = 2) = {
	.mix = "hugepage",
	.ops = 1000,
	.seeds = 16,
};
GM_ROW(run_plan, long_iommu, .name = "stress.explained.iommu_long",
       .text = "device mappings under conversions", .flags = GM_FULL_ONLY, .huge_2m = 16) = {
	.mix = "iommu",
	.ops = 1000,
	.seeds = 8,
};
GM_ROW(run_plan, long_life, .name = "stress.explained.lifecycle_long",
       .text = "slots, VMs and processes come and go", .flags = GM_FULL_ONLY,
       .tokens = GM_TOKEN_HUGE) = {
	.mix = "lifecycle",
	.ops = 1000,
	.seeds = 16,
};
GM_ROW(run_plan, long_all, .name = "stress.explained.everything_long", .text = "all of it",
       .flags = GM_FULL_ONLY, .tokens = GM_TOKEN_HUGE) = {
	.mix = "everything",
	.ops = 2000,
	.seeds = 12,
};

#define REPLAY "/extra/replay.gmops"

/* stress/shrink-lab boots the lab for this case, once for each candidate. */
GM_CASE(replay, .name = "stress.explained.replay",
	.text = "the program " REPLAY ", which the lab was given with LAB_EXTRA",
	.flags = GM_FULL_ONLY, .timeout = 300)
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
