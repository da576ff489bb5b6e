// SPDX-License-Identifier: GPL-2.0-only
/* An edu device behind any IOMMU, by the VFIO cdev and iommufd. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>

#include "ops.h"
#include "platform.h"

static int open_cdev(const char *bdf)
{
	char path[320];
	struct dirent *d;
	int fd = -1;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	dir = opendir(path);
	GM_SETUP(dir, "%s: %s (CONFIG_VFIO_DEVICE_CDEV)", path, gm_errno_name(errno));
	while (fd < 0 && (d = readdir(dir))) {
		if (strncmp(d->d_name, "vfio", 4))
			continue;
		snprintf(path, sizeof(path), "/dev/vfio/devices/%s", d->d_name);
		fd = GM_SETUP_OK(open(path, O_RDWR | O_CLOEXEC));
	}
	closedir(dir);
	return fd;
}

static int vfio_attach(struct gm_iodev *dev, uint32_t pt)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = dev->iommu->fd };
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach), .pt_id = pt };
	int err;

	dev->fd = open_cdev(gm_platform_edu(gm_edu_claim(dev)));
	if (ioctl(dev->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind)) {
		if (errno == EPERM)
			gm_skip("VFIO refuses this machine: no interrupt remapping",
				"an IOMMU with interrupt remapping, or boot with iommufd.allow_unsafe_interrupts=1");
		GM_ERROR("VFIO_DEVICE_BIND_IOMMUFD: %s", gm_errno_name(errno));
	}
	dev->idev = bind.out_devid;
	if (ioctl(dev->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach)) {
		err = errno;
		gm_edu_release(dev);
		errno = err;
		return -1;
	}
	dev->hwpt = attach.pt_id;
	gm_edu_start(dev);
	return 0;
}

static void vfio_detach(struct gm_iodev *dev)
{
	struct vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(detach) };

	ioctl(dev->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
	gm_edu_release(dev);
}

static int vfio_replace(struct gm_iodev *dev, uint32_t pt, uint32_t ioas)
{
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach), .pt_id = pt };

	if (ioctl(dev->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
		return -1;
	dev->hwpt = attach.pt_id;
	dev->ioas = ioas;
	return 0;
}

const struct gm_iommu_ops gm_iommu_vfio_ops = {
	.open = gm_iommufd_open,
	.close = gm_iommufd_close,
	.ioas_new = gm_iommufd_ioas_new,
	.map_hva = gm_iommufd_map_hva,
	.unmap = gm_iommufd_unmap,
	.attach = vfio_attach,
	.detach = vfio_detach,
	.replace = vfio_replace,
	.read = gm_edu_read,
	.write = gm_edu_write,
	.buf_host = gm_edu_buf_host,
	.buf_dma = gm_edu_buf_dma,
	.cost_ms = GM_EDU_COST_MS,
	.iova_end = GM_EDU_IOVA_END,
};
