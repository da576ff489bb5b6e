// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps of guest_memfd by fd and offset, if iommufd has them: iommu.map_gmem, iommu.convert_pinned.
 */
#include "frames.h"
#include "guest.h"

GM_FILE(.clause = "iommu.map_gmem", .profile = "P6", .iommus = GM_IOMMUS(MOCK, VFIO),
	.needs = GM_NEEDS(KVM, MAP_GMEM), .caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE
#define GMEM (1ULL << GM_NEED_KVM | 1ULL << GM_NEED_MAP_GMEM)

/* The guest must read a word that the device writes at `off` of the file; then restores it. */
static void device_to_guest(struct dma_guest *g, uint64_t iova, uint64_t off)
{
	uint64_t word = gm_word((GM_BASE + off) / PG, GM_WRITER_DEVICE, 3, 9);
	uint64_t back = gm_word((GM_BASE + off) / PG, GM_WRITER_SHARED, 1, 9);
	struct gm_op op = { .code = GM_OP_READ, .addr = GM_BASE + off + 72 };
	struct gm_page page = gm_vm_page(g->vm, GM_BASE + off);

	__gm_dma_write(g->dev, iova + 72, &word, 8);
	gm_run(g->vm, 0, &op, 1);
	page.iova = GM_AT(iova);
	GM_EXPECT_AT(&page, op.val == word, "the device wrote %s, the guest reads %s",
		     gm_word_str(word), gm_word_str(op.val));
	__gm_dma_write(g->dev, iova + 72, &back, 8);
}

GM_CASE(shared, .name = "iommu.map_gmem.shared",
	.text = "shared pages by fd and offset: guest, host and device have the same pages, and the device no others")
{
	struct dma_guest g = dma_guest_new(self->iommu, 64 * PG);

	gm_map_file(g.iommu, g.ioas, g.gmem, 5 * PG, 4 * PG, IOVA, GM_RW);
	GM_EXPECT_EQ(gm_vm_pinned(), 4, "VmPin, pages");
	gm_dma_expect_maps(g.dev, IOVA, g.hva + 5 * PG, 4 * PG, "mapped");
	gm_dma_expect_same(g.dev, IOVA + 3 * PG, g.hva + 8 * PG, PG, "what the guest wrote");
	device_to_guest(&g, IOVA, 5 * PG);
	device_to_guest(&g, IOVA + 3 * PG, 8 * PG);
	gm_dma_expect_blocked(g.dev, IOVA + 4 * PG, g.hva + 9 * PG, "the page above");
	gm_guest_check(g.vm, 0, GM_BASE, 64, GM_WRITER_SHARED, 1, "after the DMA");
	gm_unmap(g.iommu, g.ioas, IOVA, 4 * PG);
	gm_dma_expect_blocked(g.dev, IOVA, g.hva + 5 * PG, "unmapped");
	dma_guest_free(&g);
}

GM_CASE(fresh, .name = "iommu.map_gmem.fresh",
	.text = "pages not allocated before and mapped nowhere else: zero, and the guest then has the same")
{
	struct dma_guest g = dma_guest_new(self->iommu, 64 * PG);
	const uint64_t n = gm_dma_cost_ms(g.dev) ? 4 : 1024;
	int gmem = gm_gmem_new(g.vm, (n + 8) * PG, SHARED);
	uint64_t word = gm_word(7, GM_WRITER_DEVICE, 5, 511), bad = 0;
	uint8_t *page = malloc(n * PG);
	struct gm_op op = { .code = GM_OP_READ, .addr = GM_BASE + GM_2M + 3 * PG - 8 };

	GM_SETUP(page, "out of memory");
	GM_SETUP(gm_frames_soil(4 * n * PG), "out of memory");
	gm_map_file(g.iommu, g.ioas, gmem, 2 * PG, n * PG, IOVA, GM_RW);
	memset(page, 0xff, n * PG);
	__gm_dma_read(g.dev, IOVA, page, n * PG);
	for (uint64_t i = 0; i < n * PG; i++)
		bad += !!page[i];
	GM_EXPECT_EQ(bad, 0, "bytes that are not zero in %lu fresh pages", n);
	__gm_dma_write(g.dev, IOVA + PG - 8, &word, 8);
	gm_slot_set(g.vm, GM_SLOT + 1, 0, GM_BASE + GM_2M, 8 * PG, g.hva, gmem, 0);
	gm_vm_map(g.vm, GM_BASE + GM_2M, 8 * PG, PG);
	gm_run(g.vm, 0, &op, 1);
	GM_EXPECT_EQ(op.val, word, "the device's word, read by the guest");
	gm_guest_check_zero(g.vm, 0, GM_BASE + GM_2M, 2, "the pages below");
	gm_guest_check_zero(g.vm, 0, GM_BASE + GM_2M + 3 * PG, 3, "the pages above");
	free(page);
	close(gmem);
	dma_guest_free(&g);
}

/* More page pointers than fit into a page, in several batches: each page in its place. */
GM_CASE(large, .name = "iommu.map_gmem.large", .iommu = GM_IOMMU_MOCK,
	.text = "1200 pages at an odd offset, in large and small batches: every page in its place, none stays pinned")
{
	static const uint32_t limit[] = { 65536, 480, 60 };
	struct dma_guest g = dma_guest_new(self->iommu, 64 * PG);
	uint64_t len = 1300 * PG;
	int gmem = gm_gmem_new(g.vm, len, SHARED);
	uint8_t *hva = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, gmem, 0);

	GM_SETUP(hva != MAP_FAILED, "mmap of shared guest_memfd: %s", gm_errno_name(errno));
	/* Out of order; the map allocates the pages left out. */
	for (uint64_t step = 0; step < 3; step++)
		for (uint64_t p = (step * 5) % 4; p < 1300; p += 4)
			gm_host_fill(hva + p * PG, p, 1, GM_WRITER_HOST, 1);
	for (unsigned int i = 0; i < sizeof(limit) / sizeof(limit[0]); i++) {
		gm_mock_memory_limit(g.iommu, limit[i]);
		gm_map_file(g.iommu, g.ioas, gmem, (7 + i) * PG, 1200 * PG, IOVA, GM_RW);
		GM_EXPECT(
			!__gm_mock_maps(g.iommu, g.dev->hwpt, IOVA, hva + (7 + i) * PG, 1200 * PG),
			"limit %u: the page table does not map the host's pages", limit[i]);
		GM_EXPECT(!__gm_mock_refs(g.iommu, hva + (7 + i) * PG, 1200 * PG, 1),
			  "limit %u: expected one pin per page", limit[i]);
		GM_EXPECT_EQ(gm_vm_pinned(), 1200, "limit %u: VmPin, pages", limit[i]);
		gm_unmap(g.iommu, g.ioas, IOVA, 1200 * PG);
		GM_EXPECT(!__gm_mock_refs(g.iommu, hva, len, 0), "limit %u: pages stay pinned",
			  limit[i]);
	}
	munmap(hva, len);
	close(gmem);
	dma_guest_free(&g);
}

