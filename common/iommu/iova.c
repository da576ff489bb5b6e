// SPDX-License-Identifier: GPL-2.0-only
/* Usable IOVAs: allocation, allowed and reserved ranges, reuse. */
#include "dma_memory.h"

GM_FILE(.clause = "iommu.map_file_args", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE

static int ranges(struct dma_memory *m, struct iommu_iova_range *range, uint32_t *num,
		  uint64_t *align)
{
	return dma_iova_ranges(m->iommu, m->ioas, range, num, align);
}

static int allow(struct dma_memory *m, const struct iommu_iova_range *range, uint32_t num)
{
	struct iommu_ioas_allow_iovas arg = {
		.size = sizeof(arg),
		.ioas_id = m->ioas,
		.num_iovas = num,
		.allowed_iovas = (uintptr_t)range,
	};

	return ioctl(m->iommu->fd, IOMMU_IOAS_ALLOW_IOVAS, &arg);
}

GM_CASE(alloc, .name = "iommu.map_file_args.alloc", .iommus = GM_IOMMUS(MOCK, VFIO),
	.text = "allocated IOVAs do not overlap, lie in the reported ranges, and can be used again")
{
	struct dma_memory m = dma_memory_new(self->iommu, 16 * PG, 0);
	uint64_t iova[64], align;
	struct iommu_iova_range range[32];
	uint32_t num = 32;
	struct gm_rng rng;

	GM_EXPECT_OK(ranges(&m, range, &num, &align));
	gm_rng_init(&rng, gm_seed());
	for (int i = 0; i < 64; i++) {
		uint64_t len = (1 + i % 5) * PG;
		bool inside = false;

		iova[i] = gm_map_file(m.iommu, m.ioas, m.fd, gm_rng_below(&rng, 11) * PG, len,
				      GM_ANY_IOVA, GM_RW);
		for (uint32_t r = 0; r < num; r++)
			inside |= iova[i] >= range[r].start && iova[i] + len - 1 <= range[r].last;
		GM_EXPECT(inside && iova[i], "IOVA %#lx was allocated outside the reported ranges",
			  iova[i]);
		for (int j = 0; j < i; j++)
			GM_EXPECT(iova[i] + len <= iova[j] || iova[j] + (1 + j % 5) * PG <= iova[i],
				  "IOVA %#lx of map %d overlaps map %d at %#lx", iova[i], i, j,
				  iova[j]);
		GM_EXPECT(!(iova[i] % PG), "IOVA %#lx is not page-aligned as its offset", iova[i]);
	}
	for (int i = 0; i < 64; i += 2)
		gm_unmap(m.iommu, m.ioas, iova[i], (1 + i % 5) * PG);
	for (int i = 0; i < 64; i += 2)
		GM_EXPECT_OK(
			__gm_map_file(m.iommu, m.ioas, m.fd, 0, (1 + i % 5) * PG, &iova[i], GM_RW),
			"a fixed map at the freed IOVA of map %d", i);
	/* A copy also returns its IOVA. */
	for (int i = 1; i < 8; i += 2) {
		uint64_t at = GM_ANY_IOVA, len;

		GM_EXPECT_OK(__gm_ioas_copy(m.iommu, m.ioas, m.ioas, iova[i], PG, &at, GM_RW));
		len = PG;
		GM_EXPECT_OK(__gm_unmap(m.iommu, m.ioas, at, &len), "the copy at IOVA %#lx", at);
	}
	dma_memory_free(&m);
}

GM_CASE(alloc_align, .name = "iommu.map_file_args.alloc_align", .huge_2m = 2,
	.text = "an allocated IOVA keeps the offset's alignment, up to 2 MiB")
{
	struct dma_memory m = dma_memory_new(self->iommu, 2 * GM_2M, GM_2M);
	uint64_t iova;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, PG, GM_ANY_IOVA, GM_RW);
	iova = gm_map_file(m.iommu, m.ioas, m.fd, 0, GM_2M, GM_ANY_IOVA, GM_RW);
	GM_EXPECT_EQ(iova % GM_2M, 0, "2 MiB at offset 0: IOVA %#lx modulo 2 MiB", iova);
	dma_memory_mapped(&m, 0, GM_2M, iova);
	iova = gm_map_file(m.iommu, m.ioas, m.fd, 0x10000, 0x20000, GM_ANY_IOVA, GM_RW);
	GM_EXPECT_EQ(iova % 0x10000, 0, "128 KiB at offset 64 KiB: IOVA %#lx modulo 64 KiB", iova);
	iova = gm_map_file(m.iommu, m.ioas, m.fd, 0x800, 0x800, GM_ANY_IOVA, GM_RW);
	GM_EXPECT_EQ(iova % PG, 0x800, "half a page at offset 2 KiB: IOVA %#lx modulo 4 KiB", iova);
	dma_memory_mapped(&m, 0x800, 0x800, iova);
	dma_memory_free(&m);
}

