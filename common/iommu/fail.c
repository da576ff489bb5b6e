// SPDX-License-Identifier: GPL-2.0-only
/* Every allocation of iommufd fails once: each call undoes all it did. */
#include "dma_memory.h"
#include "fail_nth.h"

GM_FILE(.clause = "iommu.lifetime", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.needs = GM_NEEDS(FAIL_NTH, DEBUGFS), .caps = GM_CAPS_ALL, .tokens = GM_TOKEN_MODULE,
	.timeout = 120)

#define PG GM_PAGE_SIZE

/* The objects of a sweep. */
struct target {
	struct dma_memory m;
	uint64_t iova, len; /* the first len bytes of the file are mapped at iova */
	int access;	    /* an in-kernel user of m.ioas */
	uint32_t hwpt;	    /* the page table that the sweep allocates */
};

static void sweep(int (*op)(void *arg), void (*undone)(void *arg, unsigned int n, int err),
		  void (*undo)(void *arg), struct target *t)
{
	GM_SETUP(
		gm_fail_nth_sweep(op, undone, undo, t) > 2 || gm_failures(),
		"fail-nth made at most two allocations fail: CONFIG_FAULT_INJECTION, CONFIG_FAILSLAB");
}

static void expect_unpinned(void *arg, unsigned int n, int err __attribute__((unused)))
{
	struct target *t = arg;
	struct dma_memory *m = &t->m;
	uint64_t last = t->len - PG;

	GM_EXPECT(!__gm_mock_refs(m->iommu, m->hva, t->len, 0), "step %u failed: pages stay pinned",
		  n);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "step %u failed: VmPin, pages", n);
	if (m->dev)
		GM_EXPECT(__gm_mock_maps(m->iommu, m->dev->hwpt, t->iova, m->hva, PG) &&
				  __gm_mock_maps(m->iommu, m->dev->hwpt, t->iova + last,
						 m->hva + last, PG),
			  "step %u failed: pages stay mapped", n);
}

static int map_file(void *arg)
{
	struct target *t = arg;
	uint64_t at = t->iova;

	return __gm_map_file(t->m.iommu, t->m.ioas, t->m.fd, 0, t->len, &at, GM_RW);
}

static void undo_map(void *arg)
{
	struct target *t = arg;

	gm_unmap(t->m.iommu, t->m.ioas, t->iova, t->len);
}

GM_CASE(map, .name = "iommu.lifetime.fail_map",
	.text = "MAP_FILE into three page tables, each step failing once: no page stays pinned or mapped, the IOVA is free")
{
	struct target t = { .m = dma_memory_new(GM_IOMMU_MOCK, 24 * PG, 0),
			    .iova = IOVA,
			    .len = 24 * PG };

	gm_fail_nth_open();
	gm_hwpt_new(t.m.dev, t.m.ioas, 0);
	gm_hwpt_new(t.m.dev, t.m.ioas, 0);
	gm_mock_memory_limit(t.m.iommu, 48);
	sweep(map_file, expect_unpinned, undo_map, &t);
	dma_memory_mapped(&t.m, 0, t.len, IOVA);
	undo_map(&t);
	expect_unpinned(&t, 0, 0);
	dma_memory_free(&t.m);
}

static int attach(void *arg)
{
	struct target *t = arg;

	t->m.dev = __gm_iodev_new(t->m.iommu, t->m.ioas);
	return t->m.dev ? 0 : -1;
}

static void undo_attach(void *arg)
{
	struct target *t = arg;

	gm_iodev_free(t->m.dev);
	t->m.dev = NULL;
}

/* Maps the first 24 pages by three maps of unequal size. */
static void map_three(struct dma_memory *m)
{
	static const uint64_t from[] = { 0, 9, 17, 24 };

	for (int i = 0; i < 3; i++)
		gm_map_file(m->iommu, m->ioas, m->fd, from[i] * PG, (from[i + 1] - from[i]) * PG,
			    IOVA + from[i] * PG, GM_RW);
}

