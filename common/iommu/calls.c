// SPDX-License-Identifier: GPL-2.0-only
/* The ioctls of iommufd as a table. */
#include <string.h>

#include "calls.h"

#define PG GM_PAGE_SIZE
#define RW_FIXED (GM_RW | IOMMU_IOAS_MAP_FIXED_IOVA)

static void undo_alloc(struct dma_memory *m, void *arg)
{
	gm_iommu_destroy(m->iommu, ((struct iommu_ioas_alloc *)arg)->out_ioas_id);
}

static void fill_ranges(struct dma_memory *m, void *arg)
{
	static struct iommu_iova_range range[16];
	struct iommu_ioas_iova_ranges *a = arg;

	a->ioas_id = m->ioas;
	a->num_iovas = 16;
	a->allowed_iovas = (uintptr_t)range;
}

static void fill_allow(struct dma_memory *m, void *arg)
{
	((struct iommu_ioas_allow_iovas *)arg)->ioas_id = m->ioas;
}

static void fill_map(struct dma_memory *m, void *arg)
{
	struct iommu_ioas_map *a = arg;

	a->flags = RW_FIXED;
	a->ioas_id = m->ioas;
	a->user_va = (uintptr_t)m->hva;
	a->length = PG;
	a->iova = IOVA;
}

static void fill_map_file(struct dma_memory *m, void *arg)
{
	struct iommu_ioas_map_file *a = arg;

	a->flags = RW_FIXED;
	a->ioas_id = m->ioas;
	a->fd = m->fd;
	a->length = PG;
	a->iova = IOVA;
}

static void undo_map(struct dma_memory *m, void *arg __attribute__((unused)))
{
	gm_unmap(m->iommu, m->ioas, IOVA, PG);
}

static void fill_copy(struct dma_memory *m, void *arg)
{
	struct iommu_ioas_copy *a = arg;

	a->flags = RW_FIXED;
	a->dst_ioas_id = m->ioas;
	a->src_ioas_id = m->ioas;
	a->length = PG;
	a->dst_iova = IOVA;
	a->src_iova = MAPPED;
}

static void fill_unmap(struct dma_memory *m, void *arg)
{
	struct iommu_ioas_unmap *a = arg;

	a->ioas_id = m->ioas;
	a->iova = MAPPED;
	a->length = PG;
}

static void undo_unmap(struct dma_memory *m, void *arg __attribute__((unused)))
{
	gm_map_file(m->iommu, m->ioas, m->fd, 0, PG, MAPPED, GM_RW);
}

static void fill_option(struct dma_memory *m, void *arg)
{
	struct iommu_option *a = arg;

	a->option_id = IOMMU_OPTION_HUGE_PAGES;
	a->op = IOMMU_OPTION_OP_GET;
	a->object_id = m->ioas;
}

static void fill_hwpt(struct dma_memory *m, void *arg)
{
	struct iommu_hwpt_alloc *a = arg;

	a->dev_id = m->dev->idev;
	a->pt_id = m->ioas;
}

static void undo_hwpt(struct dma_memory *m, void *arg)
{
	gm_iommu_destroy(m->iommu, ((struct iommu_hwpt_alloc *)arg)->out_hwpt_id);
}

static void fill_destroy(struct dma_memory *m, void *arg)
{
	((struct iommu_destroy *)arg)->id = gm_ioas_new(m->iommu);
}

static void fill_vfio(struct dma_memory *m, void *arg)
{
	struct iommu_vfio_ioas *a = arg;

	a->ioas_id = m->ioas;
	a->op = IOMMU_VFIO_IOAS_SET;
}

static void undo_vfio(struct dma_memory *m, void *arg __attribute__((unused)))
{
	struct iommu_vfio_ioas a = { .size = sizeof(a), .op = IOMMU_VFIO_IOAS_CLEAR };

	GM_SETUP_OK(ioctl(m->iommu->fd, IOMMU_VFIO_IOAS, &a));
}

#define END(type, field) (offsetof(struct type, field) + sizeof(((struct type *)0)->field))
#define CALL(call, type) .name = #call, .nr = call, .size = sizeof(struct type)
/* The last mandatory field: drivers/iommu/iommufd/main.c, iommufd_ioctl_ops[]. */
#define MIN(type, last) .min = END(type, last)
#define RESERVED(type, field)                                                                      \
	.reserved = { offsetof(struct type, field), sizeof(((struct type *)0)->field) }
#define ID(type, field)                                                                            \
	{                                                                                          \
		.at = offsetof(struct type, field)                                                 \
	}

