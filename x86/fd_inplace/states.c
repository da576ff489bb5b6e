// SPDX-License-Identifier: GPL-2.0-only
/*
 * Only conversions change the state of a page; holes, allocations, slots, closes and mappings do
 * not.
 */
#include <sys/wait.h>

#include "fd_inplace.h"

GM_FILE(.providers = GM_PROVIDERS(INPLACE))

#define NPAGES (GM_2M / PG)

/* A page of either state, parts of runs, the whole file. */
static const struct {
	uint64_t first, n;
} range[] = { { 8, 1 }, { 11, 1 }, { 20, 30 }, { 60, 9 }, { 100, 200 }, { 511, 1 }, { 0, NPAGES } };

struct hole {
	bool by_fallocate; /* else by madvise(advice) */
	int advice;
};

GM_CASES(holes, struct hole, v)
{
	struct gm_fixture *w = inplace_mixed(2);
	uint64_t first = GFN(w->gpa);

	inplace_expect_all(w, "before");
	for (unsigned int i = 0; i < ARRAY_SIZE(range); i++) {
		if (v->by_fallocate)
			gm_gmem_punch(w->gmem, range[i].first * PG, range[i].n * PG);
		else
			GM_EXPECT_OK(
				madvise(w->hva + range[i].first * PG, range[i].n * PG, v->advice));
		if (v->advice != MADV_DONTNEED)
			gm_model_punched(w->model, first + range[i].first, range[i].n);
		inplace_expect_all(w, "after the call");
		gm_fixture_fill(w, 0, first + range[i].first, range[i].n);
	}
	inplace_expect_all(w, "at the end");
	gm_fixture_check_all(w, 1, "at the end");
	gm_fixture_free(w);
}

GM_ROW(holes, holes_fallocate, .name = "fd.punch_exact.states_fallocate",
       .clause = "fd.punch_exact",
       .text = "holes over private and shared pages: all zero, and each keeps its state") = {
	.by_fallocate = true,
};
GM_ROW(holes, holes_madv_remove, .name = "fd.punch_exact.states_madv_remove",
       .clause = "fd.punch_exact",
       .text = "MADV_REMOVE over both: all zero, and each keeps its state") = {
	.advice = MADV_REMOVE,
};
GM_ROW(holes, holes_madv_dontneed, .name = "fd.punch_exact.states_madv_dontneed",
       .clause = "fd.punch_exact",
       .text = "MADV_DONTNEED over both succeeds; content and state stay") = {
	.advice = MADV_DONTNEED,
};

GM_CASE(allocated, .name = "fd.fallocate_args.allocate_keeps_state", .clause = "fd.fallocate_args",
	.text = "allocation over private and shared pages, existing and missing: content and state stay")
{
	struct gm_fixture *w = inplace_mixed(1);
	uint64_t first = GFN(w->gpa);

	for (uint64_t p = 0; p < NPAGES; p += 5)
		gm_fixture_punch(w, first + p, 1 + p % 2);
	for (unsigned int i = 0; i < ARRAY_SIZE(range); i++) {
		gm_gmem_allocate(w->gmem, range[i].first * PG, range[i].n * PG);
		inplace_expect_states(w, "after the allocation");
	}
	inplace_expect_all(w, "after all allocations");
	gm_fixture_check_all(w, 0, "after all allocations");
	gm_fixture_free(w);
}

GM_CASE(close_mixed, .name = "fd.last_close.mixed", .clause = "fd.last_close",
	.text = "after the last close accesses to private and shared pages fault, with flags 0")
{
	struct gm_fixture *w = inplace_mixed(2);

	gm_fixture_unmap(w);
	gm_fixture_fill(w, 0, GFN(w->gpa), NPAGES);
	gm_fixture_check_guest(w, 1, GFN(w->gpa), NPAGES, 8, "after munmap");
	gm_fixture_close(w);
	for (uint64_t p = 0; p < NPAGES; p += p < 70 ? 1 : 13)
		gm_guest_expect_fault(w->vm, p % 2, w->gpa + p * PG, p & 2, 0, PG,
				      gm_model_private(w->model, GFN(w->gpa) + p) ? "private"
										  : "shared");
	gm_fixture_free(w);
}

static void expect_mmio(struct gm_fixture *w, unsigned int v, uint64_t page)
{
	struct gm_op op = { .code = page & 4 ? GM_OP_WRITE : GM_OP_READ,
			    .addr = w->gpa + page * PG,
			    .val = 1 };
	struct gm_exit ex;

	GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(op.addr), .off = GM_AT(page * PG)),
		     !__gm_run(w->vm, v, &op, 1, &ex, NULL) && !ex.ret &&
			     ex.reason == KVM_EXIT_MMIO,
		     "page %lu, the slot deleted: expected KVM_EXIT_MMIO, observed %s", page,
		     gm_exit_str(&ex));
}

GM_CASE(delete_mixed, .name = "fd.slot_flags.delete_mixed", .clause = "fd.slot_flags",
	.text = "a slot is deleted and created again: states and content stay; without it accesses are MMIO, also to private pages")
{
	struct gm_fixture *w = inplace_mixed(2);

	for (int round = 0; round < 3; round++) {
		gm_slot_delete(w->vm, GM_SLOT);
		inplace_expect_states(w, "the slot deleted");
		/* The next slot must see conversions made without a slot. */
		if (round == 1) {
			gm_gmem_convert(w->gmem, 3 * PG, 50 * PG, true);
			gm_model_convert(w->model, GFN(w->gpa) + 3, 50, true);
			inplace_expect_states(w, "converted without a slot");
		}
		gm_fixture_slot(w, GM_SLOT, w->gpa, w->size, 0);
		inplace_expect_all(w, "the slot created again");
	}
	gm_fixture_check_all(w, 1, "at the end");
	/* Last, since KVM caches that a gfn has no slot: see conv.before_slot. */
	for (uint64_t p = 3; p < 53; p += 2)
		gm_fixture_convert(w, GFN(w->gpa) + p, 1, true);
	gm_slot_delete(w->vm, GM_SLOT);
	for (uint64_t p = 0; p < 24; p++)
		expect_mmio(w, p % 2, p);
	inplace_expect_states(w, "after guest accesses without a slot");
	gm_fixture_free(w);
}

