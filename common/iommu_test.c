// SPDX-License-Identifier: GPL-2.0-only
/* Maps of memfds by fd and offset, at every kind of offset: iommu.map_file_memfd. */
#include "iommu/dma_memory.h"

GM_FILE(.clause = "iommu.map_file_memfd", .profile = "IO", .iommus = GM_IOMMUS(MOCK, VFIO),
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE

GM_CASE(pages, .name = "iommu.map_file_memfd.pages",
	.text = "pages in the middle of a memfd: those, and no page beside them")
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);

	gm_map_file(m.iommu, m.ioas, m.fd, 3 * PG, 2 * PG, IOVA, GM_RW);

	gm_dma_expect_same(m.dev, IOVA, m.hva + 3 * PG, 2 * PG, "mapped");
	gm_dma_expect_maps(m.dev, IOVA, m.hva + 3 * PG, 2 * PG, "mapped");
	gm_dma_expect_blocked(m.dev, IOVA - PG, m.hva + 2 * PG, "the page below");
	gm_dma_expect_blocked(m.dev, IOVA + 2 * PG, m.hva + 5 * PG, "the page above");
	dma_memory_check(&m, 0, m.size, "after the DMA");
	gm_unmap(m.iommu, m.ioas, IOVA, 2 * PG);
	gm_dma_expect_blocked(m.dev, IOVA, m.hva + 3 * PG, "unmapped");
	dma_memory_free(&m);
}

/* Device writes of odd lengths at odd offsets, compared with a model of the memory. */
GM_CASE(bytes, .name = "iommu.map_file_memfd.bytes",
	.text = "a device writes exactly the bytes it was told to, over page and map borders")
{
	const struct {
		uint32_t off, len;
	} at[] = {
		{ 0, 1 },	   { PG - 1, 2 },	   { PG + 5, 3 }, { 2 * PG - 7, 1021 },
		{ 4 * PG - 1, 1 }, { 3 * PG - 600, 1300 },
	};
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);
	uint8_t model[4 * PG], data[2048], *page[4];

	/* Two maps adjacent in IOVA; in the file the second is below the first. */
	gm_map_file(m.iommu, m.ioas, m.fd, 5 * PG, 2 * PG, IOVA, GM_RW);
	gm_map_file(m.iommu, m.ioas, m.fd, 1 * PG, 2 * PG, IOVA + 2 * PG, GM_RW);
	for (int i = 0; i < 4; i++) {
		page[i] = m.hva + (i < 2 ? 5 + i : i - 1) * PG;
		memcpy(model + i * PG, page[i], PG);
	}
	for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		for (unsigned int b = 0; b < at[i].len; b++)
			data[b] = (b * 37 + i * 11 + 1) | 1;
		GM_EXPECT(!__gm_dma_write(m.dev, IOVA + at[i].off, data, at[i].len),
			  "write of %u bytes at %#x: %s", at[i].len, at[i].off,
			  gm_errno_name(errno));
		memcpy(model + at[i].off, data, at[i].len);
		for (unsigned int b = 0; b < 4 * PG; b++) {
			uint8_t is = page[b / PG][b % PG];

			if (is != model[b])
				GM_FAIL_AT(GM_PAGE(.iova = GM_AT(IOVA + b)),
					   "after %u bytes at %#x: byte %#x is %#x, expected %#x",
					   at[i].len, at[i].off, b, is, model[b]);
			if (is != model[b])
				gm_end();
		}
		gm_checked();
	}
	dma_memory_check(&m, 0, PG, "page 0, never mapped");
	dma_memory_check(&m, 3 * PG, 2 * PG, "pages 3 and 4, never mapped");
	dma_memory_check(&m, 7 * PG, PG, "page 7, never mapped");
	dma_memory_free(&m);
}

GM_CASE(inside_2m, .name = "iommu.map_file_memfd.inside_2m",
	.text = "a range inside one 2 MiB page, and one across the border of two", .huge_2m = 2)
{
	struct dma_memory m = dma_memory_new(self->iommu, 2 * GM_2M, GM_2M);

	gm_map_file(m.iommu, m.ioas, m.fd, 0x37000, 3 * PG, IOVA, GM_RW);
	gm_map_file(m.iommu, m.ioas, m.fd, GM_2M - 2 * PG, 5 * PG, IOVA + 0x10000, GM_RW);
	gm_dma_expect_maps(m.dev, IOVA, m.hva + 0x37000, 3 * PG, "inside");
	gm_dma_expect_maps(m.dev, IOVA + 0x10000, m.hva + GM_2M - 2 * PG, 5 * PG, "across");
	gm_dma_expect_blocked(m.dev, IOVA + 3 * PG, m.hva + 0x3a000, "above the inner one");
	dma_memory_check(&m, 0, m.size, "after the DMA");
	dma_memory_free(&m);
}

