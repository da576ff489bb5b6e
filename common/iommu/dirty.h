/* SPDX-License-Identifier: GPL-2.0-only */
/* Dirty tracking of the mock, and what it tells about the size of an IOPTE. */
#ifndef COMMON_IOMMU_DIRTY_H
#define COMMON_IOMMU_DIRTY_H

#include "fx.h"

/* Moves fx->dev to a new page table that tracks, and switches it on. */
uint32_t fx_dirty_hwpt(struct fx *fx, bool huge);
/* IOMMU_HWPT_GET_DIRTY_BITMAP, one bit for pgsize bytes; -1 and errno. */
int fx_dirty_get(struct fx *fx, uint32_t hwpt, uint64_t iova, uint64_t len, uint64_t pgsize,
		 void *bitmap, uint32_t flags);
/*
 * How many bytes the entry around iova covers: one write makes all of them dirty. [start, +len) is
 * mapped all over; entries beyond it are not counted.
 */
uint64_t fx_iopte_size(struct fx *fx, uint64_t iova, uint64_t start, uint64_t len);

#endif
