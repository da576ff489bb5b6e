// SPDX-License-Identifier: GPL-2.0-only
/*
 * FUTEX_WAKE_OP and FUTEX_LOCK_PI on a page of a protected guest must return.
 *
 * aarch64-linux-gnu-gcc -static repro.c; needs kvm-arm.mode=protected and /dev/kvm. Exit status: 0 the
 * kernel is right, 1 it is not, 77 cannot be asked. On a kernel that is not right a task that SIGKILL
 * does not end stays behind, and uses a CPU until the machine boots again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/futex.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef KVM_VM_TYPE_ARM_PROTECTED
#define KVM_VM_TYPE_ARM_PROTECTED (1UL << 31)
#endif

#define BASE 0x40000000UL /* the guest's code, then a page for its data */
#define MMIO 0x10000000UL
#define SECONDS 10

#define PC (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(regs.pc))

static int must(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	perror(what);
	exit(77);
}

/* movz reg, #addr >> 16, lsl #16; movk reg, #addr & 0xffff; ldr x9, [reg] */
static uint32_t *load(uint32_t *code, unsigned int reg, uint64_t addr)
{
	*code++ = 0xd2a00000 | (addr >> 16) << 5 | reg;
	*code++ = 0xf2800000 | (addr & 0xffff) << 5 | reg;
	*code++ = 0xf9400000 | reg << 5 | 9;
	return code;
}

/* Sets the word of another futex, and wakes nobody. */
static long wake_op(uint32_t *word)
{
	static uint32_t other;

	return syscall(SYS_futex, &other, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, 1L, word,
		       FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0));
}

/* Returns the second page of a protected guest, which has read it. */
static void *guest_page(void)
{
	int kvm = must(open("/dev/kvm", O_RDWR), "/dev/kvm"), vm, vcpu;
	struct kvm_userspace_memory_region slot = { .guest_phys_addr = BASE };
	long page = sysconf(_SC_PAGESIZE);
	struct kvm_vcpu_init init = {};
	uint64_t pc = BASE;
	struct kvm_run *run;
	uint32_t *code;
	char *mem;

	vm = must(ioctl(kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_PROTECTED), "a protected VM");
	mem = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(mem == MAP_FAILED ? -1 : 0, "mmap");
	code = load((uint32_t *)mem, 1, BASE + page);
	code = load(code, 2, MMIO);
	__builtin___clear_cache(mem, (char *)code);
	/* It is the host's so far. */
	if (wake_op((uint32_t *)(mem + page)) < 0)
		must(-1, "FUTEX_WAKE_OP on a page of the host");
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
		exit(77);
	}
	return mem + page;
}

/* Whether the process ends within some seconds. */
static int ends(pid_t pid, int *status)
{
	for (int i = 0; i < SECONDS * 10; i++) {
		if (waitpid(pid, status, WNOHANG) == pid)
			return 1;
		usleep(100000);
	}
	return 0;
}

int main(void)
{
	int ready[2], status;
	char byte;
	pid_t pid;

	must(pipe(ready), "pipe");
	pid = must(fork(), "fork");
	if (!pid) {
		uint32_t *word = guest_page();
		long ret;

		must(write(ready[1], "", 1), "pipe");
		ret = wake_op(word);
		if (ret < 0 && errno == EFAULT)
			ret = syscall(SYS_futex, word, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, 0, NULL);
		if (ret < 0 && (errno == EFAULT || errno == ENOSYS)) {
			puts("right: FUTEX_WAKE_OP and FUTEX_LOCK_PI on a page of the guest are EFAULT");
			exit(0);
		}
		printf("a futex in a page of the guest: %ld, %m\n", ret);
		exit(77);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		waitpid(pid, &status, 0);
	} else if (!ends(pid, &status)) {
		kill(pid, SIGKILL);
		if (!ends(pid, &status)) {
			printf("wrong: the futex operation does not return within %d s, and SIGKILL does not end the task within %d s\n",
			       SECONDS, SECONDS);
			return 1;
		}
		printf("wrong: the futex operation does not return within %d s\n", SECONDS);
		return 1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 77;
}
