// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls of iommufd that take something away, with each allocation failing once: fail.iommu. They
 * need no memory to succeed. A call that finds its object missing (fail_iommufd) changes nothing.
 * Afterwards every page has exactly the pins of what is left.
 */
#include <stdlib.h>

#include "dirty.h"
#include "fail_nth.h"

GM_FILE(.clause = "fail.iommu", .profile = "IO", .iommu = GM_IOMMU_MOCK,
	.needs = GM_NEEDS(FAIL_NTH, DEBUGFS, IOAS_MAP_FILE, PAGES_4K), .caps = GM_CAPS_ALL,
	.tokens = GM_TOKEN_MODULE, .timeout = 120)

#define PG GM_PAGE_SIZE
#define COUNT 24UL /* pages, in three maps */
#define SPLIT_A 9UL
#define SPLIT_B 17UL
#define PIN_FROM 1UL /* pages that an in-kernel user pins: [PIN_FROM, PIN_TO) */
#define PIN_TO 21UL
/* The first run of pages with contiguous frames ends here, and the next one begins. */
#define RUN 12UL

struct undo {
	struct dma_memory m;
	uint32_t table; /* a second page table; 0: none */
	int access;	/* -1: none */
};

struct undo_row {
	bool device, table, access;
	bool runs; /* one map of two runs of contiguous frames, not of three scattered parts */
	uint64_t pin_from, pin_to; /* pages that the in-kernel user pins; 0: PIN_FROM, PIN_TO */
	int (*call)(struct undo *u);
	/* Pages that are pinned after the call: [from, to), without the hole [hole, hole_end). */
	uint64_t from, to, hole, hole_end;
};

static void map_three(struct dma_memory *m)
{
	static const uint64_t at[] = { 0, SPLIT_A, SPLIT_B, COUNT };

	for (int i = 0; i < 3; i++)
		gm_map_file(m->iommu, m->ioas, m->fd, at[i] * PG, (at[i + 1] - at[i]) * PG,
			    IOVA + at[i] * PG, GM_RW);
}

/*
 * An in-kernel user's pins in the middle of a run make iommufd unmap all of the run, unpin a part
 * of it, and keep the rest for the next step.
 */
static void map_runs(struct dma_memory *m)
{
	uint64_t iova = IOVA;

	dma_memory_contiguous(m, 0);
	/* Each run is the file's other one: the frame after the first run is not the next one. */
	for (uint64_t i = 0; i < COUNT; i += RUN)
		GM_SETUP(mmap(m->hva + i * PG, RUN * PG, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_FIXED | MAP_POPULATE, m->fd,
			      (RUN - i) * PG) != MAP_FAILED,
			 "mmap: %s", gm_errno_name(errno));
	GM_SETUP_OK(__gm_map_hva(m->iommu, m->ioas, m->hva, COUNT * PG, &iova, GM_RW));
}

static uint64_t pin_from(const struct undo_row *row)
{
	return row->pin_from ?: PIN_FROM;
}

static uint64_t pin_to(const struct undo_row *row)
{
	return row->pin_to ?: PIN_TO;
}

