/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest on shared guest_memfd, and a device with an empty address space: for cases without
 * conversions. Cases with conversions use gm_fixture_new().
 */
#ifndef COMMON_IOMMU_GUEST_H
#define COMMON_IOMMU_GUEST_H

#include "dma_memory.h"

#define SHARED (GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED)

struct dma_guest {
	struct gm_vm *vm; /* GM_VM_DEFAULT, one vCPU; GM_SLOT at GM_BASE */
	int gmem;
	uint8_t *hva; /* the host's mapping of the file */
	uint64_t size;
	struct gm_iommu *iommu;
	uint32_t ioas;
	struct gm_iodev *dev;
};

/* The guest has `size` bytes, and has written the shared words of generation 1 to every page. */
struct dma_guest dma_guest_new(enum gm_iommu_kind kind, uint64_t size);
/* Frees all of it, and expects that no page is pinned after that. */
void dma_guest_free(struct dma_guest *g);

#endif
