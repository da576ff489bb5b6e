// SPDX-License-Identifier: GPL-2.0-only
/* Every allocation and every step of iommufd fails once: nothing is left behind, ever. */
#include "fail_nth.h"
#include "fx.h"

#define PG GM_PAGE_SIZE

/*
 * Does `op` with the first, second, ... step failing until none is left to fail; after each
 * failure `undone` looks at what there is. The bound is far above what an operation needs.
 */
static void sweep(struct fx *fx, int (*op)(struct fx *fx),
		  void (*undone)(struct fx *fx, unsigned int n), void (*undo)(struct fx *fx))
{
	unsigned int failed = 0, n;

	for (n = 1; n < 2000; n++) {
		int ret;

		gm_fail_nth(n);
		ret = op(fx);
		if (!gm_fail_nth_reached()) {
			GM_EXPECT(!ret, "step %u does not exist, and the call fails: %s", n,
				  gm_errno_name(errno));
			break;
		}
		if (ret) {
			failed++;
			undone(fx, n);
		} else {
			undo(fx);
		}
		if (gm_failures())
			break;
	}
	gm_note("%u steps, %u of them make the call fail", n - 1, failed);
	GM_EXPECT(n < 2000, "the sweep does not end");
	GM_SETUP(failed > 2, "fail-nth made nothing fail: CONFIG_FAULT_INJECTION, CONFIG_FAILSLAB");
}

static void nothing_pinned(struct fx *fx, unsigned int n)
{
	GM_EXPECT(!__gm_mock_refs(fx->iommu, fx->hva, fx->size, 0),
		  "step %u failed: pages stay pinned", n);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "step %u failed: VmPin, pages", n);
	if (fx->dev)
		GM_EXPECT(__gm_mock_maps(fx->iommu, fx->dev->hwpt, IOVA, fx->hva, PG) &&
				  __gm_mock_maps(fx->iommu, fx->dev->hwpt, IOVA + fx->size - PG,
						 fx->hva + fx->size - PG, PG),
			  "step %u failed: pages stay mapped", n);
}

static int do_map(struct fx *fx)
{
	uint64_t at = IOVA;

	return __gm_map_file(fx->iommu, fx->ioas, fx->fd, 0, fx->size, &at, GM_RW);
}

static void undo_map(struct fx *fx)
{
	gm_unmap(fx->iommu, fx->ioas, IOVA, fx->size);
}

#define FAILS FAILS_OF("iommu.lifetime")
#define FAILS_OF(id)                                                                               \
	.needs = GM_IOMMU_NEEDS_MOCK | 1ULL << GM_NEED_FAIL_NTH | 1ULL << GM_NEED_DEBUGFS,         \
	.caps = GM_CAPS_ALL, .tokens = GM_TOKEN_IOMMU | GM_TOKEN_MODULE, .profile = "IO",          \
	.clause = id, .timeout = 120

GM_CASE(map, .name = "iommu.lifetime.fail_map", FAILS,
	.text = "MAP_FILE into three page tables, each step failing once: no pin, no entry, the IOVA free")
{
	struct fx fx = fx_new(self, 24 * PG, 0);

	gm_fail_nth_open();
	gm_hwpt_new(fx.dev, fx.ioas, 0);
	gm_hwpt_new(fx.dev, fx.ioas, 0);
	gm_mock_memory_limit(fx.iommu, 48);
	sweep(&fx, do_map, nothing_pinned, undo_map);
	fx_maps(&fx, 0, fx.size, IOVA);
	gm_unmap(fx.iommu, fx.ioas, IOVA, fx.size);
	nothing_pinned(&fx, 0);
	fx_free(&fx);
}

static int do_attach(struct fx *fx)
{
	fx->dev = __gm_iodev_new(fx->iommu, fx->ioas);
	return fx->dev ? 0 : -1;
}

/* All 24 pages, by maps that meet at odd places. */
static void map_three(struct fx *fx)
{
	static const uint64_t from[] = { 0, 9, 17, 24 };

	for (int i = 0; i < 3; i++)
		gm_map_file(fx->iommu, fx->ioas, fx->fd, from[i] * PG, (from[i + 1] - from[i]) * PG,
			    IOVA + from[i] * PG, GM_RW);
}

