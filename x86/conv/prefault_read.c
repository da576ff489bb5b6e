// SPDX-License-Identifier: GPL-2.0-only
/*
 * A prefault is a read that a signal can stop (Documentation/virt/kvm/api.rst,
 * KVM_PRE_FAULT_MEMORY): it does not break COW, and a signal ends it early: conv.prefault.
 */
#include "clock.h"
#include "conv.h"
#include "text.h"
#include "ticks.h"

GM_FILE(.clause = "conv.prefault", .needs = GM_NEEDS(PREFAULT, TDP))

/* Anonymous pages of this process, without the zero page. */
static long own_pages(void)
{
	long kb;

	GM_SETUP(gm_read_field("/proc/self/status", "RssAnon", &kb),
		 "/proc/self/status has no RssAnon");
	return kb * 1024 / GM_PAGE_SIZE;
}

/* Not in place, where reads allocate pages of the file, too. */
GM_CASE(no_cow, .name = "conv.prefault.no_cow", .providers = GM_PROVIDERS(ATTRIBUTES),
	.text = "a prefault maps shared memory that was never written, but does not allocate it")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	uint64_t gpa = w->gpa, size = w->size, n = PAGES(w->size);
	long before, after;

	gm_guest_check_zero(w->vm, 0, w->gpa, 1, "before");
	before = own_pages();
	GM_EXPECT_OK(gm_prefault(w->vm, 0, &gpa, &size, 0));
	GM_EXPECT_EQ(size, 0, "bytes left");
	after = own_pages();
	GM_EXPECT(after - before < (long)n / 4,
		  "a prefault of %lu untouched pages allocated %ld of them", n, after - before);
	/* Control: guest writes allocate the pages. */
	gm_guest_fill(w->vm, 0, w->gpa, n, GM_WRITER_SHARED, 1);
	after = own_pages();
	gm_control(after - before >= (long)n, "%ld pages more after the guest wrote %lu",
		   after - before, n);
	gm_fixture_free(w);
}

#define TICK_US 1000
#define LEAST (16UL << 20)
#define MOST (256UL << 20)

GM_CASE(stopped, .name = "conv.prefault.stopped", .providers = GM_PROVIDERS_X86,
	.text = "a signal ends a long prefault early: it returns the rest, which can be prefaulted then")
{
	struct gm_fixture *w = GM_FIXTURE(.size = MOST);
	uint64_t gpa, left, size;
	double took = 0; /* us */
	bool early = false;

	/* Find a size whose prefault takes ten times as long as the signal. */
	gm_convert(w->vm, w->gpa, MOST, true);
	for (size = LEAST; size <= MOST; size *= 2) {
		gpa = w->gpa;
		left = size;
		took = gm_now() * 1e6;
		gm_promise(!gm_prefault(w->vm, 0, &gpa, &left, 0) && !left,
			   "%lu MiB prefaulted, without signals", size >> 20);
		took = gm_now() * 1e6 - took;
		gm_gmem_punch(w->gmem, 0, size);
		if (took >= 10 * TICK_US)
			break;
	}
	if (size > MOST)
		gm_skip("memory is prefaulted before the signal arrives", "a slower machine");
	for (int attempt = 0; attempt < 10 && !early; attempt++) {
		int r, err;

		gpa = w->gpa;
		left = size;
		gm_ticks(TICK_US, 0);
		r = gm_prefault(w->vm, 0, &gpa, &left, 0);
		err = errno;
		gm_ticks_stop();
		/* EINTR only if no page was prefaulted. */
		GM_EXPECT(left == size ? r == -1 && err == EINTR : !r,
			  "%lu of %lu bytes left: result %d, %s", left, size, r,
			  gm_errno_name(err));
		GM_EXPECT_EQ(gpa - w->gpa, size - left, "bytes that gpa moved");
		early = left;
		if (left && !gm_failures()) {
			GM_EXPECT_OK(gm_prefault(w->vm, 0, &gpa, &left, 0), "the rest");
			GM_EXPECT_EQ(left, 0, "bytes left of the rest");
		}
		gm_gmem_punch(w->gmem, 0, size);
	}
	/* A signal before the first page: EINTR, and no page is prefaulted. */
	gm_ticks(TICK_US / 4, TICK_US / 4);
	for (int i = 0; i < 4000 && !gm_failures(); i++) {
		int r;

		gpa = w->gpa;
		left = GM_PAGE_SIZE;
		r = gm_prefault(w->vm, 0, &gpa, &left, 0);
		GM_EXPECT(r ? errno == EINTR && left : !left,
			  "one page under signals: result %d, %s, %lu bytes left", r,
			  gm_errno_name(errno), left);
	}
	gm_ticks_stop();
	GM_EXPECT(early, "ten prefaults of %.0f us each were not stopped by a signal after %d us",
		  took, TICK_US);
	gm_fixture_free(w);
}
