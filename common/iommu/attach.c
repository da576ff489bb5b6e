// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices, page tables and address spaces in every order: attach, replace, copy; also two of each.
 */
#include "dma_memory.h"

GM_FILE(.clause = "iommu.lifetime", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE

GM_CASE(attach_after, .name = "iommu.map_file_memfd.attach_after", .clause = "iommu.map_file_memfd",
	.iommus = GM_IOMMUS(MOCK, VFIO), .dma_flags = GM_FULL_ONLY,
	.text = "a device attached after the maps reaches all of them; pages are pinned only then")
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 8 * PG, 0);

	gm_map_file(m.iommu, m.ioas, m.fd, PG, 2 * PG, IOVA, GM_RW);
	gm_map_file(m.iommu, m.ioas, m.fd, 5 * PG, 3 * PG, IOVA + 16 * PG, GM_RW);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin with nothing attached, pages");
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	GM_EXPECT_EQ(gm_vm_pinned(), 5, "VmPin with a device, pages");
	gm_dma_expect_maps(m.dev, IOVA, m.hva + PG, 2 * PG, "the first");
	gm_dma_prove_same_page(m.dev, IOVA + 18 * PG, m.hva + 7 * PG, "the last of the second");
	gm_iodev_free(m.dev);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the detach, pages");
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	gm_dma_prove_same_page(m.dev, IOVA + PG, m.hva + 2 * PG, "attached again");
	dma_memory_check(&m, 0, m.size, "at the end");
	dma_memory_free(&m);
}

/* The other address space has other memory at the same IOVA. */
GM_CASE(replace, .name = "iommu.lifetime.replace", .iommus = GM_IOMMUS(MOCK, VFIO),
	.text = "a device is moved to another address space and back: it reaches the memory of its current one only")
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);
	uint32_t other = gm_ioas_new(m.iommu);

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 2 * PG, IOVA, GM_RW);
	gm_map_file(m.iommu, other, m.fd, 4 * PG, PG, IOVA, GM_RW);
	gm_dma_prove_same_page(m.dev, IOVA, m.hva, "the first space");
	gm_iodev_replace(m.dev, other, other);
	GM_EXPECT_EQ(gm_vm_pinned(), 1, "VmPin of the second address space alone, pages");
	gm_dma_prove_same_page(m.dev, IOVA, m.hva + 4 * PG, "the second space");
	gm_dma_expect_blocked(m.dev, IOVA + PG, m.hva + PG, "a map of the first space only");
	GM_EXPECT_ERRNO(EBUSY, __gm_iommu_destroy(m.iommu, other), "the space in use");
	gm_iodev_replace(m.dev, m.ioas, m.ioas);
	gm_dma_prove_same_page(m.dev, IOVA + PG, m.hva + PG, "back in the first space");
	GM_EXPECT_OK(__gm_iommu_destroy(m.iommu, other), "the space after the device has left");
	dma_memory_check(&m, 0, m.size, "at the end");
	dma_memory_free(&m);
}

GM_CASE(two_devices, .name = "iommu.lifetime.two_devices",
	.text = "two devices on one address space share a page table; it exists until the last is detached")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);
	struct gm_iodev *second = gm_iodev_new(m.iommu, m.ioas);

	GM_EXPECT_EQ(second->hwpt, m.dev->hwpt, "the page table of the second device");
	gm_map_file(m.iommu, m.ioas, m.fd, 0, 4 * PG, IOVA, GM_RW);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 1),
		  "two devices, one table: expected one pin per page");
	gm_iodev_free(m.dev);
	m.dev = second;
	dma_memory_mapped(&m, 0, 4 * PG, IOVA);
	gm_dma_prove_same_page(m.dev, IOVA, m.hva, "the second device");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 1),
		  "the detach of the first device unpinned pages");
	gm_iodev_free(m.dev);
	m.dev = NULL;
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0),
		  "no device is attached, and pages are pinned");
	dma_memory_free(&m);
}

