// SPDX-License-Identifier: GPL-2.0-only
/*
 * An access to a private address that has no slot must be KVM_EXIT_MEMORY_FAULT, also if the guest
 * touched the address while it was shared.
 *
 * gcc -static repro.c; needs /dev/kvm with KVM_X86_SW_PROTECTED_VM. Exit status: 0 the
 * kernel is right, 1 it is not, 77 cannot be asked.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#ifndef KVM_SET_MEMORY_ATTRIBUTES /* headers before Linux 6.8 */
#define KVM_X86_SW_PROTECTED_VM 1
#define KVM_EXIT_MEMORY_FAULT 39
#define KVM_MEMORY_ATTRIBUTE_PRIVATE (1ULL << 3)
struct kvm_memory_attributes {
	__u64 address, size, attributes, flags;
};
#define KVM_SET_MEMORY_ATTRIBUTES _IOW(KVMIO, 0xd2, struct kvm_memory_attributes)
#endif

static int must(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	perror(what);
	exit(77);
}

int main(void)
{
	/* mov $0x8000, %ax; mov %ax, %ds; 1: mov 0, %al; hlt; jmp 1b */
	static const uint8_t code[] = { 0xb8, 0x00, 0x80, 0x8e, 0xd8, 0xa0,
					0x00, 0x00, 0xf4, 0xeb, 0xfa };
	int kvm = must(open("/dev/kvm", O_RDWR), "/dev/kvm");
	int vm = must(ioctl(kvm, KVM_CREATE_VM, KVM_X86_SW_PROTECTED_VM), "KVM_CREATE_VM");
	uint8_t *mem =
		mmap(NULL, 0x2000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region slot = { .memory_size = 0x2000,
						    .userspace_addr = (uintptr_t)mem };
	struct kvm_memory_attributes private = { .address = 0x80000,
						 .size = 0x1000,
						 .attributes = KVM_MEMORY_ATTRIBUTE_PRIVATE };
	struct kvm_regs regs = { .rip = 0x1000, .rflags = 2 };
	struct kvm_sregs sregs;
	struct kvm_run *run;
	int vcpu;

	memcpy(mem + 0x1000, code, sizeof(code));
	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
	vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	run = mmap(NULL, must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE"),
		   PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	must(run == MAP_FAILED ? -1 : 0, "mmap of the vCPU");
	must(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	must(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");

	must(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
	if (run->exit_reason != KVM_EXIT_MMIO || run->mmio.phys_addr != 0x80000) {
		printf("the shared read: exit %u, not KVM_EXIT_MMIO\n", run->exit_reason);
		return 77;
	}
	must(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN, to the HLT");
	must(ioctl(vm, KVM_SET_MEMORY_ATTRIBUTES, &private), "KVM_SET_MEMORY_ATTRIBUTES");
	ioctl(vcpu, KVM_RUN, 0); /* with KVM_EXIT_MEMORY_FAULT it returns -1 */
	if (run->exit_reason == KVM_EXIT_MEMORY_FAULT) {
		puts("right: the private read exits with KVM_EXIT_MEMORY_FAULT");
		return 0;
	}
	printf("wrong: the private read exits with %u, %s\n", run->exit_reason,
	       run->exit_reason == KVM_EXIT_MMIO ? "KVM_EXIT_MMIO" : "not KVM_EXIT_MEMORY_FAULT");
	return 1;
}
