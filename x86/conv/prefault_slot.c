// SPDX-License-Identifier: GPL-2.0-only
/* Prefault does not block the deletion of its slot, and returns an error: conv.prefault. */
#include "conv.h"

#define ROUNDS 40
#define ASKED 96

struct remake {
	struct gm_fixture *w;
	atomic_bool done;
	unsigned int whole, again, none;
};

static void prefault_loop(struct remake *r)
{
	while (!r->done) {
		uint64_t gpa = r->w->gpa, size = GPA(ASKED);

		if (!gm_prefault(r->w->vm, 0, &gpa, &size, 0)) {
			r->whole += !size;
		} else if (errno == EAGAIN) {
			r->again++;
		} else if (errno == EFAULT ||
			   (errno == ENOENT && r->w->provider->file_serves_shared)) {
			/*
			 * EFAULT: the first page is private and has no slot. ENOENT: in place a
			 * page without a slot is not private; the deletion may also race with the
			 * fault.
			 */
			r->none++;
		} else if (errno != EINTR) {
			GM_FAIL("prefault of a slot during its deletion: %s", gm_errno_name(errno));
			return;
		}
	}
}

static void part(unsigned int i, void *arg)
{
	struct remake *r = arg;
	struct gm_fixture *w = r->w;

	if (!i) {
		prefault_loop(r);
		return;
	}
	for (int n = 0; n < ROUNDS; n++) {
		gm_slot_delete(w->vm, GM_SLOT);
		gm_fixture_slot(w, GM_SLOT, w->gpa, w->size, 0);
	}
	r->done = true;
}

GM_CASE(remade, .name = "conv.prefault.slot_remade", .clause = "conv.prefault",
	.providers = GM_PROVIDERS_HUGE,
	.text = "a slot is deleted and created again while a vCPU prefaults it in a loop: both make progress",
	.needs = GM_NEEDS(PREFAULT, TDP))
{
	struct remake r = {
		.w = GM_FIXTURE(.size = GM_2M, .mem = GM_MEM_ANON),
	};
	uint64_t first = GFN(r.w->gpa), gpa = r.w->gpa, size = GPA(ASKED);
	struct gm_batch s;

	gm_batch_init(&s, r.w, 0);
	for (uint64_t i = 0; i < ASKED; i += 2)
		gm_batch_convert(&s, first + i, 1, true, true);
	gm_batch_fill(&s, first, ASKED, 1);
	gm_batch_flush(&s);
	gm_parallel(2, part, &r);
	gm_note("%u prefaults whole, %u EAGAIN, %u without a slot", r.whole, r.again, r.none);
	GM_EXPECT_OK(gm_prefault(r.w->vm, 0, &gpa, &size, 0),
		     "after the last creation of the slot");
	GM_EXPECT_EQ(size, 0, "bytes left after it");
	gm_fixture_check_guest(r.w, 0, first, ASKED, 1, "after the last prefault");
	gm_fixture_free(r.w);
}
