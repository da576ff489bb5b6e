// SPDX-License-Identifier: GPL-2.0-only
/* iommufd itself: address spaces, maps, and devices of whatever provider. */
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/ioctl.h>

#include "iommu.h"
#include "main.h"
#include "seed.h"
#include "underway.h"

struct gm_iommu *gm_iommu_new(enum gm_iommu_kind kind)
{
	struct gm_iommu *iommu = calloc(1, sizeof(*iommu));

	GM_SETUP(iommu, "out of memory");
	iommu->kind = kind;
	iommu->ops = kind == GM_IOMMU_MOCK ? &gm_iommu_mock_ops : &gm_iommu_vfio_ops;
	iommu->fd = GM_SETUP_OK(open("/dev/iommu", O_RDWR | O_CLOEXEC));
	if (kind == GM_IOMMU_MOCK)
		gm_mock_memory_whole(iommu);
	return iommu;
}

void gm_iommu_free(struct gm_iommu *iommu)
{
	close(iommu->fd);
	free(iommu);
}

uint32_t gm_ioas_new(struct gm_iommu *iommu)
{
	struct iommu_ioas_alloc arg = { .size = sizeof(arg) };

	GM_SETUP_OK(ioctl(iommu->fd, IOMMU_IOAS_ALLOC, &arg));
	return arg.out_ioas_id;
}

int __gm_iommu_destroy(struct gm_iommu *iommu, uint32_t id)
{
	struct iommu_destroy arg = { .size = sizeof(arg), .id = id };

	return GM_CALL("IOMMU_DESTROY", ioctl(iommu->fd, IOMMU_DESTROY, &arg));
}

void gm_iommu_destroy(struct gm_iommu *iommu, uint32_t id)
{
	GM_SETUP_OK(__gm_iommu_destroy(iommu, id));
}

/* Without FIXED_IOVA the field is output alone: who takes this for a wish does so for every map. */
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

int __gm_map_hva(struct gm_iommu *iommu, uint32_t ioas, void *hva, uint64_t len, uint64_t *iova,
		 uint32_t prot)
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

int __gm_unmap(struct gm_iommu *iommu, uint32_t ioas, uint64_t iova, uint64_t *len)
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

void gm_unmap(struct gm_iommu *iommu, uint32_t ioas, uint64_t iova, uint64_t len)
{
	uint64_t done = len;

	GM_ASSERT(!__gm_unmap(iommu, ioas, iova, &done), "IOMMU_IOAS_UNMAP of [%#lx, +%#lx): %s",
		  iova, len, gm_errno_name(errno));
	GM_EXPECT_EQ(done, len, "bytes unmapped at iova %#lx", iova);
}

struct gm_iodev *__gm_iodev_new(struct gm_iommu *iommu, uint32_t pt)
{
	struct gm_iodev *dev = calloc(1, sizeof(*dev));
	int err;

	GM_SETUP(dev, "out of memory");
	dev->iommu = iommu;
	dev->ioas = pt;
	dev->fd = -1;
	dev->access = -1;
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

unsigned int gm_iodev_max(struct gm_iommu *iommu)
{
	return iommu->ops->max_devices;
}

void gm_iodev_free(struct gm_iodev *dev)
{
	dev->iommu->ops->detach(dev);
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

uint32_t gm_hwpt_new(struct gm_iodev *dev, uint32_t ioas, uint32_t flags)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.flags = flags,
		.dev_id = dev->idev,
		.pt_id = ioas,
	};

	GM_SETUP_OK(ioctl(dev->iommu->fd, IOMMU_HWPT_ALLOC, &arg));
	return arg.out_hwpt_id;
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

unsigned int gm_dma_cost_ms(struct gm_iodev *dev)
{
	return dev->iommu->ops->cost_ms;
}

static unsigned long status_pages(const char *key)
{
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long kb = 0;
	char line[256];

	GM_SETUP(f, "/proc/self/status: %s", gm_errno_name(errno));
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			kb = strtoul(line + strlen(key) + 1, NULL, 10);
	fclose(f);
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
