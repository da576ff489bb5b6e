// SPDX-License-Identifier: GPL-2.0-only
/* A guest on shared guest_memfd, and a device with an empty address space. */
#include "guest.h"

struct dma_guest dma_guest_new(enum gm_iommu_kind kind, uint64_t size)
{
	struct dma_guest g = { .vm = GM_VM_NEW(.kind = GM_VM_DEFAULT, .vcpus = 1), .size = size };

	g.gmem = gm_gmem_new(g.vm, size, SHARED);
	g.hva = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, g.gmem, 0);
	GM_SETUP(g.hva != MAP_FAILED, "mmap of shared guest_memfd: %s", gm_errno_name(errno));
	gm_slot_set(g.vm, GM_SLOT, 0, GM_BASE, size, g.hva, g.gmem, 0);
	gm_vm_map(g.vm, GM_BASE, size, GM_PAGE_SIZE);
	gm_guest_fill(g.vm, 0, GM_BASE, size / GM_PAGE_SIZE, GM_WRITER_SHARED, 1);
	g.iommu = gm_iommu_new(kind);
	g.ioas = gm_ioas_new(g.iommu);
	g.dev = gm_iodev_new(g.iommu, g.ioas);
	return g;
}

void dma_guest_free(struct dma_guest *g)
{
	gm_iodev_free(g->dev);
	gm_iommu_free(g->iommu);
	munmap(g->hva, g->size);
	gm_vm_free(g->vm);
	close(g->gmem);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "VmPin at the end, pages");
}
