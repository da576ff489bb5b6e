// SPDX-License-Identifier: GPL-2.0-only
/* Holes of whole huge pages: private, shared, split, and with a page in use: huge_file.hole. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "huge_file.h"

GM_FILE(.clause = "huge_file.hole", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.needs = HF_NEEDS | GM_NEEDS(GMEM_HUGE))

struct size {
	uint64_t page;
};

/* Private, split at one page, all shared; each with a huge page beside that must not change. */
GM_CASES(states, struct size, v)
{
	struct hf_vm *h = hf_new(v->page, self->huge_1g ?: self->huge_2m, 1);
	const uint64_t one = h->in_one, part = v->page == GM_1G ? 40 : one;
	static const char *const name[] = { "private", "split", "all shared" };

	for (unsigned int state = 0; state < 3 && !gm_failures(); state++) {
		const char *when = name[state];

		if (state)
			hf_convert(h, state == 1 ? one / 2 + 3 : 0, state == 1 ? 1 : one, false);
		for (uint64_t huge = 0; huge < h->n; huge++) {
			hf_write(h, 0, huge * one, part);
			hf_write(h, 0, huge * one + one / 2, 8);
		}
		/* The host has shared pages in its page tables. */
		gm_fixture_check_host(h->w, hf_gfn(h, one / 2), 8, 1, when);
		hf_expect(h, "%s, before the hole", when);
		hf_expect_pool(h, h->n, when);
		hf_punch(h, 0, 1);
		hf_expect(h, "%s, a hole", when);
		hf_expect_pool(h, h->n - 1, "one huge page is back in the pool");
		/* Zeros in the same state: the guest, and the host where it may. */
		hf_check(h, 0, part, "zeros after the hole");
		hf_check(h, one / 2, 8, "zeros after the hole");
		hf_expect(h, "%s, touched after the hole", when);
		gm_fixture_check_host(h->w, hf_gfn(h, one / 2), 8, 1, "the host, after the hole");
		hf_expect_pool(h, h->n, "the file has one again");
		if (h->n > 1) {
			hf_check(h, one, part, "the huge page beside the hole");
			hf_expect(h, "the huge page beside the hole had no fault");
		}
		hf_convert(h, 0, one, true);
		hf_write(h, 0, 0, part);
		hf_expect(h, "%s, private again", when);
	}
	hf_punch(h, 0, h->n);
	hf_expect(h, "a hole of all");
	hf_expect_pool(h, 0, "a hole of all");
	hf_punch(h, 0, h->n);
	hf_expect_pool(h, 0, "a hole where there is nothing");
	hf_free(h);
}
GM_ROW(states, states_2m, .name = "huge_file.hole.states.2m", .huge_2m = 2,
       .text = "2 MiB pages: a hole of a private, a split and a shared huge page: unmapped, back in the pool, zeros, state kept") = {
	.page = GM_2M
};
GM_ROW(states, states_1g, .name = "huge_file.hole.states.1g", .huge_1g = 1,
       .text = "1 GiB pages: a hole of a private, a split and a shared huge page: unmapped, back in the pool, zeros, state kept") = {
	.page = GM_1G
};

GM_CASE(several, .name = "huge_file.hole.several", .huge_2m = 6,
	.text = "a hole of several huge pages in different states takes exactly these, also those without memory")
{
	struct hf_vm *h = hf_new(GM_2M, 6, 1);
	const uint64_t one = h->in_one;

	/* Huge page 3 has no memory. */
	for (uint64_t huge = 0; huge < 6; huge++)
		if (huge != 3)
			hf_write(h, 0, huge * one, one);
	hf_convert(h, 2 * one - 1, 1, false);
	hf_convert(h, 4 * one, one, false);
	hf_write(h, 0, 4 * one, one);
	hf_expect_pool(h, 5, "before");
	hf_punch(h, 1, 4);
	hf_expect(h, "a hole of four");
	hf_expect_pool(h, 2, "a hole of four, three of which had memory");
	hf_check(h, 0, one, "below the hole");
	hf_check(h, 5 * one, one, "above the hole");
	hf_expect(h, "no fault beside the hole");
	hf_check(h, one, 4 * one, "in the hole");
	hf_expect(h, "all touched again");
	hf_expect_pool(h, 6, "all touched again");
	hf_free(h);
}

