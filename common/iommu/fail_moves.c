// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each allocation of a move or unmap fails once: the old address space keeps all its maps and pins,
 * the new one gets none: iommu.lifetime.
 */
#include <linux/vfio.h>
#include <stdlib.h>

#include "dirty.h"
#include "fail_nth.h"

GM_FILE(.clause = "iommu.lifetime", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.needs = GM_NEEDS(FAIL_NTH, DEBUGFS), .caps = GM_CAPS_ALL, .tokens = GM_TOKEN_MODULE,
	.timeout = 120)

#define PG GM_PAGE_SIZE
#define HALF (12 * PG) /* bytes of the file that each address space maps, at IOVA */

struct move {
	struct dma_memory m; /* m.ioas maps the first half of the file */
	uint32_t other;	     /* an IOAS that maps the second half */
	uint32_t hwpt;	     /* the device's page table before the move */
	int access;
	uint8_t *copy; /* HALF bytes */
	uint64_t iova;
};

/* Two maps of 5 and 7 pages; a batch of iommufd has six pages. */
static void map_half(struct move *t, uint32_t ioas, uint64_t off)
{
	static const uint64_t from[] = { 0, 5, 12 };

	for (int i = 0; i < 2; i++)
		gm_map_file(t->m.iommu, ioas, t->m.fd, off + from[i] * PG,
			    (from[i + 1] - from[i]) * PG, IOVA + from[i] * PG, GM_RW);
}

static void begin(struct move *t, bool device)
{
	t->m = device ? dma_memory_new(GM_IOMMU_MOCK, 2 * HALF, 0)
		      : dma_memory_new_unattached(GM_IOMMU_MOCK, 2 * HALF, 0);
	t->other = gm_ioas_new(t->m.iommu);
	map_half(t, t->m.ioas, 0);
	map_half(t, t->other, HALF);
	if (device)
		t->hwpt = t->m.dev->hwpt;
	t->copy = malloc(HALF);
	GM_SETUP(t->copy, "out of memory");
	gm_fail_nth_open();
	gm_mock_memory_limit(t->m.iommu, 48);
}

static void end(struct move *t)
{
	free(t->copy);
	dma_memory_free(&t->m);
}

/* Fails each allocation of `op` in turn; at least three must have failed. */
static void sweep(struct move *t, int (*op)(void *), void (*undone)(void *, unsigned int, int),
		  void (*undo)(void *))
{
	GM_SETUP(
		gm_fail_nth_sweep(op, undone, undo, t) > 2 || gm_failures(),
		"fail-nth failed at most two allocations: CONFIG_FAULT_INJECTION, CONFIG_FAILSLAB");
}

static void expect_pins(struct move *t, uint64_t off, unsigned int pins, unsigned int n)
{
	GM_EXPECT(!__gm_mock_refs(t->m.iommu, t->m.hva + off, HALF, pins),
		  "step %u failed: a page of the %s address space does not have %u pins", n,
		  off ? "new" : "old", pins);
}

/*
 * fail_iommufd also fails the lookup of an object (ENOENT), the pinning of pages (EFAULT) and the
 * query of a device's reserved regions (EINVAL).
 */
static void expect_errno(int err, unsigned int n)
{
	GM_EXPECT(err == ENOMEM || err == ENOENT || err == EFAULT || err == EINVAL,
		  "step %u failed: %s", n, gm_errno_name(err));
}

/* --- a device moves to another address space --- */

static int move_device(void *arg)
{
	struct move *t = arg;

	return __gm_iodev_replace(t->m.dev, t->other, t->other);
}

static void expect_device(void *arg, unsigned int n, int err)
{
	struct move *t = arg;

	expect_errno(err, n);
	GM_EXPECT_EQ(t->m.dev->hwpt, t->hwpt, "step %u failed: the device's page table", n);
	dma_memory_mapped(&t->m, 0, HALF, IOVA);
	expect_pins(t, 0, 1, n);
	expect_pins(t, HALF, 0, n);
	GM_EXPECT_EQ(gm_vm_pinned(), HALF / PG, "step %u failed: VmPin, pages", n);
}

static void undo_move_device(void *arg)
{
	struct move *t = arg;

	dma_memory_mapped(&t->m, HALF, HALF, IOVA);
	gm_iodev_replace(t->m.dev, t->m.ioas, t->m.ioas);
	t->hwpt = t->m.dev->hwpt;
}

GM_CASE(device, .name = "iommu.lifetime.fail_replace",
	.text = "a device moves to another address space, each step failing once: device, maps and pins are unchanged")
{
	struct move t = {};

	begin(&t, true);
	sweep(&t, move_device, expect_device, undo_move_device);
	undo_move_device(&t);
	expect_device(&t, 0, ENOMEM);
	end(&t);
}

/* --- an in-kernel user moves --- */

static int move_access(void *arg)
{
	struct move *t = arg;

	return __gm_access_replace(t->m.iommu, t->access, t->other);
}

/*
 * Expects that the user can pin pages of the address space that maps `off`, and none of the other.
 */
