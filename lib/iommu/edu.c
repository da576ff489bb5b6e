// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real DMA by QEMU's edu device, through a VFIO device fd, in any address space.
 *
 * edu copies between the bus and its own 4 KiB buffer, 100 ms after the command (QEMU
 * docs/specs/edu.rst); here at most 2048 bytes at a time. The host cannot access that buffer, so
 * the data goes through a scratch page. It is mapped at GM_EDU_IOVA_END for one transfer only, to
 * keep the address space free for the test. edu has 28 address bits: IOVAs must be below 256 MiB.
 */
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <time.h>

#include "ops.h"
#include "platform.h"
#include "time_factor.h"

#define CHUNK 2048UL

/* Registers in BAR 0, docs/specs/edu.rst. */
#define EDU_ID 0x00 /* 0xRRrr00ed */
#define EDU_DMA_SRC 0x80
#define EDU_DMA_DST 0x88
#define EDU_DMA_CNT 0x90
#define EDU_DMA_CMD 0x98
#define EDU_RUN 1UL
#define EDU_TO_RAM 2UL
#define EDU_BUF 0x40000UL

/* The edu devices: bound to vfio-pci by this process; and the gm_iodev that uses it. */
static struct edu {
	bool bound;
	struct gm_iodev *dev;
} edus[GM_EDU_MAX];

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = fd < 0 ? -1 : write(fd, text, strlen(text)) < 0 ? -1 : 0;

	if (fd >= 0)
		close(fd);
	return ret;
}

/* At any end of the case. Releases the device first: to unbind an open device blocks forever. */
static void unbind(void *arg)
{
	struct edu *edu = arg;
	const char *bdf = gm_platform_edu(edu - edus);
	char path[320];

	if (edu->dev)
		gm_edu_release(edu->dev);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", bdf);
	write_text("/sys/bus/pci/drivers/vfio-pci/unbind", bdf);
	write_text(path, "\n");
	edu->bound = false;
}

void gm_edu_bind(unsigned int nr)
{
	const char *bdf = gm_platform_edu(nr);
	char path[320], to[512] = "";
	ssize_t n;

	GM_SETUP(bdf, "no edu device %u", nr);
	if (edus[nr].bound)
		return;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", bdf);
	n = readlink(path, to, sizeof(to) - 1);
	if (n > 0 && strstr(to, "/vfio-pci"))
		return;
	GM_SETUP(n < 0, "edu %s has a driver already: %s", bdf, to);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", bdf);
	GM_SETUP_OK(write_text(path, "vfio-pci"));
	gm_cleanup(unbind, &edus[nr]);
	edus[nr].bound = true;
	GM_SETUP_OK(write_text("/sys/bus/pci/drivers_probe", bdf));
}

unsigned int gm_edu_claim(struct gm_iodev *dev)
{
	unsigned int nr = 0;

	while (nr < GM_EDU_MAX && edus[nr].dev)
		nr++;
	GM_SETUP(nr < GM_EDU_MAX && gm_platform_edu(nr), "there are only %u edu devices", nr);
	gm_edu_bind(nr);
	edus[nr].dev = dev;
	return nr;
}

void gm_edu_release(struct gm_iodev *dev)
{
	if (dev->bar)
		munmap(dev->bar, dev->bar_size);
	if (dev->fd >= 0)
		close(dev->fd);
	for (unsigned int i = 0; i < GM_EDU_MAX; i++)
		if (edus[i].dev == dev)
			edus[i].dev = NULL;
}

static volatile uint32_t *reg32(struct gm_iodev *dev, unsigned int off)
{
	return (volatile uint32_t *)(dev->bar + off);
}

static volatile uint64_t *reg64(struct gm_iodev *dev, unsigned int off)
{
	return (volatile uint64_t *)(dev->bar + off);
}

