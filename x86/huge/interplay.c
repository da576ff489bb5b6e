// SPDX-License-Identifier: GPL-2.0-only
/* Conversions between other changes of memory: each unmaps exactly what it must: huge.interplay. */
#include <linux/falloc.h>
#include <fcntl.h>

#include "huge.h"

GM_FILE(.clause = "huge.interplay", .providers = GM_PROVIDERS(ATTRIBUTES), .needs = HUGE_NEEDS)

GM_CASE(slot_recreate, .name = "huge.interplay.slot_recreate",
	.text = "deleting and creating one slot does not unmap the other; attributes stay",
	.huge_1g = 2)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = 2 * GM_1G, .no_slot = true);

	huge_slot(r, GM_SLOT, huge_gpa(0, 0), GM_1G, 0, 0);
	huge_slot(r, GM_SLOT + 1, huge_gpa(1, 0), GM_1G, GM_1G, GM_1G);
	huge_touch_all(r);
	huge_convert(r, huge_gpa(1, 777), 1, true);
	huge_write(r, huge_gpa(1, 776), 3);
	for (int i = 0; i < 3; i++) {
		huge_slot(r, GM_SLOT + 1, huge_gpa(1, 0), 0, 0, 0);
		huge_expect(r, "one slot deleted: the other keeps its mapping");
		huge_touch(r, huge_gpa(0, 0), GM_1G, GM_2M);
		huge_expect(r, "the other slot touched: no fault");
		huge_slot(r, GM_SLOT + 1, huge_gpa(1, 0), GM_1G, GM_1G, GM_1G);
		huge_expect(r, "the slot created again");
		huge_check_around(r, huge_gpa(1, 777), 3, "the slot created again");
		huge_touch_all(r);
		huge_expect(r, "the slot created again and touched");
	}
	huge_convert(r, huge_gpa(1, 777), 1, false);
	huge_touch_all(r);
	huge_expect(r, "all shared");
	huge_check_sparse(r, "at the end");
	huge_vm_free(r);
}

/* A hole unmaps the pages of its range in either state, and no others. */
GM_CASE(punch, .name = "huge.interplay.punch",
	.text = "a hole in the guest_memfd removes exactly the mappings over it, at any file offset",
	.huge_1g = 3)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = 3 * GM_1G, .no_slot = true);
	static const uint64_t hole[] = { 0, 1, 511, HUGE_PAGES_IN_1G - 1 };

	/* The file's middle GiB is the region's first, its last the second, its first the third. */
	for (int i = 0; i < 3; i++)
		huge_slot(r, GM_SLOT + i, huge_gpa(i, 0), GM_1G, i * GM_1G, (i + 1) % 3 * GM_1G);
	for (unsigned int i = 0; i < ARRAY_SIZE(hole); i++) {
		uint64_t gib = i % 3, at = huge_gpa(gib, hole[i]);

		huge_touch_all(r);
		huge_expect(r, "all touched");
		huge_punch(r, at, 1, (gib + 1) % 3 * GM_1G + hole[i] * GM_PAGE_SIZE);
		huge_expect(r, "a hole over %s", huge_page_name(r, at));
		huge_check_around(r, at, 1, "shared memory is unchanged");
		huge_expect(r, "a hole, read around it");
	}
	/* A hole in split memory removes the small mappings over it. */
	huge_convert(r, huge_gpa(1, 512 * 9), 8, true);
	huge_write(r, huge_gpa(1, 512 * 9), 512);
	huge_touch_all(r);
	huge_expect(r, "some private");
	huge_punch(r, huge_gpa(1, 512 * 9 + 3), 7, 2 * GM_1G + (512 * 9 + 3) * GM_PAGE_SIZE);
	huge_expect(r, "a hole over private and shared pages");
	huge_check(r, huge_gpa(1, 512 * 9), 512, "a hole over private and shared pages");
	huge_expect(r, "a hole over private and shared pages, all read");
	huge_vm_free(r);
}

/* The host replaces one huge page: the others stay mapped. */
GM_CASE(host_punch, .name = "huge.interplay.host_punch",
	.text = "a hole in the hugetlb file unmaps that GiB; the next touch maps the new page huge",
	.huge_1g = 3, .flags = GM_FULL_ONLY)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = 3 * GM_1G);

	huge_touch_all(r);
	huge_convert(r, huge_gpa(2, 40), 1, true);
	huge_write(r, huge_gpa(2, 39), 3);
	huge_expect(r, "one private page in the last GiB");
	for (uint64_t gib = 1; gib < 3; gib++) {
		GM_SETUP_OK(fallocate(r->w->mem->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				      gib * GM_1G, GM_1G));
		gm_shape_zap(r->shape, huge_gpa(gib, 0), GM_1G);
		gm_model_dropped(r->w->model, GFN(huge_gpa(gib, 0)), HUGE_PAGES_IN_1G);
		huge_expect(r, "GiB %lu punched", gib);
		huge_check_around(r, huge_gpa(gib, 40), 2, "a new page of the pool");
		huge_expect(r, "GiB %lu read again", gib);
	}
	huge_touch_all(r);
	huge_expect(r, "all touched again");
	huge_check_sparse(r, "at the end");
	huge_vm_free(r);
}

