/* SPDX-License-Identifier: GPL-2.0-only */
/* Dirty tracking of the mock, and what it tells about the size of an IOPTE. */
#ifndef COMMON_IOMMU_DIRTY_H
#define COMMON_IOMMU_DIRTY_H

#include "dma_memory.h"

/* Moves m->dev to a new page table that tracks, and switches it on. */
uint32_t dirty_hwpt_new(struct dma_memory *m, bool huge);
/* IOMMU_HWPT_GET_DIRTY_BITMAP, one bit for pgsize bytes; -1 and errno. */
int dirty_get(struct dma_memory *m, uint32_t hwpt, uint64_t iova, uint64_t len, uint64_t pgsize,
	      void *bitmap, uint32_t flags);
/*
 * How many bytes the entry around iova covers: one write makes all of them dirty. [start, +len) is
 * mapped all over; entries beyond it are not counted.
 */
uint64_t iopte_size(struct dma_memory *m, uint64_t iova, uint64_t start, uint64_t len);

#endif
