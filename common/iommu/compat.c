// SPDX-License-Identifier: GPL-2.0-only
/* The old VFIO ioctls on an iommufd: maps by address that may be cut in two: iommu.vfio_compat. */
#include <linux/vfio.h>

#include "fx.h"

#define PG GM_PAGE_SIZE

static int compat_ioas(struct gm_iommu *iommu, uint16_t op, uint32_t *ioas)
{
	struct iommu_vfio_ioas arg = { .size = sizeof(arg), .ioas_id = *ioas, .op = op };
	int ret = ioctl(iommu->fd, IOMMU_VFIO_IOAS, &arg);

	*ioas = arg.ioas_id;
	return ret;
}

static int map_dma(struct fx *fx, uint64_t iova, void *hva, uint64_t len, uint32_t prot)
{
	struct vfio_iommu_type1_dma_map arg = { .argsz = sizeof(arg),
						.flags = prot,
						.vaddr = (uintptr_t)hva,
						.iova = iova,
						.size = len };

	return ioctl(fx->iommu->fd, VFIO_IOMMU_MAP_DMA, &arg);
}

/* Bytes that were unmapped, or -1. */
static int64_t unmap_dma(struct fx *fx, uint64_t iova, uint64_t len, uint32_t flags)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg), .flags = flags, .iova = iova, .size = len
	};

	return ioctl(fx->iommu->fd, VFIO_IOMMU_UNMAP_DMA, &arg) ? -1 : (int64_t)arg.size;
}

#define VFIO_RW (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

/* A memfd, and an IOAS that the old ioctls mean; type 1 or 1v2, set while a device is attached. */
static struct fx compat_new(const struct gm_case *self, unsigned long type)
{
	struct fx fx = fx_new(self, 8 * PG, 0);

	GM_SETUP_OK(compat_ioas(fx.iommu, IOMMU_VFIO_IOAS_SET, &fx.ioas));
	GM_EXPECT_OK(ioctl(fx.iommu->fd, VFIO_SET_IOMMU, type));
	return fx;
}

GM_MOCK_CASE(
	ioas, .name = "iommu.vfio_compat.ioas", .clause = "iommu.vfio_compat", .flags = GM_REFUSAL,
	.text = "without an IOAS the old ioctls are ENODEV; it is set, asked for, cleared, destroyed")
{
	struct fx fx = fx_new(self, PG, 0);
	uint32_t id = fx.ioas, bad = 4711, other = gm_ioas_new(fx.iommu);
	struct iommu_vfio_ioas reserved = { .size = sizeof(reserved),
					    .ioas_id = fx.ioas,
					    .op = IOMMU_VFIO_IOAS_SET,
					    .__reserved = 1 };

	GM_EXPECT_ERRNO(ENODEV, compat_ioas(fx.iommu, IOMMU_VFIO_IOAS_GET, &id), "not set");
	GM_EXPECT_ERRNO(ENODEV, map_dma(&fx, IOVA, fx.hva, PG, VFIO_RW), "a map");
	GM_EXPECT_ERRNO(ENODEV, unmap_dma(&fx, IOVA, PG, 0), "an unmap");
	GM_EXPECT_ERRNO(ENODEV, ioctl(fx.iommu->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU), "type 1");
	GM_EXPECT_ERRNO(ENOENT, compat_ioas(fx.iommu, IOMMU_VFIO_IOAS_SET, &bad), "no such IOAS");
	GM_EXPECT_ERRNO(EOPNOTSUPP, compat_ioas(fx.iommu, 3, &id), "no such operation");
	GM_EXPECT_ERRNO(EOPNOTSUPP, ioctl(fx.iommu->fd, IOMMU_VFIO_IOAS, &reserved),
			"a reserved field");
	GM_EXPECT_EQ(ioctl(fx.iommu->fd, VFIO_GET_API_VERSION), VFIO_API_VERSION, "the version");
	GM_EXPECT_EQ(ioctl(fx.iommu->fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU), 1, "type 1v2");
	GM_EXPECT_EQ(ioctl(fx.iommu->fd, VFIO_CHECK_EXTENSION, VFIO_UNMAP_ALL), 1, "unmap of all");
	GM_EXPECT_EQ(ioctl(fx.iommu->fd, VFIO_CHECK_EXTENSION, 4711), 0, "nonsense");
	id = fx.ioas;
	gm_control(!compat_ioas(fx.iommu, IOMMU_VFIO_IOAS_SET, &id), "the IOAS is set");
	id = 0;
	GM_EXPECT_OK(compat_ioas(fx.iommu, IOMMU_VFIO_IOAS_GET, &id));
	GM_EXPECT_EQ(id, fx.ioas, "which it is");
	GM_EXPECT_ERRNO(EINVAL, ioctl(fx.iommu->fd, VFIO_SET_IOMMU, 4711), "no such type");
	GM_EXPECT_OK(map_dma(&fx, IOVA, fx.hva, PG, VFIO_RW));
	fx_maps(&fx, 0, PG, IOVA);
	GM_EXPECT_OK(compat_ioas(fx.iommu, IOMMU_VFIO_IOAS_CLEAR, &id));
	GM_EXPECT_ERRNO(ENODEV, unmap_dma(&fx, IOVA, PG, 0), "cleared");
	/* An IOAS that is destroyed is nobody's any more. */
	GM_EXPECT_OK(compat_ioas(fx.iommu, IOMMU_VFIO_IOAS_SET, &other));
	gm_iommu_destroy(fx.iommu, other);
	GM_EXPECT_ERRNO(ENODEV, map_dma(&fx, IOVA, fx.hva, PG, VFIO_RW), "destroyed");
	gm_unmap(fx.iommu, fx.ioas, IOVA, PG);
	fx_free(&fx);
}

