// SPDX-License-Identifier: GPL-2.0-only
/* Attributes belong to guest addresses, or to the file, not to slots: conv.before_slot. */
#include "conv.h"

GM_FILE(.clause = "conv.before_slot", .providers = GM_PROVIDERS_HUGE)

/* Converts stripes of various lengths in [first, first + n). */
static void stripes(struct gm_fixture *w, uint64_t first, uint64_t n)
{
	static const uint64_t len[] = { 1, 1, 3, 130, 511, 1, 512, 2, 513, 7 };
	uint64_t at = 0;

	for (unsigned int i = 0; at < n; i++) {
		uint64_t l = len[i % 10] < n - at ? len[i % 10] : n - at;

		gm_fixture_convert(w, first + at, l, !(i & 1));
		at += l;
	}
}

/* Writes all pages by the guest, and checks them by guest and host. */
static void use(struct gm_fixture *w, const char *when)
{
	uint64_t first = GFN(w->gpa), n = PAGES(w->size);
	struct gm_batch s;

	/* First reads every 64th page: a huge mapping of a shared page would cover private ones. */
	gm_batch_init(&s, w, 0);
	gm_batch_check(&s, first, n, 64);
	gm_batch_flush(&s);
	gm_batch_fill(&s, first, n, 8);
	gm_batch_check(&s, first, n, 8);
	gm_batch_flush(&s);
	gm_fixture_check_guest(w, 0, first, n, 8, when);
	gm_fixture_check_host(w, first, n, 8, when);
}

static void add_slot(struct gm_fixture *w)
{
	gm_fixture_slot(w, GM_SLOT, w->gpa, w->size, 0);
}

struct preset {
	enum gm_mem_kind mem;
};

GM_CASES(preset, struct preset, v)
{
	struct gm_fixture *w = GM_FIXTURE(.size = 4 * GM_2M, .no_slot = true, .mem = v->mem);

	/* Written first, so that a too large mapping shows it instead of a private zero page. */
	gm_fixture_host_write(w, GFN(w->gpa), PAGES(w->size));
	stripes(w, GFN(w->gpa), PAGES(w->size));
	add_slot(w);
	use(w, "attributes before the slot");
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}
GM_ROW(preset, preset_anon, .name = "conv.before_slot.preset",
       .text = "attributes set before the slot exists take effect") = { .mem = GM_MEM_ANON };
GM_ROW(preset, preset_thp, .name = "conv.before_slot.preset_thp",
       .text = "the same if shared memory could be mapped huge",
       .providers = GM_PROVIDERS(ATTRIBUTES)) = { .mem = GM_MEM_THP };

/* One private page at various offsets of a huge page. */
GM_CASE(single, .name = "conv.before_slot.preset_single",
	.text = "one private page anywhere in 2 MiB before the slot exists")
{
	static const uint64_t at[] = { 0, 1, 77, 255, 256, 510, 511 };
	struct gm_fixture *w = GM_FIXTURE(.size = 3 * GM_2M, .no_slot = true, .mem = GM_MEM_THP);
	uint64_t middle = GFN(w->gpa) + 512;

	gm_fixture_host_write(w, GFN(w->gpa), PAGES(w->size));
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		gm_fixture_convert(w, middle + at[i], 1, true);
		add_slot(w);
		use(w, "one private page");
		gm_slot_delete(w->vm, GM_SLOT);
		gm_fixture_convert(w, middle + at[i], 1, false);
		gm_fixture_convert(w, middle, 512, true);
		gm_fixture_convert(w, middle + at[i], 1, false);
		add_slot(w);
		use(w, "one shared page");
		gm_slot_delete(w->vm, GM_SLOT);
		gm_fixture_convert(w, middle, 512, false);
	}
	add_slot(w);
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}

GM_CASE(kept, .name = "conv.before_slot.kept_over_delete",
	.text = "delete and re-create the slot: attributes, private and shared data stay")
{
	struct gm_fixture *w = GM_FIXTURE(.size = 4 * GM_2M, .mem = GM_MEM_THP);

	stripes(w, GFN(w->gpa), PAGES(w->size));
	use(w, "before the deletion");
	for (int i = 0; i < 3; i++) {
		gm_slot_delete(w->vm, GM_SLOT);
		/* Conversions without a slot take effect, too. */
		if (i == 1)
			gm_fixture_convert(w, GFN(w->gpa) + 600, 500, false);
		if (i == 2)
			gm_fixture_convert(w, GFN(w->gpa) + 1020, 10, true);
		add_slot(w);
		gm_fixture_check_guest(w, 0, GFN(w->gpa), PAGES(w->size), 8,
				       "the slot created again");
		use(w, "the slot created again");
	}
	gm_fixture_check_all(w, 0, "at the end");
	gm_fixture_free(w);
}

