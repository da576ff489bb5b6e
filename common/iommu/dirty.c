// SPDX-License-Identifier: GPL-2.0-only
/* Which pages the device wrote: iommu.dirty, exact to the page. */
#include "dirty.h"

GM_FILE(.clause = "iommu.dirty", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE

static int track(struct dma_memory *m, uint32_t hwpt, bool on)
{
	struct iommu_hwpt_set_dirty_tracking arg = {
		.size = sizeof(arg),
		.hwpt_id = hwpt,
		.flags = on ? IOMMU_HWPT_DIRTY_TRACKING_ENABLE : 0,
	};

	return ioctl(m->iommu->fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &arg);
}

int dirty_get(struct dma_memory *m, uint32_t hwpt, uint64_t iova, uint64_t len, uint64_t pgsize,
	      void *bitmap, uint32_t flags)
{
	struct iommu_hwpt_get_dirty_bitmap arg = {
		.size = sizeof(arg),
		.hwpt_id = hwpt,
		.flags = flags,
		.iova = iova,
		.length = len,
		.page_size = pgsize,
		.data = (uintptr_t)bitmap,
	};

	return ioctl(m->iommu->fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &arg);
}

uint32_t dirty_hwpt_new(struct dma_memory *m, bool huge)
{
	uint32_t hwpt = huge ? gm_mock_huge_hwpt(m->dev, m->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING)
			     : gm_hwpt_new(m->dev, m->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING);

	gm_iodev_replace(m->dev, hwpt, m->ioas);
	GM_SETUP_OK(track(m, hwpt, true));
	return hwpt;
}

uint64_t iopte_size(struct dma_memory *m, uint64_t iova, uint64_t start, uint64_t len)
{
	uint64_t words = (len / PG + 63) / 64, *map = calloc(words + 1, 8), n = 0;
	uint64_t bit = (iova - start) / PG;

	GM_SETUP(map, "out of memory");
	GM_SETUP_OK(dirty_get(m, m->dev->hwpt, start, len, PG, map, 0));
	memset(map, 0, words * 8);
	map[bit / 64] |= 1UL << bit % 64;
	GM_SETUP_OK(__gm_mock_dirty(m->iommu, m->dev->hwpt, start, len, PG, map));
	memset(map, 0, words * 8);
	GM_SETUP_OK(dirty_get(m, m->dev->hwpt, start, len, PG, map, 0));
	GM_EXPECT_AT(GM_PAGE(.iova = GM_AT(iova)), map[bit / 64] >> bit % 64 & 1,
		     "the page written is not dirty");
	for (uint64_t i = 0; i < words; i++)
		n += __builtin_popcountll(map[i]);
	free(map);
	return n * PG;
}

GM_CASE(exact, .name = "iommu.dirty.exact",
	.text = "the bitmap has exactly the pages written since the last read, across maps")
{
	struct dma_memory m = dma_memory_new(self->iommu, 128 * PG, 0);
	uint32_t hwpt = dirty_hwpt_new(&m, false);
	uint64_t wrote[2], got[2] = { 0 };
	struct gm_rng rng;

	gm_rng_init(&rng, gm_seed());
	/* Odd pages of the file in reverse order, so that no two pages can share an entry. */
	for (int i = 0; i < 64; i++)
		gm_map_file(m.iommu, m.ioas, m.fd, (127 - 2 * i) * PG, PG, IOVA + i * PG, GM_RW);
	gm_map_file(m.iommu, m.ioas, m.fd, 0, 64 * PG, IOVA + 64 * PG, GM_RW);
	for (int round = 0; round < 8; round++) {
		wrote[0] = gm_rng_next(&rng) & gm_rng_next(&rng);
		wrote[1] = round & 1 ? 0 : 1UL << 63 | 1;
		GM_EXPECT_EQ(__gm_mock_dirty(m.iommu, hwpt, IOVA, 128 * PG, PG, wrote),
			     __builtin_popcountll(wrote[0]) + __builtin_popcountll(wrote[1]),
			     "pages written");
		memset(got, 0, sizeof(got));
		GM_EXPECT_OK(dirty_get(&m, hwpt, IOVA, 128 * PG, PG, got,
				       IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR));
		GM_EXPECT_EQ(got[0], wrote[0], "round %d: the bitmap, read with NO_CLEAR", round);
		memset(got, 0, sizeof(got));
		GM_EXPECT_OK(dirty_get(&m, hwpt, IOVA, 64 * PG, PG, got, 0));
		GM_EXPECT_EQ(got[0], wrote[0], "round %d: the bitmap", round);
		GM_EXPECT_EQ(got[1], 0, "round %d: bits past the range", round);
		memset(got, 0, sizeof(got));
		GM_EXPECT_OK(dirty_get(&m, hwpt, IOVA, 128 * PG, PG, got, 0));
		GM_EXPECT_EQ(got[0], 0, "round %d: pages that were cleared", round);
		GM_EXPECT((got[1] & wrote[1]) == wrote[1],
			  "round %d: the second map: %#lx, wrote %#lx", round, got[1], wrote[1]);
	}
	dma_memory_free(&m);
}

GM_CASE(off, .name = "iommu.dirty.off", .flags = GM_REFUSAL,
	.text = "tracking starts clean after off and on; bad ranges and tables are refused")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);
	uint32_t plain = m.dev->hwpt, hwpt;
	uint64_t bit = 5, got = 0;
	struct iommu_hwpt_get_dirty_bitmap raw = { .size = sizeof(raw),
						   .__reserved = 1,
						   .iova = IOVA,
						   .length = 4 * PG,
						   .page_size = PG };
	struct iommu_hwpt_set_dirty_tracking set = { .size = sizeof(set),
						     .flags =
							     IOMMU_HWPT_DIRTY_TRACKING_ENABLE | 2 };
	struct gm_iodev *dev;

	GM_EXPECT_ERRNO(EOPNOTSUPP, track(&m, plain, true), "a table without tracking");
	GM_EXPECT_ERRNO(EOPNOTSUPP, dirty_get(&m, plain, IOVA, 4 * PG, PG, &got, 0),
			"a table without tracking");
	hwpt = dirty_hwpt_new(&m, false);
	gm_map_file(m.iommu, m.ioas, m.fd, 0, 4 * PG, IOVA, GM_RW);
	GM_SETUP_OK(__gm_mock_dirty(m.iommu, hwpt, IOVA, 4 * PG, PG, &bit));
	GM_EXPECT_OK(track(&m, hwpt, false));
	GM_EXPECT_ERRNO(EINVAL, __gm_mock_dirty(m.iommu, hwpt, IOVA, 4 * PG, PG, &bit),
			"while it is off");
	GM_EXPECT_OK(track(&m, hwpt, true));
	GM_EXPECT_OK(dirty_get(&m, hwpt, IOVA, 4 * PG, PG, &got, 0));
	GM_EXPECT_EQ(got, 0, "the bitmap after off and on");
	GM_EXPECT_ERRNO(EINVAL, dirty_get(&m, hwpt, IOVA, 0, PG, &got, 0), "no length");
	GM_EXPECT_ERRNO(EINVAL, dirty_get(&m, hwpt, IOVA, 4 * PG, 0, &got, 0), "page size 0");
	GM_EXPECT_ERRNO(EINVAL, dirty_get(&m, hwpt, IOVA + 1024, PG, PG, &got, 0),
			"an unaligned IOVA");
	/*
	 * One end at a time is not aligned to the table's pages; the bitmap's page size would fit.
	 */
	GM_EXPECT_ERRNO(EINVAL, dirty_get(&m, hwpt, IOVA + 1024, 3 * 1024, 1024, &got, 0),
			"an unaligned start");
	GM_EXPECT_ERRNO(EINVAL, dirty_get(&m, hwpt, IOVA, 3 * 1024, 1024, &got, 0),
			"an unaligned end");
	GM_EXPECT_ERRNO(EINVAL, dirty_get(&m, hwpt, IOVA, PG + 2048, PG, &got, 0),
			"length not of whole pages");
	GM_EXPECT_ERRNO(EOVERFLOW, dirty_get(&m, hwpt, ~0UL - PG + 1, 2 * PG, PG, &got, 0),
			"wrapping");
	GM_EXPECT_ERRNO(EOPNOTSUPP, dirty_get(&m, hwpt, IOVA, 4 * PG, PG, &got, 2),
			"an unknown flag");
	set.hwpt_id = raw.hwpt_id = hwpt;
	raw.data = (uintptr_t)&got;
	GM_EXPECT_ERRNO(EOPNOTSUPP, ioctl(m.iommu->fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &raw),
			"a reserved field");
	GM_EXPECT_ERRNO(EOPNOTSUPP, ioctl(m.iommu->fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &set),
			"an unknown flag of SET_DIRTY_TRACKING");
	gm_promise(!dirty_get(&m, hwpt, IOVA, 4 * PG, PG, &got, 0), "the good call");
	dev = gm_mock_nodirty_dev(m.iommu, m.ioas);
	GM_EXPECT_ERRNO(EOPNOTSUPP,
			ioctl(m.iommu->fd, IOMMU_HWPT_ALLOC,
			      &(struct iommu_hwpt_alloc){ .size = sizeof(struct iommu_hwpt_alloc),
							  .flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
							  .dev_id = dev->idev,
							  .pt_id = m.ioas }),
			"a table with tracking for a device without it");
	GM_EXPECT_ERRNO(EINVAL, __gm_iodev_replace(dev, hwpt, m.ioas),
			"attach of a device without tracking");
	gm_iodev_free(dev);
	dma_memory_free(&m);
}

