// SPDX-License-Identifier: GPL-2.0-only
/* Batches of one vCPU. Each read is compared with the model's state when it was queued. */
#include "batch.h"

void gm_batch_init(struct gm_batch *s, struct gm_fixture *w, unsigned int v)
{
	s->w = w;
	s->v = v;
	s->nr = 0;
	s->lo = gm_model_first(w->model);
	s->hi = s->lo + gm_model_npages(w->model);
	s->block = 1;
	s->share = 1;
	s->turn = 0;
	s->now = (struct gm_batch_note){};
}

bool gm_batch_owns(const struct gm_batch *s, uint64_t gfn)
{
	return gfn >= s->lo && gfn < s->hi && gfn / s->block % s->share == s->turn;
}

static struct gm_op *queue(struct gm_batch *s)
{
	if (s->nr == GM_MBOX_OPS)
		gm_batch_flush(s);
	s->note[s->nr] = s->now;
	return &s->op[s->nr++];
}

void gm_batch_convert(struct gm_batch *s, uint64_t gfn, uint64_t n, bool to_private, bool by_host)
{
	s->now = (struct gm_batch_note){ gfn, n, to_private, s->now.step + 1, s->now.when };
	if (by_host) {
		gm_batch_flush(s);
		gm_fixture_convert(s->w, gfn, n, to_private);
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

void gm_batch_fill(struct gm_batch *s, uint64_t gfn, uint64_t n, unsigned int stride)
{
	unsigned int gen = gm_fixture_gen(s->w);

	/* One operation per run of pages in one state: the words that are written depend on it. */
	while (n) {
		bool private = gm_model_private(s->w->model, gfn);
		enum gm_writer writer = private ? GM_WRITER_PRIVATE : GM_WRITER_SHARED;
		uint64_t run = 1;

		while (run < n && gm_model_private(s->w->model, gfn + run) == private)
			run++;
		*queue(s) = (struct gm_op){
			.code = GM_OP_FILL,
			.addr = GPA(gfn),
			.nr = run,
			.writer = writer,
			.gen = gen,
			.stride = stride,
		};
		gm_model_guest_wrote(s->w->model, gfn, run, writer, gen, stride);
		gfn += run;
		n -= run;
	}
}

void gm_batch_touch(struct gm_batch *s, uint64_t gfn, uint64_t nr, uint64_t step)
{
	unsigned int gen = gm_fixture_gen(s->w);
	struct gm_op *op = NULL;

	for (uint64_t end = gfn + nr * step; gfn < end; gfn += step) {
		bool private = gm_model_private(s->w->model, gfn);
		enum gm_writer writer = private ? GM_WRITER_PRIVATE : GM_WRITER_SHARED;

		gm_model_guest_wrote(s->w->model, gfn, 1, writer, gen, GM_PAGE_WORDS);
		if (op && op->writer == writer) {
			op->nr++;
			continue;
		}
		op = queue(s);
		*op = (struct gm_op){
			.code = GM_OP_TOUCH_W,
			.addr = GPA(gfn),
			.nr = 1,
			.val = GPA(step),
			.writer = writer,
			.gen = gen,
		};
	}
}

void gm_batch_check(struct gm_batch *s, uint64_t gfn, uint64_t n, unsigned int stride)
{
	while (n) {
		struct gm_content c = gm_model_guest(s->w->model, gfn);
		uint64_t run = gm_model_run(s->w->model, gfn, n);

		*queue(s) = (struct gm_op){
			.code = c.writer ? GM_OP_CHECK : GM_OP_CHECK_ZERO,
			.addr = GPA(gfn),
			.nr = run,
			.writer = c.writer,
			.gen = c.gen,
			.stride = c.stride > stride ? c.stride : stride,
		};
		gfn += run;
		n -= run;
	}
}

void gm_batch_check_suspects(struct gm_batch *s, uint64_t gfn, uint64_t n)
{
	uint64_t suspect[GM_MODEL_SUSPECTS];
	size_t nr = gm_model_suspects(s->w->model, gfn, n, suspect);

	for (size_t i = 0; i < nr; i++)
		if (gm_batch_owns(s, suspect[i]))
			gm_batch_check(s, suspect[i], 1, 1);
	/* If the adjacent pages belong to another batch, the nearest ones of this batch. */
	for (uint64_t d = s->share * s->block; s->share > 1 && d <= 512; d *= 2) {
		if (gm_batch_owns(s, gfn - d))
			gm_batch_check(s, gfn - d, 1, 1);
		if (gm_batch_owns(s, gfn + n - 1 + d))
			gm_batch_check(s, gfn + n - 1 + d, 1, 1);
	}
}

static void check_result(struct gm_batch *s, unsigned int i)
{
	struct gm_batch_note *note = &s->note[i];
	const char *to = note->to_private ? "private" : "shared";
	struct gm_op *op = &s->op[i];
	struct gm_page page;
	char step[96] = "";

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
	if (note->n)
		snprintf(step, sizeof(step),
			 "step %u (%lu pages from gfn %#lx to %s): ", note->step, note->n,
			 note->gfn, to);
	GM_FAIL_AT(
		&page,
		"%s%s%svCPU %u read %lu wrong words in %lu pages, the first at %#lx: expected %s, observed %s",
		note->when ?: "", note->when ? ": " : "", step, s->v, op->bad, op->nr, op->bad_addr,
		gm_word_str(op->expected), gm_word_str(op->observed));
}

bool gm_batch_run(struct gm_batch *s)
{
	unsigned long before = gm_failures();

	if (!s->nr)
		return true;
	gm_run(s->w->vm, s->v, s->op, s->nr);
	for (unsigned int i = 0; i < s->nr; i++)
		check_result(s, i);
	s->nr = 0;
	return gm_failures() == before;
}

void gm_batch_flush(struct gm_batch *s)
{
	/* No more writes after a miss: through a wrong mapping they could crash the machine. */
	if (!gm_batch_run(s))
		gm_end();
}