static void expect_access(struct move *t, uint64_t off, unsigned int n)
{
	int item = __gm_access_pin(t->m.iommu, t->access, IOVA, HALF, t->m.hva + off, true);

	if (!GM_EXPECT(item >= 0, "step %u: the user cannot pin: %s", n, gm_errno_name(errno)))
		return;
	expect_pins(t, off, 1, n);
	expect_pins(t, HALF - off, 0, n);
	GM_SETUP_OK(__gm_access_unpin(t->m.iommu, t->access, item));
	expect_pins(t, off, 0, n);
}

static void expect_access_old(void *arg, unsigned int n, int err)
{
	expect_errno(err, n);
	expect_access(arg, 0, n);
}

static void undo_move_access(void *arg)
{
	struct move *t = arg;

	expect_access(t, HALF, 0);
	GM_EXPECT_OK(__gm_access_replace(t->m.iommu, t->access, t->m.ioas), "moved back");
}

GM_CASE(in_kernel, .name = "iommu.lifetime.fail_access_replace",
	.text = "an in-kernel user moves to another address space, each step failing once: it still uses the old one")
{
	struct move t = {};

	begin(&t, false);
	t.access = gm_access_new(t.m.iommu, t.m.ioas, true);
	/* Not sweep(): only one allocation can fail. */
	gm_fail_nth_sweep(move_access, expect_access_old, undo_move_access, &t);
	undo_move_access(&t);
	close(t.access);
	end(&t);
}

/* --- an in-kernel user copies --- */

static int read_all(void *arg)
{
	struct move *t = arg;

	return __gm_access_rw(t->m.iommu, t->access, IOVA, t->copy, HALF, false);
}

static void expect_unpinned(void *arg, unsigned int n, int err)
{
	struct move *t = arg;

	GM_EXPECT(err == ENOMEM || err == EFAULT, "step %u failed: %s", n, gm_errno_name(err));
	expect_pins(t, 0, 0, n);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "step %u failed: VmPin, pages", n);
}

static void expect_read(void *arg)
{
	struct move *t = arg;

	GM_EXPECT(!memcmp(t->copy, t->m.hva, HALF), "the data read differs from the pages");
	memset(t->copy, 0, HALF);
	expect_pins(t, 0, 0, 0);
}

GM_CASE(reads, .name = "iommu.lifetime.fail_access_read",
	.text = "an in-kernel user reads across two maps, each step failing once: no page stays pinned")
{
	struct move t = {};

	begin(&t, false);
	t.access = gm_access_new(t.m.iommu, t.m.ioas, false);
	memset(t.copy, 0, HALF);
	sweep(&t, read_all, expect_unpinned, expect_read);
	expect_read(&t);
	close(t.access);
	end(&t);
}

/* --- the allowed IOVAs --- */

#define OLD IOVA
#define NEW (IOVA + GM_2M)
#define AREA (64 * PG)

static int allow_at(struct move *t, uint64_t iova)
{
	struct iommu_iova_range range[2] = { { iova + AREA, iova + 2 * AREA - 1 },
					     { iova, iova + AREA / 2 - 1 } };
	struct iommu_ioas_allow_iovas arg = { .size = sizeof(arg),
					      .ioas_id = t->other,
					      .num_iovas = 2,
					      .allowed_iovas = (uintptr_t)range };

	return ioctl(t->m.iommu->fd, IOMMU_IOAS_ALLOW_IOVAS, &arg);
}

static int allow(void *arg)
{
	return allow_at(arg, NEW);
}

static void expect_chosen(struct move *t, uint64_t area, unsigned int n)
{
	uint64_t iova = GM_ANY_IOVA;

	if (__gm_map_file(t->m.iommu, t->other, t->m.fd, 0, PG, &iova, GM_RW)) {
		GM_FAIL("step %u: the kernel chose no IOVA: %s", n, gm_errno_name(errno));
		return;
	}
	GM_EXPECT((iova >= area && iova + PG <= area + AREA / 2) ||
			  (iova >= area + AREA && iova + PG <= area + 2 * AREA),
		  "step %u: the kernel chose IOVA %#lx, the allowed ranges start at %#lx", n, iova,
		  area);
	gm_unmap(t->m.iommu, t->other, iova, PG);
}

static void expect_old_ranges(void *arg, unsigned int n, int err)
{
	expect_errno(err, n);
	expect_chosen(arg, OLD, n);
}

static void undo_allow(void *arg)
{
	expect_chosen(arg, NEW, 0);
	GM_EXPECT_OK(allow_at(arg, OLD), "the old ranges again");
}

GM_CASE(allowed, .name = "iommu.lifetime.fail_allow",
	.text = "other IOVAs are allowed, each step failing once: the old ranges stay, the next call succeeds")
{
	struct move t = {};

	t.m = dma_memory_new_unattached(GM_IOMMU_MOCK, 2 * HALF, 0);
	t.other = gm_ioas_new(t.m.iommu);
	GM_EXPECT_OK(allow_at(&t, OLD), "the first ranges");
	gm_fail_nth_open();
	gm_fail_nth_sweep(allow, expect_old_ranges, undo_allow, &t);
	undo_allow(&t);
	dma_memory_free(&t.m);
}

