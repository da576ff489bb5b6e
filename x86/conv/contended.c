// SPDX-License-Identifier: GPL-2.0-only
/* Long conversions that yield mmu_lock to faults miss no page: conv.any_range. */
#include "contend.h"
#include "conv.h"

#define LEN (8 * GM_2M)
#define NOISE GM_2M

static void to_private(void *arg)
{
	struct gm_fixture *w = arg;

	gm_convert(w->vm, w->gpa, LEN, true);
}

static void to_shared(void *arg)
{
	struct gm_fixture *w = arg;

	gm_convert(w->vm, w->gpa, LEN, false);
}

/*
 * In place the data is the same in both states: only the number of faults shows pages that stayed
 * mapped.
 */
static void expect_faults(struct gm_fixture *w, bool one)
{
	if (one)
		GM_EXPECT_EQ(touch_faults(w->vm, 0, w->gpa, LEN), PAGES(LEN),
			     "pages faulted in after the conversion");
}

/* The other vCPU faults in an ordinary slot, whose memory the host can drop with any provider. */
static void contended(struct gm_fixture *w, struct gm_mem *noise, void (*change)(void *arg))
{
	gm_contend(w->vm, 1, w->gpa + LEN, noise->hva, NOISE, change, w);
}

GM_CASE(there_and_back, .name = "conv.any_range.contended", .clause = "conv.any_range",
	.text = "4096 pages convert there and back while another vCPU faults: no page keeps its old state",
	.providers = GM_PROVIDERS_X86, .needs = GM_NEEDS(TDP))
{
	struct gm_fixture *w = GM_FIXTURE(.size = LEN, .vcpus = 2);
	struct gm_mem *noise = gm_mem_new(GM_MEM_ANON, NOISE);
	bool one = gm_fixture_one_memory(w);
	enum gm_writer shared = one ? GM_WRITER_PRIVATE : GM_WRITER_SHARED;

	gm_slot_set(w->vm, GM_SLOT + 1, 0, w->gpa + LEN, NOISE, noise->hva, -1, 0);
	gm_vm_map(w->vm, w->gpa + LEN, NOISE, GM_2M);
	gm_host_fill(w->hva, GFN(w->gpa), PAGES(LEN), GM_WRITER_SHARED, 1);
	gm_convert(w->vm, w->gpa, LEN, true);
	gm_guest_fill(w->vm, 0, w->gpa, PAGES(LEN), GM_WRITER_PRIVATE, 1);
	for (unsigned int i = 0; i < 2 && !gm_failures(); i++) {
		contended(w, noise, to_shared);
		expect_faults(w, one);
		gm_guest_check(w->vm, 0, w->gpa, PAGES(LEN), shared, 1, "shared");
		contended(w, noise, to_private);
		expect_faults(w, one);
		gm_guest_check(w->vm, 0, w->gpa, PAGES(LEN), GM_WRITER_PRIVATE, 1, "private again");
	}
	gm_fixture_free(w);
	gm_mem_free(noise);
}
