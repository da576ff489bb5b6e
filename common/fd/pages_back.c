// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page removed from the file is free again, however it was allocated: fd.memory_back. Pages are
 * counted over the whole system, so the case runs alone, with far more pages than other programs
 * allocate meanwhile.
 */
#include <stdio.h>

#include "fd.h"
#include "frames.h"
#include "quiet.h"

GM_FILE(.clause = "fd.memory_back")

#define NPAGES 1024UL
#define SIZE (NPAGES * PG)
#define ROUNDS 8
#define LIMIT ((long)(ROUNDS * NPAGES / 2))

/* Free pages of the system: the maximum of several reads, since frees may be deferred. */
static long free_pages(void)
{
	long most = 0;

	for (int i = 0; i < 10; i++) {
		long now = sysconf(_SC_AVPHYS_PAGES);

		if (now > most)
			most = now;
		usleep(5 * 1000);
	}
	return most;
}

enum way { READ, WRITE, READ_AGAIN, ALLOCATE };

static const char *const way_name[] = { "read by the host", "written by the host",
					"read through two mappings", "allocated" };

static void allocate_by(enum way way, int gmem, volatile uint8_t *map, volatile uint8_t *other)
{
	if (way == ALLOCATE) {
		gm_gmem_allocate(gmem, 0, SIZE);
		return;
	}
	for (uint64_t p = 0; p < NPAGES; p++) {
		if (way == WRITE)
			map[p * PG] = 1;
		else
			(void)map[p * PG];
		if (way == READ_AGAIN)
			(void)other[p * PG];
	}
}

static void allocate_and_free(struct gm_vm *vm, const struct gm_flavour *f, enum way way,
			      bool punch)
{
	int gmem = gm_flavour_gmem(vm, f, SIZE);
	uint8_t *map = fd_mmap(gmem, SIZE), *other = fd_mmap(gmem, SIZE);

	allocate_by(way, gmem, map, other);
	if (punch)
		gm_gmem_punch(gmem, 0, SIZE);
	munmap(map, SIZE);
	munmap(other, SIZE);
	close(gmem);
}

GM_CASE(pages, .name = "fd.memory_back.pages", .flavours = FD_HOST_SEES, .tokens = GM_TOKEN_ALONE,
	.text = "pages that the host touched or allocated are free after a hole or the close")
{
	const struct gm_flavour *f = self->flavour;
	struct gm_vm *vm = GM_VM_NEW(.kind = f->kind);

	for (enum way way = READ; way <= ALLOCATE; way++) {
		long lost = LIMIT;

		/* Other programs allocate memory too, but not as much in each attempt. */
		for (int attempt = 0; attempt < 5 && lost >= LIMIT; attempt++) {
			long before = free_pages();

			for (int i = 0; i < ROUNDS; i++)
				allocate_and_free(vm, self->flavour, way, i & 1);
			lost = before - free_pages();
		}
		if (lost >= LIMIT)
			gm_require_quiet(free_pages, LIMIT / 4);
		GM_EXPECT(
			lost < LIMIT,
			"%lu pages %s and freed, %d times, in each of five attempts: %ld free pages less, expected < %ld",
			NPAGES, way_name[way], ROUNDS, lost, LIMIT);
		gm_note("%s: %ld free pages less", way_name[way], lost);
	}
	gm_vm_free(vm);
}

#define GUEST_PAGES 512UL

/* Checks each frame: finds a single reference that a guest fault leaked. */
GM_CASE(guest, .name = "fd.memory_back.guest", .flavours = FD_FLAVOURS(FD_P1_TDP_BARE, FD_INPLACE),
	.caps = GM_CAPS_ALL,
	.text = "pages that the guest wrote or read first: every frame is free after a hole or the close")
{
	for (int hole = 0; hole < 2; hole++) {
		struct gm_fixture *w = FD_FIXTURE(self->flavour, GUEST_PAGES * PG);
		uint64_t pfn[GUEST_PAGES], half = GUEST_PAGES / 2;
		bool host = gm_flavour_host(&w->file);
		long marked;

		gm_fixture_fill(w, 0, FIRST, half);
		gm_guest_check_zero(w->vm, 0, GM_BASE + half * PG, half, "read first");
		/* Share the pages, so that the host can read their frames. */
		if (!host)
			gm_fixture_convert(w, FIRST, GUEST_PAGES, false);
		gm_fixture_check_host(w, FIRST, half, 1, "the guest's pages");
		for (uint64_t p = half; p < GUEST_PAGES; p++)
			(void)*(volatile uint8_t *)(w->hva + p * PG);
		if (!gm_frames_read(w->hva, GUEST_PAGES, pfn))
			gm_skip("page frames cannot be read",
				"run as root, on a kernel with CONFIG_PROC_PAGE_MONITOR=y");
		marked = gm_frames_marked(pfn, GUEST_PAGES);
		/* The last few pages may still be in per-CPU LRU batches, not marked. */
		gm_control(marked > (long)GUEST_PAGES / 2,
			   "%ld of %lu frames are marked as the file's", marked, GUEST_PAGES);
		if (!host)
			gm_fixture_convert(w, FIRST, GUEST_PAGES, true);
		if (hole)
			gm_gmem_punch(w->gmem, 0, GUEST_PAGES * PG);
		else
			fd_fixture_free(w);
		GM_EXPECT_EQ(gm_frames_marked(pfn, GUEST_PAGES), 0,
			     "frames of %lu still in use after the %s", GUEST_PAGES,
			     hole ? "hole" : "close");
		if (hole)
			fd_fixture_free(w);
	}
}
