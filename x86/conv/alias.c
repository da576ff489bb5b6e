// SPDX-License-Identifier: GPL-2.0-only
/* Changes of the host to memory affect all pages of every slot that maps it: conv.data. */
#include <sys/mman.h>

#include "conv.h"

#define NPAGES 64UL

/* Checks `n` pages at `gpa` whose words name gfns `delta` pages lower. */
static bool check_at(struct gm_vm *vm, uint64_t gpa, uint64_t n, uint64_t delta, unsigned int gen,
		     const char *when)
{
	struct gm_op op = { .code = GM_OP_CHECK,
			    .addr = gpa,
			    .nr = n,
			    .writer = GM_WRITER_SHARED,
			    .gen = gen,
			    .gfn_delta = -delta };

	gm_run(vm, 0, &op, 1);
	return GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(op.bad_addr)), !op.bad,
			    "%s: %lu wrong words, expected %s, observed %s", when, op.bad,
			    gm_word_str(op.expected), gm_word_str(op.observed));
}

static void drop(struct gm_fixture *w, uint64_t at, uint64_t n)
{
	if (gm_fixture_one_memory(w))
		gm_gmem_punch(w->gmem, at, n);
	else
		GM_SETUP_OK(madvise(w->hva + at, n, MADV_DONTNEED));
}

/* With separate private memory the second slot still works, and only shared memory is dropped. */
static void second_stays(struct gm_fixture *w, uint64_t second)
{
	gm_guest_fill(w->vm, 0, w->gpa, NPAGES, GM_WRITER_PRIVATE, 50);
	gm_host_fill(w->hva, GFN(w->gpa), NPAGES, GM_WRITER_SHARED, 51);
	check_at(w->vm, second, NPAGES, 512, 51, "the second slot, the first private");
	drop(w, 0, GPA(NPAGES));
	gm_guest_check_zero(w->vm, 0, second, NPAGES, "dropped, the first private");
	gm_guest_check(w->vm, 0, w->gpa, NPAGES, GM_WRITER_PRIVATE, 50, "the private memory");
}

/* In place the second slot loses every page, although it was mapped. */
static void second_faults(struct gm_fixture *w, uint64_t second)
{
	for (uint64_t p = 0; p < NPAGES; p++) {
		struct gm_op op = { .code = GM_OP_READ, .addr = second + GPA(p) };
		struct gm_page page = gm_vm_page(w->vm, op.addr);
		struct gm_exit ex;

		GM_EXPECT_AT(
			&page, !__gm_run(w->vm, 0, &op, 1, &ex, NULL) && ex.ret && ex.err == EFAULT,
			"the second slot, over the host's mapping of a private page: expected EFAULT, observed %s",
			gm_exit_str(&ex));
	}
	gm_guest_fill(w->vm, 0, w->gpa, NPAGES, GM_WRITER_SHARED, 50);
	gm_convert(w->vm, w->gpa, GPA(NPAGES), false);
	check_at(w->vm, second, NPAGES, 512, 50, "the second slot after converting back");
}

GM_CASE(alias, .name = "conv.data.one_memory_two_slots", .clause = "conv.data",
	.providers = GM_PROVIDERS_X86,
	.text = "two slots map the same memory: both see it, and both lose pages that the host drops")
{
	static const struct {
		uint64_t at, n;
	} range[] = { { 0, 1 }, { 5, 3 }, { NPAGES - 1, 1 }, { NPAGES - 4, 4 }, { 0, NPAGES } };
	struct gm_fixture *w = GM_FIXTURE(.size = 2 * GM_2M, .no_slot = true);
	uint64_t second = w->gpa + GM_2M;

	/* KVM reaches userspace_addr by GUP. */
	if (w->file_serves_shared)
		gm_need(GM_NEED_GMEM_GUP);
	/*
	 * The lower slot has the file, too; the upper one has the host's mapping of the shared
	 * memory.
	 */
	gm_fixture_slot(w, GM_SLOT, w->gpa, GPA(NPAGES), 0);
	gm_slot_set(w->vm, GM_SLOT + 1, 0, second, GPA(NPAGES), w->hva, -1, 0);
	for (unsigned int i = 0; i < sizeof(range) / sizeof(range[0]) && !gm_failures(); i++) {
		uint64_t at = GPA(range[i].at), n = range[i].n, end = range[i].at + n;
		unsigned int gen = i + 1;

		gm_guest_fill(w->vm, 0, w->gpa, NPAGES, GM_WRITER_SHARED, gen);
		check_at(w->vm, second, NPAGES, 512, gen, "through the other slot");
		drop(w, at, GPA(n));
		gm_guest_check_zero(w->vm, 0, w->gpa + at, n, "dropped, the first slot");
		gm_guest_check_zero(w->vm, 0, second + at, n, "dropped, the second slot");
		if (range[i].at)
			check_at(w->vm, second, range[i].at, 512, gen, "below, the second slot");
		if (end < NPAGES)
			check_at(w->vm, second + GPA(end), NPAGES - end, 512, gen,
				 "above, the second slot");
		/*
		 * The new memory is the same for both: the first slot reads what the second writes.
		 */
		gm_guest_fill(w->vm, 0, second + at, 1, GM_WRITER_SHARED, gen + 100);
		check_at(w->vm, w->gpa + at, 1, -512UL, gen + 100, "new memory");
	}
	gm_convert(w->vm, w->gpa, GPA(NPAGES), true);
	if (gm_fixture_one_memory(w))
		second_faults(w, second);
	else
		second_stays(w, second);
	gm_fixture_free(w);
}