static void begin(struct undo *u, const struct undo_row *row)
{
	uint64_t from = pin_from(row), to = pin_to(row);

	u->m = dma_memory_new_unattached(GM_IOMMU_MOCK, row->runs ? GM_2M : COUNT * PG, 0);
	if (row->runs) {
		map_runs(&u->m);
	} else {
		dma_memory_scattered(&u->m);
		map_three(&u->m);
	}
	gm_mock_memory_limit(u->m.iommu, 48);
	u->table = 0;
	u->access = -1;
	if (row->device)
		u->m.dev = gm_iodev_new(u->m.iommu, u->m.ioas);
	if (row->table)
		u->table = gm_hwpt_new(u->m.dev, u->m.ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
	if (!row->access)
		return;
	u->access = gm_access_new(u->m.iommu, u->m.ioas, true);
	GM_SETUP(__gm_access_pin(u->m.iommu, u->access, IOVA + from * PG, (to - from) * PG, NULL,
				 true) >= 0,
		 "pins of an in-kernel user: %s", gm_errno_name(errno));
}

static void end(struct undo *u)
{
	if (u->access >= 0)
		close(u->access);
	if (u->table)
		gm_iommu_destroy(u->m.iommu, u->table);
	dma_memory_free(&u->m);
}

/* Expects one pin of each page of [from, to) but those of [hole, hole_end), and no other. */
static void expect_pins(struct undo *u, const struct undo_row *row, unsigned int n)
{
	uint64_t pinned = 0;

	for (uint64_t i = 0; i < COUNT; i++) {
		bool want = i >= row->from && i < row->to && !(i >= row->hole && i < row->hole_end);

		GM_EXPECT(!__gm_mock_refs(u->m.iommu, u->m.hva + i * PG, PG, want),
			  "step %u: page %lu does not have %d pins", n, i, want);
		pinned += want;
	}
	GM_EXPECT_EQ(gm_vm_pinned(), pinned, "step %u: VmPin, pages", n);
}

/* What is pinned before the call: all pages for a device, or those of the in-kernel user. */
static void expect_unchanged(struct undo *u, const struct undo_row *row, unsigned int n)
{
	uint64_t from = pin_from(row);
	struct undo_row was = { .from = from, .to = row->access ? pin_to(row) : from };

	if (row->device) {
		was.from = 0;
		was.to = COUNT;
		dma_memory_mapped(&u->m, 0, COUNT * PG, IOVA);
	}
	expect_pins(u, &was, n);
}

GM_CASES(sweep, struct undo_row, row)
{
	bool reached = true;
	unsigned int n;

	gm_fail_nth_open();
	for (n = 1; reached && n < 200 && !gm_failures(); n++) {
		struct undo u;
		int ret, err;

		begin(&u, row);
		gm_fail_nth(n);
		ret = row->call(&u);
		err = errno;
		reached = gm_fail_nth_reached();
		if (ret) {
			GM_EXPECT(reached && err == ENOENT, "step %u: %s", n, gm_errno_name(err));
			expect_unchanged(&u, row, n);
			GM_EXPECT_OK(row->call(&u), "the same call, after step %u failed", n);
		}
		if (!gm_failures())
			expect_pins(&u, row, n);
		end(&u);
	}
	gm_note("%u steps", n - 2);
	GM_SETUP(n > 2 || gm_failures(), "no step failed: CONFIG_FAULT_INJECTION, CONFIG_FAILSLAB");
	GM_EXPECT(n < 200, "the call has too many steps");
}

static int unmap(struct undo *u, uint64_t from, uint64_t to)
{
	uint64_t len = (to - from) * PG;
	int ret = __gm_unmap(u->m.iommu, u->m.ioas, IOVA + from * PG, &len);

	if (!ret)
		GM_EXPECT_EQ(len, (to - from) * PG, "bytes unmapped");
	return ret;
}

static int unmap_middle(struct undo *u)
{
	return unmap(u, SPLIT_A, SPLIT_B);
}

static int unmap_all(struct undo *u)
{
	return unmap(u, 0, COUNT);
}

static int detach(struct undo *u)
{
	if (__gm_iommu_destroy(u->m.iommu, u->m.dev->priv_id))
		return -1;
	free(u->m.dev);
	u->m.dev = NULL;
	return 0;
}

static int track(struct undo *u)
{
	struct iommu_hwpt_set_dirty_tracking set = { .size = sizeof(set),
						     .hwpt_id = u->table,
						     .flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE };

	return ioctl(u->m.iommu->fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &set);
}

GM_ROW(sweep, unmaps_middle, .name = "fail.iommu.unmap",
       .text = "a map is unmapped from two page tables and an in-kernel user that has pinned a part of it: its pages lose their pins") = {
	.device = true,
	.table = true,
	.access = true,
	.call = unmap_middle,
	.to = COUNT,
	.hole = SPLIT_A,
	.hole_end = SPLIT_B,
};
GM_ROW(sweep, unmaps_all, .name = "fail.iommu.unmap_all",
       .text = "three maps are unmapped from a device and an in-kernel user: no page is pinned") = {
	.device = true,
	.access = true,
	.call = unmap_all,
};
GM_ROW(sweep, unmaps_user, .name = "fail.iommu.unmap_user",
       .text = "three maps are unmapped that only an in-kernel user has pinned: no page is pinned") = {
	.access = true,
	.call = unmap_all,
};
GM_ROW(sweep, detaches, .name = "fail.iommu.detach",
       .text = "the last device is detached: exactly the pages of the in-kernel user stay pinned") = {
	.device = true,
	.access = true,
	.call = detach,
	.from = PIN_FROM,
	.to = PIN_TO,
};
GM_ROW(sweep, detaches_runs, .name = "fail.iommu.detach_runs",
       .text = "the last device is detached from two runs of contiguous pages, and an in-kernel user has pinned two pages: exactly those stay pinned") = {
	.device = true,
	.access = true,
	.runs = true,
	.pin_from = 2,
	.pin_to = 4,
	.call = detach,
	.from = 2,
	.to = 4,
};
GM_ROW(sweep, tracks, .name = "fail.iommu.track",
       .text = "dirty tracking of a page table is switched on: maps and pins are unchanged") = {
	.device = true,
	.table = true,
	.call = track,
	.to = COUNT,
};
