// SPDX-License-Identifier: GPL-2.0-only
/*
 * Protected VMs of arm64 (pKVM), pkvm.*: the host cannot access pages that the guest did not share;
 * a shared page is the same page for both; and no access of the host crashes it. More cases:
 * arm64/pkvm/.
 */
#include "pkvm/pkvm.h"
#include "text.h"

GM_FILE(.profile = "P2")

GM_CASE(create_type, .name = "pkvm.create.type", .clause = "pkvm.create", .flags = GM_REFUSAL,
	.text = "bit 31 of the VM type creates a protected VM; with unknown bits it is EINVAL",
	.needs = GM_NEEDS(PROTECTED))
{
	unsigned long ipa = gm_platform_vm_type(0)->type;
	int kvm = GM_SETUP_OK(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	long vm = GM_EXPECT_OK(ioctl(kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_PROTECTED | ipa));

	gm_promise(vm >= 0, "a protected VM can be created");
	close(vm);
	for (int bit = 8; bit < 31; bit++)
		GM_EXPECT_ERRNO(
			EINVAL,
			ioctl(kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_PROTECTED | ipa | 1UL << bit),
			"with bit %d", bit);
	close(kvm);
}

/* KVM_MAX_PVMS is 255 (arch/arm64/include/asm/kvm_pkvm.h). Slow if EL2 is emulated. */
GM_CASE(create_handles, .name = "pkvm.create.handles", .clause = "pkvm.create",
	.flags = GM_FULL_ONLY, .needs = GM_NEEDS(PROTECTED), .timeout = 120,
	.text = "VMs that never ran release their handle at EL2: more VMs one after the other than it has handles")
{
	unsigned long ipa = gm_platform_vm_type(0)->type;
	int kvm = GM_SETUP_OK(open("/dev/kvm", O_RDWR | O_CLOEXEC));

	for (int i = 0; i < 260; i++) {
		int vm = ioctl(kvm, KVM_CREATE_VM, ipa | (i % 8 ? KVM_VM_TYPE_ARM_PROTECTED : 0));

		if (!GM_EXPECT(vm >= 0, "VM %d: %s", i, gm_errno_name(errno)))
			break;
		close(vm);
	}
	close(kvm);
}

GM_CASE(create_absent, .name = "pkvm.create.absent", .clause = "pkvm.create", .flags = GM_REFUSAL,
	.text = "without kvm-arm.mode=protected a protected VM is EINVAL, and nothing else changes",
	.profile = "P1", .needs = GM_NEEDS(KVM))
{
	unsigned long ipa = gm_platform_vm_type(0)->type;
	int kvm, vm;

	if (gm_platform_has(GM_NEED_PROTECTED))
		gm_skip("this kernel has protected VMs", "boot without kvm-arm.mode=protected");
	kvm = GM_SETUP_OK(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	vm = ioctl(kvm, KVM_CREATE_VM, ipa);
	gm_promise(vm >= 0, "an ordinary VM of the same IPA size can be created");
	close(vm);
	GM_EXPECT_ERRNO(EINVAL, ioctl(kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_PROTECTED | ipa));
	GM_EXPECT_ERRNO(EINVAL, ioctl(kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_PROTECTED));
	vm = GM_EXPECT_OK(ioctl(kvm, KVM_CREATE_VM, ipa), "after the refusal");
	close(vm);
	close(kvm);
}

GM_CASE(create_taint, .name = "pkvm.create_taint.user", .clause = "pkvm.create_taint",
	.text = "a protected VM taints the kernel with TAINT_USER", .needs = GM_NEEDS(PROTECTED))
{
	unsigned long taint;

	/* The probe of the need has created a protected VM. */
	GM_SETUP(gm_read_number("/proc/sys/kernel/tainted", &taint),
		 "/proc/sys/kernel/tainted cannot be read");
	GM_EXPECT(taint & 1 << 6, "tainted: expected TAINT_USER (64), observed %lu", taint);
}

/* Guest code: makes a call and stores X0 to X3 to four words at `to`. */
static uint64_t guest_regs(uint64_t to, uint64_t nr, uint64_t a1)
{
	struct arm_smccc_res res;

	smccc_hvc(nr, a1, 0, 0, 0, 0, 0, 0, &res);
	*(volatile uint64_t *)to = res.a0;
	*(volatile uint64_t *)(to + 8) = res.a1;
	*(volatile uint64_t *)(to + 16) = res.a2;
	*(volatile uint64_t *)(to + 24) = res.a3;
	return res.a0;
}

GM_CASE(calls, .name = "pkvm.features.bits", .clause = "pkvm.features",
	.text = "FEATURES has the bits of FEATURES, HYP_MEMINFO, MEM_SHARE and MEM_UNSHARE, and no others",
	.needs = GM_NEEDS(PROTECTED))
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 4);
	const uint32_t features = 0x86000000; /* ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID */
	struct gm_op op = {
		.code = GM_OP_CALL, .addr = (uint64_t)guest_regs, .val = GM_BASE, .nr = features
	};
	uint64_t want[4] = { 1 << 0 | 1 << 2 | 1 << 3 | 1 << 4 };

	gm_run(p->vm, 0, &op, 1);
	pvm_share_all(p, 0, 0, 1);
	for (int i = 0; i < 4; i++)
		GM_EXPECT_EQ(((uint64_t *)pvm_hva(p, 0))[i], want[i], "X%d of FEATURES", i);
	pvm_free(p);
}

