// SPDX-License-Identifier: GPL-2.0-only
/* The memory under test of a matrix case: pages with different histories. */
#include <sys/mman.h>

#include "case.h"
#include "check.h"
#include "fixture.h"
#include "pagemap.h"
#include "stage.h"

const struct gm_window gm_windows[] = { { "touched by the guest", 16, 4, GM_TOUCHED, true },
					{ "never touched", 0, 4, GM_UNTOUCHED, true },
					{ "allocated, never touched", 96, 4, GM_ALLOCATED, false },
					{ "punched", 64, 4, GM_PUNCHED, false },
					{ "punched and touched again", 80, 4, GM_AGAIN, true },
					{ "around 2 MiB", 510, 4, GM_TOUCHED, false },
					{ "the file's last", 1020, 4, GM_TOUCHED, false },
					{ "written by the host before", 128, 4, GM_HOST_WROTE,
					  true },
					{ "read by the host before", 144, 4, GM_HOST_READ, false },
					{ "held by the host before", 160, 4, GM_HOST_HELD, false },
					{ 0 } };

/* The pages that the guest writes: windows and the pages around them. */
static const struct {
	unsigned int first, nr;
} filled[] = {
	{ 12, 12 },  { 60, 28 },  { GM_BORDER + GM_BORDER_SHARED, GM_BORDER_PRIVATE },
	{ 506, 12 }, { 1016, 8 },
};

static struct {
	enum gm_writer writer;
	uint8_t gen[GM_STAGE_PAGES]; /* 0: zero */
} model;

bool gm_window_of(const struct gm_window *w, const struct gm_stage *s)
{
	if (w->how >= GM_HOST_WROTE)
		return s->before;
	return w->how == GM_UNTOUCHED || w->how == GM_TOUCHED || !s->state->huge_2m;
}

bool gm_window_filled(const struct gm_window *w)
{
	return w->how == GM_TOUCHED || w->how == GM_AGAIN || w->how == GM_HOST_WROTE ||
	       w->how == GM_HOST_HELD;
}

bool gm_stage_shared_page(const struct gm_stage *s, unsigned int page)
{
	unsigned int i = page - GM_BORDER;

	return s->border && i < 2 * GM_BORDER_SHARED + GM_BORDER_PRIVATE &&
	       i - GM_BORDER_SHARED >= GM_BORDER_PRIVATE;
}

uint64_t gm_stage_word(unsigned int page, unsigned int w)
{
	if (!model.gen[page])
		return 0;
	return gm_word(GM_BASE / GM_PAGE_SIZE + page, model.writer, model.gen[page], w);
}

enum gm_writer gm_stage_writer(const struct gm_stage *s)
{
	bool host_may = s->state->class == GM_CLASS_SHARED ||
			s->state->class == GM_CLASS_READ_ONLY ||
			s->state->class == GM_CLASS_NO_ACCESS;

	return host_may && !s->split ? GM_WRITER_SHARED : GM_WRITER_SECRET;
}

struct gm_page gm_stage_page(struct gm_stage *s, unsigned int page)
{
	struct gm_page p = gm_vm_page(s->vm, GM_BASE + page * GM_PAGE_SIZE);

	if (s->hva)
		p.hva = GM_AT((uintptr_t)s->hva + page * GM_PAGE_SIZE);
	return p;
}

/* The guest fills or checks [from, to), with one operation per run of pages of one generation. */
static void for_runs(struct gm_stage *s, unsigned int from, unsigned int to, uint32_t code,
		     const char *when)
{
	struct gm_op op[GM_MBOX_OPS];
	unsigned int n = 0, i = from;

	while (i < to) {
		unsigned int first = i;

		while (i < to && model.gen[i] == model.gen[first])
			i++;
		if (model.gen[first])
			op[n++] = (struct gm_op){ .code = code,
						  .writer = model.writer,
						  .gen = model.gen[first],
						  .nr = i - first,
						  .addr = GM_BASE + first * GM_PAGE_SIZE };
		if (!n || s->mute || (n < GM_MBOX_OPS && i < to))
			continue;
		gm_run(s->vm, 0, op, n);
		for (unsigned int k = 0; k < n && code == GM_OP_CHECK; k++) {
			struct gm_page page = gm_vm_page(s->vm, op[k].bad_addr & ~0xfffUL);

			GM_EXPECT_AT(
				&page, !op[k].bad,
				"%s: the guest's data has changed: %lu words, the first at %#lx: expected %s, observed %s",
				when, op[k].bad, op[k].bad_addr, gm_word_str(op[k].expected),
				gm_word_str(op[k].observed));
		}
		n = 0;
	}
}

