// SPDX-License-Identifier: GPL-2.0-only
/* Calls that use an address space of iommufd while something of it is removed. */
#include <unistd.h>

#include "dma.h"

static bool beside(const struct dma_race *r, unsigned int effect)
{
	return r->ender->effect & effect;
}

static void result(struct dma_call *c, int ret)
{
	c->ret = ret;
	c->err = errno;
}

/* Does the errno say that the address space or the iommufd is gone? */
static bool is_gone(const struct dma_race *r, const struct dma_call *c)
{
	return (c->err == ENOENT && beside(r, DMA_DESTROY)) ||
	       (c->err == EBADF && beside(r, DMA_CLOSE));
}

/* --- maps --- */

static void map_at(struct dma_race *r, struct dma_call *c, enum dma_place at)
{
	uint64_t iova = dma_iova(at);

	result(c,
	       __gm_map_file(r->iommu, r->target, r->fd, DMA_C * DMA_SIZE, DMA_SIZE, &iova, GM_RW));
}

static void map(struct dma_race *r, struct dma_call *c)
{
	map_at(r, c, AT_C);
}

static bool gone_legal(const struct dma_race *r, const struct dma_call *c)
{
	return !c->ret || is_gone(r, c);
}

static int space_of(const struct dma_race *r)
{
	return r->target == r->ioas ? 0 : 1;
}

/* Beside an unmap of everything only the page table knows which came first: see dma_check.c. */
static void mapped(struct dma_race *r)
{
	r->map[space_of(r)][AT_C] = DMA_C;
}

static void map_hva(struct dma_race *r, struct dma_call *c)
{
	uint64_t iova = dma_iova(AT_C);

	result(c, __gm_map_hva(r->iommu, r->target, r->hva + DMA_C * DMA_SIZE, DMA_SIZE, &iova,
			       GM_RW));
}

static void remap(struct dma_race *r, struct dma_call *c)
{
	map_at(r, c, AT_A);
}

static bool remap_legal(const struct dma_race *r, const struct dma_call *c)
{
	return !c->ret || c->err == EEXIST;
}

static void remapped(struct dma_race *r)
{
	r->map[0][AT_A] = DMA_C;
}

static void copy(struct dma_race *r, struct dma_call *c)
{
	uint64_t iova = dma_iova(AT_C);

	result(c,
	       __gm_ioas_copy(r->iommu, r->other, r->ioas, dma_iova(AT_A), DMA_SIZE, &iova, GM_RW));
}

static bool copy_legal(const struct dma_race *r, const struct dma_call *c)
{
	return gone_legal(r, c) || (c->err == ENOENT && beside(r, DMA_UNMAPS));
}

static void copied(struct dma_race *r)
{
	r->map[1][AT_C] = DMA_A;
}

static void unmap_next(struct dma_race *r, struct dma_call *c)
{
	c->bytes = DMA_SIZE;
	result(c, __gm_unmap(r->iommu, r->ioas, dma_iova(AT_B), &c->bytes));
}

static bool unmap_next_legal(const struct dma_race *r, const struct dma_call *c)
{
	if (!c->ret)
		return c->bytes == DMA_SIZE;
	return is_gone(r, c) || (beside(r, DMA_UNMAP_ALL) && (c->err == ENOENT || c->err == EBUSY));
}

static void next_unmapped(struct dma_race *r)
{
	r->map[0][AT_B] = -1;
}

static void unmap_same(struct dma_race *r, struct dma_call *c)
{
	c->bytes = DMA_SIZE;
	result(c, __gm_unmap(r->iommu, r->ioas, dma_iova(AT_A), &c->bytes));
}

static bool unmap_same_legal(const struct dma_race *r, const struct dma_call *c)
{
	if (!c->ret)
		return c->bytes == DMA_SIZE;
	return is_gone(r, c) || (beside(r, DMA_UNMAPS) && (c->err == ENOENT || c->err == EBUSY));
}

static void same_unmapped(struct dma_race *r)
{
	r->map[0][AT_A] = -1;
}

static void ranges(struct dma_race *r, struct dma_call *c)
{
	struct iommu_iova_range range[8];
	struct iommu_ioas_iova_ranges arg = { .size = sizeof(arg),
					      .ioas_id = r->target,
					      .num_iovas = 8,
					      .allowed_iovas = (uintptr_t)range };

	result(c, ioctl(r->iommu->fd, IOMMU_IOAS_IOVA_RANGES, &arg));
}

/* --- in-kernel users --- */

static void pin(struct dma_race *r, struct dma_call *c)
{
	int item = __gm_access_pin(r->iommu, r->access, dma_iova(AT_A) + PG, 8 * PG, NULL, true);

	result(c, item < 0 ? -1 : 0);
}

