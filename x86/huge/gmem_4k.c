// SPDX-License-Identifier: GPL-2.0-only
/* A guest_memfd has small pages only, so the guest's mappings are small, with any alignment. */
#include "huge.h"

GM_FILE(.clause = "huge.gmem_4k", .huge_2m = 2)

/* Shares the 512 pages in the middle again, so that both 2 MiB are mixed. */
static void share_middle(struct gm_fixture *w, const struct gm_page_counts *before)
{
	uint64_t first = GFN(w->gpa);

	gm_fixture_convert(w, first + 256, 512, false);
	gm_page_counts_expect(
		w->vm, before,
		&(struct gm_page_counts){ .pages = { [GM_SIZE_4K] = 1023 - 512 }, .fixed = 1023 },
		"512 pages shared again");
	gm_fixture_check_guest(w, 0, first + 256, 512, 1, "after the conversion");
	gm_page_counts_expect(
		w->vm, before,
		&(struct gm_page_counts){ .pages = { [GM_SIZE_4K] = 1023 }, .fixed = 1023 + 512 },
		"512 pages shared again, every one read");
	gm_fixture_check_guest(w, 0, first, 256, 1, "pages before them");
	gm_fixture_check_guest(w, 0, first + 768, 256, 1, "pages after them");
	gm_page_counts_expect(
		w->vm, before,
		&(struct gm_page_counts){ .pages = { [GM_SIZE_4K] = 1023 }, .fixed = 1023 + 512 },
		"other pages read: no fault");
}

static void small_only(const struct gm_case *self)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_fixture *w = GM_FIXTURE(.flavour = f, .size = 2 * GM_2M, .file_size = GM_1G,
					  .mem = GM_MEM_HUGE_2M, .guest_page = GM_1G);
	uint64_t first = GFN(w->gpa);
	struct gm_page_counts before;

	/* Allocates pages of the file, contiguous if possible. */
	gm_gmem_allocate(w->gmem, 0, GM_2M);
	if (!f)
		gm_fixture_convert(w, first, 1024, true);
	gm_fixture_fill(w, 0, first, 1);
	gm_fixture_check_guest(w, 0, first, 1, 1, "the first page");
	gm_page_counts_read(w->vm, &before);
	gm_fixture_fill(w, 0, first, 1024);
	gm_page_counts_expect(
		w->vm, &before,
		&(struct gm_page_counts){ .pages = { [GM_SIZE_4K] = 1023 }, .fixed = 1023 },
		"two aligned 2 MiB of a guest_memfd, every page written");
	gm_fixture_check_guest(w, 0, first, 1024, 1, "the content of every page");
	if (!f)
		share_middle(w, &before);
	gm_fixture_free(w);
}

GM_VARIANT(small_only, small_p0, .name = "huge.gmem_4k.private",
	   .text = "private memory over huge pages of the host: 4 KiB mappings, one fault each",
	   .providers = GM_PROVIDERS_X86, .needs = HUGE_NEEDS)
GM_VARIANT(small_only, small_p1, .name = "huge.gmem_4k.mapped",
	   .text = "a mappable guest_memfd of an ordinary VM: 4 KiB mappings, one fault each",
	   .flavour = &gm_p1, .profile = "P1", .needs = GM_NEEDS(INIT_SHARED, PAGE_STATS, TDP))
