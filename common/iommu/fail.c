// SPDX-License-Identifier: GPL-2.0-only
/* Every allocation and every step of iommufd fails once: nothing is left behind, ever. */
#include "fail_nth.h"
#include "dma_memory.h"

#define PG GM_PAGE_SIZE

/*
 * Does `op` with the first, second, ... step failing until none is left to fail; after each
 * failure `undone` looks at what there is. The bound is far above what an operation needs.
 */
static void sweep(struct dma_memory *m, int (*op)(struct dma_memory *m),
		  void (*undone)(struct dma_memory *m, unsigned int n),
		  void (*undo)(struct dma_memory *m))
{
	unsigned int failed = 0, n;

	for (n = 1; n < 2000; n++) {
		int ret;

		gm_fail_nth(n);
		ret = op(m);
		if (!gm_fail_nth_reached()) {
			GM_EXPECT(!ret, "step %u does not exist, and the call fails: %s", n,
				  gm_errno_name(errno));
			break;
		}
		if (ret) {
			failed++;
			undone(m, n);
		} else {
			undo(m);
		}
		if (gm_failures())
			break;
	}
	gm_note("%u steps, %u of them make the call fail", n - 1, failed);
	GM_EXPECT(n < 2000, "the sweep does not end");
	GM_SETUP(failed > 2, "fail-nth made nothing fail: CONFIG_FAULT_INJECTION, CONFIG_FAILSLAB");
}

static void nothing_pinned(struct dma_memory *m, unsigned int n)
{
	GM_EXPECT(!__gm_mock_refs(m->iommu, m->hva, m->size, 0),
		  "step %u failed: pages stay pinned", n);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "step %u failed: VmPin, pages", n);
	if (m->dev)
		GM_EXPECT(__gm_mock_maps(m->iommu, m->dev->hwpt, IOVA, m->hva, PG) &&
				  __gm_mock_maps(m->iommu, m->dev->hwpt, IOVA + m->size - PG,
						 m->hva + m->size - PG, PG),
			  "step %u failed: pages stay mapped", n);
}

static int do_map(struct dma_memory *m)
{
	uint64_t at = IOVA;

	return __gm_map_file(m->iommu, m->ioas, m->fd, 0, m->size, &at, GM_RW);
}

static void undo_map(struct dma_memory *m)
{
	gm_unmap(m->iommu, m->ioas, IOVA, m->size);
}

#define FAILS FAILS_OF("iommu.lifetime")
#define FAILS_OF(id)                                                                               \
	.needs = GM_IOMMU_NEEDS_MOCK | 1ULL << GM_NEED_FAIL_NTH | 1ULL << GM_NEED_DEBUGFS,         \
	.caps = GM_CAPS_ALL, .tokens = GM_TOKEN_IOMMU | GM_TOKEN_MODULE, .profile = "IO",          \
	.clause = id, .timeout = 120

GM_CASE(map, .name = "iommu.lifetime.fail_map", FAILS,
	.text = "MAP_FILE into three page tables, each step failing once: no pin, no entry, the IOVA free")
{
	struct dma_memory m = dma_memory_new(self->val, 24 * PG, 0);

	gm_fail_nth_open();
	gm_hwpt_new(m.dev, m.ioas, 0);
	gm_hwpt_new(m.dev, m.ioas, 0);
	gm_mock_memory_limit(m.iommu, 48);
	sweep(&m, do_map, nothing_pinned, undo_map);
	dma_memory_mapped(&m, 0, m.size, IOVA);
	gm_unmap(m.iommu, m.ioas, IOVA, m.size);
	nothing_pinned(&m, 0);
	dma_memory_free(&m);
}

static int do_attach(struct dma_memory *m)
{
	m->dev = __gm_iodev_new(m->iommu, m->ioas);
	return m->dev ? 0 : -1;
}

/* All 24 pages, by maps that meet at odd places. */
static void map_three(struct dma_memory *m)
{
	static const uint64_t from[] = { 0, 9, 17, 24 };

	for (int i = 0; i < 3; i++)
		gm_map_file(m->iommu, m->ioas, m->fd, from[i] * PG, (from[i + 1] - from[i]) * PG,
			    IOVA + from[i] * PG, GM_RW);
}

static void undo_attach(struct dma_memory *m)
{
	gm_iodev_free(m->dev);
	m->dev = NULL;
}

/*
 * Told to work with 48 bytes, iommufd pins six folios at a time and maps four runs at a time. What
 * waits between the two hangs on how the pages lie: in one run nothing does, apart from each other
 * two of six do. It is not left to chance, see iommu.map_file_undone.
 */
static void attach(const struct gm_case *self, bool apart)
{
	struct dma_memory m = dma_memory_new_unattached(self->val, apart ? 24 * PG : GM_2M, 0);
	uint64_t size = m.size;

	gm_fail_nth_open();
	if (apart)
		dma_memory_scattered(&m);
	else
		dma_memory_contiguous(&m, 0);
	m.size = 24 * PG;
	map_three(&m);
	gm_mock_memory_limit(m.iommu, 48);
	sweep(&m, do_attach, nothing_pinned, undo_attach);
	if (!gm_failures()) {
		dma_memory_mapped(&m, 0, m.size, IOVA);
		GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva, m.size, 1), "not one pin a page");
	}
	m.size = size;
	dma_memory_free(&m);
}

