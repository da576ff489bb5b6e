// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_IOAS_MAP_FILE of a hugetlb memfd that is truncated at the same time must not change the
 * pool's reservations, and must not leave a page past the end of the file.
 *
 * gcc -static -pthread repro.c; needs CONFIG_IOMMUFD_TEST, for a device that pins, and two free huge
 * pages of 2 MiB. Exit status: 0 the kernel is right, 1 it is not, 77 cannot be asked. It tries for at
 * most 20 s; a kernel that is not right fails in the first few tries, and its pool stays damaged.
 */
#define _GNU_SOURCE
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
#include <sys/stat.h>

#define HUGE (2UL << 20)
#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define HUGE_2MB (21 << 26)

/* include/uapi/linux/iommufd.h, and drivers/iommu/iommufd/iommufd_test.h for the mock device */
#define IOMMU_IOAS_ALLOC _IO(';', 0x81)
#define IOMMU_IOAS_UNMAP _IO(';', 0x86)
#define IOMMU_IOAS_MAP_FILE _IO(';', 0x8f)
#define IOMMU_TEST_CMD _IO(';', 0xa0)
#define OP_MOCK_DOMAIN 2
#define FIXED_WRITE_READ 7
#define IOVA (1UL << 24)

struct ioas_alloc {
	uint32_t size, flags, id;
};

struct map_file {
	uint32_t size, flags, ioas;
	int32_t fd;
	uint64_t start, length, iova;
};

struct unmap {
	uint32_t size, ioas;
	uint64_t iova, length;
};

struct test_cmd {
	uint32_t size, op, id, reserved;
	uint64_t arg[8];
};

static int iommu, memfd;
static uint32_t ioas;
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

/* Maps the page: the kernel zeroes 2 MiB before the page is in the page cache. */
static void *map_page(void *arg)
{
	struct map_file map = { .size = sizeof(map), .flags = FIXED_WRITE_READ, .ioas = ioas };

	map.fd = memfd;
	map.length = HUGE;
	map.iova = IOVA;
	for (unsigned int i = 1;; i++) {
		while (atomic_load(&go) < i)
			;
		ioctl(iommu, IOMMU_IOAS_MAP_FILE, &map);
		atomic_store(&done, i);
	}
	return arg;
}

int main(void)
{
	struct ioas_alloc alloc = { .size = sizeof(alloc) };
	struct test_cmd mock = { .size = sizeof(mock), .op = OP_MOCK_DOMAIN };
	struct unmap unmap = { .size = sizeof(unmap), .iova = IOVA, .length = HUGE };
	time_t end = time(NULL) + 20;
	unsigned long before, now;
	pthread_t thread;
	unsigned int i;
	struct stat st;

	iommu = must(open("/dev/iommu", O_RDWR), "/dev/iommu");
	must(ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc), "IOMMU_IOAS_ALLOC");
	ioas = alloc.id;
	mock.id = ioas;
	unmap.ioas = ioas;
	must(ioctl(iommu, IOMMU_TEST_CMD, &mock), "CONFIG_IOMMUFD_TEST");
	before = pool(POOL "resv_hugepages");
	if (pool(POOL "free_hugepages") - before < 2) {
		puts("fewer than two free huge pages: echo 4 > " POOL "nr_hugepages");
		return 77;
	}
	memfd = must(memfd_create("repro", MFD_HUGETLB | HUGE_2MB), "memfd_create");
	must(pthread_create(&thread, NULL, map_page, NULL) ? -1 : 0, "pthread_create");
	for (i = 1; i < 2000 && time(NULL) < end; i++) {
		must(ftruncate(memfd, HUGE), "ftruncate");
		atomic_store(&go, i);
		/* From none to a few hundred microseconds after it. */
		for (volatile unsigned int k = 0; k < i % 64 * 1000; k++)
			;
		must(ftruncate(memfd, 0), "ftruncate to 0");
		while (atomic_load(&done) < i)
			;
		must(fstat(memfd, &st), "fstat");
		now = pool(POOL "resv_hugepages");
		if (st.st_blocks || now != before) {
			printf("wrong: try %u: %lu reserved huge pages became %lu, and a file of 0 bytes has %ld blocks\n",
			       i, before, now, (long)st.st_blocks);
			return 1;
		}
		ioctl(iommu, IOMMU_IOAS_UNMAP, &unmap); /* if it was mapped */
	}
	printf("right: still %lu reserved huge pages after %u tries\n", before, i);
	return 0;
}
