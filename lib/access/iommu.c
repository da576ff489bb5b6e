// SPDX-License-Identifier: GPL-2.0-only
/* Probes: the range mapped into an IOMMU by its address, and a device that does DMA there. */
#include <errno.h>
#include <sys/ioctl.h>

#include "access.h"
#include "iommu.h"

#define TYPE1_IOVA 0x2000000UL

enum { MOCK_READ, MOCK_WRITE, DMA_READ, DMA_WRITE };

static long p_iommu(const struct gm_access *a)
{
	bool real = a->probe->val >= DMA_READ;
	bool read = a->probe->val == MOCK_READ || a->probe->val == DMA_READ;
	struct gm_iommu *iommu = gm_iommu_new(real ? GM_IOMMU_VFIO : GM_IOMMU_MOCK);
	uint32_t ioas = gm_ioas_new(iommu);
	struct gm_iodev *dev = gm_iodev_new(iommu, ioas);
	uint64_t iova = GM_ANY_IOVA;
	int err = 0, r;

	/* A device is attached: so the pages are pinned at the map. */
	r = __gm_map_hva(iommu, ioas, a->hva, a->len, &iova, GM_RW);
	if (r)
		err = errno;
	if (!r) {
		r = read ? __gm_dma_read(dev, iova, a->buf, a->len)
			 : __gm_dma_write(dev, iova, a->buf, a->len);
		if (r)
			err = errno;
		gm_unmap(iommu, ioas, iova, a->len);
	}
	gm_iodev_free(dev);
	gm_iommu_free(iommu);
	errno = err;
	return r ? -1 : (long)a->len;
}

/* The old interface, on its own and on an iommufd; an unmap tells what there was. */
static long type1(const struct gm_access *a, int fd)
{
	int64_t n = -1;

	if (!__gm_type1_map(fd, a->hva, a->len, TYPE1_IOVA))
		n = __gm_type1_unmap(fd, TYPE1_IOVA, a->len);
	return n;
}

/* Through the container the device reads or writes, too. */
static long type1_dma(const struct gm_access *a, struct gm_type1 *t)
{
	struct gm_iodev *dev;
	int r;

	if (__gm_type1_map(t->container, a->hva, a->len, TYPE1_IOVA))
		return -1;
	dev = gm_type1_dev(t);
	r = a->probe->val == DMA_READ ? __gm_dma_read(dev, TYPE1_IOVA, a->buf, a->len)
				      : __gm_dma_write(dev, TYPE1_IOVA, a->buf, a->len);
	gm_iodev_free(dev);
	return r ? -1 : __gm_type1_unmap(t->container, TYPE1_IOVA, a->len);
}

static long p_type1(const struct gm_access *a)
{
	bool dma = a->probe->flags & (GM_ACC_READ | GM_ACC_WRITE);
	struct gm_type1 t;
	long r;
	int err;

	gm_type1_open(&t);
	r = dma ? type1_dma(a, &t) : type1(a, t.container);
	err = errno;
	gm_type1_close(&t);
	errno = err;
	return r;
}

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
	r = type1(a, iommu->fd);
	err = errno;
	gm_iodev_free(dev);
	gm_iommu_free(iommu);
	errno = err;
	return r;
}

#define IOMMU .path = GM_PATH_LONGTERM, .run = p_iommu, .mix = GM_MIX_WHOLE

#define FOR_WRITING GM_ERR(EFAULT, "mm/gup.c:check_vma_flags(): FOLL_WRITE, and no VM_WRITE")

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
	  .flags = GM_ACC_COUNT | GM_ACC_SLOW | GM_ACC_ROOT,
	  .run = p_type1,
	  .want = { [GM_CLASS_READ_ONLY] = FOR_WRITING } },
	{ .name = "vfio_type1_read",
	  .text = "VFIO_IOMMU_MAP_DMA in a type 1 container, the device reads by DMA",
	  .path = GM_PATH_LONGTERM,
	  .needs = GM_NEEDS(VFIO_TYPE1, VFIO_EDU),
	  .mix = GM_MIX_WHOLE,
	  .val = DMA_READ,
	  .flags = GM_ACC_READ | GM_ACC_SLOW | GM_ACC_ROOT | GM_ACC_FULL,
	  .run = p_type1 },
	{ .name = "vfio_type1_write",
	  .text = "VFIO_IOMMU_MAP_DMA in a type 1 container, the device writes by DMA",
	  .path = GM_PATH_LONGTERM,
	  .needs = GM_NEEDS(VFIO_TYPE1, VFIO_EDU),
	  .mix = GM_MIX_WHOLE,
	  .val = DMA_WRITE,
	  .flags = GM_ACC_WRITE | GM_ACC_SLOW | GM_ACC_ROOT | GM_ACC_FULL,
	  .run = p_type1 },
	{ .name = "vfio_compat",
	  .text = "VFIO_IOMMU_MAP_DMA of the address on an iommufd",
	  .path = GM_PATH_LONGTERM,
	  .needs = GM_NEEDS(IOMMUFD, IOMMUFD_TEST),
	  .mix = GM_MIX_WHOLE,
	  .flags = GM_ACC_COUNT | GM_ACC_SLOW | GM_ACC_ROOT | GM_ACC_TWIN,
	  .run = p_compat,
	  .want = { [GM_CLASS_READ_ONLY] = FOR_WRITING } },
	{ 0 }
};