#define FRAMES 256UL

GM_CASE(frames, .name = "iommu.map_gmem.frames", .iommu = GM_IOMMU_MOCK, .needs = GM_NEEDS(ROOT),
	.caps = GM_CAPS_ALL,
	.text = "mapped, unmapped, and the file closed: every page frame is free again")
{
	struct dma_guest g = dma_guest_new(self->iommu, 64 * PG);
	int gmem = gm_gmem_new(g.vm, FRAMES * PG, SHARED);
	uint8_t *hva = mmap(NULL, FRAMES * PG, PROT_READ | PROT_WRITE, MAP_SHARED, gmem, 0);
	uint64_t pfn[FRAMES];

	GM_SETUP(hva != MAP_FAILED, "mmap of shared guest_memfd: %s", gm_errno_name(errno));
	memset(hva, 1, FRAMES * PG);
	GM_SETUP(gm_frames_read(hva, FRAMES, pfn), "/proc/self/pagemap has no frames");
	GM_SETUP(gm_frames_marked(pfn, FRAMES) > (long)FRAMES / 2,
		 "pages of guest_memfd are not marked unevictable");
	gm_map_file(g.iommu, g.ioas, gmem, 0, FRAMES * PG, IOVA, GM_RW);
	gm_unmap(g.iommu, g.ioas, IOVA, FRAMES * PG);
	gm_map_file(g.iommu, g.ioas, gmem, PG, (FRAMES - 1) * PG, IOVA, GM_RO);
	gm_unmap(g.iommu, g.ioas, IOVA, (FRAMES - 1) * PG);
	munmap(hva, FRAMES * PG);
	close(gmem);
	GM_EXPECT_EQ(gm_frames_marked(pfn, FRAMES), 0,
		     "page frames of the closed file still in use");
	dma_guest_free(&g);
}

