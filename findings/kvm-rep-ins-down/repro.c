// SPDX-License-Identifier: GPL-2.0-only
/*
 * REP INSB of three bytes, downwards, to an address without memory, must read the port three times.
 *
 * gcc -static repro.c; needs /dev/kvm. Exit status: 0 the kernel is right, 1 it is not, 77
 * cannot be asked.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define COUNT 3

static int must(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	perror(what);
	exit(77);
}

int main(void)
{
	/* es = 0x8000, di = 0x10, dx = 0x10, cx = COUNT; std; rep insb; hlt */
	static const uint8_t code[] = { 0xb8, 0x00, 0x80, 0x8e,	 0xc0, 0xbf, 0x10, 0x00, 0xba,
					0x10, 0x00, 0xb9, COUNT, 0x00, 0xfd, 0xf3, 0x6c, 0xf4 };
	int kvm = must(open("/dev/kvm", O_RDWR), "/dev/kvm");
	int vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	uint8_t *mem =
		mmap(NULL, 0x2000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region slot = { .memory_size = 0x2000,
						    .userspace_addr = (uintptr_t)mem };
	struct kvm_regs regs = { .rip = 0x1000, .rflags = 2 };
	unsigned int in = 0, written = 0;
	uint8_t got[COUNT] = { 0 };
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

	for (unsigned int i = 0; i < 100; i++) {
		must(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
		if (run->exit_reason == KVM_EXIT_IO) {
			uint8_t *data = (uint8_t *)run + run->io.data_offset;

			for (unsigned int k = 0; k < run->io.count * run->io.size; k++)
				data[k] = ++in;
		} else if (run->exit_reason == KVM_EXIT_MMIO && run->mmio.is_write) {
			if (written < COUNT)
				got[written] = run->mmio.data[0];
			written++;
		} else {
			break;
		}
	}
	if (run->exit_reason != KVM_EXIT_HLT || written != COUNT) {
		printf("exit %u after %u writes\n", run->exit_reason, written);
		return 77;
	}
	if (in == COUNT) {
		puts("right: three bytes are read, and three written");
		return 0;
	}
	printf("wrong: %u bytes are read, of which %u, %u and %u are written\n", in, got[0], got[1],
	       got[2]);
	return 1;
}