#define ATTACH                                                                                     \
	.text = "attach to a space of three maps, each step failing once: no pin, and the next attach works"
GM_CASE(attach_run, .name = "iommu.lifetime.fail_attach", FAILS, ATTACH)
{
	attach(self, false);
}

GM_CASE(attach_apart, .name = "iommu.lifetime.fail_attach_apart", FAILS, ATTACH)
{
	attach(self, true);
}

static int user;

static int do_pin(struct dma_memory *m)
{
	int item = __gm_access_pin(m->iommu, user, IOVA + PG, 20 * PG, NULL, true);

	if (item >= 0)
		GM_SETUP_OK(__gm_access_unpin(m->iommu, user, item));
	return item < 0 ? -1 : 0;
}

static void undo_nothing(struct dma_memory *m) {}

GM_CASE(pin, .name = "iommu.lifetime.fail_pin", FAILS,
	.text = "an in-kernel user pins across three maps, each step failing once: no pin is left")
{
	struct dma_memory m = dma_memory_new_unattached(self->val, 24 * PG, 0);

	gm_fail_nth_open();
	map_three(&m);
	user = gm_access_new(m.iommu, m.ioas, true);
	sweep(&m, do_pin, nothing_pinned, undo_nothing);
	close(user);
	dma_memory_free(&m);
}

static void as_before(struct dma_memory *m, unsigned int n)
{
	GM_EXPECT(!__gm_mock_refs(m->iommu, m->hva, m->size, 1),
		  "step %u failed: not one pin a page", n);
	GM_EXPECT_EQ(gm_vm_pinned(), m->size / PG, "step %u failed: VmPin, pages", n);
	dma_memory_mapped(m, 0, m->size, IOVA);
}

static int do_copy(struct dma_memory *m)
{
	uint64_t at = IOVA + 0x100000;

	return __gm_ioas_copy(m->iommu, m->ioas, m->ioas, IOVA + PG, 22 * PG, &at, GM_RW);
}

static void undo_copy(struct dma_memory *m)
{
	gm_unmap(m->iommu, m->ioas, IOVA + 0x100000, 22 * PG);
}

GM_CASE(copy, .name = "iommu.lifetime.fail_copy", FAILS,
	.text = "IOAS_COPY over two maps, each step failing once: the originals as before, the IOVA free")
{
	struct dma_memory m = dma_memory_new(self->val, 24 * PG, 0);

	gm_fail_nth_open();
	gm_map_file(m.iommu, m.ioas, m.fd, 0, 11 * PG, IOVA, GM_RW);
	gm_map_file(m.iommu, m.ioas, m.fd, 11 * PG, 13 * PG, IOVA + 11 * PG, GM_RW);
	gm_mock_memory_limit(m.iommu, 48);
	sweep(&m, do_copy, as_before, undo_copy);
	as_before(&m, 0);
	dma_memory_free(&m);
}

/*
 * Over the border of two of the IOMMU's tables (none is larger than 2 MiB here): the second table
 * can fail when the first has entries. With large pages off each page is an entry of its own.
 */
#define BORDER (IOVA + GM_2M)

static uint64_t start; /* of the map: some pages before BORDER */

static int do_map_border(struct dma_memory *m)
{
	uint64_t at = start;

	return __gm_map_file(m->iommu, m->ioas, m->fd, 0, m->size, &at, GM_RW);
}

static int do_map_border_hva(struct dma_memory *m)
{
	uint64_t at = start;

	return __gm_map_hva(m->iommu, m->ioas, m->hva, m->size, &at, GM_RW);
}

static void border_empty(struct dma_memory *m, unsigned int n)
{
	GM_EXPECT(!__gm_mock_refs(m->iommu, m->hva, m->size, 0),
		  "step %u failed: pages stay pinned", n);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "step %u failed: VmPin, pages", n);
	for (uint64_t off = 0; off < m->size; off += PG)
		GM_EXPECT(__gm_mock_maps(m->iommu, m->dev->hwpt, start + off, m->hva + off, PG),
			  "step %u failed: page %lu stays mapped", n, off / PG);
}

static void undo_map_border(struct dma_memory *m)
{
	gm_unmap(m->iommu, m->ioas, start, m->size);
	/* The next step is to find the tables missing: they go with the page table. */
	gm_iodev_free(m->dev);
	m->dev = gm_iodev_new(m->iommu, m->ioas);
}

/* What failed leaves its tables; they would be there for the next step. */
static void border_fresh(struct dma_memory *m, unsigned int n)
{
	border_empty(m, n);
	gm_iodev_free(m->dev);
	m->dev = gm_iodev_new(m->iommu, m->ioas);
}