/* --- a reference that somebody has --- */

/* A pipe has a reference to the page at hva. */
static void hold(int fd[2], void *hva)
{
	struct iovec v = { hva, PG };

	GM_SETUP_OK(pipe2(fd, O_CLOEXEC));
	GM_SETUP(vmsplice(fd[1], &v, 1, 0) == PG, "vmsplice: %s", gm_errno_name(errno));
}

static void drop(int fd[2])
{
	close(fd[0]);
	close(fd[1]);
}

GM_CASE(busy, .name = "huge_file.hole.busy", .needs = GM_NEEDS(GMEM_GUP), .flags = GM_REFUSAL,
	.huge_2m = 4,
	.text = "a page of the range is in use: EAGAIN, nothing is removed, unmapped from the guest or given back; it works when the page is free")
{
	struct hf_vm *h = hf_new(GM_2M, 4, 1);
	const uint64_t one = h->in_one;
	const uint64_t at[] = { one, 2 * one - 1, 2 * one + 77, 3 * one - 1 };

	for (uint64_t huge = 0; huge < 4; huge++)
		hf_write(h, 0, huge * one, one);
	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++)
		hf_convert(h, at[i], 1, false);
	hf_check(h, 0, 4 * one, "before");
	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++) {
		static const struct {
			uint64_t huge, n;
		} hole[] = { { 0, 4 }, { 1, 2 }, { 1, 1 }, { 2, 1 } };
		int pipe[2];

		hold(pipe, h->w->hva + at[i] * PG);
		for (unsigned int j = 0; j < ARRAY_SIZE(hole); j++) {
			uint64_t huge = hole[j].huge, n = hole[j].n;

			if (at[i] / one < huge || at[i] / one >= huge + n)
				continue;
			GM_EXPECT_ERRNO(EAGAIN,
					__gm_gmem_punch(h->w->gmem, huge * GM_2M, n * GM_2M),
					"huge pages %lu+%lu, page %lu is in use", huge, n, at[i]);
			hf_expect(h, "after the refusal");
			hf_expect_pool(h, 4, "after the refusal");
		}
		/* The neighbours' conversions and the guest go on. */
		hf_convert(h, at[i] ^ 2, 1, false);
		hf_convert(h, at[i] ^ 2, 1, true);
		hf_check(h, 0, 4 * one, "after the refusals");
		hf_expect(h, "after the refusals, touched");
		for (unsigned int j = 0; j < ARRAY_SIZE(at); j++)
			gm_fixture_check_host(h->w, hf_gfn(h, at[j]), 1, 1, "the host");
		drop(pipe);
	}
	gm_control(!__gm_gmem_punch(h->w->gmem, GM_2M, 2 * GM_2M), "a hole, nobody uses the pages");
	hf_unmapped(h, 1);
	hf_unmapped(h, 2);
	gm_model_punched(h->w->model, hf_gfn(h, one), 2 * one);
	hf_expect(h, "the hole");
	hf_expect_pool(h, 2, "the hole");
	hf_check(h, 0, 4 * one, "after the hole");
	hf_expect(h, "after the hole, touched");
	hf_free(h);
}

/* A page of the range is neither in use, nor in the page cache: the hole does not look beside it. */
GM_CASE(busy_beside, .name = "huge_file.hole.busy_beside", .needs = GM_NEEDS(GMEM_GUP),
	.huge_2m = 3, .text = "the pages on both sides of the range are in use: the hole is made")
{
	struct hf_vm *h = hf_new(GM_2M, 3, 1);
	const uint64_t one = h->in_one;
	int low[2], high[2];

	hf_convert(h, one - 1, 1, false);
	hf_convert(h, 2 * one, 1, false);
	for (uint64_t huge = 0; huge < 3; huge++)
		hf_write(h, 0, huge * one, one);
	hold(low, h->w->hva + (one - 1) * PG);
	hold(high, h->w->hva + 2 * one * PG);
	hf_punch(h, 1, 1);
	hf_expect(h, "a hole between two pages in use");
	hf_expect_pool(h, 2, "a hole between two pages in use");
	hf_check(h, 0, 3 * one, "after the hole");
	hf_expect(h, "after the hole, touched");
	drop(low);
	drop(high);
	hf_free(h);
}
