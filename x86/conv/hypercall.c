// SPDX-License-Identifier: GPL-2.0-only
/* KVM passes the guest's request and the VMM's result unchanged: conv.hypercall_args. */
#include "conv.h"

GM_FILE(.clause = "conv.hypercall_args", .providers = GM_PROVIDERS_HUGE,
	.needs = GM_NEEDS(HYPERCALL_EXIT))

/* Enters the vCPU. Returns true for a hypercall exit, false for the yield; ERROR for others. */
static bool enter(struct gm_vm *vm)
{
	struct gm_exit ex;

	GM_SETUP(!gm_enter(vm, 0, &ex), "KVM_RUN: %s", gm_errno_name(errno));
	if (ex.reason == KVM_EXIT_HYPERCALL)
		return true;
	GM_SETUP(gm_arch_is_yield(vm->vcpu[0]), "exit %u", ex.reason);
	return false;
}

/* One request: checks the exit, and that the guest gets `answer`. */
static void ask(struct gm_vm *vm, uint64_t gpa, uint64_t npages, uint64_t attrs, uint64_t answer)
{
	struct gm_op op = { .code = GM_OP_MAP_GPA, .addr = gpa, .nr = npages, .val = attrs };
	struct kvm_run *run = vm->vcpu[0]->run;

	gm_post(vm, 0, &op, 1);
	/* KVM must set 0 for a VMM that never writes it. */
	run->hypercall.ret = 0x1122334455667788;
	memset(run->hypercall.args, 0xee, sizeof(run->hypercall.args));
	run->hypercall.flags = ~0ULL;
	if (!GM_EXPECT(
		    enter(vm),
		    "gpa %#lx, %lu pages, attributes %#lx: expected KVM_EXIT_HYPERCALL, observed none; the guest got %ld",
		    gpa, npages, attrs, vm->mbox[0].op[0].ret))
		return;
	GM_EXPECT_EQ(run->hypercall.nr, KVM_HC_MAP_GPA_RANGE, "the hypercall's number");
	GM_EXPECT_EQ(run->hypercall.args[0], gpa, "args[0] of gpa %#lx", gpa);
	GM_EXPECT_EQ(run->hypercall.args[1], npages, "args[1] of %lu pages", npages);
	GM_EXPECT_EQ(run->hypercall.args[2], attrs, "args[2] of attributes %#lx", attrs);
	GM_EXPECT_EQ(run->hypercall.flags, KVM_EXIT_HYPERCALL_LONG_MODE, "flags of a 64-bit guest");
	GM_EXPECT_EQ(run->hypercall.ret, 0, "ret at the exit");
	run->hypercall.ret = answer;
	GM_EXPECT(!enter(vm), "answered %#lx: a second exit", answer);
	GM_EXPECT_EQ(vm->mbox[0].op[0].ret, answer, "the guest's result for answer %#lx", answer);
}

GM_CASE(gpa_npages, .name = "conv.hypercall_args.gpa_npages",
	.text = "any gpa with any number of pages, far beyond 512 and 2^32")
{
	static const uint64_t n[] = {
		1,
		2,
		511,
		512,
		513,
		1023,
		4096,
		262143,
		262144,
		262145,
		1UL << 31,
		(1UL << 32) - 1,
		1UL << 32,
		(1UL << 32) + 1,
		1UL << 40,
		1UL << 51,
		(1UL << 52) - 1,
	};
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1);
	uint64_t gpa[] = {
		0,
		GM_PAGE_SIZE,
		GM_2M - GM_PAGE_SIZE,
		GM_2M,
		GM_1G + GM_PAGE_SIZE,
		0xfffff000,
		GM_BASE,
		GM_BASE + GM_1G - GM_PAGE_SIZE,
		GPA(vm->kvm->max_gfn),
		GPA(vm->kvm->max_gfn + 1),
		1UL << 51,
		0x7ffffffffffff000,
		-GM_PAGE_SIZE,
	};

	for (size_t i = 0; i < sizeof(gpa) / sizeof(gpa[0]); i++)
		for (size_t j = 0; j < sizeof(n) / sizeof(n[0]); j++)
			ask(vm, gpa[i], n[j], GM_MAP_PRIVATE, 0);
	/* As many pages as possible without a wrap of the gfn. */
	ask(vm, GM_PAGE_SIZE, ~0UL - 1, GM_MAP_SHARED, 0);
	ask(vm, 0, ~0UL, GM_MAP_SHARED, 0);
	gm_vm_free(vm);
}

GM_CASE(attributes, .name = "conv.hypercall_args.attributes",
	.text = "each attribute bit alone, every page-size hint, all bits")
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1);

	for (int bit = 0; bit < 64; bit++)
		ask(vm, GM_BASE, 1, 1UL << bit, 0);
	for (uint64_t hint = 0; hint < 16; hint++) {
		ask(vm, GM_BASE + GPA(hint), 3, hint | GM_MAP_PRIVATE, 0);
		ask(vm, GM_BASE + GPA(hint), 3, hint | GM_MAP_SHARED, 0);
	}
	ask(vm, GM_BASE, 1, 0, 0);
	ask(vm, GM_BASE, 1, ~0UL, 0);
	ask(vm, GM_BASE, 1, 0xa5a5a5a5a5a5a5a5, 0);
	gm_vm_free(vm);
}

GM_CASE(result, .name = "conv.hypercall_args.result",
	.text = "the guest gets all 64 bits of the VMM's result in RAX")
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1);

	for (int err = 0; err < 134; err++)
		ask(vm, GM_BASE, 1, GM_MAP_PRIVATE, -err);
	for (int bit = 0; bit < 64; bit++)
		ask(vm, GM_BASE, 1, GM_MAP_SHARED, 1UL << bit);
	ask(vm, GM_BASE, 1, GM_MAP_SHARED, 0x123456789abcdef0);
	gm_vm_free(vm);
}

/* Needs TDP: without it, on software virtualization, the instruction never exits. */
GM_CASE(default_vm, .name = "conv.hypercall_args.default_vm",
	.text = "the same from a guest of an ordinary VM", .profile = "P0",
	.needs = GM_NEEDS(KVM, TDP))
{
	struct gm_vm *vm = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 1);

	ask(vm, GM_BASE, 1, GM_MAP_PRIVATE, 0);
	ask(vm, GM_BASE + 511 * GM_PAGE_SIZE, 1UL << 33, GM_MAP_PRIVATE | 2, -EINVAL);
	ask(vm, 0, 513, GM_MAP_SHARED, 7);
	gm_vm_free(vm);
}

GM_CASE(not_done, .name = "conv.hypercall_args.kvm_converts_nothing",
	.text = "the request alone changes nothing, with any result of the VMM")
{
	struct gm_fixture *w = GM_FIXTURE(.size = GM_2M);
	uint64_t first = GFN(w->gpa);
	struct gm_batch s;

	gm_batch_init(&s, w, 0);
	gm_batch_fill(&s, first, 512, 1);
	gm_batch_flush(&s);
	ask(w->vm, w->gpa, 512, GM_MAP_PRIVATE, 0);
	ask(w->vm, w->gpa + GM_PAGE_SIZE, 1, GM_MAP_PRIVATE, -EINVAL);
	gm_batch_check(&s, first, 512, 1);
	gm_batch_convert(&s, first, 512, true, true);
	gm_batch_fill(&s, first, 512, 1);
	gm_batch_flush(&s);
	ask(w->vm, w->gpa, 512, GM_MAP_SHARED, 0);
	gm_fixture_check_all(w, 0, "after requests that the VMM did not perform");
	gm_fixture_free(w);
}
