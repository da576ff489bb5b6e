// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_IOAS_CHANGE_PROCESS must move VmPin to the caller, also if the maps were made with
 * CAP_IPC_LOCK.
 *
 * gcc -static repro.c; needs root and CONFIG_IOMMUFD_TEST, for a device that pins. Exit
 * status: 0 the kernel is right, 1 it is not, 77 cannot be asked.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* include/uapi/linux/iommufd.h, and drivers/iommu/iommufd/iommufd_test.h for the mock device */
#define IOMMU_IOAS_ALLOC _IO(';', 0x81)
#define IOMMU_IOAS_MAP_FILE _IO(';', 0x8f)
#define IOMMU_IOAS_CHANGE_PROCESS _IO(';', 0x92)
#define IOMMU_TEST_CMD _IO(';', 0xa0)
#define OP_MOCK_DOMAIN 2
#define FIXED_WRITE_READ 7

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

static int must(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	perror(what);
	exit(77);
}

/* VmPin of a process, in kB. */
static long vm_pin(pid_t pid)
{
	char path[64], line[256];
	long pin = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	must(f ? 0 : -1, path);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmPin: %ld", &pin) == 1)
			break;
	fclose(f);
	return pin;
}

int main(void)
{
	int iommu = must(open("/dev/iommu", O_RDWR), "/dev/iommu");
	int memfd = must(memfd_create("repro", 0), "memfd_create"), status;
	struct ioas_alloc alloc = { .size = sizeof(alloc) };
	struct test_cmd mock = { .size = sizeof(mock), .op = OP_MOCK_DOMAIN };
	struct map_file map = { .size = sizeof(map), .flags = FIXED_WRITE_READ };
	struct {
		uint32_t size, reserved;
	} change = { sizeof(change), 0 };
	long page = sysconf(_SC_PAGESIZE);

	if (geteuid()) {
		puts("not root: the maps would be charged, and those move");
		return 77;
	}
	must(ftruncate(memfd, page), "ftruncate");
	must(ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc), "IOMMU_IOAS_ALLOC");
	mock.id = alloc.id;
	must(ioctl(iommu, IOMMU_TEST_CMD, &mock), "CONFIG_IOMMUFD_TEST");
	map.ioas = alloc.id;
	map.fd = memfd;
	map.length = page;
	map.iova = 1UL << 24;
	must(ioctl(iommu, IOMMU_IOAS_MAP_FILE, &map), "IOMMU_IOAS_MAP_FILE");
	if (vm_pin(getpid()) != page >> 10) {
		printf("VmPin is %ld kB after a map of one page\n", vm_pin(getpid()));
		return 77;
	}
	if (!must(fork(), "fork")) {
		must(ioctl(iommu, IOMMU_IOAS_CHANGE_PROCESS, &change), "IOMMU_IOAS_CHANGE_PROCESS");
		if (vm_pin(getpid()) == page >> 10 && !vm_pin(getppid())) {
			puts("right: VmPin moves to the caller");
			exit(0);
		}
		printf("wrong: VmPin of the caller is %ld kB, of the old process %ld kB\n",
		       vm_pin(getpid()), vm_pin(getppid()));
		exit(1);
	}
	wait(&status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 77;
}
