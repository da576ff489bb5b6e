// SPDX-License-Identifier: GPL-2.0-only
/* Calls that remove a map, a device, a page table, an in-kernel user or an address space. */
#include <unistd.h>

#include "dma.h"

static void result(struct dma_call *c, int ret)
{
	c->ret = ret;
	c->err = errno;
}

static void unmap(struct dma_race *r, struct dma_call *c)
{
	c->bytes = DMA_SIZE;
	result(c, __gm_unmap(r->iommu, r->ioas, dma_iova(AT_A), &c->bytes));
}

static bool unmap_legal(const struct dma_race *r, const struct dma_call *c)
{
	if (!c->ret)
		return c->bytes == DMA_SIZE;
	/* Somebody else unmaps it, or has not yet finished a new map there. */
	return (c->err == ENOENT && r->user->effect & DMA_UNMAPS) ||
	       (c->err == EBUSY && r->user->effect & DMA_UNMAPS);
}

static void unmapped(struct dma_race *r)
{
	r->map[0][AT_A] = -1;
}

static void unmap_all(struct dma_race *r, struct dma_call *c)
{
	c->bytes = ~0UL;
	result(c, __gm_unmap(r->iommu, r->ioas, 0, &c->bytes));
}

/* EBUSY: a map is not complete yet, and it and what follows it stay mapped. */
static bool unmap_all_legal(const struct dma_race *r, const struct dma_call *c)
{
	return !c->ret || c->err == EBUSY;
}

static void unmapped_all(struct dma_race *r)
{
	for (int at = 0; at < DMA_PLACES; at++)
		r->map[0][at] = -1;
}

static void destroy(struct dma_race *r, struct dma_call *c)
{
	result(c, __gm_iommu_destroy(r->iommu, r->other));
}

static bool busy_legal(const struct dma_race *r, const struct dma_call *c)
{
	return !c->ret || c->err == EBUSY;
}

static void destroyed(struct dma_race *r)
{
	r->other = 0;
	for (int at = 0; at < DMA_PLACES; at++)
		r->map[1][at] = -1;
}

static void detach(struct dma_race *r, struct dma_call *c)
{
	result(c, __gm_iommu_destroy(r->iommu, r->dev->priv_id));
}

static void detached(struct dma_race *r)
{
	free(r->dev);
	r->dev = NULL;
}

static void move_device(struct dma_race *r, struct dma_call *c)
{
	result(c, __gm_iodev_replace(r->dev, r->other, r->other));
}

static void device_moved(struct dma_race *r)
{
	r->dev_moved = true;
}

static void close_access(struct dma_race *r, struct dma_call *c)
{
	result(c, close(r->access));
}

static void access_closed(struct dma_race *r)
{
	r->access = -1;
}

static void move_access(struct dma_race *r, struct dma_call *c)
{
	result(c, __gm_access_replace(r->iommu, r->access, r->other));
}

static void access_moved(struct dma_race *r)
{
	r->access_moved = true;
}

static void close_iommufd(struct dma_race *r, struct dma_call *c)
{
	result(c, close(r->iommu->fd));
}

static void iommufd_closed(struct dma_race *r)
{
	r->closed = true;
}

static void drop_table(struct dma_race *r, struct dma_call *c)
{
	result(c, __gm_iommu_destroy(r->iommu, r->table));
}

static void table_dropped(struct dma_race *r)
{
	r->table = 0;
}

const struct dma_side dma_enders[] = {
	{ .name = "iova_unmap",
	  .text = "a map is unmapped",
	  .effect = DMA_UNMAP,
	  .run = unmap,
	  .legal = unmap_legal,
	  .done = unmapped },
	{ .name = "iova_unmap_held",
	  .text = "a map that an in-kernel user has pinned is unmapped",
	  .effect = DMA_UNMAP,
	  .held = true,
	  .run = unmap,
	  .legal = unmap_legal,
	  .done = unmapped },
	{ .name = "iova_unmap_all",
	  .text = "all maps of the address space are unmapped, one of which an in-kernel user has pinned",
	  .effect = DMA_UNMAP_ALL,
	  .held = true,
	  .run = unmap_all,
	  .legal = unmap_all_legal,
	  .done = unmapped_all },
	{ .name = "ioas_destroy",
	  .text = "the address space is destroyed",
	  .effect = DMA_DESTROY,
	  .run = destroy,
	  .legal = busy_legal,
	  .done = destroyed },
	{ .name = "detach",
	  .text = "the device is detached",
	  .effect = DMA_DETACH,
	  .run = detach,
	  .done = detached },
	{ .name = "detach_held",
	  .text = "the device is detached, and an in-kernel user has pinned pages",
	  .effect = DMA_DETACH,
	  .held = true,
	  .run = detach,
	  .done = detached },
	{ .name = "device_move",
	  .text = "the device moves to another address space",
	  .effect = DMA_MOVE_DEV,
	  .run = move_device,
	  .done = device_moved },
	{ .name = "table_destroy",
	  .text = "a second page table of the address space is destroyed",
	  .effect = DMA_DROP_TABLE,
	  .table = true,
	  .run = drop_table,
	  .legal = busy_legal,
	  .done = table_dropped },
	{ .name = "access_close",
	  .text = "an in-kernel user that has pinned pages is closed",
	  .effect = DMA_CLOSE_ACCESS,
	  .held = true,
	  .run = close_access,
	  .done = access_closed },
	{ .name = "access_move",
	  .text = "an in-kernel user that has pinned pages moves to another address space",
	  .effect = DMA_MOVE_ACCESS,
	  .held = true,
	  .run = move_access,
	  .done = access_moved },
	{ .name = "iommufd_close",
	  .text = "the last descriptor of the iommufd is closed",
	  .effect = DMA_CLOSE,
	  .run = close_iommufd,
	  .done = iommufd_closed },
	{},
};
