// SPDX-License-Identifier: GPL-2.0-only
/* Read and write permissions of maps: iommu.map_file_perms. */
#include "dma_memory.h"

GM_FILE(.clause = "iommu.map_file_perms", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.caps = GM_CAPS(CAP_IPC_LOCK), .flags = GM_REFUSAL)

#define PG GM_PAGE_SIZE

/* The device writes to a page; expects that this changes the page only if `allowed`. */
static void try_write(struct dma_memory *m, uint64_t iova, uint64_t off, bool allowed,
		      const char *what)
{
	volatile uint64_t *w = (void *)(m->hva + off + 0x248);
	uint64_t old = *w, data = gm_word(off / PG, GM_WRITER_DEVICE, 7, 0x49);

	__gm_dma_write(m->dev, iova + 0x248, &data, sizeof(data));
	GM_EXPECT_AT(GM_PAGE(.iova = GM_AT(iova), .off = GM_AT(off)), *w == (allowed ? data : old),
		     "%s: expected %s, observed %s", what, gm_word_str(allowed ? data : old),
		     gm_word_str(*w));
	if (allowed)
		gm_promise(*w == data, "a device write to a writable map");
	*w = old;
}

GM_CASE(readonly, .name = "iommu.map_file_perms.readonly", .iommus = GM_IOMMUS(MOCK, VFIO),
	.text = "a device can read a read-only map, not write it; it can write the writable map beside it")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 2 * PG, IOVA, GM_RO);
	gm_map_file(m.iommu, m.ioas, m.fd, PG, 2 * PG, IOVA + 2 * PG, GM_RW);
	gm_dma_expect_same(m.dev, IOVA + PG + 0x240, m.hva + PG + 0x240, 16, "read-only");
	try_write(&m, IOVA, 0, false, "a read-only page");
	try_write(&m, IOVA + PG, PG, false, "the last read-only page");
	try_write(&m, IOVA + 2 * PG, PG, true, "the same page, mapped writable too");
	dma_memory_check(&m, 0, m.size, "at the end");
	dma_memory_free(&m);
}

GM_CASE(readonly_2m, .name = "iommu.map_file_perms.readonly_2m", .iommus = GM_IOMMUS(MOCK, VFIO),
	.huge_2m = 1, .text = "the same with a whole 2 MiB page")
{
	struct dma_memory m = dma_memory_new(self->iommu, GM_2M, GM_2M);

	gm_map_file(m.iommu, m.ioas, m.fd, 0, GM_2M, IOVA, GM_RO);
	gm_map_file(m.iommu, m.ioas, m.fd, 0, GM_2M, IOVA + GM_2M, GM_RW);
	gm_dma_expect_same(m.dev, IOVA + 0x1ff000, m.hva + 0x1ff000, 16, "read-only");
	try_write(&m, IOVA + 0x123000, 0x123000, false, "inside a read-only 2 MiB page");
	try_write(&m, IOVA + GM_2M + 0x123000, 0x123000, true, "the same page, mapped writable");
	dma_memory_check(&m, 0, m.size, "at the end");
	dma_memory_free(&m);
}

GM_CASE(writeonly, .name = "iommu.map_file_perms.writeonly",
	.text = "a device can write a write-only map, not read it; other accesses are EPERM")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);
	uint64_t word = 1;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, PG, IOVA, GM_WO);
	gm_map_file(m.iommu, m.ioas, m.fd, PG, PG, IOVA + PG, GM_RO);
	GM_EXPECT_ERRNO(EPERM, __gm_dma_read(m.dev, IOVA, &word, 8), "write-only");
	GM_EXPECT_ERRNO(EPERM, __gm_dma_write(m.dev, IOVA + PG, &word, 8), "read-only");
	GM_EXPECT_ERRNO(EPERM, __gm_dma_write(m.dev, IOVA + PG - 4, &word, 8),
			"into a read-only page");
	gm_host_fill(m.hva, 0, 1, GM_WRITER_HOST, 1);
	try_write(&m, IOVA, 0, true, "write-only");
	gm_dma_expect_same(m.dev, IOVA + PG, m.hva + PG, PG, "read-only");
	dma_memory_check(&m, 0, m.size, "at the end");
	dma_memory_free(&m);
}

