// SPDX-License-Identifier: GPL-2.0-only
/* Who may do what with a map: iommu.map_file_perms. */
#include "fx.h"

#define PG GM_PAGE_SIZE

/* The device tries to write a page that the host wrote; `allowed` says what must come of it. */
static void try_write(struct fx *fx, uint64_t iova, uint64_t off, bool allowed, const char *what)
{
	volatile uint64_t *w = (void *)(fx->hva + off + 0x248);
	uint64_t old = *w, data = gm_word(off / PG, GM_HALF_DEVICE, 7, 0x49);

	__gm_dma_write(fx->dev, iova + 0x248, &data, sizeof(data));
	GM_EXPECT_AT(GM_PAGE(.iova = iova, .off = off), *w == (allowed ? data : old),
		     "%s: expected %s, observed %s", what, gm_word_str(allowed ? data : old),
		     gm_word_str(*w));
	if (allowed)
		gm_control(*w == data, "the device writes where it may");
	*w = old;
}

GM_IOMMU_CASES(readonly, "iommu.map_file_perms.readonly", .clause = "iommu.map_file_perms",
	       .flags = GM_REFUSAL,
	       .text = "a read-only map is read and not written; the writable map beside it is")
{
	struct fx fx = fx_new(self, 4 * PG, 0);

	gm_map_file(fx.iommu, fx.ioas, fx.fd, 0, 2 * PG, IOVA, GM_RO);
	gm_map_file(fx.iommu, fx.ioas, fx.fd, PG, 2 * PG, IOVA + 2 * PG, GM_RW);
	gm_dma_expect_same(fx.dev, IOVA + PG + 0x240, fx.hva + PG + 0x240, 16, "read-only");
	try_write(&fx, IOVA, 0, false, "a read-only page");
	try_write(&fx, IOVA + PG, PG, false, "the last read-only page");
	try_write(&fx, IOVA + 2 * PG, PG, true, "the same page, mapped writable too");
	fx_check(&fx, 0, fx.size, "after it all");
	fx_free(&fx);
}

GM_IOMMU_CASES(readonly_2m, "iommu.map_file_perms.readonly_2m", .clause = "iommu.map_file_perms",
	       .huge_2m = 1, .flags = GM_REFUSAL, .text = "the same with a whole 2 MiB page")
{
	struct fx fx = fx_new(self, GM_2M, GM_2M);

	gm_map_file(fx.iommu, fx.ioas, fx.fd, 0, GM_2M, IOVA, GM_RO);
	gm_map_file(fx.iommu, fx.ioas, fx.fd, 0, GM_2M, IOVA + GM_2M, GM_RW);
	gm_dma_expect_same(fx.dev, IOVA + 0x1ff000, fx.hva + 0x1ff000, 16, "read-only");
	try_write(&fx, IOVA + 0x123000, 0x123000, false, "inside a read-only 2 MiB page");
	try_write(&fx, IOVA + GM_2M + 0x123000, 0x123000, true, "the same page, mapped writable");
	fx_check(&fx, 0, fx.size, "after it all");
	fx_free(&fx);
}

GM_MOCK_CASE(writeonly, .name = "iommu.map_file_perms.writeonly", .clause = "iommu.map_file_perms",
	     .flags = GM_REFUSAL,
	     .text = "a write-only map is written and not read; wrong accesses are EPERM")
{
	struct fx fx = fx_new(self, 4 * PG, 0);
	uint64_t word = 1;

	gm_map_file(fx.iommu, fx.ioas, fx.fd, 0, PG, IOVA, GM_WO);
	gm_map_file(fx.iommu, fx.ioas, fx.fd, PG, PG, IOVA + PG, GM_RO);
	GM_EXPECT_ERRNO(EPERM, __gm_dma_read(fx.dev, IOVA, &word, 8), "write-only");
	GM_EXPECT_ERRNO(EPERM, __gm_dma_write(fx.dev, IOVA + PG, &word, 8), "read-only");
	GM_EXPECT_ERRNO(EPERM, __gm_dma_write(fx.dev, IOVA + PG - 4, &word, 8),
			"into a read-only page");
	gm_host_fill(fx.hva, 0, 1, GM_HALF_HOST, 1);
	try_write(&fx, IOVA, 0, true, "write-only");
	gm_dma_expect_same(fx.dev, IOVA + PG, fx.hva + PG, PG, "read-only");
	fx_check(&fx, 0, fx.size, "after it all");
	fx_free(&fx);
}

