// SPDX-License-Identifier: GPL-2.0-only
/* Arbitrary ranges are converted exactly: conv.any_range. */
#include "conv.h"

GM_FILE(.clause = "conv.any_range", .providers = GM_PROVIDERS_X86)

struct walk {
	struct gm_fixture *w;
	unsigned int steps;
	uint64_t *hot; /* borders, near which most ranges begin */
	unsigned int nhot;
	uint64_t max;	 /* pages of one range */
	uint64_t budget; /* pages made private before some are made shared again */
};

/* Short, random and long ranges, and lengths around multiples of 512. */
static uint64_t pick_len(struct gm_rng *rng, uint64_t max)
{
	static const uint64_t odd[] = { 1, 1, 2, 3, 511, 512, 513, 1023, 1024, 1025 };
	uint64_t n;

	switch (gm_rng_below(rng, 4)) {
	case 0:
		n = 1 + gm_rng_below(rng, 8);
		break;
	case 1:
		n = 1 + gm_rng_below(rng, 600);
		break;
	case 2:
		n = 1 + gm_rng_below(rng, max);
		break;
	default:
		n = odd[gm_rng_below(rng, sizeof(odd) / sizeof(odd[0]))];
	}
	return n < max ? n : max;
}

static void walk_one(unsigned int v, void *arg)
{
	struct walk *k = arg;
	struct gm_fixture *w = k->w;
	uint64_t part = PAGES(w->size) / w->vm->vcpus, private = 0, gfn, n;
	struct gm_rng rng;
	struct gm_batch s;
	char name[16];
	bool by_host;

	snprintf(name, sizeof(name), "vcpu%u", v);
	gm_rng_init(&rng, gm_seed_derive(gm_seed(), name));
	gm_batch_init(&s, w, v);
	s.lo = GFN(w->gpa) + v * part;
	s.hi = s.lo + part;
	for (unsigned int i = 0; i < k->steps; i++) {
		unsigned int what = gm_rng_below(&rng, 20);

		n = pick_len(&rng, k->max);
		gfn = k->hot[gm_rng_below(&rng, k->nhot)];
		/* Half of the ranges begin or end at the border, the others near it. */
		if (gm_rng_below(&rng, 2))
			gfn += gm_rng_below(&rng, 5) - 2 - (gm_rng_below(&rng, 2) ? n : 0);
		else
			gfn += gm_rng_below(&rng, 1200) - 600;
		if (gfn < s.lo)
			gfn = s.lo + gm_rng_below(&rng, 3);
		if (gfn >= s.hi)
			gfn = s.hi - 1 - gm_rng_below(&rng, 3);
		if (gfn + n > s.hi)
			n = s.hi - gfn;
		by_host = gm_rng_below(&rng, 3) == 0;
		if (what < 9 && private < k->budget) {
			gm_batch_convert(&s, gfn, n, true, by_host);
			private += n;
		} else if (what < 16) {
			gm_batch_convert(&s, gfn, n, false, by_host);
			private -= private > n ? n : private;
		} else if (what < 18) {
			gm_batch_fill(&s, gfn, n, n > 64 ? 64 : 1);
		} else {
			gm_batch_flush(&s);
			n = n > 64 ? 64 : n;
			if (what == 18)
				gm_fixture_host_write(w, gfn, n);
			else
				gm_fixture_punch(w, gfn, n);
		}
		gm_batch_check_suspects(&s, gfn, n);
		/* Some steps write a page of the range, so that later checks find stale memory. */
		if (what & 1)
			gm_batch_fill(&s, gfn, 1, 1);
	}
	gm_batch_flush(&s);
}

/* Checks pages around a border, unless it was checked before. */
static void check_around(struct gm_fixture *w, const uint64_t *hot, unsigned int nr)
{
	/* In place each read allocates a page: check fewer of them. */
	unsigned int far = w->provider->file_serves_shared ? 1 : 4;
	uint64_t first = GFN(w->gpa), end = first + PAGES(w->size), lo = hot[nr] - far * 512,
		 hi = hot[nr] + 2 * far * 512;

	for (unsigned int i = 0; i < nr; i++)
		if (hot[i] == hot[nr])
			return;
	if (lo < first)
		lo = first;
	if (hi > end)
		hi = end;
	if (lo < hi)
		gm_fixture_check_guest(w, 0, lo, hi - lo, 512, "around a border, at the end");
}

