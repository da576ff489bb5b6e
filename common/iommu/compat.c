// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO type 1 ioctls on an iommufd: maps by address, which an unmap may split: iommu.vfio_compat.
 */
#include <linux/vfio.h>

#include "dma_memory.h"

GM_FILE(.clause = "iommu.vfio_compat", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE

static int compat_ioas(struct gm_iommu *iommu, uint16_t op, uint32_t *ioas)
{
	struct iommu_vfio_ioas arg = { .size = sizeof(arg), .ioas_id = *ioas, .op = op };
	int ret = ioctl(iommu->fd, IOMMU_VFIO_IOAS, &arg);

	*ioas = arg.ioas_id;
	return ret;
}

static int map_dma(struct dma_memory *m, uint64_t iova, void *hva, uint64_t len, uint32_t prot)
{
	struct vfio_iommu_type1_dma_map arg = { .argsz = sizeof(arg),
						.flags = prot,
						.vaddr = (uintptr_t)hva,
						.iova = iova,
						.size = len };

	return ioctl(m->iommu->fd, VFIO_IOMMU_MAP_DMA, &arg);
}

/* Returns the bytes unmapped, or -1. */
static int64_t unmap_dma(struct dma_memory *m, uint64_t iova, uint64_t len, uint32_t flags)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg), .flags = flags, .iova = iova, .size = len
	};

	return ioctl(m->iommu->fd, VFIO_IOMMU_UNMAP_DMA, &arg) ? -1 : (int64_t)arg.size;
}

#define VFIO_RW (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

/* A memfd, and an IOAS with a device, which is the compat IOAS; sets type 1 or 1v2. */
static struct dma_memory compat_new(const struct gm_case *self, unsigned long type)
{
	struct dma_memory m = dma_memory_new(self->iommu, 8 * PG, 0);

	GM_SETUP_OK(compat_ioas(m.iommu, IOMMU_VFIO_IOAS_SET, &m.ioas));
	GM_EXPECT_OK(ioctl(m.iommu->fd, VFIO_SET_IOMMU, type));
	return m;
}

GM_CASE(ioas, .name = "iommu.vfio_compat.ioas", .flags = GM_REFUSAL,
	.text = "without a compat IOAS the VFIO ioctls are ENODEV; it is set, read, cleared, destroyed")
{
	struct dma_memory m = dma_memory_new(self->iommu, PG, 0);
	uint32_t id = m.ioas, bad = 4711, other = gm_ioas_new(m.iommu);
	struct iommu_vfio_ioas reserved = { .size = sizeof(reserved),
					    .ioas_id = m.ioas,
					    .op = IOMMU_VFIO_IOAS_SET,
					    .__reserved = 1 };

	GM_EXPECT_ERRNO(ENODEV, compat_ioas(m.iommu, IOMMU_VFIO_IOAS_GET, &id), "not set");
	GM_EXPECT_ERRNO(ENODEV, map_dma(&m, IOVA, m.hva, PG, VFIO_RW), "a map");
	GM_EXPECT_ERRNO(ENODEV, unmap_dma(&m, IOVA, PG, 0), "an unmap");
	GM_EXPECT_ERRNO(ENODEV, ioctl(m.iommu->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU), "type 1");
	GM_EXPECT_ERRNO(ENOENT, compat_ioas(m.iommu, IOMMU_VFIO_IOAS_SET, &bad), "no such IOAS");
	GM_EXPECT_ERRNO(EOPNOTSUPP, compat_ioas(m.iommu, 3, &id), "no such operation");
	GM_EXPECT_ERRNO(EOPNOTSUPP, ioctl(m.iommu->fd, IOMMU_VFIO_IOAS, &reserved),
			"a reserved field");
	GM_EXPECT_EQ(ioctl(m.iommu->fd, VFIO_GET_API_VERSION), VFIO_API_VERSION, "the version");
	GM_EXPECT_EQ(ioctl(m.iommu->fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU), 1, "type 1v2");
	GM_EXPECT_EQ(ioctl(m.iommu->fd, VFIO_CHECK_EXTENSION, VFIO_UNMAP_ALL), 1, "unmap of all");
	GM_EXPECT_EQ(ioctl(m.iommu->fd, VFIO_CHECK_EXTENSION, 4711), 0, "nonsense");
	id = m.ioas;
	gm_promise(!compat_ioas(m.iommu, IOMMU_VFIO_IOAS_SET, &id), "the IOAS is set");
	id = 0;
	GM_EXPECT_OK(compat_ioas(m.iommu, IOMMU_VFIO_IOAS_GET, &id));
	GM_EXPECT_EQ(id, m.ioas, "the compat IOAS");
	GM_EXPECT_ERRNO(EINVAL, ioctl(m.iommu->fd, VFIO_SET_IOMMU, 4711), "no such type");
	GM_EXPECT_OK(map_dma(&m, IOVA, m.hva, PG, VFIO_RW));
	dma_memory_mapped(&m, 0, PG, IOVA);
	GM_EXPECT_OK(compat_ioas(m.iommu, IOMMU_VFIO_IOAS_CLEAR, &id));
	GM_EXPECT_ERRNO(ENODEV, unmap_dma(&m, IOVA, PG, 0), "cleared");
	/* A destroyed IOAS is no longer the compat IOAS. */
	GM_EXPECT_OK(compat_ioas(m.iommu, IOMMU_VFIO_IOAS_SET, &other));
	gm_iommu_destroy(m.iommu, other);
	GM_EXPECT_ERRNO(ENODEV, map_dma(&m, IOVA, m.hva, PG, VFIO_RW), "destroyed");
	gm_unmap(m.iommu, m.ioas, IOVA, PG);
	dma_memory_free(&m);
}

