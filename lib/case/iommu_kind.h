/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The names of the devices for DMA: iommufd's mock device, or a PCI device behind an IOMMU. A case
 * states its devices, and the registry (case.c) makes one case for each. Only names, so that cases
 * can be listed without opening anything; the devices are in iommu.h.
 */
#ifndef GM_IOMMU_KIND_H
#define GM_IOMMU_KIND_H

#include "need.h"

/* id, suffix of the case's name, needs. */
#define GM_IOMMU_LIST(X)                                                                           \
	X(MOCK, ".mock", GM_NEEDS(IOMMUFD, IOAS_MAP_FILE, IOMMUFD_TEST))                           \
	X(VFIO, ".dma", GM_NEEDS(IOMMUFD, IOAS_MAP_FILE, VFIO_EDU))                                \
	X(TYPE1, ".type1", GM_NEEDS(VFIO_TYPE1, VFIO_EDU))

enum gm_iommu_kind {
	GM_IOMMU_NONE, /* the case has no device, or opens one itself */
#define X(id, suffix, needs) GM_IOMMU_##id,
	GM_IOMMU_LIST(X)
#undef X
		GM_IOMMU_NR,
};

#define __GM_IOMMU_BIT(id) (1U << GM_IOMMU_##id)
/* A set for .iommus: GM_IOMMUS(MOCK, VFIO). */
#define GM_IOMMUS(...) GM_EACH(__GM_IOMMU_BIT, __VA_ARGS__)

#endif
