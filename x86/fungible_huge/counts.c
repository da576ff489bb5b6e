// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a file of huge pages takes from the pool, and when it gives it back: fungible.huge_counts.
 */
#include <sys/stat.h>

#include "fungible_huge.h"

#define NR 3

GM_FILE(.clause = "fungible.huge_counts", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = FH_NEEDS)

struct size {
	uint64_t page;
};

static void expect_blocks(struct gm_fixture *w, uint64_t page, uint64_t huge, const char *when)
{
	struct stat st;

	GM_SETUP_OK(fstat(w->gmem, &st));
	GM_EXPECT_EQ(st.st_blocks, huge * page / 512, "%s: st_blocks", when);
	GM_EXPECT_EQ(st.st_blksize, page, "%s: st_blksize", when);
}

/* The first touch is the guest's of a private page, the host's of a shared one, or fallocate(). */
GM_CASES(touched, struct size, v)
{
	const uint64_t in_one = v->page / PG;
	struct gm_pool before;
	struct gm_fixture *w;

	gm_pool_read(&before, v->page);
	w = fh_new(v->page, NR);
	gm_pool_expect(&before, 0, NR, "the file is made: all reserved, none allocated");
	expect_blocks(w, v->page, 0, "a new file");

	gm_fixture_fill(w, 0, fh_gfn(w, 77), 1);
	gm_pool_expect(&before, 1, NR - 1, "the guest touched a page");
	gm_fixture_fill(w, 0, fh_gfn(w, in_one - 1), 1);
	gm_pool_expect(&before, 1, NR - 1, "... and another one of the same huge page");
	expect_blocks(w, v->page, 1, "one huge page");

	gm_fixture_convert(w, fh_gfn(w, in_one + 5), 1, false);
	gm_host_check_zero(w->hva + v->page + 5 * PG, 1, "the host's first touch");
	gm_pool_expect(&before, 2, NR - 2, "the host touched a shared page");
	gm_fixture_host_write(w, fh_gfn(w, in_one + 5), 1);
	gm_guest_check_zero(w->vm, 0, w->gpa + v->page + 4 * PG, 1, "beside it, private");
	gm_fixture_fill(w, 0, fh_gfn(w, in_one + 4), 1);
	gm_pool_expect(&before, 2, NR - 2, "the guest touched a private page beside it");

	for (int i = 0; i < 2; i++) {
		gm_gmem_allocate(w->gmem, 0, NR * v->page);
		gm_pool_expect(&before, NR, 0, i ? "fallocate() again" : "fallocate() of all");
		expect_blocks(w, v->page, NR, "all allocated");
	}
	gm_guest_check_zero(w->vm, 0, w->gpa + 2 * v->page, 3, "allocated by fallocate()");
	gm_fixture_check_guest(w, 0, fh_gfn(w, 77), 1, 1, "after fallocate()");
	gm_fixture_check_guest(w, 0, fh_gfn(w, in_one - 1), 1, 1, "after fallocate()");
	gm_fixture_check_guest(w, 0, fh_gfn(w, in_one + 4), 2, 1, "after fallocate()");
	gm_fixture_free(w);
	fh_settle(&before, 0, 0, "the VM and the file are gone");
}

GM_ROW(touched, touched_2m, .name = "fungible.huge_counts.touched_2m", .huge_2m = NR,
       .text = "2 MiB pages: reserved with the file, allocated by the first touch of guest, host and fallocate(), once") = {
	.page = GM_2M
};
GM_ROW(touched, touched_1g, .name = "fungible.huge_counts.touched_1g", .huge_1g = NR,
       .text = "1 GiB pages: reserved with the file, allocated by the first touch of guest, host and fallocate(), once") = {
	.page = GM_1G
};

