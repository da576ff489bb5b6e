// SPDX-License-Identifier: GPL-2.0-only
/* A huge page is whole again when its last page is private, in every order: huge_file.rejoin. */
#include "huge_file.h"

GM_FILE(.clause = "huge_file.rejoin", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = HF_NEEDS | GM_NEEDS(GMEM_HUGE))

/* Touches the ends of the huge pages that the range is in, of its 2 MiB, and both sides of it. */
static void touch_around(struct hf_vm *h, uint64_t p, uint64_t n)
{
	uint64_t last = p + n - 1, end = h->n * h->in_one;
	const uint64_t at[] = { p / h->in_one * h->in_one,
				(last / h->in_one + 1) * h->in_one - 1,
				p / 512 * 512,
				(last / 512 + 1) * 512 - 1,
				p - 1,
				p,
				last,
				last + 1 };

	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
		if (at[i] < end)
			hf_write(h, 0, at[i], 1);
}

static void step(struct hf_vm *h, uint64_t p, uint64_t n, bool to_private)
{
	hf_convert(h, p, n, to_private);
	hf_expect(h, "pages %#lx+%#lx became %s", p, n, to_private ? "private" : "shared");
	touch_around(h, p, n);
	hf_expect(h, "pages %#lx+%#lx became %s, touched", p, n, to_private ? "private" : "shared");
}

/* Expects one entry for each huge page, after a touch of a page that no entry maps. */
static void expect_whole(struct hf_vm *h, const char *when)
{
	int64_t fixed;

	for (uint64_t huge = 0; huge < h->n; huge++) {
		hf_convert(h, huge * h->in_one + 3, 1, false);
		hf_convert(h, huge * h->in_one + 3, 1, true);
		hf_write(h, 0, huge * h->in_one + 3, 1);
	}
	hf_expect(h, "%s: all whole", when);
	fixed = h->now.fixed;
	gm_page_counts_expect(
		h->w->vm, &h->start,
		&(struct gm_page_counts){ .pages[GM_SIZE_2M] = h->page == GM_2M ? h->n : 0,
					  .pages[GM_SIZE_1G] = h->page == GM_1G ? h->n : 0,
					  .fixed = fixed },
		when);
}

struct size {
	uint64_t page;
	unsigned int nr; /* pages, or ranges, that are shared at the same time */
	unsigned int rounds;
};

/* Single pages of the second huge page: shared in one seeded order, private in another. */
GM_CASES(orders, struct size, v)
{
	struct hf_vm *h = hf_new(v->page, self->huge_1g ?: self->huge_2m, 1);
	uint64_t first = h->in_one * (h->n > 1), *at = calloc(v->nr, sizeof(*at));

	GM_SETUP(at, "out of memory");
	for (uint64_t huge = 0; huge < h->n; huge++)
		hf_write(h, 0, huge * h->in_one, 1);
	for (unsigned int round = 0; round < v->rounds && !gm_failures(); round++) {
		for (unsigned int i = 0; i < v->nr; i++) {
			do {
				at[i] = first + gm_fixture_random(h->w, h->in_one);
			} while (!h->private[at[i]]);
			step(h, at[i], 1, false);
		}
		for (unsigned int i = v->nr; i > 0; i--) {
			unsigned int j = gm_fixture_random(h->w, i);
			uint64_t p = at[j];

			at[j] = at[i - 1];
			step(h, p, 1, true);
			hf_check(h, p, 1, "private again");
		}
		/* The next touch of a page that is not mapped makes it whole. */
		hf_expect(h, "round %u: all private again", round);
	}
	expect_whole(h, "at the end");
	free(at);
	hf_free(h);
}
GM_ROW(orders, orders_2m, .name = "huge_file.rejoin.orders.2m", .huge_2m = 3,
       .text = "2 MiB pages: 40 seeded pages to shared and back in a seeded order, exact counts after each") = {
	.page = GM_2M, .nr = 40, .rounds = 3
};
GM_ROW(orders, orders_1g, .name = "huge_file.rejoin.orders.1g", .huge_1g = 2,
       .text = "1 GiB pages: 24 seeded pages to shared and back in a seeded order, the other GiB without one fault") = {
	.page = GM_1G, .nr = 24, .rounds = 1
};
GM_ROW(orders, orders_1g_long, .name = "huge_file.rejoin.orders_long.1g", .huge_1g = 3,
       .flags = GM_FULL_ONLY, .timeout = 300,
       .text = "1 GiB pages: 300 seeded pages, ten rounds") = { .page = GM_1G,
								.nr = 300,
								.rounds = 10 };

/* Two ranges become shared, and private again in either order: the remaining one keeps it split. */
static void pair(struct hf_vm *h, uint64_t a, uint64_t a_n, uint64_t b, uint64_t b_n)
{
	for (int order = 0; order < 2; order++) {
		step(h, a, a_n, false);
		step(h, b, b_n, false);
		step(h, order ? a : b, order ? a_n : b_n, true);
		step(h, order ? b : a, order ? b_n : a_n, true);
	}
}

