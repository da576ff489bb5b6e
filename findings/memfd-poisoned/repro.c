// SPDX-License-Identifier: GPL-2.0-only
/*
 * A poisoned page of a memfd must not be pinned for a device: UDMABUF_CREATE, as IOMMU_IOAS_MAP_FILE,
 * must refuse it.
 *
 * gcc -static repro.c; needs root, /dev/udmabuf and CONFIG_MEMORY_FAILURE. It poisons one
 * page in software. Exit status: 0 the kernel is right, 1 it is not, 77 cannot be asked.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

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

/* Without a handler the process dies when its page is poisoned. */
static void ignore(int sig)
{
	(void)sig;
}

int main(void)
{
	long page = sysconf(_SC_PAGESIZE);
	int udmabuf = must(open("/dev/udmabuf", O_RDWR), "/dev/udmabuf");
	int memfd = must(memfd_create("repro", MFD_ALLOW_SEALING), "memfd_create");
	struct udmabuf_create create = { .memfd = memfd, .size = page };
	char *mem, byte;

	must(ftruncate(memfd, 2 * page), "ftruncate");
	must(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK), "F_SEAL_SHRINK");
	mem = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	must(mem == MAP_FAILED ? -1 : 0, "mmap");
	mem[0] = 1;
	mem[page] = 1;
	signal(SIGBUS, ignore);
	must(madvise(mem, page, MADV_HWPOISON), "MADV_HWPOISON");
	if (pread(memfd, &byte, 1, 0) >= 0) {
		puts("read() does not refuse the page: it is not poisoned");
		return 77;
	}
	create.offset = page;
	must(ioctl(udmabuf, UDMABUF_CREATE, &create), "UDMABUF_CREATE of the page beside it");
	create.offset = 0;
	if (ioctl(udmabuf, UDMABUF_CREATE, &create) < 0) {
		printf("right: the poisoned page is refused: %m\n");
		return 0;
	}
	puts("wrong: the poisoned page is pinned for a device; read() refuses it");
	return 1;
}
