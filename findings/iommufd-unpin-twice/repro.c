// SPDX-License-Identifier: GPL-2.0-only
/*
 * An IOMMU_IOAS_MAP_FILE that fails must leave the pages of the file as they were: no pin too many,
 * and none too few.
 *
 * gcc -static repro.c; needs root, CONFIG_IOMMUFD_TEST, CONFIG_FAULT_INJECTION,
 * CONFIG_FAILSLAB and debugfs. Exit status: 0 the kernel is right, 1 it is not, 77 cannot be asked.
 * A kernel that is not right should be booted again: page reference counts are negative.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

/* include/uapi/linux/iommufd.h, and drivers/iommu/iommufd/iommufd_test.h for the mock device */
#define IOMMU_IOAS_ALLOC _IO(';', 0x81)
#define IOMMU_IOAS_MAP_FILE _IO(';', 0x8f)
#define IOMMU_TEST_CMD _IO(';', 0xa0)
#define OP_MOCK_DOMAIN 2
#define OP_MD_CHECK_REFS 4
#define OP_SET_TEMP_MEMORY_LIMIT 9
#define FIXED_WRITE_READ 7
#define BORDER ((1UL << 24) + (2UL << 20)) /* of two tables of the mock IOMMU */
#define PAGES 64

struct ioas_alloc {
	uint32_t size, flags, id;
};

struct map_file {
	uint32_t size, flags, ioas;
	int32_t fd;
	uint64_t start, length, iova;
};

struct test_cmd {
	uint32_t size, op, id, reserved;
	uint64_t arg[8];
};

static long page;
static char *mem;
static int memfd, nth_fd;

static int must(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	perror(what);
	exit(77);
}

static void set(const char *path, const char *val)
{
	int fd = must(open(path, O_WRONLY), path);

	must(write(fd, val, strlen(val)), path);
	close(fd);
}

enum end { WORKS, FAILS, WRONG, NO_SUCH_STEP };

/*
 * Maps `pages` pages of the file, `below` of them below the border, with the nth step failing. A
 * failed map must leave no page pinned.
 */
static enum end map_once(unsigned int pages, unsigned int below, unsigned int nth)
{
	int iommu = must(open("/dev/iommu", O_RDWR), "/dev/iommu");
	struct ioas_alloc alloc = { .size = sizeof(alloc) };
	struct test_cmd limit = { .size = sizeof(limit), .op = OP_SET_TEMP_MEMORY_LIMIT };
	struct test_cmd mock = { .size = sizeof(mock), .op = OP_MOCK_DOMAIN };
	struct test_cmd refs = { .size = sizeof(refs), .op = OP_MD_CHECK_REFS };
	struct map_file map = { .size = sizeof(map), .flags = FIXED_WRITE_READ };
	char buf[16] = "";
	enum end end;

	must(ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc), "IOMMU_IOAS_ALLOC");
	/* Arrays of 48 bytes: six folios are pinned at a time, and four are mapped at a time. */
	limit.arg[0] = 48;
	must(ioctl(iommu, IOMMU_TEST_CMD, &limit), "CONFIG_IOMMUFD_TEST");
	mock.id = alloc.id;
	must(ioctl(iommu, IOMMU_TEST_CMD, &mock), "the mock device");
	map.ioas = alloc.id;
	map.fd = memfd;
	map.length = pages * page;
	map.iova = BORDER - below * page;
	snprintf(buf, sizeof(buf), "%u", nth);
	must(pwrite(nth_fd, buf, strlen(buf), 0), "fail-nth");
	end = ioctl(iommu, IOMMU_IOAS_MAP_FILE, &map) ? FAILS : WORKS;
	memset(buf, 0, sizeof(buf));
	must(pread(nth_fd, buf, sizeof(buf) - 1, 0), "fail-nth");
	must(pwrite(nth_fd, "0", 1, 0), "fail-nth");
	refs.arg[0] = PAGES * page;
	refs.arg[1] = (uintptr_t)mem;
	if (atoi(buf))
		end = NO_SUCH_STEP;
	else if (end == FAILS && ioctl(iommu, IOMMU_TEST_CMD, &refs))
		end = WRONG;
	limit.arg[0] = 65536;
	ioctl(iommu, IOMMU_TEST_CMD, &limit);
	close(iommu);
	return end;
}

int main(void)
{
	unsigned int failed = 0;

	page = sysconf(_SC_PAGESIZE);
	set("/sys/kernel/debug/failslab/verbose", "0");
	set("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	set("/sys/kernel/debug/fail_iommufd/verbose", "0");
	set("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	set("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	set("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	nth_fd = must(open("/proc/thread-self/fail-nth", O_RDWR), "fail-nth");
	memfd = must(memfd_create("repro", 0), "memfd_create");
	must(ftruncate(memfd, PAGES * page), "ftruncate");
	mem = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	must(mem == MAP_FAILED ? -1 : 0, "mmap");
	/* No two pages in succession are allocated in succession: each is a run of its own. */
	for (unsigned int i = 0; i < PAGES; i++)
		mem[i * 23 % PAGES * page] = 1;

	for (unsigned int pages = 7; pages < 12; pages++)
		for (unsigned int below = 1; below < pages; below++)
			for (unsigned int nth = 1; nth < 100; nth++) {
				enum end end = map_once(pages, below, nth);

				if (end == WRONG) {
					printf("wrong: a failed map of %u pages leaves page counts changed\n",
					       pages);
					return 1;
				}
				if (end == NO_SUCH_STEP)
					break;
				failed += end == FAILS;
			}
	if (!failed) {
		puts("no allocation fails");
		return 77;
	}
	printf("right: %u failed maps leave all pages as they were\n", failed);
	return 0;
}