/* --- a dirty bitmap --- */

/*
 * The bitmap read, and the expected one, from the first call: an entry of several pages is dirty as
 * a whole.
 */
static uint64_t bitmap, expected;

static int get_dirty(void *arg)
{
	struct move *t = arg;

	bitmap = 0;
	return dirty_get(&t->m, t->m.dev->hwpt, IOVA, HALF, PG, &bitmap, 0);
}

static void device_writes(struct move *t)
{
	uint64_t some = 0x825;

	GM_SETUP_OK(__gm_mock_dirty(t->m.iommu, t->m.dev->hwpt, IOVA, HALF, PG, &some));
}

/* A failed call must not clear dirty bits. */
static void expect_kept(void *arg, unsigned int n, int err)
{
	expect_errno(err, n);
	GM_EXPECT_OK(get_dirty(arg), "the next call");
	GM_EXPECT_EQ(bitmap, expected, "step %u failed: the bitmap of the next call", n);
	device_writes(arg);
}

static void expect_bitmap(void *arg)
{
	GM_EXPECT_EQ(bitmap, expected, "the bitmap");
	device_writes(arg);
}

GM_CASE(dirty, .name = "iommu.dirty.fail", .clause = "iommu.dirty",
	.text = "a dirty bitmap is read, each step failing once: no dirty bit is lost")
{
	struct move t = {};

	begin(&t, true);
	dirty_hwpt_new(&t.m, false);
	device_writes(&t);
	GM_EXPECT_OK(get_dirty(&t), "the first call");
	expected = bitmap;
	GM_EXPECT((expected & 0x825) == 0x825, "the bitmap is %#lx, the device wrote 0x825",
		  expected);
	device_writes(&t);
	gm_fail_nth_sweep(get_dirty, expect_kept, expect_bitmap, &t);
	end(&t);
}

/* --- an unmap that splits a map --- */

static int64_t unmap_type1(struct move *t, uint64_t iova, uint64_t len)
{
	struct vfio_iommu_type1_dma_unmap arg = { .argsz = sizeof(arg), .iova = iova, .size = len };

	return ioctl(t->m.iommu->fd, VFIO_IOMMU_UNMAP_DMA, &arg) ? -1 : (int64_t)arg.size;
}

static void map_whole(struct move *t)
{
	struct vfio_iommu_type1_dma_map arg = { .argsz = sizeof(arg),
						.flags = VFIO_DMA_MAP_FLAG_READ |
							 VFIO_DMA_MAP_FLAG_WRITE,
						.vaddr = (uintptr_t)t->m.hva,
						.iova = IOVA,
						.size = HALF };

	GM_EXPECT_OK(ioctl(t->m.iommu->fd, VFIO_IOMMU_MAP_DMA, &arg), "a map of 12 pages");
}

static int split(void *arg)
{
	struct move *t = arg;

	return unmap_type1(t, IOVA + 5 * PG, 3 * PG) == (int64_t)(3 * PG) ? 0 : -1;
}

static void expect_one_map(void *arg, unsigned int n, int err)
{
	struct move *t = arg;

	expect_errno(err, n);
	dma_memory_mapped(&t->m, 0, HALF, IOVA);
	expect_pins(t, 0, 1, n);
}

/* Expects that both ends are mapped, and maps all 12 pages again. */
static void undo_split(void *arg)
{
	struct move *t = arg;

	dma_memory_mapped(&t->m, 0, 5 * PG, IOVA);
	dma_memory_mapped(&t->m, 8 * PG, 4 * PG, IOVA + 8 * PG);
	GM_EXPECT(!__gm_mock_refs(t->m.iommu, t->m.hva + 5 * PG, 3 * PG, 0),
		  "pages between the two ends stay pinned");
	GM_EXPECT_EQ(unmap_type1(t, IOVA, HALF), (int64_t)(9 * PG), "bytes unmapped at the end");
	map_whole(t);
}

GM_CASE(splits, .name = "iommu.lifetime.fail_split",
	.text = "a type 1 unmap inside a map, each step failing once: the map is unchanged")
{
	struct move t = {};
	struct iommu_vfio_ioas set = { .size = sizeof(set), .op = IOMMU_VFIO_IOAS_SET };

	t.m = dma_memory_new(GM_IOMMU_MOCK, 2 * HALF, 0);
	set.ioas_id = t.m.ioas;
	GM_SETUP_OK(ioctl(t.m.iommu->fd, IOMMU_VFIO_IOAS, &set));
	GM_EXPECT_OK(ioctl(t.m.iommu->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU), "type 1");
	map_whole(&t);
	gm_fail_nth_open();
	sweep(&t, split, expect_one_map, undo_split);
	undo_split(&t);
	dma_memory_free(&t.m);
}
