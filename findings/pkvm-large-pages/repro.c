// SPDX-License-Identifier: GPL-2.0-only
/*
 * With protected KVM and pages larger than 4 KiB: a guest's first access to a page must return, also
 * if it is past the first 4 KiB of the page and the page above is mapped.
 *
 * aarch64-linux-gnu-gcc -static repro.c; needs kvm-arm.mode=protected, a kernel with pages of 16 or 64
 * KiB, /dev/kvm. Exit status: 0 the kernel is right, 1 it is not, 77 cannot be asked. A vCPU that does
 * not get on is stopped after 10 s.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#ifndef KVM_CREATE_GUEST_MEMFD /* headers before Linux 6.8 */
#define KVM_MEM_GUEST_MEMFD (1UL << 2)
struct kvm_create_guest_memfd {
	__u64 size, flags, reserved[6];
};
struct kvm_userspace_memory_region2 {
	__u32 slot, flags;
	__u64 guest_phys_addr, memory_size, userspace_addr, guest_memfd_offset;
	__u32 guest_memfd, pad1;
	__u64 pad2[14];
};
#define KVM_CREATE_GUEST_MEMFD _IOWR(KVMIO, 0xd4, struct kvm_create_guest_memfd)
#define KVM_SET_USER_MEMORY_REGION2 _IOW(KVMIO, 0x49, struct kvm_userspace_memory_region2)
#endif
#ifndef GUEST_MEMFD_FLAG_INIT_SHARED /* headers before Linux 6.18 */
#define GUEST_MEMFD_FLAG_MMAP (1ULL << 0)
#define GUEST_MEMFD_FLAG_INIT_SHARED (1ULL << 1)
#endif
#ifndef KVM_VM_TYPE_ARM_PROTECTED
#define KVM_VM_TYPE_ARM_PROTECTED (1UL << 31)
#endif

#define BASE 0x40000000UL /* the guest's code, then two pages for its data */
#define MMIO 0x10000000UL
#define SECONDS 10

#define PC (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(regs.pc))

static long page;

static int must(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	perror(what);
	exit(77);
}

static void stop(int sig)
{
	(void)sig;
}

/* movz reg, #addr >> 16, lsl #16; movk reg, #addr & 0xffff; ldr x9, [reg] */
static uint32_t *load(uint32_t *code, unsigned int reg, uint64_t addr)
{
	*code++ = 0xd2a00000 | (addr >> 16) << 5 | reg;
	*code++ = 0xf2800000 | (addr & 0xffff) << 5 | reg;
	*code++ = 0xf9400000 | reg << 5 | 9;
	return code;
}

/* Reads the second data page, then the first one past its first 4 KiB. */
static int run_vm(int kvm, unsigned long type, const char *what)
{
	struct kvm_userspace_memory_region2 slot = { .guest_phys_addr = BASE };
	int vm = must(ioctl(kvm, KVM_CREATE_VM, type), what), vcpu, ret;
	uint64_t size = 3 * page, pc = BASE;
	struct kvm_vcpu_init init = {};
	struct kvm_run *run;
	uint32_t *code;
	void *mem;

	if (type) {
		mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	} else {
		struct kvm_create_guest_memfd create = { .size = size };

		create.flags = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;
		slot.guest_memfd = must(ioctl(vm, KVM_CREATE_GUEST_MEMFD, &create), "guest_memfd");
		slot.flags = KVM_MEM_GUEST_MEMFD;
		mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, slot.guest_memfd, 0);
	}
	must(mem == MAP_FAILED ? -1 : 0, "mmap");
	code = load(mem, 1, BASE + 2 * page);
	code = load(code, 2, MMIO);
	code = load(code, 3, BASE + page + 0x1000);
	code = load(code, 2, MMIO);
	__builtin___clear_cache(mem, (char *)code);
	slot.memory_size = size;
	slot.userspace_addr = (uintptr_t)mem;
	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION2, &slot), "KVM_SET_USER_MEMORY_REGION2");
	vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	must(ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init), "KVM_ARM_PREFERRED_TARGET");
	init.features[0] |= 1 << KVM_ARM_VCPU_PSCI_0_2;
	must(ioctl(vcpu, KVM_ARM_VCPU_INIT, &init), "KVM_ARM_VCPU_INIT");
	must(ioctl(vcpu, KVM_SET_ONE_REG, &(struct kvm_one_reg){ PC, (uintptr_t)&pc }), "PC");
	run = mmap(NULL, must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE"),
		   PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	must(run == MAP_FAILED ? -1 : 0, "mmap of the vCPU");

	must(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN, access to the start of a page");
	if (run->exit_reason != KVM_EXIT_MMIO) {
		printf("%s: exit %u, not KVM_EXIT_MMIO\n", what, run->exit_reason);
		exit(77);
	}
	alarm(SECONDS);
	ret = ioctl(vcpu, KVM_RUN, 0);
	if (ret && errno == EINTR) {
		printf("wrong: %s: no return within %d s from the first access, at 0x1000 in a page of 0x%lx bytes\n",
		       what, SECONDS, page);
		return 1;
	}
	must(ret, "KVM_RUN");
	alarm(0);
	if (run->exit_reason != KVM_EXIT_MMIO) {
		printf("%s: exit %u, not KVM_EXIT_MMIO\n", what, run->exit_reason);
		exit(77);
	}
	printf("right: %s: the first access at 0x1000 in a page returns\n", what);
	return 0;
}

int main(void)
{
	struct sigaction on_alarm = { .sa_handler = stop }; /* without SA_RESTART */
	int kvm = must(open("/dev/kvm", O_RDWR), "/dev/kvm"), bad;

	page = sysconf(_SC_PAGESIZE);
	if (page == 4096) {
		puts("pages of 4 KiB: boot a kernel with larger ones");
		return 77;
	}
	sigaction(SIGALRM, &on_alarm, NULL);
	bad = run_vm(kvm, KVM_VM_TYPE_ARM_PROTECTED, "a protected VM");
	bad |= run_vm(kvm, 0, "an ordinary VM with guest_memfd");
	return bad;
}
