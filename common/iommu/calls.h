/* SPDX-License-Identifier: GPL-2.0-only */
/* The ioctls of iommufd as a table, for cases that pass one wrong argument to each. */
#ifndef COMMON_IOMMU_CALLS_H
#define COMMON_IOMMU_CALLS_H

#include "dma_memory.h"

struct iommu_call {
	const char *name; /* of the ioctl */
	unsigned long nr;
	uint32_t size, min; /* of the struct in 7.3; the shortest that is accepted, 0: not tested */
	struct {
		uint32_t at, len;
	} reserved; /* a field that must be 0; len 0: none */
	struct {
		uint32_t at;
		bool device; /* the id of a device, not of an IOAS */
	} id[2];	     /* object ids; at 0: none */
	bool answers;	     /* it writes its struct at the end */
	/* fill makes a good argument; undo reverts the call. NULL: nothing to do. */
	void (*fill)(struct dma_memory *m, void *arg);
	void (*undo)(struct dma_memory *m, void *arg);
};

extern const struct iommu_call iommu_calls[];
extern const unsigned int iommu_calls_nr;

union iommu_call_arg {
	uint32_t size;
	uint8_t bytes[512];
};

/* Four pages and a mock device. The first page is mapped at MAPPED, for copies and unmaps. */
#define MAPPED (IOVA + GM_2M)
struct dma_memory iommu_calls_memory(void);

/* The row of an ioctl. */
const struct iommu_call *iommu_call(unsigned long nr);
/* Makes *arg a good argument of the call; the bytes after the struct are 0. */
void iommu_call_fill(const struct iommu_call *c, struct dma_memory *m, union iommu_call_arg *arg);
/* Positive control: the call succeeds with a good argument. Undoes it. */
void iommu_call_good(const struct iommu_call *c, struct dma_memory *m);
/*
 * The call with `len` bytes of val at `at` in a good argument. -1 and errno, or 0: the caller
 * undoes it.
 */
int iommu_call_with(const struct iommu_call *c, struct dma_memory *m, uint32_t at, uint32_t len,
		    uint64_t val);

/* BAD(&m, EINVAL, IOMMU_DESTROY, iommu_destroy, id, 0, "..."): one field of a good argument wrong. */
#define BAD(m, err, call, type, field, val, what)                                                  \
	GM_EXPECT_ERRNO(err,                                                                       \
			iommu_call_with(iommu_call(call), m, offsetof(struct type, field),         \
					sizeof(((struct type *)0)->field), val),                   \
			"%s", what)

#endif
