// SPDX-License-Identifier: GPL-2.0-only
/* VFIO as it was before iommufd: the edu device's group in a type 1 container, maps by address. */
#include <fcntl.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>

#include "iommu.h"
#include "platform.h"
#include "underway.h"

void gm_type1_open(struct gm_type1 *t)
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
	t->container = GM_SETUP_OK(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC));
	t->group = GM_SETUP_OK(open(path, O_RDWR | O_CLOEXEC));
	GM_SETUP_OK(ioctl(t->group, VFIO_GROUP_GET_STATUS, &status));
	GM_SETUP(status.flags & VFIO_GROUP_FLAGS_VIABLE,
		 "the group of edu has devices with other drivers");
	GM_SETUP_OK(ioctl(t->group, VFIO_GROUP_SET_CONTAINER, &t->container));
	if (ioctl(t->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)) {
		int err = errno;

		gm_type1_close(t);
		if (err == EPERM)
			gm_skip("VFIO type 1 does not trust this machine with the device",
				"an IOMMU with interrupt remapping, or boot with vfio_iommu_type1.allow_unsafe_interrupts=1");
		GM_ERROR("VFIO_SET_IOMMU: %s", gm_errno_name(err));
	}
}

int __gm_type1_map(int fd, void *hva, uint64_t len, uint64_t iova)
{
	struct vfio_iommu_type1_dma_map arg = { .argsz = sizeof(arg),
						.flags = VFIO_DMA_MAP_FLAG_READ |
							 VFIO_DMA_MAP_FLAG_WRITE,
						.vaddr = (uintptr_t)hva,
						.iova = iova,
						.size = len };

	return GM_CALL("VFIO_IOMMU_MAP_DMA", ioctl(fd, VFIO_IOMMU_MAP_DMA, &arg));
}

int64_t __gm_type1_unmap(int fd, uint64_t iova, uint64_t len)
{
	struct vfio_iommu_type1_dma_unmap arg = { .argsz = sizeof(arg), .iova = iova, .size = len };

	return GM_CALL("VFIO_IOMMU_UNMAP_DMA", ioctl(fd, VFIO_IOMMU_UNMAP_DMA, &arg))
		       ? -1
		       : (int64_t)arg.size;
}

void gm_type1_close(struct gm_type1 *t)
{
	close(t->group);
	close(t->container);
}
