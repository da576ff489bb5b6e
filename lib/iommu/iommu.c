// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMUs of any provider: address spaces, maps by address, and devices. iommufd.c has the calls
 * that only iommufd supports.
 */
#include <fcntl.h>
#include <linux/memfd.h>

#include "main.h"
#include "ops.h"
#include "seed.h"
#include "text.h"

static const struct gm_iommu_ops *const providers[] = {
	[GM_IOMMU_MOCK] = &gm_iommu_mock_ops,
	[GM_IOMMU_VFIO] = &gm_iommu_vfio_ops,
	[GM_IOMMU_TYPE1] = &gm_iommu_type1_ops,
};

struct gm_iommu *gm_iommu_new(enum gm_iommu_kind kind)
{
	struct gm_iommu *iommu = calloc(1, sizeof(*iommu));

	GM_SETUP(iommu, "out of memory");
	GM_SETUP(kind, "the case states no IOMMU");
	iommu->ops = providers[kind];
	iommu->ops->open(iommu);
	return iommu;
}

void gm_iommu_free(struct gm_iommu *iommu)
{
	iommu->ops->close(iommu);
	free(iommu);
}

uint32_t gm_ioas_new(struct gm_iommu *iommu)
{
	return iommu->ops->ioas_new(iommu);
}

int __gm_map_hva(struct gm_iommu *iommu, uint32_t ioas, void *hva, uint64_t len, uint64_t *iova,
		 uint32_t prot)
{
	return iommu->ops->map_hva(iommu, ioas, hva, len, iova, prot);
}

int __gm_unmap(struct gm_iommu *iommu, uint32_t ioas, uint64_t iova, uint64_t *len)
{
	return iommu->ops->unmap(iommu, ioas, iova, len);
}

void gm_unmap(struct gm_iommu *iommu, uint32_t ioas, uint64_t iova, uint64_t len)
{
	uint64_t done = len;

	GM_ASSERT(!__gm_unmap(iommu, ioas, iova, &done), "unmap of [%#lx, +%#lx): %s", iova, len,
		  gm_errno_name(errno));
	GM_EXPECT_EQ(done, len, "bytes unmapped at iova %#lx", iova);
}

struct gm_iodev *gm_iodev_alloc(struct gm_iommu *iommu, uint32_t ioas)
{
	struct gm_iodev *dev = calloc(1, sizeof(*dev));

	GM_SETUP(dev, "out of memory");
	dev->iommu = iommu;
	dev->ioas = ioas;
	dev->fd = -1;
	return dev;
}

struct gm_iodev *__gm_iodev_new(struct gm_iommu *iommu, uint32_t pt)
{
	struct gm_iodev *dev = gm_iodev_alloc(iommu, pt);
	int err;

	if (!iommu->ops->attach(dev, pt))
		return dev;
	err = errno;
	free(dev);
	errno = err;
	return NULL;
}

struct gm_iodev *gm_iodev_new(struct gm_iommu *iommu, uint32_t pt)
{
	struct gm_iodev *dev = __gm_iodev_new(iommu, pt);

	GM_ASSERT(dev, "attaching a device to object %u: %s", pt, gm_errno_name(errno));
	return dev;
}

void gm_iodev_free(struct gm_iodev *dev)
{
	dev->iommu->ops->detach(dev);
	free(dev->buf);
	free(dev);
}

int __gm_iodev_replace(struct gm_iodev *dev, uint32_t pt, uint32_t ioas)
{
	return dev->iommu->ops->replace(dev, pt, ioas);
}

void gm_iodev_replace(struct gm_iodev *dev, uint32_t pt, uint32_t ioas)
{
	GM_ASSERT(!__gm_iodev_replace(dev, pt, ioas), "moving the device to object %u: %s", pt,
		  gm_errno_name(errno));
}

int __gm_dma_read(struct gm_iodev *dev, uint64_t iova, void *buf, uint64_t len)
{
	memset(buf, 0, len);
	return dev->iommu->ops->read(dev, iova, buf, len);
}

int __gm_dma_write(struct gm_iodev *dev, uint64_t iova, const void *buf, uint64_t len)
{
	return dev->iommu->ops->write(dev, iova, buf, len);
}

uint64_t gm_dma_iova_end(struct gm_iodev *dev)
{
	return dev->iommu->ops->iova_end;
}

unsigned int gm_dma_cost_ms(struct gm_iodev *dev)
{
	return dev->iommu->ops->cost_ms;
}

static unsigned long status_pages(const char *key)
{
	long kb;

	GM_SETUP(gm_read_field("/proc/self/status", key, &kb), "/proc/self/status has no %s", key);
	return kb / 4;
}

unsigned long gm_vm_pinned(void)
{
	return status_pages("VmPin");
}

unsigned long gm_vm_locked(void)
{
	return status_pages("VmLck");
}

bool gm_memfd_unpinned(int fd)
{
	if (!fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE))
		return true;
	GM_SETUP(errno == EBUSY, "F_SEAL_WRITE: %s", gm_errno_name(errno));
	return false;
}

int gm_memfd_new(uint64_t size, uint64_t huge)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd;

	if (huge)
		flags |= MFD_HUGETLB | (huge == GM_1G ? 30U : 21U) << 26;
	fd = GM_SETUP_OK(memfd_create("gm_iommu", flags));
	GM_SETUP_OK(ftruncate(fd, size));
	return fd;
}
