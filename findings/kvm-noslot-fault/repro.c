// SPDX-License-Identifier: GPL-2.0-only
/*
 * A memslot may be created while vCPUs access its addresses: no warning.
 *
 * gcc -static -pthread repro.c; needs /dev/kvm and two CPUs. Exit status: 0 no warning in 40 s, 1 the
 * kernel warned, 77 cannot be asked.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define VCPUS 4
#define FIRST 0x10000UL
#define SIZE 0x80000UL
#define SECONDS 40

static int kvm, vm;
static size_t run_size;
static atomic_int over;

static int must(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	perror(what);
	exit(77);
}

/* A second WARN_ON_ONCE at the same place is silent, unless debugfs is there to reset it. */
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

/* Runs a vCPU that reads one byte of each page of the slot, again and again. */
static void *run_vcpu(void *arg)
{
	int vcpu = *(int *)arg;
	struct kvm_run *run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);

	while (!atomic_load(&over) && !ioctl(vcpu, KVM_RUN, 0) &&
	       (run->exit_reason == KVM_EXIT_MMIO || run->exit_reason == KVM_EXIT_HLT))
		;
	if (!atomic_load(&over))
		printf("KVM_RUN: exit %u, %m\n", run->exit_reason);
	return NULL;
}

int main(void)
{
	/*
	 * 1: mov $0x1000, %ax; 2: mov %ax, %ds; mov 0, %bl; add $0x100, %ax; cmp $0x9000, %ax; jb 2b;
	 * hlt; jmp 1b
	 */
	static const uint8_t code[] = {
		0xb8, 0x00, 0x10, 0x8e, 0xd8, 0x8a, 0x1e, 0x00, 0x00, 0x05,
		0x00, 0x01, 0x3d, 0x00, 0x90, 0x72, 0xf2, 0xf4, 0xeb, 0xec
	};
	int kmsg = must(open("/dev/kmsg", O_RDONLY | O_NONBLOCK), "/dev/kmsg"), vcpus[VCPUS];
	struct kvm_userspace_memory_region slot = { .memory_size = 0x2000 };
	struct kvm_regs regs = { .rip = 0x1000, .rflags = 2 };
	time_t end = time(NULL) + SECONDS;
	pthread_t thread[VCPUS];
	struct kvm_sregs sregs;
	unsigned int created;
	uint8_t *mem;

	kvm = must(open("/dev/kvm", O_RDWR), "/dev/kvm");
	vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	run_size = must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	mem = mmap(NULL, 0x2000 + SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	must(mem == MAP_FAILED ? -1 : 0, "mmap");
	memcpy(mem + 0x1000, code, sizeof(code));
	slot.userspace_addr = (uintptr_t)mem;
	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
	warn_again();
	lseek(kmsg, 0, SEEK_END);
	for (int i = 0; i < VCPUS; i++) {
		vcpus[i] = must(ioctl(vm, KVM_CREATE_VCPU, i), "KVM_CREATE_VCPU");
		must(ioctl(vcpus[i], KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
		sregs.cs.base = 0;
		sregs.cs.selector = 0;
		must(ioctl(vcpus[i], KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
		must(ioctl(vcpus[i], KVM_SET_REGS, &regs), "KVM_SET_REGS");
		must(-pthread_create(&thread[i], NULL, run_vcpu, &vcpus[i]), "pthread_create");
	}

	/*
	 * A fault that found no slot races with a fault that finds the new one and is faster. Each
	 * deletion drops all MMIO SPTEs, so that the vCPUs have a fault at every page.
	 */
	slot.slot = 1;
	slot.guest_phys_addr = FIRST;
	slot.userspace_addr += 0x2000;
	for (created = 0; time(NULL) < end && !warned(kmsg); created++) {
		slot.memory_size = SIZE;
		must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "create the slot");
		usleep(created % 16 * 50);
		slot.memory_size = 0;
		must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "delete the slot");
		usleep(created % 7 * 100);
	}
	atomic_store(&over, 1);
	for (int i = 0; i < VCPUS; i++)
		pthread_join(thread[i], NULL);
	if (time(NULL) < end) {
		printf("wrong: a warning when the slot was created the %uth time\n", created);
		return 1;
	}
	printf("right: no warning while the slot was created %u times\n", created);
	return 0;
}