GM_CASES(pairs, struct size, v)
{
	struct hf_vm *h = hf_new(v->page, self->huge_1g ?: self->huge_2m, 1);
	const uint64_t end = h->in_one - 1;
	const uint64_t ends[] = { 0, 1, h->in_one / 2 - 1, h->in_one / 2, end - 1, end };

	for (uint64_t huge = 0; huge < h->n; huge++)
		hf_write(h, 0, huge * h->in_one, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(ends); i++)
		for (unsigned int j = i + 1; j < ARRAY_SIZE(ends) && !gm_failures(); j++)
			if (v->rounds || j == i + 1 || !i)
				pair(h, ends[i], 1, ends[j], 1);
	/* Whole blocks of 2 MiB in a GiB, or of 32 KiB in 2 MiB. */
	pair(h, 0, h->in_one / 512 * 8, h->in_one / 2, h->in_one / 512 * 8);
	expect_whole(h, "at the end");
	hf_free(h);
}
GM_ROW(pairs, pairs_2m, .name = "huge_file.rejoin.pairs.2m", .huge_2m = 1,
       .text = "2 MiB pages: two pages shared at a time, private again in either order") = {
	.page = GM_2M, .rounds = 1
};
GM_ROW(pairs, pairs_1g, .name = "huge_file.rejoin.pairs.1g", .huge_1g = 1,
       .text = "1 GiB pages: two pages, and two blocks of 8 MiB, shared at a time, private again in either order") = {
	.page = GM_1G
};

/* Ranges from the middle of one huge page to that of another; back in one call, or page by page. */
GM_CASES(ranges, struct size, v)
{
	struct hf_vm *h = hf_new(v->page, 3, 1);
	const uint64_t one = h->in_one, far = v->page == GM_1G ? 700 : 100;
	const struct {
		uint64_t p, n;
	} range[] = {
		{ one - 1, 2 },	      { one - far, 2 * far },	{ 2 * one - 1, 2 },
		{ one, 1 },	      { 2 * one - 1, 1 },	{ one, one },
		{ one - 1, one + 2 }, { one - far, one + far }, { one, one - 1 },
		{ one + 1, one - 1 },
	};

	for (uint64_t huge = 0; huge < h->n; huge++)
		hf_write(h, 0, huge * one, 1);
	hf_expect(h, "all whole");
	for (unsigned int i = 0; i < ARRAY_SIZE(range) && !gm_failures(); i++) {
		uint64_t p = range[i].p, n = range[i].n;

		step(h, p, n, false);
		/* The other half first, then all of it, a part of which is private already. */
		step(h, p + n / 2, n - n / 2, true);
		step(h, p, n, true);
		step(h, p, n, false);
		step(h, p, n, true);
	}
	expect_whole(h, "ranges across the ends");
	hf_free(h);
}
GM_ROW(ranges, ranges_2m, .name = "huge_file.rejoin.ranges.2m", .huge_2m = 3,
       .text = "2 MiB pages: ranges across the ends of huge pages and over a whole one, back by halves and at once") = {
	.page = GM_2M
};
GM_ROW(ranges, ranges_1g, .name = "huge_file.rejoin.ranges.1g", .huge_1g = 3, .flags = GM_FULL_ONLY,
       .timeout = 200,
       .text = "1 GiB pages: ranges across the ends of huge pages and over a whole one, back by halves and at once") = {
	.page = GM_1G
};

/* Seeded ranges that overlap; the vCPU asks for the conversions itself. */
GM_CASE(overlapping, .name = "huge_file.rejoin.overlapping", .huge_2m = 4,
	.text = "60 seeded ranges that overlap, to shared or private by the guest's hypercall: exact counts after each")
{
	struct hf_vm *h = hf_new(GM_2M, 4, 2);
	uint64_t all = h->n * h->in_one;

	hf_write(h, 0, 0, all);
	for (unsigned int i = 0; i < 60 && !gm_failures(); i++) {
		uint64_t p = gm_fixture_random(h->w, all);
		uint64_t n = 1 + gm_fixture_random(h->w, all - p < 700 ? all - p : 700);
		bool to_private = gm_fixture_random(h->w, 2);

		hf_guest_convert(h, i % 2, p, n, to_private);
		hf_expect(h, "range %u, %#lx+%#lx to %s", i, p, n,
			  to_private ? "private" : "shared");
		hf_check(h, p, 1, "its first page");
		hf_check(h, p + n - 1, 1, "its last page");
		touch_around(h, p, n);
		hf_expect(h, "range %u touched", i);
	}
	hf_check(h, 0, all, "all of it");
	gm_fixture_check_host(h->w, hf_gfn(h, 0), all, 8, "the host");
	hf_convert(h, 0, all, true);
	hf_check(h, 0, all, "private again");
	expect_whole(h, "at the end");
	hf_free(h);
}
