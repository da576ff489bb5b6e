/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two calls on one address space of iommufd at the same time: the ender removes a map, a device, a
 * page table, an in-kernel user or the address space, and the user uses it. After each round both
 * address spaces are asked whole: results, page tables, pins of every page, VmPin.
 */
#ifndef RACE_DMA_H
#define RACE_DMA_H

#include <sys/ioctl.h>

#include "gm.h"
#include "iommu.h"

#define PG GM_PAGE_SIZE

/* Parts of the file, each mapped as a whole. */
enum dma_part { DMA_A, DMA_B, DMA_C, DMA_D, DMA_PARTS };
#define DMA_PAGES 12UL /* of a part */
#define DMA_SIZE (DMA_PAGES * PG)

/* Places in an address space. At first the space has A and B, the other one D in the place of A. */
enum dma_place { AT_A, AT_B, AT_C, DMA_PLACES };

static inline uint64_t dma_iova(enum dma_place at)
{
	return 0x2000000UL + at * 0x100000UL;
}

/* One call of one side in one round. */
struct dma_call {
	bool ran;
	int ret, err;
	uint64_t bytes;
};

struct dma_race {
	const struct dma_side *ender, *user;
	struct gm_iommu *iommu;
	int fd; /* a memfd of all parts */
	uint8_t *hva;
	uint8_t *copy;	      /* DMA_SIZE bytes */
	uint32_t ioas, other; /* 0: destroyed */
	uint32_t target; /* the address space that the user uses: the one that the ender ends */
	struct gm_iodev *dev; /* of ioas; NULL: none */
	bool dev_moved;	      /* to other */
	uint32_t table;	      /* a second page table of ioas, which tracks dirty pages; 0: none */
	int access;	      /* an in-kernel user of ioas that pins; -1: none */
	bool access_moved;
	/* What is mapped at each place of ioas (0) and other (1); -1: nothing. */
	int map[2][DMA_PLACES];
	bool closed; /* the iommufd is closed */
	struct dma_call call[2];
};

/* Effects of enders: bits of struct dma_side. */
enum dma_effect {
	DMA_UNMAP = 1,	   /* A is unmapped */
	DMA_UNMAP_ALL = 2, /* all maps are unmapped */
	DMA_DESTROY = 4,   /* the other address space is destroyed */
	DMA_DETACH = 8,	   /* the device is detached */
	DMA_MOVE_DEV = 16, /* the device moves to the other address space */
	DMA_CLOSE_ACCESS = 32,
	DMA_MOVE_ACCESS = 64, /* the in-kernel user moves to the other address space */
	DMA_CLOSE = 128,      /* the iommufd is closed; there is no in-kernel user */
	DMA_DROP_TABLE = 256, /* the second page table is destroyed */
};
#define DMA_UNMAPS (DMA_UNMAP | DMA_UNMAP_ALL)

struct dma_side {
	const char *name, *text;
	unsigned int effect; /* of an ender */
	unsigned int never;  /* effects of enders that exclude this user */
	bool table;	     /* needs the second page table */
	bool held;	     /* the in-kernel user has pinned A before the round */
	void (*run)(struct dma_race *r, struct dma_call *c);
	/* Is this result legal beside the other side? NULL: the call must succeed. */
	bool (*legal)(const struct dma_race *r, const struct dma_call *c);
	void (*done)(struct dma_race *r); /* the call succeeded: what it changed */
};

/* Both end with a row without a name. */
extern const struct dma_side dma_enders[], dma_users[];

void dma_race_run(const struct gm_case *self);
void dma_race_check(struct dma_race *r);
/* The page table that the device uses and what it maps. */
static inline bool dma_has_domain(const struct dma_race *r)
{
	return (r->dev && !r->dev_moved) || r->table;
}

#endif
