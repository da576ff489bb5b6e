// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's conversion request on arm64, conv.smccc_*: calls that user space has requested with the
 * SMCCC filter exit with the guest's arguments; KVM itself handles all other calls.
 */
#include "arm64/smccc.h"
#include "gm.h"

GM_FILE(.clause = "conv.smccc_forward", .profile = "P1", .needs = GM_NEEDS(KVM))

#define NOT_SUPPORTED (-1L) /* SMCCC_RET_NOT_SUPPORTED */

static int set_filter(struct gm_vm *vm, struct kvm_smccc_filter *filter)
{
	return __kvm_device_attr_set(vm->kvm->fd, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER,
				     filter);
}

static int filter(struct gm_vm *vm, uint32_t base, uint32_t nr, uint8_t action)
{
	struct kvm_smccc_filter f = { .base = base, .nr_functions = nr, .action = action };

	return set_filter(vm, &f);
}

/* The last conversion request to the VMM, and how many there were. */
struct request {
	unsigned int times;
	uint64_t gpa, npages, attrs;
	int64_t answer;
};

static int64_t on_convert(struct gm_vm *vm, unsigned int vcpu, uint64_t gpa, uint64_t npages,
			  uint64_t attrs)
{
	struct request *a = vm->user;

	a->times++;
	a->gpa = gpa;
	a->npages = npages;
	a->attrs = attrs;
	return a->answer;
}

GM_CASE(verbatim, .name = "conv.smccc_forward.verbatim",
	.text = "a forwarded request exits with exactly the guest's address, pages and attributes, at any 4 KiB offset; its result is in X0")
{
	struct request a = {};
	struct gm_vm *vm = GM_VM_NEW(.vcpus = 1, .on_convert = on_convert);
	const uint64_t far[] = { 0, GM_2M - GM_PAGE_SIZE, GM_1G, 1UL << 52, -GM_PAGE_SIZE, 1 };
	struct gm_rng rng;

	vm->user = &a;
	gm_rng_init(&rng, gm_seed());
	for (unsigned int i = 0; i < 96; i++) {
		uint64_t gpa = i < ARRAY_SIZE(far) ? far[i] : GM_BASE + i * GM_PAGE_SIZE * 17;
		uint64_t npages = i % 3 ? gm_rng_below(&rng, 1 << 20) : 1UL << (i % 64);
		uint64_t attrs = gm_rng_next(&rng);
		struct gm_op op = {
			.code = GM_OP_MAP_GPA, .addr = gpa, .nr = npages, .val = attrs
		};

		a.answer = gm_rng_next(&rng);
		gm_run(vm, 0, &op, 1);
		GM_EXPECT_EQ(a.times, i + 1, "exits");
		GM_EXPECT_EQ(a.gpa, gpa, "X1");
		GM_EXPECT_EQ(a.npages, npages, "X2");
		GM_EXPECT_EQ(a.attrs, attrs, "X3");
		GM_EXPECT_EQ(op.ret, a.answer, "the guest's result");
	}
	gm_vm_free(vm);
}

GM_CASE(conduit, .name = "conv.smccc_forward.conduit",
	.text = "the exit has the function, and the conduit as a flag: none for HVC")
{
	struct gm_vm *vm = GM_VM_NEW(.vcpus = 1, .no_exit_hypercall = true);
	const uint32_t base = GM_SMCCC_MAP_GPA + 0x10;
	struct gm_exit ex;

	GM_SETUP(!filter(vm, base, 4, KVM_SMCCC_FILTER_FWD_TO_USER), "the filter: %s",
		 gm_errno_name(errno));
	for (uint32_t i = 0; i < 4; i++) {
		struct gm_op op = { .code = GM_OP_HYPERCALL, .val = base + i, .addr = 7 };

		GM_EXPECT(!__gm_run(vm, 0, &op, 1, &ex, NULL) && !ex.ret &&
				  ex.reason == KVM_EXIT_HYPERCALL,
			  "HVC of %#x: %s", base + i, gm_exit_str(&ex));
		GM_EXPECT_EQ(ex.hypercall.nr, base + i, "the function");
		GM_EXPECT_EQ(ex.hypercall.flags, 0, "flags of an HVC");
	}
	gm_vm_free(vm);
}

