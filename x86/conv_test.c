// SPDX-License-Identifier: GPL-2.0-only
/* One page is converted and no other changes, at every 4 KiB offset: conv.any_offset. */
#include "conv/conv.h"

#define OFFSET_CASE(fn, id, what, about, ...)                                                      \
	GM_VARIANT(fn, id, .name = "conv.any_offset." what, .clause = "conv.any_offset",           \
		   .text = about, .providers = GM_PROVIDERS_X86, __VA_ARGS__)

enum how { FROM_PRIVATE = 1, ON_THP = 2, BY_HOST = 4, SAME_2M = 8, PART_2M = 16 };

/*
 * Each of n pages that the case owns is converted alone, looked at, written, and converted
 * back; its neighbours near and far are looked at after each. The order jumps about (n is a power
 * of two, the step odd), so that what a page before left behind is not what the next hides behind.
 */
static void there_and_back(struct gm_batch *s, uint64_t first, uint64_t n, bool away, bool by_host)
{
	for (uint64_t i = 0; i < n; i++) {
		uint64_t gfn = first + i * 307 % n;

		if (!gm_batch_owns(s, gfn))
			continue;
		gm_batch_convert(s, gfn, 1, away, by_host);
		gm_batch_check(s, gfn, 1, 1);
		gm_batch_fill(s, gfn, 1, 1);
		gm_batch_check_suspects(s, gfn, 1);
		gm_batch_convert(s, gfn, 1, !away, by_host);
		gm_batch_check_suspects(s, gfn, 1);
		gm_batch_fill(s, gfn, 1, 1);
	}
	gm_batch_flush(s);
}

/* All pages one way, in one order, and back in another: every mixture on the way. */
static void one_by_one(struct gm_batch *s, uint64_t first, uint64_t n, bool away, bool by_host)
{
	static const unsigned int step[2] = { 307, 131 };

	for (int pass = 0; pass < 2; pass++) {
		for (uint64_t i = 0; i < n; i++) {
			uint64_t gfn = first + i * step[pass] % n;

			if (!gm_batch_owns(s, gfn))
				continue;
			gm_batch_convert(s, gfn, 1, away ^ pass, by_host);
			gm_batch_check(s, gfn, 1, 1);
			gm_batch_fill(s, gfn, 1, 1);
			gm_batch_check_suspects(s, gfn, 1);
		}
	}
	gm_batch_flush(s);
}

static void start_from(struct gm_fixture *w, bool private)
{
	uint64_t first = GFN(w->gpa), all = PAGES(w->size);
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, first, all, 1);
	if (private) {
		gm_batch_convert(&s, first, all, true, false);
		gm_batch_fill(&s, first, all, 1);
	}
	gm_batch_flush(&s);
}

static void each_page(const struct gm_case *self)
{
	struct gm_fixture *w =
		GM_FIXTURE(.size = 3 * GM_2M, .mem = self->val & ON_THP ? GM_MEM_THP : GM_MEM_ANON);
	struct gm_batch s;

	start_from(w, self->val & FROM_PRIVATE);
	gm_batch_init(&s, w, 0);
	there_and_back(&s, GFN(w->gpa) + 512, 512, !(self->val & FROM_PRIVATE),
		       self->val & BY_HOST);
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}
OFFSET_CASE(each_page, to_private, "each_page.to_private",
	    "every page of 2 MiB alone to private and back: it changes, no other",
	    .flags = GM_FULL_ONLY)
OFFSET_CASE(each_page, to_shared, "each_page.to_shared",
	    "every page of a private 2 MiB alone to shared and back", .val = FROM_PRIVATE,
	    .flags = GM_FULL_ONLY)
OFFSET_CASE(each_page, by_host, "each_page.by_host", "the same by the VMM's own ioctl",
	    .val = BY_HOST, .flags = GM_FULL_ONLY)
OFFSET_CASE(each_page, on_thp, "each_page.thp",
	    "every page of a transparent huge page alone to private and back", .val = ON_THP)
OFFSET_CASE(each_page, from_thp, "each_page.thp_to_shared",
	    "every page of a private 2 MiB over a transparent huge page to shared and back",
	    .val = ON_THP | FROM_PRIVATE)

static void mixtures(const struct gm_case *self)
{
	struct gm_fixture *w =
		GM_FIXTURE(.size = 3 * GM_2M, .mem = self->val & ON_THP ? GM_MEM_THP : GM_MEM_ANON);
	struct gm_batch s;

	start_from(w, false);
	gm_batch_init(&s, w, 0);
	one_by_one(&s, GFN(w->gpa) + 512, 512, true, self->val & BY_HOST);
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}
OFFSET_CASE(mixtures, mixtures_anon, "mixtures",
	    "512 pages to private one by one, and back in another order", .flags = GM_FULL_ONLY)
OFFSET_CASE(mixtures, mixtures_thp, "mixtures.thp",
	    "512 pages over a transparent huge page to private one by one, and back", .val = ON_THP)

struct team {
	struct gm_fixture *w;
	bool same, part;
};

