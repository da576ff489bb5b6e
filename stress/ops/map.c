// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommufd maps shared memory for its mock device: by file, in place by address. The device reads
 * and writes the first page of a mapping. arg is the number of the mapping.
 */
#include "draw.h"
#include "iommu.h"
#include "judge.h"

#define MAPS 8U

static struct gm_iommu *iommu; /* NULL: the kernel has no mock, or the memory is no file */
static struct gm_iodev *dev;
static uint32_t ioas;
static struct mapping {
	bool used;
	uint32_t page, len, op; /* op: the operation that mapped it */
	uint64_t iova;
} mappings[MAPS];

static void draw_range_and_number(struct st_draw *d, struct gm_sop *op)
{
	st_draw_range(d, op, st_chance(d, 30), ST_2M, false);
	op->arg = st_below(d, MAPS);
}

static void draw_number(struct st_draw *d, struct gm_sop *op)
{
	op->arg = st_below(d, MAPS);
}

static void start(struct st_run *r)
{
	if ((!r->inplace && r->mem->fd < 0) || !gm_platform_has(GM_NEED_IOMMUFD_TEST))
		return;
	iommu = gm_iommu_new(GM_IOMMU_MOCK);
	ioas = gm_ioas_new(iommu);
	dev = gm_iodev_new(iommu, ioas);
}

static long map(struct st_run *r, const struct gm_sop *op, uint32_t index, struct mapping *m)
{
	uint64_t len = op->len * GM_PAGE_SIZE, iova = GM_ANY_IOVA;
	int ret;

	if (m->used)
		return 1;
	/* In place by address: iommufd does not map a guest_memfd by file. */
	if (r->inplace)
		ret = __gm_map_hva(iommu, ioas, st_hva(r, op->page), len, &iova, GM_RW);
	else
		ret = __gm_map_file(iommu, ioas, r->mem->fd, (uint64_t)op->page * GM_PAGE_SIZE, len,
				    &iova, GM_RW);
	if (ret)
		return -errno;
	*m = (struct mapping){ true, op->page, op->len, index, iova };
	st_hold_begin(r, index, op->page, op->len);
	return 0;
}

static long unmap(struct st_run *r, uint32_t index, struct mapping *m)
{
	uint64_t len = m->len * GM_PAGE_SIZE;

	m->used = false;
	st_hold_ending(r, m->op);
	if (__gm_unmap(iommu, ioas, m->iova, &len))
		return -errno;
	st_hold_end(r, m->op, index);
	return 0;
}

static long dma_read(struct st_actor *a, const struct mapping *m)
{
	uint64_t page[512];

	if (__gm_dma_read(dev, m->iova, page, sizeof(page)))
		return -errno;
	st_log_pages(a, (uint8_t *)page, m->page, 1, 512);
	return 0;
}

/* Leaves out the words that have their own operations (counter, stack, code). */
static long dma_write(struct st_run *r, uint32_t index, const struct mapping *m)
{
	const uint64_t head = GM_RING_COUNTER * 8, tail = head + GM_RING_OWN * 8;
	uint64_t page[512];
	long ret;

	gm_ring_write(page, gm_ring_stamp(st_gfn(m->page), GM_WRITER_DEVICE, index), 512);
	ret = __gm_dma_write(dev, m->iova, page, head) ||
			      __gm_dma_write(dev, m->iova + tail, (uint8_t *)page + tail,
					     GM_PAGE_SIZE - tail)
		      ? -errno
		      : 0;
	/* The page, for the judge. */
	r->prog.op[index].page = m->page;
	return ret;
}

