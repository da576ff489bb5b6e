// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pin of a hugetlb memfd's page (UDMABUF_CREATE, IOMMU_IOAS_MAP_FILE) that allocates it must be
 * charged to the hugetlb cgroup, as any other allocation is.
 *
 * gcc -static repro.c; needs root, cgroup v2 at /sys/fs/cgroup with the hugetlb controller, /dev/udmabuf and a free huge
 * page of 2 MiB. Exit status: 0 the kernel is right, 1 it is not, 77 cannot be asked.
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
#include <sys/stat.h>
#include <sys/wait.h>

#define HUGE (2UL << 20)
#define HUGE_2MB (21 << 26)
#define ROOT "/sys/fs/cgroup/"
#define GROUP ROOT "repro-hugetlb/"

/* include/uapi/linux/udmabuf.h */
struct udmabuf_create {
	uint32_t memfd, flags;
	uint64_t offset, size;
};
#define UDMABUF_CREATE _IOW('u', 0x42, struct udmabuf_create)

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

static int memfd_new(void)
{
	int fd = must(memfd_create("repro", MFD_HUGETLB | HUGE_2MB | MFD_ALLOW_SEALING), "memfd");

	must(ftruncate(fd, HUGE), "ftruncate");
	must(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), "F_SEAL_SHRINK");
	return fd;
}

/* In a cgroup that may use no huge page. */
static int in_group(void)
{
	struct udmabuf_create create = { .size = HUGE };
	int udmabuf = must(open("/dev/udmabuf", O_RDWR), "/dev/udmabuf");
	int memfd = memfd_new();

	if (!fallocate(memfd, 0, 0, HUGE)) {
		puts("fallocate() is not limited");
		return 77;
	}
	create.memfd = memfd;
	if (ioctl(udmabuf, UDMABUF_CREATE, &create) < 0) {
		printf("right: fallocate() and UDMABUF_CREATE are beyond the limit: %m\n");
		return 0;
	}
	puts("wrong: fallocate() is beyond the limit of the cgroup, UDMABUF_CREATE is not");
	return 1;
}

int main(void)
{
	struct udmabuf_create create = { .size = HUGE };
	int udmabuf = must(open("/dev/udmabuf", O_RDWR), "/dev/udmabuf"), status, fd;
	int memfd = memfd_new();

	/* Without a limit it must work. */
	create.memfd = memfd;
	fd = must(ioctl(udmabuf, UDMABUF_CREATE, &create), "UDMABUF_CREATE without a limit");
	close(fd);
	close(memfd);

	set(ROOT "cgroup.subtree_control", "+hugetlb");
	must(mkdir(GROUP, 0755), GROUP);
	if (!must(fork(), "fork")) {
		set(GROUP "hugetlb.2MB.max", "0");
		set(GROUP "cgroup.procs", "0");
		exit(in_group());
	}
	wait(&status);
	rmdir(GROUP);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 77;
}
