// SPDX-License-Identifier: GPL-2.0-only
/* Probes: the range mapped into an IOMMU by its address, and DMA by a device. */
#include <errno.h>
#include <sys/ioctl.h>

#include "access.h"
#include "iommu.h"

#define IOVA 0x2000000UL /* every device can use it; type 1 does not choose an IOVA */

enum { MOCK_READ, MOCK_WRITE, DMA_READ, DMA_WRITE, TYPE1_COUNT, TYPE1_READ, TYPE1_WRITE };

/* Attaches a device first, so that the map pins the pages. */
static long p_iommu(const struct gm_access *a)
{
	static const enum gm_iommu_kind kind[] = {
		[MOCK_READ] = GM_IOMMU_MOCK,	[MOCK_WRITE] = GM_IOMMU_MOCK,
		[DMA_READ] = GM_IOMMU_VFIO,	[DMA_WRITE] = GM_IOMMU_VFIO,
		[TYPE1_COUNT] = GM_IOMMU_TYPE1, [TYPE1_READ] = GM_IOMMU_TYPE1,
		[TYPE1_WRITE] = GM_IOMMU_TYPE1,
	};
	struct gm_iommu *iommu = gm_iommu_new(kind[a->probe->val]);
	uint32_t ioas = gm_ioas_new(iommu);
	struct gm_iodev *dev = gm_iodev_new(iommu, ioas);
	uint64_t iova = a->probe->val < TYPE1_COUNT ? GM_ANY_IOVA : IOVA;
	int err = 0, r;

	r = __gm_map_hva(iommu, ioas, a->hva, a->len, &iova, GM_RW);
	if (r)
		err = errno;
	if (!r) {
		if (a->probe->flags & GM_ACC_READ)
			r = __gm_dma_read(dev, iova, a->buf, a->len);
		else if (a->probe->flags & GM_ACC_WRITE)
			r = __gm_dma_write(dev, iova, a->buf, a->len);
		if (r)
			err = errno;
		gm_unmap(iommu, ioas, iova, a->len);
	}
	gm_iodev_free(dev);
	gm_iommu_free(iommu);
	errno = err;
	return r ? -1 : (long)a->len;
}

/* VFIO type 1's ioctls on an iommufd; the unmap returns the number of mapped bytes. */
static long p_compat(const struct gm_access *a)
{
	struct gm_iommu *iommu = gm_iommu_new(GM_IOMMU_MOCK);
	uint32_t ioas = gm_ioas_new(iommu);
	struct gm_iodev *dev = gm_iodev_new(iommu, ioas);
	struct iommu_vfio_ioas set = { .size = sizeof(set),
				       .ioas_id = ioas,
				       .op = IOMMU_VFIO_IOAS_SET };
	long r;
	int err;

	GM_SETUP_OK(ioctl(iommu->fd, IOMMU_VFIO_IOAS, &set));
	r = __gm_type1_map(iommu->fd, a->hva, a->len, IOVA, GM_RW);
	if (!r)
		r = __gm_type1_unmap(iommu->fd, IOVA, a->len);
	err = errno;
	gm_iodev_free(dev);
	gm_iommu_free(iommu);
	errno = err;
	return r;
}

#define IOMMU .path = GM_PATH_LONGTERM, .run = p_iommu, .mix = GM_MIX_WHOLE

#define FOR_WRITING GM_ERR(EFAULT, "mm/gup.c:check_vma_flags(): FOLL_WRITE without VM_WRITE")

const struct gm_probe gm_probes_iommu[] = {
	{ .name = "iommufd_read",
	  .text = "IOMMU_IOAS_MAP of the address, the mock device reads",
	  IOMMU,
	  .needs = GM_NEEDS(IOMMUFD, IOMMUFD_TEST),
	  .val = MOCK_READ,
	  .flags = GM_ACC_READ | GM_ACC_SLOW | GM_ACC_ROOT },
	{ .name = "iommufd_write",
	  .text = "IOMMU_IOAS_MAP of the address, the mock device writes",
	  IOMMU,
	  .needs = GM_NEEDS(IOMMUFD, IOMMUFD_TEST),
	  .val = MOCK_WRITE,
	  .flags = GM_ACC_WRITE | GM_ACC_SLOW | GM_ACC_ROOT },
	{ .name = "vfio_read",
	  .text = "IOMMU_IOAS_MAP of the address, a PCI device reads by DMA",
	  IOMMU,
	  .needs = GM_NEEDS(IOMMUFD, VFIO_EDU),
	  .val = DMA_READ,
	  .flags = GM_ACC_READ | GM_ACC_SLOW | GM_ACC_ROOT | GM_ACC_FULL },
	{ .name = "vfio_write",
	  .text = "IOMMU_IOAS_MAP of the address, a PCI device writes by DMA",
	  IOMMU,
	  .needs = GM_NEEDS(IOMMUFD, VFIO_EDU),
	  .val = DMA_WRITE,
	  .flags = GM_ACC_WRITE | GM_ACC_SLOW | GM_ACC_ROOT | GM_ACC_FULL },
	{ .name = "vfio_type1",
	  .text = "VFIO_IOMMU_MAP_DMA of the address in a type 1 container",
	  .path = GM_PATH_LONGTERM,
	  .needs = GM_NEEDS(VFIO_TYPE1, VFIO_EDU),
	  .mix = GM_MIX_WHOLE,
	  .val = TYPE1_COUNT,
	  .flags = GM_ACC_COUNT | GM_ACC_SLOW | GM_ACC_ROOT,
	  .run = p_iommu,
	  .want = { [GM_CLASS_READ_ONLY] = FOR_WRITING } },
	{ .name = "vfio_type1_read",
	  .text = "VFIO_IOMMU_MAP_DMA in a type 1 container, the device reads by DMA",
	  .path = GM_PATH_LONGTERM,
	  .needs = GM_NEEDS(VFIO_TYPE1, VFIO_EDU),
	  .mix = GM_MIX_WHOLE,
	  .val = TYPE1_READ,
	  .flags = GM_ACC_READ | GM_ACC_SLOW | GM_ACC_ROOT | GM_ACC_FULL,
	  .run = p_iommu },
	{ .name = "vfio_type1_write",
	  .text = "VFIO_IOMMU_MAP_DMA in a type 1 container, the device writes by DMA",
	  .path = GM_PATH_LONGTERM,
	  .needs = GM_NEEDS(VFIO_TYPE1, VFIO_EDU),
	  .mix = GM_MIX_WHOLE,
	  .val = TYPE1_WRITE,
	  .flags = GM_ACC_WRITE | GM_ACC_SLOW | GM_ACC_ROOT | GM_ACC_FULL,
	  .run = p_iommu },
	{ .name = "vfio_compat",
	  .text = "VFIO_IOMMU_MAP_DMA of the address on an iommufd",
	  .path = GM_PATH_LONGTERM,
	  .needs = GM_NEEDS(IOMMUFD, IOMMUFD_TEST),
	  .mix = GM_MIX_WHOLE,
	  .flags = GM_ACC_COUNT | GM_ACC_SLOW | GM_ACC_ROOT | GM_ACC_SAME_PATH,
	  .run = p_compat,
	  .want = { [GM_CLASS_READ_ONLY] = FOR_WRITING } },
	{ 0 }
};