GM_CASE(whole_2m, .name = "iommu.map_file_memfd.whole_2m", .dma_flags = GM_FULL_ONLY,
	.text = "the second 2 MiB page as a whole, at an aligned and an unaligned IOVA",
	.huge_2m = 2)
{
	struct dma_memory m = dma_memory_new(self->iommu, 2 * GM_2M, GM_2M);

	gm_map_file(m.iommu, m.ioas, m.fd, GM_2M, GM_2M, IOVA, GM_RW);
	gm_map_file(m.iommu, m.ioas, m.fd, 0, 2 * GM_2M, IOVA + 0x400000 + PG, GM_RW);
	gm_dma_expect_maps(m.dev, IOVA, m.hva + GM_2M, GM_2M, "aligned");
	gm_dma_expect_maps(m.dev, IOVA + 0x400000 + PG, m.hva, 2 * GM_2M, "unaligned");
	dma_memory_check(&m, 0, m.size, "after the DMA");
	dma_memory_free(&m);
}

GM_CASE(each_offset_2m, .name = "iommu.map_file_memfd.each_offset_2m", .iommu = GM_IOMMU_MOCK,
	.huge_2m = 2, .text = "one and three pages at every 4 KiB offset of two 2 MiB pages")
{
	struct dma_memory m = dma_memory_new(self->iommu, 2 * GM_2M, GM_2M);

	for (uint64_t off = 0; off < m.size; off += PG) {
		uint64_t len = off + 3 * PG <= m.size && (off / PG) % 3 == 0 ? 3 * PG : PG;

		gm_map_file(m.iommu, m.ioas, m.fd, off, len, IOVA + off, GM_RW);
		if (!dma_memory_mapped(&m, off, len, IOVA + off))
			break;
		GM_EXPECT(__gm_mock_maps(m.iommu, m.dev->hwpt, IOVA + off + len, m.hva, PG),
			  "offset %#lx: the page above is mapped too", off);
		gm_unmap(m.iommu, m.ioas, IOVA + off, len);
		GM_EXPECT(__gm_mock_maps(m.iommu, m.dev->hwpt, IOVA + off, m.hva + off, PG),
			  "offset %#lx: still mapped after the unmap", off);
	}
	dma_memory_free(&m);
}

GM_CASE(random_2m, .name = "iommu.map_file_memfd.random_2m", .iommu = GM_IOMMU_MOCK,
	.text = "random ranges of a 2 MiB hugetlb memfd, many mapped at once", .huge_2m = 4)
{
	struct {
		uint64_t off, len, iova;
	} map[32];
	struct dma_memory m = dma_memory_new(self->iommu, 4 * GM_2M, GM_2M);
	uint64_t pages = m.size / PG;
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed());
	for (int round = 0; round < 8; round++) {
		for (int i = 0; i < 32; i++) {
			map[i].off = gm_rng_below(&rng, pages) * PG;
			map[i].len = (1 + gm_rng_below(&rng, (m.size - map[i].off) / PG)) * PG;
			map[i].iova = gm_map_file(m.iommu, m.ioas, m.fd, map[i].off, map[i].len,
						  GM_ANY_IOVA, GM_RW);
		}
		for (int i = 0; i < 32; i++)
			if (!dma_memory_mapped(&m, map[i].off, map[i].len, map[i].iova))
				goto out;
		/* In another order than they were mapped. */
		for (int i = 0; i < 32; i++) {
			int j = (i * 13 + round) % 32;

			gm_unmap(m.iommu, m.ioas, map[j].iova, map[j].len);
		}
	}
out:
	dma_memory_free(&m);
}

GM_CASE(inside_1g, .name = "iommu.map_file_memfd.inside_1g", .huge_1g = 2, .timeout = 120,
	.flags = GM_FULL_ONLY,
	.text = "ranges inside a 1 GiB page, at its ends, and across two of them")
{
	const struct {
		uint64_t off, pages;
	} at[] = {
		{ 0, 2 },	   { 512 * GM_2M - 4 * PG, 3 }, { GM_1G - 2 * PG, 4 },
		{ 0x12345000, 5 }, { 2 * GM_1G - PG, 1 },
	};
	struct dma_memory m = dma_memory_new(self->iommu, 2 * GM_1G, GM_1G);

	for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		uint64_t iova = IOVA + i * 0x10000;

		gm_map_file(m.iommu, m.ioas, m.fd, at[i].off, at[i].pages * PG, iova, GM_RW);
		if (!gm_dma_cost_ms(m.dev) || i == 2)
			gm_dma_expect_maps(m.dev, iova, m.hva + at[i].off, at[i].pages * PG,
					   "in 1 GiB pages");
		else
			gm_dma_prove_same_page(m.dev, iova, m.hva + at[i].off, "in 1 GiB pages");
	}
	dma_memory_free(&m);
}

