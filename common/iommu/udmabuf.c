// SPDX-License-Identifier: GPL-2.0-only
/*
 * A udmabuf of a file of huge pages that begins inside of one: iommu.udmabuf_offset.
 *
 * Only the first huge page has an offset. The range ends in the second one, and the mapping of the
 * dma-buf must show the words that the file has there.
 */
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>

#include "dma_memory.h"

GM_FILE(.clause = "iommu.udmabuf_offset", .profile = "IO", .needs = GM_NEEDS(UDMABUF),
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE
#define NPAGES (GM_2M / PG)

/* The first words of the pages of two huge pages count from 1. */
static int file_new(uint64_t **hva)
{
	int fd = GM_SETUP_OK(memfd_create("gm_udmabuf", MFD_CLOEXEC | MFD_ALLOW_SEALING |
								MFD_HUGETLB | MFD_HUGE_2MB));

	GM_SETUP_OK(ftruncate(fd, 2 * GM_2M));
	*hva = (void *)dma_memory_mmap(fd, 2 * GM_2M, GM_2M);
	for (uint64_t i = 0; i < 2 * NPAGES; i++)
		*(volatile uint64_t *)((char *)*hva + i * PG) = i + 1;
	GM_SETUP_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	return fd;
}

static void expect_words(int fd, uint64_t first)
{
	struct udmabuf_create arg = {
		.memfd = fd, .flags = UDMABUF_FLAGS_CLOEXEC, .offset = first * PG, .size = GM_2M
	};
	int dev = GM_SETUP_OK(open("/dev/udmabuf", O_RDWR | O_CLOEXEC)), buf;
	const char *p;

	buf = ioctl(dev, UDMABUF_CREATE, &arg);
	GM_ASSERT(buf >= 0, "UDMABUF_CREATE at page %lu: %s", first, gm_errno_name(errno));
	p = mmap(NULL, GM_2M, PROT_READ, MAP_SHARED, buf, 0);
	GM_ASSERT(p != MAP_FAILED, "mmap of the udmabuf: %s", gm_errno_name(errno));
	for (uint64_t i = 0; i < NPAGES; i++) {
		uint64_t got = *(const volatile uint64_t *)(p + i * PG);

		GM_EXPECT(got == first + i + 1,
			  "offset of page %lu: page %lu: expected %lu, observed %lu", first, i,
			  first + i + 1, got);
	}
	munmap((void *)p, GM_2M);
	close(buf);
	close(dev);
}

GM_CASE(huge, .name = "iommu.udmabuf_offset.huge", .huge_2m = 2,
	.text = "a udmabuf that begins inside a huge page shows the file's pages, also in the next huge page")
{
	const uint64_t firsts[] = { 0, 1, NPAGES / 2 + 1, NPAGES - 1 };
	uint64_t *hva;
	int fd = file_new(&hva);

	for (unsigned int i = 0; i < ARRAY_SIZE(firsts); i++)
		expect_words(fd, firsts[i]);
	munmap(hva, 2 * GM_2M);
	close(fd);
}