/* Guest code: the same call by SMC. */
static uint64_t guest_smc(uint64_t nr, uint64_t a1, uint64_t a2)
{
	struct arm_smccc_res res;

	smccc_smc(nr, a1, a2, 0, 0, 0, 0, 0, &res);
	return res.a0;
}

GM_CASE(smc, .name = "conv.smccc_forward.smc",
	.text = "a forwarded request by SMC exits with the SMC flag; after one that is not forwarded the guest continues")
{
	struct gm_vm *vm = GM_VM_NEW(.vcpus = 1, .no_exit_hypercall = true);
	struct gm_op op = { .code = GM_OP_CALL,
			    .addr = (uint64_t)guest_smc,
			    .val = GM_SMCCC_MAP_GPA + 0x10,
			    .nr = 5 };
	struct gm_exit ex;

	GM_SETUP(!filter(vm, op.val, 1, KVM_SMCCC_FILTER_FWD_TO_USER), "the filter: %s",
		 gm_errno_name(errno));
	GM_EXPECT(!__gm_run(vm, 0, &op, 1, &ex, NULL) && !ex.ret && ex.reason == KVM_EXIT_HYPERCALL,
		  "SMC: %s", gm_exit_str(&ex));
	GM_EXPECT_EQ(ex.hypercall.nr, op.val, "the function");
	GM_EXPECT_EQ(ex.hypercall.flags, KVM_HYPERCALL_EXIT_SMC, "flags of an SMC");
	/* Not forwarded: KVM handles the call, and must skip the instruction. */
	op.val++;
	gm_run(vm, 0, &op, 1);
	GM_EXPECT_EQ(op.ret, NOT_SUPPORTED, "an SMC that is not forwarded");
	gm_vm_free(vm);
}

GM_CASE(handled, .name = "conv.smccc_handled.borders", .clause = "conv.smccc_handled",
	.flags = GM_REFUSAL,
	.text = "calls just below and above a forwarded range, and denied ones, are NOT_SUPPORTED without an exit")
{
	struct request a = { .answer = 42 };
	struct gm_vm *vm = GM_VM_NEW(.vcpus = 1, .on_convert = on_convert);
	static const uint64_t no_exit[] = { GM_SMCCC_MAP_GPA - 1,
					    GM_SMCCC_MAP_GPA + 1,
					    GM_SMCCC_MAP_GPA + 0x20,
					    GM_SMCCC_MAP_GPA + 0x27,
					    GM_SMCCC_MAP_GPA & ~(1UL << 30),
					    GM_SMCCC_MEM_SHARE };
	struct gm_op op = { .code = GM_OP_MAP_GPA, .addr = GM_BASE, .nr = 1 };

	vm->user = &a;
	GM_SETUP(!filter(vm, GM_SMCCC_MAP_GPA + 0x20, 8, KVM_SMCCC_FILTER_DENY), "the filter: %s",
		 gm_errno_name(errno));
	for (unsigned int i = 0; i < ARRAY_SIZE(no_exit); i++) {
		struct gm_op call = { .code = GM_OP_HYPERCALL, .val = no_exit[i], .addr = GM_BASE };

		gm_run(vm, 0, &call, 1);
		GM_EXPECT_EQ(call.ret, NOT_SUPPORTED, "function %#lx", no_exit[i]);
	}
	gm_run(vm, 0, &op, 1);
	gm_promise(a.times == 1 && op.ret == 42, "the forwarded call gets the VMM's result");
	gm_vm_free(vm);
}

