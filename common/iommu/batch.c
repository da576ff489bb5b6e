// SPDX-License-Identifier: GPL-2.0-only
/* Maps too large for one batch of iommufd: no page is lost or mapped twice between batches. */
#include "dma_memory.h"

GM_FILE(.clause = "iommu.map_file_memfd", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE

/* Fills the file out of order, so that its pages are not contiguous. */
static void scatter(struct dma_memory *m)
{
	uint64_t pages = m->size / PG;

	for (uint64_t step = 0; step < 4; step++)
		for (uint64_t p = (step * 3) % 4; p < pages; p += 4)
			gm_host_fill(m->hva + p * PG, p, 1, GM_WRITER_HOST, 1);
}

GM_CASE(large, .name = "iommu.map_file_memfd.scattered",
	.text = "9000 scattered pages: more than one batch, every page in its place")
{
	struct dma_memory m = dma_memory_new_empty(self->iommu, 9008 * PG, 0);

	scatter(&m);
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	gm_map_file(m.iommu, m.ioas, m.fd, 5 * PG, 9000 * PG, IOVA, GM_RW);
	dma_memory_mapped(&m, 5 * PG, 9000 * PG, IOVA);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 5 * PG, 9000 * PG, 1),
		  "expected one pin per page");
	GM_EXPECT_EQ(gm_vm_pinned(), 9000, "VmPin, pages");
	gm_iodev_free(m.dev);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0),
		  "pages stay pinned when the device goes");
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	dma_memory_mapped(&m, 5 * PG, 9000 * PG, IOVA);
	gm_unmap(m.iommu, m.ioas, IOVA, 9000 * PG);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "pages stay pinned after the unmap");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	dma_memory_free(&m);
}

/*
 * iommufd works with a few entries at a time, on small scattered folios and on a 2 MiB folio of
 * which batches begin and end in the middle.
 */
GM_CASE(small, .name = "iommu.map_file_memfd.small_batch",
	.text = "batches of 2 to 40 entries over 4 KiB and 2 MiB folios: map, attach, copy, users, unmap")
{
	/* At least two entries of 12 bytes; real batches have 21 and more (BATCH_BACKUP_SIZE). */
	static const uint32_t limit[] = { 24, 30, 36, 60, 100, 480 };
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 3 * GM_2M, 0);
	uint64_t first = 500, n = 600, at;
	uint8_t *buf = malloc(n * PG);
	int user, item;

	dma_memory_collapse(m.hva, GM_2M);
	for (unsigned int i = 0; i < sizeof(limit) / sizeof(limit[0]); i++) {
		uint64_t off = (first + i * 3) * PG;

		gm_mock_memory_limit(m.iommu, limit[i]);
		m.dev = gm_iodev_new(m.iommu, m.ioas);
		gm_map_file(m.iommu, m.ioas, m.fd, off, n * PG, IOVA, GM_RW);
		if (!dma_memory_mapped(&m, off, n * PG, IOVA))
			gm_note("limit %u, from page %lu", limit[i], off / PG);
		GM_EXPECT_EQ(gm_vm_pinned(), n, "limit %u: VmPin, pages", limit[i]);
		at = IOVA + 0x1000000;
		GM_EXPECT_OK(__gm_ioas_copy(m.iommu, m.ioas, m.ioas, IOVA + 9 * PG, 530 * PG, &at,
					    GM_RW));
		dma_memory_mapped(&m, off + 9 * PG, 530 * PG, at);
		user = gm_access_new(m.iommu, m.ioas, true);
		item = GM_EXPECT_OK(__gm_access_pin(m.iommu, user, IOVA + 2 * PG, 525 * PG,
						    m.hva + off + 2 * PG, true));
		gm_iodev_free(m.dev);
		GM_EXPECT_EQ(gm_vm_pinned(), 525,
			     "limit %u: VmPin of the in-kernel user alone, pages", limit[i]);
		m.dev = gm_iodev_new(m.iommu, m.ioas);
		dma_memory_mapped(&m, off, n * PG, IOVA);
		GM_EXPECT_OK(__gm_access_unpin(m.iommu, user, item));
		close(user);
		/* A read through the table across batches, which begins and ends inside a page. */
		GM_EXPECT_OK(__gm_dma_read(m.dev, IOVA + 0x123, buf, n * PG - 0x246));
		GM_EXPECT(!memcmp(buf, m.hva + off + 0x123, n * PG - 0x246),
			  "limit %u: bytes read differ", limit[i]);
		gm_unmap(m.iommu, m.ioas, IOVA, n * PG);
		GM_EXPECT_EQ(gm_vm_pinned(), 530, "limit %u: VmPin of the copy alone, pages",
			     limit[i]);
		gm_unmap(m.iommu, m.ioas, at, 530 * PG);
		GM_EXPECT_EQ(gm_vm_pinned(), 0, "limit %u: VmPin at the end, pages", limit[i]);
		gm_iodev_free(m.dev);
		m.dev = NULL;
		if (gm_failures())
			break;
	}
	dma_memory_check(&m, 0, m.size, "at the end");
	free(buf);
	dma_memory_free(&m);
}

GM_CASE(subpage, .name = "iommu.map_file_memfd.subpage",
	.text = "an IOMMU with entries of 2 KiB: a map begins and ends in the middle of pages; the device does not reach their other parts")
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);

	for (unsigned int i = 0; i < 16; i++) {
		uint64_t off = (i % 4 + 1) * 2048, len = (i / 4 * 3 + 1) * 2048;

		gm_map_file(m.iommu, m.ioas, m.fd, off, len, IOVA + off % PG, GM_RW);
		dma_memory_mapped(&m, off, len, IOVA + off % PG);
		gm_dma_expect_same(m.dev, IOVA + off % PG, m.hva + off, len, "half pages");
		GM_EXPECT(__gm_mock_maps(m.iommu, m.dev->hwpt, IOVA + off % PG + len,
					 m.hva + off + len, 2048),
			  "[%#lx, +%#lx): the half page above is mapped too", off, len);
		GM_EXPECT_EQ(gm_vm_pinned(), (off + len + PG - 1) / PG - off / PG,
			     "[%#lx, +%#lx): VmPin, pages", off, len);
		gm_unmap(m.iommu, m.ioas, IOVA + off % PG, len);
		/* IOVA and file offset may differ in their offset inside the page. */
		gm_map_file(m.iommu, m.ioas, m.fd, off, len, IOVA + 2048 - off % PG, GM_RW);
		dma_memory_mapped(&m, off, len, IOVA + 2048 - off % PG);
		gm_unmap(m.iommu, m.ioas, IOVA + 2048 - off % PG, len);
	}
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "pages stay pinned");
	dma_memory_free(&m);
}
