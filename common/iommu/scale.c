// SPDX-License-Identifier: GPL-2.0-only
/*
 * Thousands of areas of one page in one address space: single unmaps, one unmap of all and the
 * close of the iommufd return in time and unpin every page: iommu.scale.
 */
#include "dma_memory.h"

GM_FILE(.clause = "iommu.scale", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.caps = GM_CAPS(CAP_IPC_LOCK), .timeout = 120)

#define AREAS 2048UL

struct areas {
	enum { UNMAP_EACH, UNMAP_ALL, CLOSE } how; /* the areas are removed */
};

GM_CASES(areas, struct areas, v)
{
	const uint64_t nr = AREAS, size = nr * GM_PAGE_SIZE;
	uint64_t len = ~0ULL; /* with IOVA 0: everything */
	struct gm_iommu *iommu = gm_iommu_new(GM_IOMMU_MOCK);
	uint32_t ioas = gm_ioas_new(iommu);
	int fd = gm_memfd_new(size, 0);
	struct gm_iodev *dev = gm_iodev_new(iommu, ioas);

	/* Every second page of IOVA, so that no two areas touch. */
	for (uint64_t i = 0; i < nr; i++)
		gm_map_file(iommu, ioas, fd, i * GM_PAGE_SIZE, GM_PAGE_SIZE,
			    IOVA + 2 * i * GM_PAGE_SIZE, GM_RW);
	GM_EXPECT(!gm_memfd_unpinned(fd), "%lu areas are mapped, and no page is pinned", nr);
	switch (v->how) {
	case UNMAP_EACH:
		for (uint64_t i = 0; i < nr; i++)
			gm_unmap(iommu, ioas, IOVA + (2 * (i * 307 % nr)) * GM_PAGE_SIZE,
				 GM_PAGE_SIZE);
		break;
	case UNMAP_ALL:
		GM_EXPECT_OK(__gm_unmap(iommu, ioas, 0, &len));
		GM_EXPECT_EQ(len, size, "bytes unmapped by one unmap of everything");
		break;
	case CLOSE:
		break;
	}
	gm_iodev_free(dev);
	gm_iommu_free(iommu);
	GM_EXPECT(gm_memfd_unpinned(fd), "iommufd is closed, and a page of the file is pinned");
	close(fd);
}

GM_ROW(areas, areas_each, .name = "iommu.scale.unmap_each",
       .text = "2^11 areas of one page, unmapped one by one") = { .how = UNMAP_EACH };
GM_ROW(areas, areas_all, .name = "iommu.scale.unmap_all",
       .text = "2^11 areas of one page, unmapped by one call") = { .how = UNMAP_ALL };
GM_ROW(areas, areas_close, .name = "iommu.scale.close",
       .text = "2^11 areas of one page, removed by the close of the iommufd") = { .how = CLOSE };