GM_CASE(thp, .name = "iommu.map_file_memfd.thp", .dma_flags = GM_FULL_ONLY,
	.text = "shmem of 4 KiB, then 2 MiB, then 4 KiB folios: a range over all three")
{
	struct dma_memory m = dma_memory_new(self->iommu, 3 * GM_2M, 0);

	dma_memory_collapse(m.hva, GM_2M);
	gm_map_file(m.iommu, m.ioas, m.fd, 5 * PG, m.size - 7 * PG, IOVA, GM_RW);
	gm_dma_expect_maps(m.dev, IOVA, m.hva + 5 * PG, m.size - 7 * PG, "three kinds");
	gm_map_file(m.iommu, m.ioas, m.fd, GM_2M + 9 * PG, GM_2M, IOVA + 8 * GM_2M, GM_RW);
	gm_dma_expect_maps(m.dev, IOVA + 8 * GM_2M, m.hva + GM_2M + 9 * PG, GM_2M,
			   "from inside the huge folio into small ones");
	dma_memory_check(&m, 0, m.size, "after the DMA");
	dma_memory_free(&m);
}

GM_CASE(last_page, .name = "iommu.map_file_memfd.last_page",
	.text = "the last page of a file with an odd number of pages")
{
	struct dma_memory m = dma_memory_new(self->iommu, 5 * PG, 0);

	gm_map_file(m.iommu, m.ioas, m.fd, 4 * PG, PG, IOVA, GM_RW);
	gm_dma_expect_maps(m.dev, IOVA, m.hva + 4 * PG, PG, "the last page");
	dma_memory_free(&m);
}

GM_CASE(holes, .name = "iommu.map_file_memfd.holes", .dma_flags = GM_FULL_ONLY,
	.text = "pages that the file does not have yet: the map allocates them, zero, in the file")
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);
	uint8_t zero[3 * PG];

	memset(zero, 0, sizeof(zero));
	GM_SETUP_OK(fallocate(m.fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 2 * PG, 3 * PG));
	gm_map_file(m.iommu, m.ioas, m.fd, PG, 6 * PG, IOVA, GM_RW);
	GM_EXPECT(!memcmp(m.hva + 2 * PG, zero, sizeof(zero)), "a fresh page is not zero");
	gm_dma_expect_same(m.dev, IOVA + PG, m.hva + 2 * PG, PG, "a fresh page");
	gm_dma_expect_maps(m.dev, IOVA, m.hva + PG, 6 * PG, "over the holes");
	dma_memory_check(&m, PG, PG, "below the hole");
	dma_memory_check(&m, 5 * PG, 3 * PG, "above the hole");
	dma_memory_free(&m);
}

/* Pages of the pool have old data, which a map must not reveal. */
GM_CASE(holes_2m, .name = "iommu.map_file_memfd.holes_2m", .dma_flags = GM_FULL_ONLY, .huge_2m = 3,
	.text = "2 MiB pages that the file does not have yet: the map allocates them, zero, in the file")
{
	struct dma_memory m = { .size = 2 * GM_2M };
	int old = gm_memfd_new(3 * GM_2M, GM_2M);
	uint8_t *hva = dma_memory_mmap(old, 3 * GM_2M, GM_2M);

	gm_host_fill(hva, 0, 3 * 512, GM_WRITER_SECRET, 1);
	munmap(hva, 3 * GM_2M);
	close(old);
	m.iommu = gm_iommu_new(self->iommu);
	m.ioas = gm_ioas_new(m.iommu);
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	m.fd = gm_memfd_new(m.size, GM_2M);
	gm_map_file(m.iommu, m.ioas, m.fd, GM_2M - 3 * PG, 8 * PG, IOVA, GM_RW);
	m.hva = dma_memory_mmap(m.fd, m.size, GM_2M);
	gm_host_check_zero(m.hva, 1024, "fresh 2 MiB pages");
	gm_dma_expect_maps(m.dev, IOVA, m.hva + GM_2M - 3 * PG, 8 * PG,
			   "over the border of two holes");
	dma_memory_free(&m);
}
