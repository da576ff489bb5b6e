// SPDX-License-Identifier: GPL-2.0-only
/* guest_memfd by fd and offset, where iommufd knows it: iommu.map_gmem, iommu.convert_pinned. */
#include "fixture.h"

#define PG GM_PAGE_SIZE
#define SHARED (GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED)
#define GMEM (1ULL << GM_NEED_KVM | 1ULL << GM_NEED_MAP_GMEM)
#define BOTH(fn, n, ...)                                                                           \
	static void fn(const struct gm_case *self);                                                \
	GM_VARIANT(fn, fn##_mock, .name = n ".mock", .needs = GM_IOMMU_NEEDS_MOCK | GMEM,          \
		   .val = GM_IOMMU_MOCK, .caps = GM_CAPS(CAP_IPC_LOCK), .profile = "P6",           \
		   .tokens = GM_TOKEN_IOMMU, __VA_ARGS__)                                          \
	GM_VARIANT(fn, fn##_dma, .name = n ".dma", .needs = GM_IOMMU_NEEDS_DMA | GMEM,             \
		   .val = GM_IOMMU_VFIO, .caps = GM_CAPS(CAP_IPC_LOCK), .profile = "P6",           \
		   .tokens = GM_TOKEN_IOMMU, __VA_ARGS__)                                          \
	static void fn(const struct gm_case *self __attribute__((unused)))

/* A VM with 64 pages of shared guest_memfd at GM_BASE, and a device with an empty space. */
struct gfx {
	struct gm_vm *vm;
	int gmem;
	uint8_t *hva; /* NULL without GUEST_MEMFD_FLAG_MMAP */
	struct gm_iommu *iommu;
	uint32_t ioas;
	struct gm_iodev *dev;
};

static struct gfx gfx_new(const struct gm_case *self)
{
	struct gfx g = { .vm = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 1) };

	g.gmem = gm_gmem_new(g.vm, 64 * PG, SHARED);
	g.hva = mmap(NULL, 64 * PG, PROT_READ | PROT_WRITE, MAP_SHARED, g.gmem, 0);
	GM_SETUP(g.hva != MAP_FAILED, "mmap of shared guest_memfd: %s", gm_errno_name(errno));
	gm_slot_set(g.vm, GM_SLOT, 0, GM_BASE, 64 * PG, g.hva, g.gmem, 0);
	gm_vm_map(g.vm, GM_BASE, 64 * PG, PG);
	gm_guest_fill(g.vm, 0, GM_BASE, 64, GM_HALF_SHARED, 1);
	g.iommu = gm_iommu_new(self->val);
	g.ioas = gm_ioas_new(g.iommu);
	g.dev = gm_iodev_new(g.iommu, g.ioas);
	return g;
}

static void gfx_free(struct gfx *g)
{
	gm_iodev_free(g->dev);
	gm_iommu_free(g->iommu);
	munmap(g->hva, 64 * PG);
	gm_vm_free(g->vm);
	close(g->gmem);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
}

/* A word that the device writes at page `off` of its map, seen by the guest; then put back. */
static void device_to_guest(struct gfx *g, uint64_t iova, uint64_t off)
{
	uint64_t word = gm_word((GM_BASE + off) / PG, GM_HALF_DEVICE, 3, 9);
	uint64_t back = gm_word((GM_BASE + off) / PG, GM_HALF_SHARED, 1, 9);
	struct gm_op op = { .code = GM_OP_READ, .addr = GM_BASE + off + 72 };
	struct gm_page page = gm_vm_page(g->vm, GM_BASE + off);

	__gm_dma_write(g->dev, iova + 72, &word, 8);
	gm_run(g->vm, 0, &op, 1);
	page.iova = iova;
	GM_EXPECT_AT(&page, op.val == word, "the device wrote %s, the guest reads %s",
		     gm_word_str(word), gm_word_str(op.val));
	__gm_dma_write(g->dev, iova + 72, &back, 8);
}

