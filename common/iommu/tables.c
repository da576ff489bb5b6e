// SPDX-License-Identifier: GPL-2.0-only
/* Pages that iommufd reads back from page tables, replacing that fails, and manual page tables. */
#include "dma_memory.h"

GM_FILE(.clause = "iommu.lifetime", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE

GM_CASE(subpage, .name = "iommu.map_file_memfd.subpage_tables", .clause = "iommu.map_file_memfd",
	.text = "half pages in a table: a second table made later has the same pages, and in-kernel users read them")
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);
	uint64_t off = PG + 2048, len = 4 * PG;
	struct gm_iodev *second;
	uint32_t hwpt;

	gm_map_file(m.iommu, m.ioas, m.fd, off, len, IOVA + 2048, GM_RW);
	/* And a map that begins in the middle of a page in IOVA, but not in the file. */
	gm_map_file(m.iommu, m.ioas, m.fd, 6 * PG, PG, IOVA + 16 * PG + 2048, GM_RW);
	hwpt = gm_hwpt_new(m.dev, m.ioas, 0);
	GM_EXPECT(!__gm_mock_maps(m.iommu, hwpt, IOVA + 2048, m.hva + off, len),
		  "the second table does not map the file's pages");
	GM_EXPECT(!__gm_mock_maps(m.iommu, hwpt, IOVA + 16 * PG + 2048, m.hva + 6 * PG, PG),
		  "the second table does not map the misaligned page");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + PG, 5 * PG, 1), "expected one pin per page");
	second = gm_iodev_new(m.iommu, hwpt);
	gm_iodev_free(m.dev);
	m.dev = second;
	second->ioas = m.ioas;
	gm_dma_expect_same(m.dev, IOVA + 2048, m.hva + off, len, "through the second table");
	gm_unmap(m.iommu, m.ioas, IOVA + 2048, len);
	gm_unmap(m.iommu, m.ioas, IOVA + 16 * PG + 2048, PG);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "pages stay pinned");
	dma_memory_free(&m);
}

/*
 * One file is mapped as a whole in an IOAS without a device, and in pieces in one with a device. An
 * attach to the former reads the pages back from the table of the pieces.
 */
GM_CASE(pieces, .name = "iommu.lifetime.pieces",
	.text = "scattered copies of parts pin the pages; the table of the whole is filled from them")
{
	struct dma_memory m = dma_memory_new(self->iommu, 12 * PG, 0);
	uint32_t whole = gm_ioas_new(m.iommu);
	struct gm_iodev *second;
	uint64_t at = IOVA;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 12 * PG, IOVA + 64 * PG, GM_RW);
	GM_EXPECT_OK(__gm_ioas_copy(m.iommu, whole, m.ioas, IOVA + 64 * PG, 12 * PG, &at, GM_RW));
	for (int i = 0; i < 3; i++) {
		/* In reverse order, so that no two pieces are adjacent. */
		at = IOVA + (20 - 8 * i) * PG;
		GM_EXPECT_OK(__gm_ioas_copy(m.iommu, m.ioas, m.ioas, IOVA + (64 + 3 + 3 * i) * PG,
					    3 * PG, &at, GM_RW));
	}
	gm_unmap(m.iommu, m.ioas, IOVA + 64 * PG, 12 * PG);
	GM_EXPECT_EQ(gm_vm_pinned(), 9, "VmPin of the pieces, pages");
	second = gm_iodev_new(m.iommu, whole);
	GM_EXPECT(!__gm_mock_maps(m.iommu, second->hwpt, IOVA, m.hva, 12 * PG),
		  "the whole does not map the file's pages");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 1), "expected one pin per page");
	/* In-kernel users read the same, also across pieces. */
	gm_dma_expect_same(second, IOVA + 2 * PG + 5, m.hva + 2 * PG + 5, 8 * PG, "the whole");
	gm_unmap(m.iommu, m.ioas, IOVA + 20 * PG, 3 * PG);
	GM_EXPECT_EQ(gm_vm_pinned(), 12, "VmPin, one piece unmapped, pages");
	gm_iodev_free(second);
	GM_EXPECT_EQ(gm_vm_pinned(), 6, "VmPin of two pieces, pages");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 6 * PG, 6 * PG, 1) &&
			  !__gm_mock_refs(m.iommu, m.hva, 6 * PG, 0),
		  "the pinned pages are not those of the pieces");
	dma_memory_mapped(&m, 6 * PG, 3 * PG, IOVA + 12 * PG);
	dma_memory_mapped(&m, 9 * PG, 3 * PG, IOVA + 4 * PG);
	dma_memory_free(&m);
}

