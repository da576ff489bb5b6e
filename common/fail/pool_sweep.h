/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls on a memfd of huge or single pages, a row each, with failing allocations. After each
 * refusal the counters of the pool, the file's pages, its mapping's reservation and all pins are
 * what the pages that are left account for.
 */
#ifndef POOL_SWEEP_H
#define POOL_SWEEP_H

#include "gm.h"
#include "iommu.h"
#include "pool.h"

enum pool_map {
	POOL_UNMAPPED,
	POOL_SHARED,	/* reserves what the file lacks */
	POOL_PRIVATE,	/* reserves as many pages again */
	POOL_NORESERVE, /* shared, without a reservation */
};

struct pool_op;

struct pool_sweep {
	const struct pool_op *op;
	uint64_t page, size; /* bytes: of a page, of the file */
	struct gm_pool base; /* before there is a file system or a file */
	int mount;	     /* a hugetlbfs of its own; -1: none */
	int fd;
	uint8_t *hva;	   /* NULL: not mapped */
	enum pool_map map; /* of hva */
	long reserved;	   /* pages that the mapping reserves at most */
	unsigned long pins, pinned;
	unsigned int n;	     /* the step that fails; or the pages of the pool that nobody has */
	void *other;	     /* the mapping of another program that reserves the rest; NULL: none */
	long others;	     /* pages of it */
	long kept;	     /* pages that st_blocks has too many */
	int made;	     /* descriptor or other result of the call; -1: none */
	int udmabuf, access; /* -1: none */
	struct gm_iommu *iommu;
	struct gm_iodev *dev; /* NULL: none */
	uint32_t ioas;
	uint64_t iova;
};

struct pool_op {
	const char *name, *clause, *text;
	bool full;	  /* only in the full profile */
	bool destructive; /* a wrong kernel has a wrong count of the pool until its next boot */
	bool single;	  /* a file of single pages, not of huge ones */
	bool mount;	  /* a file system that has at most 16 pages and keeps 2 of them */
	enum pool_map map;
	unsigned int touched; /* pages that the file has before the call, the first ones */
	bool pins;	      /* the call pins the file's pages */
	bool dma;	      /* the call is one of iommufd, with a device on the address space */
	bool access;	      /* an in-kernel user instead of the device */
	bool keeps_reserved;  /* the page of the call stays reserved if a step failed */
	unsigned int stride;  /* only every stride-th step fails; 0: each */
	bool twice;	      /* the allocation after a failed one fails, too */
	bool survives;	      /* no failed step needs to make the call fail */
	gm_needs needs;
	int err[3];
	int short_err; /* the errno if the pool is too small; 0: it has reserved all */
	void (*ready)(struct pool_sweep *s); /* before each step, with the file mapped */
	int (*call)(struct pool_sweep *s);
	void (*done)(struct pool_sweep *s);
	void (*undo)(
		struct pool_sweep *s); /* what closing the file and its mapping does not undo */
};

#define POOL_PAGES 6UL

extern const struct pool_op pool_ops[]; /* ends with a row without a name */

void pool_sweep(const struct gm_case *self);
/* The call while the pool has no page, one page, ... for it. */
void pool_short(const struct gm_case *self);

#endif
