// SPDX-License-Identifier: GPL-2.0-only
/* Devices, page tables and address spaces in every order: attach, replace, copy, two of each. */
#include "fx.h"

#define PG GM_PAGE_SIZE

GM_IOMMU_CASES_SLOW(
	attach_after, "iommu.map_file_memfd.attach_after", .clause = "iommu.map_file_memfd",
	.text = "maps first, then the device: it finds every one of them, and pins them only then")
{
	struct fx fx = fx_new_unattached(self, 8 * PG, 0);

	gm_map_file(fx.iommu, fx.ioas, fx.fd, PG, 2 * PG, IOVA, GM_RW);
	gm_map_file(fx.iommu, fx.ioas, fx.fd, 5 * PG, 3 * PG, IOVA + 16 * PG, GM_RW);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin with nothing attached, pages");
	fx.dev = gm_iodev_new(fx.iommu, fx.ioas);
	GM_EXPECT_EQ(gm_vm_pinned(), 5, "VmPin with a device, pages");
	gm_dma_expect_maps(fx.dev, IOVA, fx.hva + PG, 2 * PG, "the first");
	gm_dma_prove_same_page(fx.dev, IOVA + 18 * PG, fx.hva + 7 * PG, "the last of the second");
	gm_iodev_free(fx.dev);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin when the device is gone, pages");
	fx.dev = gm_iodev_new(fx.iommu, fx.ioas);
	gm_dma_prove_same_page(fx.dev, IOVA + PG, fx.hva + 2 * PG, "attached again");
	fx_check(&fx, 0, fx.size, "after it all");
	fx_free(&fx);
}

/* Another memory at the same IOVA, in another address space. */
GM_IOMMU_CASES(
	replace, "iommu.lifetime.replace", .clause = "iommu.lifetime",
	.text = "a device moved to another address space sees that one's memory, and back again")
{
	struct fx fx = fx_new(self, 8 * PG, 0);
	uint32_t other = gm_ioas_new(fx.iommu);

	gm_map_file(fx.iommu, fx.ioas, fx.fd, 0, 2 * PG, IOVA, GM_RW);
	gm_map_file(fx.iommu, other, fx.fd, 4 * PG, PG, IOVA, GM_RW);
	gm_dma_prove_same_page(fx.dev, IOVA, fx.hva, "the first space");
	gm_iodev_replace(fx.dev, other, other);
	GM_EXPECT_EQ(gm_vm_pinned(), 1, "VmPin of the second space alone, pages");
	gm_dma_prove_same_page(fx.dev, IOVA, fx.hva + 4 * PG, "the second space");
	gm_dma_expect_blocked(fx.dev, IOVA + PG, fx.hva + PG, "what only the first space has");
	GM_EXPECT_ERRNO(EBUSY, __gm_iommu_destroy(fx.iommu, other), "the space in use");
	gm_iodev_replace(fx.dev, fx.ioas, fx.ioas);
	gm_dma_prove_same_page(fx.dev, IOVA + PG, fx.hva + PG, "back in the first space");
	GM_EXPECT_OK(__gm_iommu_destroy(fx.iommu, other), "the space that is left");
	fx_check(&fx, 0, fx.size, "after it all");
	fx_free(&fx);
}

GM_MOCK_CASE(
	two_devices, .name = "iommu.lifetime.two_devices", .clause = "iommu.lifetime",
	.text = "two devices on one address space share a page table; it lives as long as the last")
{
	struct fx fx = fx_new(self, 4 * PG, 0);
	struct gm_iodev *second = gm_iodev_new(fx.iommu, fx.ioas);

	GM_EXPECT_EQ(second->hwpt, fx.dev->hwpt, "the page table of the second device");
	gm_map_file(fx.iommu, fx.ioas, fx.fd, 0, 4 * PG, IOVA, GM_RW);
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva, fx.size, 1),
		  "two devices, one table: not one pin");
	gm_iodev_free(fx.dev);
	fx.dev = second;
	fx_maps(&fx, 0, 4 * PG, IOVA);
	gm_dma_prove_same_page(fx.dev, IOVA, fx.hva, "the second device");
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva, fx.size, 1),
		  "the first device took the pins along");
	gm_iodev_free(fx.dev);
	fx.dev = NULL;
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva, fx.size, 0), "no device, and pins");
	fx_free(&fx);
}

