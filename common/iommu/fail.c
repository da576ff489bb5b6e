// SPDX-License-Identifier: GPL-2.0-only
/* Every allocation and every step of iommufd fails once: nothing is left behind, ever. */
#include "dma_memory.h"
#include "fail_nth.h"

GM_FILE(.clause = "iommu.lifetime", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.needs = GM_NEEDS(FAIL_NTH, DEBUGFS), .caps = GM_CAPS_ALL, .tokens = GM_TOKEN_MODULE,
	.timeout = 120)

#define PG GM_PAGE_SIZE

/* What a sweep works on. */
struct target {
	struct dma_memory m;
	uint64_t iova, len; /* the first len bytes of the file are mapped at iova */
	int access;	    /* an in-kernel user of m.ioas */
	uint32_t hwpt;	    /* the page table that the sweep allocates */
};

static void sweep(int (*op)(void *arg), void (*undone)(void *arg, unsigned int n, int err),
		  void (*undo)(void *arg), struct target *t)
{
	GM_SETUP(gm_fail_nth_sweep(op, undone, undo, t) > 2 || gm_failures(),
		 "fail-nth made next to nothing fail: CONFIG_FAULT_INJECTION, CONFIG_FAILSLAB");
}

static void nothing_pinned(void *arg, unsigned int n, int err __attribute__((unused)))
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
	.text = "MAP_FILE into three page tables, each step failing once: no pin, no entry, the IOVA free")
{
	struct target t = { .m = dma_memory_new(GM_IOMMU_MOCK, 24 * PG, 0),
			    .iova = IOVA,
			    .len = 24 * PG };

	gm_fail_nth_open();
	gm_hwpt_new(t.m.dev, t.m.ioas, 0);
	gm_hwpt_new(t.m.dev, t.m.ioas, 0);
	gm_mock_memory_limit(t.m.iommu, 48);
	sweep(map_file, nothing_pinned, undo_map, &t);
	dma_memory_mapped(&t.m, 0, t.len, IOVA);
	undo_map(&t);
	nothing_pinned(&t, 0, 0);
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

/* The first 24 pages, by maps that meet at odd places. */
static void map_three(struct dma_memory *m)
{
	static const uint64_t from[] = { 0, 9, 17, 24 };

	for (int i = 0; i < 3; i++)
		gm_map_file(m->iommu, m->ioas, m->fd, from[i] * PG, (from[i + 1] - from[i]) * PG,
			    IOVA + from[i] * PG, GM_RW);
}

/*
 * With 48 bytes for its batches iommufd pins six folios at a time and maps four runs at a time. How
 * many pinned pages wait between the two depends on how the pages lie: none of one run, two of six
 * that are scattered. Both layouts are made here, see iommu.map_file_undone.
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
	sweep(attach, nothing_pinned, undo_attach, &t);
	if (!gm_failures()) {
		dma_memory_mapped(&t.m, 0, t.len, IOVA);
		GM_EXPECT(!__gm_mock_refs(t.m.iommu, t.m.hva, t.len, 1), "not one pin a page");
	}
	dma_memory_free(&t.m);
}

GM_CASE(attach_run, .name = "iommu.lifetime.fail_attach",
	.text = "attach to a space of three maps, each step failing once: no pin, and the next attach works")
{
	sweep_attach(false);
}

GM_CASE(attach_apart, .name = "iommu.lifetime.fail_attach_apart",
	.text = "attach to a space of three maps, each step failing once: no pin, and the next attach works")
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

static void undo_nothing(void *arg __attribute__((unused))) {}

GM_CASE(pin, .name = "iommu.lifetime.fail_pin",
	.text = "an in-kernel user pins across three maps, each step failing once: no pin is left")
{
	struct target t = { .m = dma_memory_new_unattached(GM_IOMMU_MOCK, 24 * PG, 0),
			    .iova = IOVA,
			    .len = 24 * PG };

	gm_fail_nth_open();
	map_three(&t.m);
	t.access = gm_access_new(t.m.iommu, t.m.ioas, true);
	sweep(pin_pages, nothing_pinned, undo_nothing, &t);
	close(t.access);
	dma_memory_free(&t.m);
}

static void as_before(void *arg, unsigned int n, int err __attribute__((unused)))
{
	struct target *t = arg;

	GM_EXPECT(!__gm_mock_refs(t->m.iommu, t->m.hva, t->len, 1),
		  "step %u failed: not one pin a page", n);
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
	.text = "IOAS_COPY over two maps, each step failing once: the originals as before, the IOVA free")
{
	struct target t = { .m = dma_memory_new(GM_IOMMU_MOCK, 24 * PG, 0),
			    .iova = IOVA,
			    .len = 24 * PG };

	gm_fail_nth_open();
	gm_map_file(t.m.iommu, t.m.ioas, t.m.fd, 0, 11 * PG, IOVA, GM_RW);
	gm_map_file(t.m.iommu, t.m.ioas, t.m.fd, 11 * PG, 13 * PG, IOVA + 11 * PG, GM_RW);
	gm_mock_memory_limit(t.m.iommu, 48);
	sweep(copy_maps, as_before, undo_copy, &t);
	as_before(&t, 0, 0);
	dma_memory_free(&t.m);
}

/*
 * Over the border of two of the IOMMU's tables (none is larger than 2 MiB here): the second table
 * can fail when the first has entries. With large pages off each page is an entry of its own.
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

/* Tables stay when a map goes, and the next step would find them: they go with the page table. */
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
       .text = "pages over two tables of the IOMMU, each step failing once: no entry is left") = {
	.pages = 16,
	.below = 8,
};
GM_ROW(sweep_border, border_small, .name = "iommu.lifetime.fail_border_small", .huge_2m = 1,
       .text = "pages over two tables of the IOMMU, each step failing once: no entry is left") = {
	.pages = 16,
	.below = 8,
	.small = true,
};
GM_ROW(sweep_border, border_apart, .name = "iommu.lifetime.fail_border_apart",
       .text = "pages over two tables of the IOMMU, each step failing once: no entry is left") = {
	.pages = 16,
	.below = 8,
	.scattered = true,
};