const struct iommu_call iommu_calls[] = {
	{ CALL(IOMMU_IOAS_ALLOC, iommu_ioas_alloc), .answers = true,
	  MIN(iommu_ioas_alloc, out_ioas_id), RESERVED(iommu_ioas_alloc, flags),
	  .undo = undo_alloc },
	{ CALL(IOMMU_IOAS_IOVA_RANGES, iommu_ioas_iova_ranges), .answers = true,
	  MIN(iommu_ioas_iova_ranges, out_iova_alignment),
	  RESERVED(iommu_ioas_iova_ranges, __reserved),
	  .id = { ID(iommu_ioas_iova_ranges, ioas_id) }, .fill = fill_ranges },
	{ CALL(IOMMU_IOAS_ALLOW_IOVAS, iommu_ioas_allow_iovas),
	  MIN(iommu_ioas_allow_iovas, allowed_iovas), RESERVED(iommu_ioas_allow_iovas, __reserved),
	  .id = { ID(iommu_ioas_allow_iovas, ioas_id) }, .fill = fill_allow },
	{ CALL(IOMMU_IOAS_MAP, iommu_ioas_map), .answers = true, MIN(iommu_ioas_map, iova),
	  RESERVED(iommu_ioas_map, __reserved), .id = { ID(iommu_ioas_map, ioas_id) },
	  .fill = fill_map, .undo = undo_map },
	{ CALL(IOMMU_IOAS_MAP_FILE, iommu_ioas_map_file), .answers = true,
	  MIN(iommu_ioas_map_file, iova), .id = { ID(iommu_ioas_map_file, ioas_id) },
	  .fill = fill_map_file, .undo = undo_map },
	{ CALL(IOMMU_IOAS_COPY, iommu_ioas_copy), .answers = true, MIN(iommu_ioas_copy, src_iova),
	  .id = { ID(iommu_ioas_copy, src_ioas_id), ID(iommu_ioas_copy, dst_ioas_id) },
	  .fill = fill_copy, .undo = undo_map },
	{ CALL(IOMMU_IOAS_UNMAP, iommu_ioas_unmap), .answers = true, MIN(iommu_ioas_unmap, length),
	  .id = { ID(iommu_ioas_unmap, ioas_id) }, .fill = fill_unmap, .undo = undo_unmap },
	{ CALL(IOMMU_OPTION, iommu_option), .answers = true, MIN(iommu_option, val64),
	  RESERVED(iommu_option, __reserved), .id = { ID(iommu_option, object_id) },
	  .fill = fill_option },
	{ CALL(IOMMU_HWPT_ALLOC, iommu_hwpt_alloc), .answers = true,
	  MIN(iommu_hwpt_alloc, __reserved), RESERVED(iommu_hwpt_alloc, __reserved),
	  .id = { { offsetof(struct iommu_hwpt_alloc, dev_id), true } }, .fill = fill_hwpt,
	  .undo = undo_hwpt },
	/* The id may be that of any object, so the cases test no wrong one. */
	{ CALL(IOMMU_DESTROY, iommu_destroy), MIN(iommu_destroy, id), .fill = fill_destroy },
	{ CALL(IOMMU_IOAS_CHANGE_PROCESS, iommu_ioas_change_process),
	  RESERVED(iommu_ioas_change_process, __reserved) },
	{ CALL(IOMMU_VFIO_IOAS, iommu_vfio_ioas), RESERVED(iommu_vfio_ioas, __reserved),
	  .id = { ID(iommu_vfio_ioas, ioas_id) }, .fill = fill_vfio, .undo = undo_vfio },
};

const unsigned int iommu_calls_nr = ARRAY_SIZE(iommu_calls);

struct dma_memory iommu_calls_memory(void)
{
	struct dma_memory m = dma_memory_new(GM_IOMMU_MOCK, 4 * PG, 0);

	gm_map_file(m.iommu, m.ioas, m.fd, 0, PG, MAPPED, GM_RW);
	return m;
}

const struct iommu_call *iommu_call(unsigned long nr)
{
	for (unsigned int i = 0; i < iommu_calls_nr; i++)
		if (iommu_calls[i].nr == nr)
			return &iommu_calls[i];
	GM_ERROR("no row for ioctl %#lx", nr);
}

void iommu_call_fill(const struct iommu_call *c, struct dma_memory *m, union iommu_call_arg *arg)
{
	memset(arg, 0, sizeof(*arg));
	arg->size = c->size;
	if (c->fill)
		c->fill(m, arg);
}

void iommu_call_good(const struct iommu_call *c, struct dma_memory *m)
{
	union iommu_call_arg arg;

	iommu_call_fill(c, m, &arg);
	gm_promise(!ioctl(m->iommu->fd, c->nr, &arg), "%s", c->name);
	if (c->undo)
		c->undo(m, &arg);
}

int iommu_call_with(const struct iommu_call *c, struct dma_memory *m, uint32_t at, uint32_t len,
		    uint64_t val)
{
	union iommu_call_arg arg;

	iommu_call_fill(c, m, &arg);
	memcpy(arg.bytes + at, &val, len);
	return ioctl(m->iommu->fd, c->nr, &arg);
}