static void team_member(unsigned int v, void *arg)
{
	struct team *t = arg;
	struct gm_fixture *w = t->w;
	struct gm_batch s;

	gm_batch_init(&s, w, v);
	if (t->same) {
		s.share = w->vm->vcpus;
		s.turn = v;
		one_by_one(&s, GFN(w->gpa), 512, true, v & 1);
		return;
	}
	s.lo = GFN(w->gpa) + v * 512;
	s.hi = s.lo + 512;
	/* Four at once take their time: in the quick profile each has a quarter of its 2 MiB. */
	one_by_one(&s, s.lo + (t->part ? v * 128 : 0), t->part ? 128 : 512, true, v & 1);
}

static void together(const struct gm_case *self)
{
	unsigned int nr = self->val & 7;
	struct team t = { .same = self->val & SAME_2M, .part = self->val & PART_2M };

	t.w = GM_FIXTURE(.size = t.same ? GM_2M : nr * GM_2M, .vcpus = nr, .mem = GM_MEM_THP);
	start_from(t.w, false);
	gm_parallel(nr, team_member, &t);
	gm_fixture_check_all(t.w, nr - 1, "at the end");
	gm_fixture_free(t.w);
}
OFFSET_CASE(together, separate_2, "vcpus_2.separate",
	    "two vCPUs, each every page of a 2 MiB of its own", .val = 2, .flags = GM_FULL_ONLY)
OFFSET_CASE(together, separate_4, "vcpus_4.separate",
	    "four vCPUs, each every page of another quarter of a 2 MiB of its own",
	    .val = 4 | PART_2M, .flags = GM_FULL_ONLY)
OFFSET_CASE(together, separate_4_all, "vcpus_4.separate_all",
	    "four vCPUs, each every page of a 2 MiB of its own", .val = 4, .flags = GM_FULL_ONLY)
OFFSET_CASE(together, same_2, "vcpus_2.same", "two vCPUs, every other page of one 2 MiB each",
	    .val = 2 | SAME_2M, .flags = GM_FULL_ONLY)
OFFSET_CASE(together, same_4, "vcpus_4.same", "four vCPUs, every fourth page of one 2 MiB each",
	    .val = 4 | SAME_2M)

/* Three pages on either side of each border of `size`, alone and as a pair over the border. */
static void borders(const struct gm_case *self)
{
	uint64_t size = self->val, count = size == GM_1G ? 3 : 5;
	struct gm_fixture *w = GM_FIXTURE(.size = (count + 1) * size, .mem = GM_MEM_THP);
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	for (uint64_t b = 1; b <= count; b++) {
		uint64_t border = GFN(w->gpa + b * size);

		gm_batch_fill(&s, border - 4, 8, 1);
		for (uint64_t gfn = border - 3; gfn < border + 3; gfn++) {
			for (int to_private = 1; to_private >= 0; to_private--) {
				gm_batch_convert(&s, gfn, 1, to_private, gfn & 1);
				gm_batch_check_suspects(&s, gfn, 1);
				gm_batch_fill(&s, gfn, 1, 1);
			}
		}
		for (int to_private = 1; to_private >= 0; to_private--) {
			gm_batch_convert(&s, border - 1, 2, to_private, false);
			gm_batch_check_suspects(&s, border - 1, 2);
			gm_batch_fill(&s, border - 1, 2, 1);
		}
	}
	gm_batch_flush(&s);
	gm_fixture_check_each(w, 0, "at the end");
	gm_fixture_free(w);
}
OFFSET_CASE(borders, borders_2m, "borders_2m", "three pages on either side of 2 MiB borders",
	    .val = GM_2M)
OFFSET_CASE(borders, borders_1g, "borders_1g", "three pages on either side of 1 GiB borders",
	    .val = GM_1G)

/* The first page of the guest's memory, and the last that it can address. */
static void edge(const struct gm_case *self)
{
	struct gm_fixture *w = GM_FIXTURE(.size = 4 * GM_2M, .no_slot = true, .no_map = true);
	uint64_t gpa, n = 16, at;
	struct gm_batch s;

	/* A window of its own in the guest's mappings: the model's pages are where the slot is. */
	gpa = self->val ? GPA(w->vm->kvm->max_gfn + 1) - n * GM_PAGE_SIZE : 0;
	if (!self->val) {
		/* The framework's own memory begins at 0: what is free lies just below GM_BASE. */
		gpa = GM_BASE - n * GM_PAGE_SIZE;
	}
	gm_model_free(w->model);
	w->gpa = gpa;
	w->size = n * GM_PAGE_SIZE;
	w->model = gm_model_new(GFN(gpa), n, w->provider->content);
	gm_fixture_slot(w, GM_SLOT, gpa, w->size, 0);
	gm_vm_map(w->vm, gpa, w->size, GM_PAGE_SIZE);
	start_from(w, false);
	gm_batch_init(&s, w, 0);
	for (int to_private = 1; to_private >= 0; to_private--) {
		for (at = 0; at < n; at++) {
			gm_batch_convert(&s, GFN(gpa) + at, 1, to_private, at & 1);
			gm_batch_check(&s, GFN(gpa), n, 1);
			gm_batch_fill(&s, GFN(gpa) + at, 1, 1);
		}
	}
	gm_batch_flush(&s);
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}
OFFSET_CASE(edge, edge_below_4g, "edge.below_4g", "the last pages below 4 GiB, one by one",
	    .val = 0)
OFFSET_CASE(edge, edge_last_gfn, "edge.last_gfn",
	    "the last pages that the guest can address, one by one", .val = 1)