/* Two pinned pages are in no table and in no batch of maps when the second table fails. */
GM_ROW(sweep_border, border_rest, .name = "iommu.lifetime.fail_border_rest",
       .text = "pages over two tables of the IOMMU, each step failing once: no entry is left") = {
	.pages = 12,
	.below = 2,
	.scattered = true,
	.batches = true,
};
GM_ROW(sweep_border, border_rest_hva, .name = "iommu.lifetime.fail_border_rest_hva",
       .text = "pages over two tables of the IOMMU, each step failing once: no entry is left") = {
	.pages = 12,
	.below = 2,
	.scattered = true,
	.batches = true,
	.hva = true,
};

/*
 * The second table fails when the last of nine pages waits, pinned with two others in the array of
 * six. The array still holds pages of the first six, which must not be unpinned a second time. 7.3.4
 * does that for files (pages.c, pfn_reader_release_pins() unpins by what the array can hold): a
 * clause of its own.
 */
GM_ROW(sweep_border, border_odd_hva, .name = "iommu.lifetime.fail_border_odd_hva",
       .text = "pages over two tables of the IOMMU, each step failing once: no entry is left") = {
	.pages = 9,
	.below = 5,
	.scattered = true,
	.batches = true,
	.hva = true,
};
GM_ROW(sweep_border, border_odd, .name = "iommu.map_file_undone.odd",
       .clause = "iommu.map_file_undone", .flags = GM_FULL_ONLY,
       .text = "nine pages over two tables, each step failing once: no pin is given back twice") = {
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
	.text = "a second page table is filled with three maps, each step failing once: the first is as before")
{
	struct target t = { .m = dma_memory_new(GM_IOMMU_MOCK, 24 * PG, 0),
			    .iova = IOVA,
			    .len = 24 * PG };

	gm_fail_nth_open();
	map_three(&t.m);
	gm_mock_memory_limit(t.m.iommu, 48);
	sweep(alloc_hwpt, as_before, undo_hwpt, &t);
	GM_EXPECT(!__gm_mock_maps(t.m.iommu, t.hwpt, IOVA, t.m.hva, t.len),
		  "the second table does not hold what the first one holds");
	as_before(&t, 0, 0);
	gm_unmap(t.m.iommu, t.m.ioas, IOVA + 9 * PG, 8 * PG);
	GM_EXPECT(!__gm_mock_refs(t.m.iommu, t.m.hva + 9 * PG, 8 * PG, 0),
		  "unmapped, and pins stay");
	dma_memory_free(&t.m);
}
