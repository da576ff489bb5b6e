/* SPDX-License-Identifier: GPL-2.0-only */
/* Dirty tracking of the mock, which also shows the size of an IOPTE. */
#ifndef COMMON_IOMMU_DIRTY_H
#define COMMON_IOMMU_DIRTY_H

#include "dma_memory.h"

/* Moves m->dev to a new page table with dirty tracking, and enables it. */
uint32_t dirty_hwpt_new(struct dma_memory *m, bool huge);
/* IOMMU_HWPT_GET_DIRTY_BITMAP, one bit for pgsize bytes; -1 and errno. */
int dirty_get(struct dma_memory *m, uint32_t hwpt, uint64_t iova, uint64_t len, uint64_t pgsize,
	      void *bitmap, uint32_t flags);
/*
 * Bytes of the entry that maps iova: one write makes all of them dirty. [start, +len) must be
 * mapped; bytes outside are not counted.
 */
uint64_t iopte_size(struct dma_memory *m, uint64_t iova, uint64_t start, uint64_t len);

#endif