static void random_walk(struct gm_fixture *w, unsigned int steps, uint64_t max, unsigned int nhot)
{
	struct walk k = { .w = w, .steps = steps, .max = max, .nhot = nhot, .budget = 4096 };
	uint64_t per_g = PAGES(GM_1G), all = PAGES(w->size), first = GFN(w->gpa);

	k.hot = calloc(nhot, sizeof(*k.hot));
	GM_SETUP(k.hot, "out of memory");
	for (unsigned int i = 0; i < nhot; i++)
		k.hot[i] = first + gm_fixture_random(w, all / 512 + 1) * 512;
	/* Every other one is a border of 1 GiB, if the fixture has any. */
	for (unsigned int i = 0; i < nhot && all > per_g; i += 2)
		k.hot[i] = (first / per_g + 1 + i / 2 % (all / per_g)) * per_g;
	gm_parallel(w->vm->vcpus, walk_one, &k);
	/* The caller checks all pages of small fixtures. */
	for (unsigned int i = 0; i < nhot && all > per_g; i++)
		check_around(w, k.hot, i);
	free(k.hot);
}

struct walkers {
	unsigned int vcpus;
	enum gm_mem_kind mem;
};

GM_CASES(gigabytes, struct walkers, v)
{
	unsigned int vcpus = v->vcpus;
	struct gm_fixture *w = GM_FIXTURE(.size = 4 * GM_1G, .vcpus = vcpus, .mem = v->mem);

	random_walk(w, (self->flags & GM_FULL_ONLY ? 600 : 32) / vcpus, 2048, 16);
	gm_fixture_check_each(w, 0, "at the end");
	gm_fixture_free(w);
}
GM_ROW(gigabytes, gigabytes_1, .name = "conv.any_range.random_4g.vcpus_1",
       .text = "random ranges over 4 GiB, mostly near borders") = { .vcpus = 1, .mem = GM_MEM_THP };
GM_ROW(gigabytes, gigabytes_2, .name = "conv.any_range.random_4g.vcpus_2",
       .text = "random ranges over 4 GiB by two vCPUs, 2 GiB each",
       .flags = GM_FULL_ONLY) = { .vcpus = 2, .mem = GM_MEM_THP };
GM_ROW(gigabytes, gigabytes_4, .name = "conv.any_range.random_4g.vcpus_4",
       .text = "random ranges over 4 GiB by four vCPUs, 1 GiB each") = {
	.vcpus = 4,
	.mem = GM_MEM_THP,
};
GM_ROW(gigabytes, gigabytes_long, .name = "conv.any_range.random_4g.long",
       .text = "six hundred random ranges over 4 GiB",
       .flags = GM_FULL_ONLY) = { .vcpus = 1, .mem = GM_MEM_THP };
GM_ROW(gigabytes, gigabytes_long_4, .name = "conv.any_range.random_4g.vcpus_4_long",
       .text = "six hundred random ranges over 4 GiB by four vCPUs",
       .flags = GM_FULL_ONLY) = { .vcpus = 4, .mem = GM_MEM_THP };

/* Small enough to compare every word of private and shared memory. */
GM_CASES(megabytes, struct walkers, v)
{
	struct gm_fixture *w = GM_FIXTURE(.size = 8 * GM_2M, .vcpus = v->vcpus, .mem = v->mem,
					  /* The border of 1 GiB is in the middle. */
					  .gpa = GM_BASE + GM_1G - 4 * GM_2M);

	random_walk(w, (self->flags & GM_FULL_ONLY ? 900 : 40) / v->vcpus, 1500, 12);
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}
GM_ROW(megabytes, megabytes_1, .name = "conv.any_range.random_16m.vcpus_1",
       .text = "random ranges around a 1 GiB border, every word of private and shared memory compared",
       .flags = GM_FULL_ONLY) = { .vcpus = 1, .mem = GM_MEM_ANON };
GM_ROW(megabytes, megabytes_thp, .name = "conv.any_range.random_16m.thp",
       .text = "the same on transparent huge pages") = { .vcpus = 1, .mem = GM_MEM_THP };
GM_ROW(megabytes, megabytes_4, .name = "conv.any_range.random_16m.vcpus_4",
       .text = "the same with four vCPUs") = { .vcpus = 4, .mem = GM_MEM_THP };
GM_ROW(megabytes, megabytes_long, .name = "conv.any_range.random_16m.long",
       .text = "the same with 900 ranges",
       .flags = GM_FULL_ONLY) = { .vcpus = 2, .mem = GM_MEM_THP };
