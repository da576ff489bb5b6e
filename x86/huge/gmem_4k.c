// SPDX-License-Identifier: GPL-2.0-only
/* A guest_memfd of today has small pages only: whatever is aligned, the guest sees small mappings. */
#include "huge.h"

GM_FILE(.clause = "huge.gmem_4k", .huge_2m = 2)

/* The second half of the first 2 MiB and the first of the second, shared again: both are mixed. */
static void half_back(struct gm_fixture *w, const struct gm_page_counts *before)
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
	gm_fixture_check_guest(w, 0, first + 768, 256, 1, "pages behind");
	gm_page_counts_expect(
		w->vm, before,
		&(struct gm_page_counts){ .pages = { [GM_SIZE_4K] = 1023 }, .fixed = 1023 + 512 },
		"pages beside them read: not one fault");
}

static void small_only(const struct gm_case *self)
{
	const struct gm_flavour *f = self->flavour;
	struct gm_fixture *w = GM_FIXTURE(.flavour = f, .size = 2 * GM_2M, .file_size = GM_1G,
					  .mem = GM_MEM_HUGE_2M, .guest_page = GM_1G);
	uint64_t first = GFN(w->gpa);
	struct gm_page_counts before;

	/* Memory of the file that is there already, and in one piece as far as can be. */
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
	gm_fixture_check_guest(w, 0, first, 1024, 1, "every page its own");
	if (!f)
		half_back(w, &before);
	gm_fixture_free(w);
}

GM_VARIANT(small_only, small_p0, .name = "huge.gmem_4k.private",
	   .text = "private memory over huge pages of the host: 4 KiB mappings, one fault each",
	   .providers = GM_PROVIDERS_X86, .needs = HUGE_NEEDS)
GM_VARIANT(small_only, small_p1, .name = "huge.gmem_4k.mapped",
	   .text = "a guest_memfd that backs both halves: 4 KiB mappings, one fault each",
	   .flavour = &gm_p1, .profile = "P1", .needs = GM_NEEDS(INIT_SHARED, PAGE_STATS, TDP))