/* Maps [off, +len) by file or by address, with only [from, +room) allowed. */
static int map_allowed(struct dma_memory *m, uint64_t from, uint64_t room, bool by_hva,
		       uint64_t off, uint64_t len)
{
	struct iommu_iova_range range = { from, from + room - 1 };
	uint64_t at = GM_ANY_IOVA;
	int ret;

	GM_SETUP_OK(allow(m, &range, 1));
	ret = by_hva ? __gm_map_hva(m->iommu, m->ioas, m->hva + off, len, &at, GM_RW)
		     : __gm_map_file(m->iommu, m->ioas, m->fd, off, len, &at, GM_RW);
	if (!ret) {
		GM_EXPECT_EQ(at, from, "the IOVA, which must be the only one allowed");
		gm_unmap(m->iommu, m->ioas, at, len);
	}
	return ret;
}

GM_CASE(alloc_fits, .name = "iommu.map_file_args.alloc_fits", .flags = GM_REFUSAL, .huge_2m = 2,
	.text = "allocation uses a range that fits exactly, not one that is a byte short, and never IOVA 0")
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 2 * GM_2M, GM_2M);
	uint64_t at = gm_map_file(m.iommu, m.ioas, m.fd, 0, PG, GM_ANY_IOVA, GM_RW);

	GM_EXPECT(at, "IOVA 0 was allocated");
	gm_unmap(m.iommu, m.ioas, at, PG);
	for (int hva = 0; hva < 2; hva++) {
		const char *how = hva ? "by address" : "of the file";

		GM_EXPECT_ERRNO(ENOSPC, map_allowed(&m, 0x1000000, PG - 1, hva, 0, PG),
				"a page %s, with a range a byte too short", how);
		gm_promise(!map_allowed(&m, 0x1000000, PG, hva, 0, PG),
			   "a page %s, with a range of a page", how);
		/* Memory that begins one page inside a huge page needs page alignment only. */
		GM_EXPECT_OK(map_allowed(&m, 0x1000000 + PG, GM_2M, hva, PG, GM_2M),
			     "2 MiB %s, a page off", how);
	}
	dma_memory_free(&m);
}

GM_CASE(copy_refused, .name = "iommu.lifetime.copy_refused", .clause = "iommu.lifetime",
	.flags = GM_REFUSAL, .huge_2m = 1,
	.text = "a copy to a used IOVA is EEXIST, and keeps no reference of the file")
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, GM_2M, GM_2M);
	uint64_t at = gm_map_file(m.iommu, m.ioas, m.fd, 0, 4 * PG, IOVA, GM_RW);

	GM_EXPECT_ERRNO(EEXIST, __gm_ioas_copy(m.iommu, m.ioas, m.ioas, IOVA, PG, &at, GM_RW),
			"onto itself");
	GM_EXPECT_ERRNO(ENOENT,
			__gm_ioas_copy(m.iommu, m.ioas, m.ioas, IOVA + PG, 4 * PG, &at, GM_RW),
			"past its end");
	at = IOVA + GM_2M;
	gm_promise(!__gm_ioas_copy(m.iommu, m.ioas, m.ioas, IOVA, PG, &at, GM_RW), "elsewhere");
	gm_unmap(m.iommu, m.ioas, IOVA + GM_2M, PG);
	gm_unmap(m.iommu, m.ioas, IOVA, 4 * PG);
	/* A leaked reference would keep the file, and so the pool's huge page. */
	dma_memory_free(&m);
}

GM_CASE(alloc_coarse, .name = "iommu.map_file_args.alloc_coarse", .flags = GM_REFUSAL,
	.text = "memory that is not aligned to the device's smallest page gets no IOVA: EINVAL")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);
	uint64_t at = GM_ANY_IOVA;

#define COARSE_HVA(off) __gm_map_hva(m.iommu, m.ioas, m.hva + (off), PG, &at, GM_RW)
	/* The mock's pages are half as large. */
	GM_EXPECT_ERRNO(EINVAL, COARSE_HVA(PG / 4), "by address");
	GM_EXPECT_ERRNO(EINVAL, __gm_map_file(m.iommu, m.ioas, m.fd, PG / 4, PG, &at, GM_RW),
			"of the file");
	gm_promise(!COARSE_HVA(PG / 2), "half a page off");
	dma_memory_free(&m);
}