#define SLOTS 4
#define SLOT_PAGES 16UL
#define FILE_PAGES (SLOTS * SLOT_PAGES)

/* Slot i has file pages [16 i, 16 i + 16); the last slot has the lowest gpa. */
static uint64_t gpa_of(uint64_t page)
{
	return GM_BASE + (SLOTS - 1 - page / SLOT_PAGES) * GM_2M + (2 + page % SLOT_PAGES) * PG;
}

GM_CASE(by_offset, .name = "fd.bind_overlap.states", .clause = "fd.bind_overlap",
	.text = "four slots of one file, in reverse order in the guest: conversions by gpa and by file convert the right pages")
{
	struct gm_fixture *w =
		GM_FIXTURE(.size = SLOTS * GM_2M, .file_size = FILE_PAGES * PG, .no_slot = true);
	bool is_private[FILE_PAGES] = { false };

	for (unsigned int i = 0; i < SLOTS; i++)
		gm_fixture_slot(w, GM_SLOT + i, gpa_of(i * SLOT_PAGES), SLOT_PAGES * PG,
				i * SLOT_PAGES * PG);
	for (uint64_t p = 0; p < FILE_PAGES; p++)
		gm_fixture_fill(w, 0, GFN(gpa_of(p)), 1);
	for (unsigned int i = 0; i < 40; i++) {
		uint64_t p = i * 37 % FILE_PAGES, n = 1 + i % 5;
		bool to_private = i % 3;

		/* By gpa in one slot, or by file over two slots. */
		if (i % 2 && p % SLOT_PAGES + n <= SLOT_PAGES)
			gm_convert(w->vm, gpa_of(p), n * PG, to_private);
		else if (p + n <= FILE_PAGES)
			gm_gmem_convert(w->gmem, p * PG, n * PG, to_private);
		else
			continue;
		for (uint64_t k = p; k < p + n; k++) {
			is_private[k] = to_private;
			gm_model_convert(w->model, GFN(gpa_of(k)), 1, to_private);
		}
		for (uint64_t k = 0; k < FILE_PAGES; k++)
			inplace_expect_page(w->hva, k, is_private[k], "after a conversion");
		for (uint64_t k = p; k < p + n; k++)
			gm_fixture_check_guest(w, 0, GFN(gpa_of(k)), 1, 1, "converted");
	}
	for (uint64_t p = 0; p < FILE_PAGES; p++) {
		gm_fixture_check_guest(w, 0, GFN(gpa_of(p)), 1, 1, "at the end");
		gm_fixture_check_host(w, GFN(gpa_of(p)), 1, 1, "the host at the end");
	}
	gm_fixture_free(w);
}

static void check_mapping(struct gm_fixture *w, uint8_t *map, const char *when)
{
	for (uint64_t p = 0; p < NPAGES; p += p < 64 ? 1 : 7)
		inplace_expect_page(map, p, gm_model_private(w->model, GFN(w->gpa) + p), when);
}

/* Every mapping reaches the shared pages and no private one, whenever it was made. */
GM_CASE(mappings, .name = "fd.mmap_modes.mixed", .clause = "fd.mmap_modes",
	.text = "mappings made before and after the conversions, populated, moved, in a child: shared pages only")
{
	struct gm_fixture *w = inplace_mixed(1);
	uint8_t *populated = mmap(NULL, w->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
				  w->gmem, 0),
		*late = mmap(NULL, w->size, PROT_READ | PROT_WRITE, MAP_SHARED, w->gmem, 0), *moved;
	int status;
	pid_t pid;

	GM_SETUP(late != MAP_FAILED, "mmap: %s", gm_errno_name(errno));
	GM_ASSERT(populated != MAP_FAILED, "a populated mapping: %s", gm_errno_name(errno));
	check_mapping(w, w->hva, "the first mapping");
	check_mapping(w, populated, "a populated mapping");
	check_mapping(w, late, "a mapping made later");
	moved = mremap(late, w->size, w->size, MREMAP_MAYMOVE | MREMAP_FIXED, populated);
	GM_ASSERT(moved == populated, "mremap: %s", gm_errno_name(errno));
	check_mapping(w, moved, "a moved mapping");
	pid = GM_SETUP_OK(fork());
	if (!pid) {
		check_mapping(w, w->hva, "a child's mapping");
		_exit(gm_failures() != 0);
	}
	GM_SETUP_OK(waitpid(pid, &status, 0));
	GM_EXPECT(!status, "the child's mapping has wrong pages (status %#x)", status);
	gm_fixture_convert(w, GFN(w->gpa), NPAGES, true);
	check_mapping(w, w->hva, "all private");
	check_mapping(w, moved, "all private");
	gm_fixture_convert(w, GFN(w->gpa), NPAGES, false);
	check_mapping(w, moved, "all shared");
	gm_fixture_check_host(w, GFN(w->gpa), NPAGES, 8, "all shared");
	munmap(moved, w->size);
	gm_fixture_free(w);
}