BOTH(shared, "iommu.map_gmem.shared", .clause = "iommu.map_gmem",
     .text = "shared pages by fd and offset: guest, host and device are on the same pages, no others")
{
	struct gfx g = gfx_new(self);

	gm_map_file(g.iommu, g.ioas, g.gmem, 5 * PG, 4 * PG, IOVA, GM_RW);
	GM_EXPECT_EQ(gm_vm_pinned(), 4, "VmPin, pages");
	gm_dma_expect_maps(g.dev, IOVA, g.hva + 5 * PG, 4 * PG, "mapped");
	gm_dma_expect_same(g.dev, IOVA + 3 * PG, g.hva + 8 * PG, PG, "what the guest wrote");
	device_to_guest(&g, IOVA, 5 * PG);
	device_to_guest(&g, IOVA + 3 * PG, 8 * PG);
	gm_dma_expect_blocked(g.dev, IOVA + 4 * PG, g.hva + 9 * PG, "the page above");
	gm_guest_check(g.vm, 0, GM_BASE, 64, GM_HALF_SHARED, 1, "after the DMA");
	gm_unmap(g.iommu, g.ioas, IOVA, 4 * PG);
	gm_dma_expect_blocked(g.dev, IOVA, g.hva + 5 * PG, "unmapped");
	gfx_free(&g);
}

BOTH(fresh, "iommu.map_gmem.fresh", .clause = "iommu.map_gmem",
     .text = "pages that nobody touched yet, no mapping anywhere: zero, and the guest's own when it comes")
{
	struct gfx g = gfx_new(self);
	int gmem = gm_gmem_new(g.vm, 8 * PG, SHARED);
	uint64_t word = gm_word(7, GM_HALF_DEVICE, 5, 511);
	uint8_t page[PG] = { 0 }, zero[PG] = { 0 };
	struct gm_op op = { .code = GM_OP_READ, .addr = GM_BASE + GM_2M + 3 * PG - 8 };

	gm_map_file(g.iommu, g.ioas, gmem, 2 * PG, PG, IOVA, GM_RW);
	memset(page, 0xff, sizeof(page));
	__gm_dma_read(g.dev, IOVA, page, PG);
	GM_EXPECT(!memcmp(page, zero, PG), "a fresh page is not zero to the device");
	__gm_dma_write(g.dev, IOVA + PG - 8, &word, 8);
	gm_slot_set(g.vm, GM_SLOT + 1, 0, GM_BASE + GM_2M, 8 * PG, g.hva, gmem, 0);
	gm_vm_map(g.vm, GM_BASE + GM_2M, 8 * PG, PG);
	gm_run(g.vm, 0, &op, 1);
	GM_EXPECT_EQ(op.val, word, "the device's word, read by the guest");
	gm_guest_check_zero(g.vm, 0, GM_BASE + GM_2M, 2, "the pages below");
	gm_guest_check_zero(g.vm, 0, GM_BASE + GM_2M + 3 * PG, 5, "the pages above");
	close(gmem);
	gfx_free(&g);
}

static bool refused(int err)
{
	return err == EACCES || err == EPERM || err == EINVAL || err == EFAULT;
}

BOTH(private, "iommu.map_gmem.private", .clause = "iommu.map_gmem", .flags = GM_REFUSAL,
     .text = "private pages never: refused attached; unattached the map or the attach is, and nothing is left")
{
	static const uint64_t flags[] = { GUEST_MEMFD_FLAG_MMAP, 0 };
	struct gfx g = gfx_new(self);
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
		GM_EXPECT(ret || !dev, "mapped first, attached then: neither was refused");
		len = 2 * PG;
		if (!ret)
			GM_EXPECT_OK(__gm_unmap(g.iommu, g.ioas, IOVA, &len));
		g.dev = dev ?: gm_iodev_new(g.iommu, g.ioas);
		gm_control(!__gm_map_file(g.iommu, g.ioas, g.gmem, PG, 2 * PG, &at, GM_RO),
			   "shared pages there");
		gm_unmap(g.iommu, g.ioas, IOVA, 2 * PG);
		close(gmem);
	}
	gfx_free(&g);
}

BOTH(bounds, "iommu.map_gmem.bounds", .clause = "iommu.map_gmem", .flags = GM_REFUSAL,
     .text = "past the end of the file: EINVAL; the last page is fine")
{
	struct gfx g = gfx_new(self);
	uint64_t at = IOVA;

	GM_EXPECT_ERRNO(EINVAL, __gm_map_file(g.iommu, g.ioas, g.gmem, 64 * PG, PG, &at, GM_RW),
			"past it");
	GM_EXPECT_ERRNO(EINVAL, __gm_map_file(g.iommu, g.ioas, g.gmem, 63 * PG, 2 * PG, &at, GM_RW),
			"across");
	GM_EXPECT_ERRNO(EINVAL, __gm_map_file(g.iommu, g.ioas, g.gmem, 1UL << 63, PG, &at, GM_RW),
			"negative");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin, pages");
	gm_control(!__gm_map_file(g.iommu, g.ioas, g.gmem, 63 * PG, PG, &at, GM_RW),
		   "the last page");
	gm_dma_prove_same_page(g.dev, IOVA, g.hva + 63 * PG, "the last page");
	gfx_free(&g);
}