GM_MOCK_CASE(
	v2, .name = "iommu.vfio_compat.v2", .clause = "iommu.vfio_compat", .flags = GM_REFUSAL,
	.text = "type 1v2: maps and unmaps of whole maps, counted; of parts ENOENT; permissions hold")
{
	struct fx fx = compat_new(self, VFIO_TYPE1v2_IOMMU);
	uint64_t word = 0x1234;

	GM_EXPECT_OK(map_dma(&fx, IOVA, fx.hva, 4 * PG, VFIO_RW));
	GM_EXPECT_OK(map_dma(&fx, IOVA + 4 * PG, fx.hva + 6 * PG, 2 * PG, VFIO_DMA_MAP_FLAG_READ));
	fx_maps(&fx, 0, 4 * PG, IOVA);
	fx_maps(&fx, 6 * PG, 2 * PG, IOVA + 4 * PG);
	GM_EXPECT_ERRNO(EPERM, __gm_dma_write(fx.dev, IOVA + 5 * PG, &word, 8), "a read-only map");
	GM_EXPECT_OK(__gm_dma_read(fx.dev, IOVA + 5 * PG, &word, 8));
	GM_EXPECT_ERRNO(EEXIST, map_dma(&fx, IOVA + 3 * PG, fx.hva, PG, VFIO_RW), "in use");
	GM_EXPECT_ERRNO(ENOENT, unmap_dma(&fx, IOVA + PG, PG, 0), "the middle of a map");
	GM_EXPECT_ERRNO(ENOENT, unmap_dma(&fx, IOVA, 2 * PG, 0), "its head");
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva, 4 * PG, 1), "refused unmaps changed the pins");
	gm_control(unmap_dma(&fx, IOVA, 4 * PG, 0) == (int64_t)(4 * PG),
		   "a whole map, and its length");
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva, 4 * PG, 0), "pins stay");
	GM_EXPECT_EQ(unmap_dma(&fx, IOVA - 8 * PG, 64 * PG, 0), 2 * PG, "a range around one map");
	GM_EXPECT_EQ(unmap_dma(&fx, IOVA, 4 * PG, 0), 0, "nothing, which is no error here");
	fx_free(&fx);
}

