// SPDX-License-Identifier: GPL-2.0-only
/* A dirty bitmap is written with the permissions of the process's own mapping: iommu.dirty. */
#include "dirty.h"

#define PG GM_PAGE_SIZE
#define PAGES 8UL

struct target {
	const char *name;
	int prot, flags;
	bool writable;
};

/* The bits of written pages are set; a file changes only by a shared and writable mapping. */
GM_CASE(memory, .name = "iommu.dirty.bitmap_memory", .clause = "iommu.dirty",
	.caps = GM_CAPS(CAP_IPC_LOCK), .iommu = GM_IOMMU_MOCK, .profile = "IO",
	.text = "a bitmap in a private or a read-only mapping of a file: the file does not change")
{
	static const struct target targets[] = {
		{ "a shared mapping", PROT_READ | PROT_WRITE, MAP_SHARED, true },
		{ "a private mapping", PROT_READ | PROT_WRITE, MAP_PRIVATE, true },
		{ "a shared mapping that is read-only", PROT_READ, MAP_SHARED, false },
		{ "a private mapping that is read-only", PROT_READ, MAP_PRIVATE, false },
	};
	struct dma_memory m = dma_memory_new(self->iommu, PAGES * PG, 0);
	uint32_t hwpt = dirty_hwpt_new(&m, false);
	const uint8_t bits = 0x55;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, PAGES * PG, IOVA, GM_RW);
	for (unsigned int i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		const struct target *w = &targets[i];
		int fd = gm_memfd_new(PG, 0);
		uint8_t *file = mmap(NULL, PG, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		uint8_t *room = mmap(NULL, PG, w->prot, w->flags, fd, 0);
		uint64_t word = bits, want = w->writable ? 0xff : 0, seen;

		GM_SETUP(file != MAP_FAILED && room != MAP_FAILED, "mmap: %s",
			 gm_errno_name(errno));
		/* The page is allocated, and this mapping has it as readable. */
		*file = 0;
		(void)*(volatile uint8_t *)room;
		GM_SETUP_OK(__gm_mock_dirty(m.iommu, hwpt, IOVA, PAGES * PG, PG, &word));
		GM_EXPECT_OK(dirty_get(&m, hwpt, IOVA, PAGES * PG, PG, room,
				       w->writable ? 0 : IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR),
			     "%s", w->name);
		seen = *(volatile uint8_t *)room;
		GM_EXPECT((seen & bits) == (want & bits), "%s: its bits are %#lx, written %#x",
			  w->name, seen, bits);
		seen = *(volatile uint8_t *)file;
		GM_EXPECT(w->flags == MAP_SHARED && w->writable ? (seen & bits) == bits : !seen,
			  "%s: the file has %#lx", w->name, seen);
		munmap(room, PG);
		munmap(file, PG);
		close(fd);
	}
	dma_memory_free(&m);
}