void gm_stage_check_pages(struct gm_stage *s, unsigned int first, unsigned int nr, const char *when)
{
	for_runs(s, first, first + nr, GM_OP_CHECK, when);
}

void gm_stage_check(struct gm_stage *s, const char *when)
{
	gm_stage_check_pages(s, 0, GM_STAGE_PAGES, when);
}

void gm_stage_refill(struct gm_stage *s, unsigned int first, unsigned int nr)
{
	for (unsigned int i = first; i < first + nr; i++)
		if (!model.gen[i])
			model.gen[i] = 3;
	if (s->class != GM_CLASS_PRIVATE || !s->mute)
		for_runs(s, first, first + nr, GM_OP_FILL, "");
}

void gm_stage_forget(unsigned int first, unsigned int nr)
{
	memset(model.gen + first, 0, nr);
}

void gm_stage_check_zero(struct gm_stage *s)
{
	if (s->mute)
		return;
	gm_for_windows(w, s)
	{
		if (gm_window_filled(w))
			continue;
		for (unsigned int i = w->first; i < w->first + w->nr; i++)
			if (!model.gen[i])
				gm_guest_check_zero(s->vm, 0, GM_BASE + i * GM_PAGE_SIZE, 1,
						    "a page that was never written");
	}
}

void gm_stage_check_unmapped(struct gm_stage *s)
{
	uint64_t e[GM_STAGE_PAGES];

	if (!gm_pagemap_read(s->hva, GM_STAGE_PAGES, e)) {
		gm_note("/proc/self/pagemap: %s: not checked whether private pages are mapped",
			gm_errno_name(errno));
		return;
	}
	for (unsigned int i = 0; i < GM_STAGE_PAGES; i++) {
		struct gm_page page = gm_stage_page(s, i);

		if (gm_stage_shared_page(s, i))
			continue;
		if (!GM_EXPECT_AT(&page, !(e[i] & (GM_PAGEMAP_PRESENT | GM_PAGEMAP_SWAPPED)),
				  "a private page is in the host's page tables: pagemap %#lx",
				  e[i]))
			break;
	}
}

/*
 * A KVM without VT-x or SVM may emulate the guest's loads and stores by the host's mapping, which
 * has no private memory. Then the guest cannot write its private pages, and its data is not
 * checked.
 */
static void probe_guest_access(struct gm_stage *s)
{
	struct gm_op op = { .code = GM_OP_WRITE, .addr = GM_BASE + 12 * GM_PAGE_SIZE, .val = 1 };
	struct gm_exit ex;

	if (s->mute || !s->hva || s->class != GM_CLASS_PRIVATE ||
	    __gm_run(s->vm, 0, &op, 1, &ex, NULL))
		return;
	if (ex.ret || ex.reason != KVM_EXIT_MMIO) {
		GM_FAIL("the guest cannot access its own memory: %s", gm_exit_str(&ex));
		gm_end();
	}
	gm_note("this KVM emulates the guest's accesses by the host's mapping: the guest has no private data, and it is not checked");
	s->mute = true;
}

