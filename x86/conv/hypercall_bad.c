// SPDX-License-Identifier: GPL-2.0-only
/* KVM refuses bad hypercalls without an exit to the VMM: conv.hypercall_bad. */
#include <linux/kvm_para.h>

#include "bare.h"
#include "conv.h"

GM_FILE(.clause = "conv.hypercall_bad", .providers = GM_PROVIDERS_HUGE,
	.needs = GM_NEEDS(HYPERCALL_EXIT))

/* Errors for guests have their own numbers: KVM_ENOSYS of uapi/linux/kvm_para.h. */
static atomic_uint exits;

static int64_t count_exit(struct gm_vm *vm, unsigned int vcpu, uint64_t gpa, uint64_t npages,
			  uint64_t attrs)
{
	exits++;
	return 0;
}

static struct gm_vm *new_vm(bool no_exit)
{
	exits = 0;
	return GM_VM_NEW(.kind = GM_VM_SW_PROTECTED, .vcpus = 1, .on_convert = count_exit,
			 .no_exit_hypercall = no_exit);
}

static int64_t ask(struct gm_vm *vm, uint64_t gpa, uint64_t npages, uint64_t attrs)
{
	struct gm_op op = { .code = GM_OP_MAP_GPA, .addr = gpa, .nr = npages, .val = attrs };

	gm_run(vm, 0, &op, 1);
	return op.ret;
}

static void expect_refused(struct gm_vm *vm, uint64_t gpa, uint64_t npages, int64_t err)
{
	unsigned int before = exits;
	int64_t ret = ask(vm, gpa, npages, GM_MAP_PRIVATE);

	GM_EXPECT(ret == err, "gpa %#lx, %#lx pages: expected %ld, the guest got %ld", gpa, npages,
		  err, ret);
	GM_EXPECT(exits == before, "gpa %#lx, %#lx pages: an exit to the VMM, expected none", gpa,
		  npages);
}

static void control(struct gm_vm *vm, uint64_t gpa, uint64_t npages)
{
	unsigned int before = exits;
	int64_t ret = ask(vm, gpa, npages, GM_MAP_PRIVATE);

	gm_promise(ret == 0 && exits == before + 1,
		   "gpa %#lx, %#lx pages, legal: %u exits, the guest got %ld", gpa, npages,
		   exits - before, ret);
}

GM_CASE(unaligned, .name = "conv.hypercall_bad.unaligned",
	.text = "a gpa with any bit below 4096 set: -EINVAL, no exit", .flags = GM_REFUSAL)
{
	struct gm_vm *vm = new_vm(false);

	control(vm, GM_BASE, 1);
	for (int bit = 0; bit < 12; bit++) {
		expect_refused(vm, GM_BASE | 1UL << bit, 1, -KVM_EINVAL);
		expect_refused(vm, GM_BASE | 1UL << bit, 1UL << 33, -KVM_EINVAL);
		expect_refused(vm, 1UL << bit, 512, -KVM_EINVAL);
	}
	expect_refused(vm, GM_BASE + 4095, 1, -KVM_EINVAL);
	control(vm, GM_BASE + 4096, 1);
	gm_vm_free(vm);
}

GM_CASE(no_pages, .name = "conv.hypercall_bad.no_pages", .text = "0 pages: -EINVAL, no exit",
	.flags = GM_REFUSAL)
{
	struct gm_vm *vm = new_vm(false);

	control(vm, GM_BASE, 1);
	expect_refused(vm, GM_BASE, 0, -KVM_EINVAL);
	expect_refused(vm, 0, 0, -KVM_EINVAL);
	expect_refused(vm, -GM_PAGE_SIZE, 0, -KVM_EINVAL);
	gm_vm_free(vm);
}

GM_CASE(wrap, .name = "conv.hypercall_bad.wrap",
	.text = "gfn + npages beyond 2^64: -EINVAL, no exit; the largest legal range exits",
	.flags = GM_REFUSAL)
{
	struct gm_vm *vm = new_vm(false);
	static const uint64_t gfn[] = { 1, 2, 0x100000, 1UL << 40, (1UL << 52) - 1 };

	for (size_t i = 0; i < sizeof(gfn) / sizeof(gfn[0]); i++) {
		control(vm, GPA(gfn[i]), -gfn[i] - 1);
		expect_refused(vm, GPA(gfn[i]), -gfn[i], -KVM_EINVAL);
		expect_refused(vm, GPA(gfn[i]), -gfn[i] + 1, -KVM_EINVAL);
		expect_refused(vm, GPA(gfn[i]), -1, -KVM_EINVAL);
	}
	control(vm, 0, -1);
	gm_vm_free(vm);
}