/* One operation at a time: hold_lock also protects mappings[]. */
static long run(struct st_actor *a, const struct gm_sop *op, uint32_t index)
{
	struct st_run *r = a->run;
	struct mapping *m = &mappings[op->arg % MAPS];
	long ret = 1;

	if (!iommu)
		return 1;
	pthread_mutex_lock(&r->hold_lock);
	if (op->code == ST_OP_MAP) {
		ret = map(r, op, index, m);
	} else if (m->used) {
		r->note[index].hold_op = m->op;
		ret = op->code == ST_OP_UNMAP	? unmap(r, index, m)
		      : op->code == ST_OP_DREAD ? dma_read(a, m)
						: dma_write(r, index, m);
	}
	pthread_mutex_unlock(&r->hold_lock);
	return ret;
}

/* If a hole removed the page from the file, only the device still sees it. */
static bool observe_dwrite(struct st_run *r, uint32_t i, struct st_event *e)
{
	e->change = ST_HOST_WRITE;
	e->stamp = st_stamp(i, GM_WRITER_DEVICE);
	e->n = 1;
	e->maybe |= r->inplace && (st_may_be_detached(r, i, e->page) || r->res[i].ret < 0);
	return r->res[i].ret != 1;
}

static bool expect_map(struct st_run *r, uint32_t i)
{
	if (!r->inplace)
		return st_expect_done(r, i, "iommu.map_file_memfd");
	if (r->res[i].ret < 0 && r->res[i].ret != -EFAULT)
		return st_wrong(r, i, "iommu.gmem_hva", "0 or -14 EFAULT");
	return st_expect_access(r, i, "iommu.gmem_hva");
}

static bool expect(struct st_run *r, uint32_t i)
{
	return st_expect_done(r, i, "iommu.map_file_memfd") && st_expect_reads(r, i);
}

/*
 * For an access to a single page the mock device looks up the user address again
 * (drivers/iommu/iommufd/pages.c: iopt_pages_rw_page()). If a hole removed the mapped page from the
 * file, that address may be private now.
 */
static bool expect_dma(struct st_run *r, uint32_t i)
{
	uint32_t page;

	if (r->inplace && r->res[i].ret == -EFAULT) {
		page = r->prog.op[r->note[i].hold_op].page;
		if (st_may_be_detached(r, i, page) && (st_states(r, i, page) & ST_PRIVATE))
			return true;
	}
	return expect(r, i);
}

static void release(const struct st_prog *p, struct st_prog *out)
{
	for (uint8_t m = 0; m < MAPS; m++)
		st_prog_add(out, (struct gm_sop){ .actor = GM_SOP_HOST,
						  .code = ST_OP_UNMAP,
						  .arg = m,
						  .len = 1 });
}

const struct st_op st_op_map = {
	.name = "map",
	.text = "iommufd maps shared memory",
	.flags = ST_PAGES | ST_REFERS,
	.weight = { [ST_MIX_IOMMU] = 14, [ST_MIX_PINS] = 4, [ST_MIX_EVERYTHING] = 4 },
	.generate = draw_range_and_number,
	.start = start,
	.run = run,
	.expect = expect_map,
	.release = release,
};

const struct st_op st_op_unmap = {
	.name = "unmap",
	.text = "iommufd unmaps it",
	.weight = { [ST_MIX_IOMMU] = 8, [ST_MIX_PINS] = 5, [ST_MIX_EVERYTHING] = 3 },
	.generate = draw_number,
	.run = run,
	.expect = expect,
};

const struct st_op st_op_dread = {
	.name = "dread",
	.text = "the device reads",
	.flags = ST_READS | ST_BY_HOLD,
	.weight = { [ST_MIX_IOMMU] = 12, [ST_MIX_PINS] = 4, [ST_MIX_EVERYTHING] = 4 },
	.generate = draw_number,
	.run = run,
	.expect = expect_dma,
};

const struct st_op st_op_dwrite = {
	.name = "dwrite",
	.text = "the device writes",
	.flags = ST_WRITES | ST_OBSERVE_LAST,
	.weight = { [ST_MIX_IOMMU] = 10, [ST_MIX_PINS] = 4, [ST_MIX_EVERYTHING] = 3 },
	.generate = draw_number,
	.run = run,
	.observe = observe_dwrite,
	.expect = expect_dma,
};
