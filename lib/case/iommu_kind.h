/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What does DMA, by name: the mock of iommufd, or a PCI device behind an IOMMU. A case states the
 * devices that it is put to, and the registry (case.c) makes one case of it for each. Here they are
 * only words; what a device does is in iommu.h.
 */
#ifndef GM_IOMMU_KIND_H
#define GM_IOMMU_KIND_H

#include "need.h"

/* id, what the case's name ends in, what the platform must have. */
#define GM_IOMMU_LIST(X)                                                                           \
	X(MOCK, ".mock", GM_NEEDS(IOMMUFD, IOAS_MAP_FILE, IOMMUFD_TEST))                           \
	X(VFIO, ".dma", GM_NEEDS(IOMMUFD, IOAS_MAP_FILE, VFIO_EDU))                                \
	X(TYPE1, ".type1", GM_NEEDS(VFIO_TYPE1, VFIO_EDU))

enum gm_iommu_kind {
	GM_IOMMU_NONE, /* the case asks for no device, or sees to it itself */
#define X(id, suffix, needs) GM_IOMMU_##id,
	GM_IOMMU_LIST(X)
#undef X
		GM_IOMMU_NR,
};

#define __GM_IOMMU_BIT(id) (1U << GM_IOMMU_##id)
/* A set for .iommus: GM_IOMMUS(MOCK, VFIO). */
#define GM_IOMMUS(...) GM_EACH(__GM_IOMMU_BIT, __VA_ARGS__)

#endif
