// SPDX-License-Identifier: GPL-2.0-only
/* The registers of a PCI device, in the address space of an IOMMU: iommu.device_memory. */
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "dma_memory.h"

GM_FILE(.clause = "iommu.device_memory", .profile = "IO", .caps = GM_CAPS(CAP_IPC_LOCK))

#define PG GM_PAGE_SIZE
/* A register of edu that reads what was written: the source of its next transfer. */
#define EDU_DMA_SRC 0x80

GM_CASE(by_address, .name = "iommu.device_memory.bar_hva.dma", .iommu = GM_IOMMU_VFIO,
	.flags = GM_REFUSAL,
	.text = "iommufd refuses a mapped BAR by its address, EFAULT, attached or at the attach; nothing is pinned")
{
	struct dma_memory m = dma_memory_new(self->iommu, PG, 0);
	uint32_t other = gm_ioas_new(m.iommu);
	uint64_t at = IOVA;

	GM_EXPECT_ERRNO(EFAULT, __gm_map_hva(m.iommu, m.ioas, m.dev->bar, PG, &at, GM_RW), "RW");
	GM_EXPECT_ERRNO(EFAULT, __gm_map_hva(m.iommu, m.ioas, m.dev->bar, PG, &at, GM_RO), "RO");
	GM_EXPECT_OK(__gm_map_hva(m.iommu, other, m.dev->bar, PG, &at, GM_RW),
		     "nothing is attached");
	GM_EXPECT_ERRNO(EFAULT, __gm_iodev_replace(m.dev, other, other), "the attach");
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin after the refusals, pages");
	gm_promise(!__gm_map_hva(m.iommu, m.ioas, m.hva, PG, &at, GM_RW), "memory at that IOVA");
	gm_dma_prove_same_page(m.dev, IOVA, m.hva, "memory at that IOVA");
	dma_memory_free(&m);
}

GM_CASE(type1, .name = "iommu.device_memory.bar_hva.type1", .iommu = GM_IOMMU_TYPE1,
	.text = "a type 1 container maps a BAR by its address: the device reaches it, and nothing is pinned or counted")
{
	struct dma_memory m = dma_memory_new(self->iommu, PG, 0);
	uint64_t at = IOVA, word = 0;

	GM_EXPECT_OK(__gm_map_hva(m.iommu, m.ioas, m.dev->bar, PG, &at, GM_RW));
	GM_EXPECT_EQ(gm_vm_pinned() + gm_vm_locked(), 0, "VmPin and VmLck, pages");
	/* While the device reads its register, that has the IOVA that it reads. */
	GM_EXPECT_OK(__gm_dma_read(m.dev, IOVA + EDU_DMA_SRC, &word, 8));
	GM_EXPECT_EQ(word, IOVA + EDU_DMA_SRC, "the register, read by DMA");
	gm_unmap(m.iommu, m.ioas, IOVA, PG);
	word = 1;
	GM_EXPECT_OK(__gm_dma_read(m.dev, IOVA + EDU_DMA_SRC, &word, 8));
	GM_EXPECT_EQ(word, 0, "the register, read by DMA after the unmap");
	dma_memory_free(&m);
}

/* --- a BAR as a dma-buf --- */

/* A dma-buf of the first page of BAR 0; -1 and errno. */
static int export_bar(struct gm_iodev *dev)
{
	struct {
		struct vfio_device_feature head;
		struct vfio_device_feature_dma_buf buf;
		struct vfio_region_dma_range range;
	} arg = {
		.head = { .argsz = sizeof(arg),
			  .flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF },
		.buf = { .region_index = VFIO_PCI_BAR0_REGION_INDEX,
			 .open_flags = O_CLOEXEC | O_RDWR,
			 .nr_ranges = 1 },
		.range = { .length = PG },
	};

	return ioctl(dev->fd, VFIO_DEVICE_FEATURE, &arg);
}

static void set_memory(struct gm_iodev *dev, bool on)
{
	struct vfio_region_info info = { .argsz = sizeof(info),
					 .index = VFIO_PCI_CONFIG_REGION_INDEX };
	uint16_t command;

	GM_SETUP_OK(ioctl(dev->fd, VFIO_DEVICE_GET_REGION_INFO, &info));
	GM_SETUP_OK(pread(dev->fd, &command, 2, info.offset + PCI_COMMAND));
	command = on ? command | PCI_COMMAND_MEMORY : command & ~PCI_COMMAND_MEMORY;
	GM_SETUP_OK(pwrite(dev->fd, &command, 2, info.offset + PCI_COMMAND));
}

static uint64_t dma_word(struct gm_iodev *dev, uint64_t iova)
{
	uint64_t word = 1;

	GM_EXPECT_OK(__gm_dma_read(dev, iova, &word, 8));
	return word;
}

GM_CASE(peer, .name = "iommu.device_memory.bar.dma", .iommu = GM_IOMMU_VFIO,
	.needs = GM_NEEDS(VFIO_EDU_PAIR), .flags = GM_FULL_ONLY,
	.text = "a BAR by its dma-buf: another device reaches it, until its memory is switched off or it is closed; nothing is pinned")
{
	struct dma_memory m = dma_memory_new(self->iommu, PG, 0);
	struct gm_iodev *peer = gm_iodev_new(m.iommu, gm_ioas_new(m.iommu));
	const uint64_t mark = 0x5eed0000beef, again = IOVA + 0x10000, last = IOVA + 0x20000;
	uint64_t at = again;
	int buf = export_bar(peer);

	if (buf < 0 && errno == ENOTTY)
		gm_skip("VFIO exports no dma-buf", "build the kernel with CONFIG_PCI_P2PDMA=y");
	GM_GRANTED(buf >= 0, "VFIO_DEVICE_FEATURE_DMA_BUF: %s", gm_errno_name(errno));
	*(volatile uint64_t *)(peer->bar + EDU_DMA_SRC) = mark;
	gm_map_file(m.iommu, m.ioas, buf, 0, PG, IOVA, GM_RW);
	GM_EXPECT_EQ(gm_vm_pinned() + gm_vm_locked(), 0, "VmPin and VmLck, pages");
	GM_EXPECT_EQ(dma_word(m.dev, IOVA + EDU_DMA_SRC), mark, "the register");
	set_memory(peer, false);
	GM_EXPECT_EQ(dma_word(m.dev, IOVA + EDU_DMA_SRC), 0, "its memory is off");
	GM_EXPECT_ERRNO(ENODEV, __gm_map_file(m.iommu, m.ioas, buf, 0, PG, &at, GM_RW),
			"its memory is off");
	set_memory(peer, true);
	GM_EXPECT_EQ(dma_word(m.dev, IOVA + EDU_DMA_SRC), 0, "its memory is on: the old map");
	GM_EXPECT_OK(__gm_map_file(m.iommu, m.ioas, buf, 0, PG, &at, GM_RW), "its memory is on");
	GM_EXPECT_EQ(dma_word(m.dev, again + EDU_DMA_SRC), mark, "its memory is on: a new map");
	gm_iodev_free(peer);
	GM_EXPECT_EQ(dma_word(m.dev, again + EDU_DMA_SRC), 0, "the device is closed");
	at = last;
	GM_EXPECT_ERRNO(ENODEV, __gm_map_file(m.iommu, m.ioas, buf, 0, PG, &at, GM_RW),
			"the device is closed");
	gm_unmap(m.iommu, m.ioas, IOVA, PG);
	gm_unmap(m.iommu, m.ioas, again, PG);
	close(buf);
	dma_memory_free(&m);
}
