// SPDX-License-Identifier: GPL-2.0-only
/* Shared huge pages of a guest_memfd are large in the IOMMU: iommu.huge_file_iopte. */
#include "dirty.h"
#include "huge_gmem.h"

GM_FILE(.clause = "iommu.huge_file_iopte", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.iommu = GM_IOMMU_MOCK, .needs = GM_NEEDS(MAP_GMEM, GMEM_HUGE, TDP),
	.caps = GM_CAPS(CAP_IPC_LOCK))

/* The device's view, for the functions of dirty.h. */
static struct dma_memory view(struct huge_gmem *g)
{
	struct dma_memory m = { .iommu = g->iommu,
				.ioas = g->ioas,
				.dev = g->dev,
				.fd = g->w->gmem,
				.hva = g->w->hva,
				.size = g->w->file_size };

	dirty_hwpt_new(&m, false);
	return m;
}

static void expect_entry(struct dma_memory *m, uint64_t iova, uint64_t start, uint64_t len,
			 uint64_t want, const char *when)
{
	GM_EXPECT_EQ(iopte_size(m, iova, start, len), want, "%s: bytes of the entry at %#lx", when,
		     iova);
}

/* The device's page at iova is that of the file at off, for all of len. */
static void expect_mapped(struct huge_gmem *g, uint64_t off, uint64_t len, uint64_t iova)
{
	gm_dma_expect_maps(g->dev, iova, g->w->hva + off, len, "mapped");
}

GM_CASE(size_2m, .name = "iommu.huge_file_iopte.2m", .huge_2m = 3,
	.text = "2 MiB pages all shared: one entry each; with a private page in it the rest is smaller entries; shared again it is one entry again")
{
	const uint64_t in_one = GM_2M / PG, at[] = { 0, 200, in_one - 1 };
	struct huge_gmem g = huge_gmem_new(self->iommu, GM_2M, 3);
	struct dma_memory m = view(&g);

	huge_gmem_convert(&g, 0, 3 * in_one, false);
	gm_fixture_host_write(g.w, huge_gmem_gfn(&g, 0), 3 * in_one);
	for (size_t i = 0; i <= ARRAY_SIZE(at); i++) {
		/* In reverse order, so that no two maps are adjacent in both file and IOVA. */
		for (uint64_t h = 0; h < 3; h++)
			huge_gmem_map(&g, (2 - h) * in_one, in_one, IOVA + h * GM_2M, GM_RW);
		for (uint64_t h = 0; h < 3; h++) {
			expect_entry(&m, IOVA + h * GM_2M + 0x7000, IOVA, 3 * GM_2M, GM_2M,
				     i ? "shared again" : "all shared");
			expect_mapped(&g, (2 - h) * GM_2M, GM_2M, IOVA + h * GM_2M);
		}
		for (uint64_t h = 0; h < 3; h++)
			gm_unmap(g.iommu, g.ioas, IOVA + h * GM_2M, GM_2M);
		if (i == ARRAY_SIZE(at))
			break;

		/* One page of the second huge page is private: around it, and beside it. */
		huge_gmem_convert(&g, in_one + at[i], 1, true);
		gm_fixture_fill(g.w, 0, huge_gmem_gfn(&g, in_one + at[i]), 1);
		GM_EXPECT_ERRNO(EACCES, __huge_gmem_map(&g, in_one, in_one, IOVA, GM_RW),
				"with private page %lu", at[i]);
		huge_gmem_map(&g, 2 * in_one, in_one, IOVA + 2 * GM_2M, GM_RW);
		expect_entry(&m, IOVA + 2 * GM_2M, IOVA + 2 * GM_2M, GM_2M, GM_2M,
			     "beside the split one");
		if (at[i]) {
			huge_gmem_map(&g, in_one, at[i], IOVA, GM_RW);
			expect_mapped(&g, GM_2M, at[i] * PG, IOVA);
			gm_unmap(g.iommu, g.ioas, IOVA, at[i] * PG);
		}
		if (at[i] < in_one - 1) {
			uint64_t off = (at[i] + 1) * PG;

			huge_gmem_map(&g, in_one + at[i] + 1, in_one - at[i] - 1, IOVA + off,
				      GM_RW);
			expect_mapped(&g, GM_2M + off, GM_2M - off, IOVA + off);
			expect_entry(&m, IOVA + off, IOVA + off, GM_2M - off, off & -off,
				     "above the private page");
			gm_unmap(g.iommu, g.ioas, IOVA + off, GM_2M - off);
		}
		gm_unmap(g.iommu, g.ioas, IOVA + 2 * GM_2M, GM_2M);
		huge_gmem_convert(&g, in_one + at[i], 1, false);
	}
	gm_fixture_check_guest(g.w, 0, huge_gmem_gfn(&g, 0), 3 * in_one, 8, "at the end");
	huge_gmem_free(&g);
}

GM_CASE(size_1g, .name = "iommu.huge_file_iopte.1g", .huge_1g = 1, .timeout = 180,
	.flags = GM_FULL_ONLY,
	.text = "a 1 GiB page all shared: one entry, also after a page of it was private; with a private page in it the 512 MiB above are one")
{
	const uint64_t in_one = GM_1G / PG;
	struct huge_gmem g = huge_gmem_new(self->iommu, GM_1G, 1);
	struct dma_memory m = view(&g);

	huge_gmem_convert(&g, 0, in_one, false);
	for (int i = 0; i < 2; i++) {
		huge_gmem_map(&g, 0, in_one, GM_1G, GM_RW);
		expect_entry(&m, GM_1G + 0x12345000, GM_1G, GM_1G, GM_1G,
			     i ? "shared again" : "all shared");
		GM_EXPECT_EQ(gm_vm_pinned(), in_one, "VmPin, pages");
		gm_dma_expect_same(g.dev, GM_1G + 511 * GM_2M, g.w->hva + 511 * GM_2M, PG,
				   "the last 2 MiB");
		huge_gmem_expect_held(&g, 0x12345, 1, 0x12345, "mapped");
		gm_unmap(g.iommu, g.ioas, GM_1G, GM_1G);
		if (i)
			break;
		huge_gmem_convert(&g, 0x12345, 1, true);
		GM_EXPECT_ERRNO(EACCES, __huge_gmem_map(&g, 0, in_one, GM_1G, GM_RW), "split");
		huge_gmem_map(&g, in_one / 2, in_one / 2, GM_1G + GM_1G / 2, GM_RW);
		expect_entry(&m, GM_1G + 3 * (GM_1G / 4), GM_1G + GM_1G / 2, GM_1G / 2, GM_1G / 2,
			     "split");
		gm_unmap(g.iommu, g.ioas, GM_1G + GM_1G / 2, GM_1G / 2);
		huge_gmem_convert(&g, 0x12345, 1, false);
	}
	huge_gmem_free(&g);
}