GM_CASE(not_enabled, .name = "conv.hypercall_bad.not_enabled",
	.text = "the VMM did not enable the exit: -ENOSYS for all arguments", .flags = GM_REFUSAL)
{
	struct gm_vm *vm = new_vm(true);

	expect_refused(vm, GM_BASE, 1, -KVM_ENOSYS);
	expect_refused(vm, GM_BASE + 1, 1, -KVM_ENOSYS);
	expect_refused(vm, GM_BASE, 0, -KVM_ENOSYS);
	expect_refused(vm, GM_BASE, -1, -KVM_ENOSYS);
	vm_enable_cap(vm->kvm, KVM_CAP_EXIT_HYPERCALL, 1 << KVM_HC_MAP_GPA_RANGE);
	control(vm, GM_BASE, 1);
	vm_enable_cap(vm->kvm, KVM_CAP_EXIT_HYPERCALL, 0);
	expect_refused(vm, GM_BASE, 1, -KVM_ENOSYS);
	gm_vm_free(vm);
}

GM_CASE(unknown, .name = "conv.hypercall_bad.unknown",
	.text = "unknown hypercalls: -ENOSYS, no exit", .flags = GM_REFUSAL)
{
	/* The last two: the known number with a bit above the 32nd. */
	static const uint64_t nr[] = { 0,
				       2,
				       3,
				       4,
				       6,
				       7,
				       8,
				       13,
				       14,
				       100,
				       0x7fffffff,
				       ~0UL,
				       1UL << 32 | KVM_HC_MAP_GPA_RANGE,
				       1UL << 63 | KVM_HC_MAP_GPA_RANGE };
	struct gm_vm *vm = new_vm(false);

	control(vm, GM_BASE, 1);
	for (size_t i = 0; i < sizeof(nr) / sizeof(nr[0]); i++) {
		struct gm_op op = {
			.code = GM_OP_HYPERCALL, .val = nr[i], .addr = GM_BASE, .nr = 1
		};
		unsigned int before = exits;

		gm_run(vm, 0, &op, 1);
		GM_EXPECT(op.ret == -KVM_ENOSYS, "hypercall %#lx: expected %d, the guest got %ld",
			  nr[i], -KVM_ENOSYS, op.ret);
		GM_EXPECT(exits == before, "hypercall %#lx: an exit to the VMM, expected none",
			  nr[i]);
	}
	gm_vm_free(vm);
}

GM_CASE(user, .name = "conv.hypercall_bad.cpl_3",
	.text = "a hypercall from guest user code: -EPERM, no exit; from its kernel it exits",
	.flags = GM_REFUSAL)
{
	static const struct {
		uint64_t gpa, npages;
	} what[] = {
		{ GM_BASE, 1 },
		{ GM_BASE + 1, 1 },
		{ 0, 0 },
	};
	struct bare b = bare_hypercall(BARE_KERNEL, KVM_HC_MAP_GPA_RANGE, GM_BASE, 1, 16, 5);

	gm_promise(b.exited && b.rax == 5, "from the guest's kernel: exit %d, RAX %#lx", b.exited,
		   b.rax);
	for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
		b = bare_hypercall(BARE_USER, KVM_HC_MAP_GPA_RANGE, what[i].gpa, what[i].npages, 16,
				   5);
		GM_EXPECT(!b.exited, "from user code, gpa %#lx: an exit to the VMM, expected none",
			  what[i].gpa);
		GM_EXPECT_EQ(b.rax, -KVM_EPERM, "from user code, gpa %#lx: RAX", what[i].gpa);
	}
	b = bare_hypercall(BARE_USER, 100, 0, 0, 0, 5);
	GM_EXPECT_EQ(b.rax, -KVM_EPERM, "from user code, an unknown hypercall: RAX");
}

