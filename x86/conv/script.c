// SPDX-License-Identifier: GPL-2.0-only
/* Scripts: what one vCPU does, in batches, each read judged by what the model said then. */
#include "conv.h"

void script_init(struct script *s, struct world *w, unsigned int v)
{
	s->w = w;
	s->v = v;
	s->nr = 0;
	s->lo = gm_model_first(w->model);
	s->hi = s->lo + gm_model_npages(w->model);
	s->block = 1;
	s->share = 1;
	s->turn = 0;
	s->now = (struct script_note){};
}

bool script_owns(const struct script *s, uint64_t gfn)
{
	return gfn >= s->lo && gfn < s->hi && gfn / s->block % s->share == s->turn;
}

static struct gm_op *queue(struct script *s)
{
	if (s->nr == GM_MBOX_OPS)
		script_flush(s);
	s->note[s->nr] = s->now;
	return &s->op[s->nr++];
}

void script_convert(struct script *s, uint64_t gfn, uint64_t n, bool to_private, bool by_host)
{
	s->now = (struct script_note){ gfn, n, to_private, s->now.step + 1, s->now.when };
	if (by_host) {
		script_flush(s);
		world_convert(s->w, gfn, n, to_private);
		return;
	}
	*queue(s) = (struct gm_op){
		.code = GM_OP_MAP_GPA,
		.addr = GPA(gfn),
		.nr = n,
		.val = to_private ? GM_MAP_PRIVATE : GM_MAP_SHARED,
	};
	gm_model_convert(s->w->model, gfn, n, to_private);
}

void script_fill(struct script *s, uint64_t gfn, uint64_t n, unsigned int stride)
{
	unsigned int gen = world_gen(s->w);

	/* One operation per run of one state: the half is part of what is written. */
	while (n) {
		bool private = gm_model_private(s->w->model, gfn);
		enum gm_half half = private ? GM_HALF_PRIVATE : GM_HALF_SHARED;
		uint64_t run = 1;

		while (run < n && gm_model_private(s->w->model, gfn + run) == private)
			run++;
		*queue(s) = (struct gm_op){
			.code = GM_OP_FILL,
			.addr = GPA(gfn),
			.nr = run,
			.half = half,
			.gen = gen,
			.stride = stride,
		};
		gm_model_guest_wrote(s->w->model, gfn, run, half, gen, stride);
		gfn += run;
		n -= run;
	}
}

void script_check(struct script *s, uint64_t gfn, uint64_t n, unsigned int stride)
{
	while (n) {
		struct gm_content c = gm_model_guest(s->w->model, gfn);
		uint64_t run = gm_model_run(s->w->model, gfn, n);

		*queue(s) = (struct gm_op){
			.code = c.half ? GM_OP_CHECK : GM_OP_CHECK_ZERO,
			.addr = GPA(gfn),
			.nr = run,
			.half = c.half,
			.gen = c.gen,
			.stride = c.stride > stride ? c.stride : stride,
		};
		gfn += run;
		n -= run;
	}
}

void script_check_suspects(struct script *s, uint64_t gfn, uint64_t n)
{
	uint64_t suspect[GM_MODEL_SUSPECTS];
	size_t nr = gm_model_suspects(s->w->model, gfn, n, suspect);

	for (size_t i = 0; i < nr; i++)
		if (script_owns(s, suspect[i]))
			script_check(s, suspect[i], 1, 1);
	/* Where the neighbours are somebody else's: the nearest of our own. */
	for (uint64_t d = s->share * s->block; s->share > 1 && d <= 512; d *= 2) {
		if (script_owns(s, gfn - d))
			script_check(s, gfn - d, 1, 1);
		if (script_owns(s, gfn + n - 1 + d))
			script_check(s, gfn + n - 1 + d, 1, 1);
	}
}

static void judge(struct script *s, unsigned int i)
{
	struct script_note *note = &s->note[i];
	const char *to = note->to_private ? "private" : "shared";
	struct gm_op *op = &s->op[i];
	struct gm_page page;

	gm_checked();
	if (op->code == GM_OP_MAP_GPA && op->ret) {
		page = gm_vm_page(s->w->vm, op->addr);
		GM_FAIL_AT(&page, "step %u: %lu pages to %s: the guest got %ld, expected 0",
			   note->step, op->nr, to, op->ret);
	}
	if (op->code != GM_OP_CHECK && op->code != GM_OP_CHECK_ZERO)
		return;
	if (!op->bad)
		return;
	page = gm_vm_page(s->w->vm, op->bad_addr & ~(GM_PAGE_SIZE - 1));
	GM_FAIL_AT(
		&page,
		"%s%sstep %u (%lu pages from gfn %#lx to %s): vCPU %u read %lu wrong words in %lu pages, the first at %#lx: expected %s, observed %s",
		note->when ?: "", note->when ? ": " : "", note->step, note->n, note->gfn, to, s->v,
		op->bad, op->nr, op->bad_addr, gm_word_str(op->expected),
		gm_word_str(op->observed));
}

void script_flush(struct script *s)
{
	unsigned long before = gm_failures();

	if (!s->nr)
		return;
	gm_run(s->w->vm, s->v, s->op, s->nr);
	for (unsigned int i = 0; i < s->nr; i++)
		judge(s, i);
	s->nr = 0;
	/* What is mapped wrongly is not to be written: that could be the end of the machine. */
	if (gm_failures() > before)
		gm_end();
}