GM_MOCK_CASE(args, .name = "iommu.vfio_compat.args", .clause = "iommu.vfio_compat",
	     .flags = GM_REFUSAL,
	     .text = "arguments too short, unknown flags, all with a range, no length: named errno")
{
	struct fx fx = compat_new(self, VFIO_TYPE1v2_IOMMU);
	struct vfio_iommu_type1_dma_map map = { .argsz = sizeof(map) - 1,
						.flags = VFIO_RW,
						.vaddr = (uintptr_t)fx.hva,
						.iova = IOVA,
						.size = PG };
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap) - 1,
						    .iova = IOVA,
						    .size = PG };
	struct vfio_iommu_type1_info info = { .argsz = 8 };

	GM_EXPECT_ERRNO(EINVAL, ioctl(fx.iommu->fd, VFIO_IOMMU_MAP_DMA, &map), "a byte too short");
	GM_EXPECT_ERRNO(EINVAL, map_dma(&fx, IOVA, fx.hva, PG, VFIO_RW | 4), "a flag");
	GM_EXPECT_ERRNO(EINVAL, map_dma(&fx, IOVA, fx.hva, 0, VFIO_RW), "no length");
	GM_EXPECT_ERRNO(EFAULT, map_dma(&fx, IOVA, NULL, PG, VFIO_RW), "nothing there");
	GM_EXPECT_ERRNO(EINVAL, map_dma(&fx, IOVA, fx.hva + 16, PG, VFIO_RW), "an odd address");
	gm_control(!map_dma(&fx, IOVA, fx.hva, 2 * PG, VFIO_RW), "the good call");
	GM_EXPECT_ERRNO(EINVAL, ioctl(fx.iommu->fd, VFIO_IOMMU_UNMAP_DMA, &unmap),
			"a byte too short");
	GM_EXPECT_ERRNO(EINVAL, unmap_dma(&fx, IOVA, 2 * PG, 1), "a flag");
	GM_EXPECT_ERRNO(EINVAL, unmap_dma(&fx, IOVA, 0, 0), "no length");
	GM_EXPECT_ERRNO(EINVAL, unmap_dma(&fx, IOVA, 0, VFIO_DMA_UNMAP_FLAG_ALL),
			"all, from there");
	GM_EXPECT_ERRNO(EINVAL, unmap_dma(&fx, 0, PG, VFIO_DMA_UNMAP_FLAG_ALL), "all, so much");
	GM_EXPECT_ERRNO(EINVAL, ioctl(fx.iommu->fd, VFIO_IOMMU_GET_INFO, &info), "too short");
	info.argsz = sizeof(info);
	GM_EXPECT_OK(ioctl(fx.iommu->fd, VFIO_IOMMU_GET_INFO, &info));
	GM_EXPECT(info.flags & VFIO_IOMMU_INFO_PGSIZES && info.iova_pgsizes & PG,
		  "page sizes %#llx do not have 4 KiB", info.iova_pgsizes);
	GM_EXPECT(
		info.flags & VFIO_IOMMU_INFO_CAPS && info.argsz > sizeof(info) && !info.cap_offset,
		"without room for capabilities: length %u, offset %u", info.argsz, info.cap_offset);
	fx_maps(&fx, 0, 2 * PG, IOVA);
	GM_EXPECT_EQ(unmap_dma(&fx, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL), 2 * PG, "everything");
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva, fx.size, 0), "pins stay");
	fx_free(&fx);
}

GM_MOCK_CASE(info, .name = "iommu.vfio_compat.info", .clause = "iommu.vfio_compat",
	     .text = "the chain of capabilities tells the IOVAs that there are, and ends")
{
	struct fx fx = compat_new(self, VFIO_TYPE1v2_IOMMU);
	union {
		struct vfio_iommu_type1_info info;
		uint8_t bytes[512];
	} u = { .info.argsz = sizeof(u) };
	unsigned int seen = 0, n = 0;

	GM_SETUP_OK(__gm_mock_reserve(fx.iommu, fx.ioas, 0x3000000, PG));
	GM_EXPECT_OK(ioctl(fx.iommu->fd, VFIO_IOMMU_GET_INFO, &u));
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
	fx_free(&fx);
}