static void two_tables(const struct gm_case *self, bool first_goes)
{
	struct fx fx = fx_new(self, 8 * PG, 0);
	uint32_t hwpt[2], keep, drop;
	struct gm_iodev *dev[2];

	gm_map_file(fx.iommu, fx.ioas, fx.fd, PG, 3 * PG, IOVA, GM_RW);
	gm_iodev_free(fx.dev);
	fx.dev = NULL;
	dev[0] = gm_iodev_new(fx.iommu, fx.ioas);
	hwpt[0] = gm_hwpt_new(dev[0], fx.ioas, 0);
	hwpt[1] = gm_hwpt_new(dev[0], fx.ioas, 0);
	gm_iodev_replace(dev[0], hwpt[0], fx.ioas);
	dev[1] = gm_iodev_new(fx.iommu, hwpt[1]);
	dev[1]->ioas = fx.ioas;
	GM_EXPECT(dev[0]->hwpt == hwpt[0] && dev[1]->hwpt == hwpt[1],
		  "the devices use tables %u and %u", dev[0]->hwpt, dev[1]->hwpt);

	/* After the attach, too; both tables have both maps, and one pin stands for both. */
	gm_map_file(fx.iommu, fx.ioas, fx.fd, 5 * PG, 2 * PG, IOVA + 16 * PG, GM_RW);
	for (int i = 0; i < 2; i++) {
		GM_EXPECT(!__gm_mock_maps(fx.iommu, hwpt[i], IOVA, fx.hva + PG, 3 * PG),
			  "table %d does not hold the older map", i);
		GM_EXPECT(
			!__gm_mock_maps(fx.iommu, hwpt[i], IOVA + 16 * PG, fx.hva + 5 * PG, 2 * PG),
			"table %d does not hold the newer map", i);
	}
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva + PG, 3 * PG, 1), "not one pin a page (older)");
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva + 5 * PG, 2 * PG, 1),
		  "not one pin a page (newer)");
	GM_EXPECT_EQ(gm_vm_pinned(), 5, "VmPin, pages");

	/* One table goes: the other keeps the pages. Which one stores them must not matter. */
	keep = first_goes;
	drop = !first_goes;
	gm_iodev_free(dev[drop]);
	gm_iommu_destroy(fx.iommu, hwpt[drop]);
	fx.dev = dev[keep];
	fx_maps(&fx, PG, 3 * PG, IOVA);
	fx_maps(&fx, 5 * PG, 2 * PG, IOVA + 16 * PG);
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva + PG, 3 * PG, 1),
		  "pins went with the other table");
	gm_dma_prove_same_page(fx.dev, IOVA + 2 * PG, fx.hva + 3 * PG, "the table that stays");
	gm_unmap(fx.iommu, fx.ioas, IOVA, 3 * PG);
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva, 4 * PG, 0), "unmapped, and pins stay");
	GM_EXPECT(__gm_mock_maps(fx.iommu, hwpt[keep], IOVA, fx.hva + PG, PG),
		  "unmapped, and still in the table");
	fx_free(&fx);
}

GM_MOCK_CASE(tables_first, .name = "iommu.lifetime.two_tables_first", .clause = "iommu.lifetime",
	     .text = "two page tables on one address space hold the same; the first one goes")
{
	two_tables(self, true);
}

GM_MOCK_CASE(tables_second, .name = "iommu.lifetime.two_tables_second", .clause = "iommu.lifetime",
	     .text = "two page tables on one address space hold the same; the second one goes")
{
	two_tables(self, false);
}

/* With two tables an unmap has to reach both. */
GM_MOCK_CASE(unmap_both, .name = "iommu.lifetime.unmap_both", .clause = "iommu.lifetime",
	     .text = "three page tables: an unmap takes the page out of every one")
{
	struct fx fx = fx_new(self, 4 * PG, 0);
	uint32_t hwpt[3] = { fx.dev->hwpt, gm_hwpt_new(fx.dev, fx.ioas, 0),
			     gm_hwpt_new(fx.dev, fx.ioas, 0) };

	gm_map_file(fx.iommu, fx.ioas, fx.fd, 0, 4 * PG, IOVA, GM_RW);
	for (int i = 0; i < 3; i++)
		GM_EXPECT(!__gm_mock_maps(fx.iommu, hwpt[i], IOVA, fx.hva, 4 * PG),
			  "table %d: not mapped", i);
	gm_unmap(fx.iommu, fx.ioas, IOVA, 4 * PG);
	for (int i = 0; i < 3; i++)
		for (int p = 0; p < 4; p++)
			GM_EXPECT(__gm_mock_maps(fx.iommu, hwpt[i], IOVA + p * PG, fx.hva + p * PG,
						 PG),
				  "table %d: page %d is still mapped", i, p);
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva, fx.size, 0), "pins stay");
	/* Nothing in the way of the next map in any of them. */
	gm_map_file(fx.iommu, fx.ioas, fx.fd, PG, 2 * PG, IOVA + PG, GM_RW);
	for (int i = 0; i < 3; i++)
		GM_EXPECT(!__gm_mock_maps(fx.iommu, hwpt[i], IOVA + PG, fx.hva + PG, 2 * PG),
			  "table %d: the next map is not in it", i);
	fx_free(&fx);
}

