// SPDX-License-Identifier: GPL-2.0-only
/* One page is converted and no other changes, at every 4 KiB offset: conv.any_offset. */
#include "conv/conv.h"

GM_FILE(.clause = "conv.any_offset", .providers = GM_PROVIDERS_HUGE)

/*
 * Converts each of n pages that the batch owns alone, checks it, writes it, and converts it back;
 * after each step checks pages near and far. The order is scattered (n is a power of two, the step
 * is odd), so that the next page does not hide an error of the last one.
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

/* Converts all pages in one order, and back in another, through many mixtures. */
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

struct one_page {
	enum gm_mem_kind mem;
	bool from_private; /* all pages are private at first */
	bool by_host;	   /* the VMM converts, not the guest */
};

GM_CASES(each_page, struct one_page, v)
{
	struct gm_fixture *w = GM_FIXTURE(.size = 3 * GM_2M, .mem = v->mem);
	struct gm_batch s;

	start_from(w, v->from_private);
	gm_batch_init(&s, w, 0);
	there_and_back(&s, GFN(w->gpa) + 512, 512, !v->from_private, v->by_host);
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}
GM_ROW(each_page, to_private, .name = "conv.any_offset.each_page.to_private",
       .text = "every page of 2 MiB alone to private and back: only that page changes",
       .flags = GM_FULL_ONLY) = { .mem = GM_MEM_ANON };
GM_ROW(each_page, to_shared, .name = "conv.any_offset.each_page.to_shared",
       .text = "every page of a private 2 MiB alone to shared and back",
       .flags = GM_FULL_ONLY) = { .mem = GM_MEM_ANON, .from_private = true };
GM_ROW(each_page, by_host, .name = "conv.any_offset.each_page.by_host",
       .text = "the same by the VMM's own ioctl",
       .flags = GM_FULL_ONLY) = { .mem = GM_MEM_ANON, .by_host = true };
GM_ROW(each_page, on_thp, .name = "conv.any_offset.each_page.thp",
       .text = "every page of a transparent huge page alone to private and back") = {
	.mem = GM_MEM_THP,
};
GM_ROW(each_page, from_thp, .name = "conv.any_offset.each_page.thp_to_shared",
       .text = "every page of a private 2 MiB over a transparent huge page to shared and back") = {
	.mem = GM_MEM_THP,
	.from_private = true,
};

struct mixture {
	enum gm_mem_kind mem;
};

GM_CASES(mixtures, struct mixture, v)
{
	struct gm_fixture *w = GM_FIXTURE(.size = 3 * GM_2M, .mem = v->mem);
	struct gm_batch s;

	start_from(w, false);
	gm_batch_init(&s, w, 0);
	one_by_one(&s, GFN(w->gpa) + 512, 512, true, false);
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}
GM_ROW(mixtures, mixtures_anon, .name = "conv.any_offset.mixtures",
       .text = "512 pages to private one by one, and back in another order",
       .flags = GM_FULL_ONLY) = { .mem = GM_MEM_ANON };
GM_ROW(mixtures, mixtures_thp, .name = "conv.any_offset.mixtures.thp",
       .text = "512 pages over a transparent huge page to private one by one, and back") = {
	.mem = GM_MEM_THP,
};

struct threads {
	struct gm_fixture *w;
	bool same, part;
};

static void convert_thread(unsigned int v, void *arg)
{
	struct threads *t = arg;
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
	/* Four vCPUs are slow: with `part` each converts only a quarter of its 2 MiB. */
	one_by_one(&s, s.lo + (t->part ? v * 128 : 0), t->part ? 128 : 512, true, v & 1);
}

struct crew {
	unsigned int vcpus;
	bool same; /* all of them in one 2 MiB */
	bool part; /* each in a quarter of its 2 MiB only */
};

GM_CASES(together, struct crew, v)
{
	unsigned int nr = v->vcpus;
	struct threads t = { .same = v->same, .part = v->part };

	t.w = GM_FIXTURE(.size = t.same ? GM_2M : nr * GM_2M, .vcpus = nr, .mem = GM_MEM_THP);
	start_from(t.w, false);
	gm_parallel(nr, convert_thread, &t);
	gm_fixture_check_all(t.w, nr - 1, "at the end");
	gm_fixture_free(t.w);
}
GM_ROW(together, separate_2, .name = "conv.any_offset.vcpus_2.separate",
       .text = "two vCPUs, each all pages of its own 2 MiB",
       .flags = GM_FULL_ONLY) = { .vcpus = 2 };
GM_ROW(together, separate_4, .name = "conv.any_offset.vcpus_4.separate",
       .text = "four vCPUs, each all pages of a quarter of its own 2 MiB",
       .flags = GM_FULL_ONLY) = { .vcpus = 4, .part = true };
GM_ROW(together, separate_4_all, .name = "conv.any_offset.vcpus_4.separate_all",
       .text = "four vCPUs, each all pages of its own 2 MiB",
       .flags = GM_FULL_ONLY) = { .vcpus = 4 };
GM_ROW(together, same_2, .name = "conv.any_offset.vcpus_2.same",
       .text = "two vCPUs, every other page of one 2 MiB each",
       .flags = GM_FULL_ONLY) = { .vcpus = 2, .same = true };
GM_ROW(together, same_4, .name = "conv.any_offset.vcpus_4.same",
       .text = "four vCPUs, every fourth page of one 2 MiB each") = { .vcpus = 4, .same = true };

struct border {
	uint64_t size; /* of the huge page that ends there, bytes */
};

/* Converts three pages on either side of each border of `size`, alone and as a pair over it. */
GM_CASES(borders, struct border, v)
{
	uint64_t size = v->size, count = size == GM_1G ? 3 : 5;
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
GM_ROW(borders, borders_2m, .name = "conv.any_offset.borders_2m",
       .text = "three pages on either side of 2 MiB borders") = { .size = GM_2M };
GM_ROW(borders, borders_1g, .name = "conv.any_offset.borders_1g", .providers = GM_PROVIDERS_X86,
       .text = "three pages on either side of 1 GiB borders") = { .size = GM_1G };

struct edge {
	bool last_gfn; /* the last pages that the guest can address; else below 4 GiB */
};

/* Converts the last pages below GM_BASE, or the last that the guest can address. */
GM_CASES(edge, struct edge, v)
{
	struct gm_fixture *w = GM_FIXTURE(.size = 4 * GM_2M, .no_slot = true, .no_map = true);
	uint64_t gpa, n = 16, at;
	struct gm_batch s;

	/* The fixture and its model get another gpa. */
	gpa = v->last_gfn ? GPA(w->vm->kvm->max_gfn + 1) - n * GM_PAGE_SIZE : 0;
	if (!v->last_gfn) {
		/* The framework's own memory begins at 0; pages just below GM_BASE are free. */
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
GM_ROW(edge, edge_below_4g, .name = "conv.any_offset.edge.below_4g",
       .text = "the last pages below 4 GiB, one by one") = { .last_gfn = false };
GM_ROW(edge, edge_last_gfn, .name = "conv.any_offset.edge.last_gfn",
       .text = "the last pages that the guest can address, one by one") = { .last_gfn = true };