/*
 * The bitmap may be at any byte, over several pages, with one bit per page of any size. Every bit
 * must be in its place, and no byte outside the bitmap may change.
 */
GM_CASE(bitmap, .name = "iommu.dirty.bitmap", .flags = GM_REFUSAL,
	.text = "bitmaps at odd addresses, over two pages, with bits for larger pages: each bit in its place")
{
	const uint64_t bits = 3 * 2048, len = bits * PG;
	struct dma_memory m = dma_memory_new_empty(self->iommu, len, 0);
	uint8_t *room =
		mmap(NULL, 3 * PG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *model = calloc(3, PG), *wrote = calloc(1, PG);
	const struct {
		uint32_t at, shift;
	} how[] = { { 0, 0 },	   { PG - 8, 0 }, { PG - 3, 0 }, { 17, 0 },
		    { PG - 1, 3 }, { 8, 2 },	  { 4, 1 } };
	struct gm_rng rng;
	uint32_t hwpt;

	GM_SETUP(room != MAP_FAILED && model && wrote, "out of memory");
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	/* Allocated and mapped in reverse order, so that few entries are large. */
	hwpt = dirty_hwpt_new(&m, false);
	for (uint64_t p = bits; p--;)
		m.hva[p * PG] = 1;
	for (uint64_t p = 0; p < bits; p += 512)
		gm_map_file(m.iommu, m.ioas, m.fd, (bits - 512 - p) * PG, 512 * PG, IOVA + p * PG,
			    GM_RW);
	gm_rng_init(&rng, gm_seed());
	for (unsigned int i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
		uint64_t size = PG << how[i].shift, n = bits >> how[i].shift;

		memset(wrote, 0, PG);
		memset(room, 0, 3 * PG);
		memset(model, 0, 3 * PG);
		/*
		 * Random pages, and both ends; model gets what is dirty, since an entry may have
		 * several pages.
		 */
		for (int k = 0; k < 12; k++) {
			uint64_t b = k == 0 ? 0 : k == 1 ? bits - 1 : gm_rng_below(&rng, bits);

			wrote[b / 8] |= 1 << b % 8;
		}
		GM_SETUP_OK(__gm_mock_dirty(m.iommu, hwpt, IOVA, len, PG, wrote));
		GM_EXPECT_OK(dirty_get(&m, hwpt, IOVA, len, PG, model,
				       IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR));
		for (uint64_t b = 0; b < bits; b++)
			GM_EXPECT(!(wrote[b / 8] >> b % 8 & 1) || model[b / 8] >> b % 8 & 1,
				  "page %lu was written, and is not dirty", b);
		GM_EXPECT_OK(dirty_get(&m, hwpt, IOVA, len, size, room + how[i].at, 0));
		for (uint64_t b = 0; b < n; b++) {
			bool want = false, is = room[how[i].at + b / 8] >> b % 8 & 1;

			for (uint64_t k = b << how[i].shift; k < (b + 1) << how[i].shift; k++)
				want |= model[k / 8] >> k % 8 & 1;
			if (!GM_EXPECT(is == want, "bitmap at byte %u, pages of %lu: bit %lu is %d",
				       how[i].at, size, b, is))
				break;
		}
		for (uint64_t k = 0; k < 3 * PG; k++)
			if ((k < how[i].at || k >= how[i].at + (n + 7) / 8) &&
			    !GM_EXPECT(!room[k], "bitmap at byte %u: byte %lu outside it is %#x",
				       how[i].at, k, room[k]))
				break;
	}
	GM_EXPECT_ERRNO(EINVAL, dirty_get(&m, hwpt, IOVA, 3 * PG, 2 * PG, room, 0),
			"a range that ends inside a page");
	GM_EXPECT_ERRNO(EINVAL, dirty_get(&m, hwpt, IOVA + PG, 3 * PG, 2 * PG, room, 0),
			"a start between two bits");
	GM_EXPECT_ERRNO(EINVAL, dirty_get(&m, hwpt, IOVA + PG, 2 * PG, 2 * PG, room, 0),
			"a range that begins inside a page");
	gm_promise(!dirty_get(&m, hwpt, IOVA, 4 * PG, 2 * PG, room, 0), "the good call");
	free(model);
	free(wrote);
	munmap(room, 3 * PG);
	dma_memory_free(&m);
}