/* Conversions of every kind do not change what the file has. */
GM_CASE(converted, .name = "fungible.huge_counts.converted", .huge_2m = NR,
	.text = "2 MiB pages: split, all shared, whole again, in seeded order: the pool does not change")
{
	const uint64_t in_one = GM_2M / PG, all = NR * in_one;
	struct gm_pool before;
	struct gm_fixture *w;

	gm_pool_read(&before, GM_2M);
	w = fh_new(GM_2M, NR);
	gm_fixture_convert(w, fh_gfn(w, 0), all, false);
	gm_fixture_convert(w, fh_gfn(w, 0), all, true);
	/* Whether a conversion allocates is not said; it takes no page beside the reserved ones. */
	gm_fixture_fill(w, 0, fh_gfn(w, 0), all);
	gm_pool_expect(&before, NR, 0, "all touched");
	for (int i = 0; i < 60 && !gm_failures(); i++) {
		uint64_t p = gm_fixture_random(w, all), n = 1;
		bool to_private = gm_fixture_random(w, 2);
		char when[80];

		if (!(i % 5))
			n = 1 + gm_fixture_random(w, all - p);
		gm_fixture_convert(w, fh_gfn(w, p), n, to_private);
		gm_fixture_fill(w, 0, fh_gfn(w, p), 1);
		gm_fixture_host_write(w, fh_gfn(w, p), 1);
		snprintf(when, sizeof(when), "step %d: pages %lu+%lu to %s", i, p, n,
			 to_private ? "private" : "shared");
		gm_pool_expect(&before, NR, 0, when);
	}
	gm_fixture_check_guest(w, 0, fh_gfn(w, 0), all, 8, "after the conversions");
	gm_fixture_convert(w, fh_gfn(w, 0), all, true);
	gm_fixture_check_guest(w, 0, fh_gfn(w, 0), all, 8, "all private again");
	gm_pool_expect(&before, NR, 0, "all private again");
	gm_fixture_free(w);
	fh_settle(&before, 0, 0, "the VM and the file are gone");
}

/* The states of a huge page when its hole comes. */
enum state { UNTOUCHED, WHOLE, ONE_SHARED, HALF_SHARED, ALL_SHARED, WHOLE_AGAIN, STATES };

static void bring_to(struct gm_fixture *w, uint64_t huge, enum state state)
{
	const uint64_t in_one = GM_2M / PG, p = huge * in_one;

	if (state == UNTOUCHED)
		return;
	gm_fixture_fill(w, 0, fh_gfn(w, p), in_one);
	if (state == ONE_SHARED || state == WHOLE_AGAIN)
		gm_fixture_convert(w, fh_gfn(w, p + 300), 1, false);
	if (state == HALF_SHARED || state == ALL_SHARED)
		gm_fixture_convert(w, fh_gfn(w, p), state == ALL_SHARED ? in_one : in_one / 2,
				   false);
	gm_fixture_host_write(w, fh_gfn(w, p), in_one);
	if (state == WHOLE_AGAIN)
		gm_fixture_convert(w, fh_gfn(w, p + 300), 1, true);
}

static void holes(struct gm_fixture *w, const struct gm_pool *before, const enum state *state)
{
	const uint64_t in_one = GM_2M / PG;
	long used = 0;

	for (uint64_t h = 0; h < STATES; h++) {
		bring_to(w, h, state[h]);
		used += state[h] != UNTOUCHED;
	}
	gm_pool_expect(before, used, STATES - used, "before the holes");
	/* One by one, then again: a hole of a hole does nothing. */
	for (uint64_t h = 0; h < STATES; h++)
		for (int again = 0; again < 2; again++) {
			char when[80];

			gm_fixture_punch(w, fh_gfn(w, h * in_one), in_one);
			used -= !again && state[h] != UNTOUCHED;
			snprintf(when, sizeof(when), "hole %lu, state %d%s", h, state[h],
				 again ? ", again" : "");
			gm_pool_expect(before, used, STATES - used, when);
			expect_blocks(w, GM_2M, used, when);
		}
	/* Shared or private as before, and zero; the reservation is there for it. */
	for (uint64_t h = 0; h < STATES; h++)
		gm_fixture_check_guest(w, 0, fh_gfn(w, h * in_one), in_one, 8, "after the hole");
	gm_pool_expect(before, STATES, 0, "touched again");
	gm_fixture_fill(w, 0, fh_gfn(w, 0), STATES * in_one);
	gm_fixture_punch(w, fh_gfn(w, 0), STATES * in_one);
	gm_pool_expect(before, 0, STATES, "one hole over all");
	gm_fixture_convert(w, fh_gfn(w, 0), STATES * in_one, true);
}