/*
 * Binds the slot at other gpas with other file offsets: attributes stay with the gfn or with the
 * file. Words contain their gfn, so all pages are written after each move.
 */
GM_CASE(moved, .name = "conv.before_slot.other_gpa",
	.text = "the slot is created at another gpa: attributes stay with the gfn, or with the file")
{
	static const struct {
		uint64_t gfn, gmem;
	} to[] = {
		{ 0, 0 }, { 1, 0 }, { 511, 3 }, { 512, 512 }, { 513, 77 },
	};
	struct gm_fixture *w = GM_FIXTURE(.size = 4 * GM_2M, .no_slot = true, .mem = GM_MEM_THP);
	uint64_t first = GFN(w->gpa), part = 512;

	stripes(w, first, PAGES(w->size));
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		uint64_t at = first + to[i].gfn, off = to[i].gmem;
		uint64_t owner = w->provider->file_serves_shared ? first + off : at;

		gm_fixture_slot(w, GM_SLOT, GPA(at), GPA(part), GPA(off));
		gm_guest_fill(w->vm, 0, GPA(at), part, GM_WRITER_GUEST, i + 1);
		gm_guest_check(w->vm, 0, GPA(at), part, GM_WRITER_GUEST, i + 1, "moved");
		/* The host sees the shared pages, and no private one. */
		for (uint64_t p = 0; p < part; p++) {
			volatile uint64_t *word = (void *)(w->hva + GPA(off + p));
			uint64_t got = gm_host_sees((void *)word) ? *word : 0;
			bool private = gm_model_private(w->model, owner + p);

			GM_EXPECT_AT(GM_PAGE(.gpa = GM_AT(GPA(at + p))),
				     (got == gm_word(at + p, GM_WRITER_GUEST, i + 1, 0)) ==
					     !private,
				     "slot %zu: %s page, the host read %s", i,
				     private ? "private" : "shared", gm_word_str(got));
		}
		gm_slot_delete(w->vm, GM_SLOT);
	}
	gm_fixture_free(w);
}

GM_CASE(plain_move, .name = "conv.before_slot.plain_slot_moved",
	.text = "a slot without guest_memfd is moved: private pages stay at their gpa",
	.providers = GM_PROVIDERS(ATTRIBUTES))
{
	struct gm_fixture *w =
		GM_FIXTURE(.size = 4 * GM_2M, .mem = GM_MEM_THP, .no_gmem = true, .no_slot = true);
	struct gm_vm *vm = w->vm;

	gm_convert(vm, GM_BASE + 9 * GM_PAGE_SIZE, GM_PAGE_SIZE, true);
	gm_convert(vm, GM_BASE + 2 * GM_2M + 20 * GM_PAGE_SIZE, GM_PAGE_SIZE, true);
	gm_fixture_slot(w, GM_SLOT, GM_BASE, GM_2M, 0);
	gm_guest_fill(vm, 0, GM_BASE + 10 * GM_PAGE_SIZE, 502, GM_WRITER_SHARED, 1);
	gm_guest_expect_fault(vm, 0, GM_BASE + 9 * GM_PAGE_SIZE, true, KVM_MEMORY_EXIT_FLAG_PRIVATE,
			      GM_PAGE_SIZE, "before the move");
	gm_fixture_slot(w, GM_SLOT, GM_BASE + 2 * GM_2M, GM_2M, 0);
	gm_guest_fill(vm, 0, GM_BASE + 2 * GM_2M, 20, GM_WRITER_SHARED, 2);
	gm_guest_fill(vm, 0, GM_BASE + 2 * GM_2M + 21 * GM_PAGE_SIZE, 491, GM_WRITER_SHARED, 2);
	gm_guest_expect_fault(vm, 0, GM_BASE + 2 * GM_2M + 20 * GM_PAGE_SIZE, false,
			      KVM_MEMORY_EXIT_FLAG_PRIVATE, GM_PAGE_SIZE, "after the move");
	gm_host_check(w->hva + 21 * GM_PAGE_SIZE, GFN(GM_BASE + 2 * GM_2M) + 21, 491,
		      GM_WRITER_SHARED, 2, "after the move");
	gm_fixture_slot(w, GM_SLOT, GM_BASE, GM_2M, 0);
	gm_guest_expect_fault(vm, 0, GM_BASE + 9 * GM_PAGE_SIZE, false,
			      KVM_MEMORY_EXIT_FLAG_PRIVATE, GM_PAGE_SIZE, "moved back");
	gm_fixture_free(w);
}