GM_MOCK_CASE(copy, .name = "iommu.map_file_perms.copy", .clause = "iommu.map_file_perms",
	     .flags = GM_REFUSAL,
	     .text = "IOAS_COPY makes no writable map of a read-only one; the reverse it does")
{
	struct fx fx = fx_new(self, 4 * PG, 0);
	uint64_t at = IOVA + 16 * PG, word = 1;

	gm_map_file(fx.iommu, fx.ioas, fx.fd, 0, 2 * PG, IOVA, GM_RO);
	gm_map_file(fx.iommu, fx.ioas, fx.fd, 2 * PG, 2 * PG, IOVA + 4 * PG, GM_RW);
	GM_EXPECT_ERRNO(EPERM, __gm_ioas_copy(fx.iommu, fx.ioas, fx.ioas, IOVA, PG, &at, GM_RW));
	GM_EXPECT_ERRNO(EPERM, __gm_ioas_copy(fx.iommu, fx.ioas, fx.ioas, IOVA, PG, &at, GM_WO));
	gm_control(!__gm_ioas_copy(fx.iommu, fx.ioas, fx.ioas, IOVA, 2 * PG, &at, GM_RO),
		   "a read-only copy of it is fine, at the same IOVA");
	fx_maps(&fx, 0, 2 * PG, IOVA + 16 * PG);
	GM_EXPECT_ERRNO(EPERM, __gm_dma_write(fx.dev, IOVA + 16 * PG, &word, 8), "the copy");
	at = IOVA + 32 * PG;
	GM_EXPECT_OK(__gm_ioas_copy(fx.iommu, fx.ioas, fx.ioas, IOVA + 4 * PG, 2 * PG, &at, GM_RO),
		     "a read-only copy of a writable map");
	GM_EXPECT_ERRNO(EPERM, __gm_dma_write(fx.dev, at, &word, 8), "that copy");
	try_write(&fx, IOVA + 4 * PG, 2 * PG, true, "what it was copied from");
	fx_check(&fx, 0, fx.size, "after it all");
	fx_free(&fx);
}

/* Real page tables hold the permission too, not only the areas that in-kernel users see. */
GM_MOCK_CASE(access_pin, .name = "iommu.map_file_perms.access", .clause = "iommu.map_file_perms",
	     .flags = GM_REFUSAL,
	     .text = "an in-kernel user may pin a read-only map, or copy of one, for reading only")
{
	struct fx fx = fx_new(self, 4 * PG, 0);
	int user = gm_access_new(fx.iommu, fx.ioas, true), item;
	uint64_t at = IOVA + 4 * PG;

	gm_map_file(fx.iommu, fx.ioas, fx.fd, 0, 2 * PG, IOVA, GM_RO);
	gm_map_file(fx.iommu, fx.ioas, fx.fd, 2 * PG, 2 * PG, IOVA + 2 * PG, GM_RW);
	GM_EXPECT_ERRNO(EPERM, __gm_access_pin(fx.iommu, user, IOVA, PG, fx.hva, true));
	GM_EXPECT_ERRNO(EPERM,
			__gm_access_pin(fx.iommu, user, IOVA + PG, 2 * PG, fx.hva + PG, true),
			"from a read-only into a writable map");
	item = __gm_access_pin(fx.iommu, user, IOVA, 4 * PG, fx.hva, false);
	gm_control(item >= 0, "pinning all of it for reading");
	item = __gm_access_pin(fx.iommu, user, IOVA + 2 * PG, 2 * PG, fx.hva + 2 * PG, true);
	gm_control(item >= 0, "pinning the writable one for writing");
	/* The copy may less than the pages, and than the map beside it. */
	GM_SETUP_OK(__gm_ioas_copy(fx.iommu, fx.ioas, fx.ioas, IOVA + 2 * PG, 2 * PG, &at, GM_RO));
	GM_EXPECT_ERRNO(EPERM, __gm_access_pin(fx.iommu, user, at, PG, fx.hva + 2 * PG, true),
			"a read-only copy of a writable map");
	GM_EXPECT_ERRNO(
		EPERM,
		__gm_access_pin(fx.iommu, user, IOVA + 3 * PG, 2 * PG, fx.hva + 3 * PG, true),
		"from the writable map into its read-only copy");
	item = __gm_access_pin(fx.iommu, user, at, 2 * PG, fx.hva + 2 * PG, false);
	gm_control(item >= 0, "pinning the copy for reading");
	GM_EXPECT_ERRNO(EINVAL, __gm_access_pin(fx.iommu, user, at, 0, NULL, false), "no bytes");
	close(user);
	fx_free(&fx);
}