GM_IOMMU_CASES_SLOW(
	copied, "iommu.map_file_memfd.copy", .clause = "iommu.map_file_memfd",
	.text = "IOAS_COPY of a part, at another offset in the page array; the original goes first")
{
	struct fx fx = fx_new(self, 8 * PG, 0);
	uint32_t other = gm_ioas_new(fx.iommu);
	uint64_t at = IOVA + 8 * PG, any = IOVA + 32 * PG;

	gm_map_file(fx.iommu, fx.ioas, fx.fd, PG, 6 * PG, IOVA, GM_RW);
	GM_EXPECT_OK(__gm_ioas_copy(fx.iommu, fx.ioas, fx.ioas, IOVA + 2 * PG, 3 * PG, &at, GM_RW));
	GM_EXPECT_OK(__gm_ioas_copy(fx.iommu, other, fx.ioas, IOVA + 5 * PG, PG, &any, GM_RW));
	GM_EXPECT_EQ(gm_vm_pinned(), 6, "VmPin: a copy pins nothing more, pages");
	gm_dma_expect_maps(fx.dev, at, fx.hva + 3 * PG, 3 * PG, "the copy");
	gm_unmap(fx.iommu, fx.ioas, IOVA, 6 * PG);
	GM_EXPECT_EQ(gm_vm_pinned(), 3, "VmPin: the copy alone, pages");
	gm_dma_prove_same_page(fx.dev, at + 2 * PG, fx.hva + 5 * PG, "the copy, the original gone");
	gm_dma_expect_blocked(fx.dev, IOVA, fx.hva + PG, "the original");
	gm_iodev_replace(fx.dev, other, other);
	gm_dma_prove_same_page(fx.dev, any, fx.hva + 6 * PG, "the copy in the other space");
	GM_EXPECT_EQ(gm_vm_pinned(), 1, "VmPin: the other space alone, pages");
	fx_check(&fx, 0, fx.size, "after it all");
	fx_free(&fx);
}

GM_MOCK_CASE(
	copy_more, .name = "iommu.map_file_args.copy", .clause = "iommu.map_file_args",
	.flags = GM_REFUSAL,
	.text = "copies over two areas that touch; over a gap, of nothing, wrapping: named errno")
{
	struct fx fx = fx_new(self, 8 * PG, 0);
	uint64_t at = IOVA + 0x10000;

	gm_map_file(fx.iommu, fx.ioas, fx.fd, 4 * PG, 2 * PG, IOVA, GM_RW);
	gm_map_file(fx.iommu, fx.ioas, fx.fd, 0, 3 * PG, IOVA + 2 * PG, GM_RW);
	gm_map_file(fx.iommu, fx.ioas, fx.fd, 7 * PG, PG, IOVA + 6 * PG, GM_RW);
#define COPY(src, len, dst)                                                                        \
	({                                                                                         \
		at = dst;                                                                          \
		__gm_ioas_copy(fx.iommu, fx.ioas, fx.ioas, src, len, &at, GM_RW);                  \
	})
	GM_EXPECT_ERRNO(ENOENT, COPY(IOVA, 7 * PG, IOVA + 0x10000), "over a gap");
	GM_EXPECT_ERRNO(ENOENT, COPY(IOVA - PG, 2 * PG, IOVA + 0x10000), "from below the first");
	GM_EXPECT_ERRNO(ENOENT, COPY(IOVA + 6 * PG, 2 * PG, IOVA + 0x10000), "past the last");
	GM_EXPECT_ERRNO(ENOENT, COPY(IOVA + 0x10000, PG, IOVA + 0x20000), "of nothing");
	GM_EXPECT_ERRNO(EINVAL, COPY(IOVA, 0, IOVA + 0x10000), "length 0");
	GM_EXPECT_ERRNO(EOVERFLOW, COPY(~0UL - PG + 1, 2 * PG, IOVA + 0x10000), "wrapping source");
	GM_EXPECT_ERRNO(EEXIST, COPY(IOVA, 2 * PG, IOVA + PG), "onto itself");
	GM_EXPECT_ERRNO(EINVAL, COPY(IOVA, 1024, IOVA + 0x10000), "length below the page size");
	GM_EXPECT_ERRNO(EINVAL, COPY(IOVA + 1024, PG, IOVA + 0x10000),
			"source below the page size");
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva, 3 * PG, 1), "refused copies changed the pins");
	gm_control(!COPY(IOVA + PG, 3 * PG, IOVA + 0x10000), "a copy over two areas that touch");
	GM_EXPECT(!__gm_mock_maps(fx.iommu, fx.dev->hwpt, IOVA + 0x10000, fx.hva + 5 * PG, PG),
		  "the copy's first page is not the last of the lower area");
	GM_EXPECT(!__gm_mock_maps(fx.iommu, fx.dev->hwpt, IOVA + 0x11000, fx.hva, 2 * PG),
		  "the copy's tail is not the head of the upper area");
	/* The copy is two areas: half of it cannot be cut elsewhere than between them. */
	gm_unmap(fx.iommu, fx.ioas, IOVA + 0x10000, PG);
	fx_maps(&fx, 0, 2 * PG, IOVA + 0x11000);
	gm_unmap(fx.iommu, fx.ioas, IOVA, 7 * PG - PG - PG);
	fx_maps(&fx, 0, 2 * PG, IOVA + 0x11000);
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva, 2 * PG, 1), "the copy does not hold its pages");
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva + 2 * PG, 5 * PG, 0),
		  "pages of nobody are pinned");
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva + 7 * PG, PG, 1),
		  "the area not touched lost its pin");
	fx_free(&fx);
}
