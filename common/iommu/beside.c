// SPDX-License-Identifier: GPL-2.0-only
/* In-kernel users that access pages pinned by others, and folios of every size. */
#include "dma_memory.h"

GM_FILE(.clause = "iommu.lifetime", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE

/*
 * Pages 500 to 519 of the file: the first twelve are contiguous but separate folios, the rest is
 * elsewhere. One user reads and writes all of them while another has pinned some; that must not
 * change the pins.
 */
GM_CASE(moved, .name = "iommu.lifetime.access_rw_held", .needs = GM_NEEDS(ROOT, DEBUGFS),
	.caps = GM_CAPS_ALL,
	.text = "an in-kernel user reads and writes pages, some of them pinned by another: the pins do not change")
{
	static const uint32_t held[] = { 1 << 5,	   1 << 0,  1 << 11,  1 << 12,
					 1 << 5 | 1 << 14, 3 << 11, 0x7 << 3, 1 << 19 };
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 2 * GM_2M, 0);
	int pins = gm_access_new(m.iommu, m.ioas, true);
	int user = gm_access_new(m.iommu, m.ioas, false);
	uint8_t *mem = m.hva + 500 * PG, got[20 * PG];

	dma_memory_contiguous(&m, 0);
	gm_map_file(m.iommu, m.ioas, m.fd, 500 * PG, 20 * PG, IOVA, GM_RW);
	for (unsigned int i = 0; i < 2 * sizeof(held) / sizeof(held[0]); i++) {
		uint32_t mask = held[i / 2];
		int item[20], n = 0;

		gm_mock_memory_limit(m.iommu, i % 2 ? 48 : 65536);
		for (unsigned int p = 0; p < 20; p++)
			if (mask >> p & 1)
				item[n++] = GM_EXPECT_OK(__gm_access_pin(
					m.iommu, pins, IOVA + p * PG, PG, mem + p * PG, false));
		GM_EXPECT_OK(__gm_access_rw(m.iommu, user, IOVA + 7, got, 20 * PG - 9, false));
		GM_EXPECT(!memcmp(got, mem + 7, 20 * PG - 9), "pinned %#x: bytes read differ",
			  mask);
		GM_EXPECT_OK(__gm_access_rw(m.iommu, user, IOVA + 7, got, 20 * PG - 9, true));
		for (unsigned int p = 0; p < 20; p++)
			if (!GM_EXPECT(!__gm_mock_refs(m.iommu, mem + p * PG, PG, mask >> p & 1),
				       "pinned %#x: page %u has a wrong number of pins", mask, p))
				gm_end();
		GM_EXPECT_EQ(gm_vm_pinned(), n, "pinned %#x: VmPin, pages", mask);
		while (n)
			GM_EXPECT_OK(__gm_access_unpin(m.iommu, pins, item[--n]));
	}
	dma_memory_check(&m, 0, m.size, "at the end");
	close(user);
	close(pins);
	dma_memory_free(&m);
}

GM_CASE(huge, .name = "iommu.lifetime.access_huge", .huge_2m = 2,
	.text = "an in-kernel user without a device pins parts of 2 MiB pages, also across two: exactly those pages, once")
{
	static const struct {
		uint32_t first, n;
	} part[] = {
		{ 509, 6 }, { 0, 1 }, { 3, 2 }, { 511, 1 }, { 511, 2 }, { 512, 5 }, { 1, 1022 }
	};
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 2 * GM_2M, GM_2M);
	int user = gm_access_new(m.iommu, m.ioas, true);

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 2 * GM_2M, IOVA, GM_RW);
	for (unsigned int i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		uint32_t first = part[i].first, n = part[i].n;
		int item = GM_EXPECT_OK(__gm_access_pin(m.iommu, user, IOVA + first * PG, n * PG,
							m.hva + first * PG, true));

		GM_EXPECT_EQ(gm_vm_pinned(), n, "[%u, +%u): VmPin, pages", first, n);
		/* With a device attached the pages to unpin come from its page table. */
		m.dev = gm_iodev_new(m.iommu, m.ioas);
		dma_memory_mapped(&m, 0, m.size, IOVA);
		GM_EXPECT_OK(__gm_access_unpin(m.iommu, user, item));
		gm_iodev_free(m.dev);
		m.dev = NULL;
		GM_EXPECT_EQ(gm_vm_pinned(), 0, "[%u, +%u): VmPin at the end, pages", first, n);
	}
	close(user);
	dma_memory_free(&m);
}
