/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest on a guest_memfd of huge pages, and a device with an empty address space. */
#ifndef COMMON_IOMMU_HUGE_GMEM_H
#define COMMON_IOMMU_HUGE_GMEM_H

#include "dma_memory.h"
#include "fixture.h"
#include "pool.h"

#define PG GM_PAGE_SIZE

struct huge_gmem {
	struct gm_fixture *w;
	struct gm_pool pool; /* before the file was made */
	uint64_t page;	     /* bytes of a huge page */
	struct gm_iommu *iommu;
	uint32_t ioas;
	struct gm_iodev *dev; /* NULL: none is attached */
};

/* A file of n huge pages, all private and never touched. */
struct huge_gmem huge_gmem_new(enum gm_iommu_kind kind, uint64_t page, uint64_t n);
/* Frees all of it, and expects that no page is pinned, and the pool has all, after that. */
void huge_gmem_free(struct huge_gmem *g);
/* gm_pool_expect(); waits at most five seconds for pages that come back. */
void huge_gmem_pool(struct huge_gmem *g, long taken, long resv, const char *when);

/* Pages are numbered from the file's first. */
static inline uint64_t huge_gmem_gfn(const struct huge_gmem *g, uint64_t p)
{
	return GFN(g->w->gpa) + p;
}

static inline uint8_t *huge_gmem_hva(const struct huge_gmem *g, uint64_t p)
{
	return g->w->hva + p * PG;
}

void huge_gmem_convert(struct huge_gmem *g, uint64_t p, uint64_t n, bool to_private);
/* Expects EAGAIN for the first page in use, by its offset. */
void huge_gmem_expect_held(struct huge_gmem *g, uint64_t p, uint64_t n, uint64_t held,
			   const char *when);
int __huge_gmem_map(struct huge_gmem *g, uint64_t p, uint64_t n, uint64_t iova, uint32_t prot);
void huge_gmem_map(struct huge_gmem *g, uint64_t p, uint64_t n, uint64_t iova, uint32_t prot);
/* The guest must read a word that the device writes into page p; the model knows it then. */
void huge_gmem_device_writes(struct huge_gmem *g, uint64_t iova, uint64_t p);

#endif