static bool refused(int err)
{
	return err == EACCES || err == EPERM || err == EINVAL || err == EFAULT;
}

GM_CASE(private, .name = "iommu.map_gmem.private", .flags = GM_REFUSAL,
	.text = "private pages are refused: the map if a device is attached, else the map or the attach; no page stays pinned")
{
	static const uint64_t flags[] = { GUEST_MEMFD_FLAG_MMAP, 0 };
	struct dma_guest g = dma_guest_new(self->iommu, 64 * PG);
	uint64_t at, len;

	for (int i = 0; i < 2; i++) {
		int gmem = gm_gmem_new(g.vm, 4 * PG, flags[i]), ret;
		struct gm_iodev *dev;

		gm_gmem_allocate(gmem, 0, 4 * PG);
		at = IOVA;
		ret = __gm_map_file(g.iommu, g.ioas, gmem, PG, 2 * PG, &at, GM_RO);
		GM_EXPECT(ret && refused(errno), "attached: expected a refusal, observed %s",
			  ret ? gm_errno_name(errno) : "success");
		GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the refusal, pages");
		gm_iodev_free(g.dev);
		ret = __gm_map_file(g.iommu, g.ioas, gmem, PG, 2 * PG, &at, GM_RO);
		dev = __gm_iodev_new(g.iommu, g.ioas);
		GM_EXPECT(ret || !dev, "neither the map nor the attach after it was refused");
		len = 2 * PG;
		if (!ret)
			GM_EXPECT_OK(__gm_unmap(g.iommu, g.ioas, IOVA, &len));
		g.dev = dev ?: gm_iodev_new(g.iommu, g.ioas);
		gm_promise(!__gm_map_file(g.iommu, g.ioas, g.gmem, PG, 2 * PG, &at, GM_RO),
			   "shared pages at the same IOVA");
		gm_unmap(g.iommu, g.ioas, IOVA, 2 * PG);
		close(gmem);
	}
	dma_guest_free(&g);
}

GM_CASE(bounds, .name = "iommu.map_gmem.bounds", .flags = GM_REFUSAL,
	.text = "past the end of the file: EINVAL; the last page can be mapped")
{
	struct dma_guest g = dma_guest_new(self->iommu, 64 * PG);
	uint64_t at = IOVA;

	GM_EXPECT_ERRNO(EINVAL, __gm_map_file(g.iommu, g.ioas, g.gmem, 64 * PG, PG, &at, GM_RW),
			"past the end");
	GM_EXPECT_ERRNO(EINVAL, __gm_map_file(g.iommu, g.ioas, g.gmem, 63 * PG, 2 * PG, &at, GM_RW),
			"across the end");
	GM_EXPECT_ERRNO(EINVAL, __gm_map_file(g.iommu, g.ioas, g.gmem, 1UL << 63, PG, &at, GM_RW),
			"negative offset");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin, pages");
	gm_promise(!__gm_map_file(g.iommu, g.ioas, g.gmem, 63 * PG, PG, &at, GM_RW),
		   "the last page");
	gm_dma_prove_same_page(g.dev, IOVA, g.hva + 63 * PG, "the last page");
	dma_guest_free(&g);
}

/*
 * The file has removed a page that a device had: the device must reach neither the old page nor the
 * file's new one. iova: of the page.
 */
static void expect_removed(struct dma_guest *g, uint64_t iova, uint64_t page, unsigned int word)
{
	uint64_t w = 0, old = gm_word(GM_BASE / PG + page, GM_WRITER_SHARED, 1, word);

	__gm_dma_read(g->dev, iova + word * 8, &w, 8);
	GM_EXPECT_AT(GM_PAGE(.iova = GM_AT(iova), .off = GM_AT(page * PG)), w != old,
		     "the file has removed page %lu, and the device still reads it", page);
	gm_dma_expect_blocked(g->dev, iova + word * 8, g->hva + page * PG + word * 8,
			      "a page that the file has removed");
}