/*
 * With 48 bytes for its batches iommufd pins six folios at a time and maps four contiguous runs at
 * a time. How many pages are pinned and not yet mapped depends on their layout: none of one run,
 * two of six scattered pages. Both layouts are tested, see iommu.map_file_undone.
 */
static void sweep_attach(bool scattered)
{
	struct target t = { .iova = IOVA, .len = 24 * PG };

	t.m = dma_memory_new_unattached(GM_IOMMU_MOCK, scattered ? t.len : GM_2M, 0);
	gm_fail_nth_open();
	if (scattered)
		dma_memory_scattered(&t.m);
	else
		dma_memory_contiguous(&t.m, 0);
	map_three(&t.m);
	gm_mock_memory_limit(t.m.iommu, 48);
	sweep(attach, expect_unpinned, undo_attach, &t);
	if (!gm_failures()) {
		dma_memory_mapped(&t.m, 0, t.len, IOVA);
		GM_EXPECT(!__gm_mock_refs(t.m.iommu, t.m.hva, t.len, 1),
			  "expected one pin per page");
	}
	dma_memory_free(&t.m);
}

GM_CASE(attach_run, .name = "iommu.lifetime.fail_attach",
	.text = "attach to a space of three maps, each step failing once: no page stays pinned, and the next attach works")
{
	sweep_attach(false);
}

GM_CASE(attach_scattered, .name = "iommu.lifetime.fail_attach_scattered",
	.text = "attach to a space of three maps, each step failing once: no page stays pinned, and the next attach works")
{
	sweep_attach(true);
}

static int pin_pages(void *arg)
{
	struct target *t = arg;
	int item = __gm_access_pin(t->m.iommu, t->access, IOVA + PG, 20 * PG, NULL, true);

	if (item >= 0)
		GM_SETUP_OK(__gm_access_unpin(t->m.iommu, t->access, item));
	return item < 0 ? -1 : 0;
}

static void no_undo(void *arg __attribute__((unused))) {}

GM_CASE(pin, .name = "iommu.lifetime.fail_pin",
	.text = "an in-kernel user pins across three maps, each step failing once: no page stays pinned")
{
	struct target t = { .m = dma_memory_new_unattached(GM_IOMMU_MOCK, 24 * PG, 0),
			    .iova = IOVA,
			    .len = 24 * PG };

	gm_fail_nth_open();
	map_three(&t.m);
	t.access = gm_access_new(t.m.iommu, t.m.ioas, true);
	sweep(pin_pages, expect_unpinned, no_undo, &t);
	close(t.access);
	dma_memory_free(&t.m);
}

static void unchanged(void *arg, unsigned int n, int err __attribute__((unused)))
{
	struct target *t = arg;

	GM_EXPECT(!__gm_mock_refs(t->m.iommu, t->m.hva, t->len, 1),
		  "step %u failed: expected one pin per page", n);
	GM_EXPECT_EQ(gm_vm_pinned(), t->len / PG, "step %u failed: VmPin, pages", n);
	dma_memory_mapped(&t->m, 0, t->len, t->iova);
}

static int copy_maps(void *arg)
{
	struct target *t = arg;
	uint64_t at = IOVA + 0x100000;

	return __gm_ioas_copy(t->m.iommu, t->m.ioas, t->m.ioas, IOVA + PG, 22 * PG, &at, GM_RW);
}

static void undo_copy(void *arg)
{
	struct target *t = arg;

	gm_unmap(t->m.iommu, t->m.ioas, IOVA + 0x100000, 22 * PG);
}

