/* SPDX-License-Identifier: GPL-2.0-only */
/* Dirty tracking of the mock, and what it tells about the size of an IOPTE. */
#ifndef COMMON_IOMMU_DIRTY_H
#define COMMON_IOMMU_DIRTY_H

#include "fixture.h"

/* Moves fx->dev to a new page table that tracks, and switches it on. */
uint32_t fx_dirty_hwpt(struct fx *fx, bool huge);
/*
 * How many bytes the entry around iova covers: one write makes all of them dirty. [start, +len) is
 * mapped all over; entries beyond it are not counted.
 */
uint64_t fx_iopte_size(struct fx *fx, uint64_t iova, uint64_t start, uint64_t len);

#endif
