// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_IOAS_MAP_FILE must not map a memfd WRITEABLE that is open for reading only, or sealed
 * against writing.
 *
 * gcc -static repro.c; needs /dev/iommu. With CONFIG_IOMMUFD_TEST it also writes to the file
 * as a device would. Exit status: 0 the kernel is right, 1 it is not, 77 cannot be asked.
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
#define IOMMU_IOAS_UNMAP _IO(';', 0x86)
#define IOMMU_IOAS_MAP_FILE _IO(';', 0x8f)
#define IOMMU_TEST_CMD _IO(';', 0xa0)
#define FIXED_WRITE_READ 7
#define OP_CREATE_ACCESS 5
#define OP_ACCESS_RW 8
#define SLOW_WRITE 5
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
	union {
		struct {
			uint32_t fd, flags;
		} access;
		struct {
			uint64_t iova, length, uptr;
			uint32_t flags;
		} rw;
		uint64_t all[8];
	};
};

static int iommu;
static uint32_t ioas;
static long page;

static int must(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	perror(what);
	exit(77);
}

static int map_file(int fd)
{
	struct map_file map = { sizeof(map), FIXED_WRITE_READ, ioas, fd, 0, page, IOVA };

	return ioctl(iommu, IOMMU_IOAS_MAP_FILE, &map);
}

/* Writes to the IOVA as the in-kernel user of an IOAS does: a VFIO mdev. */
static const char *device_write(int fd)
{
	struct test_cmd cmd = { .size = sizeof(cmd), .op = OP_CREATE_ACCESS, .id = ioas };
	char byte = 0;

	if (ioctl(iommu, IOMMU_TEST_CMD, &cmd))
		return "no mock device to write with";
	cmd.id = cmd.access.fd;
	cmd.op = OP_ACCESS_RW;
	memset(cmd.all, 0, sizeof(cmd.all));
	cmd.rw.iova = IOVA;
	cmd.rw.length = 1;
	cmd.rw.uptr = (uintptr_t) "X";
	cmd.rw.flags = SLOW_WRITE;
	if (ioctl(iommu, IOMMU_TEST_CMD, &cmd))
		return "the device's write fails";
	close(cmd.id);
	pread(fd, &byte, 1, 0);
	return byte == 'X' ? "a device changes the file" : "the device's write changes nothing";
}

static int wrong(int fd, const char *what)
{
	struct unmap unmap = { sizeof(unmap), ioas, IOVA, page };

	if (map_file(fd)) {
		printf("right: %s is refused: %m\n", what);
		return 0;
	}
	printf("wrong: %s is mapped WRITEABLE: %s\n", what, device_write(fd));
	must(ioctl(iommu, IOMMU_IOAS_UNMAP, &unmap), "IOMMU_IOAS_UNMAP");
	return 1;
}

int main(void)
{
	struct ioas_alloc alloc = { .size = sizeof(alloc) };
	struct unmap unmap;
	int memfd, readonly, bad;
	char path[64];

	page = sysconf(_SC_PAGESIZE);
	iommu = must(open("/dev/iommu", O_RDWR), "/dev/iommu");
	must(ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc), "IOMMU_IOAS_ALLOC");
	ioas = alloc.id;
	memfd = must(memfd_create("repro", MFD_ALLOW_SEALING), "memfd_create");
	must(ftruncate(memfd, page), "ftruncate");
	/* What a right kernel must allow. */
	must(map_file(memfd), "IOMMU_IOAS_MAP_FILE of a writable memfd");
	unmap = (struct unmap){ sizeof(unmap), ioas, IOVA, page };
	must(ioctl(iommu, IOMMU_IOAS_UNMAP, &unmap), "IOMMU_IOAS_UNMAP");

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	readonly = must(open(path, O_RDONLY), path);
	bad = wrong(readonly, "a memfd that is open for reading only");
	must(fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE), "F_SEAL_WRITE");
	bad |= wrong(memfd, "a memfd with F_SEAL_WRITE");
	return bad;
}