/* Runs probes that pin or lock the pages; they have dropped their references when they return. */
static void hold(struct gm_access *a)
{
	static const char *const by[] = { "write", "process_vm_readv", "mlock", "gup_hold_write" };

	a->buf = gm_matrix_buf(a->len);
	for (size_t i = 0; i < sizeof(by) / sizeof(*by); i++) {
		struct gm_outcome o;

		a->probe = gm_probe_find(by[i]);
		if (!gm_matrix_needs(a->probe->needs |
				     (a->probe->flags & GM_ACC_ROOT ? GM_NEEDS(ROOT) : 0)))
			continue;
		o = gm_access_run(a);
		/* A kernel that refuses GUP of guest_memfd (P5) does not pin. */
		if (o.sig || o.ret < 0)
			gm_note("%s of shared pages: %s", by[i], gm_outcome_str(&o));
	}
	munmap(a->buf, a->len);
}

/* Accesses by the host to shared pages, which must have no effect when they are private later. */
static void host_before(struct gm_stage *s)
{
	gm_for_windows(w, s)
	{
		struct gm_access a = { .hva = s->hva + w->first * GM_PAGE_SIZE,
				       .len = w->nr * GM_PAGE_SIZE,
				       .fd = s->gmem,
				       .off = w->first * GM_PAGE_SIZE };

		if (w->how == GM_HOST_READ)
			for (unsigned int i = 0; i < w->nr; i++)
				(void)*(volatile uint8_t *)(a.hva + i * GM_PAGE_SIZE);
		if (w->how != GM_HOST_WROTE && w->how != GM_HOST_HELD)
			continue;
		gm_host_fill(a.hva, GM_BASE / GM_PAGE_SIZE + w->first, w->nr, model.writer, 4);
		memset(model.gen + w->first, 4, w->nr);
		if (w->how == GM_HOST_HELD)
			hold(&a);
	}
}

void gm_stage_open(struct gm_stage *s, const struct gm_state *state)
{
	*s = (struct gm_stage){
		.state = state, .class = state->class, .gmem = -1, .prot = PROT_READ | PROT_WRITE
	};
	state->open(s);
	model.writer = gm_stage_writer(s);
	gm_vm_map(s->vm, GM_BASE, GM_STAGE_PAGES * GM_PAGE_SIZE, GM_2M);
	probe_guest_access(s);
	for (size_t i = 0; i < sizeof(filled) / sizeof(*filled); i++) {
		if (s->mute)
			gm_gmem_allocate(s->gmem, filled[i].first * GM_PAGE_SIZE,
					 filled[i].nr * GM_PAGE_SIZE);
		memset(model.gen + filled[i].first, 1, filled[i].nr);
	}
	for_runs(s, 0, GM_STAGE_PAGES, GM_OP_FILL, "");
	if (s->before && s->hva)
		host_before(s);
	if (state->convert)
		state->convert(s);
	gm_for_windows(w, s)
	{
		uint64_t off = w->first * GM_PAGE_SIZE, len = w->nr * GM_PAGE_SIZE;

		if (w->how == GM_ALLOCATED)
			gm_gmem_allocate(s->gmem, off, len);
		if (w->how != GM_PUNCHED && w->how != GM_AGAIN)
			continue;
		gm_gmem_punch(s->gmem, off, len);
		if (s->mute && w->how == GM_AGAIN)
			gm_gmem_allocate(s->gmem, off, len);
		memset(model.gen + w->first, w->how == GM_AGAIN ? 2 : 0, w->nr);
		for_runs(s, w->first, w->first + w->nr, GM_OP_FILL, "");
	}
}

static void close_fixture(struct gm_stage *s)
{
	gm_fixture_free(s->own);
	s->vm = NULL;
	s->hva = NULL;
	s->gmem = -1;
}

void gm_stage_use(struct gm_stage *s, struct gm_fixture *w)
{
	s->vm = w->vm;
	s->gmem = w->gmem;
	s->hva = w->hva;
	s->own = w;
	s->close = close_fixture;
}

void gm_stage_close(struct gm_stage *s)
{
	if (s->close)
		s->close(s);
	if (s->hva)
		munmap(s->hva, GM_STAGE_PAGES * GM_PAGE_SIZE);
	if (s->vm)
		gm_vm_free(s->vm);
	if (s->gmem >= 0)
		close(s->gmem);
}
