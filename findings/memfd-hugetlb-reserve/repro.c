// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pin of a hugetlb memfd's page (UDMABUF_CREATE, IOMMU_IOAS_MAP_FILE) that races with its first
 * touch must not take a reservation of somebody else.
 *
 * gcc -static -pthread repro.c; needs /dev/udmabuf and two free huge pages of 2 MiB. Exit
 * status: 0 the kernel is right, 1 it is not, 77 cannot be asked. It tries for at most 20 s; a
 * kernel that is not right fails in the first few tries, and its pool stays damaged.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define HUGE (2UL << 20)
#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define HUGE_2MB (21 << 26)

/* include/uapi/linux/udmabuf.h */
struct udmabuf_create {
	uint32_t memfd, flags;
	uint64_t offset, size;
};
#define UDMABUF_CREATE _IOW('u', 0x42, struct udmabuf_create)

static int memfd, udmabuf;
static unsigned int raced;
static atomic_uint go, done;

static int must(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	perror(what);
	exit(77);
}

static unsigned long pool(const char *file)
{
	FILE *f = fopen(file, "r");
	unsigned long n;

	if (!f || fscanf(f, "%lu", &n) != 1)
		must(-1, file);
	fclose(f);
	return n;
}

/* Touches the page: the kernel zeroes 2 MiB before the page is in the page cache. */
static void *touch(void *arg)
{
	volatile char *p = arg;

	for (unsigned int i = 1;; i++) {
		while (atomic_load(&go) < i)
			;
		*p = 1;
		atomic_store(&done, i);
	}
	return NULL;
}

int main(void)
{
	struct udmabuf_create create = { .size = HUGE };
	time_t end = time(NULL) + 20;
	unsigned long before, now;
	pthread_t thread;
	void *other, *mem;

	udmabuf = must(open("/dev/udmabuf", O_RDWR), "/dev/udmabuf");
	if (pool(POOL "free_hugepages") - pool(POOL "resv_hugepages") < 2) {
		puts("fewer than two free huge pages: echo 4 > " POOL "nr_hugepages");
		return 77;
	}
	/* Somebody else's reservation: mapped, never touched. */
	other = mmap(NULL, HUGE, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | HUGE_2MB, -1, 0);
	must(other == MAP_FAILED ? -1 : 0, "mmap");
	memfd = must(memfd_create("repro", MFD_HUGETLB | HUGE_2MB | MFD_ALLOW_SEALING), "memfd");
	must(ftruncate(memfd, HUGE), "ftruncate");
	must(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK), "F_SEAL_SHRINK");
	/* MAP_NORESERVE: the file itself has no reservation. */
	mem = mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memfd, 0);
	must(mem == MAP_FAILED ? -1 : 0, "mmap of the memfd");
	create.memfd = memfd;
	before = pool(POOL "resv_hugepages");
	must(pthread_create(&thread, NULL, touch, mem) ? -1 : 0, "pthread_create");
	for (unsigned int i = 1; i < 2000 && time(NULL) < end; i++) {
		int fd;

		atomic_store(&go, i);
		/* From none to a few hundred microseconds after it. */
		for (volatile unsigned int k = 0; k < i % 64 * 1000; k++)
			;
		fd = ioctl(udmabuf, UDMABUF_CREATE, &create);
		raced += fd < 0 && errno == ENOMEM;
		while (atomic_load(&done) < i)
			;
		if (fd >= 0)
			close(fd);
		must(fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, HUGE), "hole");
		now = pool(POOL "resv_hugepages");
		if (now != before) {
			munmap(other, HUGE);
			printf("wrong: try %u: %lu reserved huge pages became %lu, and %lu after the munmap\n",
			       i, before, now, pool(POOL "resv_hugepages"));
			return 1;
		}
	}
	printf("right: still %lu reserved huge pages, %u refusals with ENOMEM\n", before, raced);
	return 0;
}