GM_CASE(allowed, .name = "iommu.map_file_args.allowed", .flags = GM_REFUSAL,
	.text = "allocation stays in the allowed ranges and ends with ENOSPC; bad ranges are refused")
{
	static const struct iommu_iova_range good[] = { { 0x3000000, 0x3001fff },
							{ 0x5000000, 0x5000fff } };
	static const struct iommu_iova_range bad[] = { { 0x3001000, 0x3000fff } };
	static const struct iommu_iova_range twice[] = { { 0x3000000, 0x3001fff },
							 { 0x3001000, 0x3002fff } };
	static const struct iommu_iova_range point[] = { { 0x3000000, 0x3000000 } };
	static const struct iommu_iova_range reserved[] = { { 0x1000, 0x1fff } };
	/* Only the second is bad. */
	static const struct iommu_iova_range second[] = { { 0x3000000, 0x3000fff },
							  { 0x90000000, 0x90000fff } };
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);
	uint64_t at, seen = 0;

	GM_EXPECT_ERRNO(EINVAL, allow(&m, bad, 1), "start after last");
	GM_EXPECT_ERRNO(EINVAL, allow(&m, point, 1), "a single byte");
	GM_EXPECT_ERRNO(EINVAL, allow(&m, twice, 2), "two that overlap");
	GM_EXPECT_ERRNO(EADDRINUSE, allow(&m, reserved, 1), "below the aperture");
	GM_EXPECT_ERRNO(EFAULT, allow(&m, (void *)8, 1), "a bad pointer");
	GM_EXPECT_ERRNO(EADDRINUSE, allow(&m, second, 2), "the second above the aperture");
	GM_EXPECT_OK(allow(&m, good, 2));
	GM_EXPECT_ERRNO(EADDRINUSE, __gm_mock_reserve(m.iommu, m.ioas, 0x5000000, PG),
			"reserve an allowed one, where nothing is mapped");
	/* A refused call does not change the ranges. */
	GM_EXPECT_ERRNO(EADDRINUSE, allow(&m, second, 2), "again, with ranges allowed before");
	GM_EXPECT_ERRNO(EINVAL, allow(&m, twice, 2), "again, two that overlap");
	for (int i = 0; i < 3; i++) {
		at = GM_ANY_IOVA;
		GM_EXPECT_OK(__gm_map_file(m.iommu, m.ioas, m.fd, i * PG, PG, &at, GM_RW),
			     "page %d of 3", i);
		seen |= at == 0x3000000 ? 1 : at == 0x3001000 ? 2 : at == 0x5000000 ? 4 : 8;
		dma_memory_mapped(&m, i * PG, PG, at);
	}
	GM_EXPECT_EQ(seen, 7, "which of the three allowed pages were allocated (8: another one)");
	at = GM_ANY_IOVA;
	GM_EXPECT_ERRNO(ENOSPC, __gm_map_file(m.iommu, m.ioas, m.fd, 3 * PG, PG, &at, GM_RW),
			"all taken");
	GM_EXPECT_ERRNO(EADDRINUSE, __gm_mock_reserve(m.iommu, m.ioas, 0x3001000, PG),
			"reserve an allowed one");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 3 * PG, PG, 0), "the refused map left a pin");
	GM_EXPECT_OK(allow(&m, NULL, 0), "allow all IOVAs");
	gm_promise(!__gm_map_file(m.iommu, m.ioas, m.fd, 3 * PG, PG, &at, GM_RW), "any IOVA");
	dma_memory_mapped(&m, 3 * PG, PG, at);
	GM_EXPECT_ERRNO(EADDRINUSE, __gm_mock_reserve(m.iommu, m.ioas, at, PG),
			"reserve a mapped one, where anything is allowed");
	dma_memory_free(&m);
}

GM_CASE(reported, .name = "iommu.map_file_args.ranges",
	.text = "reported ranges exclude reserved IOVAs and those outside the aperture; EMSGSIZE returns their number")
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 4 * PG, 0);
	struct iommu_iova_range range[4] = { { 0 } };
	uint64_t align;
	uint32_t num = 4;

	GM_EXPECT_OK(ranges(&m, range, &num, &align));
	GM_EXPECT(num == 1 && !range[0].start && range[0].last == ~0ULL && align == 1,
		  "nothing attached: %u ranges, [%#llx, %#llx], alignment %lu", num, range[0].start,
		  range[0].last, align);
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	GM_SETUP_OK(__gm_mock_reserve(m.iommu, m.ioas, 0x3000000, PG));
	num = 4;
	GM_EXPECT_OK(ranges(&m, range, &num, &align));
	GM_EXPECT(num == 2 && range[0].start == 1 << 24 && range[0].last == 0x2ffffff &&
			  range[1].start == 0x3001000 && range[1].last == 0x7fffffff &&
			  align == 2048,
		  "attached: %u ranges, [%#llx, %#llx], [%#llx, %#llx], alignment %lu", num,
		  range[0].start, range[0].last, range[1].start, range[1].last, align);
	num = 1;
	memset(range, 0xa5, sizeof(range));
	GM_EXPECT_ERRNO(EMSGSIZE, ranges(&m, range, &num, &align));
	GM_EXPECT_EQ(num, 2, "the number of ranges");
	GM_EXPECT(range[0].last == 0x2ffffff && range[1].start == 0xa5a5a5a5a5a5a5a5,
		  "room for one range: the first ends at %#llx, the second begins at %#llx",
		  range[0].last, range[1].start);
	gm_iodev_free(m.dev);
	m.dev = NULL;
	num = 4;
	GM_EXPECT_OK(ranges(&m, range, &num, &align));
	GM_EXPECT(num == 2 && !range[0].start && range[1].last == ~0ULL && align == 1,
		  "detached: %u ranges, first from %#llx, last to %#llx, alignment %lu", num,
		  range[0].start, range[1].last, align);
	dma_memory_free(&m);
}

