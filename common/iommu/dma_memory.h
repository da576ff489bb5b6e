/* SPDX-License-Identifier: GPL-2.0-only */
/* The fixture of iommu.* cases: an IOMMU with a device on it, and a memfd with known content. */
#ifndef COMMON_IOMMU_DMA_MEMORY_H
#define COMMON_IOMMU_DMA_MEMORY_H

#include <linux/falloc.h>
#include <sys/ioctl.h>

#include "gm.h"
#include "iommu.h"

/* An IOVA that every device reaches: above the mock's aperture start (16 MiB), below 28 bits. */
#define IOVA 0x2000000UL

struct dma_memory {
	struct gm_iommu *iommu;
	uint32_t ioas;
	struct gm_iodev *dev; /* attached to ioas; NULL when the case attaches it itself */
	int fd;		      /* a memfd of `size` bytes */
	uint8_t *hva;	      /* the host's mapping of all of it */
	uint64_t size;
};

/*
 * Every page holds its words of generation 1. huge: 0 (4 KiB pages, shmem), GM_2M or GM_1G
 * (hugetlb; of 1 GiB pages every 512th 4 KiB page is written).
 */
struct dma_memory dma_memory_new(enum gm_iommu_kind kind, uint64_t size, uint64_t huge);
/* The same without a device. */
struct dma_memory dma_memory_new_unattached(enum gm_iommu_kind kind, uint64_t size, uint64_t huge);
/* The same without a device and without content: no page is allocated. */
struct dma_memory dma_memory_new_empty(enum gm_iommu_kind kind, uint64_t size, uint64_t huge);
/* Frees all of it, and expects that no page is pinned after that (iommu.lifetime). */
void dma_memory_free(struct dma_memory *m);

/*
 * IOMMU_IOAS_IOVA_RANGES: at most *num ranges, their number, and the alignment in bytes that the
 * address space demands. -1 and errno; EMSGSIZE if there are more.
 */
int dma_iova_ranges(struct gm_iommu *iommu, uint32_t ioas, struct iommu_iova_range *range,
		    uint32_t *num, uint64_t *align);
/* A shared mapping of the whole memfd at an address aligned to `align`. */
uint8_t *dma_memory_mmap(int fd, uint64_t size, uint64_t align);
/* Expects that [off, +len) still holds the words of dma_memory_new(). */
bool dma_memory_check(struct dma_memory *m, uint64_t off, uint64_t len, const char *when);
/* Expects that the mock's page table of m->dev maps iova to the file's [off, +len). */
bool dma_memory_mapped(struct dma_memory *m, uint64_t off, uint64_t len, uint64_t iova);
/* Makes the 2 MiB at off of a shmem mapping one folio, or SKIPs. */
void dma_memory_collapse(uint8_t *hva, uint64_t off);
/*
 * Makes the 2 MiB at off of a shmem memfd 512 folios with contiguous frames, or SKIPs. Needs root:
 * debugfs split_huge_pages.
 */
void dma_memory_contiguous(struct dma_memory *m, uint64_t off);
/*
 * Fills the file anew, so that no two adjacent pages of the file are adjacent in memory: iommufd
 * maps each with its own entry. Needs root: /proc/self/pagemap.
 */
void dma_memory_scattered(struct dma_memory *m);

#endif
