// SPDX-License-Identifier: GPL-2.0-only
/* VFIO without iommufd: the edu device's group in a type 1 container, maps by address. */
#include <fcntl.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>

#include "ops.h"
#include "platform.h"
#include "underway.h"

int __gm_type1_map(int fd, void *hva, uint64_t len, uint64_t iova, uint32_t prot)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg),
		.flags = (prot & GM_RO ? VFIO_DMA_MAP_FLAG_READ : 0) |
			 (prot & GM_WO ? VFIO_DMA_MAP_FLAG_WRITE : 0),
		.vaddr = (uintptr_t)hva,
		.iova = iova,
		.size = len
	};

	return GM_CALL("VFIO_IOMMU_MAP_DMA", ioctl(fd, VFIO_IOMMU_MAP_DMA, &arg));
}

int64_t __gm_type1_unmap(int fd, uint64_t iova, uint64_t len)
{
	struct vfio_iommu_type1_dma_unmap arg = { .argsz = sizeof(arg), .iova = iova, .size = len };

	return GM_CALL("VFIO_IOMMU_UNMAP_DMA", ioctl(fd, VFIO_IOMMU_UNMAP_DMA, &arg))
		       ? -1
		       : (int64_t)arg.size;
}

static void type1_close(struct gm_iommu *iommu)
{
	close(iommu->group);
	close(iommu->fd);
}

static void type1_open(struct gm_iommu *iommu)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	const char *bdf = gm_platform_edu(0);
	char path[320], to[512] = "";
	ssize_t n;

	GM_SETUP(bdf, "no edu device");
	gm_edu_bind(0);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", bdf);
	n = readlink(path, to, sizeof(to) - 1);
	GM_SETUP(n > 0 && strrchr(to, '/'), "%s: %s", path, gm_errno_name(errno));
	snprintf(path, sizeof(path), "/dev/vfio%.32s", strrchr(to, '/'));
	iommu->fd = GM_SETUP_OK(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC));
	iommu->group = GM_SETUP_OK(open(path, O_RDWR | O_CLOEXEC));
	GM_SETUP_OK(ioctl(iommu->group, VFIO_GROUP_GET_STATUS, &status));
	GM_SETUP(status.flags & VFIO_GROUP_FLAGS_VIABLE,
		 "the group of edu has devices with other drivers");
	GM_SETUP_OK(ioctl(iommu->group, VFIO_GROUP_SET_CONTAINER, &iommu->fd));
	if (ioctl(iommu->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)) {
		int err = errno;

		type1_close(iommu);
		if (err == EPERM)
			gm_skip("VFIO type 1 refuses this machine: no interrupt remapping",
				"an IOMMU with interrupt remapping, or boot with vfio_iommu_type1.allow_unsafe_interrupts=1");
		GM_ERROR("VFIO_SET_IOMMU: %s", gm_errno_name(err));
	}
}

/* A container has one address space. */
static uint32_t type1_ioas_new(struct gm_iommu *iommu __attribute__((unused)))
{
	return 0;
}

static int type1_map_hva(struct gm_iommu *iommu, uint32_t ioas __attribute__((unused)), void *hva,
			 uint64_t len, uint64_t *iova, uint32_t prot)
{
	GM_SETUP(*iova != GM_ANY_IOVA, "VFIO type 1 does not choose IOVAs");
	return __gm_type1_map(iommu->fd, hva, len, *iova, prot);
}

static int type1_unmap(struct gm_iommu *iommu, uint32_t ioas __attribute__((unused)), uint64_t iova,
		       uint64_t *len)
{
	int64_t done = __gm_type1_unmap(iommu->fd, iova, *len);

	if (done < 0)
		return -1;
	*len = done;
	return 0;
}

/* The group's device is in the container already: only opens it. */
static int type1_attach(struct gm_iodev *dev, uint32_t pt __attribute__((unused)))
{
	const char *bdf = gm_platform_edu(gm_edu_claim(dev));

	dev->fd = GM_SETUP_OK(ioctl(dev->iommu->group, VFIO_GROUP_GET_DEVICE_FD, bdf));
	gm_edu_start(dev);
	return 0;
}

const struct gm_iommu_ops gm_iommu_type1_ops = {
	.open = type1_open,
	.close = type1_close,
	.ioas_new = type1_ioas_new,
	.map_hva = type1_map_hva,
	.unmap = type1_unmap,
	.attach = type1_attach,
	.detach = gm_edu_release,
	.read = gm_edu_read,
	.write = gm_edu_write,
	.buf_host = gm_edu_buf_host,
	.buf_dma = gm_edu_buf_dma,
	.cost_ms = GM_EDU_COST_MS,
	.iova_end = GM_EDU_IOVA_END,
};