/* EINVAL: an unmap waits for the pins of the map. */
static bool access_legal(const struct dma_race *r, const struct dma_call *c)
{
	if (!c->ret || is_gone(r, c))
		return true;
	/* EBADFD: the mock says so of a descriptor that is closed. */
	if (beside(r, DMA_CLOSE_ACCESS) && c->err == EBADFD)
		return true;
	/* While it moves, it is in no address space. */
	return beside(r, DMA_UNMAPS | DMA_MOVE_ACCESS) &&
	       (c->err == ENOENT || (c->err == EINVAL && beside(r, DMA_UNMAPS)));
}

static void pin_and_unpin(struct dma_race *r, struct dma_call *c)
{
	int item = __gm_access_pin(r->iommu, r->access, dma_iova(AT_A) + PG, 8 * PG, NULL, true);

	result(c, item < 0 ? -1 : 0);
	if (item >= 0)
		result(c, __gm_access_unpin(r->iommu, r->access, item));
}

/* Another in-kernel user of the same pages. */
static void other_pins(struct dma_race *r, struct dma_call *c)
{
	int access = __gm_access_new(r->iommu, r->ioas, true), item, err;

	if (access < 0) {
		result(c, access);
		return;
	}
	item = __gm_access_pin(r->iommu, access, dma_iova(AT_A), DMA_SIZE, NULL, true);
	err = errno;
	close(access);
	errno = err;
	result(c, item < 0 ? -1 : 0);
}

static void read_pages(struct dma_race *r, struct dma_call *c)
{
	memset(r->copy, 0, DMA_SIZE);
	result(c, __gm_access_rw(r->iommu, r->access, dma_iova(AT_A), r->copy, DMA_SIZE, false));
	c->bytes = c->ret ? 0 : DMA_SIZE;
}

static void read_user(struct dma_race *r, struct dma_call *c)
{
	memset(r->copy, 0, DMA_SIZE);
	result(c,
	       __gm_access_rw_user(r->iommu, r->access, dma_iova(AT_A), r->copy, DMA_SIZE, false));
	c->bytes = c->ret ? 0 : DMA_SIZE;
}

static bool read_legal(const struct dma_race *r, const struct dma_call *c)
{
	bool old = !memcmp(r->copy, r->hva, DMA_SIZE);
	bool new = !memcmp(r->copy, r->hva + DMA_D * DMA_SIZE, DMA_SIZE);

	if (!c->ret && !old && !(new &&beside(r, DMA_MOVE_ACCESS))) {
		GM_FAIL("read %s: in neither of the two places",
			gm_word_str(*(const uint64_t *)r->copy));
		return true;
	}
	return access_legal(r, c);
}

/* Writes what is there already. */
static void write_pages(struct dma_race *r, struct dma_call *c)
{
	result(c, __gm_access_rw(r->iommu, r->access, dma_iova(AT_B), r->hva + DMA_B * DMA_SIZE,
				 DMA_SIZE, true));
}

static void move_there_and_back(struct dma_race *r, struct dma_call *c)
{
	result(c, __gm_access_replace(r->iommu, r->access, r->other));
	if (!c->ret)
		result(c, __gm_access_replace(r->iommu, r->access, r->ioas));
}

/* --- devices and page tables --- */

/* A second device comes and goes. */
static void attach(struct dma_race *r, struct dma_call *c)
{
	struct gm_iodev *dev = __gm_iodev_new(r->iommu, r->target);

	result(c, dev ? 0 : -1);
	if (dev)
		result(c, __gm_iommu_destroy(r->iommu, dev->priv_id));
	free(dev);
}

/* EINVAL: the device has got the id of the address space that is gone. */
static bool attach_legal(const struct dma_race *r, const struct dma_call *c)
{
	return gone_legal(r, c) || (c->err == EINVAL && beside(r, DMA_DESTROY));
}

static void device_there_and_back(struct dma_race *r, struct dma_call *c)
{
	result(c, __gm_iodev_replace(r->dev, r->other, r->other));
	if (!c->ret)
		result(c, __gm_iodev_replace(r->dev, r->ioas, r->ioas));
}

static void new_table(struct dma_race *r, struct dma_call *c)
{
	struct iommu_hwpt_alloc arg = { .size = sizeof(arg),
					.flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
					.dev_id = r->dev->idev,
					.pt_id = r->target };

	result(c, ioctl(r->iommu->fd, IOMMU_HWPT_ALLOC, &arg));
	if (!c->ret)
		result(c, __gm_iommu_destroy(r->iommu, arg.out_hwpt_id));
}

static bool new_table_legal(const struct dma_race *r, const struct dma_call *c)
{
	return attach_legal(r, c) || (c->err == ENOENT && beside(r, DMA_DETACH));
}