GM_CASE(v2, .name = "iommu.vfio_compat.v2", .flags = GM_REFUSAL,
	.text = "type 1v2: unmaps of whole maps return their size, of parts are ENOENT; permissions hold")
{
	struct dma_memory m = compat_new(self, VFIO_TYPE1v2_IOMMU);
	uint64_t word = 0x1234;

	GM_EXPECT_OK(map_dma(&m, IOVA, m.hva, 4 * PG, VFIO_RW));
	GM_EXPECT_OK(map_dma(&m, IOVA + 4 * PG, m.hva + 6 * PG, 2 * PG, VFIO_DMA_MAP_FLAG_READ));
	dma_memory_mapped(&m, 0, 4 * PG, IOVA);
	dma_memory_mapped(&m, 6 * PG, 2 * PG, IOVA + 4 * PG);
	GM_EXPECT_ERRNO(EPERM, __gm_dma_write(m.dev, IOVA + 5 * PG, &word, 8), "a read-only map");
	GM_EXPECT_OK(__gm_dma_read(m.dev, IOVA + 5 * PG, &word, 8));
	GM_EXPECT_ERRNO(EEXIST, map_dma(&m, IOVA + 3 * PG, m.hva, PG, VFIO_RW), "in use");
	GM_EXPECT_ERRNO(ENOENT, unmap_dma(&m, IOVA + PG, PG, 0), "the middle of a map");
	GM_EXPECT_ERRNO(ENOENT, unmap_dma(&m, IOVA, 2 * PG, 0), "the head of a map");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, 4 * PG, 1), "refused unmaps changed the pins");
	gm_promise(unmap_dma(&m, IOVA, 4 * PG, 0) == (int64_t)(4 * PG),
		   "a whole map, and its length");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, 4 * PG, 0), "pages stay pinned");
	GM_EXPECT_EQ(unmap_dma(&m, IOVA - 8 * PG, 64 * PG, 0), 2 * PG, "a range around one map");
	GM_EXPECT_EQ(unmap_dma(&m, IOVA, 4 * PG, 0), 0,
		     "an unmap of nothing, which is no error here");
	dma_memory_free(&m);
}