GM_CASE(copy, .name = "iommu.lifetime.fail_copy",
	.text = "IOAS_COPY of two maps, each step failing once: the originals do not change, the IOVA is free")
{
	struct target t = { .m = dma_memory_new(GM_IOMMU_MOCK, 24 * PG, 0),
			    .iova = IOVA,
			    .len = 24 * PG };

	gm_fail_nth_open();
	gm_map_file(t.m.iommu, t.m.ioas, t.m.fd, 0, 11 * PG, IOVA, GM_RW);
	gm_map_file(t.m.iommu, t.m.ioas, t.m.fd, 11 * PG, 13 * PG, IOVA + 11 * PG, GM_RW);
	gm_mock_memory_limit(t.m.iommu, 48);
	sweep(copy_maps, unchanged, undo_copy, &t);
	unchanged(&t, 0, 0);
	dma_memory_free(&t.m);
}

/*
 * A map across two of the IOMMU's tables (each covers 2 MiB here): the allocation of the second can
 * fail when the first has entries. With large pages off each page has its own entry.
 */
#define BORDER (IOVA + GM_2M)

struct border {
	uint64_t pages, below; /* of the map; how many of them lie below BORDER */
	bool scattered;	       /* pages of shmem that are not contiguous; else one huge page */
	bool small;	       /* IOMMU_OPTION_HUGE_PAGES off */
	bool batches;	       /* pins six pages and maps four at a time */
	bool hva;	       /* mapped by address */
};

static int map_hva(void *arg)
{
	struct target *t = arg;
	uint64_t at = t->iova;

	return __gm_map_hva(t->m.iommu, t->m.ioas, t->m.hva, t->len, &at, GM_RW);
}

/* An unmap leaves empty tables, which the next attempt would use. Only the detach frees them. */
static void free_tables(struct target *t)
{
	gm_iodev_free(t->m.dev);
	t->m.dev = gm_iodev_new(t->m.iommu, t->m.ioas);
}

static void undo_border(void *arg)
{
	undo_map(arg);
	free_tables(arg);
}

static void border_empty(void *arg, unsigned int n, int err __attribute__((unused)))
{
	struct target *t = arg;
	struct dma_memory *m = &t->m;

	GM_EXPECT(!__gm_mock_refs(m->iommu, m->hva, t->len, 0), "step %u failed: pages stay pinned",
		  n);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "step %u failed: VmPin, pages", n);
	for (uint64_t off = 0; off < t->len; off += PG)
		GM_EXPECT(__gm_mock_maps(m->iommu, m->dev->hwpt, t->iova + off, m->hva + off, PG),
			  "step %u failed: page %lu stays mapped", n, off / PG);
	free_tables(t);
}

GM_CASES(sweep_border, struct border, b)
{
	struct target t = { .iova = BORDER - b->below * PG, .len = b->pages * PG };
	struct iommu_option off = { .size = sizeof(off),
				    .option_id = IOMMU_OPTION_HUGE_PAGES,
				    .op = IOMMU_OPTION_OP_SET };

	if (b->scattered) {
		t.m = dma_memory_new_empty(GM_IOMMU_MOCK, t.len, 0);
		dma_memory_scattered(&t.m);
	} else {
		t.m = dma_memory_new_empty(GM_IOMMU_MOCK, GM_2M, GM_2M);
		t.m.hva[0] = 1;
	}
	gm_fail_nth_open();
	off.object_id = t.m.ioas;
	if (b->small)
		GM_SETUP_OK(ioctl(t.m.iommu->fd, IOMMU_OPTION, &off));
	t.m.dev = gm_iodev_new(t.m.iommu, t.m.ioas);
	if (b->batches)
		gm_mock_memory_limit(t.m.iommu, 48);
	sweep(b->hva ? map_hva : map_file, border_empty, undo_border, &t);
	if (!gm_failures())
		undo_map(&t);
	dma_memory_free(&t.m);
}

