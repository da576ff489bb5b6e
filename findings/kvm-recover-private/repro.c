// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of dirty logging on 2 MiB that are private, in a slot without guest_memfd, must not warn.
 *
 * gcc -static repro.c; needs /dev/kvm with KVM_X86_SW_PROTECTED_VM. Exit status: 0 no
 * warning, 1 the kernel warned, 77 cannot be asked.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#ifndef KVM_SET_MEMORY_ATTRIBUTES /* headers before Linux 6.8 */
#define KVM_X86_SW_PROTECTED_VM 1
#define KVM_MEMORY_ATTRIBUTE_PRIVATE (1ULL << 3)
struct kvm_memory_attributes {
	__u64 address, size, attributes, flags;
};
#define KVM_SET_MEMORY_ATTRIBUTES _IOW(KVMIO, 0xd2, struct kvm_memory_attributes)
#endif

#define SIZE (2UL << 20)

static int must(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	perror(what);
	exit(77);
}

/* A second WARN_ONCE at the same place is silent, unless debugfs is there to reset it. */
static void warn_again(void)
{
	int fd = open("/sys/kernel/debug/clear_warn_once", O_WRONLY);

	if (fd < 0 || write(fd, "1", 1) != 1)
		puts("no debugfs: only the first run since boot shows the warning");
	if (fd >= 0)
		close(fd);
}

static int warned(int kmsg)
{
	char line[8192];
	ssize_t n;

	while ((n = read(kmsg, line, sizeof(line) - 1)) > 0) {
		line[n] = 0;
		if (strstr(line, "WARNING: ")) {
			fputs(line, stdout);
			return 1;
		}
	}
	return 0;
}

int main(void)
{
	int kmsg = must(open("/dev/kmsg", O_RDONLY | O_NONBLOCK), "/dev/kmsg");
	int kvm = must(open("/dev/kvm", O_RDWR), "/dev/kvm");
	int vm = must(ioctl(kvm, KVM_CREATE_VM, KVM_X86_SW_PROTECTED_VM), "KVM_CREATE_VM");
	char *map =
		mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *mem = (char *)(((uintptr_t)map + SIZE - 1) & -SIZE);
	struct kvm_userspace_memory_region slot = { .memory_size = SIZE,
						    .userspace_addr = (uintptr_t)mem };
	struct kvm_memory_attributes private = { .size = SIZE,
						 .attributes = KVM_MEMORY_ATTRIBUTE_PRIVATE };
	struct kvm_sregs sregs;
	struct kvm_regs regs = { .rip = 0x1000, .rflags = 2 };
	int vcpu;

	warn_again();
	lseek(kmsg, 0, SEEK_END);
	/* The guest executes HLT at 0x1000: the page table of these 2 MiB exists. */
	mem[0x1000] = 0xf4;
	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
	vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	must(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	must(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
	must(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");

	must(ioctl(vm, KVM_SET_MEMORY_ATTRIBUTES, &private), "KVM_SET_MEMORY_ATTRIBUTES");
	slot.flags = KVM_MEM_LOG_DIRTY_PAGES;
	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "logging on");
	slot.flags = 0;
	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "logging off");
	if (warned(kmsg)) {
		puts("wrong: the end of dirty logging warns");
		return 1;
	}
	puts("right: the end of dirty logging does not warn");
	return 0;
}