void gm_edu_start(struct gm_iodev *dev)
{
	struct vfio_region_info info = { .argsz = sizeof(info),
					 .index = VFIO_PCI_CONFIG_REGION_INDEX };
	uint16_t command;

	GM_SETUP_OK(ioctl(dev->fd, VFIO_DEVICE_GET_REGION_INFO, &info));
	GM_SETUP_OK(pread(dev->fd, &command, 2, info.offset + PCI_COMMAND));
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	GM_SETUP_OK(pwrite(dev->fd, &command, 2, info.offset + PCI_COMMAND));

	info = (struct vfio_region_info){ .argsz = sizeof(info),
					  .index = VFIO_PCI_BAR0_REGION_INDEX };
	GM_SETUP_OK(ioctl(dev->fd, VFIO_DEVICE_GET_REGION_INFO, &info));
	dev->bar_size = info.size;
	dev->bar = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, dev->fd, info.offset);
	GM_SETUP(dev->bar != MAP_FAILED, "mmap of BAR 0: %s", gm_errno_name(errno));
	GM_SETUP((*reg32(dev, EDU_ID) & 0xffff) == 0x00ed, "edu has id %#x", *reg32(dev, EDU_ID));
}

/* One transfer between the bus and edu's buffer at off. Waits for its end, at most 30 s. */
static void transfer_at(struct gm_iodev *dev, uint64_t iova, uint64_t off, uint64_t len,
			bool to_ram)
{
	struct timespec ms = { .tv_nsec = 1000000 };

	*reg64(dev, EDU_DMA_SRC) = to_ram ? EDU_BUF + off : iova;
	*reg64(dev, EDU_DMA_DST) = to_ram ? iova : EDU_BUF + off;
	*reg64(dev, EDU_DMA_CNT) = len;
	*reg64(dev, EDU_DMA_CMD) = EDU_RUN | (to_ram ? EDU_TO_RAM : 0);
	for (int i = 0; i < gm_time_limit(30000); i++) {
		if (!(*reg64(dev, EDU_DMA_CMD) & EDU_RUN))
			return;
		nanosleep(&ms, NULL);
	}
	GM_ERROR("edu does not finish a transfer of %lu bytes at iova %#lx", len, iova);
}

static void transfer(struct gm_iodev *dev, uint64_t iova, uint64_t len, bool to_ram)
{
	transfer_at(dev, iova, 0, len, to_ram);
}

/* A transfer to or from the scratch page, which is mapped only for it. */
static void through_scratch(struct gm_iodev *dev, void *scratch, uint64_t len, bool to_ram)
{
	uint64_t iova = GM_EDU_IOVA_END;

	GM_SETUP(!__gm_map_hva(dev->iommu, dev->ioas, scratch, GM_PAGE_SIZE, &iova, GM_RW),
		 "mapping edu's scratch page: %s", gm_errno_name(errno));
	transfer(dev, iova, len, to_ram);
	gm_unmap(dev->iommu, dev->ioas, iova, GM_PAGE_SIZE);
}

static void *scratch_page(void)
{
	void *p =
		mmap(NULL, GM_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	GM_SETUP(p != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	return p;
}

static int edu_rw(struct gm_iodev *dev, uint64_t iova, uint8_t *buf, uint64_t len, bool write)
{
	uint8_t *scratch = scratch_page();

	GM_SETUP(iova + len <= GM_EDU_IOVA_END, "iova %#lx is too high for edu", iova + len);
	for (uint64_t n, done = 0; done < len; done += n) {
		n = len - done < CHUNK ? len - done : CHUNK;
		if (write) {
			memcpy(scratch, buf + done, n);
			through_scratch(dev, scratch, n, false);
			transfer(dev, iova + done, n, true);
		} else {
			memset(scratch, 0, n);
			transfer(dev, iova + done, n, false);
			through_scratch(dev, scratch, n, true);
			memcpy(buf + done, scratch, n);
		}
	}
	munmap(scratch, GM_PAGE_SIZE);
	return 0;
}

int gm_edu_read(struct gm_iodev *dev, uint64_t iova, void *buf, uint64_t len)
{
	return edu_rw(dev, iova, buf, len, false);
}

int gm_edu_write(struct gm_iodev *dev, uint64_t iova, const void *buf, uint64_t len)
{
	return edu_rw(dev, iova, (uint8_t *)buf, len, true);
}

void gm_edu_buf_host(struct gm_iodev *dev, void *data, bool set)
{
	uint8_t *scratch = scratch_page();

	if (set)
		memcpy(scratch, data, GM_DMA_BUF);
	through_scratch(dev, scratch, GM_DMA_BUF, !set);
	if (!set)
		memcpy(data, scratch, GM_DMA_BUF);
	munmap(scratch, GM_PAGE_SIZE);
}

void gm_edu_buf_dma(struct gm_iodev *dev, uint64_t iova, uint64_t off, uint64_t len, bool write)
{
	transfer_at(dev, iova, off, len, write);
}
