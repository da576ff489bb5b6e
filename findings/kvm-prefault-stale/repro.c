// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_PRE_FAULT_MEMORY ends, and so does the deletion of another memslot beside it.
 *
 * gcc -static -pthread repro.c; needs /dev/kvm, nested paging and two CPUs. Exit status: 0 both went on
 * for 40 s, 1 both hang until a signal comes, 77 cannot be asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

/* Linux 6.11; Documentation/virt/kvm/api.rst, 4.143. Older headers lack it. */
struct range {
	uint64_t gpa, size, flags, padding[5];
};

#define PRE_FAULT_MEMORY _IOWR(KVMIO, 0xd5, struct range)
#define CAP_PRE_FAULT_MEMORY 236

#define SIZE 0x200000UL
#define BESIDE 0x40000000UL
#define SECONDS 40
#define HANGS 5 /* seconds without a call that returns */

static int vm, vcpu;
static uint8_t *mem;
static atomic_int over;
static atomic_ulong prefaults, deletions;

static int must(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	perror(what);
	exit(77);
}

static void nothing(int sig)
{
	(void)sig;
}

/* EINTR is the signal that ends a hang; EAGAIN asks to call again. */
static void *prefault(void *arg)
{
	while (!atomic_load(&over)) {
		struct range range = { .size = SIZE };

		if (ioctl(vcpu, PRE_FAULT_MEMORY, &range) && errno != EINTR && errno != EAGAIN) {
			perror("KVM_PRE_FAULT_MEMORY");
			exit(77);
		}
		atomic_fetch_add(&prefaults, 1);
	}
	return arg;
}

/* Each deletion makes the roots of the page tables obsolete. */
static void *delete (void *arg)
{
	struct kvm_userspace_memory_region slot = { .slot = 1,
						    .guest_phys_addr = BESIDE,
						    .userspace_addr = (uintptr_t)mem + SIZE };

	while (!atomic_load(&over)) {
		slot.memory_size = 0x1000;
		must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "create the slot");
		slot.memory_size = 0;
		must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "delete the slot");
		atomic_fetch_add(&deletions, 1);
	}
	return arg;
}

/* Seconds for which neither thread's count has changed; the bound is HANGS. */
static int still(void)
{
	unsigned long p = atomic_load(&prefaults), d = atomic_load(&deletions);
	int s;

	for (s = 0; s < HANGS && p == atomic_load(&prefaults) && d == atomic_load(&deletions); s++)
		sleep(1);
	return s;
}

int main(void)
{
	struct sigaction act = { .sa_handler = nothing };
	struct kvm_userspace_memory_region slot = { .memory_size = SIZE };
	int kvm = must(open("/dev/kvm", O_RDWR), "/dev/kvm");
	pthread_t prefaulter, deleter;
	time_t end = time(NULL) + SECONDS;
	int hangs = 0;

	vm = must(ioctl(kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	if (ioctl(vm, KVM_CHECK_EXTENSION, CAP_PRE_FAULT_MEMORY) <= 0) {
		puts("no KVM_PRE_FAULT_MEMORY");
		return 77;
	}
	mem = mmap(NULL, SIZE + 0x1000, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	must(mem == MAP_FAILED ? -1 : 0, "mmap");
	slot.userspace_addr = (uintptr_t)mem;
	must(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
	vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU");
	sigaction(SIGUSR1, &act, NULL);
	must(-pthread_create(&prefaulter, NULL, prefault, NULL), "pthread_create");
	must(-pthread_create(&deleter, NULL, delete, NULL), "pthread_create");
	while (time(NULL) < end && !hangs) {
		hangs = still() == HANGS;
		usleep(1000);
	}
	atomic_store(&over, 1);
	for (int i = 0; hangs && i < 10; i++) {
		pthread_kill(prefaulter, SIGUSR1);
		usleep(100000);
	}
	pthread_join(prefaulter, NULL);
	pthread_join(deleter, NULL);
	if (hangs) {
		printf("wrong: prefault and deletion hang, after %lu prefaults and %lu deletions\n",
		       prefaults, deletions);
		return 1;
	}
	printf("right: %lu prefaults beside %lu deletions\n", prefaults, deletions);
	return 0;
}