GM_CASE(exact, .name = "iommu.lifetime.access_exact",
	.text = "one range pinned three times: pinned until the last unpin; an unmap ends all pins")
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 4 * PG, 0);
	int user = gm_access_new(m.iommu, m.ioas, true), item[3];

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 4 * PG, IOVA, GM_RW);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3; i++)
			item[i] = GM_EXPECT_OK(__gm_access_pin(m.iommu, user, IOVA + PG, 2 * PG,
							       m.hva + PG, true));
		GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + PG, 2 * PG, 1),
			  "expected one pin per page");
		GM_EXPECT_EQ(gm_vm_pinned(), 2, "VmPin, pages");
		if (round)
			break;
		for (int i = 0; i < 3; i++) {
			GM_EXPECT_OK(__gm_access_unpin(m.iommu, user, item[i]));
			GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + PG, 2 * PG, i < 2),
				  "%d of three unpinned: %s", i + 1,
				  i < 2 ? "the pages are not pinned" : "pages stay pinned");
		}
	}
	gm_unmap(m.iommu, m.ioas, IOVA, 4 * PG);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "unmapped, and pages stay pinned");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the unmap, pages");
	close(user);
	dma_memory_free(&m);
}

GM_CASE(own_table, .name = "iommu.lifetime.own_table",
	.text = "a device attached to an IOAS never gets a manually allocated page table")
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 2 * PG, 0);
	struct gm_iodev *first = gm_iodev_new(m.iommu, m.ioas), *second;
	uint32_t hwpt = gm_hwpt_new(first, m.ioas, 0);
	uint64_t low = PG;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 2 * PG, IOVA, GM_RW);
	gm_iodev_replace(first, hwpt, m.ioas);
	second = gm_iodev_new(m.iommu, m.ioas);
	GM_EXPECT(second->hwpt != hwpt, "the new device got the manual table");
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	GM_EXPECT_EQ(m.dev->hwpt, second->hwpt, "the table of the third device");
	/* A manual table exists until it is destroyed, an automatic one until the last detach. */
	GM_EXPECT_ERRNO(EBUSY, __gm_iommu_destroy(m.iommu, hwpt), "in use");
	gm_iodev_free(first);
	GM_EXPECT(!__gm_mock_maps(m.iommu, hwpt, IOVA, m.hva, 2 * PG),
		  "the unused manual table is empty");
	GM_EXPECT_OK(__gm_iommu_destroy(m.iommu, hwpt));
	/* The limits of the other table still apply. */
	GM_EXPECT_ERRNO(EINVAL, __gm_map_file(m.iommu, m.ioas, m.fd, 0, PG, &low, GM_RW),
			"below the aperture, one table destroyed");
	gm_iodev_free(second);
	dma_memory_mapped(&m, 0, 2 * PG, IOVA);
	hwpt = m.dev->hwpt;
	gm_iodev_free(m.dev);
	m.dev = NULL;
	GM_EXPECT_ERRNO(ENOENT, __gm_iommu_destroy(m.iommu, hwpt),
			"the automatic table after the last detach");
	dma_memory_free(&m);
}

