// SPDX-License-Identifier: GPL-2.0-only
/* Probes of iommufd and VFIO. Each one opens its own iommufd context and closes it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "platform_priv.h"

/*
 * The selftest ioctl of iommufd is not in an exported header. The parts that are needed (numbers of
 * 7.3, drivers/iommu/iommufd/iommufd_test.h): the command, the operation that creates a mock device
 * and attaches it to an IOAS, and the layout of its argument. The argument may be longer, with
 * zeros.
 */
#define GM_IOMMU_TEST_CMD _IO(IOMMUFD_TYPE, IOMMUFD_CMD_BASE + 32)
#define GM_TEST_OP_MOCK_DOMAIN 2
struct gm_iommu_test_cmd {
	uint32_t size;
	uint32_t op;
	uint32_t id;
	uint32_t reserved;
	uint32_t rest[28];
};

static int open_iommu(void)
{
	return open("/dev/iommu", O_RDWR | O_CLOEXEC);
}

int gm_probe_iommufd(char *remedy)
{
	return gm_try_open("/dev/iommu", O_RDWR);
}

static int map_file(int iommu, uint32_t ioas, int fd)
{
	struct iommu_ioas_map_file arg = {
		.size = sizeof(arg),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas,
		.fd = fd,
		.length = sysconf(_SC_PAGESIZE),
	};

	return ioctl(iommu, IOMMU_IOAS_MAP_FILE, &arg) ? -errno : 0;
}

int gm_probe_map_file(char *remedy)
{
	int iommu = open_iommu();
	int err = iommu < 0 ? -errno : map_file(iommu, 0, -1);

	if (iommu >= 0)
		close(iommu);
	/* There is no IOAS 0: ENOENT if the kernel has the call, else ENOTTY. */
	return err == -ENOENT ? 0 : err;
}

int gm_probe_iommufd_test(char *remedy)
{
	struct gm_iommu_test_cmd cmd = { .size = sizeof(cmd) };
	int iommu = open_iommu();
	int err = iommu < 0 ? -errno : 0;

	/* There is no operation 0: EOPNOTSUPP from the mock, ENOTTY if it is not built. */
	if (!err && ioctl(iommu, GM_IOMMU_TEST_CMD, &cmd))
		err = -errno;
	if (iommu >= 0)
		close(iommu);
	return err == -EOPNOTSUPP ? 0 : err ? err : -EPROTO;
}

static char edu[GM_EDU_MAX][32];

/* Finds the PCI devices 1234:11e8, QEMU's edu, sorted by address. Returns how many. */
static unsigned int find_edus(void)
{
	struct dirent **d;
	int n = scandir("/sys/bus/pci/devices", &d, NULL, alphasort);
	unsigned int found = 0;

	for (int i = 0; i < n; i++) {
		char path[320], vendor[16] = "", device[16] = "";

		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vendor", d[i]->d_name);
		gm_read_text(path, vendor, sizeof(vendor));
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/device", d[i]->d_name);
		gm_read_text(path, device, sizeof(device));
		if (found < GM_EDU_MAX && !strcmp(vendor, "0x1234") && !strcmp(device, "0x11e8"))
			snprintf(edu[found++], sizeof(edu[0]), "%.31s", d[i]->d_name);
		free(d[i]);
	}
	if (n >= 0)
		free(d);
	return found;
}

/* The sysfs link to the IOMMU group of an edu device; empty: none. */
static void group(unsigned int nr, char *to, size_t len)
{
	char path[320];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", edu[nr]);
	n = readlink(path, to, len - 1);
	to[n < 0 ? 0 : n] = '\0';
}

int gm_probe_vfio_edu(char *remedy)
{
	char g[320];

	if (!find_edus()) {
		snprintf(remedy, GM_REMEDY_LEN,
			 "a VM with -device edu behind an IOMMU: `make lab IOMMU=intel`");
		return -ENODEV;
	}
	group(0, g, sizeof(g));
	if (!*g) {
		snprintf(
			remedy, GM_REMEDY_LEN,
			"edu is there (%s) but behind no IOMMU: boot with %s, or `make lab IOMMU=intel`",
			edu[0], "intel_iommu=on or an AMD IOMMU or SMMUv3 in use");
		return -ENXIO;
	}
	if (access("/sys/bus/pci/drivers/vfio-pci", F_OK)) {
		snprintf(remedy, GM_REMEDY_LEN,
			 gm_kconfig("CONFIG_VFIO_PCI") == 'm'
				 ? "modprobe vfio-pci"
				 : "build the kernel with CONFIG_VFIO_PCI=y");
		return -ENOENT;
	}
	return 0;
}