/* Guest and host still see all data. */
static void expect_unchanged(struct dma_guest *g)
{
	gm_guest_check(g->vm, 0, GM_BASE, 64, GM_WRITER_SHARED, 1, "after the refused hole");
	gm_host_check(g->hva, GM_BASE / PG, 64, GM_WRITER_SHARED, 1, "after the refused hole");
}

/*
 * Two results are right: EAGAIN while a device has the page, and nothing changes; or the hole is
 * made, and the device has lost the page before the file.
 */
GM_CASE(hole, .name = "iommu.convert_pinned.hole", .clause = "iommu.convert_pinned",
	.text = "a hole under a map: EAGAIN and no effect, or the device loses the page; it works after the unmap")
{
	const struct {
		uint64_t off, len;
	} at[] = {
		{ 5 * PG, PG },	    { 8 * PG, PG }, { 4 * PG, 2 * PG },
		{ 8 * PG, 3 * PG }, { 0, 64 * PG },
	};
	struct dma_guest g = dma_guest_new(self->iommu, 64 * PG);

	gm_map_file(g.iommu, g.ioas, g.gmem, 5 * PG, 4 * PG, IOVA, GM_RW);
	for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		if (__gm_gmem_punch(g.gmem, at[i].off, at[i].len)) {
			GM_EXPECT_EQ(errno, EAGAIN, "errno of a hole [%#lx, +%#lx) under a map",
				     at[i].off, at[i].len);
			expect_unchanged(&g);
			continue;
		}
		gm_guest_check_zero(g.vm, 0, GM_BASE + at[i].off, at[i].len / PG, "in the hole");
		for (uint64_t page = 5; page < 9; page++)
			if (page * PG >= at[i].off && page * PG < at[i].off + at[i].len)
				expect_removed(&g, IOVA + (page - 5) * PG, page, 0);
		gm_guest_fill(g.vm, 0, GM_BASE, 64, GM_WRITER_SHARED, 1);
		gm_unmap(g.iommu, g.ioas, IOVA, 4 * PG);
		gm_map_file(g.iommu, g.ioas, g.gmem, 5 * PG, 4 * PG, IOVA, GM_RW);
	}
	gm_dma_prove_same_page(g.dev, IOVA + 3 * PG, g.hva + 8 * PG, "the map after all holes");
	/* Holes beside the map always work. */
	gm_gmem_punch(g.gmem, 4 * PG, PG);
	gm_gmem_punch(g.gmem, 9 * PG, PG);
	gm_guest_check_zero(g.vm, 0, GM_BASE + 9 * PG, 1, "the hole above the map");
	gm_guest_check(g.vm, 0, GM_BASE + 5 * PG, 4, GM_WRITER_SHARED, 1,
		       "the map between the holes");
	gm_unmap(g.iommu, g.ioas, IOVA, 4 * PG);
	GM_EXPECT_OK(__gm_gmem_punch(g.gmem, 5 * PG, 4 * PG), "after the unmap");
	gm_guest_check_zero(g.vm, 0, GM_BASE + 5 * PG, 4, "the hole after the unmap");
	dma_guest_free(&g);
}

GM_CASE(copy, .name = "iommu.convert_pinned.copy", .clause = "iommu.convert_pinned",
	.text = "the map is unmapped and a copy of it stays: the page is still held")
{
	struct dma_guest g = dma_guest_new(self->iommu, 64 * PG);
	uint64_t at = IOVA + 16 * PG;

	gm_map_file(g.iommu, g.ioas, g.gmem, 5 * PG, 4 * PG, IOVA, GM_RW);
	GM_EXPECT_OK(__gm_ioas_copy(g.iommu, g.ioas, g.ioas, IOVA + PG, PG, &at, GM_RW));
	gm_unmap(g.iommu, g.ioas, IOVA, 4 * PG);
	if (__gm_gmem_punch(g.gmem, 6 * PG, PG)) {
		GM_EXPECT_EQ(errno, EAGAIN, "errno of the hole");
		gm_dma_prove_same_page(g.dev, at, g.hva + 6 * PG, "the copy");
	} else {
		expect_removed(&g, at, 6, 0);
	}
	gm_unmap(g.iommu, g.ioas, at, PG);
	GM_EXPECT_OK(__gm_gmem_punch(g.gmem, 5 * PG, 4 * PG), "after the unmap of the copy");
	dma_guest_free(&g);
}

