/* SPDX-License-Identifier: GPL-2.0-only */
/* The operations of a provider for iommu.h, and functions that providers share. Not for tests. */
#ifndef GM_IOMMU_OPS_H
#define GM_IOMMU_OPS_H

#include "iommu.h"

/* int: 0, or -1 and errno. NULL: the provider does not support it. */
struct gm_iommu_ops {
	/* Sets iommu->fd; ends the case with ERROR or SKIP if it cannot. */
	void (*open)(struct gm_iommu *iommu);
	void (*close)(struct gm_iommu *iommu);
	uint32_t (*ioas_new)(struct gm_iommu *iommu);
	int (*map_hva)(struct gm_iommu *iommu, uint32_t ioas, void *hva, uint64_t len,
		       uint64_t *iova, uint32_t prot);
	int (*unmap)(struct gm_iommu *iommu, uint32_t ioas, uint64_t iova, uint64_t *len);
	/* Sets the fields of dev except iommu and ioas. If it fails the caller frees dev. */
	int (*attach)(struct gm_iodev *dev, uint32_t pt);
	void (*detach)(struct gm_iodev *dev);
	int (*replace)(struct gm_iodev *dev, uint32_t pt, uint32_t ioas);
	int (*read)(struct gm_iodev *dev, uint64_t iova, void *buf, uint64_t len);
	int (*write)(struct gm_iodev *dev, uint64_t iova, const void *buf, uint64_t len);
	/* With the device's own buffer; NULL: by read and write, with dev->buf. */
	void (*buf_host)(struct gm_iodev *dev, void *data, bool set);
	void (*buf_dma)(struct gm_iodev *dev, uint64_t iova, uint64_t off, uint64_t len,
			bool write);
	unsigned int cost_ms; /* gm_dma_cost_ms() */
	uint64_t iova_end;    /* gm_dma_iova_end() */
	bool can_check_map;   /* __gm_mock_maps() works */
};

extern const struct gm_iommu_ops gm_iommu_mock_ops, gm_iommu_vfio_ops, gm_iommu_type1_ops;

/* A device that is not attached. The caller frees it with free(). */
struct gm_iodev *gm_iodev_alloc(struct gm_iommu *iommu, uint32_t ioas);

/* --- iommufd.c --- */

void gm_iommufd_open(struct gm_iommu *iommu);
void gm_iommufd_close(struct gm_iommu *iommu);
uint32_t gm_iommufd_ioas_new(struct gm_iommu *iommu);
int gm_iommufd_map_hva(struct gm_iommu *iommu, uint32_t ioas, void *hva, uint64_t len,
		       uint64_t *iova, uint32_t prot);
int gm_iommufd_unmap(struct gm_iommu *iommu, uint32_t ioas, uint64_t iova, uint64_t *len);

/* --- the edu device: edu.c; vfio.c and type1.c set dev->fd and attach it --- */

#define GM_EDU_IOVA_END 0x0ffff000UL /* edu_rw() maps its scratch page here */
#define GM_EDU_COST_MS 200

/* buf_host and buf_dma with edu's buffer. */
void gm_edu_buf_host(struct gm_iodev *dev, void *data, bool set);
void gm_edu_buf_dma(struct gm_iodev *dev, uint64_t iova, uint64_t off, uint64_t len, bool write);

/* Binds edu nr to vfio-pci until the case ends. */
void gm_edu_bind(unsigned int nr);
/* Binds the first edu without a gm_iodev, for dev. Released at the end of the case, if not before. */
unsigned int gm_edu_claim(struct gm_iodev *dev);
/* Closes dev->fd; another gm_iodev can then use the edu. */
void gm_edu_release(struct gm_iodev *dev);
/* Enables DMA and maps the registers of the device behind dev->fd. */
void gm_edu_start(struct gm_iodev *dev);
int gm_edu_read(struct gm_iodev *dev, uint64_t iova, void *buf, uint64_t len);
int gm_edu_write(struct gm_iodev *dev, uint64_t iova, const void *buf, uint64_t len);

#endif
