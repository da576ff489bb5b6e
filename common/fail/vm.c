// SPDX-License-Identifier: GPL-2.0-only
/* Creation of a VM and a vCPU with failing allocations. */
#include <fcntl.h>

#include "fail.h"

static int kvm;

static void open_kvm(struct fail_sweep *s)
{
	kvm = GM_SETUP_OK(open("/dev/kvm", O_RDWR | O_CLOEXEC));
}

static void close_kvm(struct fail_sweep *s)
{
	close(kvm);
}

static int create_vm(struct fail_sweep *s)
{
	s->made = ioctl(kvm, KVM_CREATE_VM, gm_arch_vm_type(s->w->vm->args.kind));
	return s->made < 0 ? -1 : 0;
}

/* Expects that the VM works: creates a file, a slot on it, and a vCPU. */
static void use_vm(int vm, unsigned int n, const struct fail_sweep *s)
{
	struct kvm_create_guest_memfd arg = { .size = GM_2M, .flags = s->w->file.flags };
	struct kvm_userspace_memory_region2 r = { .flags = KVM_MEM_GUEST_MEMFD,
						  .guest_phys_addr = GM_BASE,
						  .memory_size = GM_2M };
	int gmem = GM_EXPECT_OK(ioctl(vm, KVM_CREATE_GUEST_MEMFD, &arg), "step %u", n);
	int vcpu = GM_EXPECT_OK(ioctl(vm, KVM_CREATE_VCPU, 0UL), "step %u", n);

	r.guest_memfd = gmem;
	GM_EXPECT_OK(ioctl(vm, KVM_SET_USER_MEMORY_REGION2, &r), "step %u", n);
	close(vcpu);
	close(gmem);
}

static void vm_created(struct fail_sweep *s)
{
	use_vm(s->made, s->n, s);
	close(s->made);
}

static void vm_not_created(struct fail_sweep *s, int err)
{
	GM_EXPECT_OK(create_vm(s), "the same call, after step %u failed", s->n);
	if (s->made >= 0)
		vm_created(s);
}

/* A new VM for each step, since a vCPU cannot be removed. */
static int vcpu_vm;

static void prepare_vcpu(struct fail_sweep *s)
{
	vcpu_vm = GM_SETUP_OK(ioctl(kvm, KVM_CREATE_VM, gm_arch_vm_type(s->w->vm->args.kind)));
}

static int create_vcpu(struct fail_sweep *s)
{
	s->made = ioctl(vcpu_vm, KVM_CREATE_VCPU, 3UL);
	return s->made < 0 ? -1 : 0;
}

static void vcpu_created(struct fail_sweep *s)
{
	GM_EXPECT_ERRNO(EEXIST, ioctl(vcpu_vm, KVM_CREATE_VCPU, 3UL),
			"the number of a vCPU that exists");
	close(s->made);
	use_vm(vcpu_vm, s->n, s);
	close(vcpu_vm);
}

static void vcpu_not_created(struct fail_sweep *s, int err)
{
	/* EBUSY if the VM has vCPUs; other architectures do not have this ioctl. */
	int ret = ioctl(vcpu_vm, KVM_SET_BOOT_CPU_ID, 0UL);

	GM_EXPECT(!ret || errno != EBUSY, "step %u failed: the VM has a vCPU", s->n);
	GM_EXPECT_OK(create_vcpu(s), "the same number, after step %u failed", s->n);
	if (s->made >= 0)
		vcpu_created(s);
}

const struct fail_op fail_vm_ops[] = {
	{ .name = "vm.create",
	  .clause = "fail.vm",
	  .memory = FAIL_P1,
	  .err = { ENOMEM },
	  .once = open_kvm,
	  .end = close_kvm,
	  .call = create_vm,
	  .refused = vm_not_created,
	  .done = vm_created,
	  .text = "KVM_CREATE_VM: no descriptor is left, and the next VM works" },
	{ .name = "vm.vcpu",
	  .clause = "fail.vm",
	  .memory = FAIL_P1 | FAIL_ATTRIBUTES,
	  .err = { ENOMEM },
	  .once = open_kvm,
	  .end = close_kvm,
	  .prepare = prepare_vcpu,
	  .call = create_vcpu,
	  .refused = vcpu_not_created,
	  .done = vcpu_created,
	  .text = "KVM_CREATE_VCPU: the number stays free, and the VM works" },
	{},
};