/* A map is cut at both ends of what is unmapped; what is left is found at its place by newcomers. */
GM_MOCK_CASE(
	cut, .name = "iommu.vfio_compat.cut", .clause = "iommu.vfio_compat",
	.text = "type 1: parts of a map are unmapped; the rest stays, pinned, in old and new tables")
{
	struct fx fx = compat_new(self, VFIO_TYPE1_IOMMU);
	struct gm_iodev *second;
	uint64_t word = 0x1234;
	uint32_t hwpt;

	GM_EXPECT_OK(map_dma(&fx, IOVA, fx.hva, 8 * PG, VFIO_RW));
	GM_EXPECT_EQ(unmap_dma(&fx, IOVA + 3 * PG, 2 * PG, 0), 2 * PG, "the middle");
	GM_EXPECT_EQ(unmap_dma(&fx, IOVA, PG, 0), PG, "the first page");
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva, PG, 0) &&
			  !__gm_mock_refs(fx.iommu, fx.hva + PG, 2 * PG, 1) &&
			  !__gm_mock_refs(fx.iommu, fx.hva + 3 * PG, 2 * PG, 0) &&
			  !__gm_mock_refs(fx.iommu, fx.hva + 5 * PG, 3 * PG, 1),
		  "what is pinned is not what is left");
	GM_EXPECT_EQ(gm_vm_pinned(), 5, "VmPin, pages");
	fx_maps(&fx, PG, 2 * PG, IOVA + PG);
	fx_maps(&fx, 5 * PG, 3 * PG, IOVA + 5 * PG);
	for (int i = 0; i < 5; i += 1 + 2 * !i)
		GM_EXPECT(
			__gm_mock_maps(fx.iommu, fx.dev->hwpt, IOVA + i * PG, fx.hva + i * PG, PG),
			"page %d was unmapped, and is there", i);
	gm_dma_expect_same(fx.dev, IOVA + 5 * PG + 8, fx.hva + 5 * PG + 8, 3 * PG - 16, "the tail");
	gm_dma_expect_same(fx.dev, IOVA + PG + 8, fx.hva + PG + 8, 2 * PG - 16, "the head");
	/* A table that is filled now reads the rest from the first one, or from its source. */
	hwpt = gm_hwpt_new(fx.dev, fx.ioas, 0);
	second = gm_iodev_new(fx.iommu, hwpt);
	GM_EXPECT(!__gm_mock_maps(fx.iommu, hwpt, IOVA + 5 * PG, fx.hva + 5 * PG, 3 * PG) &&
			  !__gm_mock_maps(fx.iommu, hwpt, IOVA + PG, fx.hva + PG, 2 * PG),
		  "the new table does not hold the rest");
	GM_EXPECT_EQ(unmap_dma(&fx, IOVA + 6 * PG, 2 * PG, 0), 2 * PG, "the last two pages");
	GM_EXPECT_EQ(gm_vm_pinned(), 3, "VmPin, pages");
	gm_iodev_free(second);
	gm_iommu_destroy(fx.iommu, hwpt);
	gm_iodev_free(fx.dev);
	fx.dev = NULL;
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin when the devices are gone, pages");
	fx.dev = gm_iodev_new(fx.iommu, fx.ioas);
	fx_maps(&fx, 5 * PG, PG, IOVA + 5 * PG);
	fx_maps(&fx, PG, 2 * PG, IOVA + PG);
	/* Finer than the pages of the table there is no cut, at neither end. */
	GM_EXPECT_ERRNO(EINVAL, unmap_dma(&fx, IOVA + PG + 1024, PG - 1024, 0),
			"from inside a page");
	GM_EXPECT_ERRNO(EINVAL, unmap_dma(&fx, IOVA + PG, PG + 1024, 0), "to inside a page");
	fx_maps(&fx, PG, 2 * PG, IOVA + PG);
	GM_EXPECT_EQ(unmap_dma(&fx, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL), 3 * PG, "everything");
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva, fx.size, 0), "pins stay");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
	/* Each part has the rights of the whole. */
	GM_EXPECT_OK(map_dma(&fx, IOVA, fx.hva, 4 * PG, VFIO_DMA_MAP_FLAG_READ));
	GM_EXPECT_EQ(unmap_dma(&fx, IOVA + PG, PG, 0), PG, "the second page of a read-only map");
	for (int i = 0; i < 4; i += 1 + !i)
		GM_EXPECT_ERRNO(EPERM, __gm_dma_write(fx.dev, IOVA + i * PG, &word, 8),
				"page %d of the read-only map", i);
	GM_EXPECT_OK(__gm_dma_read(fx.dev, IOVA + 3 * PG, &word, 8));
	fx_free(&fx);
}

GM_MOCK_CASE(
	cut_held, .name = "iommu.vfio_compat.cut_held", .clause = "iommu.vfio_compat",
	.flags = GM_REFUSAL,
	.text = "type 1: a map that an in-kernel user holds pages of is not cut: EINVAL, and is whole")
{
	struct fx fx = compat_new(self, VFIO_TYPE1_IOMMU);
	int user = gm_access_new(fx.iommu, fx.ioas, true), item;

	GM_EXPECT_OK(map_dma(&fx, IOVA, fx.hva, 4 * PG, VFIO_RW));
	item = GM_EXPECT_OK(
		__gm_access_pin(fx.iommu, user, IOVA + 2 * PG, PG, fx.hva + 2 * PG, true));
	GM_EXPECT_ERRNO(EINVAL, unmap_dma(&fx, IOVA, PG, 0), "while a page is held");
	fx_maps(&fx, 0, 4 * PG, IOVA);
	GM_EXPECT_EQ(gm_vm_pinned(), 4, "VmPin, pages");
	GM_EXPECT_OK(__gm_access_unpin(fx.iommu, user, item));
	gm_control(unmap_dma(&fx, IOVA, PG, 0) == (int64_t)PG, "let go of");
	item = GM_EXPECT_OK(__gm_access_pin(fx.iommu, user, IOVA + PG, 3 * PG, fx.hva + PG, true));
	GM_EXPECT_OK(__gm_access_unpin(fx.iommu, user, item));
	close(user);
	fx_free(&fx);
}