GM_CASE(args, .name = "iommu.vfio_compat.args", .flags = GM_REFUSAL,
	.text = "arguments too short, unknown flags, length 0, an unmap of all with a range: named errno")
{
	struct dma_memory m = compat_new(self, VFIO_TYPE1v2_IOMMU);
	struct vfio_iommu_type1_dma_map map = { .argsz = sizeof(map) - 1,
						.flags = VFIO_RW,
						.vaddr = (uintptr_t)m.hva,
						.iova = IOVA,
						.size = PG };
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap) - 1,
						    .iova = IOVA,
						    .size = PG };
	struct vfio_iommu_type1_info info = { .argsz = 8 };

	GM_EXPECT_ERRNO(EINVAL, ioctl(m.iommu->fd, VFIO_IOMMU_MAP_DMA, &map), "a byte too short");
	GM_EXPECT_ERRNO(EINVAL, map_dma(&m, IOVA, m.hva, PG, VFIO_RW | 4), "a flag");
	GM_EXPECT_ERRNO(EINVAL, map_dma(&m, IOVA, m.hva, 0, VFIO_RW), "length 0");
	GM_EXPECT_ERRNO(EFAULT, map_dma(&m, IOVA, NULL, PG, VFIO_RW), "address 0");
	GM_EXPECT_ERRNO(EINVAL, map_dma(&m, IOVA, m.hva + 16, PG, VFIO_RW), "an odd address");
	gm_promise(!map_dma(&m, IOVA, m.hva, 2 * PG, VFIO_RW), "the good call");
	GM_EXPECT_ERRNO(EINVAL, ioctl(m.iommu->fd, VFIO_IOMMU_UNMAP_DMA, &unmap),
			"a byte too short");
	GM_EXPECT_ERRNO(EINVAL, unmap_dma(&m, IOVA, 2 * PG, 1), "a flag");
	GM_EXPECT_ERRNO(EINVAL, unmap_dma(&m, IOVA, 0, 0), "length 0");
	GM_EXPECT_ERRNO(EINVAL, unmap_dma(&m, IOVA, 0, VFIO_DMA_UNMAP_FLAG_ALL),
			"unmap of all, with an IOVA");
	GM_EXPECT_ERRNO(EINVAL, unmap_dma(&m, 0, PG, VFIO_DMA_UNMAP_FLAG_ALL),
			"unmap of all, with a size");
	GM_EXPECT_ERRNO(EINVAL, ioctl(m.iommu->fd, VFIO_IOMMU_GET_INFO, &info), "too short");
	info.argsz = sizeof(info);
	GM_EXPECT_OK(ioctl(m.iommu->fd, VFIO_IOMMU_GET_INFO, &info));
	GM_EXPECT(info.flags & VFIO_IOMMU_INFO_PGSIZES && info.iova_pgsizes & PG,
		  "page sizes %#llx do not include 4 KiB", info.iova_pgsizes);
	GM_EXPECT(
		info.flags & VFIO_IOMMU_INFO_CAPS && info.argsz > sizeof(info) && !info.cap_offset,
		"without room for capabilities: length %u, offset %u", info.argsz, info.cap_offset);
	dma_memory_mapped(&m, 0, 2 * PG, IOVA);
	GM_EXPECT_EQ(unmap_dma(&m, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL), 2 * PG, "everything");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "pages stay pinned");
	dma_memory_free(&m);
}