GM_CASE(copy, .name = "iommu.map_file_perms.copy",
	.text = "IOAS_COPY makes no writable copy of a read-only map, but a read-only copy of a writable one")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);
	uint64_t at = IOVA + 16 * PG, word = 1;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 2 * PG, IOVA, GM_RO);
	gm_map_file(m.iommu, m.ioas, m.fd, 2 * PG, 2 * PG, IOVA + 4 * PG, GM_RW);
	GM_EXPECT_ERRNO(EPERM, __gm_ioas_copy(m.iommu, m.ioas, m.ioas, IOVA, PG, &at, GM_RW));
	GM_EXPECT_ERRNO(EPERM, __gm_ioas_copy(m.iommu, m.ioas, m.ioas, IOVA, PG, &at, GM_WO));
	gm_promise(!__gm_ioas_copy(m.iommu, m.ioas, m.ioas, IOVA, 2 * PG, &at, GM_RO),
		   "a read-only copy at the same IOVA");
	dma_memory_mapped(&m, 0, 2 * PG, IOVA + 16 * PG);
	GM_EXPECT_ERRNO(EPERM, __gm_dma_write(m.dev, IOVA + 16 * PG, &word, 8), "the copy");
	at = IOVA + 32 * PG;
	GM_EXPECT_OK(__gm_ioas_copy(m.iommu, m.ioas, m.ioas, IOVA + 4 * PG, 2 * PG, &at, GM_RO),
		     "a read-only copy of a writable map");
	GM_EXPECT_ERRNO(EPERM, __gm_dma_write(m.dev, at, &word, 8), "that copy");
	try_write(&m, IOVA + 4 * PG, 2 * PG, true, "the original");
	dma_memory_check(&m, 0, m.size, "at the end");
	dma_memory_free(&m);
}

/* In-kernel users get the permissions of the area, not of a page table. */
GM_CASE(access_pin, .name = "iommu.map_file_perms.access",
	.text = "an in-kernel user may pin a read-only map, or copy of one, for reading only")
{
	struct dma_memory m = dma_memory_new(self->iommu, 4 * PG, 0);
	int user = gm_access_new(m.iommu, m.ioas, true), item;
	uint64_t at = IOVA + 4 * PG;

	gm_map_file(m.iommu, m.ioas, m.fd, 0, 2 * PG, IOVA, GM_RO);
	gm_map_file(m.iommu, m.ioas, m.fd, 2 * PG, 2 * PG, IOVA + 2 * PG, GM_RW);
	GM_EXPECT_ERRNO(EPERM, __gm_access_pin(m.iommu, user, IOVA, PG, m.hva, true));
	GM_EXPECT_ERRNO(EPERM, __gm_access_pin(m.iommu, user, IOVA + PG, 2 * PG, m.hva + PG, true),
			"from a read-only into a writable map");
	item = __gm_access_pin(m.iommu, user, IOVA, 4 * PG, m.hva, false);
	gm_promise(item >= 0, "pinning all of it for reading");
	item = __gm_access_pin(m.iommu, user, IOVA + 2 * PG, 2 * PG, m.hva + 2 * PG, true);
	gm_promise(item >= 0, "pinning the writable one for writing");
	/* The copy has fewer permissions than the original. */
	GM_SETUP_OK(__gm_ioas_copy(m.iommu, m.ioas, m.ioas, IOVA + 2 * PG, 2 * PG, &at, GM_RO));
	GM_EXPECT_ERRNO(EPERM, __gm_access_pin(m.iommu, user, at, PG, m.hva + 2 * PG, true),
			"a read-only copy of a writable map");
	GM_EXPECT_ERRNO(EPERM,
			__gm_access_pin(m.iommu, user, IOVA + 3 * PG, 2 * PG, m.hva + 3 * PG, true),
			"from the writable map into its read-only copy");
	item = __gm_access_pin(m.iommu, user, at, 2 * PG, m.hva + 2 * PG, false);
	gm_promise(item >= 0, "pinning the copy for reading");
	GM_EXPECT_ERRNO(EINVAL, __gm_access_pin(m.iommu, user, at, 0, NULL, false), "length 0");
	close(user);
	dma_memory_free(&m);
}
