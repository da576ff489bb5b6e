// SPDX-License-Identifier: GPL-2.0-only
/* Large pages stay large in the IOMMU: iommu.huge_iopte. */
#include "dirty.h"

GM_FILE(.clause = "iommu.huge_iopte", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE

GM_CASE(size_1g, .name = "iommu.huge_iopte.1g", .huge_1g = 1, .timeout = 120,
	.text = "a 1 GiB page at a 1 GiB IOVA is one entry, from any page inside it")
{
	struct dma_memory m = dma_memory_new(self->iommu, GM_1G, GM_1G);
	const uint64_t at[] = { 0, 0x12345000, GM_1G - PG };

	dirty_hwpt_new(&m, false);
	gm_map_file(m.iommu, m.ioas, m.fd, 0, GM_1G, GM_1G, GM_RW);
	for (int i = 0; i < 3; i++)
		GM_EXPECT_EQ(iopte_size(&m, GM_1G + at[i], GM_1G, GM_1G), GM_1G,
			     "bytes of the entry around %#lx", at[i]);
	gm_dma_expect_same(m.dev, GM_1G + 511 * GM_2M, m.hva + 511 * GM_2M, PG, "the last 2 MiB");
	for (int i = 0; i < 3; i++)
		dma_memory_mapped(&m, at[i], PG, GM_1G + at[i]);
	/* A map and an unmap of another page do not split it. */
	gm_map_file(m.iommu, m.ioas, m.fd, 0x1000, PG, IOVA, GM_RW);
	gm_unmap(m.iommu, m.ioas, IOVA, PG);
	GM_EXPECT_EQ(iopte_size(&m, GM_1G, GM_1G, GM_1G), GM_1G, "bytes, after the neighbour");
	GM_EXPECT_EQ(gm_vm_pinned(), GM_1G / PG, "VmPin, pages");
	dma_memory_free(&m);
}

GM_CASE(size_2m, .name = "iommu.huge_iopte.2m", .huge_2m = 4,
	.text = "2 MiB pages at 2 MiB IOVAs are entries of 2 MiB or more; misaligned ones have smaller entries")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * GM_2M, GM_2M);
	uint64_t size;

	dirty_hwpt_new(&m, false);
	/* In reverse order, so that no two maps are adjacent in both file and IOVA. */
	for (int i = 0; i < 4; i++)
		gm_map_file(m.iommu, m.ioas, m.fd, (3 - i) * GM_2M, GM_2M, IOVA + i * GM_2M, GM_RW);
	for (int i = 0; i < 4; i++) {
		size = iopte_size(&m, IOVA + i * GM_2M + 0x7000, IOVA, 4 * GM_2M);
		GM_EXPECT_EQ(size, GM_2M, "bytes of the entry of map %d", i);
	}
	gm_unmap(m.iommu, m.ioas, IOVA + GM_2M, GM_2M);
	GM_EXPECT_EQ(iopte_size(&m, IOVA, IOVA, GM_2M), GM_2M, "below the unmap");
	GM_EXPECT_EQ(iopte_size(&m, IOVA + 2 * GM_2M, IOVA + 2 * GM_2M, GM_2M), GM_2M,
		     "above the unmap");
	dma_memory_mapped(&m, 3 * GM_2M, GM_2M, IOVA);
	dma_memory_mapped(&m, 0, 2 * GM_2M - GM_2M, IOVA + 3 * GM_2M);
	/* File offset and IOVA differ by 64 KiB: no entry can be larger. */
	gm_map_file(m.iommu, m.ioas, m.fd, 0, GM_2M, IOVA + 16 * GM_2M + 0x10000, GM_RW);
	size = iopte_size(&m, IOVA + 16 * GM_2M + 0x10000, IOVA + 16 * GM_2M + 0x10000, GM_2M);
	GM_EXPECT_EQ(size, 0x10000, "bytes of the first entry, at a difference of 64 KiB");
	dma_memory_mapped(&m, 0, GM_2M, IOVA + 16 * GM_2M + 0x10000);
	dma_memory_free(&m);
}

GM_CASE(part, .name = "iommu.huge_iopte.part", .huge_2m = 1,
	.text = "512 KiB inside a 2 MiB page is one entry of 512 KiB, not of 2 MiB")
{
	struct dma_memory m = dma_memory_new(self->iommu, GM_2M, GM_2M);

	dirty_hwpt_new(&m, false);
	gm_map_file(m.iommu, m.ioas, m.fd, 0x80000, 0x80000, IOVA + 0x80000, GM_RW);
	GM_EXPECT_EQ(iopte_size(&m, IOVA + 0x99000, IOVA + 0x80000, 0x80000), 0x80000,
		     "bytes of the entry");
	GM_EXPECT(__gm_mock_maps(m.iommu, m.dev->hwpt, IOVA, m.hva, PG),
		  "the head of the page is mapped");
	GM_EXPECT(__gm_mock_maps(m.iommu, m.dev->hwpt, IOVA + 0x100000, m.hva + 0x100000, PG),
		  "the tail of the page is mapped");
	dma_memory_free(&m);
}