int gm_probe_vfio_edu_pair(char *remedy)
{
	char first[320], second[320];

	if (find_edus() < 2) {
		snprintf(remedy, GM_REMEDY_LEN, "a VM with -device edu twice, as `make lab` has");
		return -ENODEV;
	}
	group(0, first, sizeof(first));
	group(1, second, sizeof(second));
	return *second && strcmp(first, second) ? 0 : -ENXIO;
}

const char *gm_platform_edu(unsigned int nr)
{
	return gm_platform_has(nr ? GM_NEED_VFIO_EDU_PAIR : GM_NEED_VFIO_EDU) && nr < GM_EDU_MAX
		       ? edu[nr]
		       : NULL;
}

int gm_probe_vfio_type1(char *remedy)
{
	int fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	int err = fd < 0 ? -errno : 0;

	if (!err && (ioctl(fd, VFIO_GET_API_VERSION) != VFIO_API_VERSION ||
		     ioctl(fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) != 1))
		err = -EOPNOTSUPP;
	if (fd >= 0)
		close(fd);
	return err;
}

static int attach_mock(int iommu, uint32_t ioas)
{
	struct gm_iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = GM_TEST_OP_MOCK_DOMAIN,
		.id = ioas,
	};

	return ioctl(iommu, GM_IOMMU_TEST_CMD, &cmd) ? -errno : 0;
}

/*
 * Attaches the edu device by its VFIO cdev, if it is bound to vfio-pci. The caller closes *device.
 */
static int attach_edu(int iommu, uint32_t ioas, int *device)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = iommu };
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach), .pt_id = ioas };
	char path[320];
	char g[320] = "";
	struct dirent *d;
	DIR *dir;

	if (find_edus())
		group(0, g, sizeof(g));
	if (!*g)
		return -ENODEV;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", edu[0]);
	dir = opendir(path);
	while (dir && *device < 0 && (d = readdir(dir))) {
		if (strncmp(d->d_name, "vfio", 4))
			continue;
		snprintf(path, sizeof(path), "/dev/vfio/devices/%s", d->d_name);
		*device = open(path, O_RDWR | O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	if (*device < 0)
		return -ENODEV;
	return ioctl(*device, VFIO_DEVICE_BIND_IOMMUFD, &bind) ||
			       ioctl(*device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach)
		       ? -errno
		       : 0;
}

int gm_probe_map_gmem(char *remedy)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int iommu = open_iommu();
	int device = -1, memfd = -1, vm = -1, gmem = -1;
	int err = 0;

	if (iommu < 0 || ioctl(iommu, IOMMU_IOAS_ALLOC, &alloc)) {
		err = -errno;
		goto out;
	}

	/* Without an attached domain nothing is pinned, and a map of any fd succeeds. */
	if (attach_mock(iommu, alloc.out_ioas_id) &&
	    attach_edu(iommu, alloc.out_ioas_id, &device)) {
		snprintf(remedy, GM_REMEDY_LEN,
			 "nothing to attach: CONFIG_IOMMUFD_TEST=y, or edu bound to vfio-pci");
		err = -ENODEV;
		goto out;
	}
	/* If the call fails on a memfd, too, its failure on guest_memfd means nothing. */
	memfd = memfd_create("gm-probe", MFD_CLOEXEC);
	if (memfd < 0 || ftruncate(memfd, sysconf(_SC_PAGESIZE)))
		err = -errno;
	else
		err = map_file(iommu, alloc.out_ioas_id, memfd);
	if (err) {
		snprintf(remedy, GM_REMEDY_LEN, "a memfd is refused too: %s", strerror(-err));
		goto out;
	}
	err = gm_probe_gmem_file(GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED, &vm, &gmem);
	if (err)
		goto out;
	err = map_file(iommu, alloc.out_ioas_id, gmem);
out:
	if (device >= 0)
		close(device);
	if (iommu >= 0)
		close(iommu);
	if (memfd >= 0)
		close(memfd);
	if (gmem >= 0)
		close(gmem);
	if (vm >= 0)
		close(vm);
	return err;
}