GM_CASE(replace_fails, .name = "iommu.lifetime.replace_fails", .flags = GM_REFUSAL,
	.text = "replacing a device's address space by one with a bad map is EINVAL; the device keeps the old one")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);
	uint32_t bad = gm_ioas_new(m.iommu), low = gm_ioas_new(m.iommu);
	uint64_t at = IOVA, word = 7;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 2 * PG, IOVA, GM_RW);
	gm_map_file(m.iommu, bad, m.fd, 0, PG, IOVA - 8 * PG, GM_RW);
	gm_map_file(m.iommu, bad, m.fd, 3 * PG, 2 * PG, IOVA, GM_RW);
	gm_map_file(m.iommu, low, m.fd, 0, PG, PG, GM_RW);
	GM_EXPECT_ERRNO(EINVAL, __gm_iodev_replace(m.dev, bad, bad), "a map past the end");
	GM_EXPECT_ERRNO(EADDRINUSE, __gm_iodev_replace(m.dev, low, low),
			"a map below the aperture");
	GM_EXPECT_ERRNO(ENOENT, __gm_iodev_replace(m.dev, 4711, 4711), "an unused id");
	GM_EXPECT_ERRNO(EINVAL, __gm_iodev_replace(m.dev, m.dev->idev, 0), "the id of a device");
	dma_memory_mapped(&m, 0, 2 * PG, IOVA);
	GM_EXPECT_OK(__gm_dma_write(m.dev, IOVA + 2 * PG - 8, &word, 8));
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, 2 * PG, 1) &&
			  !__gm_mock_refs(m.iommu, m.hva + 2 * PG, 2 * PG, 0),
		  "the pins are not those of the old address space");
	GM_EXPECT_OK(__gm_iodev_replace(m.dev, m.ioas, m.ioas), "to the current address space");
	dma_memory_mapped(&m, 0, 2 * PG, IOVA);
	gm_unmap(m.iommu, bad, IOVA, 2 * PG);
	gm_promise(!__gm_iodev_replace(m.dev, bad, bad), "to the space without its bad map");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + PG, PG, 0),
		  "pages of the old address space stay pinned");
	/* A refused replace leaves no reserved IOVAs. */
	GM_EXPECT_OK(__gm_map_file(m.iommu, low, m.fd, 0, PG, (at = 2 * PG, &at), GM_RW));
	GM_EXPECT_OK(__gm_iommu_destroy(m.iommu, m.ioas), "the old address space");
	dma_memory_free(&m);
}

GM_CASE(user_replaced, .name = "iommu.lifetime.access_replace", .flags = GM_REFUSAL,
	.text = "replacing the address space of an in-kernel user unpins its pages; a refused replace keeps them")
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 8 * PG, 0);
	uint32_t half = gm_ioas_new(m.iommu), other = gm_ioas_new(m.iommu);
	int user = gm_access_new(m.iommu, m.ioas, true);

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 4 * PG, IOVA, GM_RW);
	gm_map_file(m.iommu, half, m.fd, 0, 2048, IOVA, GM_RW);
	gm_map_file(m.iommu, other, m.fd, 4 * PG, 4 * PG, IOVA, GM_RW);
	GM_EXPECT_OK(__gm_access_pin(m.iommu, user, IOVA + PG, 2 * PG, m.hva + PG, true));
	GM_EXPECT_ERRNO(EADDRINUSE, __gm_access_replace(m.iommu, user, half),
			"a space with half pages");
	GM_EXPECT_ERRNO(ENOENT, __gm_access_replace(m.iommu, user, 4711), "no such space");
	GM_EXPECT_OK(__gm_access_replace(m.iommu, user, m.ioas), "to the current address space");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + PG, 2 * PG, 1),
		  "a refused replace unpinned pages");
	GM_EXPECT_OK(__gm_access_pin(m.iommu, user, IOVA + 3 * PG, PG, m.hva + 3 * PG, true),
		     "still in the old address space");
	GM_EXPECT_EQ(gm_vm_pinned(), 3, "VmPin, pages");
	GM_EXPECT_ERRNO(EBUSY, __gm_iommu_destroy(m.iommu, m.ioas), "the current address space");
	gm_promise(!__gm_access_replace(m.iommu, user, other), "to another address space");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the move, pages");
	GM_EXPECT_OK(__gm_access_pin(m.iommu, user, IOVA, PG, m.hva + 4 * PG, true),
		     "in the new address space");
	GM_EXPECT_OK(__gm_iommu_destroy(m.iommu, m.ioas), "the old address space");
	GM_EXPECT_ERRNO(EBUSY, __gm_iommu_destroy(m.iommu, other), "the current address space");
	close(user);
	GM_EXPECT_OK(__gm_iommu_destroy(m.iommu, other), "without its user");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "pages stay pinned");
	dma_memory_free(&m);
}
