// SPDX-License-Identifier: GPL-2.0-only
/* A page touched while its slot was deleted can still be converted to private: conv.before_slot. */
#include "conv.h"

GM_FILE(.clause = "conv.before_slot", .providers = GM_PROVIDERS_HUGE)

struct since {
	bool private; /* the page is converted to private after that */
};

/*
 * The touch leaves an MMIO SPTE. The next access faults on it, and must check the attributes as any
 * other fault (kvm_mmu_page_fault() in arch/x86/kvm/mmu/mmu.c does not for a reserved-bit fault,
 * and handles it as an ordinary fault if the SPTE is stale).
 */
GM_CASES(touched_while_absent, struct since, v)
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	uint64_t gfn = GFN(w->gpa) + 5, gpa = GPA(gfn);
	struct gm_page page = gm_vm_page(w->vm, gpa);
	struct gm_op op = { .code = GM_OP_READ, .addr = gpa };
	struct gm_exit ex;

	gm_guest_fill(w->vm, 0, gpa, 1, GM_WRITER_SHARED, 1);
	gm_slot_delete(w->vm, GM_SLOT);
	GM_ASSERT(!__gm_run(w->vm, 0, &op, 1, &ex, NULL) && ex.reason == KVM_EXIT_MMIO,
		  "a read without a slot: expected exit %u (KVM_EXIT_MMIO), observed %s",
		  KVM_EXIT_MMIO, gm_exit_str(&ex));
	gm_fixture_slot(w, GM_SLOT, w->gpa, w->size, 0);
	if (v->private)
		gm_convert(w->vm, gpa, GM_PAGE_SIZE, true);
	op = (struct gm_op){ .code = GM_OP_READ, .addr = gpa };
	if (GM_EXPECT_AT(
		    &page, __gm_run(w->vm, 0, &op, 1, &ex, NULL),
		    "touched while the slot was deleted%s: expected the read to succeed, observed %s",
		    v->private ? ", then converted to private" : "", gm_exit_str(&ex)))
		GM_EXPECT_EQ(op.val,
			     v->private && !gm_fixture_one_memory(w)
				     ? 0
				     : gm_word(gfn, GM_WRITER_SHARED, 1, 0),
			     "what the guest read");
	gm_fixture_free(w);
}
GM_ROW(touched_while_absent, absent_shared, .name = "conv.before_slot.touched.shared",
       .text = "a page touched while its slot was deleted, still shared") = { .private = false };
/* Linux 7.3.4 fails it. */
GM_ROW(touched_while_absent, absent_private, .name = "conv.before_slot.touched.private",
       .text = "a page touched while its slot was deleted, then converted to private",
       .flags = GM_FULL_ONLY) = { .private = true };