static void read_dirty(struct dma_race *r, struct dma_call *c)
{
	uint64_t bits[8];
	struct iommu_hwpt_get_dirty_bitmap arg = { .size = sizeof(arg),
						   .hwpt_id = r->table,
						   .iova = dma_iova(AT_A),
						   .length = DMA_SIZE,
						   .page_size = PG,
						   .data = (uintptr_t)bits };

	result(c, ioctl(r->iommu->fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &arg));
}

static bool dirty_legal(const struct dma_race *r, const struct dma_call *c)
{
	return gone_legal(r, c) || (c->err == ENOENT && beside(r, DMA_DROP_TABLE | DMA_UNMAPS)) ||
	       (c->err == EINVAL && beside(r, DMA_UNMAPS));
}

static void track(struct dma_race *r, struct dma_call *c)
{
	struct iommu_hwpt_set_dirty_tracking arg = { .size = sizeof(arg), .hwpt_id = r->table };

	for (int on = 0; on < 2; on++) {
		arg.flags = on ? IOMMU_HWPT_DIRTY_TRACKING_ENABLE : 0;
		result(c, ioctl(r->iommu->fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &arg));
		if (c->ret)
			return;
	}
}

/* Users that need the in-kernel user, the device. */
#define OF_ACCESS (DMA_CLOSE | DMA_DESTROY)
#define OF_DEVICE DMA_DETACH

const struct dma_side dma_users[] = {
	{ .name = "map", .text = "a map by file", .run = map, .legal = gone_legal, .done = mapped },
	{ .name = "map_hva",
	  .text = "a map by address",
	  .run = map_hva,
	  .legal = gone_legal,
	  .done = mapped },
	{ .name = "remap",
	  .text = "a map at the same IOVA",
	  .never = ~DMA_UNMAPS,
	  .run = remap,
	  .legal = remap_legal,
	  .done = remapped },
	{ .name = "copy",
	  .text = "the map is copied to another address space",
	  .run = copy,
	  .legal = copy_legal,
	  .done = copied },
	{ .name = "iova_unmap",
	  .text = "the same map is unmapped",
	  .never = DMA_DESTROY,
	  .effect = DMA_UNMAP,
	  .run = unmap_same,
	  .legal = unmap_same_legal,
	  .done = same_unmapped },
	{ .name = "unmap_next",
	  .text = "the next map is unmapped",
	  .never = DMA_DESTROY,
	  .run = unmap_next,
	  .legal = unmap_next_legal,
	  .done = next_unmapped },
	{ .name = "iova_ranges",
	  .text = "the allowed IOVAs are read",
	  .run = ranges,
	  .legal = gone_legal },
	{ .name = "pin",
	  .text = "an in-kernel user pins pages",
	  .never = OF_ACCESS,
	  .run = pin,
	  .legal = access_legal },
	{ .name = "unpin",
	  .text = "an in-kernel user pins and unpins pages",
	  .never = OF_ACCESS,
	  .run = pin_and_unpin,
	  .legal = access_legal },
	{ .name = "other_pins",
	  .text = "another in-kernel user comes, pins the pages and goes",
	  .never = OF_ACCESS,
	  .run = other_pins,
	  .legal = access_legal },
	{ .name = "access_read",
	  .text = "an in-kernel user reads pages",
	  .never = OF_ACCESS,
	  .run = read_pages,
	  .legal = read_legal },
	{ .name = "access_read_user",
	  .text = "an in-kernel user reads pages by their user address",
	  .never = OF_ACCESS,
	  .run = read_user,
	  .legal = read_legal },
	{ .name = "access_write",
	  .text = "an in-kernel user writes pages",
	  .never = OF_ACCESS,
	  .run = write_pages,
	  .legal = access_legal },
	{ .name = "access_move",
	  .text = "an in-kernel user moves to another address space and back",
	  .never = DMA_CLOSE | DMA_CLOSE_ACCESS | DMA_MOVE_ACCESS,
	  .run = move_there_and_back,
	  .legal = gone_legal },
	{ .name = "attach",
	  .text = "a second device is attached and detached",
	  .run = attach,
	  .legal = attach_legal },
	{ .name = "device_move",
	  .text = "the device moves to another address space and back",
	  .never = OF_DEVICE | DMA_MOVE_DEV,
	  .run = device_there_and_back,
	  .legal = gone_legal },
	{ .name = "table",
	  .text = "a page table is allocated and destroyed",
	  .never = OF_DEVICE,
	  .run = new_table,
	  .legal = new_table_legal },
	{ .name = "dirty_read",
	  .text = "a dirty bitmap is read",
	  .table = true,
	  .never = DMA_DESTROY,
	  .run = read_dirty,
	  .legal = dirty_legal },
	{ .name = "dirty_track",
	  .text = "dirty tracking is switched off and on",
	  .table = true,
	  .never = DMA_DESTROY,
	  .run = track,
	  .legal = dirty_legal },
	{},
};