GM_ROW(sweep_border, border_run, .name = "iommu.lifetime.fail_border", .huge_2m = 1,
       .text = "a map across two tables of the IOMMU, each step failing once: no entry is left") = {
	.pages = 16,
	.below = 8,
};
GM_ROW(sweep_border, border_small, .name = "iommu.lifetime.fail_border_small", .huge_2m = 1,
       .text = "a map across two tables of the IOMMU, each step failing once: no entry is left") = {
	.pages = 16,
	.below = 8,
	.small = true,
};
GM_ROW(sweep_border, border_apart, .name = "iommu.lifetime.fail_border_apart",
       .text = "a map across two tables of the IOMMU, each step failing once: no entry is left") = {
	.pages = 16,
	.below = 8,
	.scattered = true,
};

/* Two pinned pages are neither mapped nor in the batch to map when the second table fails. */
GM_ROW(sweep_border, border_rest, .name = "iommu.lifetime.fail_border_rest",
       .text = "a map across two tables of the IOMMU, each step failing once: no entry is left") = {
	.pages = 12,
	.below = 2,
	.scattered = true,
	.batches = true,
};
GM_ROW(sweep_border, border_rest_hva, .name = "iommu.lifetime.fail_border_rest_hva",
       .text = "a map across two tables of the IOMMU, each step failing once: no entry is left") = {
	.pages = 12,
	.below = 2,
	.scattered = true,
	.batches = true,
	.hva = true,
};

/*
 * The second table fails when three of nine pages are in the array of six. The array still has
 * pages of the first six, which must not be unpinned again. Linux 7.3.4 does so for files
 * (drivers/iommu/iommufd/pages.c, pfn_reader_release_pins() unpins by the array's capacity): a
 * clause of its own.
 */
GM_ROW(sweep_border, border_odd_hva, .name = "iommu.lifetime.fail_border_odd_hva",
       .text = "a map across two tables of the IOMMU, each step failing once: no entry is left") = {
	.pages = 9,
	.below = 5,
	.scattered = true,
	.batches = true,
	.hva = true,
};
GM_ROW(sweep_border, border_odd, .name = "iommu.map_file_undone.odd",
       .clause = "iommu.map_file_undone", .flags = GM_FULL_ONLY,
       .text = "nine pages over two tables, each step failing once: no page is unpinned twice") = {
	.pages = 9,
	.below = 5,
	.scattered = true,
	.batches = true,
};

static int alloc_hwpt(void *arg)
{
	struct target *t = arg;
	struct iommu_hwpt_alloc alloc = { .size = sizeof(alloc),
					  .dev_id = t->m.dev->idev,
					  .pt_id = t->m.ioas };

	if (ioctl(t->m.iommu->fd, IOMMU_HWPT_ALLOC, &alloc))
		return -1;
	t->hwpt = alloc.out_hwpt_id;
	return 0;
}

static void undo_hwpt(void *arg)
{
	struct target *t = arg;

	gm_iommu_destroy(t->m.iommu, t->hwpt);
}

GM_CASE(table, .name = "iommu.lifetime.fail_table",
	.text = "a second page table is filled with three maps, each step failing once: the first does not change")
{
	struct target t = { .m = dma_memory_new(GM_IOMMU_MOCK, 24 * PG, 0),
			    .iova = IOVA,
			    .len = 24 * PG };

	gm_fail_nth_open();
	map_three(&t.m);
	gm_mock_memory_limit(t.m.iommu, 48);
	sweep(alloc_hwpt, unchanged, undo_hwpt, &t);
	GM_EXPECT(!__gm_mock_maps(t.m.iommu, t.hwpt, IOVA, t.m.hva, t.len),
		  "the second table does not have the maps of the first");
	unchanged(&t, 0, 0);
	gm_unmap(t.m.iommu, t.m.ioas, IOVA + 9 * PG, 8 * PG);
	GM_EXPECT(!__gm_mock_refs(t.m.iommu, t.m.hva + 9 * PG, 8 * PG, 0),
		  "unmapped, and pages stay pinned");
	dma_memory_free(&t.m);
}