/* The alignment that the space demands of a map: 1 without a page table, pages without large ones. */
static void expect_alignment(const struct dma_memory *m, uint64_t want, const char *when)
{
	struct iommu_iova_range range[8];
	uint32_t num = ARRAY_SIZE(range);
	uint64_t align;

	GM_EXPECT_OK(dma_iova_ranges(m->iommu, m->ioas, range, &num, &align));
	GM_EXPECT_EQ(align, want, "%s: the alignment", when);
}

GM_CASE(off, .name = "iommu.huge_iopte.off", .huge_2m = 1,
	.text = "IOMMU_OPTION_HUGE_PAGES off: entries of 4 KiB, the same memory; it cannot be set while maps are in a table")
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, GM_2M, GM_2M);
	struct iommu_option arg = {
		.size = sizeof(arg),
		.option_id = IOMMU_OPTION_HUGE_PAGES,
		.op = IOMMU_OPTION_OP_SET,
		.object_id = m.ioas,
		.val64 = 0,
	};

	/* Half a page cannot be an entry of 4 KiB: the option does not change. */
	gm_map_file(m.iommu, m.ioas, m.fd, 0, 2048, IOVA, GM_RW);
	GM_EXPECT_ERRNO(EADDRINUSE, ioctl(m.iommu->fd, IOMMU_OPTION, &arg),
			"with half a page mapped");
	arg.op = IOMMU_OPTION_OP_GET;
	GM_EXPECT_OK(ioctl(m.iommu->fd, IOMMU_OPTION, &arg));
	GM_EXPECT_EQ(arg.val64, 1, "the option after the refusal");
	expect_alignment(&m, 1, "after the refusal");
	gm_unmap(m.iommu, m.ioas, IOVA, 2048);
	arg.op = IOMMU_OPTION_OP_SET;
	arg.val64 = 0;
	GM_EXPECT_OK(ioctl(m.iommu->fd, IOMMU_OPTION, &arg));
	expect_alignment(&m, PG, "off");
	/* The option can be set while maps are in no page table. */
	gm_map_file(m.iommu, m.ioas, m.fd, 0, PG, IOVA, GM_RW);
	arg.val64 = 1;
	GM_EXPECT_OK(ioctl(m.iommu->fd, IOMMU_OPTION, &arg));
	expect_alignment(&m, 1, "on again");
	arg.val64 = 0;
	GM_EXPECT_OK(ioctl(m.iommu->fd, IOMMU_OPTION, &arg), "off, with a map and no page table");
	gm_unmap(m.iommu, m.ioas, IOVA, PG);
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	dirty_hwpt_new(&m, false);
	gm_map_file(m.iommu, m.ioas, m.fd, 0, GM_2M, IOVA, GM_RW);
	GM_EXPECT_EQ(iopte_size(&m, IOVA + 0x99000, IOVA, GM_2M), PG, "bytes of the entry");
	dma_memory_mapped(&m, 0, GM_2M, IOVA);
	arg.op = IOMMU_OPTION_OP_GET;
	arg.val64 = 9;
	GM_EXPECT_OK(ioctl(m.iommu->fd, IOMMU_OPTION, &arg));
	GM_EXPECT_EQ(arg.val64, 0, "the option");
	arg.op = IOMMU_OPTION_OP_SET;
	arg.val64 = 2;
	GM_EXPECT_ERRNO(EINVAL, ioctl(m.iommu->fd, IOMMU_OPTION, &arg), "value 2");
	arg.val64 = 1;
	GM_EXPECT_OK(ioctl(m.iommu->fd, IOMMU_OPTION, &arg));
	arg.val64 = 0;
	GM_EXPECT_ERRNO(EINVAL, ioctl(m.iommu->fd, IOMMU_OPTION, &arg),
			"off, with maps in the table");
	gm_unmap(m.iommu, m.ioas, IOVA, GM_2M);
	dma_memory_free(&m);
}

GM_CASE(mixed, .name = "iommu.huge_iopte.thp",
	.text = "a 2 MiB shmem folio between small ones: mapped by the largest entries of the table (1 MiB)")
{
	struct dma_memory m = dma_memory_new(self->iommu, 3 * GM_2M, 0);

	dma_memory_collapse(m.hva, GM_2M);
	dirty_hwpt_new(&m, true);
	gm_map_file(m.iommu, m.ioas, m.fd, 0, m.size, IOVA, GM_RW);
	GM_EXPECT_EQ(iopte_size(&m, IOVA + GM_2M + 0x5000, IOVA, m.size), GM_2M / 2,
		     "bytes of the entry in the huge folio's first half");
	GM_EXPECT_EQ(iopte_size(&m, IOVA + 2 * GM_2M - PG, IOVA, m.size), GM_2M / 2,
		     "bytes of the entry in the huge folio's second half");
	dma_memory_mapped(&m, 0, m.size, IOVA);
	dma_memory_free(&m);
}
