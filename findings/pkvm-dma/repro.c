// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk must not read a page that a protected guest has not shared.
 *
 * aarch64-linux-gnu-gcc -static repro.c; repro [FOLDER]: of a file system on a disk, with direct I/O (the
 * current folder). Needs kvm-arm.mode=protected and /dev/kvm. Exit status: 0 the host is refused,
 * or reads zeroes, 1 it reads what the guest wrote, 77 cannot be asked.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/kvm.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/statfs.h>

#ifndef KVM_VM_TYPE_ARM_PROTECTED
#define KVM_VM_TYPE_ARM_PROTECTED (1UL << 31)
#endif

#define BASE 0x40000000UL /* the guest's code, then a page for its data */
#define MMIO 0x10000000UL
#define SECRET 0x5ec0U

#define PC (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(regs.pc))

static sigjmp_buf refused;

static int must(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	perror(what);
	exit(77);
}

static void on_segv(int sig)
{
	siglongjmp(refused, sig);
}

/* movz reg, #addr >> 16, lsl #16; movk reg, #addr & 0xffff */
static uint32_t *set(uint32_t *code, unsigned int reg, uint64_t val)
{
	*code++ = 0xd2a00000 | (val >> 16) << 5 | reg;
	*code++ = 0xf2800000 | (val & 0xffff) << 5 | reg;
	return code;
}

int main(int argc, char **argv)
{
	int kvm = must(open("/dev/kvm", O_RDWR), "/dev/kvm"), vm, vcpu, disk;
	struct kvm_userspace_memory_region slot = { .guest_phys_addr = BASE };
	const char *folder = argc > 1 ? argv[1] : ".";
	long page = sysconf(_SC_PAGESIZE);
	struct kvm_vcpu_init init = {};
	uint64_t pc = BASE, word = 0;
	struct kvm_run *run;
	struct statfs fs;
	uint32_t *code;
	ssize_t done;
	char *mem;

	must(statfs(folder, &fs), folder);
	disk = open(folder, O_TMPFILE | O_RDWR | O_DIRECT, 0600);
	if (disk < 0 || fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC) {
		printf("%s has no direct I/O to a disk: give another folder\n", folder);
		return 77;
	}
	vm = must(ioctl(kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_PROTECTED), "a protected VM");
	mem = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(mem == MAP_FAILED ? -1 : 0, "mmap");
	/* The guest writes SECRET to the start of its second page. */
	code = set((uint32_t *)mem, 1, BASE + page);
	code = set(code, 2, SECRET);
	*code++ = 0xf9000022; /* str x2, [x1] */
	code = set(code, 3, MMIO);
	*code++ = 0xf9400069; /* ldr x9, [x3] */
	__builtin___clear_cache(mem, (char *)code);
	slot.memory_size = 2 * page;
	slot.userspace_addr = (uintptr_t)mem;
	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
	vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	must(ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init), "KVM_ARM_PREFERRED_TARGET");
	init.features[0] |= 1 << KVM_ARM_VCPU_PSCI_0_2;
	must(ioctl(vcpu, KVM_ARM_VCPU_INIT, &init), "KVM_ARM_VCPU_INIT");
	must(ioctl(vcpu, KVM_SET_ONE_REG, &(struct kvm_one_reg){ PC, (uintptr_t)&pc }), "PC");
	run = mmap(NULL, must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE"),
		   PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	must(run == MAP_FAILED ? -1 : 0, "mmap of the vCPU");
	must(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
	if (run->exit_reason != KVM_EXIT_MMIO) {
		printf("exit %u, not KVM_EXIT_MMIO\n", run->exit_reason);
		return 77;
	}

	/* The process itself cannot read it. */
	signal(SIGSEGV, on_segv);
	if (!sigsetjmp(refused, 1)) {
		word = *(volatile uint64_t *)(mem + page);
		printf("the process reads 0x%lx: the page is not the guest's alone\n",
		       (unsigned long)word);
		return 77;
	}
	done = write(disk, mem + page, page);
	if (done < 0) {
		printf("right: direct I/O of the guest's page: %m\n");
		return 0;
	}
	must(done == page ? 0 : -1, "a short write");
	code = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(code == MAP_FAILED ? -1 : 0, "mmap");
	must(pread(disk, code, page, 0), "read the file");
	memcpy(&word, code, sizeof(word));
	printf("%s: the file has 0x%lx, the guest wrote 0x%x\n", word ? "wrong" : "right",
	       (unsigned long)word, SECRET);
	return word ? 1 : 0;
}
