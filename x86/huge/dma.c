// SPDX-License-Identifier: GPL-2.0-only
/* The same while an IOMMU has pinned the memory: pins do not affect the guest's mappings. */
#include "huge.h"
#include "iommu.h"

GM_CASE(dma, .name = "huge.dma.other_gib", .clause = "huge.dma", .iommus = GM_IOMMUS(MOCK, VFIO),
	.dma_flags = GM_FULL_ONLY, .caps = GM_CAPS(CAP_IPC_LOCK), .profile = "IO",
	.text = "a device has a GiB mapped by fd: a conversion in it or beside it unmaps the same as without",
	.huge_1g = 2, .timeout = 180, .providers = GM_PROVIDERS(ATTRIBUTES))
{
	struct huge_vm *r;
	struct gm_iommu *iommu;
	struct gm_iodev *dev;
	/* An IOVA that every device reaches: emulated ones have 28 bits. */
	uint64_t iova = 64UL << 20, len = 128UL << 20;
	uint32_t ioas;

	if (!gm_platform_has(GM_NEED_PAGE_STATS))
		gm_skip(gm_need_reason(GM_NEED_PAGE_STATS), "%s",
			gm_need_remedy(GM_NEED_PAGE_STATS));
	r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = 2 * GM_1G);
	iommu = gm_iommu_new(self->iommu);
	ioas = gm_ioas_new(iommu);
	dev = gm_iodev_new(iommu, ioas);
	huge_touch_all(r);
	gm_map_file(iommu, ioas, r->w->mem->fd, 0, len, iova, GM_RW);
	huge_expect(r, "a part of the first GiB mapped for the device");
	/* In the other GiB, and in the device's: the map is independent of attributes. */
	for (int gib = 1; gib >= 0; gib--) {
		uint64_t at = huge_gpa(gib, 512 * 20 + 511);

		huge_convert(r, at, 1, true);
		huge_touch_all(r);
		huge_check_around(r, at, 1, "one page private");
		huge_expect(r, "%s private", huge_page_name(r, at));
		gm_dma_prove_same_page(dev, iova + (512 * 20 + 512) * GM_PAGE_SIZE,
				       gm_hva(r->w->vm, huge_gpa(0, 512 * 20 + 512)),
				       "while one is private");
		huge_convert(r, at, 1, false);
		huge_touch(r, at, GM_PAGE_SIZE, GM_PAGE_SIZE);
		huge_expect(r, "%s shared again", huge_page_name(r, at));
		gm_dma_expect_same(dev, iova + (512 * 20 + 511) * GM_PAGE_SIZE,
				   gm_hva(r->w->vm, huge_gpa(0, 512 * 20 + 511)), 64,
				   "after converting back");
	}
	gm_unmap(iommu, ioas, iova, len);
	huge_expect(r, "unmapped: nothing changed for the guest");
	huge_check_sparse(r, "at the end");
	gm_iodev_free(dev);
	gm_iommu_free(iommu);
	huge_vm_free(r);
}