GM_CASE(info, .name = "iommu.vfio_compat.info",
	.text = "the capability chain ends, and has the usable IOVA ranges")
{
	struct dma_memory m = compat_new(self, VFIO_TYPE1v2_IOMMU);
	union {
		struct vfio_iommu_type1_info info;
		uint8_t bytes[512];
	} u = { .info.argsz = sizeof(u) };
	unsigned int seen = 0, n = 0;

	GM_SETUP_OK(__gm_mock_reserve(m.iommu, m.ioas, 0x3000000, PG));
	GM_EXPECT_OK(ioctl(m.iommu->fd, VFIO_IOMMU_GET_INFO, &u));
	for (uint32_t at = u.info.cap_offset; at && n < 8; n++) {
		struct vfio_info_cap_header *h = (void *)(u.bytes + at);
		struct vfio_iommu_type1_info_cap_iova_range *r = (void *)h;

		GM_ASSERT(at + sizeof(*h) <= u.info.argsz, "a capability at %u of %u", at,
			  u.info.argsz);
		seen |= 1U << h->id;
		if (h->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			GM_EXPECT(r->nr_iovas == 2 && r->iova_ranges[0].start == 1 << 24 &&
					  r->iova_ranges[0].end == 0x2ffffff &&
					  r->iova_ranges[1].start == 0x3001000 &&
					  r->iova_ranges[1].end == 0x7fffffff,
				  "%u ranges, the first [%#llx, %#llx]", r->nr_iovas,
				  r->iova_ranges[0].start, r->iova_ranges[0].end);
		at = h->next;
	}
	GM_EXPECT(n == 2 && seen & 1 << VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE &&
			  seen & 1 << VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL,
		  "%u capabilities, kinds %#x", n, seen);
	dma_memory_free(&m);
}

/*
 * Unmaps split a map. Page tables filled after that must have the remaining parts at their IOVAs.
 */
GM_CASE(cut, .name = "iommu.vfio_compat.cut",
	.text = "type 1: parts of a map are unmapped; the rest stays mapped and pinned, in old and new tables")
{
	struct dma_memory m = compat_new(self, VFIO_TYPE1_IOMMU);
	struct gm_iodev *second;
	uint64_t word = 0x1234;
	uint32_t hwpt;

	GM_EXPECT_OK(map_dma(&m, IOVA, m.hva, 8 * PG, VFIO_RW));
	GM_EXPECT_EQ(unmap_dma(&m, IOVA + 3 * PG, 2 * PG, 0), 2 * PG, "the middle");
	GM_EXPECT_EQ(unmap_dma(&m, IOVA, PG, 0), PG, "the first page");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, PG, 0) &&
			  !__gm_mock_refs(m.iommu, m.hva + PG, 2 * PG, 1) &&
			  !__gm_mock_refs(m.iommu, m.hva + 3 * PG, 2 * PG, 0) &&
			  !__gm_mock_refs(m.iommu, m.hva + 5 * PG, 3 * PG, 1),
		  "the pinned pages are not the remaining ones");
	GM_EXPECT_EQ(gm_vm_pinned(), 5, "VmPin, pages");
	dma_memory_mapped(&m, PG, 2 * PG, IOVA + PG);
	dma_memory_mapped(&m, 5 * PG, 3 * PG, IOVA + 5 * PG);
	for (int i = 0; i < 5; i += 1 + 2 * !i)
		GM_EXPECT(__gm_mock_maps(m.iommu, m.dev->hwpt, IOVA + i * PG, m.hva + i * PG, PG),
			  "page %d was unmapped, and is still in the table", i);
	gm_dma_expect_same(m.dev, IOVA + 5 * PG + 8, m.hva + 5 * PG + 8, 3 * PG - 16, "the tail");
	gm_dma_expect_same(m.dev, IOVA + PG + 8, m.hva + PG + 8, 2 * PG - 16, "the head");
	/* A new table is filled with the remaining parts. */
	hwpt = gm_hwpt_new(m.dev, m.ioas, 0);
	second = gm_iodev_new(m.iommu, hwpt);
	GM_EXPECT(!__gm_mock_maps(m.iommu, hwpt, IOVA + 5 * PG, m.hva + 5 * PG, 3 * PG) &&
			  !__gm_mock_maps(m.iommu, hwpt, IOVA + PG, m.hva + PG, 2 * PG),
		  "the new table does not have the remaining parts");
	GM_EXPECT_EQ(unmap_dma(&m, IOVA + 6 * PG, 2 * PG, 0), 2 * PG, "the last two pages");
	GM_EXPECT_EQ(gm_vm_pinned(), 3, "VmPin, pages");
	gm_iodev_free(second);
	gm_iommu_destroy(m.iommu, hwpt);
	gm_iodev_free(m.dev);
	m.dev = NULL;
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin without a device, pages");
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	dma_memory_mapped(&m, 5 * PG, PG, IOVA + 5 * PG);
	dma_memory_mapped(&m, PG, 2 * PG, IOVA + PG);
	/* A split must be at a page of the table, at both ends. */
	GM_EXPECT_ERRNO(EINVAL, unmap_dma(&m, IOVA + PG + 1024, PG - 1024, 0),
			"from inside a page");
	GM_EXPECT_ERRNO(EINVAL, unmap_dma(&m, IOVA + PG, PG + 1024, 0), "to inside a page");
	dma_memory_mapped(&m, PG, 2 * PG, IOVA + PG);
	GM_EXPECT_EQ(unmap_dma(&m, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL), 3 * PG, "everything");
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 0), "pages stay pinned");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	/* Each part keeps the permissions of the map. */
	GM_EXPECT_OK(map_dma(&m, IOVA, m.hva, 4 * PG, VFIO_DMA_MAP_FLAG_READ));
	GM_EXPECT_EQ(unmap_dma(&m, IOVA + PG, PG, 0), PG, "the second page of a read-only map");
	for (int i = 0; i < 4; i += 1 + !i)
		GM_EXPECT_ERRNO(EPERM, __gm_dma_write(m.dev, IOVA + i * PG, &word, 8),
				"page %d of the read-only map", i);
	GM_EXPECT_OK(__gm_dma_read(m.dev, IOVA + 3 * PG, &word, 8));
	dma_memory_free(&m);
}

GM_CASE(cut_held, .name = "iommu.vfio_compat.cut_held", .flags = GM_REFUSAL,
	.text = "type 1: a map of which an in-kernel user has pinned pages is not split: EINVAL, and it stays whole")
{
	struct dma_memory m = compat_new(self, VFIO_TYPE1_IOMMU);
	int user = gm_access_new(m.iommu, m.ioas, true), item;

	GM_EXPECT_OK(map_dma(&m, IOVA, m.hva, 4 * PG, VFIO_RW));
	item = GM_EXPECT_OK(
		__gm_access_pin(m.iommu, user, IOVA + 2 * PG, PG, m.hva + 2 * PG, true));
	GM_EXPECT_ERRNO(EINVAL, unmap_dma(&m, IOVA, PG, 0), "while a page is pinned");
	dma_memory_mapped(&m, 0, 4 * PG, IOVA);
	GM_EXPECT_EQ(gm_vm_pinned(), 4, "VmPin, pages");
	GM_EXPECT_OK(__gm_access_unpin(m.iommu, user, item));
	gm_promise(unmap_dma(&m, IOVA, PG, 0) == (int64_t)PG, "after the unpin");
	item = GM_EXPECT_OK(__gm_access_pin(m.iommu, user, IOVA + PG, 3 * PG, m.hva + PG, true));
	GM_EXPECT_OK(__gm_access_unpin(m.iommu, user, item));
	close(user);
	dma_memory_free(&m);
}
