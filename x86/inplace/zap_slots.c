// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots whose order in the guest differs from that in the file: a conversion and a hole unmap the
 * pages of the range in each slot, and no others. conv.inplace_zaps, conv.inplace_hole.
 */
#include <stdatomic.h>

#include "inplace.h"

GM_FILE(.clause = "conv.inplace_hole", .provider = GM_PROVIDER_INPLACE, .profile = "P3",
	.needs = IP_NEEDS | GM_NEEDS(TDP))

#define NSLOTS 4UL
#define PART 32UL /* pages of a slot */
#define NPAGES (NSLOTS * PART)
#define SIZE (NPAGES * PG)

/* The part of the file of each slot; the slots are adjacent in the guest. */
static const unsigned int part_of[NSLOTS] = { 2, 0, 3, 1 };

/* The gpa of a page of the file. */
static uint64_t gpa_of(const struct gm_fixture *w, uint64_t page)
{
	uint64_t i = 0;

	while (part_of[i] != page / PART)
		i++;
	return w->gpa + (i * PART + page % PART) * PG;
}

static void make_slots(struct gm_fixture *w)
{
	for (unsigned int i = 0; i < NSLOTS; i++)
		gm_fixture_slot(w, GM_SLOT + i, w->gpa + i * PART * PG, PART * PG,
				part_of[i] * PART * PG);
}

static uint64_t faults(struct gm_fixture *w)
{
	return gm_vcpu_stat(w->vm, 0, "pf_fixed");
}

IP_CASES(
	beside, v, "conv.inplace_zaps.beside_slots",
	"slots that are adjacent in the guest but not in the file: pages outside the range stay mapped",
	.clause = "conv.inplace_zaps", .needs = GM_NEEDS(PAGE_STATS))
{
	static const struct {
		uint64_t page, n;
	} ranges[] = { { PART - 5, 10 }, { 2 * PART - 1, 2 }, { 3 * PART - 7, 8 },	 { 5, 7 },
		       { 10, 2 * PART }, { PART, PART },      { PART - 1, 2 * PART + 2 } };
	struct gm_fixture *w =
		IP_FIXTURE(v->private_first, .size = SIZE, .no_slot = true, .guest_page = PG);

	make_slots(w);
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		uint64_t page = ranges[i].page, n = ranges[i].n, mapped, before;

		for (int to_private = 1; to_private >= 0; to_private--) {
			ip_convert(w, 0, NPAGES, !to_private, "all");
			for (int turn = 0; turn < 2; turn++)
				gm_guest_touch(w->vm, 0, w->gpa, SIZE, PG);
			mapped = gm_vm_stat(w->vm, "pages_4k");
			before = faults(w);
			if (!ip_convert(w, page, n, to_private, "a range over slots"))
				gm_end();
			GM_EXPECT_EQ(mapped - gm_vm_stat(w->vm, "pages_4k"), n,
				     "pages that the guest lost, %lu+%lu of the file", page, n);
			for (uint64_t k = 0; k < NPAGES; k++) {
				bool in = k >= page && k < page + n;
				uint64_t was = faults(w);

				gm_guest_touch(w->vm, 0, gpa_of(w, k), PG, PG);
				GM_EXPECT_AT(
					GM_PAGE(.gpa = GM_AT(gpa_of(w, k)), .off = GM_AT(k * PG)),
					faults(w) - was == in,
					"page %lu of the file, %s the range: %lu faults", k,
					in ? "in" : "outside", faults(w) - was);
			}
			GM_EXPECT_EQ(faults(w) - before, n, "faults of a touch of every page");
			if (gm_failures())
				gm_end();
		}
	}
	gm_fixture_free(w);
}