static void two_tables(const struct gm_case *self, bool drop_first)
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);
	uint32_t hwpt[2], keep, drop;
	struct gm_iodev *dev[2];

	gm_map_file(m.iommu, m.ioas, m.fd, PG, 3 * PG, IOVA, GM_RW);
	gm_iodev_free(m.dev);
	m.dev = NULL;
	dev[0] = gm_iodev_new(m.iommu, m.ioas);
	hwpt[0] = gm_hwpt_new(dev[0], m.ioas, 0);
	hwpt[1] = gm_hwpt_new(dev[0], m.ioas, 0);
	gm_iodev_replace(dev[0], hwpt[0], m.ioas);
	dev[1] = gm_iodev_new(m.iommu, hwpt[1]);
	dev[1]->ioas = m.ioas;
	GM_EXPECT(dev[0]->hwpt == hwpt[0] && dev[1]->hwpt == hwpt[1],
		  "the devices use tables %u and %u", dev[0]->hwpt, dev[1]->hwpt);

	/* A map after the attach, too: both tables have both maps, and share one pin per page. */
	gm_map_file(m.iommu, m.ioas, m.fd, 5 * PG, 2 * PG, IOVA + 16 * PG, GM_RW);
	for (int i = 0; i < 2; i++) {
		GM_EXPECT(!__gm_mock_maps(m.iommu, hwpt[i], IOVA, m.hva + PG, 3 * PG),
			  "table %d does not have the older map", i);
		GM_EXPECT(!__gm_mock_maps(m.iommu, hwpt[i], IOVA + 16 * PG, m.hva + 5 * PG, 2 * PG),
			  "table %d does not have the newer map", i);
	}
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + PG, 3 * PG, 1),
		  "expected one pin per page (older)");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 5 * PG, 2 * PG, 1),
		  "expected one pin per page (newer)");
	GM_EXPECT_EQ(gm_vm_pinned(), 5, "VmPin, pages");

	/*
	 * One table is destroyed: the other keeps the pages, whichever of them iommufd reads pages
	 * from.
	 */
	keep = drop_first;
	drop = !drop_first;
	gm_iodev_free(dev[drop]);
	gm_iommu_destroy(m.iommu, hwpt[drop]);
	m.dev = dev[keep];
	dma_memory_mapped(&m, PG, 3 * PG, IOVA);
	dma_memory_mapped(&m, 5 * PG, 2 * PG, IOVA + 16 * PG);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + PG, 3 * PG, 1),
		  "destroying the other table unpinned pages");
	gm_dma_prove_same_page(m.dev, IOVA + 2 * PG, m.hva + 3 * PG, "the remaining table");
	gm_unmap(m.iommu, m.ioas, IOVA, 3 * PG);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, 4 * PG, 0), "unmapped, and pages stay pinned");
	GM_EXPECT(__gm_mock_maps(m.iommu, hwpt[keep], IOVA, m.hva + PG, PG),
		  "the unmapped page is still in the table");
	dma_memory_free(&m);
}

GM_CASE(tables_first, .name = "iommu.lifetime.two_tables_first",
	.text = "two page tables on one address space have the same maps; the first one is destroyed")
{
	two_tables(self, true);
}

GM_CASE(tables_second, .name = "iommu.lifetime.two_tables_second",
	.text = "two page tables on one address space have the same maps; the second one is destroyed")
{
	two_tables(self, false);
}

GM_CASE(unmap_both, .name = "iommu.lifetime.unmap_both",
	.text = "an unmap removes the pages from all three page tables")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);
	uint32_t hwpt[3] = { m.dev->hwpt, gm_hwpt_new(m.dev, m.ioas, 0),
			     gm_hwpt_new(m.dev, m.ioas, 0) };

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 4 * PG, IOVA, GM_RW);
	for (int i = 0; i < 3; i++)
		GM_EXPECT(!__gm_mock_maps(m.iommu, hwpt[i], IOVA, m.hva, 4 * PG),
			  "table %d: not mapped", i);
	gm_unmap(m.iommu, m.ioas, IOVA, 4 * PG);
	for (int i = 0; i < 3; i++)
		for (int p = 0; p < 4; p++)
			GM_EXPECT(
				__gm_mock_maps(m.iommu, hwpt[i], IOVA + p * PG, m.hva + p * PG, PG),
				"table %d: page %d is still mapped", i, p);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "pages stay pinned");
	/* No table has an entry left that collides with the next map. */
	gm_map_file(m.iommu, m.ioas, m.fd, PG, 2 * PG, IOVA + PG, GM_RW);
	for (int i = 0; i < 3; i++)
		GM_EXPECT(!__gm_mock_maps(m.iommu, hwpt[i], IOVA + PG, m.hva + PG, 2 * PG),
			  "table %d: the next map is not in it", i);
	dma_memory_free(&m);
}