/*
 * How the pages lie: in one run, in one run but mapped one by one, each apart from the next. REST:
 * apart, and six are pinned but four mapped at a time, so that two are neither in a table nor on
 * their way there when the second table fails. ODD: nine pages, and that table fails when the last
 * of them waits, pinned with two others in the array of six: what still lies there from the first
 * six must not be given back a second time, and 7.3.4 does (pages.c, pfn_reader_release_pins()
 * unpins by what the array can hold).
 */
enum { RUN, RUN_SMALL, APART, REST, REST_HVA, ODD, ODD_HVA };

static void border(const struct gm_case *self)
{
	bool apart = self->val >= APART, rest = self->val >= REST, odd = self->val >= ODD;
	bool hva = self->val == REST_HVA || self->val == ODD_HVA;
	uint64_t pages = odd ? 9 : rest ? 12 : 16, size = apart ? pages * PG : GM_2M;
	struct dma_memory m = { .size = size };
	struct iommu_option off = { .size = sizeof(off),
				    .option_id = IOMMU_OPTION_HUGE_PAGES,
				    .op = IOMMU_OPTION_OP_SET };

	start = BORDER - (odd ? 5 : rest ? 2 : 8) * PG;
	m.iommu = gm_iommu_new(GM_IOMMU_MOCK);
	m.ioas = gm_ioas_new(m.iommu);
	m.fd = gm_memfd_new(m.size, apart ? 0 : GM_2M);
	m.hva = dma_memory_mmap(m.fd, m.size, GM_2M);
	if (apart)
		dma_memory_scattered(&m);
	else
		m.hva[0] = 1;
	gm_fail_nth_open();
	off.object_id = m.ioas;
	if (self->val == RUN_SMALL)
		GM_SETUP_OK(ioctl(m.iommu->fd, IOMMU_OPTION, &off));
	m.dev = gm_iodev_new(m.iommu, m.ioas);
	if (rest)
		gm_mock_memory_limit(m.iommu, 48);
	m.size = pages * PG;
	sweep(&m, hva ? do_map_border_hva : do_map_border, border_fresh, undo_map_border);
	if (!gm_failures())
		gm_unmap(m.iommu, m.ioas, start, m.size);
	m.size = size;
	dma_memory_free(&m);
}

#define BORDERS                                                                                    \
	.text = "pages over two tables of the IOMMU, each step failing once: no entry is left"
GM_VARIANT(border, border_run, .name = "iommu.lifetime.fail_border", .val = RUN, .huge_2m = 1,
	   FAILS, BORDERS)
GM_VARIANT(border, border_small, .name = "iommu.lifetime.fail_border_small", .val = RUN_SMALL,
	   .huge_2m = 1, FAILS, BORDERS)
GM_VARIANT(border, border_apart, .name = "iommu.lifetime.fail_border_apart", .val = APART, FAILS,
	   BORDERS)
GM_VARIANT(border, border_rest, .name = "iommu.lifetime.fail_border_rest", .val = REST, FAILS,
	   BORDERS)
GM_VARIANT(border, border_rest_hva, .name = "iommu.lifetime.fail_border_rest_hva", .val = REST_HVA,
	   FAILS, BORDERS)
GM_VARIANT(border, border_odd_hva, .name = "iommu.lifetime.fail_border_odd_hva", .val = ODD_HVA,
	   FAILS, BORDERS)
/* A clause of its own: 7.3.4 does not hold it, and the others are to pass there. */
GM_VARIANT(border, border_odd, .name = "iommu.map_file_undone.odd",
	   FAILS_OF("iommu.map_file_undone"), .val = ODD, .flags = GM_FULL_ONLY,
	   .text = "nine pages over two tables, each step failing once: no pin is given back twice")

static uint32_t made; /* the page table that the sweep makes */

static int do_table(struct dma_memory *m)
{
	struct iommu_hwpt_alloc arg = { .size = sizeof(arg),
					.dev_id = m->dev->idev,
					.pt_id = m->ioas };

	if (ioctl(m->iommu->fd, IOMMU_HWPT_ALLOC, &arg))
		return -1;
	made = arg.out_hwpt_id;
	return 0;
}

static void undo_table(struct dma_memory *m)
{
	gm_iommu_destroy(m->iommu, made);
}

GM_CASE(table, .name = "iommu.lifetime.fail_table", FAILS,
	.text = "a second page table is filled with three maps, each step failing once: the first is as before")
{
	struct dma_memory m = dma_memory_new(self->val, 24 * PG, 0);

	gm_fail_nth_open();
	map_three(&m);
	gm_mock_memory_limit(m.iommu, 48);
	sweep(&m, do_table, as_before, undo_table);
	GM_EXPECT(!__gm_mock_maps(m.iommu, made, IOVA, m.hva, m.size),
		  "the second table does not hold what the first one holds");
	as_before(&m, 0);
	gm_unmap(m.iommu, m.ioas, IOVA + 9 * PG, 8 * PG);
	GM_EXPECT(!__gm_mock_refs(m.iommu, m.hva + 9 * PG, 8 * PG, 0), "unmapped, and pins stay");
	dma_memory_free(&m);
}