IP_CASES(
	partly, v, "conv.inplace_zaps.part_without_slot",
	"a range that begins or ends outside the slot: the slot loses its part, and the guest continues",
	.clause = "conv.inplace_zaps", .needs = GM_NEEDS(PAGE_STATS), .timeout = 30)
{
	struct gm_fixture *w =
		IP_FIXTURE(v->private_first, .size = SIZE, .no_slot = true, .guest_page = PG);
	uint64_t at = 40, n = 50, mapped;

	gm_fixture_slot(w, GM_SLOT, w->gpa + at * PG, n * PG, at * PG);
	for (int turn = 0; turn < 8; turn++) {
		uint64_t from = turn & 2 ? at + 3 : 0, to = turn & 4 ? NPAGES : at + n - 3;

		ip_convert(w, 0, NPAGES, turn & 1, "all");
		for (int k = 0; k < 2; k++)
			gm_guest_touch(w->vm, 0, w->gpa + at * PG, n * PG, PG);
		mapped = gm_vm_stat(w->vm, "pages_4k");
		ip_convert(w, from, to - from, !(turn & 1), "more than the slot");
		GM_EXPECT_EQ(mapped - gm_vm_stat(w->vm, "pages_4k"),
			     (to < at + n ? to : at + n) - (from > at ? from : at),
			     "pages that the guest lost");
		gm_guest_touch(w->vm, 0, w->gpa + at * PG, n * PG, PG);
		GM_EXPECT_EQ(gm_vm_stat(w->vm, "pages_4k"), mapped, "pages mapped again");
	}
	gm_fixture_free(w);
}

/* --- a hole while vCPUs fault, in several slots --- */

#define VCPUS 3U
/* Small, so that there are many rounds: the window between getting and mapping a page is short. */
#define HOLE_SIZE (128 * PG)
#define HOLE_PART (HOLE_SIZE / NSLOTS)

struct faulting {
	struct gm_fixture *w;
	atomic_uint begun; /* vCPUs that are about to fault */
	unsigned int round;
};

/* The pages are allocated but not mapped: each touch is a fault. */
static void part(unsigned int i, void *arg)
{
	struct faulting *f = arg;
	struct gm_fixture *w = f->w;

	if (i == VCPUS) {
		while (atomic_load(&f->begun) < VCPUS)
			sched_yield();
		usleep(f->round % 32 * 100);
		gm_gmem_punch(w->gmem, 0, HOLE_SIZE);
		return;
	}
	atomic_fetch_add(&f->begun, 1);
	/* Each vCPU begins in another slot. One vCPU prefaults in every second round. */
	for (unsigned int k = 0; k < NSLOTS; k++) {
		uint64_t gpa = w->gpa + (i + k) % NSLOTS * HOLE_PART, size = HOLE_PART;

		if (i == 1 && (f->round & 1) && gm_platform_has(GM_NEED_PREFAULT))
			GM_EXPECT_OK(gm_prefault(w->vm, i, &gpa, &size, 0));
		else
			gm_guest_touch(w->vm, i, gpa, size, PG);
	}
}

GM_CASES(slots_faulting, struct ip_start, v)
{
	struct gm_fixture *w = IP_FIXTURE(v->private_first, .size = HOLE_SIZE, .no_slot = true,
					  .vcpus = VCPUS, .guest_page = PG);
	struct faulting f = { .w = w };
	uint64_t n = PAGES(HOLE_SIZE);
	unsigned int rounds = self->flags & GM_FULL_ONLY ? 3000 : 100;
	struct gm_batch s;

	/* In reverse order, so that no slot has the same offset in guest and file. */
	for (unsigned int i = 0; i < NSLOTS; i++)
		gm_fixture_slot(w, GM_SLOT + i, w->gpa + i * HOLE_PART, HOLE_PART,
				(NSLOTS - 1 - i) * HOLE_PART);
	gm_batch_init(&s, w, 0);
	for (f.round = 0; f.round < rounds && !gm_failures(); f.round++) {
		gm_batch_fill(&s, GFN(w->gpa), n, 128);
		gm_batch_flush(&s);
		/* The file keeps its pages, and the guest has none mapped. */
		ip_convert(w, 0, n, v->private_first ^ !(f.round & 1), "all of them");
		atomic_store(&f.begun, 0);
		gm_parallel(VCPUS + 1, part, &f);
		gm_model_punched(w->model, GFN(w->gpa), n);
		gm_fixture_check_guest(w, 0, GFN(w->gpa), n, 128, "after the hole");
	}
	gm_fixture_free(w);
}
GM_ROW(slots_faulting, slots_faulting_shared, .name = "conv.inplace_hole.slots_faulting",
       .text = "a hole over four slots while three vCPUs fault in them: none has an old page afterwards") = {
	.private_first = false,
};
GM_ROW(slots_faulting, slots_faulting_private,
       .name = "conv.inplace_hole.slots_faulting.private_first",
       .text = "the same in a file that started private") = { .private_first = true };
GM_ROW(slots_faulting, slots_faulting_longer, .name = "conv.inplace_hole.slots_faulting.long",
       .text = "the same, 3000 times", .flags = GM_FULL_ONLY,
       .timeout = 300) = { .private_first = false };
