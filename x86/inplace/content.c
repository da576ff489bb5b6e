// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page keeps its content in either state, for guest and host: conv.inplace_content,
 * conv.inplace_one_page.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "frames.h"
#include "inplace.h"

GM_FILE(.clause = "conv.inplace_content", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS)

#define NPAGES 128UL
#define SIZE (NPAGES * PG)

/* Converts random ranges, most of them short, to a random state. */
static void shuffle(struct gm_fixture *w, unsigned int times)
{
	while (times--) {
		uint64_t page = gm_fixture_random(w, NPAGES);
		uint64_t n = 1 + gm_fixture_random(w, times % 5 ? 4 : NPAGES);

		if (n > NPAGES - page)
			n = NPAGES - page;
		gm_fixture_convert(w, ip_gfn(w, page), n, gm_fixture_random(w, 2));
	}
}

IP_CASES(words, v, "conv.inplace_content.every_word",
	 "every word that guest and host wrote stays over six conversions each way")
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);
	uint64_t first = GFN(w->gpa);
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	for (int turn = 0; turn < 6; turn++) {
		gm_fixture_convert(w, first, NPAGES, true);
		gm_fixture_check_guest(w, 0, first, NPAGES, 1, "private");
		gm_batch_fill(&s, first + turn % 3 * 40, 40, 1);
		gm_batch_flush(&s);
		gm_fixture_convert(w, first, NPAGES, false);
		gm_fixture_check_guest(w, 0, first, NPAGES, 1, "shared");
		gm_fixture_check_host(w, first, NPAGES, 1, "shared");
		gm_fixture_host_write(w, first + (turn + 1) % 3 * 40, 40);
	}
	ip_expect_all(w, "at the end");
	gm_fixture_free(w);
}

IP_CASES(shuffled, v, "conv.inplace_content.shuffled",
	 "random ranges to private and shared, pages written in between: every word is kept")
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);
	struct gm_batch s;

	ip_all_shared(w);
	gm_batch_init(&s, w, 0);
	for (int round = 0; round < 12; round++) {
		shuffle(w, 25);
		for (int i = 0; i < 12; i++) {
			uint64_t gfn = ip_gfn(w, gm_fixture_random(w, NPAGES));

			/* The host writes now, the guest at the next flush. */
			if (i & 1 && !gm_model_private(w->model, gfn)) {
				gm_batch_flush(&s);
				gm_fixture_host_write(w, gfn, 1);
			} else {
				gm_batch_fill(&s, gfn, 1, 1);
			}
		}
		gm_batch_flush(&s);
		ip_expect_all(w, "after a round");
	}
	gm_fixture_free(w);
}

IP_CASES(views, v, "conv.inplace_one_page.each",
	 "after many conversions each page that the host maps is the guest's own page",
	 .clause = "conv.inplace_one_page")
{
	struct gm_fixture *w =
		IP_FIXTURE(v->private_first, .size = SIZE, .guest_page = PG, .extra_pages = 4);

	ip_all_shared(w);
	for (int round = 0; round < 3; round++) {
		shuffle(w, 40);
		for (uint64_t i = 0; i < NPAGES; i++)
			if (!gm_model_private(w->model, ip_gfn(w, i)))
				gm_prove_same_page(w->vm, 0, w->gpa + i * PG, w->hva + i * PG);
	}
	gm_fixture_convert(w, GFN(w->gpa), NPAGES, false);
	for (uint64_t i = 0; i < NPAGES; i++)
		gm_prove_same_page(w->vm, 0, w->gpa + i * PG, w->hva + i * PG);
	gm_fixture_free(w);
}

/* How a page of the file is allocated before its first read. */
enum alloc_by { BY_READ, BY_FALLOCATE, BY_PREFAULT, BY_POPULATE, NR_ALLOC_BY };

static void allocate(struct gm_fixture *w, uint64_t page, uint64_t n, enum alloc_by how)
{
	uint64_t gpa = w->gpa + page * PG, size = n * PG;

	switch (how) {
	case BY_FALLOCATE:
		gm_gmem_allocate(w->gmem, page * PG, size);
		break;
	case BY_PREFAULT:
		GM_GRANTED(!gm_prefault(w->vm, 0, &gpa, &size, 0), "KVM_PRE_FAULT_MEMORY: %s",
			   gm_errno_name(errno));
		break;
	case BY_POPULATE:
		gm_need(GM_NEED_GMEM_GUP);
		if (!gm_model_private(w->model, ip_gfn(w, page)))
			GM_GRANTED(!madvise(w->hva + page * PG, size, MADV_POPULATE_READ),
				   "MADV_POPULATE_READ: %s", gm_errno_name(errno));
		break;
	default:
		break;
	}
}

/* Expects that the host reads a zero page. */
static void expect_zero(struct gm_fixture *w, uint64_t page, const char *when)
{
	const volatile uint64_t *at = (void *)(w->hva + page * PG);

	for (unsigned int i = 0; i < GM_PAGE_WORDS; i++) {
		if (!at[i])
			continue;
		GM_FAIL_AT(GM_PAGE(.off = GM_AT(page * PG)),
			   "%s: word %u of page %lu is %s, not zero", when, i, page,
			   gm_word_str(at[i]));
		break;
	}
	gm_checked();
}

IP_CASES(fresh, v, "conv.inplace_content.fresh",
	 "pages never written are zero in both states, however they were allocated",
	 .needs = GM_NEEDS(PREFAULT))
{
	struct gm_fixture *w;
	uint64_t n = NPAGES / NR_ALLOC_BY;

	for (int guest_first = 0; guest_first < 2; guest_first++) {
		w = IP_FIXTURE(v->private_first, .size = SIZE);
		GM_SETUP(gm_frames_soil(16 * SIZE), "out of memory");
		for (enum alloc_by b = 0; b < NR_ALLOC_BY; b++)
			allocate(w, b * n, n, b);
		gm_fixture_convert(w, GFN(w->gpa), NPAGES, !v->private_first);
		if (!v->private_first || guest_first)
			gm_fixture_check_guest(w, 0, GFN(w->gpa), NPAGES, 1, "the guest first");
		if (!v->private_first)
			gm_fixture_convert(w, GFN(w->gpa), NPAGES, false);
		for (uint64_t i = 0; i < NPAGES; i++)
			expect_zero(w, i, "the host");
		gm_fixture_check_guest(w, 0, GFN(w->gpa), NPAGES, 1, "both");
		gm_fixture_free(w);
	}
}