GM_CASE(twice, .name = "iommu.convert_pinned.twice", .clause = "iommu.convert_pinned",
	.text = "two maps of one page, and one of another: each page is held until its last unmap")
{
	struct dma_guest g = dma_guest_new(self->iommu, 64 * PG);
	uint64_t at[3] = { IOVA, IOVA + 16 * PG, IOVA + 32 * PG };
	const uint64_t len[3] = { 3 * PG, PG, 2 * PG };

	gm_map_file(g.iommu, g.ioas, g.gmem, 5 * PG, len[0], at[0], GM_RW);
	gm_map_file(g.iommu, g.ioas, g.gmem, 5 * PG, len[1], at[1], GM_RO);
	gm_map_file(g.iommu, g.ioas, g.gmem, 20 * PG, len[2], at[2], GM_RW);
	for (int i = 0; i < 3; i++) {
		/* A hole in page 5 while it has two maps, then one; then in page 21. */
		if (__gm_gmem_punch(g.gmem, (i == 2 ? 21 : 5) * PG, PG)) {
			GM_EXPECT_EQ(errno, EAGAIN, "errno of the hole, %d maps unmapped", i);
			expect_unchanged(&g);
		} else {
			expect_removed(&g, i == 2 ? at[2] + PG : at[i], i == 2 ? 21 : 5, 511);
			gm_guest_fill(g.vm, 0, GM_BASE, 64, GM_WRITER_SHARED, 1);
		}
		gm_unmap(g.iommu, g.ioas, at[i], len[i]);
	}
	GM_EXPECT_OK(__gm_gmem_punch(g.gmem, 0, 64 * PG), "after the unmap");
	dma_guest_free(&g);
}

GM_CASE(subpage, .name = "iommu.convert_pinned.subpage", .clause = "iommu.convert_pinned",
	.iommu = GM_IOMMU_MOCK,
	.text = "half a page at either end of a map: the whole page is held, or the device loses it")
{
	struct dma_guest g = dma_guest_new(self->iommu, 64 * PG);
	static const uint64_t page[] = { 5, 8 };

	gm_map_file(g.iommu, g.ioas, g.gmem, 5 * PG + 2048, 3 * PG, IOVA + 2048, GM_RW);
	GM_EXPECT_EQ(gm_vm_pinned(), 4, "VmPin, pages");
	for (int i = 0; i < 2; i++) {
		uint64_t iova = IOVA + i * 3 * PG;

		if (__gm_gmem_punch(g.gmem, page[i] * PG, PG))
			GM_EXPECT_EQ(errno, EAGAIN, "errno of the hole in page %lu", page[i]);
		else
			expect_removed(&g, iova, page[i], i ? 0 : 511);
	}
	GM_EXPECT_OK(__gm_gmem_punch(g.gmem, 4 * PG, PG), "the page below");
	GM_EXPECT_OK(__gm_gmem_punch(g.gmem, 9 * PG, PG), "the page above");
	gm_unmap(g.iommu, g.ioas, IOVA + 2048, 3 * PG);
	GM_EXPECT_OK(__gm_gmem_punch(g.gmem, 5 * PG, 4 * PG), "after the unmap");
	dma_guest_free(&g);
}

GM_CASE(outlive, .name = "iommu.map_gmem.outlive",
	.text = "the VM is freed and the fd closed: the device keeps the pages until the unmap")
{
	struct dma_guest g = dma_guest_new(self->iommu, 64 * PG);
	uint64_t w[1], want = gm_word(GM_BASE / PG + 6, GM_WRITER_SHARED, 1, 511);

	gm_map_file(g.iommu, g.ioas, g.gmem, 5 * PG, 2 * PG, IOVA, GM_RW);
	munmap(g.hva, 64 * PG);
	gm_vm_free(g.vm);
	close(g.gmem);
	__gm_dma_read(g.dev, IOVA + 2 * PG - 8, w, 8);
	GM_EXPECT(w[0] == want, "the device reads %s, expected %s", gm_word_str(w[0]),
		  gm_word_str(want));
	gm_unmap(g.iommu, g.ioas, IOVA, 2 * PG);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	gm_iodev_free(g.dev);
	gm_iommu_free(g.iommu);
}