static void undo_attach(struct fx *fx)
{
	gm_iodev_free(fx->dev);
	fx->dev = NULL;
}

/*
 * Told to work with 48 bytes, iommufd pins six folios at a time and maps four runs at a time. What
 * waits between the two hangs on how the pages lie: in one run nothing does, apart from each other
 * two of six do. It is not left to chance, see iommu.map_file_undone.
 */
static void attach(const struct gm_case *self, bool apart)
{
	struct fx fx = fx_new_unattached(self, apart ? 24 * PG : GM_2M, 0);
	uint64_t size = fx.size;

	gm_fail_nth_open();
	if (apart)
		fx_apart(&fx);
	else
		fx_side_by_side(&fx, 0);
	fx.size = 24 * PG;
	map_three(&fx);
	gm_mock_memory_limit(fx.iommu, 48);
	sweep(&fx, do_attach, nothing_pinned, undo_attach);
	if (!gm_failures()) {
		fx_maps(&fx, 0, fx.size, IOVA);
		GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva, fx.size, 1), "not one pin a page");
	}
	fx.size = size;
	fx_free(&fx);
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

static int do_pin(struct fx *fx)
{
	int item = __gm_access_pin(fx->iommu, user, IOVA + PG, 20 * PG, NULL, true);

	if (item >= 0)
		GM_SETUP_OK(__gm_access_unpin(fx->iommu, user, item));
	return item < 0 ? -1 : 0;
}

static void undo_nothing(struct fx *fx) {}

GM_CASE(pin, .name = "iommu.lifetime.fail_pin", FAILS,
	.text = "an in-kernel user pins across three maps, each step failing once: no pin is left")
{
	struct fx fx = fx_new_unattached(self, 24 * PG, 0);

	gm_fail_nth_open();
	map_three(&fx);
	user = gm_access_new(fx.iommu, fx.ioas, true);
	sweep(&fx, do_pin, nothing_pinned, undo_nothing);
	close(user);
	fx_free(&fx);
}

static void as_before(struct fx *fx, unsigned int n)
{
	GM_EXPECT(!__gm_mock_refs(fx->iommu, fx->hva, fx->size, 1),
		  "step %u failed: not one pin a page", n);
	GM_EXPECT_EQ(gm_vm_pinned(), fx->size / PG, "step %u failed: VmPin, pages", n);
	fx_maps(fx, 0, fx->size, IOVA);
}

static int do_copy(struct fx *fx)
{
	uint64_t at = IOVA + 0x100000;

	return __gm_ioas_copy(fx->iommu, fx->ioas, fx->ioas, IOVA + PG, 22 * PG, &at, GM_RW);
}

static void undo_copy(struct fx *fx)
{
	gm_unmap(fx->iommu, fx->ioas, IOVA + 0x100000, 22 * PG);
}

GM_CASE(copy, .name = "iommu.lifetime.fail_copy", FAILS,
	.text = "IOAS_COPY over two maps, each step failing once: the originals as before, the IOVA free")
{
	struct fx fx = fx_new(self, 24 * PG, 0);

	gm_fail_nth_open();
	gm_map_file(fx.iommu, fx.ioas, fx.fd, 0, 11 * PG, IOVA, GM_RW);
	gm_map_file(fx.iommu, fx.ioas, fx.fd, 11 * PG, 13 * PG, IOVA + 11 * PG, GM_RW);
	gm_mock_memory_limit(fx.iommu, 48);
	sweep(&fx, do_copy, as_before, undo_copy);
	as_before(&fx, 0);
	fx_free(&fx);
}

/*
 * Over the border of two of the IOMMU's tables (none is larger than 2 MiB here): the second table
 * can fail when the first has entries. With large pages off each page is an entry of its own.
 */
#define BORDER (IOVA + GM_2M)

static uint64_t start; /* of the map: some pages before BORDER */

static int do_map_border(struct fx *fx)
{
	uint64_t at = start;

	return __gm_map_file(fx->iommu, fx->ioas, fx->fd, 0, fx->size, &at, GM_RW);
}