GM_CASE(copied, .name = "iommu.map_file_memfd.copy", .clause = "iommu.map_file_memfd",
	.iommus = GM_IOMMUS(MOCK, VFIO), .dma_flags = GM_FULL_ONLY,
	.text = "IOAS_COPY of a part, at another offset in the page array; the original is unmapped first")
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);
	uint32_t other = gm_ioas_new(m.iommu);
	uint64_t at = IOVA + 8 * PG, any = IOVA + 32 * PG;

	gm_map_file(m.iommu, m.ioas, m.fd, PG, 6 * PG, IOVA, GM_RW);
	GM_EXPECT_OK(__gm_ioas_copy(m.iommu, m.ioas, m.ioas, IOVA + 2 * PG, 3 * PG, &at, GM_RW));
	GM_EXPECT_OK(__gm_ioas_copy(m.iommu, other, m.ioas, IOVA + 5 * PG, PG, &any, GM_RW));
	GM_EXPECT_EQ(gm_vm_pinned(), 6, "VmPin: a copy pins nothing more, pages");
	gm_dma_expect_maps(m.dev, at, m.hva + 3 * PG, 3 * PG, "the copy");
	gm_unmap(m.iommu, m.ioas, IOVA, 6 * PG);
	GM_EXPECT_EQ(gm_vm_pinned(), 3, "VmPin: the copy alone, pages");
	gm_dma_prove_same_page(m.dev, at + 2 * PG, m.hva + 5 * PG,
			       "the copy, after the unmap of the original");
	gm_dma_expect_blocked(m.dev, IOVA, m.hva + PG, "the original");
	gm_iodev_replace(m.dev, other, other);
	gm_dma_prove_same_page(m.dev, any, m.hva + 6 * PG, "the copy in the other space");
	GM_EXPECT_EQ(gm_vm_pinned(), 1, "VmPin: the other space alone, pages");
	dma_memory_check(&m, 0, m.size, "at the end");
	dma_memory_free(&m);
}

GM_CASE(copy_more, .name = "iommu.map_file_args.copy", .clause = "iommu.map_file_args",
	.flags = GM_REFUSAL,
	.text = "a copy of two adjacent areas works; over a gap, of nothing or wrapping it fails with the named errno")
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);
	uint64_t at = IOVA + 0x10000;

	gm_map_file(m.iommu, m.ioas, m.fd, 4 * PG, 2 * PG, IOVA, GM_RW);
	gm_map_file(m.iommu, m.ioas, m.fd, 0, 3 * PG, IOVA + 2 * PG, GM_RW);
	gm_map_file(m.iommu, m.ioas, m.fd, 7 * PG, PG, IOVA + 6 * PG, GM_RW);
#define COPY(src, len, dst)                                                                        \
	({                                                                                         \
		at = dst;                                                                          \
		__gm_ioas_copy(m.iommu, m.ioas, m.ioas, src, len, &at, GM_RW);                     \
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
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, 3 * PG, 1), "refused copies changed the pins");
	gm_promise(!COPY(IOVA + PG, 3 * PG, IOVA + 0x10000), "a copy of two adjacent areas");
	GM_EXPECT(!__gm_mock_maps(m.iommu, m.dev->hwpt, IOVA + 0x10000, m.hva + 5 * PG, PG),
		  "the copy's first page is not the last of the lower area");
	GM_EXPECT(!__gm_mock_maps(m.iommu, m.dev->hwpt, IOVA + 0x11000, m.hva, 2 * PG),
		  "the copy's tail is not the head of the upper area");
	/* The copy is two areas, which can be unmapped one by one. */
	gm_unmap(m.iommu, m.ioas, IOVA + 0x10000, PG);
	dma_memory_mapped(&m, 0, 2 * PG, IOVA + 0x11000);
	gm_unmap(m.iommu, m.ioas, IOVA, 7 * PG - PG - PG);
	dma_memory_mapped(&m, 0, 2 * PG, IOVA + 0x11000);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, 2 * PG, 1),
		  "the pages of the copy are not pinned");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 2 * PG, 5 * PG, 0), "unmapped pages are pinned");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 7 * PG, PG, 1), "the other area lost its pin");
	dma_memory_free(&m);
}
