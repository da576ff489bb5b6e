// SPDX-License-Identifier: GPL-2.0-only
/*
 * New pages in ranges larger than the LRU batches, beside a page in use, and over many rounds:
 * conv.inplace_fresh.
 */
#include <sched.h>
#include <sys/mman.h>

#include "inplace.h"

GM_FILE(.clause = "conv.inplace_fresh", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS)

#define NPAGES 256UL
#define SIZE (NPAGES * PG)

/* How new pages are allocated. */
enum maker { HOST, OTHER_CPU, ALLOCATE, POPULATE, GUEST, NR_MAKERS };

static const char *const makers[] = { "the host's store", "a store on another CPU", "fallocate()",
				      "MADV_POPULATE_WRITE", "a guest's access" };

struct making {
	struct gm_fixture *w;
	uint64_t page, n;
	enum maker by;
};

static void make_by_host(unsigned int i, void *arg)
{
	const struct making *m = arg;
	unsigned int cpu;
	cpu_set_t one;

	/* Moves this thread to another CPU. */
	getcpu(&cpu, NULL);
	if (m->by == OTHER_CPU) {
		GM_SETUP_OK(sched_getaffinity(0, sizeof(one), &one));
		CPU_CLR(cpu, &one);
		if (CPU_COUNT(&one))
			GM_SETUP_OK(sched_setaffinity(0, sizeof(one), &one));
	}
	for (uint64_t p = m->page; p < m->page + m->n; p++)
		*(volatile uint64_t *)(m->w->hva + p * PG) = p;
}

/* Allocates n pages, which must be holes and shared. */
static void make(struct gm_fixture *w, enum maker by, uint64_t page, uint64_t n)
{
	struct making m = { w, page, n, by };

	if (!n)
		return;
	switch (by) {
	case HOST:
		make_by_host(0, &m);
		break;
	case OTHER_CPU:
		gm_parallel(1, make_by_host, &m);
		break;
	case ALLOCATE:
		gm_gmem_allocate(w->gmem, page * PG, n * PG);
		break;
	case POPULATE:
		gm_need(GM_NEED_GMEM_GUP);
		GM_GRANTED(!madvise(w->hva + page * PG, n * PG, MADV_POPULATE_WRITE),
			   "MADV_POPULATE_WRITE: %s", gm_errno_name(errno));
		break;
	default:
		gm_guest_touch(w->vm, 0, w->gpa + page * PG, n * PG, PG);
		break;
	}
}

/* New pages before a page in use: only the page in use causes EAGAIN. */
IP_CASES(before_busy, v, "conv.inplace_fresh.before_busy",
	 "new pages before and after a page in use: EAGAIN with the offset of the one in use",
	 .needs = GM_NEEDS(GUP_TEST))
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE);
	struct ip_hold h;

	ip_convert(w, 0, NPAGES, false, "at the start");
	for (enum maker by = 0; by < NR_MAKERS; by++) {
		static const uint64_t busy[] = { 0, 1, 40, 200, NPAGES - 1 };

		for (size_t i = 0; i < sizeof(busy) / sizeof(busy[0]); i++) {
			gm_gmem_punch(w->gmem, 0, SIZE);
			ip_take(&h, &ip_gup_write, w, &busy[i], 1);
			/* The pages allocated last are in the LRU batches. */
			make(w, by, busy[i] + 1,
			     NPAGES - busy[i] - 1 < 7 ? NPAGES - busy[i] - 1 : 7);
			make(w, by, busy[i] < 7 ? 0 : busy[i] - 7, busy[i] < 7 ? busy[i] : 7);
			ip_expect_busy(w, 0, NPAGES, busy[i], makers[by]);
			if (busy[i])
				make(w, by, 0, 1);
			ip_expect_busy(w, 0, busy[i] + 1, busy[i], makers[by]);
			ip_drop(&h);
			if (!ip_convert(w, 0, NPAGES, true, "released") || gm_failures())
				gm_end();
			ip_expect_state(w, 0, NPAGES, "private");
			ip_convert(w, 0, NPAGES, false, "back");
		}
	}
	gm_fixture_free(w);
}

/* Few new pages in a range of many old ones. */
IP_CASES(
	large, v, "conv.inplace_fresh.large_range",
	"new pages in a range of 16 MiB, at its start, in its middle and at its end, can be converted")
{
	uint64_t n = 4096, at[] = { 0, n / 2, n - 8 };
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = n * PG);

	ip_convert(w, 0, n, false, "at the start");
	for (enum maker by = 0; by < NR_MAKERS; by++) {
		for (int i = 0; i < 3; i++) {
			gm_gmem_punch(w->gmem, at[i] * PG, 8 * PG);
			make(w, by, at[i], 8);
			if (!ip_convert(w, 0, n, true, makers[by]))
				gm_end();
			ip_convert(w, 0, n, false, "back");
		}
	}
	gm_fixture_free(w);
}

GM_CASES(rounds, struct ip_start, v)
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = SIZE, .vcpus = 2);
	unsigned int nr = self->flags & GM_FULL_ONLY ? 2000 : 60;

	ip_convert(w, 0, NPAGES, false, "at the start");
	for (unsigned int i = 0; i < nr; i++) {
		/* Whole batches, parts of them, single pages; allocated in two ways each round. */
		uint64_t n = 1 + gm_fixture_random(w, 48), page = gm_fixture_random(w, 128 - n);

		gm_gmem_punch(w->gmem, 0, SIZE);
		make(w, i % NR_MAKERS, page, n);
		make(w, (i / NR_MAKERS) % NR_MAKERS, 128 + page, n);
		if (!ip_convert(w, 0, NPAGES, true, makers[i % NR_MAKERS])) {
			gm_note("round %u of %u", i, nr);
			break;
		}
		ip_convert(w, 0, NPAGES, false, "back");
	}
	gm_fixture_free(w);
}
GM_ROW(rounds, rounds_quick, .name = "conv.inplace_fresh.rounds",
       .text = "60 rounds of new pages, each allocated in two ways: never EAGAIN") = {
	.private_first = false,
};
GM_ROW(rounds, rounds_private, .name = "conv.inplace_fresh.rounds.private_first",
       .text = "the same in a file that started private") = { .private_first = true };
GM_ROW(rounds, rounds_long, .name = "conv.inplace_fresh.rounds.long",
       .text = "2000 rounds of new pages, each allocated in two ways: never EAGAIN",
       .flags = GM_FULL_ONLY, .timeout = 300) = { .private_first = false };
