// SPDX-License-Identifier: GPL-2.0-only
/* A page touched while its slot was deleted can still be converted to private: conv.before_slot. */
#include <stdatomic.h>

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

#define READERS 3
#define ROUNDS 400

struct readers {
	struct gm_fixture *w;
	atomic_bool over;
};

/* A read without a slot: the vCPU goes on with whatever kvm_run has. */
static bool is_mmio(struct gm_vm *vm, unsigned int vcpu, const struct gm_exit *ex)
{
	return !ex->ret && ex->reason == KVM_EXIT_MMIO;
}

static void read_or_change(unsigned int i, void *arg)
{
	struct readers *r = arg;
	struct gm_fixture *w = r->w;

	while (i && !atomic_load(&r->over)) {
		struct gm_op op = { .code = GM_OP_TOUCH_R,
				    .addr = w->gpa,
				    .nr = PAGES(w->size),
				    .val = GM_PAGE_SIZE };

		gm_run(w->vm, i - 1, &op, 1);
	}
	for (unsigned int n = 0; !i && n < ROUNDS; n++) {
		gm_slot_delete(w->vm, GM_SLOT);
		usleep(n % 7 * 100);
		gm_fixture_slot(w, GM_SLOT, w->gpa, w->size, 0);
		usleep(n % 16 * 50);
	}
	if (!i)
		atomic_store(&r->over, true);
}

/*
 * A fault that found no slot may be overtaken by the creation of the slot and by the fault of another
 * vCPU. Linux 7.3.4 then warns (arch/x86/kvm/mmu/tdp_mmu.c:1137): leak.kernel_log finds it.
 */
GM_CASE(racing, .name = "conv.before_slot.touched.racing",
	.text = "vCPUs read all pages while their slot is deleted and created, again and again",
	.providers = GM_PROVIDERS(ATTRIBUTES), .flags = GM_FULL_ONLY, .timeout = 120)
{
	struct gm_fixture *w =
		GM_FIXTURE(.size = 128 * GM_PAGE_SIZE, .vcpus = READERS, .on_exit = is_mmio);
	struct readers r = { .w = w };

	gm_fixture_host_write(w, GFN(w->gpa), PAGES(w->size));
	gm_parallel(READERS + 1, read_or_change, &r);
	gm_fixture_check_guest(w, 0, GFN(w->gpa), PAGES(w->size), 1, "the slot created again");
	gm_fixture_free(w);
}
