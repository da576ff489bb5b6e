// SPDX-License-Identifier: GPL-2.0-only
/* Maps that begin and end inside a page, over several batches of iommufd. */
#include "dma_memory.h"

GM_FILE(.clause = "iommu.map_file_memfd", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE

GM_CASE(batches, .name = "iommu.map_file_memfd.subpage_batches",
	.text = "50 scattered pages, the map begins and ends in the middle of one, in small batches: each in its place")
{
	struct dma_memory m = dma_memory_new_empty(self->iommu, 64 * PG, 0);
	const uint64_t off = PG + 2048, len = 50 * PG;

	/* Even pages first, so that adjacent pages of the file are not adjacent in memory. */
	for (uint64_t i = 0; i < 64; i++)
		gm_host_fill(m.hva + (i * 2 + i / 32) % 64 * PG, (i * 2 + i / 32) % 64, 1,
			     GM_WRITER_HOST, 1);
	gm_mock_memory_limit(m.iommu, 40);
	for (int round = 0; round < 2; round++) {
		/* Round 0: first the device, then the map. Round 1: the reverse. */
		if (!round)
			m.dev = gm_iodev_new(m.iommu, m.ioas);
		gm_map_file(m.iommu, m.ioas, m.fd, off, len, IOVA + 2048, GM_RW);
		if (round)
			m.dev = gm_iodev_new(m.iommu, m.ioas);
		dma_memory_mapped(&m, off, len, IOVA + 2048);
		GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + PG, 51 * PG, 1),
			  "expected one pin per page");
		gm_dma_expect_same(m.dev, IOVA + 2048, m.hva + off, len, "all of it");
		if (round)
			gm_unmap(m.iommu, m.ioas, IOVA + 2048, len);
		gm_iodev_free(m.dev);
		m.dev = NULL;
		GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "pages stay pinned");
		GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin without a device, pages");
		if (!round)
			gm_unmap(m.iommu, m.ioas, IOVA + 2048, len);
	}
	dma_memory_check(&m, 0, m.size, "at the end");
	dma_memory_free(&m);
}

/* The user's pages come from the table of a map that has half of the first and of the last page. */
GM_CASE(users, .name = "iommu.map_file_memfd.subpage_users",
	.text = "an in-kernel user pins whole pages, of which a device in another IOAS has a range that begins and ends inside a page")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);
	uint32_t whole = gm_ioas_new(m.iommu);
	int user = gm_access_new(m.iommu, whole, true);
	uint64_t at = IOVA + 2048;

	gm_map_file(m.iommu, whole, m.fd, 0, 4 * PG, IOVA, GM_RW);
	GM_EXPECT_OK(__gm_ioas_copy(m.iommu, m.ioas, whole, IOVA + 2048, 2 * PG, &at, GM_RW));
	GM_EXPECT_EQ(gm_vm_pinned(), 3, "VmPin of the device, pages");
	GM_EXPECT_OK(__gm_access_pin(m.iommu, user, IOVA, 4 * PG, m.hva, true));
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 1), "expected one pin per page");
	gm_unmap(m.iommu, m.ioas, IOVA + 2048, 2 * PG);
	GM_EXPECT_EQ(gm_vm_pinned(), 4, "VmPin of the user, pages");
	close(user);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	dma_memory_free(&m);
}