static int do_map_border_hva(struct fx *fx)
{
	uint64_t at = start;

	return __gm_map_hva(fx->iommu, fx->ioas, fx->hva, fx->size, &at, GM_RW);
}

static void border_empty(struct fx *fx, unsigned int n)
{
	GM_EXPECT(!__gm_mock_refs(fx->iommu, fx->hva, fx->size, 0),
		  "step %u failed: pages stay pinned", n);
	GM_EXPECT_EQ(gm_vm_pinned(), 0, "step %u failed: VmPin, pages", n);
	for (uint64_t off = 0; off < fx->size; off += PG)
		GM_EXPECT(__gm_mock_maps(fx->iommu, fx->dev->hwpt, start + off, fx->hva + off, PG),
			  "step %u failed: page %lu stays mapped", n, off / PG);
}

static void undo_map_border(struct fx *fx)
{
	gm_unmap(fx->iommu, fx->ioas, start, fx->size);
	/* The next step is to find the tables missing: they go with the page table. */
	gm_iodev_free(fx->dev);
	fx->dev = gm_iodev_new(fx->iommu, fx->ioas);
}

/* What failed leaves its tables; they would be there for the next step. */
static void border_fresh(struct fx *fx, unsigned int n)
{
	border_empty(fx, n);
	gm_iodev_free(fx->dev);
	fx->dev = gm_iodev_new(fx->iommu, fx->ioas);
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
	struct fx fx = { .size = size };
	struct iommu_option off = { .size = sizeof(off),
				    .option_id = IOMMU_OPTION_HUGE_PAGES,
				    .op = IOMMU_OPTION_OP_SET };

	start = BORDER - (odd ? 5 : rest ? 2 : 8) * PG;
	fx.iommu = gm_iommu_new(GM_IOMMU_MOCK);
	fx.ioas = gm_ioas_new(fx.iommu);
	fx.fd = gm_memfd_new(fx.size, apart ? 0 : GM_2M);
	fx.hva = fx_mmap(fx.fd, fx.size, GM_2M);
	if (apart)
		fx_apart(&fx);
	else
		fx.hva[0] = 1;
	gm_fail_nth_open();
	off.object_id = fx.ioas;
	if (self->val == RUN_SMALL)
		GM_SETUP_OK(ioctl(fx.iommu->fd, IOMMU_OPTION, &off));
	fx.dev = gm_iodev_new(fx.iommu, fx.ioas);
	if (rest)
		gm_mock_memory_limit(fx.iommu, 48);
	fx.size = pages * PG;
	sweep(&fx, hva ? do_map_border_hva : do_map_border, border_fresh, undo_map_border);
	if (!gm_failures())
		gm_unmap(fx.iommu, fx.ioas, start, fx.size);
	fx.size = size;
	fx_free(&fx);
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

static int do_table(struct fx *fx)
{
	struct iommu_hwpt_alloc arg = { .size = sizeof(arg),
					.dev_id = fx->dev->idev,
					.pt_id = fx->ioas };

	if (ioctl(fx->iommu->fd, IOMMU_HWPT_ALLOC, &arg))
		return -1;
	made = arg.out_hwpt_id;
	return 0;
}

static void undo_table(struct fx *fx)
{
	gm_iommu_destroy(fx->iommu, made);
}

GM_CASE(table, .name = "iommu.lifetime.fail_table", FAILS,
	.text = "a second page table is filled with three maps, each step failing once: the first is as before")
{
	struct fx fx = fx_new(self, 24 * PG, 0);

	gm_fail_nth_open();
	map_three(&fx);
	gm_mock_memory_limit(fx.iommu, 48);
	sweep(&fx, do_table, as_before, undo_table);
	GM_EXPECT(!__gm_mock_maps(fx.iommu, made, IOVA, fx.hva, fx.size),
		  "the second table does not hold what the first one holds");
	as_before(&fx, 0);
	gm_unmap(fx.iommu, fx.ioas, IOVA + 9 * PG, 8 * PG);
	GM_EXPECT(!__gm_mock_refs(fx.iommu, fx.hva + 9 * PG, 8 * PG, 0), "unmapped, and pins stay");
	fx_free(&fx);
}
