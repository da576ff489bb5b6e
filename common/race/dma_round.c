// SPDX-License-Identifier: GPL-2.0-only
/* A round of two calls on an address space: what it begins with, and how results are judged. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dma.h"
#include "overlap.h"

#define ROUNDS 10U
#define ALONE 1U

static void new_table(struct dma_race *r)
{
	r->table = gm_hwpt_new(r->dev, r->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
}

static void map(struct dma_race *r, int space, enum dma_place at, enum dma_part part)
{
	gm_map_file(r->iommu, space ? r->other : r->ioas, r->fd, part * DMA_SIZE, DMA_SIZE,
		    dma_iova(at), GM_RW);
	r->map[space][at] = part;
}

static void prepare(void *arg)
{
	struct dma_race *r = arg;

	r->iommu = gm_iommu_new(GM_IOMMU_MOCK);
	r->ioas = gm_ioas_new(r->iommu);
	r->other = gm_ioas_new(r->iommu);
	r->target = r->ender->effect & DMA_DESTROY ? r->other : r->ioas;
	r->closed = r->dev_moved = r->access_moved = false;
	r->table = 0;
	r->access = -1;
	memset(r->map, -1, sizeof(r->map));
	memset(r->call, 0, sizeof(r->call));
	map(r, 0, AT_A, DMA_A);
	map(r, 0, AT_B, DMA_B);
	map(r, 1, AT_A, DMA_D);
	r->dev = gm_iodev_new(r->iommu, r->ioas);
	if (r->ender->table || r->user->table)
		new_table(r);
	if (r->ender->effect & DMA_CLOSE)
		return;
	r->access = gm_access_new(r->iommu, r->ioas, true);
	if (r->ender->held)
		GM_SETUP_OK(__gm_access_pin(r->iommu, r->access, dma_iova(AT_A) + PG, 8 * PG,
					    r->hva + PG, true));
}

static void call(void *arg, unsigned int i)
{
	struct dma_race *r = arg;
	const struct dma_side *side = i ? r->user : r->ender;

	side->run(r, &r->call[i]);
	r->call[i].ran = true;
}

static void check_result(struct dma_race *r, unsigned int i)
{
	const struct dma_side *side = i ? r->user : r->ender;
	const struct dma_call *c = &r->call[i];

	if (!c->ran)
		return;
	GM_EXPECT(side->legal ? side->legal(r, c) : !c->ret, "%s beside %s: %d, %s, %lu bytes",
		  side->name, i ? r->ender->name : r->user->name, c->ret, gm_errno_name(c->err),
		  c->bytes);
	if (!c->ret && side->done)
		side->done(r);
}

static void check(void *arg)
{
	struct dma_race *r = arg;

	check_result(r, 0);
	check_result(r, 1);
	dma_race_check(r);
}

void dma_race_run(const struct gm_case *self)
{
	struct dma_race *r = calloc(1, sizeof(*r));

	GM_SETUP(r, "out of memory");
	*r = *(const struct dma_race *)self->arg;
	r->fd = gm_memfd_new(DMA_PARTS * DMA_SIZE, 0);
	r->hva = mmap(NULL, DMA_PARTS * DMA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	r->copy = malloc(DMA_SIZE);
	GM_SETUP(r->hva != MAP_FAILED && r->copy, "out of memory");
	gm_host_fill(r->hva, 0, DMA_PARTS * DMA_PAGES, GM_WRITER_HOST, 1);
	gm_overlap(&(struct gm_overlap){
		.prepare = prepare,
		.call = call,
		.check = check,
		.arg = r,
		.rounds = ROUNDS,
		.alone = ALONE,
	});
	gm_host_check(r->hva, 0, DMA_PARTS * DMA_PAGES, GM_WRITER_HOST, 1, "at the end");
	munmap(r->hva, DMA_PARTS * DMA_SIZE);
	GM_EXPECT(gm_memfd_unpinned(r->fd), "a page of the file is still referenced at the end");
	close(r->fd);
	free(r->copy);
	free(r);
}
