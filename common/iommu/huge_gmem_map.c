// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps of shared single pages of a huge page whose rest is private, by file and offset:
 * iommu.huge_file.
 */
#include <sys/wait.h>

#include "huge_gmem.h"

GM_FILE(.clause = "iommu.huge_file", .provider = GM_PROVIDER_HUGE_FILE, .profile = "P4",
	.iommus = GM_IOMMUS(MOCK, VFIO), .needs = GM_NEEDS(MAP_GMEM, GMEM_HUGE, TDP),
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define IN_ONE 512UL /* pages of 2 MiB: only x86 has such files */

/* Pages [5, 9) and the two around the border of the huge pages are shared. */
static void share_some(struct huge_gmem *g)
{
	gm_fixture_fill(g->w, 0, huge_gmem_gfn(g, 0), 2 * IN_ONE);
	huge_gmem_convert(g, 5, 4, false);
	huge_gmem_convert(g, IN_ONE - 1, 2, false);
	gm_fixture_host_write(g->w, huge_gmem_gfn(g, 0), 2 * IN_ONE);
}

GM_CASE(shared, .name = "iommu.huge_file.shared", .huge_2m = 2,
	.text = "shared pages inside a private huge page, and across two: the device has these, the guest runs on all others")
{
	struct huge_gmem g = huge_gmem_new(self->iommu, GM_2M, 2);

	share_some(&g);
	huge_gmem_map(&g, 5, 4, IOVA, GM_RW);
	huge_gmem_map(&g, IN_ONE - 1, 2, IOVA + 0x10000, GM_RW);
	GM_EXPECT_EQ(gm_vm_pinned(), 6, "VmPin, pages");
	gm_dma_expect_maps(g.dev, IOVA, huge_gmem_hva(&g, 5), 4 * PG, "inside a huge page");
	gm_dma_expect_maps(g.dev, IOVA + 0x10000, huge_gmem_hva(&g, IN_ONE - 1), 2 * PG,
			   "across two huge pages");
	gm_dma_expect_same(g.dev, IOVA, huge_gmem_hva(&g, 5), PG, "what the host wrote");
	gm_dma_expect_blocked(g.dev, IOVA - PG, huge_gmem_hva(&g, 5), "the page below");
	gm_dma_expect_blocked(g.dev, IOVA + 4 * PG, huge_gmem_hva(&g, 8), "the page above");
	/* The guest's own pages are right beside. */
	for (int round = 0; round < 2; round++) {
		gm_fixture_fill(g.w, 0, huge_gmem_gfn(&g, 4), 6);
		gm_fixture_fill(g.w, 0, huge_gmem_gfn(&g, IN_ONE - 2), 4);
		huge_gmem_device_writes(&g, IOVA, 5);
		huge_gmem_device_writes(&g, IOVA + 3 * PG, 8);
		huge_gmem_device_writes(&g, IOVA + 0x10000, IN_ONE - 1);
		huge_gmem_device_writes(&g, IOVA + 0x10000 + PG, IN_ONE);
	}
	gm_fixture_check_guest(g.w, 0, huge_gmem_gfn(&g, 0), 2 * IN_ONE, 1, "after the DMA");
	gm_unmap(g.iommu, g.ioas, IOVA, 4 * PG);
	gm_dma_expect_blocked(g.dev, IOVA, huge_gmem_hva(&g, 5), "unmapped");
	gm_unmap(g.iommu, g.ioas, IOVA + 0x10000, 2 * PG);
	huge_gmem_convert(&g, 0, 2 * IN_ONE, true);
	gm_fixture_check_guest(g.w, 0, huge_gmem_gfn(&g, 0), 2 * IN_ONE, 8, "all private again");
	huge_gmem_free(&g);
}

/* Ranges with a private page in them: first, last, in the middle; alone; whole huge pages. */
static void expect_private_refused(struct huge_gmem *g, const char *when)
{
	static const struct {
		uint64_t p, n;
	} range[] = { { 4, 1 },		  { 4, 5 },	 { 5, 5 },    { 8, 2 },
		      { 9, 1 },		  { 0, IN_ONE }, { 4, 505 },  { IN_ONE - 2, 2 },
		      { IN_ONE, IN_ONE }, { IN_ONE, 2 }, { 5, 1000 }, { 2 * IN_ONE - 1, 1 },
		      { 0, 2 * IN_ONE } };
	unsigned long pinned = gm_vm_pinned();

	for (size_t i = 0; i < ARRAY_SIZE(range); i++) {
		static const uint32_t prot[] = { GM_RW, GM_RO };

		GM_EXPECT_ERRNO(
			EACCES,
			__huge_gmem_map(g, range[i].p, range[i].n, IOVA + 0x400000, prot[i & 1]),
			"%s: pages %lu+%lu", when, range[i].p, range[i].n);
	}
	GM_EXPECT_EQ(gm_vm_pinned(), pinned, "%s: VmPin after the refusals, pages", when);
	gm_control(!__huge_gmem_map(g, 5, 4, IOVA + 0x400000, GM_RW),
		   "shared pages at the same IOVA");
	gm_unmap(g->iommu, g->ioas, IOVA + 0x400000, 4 * PG);
}

GM_CASE(private, .name = "iommu.huge_file.private", .huge_2m = 2, .flags = GM_REFUSAL,
	.text = "private pages of a split huge page and of a whole one, alone and in a range: EACCES, attached or not; nothing stays held")
{
	struct huge_gmem g = huge_gmem_new(self->iommu, GM_2M, 2);

	GM_EXPECT_ERRNO(EACCES, __huge_gmem_map(&g, 0, 1, IOVA, GM_RO), "never touched");
	GM_EXPECT_ERRNO(EACCES, __huge_gmem_map(&g, 0, 2 * IN_ONE, IOVA, GM_RO), "never touched");
	huge_gmem_pool(&g, 0, 2, "after the refusals");
	share_some(&g);
	expect_private_refused(&g, "attached");
	gm_iodev_free(g.dev);
	g.dev = NULL;
	expect_private_refused(&g, "not attached");
	gm_fixture_check_guest(g.w, 0, huge_gmem_gfn(&g, 0), 2 * IN_ONE, 8, "after the refusals");
	/* No refused map holds a page. */
	huge_gmem_convert(&g, 0, 2 * IN_ONE, true);
	gm_fixture_punch(g.w, huge_gmem_gfn(&g, 0), 2 * IN_ONE);
	huge_gmem_pool(&g, 0, 2, "a hole over all");
	huge_gmem_free(&g);
}

GM_CASE(fresh, .name = "iommu.huge_file.fresh", .huge_2m = 2,
	.text = "a map of shared pages that nobody touched takes one reserved huge page for all of them: zero, and the guest has the same")
{
	struct huge_gmem g = huge_gmem_new(self->iommu, GM_2M, 2);
	uint8_t page[2 * PG];
	unsigned int bad = 0;

	gm_fixture_fill(g.w, 0, huge_gmem_gfn(&g, 0), 2 * IN_ONE);
	gm_fixture_punch(g.w, huge_gmem_gfn(&g, 0), 2 * IN_ONE);
	huge_gmem_pool(&g, 0, 2, "used, and a hole");
	huge_gmem_convert(&g, 100, 2, false);
	huge_gmem_map(&g, 100, 2, IOVA, GM_RW);
	huge_gmem_pool(&g, 1, 1, "mapped");
	memset(page, 0xff, sizeof(page));
	__gm_dma_read(g.dev, IOVA, page, sizeof(page));
	for (size_t i = 0; i < sizeof(page); i++)
		bad += !!page[i];
	GM_EXPECT_EQ(bad, 0, "bytes that are not zero for the device");
	huge_gmem_device_writes(&g, IOVA + PG, 101);
	gm_fixture_check_guest(g.w, 0, huge_gmem_gfn(&g, 0), IN_ONE, 8,
			       "the rest of the huge page");
	huge_gmem_pool(&g, 1, 1, "touched by the guest");
	gm_unmap(g.iommu, g.ioas, IOVA, 2 * PG);
	huge_gmem_free(&g);
}

GM_CASE(ends, .name = "iommu.huge_file.ends", .huge_2m = 2,
	.text = "file and VM are closed while a device has a page: it still reads and writes it; the pool gets the huge pages at the unmap")
{
	struct huge_gmem g = huge_gmem_new(self->iommu, GM_2M, 2);
	uint64_t word, got = 0;

	share_some(&g);
	word = gm_fixture_word(g.w, huge_gmem_gfn(&g, 7));
	huge_gmem_map(&g, 7, 1, IOVA, GM_RW);
	gm_fixture_free(g.w);
	g.w = NULL;
	usleep(200 * 1000);
	/* A map by file holds the file. */
	huge_gmem_pool(&g, 2, 0, "file and VM are gone");
	__gm_dma_read(g.dev, IOVA, &got, 8);
	GM_EXPECT_EQ(got, word, "the first word, read by the device");
	word ^= 0x55;
	__gm_dma_write(g.dev, IOVA, &word, 8);
	__gm_dma_read(g.dev, IOVA, &got, 8);
	GM_EXPECT_EQ(got, word, "the device's own word");
	gm_unmap(g.iommu, g.ioas, IOVA, PG);
	huge_gmem_pool(&g, 0, 0, "unmapped");
	huge_gmem_free(&g);
}

GM_CASE(user, .name = "iommu.huge_file.user.mock", .iommu = GM_IOMMU_MOCK, .huge_2m = 2,
	.text = "an in-kernel user reads, writes and pins shared pages of a split huge page, and no private one")
{
	struct huge_gmem g = huge_gmem_new(self->iommu, GM_2M, 2);
	uint32_t ioas = gm_ioas_new(g.iommu);
	int user = gm_access_new(g.iommu, ioas, true), item;
	uint8_t *hva;
	uint64_t at = IOVA, word, got = 0;

	share_some(&g);
	GM_EXPECT_OK(__gm_map_file(g.iommu, ioas, g.w->gmem, 5 * PG, 4 * PG, &at, GM_RW));
	word = gm_fixture_word(g.w, huge_gmem_gfn(&g, 6));
	GM_EXPECT_OK(__gm_access_rw(g.iommu, user, IOVA + PG, &got, 8, false));
	GM_EXPECT_EQ(got, word, "page 6, its first word");
	GM_EXPECT_OK(__gm_access_rw(g.iommu, user, IOVA + PG, &word, 8, true));
	hva = gm_mock_finds(huge_gmem_hva(&g, 7)) ? huge_gmem_hva(&g, 7) : NULL;
	item = GM_EXPECT_OK(__gm_access_pin(g.iommu, user, IOVA + 2 * PG, 2 * PG, hva, true));
	GM_EXPECT_ERRNO(ENOENT, __gm_access_pin(g.iommu, user, IOVA + 3 * PG, 2 * PG, NULL, true),
			"past the map");
	gm_fixture_check_guest(g.w, 0, huge_gmem_gfn(&g, 0), 2 * IN_ONE, 1, "after the accesses");
	huge_gmem_expect_held(&g, 0, 2 * IN_ONE, 5, "mapped and pinned");
	GM_EXPECT_OK(__gm_access_unpin(g.iommu, user, item));
	huge_gmem_expect_held(&g, 0, 2 * IN_ONE, 5, "mapped");
	gm_unmap(g.iommu, ioas, IOVA, 4 * PG);
	close(user);
	huge_gmem_convert(&g, 0, 2 * IN_ONE, true);
	huge_gmem_free(&g);
}