/* A map that a device cannot have prevents its attach. */
GM_CASE(outside, .name = "iommu.map_file_args.outside", .flags = GM_REFUSAL,
	.text = "attach to a space with a map outside the aperture, or not aligned to the device's page size: EADDRINUSE")
{
	const struct {
		uint64_t iova, off, len;
	} bad[] = {
		{ PG, 0, PG },		{ 1UL << 31, 0, PG }, { (1UL << 24) - PG, 0, 2 * PG },
		{ IOVA + 1024, 0, PG }, { IOVA, 1024, PG },   { IOVA, 0, 1024 },
	};
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 4 * PG, 0);

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct gm_iodev *dev;

		gm_map_file(m.iommu, m.ioas, m.fd, bad[i].off, bad[i].len, bad[i].iova, GM_RW);
		dev = __gm_iodev_new(m.iommu, m.ioas);
		GM_EXPECT(
			!dev && errno == EADDRINUSE,
			"map of %#lx bytes at offset %#lx, IOVA %#lx: expected EADDRINUSE, observed %s",
			bad[i].len, bad[i].off, bad[i].iova,
			dev ? "success" : gm_errno_name(errno));
		if (dev)
			gm_iodev_free(dev);
		gm_unmap(m.iommu, m.ioas, bad[i].iova, bad[i].len);
		dev = __gm_iodev_new(m.iommu, m.ioas);
		gm_promise(dev, "the device attaches after the unmap");
		gm_iodev_free(dev);
	}
	dma_memory_free(&m);
}

/* All users of an address space share its alignment; existing maps must suit a new user. */
GM_CASE(user_align, .name = "iommu.map_file_args.user_align", .flags = GM_REFUSAL,
	.text = "an in-kernel user that pins requires whole pages: EADDRINUSE with a map of half a page, and EINVAL for new ones")
{
	struct dma_memory m = dma_memory_new_unattached(self->iommu, 4 * PG, 0);
	uint64_t at = IOVA, align;
	struct iommu_iova_range range[4];
	uint32_t num = 4;
	int user;

	gm_map_file(m.iommu, m.ioas, m.fd, 2048, 2048, IOVA + 2048, GM_RW);
	GM_EXPECT_ERRNO(EADDRINUSE, __gm_access_new(m.iommu, m.ioas, true), "a map of half a page");
	gm_unmap(m.iommu, m.ioas, IOVA + 2048, 2048);
	user = __gm_access_new(m.iommu, m.ioas, true);
	gm_promise(user >= 0, "after its unmap: %s", gm_errno_name(errno));
	GM_EXPECT_OK(ranges(&m, range, &num, &align));
	GM_EXPECT_EQ(align, PG, "the reported alignment");
	GM_EXPECT_ERRNO(EINVAL, __gm_map_file(m.iommu, m.ioas, m.fd, 0, 2048, &at, GM_RW),
			"half a page, with the user");
	GM_EXPECT_ERRNO(EINVAL, __gm_map_file(m.iommu, m.ioas, m.fd, 2048, PG, &at, GM_RW),
			"half a page off, with the user");
	gm_map_file(m.iommu, m.ioas, m.fd, 0, 2 * PG, IOVA, GM_RW);
	GM_EXPECT_ERRNO(EINVAL, __gm_access_pin(m.iommu, user, IOVA + 2048, 2048, NULL, true),
			"a pin from inside a page");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "the refused pin left pins");
	/* The end of a pin may lie anywhere in the last page of the last map. */
	GM_EXPECT_OK(__gm_access_pin(m.iommu, user, IOVA + PG, 2048, m.hva + PG, true));
	close(user);
	num = 4;
	GM_EXPECT_OK(ranges(&m, range, &num, &align));
	GM_EXPECT_EQ(align, 1, "the alignment without the user");
	at = IOVA + 4 * PG + 2048;
	GM_EXPECT_OK(__gm_map_file(m.iommu, m.ioas, m.fd, 2048, 2048, &at, GM_RW),
		     "half a page, without the user");
	dma_memory_free(&m);
}
