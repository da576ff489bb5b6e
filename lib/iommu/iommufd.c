// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls of iommufd: address spaces, maps by fd and by address, copies, page tables. */
#include <fcntl.h>
#include <sys/ioctl.h>

#include "ops.h"
#include "underway.h"

void gm_iommufd_open(struct gm_iommu *iommu)
{
	iommu->fd = GM_SETUP_OK(open("/dev/iommu", O_RDWR | O_CLOEXEC));
}

void gm_iommufd_close(struct gm_iommu *iommu)
{
	close(iommu->fd);
}

uint32_t gm_iommufd_ioas_new(struct gm_iommu *iommu)
{
	struct iommu_ioas_alloc arg = { .size = sizeof(arg) };

	GM_GRANTED(!ioctl(iommu->fd, IOMMU_IOAS_ALLOC, &arg), "IOMMU_IOAS_ALLOC: %s",
		   gm_errno_name(errno));
	return arg.out_ioas_id;
}

int __gm_iommu_destroy(struct gm_iommu *iommu, uint32_t id)
{
	struct iommu_destroy arg = { .size = sizeof(arg), .id = id };

	return GM_CALL("IOMMU_DESTROY", ioctl(iommu->fd, IOMMU_DESTROY, &arg));
}

void gm_iommu_destroy(struct gm_iommu *iommu, uint32_t id)
{
	GM_GRANTED(!__gm_iommu_destroy(iommu, id), "IOMMU_DESTROY of object %u: %s", id,
		   gm_errno_name(errno));
}

/*
 * Without FIXED_IOVA the field is output only. A kernel that uses this value fails for every map.
 */
#define IGNORED_IOVA 0x66600000

int __gm_map_file(struct gm_iommu *iommu, uint32_t ioas, int fd, uint64_t start, uint64_t len,
		  uint64_t *iova, uint32_t prot)
{
	struct iommu_ioas_map_file arg = {
		.size = sizeof(arg),
		.flags = prot | (*iova == GM_ANY_IOVA ? 0 : IOMMU_IOAS_MAP_FIXED_IOVA),
		.ioas_id = ioas,
		.fd = fd,
		.start = start,
		.length = len,
		.iova = *iova == GM_ANY_IOVA ? IGNORED_IOVA : *iova,
	};
	int ret = GM_CALL("IOMMU_IOAS_MAP_FILE", ioctl(iommu->fd, IOMMU_IOAS_MAP_FILE, &arg));

	if (!ret)
		*iova = arg.iova;
	return ret;
}

uint64_t gm_map_file(struct gm_iommu *iommu, uint32_t ioas, int fd, uint64_t start, uint64_t len,
		     uint64_t iova, uint32_t prot)
{
	GM_ASSERT(!__gm_map_file(iommu, ioas, fd, start, len, &iova, prot),
		  "IOMMU_IOAS_MAP_FILE of [%#lx, +%#lx) at iova %#lx: %s", start, len, iova,
		  gm_errno_name(errno));
	return iova;
}

int gm_iommufd_map_hva(struct gm_iommu *iommu, uint32_t ioas, void *hva, uint64_t len,
		       uint64_t *iova, uint32_t prot)
{
	struct iommu_ioas_map arg = {
		.size = sizeof(arg),
		.flags = prot | (*iova == GM_ANY_IOVA ? 0 : IOMMU_IOAS_MAP_FIXED_IOVA),
		.ioas_id = ioas,
		.user_va = (uintptr_t)hva,
		.length = len,
		.iova = *iova == GM_ANY_IOVA ? IGNORED_IOVA : *iova,
	};
	int ret = GM_CALL("IOMMU_IOAS_MAP", ioctl(iommu->fd, IOMMU_IOAS_MAP, &arg));

	if (!ret)
		*iova = arg.iova;
	return ret;
}

int __gm_ioas_copy(struct gm_iommu *iommu, uint32_t dst, uint32_t src, uint64_t src_iova,
		   uint64_t len, uint64_t *dst_iova, uint32_t prot)
{
	struct iommu_ioas_copy arg = {
		.size = sizeof(arg),
		.flags = prot | (*dst_iova == GM_ANY_IOVA ? 0 : IOMMU_IOAS_MAP_FIXED_IOVA),
		.dst_ioas_id = dst,
		.src_ioas_id = src,
		.length = len,
		.dst_iova = *dst_iova == GM_ANY_IOVA ? IGNORED_IOVA : *dst_iova,
		.src_iova = src_iova,
	};
	int ret = GM_CALL("IOMMU_IOAS_COPY", ioctl(iommu->fd, IOMMU_IOAS_COPY, &arg));

	if (!ret)
		*dst_iova = arg.dst_iova;
	return ret;
}

int gm_iommufd_unmap(struct gm_iommu *iommu, uint32_t ioas, uint64_t iova, uint64_t *len)
{
	struct iommu_ioas_unmap arg = {
		.size = sizeof(arg),
		.ioas_id = ioas,
		.iova = iova,
		.length = *len,
	};
	int ret = GM_CALL("IOMMU_IOAS_UNMAP", ioctl(iommu->fd, IOMMU_IOAS_UNMAP, &arg));

	if (!ret)
		*len = arg.length;
	return ret;
}

uint32_t gm_hwpt_new(struct gm_iodev *dev, uint32_t ioas, uint32_t flags)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.flags = flags,
		.dev_id = dev->idev,
		.pt_id = ioas,
	};

	GM_GRANTED(!ioctl(dev->iommu->fd, IOMMU_HWPT_ALLOC, &arg), "IOMMU_HWPT_ALLOC: %s",
		   gm_errno_name(errno));
	return arg.out_hwpt_id;
}