GM_CASE(others, .name = "pkvm.features.other_calls", .clause = "pkvm.features",
	.text = "calls that are not for pKVM have the same results as in any VM: SMCCC_VERSION, NOT_SUPPORTED",
	.needs = GM_NEEDS(PROTECTED))
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 4);

	GM_EXPECT_EQ(pvm_call(p, 0, 0x80000000, 0, 0, 0), 0x10001, "SMCCC_VERSION");
	GM_EXPECT_EQ(pvm_call(p, 0, GM_SMCCC_MAP_GPA, GM_BASE, 1, 0), -1,
		     "a call of another vendor");
	GM_EXPECT_EQ(pvm_call(p, 0, GM_SMCCC_MEM_UNSHARE + 1, GM_BASE, 0, 0), -1,
		     "the function after MEM_UNSHARE");
	pvm_free(p);
}

GM_CASE(meminfo, .name = "pkvm.meminfo.page_size", .clause = "pkvm.meminfo", .flags = GM_REFUSAL,
	.text = "HYP_MEMINFO returns the page size, or -3 if one of its three arguments is not 0",
	.needs = GM_NEEDS(PROTECTED))
{
	struct pvm *p = pvm_new(1, GM_MEM_ANON, 4);
	int64_t ret = pvm_call(p, 0, GM_SMCCC_HYP_MEMINFO, 0, 0, 0);
	struct gm_op op[8 * 3]; /* for each argument, eight of its bits */

	gm_promise(ret > 0, "HYP_MEMINFO with arguments 0 succeeds");
	GM_EXPECT_EQ(ret, getpagesize(), "HYP_MEMINFO");
	for (unsigned int i = 0; i < ARRAY_SIZE(op); i++) {
		uint64_t bit = 1UL << i / 3 * 9;

		op[i] = (struct gm_op){ .code = GM_OP_HYPERCALL,
					.val = GM_SMCCC_HYP_MEMINFO,
					.addr = i % 3 == 0 ? bit : 0,
					.nr = i % 3 == 1 ? bit : 0,
					/* 32 bits wide */
					.stride = i % 3 == 2 ? 1U << i / 3 * 4 : 0 };
	}
	gm_run(p->vm, 0, op, ARRAY_SIZE(op));
	for (unsigned int i = 0; i < ARRAY_SIZE(op); i++)
		GM_EXPECT_EQ(op[i].ret, INVALID_PARAMETER, "X1 = %#lx, X2 = %#lx, X3 = %#x",
			     op[i].addr, op[i].nr, op[i].stride);
	pvm_free(p);
}