/* The host splits one of its huge pages: only the guest's mapping of it follows. */
GM_CASE(thp_split, .name = "huge.interplay.thp_split",
	.text = "the host splits a transparent huge page and collapses it; the others stay",
	.needs = GM_NEEDS(THP))
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_THP, .size = 8 * GM_2M);
	uint64_t block = r->base + 3 * GM_2M;
	uint8_t *hva = gm_hva(r->w->vm, block);

	huge_write(r, r->base, 8 * 512);
	huge_expect(r, "all written");
	/* So that only this case collapses pages. */
	GM_SETUP_OK(madvise(r->w->mem->hva, r->w->mem->size, MADV_NOHUGEPAGE));
	GM_SETUP_OK(mprotect(hva + 100 * GM_PAGE_SIZE, GM_PAGE_SIZE, PROT_READ));
	GM_SETUP_OK(mprotect(hva + 100 * GM_PAGE_SIZE, GM_PAGE_SIZE, PROT_READ | PROT_WRITE));
	gm_shape_zap(r->shape, block, GM_2M);
	gm_shape_host(r->shape, block, GM_2M, GM_SIZE_4K);
	huge_expect(r, "one huge page of the host split");
	huge_write(r, r->base, 8 * 512);
	huge_expect(r, "one huge page of the host split, all written");
	huge_convert(r, block + GM_2M, 1, true);
	huge_check(r, block - GM_2M, 4 * 512, "a conversion beside it");
	huge_convert(r, block + GM_2M, 1, false);
	GM_SETUP_OK(madvise(r->w->mem->hva, r->w->mem->size, MADV_HUGEPAGE));
	if (madvise(hva, GM_2M, MADV_COLLAPSE))
		gm_skip("MADV_COLLAPSE found no huge page", "free memory: %s",
			gm_errno_name(errno));
	gm_shape_zap(r->shape, block, GM_2M);
	gm_shape_host(r->shape, block, GM_2M, GM_SIZE_2M);
	huge_expect(r, "collapsed");
	huge_check(r, r->base, 8 * 512, "collapsed");
	huge_expect(r, "collapsed, all read");
	GM_EXPECT(r->shape->now.pages[GM_SIZE_2M] == 8, "the model has %ld of 2M",
		  r->shape->now.pages[GM_SIZE_2M]);
	huge_vm_free(r);
}

/* Prefaults [gpa, gpa + len), and expects the mappings of the model. */
static void prefault(struct huge_vm *r, uint64_t gpa, uint64_t len)
{
	uint64_t at = gpa, left = len;
	int64_t fixed = r->shape->now.fixed;
	int ret, tries = 0;

	do {
		ret = gm_prefault(r->w->vm, 0, &at, &left, 0);
	} while (ret && (errno == EINTR || errno == EAGAIN) && ++tries < 1000);
	GM_EXPECT(!ret && left == 0 && at == gpa + len,
		  "prefault of %#lx+%#lx: %d (%s), left %#lx+%#lx", gpa, len, ret,
		  ret ? gm_errno_name(errno) : "", at, left);
	for (uint64_t g = gpa; g < gpa + len;) {
		uint64_t size = gm_size_bytes(gm_shape_touch(r->shape, g));

		g = (g & ~(size - 1)) + size;
	}
	/* A prefault is not counted as a guest fault. */
	r->shape->now.fixed = fixed;
	huge_expect(r, "prefault of %#lx+%#lx", gpa, len);
}

GM_CASE(prefault_huge, .name = "huge.interplay.prefault",
	.text = "a prefault maps as large as a touch, around private pages, and the guest does not fault",
	.needs = GM_NEEDS(PREFAULT), .huge_1g = 2)
{
	struct huge_vm *r = HUGE_VM(.kind = GM_MEM_HUGE_1G, .size = 2 * GM_1G);
	uint64_t at = huge_gpa(1, 512 * 30 + 511);
	int64_t fixed = 0;

	prefault(r, huge_gpa(0, 70000), GM_PAGE_SIZE);
	huge_convert(r, at, 1, true);
	prefault(r, r->base, 2 * GM_1G);
	huge_touch_all(r);
	huge_check_around(r, at, 3, "prefaulted");
	huge_expect(r, "all touched after the prefault");
	GM_EXPECT_EQ(r->shape->now.fixed, fixed,
		     "the model's faults after a prefault of everything");
	huge_convert(r, at, 1, false);
	prefault(r, at, GM_PAGE_SIZE);
	huge_touch_all(r);
	huge_expect(r, "converted back and prefaulted");
	huge_vm_free(r);
}