/*
 * Two answers are right: the hole is EAGAIN while a device has the page, and nothing changed; or
 * it is made, and then the device has lost the page before the file did.
 */
BOTH(hole, "iommu.convert_pinned.hole", .clause = "iommu.convert_pinned",
     .text = "a hole under a map: refused with EAGAIN and no effect, or the device loses the page; free again after")
{
	static const struct {
		uint64_t off, len;
	} at[] = {
		{ 5 * PG, PG },	    { 8 * PG, PG }, { 4 * PG, 2 * PG },
		{ 8 * PG, 3 * PG }, { 0, 64 * PG },
	};
	struct gfx g = gfx_new(self);

	gm_map_file(g.iommu, g.ioas, g.gmem, 5 * PG, 4 * PG, IOVA, GM_RW);
	for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		if (__gm_gmem_punch(g.gmem, at[i].off, at[i].len)) {
			GM_EXPECT_EQ(errno, EAGAIN, "errno of a hole [%#lx, +%#lx) under a map",
				     at[i].off, at[i].len);
			gm_guest_check(g.vm, 0, GM_BASE, 64, GM_HALF_SHARED, 1,
				       "after the refused hole");
			continue;
		}
		gm_guest_check_zero(g.vm, 0, GM_BASE + at[i].off, at[i].len / PG, "in the hole");
		gm_dma_expect_blocked(g.dev, IOVA, g.hva + 5 * PG, "a page that the file has lost");
		gm_guest_fill(g.vm, 0, GM_BASE, 64, GM_HALF_SHARED, 1);
		gm_unmap(g.iommu, g.ioas, IOVA, 4 * PG);
		gm_map_file(g.iommu, g.ioas, g.gmem, 5 * PG, 4 * PG, IOVA, GM_RW);
	}
	gm_dma_prove_same_page(g.dev, IOVA + 3 * PG, g.hva + 8 * PG, "the map after all those");
	/* Beside the map a hole was never anybody's business. */
	gm_gmem_punch(g.gmem, 4 * PG, PG);
	gm_gmem_punch(g.gmem, 9 * PG, PG);
	gm_guest_check_zero(g.vm, 0, GM_BASE + 9 * PG, 1, "the hole above the map");
	gm_guest_check(g.vm, 0, GM_BASE + 5 * PG, 4, GM_HALF_SHARED, 1,
		       "the map between the holes");
	gm_unmap(g.iommu, g.ioas, IOVA, 4 * PG);
	GM_EXPECT_OK(__gm_gmem_punch(g.gmem, 5 * PG, 4 * PG), "when nothing is mapped any more");
	gm_guest_check_zero(g.vm, 0, GM_BASE + 5 * PG, 4, "the hole at last");
	gfx_free(&g);
}

BOTH(copy, "iommu.convert_pinned.copy", .clause = "iommu.convert_pinned",
     .text = "the map is gone and a copy of it is left: the page is still held")
{
	struct gfx g = gfx_new(self);
	uint64_t at = IOVA + 16 * PG;

	gm_map_file(g.iommu, g.ioas, g.gmem, 5 * PG, 4 * PG, IOVA, GM_RW);
	GM_EXPECT_OK(__gm_ioas_copy(g.iommu, g.ioas, g.ioas, IOVA + PG, PG, &at, GM_RW));
	gm_unmap(g.iommu, g.ioas, IOVA, 4 * PG);
	if (__gm_gmem_punch(g.gmem, 6 * PG, PG)) {
		GM_EXPECT_EQ(errno, EAGAIN, "errno of the hole");
		gm_dma_prove_same_page(g.dev, at, g.hva + 6 * PG, "the copy");
	} else {
		gm_dma_expect_blocked(g.dev, at, g.hva + 6 * PG, "a page that the file has lost");
	}
	gm_unmap(g.iommu, g.ioas, at, PG);
	GM_EXPECT_OK(__gm_gmem_punch(g.gmem, 5 * PG, 4 * PG), "when the copy is gone");
	gfx_free(&g);
}

BOTH(outlive, "iommu.map_gmem.outlive", .clause = "iommu.map_gmem",
     .text = "the VM and the fd go, the map stays: the device still has the pages, and they return with it")
{
	struct gfx g = gfx_new(self);
	uint64_t w[1], want = gm_word(GM_BASE / PG + 6, GM_HALF_SHARED, 1, 511);

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