GM_CASE(rings, .name = "conv.hypercall_bad.rings",
	.text = "rings 1 and 2, which have supervisor access to pages: -EPERM, no exit",
	.flags = GM_REFUSAL)
{
	struct bare b = bare_hypercall(BARE_KERNEL, KVM_HC_MAP_GPA_RANGE, GM_BASE, 1, 16, 5);

	gm_promise(b.exited && b.rax == 5, "from ring 0: exit %d, RAX %#lx", b.exited, b.rax);
	for (enum bare_mode ring = BARE_RING_1; ring <= BARE_RING_2; ring++) {
		b = bare_hypercall(ring, KVM_HC_MAP_GPA_RANGE, GM_BASE, 1, 16, 5);
		GM_EXPECT(!b.exited, "from ring %d: an exit to the VMM, expected none", ring);
		GM_EXPECT_EQ(b.rax, -KVM_EPERM, "from ring %d: RAX", ring);
	}
}

GM_CASE(enable, .name = "conv.hypercall_bad.enable_args",
	.text = "the capability enables only the hypercalls that it lists; others are EINVAL",
	.flags = GM_REFUSAL)
{
	struct gm_vm *vm = new_vm(true);
	int known = vm_check_cap(vm->kvm, KVM_CAP_EXIT_HYPERCALL);

	GM_EXPECT_EQ(known, 1 << KVM_HC_MAP_GPA_RANGE, "KVM_CAP_EXIT_HYPERCALL of the VM");
	for (int bit = 0; bit < 64; bit++) {
		if (known >> (bit & 31) & 1 && bit < 32)
			continue;
		GM_EXPECT_ERRNO(EINVAL,
				__vm_enable_cap(vm->kvm, KVM_CAP_EXIT_HYPERCALL, 1UL << bit),
				"bit %d", bit);
		GM_EXPECT_ERRNO(
			EINVAL,
			__vm_enable_cap(vm->kvm, KVM_CAP_EXIT_HYPERCALL, 1UL << bit | known),
			"bit %d", bit);
	}
	expect_refused(vm, GM_BASE, 1, -KVM_ENOSYS);
	gm_promise(!__vm_enable_cap(vm->kvm, KVM_CAP_EXIT_HYPERCALL, known),
		   "enabling the listed hypercalls");
	control(vm, GM_BASE, 1);
	gm_vm_free(vm);
}

GM_CASE(compat, .name = "conv.hypercall_args.compat", .clause = "conv.hypercall_args",
	.text = "32-bit code: the low halves of the registers, no LONG_MODE, 32 bits of the result")
{
	uint64_t high = 0xabcd1234UL << 32;
	struct bare b = bare_hypercall(BARE_COMPAT, high | KVM_HC_MAP_GPA_RANGE, high | 0xd0001000,
				       high | 513, high | 16, -EINVAL);

	GM_ASSERT(b.exited, "expected KVM_EXIT_HYPERCALL, observed none, RAX %#lx", b.rax);
	GM_EXPECT_EQ(b.nr, KVM_HC_MAP_GPA_RANGE, "the hypercall's number");
	GM_EXPECT_EQ(b.args[0], 0xd0001000, "gpa");
	GM_EXPECT_EQ(b.args[1], 513, "npages");
	GM_EXPECT_EQ(b.args[2], 16, "attributes");
	GM_EXPECT_EQ(b.flags, 0, "flags of 32-bit code");
	GM_EXPECT_EQ(b.rax, (uint32_t)-EINVAL, "RAX");
	/* The same registers in 64-bit mode are another hypercall. */
	b = bare_hypercall(BARE_KERNEL, KVM_HC_MAP_GPA_RANGE, high | 0xd0001000, high | 513,
			   high | 16, -EINVAL);
	GM_ASSERT(b.exited, "64-bit code: expected KVM_EXIT_HYPERCALL, observed none");
	GM_EXPECT_EQ(b.args[0], high | 0xd0001000, "gpa, 64-bit code");
	GM_EXPECT_EQ(b.flags, KVM_EXIT_HYPERCALL_LONG_MODE, "flags of 64-bit code");
	GM_EXPECT_EQ(b.rax, -EINVAL, "RAX, 64-bit code");
}
