/* SPDX-License-Identifier: GPL-2.0-only */
/* What a provider of lib/iommu/iommu.h implements, and what providers share. Not for tests. */
#ifndef GM_IOMMU_OPS_H
#define GM_IOMMU_OPS_H

#include "iommu.h"

/* int: 0, or -1 and errno. A member that a provider does not have is NULL. */
struct gm_iommu_ops {
	/* Sets iommu->fd; anything else that it needs is an ERROR or a SKIP. */
	void (*open)(struct gm_iommu *iommu);
	void (*close)(struct gm_iommu *iommu);
	uint32_t (*ioas_new)(struct gm_iommu *iommu);
	int (*map_hva)(struct gm_iommu *iommu, uint32_t ioas, void *hva, uint64_t len,
		       uint64_t *iova, uint32_t prot);
	int (*unmap)(struct gm_iommu *iommu, uint32_t ioas, uint64_t iova, uint64_t *len);
	/* Sets what dev needs beyond iommu and ioas; when it fails the caller frees dev. */
	int (*attach)(struct gm_iodev *dev, uint32_t pt);
	void (*detach)(struct gm_iodev *dev);
	int (*replace)(struct gm_iodev *dev, uint32_t pt, uint32_t ioas);
	int (*read)(struct gm_iodev *dev, uint64_t iova, void *buf, uint64_t len);
	int (*write)(struct gm_iodev *dev, uint64_t iova, const void *buf, uint64_t len);
	unsigned int cost_ms; /* gm_dma_cost_ms() */
	uint64_t iova_end;    /* gm_dma_iova_end() */
	bool tells;	      /* page tables can be asked: __gm_mock_maps() */
};

extern const struct gm_iommu_ops gm_iommu_mock_ops, gm_iommu_vfio_ops, gm_iommu_type1_ops;

/* Not attached. The caller frees it with free(). */
struct gm_iodev *gm_iodev_alloc(struct gm_iommu *iommu, uint32_t ioas);

/* --- an iommufd: iommufd.c --- */

void gm_iommufd_open(struct gm_iommu *iommu);
void gm_iommufd_close(struct gm_iommu *iommu);
uint32_t gm_iommufd_ioas_new(struct gm_iommu *iommu);
int gm_iommufd_map_hva(struct gm_iommu *iommu, uint32_t ioas, void *hva, uint64_t len,
		       uint64_t *iova, uint32_t prot);
int gm_iommufd_unmap(struct gm_iommu *iommu, uint32_t ioas, uint64_t iova, uint64_t *len);

/* --- the edu device: edu.c. VFIO in either form gives dev->fd and does the attaching. --- */

#define GM_EDU_IOVA_END 0x0ffff000UL /* above it: the page that edu_rw() maps for itself */
#define GM_EDU_COST_MS 200

/* Gives edu nr to vfio-pci until the case ends. */
void gm_edu_bind(unsigned int nr);
/* The first edu that no other gm_iodev has, bound; released when the case ends, at the latest. */
unsigned int gm_edu_claim(struct gm_iodev *dev);
/* Closes dev->fd and gives up the claim. */
void gm_edu_release(struct gm_iodev *dev);
/* Enables DMA and maps the registers of the device behind dev->fd. */
void gm_edu_start(struct gm_iodev *dev);
int gm_edu_read(struct gm_iodev *dev, uint64_t iova, void *buf, uint64_t len);
int gm_edu_write(struct gm_iodev *dev, uint64_t iova, const void *buf, uint64_t len);

#endif
