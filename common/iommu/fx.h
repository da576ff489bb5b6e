/* SPDX-License-Identifier: GPL-2.0-only */
/* What the iommu.* cases share: an IOMMU with a device on it, and a memfd with known content. */
#ifndef COMMON_IOMMU_FX_H
#define COMMON_IOMMU_FX_H

#include <linux/falloc.h>
#include <sys/ioctl.h>

#include "gm.h"
#include "iommu.h"

/*
 * A refusal that did not come leaves a map behind, and then the control beside it cannot hold: the
 * case has its verdict already, and a control that misses must not make an ERROR of it.
 */
#undef gm_control
#define gm_control(held, ...)                                                                      \
	({                                                                                         \
		if (gm_failures())                                                                 \
			gm_end();                                                                  \
		__gm_control(held, __FILE__, __LINE__, __VA_ARGS__);                               \
	})

/* In reach of every device: above the mock's aperture start (16 MiB), below 28 bits. */
#define IOVA 0x2000000UL

struct fx {
	struct gm_iommu *iommu;
	uint32_t ioas;
	struct gm_iodev *dev; /* attached; NULL when the case wants to do that itself */
	int fd;		      /* a memfd of `size` bytes, filled with the words of its pages */
	uint8_t *hva;
	uint64_t size;
};

/* huge: 0 (4 KiB pages, shmem), GM_2M, GM_1G (hugetlb; filled every 2 MiB only). */
struct fx fx_new(const struct gm_case *self, uint64_t size, uint64_t huge);
struct fx fx_new_unattached(const struct gm_case *self, uint64_t size, uint64_t huge);
/* Gives it all back and expects that no page is pinned by then (iommu.lifetime). */
void fx_free(struct fx *fx);

/* A shared mapping of the whole memfd, aligned as its largest folios are. */
uint8_t *fx_mmap(int fd, uint64_t size, uint64_t align);
/* The words of [off, +len) are still those of fx_new(), generation 1. */
bool fx_check(struct fx *fx, uint64_t off, uint64_t len, const char *when);
/* The mock's page table of fx->dev holds the file's [off, +len) at iova; a miss otherwise. */
bool fx_maps(struct fx *fx, uint64_t off, uint64_t len, uint64_t iova);
/* Makes the 2 MiB at off of a shmem mapping one folio, or SKIPs. */
void fx_collapse(uint8_t *hva, uint64_t off);
/*
 * Makes the 2 MiB at off of a shmem memfd 512 folios whose frames follow each other, or SKIPs. As
 * root: debugfs split_huge_pages.
 */
void fx_side_by_side(struct fx *fx, uint64_t off);
/*
 * Fills the file anew with pages of which no two that follow each other in the file do so in
 * memory: an entry of its own for each wherever iommufd counts runs. As root (/proc/self/pagemap).
 */
void fx_apart(struct fx *fx);

#endif
