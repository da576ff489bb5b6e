// SPDX-License-Identifier: GPL-2.0-only
/* Two devices with real DMA: each reaches its own address space and no other. */
#include "dma_memory.h"

GM_FILE(.clause = "iommu.lifetime", .profile = "IO", .iommu = GM_IOMMU_VFIO,
	.needs = GM_NEEDS(VFIO_EDU_PAIR), .caps = GM_CAPS(CAP_IPC_LOCK), .flags = GM_FULL_ONLY)

#define PG GM_PAGE_SIZE

GM_CASE(spaces, .name = "iommu.lifetime.pair_spaces.dma",
	.text = "two devices, two address spaces, one IOVA: each reaches its own page and no other; one moves to the other's space")
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);
	uint32_t other = gm_ioas_new(m.iommu);
	struct gm_iodev *second = gm_iodev_new(m.iommu, other);

	GM_EXPECT(second->hwpt != m.dev->hwpt, "two address spaces have one page table");
	gm_map_file(m.iommu, m.ioas, m.fd, 0, 2 * PG, IOVA, GM_RW);
	gm_map_file(m.iommu, other, m.fd, 4 * PG, PG, IOVA, GM_RW);
	gm_dma_prove_same_page(m.dev, IOVA, m.hva, "the first device");
	gm_dma_prove_same_page(second, IOVA, m.hva + 4 * PG, "the second device");
	gm_dma_expect_blocked(second, IOVA + PG, m.hva + PG, "a page of the first space only");
	gm_unmap(m.iommu, m.ioas, IOVA, 2 * PG);
	gm_dma_expect_blocked(m.dev, IOVA, m.hva, "unmapped in the first space");
	gm_dma_prove_same_page(second, IOVA, m.hva + 4 * PG, "the second space still has its map");
	gm_map_file(m.iommu, m.ioas, m.fd, 6 * PG, PG, IOVA, GM_RW);
	gm_iodev_replace(second, m.ioas, m.ioas);
	gm_dma_prove_same_page(second, IOVA, m.hva + 6 * PG,
			       "the second device in the first space");
	gm_dma_prove_same_page(m.dev, IOVA, m.hva + 6 * PG, "and the first device");
	gm_iodev_free(second);
	GM_EXPECT_OK(__gm_iommu_destroy(m.iommu, other), "the space that both have left");
	dma_memory_check(&m, 0, m.size, "at the end");
	dma_memory_free(&m);
}

GM_CASE(tables, .name = "iommu.lifetime.pair_tables.dma",
	.text = "two devices with a page table each on one address space: maps and unmaps change both tables")
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);
	uint32_t table = gm_hwpt_new(m.dev, m.ioas, 0);
	struct gm_iodev *second = gm_iodev_new(m.iommu, table);

	second->ioas = m.ioas;
	GM_EXPECT(second->hwpt != m.dev->hwpt, "both devices use table %u", second->hwpt);
	gm_map_file(m.iommu, m.ioas, m.fd, 2 * PG, 3 * PG, IOVA, GM_RW);
	GM_EXPECT_EQ(gm_vm_pinned(), 3, "VmPin, pages");
	gm_dma_prove_same_page(m.dev, IOVA + 2 * PG, m.hva + 4 * PG, "the first table");
	gm_dma_prove_same_page(second, IOVA + 2 * PG, m.hva + 4 * PG, "the second table");
	gm_unmap(m.iommu, m.ioas, IOVA, 3 * PG);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the unmap, pages");
	/* The last page, which a too short unmap or flush would miss. */
	gm_dma_expect_blocked(m.dev, IOVA + 2 * PG, m.hva + 4 * PG, "unmapped, the first table");
	gm_dma_expect_blocked(second, IOVA + 2 * PG, m.hva + 4 * PG, "unmapped, the second table");
	gm_map_file(m.iommu, m.ioas, m.fd, 0, PG, IOVA, GM_RW);
	gm_iodev_free(m.dev);
	m.dev = second;
	gm_dma_prove_same_page(second, IOVA, m.hva, "the first device is detached");
	dma_memory_check(&m, 0, m.size, "at the end");
	dma_memory_free(&m);
}
