// SPDX-License-Identifier: GPL-2.0-only
/* What the host does to its memory reaches every slot over it, to the last page: conv.data. */
#include <sys/mman.h>

#include "conv.h"

#define NPAGES 64UL

/* Reads `n` pages at `gpa`, which lie `delta` pages above where their words were written. */
static bool check_at(struct gm_vm *vm, uint64_t gpa, uint64_t n, uint64_t delta, unsigned int gen,
		     const char *when)
{
	struct gm_op op = { .code = GM_OP_CHECK,
			    .addr = gpa,
			    .nr = n,
			    .half = GM_HALF_SHARED,
			    .gen = gen,
			    .gfn_delta = -delta };

	gm_run(vm, 0, &op, 1);
	return GM_EXPECT_AT(GM_PAGE(.gpa = op.bad_addr), !op.bad,
			    "%s: %lu wrong words, expected %s, observed %s", when, op.bad,
			    gm_word_str(op.expected), gm_word_str(op.observed));
}

GM_CASE(alias, .name = "conv.data.one_memory_two_slots", .clause = "conv.data", .profile = "P0",
	.needs = GM_NEEDS(ATTRIBUTES),
	.text = "two slots over one memory: both see it, and both lose what the host drops of it")
{
	static const struct {
		uint64_t at, n;
	} drop[] = { { 0, 1 }, { 5, 3 }, { NPAGES - 1, 1 }, { NPAGES - 4, 4 }, { 0, NPAGES } };
	struct gm_fixture *w = GM_FIXTURE(.size = 2 * GM_2M, .no_slot = true);
	uint64_t second = w->gpa + GM_2M;
	uint8_t *hva = w->hva;

	/* The lower slot has a private half, too; the upper one has none. */
	gm_slot_set(w->vm, GM_SLOT, 0, w->gpa, GPA(NPAGES), hva, w->gmem, 0);
	gm_slot_set(w->vm, GM_SLOT + 1, 0, second, GPA(NPAGES), hva, -1, 0);
	for (unsigned int i = 0; i < sizeof(drop) / sizeof(drop[0]) && !gm_failures(); i++) {
		uint64_t at = GPA(drop[i].at), n = drop[i].n, end = drop[i].at + n;
		unsigned int gen = i + 1;

		gm_guest_fill(w->vm, 0, w->gpa, NPAGES, GM_HALF_SHARED, gen);
		check_at(w->vm, second, NPAGES, 512, gen, "through the other slot");
		GM_SETUP_OK(madvise(hva + at, GPA(n), MADV_DONTNEED));
		gm_guest_check_zero(w->vm, 0, w->gpa + at, n, "dropped, the first slot");
		gm_guest_check_zero(w->vm, 0, second + at, n, "dropped, the second slot");
		if (drop[i].at)
			check_at(w->vm, second, drop[i].at, 512, gen, "below, the second slot");
		if (end < NPAGES)
			check_at(w->vm, second + GPA(end), NPAGES - end, 512, gen,
				 "above, the second slot");
		/* New memory, and still one: what the second writes the first reads. */
		gm_guest_fill(w->vm, 0, second + at, 1, GM_HALF_SHARED, gen + 100);
		check_at(w->vm, w->gpa + at, 1, -512UL, gen + 100, "new memory");
	}
	/* One of them private: the other goes on, and what is dropped is the shared half alone. */
	gm_convert(w->vm, w->gpa, GPA(NPAGES), true);
	gm_guest_fill(w->vm, 0, w->gpa, NPAGES, GM_HALF_PRIVATE, 50);
	gm_host_fill(hva, GFN(w->gpa), NPAGES, GM_HALF_SHARED, 51);
	check_at(w->vm, second, NPAGES, 512, 51, "the second slot beside a private first");
	GM_SETUP_OK(madvise(hva, GPA(NPAGES), MADV_DONTNEED));
	gm_guest_check_zero(w->vm, 0, second, NPAGES, "dropped beside a private first");
	gm_guest_check(w->vm, 0, w->gpa, NPAGES, GM_HALF_PRIVATE, 50, "the private half");
	gm_fixture_free(w);
}