GM_CASE(absent, .name = "conv.smccc_handled.not_enabled", .clause = "conv.smccc_handled",
	.text = "without a filter the request is NOT_SUPPORTED and does not exit")
{
	struct gm_vm *vm = GM_VM_NEW(.vcpus = 1, .no_exit_hypercall = true);
	struct gm_op op = { .code = GM_OP_MAP_GPA, .addr = GM_BASE, .nr = 1 };

	gm_run(vm, 0, &op, 1);
	GM_EXPECT_EQ(op.ret, NOT_SUPPORTED, "the request");
	gm_vm_free(vm);
}

GM_CASE(args, .name = "conv.smccc_args.refused", .clause = "conv.smccc_args", .flags = GM_REFUSAL,
	.text = "padding, no functions, a wrapping range, an unknown action: EINVAL; a NULL pointer: EFAULT; overlaps: EEXIST; after the first run: EBUSY")
{
	struct gm_vm *vm = GM_VM_NEW(.vcpus = 1, .no_exit_hypercall = true);
	const uint32_t base = GM_SMCCC_MAP_GPA;
	const uint8_t fwd = KVM_SMCCC_FILTER_FWD_TO_USER;
	struct gm_op op = { .code = GM_OP_NOP };

	for (unsigned int i = 0; i < sizeof(((struct kvm_smccc_filter *)0)->pad); i++) {
		struct kvm_smccc_filter f = { .base = base, .nr_functions = 1, .action = fwd };

		f.pad[i] = 1;
		GM_EXPECT_ERRNO(EINVAL, set_filter(vm, &f), "padding byte %u", i);
	}
	GM_EXPECT_ERRNO(EINVAL, filter(vm, base, 0, fwd), "no functions");
	GM_EXPECT_ERRNO(EFAULT, set_filter(vm, NULL), "a NULL pointer");
	/* From 0 on, base + nr - 1 wraps, so that the last function is not below the first one. */
	GM_EXPECT_ERRNO(EINVAL, filter(vm, 0, 0, fwd), "no functions from 0 on");
	GM_EXPECT_ERRNO(EINVAL, filter(vm, ~0U, 2, fwd), "a range that wraps by one");
	GM_EXPECT_ERRNO(EINVAL, filter(vm, base, ~0U, fwd), "a range that wraps");
	GM_EXPECT_ERRNO(EINVAL, filter(vm, base, 1, 3), "the action past the last");
	GM_EXPECT_ERRNO(EINVAL, filter(vm, base, 1, 255), "the last action");
	GM_EXPECT_ERRNO(EEXIST, filter(vm, 0x80000000, 1, fwd),
			"the first function of the architecture");
	GM_EXPECT_ERRNO(EEXIST, filter(vm, 0x8000ffff, 1, fwd), "its last one");
	GM_EXPECT_ERRNO(EEXIST, filter(vm, 0xc0000000, 1, fwd), "its first 64-bit one");
	GM_EXPECT_ERRNO(EEXIST, filter(vm, 0xc000ffff, 2, fwd), "its last 64-bit one");
	GM_EXPECT_OK(filter(vm, 0x80010000, 1, fwd),
		     "the function after those of the architecture");
	GM_EXPECT_OK(filter(vm, 0xbfffffff, 1, fwd), "the one before its 64-bit functions");
	gm_promise(!filter(vm, base, 4, fwd), "a range can be forwarded");
	GM_EXPECT_ERRNO(EEXIST, filter(vm, base, 1, fwd), "its first function again");
	GM_EXPECT_ERRNO(EEXIST, filter(vm, base + 3, 4, fwd), "its last function again");
	GM_EXPECT_ERRNO(EEXIST, filter(vm, base - 3, 4, KVM_SMCCC_FILTER_DENY),
			"its first function, denied");
	GM_EXPECT_OK(filter(vm, base + 4, 1, fwd), "the function after the range");
	GM_EXPECT_OK(filter(vm, base - 1, 1, fwd), "the function before the range");
	gm_run(vm, 0, &op, 1);
	GM_EXPECT_ERRNO(EBUSY, filter(vm, base + 0x100, 1, fwd), "after the first run");
	gm_vm_free(vm);
}