GM_CASE(hole, .name = "fungible.huge_counts.hole", .huge_2m = STATES,
	.text = "holes over huge pages whole, split, all shared and whole again: back in the pool, still reserved, zero when touched again")
{
	const enum state up[] = {
		UNTOUCHED, WHOLE, ONE_SHARED, HALF_SHARED, ALL_SHARED, WHOLE_AGAIN
	};
	enum state down[STATES];
	struct gm_pool before;
	struct gm_fixture *w;
	struct fh_rest rest;

	for (int i = 0; i < STATES; i++)
		down[i] = up[STATES - 1 - i];
	/* No other page is free: the file lives on those that it has reserved. */
	rest = fh_rest_but(GM_2M, STATES);
	gm_pool_read(&before, GM_2M);
	w = fh_new(GM_2M, STATES);
	holes(w, &before, up);
	fh_expect_none_left(w->vm, GM_2M, "while the file has holes");
	holes(w, &before, down);
	gm_fixture_free(w);
	fh_settle(&before, 0, 0, "the VM and the file are gone");
	fh_rest_end(&rest);
}

GM_CASE(odd, .name = "fungible.huge_counts.odd", .huge_2m = 2, .flags = GM_REFUSAL,
	.text = "holes and fallocate() of parts of a huge page: EINVAL, nothing allocated, freed or zeroed")
{
	static const struct {
		uint64_t off, len;
	} part[] = { { 0, PG },		  { PG, GM_2M },	 { GM_2M - PG, PG },
		     { 0, GM_2M - PG },	  { GM_2M, GM_2M + PG }, { GM_2M - PG, 2 * PG },
		     { GM_2M / 2, GM_2M } };
	struct gm_pool before;
	struct gm_fixture *w;

	gm_pool_read(&before, GM_2M);
	w = fh_new(GM_2M, 2);
	for (int used = 0; used < 2; used++) {
		for (size_t i = 0; i < ARRAY_SIZE(part); i++) {
			GM_EXPECT_ERRNO(EINVAL,
					__gm_gmem_allocate(w->gmem, part[i].off, part[i].len),
					"%#lx+%#lx", part[i].off, part[i].len);
			GM_EXPECT_ERRNO(EINVAL, __gm_gmem_punch(w->gmem, part[i].off, part[i].len),
					"%#lx+%#lx", part[i].off, part[i].len);
		}
		gm_pool_expect(&before, 2 * used, 2 - 2 * used, "after the refusals");
		if (used)
			break;
		gm_control(!__gm_gmem_allocate(w->gmem, 0, 2 * GM_2M), "both huge pages: %s",
			   gm_errno_name(errno));
		gm_fixture_fill(w, 0, fh_gfn(w, 0), 2 * GM_2M / PG);
		gm_fixture_convert(w, fh_gfn(w, 5), 1, false);
	}
	gm_fixture_check_guest(w, 0, fh_gfn(w, 0), 2 * GM_2M / PG, 8, "after the refusals");
	gm_control(!__gm_gmem_punch(w->gmem, GM_2M, GM_2M), "a hole of a huge page: %s",
		   gm_errno_name(errno));
	gm_pool_expect(&before, 1, 1, "one hole");
	gm_fixture_free(w);
	fh_settle(&before, 0, 0, "the VM and the file are gone");
}
